//! The layer that people write themselves: a visitor, chrono, `format!`, and a send.

use std::fmt;
use std::fmt::Write as _;

use tracing::Event;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Renders each event into a `String` of its own, and gives it to `send`.
pub(crate) struct Glue<F> {
    pub(crate) send: F,
}

impl<S: Subscriber, F: Fn(&str) + 'static> Layer<S> for Glue<F> {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let time = chrono::Utc::now().format("%H:%M:%S%.3f");
        let level = event.metadata().level().as_str();
        (self.send)(&format!("[{time}] [{level:<4}] {}\n", message.0));
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            // Writing into a `String` does not fail.
            let _written = write!(self.0, "{value:?}");
        }
    }
}
