//! The byte budget: one counter that chunks are leased from, limits by level, and the spare chunks.

use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tracing::Level;

use super::frame::level_code;

/// How many levels there are.
const LEVELS: usize = 5;
/// Set in `used` once the queue is closed: every room check then fails with the one read it makes
/// anyway.
const CLOSED: usize = 1 << (usize::BITS - 1);

/// Bytes held for records, from the lease by a shard to the acknowledgement.
///
/// On a cache line of its own: it is read by every event and written once per chunk.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Budget {
    /// Leased to shards, held by the worker, or spare.
    used: AtomicUsize,
    /// For each level the first number of bytes held that leaves it no room for another chunk.
    full: [usize; LEVELS],
    total: usize,
    chunk: usize,
    /// The part of `used` that lies in `spares`.
    spare_bytes: AtomicUsize,
    spares: Mutex<Vec<Vec<u8>>>,
    max_spares: usize,
}

impl Budget {
    pub(super) fn new(total: usize, chunk: usize) -> Self {
        let max_spares = (total / 8 / chunk).clamp(1, 64);
        let full = |level| (limit(total, level) + 1).saturating_sub(chunk);
        let mut by_level = [0; LEVELS];
        for level in [
            Level::ERROR,
            Level::WARN,
            Level::INFO,
            Level::DEBUG,
            Level::TRACE,
        ] {
            if let Some(place) = by_level.get_mut(usize::from(level_code(level))) {
                *place = full(level);
            }
        }
        Self {
            used: AtomicUsize::new(0),
            full: by_level,
            total,
            chunk,
            spare_bytes: AtomicUsize::new(0),
            spares: Mutex::new(Vec::with_capacity(max_spares)),
            max_spares,
        }
    }

    /// Whether an event of `level` may be rendered: one read of a line that rarely changes.
    #[inline]
    pub(super) fn has_room(&self, level: Level) -> bool {
        self.used.load(Ordering::Relaxed) < self.full_at(level) || self.has_spare_room(level)
    }

    /// Room for another chunk counts: with less the event would be rendered for nothing once its
    /// shard's chunk is full.
    #[inline]
    fn full_at(&self, level: Level) -> usize {
        let known = self.full.get(usize::from(level_code(level)));
        known.copied().unwrap_or_default()
    }

    /// The same, not counting spare chunks, which the next lease would take.
    #[inline]
    fn has_spare_room(&self, level: Level) -> bool {
        let used = self.used.load(Ordering::Relaxed);
        // Closed is far more than any number of spare bytes.
        used.saturating_sub(self.spare_bytes.load(Ordering::Relaxed)) < self.full_at(level)
    }

    /// Whether `need` bytes fit where nothing else is held.
    pub(super) fn may_ever_hold(&self, level: Level, need: usize) -> bool {
        need.max(self.chunk) <= self.limit(level)
    }

    /// Whether a chunk for `need` bytes could be leased now.
    pub(super) fn has_room_for(&self, level: Level, need: usize) -> bool {
        let used = self.used.load(Ordering::Acquire);
        let held = used.saturating_sub(self.spare_bytes.load(Ordering::Relaxed));
        used & CLOSED == 0 && held.saturating_add(need.max(self.chunk)) <= self.limit(level)
    }

    pub(super) fn total(&self) -> usize {
        self.total
    }

    fn limit(&self, level: Level) -> usize {
        limit(self.total, level)
    }

    /// An empty chunk with room for `need` bytes, if the limit of `level` allows one.
    pub(super) fn lease(&self, level: Level, need: usize) -> Option<Vec<u8>> {
        if need <= self.chunk
            && let Some(spare) = self.take_spare(level)
        {
            return Some(spare);
        }
        let size = need.max(self.chunk);
        let limit = self.limit(level);
        let leased =
            self.try_lease(size, limit) || (self.trim(0) > 0 && self.try_lease(size, limit));
        leased.then(|| Vec::with_capacity(size))
    }

    fn try_lease(&self, size: usize, limit: usize) -> bool {
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                let after = used.checked_add(size)?;
                (used & CLOSED == 0 && after <= limit).then_some(after)
            })
            .is_ok()
    }

    fn take_spare(&self, level: Level) -> Option<Vec<u8>> {
        let mut spares = self.lock_spares();
        let used = self.used.load(Ordering::Relaxed);
        let held = used.saturating_sub(self.spare_bytes.load(Ordering::Relaxed));
        if used & CLOSED != 0 || held + self.chunk > self.limit(level) {
            return None;
        }
        let spare = spares.pop()?;
        self.spare_bytes
            .fetch_sub(spare.capacity(), Ordering::Relaxed);
        Some(spare)
    }

    /// Gives a drained chunk back, whose records the worker now holds in a form of its own: all of
    /// that took `before` bytes and takes `after` now. The chunk becomes a spare one where there is
    /// room for both, else its bytes are free.
    ///
    /// One step, so that no caller takes the bytes in between.
    pub(super) fn give_back(&self, mut chunk: Vec<u8>, before: usize, after: usize) {
        let size = chunk.capacity();
        let mut spares = self.lock_spares();
        if size == self.chunk && spares.len() < self.max_spares && self.try_exchange(before, after)
        {
            chunk.clear();
            spares.push(chunk);
            self.spare_bytes.fetch_add(size, Ordering::Relaxed);
        } else {
            self.exchange(before + size, after);
        }
    }

    /// Counts `after` bytes instead of `before`, if that does not exceed the budget.
    fn try_exchange(&self, before: usize, after: usize) -> bool {
        self.used
            .fetch_update(Ordering::AcqRel, Ordering::Relaxed, |used| {
                let then = used.checked_sub(before)?.checked_add(after)?;
                (used & CLOSED == 0 && then <= self.total).then_some(then)
            })
            .is_ok()
    }

    /// Counts `after` bytes instead of `before`, whatever the limit.
    pub(super) fn exchange(&self, before: usize, after: usize) {
        if after > before {
            self.used.fetch_add(after - before, Ordering::AcqRel);
        } else {
            self.used.fetch_sub(before - after, Ordering::AcqRel);
        }
    }

    /// Makes spare chunks until there are `wanted`, as far as half of the budget allows: so that it is
    /// the worker who allocates, not the threads that log.
    pub(super) fn provision(&self, wanted: usize) {
        let wanted = wanted.min(self.max_spares);
        while self.lock_spares().len() < wanted && self.try_lease(self.chunk, self.total / 2) {
            self.give_back(Vec::with_capacity(self.chunk), 0, 0);
        }
    }

    /// How many spare chunks an idle queue keeps: a sixteenth of the budget, so that a burst after a
    /// pause finds them. Their pages are the system's until they are written to.
    pub(super) fn idle_spares(&self) -> usize {
        self.max_spares.div_ceil(2)
    }

    /// Frees spare chunks until `keep` are left. Returns how many were freed.
    pub(super) fn trim(&self, keep: usize) -> usize {
        let mut freed = 0;
        let mut spares = self.lock_spares();
        while spares.len() > keep {
            let Some(spare) = spares.pop() else { break };
            self.spare_bytes
                .fetch_sub(spare.capacity(), Ordering::Relaxed);
            self.release(spare.capacity());
            freed += 1;
        }
        freed
    }

    pub(super) fn release(&self, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::AcqRel);
    }

    pub(super) fn close(&self) {
        self.used.fetch_or(CLOSED, Ordering::AcqRel);
        self.trim(0);
    }

    #[inline]
    pub(super) fn is_closed(&self) -> bool {
        self.used.load(Ordering::Acquire) & CLOSED != 0
    }

    /// What records take, in chunks or in forms of the worker's own.
    pub(super) fn held(&self) -> usize {
        self.used()
            .saturating_sub(self.spare_bytes.load(Ordering::Acquire))
    }

    /// What counts against the budget: what records take, and spare chunks.
    pub(super) fn used(&self) -> usize {
        self.used.load(Ordering::Acquire) & !CLOSED
    }

    fn lock_spares(&self) -> MutexGuard<'_, Vec<Vec<u8>>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What of `total` may be held when an event of `level` arrives: 80 % for TRACE and DEBUG, 90 % for
/// INFO, all of it for WARN and ERROR.
fn limit(total: usize, level: Level) -> usize {
    match level {
        Level::ERROR | Level::WARN => total,
        Level::INFO => total - total / 10,
        Level::DEBUG | Level::TRACE => total - total / 5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn low_levels_leave_room_for_high_ones() {
        let budget = Budget::new(1000, 100);
        let mut held = Vec::new();
        for (level, limit) in [
            (Level::TRACE, 800),
            (Level::DEBUG, 800),
            (Level::INFO, 900),
            (Level::WARN, 1000),
            (Level::ERROR, 1000),
        ] {
            while let Some(chunk) = budget.lease(level, 50) {
                held.push(chunk);
            }
            assert_eq!(budget.used(), limit, "{level}");
            assert!(!budget.has_room(level), "{level}");
        }
    }

    #[test]
    fn spare_chunks_count_but_do_not_stand_in_the_way() {
        let budget = Budget::new(1600, 100);
        let first = budget.lease(Level::ERROR, 10).unwrap();
        let second = budget.lease(Level::ERROR, 10).unwrap();
        budget.give_back(first, 0, 0);
        budget.give_back(second, 0, 0);
        assert_eq!(budget.used(), 200, "two spares are memory too");
        let whole = budget.lease(Level::ERROR, 1600).unwrap();
        assert_eq!(whole.capacity(), 1600);
        assert_eq!(budget.used(), 1600, "the spares made way");
        assert!(budget.lease(Level::ERROR, 1).is_none());
    }

    #[test]
    fn what_the_worker_keeps_of_a_chunk_is_counted_in_its_place() {
        let budget = Budget::new(1000, 100);
        let chunks: Vec<_> = std::iter::from_fn(|| budget.lease(Level::ERROR, 10)).collect();
        let mut held = 0;
        for chunk in chunks {
            budget.give_back(chunk, held, held + 60);
            held += 60;
            assert!(budget.used() <= 1000);
        }
        assert_eq!(
            budget.used(),
            held + budget.spare_bytes.load(Ordering::Relaxed)
        );
    }

    #[test]
    fn a_closed_budget_has_no_room_and_still_counts_down() {
        let budget = Budget::new(1000, 100);
        let chunk = budget.lease(Level::ERROR, 10).unwrap();
        budget.close();
        assert!(!budget.has_room(Level::ERROR));
        assert!(budget.lease(Level::ERROR, 10).is_none());
        budget.give_back(chunk, 0, 0);
        assert_eq!(budget.used(), 0);
    }
}
