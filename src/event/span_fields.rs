//! The fields of one span as text, with what they were before.

use tracing::field::Field;
use tracing::field::Visit;

use super::number::next_number;
use super::value::FIELD_LIMIT;
use super::value::Value;
use super::written::plain_name;
use super::written::write_value;

/// The most fields that one span keeps; later ones are left out.
pub(super) const MAX_FIELDS: usize = 128;

/// The fields of one span as text, kept in the registry beside the span and shared by all layers.
#[derive(Debug)]
pub(crate) struct SpanFields {
    /// Another one whenever a field changes, so that it stands for what there is to be seen.
    number: u64,
    fields: Vec<(&'static str, FieldText)>,
}

impl SpanFields {
    /// Renders the fields that `record` visits. No lock may be held: a user's `Debug` runs here.
    pub(crate) fn render(record: impl FnOnce(&mut dyn Visit)) -> Self {
        let mut collector = Collector::default();
        record(&mut collector);
        Self {
            number: next_number(),
            fields: collector.fields,
        }
    }

    /// What no other fields have, nor these before they changed.
    #[inline]
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Takes over `newer`; a value recorded again replaces the earlier one.
    pub(crate) fn update(&mut self, newer: Self) {
        self.number = newer.number;
        for field in newer.fields {
            let known = self.fields.iter_mut().find(|(known, _)| *known == field.0);
            if let Some(old) = known {
                *old = field;
            } else if self.fields.len() < MAX_FIELDS {
                self.fields.push(field);
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &FieldText)> {
        self.fields.iter().map(|(name, text)| (*name, text))
    }
}

/// A field's value as text, and what it was before.
#[derive(Debug, Default)]
pub(crate) struct FieldText {
    pub(super) text: String,
    pub(super) scalar: Scalar,
    /// How `%spans` shows it, where that cannot be told from the above.
    pub(super) written: Option<Box<str>>,
}

impl FieldText {
    /// The text of `value`, rendered into `buffer` first.
    pub(super) fn of(name: &str, value: Value<'_>, buffer: &mut Vec<u8>) -> Self {
        let mut render = |write: &dyn Fn(&mut Vec<u8>)| {
            buffer.clear();
            write(buffer);
            String::from_utf8_lossy(buffer).into_owned()
        };
        let text = render(&|out| value.write_to(out, FIELD_LIMIT));
        let is_another = match value {
            Value::Bytes(_) => true,
            Value::Error(error) => error.source().is_some(),
            _ => false,
        };
        let written = is_another.then(|| render(&|out| write_value(out, name, value)).into());
        Self {
            text,
            scalar: Scalar::of(value),
            written,
        }
    }
}

/// What a value is beside its text.
#[derive(Debug, Default, Clone, Copy, PartialEq)]
pub(crate) enum Scalar {
    /// Nothing but text: the `Debug` form of a value.
    #[default]
    Text,
    /// A text itself.
    Str,
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Bool(bool),
}

impl Scalar {
    fn of(value: Value<'_>) -> Self {
        match value {
            Value::I64(number) => Self::I64(number),
            Value::U64(number) => Self::U64(number),
            Value::I128(number) => Self::I128(number),
            Value::U128(number) => Self::U128(number),
            Value::F64(number) => Self::F64(number),
            Value::Bool(truth) => Self::Bool(truth),
            Value::Str(_) => Self::Str,
            Value::Bytes(_) | Value::Error(_) | Value::Debug(_) => Self::Text,
        }
    }

    pub(super) fn value(self, text: &str) -> Value<'_> {
        match self {
            Self::Text | Self::Str => Value::Str(text),
            Self::I64(number) => Value::I64(number),
            Self::U64(number) => Value::U64(number),
            Self::I128(number) => Value::I128(number),
            Self::U128(number) => Value::U128(number),
            Self::F64(number) => Value::F64(number),
            Self::Bool(truth) => Value::Bool(truth),
        }
    }
}

/// Renders each visited field to a text of its own.
#[derive(Default)]
struct Collector {
    fields: Vec<(&'static str, FieldText)>,
    buffer: Vec<u8>,
}

impl Collector {
    fn push(&mut self, field: &Field, value: Value<'_>) {
        if self.fields.len() >= MAX_FIELDS {
            return;
        }
        let text = FieldText::of(field.name(), value, &mut self.buffer);
        self.fields.push((plain_name(field.name()), text));
    }
}

super::visit_values!(Collector, push);
