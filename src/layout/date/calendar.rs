//! The calendar: the day and the week that a number of days from the epoch is.

/// A day of the Gregorian calendar, which goes on for ever in both directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Date {
    /// Days since the epoch.
    pub(super) number: i64,
    /// 0 is the year before the first.
    pub(super) year: i64,
    /// 1 to 12.
    pub(super) month: i64,
    /// 1 to 31.
    pub(super) day: i64,
    /// 1 to 366.
    pub(super) day_of_year: i64,
}

/// How weeks are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Weeks {
    /// The day that a week begins with; 0 is Monday.
    pub(super) first: i64,
    /// The fewest days of a year, or of a month, that its first week has.
    pub(super) fewest: i64,
}

/// After so many days the calendar begins anew.
const DAYS_OF_CYCLE: i64 = 146_097;
const YEARS_OF_CYCLE: i64 = 400;
/// The Julian day number of the epoch, as the crate `time` counts.
const EPOCH: i64 = 2_440_588;

impl Date {
    pub(super) fn new(number: i64) -> Self {
        // The calendar of the crate ends with four digits, but any 400 years stand for all.
        let (cycle, day) = (
            number.div_euclid(DAYS_OF_CYCLE),
            number.rem_euclid(DAYS_OF_CYCLE),
        );
        let date = i32::try_from(EPOCH + day).map(time::Date::from_julian_day);
        let date = date.map_or(time::Date::MIN, |date| date.unwrap_or(time::Date::MIN));
        Self {
            number,
            year: i64::from(date.year()) + YEARS_OF_CYCLE * cycle,
            month: u8::from(date.month()).into(),
            day: date.day().into(),
            day_of_year: date.ordinal().into(),
        }
    }

    /// 0 is Monday. The epoch was a Thursday.
    pub(super) fn weekday(&self) -> i64 {
        (self.number + 3).rem_euclid(7)
    }
}

fn days_of_year(year: i64) -> i64 {
    let year = i32::try_from(year.rem_euclid(YEARS_OF_CYCLE)).unwrap_or_default();
    time::util::days_in_year(year).into()
}

impl Weeks {
    /// 1 is the first day of the week.
    pub(super) fn weekday(self, date: &Date) -> i64 {
        (date.weekday() - self.first).rem_euclid(7) + 1
    }

    /// Which week of its month a day is in; 0 is before the first.
    pub(super) fn of_month(self, date: &Date) -> i64 {
        self.week(date.day, self.weekday(date))
    }

    /// The year that a day's week belongs to, and the number of the week in it.
    pub(super) fn of_year(self, date: &Date) -> (i64, i64) {
        let weekday = self.weekday(date);
        let week = self.week(date.day_of_year, weekday);
        if week == 0 {
            // Thus the last of the year before, whose days are counted on.
            let before = date.year - 1;
            let day = date.day_of_year + days_of_year(before);
            return (before, self.week(day, weekday));
        }
        // The days of the next year that this week has.
        let rest = days_of_year(date.year) - date.day_of_year;
        let next = 7 - weekday - rest;
        if next >= self.fewest {
            return (date.year + 1, 1);
        }
        (date.year, week)
    }

    /// The week of a day, counted from 1 in its month or year, that is so far into its week.
    fn week(self, day: i64, weekday: i64) -> i64 {
        // How many days the week has that the month or year begins in, unless it begins with a week.
        let first = (day - weekday).rem_euclid(7);
        (day + 6 - first) / 7 + i64::from(first >= self.fewest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUNDAY: Weeks = Weeks {
        first: 6,
        fewest: 1,
    };
    const ISO: Weeks = Weeks {
        first: 0,
        fewest: 4,
    };

    #[test]
    fn any_400_years_stand_for_all() {
        let mut date = time::Date::MIN;
        let epoch = i64::from(time::OffsetDateTime::UNIX_EPOCH.date().to_julian_day());
        while let Some(next) = date.next_day() {
            let day = Date::new(i64::from(date.to_julian_day()) - epoch);
            let month: u8 = date.month().into();
            assert_eq!(
                (day.year, day.month, day.day, day.day_of_year, day.weekday()),
                (
                    date.year().into(),
                    month.into(),
                    date.day().into(),
                    date.ordinal().into(),
                    date.weekday().number_days_from_monday().into()
                ),
                "{date}"
            );
            date = next;
        }
    }

    #[test]
    fn weeks_are_those_of_another_calendar() {
        let mut number = -800_000;
        while number < 800_000 {
            let day = Date::new(number);
            let date = time::Date::from_julian_day(i32::try_from(number).unwrap() + 2_440_588);
            let (year, week, weekday) = date.unwrap().to_iso_week_date();
            let expected = (i64::from(year), i64::from(week));
            assert_eq!(ISO.of_year(&day), expected, "{day:?}");
            assert_eq!(ISO.weekday(&day), i64::from(weekday.number_from_monday()));
            number += 1;
        }
    }

    #[test]
    fn weeks_of_a_month_may_begin_with_none() {
        // 2023-10-01 was a Sunday.
        let day = Date::new(19_631);
        assert_eq!((day.year, day.month, day.day), (2023, 10, 1));
        assert_eq!((ISO.of_month(&day), SUNDAY.of_month(&day)), (0, 1));
        let next = Date::new(19_632);
        assert_eq!((ISO.of_month(&next), SUNDAY.of_month(&next)), (1, 1));
    }

    #[test]
    fn a_calendar_goes_on_beyond_four_digits() {
        let day = Date::new(3_789_755);
        assert_eq!((day.year, day.month, day.day), (12_345, 12, 31));
        let day = Date::new(-735_000);
        assert_eq!((day.year, day.month, day.day), (-43, 8, 22));
    }
}
