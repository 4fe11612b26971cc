//! The fields of events and spans as members of an object: no key twice, none that is taken.
//!
//! Nearly every event has names that need no thought: they are written as they come, and only looked
//! at. Where one is there twice or taken, all are written again by [`Careful`], which renames.

use std::cell::Cell;
use std::ops::Range;

use super::ecs::Kind;
use super::ecs::push_as;
use super::escape::escape_from;
use super::value::Scalars;
use super::value::push_value;
use crate::event::FIELD_LIMIT;
use crate::event::LogEvent;
use crate::event::Value;
use crate::event::write_text;

/// The most bytes of a name.
const NAME_LIMIT: usize = 1024;
/// The member that tells how many fields there was no room for.
const LEFT_OUT: &str = "fields_left_out";
/// How many members are looked at without [`Careful`].
const QUICK: usize = 32;

/// How names become keys.
#[derive(Debug)]
pub(super) struct Rules {
    pub(super) spelling: Spelling,
    pub(super) scalars: Scalars,
    /// Keys that are in the object already, or that nothing may have; without the prefix.
    taken: Vec<String>,
    mask: u64,
}

/// Which characters a key may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spelling {
    /// All.
    Free,
    /// A path of Elasticsearch, by way of Logstash: no `[` and `]`, which Logstash takes for references,
    /// and a name on each side of a `.`, which Elasticsearch takes for an object.
    Path,
    /// None that a search by path would take for more than a letter.
    Label,
    /// Letters, digits, `_` and `-`, with `_` in front.
    Gelf,
}

impl Spelling {
    /// Whether a key may have `byte`.
    fn allows(self, byte: u8) -> bool {
        match self {
            Self::Free => true,
            Self::Path => !matches!(byte, b'[' | b']'),
            Self::Label => !matches!(byte, b'.' | b'*' | b'\\' | b'"' | b'[' | b']'),
            Self::Gelf => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'),
        }
    }

    /// Puts `_` for each character that is not allowed in what follows `start`.
    #[inline]
    pub(super) fn apply(self, out: &mut Vec<u8>, start: usize) {
        if self == Self::Free {
            return;
        }
        let name = out.get(start..).unwrap_or_default();
        let is_fine = |byte: &u8| self.allows(*byte) && *byte != b'.';
        if !matches!(name.first(), Some(b'!'..=b'~')) || !name.iter().all(is_fine) {
            self.replace(out, start);
        }
    }

    /// Whether one record can have both keys.
    #[inline]
    fn clashes(self, key: &[u8], other: &[u8]) -> bool {
        key == other || self == Self::Path && (is_above(key, other) || is_above(other, key))
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
        if self == Self::Path {
            replace_dots(out.get_mut(start..).unwrap_or_default());
        }
        if self != Self::Gelf && is_blank(out.get(start..).unwrap_or_default()) {
            out.truncate(start);
        }
        if out.len() == start {
            out.push(b'_');
        }
    }
}

/// Whether `below` is a path that leads through `above`.
fn is_above(above: &[u8], below: &[u8]) -> bool {
    below.get(above.len()) == Some(&b'.') && below.starts_with(above)
}

/// Whether Elasticsearch takes `name` for none.
fn is_blank(name: &[u8]) -> bool {
    let is_blank = |c: char| c.is_whitespace() || c.is_control();
    std::str::from_utf8(name).is_ok_and(|name| name.chars().all(is_blank))
}

/// Puts `_` for each dot that has no name on one of its sides.
fn replace_dots(name: &mut [u8]) {
    let mut start = 0;
    while start <= name.len() {
        let rest = name.get(start..).unwrap_or_default();
        let length = rest
            .iter()
            .position(|byte| *byte == b'.')
            .unwrap_or(rest.len());
        if is_blank(rest.get(..length).unwrap_or_default()) {
            if let Some(before) = start.checked_sub(1).and_then(|at| name.get_mut(at)) {
                *before = b'_';
            }
            if let Some(behind) = name.get_mut(start + length) {
                *behind = b'_';
            }
        }
        start += length + 1;
    }
}

impl Rules {
    pub(super) fn new(spelling: Spelling, scalars: Scalars, taken: Vec<String>) -> Self {
        let bit = |key: &String| spelling.bit(key.as_bytes());
        let mask = taken.iter().fold(0, |mask, key| mask | bit(key));
        Self {
            spelling,
            scalars,
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
        let is_same = |taken: &String| self.spelling.clashes(taken.as_bytes(), key);
        self.is_reserved(key) || self.mask & self.bit(key) != 0 && self.taken.iter().any(is_same)
    }

    /// Whether the readers keep all keys that begin like it: Graylog does.
    #[inline]
    fn is_reserved(&self, key: &[u8]) -> bool {
        self.spelling == Spelling::Gelf && key.starts_with(b"gl2_")
    }

    /// Whether one object can not have both keys.
    #[inline]
    pub(super) fn clashes(&self, key: &[u8], other: &[u8]) -> bool {
        self.spelling.clashes(key, other)
    }

    /// The place of `key` in a summary of keys; keys that clash have the same.
    #[inline]
    pub(super) fn bit(&self, key: &[u8]) -> u64 {
        self.spelling.bit(key)
    }
}

impl Spelling {
    #[inline]
    fn bit(self, key: &[u8]) -> u64 {
        if self == Self::Path {
            let length = key.iter().position(|byte| *byte == b'.');
            bit(key.get(..length.unwrap_or(key.len())).unwrap_or_default())
        } else {
            bit(key)
        }
    }
}

/// The place of `key` in a summary of keys.
#[inline]
fn bit(key: &[u8]) -> u64 {
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
    let mut known = [(0, 0); QUICK];
    let mut count = 0;
    let mut written = Written {
        is_fine: true,
        has_error: false,
    };
    event.fields(&mut |name, value| {
        written.has_error |= matches!(value, Value::Error(_)) || is_error_name(name);
        written.is_fine &= out.len() < end;
        if !written.is_fine {
            return;
        }
        let start = rules.push_key(out, name);
        let key = out.get(start..).unwrap_or_default();
        let bit = rules.bit(key);
        if mask & bit != 0 || rules.is_reserved(key) {
            let known = known.get(..count).unwrap_or_default();
            written.is_fine =
                !rules.is_taken(key) && !is_other(key) && !is_known(rules, out, known, key);
        }
        mask |= bit;
        let place_end = out.len();
        if let Some(place) = known.get_mut(count) {
            *place = (start, place_end);
        } else {
            written.is_fine = false;
        }
        count += 1;
        out.extend_from_slice(b"\":");
        let limit = FIELD_LIMIT.min(end.saturating_sub(out.len()));
        push_value(out, value, rules.scalars, limit);
    });
    written.is_fine &= out.len() <= end;
    written
}

/// What `LogEvent::with_error` looks for.
#[inline]
pub(super) fn is_error_name(name: &str) -> bool {
    matches!(name, "error" | "err" | "e")
}

/// Whether `key` clashes with one that is at one of the places `known` of `out`.
#[cold]
fn is_known(rules: &Rules, out: &[u8], known: &[(usize, usize)], key: &[u8]) -> bool {
    known
        .iter()
        .any(|(from, to)| rules.clashes(out.get(*from..*to).unwrap_or_default(), key))
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
    left_out: usize,
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
            left_out: 0,
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
        if out.len() >= self.end {
            self.left_out += 1;
            return;
        }
        self.remove(out, origin, name);
        let start = out.len();
        let key = self.push_free_key(out, origin, name);
        out.extend_from_slice(b"\":");
        let limit = limit.min(self.end.saturating_sub(out.len()));
        push_value(out, value, self.rules.scalars, limit);
        self.add(origin, name, start, key);
    }

    /// Appends a field of ECS, if `value` is of its kind and none of another origin has the key.
    pub(super) fn push_as(
        &mut self,
        out: &mut Vec<u8>,
        origin: Origin,
        name: &str,
        (kind, value): (Kind, Value<'_>),
        limit: usize,
    ) {
        let start = out.len();
        let key = self.rules.push_key(out, name);
        let key = key..out.len();
        out.extend_from_slice(b"\":");
        let is_known = || {
            self.scratch.members.iter().any(|known| {
                known.origin != origin && out.get(known.key.clone()) == out.get(key.clone())
            })
        };
        if is_known() || !push_as(out, kind, value, limit) {
            out.truncate(start);
            return;
        }
        let before = out.len();
        // The earlier one goes, and this one moves up to where it then ends.
        self.remove_before(out, origin, name, start);
        let moved = before - out.len();
        self.add(
            origin,
            name,
            start - moved,
            key.start - moved..key.end - moved,
        );
    }

    /// How many did not fit.
    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }

    /// Tells how many did not fit, if any.
    pub(super) fn finish(mut self, out: &mut Vec<u8>) {
        if self.left_out > 0 {
            self.end = usize::MAX;
            let count = Value::U64(self.left_out as u64);
            self.push(out, Origin::Event, LEFT_OUT, count, 0);
        }
    }

    fn add(&mut self, origin: Origin, name: &str, start: usize, key: Range<usize>) {
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
        self.remove_before(out, origin, name, out.len());
    }

    /// The same where what follows `end` is no member yet.
    fn remove_before(&mut self, out: &mut Vec<u8>, origin: Origin, name: &str, end: usize) {
        let members = &mut self.scratch.members;
        let names = &self.scratch.names;
        let is_same = |member: &Member| {
            member.origin == origin && names.get(member.name.clone()) == Some(name)
        };
        let Some(at) = members.iter().position(is_same) else {
            return;
        };
        let member = members.remove(at);
        let next = members.get(at).map_or(end, |next| next.start);
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
            let mut is_known = || {
                members.any(|known| {
                    let other = out.get(known.key.clone()).unwrap_or_default();
                    self.rules.clashes(other, key)
                })
            };
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
