//! When the next file is due: periods of the calendar or a cron expression, in a time zone.

#[cfg(feature = "cron")]
mod cron;
mod period;
mod stretch;
#[cfg(test)]
mod tests;

use jiff::tz::TimeZone;

use crate::error::BuildError;
use crate::layout::FileZone;
use crate::sys::Timestamp;

#[cfg(feature = "cron")]
use cron::Cron;
pub use period::Period;
use stretch::Stretch;

/// Seconds by which local times of one moment differ at most, and a bit more.
const TWO_DAYS: i64 = 2 * 86_400;

/// How often a file is due.
#[derive(Debug, Clone)]
pub(super) enum Every {
    Period(Period),
    /// Quartz' syntax.
    #[cfg(feature = "cron")]
    Cron(String),
}

/// The moments at which a new file begins. Pure: time is an argument.
///
/// They are those at which the clocks of the zone show a time that the calendar has. A time that
/// comes twice, as the clocks go back, counts when it comes first, unless whole periods come twice.
/// A time that is left out, as the clocks go forward, counts at the moment of the leap.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    calendar: Calendar,
    rules: TimeZone,
}

/// Which local times begin a file.
#[derive(Debug, Clone)]
enum Calendar {
    Period(Period),
    #[cfg(feature = "cron")]
    Cron(Box<Cron>),
}

impl Schedule {
    /// Checks the count of a period and reads a cron expression.
    pub(super) fn new(every: &Every, zone: &FileZone) -> Result<Self, BuildError> {
        let calendar = match every {
            Every::Period(period) => {
                period.check()?;
                Calendar::Period(*period)
            }
            #[cfg(feature = "cron")]
            Every::Cron(expression) => Calendar::Cron(Box::new(Cron::parse(expression)?)),
        };
        Ok(Self {
            calendar,
            rules: zone.rules().clone(),
        })
    }

    /// The first moment after `time`; none where there will be no other.
    pub(super) fn next_after(&self, time: Timestamp) -> Option<Timestamp> {
        let seconds = self.first_from(time.seconds.checked_add(1)?)?;
        Some(Timestamp { seconds, nanos: 0 })
    }

    /// The last moment that is not after `time`; `time` itself where there was none.
    pub(super) fn start_of(&self, time: Timestamp) -> Timestamp {
        match self.last_until(time.seconds) {
            Some(seconds) => Timestamp { seconds, nanos: 0 },
            None => time,
        }
    }

    fn first_from(&self, mut at: i64) -> Option<i64> {
        let mut is_last = false;
        loop {
            let stretch = Stretch::at(&self.rules, at)?;
            if stretch.start == Some(at) && self.has_skipped(&stretch) {
                return Some(at);
            }
            let local = (at + stretch.offset).max(self.first_local(&stretch));
            let found = self.calendar.first_from(local);
            let found = found.map(|found| found - stretch.offset);
            let found = found.filter(|found| stretch::is_known(*found));
            let end = stretch.end;
            match found {
                Some(found) if end.is_none_or(|end| found < end) => return Some(found),
                // No other local time comes, but the clocks may go back once more.
                None if is_last => return None,
                None => is_last = true,
                Some(_) => {}
            }
            let end = end?;
            at = match found {
                // A leap over all the stretches that have no such time. Within two days of its end
                // the next stretch may have local times again that were left behind here.
                Some(found) if end - at > TWO_DAYS => end.max(found - TWO_DAYS),
                _ => end,
            };
        }
    }

    fn last_until(&self, mut at: i64) -> Option<i64> {
        let mut is_last = false;
        loop {
            let stretch = Stretch::at(&self.rules, at)?;
            let found = self.calendar.last_until(at + stretch.offset);
            let found = found.filter(|found| stretch::is_known(found - stretch.offset));
            if let Some(found) = found
                && found >= self.first_local(&stretch)
            {
                return Some(found - stretch.offset);
            }
            let start = stretch.start?;
            if self.has_skipped(&stretch) {
                return Some(start);
            }
            let found = found.map(|found| found - stretch.offset);
            match found {
                None if is_last => return None,
                None => is_last = true,
                Some(_) => {}
            }
            at = match found {
                Some(found) if at - start > TWO_DAYS => (start - 1).min(found + TWO_DAYS),
                _ => start - 1,
            };
        }
    }

    /// The first local time of a stretch that counts in it.
    fn first_local(&self, stretch: &Stretch) -> i64 {
        let (reached, shown) = (stretch.reached(), stretch.local_start());
        if shown < reached && !self.calendar.comes_twice(reached - shown) {
            reached
        } else {
            shown
        }
    }

    /// Whether a local time that the calendar has was left out where this stretch begins.
    fn has_skipped(&self, stretch: &Stretch) -> bool {
        let (reached, shown) = (stretch.reached(), stretch.local_start());
        reached < shown
            && self.calendar.makes_up()
            && self
                .calendar
                .first_from(reached)
                .is_some_and(|skipped| skipped < shown)
    }
}

/// Local times are seconds since the epoch as if the zone were UTC.
impl Calendar {
    fn first_from(&self, local: i64) -> Option<i64> {
        match self {
            Self::Period(period) => period.first_from(local),
            #[cfg(feature = "cron")]
            Self::Cron(cron) => cron.first_from(local),
        }
    }

    fn last_until(&self, local: i64) -> Option<i64> {
        match self {
            Self::Period(period) => period.last_until(local),
            #[cfg(feature = "cron")]
            Self::Cron(cron) => cron.last_until(local),
        }
    }

    /// Whether local times count again when the clocks go back by so many seconds.
    fn comes_twice(&self, seconds: i64) -> bool {
        match self {
            Self::Period(period) => period.comes_twice(seconds),
            #[cfg(feature = "cron")]
            Self::Cron(cron) => cron.is_hourly(),
        }
    }

    /// Whether a local time that is left out counts where the clocks go forward. Of an expression
    /// that has a time in every hour the next one comes soon enough.
    fn makes_up(&self) -> bool {
        match self {
            Self::Period(_) => true,
            #[cfg(feature = "cron")]
            Self::Cron(cron) => !cron.is_hourly(),
        }
    }
}
