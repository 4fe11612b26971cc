//! A text that is never shown.

use std::fmt;

/// What is shown instead.
pub(crate) const MARK: &str = "***";

/// A password or a key. `Debug` shows a mark, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for the wire and for nothing else.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(MARK)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_mark_only() {
        let shown = format!("{:?} {:#?}", Secret::new("hunter2"), Secret::new("hunter2"));
        assert_eq!(shown, "*** ***");
    }
}
