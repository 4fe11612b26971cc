//! Text that does not change from one event of a callsite to the next on the same thread, kept as such.

use std::cell::RefCell;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use super::converter::Converter;
use super::escape::escape_from;
use super::level;
use super::level::LEVELS;
use super::modifier::Modifier;
use super::text::MAX_RENDERED;
use crate::event::LogEvent;

/// The longest text that is kept.
const CAPACITY: usize = 104;
/// A shorter one is copied as if it had this length, which needs no loop.
const SHORT: usize = 48;
/// How many texts a thread keeps before they displace each other; a power of two.
const SLOTS: usize = 64;

/// A run of such parts.
#[derive(Debug)]
pub(super) struct Place {
    /// Never used again by another run of this process.
    id: usize,
    parts: Box<[PlacePart]>,
    is_escaped: bool,
}

/// One of the parts.
#[derive(Debug)]
pub(super) enum PlacePart {
    Literal(String),
    Level([String; LEVELS]),
    Text(Converter, Modifier),
}

/// One kept text.
struct Slot {
    /// The run and the callsite that it belongs to; no run has the number 0.
    id: usize,
    callsite: usize,
    length: u8,
    text: [u8; CAPACITY],
}

thread_local! {
    // Constant and without a destructor: it works as long as the thread does, and nothing leaks.
    static KEPT: RefCell<[Slot; SLOTS]> = const {
        RefCell::new([const {
            Slot {
                id: 0,
                callsite: 0,
                length: 0,
                text: [0; CAPACITY],
            }
        }; SLOTS])
    };
}

/// The number of the next run.
static NEXT_ID: AtomicUsize = AtomicUsize::new(1);

impl Place {
    pub(super) fn new(parts: Vec<PlacePart>, is_escaped: bool) -> Self {
        Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            parts: parts.into(),
            is_escaped,
        }
    }

    /// Whether its text may hold what a check would not leave alone.
    pub(super) fn is_dirty(&self, is_harmless: impl Fn(&[u8]) -> bool) -> bool {
        self.parts.iter().any(|part| match part {
            PlacePart::Literal(text) => !is_harmless(text.as_bytes()),
            PlacePart::Level(texts) => !texts.iter().all(|text| is_harmless(text.as_bytes())),
            PlacePart::Text(..) => false,
        })
    }

    /// Appends the text for `event`.
    #[inline(never)]
    pub(super) fn write(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let Some(callsite) = event.callsite() else {
            return self.render(event, out);
        };
        // Addresses of callsites are multiples of 8, and far apart.
        let index = (callsite >> 3) ^ (callsite >> 9) ^ self.id;
        let is_written = KEPT.try_with(|kept| {
            let Ok(mut kept) = kept.try_borrow_mut() else {
                return false;
            };
            let Some(slot) = kept.get_mut(index % SLOTS) else {
                return false;
            };
            if slot.id == self.id && slot.callsite == callsite {
                slot.copy_to(out);
            } else {
                self.refresh(slot, callsite, event, out);
            }
            true
        });
        if is_written != Ok(true) {
            self.render(event, out);
        }
    }

    /// Appends the text for another callsite, and keeps it if it is short.
    #[inline(never)]
    fn refresh(&self, slot: &mut Slot, callsite: usize, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let start = out.len();
        self.render(event, out);
        let text = out.get(start..).unwrap_or_default();
        if let Some(place) = slot.text.get_mut(..text.len()) {
            place.copy_from_slice(text);
            slot.length = u8::try_from(text.len()).unwrap_or_default();
            slot.callsite = callsite;
            slot.id = self.id;
        }
    }

    #[inline(never)]
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let end = out.len() + MAX_RENDERED;
        for part in &self.parts {
            match part {
                PlacePart::Literal(text) => out.extend_from_slice(text.as_bytes()),
                PlacePart::Level(texts) => {
                    let text = texts.get(level::index(event.level()));
                    out.extend_from_slice(text.map_or("", String::as_str).as_bytes());
                }
                // What is too long anyway is not made longer.
                PlacePart::Text(..) if out.len() >= end => {}
                PlacePart::Text(converter, modifier) => {
                    let start = out.len();
                    converter.write(event, 0, out);
                    if self.is_escaped {
                        escape_from(out, start);
                    }
                    modifier.apply_if_any(out, start);
                }
            }
        }
    }
}

impl Slot {
    /// Appends the text by a copy of fixed length.
    #[inline]
    fn copy_to(&self, out: &mut Vec<u8>) {
        let end = out.len() + usize::from(self.length);
        match self.text.first_chunk::<SHORT>() {
            Some(short) if usize::from(self.length) <= SHORT => out.extend_from_slice(short),
            _ => out.extend_from_slice(&self.text),
        }
        out.truncate(end);
    }
}
