//! The variable parts of an event: what each converter appends.

use std::sync::OnceLock;
use std::time::Instant;

use uuid::Uuid;
use uuid::timestamp::context::ContextV1;

use super::lookup::Lookup;
use super::name::Precision;
use super::text::MAX_RENDERED;
use super::text::push_number;
use crate::event::LogEvent;
use crate::event::Value;
use crate::sys::Timestamp;

/// What one specifier prints of an event.
#[derive(Debug)]
pub(super) enum Converter {
    Class(Precision),
    /// A field of the event or, where it has none of that name, of its spans.
    Correlation(&'static str),
    EventField(String),
    EventFields,
    File,
    Line,
    Location,
    Lookup(Box<Lookup>),
    Marker,
    /// The marker without its parents.
    MarkerName,
    Message,
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
    Target(Precision),
    ThreadId,
    ThreadName,
    /// Random, or made from the event's time.
    Uuid(bool),
}

/// The most fields that are put in order; an event shows no more.
const MAX_FIELDS: usize = 128;
/// As many fields as most events have at most.
const FEW_FIELDS: usize = 12;
/// What stands for a module that is not known.
const UNKNOWN_CLASS: &str = "?";
/// What Java prints for a file that a known location does not name.
const NO_FILE: &[u8] = b"null";
const NO_LINE: &[u8] = b"-1";
/// What stands around the parents of a marker.
const PARENTS: &[u8] = b"[ ";
const PARENTS_END: &[u8] = b" ]";

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
    #[inline]
    pub(super) fn write(&self, event: &LogEvent<'_>, number: u64, out: &mut Vec<u8>) {
        match self {
            Self::Message => event.write_message(out),
            Self::Target(precision) => precision.write(event.target(), out),
            Self::ThreadName => out.extend_from_slice(event.thread_name().as_bytes()),
            other => other.write_rare(event, number, out),
        }
    }

    /// The same, out of the way of the common ones.
    #[inline(never)]
    fn write_rare(&self, event: &LogEvent<'_>, number: u64, out: &mut Vec<u8>) {
        match self {
            Self::Message | Self::Target(_) | Self::ThreadName => {}
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
            Self::EventFields => write_fields(event, out),
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
            Self::MarkerName => write_marker_name(event, out),
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

/// A marker is written with its parents as Log4j prints it: `CHILD[ PARENT, OTHER ]`.
fn write_marker_name(event: &LogEvent<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    event.write_marker(out);
    let marker = out.get(start..).unwrap_or_default();
    if marker.ends_with(PARENTS_END)
        && let Some(at) = marker.windows(PARENTS.len()).position(|w| w == PARENTS)
    {
        out.truncate(start + at);
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

/// `{a=1, b=2}` sorted by name; nothing for an event that has a message only.
fn write_fields(event: &LogEvent<'_>, out: &mut Vec<u8>) {
    // Clearing places for as many fields as there may be would cost more than writing a few.
    if event.max_fields() <= FEW_FIELDS {
        write_fields_up_to::<FEW_FIELDS>(event, out);
    } else {
        write_fields_up_to::<MAX_FIELDS>(event, out);
    }
}

fn write_fields_up_to<const MOST: usize>(event: &LogEvent<'_>, out: &mut Vec<u8>) {
    let start = out.len();
    let mut fields = [Field::default(); MOST];
    let mut count = 0;
    let mut is_sorted = true;
    event.fields(&mut |name: &str, value: Value<'_>| {
        let Some(field) = fields.get_mut(count) else {
            return;
        };
        out.extend_from_slice(if count == 0 { b"{" } else { b", " });
        field.start = out.len();
        out.extend_from_slice(name.as_bytes());
        field.name_end = out.len();
        out.push(b'=');
        value.write_to(out, crate::event::FIELD_LIMIT);
        field.end = out.len();
        count += 1;
    });
    if count == 0 {
        if !event.has_message() {
            out.extend_from_slice(b"{}");
        }
        return;
    }
    out.push(b'}');
    let fields = fields.get_mut(..count).unwrap_or_default();
    for pair in fields.windows(2) {
        if let [one, other] = pair {
            is_sorted &= one.name(out) <= other.name(out);
        }
    }
    if !is_sorted {
        sort_fields(fields, start, out);
    }
}

/// Where a field stands in the output.
#[derive(Debug, Clone, Copy, Default)]
struct Field {
    start: usize,
    name_end: usize,
    end: usize,
}

impl Field {
    fn name<'o>(&self, out: &'o [u8]) -> &'o [u8] {
        out.get(self.start..self.name_end).unwrap_or_default()
    }
}

/// Writes the fields again behind the unsorted ones, in order, and moves them into their place.
fn sort_fields(fields: &mut [Field], start: usize, out: &mut Vec<u8>) {
    let end = out.len();
    fields.sort_unstable_by(|one, other| one.name(out).cmp(other.name(out)));
    out.reserve(end - start);
    for (index, field) in fields.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{" } else { b", " });
        out.extend_from_within(field.start..field.end);
    }
    out.push(b'}');
    out.copy_within(end.., start);
    out.truncate(end);
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
