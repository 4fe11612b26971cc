//! The calendar behind the letters: what each item is at a moment.

use super::calendar::Date;
use super::letters::Item;
use super::letters::Number;
use super::letters::Offset;
use super::letters::OffsetForm;
use super::locale::Locale;
use crate::layout::text::push_padded;
use crate::layout::text::write_fraction;
use crate::layout::zone::Zone;
use crate::layout::zone::ZoneName;
use crate::sys::Timestamp;

/// The first and the last second of Java's calendar: years −999,999,999 to 999,999,999.
const FIRST: i64 = -31_557_014_135_596_800;
const LAST: i64 = 31_556_889_832_780_799;
/// Days from modified Julian day 0 to the epoch.
const MODIFIED: i64 = 40_587;
const SECONDS_OF_DAY: i64 = 86_400;
/// From this many digits on a year that has more is written with a sign.
const SIGNED_WIDTH: usize = 4;

/// A point in time in a zone.
#[derive(Debug)]
pub(super) struct Moment {
    stamp: Timestamp,
    offset: i32,
    /// The date in the zone.
    date: Date,
    /// The seconds since that day began.
    second: i64,
}

impl Moment {
    pub(super) fn new(stamp: Timestamp, offset: i32) -> Self {
        let seconds = stamp.seconds.saturating_add(offset.into());
        let seconds = seconds.clamp(FIRST, LAST);
        Self {
            stamp,
            offset,
            date: Date::new(seconds.div_euclid(SECONDS_OF_DAY)),
            second: seconds.rem_euclid(SECONDS_OF_DAY),
        }
    }

    /// Appends one item.
    pub(super) fn write(&self, item: &Item, zone: &Zone, locale: &Locale, out: &mut Vec<u8>) {
        match item {
            Item::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Item::Number(number, width) => {
                let value = self.number(*number, locale);
                if number.is_year() && *width >= SIGNED_WIDTH && has_more_digits(value, *width) {
                    out.push(b'+');
                }
                push_padded(out, value, *width);
            }
            Item::TwoDigits(number) => {
                push_padded(out, self.number(*number, locale).abs() % 100, 2);
            }
            Item::Word(word, style) => {
                let at = (&self.date, self.hour(), self.minute());
                locale.english.write(*word, *style, at, out);
            }
            Item::Offset(offset) => write_offset(*offset, self.offset, out),
            Item::ZoneId => out.extend_from_slice(zone.id().as_bytes()),
            Item::ZoneName(form) => {
                match zone.name(*form, self.stamp.seconds, locale.is_in_north_america) {
                    ZoneName::Text(name) => out.extend_from_slice(name.as_bytes()),
                    ZoneName::Offset(seconds) => write_offset(Offset::LONG_GMT, seconds, out),
                }
            }
            Item::Fraction(digits) => {
                let start = out.len();
                out.resize(start + digits, b'0');
                if let Some(digits) = out.get_mut(start..) {
                    write_fraction(self.stamp.nanos, digits);
                }
            }
        }
    }

    fn number(&self, number: Number, locale: &Locale) -> i64 {
        let hour = self.hour();
        let date = &self.date;
        match number {
            Number::Day => date.day,
            Number::DayOfYear => date.day_of_year,
            Number::HourOfHalf => (hour + 11) % 12 + 1,
            Number::HourOfHalfFromZero => hour % 12,
            Number::Hour => hour,
            Number::HourFromOne => (hour + 23) % 24 + 1,
            Number::MilliOfDay => self.second * 1000 + self.nanos() / 1_000_000,
            Number::Minute => self.minute(),
            Number::ModifiedJulianDay => date.number + MODIFIED,
            Number::Month => date.month,
            Number::NanoOfDay => self.second * 1_000_000_000 + self.nanos(),
            Number::NanoOfSecond => self.nanos(),
            Number::Quarter => (date.month - 1) / 3 + 1,
            Number::Second => self.second % 60,
            Number::UnixMillis => self.stamp.millis(),
            Number::UnixSeconds => self.stamp.seconds,
            Number::Week => locale.weeks.of_year(date).1,
            Number::WeekOfMonth => locale.weeks.of_month(date),
            Number::Weekday => locale.weeks.weekday(date),
            Number::WeekdayInMonth => (date.day - 1) % 7 + 1,
            Number::WeekYear => locale.weeks.of_year(date).0,
            Number::Year => date.year,
            Number::YearOfEra if date.year > 0 => date.year,
            Number::YearOfEra => 1 - date.year,
        }
    }

    fn hour(&self) -> i64 {
        self.second / 3600
    }

    fn minute(&self) -> i64 {
        self.second / 60 % 60
    }

    fn nanos(&self) -> i64 {
        self.stamp.nanos.into()
    }
}

/// Whether a number above zero has more digits than `width`.
fn has_more_digits(value: i64, width: usize) -> bool {
    let width = u32::try_from(width).unwrap_or(u32::MAX);
    10_i64.checked_pow(width).is_some_and(|end| value >= end)
}

fn write_offset(offset: Offset, seconds_east: i32, out: &mut Vec<u8>) {
    if seconds_east == 0 && offset.has_z {
        out.push(b'Z');
        return;
    }
    let is_gmt = matches!(offset.form, OffsetForm::ShortGmt | OffsetForm::LongGmt);
    if is_gmt {
        out.extend_from_slice(b"GMT");
        if seconds_east == 0 {
            return;
        }
    }
    out.push(if seconds_east < 0 { b'-' } else { b'+' });
    let total = i64::from(seconds_east).abs();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::date::letters::compile;

    fn text_in(pattern: &str, seconds: i64, locale: &str) -> String {
        let stamp = Timestamp { seconds, nanos: 0 };
        let mut out = Vec::new();
        for item in compile(pattern).unwrap() {
            let locale = Locale::read(locale).locale;
            Moment::new(stamp, 0).write(&item, &Zone::utc(), &locale, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    fn text(pattern: &str, seconds: i64, offset: i32) -> String {
        let stamp = Timestamp { seconds, nanos: 0 };
        let moment = Moment::new(stamp, offset);
        let mut out = Vec::new();
        for item in compile(pattern).unwrap() {
            moment.write(&item, &Zone::utc(), &Locale::AMERICAN, &mut out);
        }
        String::from_utf8(out).unwrap()
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
        assert_eq!(
            text("yyyy uuuu uuuuuu", -63_517_953_600, 0),
            "0044 -0043 -000043"
        );
    }

    #[test]
    fn years_of_more_digits_than_asked_for_have_a_sign() {
        // The 7th of June 12345.
        let all = "y yyy yyyy yyyyy u uuuu YYYY yy";
        assert_eq!(
            text(all, 327_419_280_000, 0),
            "12345 12345 +12345 12345 12345 +12345 +12345 45"
        );
    }

    #[test]
    fn weeks_are_counted_as_the_region_does() {
        // 2018-12-31, a Monday.
        let weeks = "YYYY w W e";
        assert_eq!(text_in(weeks, 1_546_257_600, "en-US"), "2019 1 6 2");
        assert_eq!(text_in(weeks, 1_546_257_600, "de-DE"), "2019 1 5 1");
        assert_eq!(text_in(weeks, 1_546_257_600, "de"), "2019 1 6 2");
        assert_eq!(text_in(weeks, 1_546_257_600, "ar-EG"), "2019 1 5 3");
        // 2021-01-03, a Sunday.
        assert_eq!(text_in(weeks, 1_609_675_200, "en-GB"), "2020 53 0 7");
    }

    #[test]
    fn a_day_has_parts_to_the_minute() {
        assert_eq!(text("B", 59, 0), "midnight");
        assert_eq!(text("B", 60, 0), "at night");
        assert_eq!(text("B BBBBB", 43_259, 0), "noon n");
        assert_eq!(text("BBBB", 43_260, 0), "in the afternoon");
    }

    #[test]
    fn seconds_before_the_epoch_are_seconds_of_a_minute() {
        assert_eq!(text("yyyy-MM-dd HH:mm:ss", -2, 0), "1969-12-31 23:59:58");
    }

    #[test]
    fn any_time_is_a_date() {
        let ends = "y-MM-dd HH:mm:ss G g";
        assert_eq!(
            text(ends, i64::MAX, 0),
            "999999999-12-31 23:59:59 AD 365241821058"
        );
        assert_eq!(
            text(ends, i64::MIN, 0),
            "1000000000-01-01 00:00:00 BC -365243178575"
        );
    }
}
