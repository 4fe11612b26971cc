//! What a record is made of, one part after the other.

use super::cause::ErrorShape;
use super::content::Content;
use super::escape::escape_from;
use super::escape::is_unseen;
use super::escape::push_text;
use super::time::push_date;
use super::time::push_epoch;
use crate::event::LogEvent;
use crate::event::MESSAGE_LIMIT;
use crate::layout::level;
use crate::layout::level::LEVELS;
use crate::layout::text::push_number;

/// The most bytes of a target, a thread's name, a file.
const SHORT_LIMIT: usize = 2 * 1024;

/// One part; text in it is JSON already, with the quotes around what the part itself prints.
#[derive(Debug)]
pub(super) enum Part {
    Literal(Box<str>),
    Millis,
    Micros,
    Epoch,
    /// The texts of the levels, by [`level::index`].
    Level([Box<str>; LEVELS]),
    Target,
    Message,
    /// The message; `-` where there is none, or nothing that a reader could see.
    SomeMessage,
    ThreadName,
    ThreadId,
    /// All of the event's fields and spans; and its error, if one of the fields may be one.
    Content(Box<Content>, ErrorShape),
    /// A member with the comma and the key in front, left out where the event does not know it.
    File(&'static str),
    Line(&'static str),
    Module(&'static str),
    Method(&'static str),
}

impl Part {
    /// Whether it is the same for all events of one callsite on one thread.
    pub(super) fn is_constant(&self) -> bool {
        match self {
            Self::Literal(_)
            | Self::Level(_)
            | Self::Target
            | Self::ThreadName
            | Self::ThreadId
            | Self::File(_)
            | Self::Line(_)
            | Self::Module(_) => true,
            Self::Millis
            | Self::Micros
            | Self::Epoch
            | Self::Message
            | Self::SomeMessage
            | Self::Content(..)
            | Self::Method(_) => false,
        }
    }

    /// Makes what follows `start` in `out`, a message as it came, what this part of it prints.
    #[inline]
    pub(super) fn end_message(&self, out: &mut Vec<u8>, start: usize) {
        if matches!(self, Self::SomeMessage) && is_blank(out.get(start..).unwrap_or_default()) {
            out.truncate(start);
            out.push(b'-');
        }
        escape_from(out, start, MESSAGE_LIMIT);
    }

    #[inline]
    pub(super) fn push(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Literal(text) => out.extend_from_slice(text.as_bytes()),
            Self::Millis => push_date::<3>(out, event.timestamp()),
            Self::Micros => push_date::<6>(out, event.timestamp()),
            Self::Epoch => push_epoch(out, event.timestamp()),
            Self::Level(texts) => {
                let text = texts.get(level::index(event.level()));
                out.extend_from_slice(text.map_or("", |text| text).as_bytes());
            }
            Self::Target => push_text(out, event.target(), SHORT_LIMIT),
            Self::Message | Self::SomeMessage => {
                let start = out.len();
                event.write_message(out);
                self.end_message(out, start);
            }
            Self::ThreadName => push_text(out, event.thread_name(), SHORT_LIMIT),
            Self::ThreadId => push_number(out, event.thread_id()),
            Self::Content(content, error) => {
                if content.push(event, out) {
                    error.push(event, out);
                }
            }
            Self::File(before) => push_member(out, before, event.file()),
            Self::Line(before) => {
                if let Some(line) = event.line() {
                    out.extend_from_slice(before.as_bytes());
                    push_number(out, line);
                }
            }
            Self::Module(before) => push_member(out, before, event.module_path()),
            Self::Method(before) => push_member(out, before, event.method()),
        }
    }
}

fn push_member(out: &mut Vec<u8>, before: &str, text: Option<&str>) {
    if let Some(text) = text {
        out.extend_from_slice(before.as_bytes());
        out.push(b'"');
        push_text(out, text, SHORT_LIMIT);
        out.push(b'"');
    }
}

/// Whether `text` has nothing that a reader could see.
#[inline]
fn is_blank(text: &[u8]) -> bool {
    match text.first() {
        Some(b'!'..=b'~') => false,
        _ => std::str::from_utf8(text).is_ok_and(|text| text.chars().all(is_unseen)),
    }
}
