//! The fields of events and spans as members of an object: no key twice, none that is taken.
//!
//! Nearly every event has names that need no thought: they are written as they come, and only looked
//! at. Where one is there twice or taken, all are written again by [`Careful`], which renames.

use std::cell::Cell;
use std::ops::Range;

use super::escape::escape_from;
use super::value::Booleans;
use super::value::push_value;
use crate::event::FIELD_LIMIT;
use crate::event::LogEvent;
use crate::event::Value;
use crate::event::write_text;

/// The most bytes of a name.
const NAME_LIMIT: usize = 1024;
/// How many members are looked at without [`Careful`].
const QUICK: usize = 32;

/// How names become keys.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) spelling: Spelling,
    pub(super) booleans: Booleans,
    /// Keys that are in the object already, or that nothing may have; without the prefix.
    taken: Vec<String>,
    mask: u64,
}

/// Which characters a key may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// All.
    Free,
    /// None that a search by path would take for more than a letter.
    Label,
    /// Letters, digits, `_`, `.` and `-`, with `_` in front.
    Gelf,
}

impl Spelling {
    /// Whether a key may have `byte`.
    fn allows(self, byte: u8) -> bool {
        match self {
            Self::Free => true,
            Self::Label => !matches!(byte, b'.' | b'*' | b'\\'),
            Self::Gelf => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'),
        }
    }

    /// Puts `_` for each character that is not allowed in what follows `start`.
    #[inline]
    fn apply(self, out: &mut Vec<u8>, start: usize) {
        if self == Self::Free {
            return;
        }
        let name = out.get(start..).unwrap_or_default();
        if name.is_empty() || name.iter().any(|byte| !self.allows(*byte)) {
            self.replace(out, start);
        }
    }

    #[cold]
    fn replace(self, out: &mut Vec<u8>, start: usize) {
        let (mut from, mut to) = (start, start);
        while let Some(byte) = out.get(from).copied() {
            // A character of several bytes becomes one `_`, or stays.
            let is_inside = byte & 0xc0 == 0x80;
            let kept = if self.allows(byte) {
                Some(byte)
            } else if is_inside && from > start {
                None
            } else {
                Some(b'_')
            };
            if let (Some(byte), Some(place)) = (kept, out.get_mut(to)) {
                *place = byte;
                to += 1;
            }
            from += 1;
        }
        out.truncate(to);
        if to == start {
            out.push(b'_');
        }
    }
}

impl Rules {
    pub(super) fn new(spelling: Spelling, booleans: Booleans, taken: Vec<String>) -> Self {
        let mask = taken.iter().fold(0, |mask, key| mask | bit(key.as_bytes()));
        Self {
            spelling,
            booleans,
            taken,
            mask,
        }
    }

    /// Appends `,"` and `name` as a key without its closing quote. Returns where the key begins,
    /// the prefix not counted.
    #[inline]
    pub(super) fn push_key(&self, out: &mut Vec<u8>, name: &str) -> usize {
        self.push_prefixed_key(out, "", 0, name)
    }

    /// The same with `prefix` so many times in front of the name.
    #[inline]
    fn push_prefixed_key(
        &self,
        out: &mut Vec<u8>,
        prefix: &str,
        times: usize,
        name: &str,
    ) -> usize {
        out.extend_from_slice(b",\"");
        if self.spelling == Spelling::Gelf {
            out.push(b'_');
        }
        let start = out.len();
        for _ in 0..times {
            out.extend_from_slice(prefix.as_bytes());
        }
        write_text(out, name, NAME_LIMIT);
        self.spelling.apply(out, start);
        escape_from(out, start, NAME_LIMIT);
        start
    }

    pub(super) fn is_taken(&self, key: &[u8]) -> bool {
        self.mask & bit(key) != 0 && self.taken.iter().any(|taken| taken.as_bytes() == key)
    }
}

/// The place of `key` in a summary of keys.
#[inline]
pub(super) fn bit(key: &[u8]) -> u64 {
    let last = key.last().copied().unwrap_or_default();
    let middle = key.get(key.len() / 2).copied().unwrap_or_default();
    let number = key.len() + 5 * usize::from(last) + 11 * usize::from(middle);
    1 << (number % 64)
}

/// What became of the fields of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    /// Whether every key stands once; else nothing of it may stay.
    pub(super) is_fine: bool,
    /// Whether one of the fields may be the event's error.
    pub(super) has_error: bool,
}

/// Appends the fields of `event`, each with a comma in front, until `out` has `end` bytes.
///
/// Which keys other members have, `others_mask` says roughly and `is_other` exactly.
#[inline]
pub(super) fn push_fields(
    event: &LogEvent<'_>,
    out: &mut Vec<u8>,
    end: usize,
    rules: &Rules,
    others_mask: u64,
    is_other: &dyn Fn(&[u8]) -> bool,
) -> Written {
    let mut mask = rules.mask | others_mask;
    let mut starts = [0; QUICK];
    let mut count = 0;
    let mut written = Written {
        is_fine: true,
        has_error: false,
    };
    event.fields(&mut |name, value| {
        written.has_error |= matches!(value, Value::Error(_)) || is_error_name(name);
        if !written.is_fine || out.len() >= end {
            return;
        }
        let start = rules.push_key(out, name);
        let key = out.get(start..).unwrap_or_default();
        let bit = bit(key);
        if mask & bit != 0 {
            let known = starts.get(..count).unwrap_or_default();
            written.is_fine =
                !rules.is_taken(key) && !is_other(key) && !is_known(out, known, start);
        }
        mask |= bit;
        if let Some(place) = starts.get_mut(count) {
            *place = start;
        } else {
            written.is_fine = false;
        }
        count += 1;
        out.extend_from_slice(b"\":");
        let limit = FIELD_LIMIT.min(end.saturating_sub(out.len()));
        push_value(out, value, rules.booleans, limit);
    });
    written
}

/// What `LogEvent::with_error` looks for.
#[inline]
pub(super) fn is_error_name(name: &str) -> bool {
    matches!(name, "error" | "err" | "e")
}

/// Whether the key that begins at `start`, and is the last of `out`, begins at one of `known` too.
#[cold]
fn is_known(out: &[u8], known: &[usize], start: usize) -> bool {
    let key = out.get(start..).unwrap_or_default();
    known.iter().any(|at| {
        let rest = out.get(*at..).unwrap_or_default();
        rest.strip_prefix(key)
            .is_some_and(|rest| rest.first() == Some(&b'"'))
    })
}

/// Where a field comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    Event,
    Span,
}

impl Origin {
    /// What is put in front of a name whose key is taken.
    fn prefix(self) -> &'static str {
        match self {
            Self::Event => "field_",
            Self::Span => "span_",
        }
    }
}

/// One member as it was written.
#[derive(Debug)]
struct Member {
    origin: Origin,
    /// The name that it came by, in `Scratch::names`.
    name: Range<usize>,
    /// Where the comma in front of it is.
    start: usize,
    /// Where its key is.
    key: Range<usize>,
}

#[derive(Debug, Default)]
struct Scratch {
    members: Vec<Member>,
    names: String,
}

thread_local! {
    // Taken while it is used: an event inside of an event finds an empty one.
    static SCRATCH: Cell<Option<Scratch>> = const { Cell::new(None) };
}

/// Appends members whatever their names are. A name that comes again replaces its earlier value; a
/// key that is taken gets prefixes until it is free.
#[derive(Debug)]
pub(super) struct Careful<'r> {
    rules: &'r Rules,
    end: usize,
    scratch: Scratch,
}

impl<'r> Careful<'r> {
    /// Members are left out once `out` has `end` bytes.
    pub(super) fn new(rules: &'r Rules, end: usize) -> Self {
        // A thread at its end has none.
        let kept = SCRATCH.try_with(Cell::take).ok().flatten();
        Self {
            rules,
            end,
            scratch: kept.unwrap_or_default(),
        }
    }

    /// Moves the limit.
    pub(super) fn extend_to(&mut self, end: usize) {
        self.end = end;
    }

    pub(super) fn push(
        &mut self,
        out: &mut Vec<u8>,
        origin: Origin,
        name: &str,
        value: Value<'_>,
        limit: usize,
    ) {
        self.remove(out, origin, name);
        if out.len() >= self.end {
            return;
        }
        let start = out.len();
        let key = self.push_free_key(out, origin, name);
        out.extend_from_slice(b"\":");
        let limit = limit.min(self.end.saturating_sub(out.len()));
        push_value(out, value, self.rules.booleans, limit);
        let at = self.scratch.names.len();
        self.scratch.names.push_str(name);
        self.scratch.members.push(Member {
            origin,
            name: at..self.scratch.names.len(),
            start,
            key,
        });
    }

    /// Where the keys are.
    pub(super) fn keys(&self) -> impl Iterator<Item = Range<usize>> {
        self.scratch.members.iter().map(|member| member.key.clone())
    }

    /// Takes the member away that came by the same name.
    fn remove(&mut self, out: &mut Vec<u8>, origin: Origin, name: &str) {
        let members = &mut self.scratch.members;
        let names = &self.scratch.names;
        let is_same = |member: &Member| {
            member.origin == origin && names.get(member.name.clone()) == Some(name)
        };
        let Some(at) = members.iter().position(is_same) else {
            return;
        };
        let member = members.remove(at);
        let next = members.get(at).map_or(out.len(), |next| next.start);
        out.drain(member.start..next);
        let length = next - member.start;
        for later in members.iter_mut().skip(at) {
            later.start -= length;
            later.key = later.key.start - length..later.key.end - length;
        }
    }

    fn push_free_key(&self, out: &mut Vec<u8>, origin: Origin, name: &str) -> Range<usize> {
        let start = out.len();
        let mut times = 0;
        loop {
            let prefix = origin.prefix();
            let at = self.rules.push_prefixed_key(out, prefix, times, name);
            let key = out.get(at..).unwrap_or_default();
            let mut members = self.scratch.members.iter();
            let mut is_known = || members.any(|known| out.get(known.key.clone()) == Some(key));
            if !self.rules.is_taken(key) && !is_known() {
                return at..out.len();
            }
            out.truncate(start);
            times += 1;
        }
    }
}

impl Drop for Careful<'_> {
    fn drop(&mut self) {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.members.clear();
        scratch.names.clear();
        let _ended = SCRATCH.try_with(|cell| cell.set(Some(scratch)));
    }
}

/// Closes an object whose members, each with a comma in front, are what follows `members`; if there
/// are none, nothing is left of what follows `begin`.
#[inline]
pub(super) fn close_object(out: &mut Vec<u8>, begin: usize, members: usize) {
    if let Some(first) = out.get_mut(members) {
        *first = b'{';
        out.push(b'}');
    } else {
        out.truncate(begin);
    }
}
