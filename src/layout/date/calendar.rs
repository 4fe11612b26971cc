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

/// Days of 400 years, and of parts of them.
const DAYS_OF_CYCLE: i64 = 146_097;
const DAYS_OF_CENTURY: i64 = 36_524;
const DAYS_OF_FOUR_YEARS: i64 = 1_460;
/// The first of March of the year 0, from which days are counted here: a leap day is a year's last.
const MARCH_0: i64 = -719_468;
/// From the first of March to the first of January.
const MARCH_TO_JANUARY: i64 = 306;

impl Date {
    pub(super) fn new(number: i64) -> Self {
        let days = number - MARCH_0;
        let (cycle, day) = (
            days.div_euclid(DAYS_OF_CYCLE),
            days.rem_euclid(DAYS_OF_CYCLE),
        );
        // Without its leap days, each year has 365.
        let leap_days =
            day / DAYS_OF_FOUR_YEARS - day / DAYS_OF_CENTURY + day / (DAYS_OF_CYCLE - 1);
        let year = (day - leap_days) / 365;
        let day_of_year = day - (365 * year + year / 4 - year / 100);
        // Months since March; five of them have 153 days.
        let month = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month + 2) / 5 + 1;
        let is_next_year = month >= 10;
        let year = year + 400 * cycle + i64::from(is_next_year);
        Self {
            number,
            year,
            month: if is_next_year { month - 9 } else { month + 3 },
            day,
            day_of_year: if is_next_year {
                day_of_year - MARCH_TO_JANUARY + 1
            } else {
                day_of_year + 60 + i64::from(is_leap(year))
            },
        }
    }

    /// 0 is Monday. The epoch was a Thursday.
    pub(super) fn weekday(&self) -> i64 {
        (self.number + 3).rem_euclid(7)
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_of_year(year: i64) -> i64 {
    365 + i64::from(is_leap(year))
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

    /// Another calendar, day by day.
    #[test]
    fn days_are_those_of_another_calendar() {
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
