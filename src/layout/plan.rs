//! A compiled pattern: the steps that render an event, with as much done beforehand as can be.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use super::converter::Converter;
use super::encode::Encoding;
use super::error_text::ErrorText;
use super::escape::escape_from;
use super::fields;
use super::level;
use super::modifier::Modifier;
use super::place::Place;
use super::ready::Ready;
use super::replace::Replacement;
use super::style::RESET;
use super::style::Styles;
use super::text::MAX_RENDERED;
use super::text::cut_chars;
use super::text::equals_ignore_case;
use crate::event::Elsewhere;
use crate::event::LogEvent;

/// A longer limit than this puts a mark behind what it cut.
const LONG_LIMIT: usize = 20;
const CUT_MARK: &[u8] = b"...";

/// How an event is rendered.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What nearly every pattern begins with; the steps come after it.
    head: Option<Head>,
    steps: Box<[Step]>,
    is_escaped: bool,
    has_number: bool,
    is_dirty: bool,
}

/// One part with the text behind it, and what is done about escaping.
///
/// Variable text is rendered raw and checked afterwards, in one pass for as many parts as possible.
/// Text of the layout that would not pass the check stays outside of it.
#[derive(Debug)]
struct Step {
    part: Part,
    /// What was rendered since the last check is checked once the part is there.
    checks: bool,
    after: Short,
    /// The next check begins after all of it.
    passes: bool,
}

/// Dates and levels, what is the same for all events of a callsite, and the message: in a row and
/// without a loop, which costs more than half of them.
#[derive(Debug)]
struct Head {
    ready: Ready,
    place: Option<Place>,
    /// Between them and the message.
    before: Short,
    /// What is not written behind the message; none if no field is.
    fields: Option<Box<Elsewhere>>,
    checks: bool,
    after: Short,
}

/// What a step appends.
///
/// Its tag is a byte of its own: one inside the payload costs more to look at than it saves.
#[derive(Debug)]
#[repr(u8)]
pub(super) enum Part {
    Ready(Ready),
    Message,
    MessageAndFields(Box<Elsewhere>),
    Place(Place),
    Short(Short),
    Literal(String),
    SpanNames,
    SpanFields,
    /// The message, in a pass over the event that keeps the fields for the part below.
    MessageOfBoth,
    FieldsOfBoth,
    Variable(Converter),
    Modified(Converter, Modifier),
    Nested(Box<Nested>, Modifier),
}

/// A part with patterns inside. They escape their own text; what becomes of it is layout.
#[derive(Debug)]
pub(super) enum Nested {
    Plain(Plan),
    /// In the colour of the level; nothing at all around nothing.
    Styled(Styles, Plan),
    Encoded(Encoding, Plan, After),
    Cut(usize, Plan),
    Replaced(Box<Replacement>, Plan, After),
    Compared(Box<Comparison>),
    /// Kept if one of the variable parts is not empty.
    NotEmpty(Box<[Tracked]>),
    /// The error of the event, each line followed by the pattern.
    Error(ErrorText, Option<Plan>, bool),
}

/// What is left to be done about escaping once a text that was rendered raw has been changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Nothing,
    Escape,
}

/// What stands for a text that is equal to another one.
#[derive(Debug)]
pub(super) struct Comparison {
    pub(super) inner: Plan,
    pub(super) test: String,
    /// The same, as it looks once it was escaped.
    pub(super) escaped_test: String,
    pub(super) ignores_case: bool,
    pub(super) substitution: Plan,
}

/// A part of `%notEmpty`.
#[derive(Debug)]
pub(super) struct Tracked {
    pub(super) plan: Plan,
    /// What a variable part prints when it has nothing to print; none for a literal.
    pub(super) empty: Option<&'static str>,
}

/// A literal that is copied as if it filled its array, which needs no loop.
#[derive(Debug)]
pub(super) struct Short {
    length: usize,
    text: [u8; 16],
}

/// What holds for all patterns of one rendering.
#[derive(Debug, Clone, Copy)]
struct Pass {
    /// What `%sn` prints.
    number: u64,
    /// Where no further variable part is rendered, inside of others neither.
    end: usize,
}

/// What the check has to know about a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Never to be escaped, and nothing in it would be.
    Clean,
    /// Never to be escaped, although something in it would be.
    Dirty,
    /// To be checked.
    Raw,
}

/// What `%sn` printed last in this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Plan {
    pub(super) fn new(mut parts: Vec<(Part, Kind)>, is_escaped: bool) -> Self {
        name_common(&mut parts);
        let has_number = parts.iter().any(|(part, _)| part.has_number());
        let is_dirty = parts.iter().any(|(part, kind)| match part {
            Part::Nested(nested, _) => nested.is_dirty(),
            _ => *kind == Kind::Dirty,
        });
        let mut steps = steps(parts, is_escaped);
        Self {
            head: Head::take(&mut steps),
            steps: steps.into(),
            is_escaped,
            has_number,
            is_dirty,
        }
    }

    /// Has the fields of the event that are not shown elsewhere written behind the first message of the
    /// pattern. One in a substitution is not always there, and comes last.
    pub(super) fn write_fields(&mut self, elsewhere: Elsewhere) {
        let mut elsewhere = Some(Box::new(elsewhere));
        for in_substitutions in [false, true] {
            self.offer(&mut elsewhere, in_substitutions);
        }
    }

    fn offer(&mut self, elsewhere: &mut Option<Box<Elsewhere>>, in_substitutions: bool) {
        if let Some(head) = &mut self.head {
            head.fields = head.fields.take().or_else(|| elsewhere.take());
        }
        for step in &mut self.steps {
            if elsewhere.is_none() {
                return;
            }
            match &mut step.part {
                part @ Part::Message => {
                    if let Some(elsewhere) = elsewhere.take() {
                        *part = Part::MessageAndFields(elsewhere);
                    }
                }
                Part::Modified(Converter::Message(fields), _) => *fields = elsewhere.take(),
                Part::Nested(nested, _) => nested.offer(elsewhere, in_substitutions),
                _ => {}
            }
        }
    }

    /// Whether an event is rendered differently each time.
    pub(super) fn has_number(&self) -> bool {
        self.has_number
    }

    /// Whether text of the layout would be escaped if it came from an event.
    pub(super) fn is_dirty(&self) -> bool {
        self.is_dirty
    }

    /// Appends `event`.
    #[inline]
    pub(super) fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let number = if self.has_number {
            NUMBER.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            0
        };
        let end = out.len() + MAX_RENDERED;
        self.write(event, Pass { number, end }, out);
    }

    #[inline]
    fn write(&self, event: &LogEvent<'_>, pass: Pass, out: &mut Vec<u8>) {
        let mut checked = out.len();
        if let Some(head) = &self.head {
            checked = head.write(event, out);
            if self.steps.is_empty() {
                return;
            }
        }
        let mut stamp = 0;
        for step in &self.steps {
            match &step.part {
                // What is too long anyway is not made longer.
                _ if out.len() >= pass.end => {}
                Part::Ready(ready) => ready.write(event, out),
                Part::Message => event.write_message(out),
                Part::MessageAndFields(fields) => event.write_message_and_fields(fields, out),
                // Calls, not code that is put in here: the loop keeps its registers for the two above.
                Part::Place(place) => place.write(event, out),
                Part::SpanNames => push_text(event.spans().names_text(), out),
                Part::SpanFields => push_text(event.spans().fields_text(), out),
                Part::MessageOfBoth => stamp = fields::write_message(event, out),
                Part::FieldsOfBoth => fields::write_kept(event, stamp, out),
                part => self.write_other(part, event, pass, out),
            }
            if step.checks {
                escape_from(out, checked);
            }
            if step.after.length > 0 {
                step.after.write(out);
            }
            if step.passes {
                checked = out.len();
            }
        }
    }

    /// The parts that are rare, or take so long that a call does not matter.
    #[inline(never)]
    fn write_other(&self, part: &Part, event: &LogEvent<'_>, pass: Pass, out: &mut Vec<u8>) {
        let start = out.len();
        match part {
            Part::Short(short) => short.write(out),
            Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Part::Variable(converter) => converter.write(event, pass.number, out),
            Part::Modified(converter, modifier) => {
                converter.write(event, pass.number, out);
                if self.is_escaped {
                    // Widths count what is shown.
                    escape_from(out, start);
                }
                modifier.apply(out, start);
            }
            Part::Nested(nested, modifier) => {
                nested.write(event, pass, out);
                modifier.apply_if_any(out, start);
            }
            _ => {}
        }
    }
}

#[inline(never)]
fn push_text(text: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(text.as_bytes());
}

impl Head {
    /// Takes the steps that make a head from the front, if they are there.
    fn take(steps: &mut Vec<Step>) -> Option<Self> {
        // What was checked when the message is to be written is known only if nothing was pending.
        let is_ready = |step: &Step| matches!(step.part, Part::Ready(_)) && !step.checks;
        let is_place = |step: &Step| matches!(step.part, Part::Place(_)) && !step.checks;
        let is_message = |step: &Step| matches!(step.part, Part::Message);
        let has_place = match &**steps {
            [ready, message, ..] if is_ready(ready) && is_message(message) => false,
            [ready, place, message, ..]
                if is_ready(ready)
                    && ready.after.length == 0
                    && is_place(place)
                    && is_message(message) =>
            {
                true
            }
            _ => return None,
        };
        let mut front = steps.drain(..if has_place { 3 } else { 2 });
        let (first, second) = (front.next()?, front.next()?);
        let Part::Ready(ready) = first.part else {
            return None;
        };
        let (place, before, message) = match second.part {
            Part::Place(place) => (Some(place), second.after, front.next()?),
            _ => (None, first.after, second),
        };
        Some(Self {
            ready,
            place,
            before,
            fields: None,
            checks: message.checks,
            after: message.after,
        })
    }

    /// Appends it. Returns up to where everything has been checked.
    #[inline]
    fn write(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) -> usize {
        self.ready.write(event, out);
        if let Some(place) = &self.place {
            place.write(event, out);
        }
        if self.before.length > 0 {
            self.before.write(out);
        }
        let start = out.len();
        match &self.fields {
            Some(fields) if event.may_have_fields() => event.write_all_fields(fields, out),
            None => event.write_message(out),
            Some(fields) => {
                event.write_lone_message(out);
                if out.len() == start {
                    event.write_all_fields(fields, out);
                }
            }
        }
        if self.checks {
            escape_from(out, start);
        }
        if self.after.length > 0 {
            self.after.write(out);
        }
        if self.checks { out.len() } else { start }
    }
}

impl Part {
    fn has_number(&self) -> bool {
        match self {
            Self::Variable(converter) | Self::Modified(converter, _) => converter.is_unique(),
            Self::Nested(nested, _) => nested.plans().any(Plan::has_number),
            _ => false,
        }
    }
}

impl Nested {
    fn plans(&self) -> impl Iterator<Item = &Plan> {
        let (one, other, tracked): (_, _, &[Tracked]) = match self {
            Self::Plain(plan)
            | Self::Styled(_, plan)
            | Self::Encoded(_, plan, _)
            | Self::Cut(_, plan)
            | Self::Replaced(_, plan, _) => (Some(plan), None, &[]),
            Self::Compared(comparison) => {
                (Some(&comparison.inner), Some(&comparison.substitution), &[])
            }
            Self::NotEmpty(tracked) => (None, None, tracked),
            Self::Error(_, suffix, _) => (suffix.as_ref(), None, &[]),
        };
        let tracked = tracked.iter().map(|tracked| &tracked.plan);
        one.into_iter().chain(other).chain(tracked)
    }

    fn is_dirty(&self) -> bool {
        match self {
            Self::Styled(..) => true,
            Self::Error(text, ..) => !text.is_inline(),
            // Whatever is inside comes out encoded.
            Self::Encoded(Encoding::Json, ..) => false,
            _ => self.plans().any(Plan::is_dirty),
        }
    }

    fn offer(&mut self, elsewhere: &mut Option<Box<Elsewhere>>, in_substitutions: bool) {
        match self {
            Self::Plain(plan)
            | Self::Styled(_, plan)
            | Self::Encoded(_, plan, _)
            | Self::Cut(_, plan)
            | Self::Replaced(_, plan, _) => plan.offer(elsewhere, in_substitutions),
            Self::Compared(comparison) => {
                comparison.inner.offer(elsewhere, in_substitutions);
                if in_substitutions {
                    comparison.substitution.offer(elsewhere, in_substitutions);
                }
            }
            Self::NotEmpty(tracked) => {
                for part in tracked {
                    part.plan.offer(elsewhere, in_substitutions);
                }
            }
            // It is repeated with each line of an error, and not there without one.
            Self::Error(..) => {}
        }
    }

    #[inline(never)]
    fn write(&self, event: &LogEvent<'_>, pass: Pass, out: &mut Vec<u8>) {
        let start = out.len();
        match self {
            Self::Plain(plan) => plan.write(event, pass, out),
            Self::Styled(styles, plan) => {
                let style = styles.get(level::index(event.level()));
                out.extend_from_slice(style.map_or("", String::as_str).as_bytes());
                let inner = out.len();
                plan.write(event, pass, out);
                if out.len() == inner {
                    out.truncate(start);
                } else {
                    out.extend_from_slice(RESET.as_bytes());
                }
            }
            Self::Encoded(encoding, plan, after) => {
                plan.write(event, pass, out);
                encoding.apply(out, start, *after == After::Escape);
            }
            Self::Cut(limit, plan) => {
                plan.write(event, pass, out);
                if cut_chars(out, start, *limit) && *limit > LONG_LIMIT {
                    out.extend_from_slice(CUT_MARK);
                }
            }
            Self::Replaced(replacement, plan, after) => {
                plan.write(event, pass, out);
                replacement.apply(out, start);
                if *after == After::Escape {
                    escape_from(out, start);
                }
            }
            Self::Compared(comparison) => comparison.write(event, pass, out),
            Self::NotEmpty(tracked) => write_not_empty(tracked, event, pass, out),
            Self::Error(text, suffix, is_escaped) => {
                text.write(event, *is_escaped, out, &mut |out| {
                    write_suffix(suffix.as_ref(), event, pass, out);
                });
            }
        }
    }
}

impl Comparison {
    fn write(&self, event: &LogEvent<'_>, pass: Pass, out: &mut Vec<u8>) {
        let start = out.len();
        self.inner.write(event, pass, out);
        let text = out.get(start..).unwrap_or_default();
        let is_equal = [&self.test, &self.escaped_test].into_iter().any(|test| {
            if self.ignores_case {
                equals_ignore_case(text, test.as_bytes())
            } else {
                text == test.as_bytes()
            }
        });
        if is_equal {
            out.truncate(start);
            self.substitution.write(event, pass, out);
        }
    }
}

fn write_not_empty(tracked: &[Tracked], event: &LogEvent<'_>, pass: Pass, out: &mut Vec<u8>) {
    let start = out.len();
    let mut is_kept = false;
    for part in tracked {
        let from = out.len();
        part.plan.write(event, pass, out);
        if let Some(empty) = part.empty {
            is_kept |= out.get(from..) != Some(empty.as_bytes());
        }
    }
    if !is_kept {
        out.truncate(start);
    }
}

/// A space and the suffix; nothing for an empty one.
fn write_suffix(suffix: Option<&Plan>, event: &LogEvent<'_>, pass: Pass, out: &mut Vec<u8>) {
    let Some(suffix) = suffix else { return };
    let start = out.len();
    if start >= pass.end {
        return;
    }
    out.push(b' ');
    suffix.write(event, pass, out);
    if out.len() == start + 1 {
        out.truncate(start);
    }
}

/// Decides where the checks are, after the last variable part of each stretch, and puts short texts
/// behind the parts before them.
fn steps(parts: Vec<(Part, Kind)>, is_escaped: bool) -> Vec<Step> {
    let last_raw = parts.iter().rposition(|(_, kind)| *kind == Kind::Raw);
    let mut steps: Vec<Step> = Vec::with_capacity(parts.len());
    let mut is_pending = false;
    for (index, (part, kind)) in parts.into_iter().enumerate() {
        let is_after_last = last_raw.is_some_and(|last| index > last);
        let checks = is_pending && (kind == Kind::Dirty || is_after_last);
        is_pending = (is_pending && !checks) || kind == Kind::Raw;
        if let Some(before) = steps.last_mut() {
            before.checks |= checks && is_escaped;
        }
        let passes = !is_pending && is_escaped;
        match (part, steps.last_mut()) {
            (Part::Short(short), Some(before)) if before.after.length == 0 => {
                before.after = short;
                before.passes = passes;
            }
            (part, _) => steps.push(Step {
                part,
                checks: false,
                after: Short::EMPTY,
                passes,
            }),
        }
    }
    if let Some(last) = steps.last_mut() {
        last.checks |= is_pending && is_escaped;
    }
    steps
}

/// Makes parts of their own of the converters that nearly every pattern has, and lets the message be
/// written and the fields be kept in one pass, where both are shown in this order.
fn name_common(parts: &mut [(Part, Kind)]) {
    for (part, _) in &mut *parts {
        let common = match part {
            Part::Variable(Converter::Message(_)) => Part::Message,
            Part::Variable(Converter::SpanNames) => Part::SpanNames,
            Part::Variable(Converter::SpanFields) => Part::SpanFields,
            _ => continue,
        };
        *part = common;
    }
    let mut from_message = parts
        .iter_mut()
        .skip_while(|(part, _)| !matches!(part, Part::Message));
    let message = from_message.next();
    let fields =
        from_message.find(|(part, _)| matches!(part, Part::Variable(Converter::EventFields)));
    if let (Some((message, _)), Some((fields, _))) = (message, fields) {
        *message = Part::MessageOfBoth;
        *fields = Part::FieldsOfBoth;
    }
}

impl Short {
    const EMPTY: Self = Self {
        length: 0,
        text: [0; 16],
    };

    pub(super) fn new(literal: &str) -> Option<Self> {
        let mut text = [0; 16];
        text.get_mut(..literal.len())?
            .copy_from_slice(literal.as_bytes());
        Some(Self {
            length: literal.len(),
            text,
        })
    }

    #[inline]
    fn write(&self, out: &mut Vec<u8>) {
        let end = out.len() + self.length;
        out.extend_from_slice(&self.text);
        out.truncate(end);
    }
}
