//! Stretches of time in which a zone has one offset, and how clocks jump between them.

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;

/// All in seconds since the epoch, and east of Greenwich.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stretch {
    /// Its first second; none at the beginning of all times.
    pub(super) start: Option<i64>,
    /// The first second behind it; none at the end of all times.
    pub(super) end: Option<i64>,
    pub(super) offset: i64,
    /// The offset before `start`.
    before: i64,
}

impl Stretch {
    /// The one that a second is in; none beyond the years that the time zone database knows.
    pub(super) fn at(rules: &TimeZone, second: i64) -> Option<Self> {
        let at = Instant::from_second(second).ok()?;
        let next = Instant::from_second(second.checked_add(1)?).ok()?;
        let start = rules
            .preceding(next)
            .next()
            .map(|transition| transition.timestamp())
            .filter(|start| *start > Instant::MIN);
        let offset = i64::from(rules.to_offset(at).seconds());
        let before = start
            .and_then(|start| Instant::from_second(start.as_second() - 1).ok())
            .map_or(offset, |before| rules.to_offset(before).seconds().into());
        let end = rules.following(at).next();
        Some(Self {
            start: start.map(Instant::as_second),
            end: end.map(|transition| transition.timestamp().as_second()),
            offset,
            before,
        })
    }

    /// What clocks show when it begins.
    pub(super) fn local_start(&self) -> i64 {
        self.start.map_or(i64::MIN, |start| start + self.offset)
    }

    /// What they would have shown without it.
    pub(super) fn reached(&self) -> i64 {
        self.start.map_or(i64::MIN, |start| start + self.before)
    }
}

/// Whether a second is in the years that the time zone database knows.
pub(super) fn is_known(second: i64) -> bool {
    Instant::from_second(second).is_ok()
}
