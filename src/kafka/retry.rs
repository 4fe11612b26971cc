//! What a broker's error means for a batch, and how long to wait before the next attempt.

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::time::Duration;
use std::time::Instant;

/// The first wait after a failure; doubled with each further one.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
/// The longest wait between attempts that can succeed by themselves.
const MAX_BACKOFF: Duration = Duration::from_secs(10);
/// The wait where a person has to mend something first.
pub(super) const OPERATOR_BACKOFF: Duration = Duration::from_secs(30);

/// What to do with a batch that a broker answered with an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Send it again; ask first who leads the partition.
    Refresh,
    /// Send it again.
    Retry,
    /// Too large for the topic: send it in halves.
    Split,
    /// Nothing will change until somebody changes the topic or the permissions.
    Misconfigured,
    /// Not known to pass: try a few times, then give the batch up.
    Doubtful,
}

/// What the error `code` of a Produce answer means.
pub(super) fn verdict(code: i16) -> Verdict {
    match code {
        // Unknown topic or partition, no leader, not the leader, no replica, network, storage,
        // fenced and unknown leader epoch.
        3 | 5 | 6 | 9 | 13 | 56 | 74 | 75 => Verdict::Refresh,
        // Corrupt in transit, timed out, broker not available, coordinator loading, not enough
        // replicas before and after the append, quota.
        2 | 7 | 8 | 14 | 19 | 20 | 89 => Verdict::Retry,
        // Message and record list too large.
        10 | 18 => Verdict::Split,
        // Invalid topic, topic and cluster authorization, unsupported version, policy, SASL.
        17 | 29 | 31 | 35 | 44 | 58 => Verdict::Misconfigured,
        _ => Verdict::Doubtful,
    }
}

/// Whether the records may be in the log although the broker answered with `code`.
pub(super) fn is_possibly_persisted(code: i16) -> bool {
    // Timed out waiting for replicas, too few of them after the append, an unknown server error.
    matches!(code, 7 | 20 | -1)
}

/// Grows the wait with each failure in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    random: RandomState,
}

impl Backoff {
    /// The wait after one more failure: half of it certain, half of it random, so that clients do
    /// not come back together.
    pub(super) fn next(&mut self) -> Duration {
        let whole = MIN_BACKOFF
            .saturating_mul(1_u32.checked_shl(self.failures).unwrap_or(u32::MAX))
            .min(MAX_BACKOFF);
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
        let mut backoff = Backoff::default();
        for expected in [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000, 10_000] {
            let wait = backoff.next().as_millis();
            assert!(
                (expected / 2..=expected).contains(&wait),
                "{wait} of {expected}"
            );
        }
        backoff.reset();
        assert!(backoff.next() <= MIN_BACKOFF);
    }

    #[test]
    fn success_is_no_error_of_the_table() {
        for (code, expected) in [
            (6, Verdict::Refresh),
            (19, Verdict::Retry),
            (10, Verdict::Split),
            (29, Verdict::Misconfigured),
            (87, Verdict::Doubtful),
            (1234, Verdict::Doubtful),
        ] {
            assert_eq!(verdict(code), expected, "{code}");
        }
    }
}
