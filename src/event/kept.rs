//! The values of an event's fields as text, kept from the pass over them that wrote the message.

use tracing::field::Field;

use super::LogEvent;
use super::MESSAGE;
use super::MESSAGE_LIMIT;
use super::Source;
use super::value::FIELD_LIMIT;
use super::value::Value;
use super::value::write_debug;

/// An event with more fields is gone over once more.
pub(crate) const MAX_KEPT: usize = 16;
/// A buffer that grew beyond this is not kept.
const KEEP_BYTES: usize = 64 * 1024;

/// What follows the values, so that the last one can be copied like the others.
const PADDING: usize = 16;

/// The values, each where its field stands in the callsite's list.
#[derive(Debug)]
pub(crate) struct KeptFields {
    bytes: Vec<u8>,
    places: [(u32, u32); MAX_KEPT],
    /// A bit for each field that the event has.
    present: u32,
    /// Rises with every event.
    stamp: u64,
}

impl KeptFields {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: Vec::new(),
            places: [(0, 0); MAX_KEPT],
            present: 0,
            stamp: 0,
        }
    }

    /// Which event the values are of.
    pub(crate) fn stamp(&self) -> u64 {
        self.stamp
    }

    /// Whether the event has the field with that number.
    #[inline]
    pub(crate) fn has(&self, index: usize) -> bool {
        index < MAX_KEPT && self.present & (1 << index) != 0
    }

    /// Appends the value of the field with that number.
    #[inline]
    pub(crate) fn copy_to(&self, index: usize, out: &mut Vec<u8>) {
        let Some((start, end)) = self.places.get(index) else {
            return;
        };
        let (start, end) = (*start as usize, *end as usize);
        match self.bytes.get(start..start + PADDING) {
            // A copy of fixed length needs no loop.
            Some(short) if end - start <= PADDING => {
                let end = out.len() + end - start;
                out.extend_from_slice(short);
                out.truncate(end);
            }
            _ => out.extend_from_slice(self.bytes.get(start..end).unwrap_or_default()),
        }
    }

    #[inline]
    fn clear(&mut self) {
        if self.bytes.capacity() > KEEP_BYTES {
            self.bytes = Vec::new();
        }
        self.bytes.clear();
        self.present = 0;
        self.stamp += 1;
    }

    #[inline]
    fn keep(&mut self, field: &Field, value: Value<'_>) {
        let index = field.index();
        let Some(place) = self.places.get_mut(index) else {
            return;
        };
        let start = self.bytes.len();
        value.write_to(&mut self.bytes, FIELD_LIMIT);
        // Limited to 16 times 32 KiB.
        #[expect(clippy::cast_possible_truncation, reason = "far below 4 GiB")]
        let range = (start as u32, self.bytes.len() as u32);
        *place = range;
        self.present |= 1 << index;
    }
}

impl LogEvent<'_> {
    /// Appends the message and, in the same pass, keeps the other values. Returns whether they were
    /// kept; the message is there in either case.
    #[inline]
    pub(crate) fn write_message_and_keep(&self, out: &mut Vec<u8>, kept: &mut KeptFields) -> bool {
        let Source::Live(live) = &self.source else {
            self.write_message(out);
            return false;
        };
        if live.event.metadata().fields().len() > MAX_KEPT || live.bridged.is_some() {
            self.write_message(out);
            return false;
        }
        kept.clear();
        let start = out.len();
        let mut keeper = Keeper { out, start, kept };
        live.event.record(&mut keeper);
        kept.bytes.extend_from_slice(&[0; PADDING]);
        true
    }
}

/// Writes the message and keeps the rest.
struct Keeper<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    kept: &'a mut KeptFields,
}

impl Keeper<'_> {
    #[inline]
    fn visit(&mut self, field: &Field, value: Value<'_>) {
        if field.name() == MESSAGE {
            self.out.truncate(self.start);
            match value {
                // What nearly every message is: `format_args!`, whose `Debug` is its text.
                Value::Debug(value) => write_debug(self.out, MESSAGE_LIMIT, value),
                value => value.write_to(self.out, MESSAGE_LIMIT),
            }
        } else {
            self.kept.keep(field, value);
        }
    }
}

super::visit_values!(Keeper<'_>, visit);
