//! What a layer tells of: attempts that failed, and events that were lost.

use std::fmt;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use time::OffsetDateTime;

use super::DropReason;

/// Trouble of a layer, as handed to the `on_error` hook: an attempt that failed, or events that were
/// lost.
///
/// `Display` is the line that standard error gets where there is no hook. Without
/// [`loss`](Self::loss) it tells of an attempt, which is made again.
///
/// # Examples
///
/// ```
/// # use tracing_kafka::KafkaLayer;
/// let builder = KafkaLayer::builder(["localhost:9092"], "log-message").on_error(|error| {
///     match error.loss() {
///         Some(loss) => eprintln!("{} events lost ({})", loss.count(), loss.reason()),
///         None => eprintln!("{error}"),
///     }
/// });
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryError {
    kind: &'static str,
    message: String,
    loss: Option<Loss>,
}

impl DeliveryError {
    /// `kind` groups equal troubles for rate limits; `message` is the whole sentence.
    pub(crate) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            loss: None,
        }
    }

    /// The same of events that were lost, in the words of `message`.
    pub(crate) fn of_loss(loss: Loss, message: String) -> Self {
        Self {
            kind: loss.reason.as_str(),
            message,
            loss: Some(loss),
        }
    }

    /// A short, constant name of the kind of trouble: `connect`, `produce` or `file` say, and for a
    /// loss the name of its [`reason`](Loss::reason).
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// What was lost, where this tells of a loss.
    pub fn loss(&self) -> Option<&Loss> {
        self.loss.as_ref()
    }
}

impl fmt::Display for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DeliveryError {}

/// Events that were dropped for one reason, one after the other.
///
/// It is told within a second of the first of them, once a minute while it goes on, and when it is
/// over: when for five seconds none was dropped for this reason, or the layer is shut down. Where it
/// comes and goes, that time is doubled each time, up to a minute. The counts of those that are over
/// add up to [`Stats::dropped`](crate::Stats::dropped); but what came after the shutdown is told once
/// and counted there only, and what [`shutdown`](crate::WorkerGuard::shutdown) itself gives up is in
/// its report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loss {
    pub(crate) reason: DropReason,
    pub(crate) count: u64,
    pub(crate) since: SystemTime,
    pub(crate) until: Option<SystemTime>,
    pub(crate) waits_for: Option<String>,
}

impl Loss {
    /// Why.
    pub fn reason(&self) -> DropReason {
        self.reason
    }

    /// How many, from [`since`](Self::since) on.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Since when; at most a second before the first of them was dropped.
    pub fn since(&self) -> SystemTime {
        self.since
    }

    /// When the last of them was noticed; none while it goes on.
    pub fn until(&self) -> Option<SystemTime> {
        self.until
    }

    /// What the oldest event that is still held waits for, in words: the broker that has not answered
    /// and since when, or the error of the file. None where that is not known, or is not the cause.
    pub fn waits_for(&self) -> Option<&str> {
        self.waits_for.as_deref()
    }
}

/// `time` as `2026-11-30T10:00:01Z`.
pub(crate) fn utc(time: SystemTime) -> String {
    let seconds = time
        .duration_since(UNIX_EPOCH)
        .map_or(0, |after| i64::try_from(after.as_secs()).unwrap_or(0));
    let time = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (time.year(), u8::from(time.month()), time.day());
    let (hour, minute, second) = time.to_hms();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn times_are_shown_to_the_second_in_utc() {
        let time = UNIX_EPOCH + Duration::from_millis(1_764_496_801_999);
        assert_eq!(utc(time), "2025-11-30T10:00:01Z");
        let before = UNIX_EPOCH - Duration::from_secs(1);
        assert_eq!(utc(before), "1970-01-01T00:00:00Z");
    }
}
