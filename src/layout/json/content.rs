//! The fields and the spans of an event; what the spans say is made once for all events inside them.

use super::ecs::Kind;
use super::ecs::kind_of;
use super::ecs::push_as;
use super::escape::push_string;
use super::escape::push_text;
use super::members::Careful;
use super::members::Origin;
use super::members::Rules;
use super::members::Spelling;
use super::members::close_object;
use super::members::is_error_name;
use super::members::push_fields;
use super::shares::MOST;
use super::shares::share;
use super::value::Scalars;
use super::value::push_value;
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
/// The most bytes that stand around a member's name and value, a note that it was cut included.
const AROUND: usize = 48;
/// To how many bytes a value is cut at the least; where there is less room, whole members are left out.
const LEAST: usize = 64;
/// The most bytes of all names of spans in one text, the notes not counted: a reader has room for 32,766.
const PATH_LIMIT: usize = 30 * 1024;
/// The most bytes of a span's name.
const NAME_LIMIT: usize = 1024;

/// The field of ECS that the name of an event is.
const ACTION: &str = "event.action";

/// How the fields and the spans are shown.
#[derive(Debug)]
pub(super) struct Content {
    /// Tells the texts of one layout from those of others.
    pub(super) layout: u64,
    /// The comma, the key and the colon before the object of the event's fields; nothing if they
    /// are members of the outermost object.
    pub(super) object: &'static str,
    /// Members that this object has for all events, each with a comma in front.
    pub(super) constants: String,
    pub(super) rules: Rules,
    /// In ECS, what the fields that are called as one of its own may not clash with: they are members of
    /// the outermost object.
    pub(super) tops: Option<Rules>,
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
        let spans = event.spans();
        if self.has_tops(event) {
            return self.push_with_tops(event, spans, out);
        }
        let begin = out.len();
        let members = self.open(out);
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
        let members = out.len();
        out.extend_from_slice(self.constants.as_bytes());
        members
    }

    /// The kind of the field of ECS that is called `name`, if this layout writes it as that.
    pub(super) fn top_kind(&self, name: &str) -> Option<Kind> {
        let tops = self.tops.as_ref()?;
        let is_free = |_: &Kind| !tops.is_taken(name.as_bytes());
        kind_of(name).filter(is_free)
    }

    /// Whether `event` has a field of ECS by its own name, or a name itself.
    fn has_tops(&self, event: &LogEvent<'_>) -> bool {
        let mut has_tops = false;
        if self.tops.is_some() {
            has_tops = event.name().is_some();
            event.fields(&mut |name, _| has_tops |= self.top_kind(name).is_some());
        }
        has_tops
    }

    /// Whether `value` is written by the name of a field of ECS.
    fn is_top(&self, out: &mut Vec<u8>, name: &str, value: Value<'_>) -> bool {
        let start = out.len();
        let is_top = self
            .top_kind(name)
            .is_some_and(|kind| kind == Kind::Text || push_as(out, kind, value, 0));
        out.truncate(start);
        is_top
    }

    #[cold]
    fn push_with_tops(&self, event: &LogEvent<'_>, spans: &SpanContext, out: &mut Vec<u8>) -> bool {
        let begin = out.len();
        let budget = FIELDS_LIMIT + MERGED_LIMIT;
        if !self.push_tops_and_labels(event, spans, out, FIELD_LIMIT) {
            out.truncate(begin);
            let limit = limit_within(out, budget, &mut |each| {
                event.fields(&mut |name, value| each(name, value));
                spans.values().for_each(|(name, value)| each(name, value));
            });
            self.push_tops_and_labels(event, spans, out, limit);
        }
        if !spans.is_empty() {
            push_names(spans, out);
        }
        let mut has_error = false;
        event.fields(&mut |name, value| {
            has_error |= matches!(value, Value::Error(_)) || is_error_name(name);
        });
        has_error
    }

    /// Appends the fields of ECS, and then the labels. Returns whether all had room.
    fn push_tops_and_labels(
        &self,
        event: &LogEvent<'_>,
        spans: &SpanContext,
        out: &mut Vec<u8>,
        limit: usize,
    ) -> bool {
        let Some(rules) = &self.tops else {
            return true;
        };
        let begin = out.len();
        let end = begin + FIELDS_LIMIT + MERGED_LIMIT;
        let mut tops = Careful::new(rules, end);
        if let Some(name) = event.name()
            && self.top_kind(ACTION).is_some()
        {
            let action = (Kind::Text, Value::Str(name));
            tops.push_as(out, Origin::Event, ACTION, action, limit);
        }
        event.fields(&mut |name, value| {
            if let Some(kind) = self.top_kind(name) {
                tops.push_as(out, Origin::Event, name, (kind, value), limit);
            }
        });
        let of_event = out.len();
        for (name, value) in spans.values() {
            if let Some(kind) = self.top_kind(name) {
                tops.push_as(out, Origin::Span, name, (kind, value), limit);
            }
        }
        let mut left_out = tops.left_out();
        drop(tops);
        let object = out.len();
        let members = self.open(out);
        let mut labels = Careful::new(&self.rules, end);
        event.fields(&mut |name, value| {
            if !self.is_top(out, name, value) {
                labels.push(out, Origin::Event, name, value, limit);
            }
        });
        for (name, value) in spans.values() {
            let is_hidden = has_member(out.get(begin..of_event).unwrap_or_default(), name);
            if is_hidden || !self.is_top(out, name, value) {
                labels.push(out, Origin::Span, name, value, limit);
            }
        }
        left_out += labels.left_out();
        labels.finish(out);
        let is_whole = left_out == 0 && out.len() <= end;
        self.close(out, object, members);
        is_whole
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
                kept.mask & mask != 0 && keys.any(|key| self.has_key(kept, key.as_ref()))
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
            spans.is_some_and(|spans| self.with_kept(spans, |kept| self.has_key(kept, key)))
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
        let begin = out.len();
        let is_whole = self.push_all(event, out, end, spans, (FIELD_LIMIT, FIELD_LIMIT));
        if is_whole {
            return;
        }
        out.truncate(begin);
        let of_event = limit_within(out, end.saturating_sub(begin), &mut |each| {
            event.fields(&mut |name, value| each(name, value));
        });
        let of_spans = limit_within(out, MERGED_LIMIT, &mut |each| {
            let values = spans.into_iter().flat_map(SpanContext::values);
            values.for_each(|(name, value)| each(name, value));
        });
        self.push_all(event, out, end, spans, (of_event, of_spans));
    }

    /// Appends the fields of the event and of the spans, each value within its limit. Returns whether all
    /// had room.
    fn push_all(
        &self,
        event: &LogEvent<'_>,
        out: &mut Vec<u8>,
        end: usize,
        spans: Option<&SpanContext>,
        (of_event, of_spans): (usize, usize),
    ) -> bool {
        let mut careful = Careful::new(&self.rules, end);
        event.fields(&mut |name, value| {
            careful.push(out, Origin::Event, name, value, of_event);
        });
        let mut is_whole = out.len() <= end;
        if let Some(spans) = spans {
            let end = out.len() + MERGED_LIMIT;
            careful.extend_to(end);
            for (name, value) in spans.values() {
                if !self.is_top(out, name, value) {
                    careful.push(out, Origin::Span, name, value, of_spans);
                }
            }
            is_whole &= out.len() <= end;
        }
        is_whole &= careful.left_out() == 0;
        careful.finish(out);
        is_whole
    }

    #[inline]
    fn with_kept<R>(&self, spans: &SpanContext, then: impl FnOnce(&KeptText) -> R) -> R {
        spans.with_kept(self.layout, |spans, kept| self.make(spans, kept), then)
    }

    /// Makes the text of the spans.
    fn make(&self, spans: &SpanContext, kept: &mut KeptText) {
        if self.spans != SpanShape::ListAndObject {
            let end = MERGED_LIMIT;
            let (text, places) = (&mut kept.text, &mut kept.places);
            within(text, MERGED_LIMIT, spans, &mut |out, limit| {
                let mut careful = Careful::new(&self.rules, end);
                for (name, value) in spans.values() {
                    if !self.is_top(out, name, value) {
                        careful.push(out, Origin::Span, name, value, limit);
                    }
                }
                let is_whole = careful.left_out() == 0 && out.len() <= end;
                places.clear();
                places.extend(careful.keys());
                careful.finish(out);
                is_whole
            });
            kept.split = kept.text.len();
            for place in &kept.places {
                let key = kept.text.get(place.clone()).unwrap_or_default();
                kept.mask |= self.rules.bit(key);
            }
        }
        match self.spans {
            SpanShape::ListAndObject => {
                push_list(spans, &mut kept.text, &free());
                push_merged(spans, &mut kept.text);
            }
            SpanShape::FieldsAndList => {
                let rules = Rules::new(self.rules.spelling, self.rules.scalars, Vec::new());
                push_list(spans, &mut kept.text, &rules);
            }
            SpanShape::FieldsAndNames => {
                push_names(spans, &mut kept.text);
                self.push_span_tops(spans, &mut kept.text);
            }
            SpanShape::FieldsAndText => push_path(spans, &mut kept.text),
        }
    }

    fn push_span_tops(&self, spans: &SpanContext, out: &mut Vec<u8>) {
        let Some(rules) = &self.tops else { return };
        let end = out.len() + MERGED_LIMIT;
        within(out, MERGED_LIMIT, spans, &mut |out, limit| {
            let mut tops = Careful::new(rules, end);
            for (name, value) in spans.values() {
                if let Some(kind) = self.top_kind(name) {
                    tops.push_as(out, Origin::Span, name, (kind, value), limit);
                }
            }
            tops.left_out() == 0 && out.len() <= end
        });
    }

    /// Whether a member of `kept` clashes with this key.
    fn has_key(&self, kept: &KeptText, key: &[u8]) -> bool {
        let mut places = kept.places.iter();
        places.any(|place| {
            let other = kept.text.get(place.clone()).unwrap_or_default();
            self.rules.clashes(other, key)
        })
    }
}

/// Whether `members` have `name` as a key; it has nothing that JSON escapes.
fn has_member(members: &[u8], name: &str) -> bool {
    let key = name.as_bytes();
    let mut places = members.windows(key.len() + 4);
    // Inside of a text each quote has a backslash in front.
    places.any(|window| {
        let key_of = window
            .strip_prefix(b",\"")
            .and_then(|rest| rest.strip_suffix(b"\":"));
        key_of == Some(key)
    })
}

/// Writes the fields of spans, and if they are more than `budget`, again with each value within what is
/// its share.
fn within(
    out: &mut Vec<u8>,
    budget: usize,
    spans: &SpanContext,
    write: &mut dyn FnMut(&mut Vec<u8>, usize) -> bool,
) {
    let begin = out.len();
    if !write(out, FIELD_LIMIT) {
        out.truncate(begin);
        let limit = limit_within(out, budget, &mut |each| {
            spans.values().for_each(|(name, value)| each(name, value));
        });
        write(out, limit);
    }
}

/// What takes one field after the other.
type EachField<'e> = dyn FnMut(&str, Value<'_>) + 'e;

/// The most bytes of a value, so that all that `for_each` hands out have room in `budget`; `out` is only
/// used to write them.
#[cold]
fn limit_within(
    out: &mut Vec<u8>,
    budget: usize,
    for_each: &mut dyn FnMut(&mut EachField<'_>),
) -> usize {
    let mut sizes = [0; MOST];
    let mut count = 0;
    let mut left = budget;
    let start = out.len();
    for_each(&mut |name, value| {
        push_text(out, name, NAME_LIMIT);
        left = left.saturating_sub(out.len() - start + AROUND);
        out.truncate(start);
        push_value(out, value, Scalars::Gelf, FIELD_LIMIT);
        if let Some(size) = sizes.get_mut(count) {
            *size = out.len() - start;
            count += 1;
        }
        out.truncate(start);
    });
    share(sizes.get_mut(..count).unwrap_or_default(), left).clamp(LEAST, FIELD_LIMIT)
}

/// `,"spans":[{"name":"request","fields":{"id":7}}]`
fn push_list(spans: &SpanContext, out: &mut Vec<u8>, rules: &Rules) {
    let begin = out.len();
    if push_list_within(spans, out, rules, 0, FIELD_LIMIT) {
        return;
    }
    out.truncate(begin);
    let mut left = LIST_LIMIT;
    for name in spans.names() {
        left = left.saturating_sub(name.len() + AROUND);
    }
    let limit = limit_within(out, left, &mut |each| {
        let fields = spans.scope().flat_map(|span| span.fields());
        fields.for_each(|(name, value)| each(name, value));
    });
    // Where not even the names have room, those in the middle go first.
    for without in 0..=spans.names().len() {
        out.truncate(begin);
        if push_list_within(spans, out, rules, without, limit) {
            return;
        }
    }
}

/// The same with so many spans, those in the middle, `without` their fields. Returns whether all had room.
fn push_list_within(
    spans: &SpanContext,
    out: &mut Vec<u8>,
    rules: &Rules,
    without: usize,
    limit: usize,
) -> bool {
    let end = out.len() + LIST_LIMIT;
    let count = spans.names().len();
    let first = count.saturating_sub(without) / 2;
    let middle = first..first + without;
    let mut is_whole = true;
    out.extend_from_slice(b",\"spans\":[");
    for (index, span) in spans.scope().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"name\":");
        push_string(out, span.name(), NAME_LIMIT);
        let begin = out.len();
        out.extend_from_slice(b",\"fields\":");
        let members = out.len();
        let end = if middle.contains(&index) { 0 } else { end };
        let mut careful = Careful::new(rules, end);
        for (name, value) in span.fields() {
            careful.push(out, Origin::Span, name, value, limit);
        }
        is_whole &= end == 0 || careful.left_out() == 0;
        careful.finish(out);
        close_object(out, begin, members);
        out.push(b'}');
    }
    out.push(b']');
    is_whole && out.len() <= end + usize::from(without == count) * LIST_LIMIT
}

/// `,"span_fields":{"id":7}`
fn push_merged(spans: &SpanContext, out: &mut Vec<u8>) {
    let rules = free();
    let begin = out.len();
    out.extend_from_slice(b",\"span_fields\":");
    let members = out.len();
    let end = out.len() + MERGED_LIMIT;
    within(out, MERGED_LIMIT, spans, &mut |out, limit| {
        let mut careful = Careful::new(&rules, end);
        for (name, value) in spans.values() {
            careful.push(out, Origin::Span, name, value, limit);
        }
        let is_whole = careful.left_out() == 0 && out.len() <= end;
        careful.finish(out);
        is_whole
    });
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
    let limit = NAME_LIMIT.min(PATH_LIMIT / spans.names().len().max(1));
    for (index, name) in spans.names().enumerate() {
        if index > 0 {
            out.push(b':');
        }
        push_text(out, name, limit);
    }
    out.push(b'"');
}

/// Objects of our own, where every name is free.
fn free() -> Rules {
    Rules::new(Spelling::Free, Scalars::Json, Vec::new())
}
