//! Periods of the calendar: minutes to months, and the local times that they begin at.

use std::fmt;

use jiff::Timestamp as Instant;
use jiff::civil::Date;
use jiff::tz::Offset;

use crate::error::BuildError;
use crate::layout::DateUnit;

const MINUTE: i64 = 60;
const HOUR: i64 = 3600;
const DAY: i64 = 86_400;
/// 1970-01-05, a Monday, in days since the epoch.
const MONDAY: i64 = 4;

/// A period of the calendar, as the clocks of a time zone show it.
///
/// Periods are aligned, whenever the program was started. Minutes and hours are counted from
/// midnight, and the last of a day ends with it: `Period::hours(5)` begins at 0, 5, 10, 15 and 20
/// o'clock. Days and weeks are counted from a Monday, so that weeks begin on Mondays; months from
/// January of the year 0, so that `Period::months(3)` are quarters.
///
/// When clocks go back, each hour that comes twice is a period twice; a day stays one period. When
/// they go forward over the beginning of a period, it begins there.
///
/// # Examples
///
/// ```
/// use tracing_kafka::Period;
///
/// assert_eq!(Period::DAILY, Period::days(1));
/// let quarterly = Period::months(3);
/// assert_ne!(quarterly, Period::MONTHLY);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Period {
    unit: Unit,
    count: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Unit {
    Minute,
    Hour,
    Day,
    Week,
    Month,
}

impl Period {
    /// Every minute.
    pub const MINUTELY: Self = Self::minutes(1);
    /// Every hour.
    pub const HOURLY: Self = Self::hours(1);
    /// Every midnight.
    pub const DAILY: Self = Self::days(1);
    /// The midnight before each Monday.
    pub const WEEKLY: Self = Self::weeks(1);
    /// The midnight before the first of each month.
    pub const MONTHLY: Self = Self::months(1);

    /// So many minutes, counted from midnight. Not 0, as for all the counts here.
    pub const fn minutes(count: u32) -> Self {
        Self::new(Unit::Minute, count)
    }

    /// So many hours, counted from midnight.
    pub const fn hours(count: u32) -> Self {
        Self::new(Unit::Hour, count)
    }

    /// So many days, counted from Monday, 5 January 1970.
    pub const fn days(count: u32) -> Self {
        Self::new(Unit::Day, count)
    }

    /// So many weeks, counted from Monday, 5 January 1970.
    pub const fn weeks(count: u32) -> Self {
        Self::new(Unit::Week, count)
    }

    /// So many months, counted from January of the year 0.
    pub const fn months(count: u32) -> Self {
        Self::new(Unit::Month, count)
    }

    const fn new(unit: Unit, count: u32) -> Self {
        Self { unit, count }
    }

    /// Refuses a count of 0.
    pub(in crate::file) fn check(self) -> Result<(), BuildError> {
        if self.count > 0 {
            return Ok(());
        }
        Err(BuildError::setting(
            "period",
            self.to_string(),
            "a count of 1 or more",
        ))
    }

    /// The coarsest unit that is different in each period.
    pub(in crate::file) fn unit(self) -> DateUnit {
        let is_whole = |count: u32| self.count.is_multiple_of(count);
        match self.unit {
            Unit::Minute if is_whole(24 * 60) => DateUnit::Day,
            Unit::Minute if is_whole(60) => DateUnit::Hour,
            Unit::Minute => DateUnit::Minute,
            Unit::Hour if is_whole(24) => DateUnit::Day,
            Unit::Hour => DateUnit::Hour,
            Unit::Day if is_whole(7) => DateUnit::Week,
            Unit::Day => DateUnit::Day,
            Unit::Week => DateUnit::Week,
            Unit::Month if is_whole(12) => DateUnit::Year,
            Unit::Month if is_whole(3) => DateUnit::Quarter,
            Unit::Month => DateUnit::Month,
        }
    }

    /// The first local time from `local` on at which a period begins.
    pub(super) fn first_from(self, local: i64) -> Option<i64> {
        let last = self.last_until(local)?;
        if last == local {
            return Some(local);
        }
        match self.length() {
            Length::OfDay(step) => {
                let day = local.div_euclid(DAY) * DAY;
                Some((last + step).min(day + DAY))
            }
            Length::Days(days) => Some(last + days * DAY),
            Length::Months(months) => month_start(month_of(last)? + months),
        }
    }

    /// The last local time up to `local` at which a period begins.
    pub(super) fn last_until(self, local: i64) -> Option<i64> {
        let day = local.div_euclid(DAY);
        match self.length() {
            Length::OfDay(step) => {
                let second = local.rem_euclid(DAY);
                Some(day * DAY + second / step * step)
            }
            Length::Days(days) => Some(((day - MONDAY).div_euclid(days) * days + MONDAY) * DAY),
            Length::Months(months) => {
                let month = month_of(local)?;
                month_start(month.div_euclid(months) * months)
            }
        }
    }

    /// Whether a whole period comes twice when the clocks go back by so many seconds.
    pub(super) fn comes_twice(self, seconds: i64) -> bool {
        matches!(self.length(), Length::OfDay(step) if step <= seconds)
    }

    fn length(self) -> Length {
        let count = i64::from(self.count).max(1);
        match self.unit {
            Unit::Minute => Length::OfDay(count * MINUTE),
            Unit::Hour => Length::OfDay(count * HOUR),
            Unit::Day => Length::Days(count),
            Unit::Week => Length::Days(count * 7),
            Unit::Month => Length::Months(count),
        }
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            Unit::Minute => "minute",
            Unit::Hour => "hour",
            Unit::Day => "day",
            Unit::Week => "week",
            Unit::Month => "month",
        };
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} {unit}{plural}", self.count)
    }
}

enum Length {
    /// Seconds, counted from midnight to midnight.
    OfDay(i64),
    Days(i64),
    Months(i64),
}

/// The number of months since January of the year 0.
fn month_of(local: i64) -> Option<i64> {
    let date = Offset::UTC.to_datetime(Instant::from_second(local).ok()?);
    Some(i64::from(date.year()) * 12 + i64::from(date.month()) - 1)
}

/// The first second of a month that is counted from the year 0.
fn month_start(month: i64) -> Option<i64> {
    let year = i16::try_from(month.div_euclid(12)).ok()?;
    let month = i8::try_from(month.rem_euclid(12) + 1).ok()?;
    let date = Date::new(year, month, 1).ok()?;
    let start = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok()?;
    Some(start.as_second())
}
