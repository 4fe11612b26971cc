//! `%K` without a name: all fields of an event in the order of their names.

use std::cell::RefCell;

use crate::event::FIELD_LIMIT;
use crate::event::KeptFields;
use crate::event::LogEvent;
use crate::event::MAX_KEPT;
use crate::event::Value;

/// The most fields that are put in order; an event shows no more.
const MAX_FIELDS: usize = 128;
/// As many fields as most events have at most.
const FEW_FIELDS: usize = 12;
/// For how many callsites a thread keeps the order of their fields; a power of two.
const ORDERS: usize = 32;
/// A shorter name is copied as if it had this length, which needs no loop.
const SHORT: usize = 32;
/// What stands between two fields.
const SEPARATOR: &str = ", ";

thread_local! {
    /// Borrowed for moments only.
    static KEPT: RefCell<Kept> = const { RefCell::new(Kept {
        fields: KeptFields::new(),
        orders: [const { Order::EMPTY }; ORDERS],
    }) };
}

struct Kept {
    fields: KeptFields,
    orders: [Order; ORDERS],
}

/// The fields of one callsite in the order of their names.
struct Order {
    callsite: usize,
    count: usize,
    /// The number of each, and its name between a separator and an equals sign.
    names: [Name; MAX_KEPT],
}

#[derive(Clone, Copy)]
struct Name {
    index: u8,
    length: u8,
    text: [u8; SHORT],
}

impl Order {
    const EMPTY: Self = Self {
        callsite: 0,
        count: 0,
        names: [Name {
            index: 0,
            length: 0,
            text: [0; SHORT],
        }; MAX_KEPT],
    };
}

/// What `write_kept` needs to know about what `write_message` kept; 0 for nothing.
pub(super) type Stamp = u64;

/// Appends the message of `event`, and keeps the values of its fields for `write_kept`.
#[inline(never)]
pub(super) fn write_message(event: &LogEvent<'_>, out: &mut Vec<u8>) -> Stamp {
    let stamp = KEPT.try_with(|kept| {
        let mut kept = kept.try_borrow_mut().ok()?;
        let is_kept = event.write_message_and_keep(out, &mut kept.fields);
        Some(if is_kept { kept.fields.stamp() } else { 0 })
    });
    if let Ok(Some(stamp)) = stamp {
        return stamp;
    }
    event.write_message(out);
    0
}

/// Appends the fields whose values were kept; goes over the event again if they were not, or if
/// another event has come in between.
#[inline(never)]
pub(super) fn write_kept(event: &LogEvent<'_>, stamp: Stamp, out: &mut Vec<u8>) {
    let is_written = KEPT.try_with(|kept| {
        let Ok(mut kept) = kept.try_borrow_mut() else {
            return false;
        };
        let Kept { fields, orders } = &mut *kept;
        let Some(callsite) = event
            .callsite()
            .filter(|_| stamp != 0 && stamp == fields.stamp())
        else {
            return false;
        };
        let index = (callsite >> 3) ^ (callsite >> 9);
        let Some(order) = orders.get_mut(index % ORDERS) else {
            return false;
        };
        (order.callsite == callsite || order.learn(callsite, event))
            && order.write(fields, event, out)
    });
    if is_written != Ok(true) {
        write(event, out);
    }
}

impl Order {
    /// Puts the fields of another callsite in order. Returns false if there are too many, or a name is
    /// too long.
    #[cold]
    fn learn(&mut self, callsite: usize, event: &LogEvent<'_>) -> bool {
        self.callsite = 0;
        self.count = 0;
        let mut is_short = true;
        event.field_names(&mut |index, name| {
            let length = SEPARATOR.len() + name.len() + 1;
            let (Some(place), true) = (self.names.get_mut(self.count), length <= SHORT) else {
                is_short = false;
                return;
            };
            let mut text = [b' '; SHORT];
            for (place, byte) in text
                .iter_mut()
                .zip(SEPARATOR.bytes().chain(name.bytes()).chain([b'=']))
            {
                *place = byte;
            }
            *place = Name {
                index: u8::try_from(index).unwrap_or(u8::MAX),
                length: u8::try_from(length).unwrap_or_default(),
                text,
            };
            self.count += 1;
        });
        let names = self.names.get_mut(..self.count).unwrap_or_default();
        names.sort_unstable_by(|one, other| one.name().cmp(other.name()));
        if is_short {
            self.callsite = callsite;
        }
        is_short
    }

    #[inline]
    fn write(&self, fields: &KeptFields, event: &LogEvent<'_>, out: &mut Vec<u8>) -> bool {
        let start = out.len();
        for name in self.names.iter().take(self.count) {
            if !fields.has(name.index.into()) {
                continue;
            }
            let end = out.len() + usize::from(name.length);
            out.extend_from_slice(&name.text);
            out.truncate(end);
            fields.copy_to(name.index.into(), out);
        }
        let has_fields = out.len() > start;
        if has_fields {
            // The first needs a brace, and one byte less than the separator has.
            let rest = out.get_mut(start..).unwrap_or_default();
            rest.copy_within(1.., 0);
            if let [first, .., last] = rest {
                *first = b'{';
                *last = b'}';
            }
        } else {
            finish(false, event, out);
        }
        true
    }
}

impl Name {
    /// The name without separator and equals sign.
    fn name(&self) -> &[u8] {
        let end = usize::from(self.length).saturating_sub(1);
        self.text.get(SEPARATOR.len()..end).unwrap_or_default()
    }
}

/// Ends the list. An event that has a message only has none.
#[inline]
fn finish(has_fields: bool, event: &LogEvent<'_>, out: &mut Vec<u8>) {
    if has_fields {
        out.push(b'}');
    } else if !event.has_message() {
        out.extend_from_slice(b"{}");
    }
}

/// `{a=1, b=2}` sorted by name; nothing for an event that has a message only.
pub(super) fn write(event: &LogEvent<'_>, out: &mut Vec<u8>) {
    // Clearing places for as many fields as there may be would cost more than writing a few.
    if event.max_fields() <= FEW_FIELDS {
        write_up_to::<FEW_FIELDS>(event, out);
    } else {
        write_up_to::<MAX_FIELDS>(event, out);
    }
}

fn write_up_to<const MOST: usize>(event: &LogEvent<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut fields = [Field::default(); MOST];
    let mut count = 0;
    let mut is_sorted = true;
    event.fields(&mut |name: &str, value: Value<'_>| {
        let Some(field) = fields.get_mut(count) else {
            return;
        };
        out.extend_from_slice(if count == 0 { b"{" } else { b", " });
        field.start = out.len();
        out.extend_from_slice(name.as_bytes());
        field.name_end = out.len();
        out.push(b'=');
        value.write_to(out, FIELD_LIMIT);
        field.end = out.len();
        count += 1;
    });
    finish(count > 0, event, out);
    let fields = fields.get_mut(..count).unwrap_or_default();
    for pair in fields.windows(2) {
        if let [one, other] = pair {
            is_sorted &= one.name(out) <= other.name(out);
        }
    }
    if !is_sorted {
        sort_fields(fields, start, out);
    }
}

/// Where a field stands in the output.
#[derive(Debug, Clone, Copy, Default)]
struct Field {
    start: usize,
    name_end: usize,
    end: usize,
}

impl Field {
    fn name<'o>(&self, out: &'o [u8]) -> &'o [u8] {
        out.get(self.start..self.name_end).unwrap_or_default()
    }
}

/// Writes the fields again behind the unsorted ones, in order, and moves them into their place.
fn sort_fields(fields: &mut [Field], start: usize, out: &mut Vec<u8>) {
    let end = out.len();
    fields.sort_unstable_by(|one, other| one.name(out).cmp(other.name(out)));
    out.reserve(end - start);
    for (index, field) in fields.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b", " });
        out.extend_from_within(field.start..field.end);
    }
    out.push(b'}');
    out.copy_within(end.., start);
    out.truncate(end);
}
