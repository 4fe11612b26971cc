//! Rules of the pattern language of which no golden row tells whether they are kept.
#![cfg(test)]

use std::error::Error;
use std::fmt;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use tracing::Level;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;

fn layout(pattern: &str) -> PatternLayout {
    PatternLayout::builder(pattern).zone("UTC").build().unwrap()
}

fn rendered(layout: &PatternLayout, event: &LogEvent<'_>) -> String {
    let mut out = Vec::new();
    layout.render(event, &mut out);
    String::from_utf8(out).unwrap()
}

fn message(pattern: &str, message: &str) -> String {
    let event = LogEvent::builder().message(message).build();
    rendered(&layout(pattern), &event)
}

#[test]
fn a_replacement_of_the_pattern_stays_and_what_is_around_it_is_escaped() {
    let pattern = "%replace{%m}{a}{\u{1b}[1mA\u{1b}[m}";
    assert_eq!(
        message(pattern, "b\na\u{1b}"),
        "b\\n\u{1b}[1mA\u{1b}[m\\x1b"
    );
}

#[test]
fn a_text_is_equal_before_and_after_it_was_escaped() {
    for pattern in [
        "%equals{%m}{a\u{1b}b}{same}",
        "%equalsIgnoreCase{%m}{A\u{1b}B}{same}",
    ] {
        assert_eq!(message(pattern, "a\u{1b}b"), "same");
        assert_eq!(message(pattern, "a\u{1b}c"), "a\\x1bc");
    }
}

#[test]
fn a_date_in_a_column_moves_with_the_fraction_within_its_second() {
    for pattern in [
        "%30d{HH:mm:ss.SSS}",
        "%-30d{HH:mm:ss.SSS}",
        "%8.8d{HH:mm:ss.SSS}",
        "%.-5d{ss.SSS}",
    ] {
        let kept = layout(pattern);
        for millis in [1, 999, 20, 1_001] {
            let event = LogEvent::builder().instant(UNIX_EPOCH + Duration::from_millis(millis));
            let event = event.build();
            // A layout of its own has nothing kept.
            let fresh = rendered(&layout(pattern), &event);
            assert_eq!(rendered(&kept, &event), fresh, "{pattern} at {millis}");
        }
    }
    let event = LogEvent::builder().instant(UNIX_EPOCH + Duration::from_millis(999));
    let text = rendered(
        &layout("%8.8d{HH:mm:ss.SSS}|%15d{HH:mm:ss.SSS}"),
        &event.build(),
    );
    assert_eq!(text, "0:00.999|   00:00:00.999");
}

#[test]
fn styles_of_levels_come_in_the_order_of_javas_map() {
    let event = LogEvent::builder().level(Level::TRACE).build();
    // `TRACE` comes before `STYLE` there, which then replaces it; `WARN` comes behind.
    let text = |pattern: &str| rendered(&layout(pattern), &event);
    assert_eq!(
        text("%highlight{%p}{STYLE=Logback, TRACE=red}"),
        text("%highlight{%p}{STYLE=Logback}")
    );
    let event = LogEvent::builder().level(Level::WARN).build();
    let text = |pattern: &str| rendered(&layout(pattern), &event);
    assert_eq!(
        text("%highlight{%p}{WARN=magenta, STYLE=Logback}"),
        "\u{1b}[35mWARN\u{1b}[m"
    );
}

#[test]
fn a_lookup_takes_the_first_of_its_names_that_has_a_value() {
    let pattern = layout("${ctx:a:-${ctx:b:-none}}");
    let text = |fields: &[(&'static str, &'static str)]| {
        let event = LogEvent::builder().span("request", fields.iter().copied());
        rendered(&pattern, &event.build())
    };
    assert_eq!(text(&[("a", "1"), ("b", "2")]), "1");
    assert_eq!(text(&[("b", "2")]), "2");
    assert_eq!(text(&[]), "none");
}

#[test]
fn a_doubled_dollar_sign_makes_any_lookup_text() {
    assert_eq!(message("$${unknown:x} %m", "hi"), "${unknown:x} hi");
    assert!(PatternLayout::new("${unknown:x} %m").is_err());
}

#[derive(Debug)]
struct Failure;

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("disk full")
    }
}

impl Error for Failure {}

#[test]
fn the_end_of_an_errors_line_does_not_show_the_error_again() {
    let failure: &(dyn Error + 'static) = &Failure;
    let event = LogEvent::builder()
        .level(Level::ERROR)
        .field("error", failure);
    let text = rendered(
        &layout("%ex{separator(|)}{suffix([%p%ex%notEmpty{ %rEx}%style{with %ex}{red}])}"),
        &event.build(),
    );
    assert_eq!(text, "disk full [ERROR]|");
}

#[test]
fn an_events_own_trace_comes_before_that_of_its_span() {
    let in_span = LogEvent::builder().span("request", [("trace_id", "outer")]);
    assert_eq!(rendered(&layout("%traceId"), &in_span.build()), "outer");
    let own = LogEvent::builder().span("request", [("trace_id", "outer")]);
    let own = own.field("trace_id", "own");
    assert_eq!(rendered(&layout("%traceId"), &own.build()), "own");
}

#[test]
fn a_time_ahead_of_the_standard_is_not_always_summer_time() {
    // Printed by Log4j itself: Morocco had the time of central Europe all the year, Namibia that of
    // South Africa.
    let event = LogEvent::builder().instant(UNIX_EPOCH + Duration::from_secs(487_641_600));
    let event = event.build();
    for (pattern, expected) in [
        (
            "%d{zzzz XXX}{Africa/Casablanca}",
            "Western European Time +01:00",
        ),
        (
            "%d{zzzz XXX}{Africa/Windhoek}",
            "Central Africa Time +02:00",
        ),
    ] {
        assert_eq!(rendered(&layout(pattern), &event), expected);
    }
}

#[test]
fn a_date_that_log4j_cannot_read_is_the_default_one_in_the_layouts_zone() {
    let builder = PatternLayout::builder("%d{yyyy'x}{Asia/Tokyo}");
    let layout = builder.zone("America/New_York").lenient().build().unwrap();
    let event = LogEvent::builder().instant(UNIX_EPOCH + Duration::from_secs(487_641_600));
    assert_eq!(rendered(&layout, &event.build()), "1985-06-14 20:00:00,000");
}
