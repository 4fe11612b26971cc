//! The events that a pattern is shown on.

use std::error::Error;
use std::fmt;
use std::io;

use tracing::Level;
use tracing_kafka::LogEvent;
use tracing_kafka::Value;

/// An error with a cause.
#[derive(Debug)]
struct SaveError {
    source: io::Error,
}

impl fmt::Display for SaveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the order could not be saved")
    }
}

impl Error for SaveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.source)
    }
}

/// Hands over each: one outside of all spans, one with fields inside of two, one with an error, and one
/// whose text would be a second line if it were not escaped.
pub(crate) fn for_each(mut show: impl FnMut(&LogEvent<'_>)) {
    let event = || {
        LogEvent::builder().target("shop::orders::cart").location(
            Some("shop::orders::cart"),
            Some("src/orders/cart.rs"),
            Some(42),
        )
    };
    show(&event().message("listening on port 8080").build());
    show(
        &event()
            .level(Level::DEBUG)
            .thread("tokio-runtime-worker", 7)
            .span("request", [("id", "a1b2c3d4"), ("user", "bob")])
            .span("pay", [("amount", "12.50")])
            .message("paid")
            .field("currency", "EUR")
            .field("attempts", 2)
            .field("marker", "AUDIT")
            .build(),
    );
    let error = SaveError {
        source: io::Error::other("disk full"),
    };
    show(
        &event()
            .level(Level::ERROR)
            .span("request", [("id", "0f1e2d3c"), ("user", "eve")])
            .message("giving up")
            .field("error", Value::Error(&error))
            .build(),
    );
    show(
        &event()
            .level(Level::WARN)
            .message("no user `eve\n2024-01-01 00:00:00,000 INFO all is well`")
            .build(),
    );
}
