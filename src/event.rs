//! The event as a layout sees it: a borrowed view, made from a live `tracing` event or by a builder.

use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tracing::Level;
use tracing::Metadata;
use tracing::field::Visit;

use crate::sys::Timestamp;

/// The methods of `Visit` that hand each field, as a `Value`, to a method of the type, save
/// `record_debug`.
macro_rules! visit_scalars {
    ($method:ident) => {
        fn record_f64(&mut self, field: &tracing::field::Field, value: f64) {
            self.$method(field, $crate::event::Value::F64(value));
        }
        fn record_i64(&mut self, field: &tracing::field::Field, value: i64) {
            self.$method(field, $crate::event::Value::I64(value));
        }
        fn record_u64(&mut self, field: &tracing::field::Field, value: u64) {
            self.$method(field, $crate::event::Value::U64(value));
        }
        fn record_i128(&mut self, field: &tracing::field::Field, value: i128) {
            self.$method(field, $crate::event::Value::I128(value));
        }
        fn record_u128(&mut self, field: &tracing::field::Field, value: u128) {
            self.$method(field, $crate::event::Value::U128(value));
        }
        fn record_bool(&mut self, field: &tracing::field::Field, value: bool) {
            self.$method(field, $crate::event::Value::Bool(value));
        }
        fn record_str(&mut self, field: &tracing::field::Field, value: &str) {
            self.$method(field, $crate::event::Value::Str(value));
        }
        fn record_bytes(&mut self, field: &tracing::field::Field, value: &[u8]) {
            self.$method(field, $crate::event::Value::Bytes(value));
        }
        fn record_error(
            &mut self,
            field: &tracing::field::Field,
            value: &(dyn std::error::Error + 'static),
        ) {
            self.$method(field, $crate::event::Value::Error(value));
        }
    };
}
use visit_scalars;

/// Implements `Visit` for a type by handing each field, as a `Value`, to one of its methods.
macro_rules! visit_values {
    ($type:ty, $method:ident) => {
        impl tracing::field::Visit for $type {
            $crate::event::visit_scalars!($method);

            fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn std::fmt::Debug) {
                self.$method(field, $crate::event::Value::Debug(value));
            }
        }
    };
}
use visit_values;

mod bridged;
mod builder;
mod kept;
mod kept_text;
mod live;
mod number;
mod span_fields;
mod spans;
mod value;
mod written;

pub(crate) use bridged::Bridged;
pub use builder::LogEventBuilder;
pub(crate) use kept::KeptFields;
pub(crate) use kept::MAX_KEPT;
pub(crate) use kept_text::KeptText;
pub(crate) use live::LiveThread;
pub(crate) use live::SpanSource;
pub(crate) use span_fields::SpanFields;
pub use spans::LogSpan;
pub(crate) use spans::MAX_SPANS;
pub(crate) use spans::SpanContext;
pub(crate) use value::FIELD_LIMIT;
pub(crate) use value::MESSAGE_LIMIT;
pub use value::Value;
pub(crate) use value::drop_payload;
pub(crate) use value::take_failures;
pub(crate) use value::write_cut;
pub(crate) use value::write_text;
pub(crate) use written::Elsewhere;
pub(crate) use written::plain_name;

use builder::Given;
use live::Live;
use written::write_field;

/// The most fields of one event that a layout is shown.
const MAX_FIELDS: usize = 128;
/// The field that holds an event's text.
pub(crate) const MESSAGE: &str = "message";
/// The field that holds an event's marker.
pub(crate) const MARKER: &str = "marker";
/// Fields that hold the event's error, should none have a value that is one.
const ERRORS: [&str; 3] = ["error", "err", "e"];

/// One log event, as a [`Layout`](crate::Layout) renders it.
///
/// In a layer it is a view of the `tracing` event being logged: it lives for one call, and its
/// values are formatted only when a layout asks for them. Its spans are those of
/// [`Context::event_scope`](tracing_subscriber::layer::Context::event_scope), looked up when a layout
/// first asks for one. For tests of layouts, [`builder`](Self::builder) makes one without a subscriber.
///
/// # Examples
///
/// ```
/// use tracing_kafka::{Layout, LogEvent, PatternLayout};
///
/// let event = LogEvent::builder()
///     .level(tracing::Level::WARN)
///     .target("shop::orders")
///     .message("stock is low")
///     .build();
/// let mut out = Vec::new();
/// PatternLayout::new("%-5p %c{1}: %m")?.render(&event, &mut out);
/// assert_eq!(out, b"WARN  orders: stock is low");
/// # Ok::<(), tracing_kafka::PatternError>(())
/// ```
#[derive(Debug)]
pub struct LogEvent<'a> {
    timestamp: Timestamp,
    level: Level,
    source: Source<'a>,
}

/// Where everything else comes from; looked up when a layout asks for it.
#[derive(Debug)]
enum Source<'a> {
    Live(Live<'a>),
    Given(Box<Given<'a>>),
}

impl<'a> LogEvent<'a> {
    /// Begins an event with given parts, so that a layout can be tested without a subscriber.
    pub fn builder() -> LogEventBuilder<'a> {
        LogEventBuilder::new()
    }

    /// When the event happened, by the wall clock.
    pub fn instant(&self) -> SystemTime {
        let nanos = Duration::from_nanos(self.timestamp.nanos.into());
        let whole = Duration::from_secs(self.timestamp.seconds.unsigned_abs());
        let base = if self.timestamp.seconds < 0 {
            UNIX_EPOCH.checked_sub(whole)
        } else {
            UNIX_EPOCH.checked_add(whole)
        };
        base.and_then(|base| base.checked_add(nanos))
            .unwrap_or(UNIX_EPOCH)
    }

    /// The same in the form that dates are rendered from.
    #[inline]
    pub(crate) fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    /// The event's level.
    #[inline]
    pub fn level(&self) -> Level {
        self.level
    }

    /// The name that the event was given: `name: "order.placed"` in a macro. None for the name that
    /// `tracing` gives to all others, `event src/orders.rs:42`.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::{Layout, LogEvent, MemoryLayer};
    /// use tracing_subscriber::prelude::*;
    ///
    /// struct Names;
    /// impl Layout for Names {
    ///     fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
    ///         out.extend_from_slice(event.name().unwrap_or("none").as_bytes());
    ///     }
    /// }
    ///
    /// let (layer, records) = MemoryLayer::new(Names);
    /// let _default = tracing_subscriber::registry().with(layer).set_default();
    /// tracing::info!(name: "order.placed", "order 42 placed");
    /// tracing::info!("listening");
    /// assert_eq!(records.take(), ["order.placed", "none"]);
    /// ```
    pub fn name(&self) -> Option<&str> {
        match &self.source {
            Source::Live(live) if live.bridged.is_none() => live::given_name(live.event.metadata()),
            Source::Live(_) => None,
            Source::Given(given) => given.name,
        }
    }

    /// The event's target; Log4j's logger name.
    #[inline]
    pub fn target(&self) -> &str {
        match &self.source {
            Source::Live(live) => match live.bridged {
                None => live.event.metadata().target(),
                Some(bridged) => bridged.target(),
            },
            Source::Given(given) => given.target,
        }
    }

    /// The module that the event is in, where known.
    #[inline]
    pub fn module_path(&self) -> Option<&str> {
        match &self.source {
            Source::Live(live) => match live.bridged {
                None => live.event.metadata().module_path(),
                Some(bridged) => bridged.module_path(),
            },
            Source::Given(given) => given.module_path,
        }
    }

    /// The source file as the compiler names it, where known.
    #[inline]
    pub fn file(&self) -> Option<&str> {
        match &self.source {
            Source::Live(live) => match live.bridged {
                None => live.event.metadata().file(),
                Some(bridged) => bridged.file(),
            },
            Source::Given(given) => given.file,
        }
    }

    /// The line in the source file, where known.
    #[inline]
    pub fn line(&self) -> Option<u32> {
        match &self.source {
            Source::Live(live) => match live.bridged {
                None => live.event.metadata().line(),
                Some(bridged) => bridged.line(),
            },
            Source::Given(given) => given.line,
        }
    }

    /// The name of the innermost span, which stands for the method; none outside of spans.
    #[inline]
    pub fn method(&self) -> Option<&str> {
        match &self.source {
            Source::Live(live) => live.spans.look().names().next_back(),
            Source::Given(given) => given.method,
        }
    }

    /// The thread's name; `thread-<id>` for a thread without one.
    #[inline]
    pub fn thread_name(&self) -> &str {
        match &self.source {
            Source::Live(live) => live.thread.name(),
            Source::Given(given) => given.thread_name,
        }
    }

    /// The number of the thread within this process.
    #[inline]
    pub fn thread_id(&self) -> u64 {
        match &self.source {
            Source::Live(live) => live.thread.id(),
            Source::Given(given) => given.thread_id,
        }
    }

    /// The names of the spans around the event, root first.
    pub fn span_names(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.spans().names()
    }

    /// The fields of the spans around the event, merged and sorted by name; the innermost span's
    /// value wins.
    pub fn span_fields(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.spans().fields()
    }

    /// The value of one field of the spans around the event; the innermost span's wins.
    pub fn span_field(&self, name: &str) -> Option<&str> {
        self.spans().field(name)
    }

    /// The spans around the event with their own fields, root first, at most 32 of the innermost.
    pub fn scope(&self) -> impl DoubleEndedIterator<Item = LogSpan<'_>> + ExactSizeIterator {
        self.spans().scope()
    }

    /// What [`span_fields`](Self::span_fields) has, with the types of the values: numbers and
    /// booleans come as what they were, everything else as its text.
    pub fn span_values(&self) -> impl ExactSizeIterator<Item = (&str, Value<'_>)> {
        self.spans().values()
    }

    /// The spans, with the texts that are made once for all events in the same spans.
    #[inline]
    pub(crate) fn spans(&self) -> &SpanContext {
        match &self.source {
            Source::Live(live) => live.spans.look(),
            Source::Given(given) => &given.spans,
        }
    }

    /// The spans, if somebody has looked at them. Else what was rendered would be the same in others.
    #[inline]
    pub(crate) fn shown_spans(&self) -> Option<&SpanContext> {
        match &self.source {
            Source::Live(live) => live.spans.if_seen(),
            Source::Given(given) => Some(&given.spans),
        }
    }

    /// What tells the place in the source that the event comes from, for as long as the process lives;
    /// none for an event of the builder.
    #[inline]
    pub(crate) fn callsite(&self) -> Option<usize> {
        self.metadata()
            .map(|metadata| std::ptr::from_ref(metadata).addr())
    }

    /// Hands the number and the name of each field that the callsite may record, save the message's, to
    /// `each`.
    pub(crate) fn field_names(&self, each: &mut dyn FnMut(usize, &str)) {
        if let Source::Live(live) = &self.source {
            for field in live.event.metadata().fields() {
                if field.name() != MESSAGE {
                    each(field.index(), plain_name(field.name()));
                }
            }
        }
    }

    /// Whether the event has a message.
    pub fn has_message(&self) -> bool {
        match &self.source {
            Source::Live(live) => live.event.metadata().fields().field(MESSAGE).is_some(),
            Source::Given(given) => given.message.is_some(),
        }
    }

    /// Appends the message, unescaped; nothing where the event has none.
    #[inline]
    pub fn write_message(&self, out: &mut Vec<u8>) {
        match &self.source {
            Source::Live(live) => live::write_message(live.event, false, out),
            Source::Given(given) => {
                if let Some(message) = given.message {
                    Value::Str(message).write_to(out, MESSAGE_LIMIT);
                }
            }
        }
    }

    /// Appends the value of the field `name`, unescaped. Returns whether the event has it.
    pub fn write_field(&self, name: &str, out: &mut Vec<u8>) -> bool {
        let mut found = false;
        self.fields(&mut |known, value| {
            if known == name && !found {
                value.write_to(out, FIELD_LIMIT);
                found = true;
            }
        });
        found
    }

    /// Hands each field save the message to `each`, in the order in which the event names them, at
    /// most 128.
    pub fn fields(&self, each: &mut dyn FnMut(&str, Value<'_>)) {
        match &self.source {
            Source::Live(live) => live::for_each_field(live, each),
            Source::Given(given) => {
                for (name, value) in given.fields.iter().take(MAX_FIELDS) {
                    each(name, *value);
                }
            }
        }
    }

    /// Hands the event's error to `with`, and returns whether there is one.
    ///
    /// That is the first field whose value is a [`Value::Error`], as `error = &error as &dyn Error`
    /// makes it; where there is none, the first field named `error`, `err` or `e`, whatever its
    /// value.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::LogEvent;
    ///
    /// let event = LogEvent::builder().field("err", "out of paper").build();
    /// let mut seen = String::new();
    /// assert!(event.with_error(&mut |error| seen = format!("{error:?}")));
    /// assert_eq!(seen, "out of paper");
    ///
    /// let event = LogEvent::builder().field("user", "bob").build();
    /// assert!(!event.with_error(&mut |_| {}));
    /// ```
    pub fn with_error(&self, with: &mut dyn FnMut(Value<'_>)) -> bool {
        let Some(error) = self.error() else {
            return false;
        };
        let mut number = 0;
        self.fields(&mut |_, value| {
            if number == error {
                with(value);
            }
            number += 1;
        });
        true
    }

    /// Which of the fields that [`fields`](Self::fields) hands over is the event's error.
    fn error(&self) -> Option<usize> {
        let (mut number, mut typed, mut named) = (0, None, None);
        self.fields(&mut |name, value| {
            if matches!(value, Value::Error(_)) {
                typed = typed.or(Some(number));
            } else if ERRORS.contains(&name) {
                named = named.or(Some(number));
            }
            number += 1;
        });
        typed.or(named)
    }

    /// Appends the message and, behind it, the fields that are not shown elsewhere, as
    /// `tracing_subscriber::fmt` writes them: `out of stock order=42`. The fields come in the order in
    /// which the event names them. Unescaped.
    #[inline]
    pub(crate) fn write_message_and_fields(&self, elsewhere: &Elsewhere, out: &mut Vec<u8>) {
        if self.may_have_fields() {
            return self.write_all_fields(elsewhere, out);
        }
        let start = out.len();
        self.write_lone_message(out);
        if out.len() == start {
            self.write_all_fields(elsewhere, out);
        }
    }

    /// Whether there may be fields beside the message. If not, the one that there is may still be another.
    #[inline]
    pub(crate) fn may_have_fields(&self) -> bool {
        match &self.source {
            Source::Live(live) => live.event.metadata().fields().len() != 1,
            Source::Given(given) => !given.fields.is_empty(),
        }
    }

    /// Appends the message, unless it is an error, whose sources have to be shown with it.
    #[inline]
    pub(crate) fn write_lone_message(&self, out: &mut Vec<u8>) {
        match &self.source {
            Source::Live(live) => live::write_message(live.event, true, out),
            Source::Given(_) => self.write_message(out),
        }
    }

    #[inline(never)]
    pub(crate) fn write_all_fields(&self, elsewhere: &Elsewhere, out: &mut Vec<u8>) {
        match &self.source {
            Source::Live(live) => {
                let has_more = elsewhere.error && self.max_fields() > 1;
                let error = if has_more { self.error() } else { None };
                live::write_message_and_fields(live, elsewhere, error, out);
            }
            Source::Given(given) => {
                let start = out.len();
                self.write_message(out);
                let mut is_first = given.message.is_none();
                let error = if elsewhere.error { self.error() } else { None };
                let mut number = 0;
                self.fields(&mut |name, value| {
                    let is_error = error == Some(number);
                    number += 1;
                    if is_error || elsewhere.has(name) || out.len() - start > live::MAX_TEXT {
                        return;
                    }
                    if !is_first {
                        out.push(b' ');
                    }
                    is_first = false;
                    write_field(out, name, value);
                });
            }
        }
    }

    /// Where the event is logged, for an event that is being logged right now.
    #[inline]
    pub(crate) fn metadata(&self) -> Option<&'static Metadata<'static>> {
        match &self.source {
            Source::Live(live) if live.bridged.is_none() => Some(live.event.metadata()),
            Source::Live(_) | Source::Given(_) => None,
        }
    }

    /// Shows all fields of such an event to `visitor`, its message included.
    #[inline]
    pub(crate) fn record(&self, visitor: &mut dyn Visit) {
        if let Source::Live(live) = &self.source {
            live.event.record(visitor);
        }
    }

    /// How many fields [`fields`](Self::fields) may hand over at most.
    #[inline]
    pub(crate) fn max_fields(&self) -> usize {
        match &self.source {
            Source::Live(live) => live.event.metadata().fields().len(),
            Source::Given(given) => given.fields.len(),
        }
    }

    /// Appends the event's marker: the value of its `marker` field. Returns whether it has one.
    pub fn write_marker(&self, out: &mut Vec<u8>) -> bool {
        if let Source::Given(given) = &self.source
            && let Some(marker) = given.marker
        {
            Value::Str(marker).write_to(out, FIELD_LIMIT);
            return true;
        }
        self.write_field(MARKER, out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;

    fn error_of(event: &LogEvent<'_>) -> Option<String> {
        let mut text = None;
        let found = event.with_error(&mut |error| text = Some(format!("{error:?}")));
        assert_eq!(found, text.is_some());
        text
    }

    #[test]
    fn a_value_that_is_an_error_comes_before_a_field_that_is_named_like_one() {
        let error = io::Error::other("disk gone");
        let error: &(dyn std::error::Error + 'static) = &error;
        let event = LogEvent::builder()
            .field("error", "a text")
            .field("cause", error)
            .field("other", error)
            .build();
        assert_eq!(error_of(&event).as_deref(), Some("disk gone"));
    }

    #[test]
    fn else_the_first_field_named_like_an_error_is_the_event_s() {
        let event = LogEvent::builder()
            .field("e", 7)
            .field("error", "b")
            .build();
        assert_eq!(error_of(&event).as_deref(), Some("7"));
        let event = LogEvent::builder().field("errors", 7).build();
        assert_eq!(error_of(&event), None);
    }
}
