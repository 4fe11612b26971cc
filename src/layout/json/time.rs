//! Timestamps: RFC 3339 in UTC, its text to the second kept for each thread, and seconds since the epoch.

use std::cell::Cell;

use crate::layout::text::push_number;
use crate::layout::text::push_padded;
use crate::layout::text::write_fraction;
use crate::sys::Timestamp;

/// The first second of the year 0 and the last one of the year 9999: RFC 3339 knows no others.
const FIRST: i64 = -62_167_219_200;
const LAST: i64 = 253_402_300_799;
/// The length of `2012-11-02T14:34:02`.
const SECONDS: usize = 19;
/// The most digits after the point.
const LONGEST: usize = 6;

/// A second and its text.
#[derive(Clone, Copy)]
struct Kept {
    second: i64,
    text: [u8; SECONDS],
}

thread_local! {
    static KEPT: Cell<Kept> = const {
        Cell::new(Kept { second: 0, text: *b"1970-01-01T00:00:00" })
    };
}

/// Appends `stamp` with `DIGITS` digits after the point; what no four digits of a year can say is
/// moved to the nearest moment that they can.
#[inline]
pub(super) fn push_date<const DIGITS: usize>(out: &mut Vec<u8>, stamp: Timestamp) {
    let stamp = if (FIRST..=LAST).contains(&stamp.seconds) {
        stamp
    } else {
        nearest(stamp.seconds)
    };
    let mut kept = KEPT.get();
    if kept.second != stamp.seconds {
        kept = renew(stamp.seconds);
    }
    // All of it as one piece of a length that the compiler knows.
    let mut text = [b'Z'; SECONDS + 1 + LONGEST + 1];
    let mut fraction = [0; DIGITS];
    write_fraction(stamp.nanos, &mut fraction);
    let (seconds, rest) = text.split_at_mut(SECONDS);
    seconds.copy_from_slice(&kept.text);
    if let Some((point, rest)) = rest.split_first_mut() {
        *point = b'.';
        if let Some(place) = rest.first_chunk_mut() {
            *place = fraction;
        }
    }
    out.extend_from_slice(&text);
    out.truncate(out.len() - (LONGEST - DIGITS));
}

#[cold]
fn nearest(seconds: i64) -> Timestamp {
    if seconds < 0 {
        Timestamp {
            seconds: FIRST,
            nanos: 0,
        }
    } else {
        Timestamp {
            seconds: LAST,
            nanos: 999_999_999,
        }
    }
}

#[cold]
fn renew(second: i64) -> Kept {
    let mut kept = Kept {
        second,
        text: *b"0000-00-00T00:00:00",
    };
    let (year, month, day) = date(second.div_euclid(86_400));
    let of_day = second.rem_euclid(86_400);
    let (hour, minute) = (of_day / 3600, of_day / 60 % 60);
    let parts = [
        (0, 4, year),
        (5, 2, month),
        (8, 2, day),
        (11, 2, hour),
        (14, 2, minute),
        (17, 2, of_day % 60),
    ];
    for (at, length, number) in parts {
        let mut rest = number;
        for digit in kept.text.iter_mut().skip(at).take(length).rev() {
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
            rest /= 10;
        }
    }
    KEPT.set(kept);
    kept
}

/// Year, month and day of the Gregorian calendar, `days` after 1970-01-01.
///
/// It counts in years that begin in March, so that a leap day is the last one of its year, and in
/// eras of 400 of them, which all have the same length.
fn date(days: i64) -> (i64, i64, i64) {
    const DAYS_OF_ERA: i64 = 146_097;
    // From 0000-03-01, where an era begins.
    let days = days + 719_468;
    let era = days.div_euclid(DAYS_OF_ERA);
    let of_era = days.rem_euclid(DAYS_OF_ERA);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    // Five months from March or August on have 153 days.
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = (from_march + 2) % 12 + 1;
    let year = 400 * era + year + i64::from(month <= 2);
    (year, month, day)
}

/// Appends `stamp` in seconds since the epoch, with milliseconds.
#[inline]
pub(super) fn push_epoch(out: &mut Vec<u8>, stamp: Timestamp) {
    let millis = stamp.millis();
    if millis < 0 {
        out.push(b'-');
    }
    let millis = millis.unsigned_abs();
    push_number(out, millis / 1000);
    out.push(b'.');
    // Below a thousand.
    push_padded(out, (millis % 1000).cast_signed(), 3);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamp(seconds: i64, nanos: u32) -> Timestamp {
        Timestamp { seconds, nanos }
    }

    fn date_text<const DIGITS: usize>(seconds: i64, nanos: u32) -> String {
        let mut out = Vec::new();
        push_date::<DIGITS>(&mut out, stamp(seconds, nanos));
        String::from_utf8(out).unwrap()
    }

    fn epoch_text(seconds: i64, nanos: u32) -> String {
        let mut out = Vec::new();
        push_epoch(&mut out, stamp(seconds, nanos));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn dates_are_those_of_another_calendar() {
        // Days that are far apart by a prime, and their neighbours by a second.
        for day in (FIRST / 86_400..LAST / 86_400).step_by(97) {
            for second in [day * 86_400, day * 86_400 + 86_399] {
                let other = time::OffsetDateTime::from_unix_timestamp(second).unwrap();
                let (year, month, day) = other.to_calendar_date();
                let (hour, minute, second_of) = other.to_hms();
                let expected = format!(
                    "{year:04}-{:02}-{day:02}T{hour:02}:{minute:02}:{second_of:02}.007Z",
                    u8::from(month)
                );
                assert_eq!(date_text::<3>(second, 7_999_999), expected);
            }
        }
    }

    #[test]
    fn the_first_second_is_kept_from_the_start() {
        assert_eq!(date_text::<6>(0, 1_234), "1970-01-01T00:00:00.000001Z");
    }

    #[test]
    fn years_without_four_digits_become_the_nearest_that_have() {
        for (seconds, expected) in [
            (i64::MIN, "0000-01-01T00:00:00.000Z"),
            (FIRST - 1, "0000-01-01T00:00:00.000Z"),
            (LAST + 1, "9999-12-31T23:59:59.999Z"),
            (i64::MAX, "9999-12-31T23:59:59.999Z"),
        ] {
            assert_eq!(date_text::<3>(seconds, 5), expected);
        }
    }

    #[test]
    fn seconds_since_the_epoch_have_a_sign_and_milliseconds() {
        assert_eq!(epoch_text(1_385_053_862, 307_299_999), "1385053862.307");
        assert_eq!(epoch_text(0, 5_000_000), "0.005");
        assert_eq!(epoch_text(-2, 500_000_000), "-1.500");
    }
}
