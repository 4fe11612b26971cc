//! The fields and the spans of an event; what the spans say is made once for all events inside them.

use super::escape::push_string;
use super::escape::push_text;
use super::members::Careful;
use super::members::Origin;
use super::members::Rules;
use super::members::Spelling;
use super::members::bit;
use super::members::close_object;
use super::members::push_fields;
use super::value::Booleans;
use crate::event::FIELD_LIMIT;
use crate::event::KeptText;
use crate::event::LogEvent;
use crate::event::SpanContext;
use crate::event::Value;

/// The most bytes of all fields of an event, from which on they are left out.
pub(super) const FIELDS_LIMIT: usize = 64 * 1024;
/// The same for the merged fields of spans.
const MERGED_LIMIT: usize = 24 * 1024;
/// The same for their list.
const LIST_LIMIT: usize = 24 * 1024;
/// The most bytes of a span's name.
const NAME_LIMIT: usize = 1024;

/// How the fields and the spans are shown.
#[derive(Debug)]
pub(super) struct Content {
    /// Tells the texts of one layout from those of others.
    pub(super) layout: u64,
    /// The comma, the key and the colon before the object of the event's fields; nothing if they
    /// are members of the outermost object.
    pub(super) object: &'static str,
    pub(super) rules: Rules,
    pub(super) spans: SpanShape,
}

/// Where the spans are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SpanShape {
    /// A list with their own fields, and an object with the merged ones.
    ListAndObject,
    /// The merged fields among the event's, and a list with their own.
    FieldsAndList,
    /// The merged fields among the event's, and a list of their names.
    FieldsAndNames,
    /// The merged fields among the event's, and one text of their names.
    FieldsAndText,
}

impl Content {
    /// Appends all of it, each member with a comma in front. Returns whether one of the event's
    /// fields may be its error.
    pub(super) fn push(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) -> bool {
        let begin = out.len();
        let members = self.open(out);
        let spans = event.spans();
        let shared = (self.shares_members() && !spans.is_empty()).then_some(spans);
        let (is_fine, has_error) = self.push_fields(event, out, shared);
        if is_fine {
            self.push_spans(spans, out, begin, members);
        } else {
            self.close(out, begin, members);
            self.push_rest(spans, out);
        }
        has_error
    }

    /// Begins the object of the fields. Returns where its members begin.
    #[inline]
    pub(super) fn open(&self, out: &mut Vec<u8>) -> usize {
        out.extend_from_slice(self.object.as_bytes());
        out.len()
    }

    /// Whether one of the `keys` of an event, of which `mask` is the summary, is one of `spans` too.
    #[inline]
    pub(super) fn clashes(
        &self,
        spans: &SpanContext,
        mask: u64,
        mut keys: impl Iterator<Item: AsRef<[u8]>>,
    ) -> bool {
        self.shares_members()
            && !spans.is_empty()
            && self.with_kept(spans, |kept| {
                kept.mask & mask != 0 && keys.any(|key| has_key(kept, key.as_ref()))
            })
    }

    /// Appends what there is of the spans behind the fields of the event, and ends their object.
    #[inline]
    pub(super) fn push_spans(
        &self,
        spans: &SpanContext,
        out: &mut Vec<u8>,
        begin: usize,
        members: usize,
    ) {
        if spans.is_empty() {
            self.close(out, begin, members);
        } else if self.object.is_empty() {
            self.with_kept(spans, |kept| out.extend_from_slice(&kept.text));
        } else {
            self.with_kept(spans, |kept| {
                let (fields, rest) = kept.text.split_at_checked(kept.split).unwrap_or_default();
                out.extend_from_slice(fields);
                self.close(out, begin, members);
                out.extend_from_slice(rest);
            });
        }
    }

    /// Whether the fields of spans are in the same object as those of the event.
    #[inline]
    fn shares_members(&self) -> bool {
        self.spans != SpanShape::ListAndObject
    }

    #[inline]
    fn close(&self, out: &mut Vec<u8>, begin: usize, members: usize) {
        if !self.object.is_empty() {
            close_object(out, begin, members);
        }
    }

    /// Appends what of the spans is not among the fields.
    fn push_rest(&self, spans: &SpanContext, out: &mut Vec<u8>) {
        if !spans.is_empty() {
            self.with_kept(spans, |kept| {
                let rest = kept.text.get(kept.split..).unwrap_or_default();
                out.extend_from_slice(rest);
            });
        }
    }

    /// Appends the fields of the event. Returns whether that went without clashes, also with keys
    /// of `spans`, and whether one of them may be the error of the event; if there were clashes,
    /// the fields of `spans` are there as well.
    fn push_fields(
        &self,
        event: &LogEvent<'_>,
        out: &mut Vec<u8>,
        spans: Option<&SpanContext>,
    ) -> (bool, bool) {
        let start = out.len();
        let end = start + FIELDS_LIMIT;
        let mask = spans.map_or(0, |spans| self.with_kept(spans, |kept| kept.mask));
        let is_of_span = |key: &[u8]| {
            spans.is_some_and(|spans| self.with_kept(spans, |kept| has_key(kept, key)))
        };
        let written = push_fields(event, out, end, &self.rules, mask, &is_of_span);
        if !written.is_fine {
            out.truncate(start);
            self.push_carefully(event, out, end, spans);
        }
        (written.is_fine, written.has_error)
    }

    #[cold]
    fn push_carefully(
        &self,
        event: &LogEvent<'_>,
        out: &mut Vec<u8>,
        end: usize,
        spans: Option<&SpanContext>,
    ) {
        let mut careful = Careful::new(&self.rules, end);
        event.fields(&mut |name, value| {
            careful.push(out, Origin::Event, name, value, FIELD_LIMIT);
        });
        if let Some(spans) = spans {
            careful.extend_to(out.len() + MERGED_LIMIT);
            for (name, value) in spans.values() {
                careful.push(out, Origin::Span, name, value, FIELD_LIMIT);
            }
        }
    }

    #[inline]
    fn with_kept<R>(&self, spans: &SpanContext, then: impl FnOnce(&KeptText) -> R) -> R {
        spans.with_kept(self.layout, |spans, kept| self.make(spans, kept), then)
    }

    /// Makes the text of the spans.
    fn make(&self, spans: &SpanContext, kept: &mut KeptText) {
        if self.spans != SpanShape::ListAndObject {
            let mut careful = Careful::new(&self.rules, MERGED_LIMIT);
            for (name, value) in spans.values() {
                careful.push(&mut kept.text, Origin::Span, name, value, FIELD_LIMIT);
            }
            kept.places.extend(careful.keys());
            kept.split = kept.text.len();
            for place in &kept.places {
                kept.mask |= bit(kept.text.get(place.clone()).unwrap_or_default());
            }
        }
        match self.spans {
            SpanShape::ListAndObject => {
                push_list(spans, &mut kept.text);
                push_merged(spans, &mut kept.text);
            }
            SpanShape::FieldsAndList => push_list(spans, &mut kept.text),
            SpanShape::FieldsAndNames => push_names(spans, &mut kept.text),
            SpanShape::FieldsAndText => push_path(spans, &mut kept.text),
        }
    }
}

/// Whether a member of `kept` has this key.
fn has_key(kept: &KeptText, key: &[u8]) -> bool {
    let mut places = kept.places.iter();
    places.any(|place| kept.text.get(place.clone()) == Some(key))
}

/// `,"spans":[{"name":"request","fields":{"id":7}}]`
fn push_list(spans: &SpanContext, out: &mut Vec<u8>) {
    let rules = free();
    let end = out.len() + LIST_LIMIT;
    out.extend_from_slice(b",\"spans\":[");
    for (index, span) in spans.scope().enumerate() {
        if out.len() >= end {
            break;
        }
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"name\":");
        push_string(out, span.name(), NAME_LIMIT);
        push_object(out, ",\"fields\":", end, &rules, span.fields());
        out.push(b'}');
    }
    out.push(b']');
}

/// `,"span_fields":{"id":7}`
fn push_merged(spans: &SpanContext, out: &mut Vec<u8>) {
    let end = out.len() + MERGED_LIMIT;
    push_object(out, ",\"span_fields\":", end, &free(), spans.values());
}

fn push_object<'f>(
    out: &mut Vec<u8>,
    key: &str,
    end: usize,
    rules: &Rules,
    fields: impl Iterator<Item = (&'f str, Value<'f>)>,
) {
    let begin = out.len();
    out.extend_from_slice(key.as_bytes());
    let members = out.len();
    let mut careful = Careful::new(rules, end);
    for (name, value) in fields {
        careful.push(out, Origin::Span, name, value, FIELD_LIMIT);
    }
    close_object(out, begin, members);
}

/// `,"tags":["request","query"]`
fn push_names(spans: &SpanContext, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"tags\":[");
    for (index, name) in spans.names().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_string(out, name, NAME_LIMIT);
    }
    out.push(b']');
}

/// `,"_spans":"request:query"`
fn push_path(spans: &SpanContext, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"_spans\":\"");
    for (index, name) in spans.names().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        push_text(out, name, NAME_LIMIT);
    }
    out.push(b'"');
}

/// Objects of our own, where every name is free.
fn free() -> Rules {
    Rules::new(Spelling::Free, Booleans::Kept, Vec::new())
}
