//! What does not change from one event of a callsite to the next, made once for each thread.
//!
//! Level, target, place in the source, the thread and the keys of the fields are the same for every
//! event of one callsite on one thread. What is between two parts that do change is one text then.

use std::cell::RefCell;
use std::error::Error;
use std::fmt;
use std::ops::Range;

use tracing::Metadata;
use tracing::field::Field;
use tracing::field::Visit;

use super::content::Content;
use super::content::FIELDS_LIMIT;
use super::members::is_error_name;
use super::part::Part;
use super::value::push_value;
use crate::event::FIELD_LIMIT;
use crate::event::LogEvent;
use crate::event::MESSAGE;
use crate::event::MESSAGE_LIMIT;
use crate::event::Value;
use crate::event::plain_name;

/// How many plans a thread keeps before they displace each other; a power of two.
const PLANS: usize = 64;
/// How many bytes are copied at once, whether there are as many or not.
const SHORT: usize = 32;
/// The most bytes of the texts of one plan.
const MAX_BYTES: usize = 4 * 1024;
/// The most fields of one plan: a bit for each.
const MAX_FIELDS: usize = 64;

/// The texts of one layout for one callsite.
#[derive(Debug, Default)]
struct Plan {
    /// Whose it is; 0 is nobody's.
    layout: u64,
    callsite: usize,
    /// Whether it can be followed.
    is_usable: bool,
    /// Whether all keys are different and free.
    is_fine: bool,
    /// Whether one of the names is that of an error.
    names_error: bool,
    /// A summary of the keys.
    mask: u64,
    /// What is constant, and then some bytes that mean nothing, as in `keys`.
    text: Vec<u8>,
    text_end: usize,
    /// What comes between.
    steps: Vec<Step>,
    keys: Vec<u8>,
    fields: Vec<PlannedField>,
}

/// A part that changes.
#[derive(Debug)]
struct Step {
    /// The end of the text before it.
    until: usize,
    /// Which part.
    part: usize,
}

#[derive(Debug)]
struct PlannedField {
    /// Address and length of the name, which lives as long as the program.
    name: (usize, usize),
    /// `,"name":` in `Plan::keys`; empty for the message.
    key: Range<usize>,
    /// The `name` of it, without the prefix that all have.
    bare: Range<usize>,
}

thread_local! {
    static PLANS_OF_THREAD: RefCell<Vec<Plan>> = const { RefCell::new(Vec::new()) };
}

/// Appends the record for `event` by the plan of its callsite. Returns whether that was possible; if
/// not, nothing was appended.
#[inline]
pub(super) fn push(layout: u64, parts: &[Part], event: &LogEvent<'_>, out: &mut Vec<u8>) -> bool {
    let Some(metadata) = event.metadata() else {
        return false;
    };
    let callsite = std::ptr::from_ref(metadata).addr();
    // Metadata lie next to each other, some hundred bytes apart.
    let number = (callsite as u64 >> 3).wrapping_add(layout);
    let slot = (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 58) as usize;
    let pushed = PLANS_OF_THREAD.try_with(|cell| {
        // Rendering inside of a value that is being rendered goes without.
        let Ok(mut plans) = cell.try_borrow_mut() else {
            return false;
        };
        if plans.is_empty() {
            plans.resize_with(PLANS, Plan::default);
        }
        let Some(plan) = plans.get_mut(slot) else {
            return false;
        };
        if plan.callsite != callsite || plan.layout != layout {
            plan.make(parts, event, metadata);
            plan.layout = layout;
            plan.callsite = callsite;
        }
        if plan.is_usable {
            plan.push(parts, event, out);
        }
        plan.is_usable
    });
    pushed == Ok(true)
}

impl Plan {
    #[inline]
    fn push(&self, parts: &[Part], event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let mut from = 0;
        let mut steps = self.steps.as_slice();
        while let Some((step, rest)) = steps.split_first() {
            push_short(out, &self.text, from, step.until);
            from = step.until;
            steps = rest;
            let Some(part) = parts.get(step.part) else {
                continue;
            };
            if let Part::Message | Part::SomeMessage = part
                && let Some((next, rest)) = rest.split_first()
                && let Some(Part::Content(content, error)) = parts.get(next.part)
            {
                let until = from..next.until;
                if let Some(has_error) = self.push_both(part, until, content, event, out) {
                    from = next.until;
                    steps = rest;
                    if has_error {
                        error.push(event, out);
                    }
                    continue;
                }
            }
            part.push(event, out);
        }
        push_short(out, &self.text, from, self.text_end);
    }

    /// Appends the message, the constant text behind it and the fields, all at once: the event is
    /// asked one time for both. Returns whether one of the fields may be an error; none if not all
    /// went as planned, and then nothing was appended.
    #[inline]
    fn push_both(
        &self,
        message: &Part,
        text: Range<usize>,
        content: &Content,
        event: &LogEvent<'_>,
        out: &mut Vec<u8>,
    ) -> Option<bool> {
        let begin = out.len();
        let spans = event.spans();
        if !self.is_fine || content.clashes(spans, self.mask, self.bare_keys()) {
            return None;
        }
        let mut visitor = FieldVisitor {
            plan: self,
            message,
            text,
            content,
            begin,
            start: begin,
            members: 0,
            end: 0,
            seen: 0,
            is_fine: true,
            has_error: self.names_error,
            out,
        };
        event.record(&mut visitor);
        if visitor.members == 0 {
            visitor.begin_fields();
        }
        visitor.is_fine &= visitor.out.len() <= visitor.end;
        let has_error = visitor.is_fine.then_some(visitor.has_error);
        let (start, members) = (visitor.start, visitor.members);
        if has_error.is_some() {
            content.push_spans(spans, out, start, members);
        } else {
            out.truncate(begin);
        }
        has_error
    }

    /// The keys without what is around them.
    fn bare_keys(&self) -> impl Iterator<Item = &[u8]> {
        let keys = self.fields.iter().filter(|field| !field.key.is_empty());
        keys.filter_map(|field| self.keys.get(field.bare.clone()))
    }

    #[cold]
    fn make(&mut self, parts: &[Part], event: &LogEvent<'_>, metadata: &Metadata<'static>) {
        self.is_fine = true;
        self.names_error = false;
        self.mask = 0;
        self.text.clear();
        self.steps.clear();
        self.keys.clear();
        self.fields.clear();
        for (index, part) in parts.iter().enumerate() {
            self.is_usable = self.has_room(part);
            if !self.is_usable {
                return;
            }
            if part.is_constant() {
                part.push(event, &mut self.text);
                continue;
            }
            self.steps.push(Step {
                until: self.text.len(),
                part: index,
            });
            if let Part::Content(content, _) = part {
                self.make_keys(content, metadata);
                self.is_fine &= content.tops.is_none() || event.name().is_none();
            }
        }
        self.text_end = self.text.len();
        self.text.extend_from_slice(&[0; SHORT]);
        self.keys.extend_from_slice(&[0; SHORT]);
        self.is_usable =
            self.text.len() + self.keys.len() <= MAX_BYTES && self.fields.len() <= MAX_FIELDS;
    }

    /// Whether `part` may be added. What has grown too large is left as it is, for its buffers: it is
    /// made again whenever plans displace each other.
    fn has_room(&self, part: &Part) -> bool {
        let more = match part {
            Part::Literal(text) => text.len(),
            _ => 0,
        };
        self.text.len() + self.keys.len() + more <= MAX_BYTES && self.fields.len() <= MAX_FIELDS
    }

    fn make_keys(&mut self, content: &Content, metadata: &Metadata<'static>) {
        for field in metadata.fields() {
            if self.keys.len() > MAX_BYTES || self.fields.len() > MAX_FIELDS {
                return;
            }
            let name = plain_name(field.name());
            let start = self.keys.len();
            let mut bare = start..start;
            if name != MESSAGE {
                let place = content.rules.push_key(&mut self.keys, name);
                let key = self.keys.get(place..).unwrap_or_default();
                self.mask |= content.rules.bit(key);
                self.is_fine &= content.top_kind(name).is_none();
                self.is_fine &= !content.rules.is_taken(key);
                self.names_error |= is_error_name(name);
                let is_new = !self
                    .bare_keys()
                    .any(|other| content.rules.clashes(other, key));
                self.is_fine &= is_new;
                bare = place..self.keys.len();
                self.keys.extend_from_slice(b"\":");
            } else if self.fields.iter().any(|field| field.key.is_empty()) {
                // Of two messages the last one counts: one that is written cannot be taken back.
                self.is_fine = false;
            }
            self.fields.push(PlannedField {
                name: (name.as_ptr().addr(), name.len()),
                key: start..self.keys.len(),
                bare,
            });
        }
    }
}

/// Appends what `text` has from `start` to `end`: by a copy of fixed length where it is short, which
/// needs no loop.
#[inline]
fn push_short(out: &mut Vec<u8>, text: &[u8], start: usize, end: usize) {
    let length = end.saturating_sub(start);
    let rest = text.get(start..).unwrap_or_default();
    match rest.first_chunk::<SHORT>() {
        Some(short) if length <= SHORT => {
            let end = out.len() + length;
            out.extend_from_slice(short);
            out.truncate(end);
        }
        _ => out.extend_from_slice(rest.get(..length).unwrap_or_default()),
    }
}

/// Writes the message, and then each field behind its key.
struct FieldVisitor<'v> {
    plan: &'v Plan,
    message: &'v Part,
    /// The constant text between the message and the fields.
    text: Range<usize>,
    content: &'v Content,
    out: &'v mut Vec<u8>,
    /// Where in `out` the message begins, and then the object of the fields.
    begin: usize,
    start: usize,
    /// Where the first field begins; 0 until it is known.
    members: usize,
    /// The length of `out` from which on fields are left out.
    end: usize,
    /// A bit for each field that came.
    seen: u64,
    /// Whether all went as planned.
    is_fine: bool,
    has_error: bool,
}

impl FieldVisitor<'_> {
    /// Ends the message, if there was one, and goes on to where the fields begin.
    #[inline]
    fn begin_fields(&mut self) {
        self.message.end_message(self.out, self.begin);
        push_short(self.out, &self.plan.text, self.text.start, self.text.end);
        self.start = self.out.len();
        self.members = self.content.open(self.out);
        self.end = self.out.len() + FIELDS_LIMIT;
    }

    /// Appends the key of `field`. Returns whether its value is to follow.
    #[inline]
    fn push_key(&mut self, field: &Field) -> bool {
        let Some(key) = self.expect(field) else {
            return false;
        };
        if key.is_empty() {
            // A message that is no text.
            self.is_fine = false;
            return false;
        }
        if self.members == 0 {
            self.begin_fields();
        }
        if self.out.len() >= self.end {
            // More than there is room for: shared out by those who look at all of them.
            self.is_fine = false;
        }
        if !self.is_fine {
            return false;
        }
        push_short(self.out, &self.plan.keys, key.start, key.end);
        true
    }

    /// Where the key of `field` is, if it comes as planned.
    #[inline]
    fn expect(&mut self, field: &Field) -> Option<Range<usize>> {
        let (name, index) = (field.name(), field.index());
        let bit = 1 << (index % MAX_FIELDS);
        let planned = self.plan.fields.get(index);
        match planned {
            Some(planned)
                if planned.name == (name.as_ptr().addr(), name.len()) && self.seen & bit == 0 =>
            {
                self.seen |= bit;
                Some(planned.key.clone())
            }
            _ => {
                self.is_fine = false;
                None
            }
        }
    }

    fn push(&mut self, field: &Field, value: Value<'_>) {
        if self.push_key(field) {
            self.push_value(value);
        }
    }

    #[inline]
    fn push_value(&mut self, value: Value<'_>) {
        let limit = FIELD_LIMIT.min(self.end.saturating_sub(self.out.len()));
        push_value(self.out, value, self.content.rules.scalars, limit);
    }

    /// The same for what may be the message, whose text is written as it comes.
    #[inline]
    fn push_text(&mut self, field: &Field, value: Value<'_>) {
        if field.name() != MESSAGE {
            self.push(field, value);
        } else if self.expect(field).is_some() {
            if self.members == 0 {
                value.write_to(self.out, MESSAGE_LIMIT);
            } else {
                // A message after fields.
                self.is_fine = false;
            }
        }
    }
}

/// Numbers go the short way.
impl Visit for FieldVisitor<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        if self.push_key(field) {
            self.push_value(Value::F64(value));
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        if self.push_key(field) {
            self.push_value(Value::I64(value));
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if self.push_key(field) {
            self.push_value(Value::U64(value));
        }
    }

    fn record_i128(&mut self, field: &Field, value: i128) {
        self.push(field, Value::I128(value));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.push(field, Value::U128(value));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.push(field, Value::Bool(value));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.push_text(field, Value::Str(value));
    }

    fn record_bytes(&mut self, field: &Field, value: &[u8]) {
        self.push_text(field, Value::Bytes(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.has_error = true;
        self.push(field, Value::Error(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.push_text(field, Value::Debug(value));
    }
}
