//! What can go wrong on a flush.

use std::fmt;
use std::time::Duration;

/// A flush that did not come to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FlushError {
    /// The time given was over before every event was delivered or counted as dropped. The worker
    /// goes on.
    #[non_exhaustive]
    Timeout {
        /// The time that was given.
        after: Duration,
    },
    /// The worker thread is gone; its events were counted as dropped.
    #[non_exhaustive]
    WorkerGone,
    /// Every event was written, but the disk did not confirm that it has them: see
    /// [`Fsync`](crate::Fsync).
    #[non_exhaustive]
    Fsync {
        /// Why.
        message: String,
    },
}

impl fmt::Display for FlushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout { after } => {
                write!(
                    f,
                    "not every event was delivered or counted within {after:?}"
                )
            }
            Self::WorkerGone => f.write_str("the worker thread is gone"),
            Self::Fsync { message } => {
                write!(f, "not every event is known to be on the disk: {message}")
            }
        }
    }
}

impl std::error::Error for FlushError {}
