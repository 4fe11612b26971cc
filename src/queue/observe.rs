//! The queue's counters as others read them.

use std::sync::atomic::Ordering;

use super::Queue;
use crate::config::OverflowPolicy;
use crate::stats::DropReason;
use crate::stats::Dropped;
use crate::stats::Health;
use crate::stats::Observe;
use crate::stats::Stats;
use crate::sys::BusyTurn;

impl Observe for Queue {
    fn stats(&self) -> Stats {
        // An allocator that logs would come back to these locks.
        let _turn = BusyTurn::begin();
        let entries = self.ledger.lock();
        // All locks at once, so that the snapshot is of one moment.
        let shards: Vec<_> = self
            .shards
            .iter()
            .map(|shard| (shard, shard.lock()))
            .collect();
        let mut dropped = Dropped::default();
        let (mut accepted, mut queued, mut lost) = (0, entries.pending, 0);
        for (shard, inner) in &shards {
            accepted += inner.accepted;
            queued += inner.queued;
            for (reason, count) in DropReason::ALL.iter().zip(&shard.lost_by_reason) {
                let count = count.load(Ordering::Relaxed);
                lost += count;
                dropped.add(*reason, count);
            }
        }
        for (reason, count) in entries.dropped.iter() {
            dropped.add(reason, count);
        }
        Stats {
            offered: accepted + lost,
            delivered: entries.delivered,
            queued,
            in_flight: entries.in_flight,
            dropped,
            duplicates_avoided: entries.duplicates_avoided,
            possible_duplicates: entries.possible_duplicates,
            format_failures: self.format_failures.load(Ordering::Relaxed),
            buffer_bytes: self.budget.held() as u64,
        }
    }

    fn health(&self) -> Health {
        self.ledger.lock().health
    }
}

impl Queue {
    /// How many events were given up, by reason. Takes one lock, and none that a caller may wait for.
    pub(crate) fn dropped(&self) -> Dropped {
        let mut dropped = self.ledger.lock().dropped;
        for shard in &self.shards {
            for (reason, count) in DropReason::ALL.iter().zip(&shard.lost_by_reason) {
                dropped.add(*reason, count.load(Ordering::Relaxed));
            }
        }
        dropped
    }

    /// How many bytes of records may be held.
    pub(crate) fn buffer_memory(&self) -> usize {
        self.budget.total()
    }

    pub(crate) fn policy(&self) -> OverflowPolicy {
        self.policy
    }
}
