//! What a broker's error means for a batch, and how long to wait before the next attempt.

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::time::Duration;
use std::time::Instant;

/// The wait where a person has to mend something first.
pub(super) const OPERATOR_BACKOFF: Duration = Duration::from_secs(30);

/// What to do with a batch that a broker answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it again; ask first who leads the partition.
    Refresh,
    /// Send it again.
    Retry,
    /// The broker had it already.
    Duplicate,
    /// The broker expected another sequence.
    OutOfOrder,
    /// The broker does not know the producer any longer.
    Forgotten,
    /// The producer id belongs to somebody else.
    Fenced,
    /// Too large for the topic: send it in halves.
    Split,
    /// Some record in it is refused: find out which.
    Bisect,
    /// Nothing will change until somebody changes the topic, the permissions or the configuration.
    Misconfigured,
    /// Not known to pass: try a few times, then look for the culprit.
    Doubtful,
}

/// What the error `code` of a Produce answer means.
pub(super) fn verdict(code: i16) -> Verdict {
    match code {
        // Unknown topic or partition, no leader, not the leader, no replica, network, storage,
        // fenced and unknown leader epoch.
        3 | 5 | 6 | 9 | 13 | 56 | 74 | 75 => Verdict::Refresh,
        // Timed out, broker not available, coordinator loading, not enough replicas before and after
        // the append, quota.
        7 | 8 | 14 | 19 | 20 | 89 => Verdict::Retry,
        46 => Verdict::Duplicate,
        45 => Verdict::OutOfOrder,
        59 => Verdict::Forgotten,
        // Invalid producer epoch and id mapping, producer fenced.
        47 | 49 | 90 => Verdict::Fenced,
        // Message and record list too large.
        10 | 18 => Verdict::Split,
        // Invalid timestamp, invalid record.
        32 | 87 => Verdict::Bisect,
        // Invalid topic, invalid acks, topic, cluster and transaction authorization, unsupported
        // version, message format and compression, policy, SASL.
        17 | 21 | 29 | 31 | 35 | 43 | 44 | 53 | 58 | 76 => Verdict::Misconfigured,
        // Corrupt in transit among them: it passes, unless it is the batch that is corrupt.
        _ => Verdict::Doubtful,
    }
}

/// Whether the records may be in the log although the broker answered with `code`.
pub(super) fn is_possibly_persisted(code: i16) -> bool {
    // Timed out waiting for replicas, too few of them after the append, an unknown server error.
    matches!(code, 7 | 20 | -1)
}

/// Grows the wait with each failure in a row.
#[derive(Debug)]
pub(super) struct Backoff {
    first: Duration,
    most: Duration,
    failures: u32,
    random: RandomState,
}

impl Backoff {
    /// Waits of `first`, doubled with each further failure up to `most`.
    pub(super) fn new(first: Duration, most: Duration) -> Self {
        Self {
            first,
            most: most.max(first),
            failures: 0,
            random: RandomState::new(),
        }
    }

    /// The wait after one more failure: half of it certain, half of it random, so that clients do
    /// not come back together.
    pub(super) fn next(&mut self) -> Duration {
        let whole = self
            .first
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(self.most);
        self.failures = self.failures.saturating_add(1).min(16);
        let share = self.random.hash_one(Instant::now()) % 1024;
        whole / 2 + whole / 2048 * u32::try_from(share).unwrap_or(0)
    }

    /// How many failures there were in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_ten_seconds() {
        let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
        for expected in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000] {
            let wait = backoff.next().as_millis();
            assert!(
                (expected / 2..=expected).contains(&wait),
                "{wait} of {expected}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= Duration::from_millis(100));
    }

    #[test]
    fn each_kind_of_error_has_its_verdict() {
        for (code, expected) in [
            (6, Verdict::Refresh),
            (19, Verdict::Retry),
            (10, Verdict::Split),
            (29, Verdict::Misconfigured),
            (87, Verdict::Bisect),
            (45, Verdict::OutOfOrder),
            (2, Verdict::Doubtful),
            (1234, Verdict::Doubtful),
        ] {
            assert_eq!(verdict(code), expected, "{code}");
        }
    }
}
