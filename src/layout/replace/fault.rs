//! What is wrong with a regular expression, or with what its matches shall become.

/// Which of the two texts is wrong, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::layout) enum ReplacementError {
    Regex(Fault),
    Substitution(Fault),
}

/// A place in that text and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::layout) struct Fault {
    /// Counted in bytes, as is the length.
    pub(in crate::layout) at: usize,
    pub(in crate::layout) length: usize,
    pub(in crate::layout) message: String,
    /// What to write instead; empty where there is nothing to say.
    pub(in crate::layout) hint: String,
}

impl Fault {
    pub(super) fn new(at: usize, length: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            length,
            message: message.into(),
            hint: String::new(),
        }
    }

    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}
