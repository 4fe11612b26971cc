//! Where every event ends: the counters, their snapshot, and the worker's side of the ledger.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

mod trouble;

pub use trouble::DeliveryError;
pub use trouble::Loss;
pub(crate) use trouble::utc;

/// Why an event was given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue had no room for an event of this level.
    QueueFull,
    /// The queue had no room, and none came within the time that the caller may be blocked.
    BlockTimeout,
    /// The event was logged while this thread was rendering another one.
    Reentrant,
    /// The record alone is larger than what the broker, or one batch, accepts.
    TooLarge,
    /// The layout panicked.
    FormatError,
    /// It could not be delivered within the delivery timeout.
    Deadline,
    /// The broker refused the record for good.
    Rejected,
    /// The layer was shut down: the event came after, or could not be delivered in the time left.
    Shutdown,
    /// The worker thread is gone.
    WorkerFailed,
}

impl DropReason {
    /// All reasons, in the order in which they are reported.
    pub const ALL: &'static [Self] = &[
        Self::QueueFull,
        Self::BlockTimeout,
        Self::Reentrant,
        Self::TooLarge,
        Self::FormatError,
        Self::Deadline,
        Self::Rejected,
        Self::Shutdown,
        Self::WorkerFailed,
    ];

    /// Its name in metrics and reports: `queue_full`, `deadline` and so on.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::BlockTimeout => "block_timeout",
            Self::Reentrant => "reentrant",
            Self::TooLarge => "too_large",
            Self::FormatError => "format_error",
            Self::Deadline => "deadline",
            Self::Rejected => "rejected",
            Self::Shutdown => "shutdown",
            Self::WorkerFailed => "worker_failed",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How many reasons there are.
pub(crate) const REASONS: usize = DropReason::ALL.len();

/// How many events were given up, by reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    counts: [u64; REASONS],
}

impl Dropped {
    /// Events given up, whatever the reason.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Events given up for `reason`.
    pub fn get(&self, reason: DropReason) -> u64 {
        self.counts.get(reason as usize).copied().unwrap_or(0)
    }

    /// Each reason with its count, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (DropReason, u64)> {
        DropReason::ALL
            .iter()
            .map(|reason| (*reason, self.get(*reason)))
    }

    pub(crate) fn add(&mut self, reason: DropReason, count: u64) {
        if let Some(known) = self.counts.get_mut(reason as usize) {
            *known += count;
        }
    }
}

/// `12 dropped (queue_full 10, shutdown 2)`
impl fmt::Display for Dropped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} dropped", self.total())?;
        let mut open = " (";
        for (reason, count) in self.iter().filter(|(_, count)| *count > 0) {
            write!(f, "{open}{reason} {count}")?;
            open = ", ";
        }
        if open == ", " {
            f.write_str(")")?;
        }
        Ok(())
    }
}

/// What became of the events of one layer, at one moment.
///
/// Every event ends in exactly one counter, so at every moment
/// `offered == delivered + queued + in_flight + dropped.total()`. Each of these is counted on its
/// own; none is made up from the others.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Stats {
    /// Events that passed the layer's filter and reached it.
    pub offered: u64,
    /// Events that were acknowledged as [`Acks`](crate::Acks) say, by default by all in-sync replicas;
    /// for a file, handed to the operating system.
    pub delivered: u64,
    /// Events accepted, and not yet on their way.
    pub queued: u64,
    /// Events on their way, not yet acknowledged: in a request, or in a batch that is tried again.
    pub in_flight: u64,
    /// Events given up.
    pub dropped: Dropped,
    /// Events that were sent again and that the broker recognised: without idempotence they would be
    /// in the topic twice. Part of `delivered`, or soon.
    pub duplicates_avoided: u64,
    /// Events that were sent again although an earlier attempt may have succeeded and nothing can
    /// tell: they may be in the topic twice. With idempotence that takes a broker that has lost what
    /// it knew.
    pub possible_duplicates: u64,
    /// Values whose `Debug` or `Display` panicked or returned an error; the record was kept, with
    /// `<panicked>` or `<error>` in it.
    pub format_failures: u64,
    /// Bytes of `buffer.memory` that records take, from the event to the acknowledgement. Chunks that
    /// are kept empty for the next events are not in it, but give way to records.
    pub buffer_bytes: u64,
}

/// `12 offered, 4 delivered, 0 queued, 0 in flight, 8 dropped (queue_full 8)`
impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} offered, {} delivered, {} queued, {} in flight, {}",
            self.offered, self.delivered, self.queued, self.in_flight, self.dropped
        )
    }
}

/// The state of a layer's sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Health {
    /// Nothing was delivered yet and nothing failed.
    Starting,
    /// The last attempt succeeded.
    Healthy,
    /// The last attempt succeeded, but without idempotence: the cluster refuses a producer id, and
    /// [`Idempotence::Preferred`](crate::Idempotence::Preferred) allowed to go on.
    Degraded,
    /// The last attempt failed; it is being tried again.
    Retrying,
    /// The other side refuses for a reason that a person must mend: a topic that does not exist, a
    /// missing permission. Tried again, slowly.
    Misconfigured,
    /// The worker is gone.
    Failed,
    /// The layer was shut down.
    Stopped,
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Starting => "starting",
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Retrying => "retrying",
            Self::Misconfigured => "misconfigured",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
        })
    }
}

/// What a [`StatsHandle`] reads from.
pub(crate) trait Observe: Send + Sync {
    fn stats(&self) -> Stats;
    fn health(&self) -> Health;
}

/// Reads a layer's counters; can be cloned and outlives the layer and its guard.
#[derive(Clone)]
pub struct StatsHandle {
    source: Arc<dyn Observe>,
}

impl StatsHandle {
    pub(crate) fn new(source: Arc<dyn Observe>) -> Self {
        Self { source }
    }

    /// The counters now. Takes the locks of the queue for a moment: meant for metrics, not for
    /// every event.
    pub fn stats(&self) -> Stats {
        self.source.stats()
    }

    /// The state of the sink now.
    pub fn health(&self) -> Health {
        self.source.health()
    }
}

impl fmt::Debug for StatsHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatsHandle")
            .field("stats", &self.stats())
            .field("health", &self.health())
            .finish()
    }
}

/// The worker's side of the counters: what it has taken from the queue and what became of it.
///
/// Changed once per batch, so a lock costs nothing; it makes each step, and each snapshot, whole.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    entries: Mutex<Entries>,
}

/// The counts in a [`Ledger`].
#[derive(Debug)]
pub(crate) struct Entries {
    /// Taken from the queue, not yet sent.
    pub(crate) pending: u64,
    /// Sent, outcome open.
    pub(crate) in_flight: u64,
    pub(crate) delivered: u64,
    pub(crate) dropped: Dropped,
    pub(crate) duplicates_avoided: u64,
    pub(crate) possible_duplicates: u64,
    /// Part of `dropped`: given up with an unknown outcome, so possibly delivered after all.
    pub(crate) unknown: u64,
    pub(crate) health: Health,
    /// Set once the rest was written off; what a late worker still reports is then void.
    pub(crate) settled: bool,
}

impl Default for Entries {
    fn default() -> Self {
        Self {
            pending: 0,
            in_flight: 0,
            delivered: 0,
            dropped: Dropped::default(),
            duplicates_avoided: 0,
            possible_duplicates: 0,
            unknown: 0,
            health: Health::Starting,
            settled: false,
        }
    }
}

impl Ledger {
    /// The entries, locked. Locks of the queue's shards may be taken while it is held, never the
    /// other way round.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(&mut Entries)) {
        let mut entries = self.lock();
        if !entries.settled {
            change(&mut entries);
        }
    }

    /// `count` events were sent again although they may have arrived before.
    pub(crate) fn sent_again(&self, count: u64) {
        if count > 0 {
            self.change(|entries| entries.possible_duplicates += count);
        }
    }

    /// The broker recognised `count` events that it had already.
    pub(crate) fn recognised(&self, count: u64) {
        self.change(|entries| entries.duplicates_avoided += count);
    }

    /// `count` pending events were sent for the first time.
    pub(crate) fn sent(&self, count: u64) {
        self.change(|entries| {
            entries.pending -= count;
            entries.in_flight += count;
        });
    }

    /// `count` events in flight were acknowledged.
    pub(crate) fn delivered(&self, count: u64) {
        self.change(|entries| {
            entries.in_flight -= count;
            entries.delivered += count;
        });
    }

    /// `count` pending events were given up.
    pub(crate) fn drop_pending(&self, count: u64, reason: DropReason) {
        self.change(|entries| {
            entries.pending -= count;
            entries.dropped.add(reason, count);
        });
    }

    /// `count` events in flight were given up; `unknown` says that they may have arrived.
    pub(crate) fn drop_in_flight(&self, count: u64, reason: DropReason, unknown: bool) {
        self.change(|entries| {
            entries.in_flight -= count;
            entries.dropped.add(reason, count);
            if unknown {
                entries.unknown += count;
            }
        });
    }

    pub(crate) fn set_health(&self, health: Health) {
        self.change(|entries| entries.health = health);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_counter_of_its_own() {
        let mut dropped = Dropped::default();
        for (index, reason) in DropReason::ALL.iter().copied().enumerate() {
            assert_eq!(reason as usize, index, "{reason}");
            dropped.add(reason, 1 << index);
        }
        for (index, (reason, count)) in dropped.iter().enumerate() {
            assert_eq!(count, 1 << index, "{reason}");
        }
        assert_eq!(dropped.total(), (1 << DropReason::ALL.len()) - 1);
    }

    #[test]
    fn a_report_names_only_the_reasons_that_occurred() {
        let mut dropped = Dropped::default();
        assert_eq!(dropped.to_string(), "0 dropped");
        dropped.add(DropReason::QueueFull, 10);
        dropped.add(DropReason::Shutdown, 2);
        assert_eq!(
            dropped.to_string(),
            "12 dropped (queue_full 10, shutdown 2)"
        );
    }

    #[test]
    fn a_settled_ledger_takes_no_more_entries() {
        let ledger = Ledger::default();
        ledger.lock().pending = 3;
        ledger.sent(2);
        ledger.delivered(1);
        ledger.lock().settled = true;
        ledger.delivered(1);
        let entries = ledger.lock();
        assert_eq!(
            (entries.pending, entries.in_flight, entries.delivered),
            (1, 1, 1)
        );
    }
}
