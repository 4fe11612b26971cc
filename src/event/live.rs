//! The view of an event that is being logged right now.

use std::cell::Cell;
use std::cell::OnceCell;
use std::error::Error;
use std::fmt;
use std::fmt::Write as _;

use tracing::Event;
use tracing::Metadata;
use tracing::field::Field;
use tracing::field::Visit;

use super::Bridged;
use super::LogEvent;
use super::MAX_FIELDS;
use super::MESSAGE;
use super::MESSAGE_LIMIT;
use super::Source;
use super::spans::SpanContext;
use super::value::Value;
use super::value::floor_boundary;
use super::value::write_contained;
use super::value::write_debug;
use super::written::Elsewhere;
use super::written::plain_name;
use super::written::write_field;
use super::written::write_value;
use crate::sys::Timestamp;

/// Behind so many bytes no further field is written: a record is cut long before.
pub(super) const MAX_TEXT: usize = 1 << 20;

/// Name and number of a thread, looked up once in its life.
#[derive(Debug)]
pub(crate) struct LiveThread {
    name: String,
    id: u64,
}

impl LiveThread {
    #[inline]
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    #[inline]
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// The running thread.
    pub(crate) fn current() -> Self {
        let id = crate::sys::thread_number();
        let name = match std::thread::current().name() {
            Some(name) => name.to_owned(),
            None => format!("thread-{id}"),
        };
        LAST_KNOWN.with(|known| known.keep(id, &name));
        Self { name, id }
    }

    /// The running thread, at its end: the standard library may not know it any more.
    pub(crate) fn at_its_end() -> Self {
        let known = LAST_KNOWN.with(LastKnown::thread);
        let of_std = || std::panic::catch_unwind(Self::current);
        known.or_else(|| of_std().ok()).unwrap_or_else(|| Self {
            name: "unknown".to_owned(),
            id: 0,
        })
    }
}

/// The most bytes of a thread's name that are known at its end.
const NAME_BYTES: usize = 48;

/// What is known of a thread without any memory of its own.
struct LastKnown {
    /// 0 for not yet.
    id: Cell<u64>,
    name: Cell<[u8; NAME_BYTES]>,
    length: Cell<usize>,
}

thread_local! {
    // Constant and without a destructor: it is there as long as the thread is.
    static LAST_KNOWN: LastKnown = const {
        LastKnown {
            id: Cell::new(0),
            name: Cell::new([0; NAME_BYTES]),
            length: Cell::new(0),
        }
    };
}

impl LastKnown {
    fn keep(&self, id: u64, name: &str) {
        let length = floor_boundary(name, NAME_BYTES);
        let mut bytes = [0; NAME_BYTES];
        for (byte, known) in bytes.iter_mut().zip(name.bytes().take(length)) {
            *byte = known;
        }
        self.id.set(id);
        self.name.set(bytes);
        self.length.set(length);
    }

    fn thread(&self) -> Option<LiveThread> {
        let id = Some(self.id.get()).filter(|id| *id > 0)?;
        let bytes = self.name.get();
        let name = std::str::from_utf8(bytes.get(..self.length.get())?).ok()?;
        Some(LiveThread {
            name: name.to_owned(),
            id,
        })
    }
}

/// The name of an event, unless `tracing` has given it one from its place in the source.
pub(super) fn given_name(metadata: &Metadata<'static>) -> Option<&'static str> {
    let name = metadata.name();
    let Some(place) = name.strip_prefix("event ") else {
        return Some(name);
    };
    let is_place = place.rsplit_once(':').is_some_and(|(file, line)| {
        metadata.file() == Some(file) && line.parse().ok() == metadata.line()
    });
    (!is_place).then_some(name)
}

/// The parts of a live event.
#[derive(Debug)]
pub(super) struct Live<'a> {
    pub(super) event: &'a Event<'a>,
    pub(super) thread: &'a LiveThread,
    pub(super) spans: Watched<'a>,
    /// Where a record of the crate `log` comes from.
    pub(super) bridged: Option<&'a Bridged>,
}

/// Where the spans around an event are found.
pub(crate) trait SpanSource<'a> {
    /// The spans as they are now; none outside of all spans. To be asked once.
    fn look_up(&self) -> Option<&'a SpanContext>;
}

/// The spans around an event, looked up when they are asked for.
pub(super) struct Watched<'a> {
    source: &'a dyn SpanSource<'a>,
    outside: &'a SpanContext,
    found: OnceCell<&'a SpanContext>,
}

impl<'a> Watched<'a> {
    #[inline]
    pub(super) fn look(&self) -> &'a SpanContext {
        let look_up = || self.source.look_up().unwrap_or(self.outside);
        self.found.get_or_init(look_up)
    }

    #[inline]
    pub(super) fn if_seen(&self) -> Option<&'a SpanContext> {
        self.found.get().copied()
    }
}

impl fmt::Debug for Watched<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.look().fmt(f)
    }
}

impl<'a> LogEvent<'a> {
    /// The view of a live event on `thread`, inside the spans that `spans` finds; `outside` is shown
    /// where there are none.
    #[inline]
    pub(crate) fn live(
        event: &'a Event<'a>,
        timestamp: Timestamp,
        thread: &'a LiveThread,
        spans: &'a dyn SpanSource<'a>,
        outside: &'a SpanContext,
        bridged: Option<&'a Bridged>,
    ) -> Self {
        Self {
            timestamp,
            level: *event.metadata().level(),
            source: Source::Live(Live {
                event,
                thread,
                spans: Watched {
                    source: spans,
                    outside,
                    found: OnceCell::new(),
                },
                bridged,
            }),
        }
    }
}

/// Appends the value of the field `message`; of the last one, should there be several.
#[inline]
pub(super) fn write_message(event: &Event<'_>, leaves_errors: bool, out: &mut Vec<u8>) {
    let start = out.len();
    event.record(&mut MessageVisitor {
        out,
        start,
        leaves_errors,
    });
}

/// Writes the message; the other fields cost it a comparison of their names.
struct MessageVisitor<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// Whether nothing is written of a message that is an error.
    leaves_errors: bool,
}

impl MessageVisitor<'_> {
    #[inline]
    fn begin(&mut self) {
        if self.out.len() != self.start {
            self.begin_again();
        }
    }

    /// There was a message before this one.
    #[cold]
    fn begin_again(&mut self) {
        self.out.truncate(self.start);
    }
}

impl Visit for MessageVisitor<'_> {
    /// What nearly every message is: `format_args!`, whose `Debug` is its text.
    #[inline]
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE {
            self.begin();
            write_contained(self.out, MESSAGE_LIMIT, |w| write!(w, "{value:?}"));
        }
    }

    /// Without the quotes that `Debug` would put around it.
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            self.begin();
            Value::Str(value).write_to(self.out, MESSAGE_LIMIT);
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        if field.name() == MESSAGE {
            self.begin();
            if !self.leaves_errors {
                Value::Error(value).write_to(self.out, MESSAGE_LIMIT);
            }
        }
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        if field.name() == MESSAGE {
            self.begin();
            Value::Bytes(value).write_to(self.out, MESSAGE_LIMIT);
        }
    }

    /// Other numbers look the same in `Debug`.
    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == MESSAGE {
            self.begin();
            Value::F64(value).write_to(self.out, MESSAGE_LIMIT);
        }
    }
}

/// Appends the message and, behind it, the other fields but those that are shown elsewhere.
#[inline]
pub(super) fn write_message_and_fields(
    live: &Live<'_>,
    elsewhere: &Elsewhere,
    error: Option<usize>,
    out: &mut Vec<u8>,
) {
    let start = out.len();
    live.event.record(&mut TextVisitor {
        out,
        start,
        elsewhere,
        error,
        is_bridged: live.bridged.is_some(),
        has_message: false,
        message: 0,
        seen: 0,
        has_fields: false,
    });
}

/// Writes the message first, whatever its place among the fields.
struct TextVisitor<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    elsewhere: &'a Elsewhere,
    /// The number of the field that is the event's error, if that is shown elsewhere.
    error: Option<usize>,
    is_bridged: bool,
    has_message: bool,
    /// How long it is.
    message: usize,
    /// How many other fields there were.
    seen: usize,
    has_fields: bool,
}

impl TextVisitor<'_> {
    #[inline]
    fn message(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.has_message || self.has_fields {
            return self.late_message(write);
        }
        write(self.out);
        self.message = self.out.len() - self.start;
        self.has_message = true;
    }

    /// There is something already: fields, which come behind the message, or another message, which
    /// this one replaces.
    #[cold]
    fn late_message(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if self.has_message {
            let with_space = self.message + usize::from(self.has_fields);
            self.out.drain(self.start..self.start + with_space);
        }
        let fields = self.out.len() - self.start;
        write(self.out);
        self.message = self.out.len() - self.start - fields;
        self.has_message = true;
        if self.has_fields {
            self.out.push(b' ');
        }
        let text = self.out.get_mut(self.start..).unwrap_or_default();
        text.rotate_left(fields);
    }

    #[inline(never)]
    fn field(&mut self, name: &'static str, value: Value<'_>) {
        if self.is_bridged && Bridged::is_own(name) {
            return;
        }
        let number = self.seen;
        self.seen += 1;
        let is_too_much = number >= MAX_FIELDS || self.out.len() - self.start > MAX_TEXT;
        let is_elsewhere = self.error == Some(number) || self.elsewhere.has(plain_name(name));
        if is_too_much || is_elsewhere {
            return;
        }
        if self.has_message || self.has_fields {
            self.out.push(b' ');
        }
        self.has_fields = true;
        write_field(self.out, name, value);
    }

    fn visit(&mut self, field: &Field, value: Value<'_>) {
        if field.name() == MESSAGE {
            self.message(|out| match value {
                Value::Error(_) => write_value(out, MESSAGE, value),
                value => value.write_to(out, MESSAGE_LIMIT),
            });
        } else {
            self.field(field.name(), value);
        }
    }
}

impl Visit for TextVisitor<'_> {
    /// What nearly every message is: `format_args!`, whose `Debug` is its text.
    #[inline]
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == MESSAGE {
            self.message(|out| write_debug(out, MESSAGE_LIMIT, value));
        } else {
            self.field(field.name(), Value::Debug(value));
        }
    }

    super::visit_scalars!(visit);
}

/// Hands each field save the message to `each`, and save those that tell where a record of `log`
/// comes from.
pub(super) fn for_each_field(live: &Live<'_>, each: &mut dyn FnMut(&str, Value<'_>)) {
    live.event.record(&mut FieldVisitor {
        each,
        seen: 0,
        is_bridged: live.bridged.is_some(),
    });
}

struct FieldVisitor<'a> {
    each: &'a mut dyn FnMut(&str, Value<'_>),
    seen: usize,
    is_bridged: bool,
}

impl FieldVisitor<'_> {
    fn visit(&mut self, field: &Field, value: Value<'_>) {
        let is_shown =
            field.name() != MESSAGE && !(self.is_bridged && Bridged::is_own(field.name()));
        if is_shown && self.seen < MAX_FIELDS {
            self.seen += 1;
            (self.each)(plain_name(field.name()), value);
        }
    }
}

super::visit_values!(FieldVisitor<'_>, visit);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_known_at_its_end_and_a_long_name_is_cut() {
        for (name, shown) in [
            ("short", "short"),
            (&"\u{e4}b".repeat(20), &"\u{e4}b".repeat(16)),
        ] {
            let thread = std::thread::Builder::new().name(name.to_owned());
            let thread = thread.spawn(|| {
                assert!(LAST_KNOWN.with(LastKnown::thread).is_none());
                let now = LiveThread::current();
                (now, LiveThread::at_its_end())
            });
            let (now, later) = thread.unwrap().join().unwrap();
            assert_eq!((now.name(), later.name()), (name, shown));
            assert_eq!(now.id(), later.id());
        }
    }
}
