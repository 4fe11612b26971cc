//! Why a layer could not be built: the setting, its value, what was expected.

use std::fmt;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use super::PatternError;

/// A layer that could not be built: a setting with a bad value, a file that cannot be opened, a
/// thread that cannot be started.
///
/// Every bad value is an error here, at build time, and the text names it and says what was
/// expected.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting has a value that it cannot take.
    #[non_exhaustive]
    Setting {
        /// The setting, by its Kafka name where it has one.
        name: String,
        /// The value as given. A secret's value is never kept here.
        value: String,
        /// What the value should have been.
        expected: String,
    },
    /// Two settings contradict each other.
    #[non_exhaustive]
    Conflict {
        /// What was set, both values named.
        found: String,
        /// What must hold between them.
        expected: String,
    },
    /// A property that this version does not know, or cannot honour.
    #[non_exhaustive]
    Property {
        /// The name as given.
        name: String,
        /// Why it was refused, and the nearest thing.
        reason: String,
    },
    /// A pattern was refused.
    #[non_exhaustive]
    Pattern {
        /// Why.
        source: PatternError,
    },
    /// A file cannot be opened for appending.
    #[non_exhaustive]
    File {
        /// Its path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The worker thread cannot be started.
    #[non_exhaustive]
    Thread {
        /// Why.
        source: io::Error,
    },
}

impl BuildError {
    pub(crate) fn setting(
        name: impl Into<String>,
        value: impl Into<String>,
        expected: impl Into<String>,
    ) -> Self {
        Self::Setting {
            name: name.into(),
            value: one_line(&value.into()),
            expected: expected.into(),
        }
    }

    pub(crate) fn conflict(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Conflict {
            found: found.into(),
            expected: expected.into(),
        }
    }

    pub(crate) fn property(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Property {
            name: one_line(&name.into()),
            reason: reason.into(),
        }
    }

    pub(crate) fn file(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn thread(source: io::Error) -> Self {
        Self::Thread { source }
    }
}

impl From<PatternError> for BuildError {
    fn from(source: PatternError) -> Self {
        Self::Pattern { source }
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting {
                name,
                value,
                expected,
            } => write!(f, "`{name}` is `{value}`, expected {expected}"),
            Self::Conflict { found, expected } => write!(f, "{found}, expected {expected}"),
            Self::Property { name, reason } => write!(f, "property `{name}` {reason}"),
            Self::Pattern { source } => source.fmt(f),
            Self::File { path, source } => {
                write!(f, "cannot open the log file `{}`: {source}", path.display())
            }
            Self::Thread { source } => write!(f, "cannot start the worker thread: {source}"),
        }
    }
}

/// The cause is in the text, so that one line says it all; there is no `source` that would say it
/// again. The variants hold it.
impl std::error::Error for BuildError {}

/// `text` with its control characters escaped: a value must not forge a line of its own.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_debug());
        } else {
            line.push(character);
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_forge_a_line() {
        let error = BuildError::setting("topic", "t\nforged: all is well", "a topic name");
        assert_eq!(
            error.to_string(),
            "`topic` is `t\\nforged: all is well`, expected a topic name"
        );
    }
}
