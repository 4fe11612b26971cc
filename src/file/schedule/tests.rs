//! Boundaries by hand, and what holds for all of them in every zone.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::layout::DateUnit;

fn zone(name: &str) -> FileZone {
    FileZone::named(name).unwrap()
}

fn schedule(period: Period, name: &str) -> Schedule {
    Schedule::new(&Every::Period(period), &zone(name)).unwrap()
}

fn at(text: &str) -> Timestamp {
    let instant: jiff::Timestamp = text.parse().unwrap();
    Timestamp {
        seconds: instant.as_second(),
        nanos: instant.subsec_nanosecond().unsigned_abs(),
    }
}

/// As clocks of the zone show it, with the offset.
fn shown(time: Timestamp, name: &str) -> String {
    let instant = jiff::Timestamp::from_second(time.seconds).unwrap();
    let zoned = instant.to_zoned_datetime(TimeZone::get(name).unwrap());
    zoned.strftime("%F %T%:z").to_string()
}

/// The boundaries after `from`, and that each is where its own period starts.
#[track_caller]
fn check(schedule: &Schedule, name: &str, from: &str, expected: &[&str]) {
    let mut time = at(from);
    let mut found = Vec::new();
    for _ in expected {
        let next = schedule.next_after(time).unwrap();
        assert_eq!(schedule.start_of(next), next);
        found.push(shown(next, name));
        time = next;
    }
    assert_eq!(found, expected, "{schedule:?}");
}

#[track_caller]
fn periods(period: Period, name: &str, from: &str, expected: &[&str]) {
    check(&schedule(period, name), name, from, expected);
}

#[test]
fn periods_are_aligned_with_the_calendar() {
    let from = "2024-02-28T13:17:43.5Z";
    for (period, next) in [
        (Period::MINUTELY, "2024-02-28 13:18:00+00:00"),
        (Period::minutes(15), "2024-02-28 13:30:00+00:00"),
        (Period::minutes(7), "2024-02-28 13:18:00+00:00"),
        (Period::HOURLY, "2024-02-28 14:00:00+00:00"),
        (Period::hours(5), "2024-02-28 15:00:00+00:00"),
        (Period::hours(48), "2024-02-29 00:00:00+00:00"),
        (Period::DAILY, "2024-02-29 00:00:00+00:00"),
        (Period::WEEKLY, "2024-03-04 00:00:00+00:00"),
        (Period::MONTHLY, "2024-03-01 00:00:00+00:00"),
        (Period::months(3), "2024-04-01 00:00:00+00:00"),
        (Period::months(12), "2025-01-01 00:00:00+00:00"),
    ] {
        periods(period, "UTC", from, &[next]);
    }
    // The last of a day ends with it.
    periods(
        Period::hours(5),
        "UTC",
        "2024-02-28T19:00:00Z",
        &[
            "2024-02-28 20:00:00+00:00",
            "2024-02-29 00:00:00+00:00",
            "2024-02-29 05:00:00+00:00",
        ],
    );
    periods(
        Period::weeks(2),
        "UTC",
        "1970-01-05T00:00:00Z",
        &["1970-01-19 00:00:00+00:00", "1970-02-02 00:00:00+00:00"],
    );
    periods(
        Period::days(3),
        "UTC",
        "1970-01-05T00:00:00Z",
        &["1970-01-08 00:00:00+00:00", "1970-01-11 00:00:00+00:00"],
    );
}

#[test]
fn a_boundary_is_after_the_time_and_starts_its_own_period() {
    let daily = schedule(Period::DAILY, "UTC");
    let midnight = at("2024-02-28T00:00:00Z");
    assert_eq!(daily.next_after(midnight), Some(at("2024-02-29T00:00:00Z")));
    let almost = at("2024-02-28T23:59:59.999999999Z");
    assert_eq!(daily.start_of(almost), midnight);
    assert_eq!(daily.next_after(almost), Some(at("2024-02-29T00:00:00Z")));
}

#[test]
fn each_hour_that_comes_twice_is_a_period_and_a_day_is_one() {
    let berlin = "Europe/Berlin";
    periods(
        Period::HOURLY,
        berlin,
        "2024-10-26T23:30:00Z",
        &[
            "2024-10-27 02:00:00+02:00",
            "2024-10-27 02:00:00+01:00",
            "2024-10-27 03:00:00+01:00",
        ],
    );
    periods(
        Period::DAILY,
        berlin,
        "2024-10-26T12:00:00Z",
        &["2024-10-27 00:00:00+02:00", "2024-10-28 00:00:00+01:00"],
    );
    periods(
        Period::minutes(30),
        "America/New_York",
        "2024-11-03T05:15:00Z",
        &[
            "2024-11-03 01:30:00-04:00",
            "2024-11-03 01:00:00-05:00",
            "2024-11-03 01:30:00-05:00",
            "2024-11-03 02:00:00-05:00",
        ],
    );
    // Of two hours only one comes again, which begins no new period.
    periods(
        Period::hours(2),
        berlin,
        "2024-10-26T23:30:00Z",
        &["2024-10-27 02:00:00+02:00", "2024-10-27 04:00:00+01:00"],
    );
}

#[test]
fn an_hour_that_is_left_out_is_no_period() {
    periods(
        Period::HOURLY,
        "Europe/Berlin",
        "2024-03-31T00:30:00Z",
        &["2024-03-31 03:00:00+02:00", "2024-03-31 04:00:00+02:00"],
    );
    periods(
        Period::hours(2),
        "America/New_York",
        "2024-03-10T06:30:00Z",
        &["2024-03-10 03:00:00-04:00", "2024-03-10 04:00:00-04:00"],
    );
}

#[test]
fn half_an_hour_more_or_less_keeps_the_full_hours() {
    let howe = "Australia/Lord_Howe";
    // 02:00 becomes 02:30.
    periods(
        Period::HOURLY,
        howe,
        "2024-10-05T14:45:00Z",
        &[
            "2024-10-06 02:30:00+11:00",
            "2024-10-06 03:00:00+11:00",
            "2024-10-06 04:00:00+11:00",
        ],
    );
    // 02:00 becomes 01:30.
    periods(
        Period::HOURLY,
        howe,
        "2024-04-06T13:30:00Z",
        &[
            "2024-04-07 01:00:00+11:00",
            "2024-04-07 02:00:00+10:30",
            "2024-04-07 03:00:00+10:30",
        ],
    );
    periods(
        Period::minutes(30),
        howe,
        "2024-04-06T14:00:00Z",
        &[
            "2024-04-07 01:30:00+11:00",
            "2024-04-07 01:30:00+10:30",
            "2024-04-07 02:00:00+10:30",
        ],
    );
}

#[test]
fn a_midnight_may_not_exist_or_come_twice() {
    // 00:00 became 01:00.
    periods(
        Period::DAILY,
        "America/Sao_Paulo",
        "2018-11-03T12:00:00Z",
        &["2018-11-04 01:00:00-02:00", "2018-11-05 00:00:00-02:00"],
    );
    // 01:00 becomes 00:00.
    periods(
        Period::DAILY,
        "America/Havana",
        "2024-11-02T12:00:00Z",
        &["2024-11-03 00:00:00-04:00", "2024-11-04 00:00:00-05:00"],
    );
    // 00:01 became 23:01.
    periods(
        Period::DAILY,
        "America/St_Johns",
        "2010-11-06T12:00:00Z",
        &["2010-11-07 00:00:00-02:30", "2010-11-08 00:00:00-03:30"],
    );
    let daily = schedule(Period::DAILY, "America/St_Johns");
    // 23:30 for the second time.
    let again = daily.start_of(at("2010-11-07T03:00:00Z"));
    assert_eq!(
        shown(again, "America/St_Johns"),
        "2010-11-07 00:00:00-02:30"
    );
    // Samoa had no 30 December.
    periods(
        Period::DAILY,
        "Pacific/Apia",
        "2011-12-29T12:00:00Z",
        &["2011-12-31 00:00:00+14:00", "2012-01-01 00:00:00+14:00"],
    );
    // Alaska had 18 October twice, by the calendar that is used here.
    let alaska = schedule(Period::DAILY, "America/Anchorage");
    let mut time = at("1867-10-16T00:00:00Z");
    for _ in 0..5 {
        let next = alaska.next_after(time).unwrap();
        assert!(next > time && next.seconds - time.seconds <= 2 * 86_400);
        time = next;
    }
}

#[test]
fn a_count_of_zero_is_refused() {
    for period in [Period::minutes(0), Period::months(0)] {
        let error = Schedule::new(&Every::Period(period), &zone("UTC")).unwrap_err();
        assert!(
            error.to_string().contains("a count of 1 or more"),
            "{error}"
        );
    }
    let error = Period::hours(0).check().unwrap_err();
    assert_eq!(
        error.to_string(),
        "`period` is `0 hours`, expected a count of 1 or more"
    );
    assert!(Period::days(u32::MAX).check().is_ok());
}

#[test]
fn beyond_the_calendar_nothing_is_due() {
    for period in [Period::MINUTELY, Period::MONTHLY, Period::months(u32::MAX)] {
        for seconds in [i64::MIN, i64::MAX, i64::MAX - 1, 253_402_300_799] {
            let time = Timestamp { seconds, nanos: 7 };
            let schedule = schedule(period, "Europe/Berlin");
            assert!(schedule.start_of(time) <= time);
            if let Some(next) = schedule.next_after(time) {
                assert!(next > time);
            }
        }
    }
}

#[test]
fn units_are_the_coarsest_that_tell_periods_apart() {
    for (period, unit) in [
        (Period::minutes(90), DateUnit::Minute),
        (Period::minutes(120), DateUnit::Hour),
        (Period::minutes(1440), DateUnit::Day),
        (Period::hours(36), DateUnit::Hour),
        (Period::hours(24), DateUnit::Day),
        (Period::days(7), DateUnit::Week),
        (Period::days(8), DateUnit::Day),
        (Period::weeks(2), DateUnit::Week),
        (Period::months(2), DateUnit::Month),
        (Period::months(6), DateUnit::Quarter),
        (Period::months(24), DateUnit::Year),
    ] {
        assert_eq!(period.unit(), unit, "{period}");
    }
}

const ZONES: &[&str] = &[
    "UTC",
    "local",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "America/Anchorage",
    "Pacific/Apia",
    "Asia/Kolkata",
    "Asia/Manila",
    "Africa/Monrovia",
    "Europe/Amsterdam",
    "Asia/Riyadh",
    "Antarctica/Troll",
    "Africa/Casablanca",
    "GMT-03:30",
    "SystemV/EST5EDT",
];

fn any_period() -> impl Strategy<Value = Period> {
    let count = prop_oneof![1..100_u32, any::<u32>().prop_map(|count| count.max(1))];
    (0..5, count).prop_map(|(unit, count)| match unit {
        0 => Period::minutes(count),
        1 => Period::hours(count),
        2 => Period::days(count),
        3 => Period::weeks(count),
        _ => Period::months(count),
    })
}

/// Any time of jiff's calendar, most of them of our age, and most near a jump of the clocks.
fn any_time(name: &'static str) -> impl Strategy<Value = Timestamp> {
    let seconds = prop_oneof![
        1 => -377_705_000_000..253_402_000_000_i64,
        8 => -5_000_000_000..8_000_000_000_i64,
    ];
    let near = prop_oneof![Just(None), (-100_000..100_000_i64).prop_map(Some)];
    (seconds, near, 0..1_000_000_000_u32).prop_map(move |(seconds, near, nanos)| {
        let instant = jiff::Timestamp::from_second(seconds).unwrap();
        let zone = zone(name);
        let jump = zone.rules().following(instant).next();
        let seconds = match (near, jump) {
            (Some(near), Some(jump)) => jump.timestamp().as_second() + near,
            _ => seconds,
        };
        Timestamp { seconds, nanos }
    })
}

fn any_place() -> impl Strategy<Value = (&'static str, Timestamp)> {
    proptest::sample::select(ZONES).prop_flat_map(|name| (Just(name), any_time(name)))
}

/// What must hold around any time.
fn holds(schedule: &Schedule, time: Timestamp) -> Result<(), TestCaseError> {
    let start = schedule.start_of(time);
    prop_assert!(start <= time);
    prop_assert_eq!(schedule.start_of(start), start);
    let Some(next) = schedule.next_after(time) else {
        return Ok(());
    };
    prop_assert!(next > time);
    prop_assert_eq!(schedule.start_of(next), next);
    let before = Timestamp {
        seconds: next.seconds - 1,
        nanos: 999_999_999,
    };
    // Where there is a period at all, it is one: from its start the next is the same.
    if schedule.last_until(time.seconds).is_some() {
        prop_assert_eq!(schedule.next_after(start), Some(next));
        prop_assert_eq!(schedule.start_of(before), start);
    }
    prop_assert_eq!(schedule.next_after(before), Some(next));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn periods_follow_each_other_without_end(
        (name, time) in any_place(),
        period in any_period(),
    ) {
        holds(&schedule(period, name), time)?;
    }

    #[test]
    fn no_hour_is_longer_than_two_and_no_day_than_two(
        (name, time) in any_place(),
    ) {
        for (period, most) in [
            (Period::MINUTELY, 120),
            (Period::HOURLY, 7200),
            (Period::DAILY, 2 * 86_400),
        ] {
            let schedule = schedule(period, name);
            if let Some(next) = schedule.next_after(time) {
                prop_assert!(next.seconds - time.seconds <= most, "{:?} {:?}", period, next);
            }
        }
    }

    #[cfg(feature = "cron")]
    #[test]
    fn expressions_follow_each_other_without_end(
        (name, time) in any_place(),
        expression in proptest::sample::select(EXPRESSIONS),
    ) {
        let every = Every::Cron(expression.to_owned());
        holds(&Schedule::new(&every, &zone(name)).unwrap(), time)?;
    }
}

proptest! {
    // Each looks at every minute of five days.
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn a_day_begins_when_a_clock_shows_its_date_for_the_first_time(
        (name, mut time) in any_place(),
    ) {
        // Before that, offsets were no whole minutes.
        time.seconds = 200_000_000 + time.seconds.rem_euclid(7_800_000_000);
        let place = zone(name);
        let day = |seconds: i64| {
            let instant = jiff::Timestamp::from_second(seconds).unwrap();
            (seconds + i64::from(place.rules().to_offset(instant).seconds())).div_euclid(86_400)
        };
        let from = time.seconds.div_euclid(60) * 60;
        let mut latest = (from - 2 * 86_400..=from).step_by(60).map(day).max().unwrap();
        let mut expected = Vec::new();
        for second in (from + 60..from + 3 * 86_400).step_by(60) {
            if day(second) > latest {
                latest = day(second);
                expected.push(second);
            }
        }
        let schedule = schedule(Period::DAILY, name);
        let mut at = time;
        for second in expected {
            at = schedule.next_after(at).unwrap();
            prop_assert_eq!(at.seconds, second);
        }
    }
}

#[cfg(feature = "cron")]
const EXPRESSIONS: &[&str] = &[
    "* * * * * ?",
    "0 0 * * * ?",
    "0 30 * * * ?",
    "0 */7 1-5 * * ?",
    "0 0 0 * * ?",
    "0 30 2 * * ?",
    "0 15 1 ? * SUN",
    "0 0 0 L * ?",
    "0 0 3 15W * ?",
    "59 59 23 ? 3,10 1L",
    "0 30 1 29 2 ?",
    "0 30 2 * * ? 2024-2030",
];
