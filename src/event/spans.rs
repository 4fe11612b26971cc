//! What an event shows of its spans: each span's own fields as text, and the merged view from the innermost span out.

use std::fmt;
use std::ops::Range;

use tracing::field::Field;
use tracing::field::Visit;

use super::value::FIELD_LIMIT;
use super::value::Value;

/// The most fields that one span, or one merged view, keeps; later ones are left out.
pub(crate) const MAX_FIELDS: usize = 128;
/// The most spans that a view shows, counted from the innermost one.
pub(crate) const MAX_SPANS: usize = 32;

/// The fields of one span as text, kept in the registry beside the span and shared by all layers.
#[derive(Debug, Default)]
pub(crate) struct SpanFields {
    fields: Vec<(&'static str, String)>,
}

impl SpanFields {
    /// Renders the fields that `record` visits. No lock may be held: a user's `Debug` runs here.
    pub(crate) fn render(record: impl FnOnce(&mut dyn Visit)) -> Self {
        let mut collector = Collector::default();
        record(&mut collector);
        Self {
            fields: collector.fields,
        }
    }

    /// Takes over `newer`; a value recorded again replaces the earlier one.
    pub(crate) fn update(&mut self, newer: Self) {
        for (name, value) in newer.fields {
            let known = self.fields.iter_mut().find(|(known, _)| *known == name);
            if let Some((_, old)) = known {
                *old = value;
            } else if self.fields.len() < MAX_FIELDS {
                self.fields.push((name, value));
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
    }
}

/// Renders each visited field to a text of its own.
#[derive(Default)]
struct Collector {
    fields: Vec<(&'static str, String)>,
    buffer: Vec<u8>,
}

impl Collector {
    fn push(&mut self, field: &Field, value: Value<'_>) {
        if self.fields.len() >= MAX_FIELDS {
            return;
        }
        self.buffer.clear();
        value.write_to(&mut self.buffer, FIELD_LIMIT);
        let text = String::from_utf8_lossy(&self.buffer).into_owned();
        self.fields.push((field.name(), text));
    }
}

super::visit_values!(Collector, push);

/// The merged view of all spans around an event: names root first, fields with the innermost value.
///
/// Built once per enter, read by every event inside; its buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct SpanContext {
    /// The text of all names and values below.
    arena: String,
    /// Names, innermost first while building, root first once finished.
    names: Vec<Range<usize>>,
    /// Name and value, sorted by name once finished.
    fields: Vec<(Range<usize>, Range<usize>)>,
    names_text: String,
    fields_text: String,
}

impl SpanContext {
    /// The view outside of all spans.
    pub(crate) const fn new() -> Self {
        Self {
            arena: String::new(),
            names: Vec::new(),
            fields: Vec::new(),
            names_text: String::new(),
            fields_text: String::new(),
        }
    }

    /// Begins anew, keeping the buffers.
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.names.clear();
        self.fields.clear();
        self.names_text.clear();
        self.fields_text.clear();
    }

    /// Adds the next span outwards. Returns whether there is room for another.
    pub(crate) fn add_span<'f>(
        &mut self,
        name: &str,
        fields: impl Iterator<Item = (&'f str, &'f str)>,
    ) -> bool {
        let name = self.store(name);
        self.names.push(name);
        // Backwards: should a span name a field twice, the last value wins.
        let from = self.fields.len();
        for (name, value) in fields {
            if let Some(at) = self.position(name) {
                if at >= from {
                    let value = self.store(value);
                    if let Some((_, old)) = self.fields.get_mut(at) {
                        *old = value;
                    }
                }
            } else if self.fields.len() < MAX_FIELDS {
                let name = self.store(name);
                let value = self.store(value);
                self.fields.push((name, value));
            }
        }
        self.names.len() < MAX_SPANS
    }

    /// Puts everything in order once the outermost span was added.
    pub(crate) fn finish(&mut self) {
        self.names.reverse();
        let arena = self.arena.as_str();
        self.fields.sort_unstable_by(|(one, _), (other, _)| {
            arena.get(one.clone()).cmp(&arena.get(other.clone()))
        });
        self.names_text.push('[');
        for (index, name) in self.names.iter().enumerate() {
            if index > 0 {
                self.names_text.push_str(", ");
            }
            self.names_text.push_str(text(arena, name));
        }
        self.names_text.push(']');
        self.fields_text.push('{');
        for (index, (name, value)) in self.fields.iter().enumerate() {
            if index > 0 {
                self.fields_text.push_str(", ");
            }
            self.fields_text.push_str(text(arena, name));
            self.fields_text.push('=');
            self.fields_text.push_str(text(arena, value));
        }
        self.fields_text.push('}');
    }

    /// Span names, root first.
    pub(crate) fn names(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.names.iter().map(|name| text(&self.arena, name))
    }

    /// Merged fields, sorted by name.
    pub(crate) fn fields(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (text(&self.arena, name), text(&self.arena, value)))
    }

    /// The innermost value of the field `name`.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let at = self
            .fields
            .binary_search_by(|(known, _)| text(&self.arena, known).cmp(name))
            .ok()?;
        let (_, value) = self.fields.get(at)?;
        Some(text(&self.arena, value))
    }

    /// `[root, leaf]`; `[]` outside of all spans.
    pub(crate) fn names_text(&self) -> &str {
        if self.names_text.is_empty() {
            "[]"
        } else {
            &self.names_text
        }
    }

    /// `{a=1, b=2}`; `{}` without fields.
    pub(crate) fn fields_text(&self) -> &str {
        if self.fields_text.is_empty() {
            "{}"
        } else {
            &self.fields_text
        }
    }

    fn position(&self, name: &str) -> Option<usize> {
        self.fields
            .iter()
            .position(|(known, _)| text(&self.arena, known) == name)
    }

    fn store(&mut self, text: &str) -> Range<usize> {
        let start = self.arena.len();
        self.arena.push_str(text);
        start..self.arena.len()
    }
}

/// The part of `arena` that `range` means; ranges are made by `store` alone, so it is always there.
fn text<'a>(arena: &'a str, range: &Range<usize>) -> &'a str {
    arena.get(range.clone()).unwrap_or_default()
}

impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.names_text(), self.fields_text())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_innermost_value_wins_and_names_come_root_first() {
        let mut context = SpanContext::new();
        for _ in 0..2 {
            context.clear();
            assert!(context.add_span("leaf", [("b", "leaf"), ("a", "1")].into_iter()));
            assert!(context.add_span("root", [("b", "root"), ("c", "3")].into_iter()));
            context.finish();
            assert_eq!(context.names_text(), "[root, leaf]");
            assert_eq!(context.fields_text(), "{a=1, b=leaf, c=3}");
            assert_eq!(context.field("b"), Some("leaf"));
            assert_eq!(context.field("z"), None);
        }
    }

    #[test]
    fn outside_of_spans_both_texts_are_empty_lists() {
        let context = SpanContext::new();
        assert_eq!(context.to_string(), "[]{}");
    }

    #[test]
    fn depth_and_fields_are_bounded() {
        let mut context = SpanContext::new();
        let names: Vec<String> = (0..300).map(|n| format!("f{n}")).collect();
        let mut spans = 1;
        while context.add_span("s", names.iter().map(|n| (n.as_str(), "v"))) {
            spans += 1;
        }
        assert_eq!(spans, MAX_SPANS);
        assert_eq!(context.fields().len(), MAX_FIELDS);
    }
}
