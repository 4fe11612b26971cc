//! Dates that are kept as text: across the changes of daylight saving time, forwards and backwards, on several threads.
#![cfg(test)]

use std::sync::Barrier;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use jiff::Timestamp;

use jiff::tz::TimeZone;
use tracing::Level;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;

/// One with a change of half an hour, and one whose standard time is the one of summer.
const ZONES: [&str; 6] = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Europe/Dublin",
    "America/Santiago",
    "Asia/Kolkata",
];
/// How far to walk before and after a change.
const SECONDS: i64 = 700;
/// Within each second.
const NANOS: [i32; 3] = [0, 123_456_789, 999_999_999];

/// The two changes that follow the beginning of 2024; for a zone without changes, some moment.
fn changes(zone: &TimeZone) -> Vec<i64> {
    let start = Timestamp::from_second(1_704_067_200).unwrap();
    let next = zone.following(start).take(2);
    let mut changes: Vec<i64> = next.map(|change| change.timestamp().as_second()).collect();
    if changes.is_empty() {
        changes.push(1_711_846_800);
    }
    changes
}

fn rendered(layout: &PatternLayout, second: i64, nanos: i32, level: Level) -> String {
    let since = Duration::new(second.unsigned_abs(), nanos.unsigned_abs());
    let event = LogEvent::builder()
        .instant(UNIX_EPOCH + since)
        .level(level)
        .build();
    let mut out = Vec::new();
    layout.render(&event, &mut out);
    String::from_utf8(out).unwrap()
}

/// What another calendar says.
fn expected(zone: &TimeZone, second: i64, nanos: i32, level: Level) -> String {
    let instant = Timestamp::new(second, nanos).unwrap();
    let zoned = instant.to_zoned_datetime(zone.clone());
    format!(
        "[{}] {level:<5} {} {}",
        zoned.strftime("%Y-%m-%d %H:%M:%S.%6f%:z"),
        zoned.strftime("%H:%M"),
        zoned.strftime("%A %j %H %S.%3f"),
    )
}

fn layout(zone: &str) -> PatternLayout {
    PatternLayout::builder(
        "[%d{yyyy-MM-dd HH:mm:ss.SSSSSSxxx}] %-5p %d{HH:mm} %d{EEEE DDD HH ss.SSS}",
    )
    .zone(zone)
    .build()
    .unwrap()
}

/// Every moment around a change, in order.
fn moments(change: i64) -> Vec<(i64, i32)> {
    let seconds = change - SECONDS..change + SECONDS;
    let mut moments: Vec<_> = seconds
        .flat_map(|second| NANOS.map(|nanos| (second, nanos)))
        .collect();
    // And hours away, where the kept text is of the other season.
    moments.extend([-7_200, -3_600, 3_599, 3_600, 7_200].map(|away| (change + away, 0)));
    moments
}

fn walk(layout: &PatternLayout, zone: &TimeZone, moments: impl Iterator<Item = (i64, i32)>) {
    for (step, (second, nanos)) in moments.enumerate() {
        let level = if step % 7 == 0 {
            Level::WARN
        } else {
            Level::INFO
        };
        assert_eq!(
            rendered(layout, second, nanos, level),
            expected(zone, second, nanos, level),
            "{zone:?} {second}.{nanos:09}"
        );
    }
}

#[test]
fn a_kept_date_is_right_in_every_second_around_a_change_in_both_directions_on_two_threads() {
    for name in ZONES {
        let zone = TimeZone::get(name).unwrap();
        let layout = layout(name);
        for change in changes(&zone) {
            let moments = moments(change);
            let both = Barrier::new(2);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    both.wait();
                    walk(&layout, &zone, moments.iter().copied());
                    walk(&layout, &zone, moments.iter().rev().copied());
                });
                scope.spawn(|| {
                    both.wait();
                    walk(&layout, &zone, moments.iter().rev().copied());
                    walk(&layout, &zone, moments.iter().copied());
                });
            });
        }
    }
}

#[test]
fn zones_that_take_turns_on_one_thread_do_not_show_each_others_text() {
    let zones = ZONES.map(|name| (TimeZone::get(name).unwrap(), layout(name)));
    let change = changes(&zones[0].0)[0];
    for (second, nanos) in moments(change).into_iter().step_by(11) {
        for (zone, layout) in &zones {
            assert_eq!(
                rendered(layout, second, nanos, Level::INFO),
                expected(zone, second, nanos, Level::INFO)
            );
        }
    }
}

#[test]
fn a_kept_date_is_that_of_a_fresh_layout_on_a_fresh_thread() {
    let pattern = "%d{GGGG yyyy MMM D w W E a h K n A xxx}{Europe/Berlin}|%d{UNIX_MILLIS}|%d{ISO8601_OFFSET_DATE_TIME_HHCMM}";
    let kept = PatternLayout::new(pattern).unwrap();
    for second in 1_711_846_790..1_711_846_810 {
        for nanos in NANOS {
            let fresh = std::thread::spawn(move || {
                let fresh = PatternLayout::new(pattern).unwrap();
                rendered(&fresh, second, nanos, Level::INFO)
            });
            assert_eq!(
                rendered(&kept, second, nanos, Level::INFO),
                fresh.join().unwrap()
            );
        }
    }
}
