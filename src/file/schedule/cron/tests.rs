//! Expressions as Quartz documents them, in several zones.

use std::time::Duration;
use std::time::Instant as Clock;

use jiff::tz::TimeZone;

use crate::error::BuildError;
use crate::file::schedule::Every;
use crate::file::schedule::Schedule;
use crate::layout::FileZone;
use crate::sys::Timestamp;

fn schedule(expression: &str, zone: &str) -> Result<Schedule, BuildError> {
    let zone = FileZone::named(zone).unwrap();
    Schedule::new(&Every::Cron(expression.to_owned()), &zone)
}

fn instant(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap();
    Timestamp {
        seconds: instant.as_second(),
        nanos: 0,
    }
}

/// The moments after `from`; fewer where there are no more.
fn moments(expression: &str, zone: &str, from: &str, count: usize) -> Vec<String> {
    let schedule = schedule(expression, zone).unwrap();
    let rules = TimeZone::get(zone).unwrap();
    let mut time = instant(from);
    let mut found = Vec::new();
    while found.len() < count
        && let Some(next) = schedule.next_after(time)
    {
        assert!(next > time);
        assert_eq!(schedule.start_of(next), next);
        let before = Timestamp {
            seconds: next.seconds - 1,
            nanos: 999_999_999,
        };
        assert_eq!(schedule.next_after(before), Some(next));
        assert!(schedule.start_of(before) <= before);
        let shown = jiff::Timestamp::from_second(next.seconds).unwrap();
        let shown = shown.to_zoned_datetime(rules.clone());
        found.push(shown.strftime("%a %F %T%:z").to_string());
        time = next;
    }
    found
}

#[track_caller]
fn check(expression: &str, zone: &str, from: &str, expected: &[&str]) {
    let found = moments(expression, zone, from, expected.len());
    assert_eq!(found, expected, "{expression}");
}

/// From Monday, 1 July 2024, in UTC.
#[track_caller]
fn in_july(expression: &str, expected: &[&str]) {
    let found = moments(expression, "UTC", "2024-06-30T23:59:59Z", expected.len());
    let found: Vec<&str> = found.iter().map(|text| &text[..19 + 4]).collect();
    assert_eq!(found, expected, "{expression}");
}

#[test]
fn sunday_is_the_first_day_of_the_week() {
    let sundays = ["Sun 2024-07-07 00:00:00", "Sun 2024-07-14 00:00:00"];
    in_july("0 0 0 ? * 1", &sundays);
    in_july("0 0 0 ? * SUN", &sundays);
    in_july("0 0 0 ? * sun *", &sundays);
    in_july("0 0 0 ? * 7", &["Sat 2024-07-06 00:00:00"]);
    let week = [
        "Mon 2024-07-01 00:00:00",
        "Tue 2024-07-02 00:00:00",
        "Wed 2024-07-03 00:00:00",
        "Thu 2024-07-04 00:00:00",
        "Fri 2024-07-05 00:00:00",
        "Mon 2024-07-08 00:00:00",
    ];
    in_july("0 0 0 ? * 2-6", &week);
    in_july("0 0 0 ? * MON-FRI", &week);
    in_july("0 0 0 ? * 2,3,4,5,FRI", &week);
    in_july(
        "0 0 0 ? * FRI-MON",
        &[
            "Mon 2024-07-01 00:00:00",
            "Fri 2024-07-05 00:00:00",
            "Sat 2024-07-06 00:00:00",
            "Sun 2024-07-07 00:00:00",
            "Mon 2024-07-08 00:00:00",
        ],
    );
    in_july(
        "0 0 0 ? * */3",
        &[
            "Wed 2024-07-03 00:00:00",
            "Sat 2024-07-06 00:00:00",
            "Sun 2024-07-07 00:00:00",
        ],
    );
    for bad in ["0 0 0 ? * 0", "0 0 0 ? * 8"] {
        assert!(schedule(bad, "UTC").is_err(), "{bad}");
    }
}

#[test]
fn the_last_the_nearest_and_the_nth_day() {
    in_july(
        "0 0 0 L * ?",
        &[
            "Wed 2024-07-31 00:00:00",
            "Sat 2024-08-31 00:00:00",
            "Mon 2024-09-30 00:00:00",
        ],
    );
    in_july(
        "0 0 0 LW * ?",
        &["Wed 2024-07-31 00:00:00", "Fri 2024-08-30 00:00:00"],
    );
    // Of the week, `L` by itself is Saturday.
    in_july(
        "0 0 0 ? * L",
        &["Sat 2024-07-06 00:00:00", "Sat 2024-07-13 00:00:00"],
    );
    in_july(
        "0 0 0 ? * 6L",
        &["Fri 2024-07-26 00:00:00", "Fri 2024-08-30 00:00:00"],
    );
    in_july("0 0 0 ? * FRIL", &["Fri 2024-07-26 00:00:00"]);
    in_july(
        "0 0 0 ? * 6#3",
        &["Fri 2024-07-19 00:00:00", "Fri 2024-08-16 00:00:00"],
    );
    in_july(
        "0 0 0 ? * MON#5",
        &["Mon 2024-07-29 00:00:00", "Mon 2024-09-30 00:00:00"],
    );
    // 15 September is a Sunday, 15 June 2024 a Saturday, 1 June 2024 one, too.
    in_july(
        "0 0 0 15W * ?",
        &[
            "Mon 2024-07-15 00:00:00",
            "Thu 2024-08-15 00:00:00",
            "Mon 2024-09-16 00:00:00",
        ],
    );
    check(
        "0 0 0 1W,15W 6 ?",
        "UTC",
        "2024-05-01T00:00:00Z",
        &[
            "Mon 2024-06-03 00:00:00+00:00",
            "Fri 2024-06-14 00:00:00+00:00",
        ],
    );
}

#[test]
fn seconds_steps_months_and_years() {
    in_july(
        "30/15 59 23 1 JUL ? 2024",
        &["Mon 2024-07-01 23:59:30", "Mon 2024-07-01 23:59:45"],
    );
    in_july(
        "0 0/20 22-0 * * ?",
        &[
            "Mon 2024-07-01 00:00:00",
            "Mon 2024-07-01 00:20:00",
            "Mon 2024-07-01 00:40:00",
            "Mon 2024-07-01 22:00:00",
        ],
    );
    in_july(
        "0 0 12 1 jan,AUG-SEP ?",
        &[
            "Thu 2024-08-01 12:00:00",
            "Sun 2024-09-01 12:00:00",
            "Wed 2025-01-01 12:00:00",
        ],
    );
    in_july(
        "0 0 0 1 1 ? 2024/4",
        &["Sat 2028-01-01 00:00:00", "Thu 2032-01-01 00:00:00"],
    );
    in_july(
        "* * * * * *",
        &["Mon 2024-07-01 00:00:00", "Mon 2024-07-01 00:00:01"],
    );
    let expression = "0 0 0 1 1 ? 2024-2026";
    let all = moments(expression, "UTC", "2024-06-30T00:00:00Z", 9);
    assert_eq!(all.len(), 2, "{all:?}");
}

#[test]
fn an_expression_may_never_come_again() {
    for expression in ["0 0 0 1 1 ? 2020", "0 0 0 30 2 ?", "* * * 31 4,6 ?"] {
        let began = Clock::now();
        let schedule = schedule(expression, "Europe/Berlin").unwrap();
        let now = instant("2026-07-01T00:00:00Z");
        assert_eq!(schedule.next_after(now), None, "{expression}");
        let _start = schedule.start_of(now);
        assert!(began.elapsed() < Duration::from_secs(5), "{expression}");
    }
    let schedule = schedule("0 0 0 30 2 ?", "UTC").unwrap();
    let now = instant("2026-07-01T00:00:00Z");
    assert_eq!(schedule.start_of(now), now);
    let next = schedule.next_after(Timestamp {
        seconds: i64::MAX,
        nanos: 0,
    });
    assert_eq!(next, None);
}

#[test]
fn a_time_of_the_day_comes_once_when_clocks_jump() {
    // 02:30 is left out in March, and comes twice in October.
    let night = "0 30 2 * * ?";
    check(
        night,
        "Europe/Berlin",
        "2024-03-30T12:00:00Z",
        &[
            "Sun 2024-03-31 03:00:00+02:00",
            "Mon 2024-04-01 02:30:00+02:00",
        ],
    );
    check(
        night,
        "Europe/Berlin",
        "2024-10-26T12:00:00Z",
        &[
            "Sun 2024-10-27 02:30:00+02:00",
            "Mon 2024-10-28 02:30:00+01:00",
        ],
    );
    check(
        "0 0 0 * * ?",
        "America/Sao_Paulo",
        "2018-11-03T12:00:00Z",
        &[
            "Sun 2018-11-04 01:00:00-02:00",
            "Mon 2018-11-05 00:00:00-02:00",
        ],
    );
    check(
        "0 45 1 ? * SUN",
        "Australia/Lord_Howe",
        "2024-04-06T00:00:00Z",
        &[
            "Sun 2024-04-07 01:45:00+11:00",
            "Sun 2024-04-14 01:45:00+10:30",
        ],
    );
    check(
        "0 0 0 ? * 1",
        "America/New_York",
        "2024-11-02T12:00:00Z",
        &[
            "Sun 2024-11-03 00:00:00-04:00",
            "Sun 2024-11-10 00:00:00-05:00",
        ],
    );
}

#[test]
fn what_comes_every_hour_goes_on_through_the_jump() {
    check(
        "0 0 * * * ?",
        "America/New_York",
        "2024-11-03T04:30:00Z",
        &[
            "Sun 2024-11-03 01:00:00-04:00",
            "Sun 2024-11-03 01:00:00-05:00",
            "Sun 2024-11-03 02:00:00-05:00",
        ],
    );
    check(
        "0 30 * * * ?",
        "America/New_York",
        "2024-03-10T06:00:00Z",
        &[
            "Sun 2024-03-10 01:30:00-05:00",
            "Sun 2024-03-10 03:30:00-04:00",
        ],
    );
}

#[test]
fn a_bad_expression_is_an_error_that_names_the_field() {
    for (expression, expected) in [
        ("", "6 or 7 fields, from seconds to years, found 0"),
        ("0 0 * * *", "6 or 7 fields, from seconds to years, found 5"),
        ("0 0 0 ? * ?", "`?` in one of the two fields of days"),
        (
            "0 0 0 1 * MON",
            "`?` for the day of the month, `1`, or for the day of the week, `MON`",
        ),
        (
            "60 0 0 * * ?",
            "numbers from 0 to 59 in seconds, found `60`",
        ),
        (
            "0 -1 0 * * ?",
            "numbers from 0 to 59 in minutes, found `-1`",
        ),
        ("0 0 x * * ?", "numbers from 0 to 23 in hours, found `x`"),
        ("0 0 ? * * *", "numbers from 0 to 23 in hours, found `?`"),
        (
            "0 0 0 32 * ?",
            "numbers from 1 to 31 in the day of the month, found `32`",
        ),
        (
            "0 0 0 1,,2 * ?",
            "numbers from 1 to 31 in the day of the month, found ``",
        ),
        (
            "0 0 0 L-3 * ?",
            "a day from 1 to 31, `L` or `LW` in the day of the month, found `L-3`",
        ),
        (
            "0 0 0 1 MON ?",
            "numbers from 1 to 12 or `JAN` to `DEC` in the month, found `MON`",
        ),
        (
            "0 0 0 ? * 0",
            "numbers from 1 to 7 or `SUN` to `SAT` in the day of the week, found `0`",
        ),
        (
            "0 0 0 ? * 2#6",
            "a number from 1 to 5 behind `#` in the day of the week, found `2#6`",
        ),
        (
            "0 0/0 0 * * ?",
            "a step from 1 to 60 in minutes, found `0/0`",
        ),
        (
            "0 0 0 1 1 ? 1969",
            "numbers from 1970 to 4999 in years, found `1969`",
        ),
        ("@daily", "6 or 7 fields, from seconds to years, found 1"),
    ] {
        let error = schedule(expression, "UTC").unwrap_err();
        let text = format!("`cron` is `{expression}`, expected {expected}");
        assert_eq!(error.to_string(), text);
    }
}
