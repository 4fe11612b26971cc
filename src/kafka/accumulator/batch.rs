//! A sealed batch on its way, and what is known of its attempts.

use std::time::Instant;

use crate::kafka::wire::BATCH_HEADER_BYTES;
use crate::kafka::wire::ProducerStamp;
use crate::kafka::wire::SealedBatch;

/// What became of earlier attempts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::kafka) enum Past {
    /// There were none, or the batch was not appended.
    Refused,
    /// One ended without saying whether the batch was appended. Its sequence may still tell.
    Unresolved,
    /// The same, and nothing will ever tell.
    Unknown,
}

/// A sealed batch on its way.
#[derive(Debug)]
pub(in crate::kafka) struct Batch {
    /// Shared by the parts of a batch that was cut up.
    pub(super) id: u64,
    pub(in crate::kafka) sealed: SealedBatch,
    /// When the first of its records was accepted, or shortly before.
    pub(in crate::kafka) accepted: Instant,
    /// Its records were bound to a partition by their keys.
    pub(in crate::kafka) is_bound: bool,
    /// It was in a request, so it counts as in flight.
    pub(in crate::kafka) sent: bool,
    /// So many attempts were made, or more.
    pub(in crate::kafka) attempts: u8,
    /// The request that it is in.
    pub(in crate::kafka) attempt: Option<u64>,
    pub(in crate::kafka) past: Past,
    /// Nothing will rule out any longer that it is in the log, whatever is said of its sequence.
    is_lost: bool,
    /// Answers with an error that is not known to pass, for just these records.
    pub(in crate::kafka) doubtful: u8,
    /// When the first such answer came, perhaps for a batch of more records.
    pub(in crate::kafka) doubted: Option<Instant>,
    pub(in crate::kafka) stamp: Option<ProducerStamp>,
}

impl Batch {
    pub(super) fn new(id: u64, sealed: SealedBatch, accepted: Instant, is_bound: bool) -> Self {
        Self {
            id,
            sealed,
            accepted,
            is_bound,
            sent: false,
            attempts: 0,
            attempt: None,
            past: Past::Refused,
            is_lost: false,
            doubtful: 0,
            doubted: None,
            stamp: None,
        }
    }

    /// A batch that no accumulator knows.
    #[cfg(test)]
    pub(in crate::kafka) fn for_tests(sealed: SealedBatch) -> Self {
        Self::new(0, sealed, Instant::now(), false)
    }

    /// What [`part`](Self::part) does, for whoever is no accumulator.
    #[cfg(test)]
    pub(in crate::kafka) fn part_for_tests(&self, sealed: SealedBatch) -> Self {
        self.part(sealed)
    }

    /// A batch of some of its records, with the same past.
    pub(super) fn part(&self, sealed: SealedBatch) -> Self {
        Self {
            sealed,
            attempt: None,
            doubtful: 0,
            stamp: None,
            ..*self
        }
    }

    /// How many records.
    pub(in crate::kafka) fn count(&self) -> u64 {
        u64::from(self.sealed.count)
    }

    /// Bytes of its records, as they are kept.
    pub(in crate::kafka) fn record_bytes(&self) -> usize {
        self.sealed.bytes.len().saturating_sub(BATCH_HEADER_BYTES)
    }

    /// Says who it comes from, unless it says so already.
    pub(in crate::kafka) fn restamp(&mut self, stamp: ProducerStamp) {
        if self.stamp != Some(stamp) {
            self.sealed.stamp(stamp);
            self.stamp = Some(stamp);
        }
    }

    /// Its partition is gone, and with it all that was known of it there.
    pub(in crate::kafka) fn forget_partition(&mut self) {
        if self.is_unresolved() {
            self.lose();
        }
        self.attempt = None;
        self.attempts = 0;
    }

    /// Nothing will tell what became of an attempt.
    pub(in crate::kafka) fn lose(&mut self) {
        self.past = Past::Unknown;
        self.is_lost = true;
    }

    /// It is not in the log under its sequence; under an earlier one it may be.
    pub(in crate::kafka) fn is_not_there(&mut self) {
        self.past = if self.is_lost {
            Past::Unknown
        } else {
            Past::Refused
        };
    }

    /// Whether its sequence may still tell what became of it.
    pub(in crate::kafka) fn is_unresolved(&self) -> bool {
        self.past == Past::Unresolved
    }
}
