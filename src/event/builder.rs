//! Events with given parts, for tests of layouts.

use std::time::SystemTime;

use tracing::Level;

use super::LogEvent;
use super::Source;
use super::spans::SpanContext;
use super::value::Value;
use crate::sys::Timestamp;

/// The parts that a live event would read from `tracing`.
#[derive(Debug, Default)]
pub(super) struct Given<'a> {
    pub(super) message: Option<&'a str>,
    pub(super) fields: Vec<(&'a str, Value<'a>)>,
    pub(super) marker: Option<&'a str>,
    pub(super) spans: SpanContext,
}

/// Builds a [`LogEvent`] from given parts.
///
/// Starts as an INFO event of now, on a thread `main` with the number 1, with an empty target and
/// nothing else.
#[derive(Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct LogEventBuilder<'a> {
    event: LogEvent<'a>,
    given: Given<'a>,
    /// Root first, as they were given.
    spans: Vec<(&'a str, Vec<(&'a str, &'a str)>)>,
}

/// What the borrowed view of a given event points to; its own spans are in `Given`.
static NO_SPANS: SpanContext = SpanContext::new();

impl<'a> LogEventBuilder<'a> {
    pub(super) fn new() -> Self {
        Self {
            event: LogEvent {
                timestamp: Timestamp::now(),
                level: Level::INFO,
                target: "",
                module_path: None,
                file: None,
                line: None,
                method: None,
                thread_name: "main",
                thread_id: 1,
                spans: &NO_SPANS,
                source: Source::Given(Box::default()),
            },
            given: Given::default(),
            spans: Vec::new(),
        }
    }

    /// Sets when the event happened. Defaults to now.
    pub fn instant(mut self, instant: SystemTime) -> Self {
        self.event.timestamp = instant.into();
        self
    }

    /// Sets the level. Defaults to INFO.
    pub fn level(mut self, level: Level) -> Self {
        self.event.level = level;
        self
    }

    /// Sets the target. Defaults to an empty one.
    pub fn target(mut self, target: &'a str) -> Self {
        self.event.target = target;
        self
    }

    /// Sets the message. Defaults to none.
    pub fn message(mut self, message: &'a str) -> Self {
        self.given.message = Some(message);
        self
    }

    /// Sets the thread's name and number. Defaults to `main` and 1.
    pub fn thread(mut self, name: &'a str, id: u64) -> Self {
        self.event.thread_name = name;
        self.event.thread_id = id;
        self
    }

    /// Adds a span inside the ones added before, with its fields.
    pub fn span(
        mut self,
        name: &'a str,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        self.spans.push((name, fields.into_iter().collect()));
        self
    }

    /// Adds a field of the event.
    pub fn field(mut self, name: &'a str, value: impl Into<Value<'a>>) -> Self {
        self.given.fields.push((name, value.into()));
        self
    }

    /// Sets the marker. Defaults to the field `marker`, if there is one.
    pub fn marker(mut self, marker: &'a str) -> Self {
        self.given.marker = Some(marker);
        self
    }

    /// Sets where in the source the event is: its module, file and line. Defaults to nowhere.
    pub fn location(
        mut self,
        module_path: Option<&'a str>,
        file: Option<&'a str>,
        line: Option<u32>,
    ) -> Self {
        self.event.module_path = module_path;
        self.event.file = file;
        self.event.line = line;
        self
    }

    /// Sets the method. Defaults to the innermost span's name.
    pub fn method(mut self, method: &'a str) -> Self {
        self.event.method = Some(method);
        self
    }

    /// The event.
    pub fn build(mut self) -> LogEvent<'a> {
        for (name, fields) in self.spans.iter().rev() {
            if !self.given.spans.add_span(name, fields.iter().copied()) {
                break;
            }
        }
        self.given.spans.finish();
        if self.event.method.is_none() {
            self.event.method = self.spans.last().map(|(name, _)| *name);
        }
        self.event.source = Source::Given(Box::new(self.given));
        self.event
    }
}
