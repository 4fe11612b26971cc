//! The variable parts of an event: what each converter appends.

use std::sync::OnceLock;
use std::time::Instant;

use uuid::Uuid;
use uuid::timestamp::context::ContextV1;

use super::fields;
use super::lookup::Lookup;
use super::marker;
use super::name::Precision;
use super::text::MAX_RENDERED;
use super::text::push_number;
use crate::event::Elsewhere;
use crate::event::LogEvent;
use crate::sys::Timestamp;

/// What one specifier prints of an event.
#[derive(Debug)]
pub(super) enum Converter {
    Class(Precision),
    /// A field of the event or, where it has none of that name, of its spans.
    Correlation(&'static str),
    EventField(String),
    EventFields,
    /// The name that the event was given.
    EventName,
    File,
    Line,
    Location,
    Lookup(Box<Lookup>),
    Marker,
    /// The marker without its parents.
    MarkerName,
    /// With the fields that are shown nowhere else, if it is the place for them.
    Message(Option<Box<Elsewhere>>),
    Method,
    /// Nanoseconds since then.
    Nano(Instant),
    /// Milliseconds since that time.
    Relative(Timestamp),
    Sequence,
    SpanField(String),
    /// All of them.
    SpanFields,
    /// Those named, in that order.
    SomeSpanFields(Box<[String]>),
    SpanNames,
    /// Each with its own fields.
    Spans,
    Target(Precision),
    ThreadId,
    ThreadName,
    /// Random, or made from the event's time.
    Uuid(bool),
}

/// What stands for a module that is not known.
const UNKNOWN_CLASS: &str = "?";
/// What Java prints for a file that a known location does not name.
const NO_FILE: &[u8] = b"null";
const NO_LINE: &[u8] = b"-1";

impl Converter {
    /// Whether it prints text that may need to be escaped.
    pub(super) fn is_text(&self) -> bool {
        !matches!(
            self,
            Self::Line
                | Self::Nano(_)
                | Self::Relative(_)
                | Self::Sequence
                | Self::ThreadId
                | Self::Uuid(_)
        )
    }

    /// Whether it prints the same for all events of a callsite on one thread.
    pub(super) fn is_of_callsite(&self) -> bool {
        matches!(
            self,
            Self::Class(_)
                | Self::EventName
                | Self::File
                | Self::Line
                | Self::Target(_)
                | Self::ThreadId
                | Self::ThreadName
        )
    }

    /// Whether it prints something else each time, even for the same event.
    pub(super) fn is_unique(&self) -> bool {
        matches!(self, Self::Nano(_) | Self::Sequence | Self::Uuid(_))
    }

    /// What it prints if there is nothing to print.
    pub(super) fn empty(&self) -> &'static str {
        match self {
            Self::SpanNames => "[]",
            Self::SpanFields | Self::SomeSpanFields(_) => "{}",
            _ => "",
        }
    }

    /// Appends the part, unescaped. `number` is the one that `%sn` prints.
    #[inline(never)]
    pub(super) fn write(&self, event: &LogEvent<'_>, number: u64, out: &mut Vec<u8>) {
        match self {
            Self::Message(None) => event.write_message(out),
            Self::Message(Some(fields)) => event.write_message_and_fields(fields, out),
            Self::EventName => {
                out.extend_from_slice(event.name().unwrap_or_default().as_bytes());
            }
            Self::Spans => event.spans().write_all(out),
            Self::Target(precision) => precision.write(event.target(), out),
            Self::ThreadName => out.extend_from_slice(event.thread_name().as_bytes()),
            Self::Class(precision) => {
                precision.write(event.module_path().unwrap_or(UNKNOWN_CLASS), out);
            }
            Self::Correlation(name) => {
                if !event.write_field(name, out) {
                    let value = event.spans().field(name).unwrap_or_default();
                    out.extend_from_slice(value.as_bytes());
                }
            }
            Self::EventField(name) => {
                event.write_field(name, out);
            }
            Self::EventFields => fields::write(event, out),
            Self::File => match event.file() {
                Some(file) => out.extend_from_slice(file.as_bytes()),
                None if is_located(event) => out.extend_from_slice(NO_FILE),
                None => {}
            },
            Self::Line => match event.line() {
                Some(line) => push_number(out, line),
                None if is_located(event) => out.extend_from_slice(NO_LINE),
                None => {}
            },
            Self::Location => write_location(event, out),
            Self::Lookup(lookup) => lookup.write(event, out),
            Self::Marker => {
                event.write_marker(out);
            }
            Self::MarkerName => {
                marker::write_name(event, out);
            }
            Self::Nano(start) => push_number(out, start.elapsed().as_nanos()),
            Self::Uuid(is_random) => write_uuid(event, *is_random, out),
            Self::Method => out.extend_from_slice(event.method().unwrap_or_default().as_bytes()),
            Self::Relative(start) => {
                let elapsed = event.timestamp().millis().saturating_sub(start.millis());
                push_number(out, elapsed);
            }
            Self::Sequence => push_number(out, number),
            Self::SpanField(name) => {
                let value = event.spans().field(name).unwrap_or_default();
                out.extend_from_slice(value.as_bytes());
            }
            Self::SpanFields => out.extend_from_slice(event.spans().fields_text().as_bytes()),
            Self::SomeSpanFields(names) => write_some(event, names, out),
            Self::SpanNames => out.extend_from_slice(event.spans().names_text().as_bytes()),
            Self::ThreadId => push_number(out, event.thread_id()),
        }
    }
}

fn write_uuid(event: &LogEvent<'_>, is_random: bool, out: &mut Vec<u8>) {
    let uuid = if is_random {
        Uuid::new_v4()
    } else {
        time_uuid(event.timestamp())
    };
    let mut buffer = Uuid::encode_buffer();
    out.extend_from_slice(uuid.hyphenated().encode_lower(&mut buffer).as_bytes());
}

/// An identifier that begins with the time, for this process: there is no address of a network card
/// in it, but a number drawn once.
fn time_uuid(stamp: Timestamp) -> Uuid {
    static PROCESS: OnceLock<(ContextV1, [u8; 6])> = OnceLock::new();
    let (context, node) = PROCESS.get_or_init(|| {
        let (count, random) = Uuid::new_v4().as_u64_pair();
        let [_, _, mut node @ ..] = random.to_be_bytes();
        // The lowest bit of the first byte says that it is no card's address.
        if let Some(first) = node.first_mut() {
            *first |= 1;
        }
        // Any bits will do.
        (ContextV1::new((count & 0xffff) as u16), node)
    });
    let seconds = u64::try_from(stamp.seconds).unwrap_or_default();
    let time = uuid::Timestamp::from_unix(context, seconds, stamp.nanos);
    Uuid::new_v1(time, node)
}

/// Whether anything is known about where in the source an event is.
fn is_located(event: &LogEvent<'_>) -> bool {
    event.module_path().is_some()
}

/// `class.method(file:line)`
fn write_location(event: &LogEvent<'_>, out: &mut Vec<u8>) {
    let Some(class) = event.module_path() else {
        return;
    };
    out.extend_from_slice(class.as_bytes());
    if let Some(method) = event.method() {
        out.push(b'.');
        out.extend_from_slice(method.as_bytes());
    }
    out.push(b'(');
    match (event.file(), event.line()) {
        (Some(file), Some(line)) => {
            out.extend_from_slice(file.as_bytes());
            out.push(b':');
            push_number(out, line);
        }
        (Some(file), None) => out.extend_from_slice(file.as_bytes()),
        (None, _) => out.extend_from_slice(b"Unknown Source"),
    }
    out.push(b')');
}

/// `{k1=v1, k2=v2}` in the order of `names`, without those that are missing.
fn write_some(event: &LogEvent<'_>, names: &[String], out: &mut Vec<u8>) {
    let most = out.len() + MAX_RENDERED;
    out.push(b'{');
    let mut is_first = true;
    for name in names {
        if out.len() > most {
            break;
        }
        if let Some(value) = event.spans().field(name) {
            if !is_first {
                out.extend_from_slice(b", ");
            }
            is_first = false;
            out.extend_from_slice(name.as_bytes());
            out.push(b'=');
            out.extend_from_slice(value.as_bytes());
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(converter: &Converter, event: &LogEvent<'_>) -> String {
        let mut out = b"before ".to_vec();
        converter.write(event, 7, &mut out);
        String::from_utf8(out.split_off(7)).unwrap()
    }

    #[test]
    fn fields_are_sorted_by_name_whatever_their_order() {
        let event = LogEvent::builder()
            .message("not a field")
            .field("zeta", 1)
            .field("alpha", "two")
            .field("mid", true)
            .build();
        let fields = text(&Converter::EventFields, &event);
        assert_eq!(fields, "{alpha=two, mid=true, zeta=1}");
        assert_eq!(
            text(&Converter::EventField("mid".to_owned()), &event),
            "true"
        );
        assert_eq!(text(&Converter::EventField("nope".to_owned()), &event), "");
        let sorted = LogEvent::builder().field("a", 1).field("b", 2).build();
        assert_eq!(text(&Converter::EventFields, &sorted), "{a=1, b=2}");
        let bare = LogEvent::builder().message("text").build();
        assert_eq!(text(&Converter::EventFields, &bare), "");
        let empty = LogEvent::builder().build();
        assert_eq!(text(&Converter::EventFields, &empty), "{}");
    }

    #[test]
    fn a_location_leaves_out_what_is_not_known() {
        let located = |file, line| LogEvent::builder().location(Some("a::b"), file, line);
        let full = located(Some("src/b.rs"), Some(7)).method("run").build();
        assert_eq!(text(&Converter::Location, &full), "a::b.run(src/b.rs:7)");
        let outside = located(Some("src/b.rs"), Some(7)).build();
        assert_eq!(text(&Converter::Location, &outside), "a::b(src/b.rs:7)");
        let bare = located(None, None).build();
        assert_eq!(text(&Converter::Location, &bare), "a::b(Unknown Source)");
        assert_eq!(text(&Converter::File, &bare), "null");
        assert_eq!(text(&Converter::Line, &bare), "-1");
        let nowhere = LogEvent::builder().build();
        assert_eq!(text(&Converter::Location, &nowhere), "");
        assert_eq!(text(&Converter::Class(Precision::Whole), &nowhere), "?");
    }

    #[test]
    fn chosen_span_fields_come_in_the_order_of_the_pattern() {
        let event = LogEvent::builder()
            .span("s", [("a", "1"), ("b", "2")])
            .build();
        let names = ["b", "nope", "a"].map(str::to_owned);
        let converter = Converter::SomeSpanFields(Box::new(names));
        assert_eq!(text(&converter, &event), "{b=2, a=1}");
    }
}
