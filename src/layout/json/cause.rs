//! The error of an event with what caused it.

use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use super::escape::escape_from;
use super::escape::is_unseen;
use crate::event::LogEvent;
use crate::event::Value;
use crate::event::drop_payload;

/// The most bytes of one error's text.
const TEXT_LIMIT: usize = 4 * 1024;
/// The most bytes of a whole chain.
const CHAIN_LIMIT: usize = 24 * 1024;
/// The most errors of a chain, the first one counted: it may be a ring.
const MAX_ERRORS: usize = 32;

/// Where an error is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorShape {
    /// An object with the message and a list of the causes.
    Object,
    /// Two members, the second one only where there are causes.
    MessageAndTrace,
    /// One member with all of it.
    Trace,
    /// The message of the event, and then all of it.
    FullMessage,
}

impl ErrorShape {
    /// Appends the error of `event`, each member with a comma in front; nothing if it has none.
    #[cold]
    pub(super) fn push(self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        event.with_error(&mut |error| match self {
            Self::Object => push_object(out, error),
            Self::MessageAndTrace => {
                out.extend_from_slice(b",\"error.message\":\"");
                push_text(out, error);
                out.push(b'"');
                if has_cause(error) {
                    out.extend_from_slice(b",\"error.stack_trace\":\"");
                    push_trace(out, error, CHAIN_LIMIT - TEXT_LIMIT);
                    out.push(b'"');
                }
            }
            Self::Trace => {
                out.extend_from_slice(b",\"stack_trace\":\"");
                push_trace(out, error, CHAIN_LIMIT);
                out.push(b'"');
            }
            Self::FullMessage => {
                out.extend_from_slice(b",\"full_message\":\"");
                let start = out.len();
                event.write_message(out);
                trim_blank(out, start);
                escape_from(out, start, CHAIN_LIMIT / 2);
                if out.len() > start {
                    out.extend_from_slice(b"\\n");
                }
                push_trace(out, error, CHAIN_LIMIT / 2);
                out.push(b'"');
            }
        });
    }
}

/// Takes away a message in which nothing can be seen, and what cannot be seen before one.
fn trim_blank(out: &mut Vec<u8>, start: usize) {
    let text = out.get(start..).unwrap_or_default();
    if let Ok(text) = std::str::from_utf8(text) {
        let blank = text.len() - text.trim_start_matches(is_unseen).len();
        out.drain(start..start + blank);
    }
}

/// `,"error":{"message":"…","causes":["…"]}`
fn push_object(out: &mut Vec<u8>, error: Value<'_>) {
    out.extend_from_slice(b",\"error\":{\"message\":\"");
    let end = out.len() + CHAIN_LIMIT;
    push_text(out, error);
    out.push(b'"');
    let start = out.len();
    let mut before: &[u8] = b",\"causes\":[\"";
    for_each_cause(error, |cause| {
        if out.len() < end {
            out.extend_from_slice(before);
            before = b"\",\"";
            push_text(out, cause);
        }
    });
    if out.len() > start {
        out.extend_from_slice(b"\"]");
    }
    out.push(b'}');
}

/// The error and its causes, a line each.
fn push_trace(out: &mut Vec<u8>, error: Value<'_>, limit: usize) {
    let end = out.len() + limit;
    push_text(out, error);
    for_each_cause(error, |cause| {
        if out.len() < end.saturating_sub(TEXT_LIMIT) {
            out.extend_from_slice(b"\\nCaused by: ");
            push_text(out, cause);
        }
    });
}

fn push_text(out: &mut Vec<u8>, error: Value<'_>) {
    let start = out.len();
    error.write_to(out, TEXT_LIMIT);
    escape_from(out, start, TEXT_LIMIT);
}

fn has_cause(error: Value<'_>) -> bool {
    matches!(error, Value::Error(error) if cause(error).is_some())
}

fn for_each_cause(error: Value<'_>, mut each: impl FnMut(Value<'_>)) {
    let Value::Error(mut error) = error else {
        return;
    };
    for _ in 1..MAX_ERRORS {
        let Some(next) = cause(error) else { return };
        each(Value::Error(next));
        error = next;
    }
}

/// The cause of `error`; none if it panics when asked.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    catch_unwind(AssertUnwindSafe(|| error.source())).unwrap_or_else(|payload| {
        drop_payload(payload);
        None
    })
}
