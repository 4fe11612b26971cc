//! Cron expressions in Quartz' syntax: read here, searched by `croner`, as local times.

mod field;
#[cfg(test)]
mod tests;

use std::cmp::Ordering;

use croner::CivilDate;
use croner::CivilDateTime;
use croner::CivilTime;
use croner::CronDateTime;
use croner::Resolution;
use croner::Weekday;
use croner::errors::CronError;
use croner::parser::CronParser;
use croner::parser::Seconds;
use jiff::Timestamp as Instant;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use crate::error::BuildError;
use field::FIELDS;

/// A parsed expression.
#[derive(Debug, Clone)]
pub(super) struct Cron {
    cron: croner::Cron,
    is_hourly: bool,
}

/// The beginning of the year 1 and the end of the year 4999: croner searches between them.
const FIRST: i64 = -62_135_596_800;
const LAST: i64 = 95_617_583_999;

impl Cron {
    pub(super) fn parse(expression: &str) -> Result<Self, BuildError> {
        let refuse = |expected: String| BuildError::setting("cron", expression, expected);
        let fields: Vec<&str> = expression.split_whitespace().collect();
        if !(6..=7).contains(&fields.len()) {
            return Err(refuse(format!(
                "6 or 7 fields, from seconds to years, found {}",
                fields.len()
            )));
        }
        let day = fields.get(3).copied().unwrap_or_default();
        let weekday = fields.get(5).copied().unwrap_or_default();
        if day == "?" && weekday == "?" {
            return Err(refuse("`?` in one of the two fields of days".to_owned()));
        }
        if !matches!(day, "?" | "*") && !matches!(weekday, "?" | "*") {
            return Err(refuse(format!(
                "`?` for the day of the month, `{day}`, or for the day of the week, `{weekday}`"
            )));
        }
        let mut read = Vec::new();
        for (field, text) in FIELDS.iter().zip(&fields) {
            read.push(field.read(text).map_err(refuse)?);
        }
        let is_hourly = read.get(2).is_some_and(|hours| hours == "*");
        let cron = CronParser::builder()
            .seconds(Seconds::Required)
            .alternative_weekdays(true)
            .build()
            .parse(&read.join(" "))
            .map_err(|error| refuse(format!("another expression: {error}")))?;
        Ok(Self { cron, is_hourly })
    }

    /// Whether it has a time in each hour of a day.
    pub(super) fn is_hourly(&self) -> bool {
        self.is_hourly
    }

    /// The first local time from `local` on that matches.
    pub(super) fn first_from(&self, local: i64) -> Option<i64> {
        if local > LAST {
            return None;
        }
        let start = Local(local.max(FIRST));
        let found = self.cron.find_next_occurrence(&start, true).ok()?;
        Some(found.0)
    }

    /// The last local time up to `local` that matches.
    pub(super) fn last_until(&self, local: i64) -> Option<i64> {
        if local < FIRST {
            return None;
        }
        let start = Local(local.min(LAST));
        let found = self.cron.find_previous_occurrence(&start, true).ok()?;
        Some(found.0)
    }
}

/// A local time, in seconds since the epoch as if the zone were UTC: none of them is left out, and
/// none comes twice.
#[derive(Debug, Clone, Copy)]
struct Local(i64);

impl Local {
    fn datetime(self) -> DateTime {
        Offset::UTC.to_datetime(Instant::from_second(self.0).unwrap_or_default())
    }
}

impl CronDateTime for Local {
    fn to_civil(&self) -> CivilDateTime {
        let at = self.datetime();
        let part = |part: i8| u32::from(part.unsigned_abs());
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(at.year().into(), part(at.month()), part(at.day())),
            CivilTime::from_parts_unchecked(part(at.hour()), part(at.minute()), part(at.second())),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        let weekday = self.datetime().weekday().to_sunday_zero_offset();
        Weekday::from_days_from_sunday(weekday.unsigned_abs().into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, CronError> {
        let date = DateTime::new(
            i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?,
            part(civil.month())?,
            part(civil.day())?,
            part(civil.hour())?,
            part(civil.minute())?,
            part(civil.second())?,
            0,
        )
        .and_then(|date| Offset::UTC.to_timestamp(date))
        .map_err(|_| CronError::InvalidDate)?;
        Ok(Resolution::Single(Self(date.as_second())))
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(seconds).map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> Ordering {
        self.0.cmp(&other.0)
    }
}

fn part(number: u32) -> Result<i8, CronError> {
    i8::try_from(number).map_err(|_| CronError::InvalidDate)
}
