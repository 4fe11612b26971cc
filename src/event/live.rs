//! The view of an event that is being logged right now.

use tracing::Event;
use tracing::field::Field;

use super::LogEvent;
use super::MAX_FIELDS;
use super::MESSAGE;
use super::MESSAGE_LIMIT;
use super::Source;
use super::spans::SpanContext;
use super::value::Value;
use crate::sys::Timestamp;

/// Name and number of a thread, looked up once in its life.
#[derive(Debug)]
pub(crate) struct LiveThread {
    name: String,
    id: u64,
}

impl LiveThread {
    /// The running thread.
    pub(crate) fn current() -> Self {
        let id = crate::sys::thread_number();
        let name = match std::thread::current().name() {
            Some(name) => name.to_owned(),
            None => format!("thread-{id}"),
        };
        Self { name, id }
    }
}

impl<'a> LogEvent<'a> {
    /// The view of a live event inside `spans`, on `thread`.
    #[inline]
    pub(crate) fn live(
        event: &'a Event<'a>,
        timestamp: Timestamp,
        thread: &'a LiveThread,
        spans: &'a SpanContext,
    ) -> Self {
        let metadata = event.metadata();
        Self {
            timestamp,
            level: *metadata.level(),
            target: metadata.target(),
            module_path: metadata.module_path(),
            file: metadata.file(),
            line: metadata.line(),
            method: None,
            thread_name: &thread.name,
            thread_id: thread.id,
            spans,
            source: Source::Live(event),
        }
    }
}

/// Appends the value of the field `message`; of the last one, should there be several.
#[inline]
pub(super) fn write_message(event: &Event<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    event.record(&mut MessageVisitor { out, start });
}

struct MessageVisitor<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
}

impl MessageVisitor<'_> {
    #[inline]
    fn visit(&mut self, field: &Field, value: Value<'_>) {
        if field.name() == MESSAGE {
            self.out.truncate(self.start);
            value.write_to(self.out, MESSAGE_LIMIT);
        }
    }
}

super::visit_values!(MessageVisitor<'_>, visit);

/// Hands each field save the message to `each`.
pub(super) fn for_each_field(event: &Event<'_>, each: &mut dyn FnMut(&str, Value<'_>)) {
    event.record(&mut FieldVisitor { each, seen: 0 });
}

struct FieldVisitor<'a> {
    each: &'a mut dyn FnMut(&str, Value<'_>),
    seen: usize,
}

impl FieldVisitor<'_> {
    fn visit(&mut self, field: &Field, value: Value<'_>) {
        if field.name() != MESSAGE && self.seen < MAX_FIELDS {
            self.seen += 1;
            (self.each)(field.name(), value);
        }
    }
}

super::visit_values!(FieldVisitor<'_>, visit);
