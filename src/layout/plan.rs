//! A compiled pattern: the steps that render an event, with as much done beforehand as can be.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use super::converter::Converter;
use super::date::Defaults;
use super::escape::escape_from;
use super::escape::is_harmless;
use super::level::LEVELS;
use super::modifier::Modifier;
use super::notes::Notes;
use super::parser::Piece;
use super::parser::parse;
use super::ready::CAPACITY;
use super::ready::Ready;
use super::ready::ReadyPart;
use super::unit::Unit;
use super::unit::compile;
use crate::error::PatternError;
use crate::event::LogEvent;

/// How an event is rendered.
#[derive(Debug, Default)]
pub(super) struct Plan {
    steps: Box<[Step]>,
    is_escaped: bool,
    has_number: bool,
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
enum Part {
    Short(Short),
    Literal(String),
    Ready(Ready),
    Variable(Converter),
    Modified(Converter, Modifier),
    /// Nothing; the last check comes before it.
    End,
}

/// A literal that is copied as if it filled its array, which needs no loop.
#[derive(Debug)]
struct Short {
    length: usize,
    text: [u8; 16],
}

/// What `%sn` printed last in this process.
static NUMBER: AtomicU64 = AtomicU64::new(0);

impl Plan {
    /// Compiles a pattern.
    pub(super) fn compile(
        pattern: &str,
        defaults: &Defaults,
        is_escaped: bool,
        notes: &mut Notes,
    ) -> Result<Self, PatternError> {
        let mut planner = Planner::default();
        for piece in parse(pattern, notes)? {
            match piece {
                Piece::Literal(text) => planner.literal(&text),
                Piece::Specifier(specifier) => match compile(&specifier, defaults, notes)? {
                    Some((unit, rest)) => {
                        planner.unit(unit, specifier.modifier);
                        planner.literal(rest);
                    }
                    None => planner.literal(specifier.text),
                },
            }
        }
        planner.end_run();
        let has_number = planner.parts.iter().any(|(part, _)| {
            matches!(
                part,
                Part::Variable(Converter::Sequence) | Part::Modified(Converter::Sequence, _)
            )
        });
        Ok(Self {
            steps: steps(planner.parts, is_escaped),
            is_escaped,
            has_number,
        })
    }

    /// Whether an event is rendered differently each time.
    pub(super) fn has_number(&self) -> bool {
        self.has_number
    }

    /// Appends `event`.
    #[inline]
    pub(super) fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let number = if self.has_number {
            NUMBER.fetch_add(1, Ordering::Relaxed) + 1
        } else {
            0
        };
        let mut checked = out.len();
        for step in &self.steps {
            if step.checks {
                escape_from(out, checked);
            }
            match &step.part {
                Part::Ready(ready) => ready.write(event, out),
                Part::Variable(converter) => converter.write(event, number, out),
                Part::Short(short) => {
                    let end = out.len() + short.length;
                    out.extend_from_slice(&short.text);
                    out.truncate(end);
                }
                Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Part::End => {}
                Part::Modified(converter, modifier) => {
                    let start = out.len();
                    converter.write(event, number, out);
                    if self.is_escaped {
                        // Widths count what is shown.
                        escape_from(out, start);
                    }
                    modifier.apply(out, start);
                }
            }
            if step.passes {
                checked = out.len();
            }
        }
    }
}

/// What the check has to know about a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Never to be escaped, and nothing in it would be.
    Clean,
    /// Never to be escaped, although something in it would be.
    Dirty,
    /// To be checked.
    Raw,
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

/// Gathers parts, and joins what can be one.
#[derive(Default)]
struct Planner {
    parts: Vec<(Part, Kind)>,
    /// The run being gathered: text that only time and level change.
    run: Vec<ReadyPart>,
    /// How long its text will be, about.
    length: usize,
}

impl Planner {
    fn literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if let Some(ReadyPart::Literal(before)) = self.run.last_mut() {
            before.push_str(text);
            self.length += text.len();
            return;
        }
        self.make_room(text.len());
        self.run.push(ReadyPart::Literal(text.to_owned()));
    }

    fn unit(&mut self, unit: Unit, modifier: Modifier) {
        let with_widths = |text: String| {
            let mut out = text.into_bytes();
            modifier.apply(&mut out, 0);
            String::from_utf8_lossy(&out).into_owned()
        };
        match unit {
            Unit::Fixed(text) => self.literal(&with_widths(text)),
            Unit::Level(texts) => self.level(texts.map(with_widths)),
            Unit::Date(date) => {
                self.make_room(date.example().len().max(modifier.min));
                self.run.push(ReadyPart::Date(date, modifier));
            }
            Unit::Variable(converter) => {
                self.end_run();
                let is_raw = converter.is_text() && modifier.is_none();
                let kind = if is_raw { Kind::Raw } else { Kind::Clean };
                let part = if modifier.is_none() {
                    Part::Variable(converter)
                } else {
                    Part::Modified(converter, modifier)
                };
                self.parts.push((part, kind));
            }
        }
    }

    fn level(&mut self, texts: [String; LEVELS]) {
        self.make_room(texts.iter().map(String::len).max().unwrap_or(0));
        self.run.push(ReadyPart::Level(texts));
    }

    /// Ends the run if `more` bytes would make it too long to be kept.
    fn make_room(&mut self, more: usize) {
        if self.length + more > CAPACITY {
            self.end_run();
        }
        self.length += more;
    }

    fn end_run(&mut self) {
        self.length = 0;
        let run = std::mem::take(&mut self.run);
        let kind = if run.iter().all(ReadyPart::is_harmless) {
            Kind::Clean
        } else {
            Kind::Dirty
        };
        let part = match <[ReadyPart; 1]>::try_from(run) {
            Ok([ReadyPart::Literal(text)]) => match Short::new(&text) {
                Some(short) => Part::Short(short),
                None => Part::Literal(text),
            },
            Ok(one) => Part::Ready(Ready::new(one.into())),
            Err(run) if run.is_empty() => return,
            Err(run) => Part::Ready(Ready::new(run)),
        };
        self.parts.push((part, kind));
    }
}

impl Short {
    fn new(literal: &str) -> Option<Self> {
        let mut text = [0; 16];
        text.get_mut(..literal.len())?
            .copy_from_slice(literal.as_bytes());
        Some(Self {
            length: literal.len(),
            text,
        })
    }
}

impl ReadyPart {
    /// Whether a check would leave it alone.
    fn is_harmless(&self) -> bool {
        match self {
            Self::Literal(text) => is_harmless(text.as_bytes()),
            Self::Level(texts) => texts.iter().all(|text| is_harmless(text.as_bytes())),
            Self::Date(date, _) => is_harmless(&date.example()),
        }
    }
}
