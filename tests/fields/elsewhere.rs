//! What a pattern shows of an event by other words is not written behind its message.

use std::error::Error;

use tracing_kafka::Escape;
use tracing_kafka::KafkaLayer;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka::Value;
use tracing_subscriber::prelude::*;

use crate::sites::Failure;
use crate::sites::under;

/// What a pattern prints of the event of these tests, live and built by hand, which must be the same.
#[track_caller]
fn printed(pattern: &str) -> String {
    let layout = PatternLayout::builder(pattern).escape(Escape::Text).build();
    let layout = layout.unwrap_or_else(|error| panic!("{pattern}: {error}"));
    let error = Failure::chain(&["save failed", "disk full"]);
    let (layer, records) = MemoryLayer::new(layout.clone());
    under(tracing_subscriber::registry().with(layer), || {
        let error: &(dyn Error + 'static) = &error;
        tracing::error!(
            order = 42,
            error,
            marker = "AUDIT",
            trace_id = "t1",
            "out of stock"
        );
    });
    let [live] = <[String; 1]>::try_from(records.take()).unwrap();
    let event = LogEvent::builder()
        .level(tracing::Level::ERROR)
        .message("out of stock")
        .field("order", 42)
        .field("error", Value::Error(&error))
        .field("marker", "AUDIT")
        .field("trace_id", "t1")
        .build();
    let mut built = Vec::new();
    layout.render(&event, &mut built);
    let built = String::from_utf8(built).unwrap();
    assert_eq!(
        live,
        built.strip_suffix('\n').unwrap_or(&built),
        "{pattern}"
    );
    live
}

const ERROR: &str = "error=save failed error.sources=[disk full]";

#[test]
fn what_the_pattern_shows_is_taken_out() {
    let all = format!(r#"out of stock order=42 {ERROR} marker="AUDIT" trace_id="t1""#);
    for (pattern, expected) in [
        ("%m", all.clone()),
        ("%m %p", format!("{all} ERROR")),
        ("%m%n", all.clone()),
        ("%p %m", format!("ERROR {all}")),
        ("%X%x%m", format!("{{}}[]{all}")),
        ("%K{order} %m", format!(r#"42 out of stock {ERROR} marker="AUDIT" trace_id="t1""#)),
        ("%m %map{order}", format!(r#"out of stock {ERROR} marker="AUDIT" trace_id="t1" 42"#)),
        ("%m ${map:order}", format!(r#"out of stock {ERROR} marker="AUDIT" trace_id="t1" 42"#)),
        ("%marker %m", format!(r#"AUDIT out of stock order=42 {ERROR} trace_id="t1""#)),
        ("%markerSimpleName %m", format!(r#"AUDIT out of stock order=42 {ERROR} trace_id="t1""#)),
        ("${event:Marker} %m", format!(r#"AUDIT out of stock order=42 {ERROR} trace_id="t1""#)),
        ("%traceId %m", format!(r#"t1 out of stock order=42 {ERROR} marker="AUDIT""#)),
        ("%m%ex{none}", r#"out of stock order=42 marker="AUDIT" trace_id="t1""#.to_owned()),
        (
            "%m %ex{short.message}",
            r#"out of stock order=42 marker="AUDIT" trace_id="t1" save failed"#.to_owned(),
        ),
        (
            "%xEx{separator(|)}%m",
            r#"save failed|Caused by: disk full|out of stock order=42 marker="AUDIT" trace_id="t1""#.to_owned(),
        ),
        (
            "%m %notEmpty{[%K{order}]}%maxLen{%traceId}{1}",
            format!(r#"out of stock {ERROR} marker="AUDIT" [42]t"#),
        ),
        ("%m %m", format!("{all} out of stock")),
        ("%equals{%p}{INFO}{%m}%m", format!("ERROR{all}")),
        ("%equals{%p}{ERROR}{%m}", all),
        ("no text", "no text".to_owned()),
    ] {
        assert_eq!(printed(pattern), expected, "{pattern}");
    }
}

#[test]
fn nothing_is_shown_twice_beside_all_fields() {
    let fields = "{error=save failed, marker=AUDIT, order=42, trace_id=t1}";
    for (pattern, expected) in [
        ("%m %K", format!("out of stock {fields}")),
        ("%K %m", format!("{fields} out of stock")),
        ("%maxLen{%MAP}{7} %m", "{error= out of stock".to_owned()),
        ("%m%equals{%p}{INFO}{%K}", "out of stockERROR".to_owned()),
        ("%replace{%K}{.*}{} %m", " out of stock".to_owned()),
    ] {
        assert_eq!(printed(pattern), expected, "{pattern}");
    }
}

#[test]
fn what_is_around_the_message_takes_the_fields_in() {
    let all = format!(r#"out of stock order=42 {ERROR} marker="AUDIT" trace_id="t1""#);
    for (pattern, expected) in [
        ("%replace{%m}{.*}{}", String::new()),
        (
            "%replace{%p %m}{(?<=x)|[a-zA-Z]+}{w}"
                .replace("(?<=x)|", "")
                .as_str(),
            {
                let letters = |c: char| c.is_ascii_alphabetic();
                let text = format!("ERROR {all}");
                let mut masked = String::new();
                for piece in text.split_inclusive(|c: char| !letters(c)) {
                    let word = piece.trim_end_matches(|c: char| !letters(c));
                    masked.push_str(if word.is_empty() { "" } else { "w" });
                    masked.push_str(&piece[word.len()..]);
                }
                masked
            },
        ),
        ("%maxLen{%m}{18}", "out of stock order".to_owned()),
        ("%.5m", r#"="t1""#.to_owned()),
        ("%200m", format!("{all:>200}")),
        ("%enc{%m}{XML}", all.replace('"', "&quot;")),
        ("%enc{%m}{JSON}", all.replace('"', "\\\"")),
        (
            "%highlight{%m}{ERROR=red}",
            format!("\u{1b}[31m{all}\u{1b}[m"),
        ),
        ("%notEmpty{<%m>}", format!("<{all}>")),
        (
            "%style{%maxLen{%m}{12}}{red}{disableAnsi=true}",
            "out of stock".to_owned(),
        ),
    ] {
        assert_eq!(printed(pattern), expected, "{pattern}");
    }
}

#[test]
fn hostile_fields_are_on_one_line() {
    let (layer, records) = MemoryLayer::new(PatternLayout::new("%spans%m").unwrap());
    under(tracing_subscriber::registry().with(layer), || {
        let hostile = "a\nb\u{1b}[2J\u{202e}\u{2028}";
        let _span = tracing::info_span!("s\nt", "k\ne" = hostile, shown = %hostile).entered();
        tracing::info!(shown = %hostile, quoted = hostile, "na\nme" = 1, "{hostile}");
    });
    let [record] = <[String; 1]>::try_from(records.take()).unwrap();
    assert!(
        !record.contains(|c: char| c.is_control() || "\u{202e}\u{2028}".contains(c)),
        "{record:?}"
    );
    assert!(
        record.contains(r"shown=a\nb\x1b[2J\u{202e}\u{2028} quoted="),
        "{record}"
    );
    assert!(record.contains(r"na\nme=1"), "{record}");
}

#[test]
fn a_layout_may_leave_out_all_fields_or_the_error_alone() {
    let error = Failure::chain(&["save failed", "disk full"]);
    let event = LogEvent::builder()
        .message("m")
        .field("e", Value::Error(&error))
        .field("n", 1)
        .build();
    let text = |fields, exceptions, pattern: &str| {
        let layout = PatternLayout::builder(pattern)
            .always_write_fields(fields)
            .always_write_exceptions(exceptions)
            .build()
            .unwrap();
        let mut out = Vec::new();
        layout.render(&event, &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(
        text(true, true, "%m"),
        "m e=save failed e.sources=[disk full] n=1"
    );
    assert_eq!(text(true, false, "%m"), "m n=1");
    assert_eq!(text(false, true, "%m"), "m");
    assert_eq!(text(false, false, "%m"), "m");
    assert_eq!(text(true, false, "%m %ex{1}"), "m n=1 save failed\n");
    assert_eq!(text(true, false, "%m %K"), "m {e=save failed, n=1}");
}

#[test]
fn the_default_layout_says_everything() {
    let (layer, records) = MemoryLayer::new(PatternLayout::default());
    under(tracing_subscriber::registry().with(layer), || {
        let _http = tracing::info_span!("http", request_id = "r-1").entered();
        let _charge = tracing::info_span!("charge", id = 7).entered();
        let error = Failure::chain(&["write failed", "disk gone"]);
        tracing::error!(target: "shop", error = &error as &dyn Error, order = 42, "could not save");
    });
    let [record] = <[String; 1]>::try_from(records.take()).unwrap();
    let expected = r#"shop - http{request_id="r-1"}:charge{id=7}: could not save error=write failed error.sources=[disk gone] order=42"#;
    assert!(record.ends_with(expected), "{record}");
    // The layers begin with it as well: nothing is sent, as nothing listens.
    assert!(KafkaLayer::builder(["127.0.0.1:1"], "t").build().is_ok());
}
