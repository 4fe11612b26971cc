//! Any text as a pattern: compiled or refused, never a panic, and an error points into the pattern.
#![no_main]

use std::error::Error;
use std::fmt;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use libfuzzer_sys::fuzz_target;
use tracing_kafka::Escape;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternError;
use tracing_kafka::PatternLayout;
use tracing_kafka::Value;

/// A message and a hint show a bounded part of the pattern each.
const MAX_MESSAGE: usize = 1_000;
/// A record of a pattern that may be a few kilobytes long.
const MAX_RECORD: usize = 8 << 20;

fuzz_target!(|pattern: &str| {
    for escape in [Escape::Text, Escape::None] {
        let builder = PatternLayout::builder(pattern).zone("UTC").escape(escape);
        let strict = builder.clone().build();
        let lenient = builder.lenient().build();
        match (&strict, &lenient) {
            (Ok(strict), Ok(lenient)) => {
                assert_eq!(lenient.warnings(), [], "a warning where there is no error");
                assert_eq!(strict.warnings(), []);
                render(strict);
            }
            (Err(error), Ok(lenient)) => {
                check(pattern, error);
                assert_eq!(lenient.warnings().first(), Some(error));
                for warning in lenient.warnings() {
                    check(pattern, warning);
                }
                render(lenient);
            }
            (Err(one), Err(other)) => {
                check(pattern, one);
                check(pattern, other);
            }
            (Ok(_), Err(error)) => panic!("only the lenient reading fails: {error}"),
        }
    }
});

fn check(pattern: &str, error: &PatternError) {
    let (start, end) = (error.offset(), error.offset() + error.length());
    assert!(pattern.get(start..end).is_some(), "{error:?} lies outside");
    let shown = error.to_string();
    assert!(shown.len() <= MAX_MESSAGE, "{shown}");
    assert!(!shown.contains(char::is_control), "{shown:?}");
}

#[derive(Debug)]
struct Failure(Option<Box<Self>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it \"failed\"\nbadly")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|cause| cause as _)
    }
}

fn render(layout: &PatternLayout) {
    let failure = Failure(Some(Box::new(Failure(None))));
    let event = LogEvent::builder()
        .instant(UNIX_EPOCH + Duration::from_nanos(1_351_866_842_123_456_789))
        .target("shop::orders")
        .message("a \"message\" with\nlines & <tags> \\ \u{202e}")
        .location(Some("shop::orders::cart"), Some("src/cart.rs"), Some(7))
        .marker("CHILD[ PARENT ]")
        .span("request", [("user", "bob"), ("id", "4\r")])
        .field("id", 42)
        .field("error", Value::Error(&failure))
        .build();
    let mut out = b"before".to_vec();
    layout.render(&event, &mut out);
    assert!(out.starts_with(b"before"));
    assert!(out.len() < MAX_RECORD, "{} bytes", out.len());
    assert!(std::str::from_utf8(&out).is_ok());
}
