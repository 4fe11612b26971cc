//! Events with given parts, for tests of layouts.

use std::time::SystemTime;

use tracing::Level;

use super::LogEvent;
use super::Source;
use super::span_fields::FieldText;
use super::spans::SpanContext;
use super::value::Value;
use crate::sys::Timestamp;

/// The parts that a live event would read from `tracing`.
#[derive(Debug)]
pub(super) struct Given<'a> {
    pub(super) target: &'a str,
    pub(super) module_path: Option<&'a str>,
    pub(super) file: Option<&'a str>,
    pub(super) line: Option<u32>,
    pub(super) method: Option<&'a str>,
    pub(super) thread_name: &'a str,
    pub(super) thread_id: u64,
    pub(super) name: Option<&'a str>,
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
    timestamp: Timestamp,
    level: Level,
    given: Given<'a>,
    /// Root first, as they were given.
    spans: Vec<(&'a str, Vec<(&'a str, Value<'a>)>)>,
}

impl<'a> LogEventBuilder<'a> {
    pub(super) fn new() -> Self {
        Self {
            timestamp: Timestamp::now(),
            level: Level::INFO,
            given: Given {
                target: "",
                module_path: None,
                file: None,
                line: None,
                method: None,
                thread_name: "main",
                thread_id: 1,
                name: None,
                message: None,
                fields: Vec::new(),
                marker: None,
                spans: SpanContext::new(),
            },
            spans: Vec::new(),
        }
    }

    /// Sets when the event happened. Defaults to now.
    pub fn instant(mut self, instant: SystemTime) -> Self {
        self.timestamp = instant.into();
        self
    }

    /// Sets the level. Defaults to INFO.
    pub fn level(mut self, level: Level) -> Self {
        self.level = level;
        self
    }

    /// Sets the target. Defaults to an empty one.
    pub fn target(mut self, target: &'a str) -> Self {
        self.given.target = target;
        self
    }

    /// Sets the event's own name, as `name: "order.placed"` does in a macro. Defaults to none.
    pub fn name(mut self, name: &'a str) -> Self {
        self.given.name = Some(name);
        self
    }

    /// Sets the message. Defaults to none.
    pub fn message(mut self, message: &'a str) -> Self {
        self.given.message = Some(message);
        self
    }

    /// Sets the thread's name and number. Defaults to `main` and 1.
    pub fn thread(mut self, name: &'a str, id: u64) -> Self {
        self.given.thread_name = name;
        self.given.thread_id = id;
        self
    }

    /// Adds a span inside the ones added before, with its fields.
    pub fn span(self, name: &'a str, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let fields = fields.into_iter();
        self.typed_span(name, fields.map(|(name, text)| (name, Value::Str(text))))
    }

    /// The same with values that need not be text.
    pub fn typed_span(
        mut self,
        name: &'a str,
        fields: impl IntoIterator<Item = (&'a str, Value<'a>)>,
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
        self.given.module_path = module_path;
        self.given.file = file;
        self.given.line = line;
        self
    }

    /// Sets the method. Defaults to the innermost span's name.
    pub fn method(mut self, method: &'a str) -> Self {
        self.given.method = Some(method);
        self
    }

    /// The event.
    pub fn build(mut self) -> LogEvent<'a> {
        for (name, fields) in self.spans.iter().rev() {
            let mut buffer = Vec::new();
            let mut text = |name, value| (name, FieldText::of(name, value, &mut buffer));
            let fields: Vec<_> = fields
                .iter()
                .map(|(name, value)| text(*name, *value))
                .collect();
            let fields = fields.iter().map(|(name, text)| (*name, text));
            if !self.given.spans.add_span(name, fields) {
                break;
            }
        }
        self.given.spans.finish();
        if self.given.method.is_none() {
            self.given.method = self.spans.last().map(|(name, _)| *name);
        }
        LogEvent {
            timestamp: self.timestamp,
            level: self.level,
            source: Source::Given(Box::new(self.given)),
        }
    }
}
