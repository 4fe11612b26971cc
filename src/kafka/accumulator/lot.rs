//! Records for the same place: the batch being filled, and those that are sealed.

use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use super::MAX_RECORDS;
use super::batch::Batch;
use crate::kafka::wire::BATCH_HEADER_BYTES;
use crate::kafka::wire::RecordBatch;

/// Records for one partition, for any, or for one that is not known yet.
#[derive(Debug)]
pub(super) struct Lot {
    pub(super) open: RecordBatch,
    /// When the first record of `open` was accepted.
    pub(super) opened: Option<Instant>,
    pub(super) ready: VecDeque<Batch>,
}

impl Lot {
    pub(super) fn new() -> Self {
        Self {
            open: RecordBatch::new(),
            opened: None,
            ready: VecDeque::new(),
        }
    }

    /// Whether a batch has been begun.
    pub(super) fn has_open(&self) -> bool {
        self.opened.is_some()
    }

    /// When the open batch has waited for `time`.
    pub(super) fn open_for(&self, time: Duration) -> Option<Instant> {
        self.opened.map(|opened| opened + time)
    }

    /// Whether the open batch has its size.
    #[inline]
    pub(super) fn is_full(&self, batch_size: usize) -> bool {
        let has_size = self.open.len() >= batch_size || self.open.count() >= MAX_RECORDS;
        has_size && self.has_open()
    }

    /// Whether there is nothing open and nothing sealed.
    pub(super) fn is_empty(&self) -> bool {
        self.opened.is_none() && self.ready.is_empty()
    }

    /// Bytes of the records in the open batch.
    pub(super) fn open_bytes(&self) -> usize {
        self.open.len().saturating_sub(BATCH_HEADER_BYTES)
    }

    /// Bytes of all that waits here.
    pub(super) fn bytes(&self) -> usize {
        self.open_bytes() + self.ready.iter().map(Batch::record_bytes).sum::<usize>()
    }
}
