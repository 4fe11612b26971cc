//! Text that is ready: literals, dates and levels, kept for each thread until the time shown changes.

use std::cell::RefCell;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use super::date::DateFormat;
use super::date::Fractions;
use super::level;
use super::level::LEVELS;
use super::modifier::Modifier;
use super::text::write_fraction;
use crate::event::LogEvent;
use crate::sys::Timestamp;

/// The longest text that is kept.
pub(super) const CAPACITY: usize = 64;
/// A shorter one is copied as if it had this length, which needs no loop.
const SHORT: usize = 32;
/// Places for one run of parts, one for each level and some unused.
const STRIDE: usize = 8;
/// How many runs a thread keeps before they displace each other.
const RUNS: usize = 8;

/// A run of parts that only time and level change.
#[derive(Debug)]
pub(super) struct Ready {
    /// Never used again by another run of this process, so that no thread shows another's text.
    id: u64,
    /// Where the texts of its levels are kept, one after the other.
    first_slot: usize,
    parts: Box<[ReadyPart]>,
    /// How many nanoseconds the text stays the same within a second.
    step: u32,
    /// All ones if the level shows, so that each has a place of its own.
    level_mask: usize,
    /// Whether within a second only the digits of fractions change.
    is_steady: bool,
}

/// One of the parts.
#[derive(Debug)]
pub(super) enum ReadyPart {
    Literal(String),
    Level([String; LEVELS]),
    Date(DateFormat, Modifier),
}

/// One kept text.
struct Slot {
    /// The run it belongs to; 0 is none.
    id: u64,
    second: i64,
    /// The nanosecond from which on the text is right.
    from: u32,
    length: u8,
    /// Whether `fractions` are all that changes within the second.
    is_steady: bool,
    /// Position and number of digits; no digits where there is none.
    fractions: [(u8, u8); Fractions::MAX],
    text: [u8; CAPACITY],
}

impl Slot {
    const EMPTY: Self = Self {
        id: 0,
        second: 0,
        from: 0,
        length: 0,
        is_steady: false,
        fractions: [(0, 0); Fractions::MAX],
        text: [0; CAPACITY],
    };

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

    fn store(&mut self, text: &[u8], fractions: &Fractions, start: usize) {
        let Some(place) = self.text.get_mut(..text.len()) else {
            self.id = 0;
            return;
        };
        place.copy_from_slice(text);
        self.length = u8::try_from(text.len()).unwrap_or_default();
        self.fractions = Default::default();
        let Some(places) = fractions.places() else {
            self.is_steady = false;
            return;
        };
        for (kept, (at, digits)) in self.fractions.iter_mut().zip(places) {
            let at = u8::try_from(at - start).unwrap_or_default();
            *kept = (at, u8::try_from(*digits).unwrap_or_default());
        }
    }

    /// Renews the fractions.
    fn patch(&mut self, nanos: u32) {
        for (at, digits) in self.fractions {
            if digits == 0 {
                break;
            }
            let (from, to) = (usize::from(at), usize::from(at) + usize::from(digits));
            if let Some(place) = self.text.get_mut(from..to) {
                write_fraction(nanos, place);
            }
        }
    }
}

thread_local! {
    // Constant and without a destructor: it works as long as the thread does, and nothing leaks.
    static SLOTS: RefCell<[Slot; RUNS * STRIDE]> =
        const { RefCell::new([const { Slot::EMPTY }; RUNS * STRIDE]) };
}

/// The number of the next run.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

impl Ready {
    pub(super) fn new(parts: Vec<ReadyPart>) -> Self {
        let dates = || {
            parts.iter().filter_map(|part| match part {
                ReadyPart::Date(date, modifier) => Some((date, *modifier)),
                _ => None,
            })
        };
        let precision = dates().map(|(date, _)| date.precision()).max().unwrap_or(0);
        let id = NEXT_ID.fetch_add(1, Ordering::Relaxed);
        Self {
            id,
            first_slot: usize::try_from(id % RUNS as u64).unwrap_or_default() * STRIDE,
            step: 10_u32.pow(9 - precision.min(9)),
            level_mask: if parts.iter().any(|p| matches!(p, ReadyPart::Level(_))) {
                usize::MAX
            } else {
                0
            },
            is_steady: dates().all(|(date, modifier)| date.is_steady() && modifier.is_none()),
            parts: parts.into(),
        }
    }

    /// Appends the text for `event`.
    #[inline]
    pub(super) fn write(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let level = level::index(event.level());
        let stamp = event.timestamp();
        let is_written = SLOTS.try_with(|slots| {
            let Ok(mut slots) = slots.try_borrow_mut() else {
                return false;
            };
            let Some(slot) = slots.get_mut(self.first_slot + (level & self.level_mask)) else {
                return false;
            };
            if slot.id == self.id
                && slot.second == stamp.seconds
                && stamp.nanos.wrapping_sub(slot.from) < self.step
            {
                slot.copy_to(out);
            } else {
                self.refresh(slot, stamp, level, out);
            }
            true
        });
        if is_written != Ok(true) {
            self.render(stamp, level, out, &mut Fractions::default());
        }
    }

    /// Appends the text for another time, and keeps it.
    #[inline(never)]
    fn refresh(&self, slot: &mut Slot, stamp: Timestamp, level: usize, out: &mut Vec<u8>) {
        slot.from = stamp.nanos - stamp.nanos % self.step;
        if slot.id == self.id && slot.is_steady && slot.second == stamp.seconds {
            slot.patch(stamp.nanos);
            slot.copy_to(out);
            return;
        }
        let start = out.len();
        let mut fractions = Fractions::default();
        self.render(stamp, level, out, &mut fractions);
        slot.id = self.id;
        slot.second = stamp.seconds;
        slot.is_steady = self.is_steady;
        slot.store(out.get(start..).unwrap_or_default(), &fractions, start);
    }

    fn render(&self, stamp: Timestamp, level: usize, out: &mut Vec<u8>, fractions: &mut Fractions) {
        for part in &self.parts {
            match part {
                ReadyPart::Literal(text) => out.extend_from_slice(text.as_bytes()),
                ReadyPart::Level(texts) => {
                    let text = texts.get(level).map_or("", String::as_str);
                    out.extend_from_slice(text.as_bytes());
                }
                ReadyPart::Date(date, modifier) => {
                    let start = out.len();
                    date.write(stamp, out, fractions);
                    if !modifier.is_none() {
                        modifier.apply(out, start);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::date::Defaults;
    use crate::layout::date::Locale;
    use crate::layout::notes::Notes;
    use crate::layout::parser::OptionText;
    use crate::layout::zone::Lookup;
    use crate::layout::zone::Zone;
    use std::time::Duration;
    use std::time::UNIX_EPOCH;

    fn date(pattern: &str, zone: &str) -> ReadyPart {
        let options = [OptionText {
            text: pattern,
            offset: 0,
        }];
        let Lookup::Known(zone) = Zone::find(zone) else {
            panic!("{zone}");
        };
        let defaults = Defaults {
            zone,
            locale: Locale::AMERICAN,
        };
        let date = DateFormat::parse(&options, &defaults, &mut Notes::new(false)).unwrap();
        ReadyPart::Date(date, Modifier::NONE)
    }

    fn literal(text: &str) -> ReadyPart {
        ReadyPart::Literal(text.to_owned())
    }

    fn text(ready: &Ready, nanos: u64) -> String {
        let event = LogEvent::builder()
            .instant(UNIX_EPOCH + Duration::from_nanos(nanos))
            .build();
        let mut out = b"\n".to_vec();
        ready.write(&event, &mut out);
        String::from_utf8(out.split_off(1)).unwrap()
    }

    #[test]
    fn a_kept_text_is_renewed_whenever_the_time_it_shows_changes() {
        let ready = Ready::new(vec![
            literal("["),
            date("HH:mm:ss.SSS", "UTC"),
            literal("|"),
            date("SSSSSS", "UTC"),
            literal("] "),
        ]);
        for _ in 0..2 {
            assert_eq!(text(&ready, 0), "[00:00:00.000|000000] ");
            assert_eq!(text(&ready, 999), "[00:00:00.000|000000] ");
            assert_eq!(text(&ready, 1_000), "[00:00:00.000|000001] ");
            assert_eq!(text(&ready, 123_456_789), "[00:00:00.123|123456] ");
            assert_eq!(text(&ready, 61_000_000_000), "[00:01:01.000|000000] ");
        }
    }

    #[test]
    fn what_changes_in_other_ways_within_a_second_is_rendered_anew() {
        for (pattern, first, second) in [
            ("A", "0", "999"),
            ("n", "1", "999999999"),
            ("S SS SSS", "0 00 000", "9 99 999"),
        ] {
            let ready = Ready::new(vec![date(pattern, "UTC")]);
            assert_eq!(text(&ready, 1), first);
            assert_eq!(text(&ready, 999_999_999), second);
            assert_eq!(text(&ready, 1), first);
        }
    }

    #[test]
    fn a_text_too_long_to_keep_is_still_right() {
        let long = "x".repeat(CAPACITY);
        let ready = Ready::new(vec![literal(&long), date("SSS", "UTC")]);
        assert_eq!(text(&ready, 1_000_000), format!("{long}001"));
        assert_eq!(text(&ready, 2_000_000), format!("{long}002"));
    }

    #[test]
    fn runs_that_share_a_slot_do_not_share_their_text() {
        let runs: Vec<Ready> = (0..3 * RUNS)
            .map(|n| Ready::new(vec![literal(&format!("{n} ")), date("s", "UTC")]))
            .collect();
        for _ in 0..2 {
            for (n, ready) in runs.iter().enumerate() {
                assert_eq!(text(ready, 5_000_000_000), format!("{n} 5"));
            }
        }
    }

    #[test]
    fn offsets_follow_the_season_in_both_directions() {
        let ready = Ready::new(vec![date("HH:mm:ss.SSSxxx", "Europe/Berlin")]);
        // 2024-03-31 and 2024-10-27, each 01:00 UTC.
        let (spring, autumn) = (1_711_846_800_000_000_000, 1_729_990_800_000_000_000);
        for _ in 0..2 {
            assert_eq!(text(&ready, spring - 1), "01:59:59.999+01:00");
            assert_eq!(text(&ready, spring), "03:00:00.000+02:00");
            assert_eq!(text(&ready, autumn - 1), "02:59:59.999+02:00");
            assert_eq!(text(&ready, autumn), "02:00:00.000+01:00");
        }
    }
}
