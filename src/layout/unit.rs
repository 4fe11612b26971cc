//! What one specifier means, before it is put into a plan.

use super::converter::Converter;
use super::date::DateFormat;
use super::encode::Encoding;
use super::error_text::ErrorText;
use super::level::LEVELS;
use super::lookup;
use super::parser::OptionText;
use super::replace::Replacement;
use super::style::Styles;

/// A specifier's meaning.
#[derive(Debug)]
pub(super) enum Unit<'p> {
    /// Text that Log4j does not take for a variable part.
    Literal(String),
    /// The same for every event, and yet a variable part to Log4j.
    Constant(String),
    Level([String; LEVELS]),
    Date(DateFormat),
    Variable(Converter),
    /// An error, and the pattern that ends its lines.
    Error(ErrorText, Option<OptionText<'p>>),
    /// A pattern, and what becomes of its text.
    Nested(OptionText<'p>, Effect<'p>),
    /// A pattern whose text is replaced if it is equal to another one.
    Compared(Comparison<'p>),
}

/// What becomes of the text of a pattern inside.
#[derive(Debug)]
pub(super) enum Effect<'p> {
    Nothing,
    Cut(usize),
    Encode(Encoding),
    NotEmpty,
    /// The second is what is put in, as it was given.
    Replace(Box<Replacement>, &'p str),
    Style(Styles),
}

/// The options of `%equals`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Comparison<'p> {
    pub(super) pattern: OptionText<'p>,
    pub(super) test: OptionText<'p>,
    pub(super) substitution: OptionText<'p>,
    pub(super) ignores_case: bool,
}

impl Comparison<'_> {
    /// Whether the substitution is a pattern, too.
    pub(super) fn substitutes_pattern(&self) -> bool {
        self.substitution.text.contains('%')
    }
}

impl From<lookup::Part> for Unit<'_> {
    fn from(part: lookup::Part) -> Self {
        match part {
            lookup::Part::Text(text) => Self::Literal(text),
            lookup::Part::Lookup(lookup) => Self::Variable(Converter::Lookup(Box::new(lookup))),
        }
    }
}

impl<'p> Unit<'p> {
    /// The patterns inside it.
    pub(super) fn patterns(&self) -> impl Iterator<Item = OptionText<'p>> + use<'p> {
        let (one, other) = match self {
            Self::Error(_, suffix) => (*suffix, None),
            Self::Nested(pattern, _) => (Some(*pattern), None),
            Self::Compared(comparison) => (
                Some(comparison.pattern),
                comparison
                    .substitutes_pattern()
                    .then_some(comparison.substitution),
            ),
            _ => (None, None),
        };
        one.into_iter().chain(other)
    }

    /// What a variable part prints if it has nothing to print; none for a literal.
    pub(super) fn empty(&self) -> Option<&'static str> {
        match self {
            Self::Literal(_) | Self::Variable(Converter::Lookup(_)) => None,
            Self::Variable(converter) => Some(converter.empty()),
            _ => Some(""),
        }
    }
}
