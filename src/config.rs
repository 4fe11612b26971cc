//! Options: what may be set, the defaults, and what values are refused.

mod address;
mod compression;
mod delivery;
mod kafka;
mod property;
mod security;
mod topic;

use std::time::Duration;

use crate::error::BuildError;

pub use compression::Compression;
pub(crate) use compression::CompressionSettings;
pub use delivery::Acks;
pub use delivery::Idempotence;
pub(crate) use kafka::BackoffOptions;
pub(crate) use kafka::BackoffRange;
use kafka::DEFAULT_CLIENT_ID;
pub(crate) use kafka::KafkaOptions;
pub(crate) use kafka::KafkaSettings;
pub use property::PROPERTIES;
pub use property::Property;
pub(crate) use security::Credentials;
#[cfg(feature = "tls")]
pub(crate) use security::Identity;
pub(crate) use security::Mechanism;
#[cfg(feature = "tls")]
pub(crate) use security::Roots;
pub(crate) use security::SECRET_MARK;
pub use security::Sasl;
pub(crate) use security::Security;
pub use security::SecurityProtocol;
pub use security::Tls;
#[cfg(feature = "tls")]
pub(crate) use security::TlsSettings;
pub use security::TlsVersion;

/// How many bytes of records a layer holds, unless told otherwise.
pub(crate) const DEFAULT_BUFFER_MEMORY: usize = 32 * 1024 * 1024;
/// The least that can be asked for: room for some chunks of events. An event that does not fit at all
/// is dropped as too large.
pub(crate) const MIN_BUFFER_MEMORY: usize = 64 * 1024;
/// How long a dropped guard takes at most.
pub(crate) const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);
/// The most bytes of one rendered event; more is cut.
pub(crate) const MAX_EVENT_BYTES: usize = 256 * 1024;
/// Times are milliseconds in a signed 32-bit number on Kafka's wire.
const MAX_TIME: Duration = Duration::from_millis(i32::MAX as u64);

/// What happens to an event when the bytes held exceed the limit of its level.
///
/// The limits are 80 % of `buffer.memory` for TRACE and DEBUG, 90 % for INFO, all of it for WARN and
/// ERROR. What is queued already is never evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum OverflowPolicy {
    /// The arriving event is dropped and counted as
    /// [`QueueFull`](crate::DropReason::QueueFull). The caller never waits.
    #[default]
    DropNewest,
    /// The caller waits for room, at most `max_wait`; then the event is dropped and counted as
    /// [`BlockTimeout`](crate::DropReason::BlockTimeout).
    ///
    /// It blocks the thread that logs, inside an `async` task too. Kafka property `max.block.ms`.
    Block {
        /// The longest wait for one event, 1 ms to about 24 days.
        max_wait: Duration,
    },
}

impl OverflowPolicy {
    /// [`Block`](Self::Block) with its usual limit of 2 seconds.
    pub const fn block() -> Self {
        Self::Block {
            max_wait: Duration::from_secs(2),
        }
    }

    /// Refuses a wait that is none, or that cannot be meant.
    pub(crate) fn check(self) -> Result<(), BuildError> {
        match self {
            Self::DropNewest => Ok(()),
            Self::Block { max_wait } => positive_time("max.block.ms", max_wait),
        }
    }
}

/// Refuses a duration of zero, or one too long for Kafka's 32-bit milliseconds.
pub(crate) fn positive_time(name: &str, time: Duration) -> Result<(), BuildError> {
    if time < Duration::from_millis(1) || time > MAX_TIME {
        return Err(BuildError::setting(
            name,
            format!("{time:?}"),
            "1 ms to 2147483647 ms",
        ));
    }
    Ok(())
}

/// Refuses a buffer that is too small to hold events, or larger than any memory.
pub(crate) fn check_buffer_memory(bytes: usize) -> Result<(), BuildError> {
    if !(MIN_BUFFER_MEMORY..=isize::MAX.unsigned_abs() / 2).contains(&bytes) {
        return Err(BuildError::setting(
            "buffer.memory",
            bytes.to_string(),
            format!("at least {MIN_BUFFER_MEMORY} bytes"),
        ));
    }
    Ok(())
}
