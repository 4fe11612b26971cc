//! A compiled pattern: the steps that render an event, with as much done beforehand as can be.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use super::converter::Converter;
use super::encode::Encoding;
use super::error_text::ErrorText;
use super::escape::escape_from;
use super::level;
use super::modifier::Modifier;
use super::ready::Ready;
use super::replace::Replacement;
use super::style::RESET;
use super::style::Styles;
use super::text::MAX_RENDERED;
use super::text::cut_chars;
use super::text::equals_ignore_case;
use crate::event::LogEvent;

/// A longer limit than this puts a mark behind what it cut.
const LONG_LIMIT: usize = 20;
const CUT_MARK: &[u8] = b"...";

/// How an event is rendered.
#[derive(Debug, Default)]
pub(super) struct Plan {
    steps: Box<[Step]>,
    is_escaped: bool,
    has_number: bool,
    is_dirty: bool,
}

/// One part, and what is done about escaping around it.
///
/// Variable text is rendered raw and checked afterwards, in one pass for as many parts as possible.
/// Text of the layout that would not pass the check stays outside of it.
#[derive(Debug)]
struct Step {
    part: Part,
    /// What was rendered since the last check is checked before this part.
    checks: bool,
    /// The next check begins after this part.
    passes: bool,
}

/// What a step appends.
#[derive(Debug)]
pub(super) enum Part {
    Short(Short),
    Literal(String),
    Ready(Ready),
    Variable(Converter),
    Modified(Converter, Modifier),
    Nested(Box<Nested>, Modifier),
    /// Nothing; the last check comes before it.
    End,
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
    pub(super) fn new(parts: Vec<(Part, Kind)>, is_escaped: bool) -> Self {
        let has_number = parts.iter().any(|(part, _)| part.has_number());
        let is_dirty = parts.iter().any(|(part, kind)| match part {
            Part::Nested(nested, _) => nested.is_dirty(),
            _ => *kind == Kind::Dirty,
        });
        Self {
            steps: steps(parts, is_escaped),
            is_escaped,
            has_number,
            is_dirty,
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
        let Pass { number, end } = pass;
        for step in &self.steps {
            if step.checks {
                escape_from(out, checked);
            }
            match &step.part {
                Part::Ready(ready) => ready.write(event, out),
                Part::Variable(converter) if out.len() < end => {
                    converter.write(event, number, out);
                }
                Part::Short(short) => {
                    let end = out.len() + short.length;
                    out.extend_from_slice(&short.text);
                    out.truncate(end);
                }
                Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Part::Modified(converter, modifier) if out.len() < end => {
                    let start = out.len();
                    converter.write(event, number, out);
                    if self.is_escaped {
                        // Widths count what is shown.
                        escape_from(out, start);
                    }
                    modifier.apply(out, start);
                }
                Part::Nested(nested, modifier) if out.len() < end => {
                    let start = out.len();
                    nested.write(event, pass, out);
                    modifier.apply_if_any(out, start);
                }
                Part::End | Part::Variable(_) | Part::Modified(..) | Part::Nested(..) => {}
            }
            if step.passes {
                checked = out.len();
            }
        }
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

/// Decides where the checks are: after the last variable part of each stretch.
fn steps(parts: Vec<(Part, Kind)>, is_escaped: bool) -> Box<[Step]> {
    let last_raw = parts.iter().rposition(|(_, kind)| *kind == Kind::Raw);
    let mut steps = Vec::with_capacity(parts.len() + 1);
    let mut is_pending = false;
    for (index, (part, kind)) in parts.into_iter().enumerate() {
        let is_after_last = last_raw.is_some_and(|last| index > last);
        let checks = is_pending && (kind == Kind::Dirty || is_after_last);
        is_pending = (is_pending && !checks) || kind == Kind::Raw;
        steps.push(Step {
            part,
            checks: checks && is_escaped,
            passes: !is_pending && is_escaped,
        });
    }
    if is_pending && is_escaped {
        steps.push(Step {
            part: Part::End,
            checks: true,
            passes: false,
        });
    }
    steps.into()
}

impl Short {
    pub(super) fn new(literal: &str) -> Option<Self> {
        let mut text = [0; 16];
        text.get_mut(..literal.len())?
            .copy_from_slice(literal.as_bytes());
        Some(Self {
            length: literal.len(),
            text,
        })
    }
}
