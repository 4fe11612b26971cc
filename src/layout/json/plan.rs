//! What does not change from one event of a callsite to the next, made once for each thread.
//!
//! Level, target, place in the source, the thread and the keys of the fields are the same for every
//! event of one callsite on one thread. What is between two parts that do change is one text then.

use std::cell::RefCell;
use std::ops::Range;

use tracing::Metadata;
use tracing::field::Field;

use super::content::Content;
use super::members::bit;
use super::members::is_error_name;
use super::part::Part;
use super::value::push_value;
use crate::event::FIELD_LIMIT;
use crate::event::LogEvent;
use crate::event::MESSAGE;
use crate::event::SpanContext;
use crate::event::Value;
use crate::event::visit_values;

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
        for step in &self.steps {
            push_short(out, &self.text, from, step.until);
            from = step.until;
            match parts.get(step.part) {
                Some(Part::Content(content, error)) => {
                    if self.push_content(content, event, out) {
                        error.push(event, out);
                    }
                }
                Some(part) => part.push(event, out),
                None => {}
            }
        }
        push_short(out, &self.text, from, self.text_end);
    }

    /// Does what `Content::push` does.
    #[inline]
    fn push_content(&self, content: &Content, event: &LogEvent<'_>, out: &mut Vec<u8>) -> bool {
        let is_known = |spans: &SpanContext| content.clashes(spans, self.mask, self.bare_keys());
        if !self.is_fine || is_known(event.spans()) {
            return content.push(event, out);
        }
        let start = out.len();
        let members = content.open(out);
        let mut visitor = FieldVisitor {
            plan: self,
            content,
            end: content.fields_end(out),
            seen: 0,
            is_fine: true,
            has_error: self.names_error,
            out,
        };
        event.record(&mut visitor);
        let (is_fine, has_error) = (visitor.is_fine, visitor.has_error);
        if !is_fine {
            out.truncate(start);
            return content.push(event, out);
        }
        content.push_spans(event.spans(), out, start, members);
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
            }
        }
        self.text_end = self.text.len();
        self.text.extend_from_slice(&[0; SHORT]);
        self.keys.extend_from_slice(&[0; SHORT]);
        self.is_usable =
            self.text.len() + self.keys.len() <= MAX_BYTES && self.fields.len() <= MAX_FIELDS;
        if !self.is_usable {
            // It may have grown large.
            self.text = Vec::new();
            self.keys = Vec::new();
            self.fields = Vec::new();
        }
    }

    fn make_keys(&mut self, content: &Content, metadata: &Metadata<'static>) {
        for field in metadata.fields() {
            let name = field.name();
            let start = self.keys.len();
            let mut bare = start..start;
            if name != MESSAGE {
                let place = content.rules.push_key(&mut self.keys, name);
                let key = self.keys.get(place..).unwrap_or_default();
                self.mask |= bit(key);
                self.is_fine &= !content.rules.is_taken(key);
                self.names_error |= is_error_name(name);
                let is_new = !self.bare_keys().any(|other| other == key);
                self.is_fine &= is_new;
                bare = place..self.keys.len();
                self.keys.extend_from_slice(b"\":");
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

/// Writes each field save the message behind its key.
struct FieldVisitor<'v> {
    plan: &'v Plan,
    content: &'v Content,
    out: &'v mut Vec<u8>,
    /// The length of `out` from which on fields are left out.
    end: usize,
    /// A bit for each field that came.
    seen: u64,
    /// Whether all went as planned.
    is_fine: bool,
    has_error: bool,
}

impl FieldVisitor<'_> {
    #[inline]
    fn visit(&mut self, field: &Field, value: Value<'_>) {
        let name = field.name();
        let bit = 1_u64.wrapping_shl(u32::try_from(field.index()).unwrap_or(0));
        let Some(planned) = self.plan.fields.get(field.index()) else {
            self.is_fine = false;
            return;
        };
        if planned.name != (name.as_ptr().addr(), name.len()) || self.seen & bit != 0 {
            self.is_fine = false;
            return;
        }
        self.seen |= bit;
        let Range { start, end } = planned.key;
        if start == end || self.out.len() >= self.end {
            return;
        }
        self.has_error |= matches!(value, Value::Error(_));
        push_short(self.out, &self.plan.keys, start, end);
        let limit = FIELD_LIMIT.min(self.end.saturating_sub(self.out.len()));
        push_value(self.out, value, self.content.rules.booleans, limit);
    }
}

visit_values!(FieldVisitor<'_>, visit);
