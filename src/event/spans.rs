//! What an event shows of its spans: each span's own fields as text, and the merged view from the innermost span out.

use std::cell::RefCell;
use std::fmt;
use std::mem::size_of;
use std::ops::Range;

use super::MESSAGE;
use super::kept_text::KeptText;
use super::number::next_number;
use super::span_fields::FieldText;
use super::span_fields::MAX_FIELDS;
use super::span_fields::Scalar;
use super::value::Value;
use super::written::write_value;

/// The most spans that a view shows, counted from the innermost one.
pub(crate) const MAX_SPANS: usize = 32;
/// How many layouts keep a text with one view.
const MAX_KEPT: usize = 4;

/// The merged view of all spans around an event: names root first, fields with the innermost value.
///
/// Built once for all events in the same spans; its buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct SpanContext {
    /// The text of all names and values below.
    arena: String,
    /// Innermost first while building, root first once finished.
    spans: Vec<OwnFields>,
    /// The fields of all spans, those of one span together.
    own: Vec<FieldRange>,
    /// Which of `own` are not hidden by a span further in, sorted by name once finished.
    merged: Vec<FieldRange>,
    names_text: String,
    fields_text: String,
    /// What `%spans` prints, once it has been asked for.
    written: RefCell<(bool, Vec<u8>)>,
    /// Made from all the above by layouts, when they come to it.
    kept: RefCell<Vec<KeptText>>,
    /// A number for each of the spans that stands for what it shows, innermost first.
    numbers: Vec<u64>,
    /// What no other view has or had.
    content: u64,
}

/// The number of what is outside of all spans.
const NOTHING: u64 = 0;

/// The name of a span, and its fields in `SpanContext::own`.
#[derive(Debug, PartialEq)]
struct OwnFields {
    name: Range<usize>,
    fields: Range<usize>,
}

/// Name and value in the arena.
#[derive(Debug, Clone, PartialEq)]
struct FieldRange {
    name: Range<usize>,
    value: Range<usize>,
    scalar: Scalar,
    /// Its own form in `%spans`; empty where there is none.
    written: Range<usize>,
}

impl SpanContext {
    /// The view outside of all spans.
    pub(crate) const fn new() -> Self {
        Self {
            arena: String::new(),
            spans: Vec::new(),
            own: Vec::new(),
            merged: Vec::new(),
            names_text: String::new(),
            fields_text: String::new(),
            written: RefCell::new((false, Vec::new())),
            kept: RefCell::new(Vec::new()),
            numbers: Vec::new(),
            content: NOTHING,
        }
    }

    /// Begins anew, keeping the buffers.
    pub(crate) fn clear(&mut self) {
        self.arena.clear();
        self.spans.clear();
        self.own.clear();
        self.merged.clear();
        self.names_text.clear();
        self.fields_text.clear();
        let (is_written, text) = self.written.get_mut();
        *is_written = false;
        text.clear();
        self.numbers.clear();
        self.content = NOTHING;
        for kept in self.kept.get_mut() {
            kept.clear();
        }
    }

    /// Whether it shows the spans with these numbers, innermost first.
    #[inline]
    pub(crate) fn is_of(&self, numbers: &[u64]) -> bool {
        // A loop, as there are few of them, and a comparison of memory is a call.
        self.numbers.len() == numbers.len()
            && self
                .numbers
                .iter()
                .zip(numbers)
                .all(|(own, number)| own == number)
    }

    /// The number of what the view shows.
    #[inline]
    pub(crate) fn content(&self) -> u64 {
        self.content
    }

    /// How much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        let kept = self.kept.borrow();
        self.arena.capacity()
            + self.spans.capacity() * size_of::<OwnFields>()
            + (self.own.capacity() + self.merged.capacity()) * size_of::<FieldRange>()
            + self.names_text.capacity()
            + self.fields_text.capacity()
            + self.written.borrow().1.capacity()
            + self.numbers.capacity() * size_of::<u64>()
            + kept.iter().map(KeptText::bytes).sum::<usize>()
    }

    /// Adds the next span outwards, for which `number` stands. Returns whether there is room for
    /// another.
    pub(crate) fn add_numbered<'f>(
        &mut self,
        number: u64,
        name: &str,
        fields: impl Iterator<Item = (&'f str, &'f FieldText)>,
    ) -> bool {
        self.numbers.push(number);
        self.add_span(name, fields)
    }

    /// Adds the next span outwards. Returns whether there is room for another.
    pub(crate) fn add_span<'f>(
        &mut self,
        name: &str,
        fields: impl Iterator<Item = (&'f str, &'f FieldText)>,
    ) -> bool {
        let name = self.store(name);
        let from = self.own.len();
        for (name, text) in fields {
            self.add_field(from, name, text);
        }
        let to = self.own.len();
        for at in from..to {
            if let Some(field) = self.own.get(at)
                && self.merged.len() < MAX_FIELDS
                && position(&self.merged, &self.arena, text(&self.arena, &field.name)).is_none()
            {
                self.merged.push(field.clone());
            }
        }
        self.spans.push(OwnFields {
            name,
            fields: from..to,
        });
        self.spans.len() < MAX_SPANS
    }

    /// Adds a field to the span whose first one is at `from`.
    fn add_field(&mut self, from: usize, name: &str, text: &FieldText) {
        let own = self.own.get(from..).unwrap_or_default();
        let known = position(own, &self.arena, name);
        if known.is_none() && own.len() >= MAX_FIELDS {
            return;
        }
        let scalar = text.scalar;
        let value = self.store(&text.text);
        let written = self.store(text.written.as_deref().unwrap_or_default());
        let old = known.and_then(|at| self.own.get_mut(from + at));
        // Should a span name a field twice, the last value wins.
        if let Some(old) = old {
            old.value = value;
            old.scalar = scalar;
            old.written = written;
        } else {
            let name = self.store(name);
            self.own.push(FieldRange {
                name,
                value,
                scalar,
                written,
            });
        }
    }

    /// Puts everything in order once the outermost span was added.
    pub(crate) fn finish(&mut self) {
        if !self.spans.is_empty() {
            self.content = next_number();
        }
        self.spans.reverse();
        let arena = self.arena.as_str();
        self.merged
            .sort_unstable_by(|one, other| text(arena, &one.name).cmp(text(arena, &other.name)));
        self.names_text.push('[');
        for (index, span) in self.spans.iter().enumerate() {
            if index > 0 {
                self.names_text.push_str(", ");
            }
            self.names_text.push_str(text(arena, &span.name));
        }
        self.names_text.push(']');
        self.fields_text.push('{');
        for (index, field) in self.merged.iter().enumerate() {
            if index > 0 {
                self.fields_text.push_str(", ");
            }
            self.fields_text.push_str(text(arena, &field.name));
            self.fields_text.push('=');
            self.fields_text.push_str(text(arena, &field.value));
        }
        self.fields_text.push('}');
    }

    /// Whether the event is outside of all spans.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Span names, root first.
    pub(crate) fn names(&self) -> impl DoubleEndedIterator<Item = &str> + ExactSizeIterator {
        self.spans.iter().map(|span| text(&self.arena, &span.name))
    }

    /// The spans with their own fields, root first.
    pub(crate) fn scope(&self) -> impl DoubleEndedIterator<Item = LogSpan<'_>> + ExactSizeIterator {
        (0..self.spans.len()).map(|index| LogSpan {
            context: self,
            index,
        })
    }

    /// Merged fields, sorted by name.
    pub(crate) fn fields(&self) -> impl ExactSizeIterator<Item = (&str, &str)> {
        self.merged.iter().map(|field| {
            (
                text(&self.arena, &field.name),
                text(&self.arena, &field.value),
            )
        })
    }

    /// The same with the types that their values had.
    pub(crate) fn values(&self) -> impl ExactSizeIterator<Item = (&str, Value<'_>)> {
        self.merged.iter().map(|field| field.view(&self.arena))
    }

    /// The innermost value of the field `name`.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        let at = self
            .merged
            .binary_search_by(|field| text(&self.arena, &field.name).cmp(name))
            .ok()?;
        let field = self.merged.get(at)?;
        Some(text(&self.arena, &field.value))
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

    /// Appends the spans as `tracing_subscriber::fmt` writes them, `request{id="7"}:pay: `, each with its own
    /// fields; nothing outside of all spans.
    #[inline]
    pub(crate) fn write_all(&self, out: &mut Vec<u8>) {
        if self.spans.is_empty() {
            return;
        }
        match self.written.try_borrow_mut() {
            Ok(mut written) => {
                let (is_written, text) = &mut *written;
                if !*is_written {
                    self.write_anew(text);
                    *is_written = true;
                }
                out.extend_from_slice(text);
            }
            // Called from inside itself, which no layout does.
            Err(_) => self.write_anew(out),
        }
    }

    #[cold]
    fn write_anew(&self, out: &mut Vec<u8>) {
        for span in &self.spans {
            out.extend_from_slice(text(&self.arena, &span.name).as_bytes());
            let fields = self.own.get(span.fields.clone()).unwrap_or_default();
            for (index, field) in fields.iter().enumerate() {
                out.push(if index == 0 { b'{' } else { b' ' });
                field.write(&self.arena, out);
            }
            if !fields.is_empty() {
                out.push(b'}');
            }
            out.push(b':');
        }
        out.push(b' ');
    }

    /// Hands the text that `layout`, a number above 0, keeps with this view to `then`; `make` fills
    /// an empty one where there is none yet.
    #[inline]
    pub(crate) fn with_kept<R>(
        &self,
        layout: u64,
        make: impl FnOnce(&Self, &mut KeptText),
        then: impl FnOnce(&KeptText) -> R,
    ) -> R {
        let Ok(mut all) = self.kept.try_borrow_mut() else {
            // Called from inside itself, which no layout does; without the kept one then.
            let mut kept = KeptText::default();
            make(self, &mut kept);
            return then(&kept);
        };
        if let Some(kept) = all.iter().find(|kept| kept.layout == layout) {
            return then(kept);
        }
        let kept = self.keep(&mut all, layout, make);
        let result = then(&kept);
        all.push(kept);
        result
    }

    #[cold]
    fn keep(
        &self,
        all: &mut Vec<KeptText>,
        layout: u64,
        make: impl FnOnce(&Self, &mut KeptText),
    ) -> KeptText {
        // A free one; else the last, as more layouts than that do not share a view.
        let free = all.iter().position(|kept| kept.layout == 0);
        let mut kept = match free {
            Some(at) => all.swap_remove(at),
            None if all.len() < MAX_KEPT => KeptText::default(),
            None => all.pop().unwrap_or_default(),
        };
        kept.clear();
        make(self, &mut kept);
        kept.layout = layout;
        kept
    }

    fn store(&mut self, text: &str) -> Range<usize> {
        let start = self.arena.len();
        self.arena.push_str(text);
        start..self.arena.len()
    }
}

/// Where `fields` has the field `name`.
fn position(fields: &[FieldRange], arena: &str, name: &str) -> Option<usize> {
    fields
        .iter()
        .position(|field| text(arena, &field.name) == name)
}

/// The part of `arena` that `range` means; ranges are made by `store` alone, so it is always there.
fn text<'a>(arena: &'a str, range: &Range<usize>) -> &'a str {
    arena.get(range.clone()).unwrap_or_default()
}

impl FieldRange {
    fn view<'a>(&self, arena: &'a str) -> (&'a str, Value<'a>) {
        let value = self.scalar.value(text(arena, &self.value));
        (text(arena, &self.name), value)
    }

    /// Appends `name=value` as `%spans` shows it.
    fn write(&self, arena: &str, out: &mut Vec<u8>) {
        let (name, value) = (text(arena, &self.name), text(arena, &self.value));
        if name == MESSAGE {
            // A text of the span itself: `info_span!("pay", "for {order}")`.
            return out.extend_from_slice(value.as_bytes());
        }
        out.extend_from_slice(name.as_bytes());
        out.push(b'=');
        match self.scalar {
            Scalar::Text if !self.written.is_empty() => {
                out.extend_from_slice(text(arena, &self.written).as_bytes());
            }
            Scalar::Str => write_value(out, name, self.scalar.value(value)),
            _ => out.extend_from_slice(value.as_bytes()),
        }
    }
}

impl fmt::Display for SpanContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.names_text(), self.fields_text())
    }
}

/// One of the spans around an event, as [`LogEvent::scope`](crate::LogEvent::scope) shows it.
///
/// # Examples
///
/// ```
/// use tracing_kafka::{LogEvent, Value};
///
/// let event = LogEvent::builder()
///     .span("request", [("id", "7")])
///     .typed_span("query", [("rows", Value::U64(3))])
///     .build();
/// let query = event.scope().last().unwrap();
/// assert_eq!(query.name(), "query");
/// assert!(matches!(query.fields().next(), Some(("rows", Value::U64(3)))));
/// ```
#[derive(Clone, Copy)]
pub struct LogSpan<'a> {
    context: &'a SpanContext,
    index: usize,
}

impl<'a> LogSpan<'a> {
    /// The span's name.
    pub fn name(&self) -> &'a str {
        let span = self.context.spans.get(self.index);
        span.map_or("", |span| text(&self.context.arena, &span.name))
    }

    /// The span's own fields, in the order in which it named them, at most 128.
    ///
    /// Numbers and booleans come as what they were; everything else as its text.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = (&'a str, Value<'a>)> + use<'a> {
        let span = self.context.spans.get(self.index);
        let own = span.and_then(|span| self.context.own.get(span.fields.clone()));
        let arena = self.context.arena.as_str();
        own.unwrap_or_default()
            .iter()
            .map(move |field| field.view(arena))
    }
}

impl fmt::Debug for LogSpan<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        f.debug_map().entries(self.fields()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn add<'a>(
        context: &mut SpanContext,
        name: &str,
        fields: impl IntoIterator<Item = (&'a str, Value<'a>)>,
    ) -> bool {
        let text = |(name, value)| (name, FieldText::of(name, value, &mut Vec::new()));
        let fields: Vec<_> = fields.into_iter().map(text).collect();
        context.add_span(name, fields.iter().map(|(name, text)| (*name, text)))
    }

    fn texts<'a>(fields: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (&'a str, Value<'a>)> {
        fields
            .iter()
            .map(|(name, value)| (*name, Value::Str(value)))
    }

    #[test]
    fn the_innermost_value_wins_and_names_come_root_first() {
        let mut context = SpanContext::new();
        for _ in 0..2 {
            context.clear();
            assert!(add(
                &mut context,
                "leaf",
                texts(&[("b", "leaf"), ("a", "1")])
            ));
            assert!(add(
                &mut context,
                "root",
                texts(&[("b", "root"), ("c", "3")])
            ));
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
        while add(
            &mut context,
            "s",
            names.iter().map(|n| (n.as_str(), "v".into())),
        ) {
            spans += 1;
        }
        assert_eq!(spans, MAX_SPANS);
        assert_eq!(context.fields().len(), MAX_FIELDS);
    }

    #[test]
    fn each_span_keeps_its_own_fields_and_their_types() {
        let mut context = SpanContext::new();
        let leaf = [
            ("n", Value::I64(1)),
            ("t", "x".into()),
            ("n", Value::F64(2.5)),
        ];
        add(&mut context, "leaf", leaf);
        add(&mut context, "root", [("n", Value::Bool(true))]);
        context.finish();
        let shown: Vec<String> = context.scope().map(|span| format!("{span:?}")).collect();
        assert_eq!(shown, [r#"root{"n": true}"#, r#"leaf{"n": 2.5, "t": x}"#]);
        let merged: Vec<_> = context.values().collect();
        assert!(matches!(merged[0], ("n", Value::F64(2.5))), "{merged:?}");
    }

    #[test]
    fn a_kept_text_is_made_once_and_goes_with_the_view() {
        let mut context = SpanContext::new();
        add(&mut context, "s", texts(&[]));
        let kept = |context: &SpanContext, layout: u64, text: &str| {
            context.with_kept(
                layout,
                |_, kept| kept.text.extend_from_slice(text.as_bytes()),
                |kept| String::from_utf8(kept.text.clone()).unwrap(),
            )
        };
        assert_eq!(kept(&context, 1, "a"), "a");
        assert_eq!(kept(&context, 1, "b"), "a");
        for layout in 2..20 {
            assert_eq!(kept(&context, layout, "c"), "c");
            assert_eq!(kept(&context, layout, "d"), "c");
        }
        assert_eq!(kept(&context, 1, "e"), "a", "the first ones stay");
        assert_eq!(context.kept.borrow().len(), MAX_KEPT);
        context.clear();
        assert_eq!(kept(&context, 1, "f"), "f");
    }
}
