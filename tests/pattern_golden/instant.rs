//! The times of golden rows.

use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

/// Reads a time in UTC. Years of any length and sign, which calendars of Rust do not read.
pub(crate) fn instant(text: &str) -> SystemTime {
    let (date, clock) = text.trim_end_matches('Z').split_once('T').unwrap();
    let mut date = date.rsplitn(3, '-');
    let mut part = || date.next().unwrap().parse::<i64>().unwrap();
    let (day, month, year) = (part(), part(), part());
    // Days since the epoch, in years that begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100
        + day_of_year
        - 719_468;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let clock: Vec<i64> = clock.split(':').map(|part| part.parse().unwrap()).collect();
    let seconds = days * 86_400 + clock[0] * 3_600 + clock[1] * 60 + clock[2];
    let nanos = Duration::from_nanos(format!("{fraction:0<9}").parse().unwrap());
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base = if seconds < 0 {
        UNIX_EPOCH - whole
    } else {
        UNIX_EPOCH + whole
    };
    base + nanos
}
