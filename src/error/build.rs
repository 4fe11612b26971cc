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
            value: value.into(),
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
            name: name.into(),
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
            Self::Pattern { .. } => f.write_str("the pattern was refused"),
            Self::File { path, .. } => {
                write!(f, "cannot open the log file `{}`", path.display())
            }
            Self::Thread { .. } => f.write_str("cannot start the worker thread"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Pattern { source } => Some(source),
            Self::File { source, .. } | Self::Thread { source } => Some(source),
            Self::Setting { .. } | Self::Conflict { .. } | Self::Property { .. } => None,
        }
    }
}
