//! The calendar behind the letters: what each item is at a moment.

use time::OffsetDateTime;

use super::letters::Item;
use super::letters::Number;
use super::letters::Offset;
use super::letters::OffsetForm;
use super::letters::Style;
use super::letters::Word;
use crate::layout::text::push_number;
use crate::layout::text::push_padded;
use crate::layout::text::write_fraction;
use crate::layout::zone::Zone;
use crate::sys::Timestamp;

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
const WEEKDAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const QUARTERS: [&str; 4] = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
/// The first and the last second that the calendar knows: years −9999 to 9999.
const FIRST: i64 = -377_705_116_800;
const LAST: i64 = 253_402_300_799;
/// The Julian day number of modified Julian day 0, as `time` counts.
const MODIFIED: i32 = 2_400_001;

/// A point in time in a zone.
#[derive(Debug)]
pub(super) struct Moment {
    stamp: Timestamp,
    offset: i32,
    /// Date and clock in the zone, as if they were UTC.
    local: OffsetDateTime,
}

impl Moment {
    pub(super) fn new(stamp: Timestamp, offset: i32) -> Self {
        let seconds = stamp.seconds.saturating_add(offset.into());
        let local = OffsetDateTime::from_unix_timestamp(seconds.clamp(FIRST, LAST));
        Self {
            stamp,
            offset,
            local: local.unwrap_or(OffsetDateTime::UNIX_EPOCH),
        }
    }

    /// Appends one item.
    pub(super) fn write(&self, item: &Item, zone: &Zone, out: &mut Vec<u8>) {
        match item {
            Item::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Item::Number(number, width) => push_padded(out, self.number(*number), *width),
            Item::TwoDigits(number) => push_padded(out, self.number(*number).abs() % 100, 2),
            Item::Word(word, style) => self.write_word(*word, *style, out),
            Item::Offset(offset) => self.write_offset(*offset, out),
            Item::ZoneId => out.extend_from_slice(zone.id().as_bytes()),
            Item::ZoneName => zone.with_abbreviation(self.stamp.seconds, |name| {
                out.extend_from_slice(name.as_bytes());
            }),
            Item::Fraction(digits) => {
                let start = out.len();
                out.resize(start + digits, b'0');
                if let Some(digits) = out.get_mut(start..) {
                    write_fraction(self.stamp.nanos, digits);
                }
            }
        }
    }

    fn number(&self, number: Number) -> i64 {
        let hour = self.hour();
        match number {
            Number::Day => self.local.day().into(),
            Number::DayOfYear => self.local.ordinal().into(),
            Number::HourOfHalf => (hour + 11) % 12 + 1,
            Number::HourOfHalfFromZero => hour % 12,
            Number::Hour => hour,
            Number::HourFromOne => (hour + 23) % 24 + 1,
            Number::MilliOfDay => self.second_of_day() * 1000 + self.millis(),
            Number::Minute => self.local.minute().into(),
            Number::ModifiedJulianDay => (self.local.to_julian_day() - MODIFIED).into(),
            Number::Month => self.month(),
            Number::NanoOfDay => self.second_of_day() * 1_000_000_000 + self.nanos(),
            Number::NanoOfSecond => self.nanos(),
            Number::Quarter => self.quarter(),
            Number::Second => self.local.second().into(),
            Number::UnixMillis => self.stamp.millis(),
            Number::UnixSeconds => self.stamp.seconds,
            Number::Week => self.week().1,
            // Counted from the Sunday before the first of the month.
            Number::WeekOfMonth => {
                let day = i64::from(self.local.day());
                let first = (self.weekday() - (day - 1)).rem_euclid(7);
                (day - 1 + first) / 7 + 1
            }
            Number::Weekday => self.weekday() + 1,
            Number::WeekdayInMonth => (i64::from(self.local.day()) - 1) % 7 + 1,
            Number::WeekYear => self.week().0,
            Number::Year => self.year(),
            Number::YearOfEra => match self.year() {
                year @ 1.. => year,
                before => 1 - before,
            },
        }
    }

    fn year(&self) -> i64 {
        self.local.year().into()
    }

    fn month(&self) -> i64 {
        u8::from(self.local.month()).into()
    }

    fn quarter(&self) -> i64 {
        (self.month() - 1) / 3 + 1
    }

    fn hour(&self) -> i64 {
        self.local.hour().into()
    }

    /// 0 is Sunday.
    fn weekday(&self) -> i64 {
        self.local.weekday().number_days_from_sunday().into()
    }

    fn nanos(&self) -> i64 {
        self.stamp.nanos.into()
    }

    fn millis(&self) -> i64 {
        self.nanos() / 1_000_000
    }

    fn second_of_day(&self) -> i64 {
        let (hour, minute, second) = self.local.to_hms();
        i64::from(hour) * 3600 + i64::from(minute) * 60 + i64::from(second)
    }

    /// Year and number of the week, as in the United States: weeks begin on Sunday, and the first
    /// is the one with the first of January.
    fn week(&self) -> (i64, i64) {
        let year = self.year();
        let day = i64::from(self.local.ordinal()) - 1;
        let days = i64::from(time::util::days_in_year(self.local.year()));
        // How far into its week the first of January is, this year and next.
        let first = (self.weekday() - day).rem_euclid(7);
        let next_first = (first + days).rem_euclid(7);
        if day >= days - next_first {
            return (year + 1, 1);
        }
        (year, (day + first) / 7 + 1)
    }

    fn write_word(&self, word: Word, style: Style, out: &mut Vec<u8>) {
        let nth = |names: &'static [&'static str], index: i64| {
            let index = usize::try_from(index).unwrap_or_default();
            names.get(index).copied().unwrap_or_default()
        };
        let full = match word {
            Word::Month => nth(&MONTHS, self.month() - 1),
            Word::Weekday => nth(&WEEKDAYS, self.weekday()),
            Word::HalfOfDay if self.hour() < 12 => "AM",
            Word::HalfOfDay => "PM",
            Word::Quarter => return self.write_quarter(style, out),
            Word::Era => match (self.year() > 0, style) {
                (true, Style::Short) => "AD",
                (false, Style::Short) => "BC",
                (true, _) => "Anno Domini",
                (false, _) => "Before Christ",
            },
        };
        let length = match style {
            Style::Full => full.len(),
            Style::Short => 3,
            Style::Narrow => 1,
        };
        out.extend_from_slice(full.as_bytes().get(..length).unwrap_or(full.as_bytes()));
    }

    fn write_quarter(&self, style: Style, out: &mut Vec<u8>) {
        let quarter = self.quarter();
        match style {
            Style::Full => {
                let index = usize::try_from(quarter - 1).unwrap_or_default();
                let name = QUARTERS.get(index).copied().unwrap_or_default();
                out.extend_from_slice(name.as_bytes());
            }
            Style::Short => {
                out.push(b'Q');
                push_number(out, quarter);
            }
            Style::Narrow => push_number(out, quarter),
        }
    }

    fn write_offset(&self, offset: Offset, out: &mut Vec<u8>) {
        if self.offset == 0 && offset.has_z {
            out.push(b'Z');
            return;
        }
        let is_gmt = matches!(offset.form, OffsetForm::ShortGmt | OffsetForm::LongGmt);
        if is_gmt {
            out.extend_from_slice(b"GMT");
            if self.offset == 0 {
                return;
            }
        }
        out.push(if self.offset < 0 { b'-' } else { b'+' });
        let total = i64::from(self.offset).abs();
        let (hours, minutes, seconds) = (total / 3600, total / 60 % 60, total % 60);
        let (hour_width, has_colon) = match offset.form {
            OffsetForm::ShortGmt => (1, true),
            OffsetForm::LongGmt => (2, true),
            OffsetForm::HourAndMaybeMinute => (2, false),
            OffsetForm::Full { has_colon, .. } => (2, has_colon),
        };
        let has_seconds = seconds != 0
            && match offset.form {
                OffsetForm::HourAndMaybeMinute => false,
                OffsetForm::Full { has_seconds, .. } => has_seconds,
                OffsetForm::ShortGmt | OffsetForm::LongGmt => true,
            };
        let has_minutes = match offset.form {
            OffsetForm::HourAndMaybeMinute => minutes != 0,
            OffsetForm::ShortGmt => minutes != 0 || has_seconds,
            OffsetForm::Full { .. } | OffsetForm::LongGmt => true,
        };
        push_padded(out, hours, hour_width);
        for (part, is_shown) in [(minutes, has_minutes), (seconds, has_seconds)] {
            if is_shown {
                if has_colon {
                    out.push(b':');
                }
                push_padded(out, part, 2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::date::letters::compile;

    fn text(pattern: &str, seconds: i64, offset: i32) -> String {
        let stamp = Timestamp { seconds, nanos: 0 };
        let moment = Moment::new(stamp, offset);
        let mut out = Vec::new();
        for item in compile(pattern).unwrap() {
            moment.write(&item, &Zone::utc(), &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_ends_of_the_calendar_are_those_of_the_library() {
        assert!(OffsetDateTime::from_unix_timestamp(FIRST).is_ok());
        assert!(OffsetDateTime::from_unix_timestamp(FIRST - 1).is_err());
        assert!(OffsetDateTime::from_unix_timestamp(LAST).is_ok());
        assert!(OffsetDateTime::from_unix_timestamp(LAST + 1).is_err());
    }

    #[test]
    fn weeks_begin_on_sunday_and_the_first_has_new_year_in_it() {
        // 2018-12-31, 2019-01-01, 2020-12-27, 2021-01-03, 2016-12-31.
        let weeks = "YYYY w W e";
        assert_eq!(text(weeks, 1_546_257_600, 0), "2019 1 6 2");
        assert_eq!(text(weeks, 1_546_300_800, 0), "2019 1 1 3");
        assert_eq!(text(weeks, 1_609_070_400, 0), "2021 1 5 1");
        assert_eq!(text(weeks, 1_609_675_200, 0), "2021 2 2 1");
        assert_eq!(text(weeks, 1_483_142_400, 0), "2016 53 5 7");
    }

    #[test]
    fn offsets_have_as_many_parts_as_the_letters_ask_for() {
        let all = "X XX XXX XXXX XXXXX x Z ZZZZ ZZZZZ O OOOO";
        assert_eq!(text(all, 0, 0), "Z Z Z Z Z +00 +0000 GMT Z GMT GMT");
        assert_eq!(
            text(all, 0, -12_600),
            "-0330 -0330 -03:30 -0330 -03:30 -0330 -0330 GMT-03:30 -03:30 GMT-3:30 GMT-03:30"
        );
        assert_eq!(
            text(all, 0, 3_661),
            "+0101 +0101 +01:01 +010101 +01:01:01 +0101 +0101 GMT+01:01:01 +01:01:01 \
             GMT+1:01:01 GMT+01:01:01"
        );
    }

    #[test]
    fn hours_have_four_countings() {
        assert_eq!(text("H k K h a", 0, 0), "0 24 0 12 AM");
        assert_eq!(text("H k K h a", 12 * 3600, 0), "12 12 0 12 PM");
        assert_eq!(text("H k K h a", 23 * 3600, 0), "23 23 11 11 PM");
    }

    #[test]
    fn years_before_christ_are_counted_backwards() {
        // The 15th of March of the year 44 before Christ is in the year −43.
        assert_eq!(text("y u yy G", -63_517_953_600, 0), "44 -43 44 BC");
    }
}
