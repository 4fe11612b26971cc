//! What a pattern may take once it is compiled: a few bytes of it may ask for thousands.

use std::cell::Cell;

use super::level::LEVELS;
use super::modifier::Modifier;
use super::notes::Notes;
use super::parser::Specifier;
use super::text::MAX_RENDERED;
use super::unit::Unit;
use crate::error::PatternError;

/// The most regular expressions of a pattern; each may become a program of some megabytes.
const MAX_EXPRESSIONS: usize = 64;

/// What is left.
#[derive(Debug)]
pub(super) struct Budget {
    /// Bytes of text that is the same for every event, or for a time.
    text: Cell<usize>,
    expressions: Cell<usize>,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            text: Cell::new(MAX_RENDERED),
            expressions: Cell::new(MAX_EXPRESSIONS),
        }
    }
}

impl Budget {
    /// Takes a regular expression. Returns false if there are too many.
    pub(super) fn take_expression(
        &self,
        specifier: &Specifier<'_>,
        notes: &mut Notes,
    ) -> Result<bool, PatternError> {
        if take(&self.expressions, 1) {
            return Ok(true);
        }
        let message = format!("more than {MAX_EXPRESSIONS} regular expressions");
        notes.mistake(specifier.error(message))?;
        Ok(false)
    }

    /// Takes the text that is made of `unit`. Returns false if it is too much.
    pub(super) fn take_text(
        &self,
        unit: &Unit<'_>,
        specifier: &Specifier<'_>,
        notes: &mut Notes,
    ) -> Result<bool, PatternError> {
        if take(&self.text, text_of(unit, specifier.modifier)) {
            return Ok(true);
        }
        let message = format!("more than {MAX_RENDERED} bytes of text");
        let hint = "widths, `%repeat`, levels and dates are made when a pattern is read";
        notes.mistake(specifier.error(message).hint(hint))?;
        Ok(false)
    }
}

fn take(from: &Cell<usize>, amount: usize) -> bool {
    let left = from.get().checked_sub(amount);
    from.set(left.unwrap_or_default());
    left.is_some()
}

/// How much text is made of `unit` beforehand.
fn text_of(unit: &Unit<'_>, modifier: Modifier) -> usize {
    let wide = |length: usize| length.max(modifier.min);
    match unit {
        Unit::Literal(text) | Unit::Constant(text) => wide(text.len()),
        Unit::Level(texts) => {
            let longest = texts.iter().map(String::len).max();
            LEVELS * wide(longest.unwrap_or_default())
        }
        Unit::Date(date) => wide(date.example().len()),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use crate::PatternLayout;

    #[track_caller]
    fn check(specifier: &str, enough: usize, message: &str) {
        assert!(PatternLayout::new(&specifier.repeat(enough)).is_ok());
        let pattern = specifier.repeat(enough + 1);
        let error = PatternLayout::new(&pattern).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}");
        assert_eq!(error.offset(), specifier.len() * enough);
        let lenient = PatternLayout::builder(pattern).lenient().build();
        assert_eq!(lenient.unwrap().warnings(), [error]);
    }

    #[test]
    fn a_pattern_asks_for_a_bounded_amount_of_text_and_of_regular_expressions() {
        check(
            "%10000n",
            104,
            "more than 1048576 bytes of text at byte 728",
        );
        check("%10000p", 20, "more than 1048576 bytes of text");
        check("%10000d", 104, "more than 1048576 bytes of text");
        check("%repeat{ab}{5000}", 104, "more than 1048576 bytes of text");
        check("%replace{%m}{a}{b}", 64, "more than 64 regular expressions");
    }
}
