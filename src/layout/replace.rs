//! `%replace`: a regular expression of Java and what its matches become.

mod class;
mod escape;
mod fault;
mod java;
mod node;
mod property;
mod source;
mod substitution;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Weak;

use regex::bytes::CaptureLocations;
use regex::bytes::Regex;
use regex::bytes::RegexBuilder;

use self::java::Expression;
use self::node::Purpose;
use self::node::Written;
use self::substitution::Piece;
use self::substitution::Substitution;

pub(super) use self::fault::Fault;
pub(super) use self::fault::ReplacementError;

/// A regular expression of Java and what its matches become.
///
/// What differs from Java: in `(?m)`, `^` and `$` know of line terminators only `\n`, `\r` and
/// `\r\n`; `\b` knows the letters of ASCII only, as Java's does since version 19.
#[derive(Debug)]
pub(super) struct Replacement {
    programs: Arc<Programs>,
    substitution: Substitution,
}

/// The compiled expression, once for each kind of text that it means something else for.
#[derive(Debug, Clone)]
struct Programs {
    plain: Regex,
    terminated: Option<Terminated>,
    at_end: Option<Regex>,
}

/// The expression for texts that end with a line terminator.
#[derive(Debug, Clone)]
struct Terminated {
    regex: Regex,
    groups: Arc<[usize]>,
    terminators: Arc<[usize]>,
}

impl Replacement {
    /// Compiles both texts; what Java would refuse or throw at is refused.
    pub(super) fn parse(regex: &str, substitution: &str) -> Result<Self, ReplacementError> {
        let expression = java::parse(regex).map_err(ReplacementError::Regex)?;
        let substitution = Substitution::parse(substitution, expression.groups, &expression.names)
            .map_err(ReplacementError::Substitution)?;
        let programs =
            Programs::compile(&expression, regex.len()).map_err(ReplacementError::Regex)?;
        Ok(Self {
            programs: Arc::new(programs),
            substitution,
        })
    }

    /// Replaces all matches in the text that follows `start` in `out`.
    ///
    /// It stops where the text would exceed [`LIMIT`] and be longer than before; the rest stays as
    /// it is.
    pub(super) fn apply(&self, out: &mut Vec<u8>, start: usize) {
        let is_done = WARM.try_with(|warm| {
            let Ok(mut warm) = warm.try_borrow_mut() else {
                return false;
            };
            let Some(matcher) = Matcher::of(&mut warm, &self.programs) else {
                return false;
            };
            self.apply_with(matcher, out, start);
            true
        });
        if is_done != Ok(true) {
            // The thread ends.
            self.apply_with(&mut Matcher::new(&self.programs), out, start);
        }
    }

    fn apply_with(&self, matcher: &mut Matcher, out: &mut Vec<u8>, start: usize) {
        let end = out.len();
        let Some(length) = end.checked_sub(start) else {
            return;
        };
        let limit = length.max(LIMIT);
        matcher.begin(text_of(out, start, end), self.substitution.has_groups());
        let mut from = 0;
        let mut copied = 0;
        let mut is_changed = false;
        while let Some(found) = matcher.find(text_of(out, start, end), from) {
            let kept = found.start - copied;
            let rest = length - found.end;
            let room = limit.saturating_sub(out.len() - end + kept + rest);
            if self.length(matcher, &found, room).is_none() {
                break;
            }
            out.extend_from_within(start + copied..start + found.start);
            self.write(matcher, &found, out, start);
            is_changed = true;
            copied = found.end;
            from = found.end;
            if found.is_empty() {
                if found.end >= length {
                    break;
                }
                from = next_char(text_of(out, start, end), found.end);
            }
        }
        if is_changed {
            out.extend_from_within(start + copied..end);
            out.copy_within(end.., start);
            out.truncate(out.len() - length);
        }
    }

    /// How long the text for a match becomes, unless that is more than `room`.
    fn length(&self, matcher: &Matcher, found: &Range<usize>, room: usize) -> Option<usize> {
        let mut length = 0;
        for piece in self.substitution.pieces() {
            length += match piece {
                Piece::Text(text) => text.len(),
                Piece::Group(number) => matcher.group(*number, found).len(),
            };
            if length > room {
                return None;
            }
        }
        Some(length)
    }

    fn write(&self, matcher: &Matcher, found: &Range<usize>, out: &mut Vec<u8>, start: usize) {
        for piece in self.substitution.pieces() {
            match piece {
                Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                Piece::Group(number) => {
                    let group = matcher.group(*number, found);
                    out.extend_from_within(start + group.start..start + group.end);
                }
            }
        }
    }
}

impl Programs {
    fn compile(expression: &Expression, length: usize) -> Result<Self, Fault> {
        let plain = expression.node.write(Purpose::Plain)?;
        let terminated = expression.node.write(Purpose::Terminated)?;
        let at_end = if plain.may_start_at_end {
            let at_end = expression.node.write(Purpose::AtEnd)?;
            Some(build(&at_end, length)?)
        } else {
            None
        };
        Ok(Self {
            plain: build(&plain, length)?,
            terminated: if terminated.terminators.is_empty() {
                None
            } else {
                Some(Terminated {
                    regex: build(&terminated, length)?,
                    groups: terminated.groups.into(),
                    terminators: terminated.terminators.into(),
                })
            },
            at_end,
        })
    }
}

/// The engine's program for a regular expression of so many bytes.
fn build(written: &Written, length: usize) -> Result<Regex, Fault> {
    let built = RegexBuilder::new(&written.text)
        .size_limit(PROGRAM_SIZE)
        .dfa_size_limit(CACHE_SIZE)
        .nest_limit(ENGINE_DEPTH)
        .build();
    built.map_err(|error| {
        if let regex::Error::CompiledTooBig(_) = error {
            let message = format!("compiled, this is larger than {PROGRAM_SIZE} bytes");
            Fault::new(0, length, message)
                .hint("repeat less often, or name smaller sets of characters")
        } else {
            Fault::new(0, length, "this nests too deep for the engine")
        }
    })
}

/// What a thread keeps to match without allocating, and without sharing anything with others.
struct Matcher {
    owner: Weak<Programs>,
    programs: Programs,
    groups: CaptureLocations,
    terminated_groups: Option<CaptureLocations>,
    /// Whether the text ends with a line terminator, and the expression asks for that.
    is_terminated: bool,
    has_groups: bool,
    /// Whether the last match is of the expression for such texts.
    is_last_terminated: bool,
}

impl Matcher {
    fn new(programs: &Arc<Programs>) -> Self {
        // A clone shares the program, but not the memory that it is run with.
        let owned = Programs::clone(programs);
        Self {
            owner: Arc::downgrade(programs),
            groups: owned.plain.capture_locations(),
            terminated_groups: owned
                .terminated
                .as_ref()
                .map(|terminated| terminated.regex.capture_locations()),
            programs: owned,
            is_terminated: false,
            has_groups: false,
            is_last_terminated: false,
        }
    }

    /// The thread's own for these programs.
    fn of<'w>(warm: &'w mut Vec<Self>, programs: &Arc<Programs>) -> Option<&'w mut Self> {
        let known = warm
            .iter()
            .position(|matcher| std::ptr::eq(matcher.owner.as_ptr(), Arc::as_ptr(programs)));
        let index = known.unwrap_or_else(|| {
            warm.retain(|matcher| matcher.owner.strong_count() > 0);
            warm.push(Self::new(programs));
            warm.len() - 1
        });
        warm.get_mut(index)
    }

    fn begin(&mut self, text: &[u8], has_groups: bool) {
        self.is_terminated = self.programs.terminated.is_some() && is_terminated(text);
        self.has_groups = has_groups;
    }

    /// The first match at `from` or behind it, between whole characters.
    fn find(&mut self, text: &[u8], from: usize) -> Option<Range<usize>> {
        let mut at = from;
        loop {
            let mut found = if self.is_terminated {
                self.find_terminated(text, at)
            } else {
                self.find_plain(text, at)
            }?;
            if found.start == text.len()
                && let Some(regex) = &self.programs.at_end
            {
                found = locate(regex, &mut self.groups, text, found.start)?;
                self.is_last_terminated = false;
            }
            if is_boundary(text, found.start) {
                return Some(found);
            }
            // An empty match inside a character: places between bytes count for the engine.
            at = next_char(text, found.start);
        }
    }

    fn find_plain(&mut self, text: &[u8], from: usize) -> Option<Range<usize>> {
        self.is_last_terminated = false;
        let regex = &self.programs.plain;
        if self.has_groups {
            return locate(regex, &mut self.groups, text, from);
        }
        regex.find_at(text, from).map(|found| found.range())
    }

    fn find_terminated(&mut self, text: &[u8], from: usize) -> Option<Range<usize>> {
        self.is_last_terminated = true;
        let terminated = self.programs.terminated.as_ref()?;
        let groups = self.terminated_groups.as_mut()?;
        let found = locate(&terminated.regex, groups, text, from)?;
        let terminator = terminated
            .terminators
            .iter()
            .find_map(|number| groups.get(*number));
        let end = terminator.map_or(found.end, |(start, _)| start);
        Some(found.start..end)
    }

    /// Where a group of Java is in the last match; one that took no part is empty.
    fn group(&self, number: usize, found: &Range<usize>) -> Range<usize> {
        if number == 0 {
            return found.clone();
        }
        let place = match (&self.programs.terminated, &self.terminated_groups) {
            (Some(terminated), Some(groups)) if self.is_last_terminated => {
                let own = terminated.groups.get(number).copied();
                own.and_then(|own| groups.get(own))
            }
            _ => self.groups.get(number),
        };
        let (start, end) = place.unwrap_or_default();
        // A group with `$` in it took the line terminator, which the match did not.
        start.min(found.end)..end.min(found.end)
    }
}

thread_local! {
    static WARM: RefCell<Vec<Matcher>> = const { RefCell::new(Vec::new()) };
}

fn locate(
    regex: &Regex,
    groups: &mut CaptureLocations,
    text: &[u8],
    from: usize,
) -> Option<Range<usize>> {
    let found = regex.captures_read_at(groups, text, from)?;
    Some(found.range())
}

fn text_of(out: &[u8], start: usize, end: usize) -> &[u8] {
    out.get(start..end).unwrap_or_default()
}

/// Whether the last character is one of Java's line terminators.
fn is_terminated(text: &[u8]) -> bool {
    [
        &b"\n"[..],
        b"\r",
        b"\xc2\x85",
        b"\xe2\x80\xa8",
        b"\xe2\x80\xa9",
    ]
    .iter()
    .any(|terminator| text.ends_with(terminator))
}

/// Whether no character goes on at `at`.
fn is_boundary(text: &[u8], at: usize) -> bool {
    text.get(at).is_none_or(|byte| byte & 0xc0 != 0x80)
}

/// Where the next character begins behind `at`.
fn next_char(text: &[u8], at: usize) -> usize {
    let mut next = at + 1;
    while !is_boundary(text, next) {
        next += 1;
    }
    next
}

/// The longest text that replacing makes.
const LIMIT: usize = 1 << 20;
/// The largest program, in bytes.
const PROGRAM_SIZE: usize = 2 << 20;
/// The most memory that a thread takes to run one faster.
const CACHE_SIZE: usize = 256 << 10;
/// How deep the engine's expression may nest: some levels for each of Java's.
const ENGINE_DEPTH: u32 = 250;

#[cfg(test)]
mod golden;
#[cfg(test)]
mod tests;
