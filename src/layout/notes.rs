//! How strict a pattern is read, and what is told beside: what a lenient reading swallowed.

use crate::error::PatternError;

/// The most warnings that are kept; a hostile pattern has a mistake in every other byte.
const MAX_WARNINGS: usize = 100;
/// The most characters of a pattern that a message shows.
const MAX_SHOWN: usize = 40;

/// Decides for each mistake: an error, or a warning.
#[derive(Debug)]
pub(super) struct Notes {
    lenient: bool,
    warnings: Vec<PatternError>,
}

impl Notes {
    pub(super) fn new(lenient: bool) -> Self {
        Self {
            lenient,
            warnings: Vec::new(),
        }
    }

    /// Ends a strict reading with `error`; notes it in a lenient one.
    pub(super) fn mistake(&mut self, error: PatternError) -> Result<(), PatternError> {
        self.mistake_with(|| error)
    }

    /// The same with an error that is costly to make: only if somebody will see it.
    pub(super) fn mistake_with(
        &mut self,
        error: impl FnOnce() -> PatternError,
    ) -> Result<(), PatternError> {
        if !self.lenient {
            return Err(error());
        }
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(error());
        }
        Ok(())
    }

    /// Notes, however strict the reading, what is no mistake but prints other than it may be meant.
    /// The same is noted once.
    pub(super) fn warn(&mut self, error: PatternError) {
        if self.warnings.len() < MAX_WARNINGS && !self.warnings.contains(&error) {
            self.warnings.push(error);
        }
    }

    /// The same strictness for a text that is read again, whose warnings are kept already.
    pub(super) fn again(&self) -> Self {
        Self::new(self.lenient)
    }

    pub(super) fn into_warnings(self) -> Vec<PatternError> {
        self.warnings
    }
}

/// The beginning of `text`, short enough for a message.
pub(super) fn shown(text: &str) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(MAX_SHOWN).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    // An error is shown to people, on one line.
    if short.contains(char::is_control) {
        short = short.escape_debug().to_string();
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lenient_reading_keeps_a_bounded_number_of_warnings() {
        let mut notes = Notes::new(true);
        for at in 0..1000 {
            assert_eq!(notes.mistake(PatternError::new(at, 1, "bad")), Ok(()));
        }
        assert_eq!(notes.into_warnings().len(), MAX_WARNINGS);
    }

    #[test]
    fn a_strict_reading_ends_with_the_first_mistake() {
        let error = PatternError::new(3, 1, "bad");
        assert_eq!(Notes::new(false).mistake(error.clone()), Err(error));
    }

    #[test]
    fn a_warning_ends_no_reading_and_is_noted_once() {
        for lenient in [false, true] {
            let mut notes = Notes::new(lenient);
            for _ in 0..3 {
                notes.warn(PatternError::new(3, 1, "odd"));
            }
            assert_eq!(notes.into_warnings().len(), 1);
        }
    }

    #[test]
    fn what_is_shown_is_short_and_has_no_control_characters() {
        assert_eq!(shown("a\nb"), "a\\nb");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), MAX_SHOWN + 1);
    }
}
