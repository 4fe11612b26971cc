//! Why a pattern was refused: where, what was found, what was expected.

use std::fmt;

/// A pattern that a [`PatternLayout`](crate::PatternLayout) cannot be made from.
///
/// The text names the byte offset, the offending part in backticks, what was expected and, where
/// one is close, the word that was probably meant.
///
/// # Examples
///
/// ```
/// use tracing_kafka::PatternLayout;
///
/// let error = PatternLayout::new("%d %mesage").unwrap_err();
/// assert_eq!(error.offset(), 3);
/// assert_eq!(
///     error.to_string(),
///     "unknown conversion word `%mesage` at byte 3; did you mean `%message`? \
///      Log4j reads it as `%m` and the text `esage`",
/// );
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternError {
    /// Where and how long; none for what is wrong with an option beside the pattern.
    place: Option<(usize, usize)>,
    message: String,
    hint: String,
}

impl PatternError {
    /// An error about `length` bytes at `offset`; `message` does not repeat the offset.
    pub(crate) fn new(offset: usize, length: usize, message: impl Into<String>) -> Self {
        Self {
            place: Some((offset, length)),
            message: message.into(),
            hint: String::new(),
        }
    }

    /// An error in what was set beside the pattern, such as the zone.
    pub(crate) fn beside(message: impl Into<String>) -> Self {
        Self {
            place: None,
            message: message.into(),
            hint: String::new(),
        }
    }

    /// The same, `distance` bytes further back in the pattern.
    pub(crate) fn moved(mut self, distance: usize) -> Self {
        if let Some((offset, _)) = &mut self.place {
            *offset += distance;
        }
        self
    }

    /// The same with what to do about it, which is printed last.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Where the offending part begins, in bytes from the start of the pattern; 0 where the pattern
    /// is not at fault.
    pub fn offset(&self) -> usize {
        self.place.map_or(0, |(offset, _)| offset)
    }

    /// How many bytes of the pattern are meant, from [`offset`](Self::offset) on; 0 where the
    /// pattern is not at fault or ends too early.
    pub fn length(&self) -> usize {
        self.place.map_or(0, |(_, length)| length)
    }
}

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some((offset, _)) = self.place {
            write!(f, " at byte {offset}")?;
        }
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for PatternError {}
