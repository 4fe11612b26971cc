//! The bounded queue between the threads that log and the worker: byte shards under short locks.
//!
//! A shard leases fixed chunks from one byte budget, appends frames to its current chunk, and
//! touches shared memory only when a chunk is full. The worker swaps the chunks out. Nothing here
//! waits on anything but a short lock, save under [`OverflowPolicy::Block`].

use std::fmt;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;
use std::time::Instant;

use tracing::Level;

use crate::config::OverflowPolicy;
use crate::stats::DropReason;
use crate::stats::Health;
use crate::stats::Ledger;
use crate::stats::REASONS;
use crate::sys::BusyTurn;
use crate::sys::ThreadRole;
use crate::sys::deadline_after;
use crate::sys::prefetch_behind;
use crate::sys::thread_index;
use crate::sys::thread_role;

mod alarm;
mod budget;
mod frame;
mod merge;
mod observe;

pub(crate) use alarm::Alarm;
use budget::Budget;
pub(crate) use frame::Frame;
pub(crate) use frame::Frames;
pub(crate) use frame::Shape;
pub(crate) use frame::Stamp;
pub(crate) use frame::end_parts;
pub(crate) use frame::header_values;
pub(crate) use frame::put_header_value;
pub(crate) use merge::Merge;

/// The chunk that a shard leases at a time, where the budget is not smaller than a few of them.
const CHUNK: usize = 64 * 1024;

/// Wakes the worker, from any thread, without waiting.
pub(crate) trait Wake: Send + Sync + fmt::Debug {
    fn wake(&self);
}

/// The queue of one layer.
#[derive(Debug)]
pub(crate) struct Queue {
    shards: Box<[Shard]>,
    budget: Budget,
    policy: OverflowPolicy,
    /// What the worker has taken from the queue; locked before any shard.
    pub(crate) ledger: Ledger,
    /// Bytes in chunks that were filled since the worker last took them.
    filled: AtomicUsize,
    /// At how many of those the worker is asked to come.
    threshold: usize,
    /// The worker was asked and has not yet had a quiet round.
    asked: AtomicBool,
    /// An event found no room, and no room has come since: nothing may linger.
    pressed: AtomicBool,
    /// The worker sleeps without a timer; the next push wakes it.
    parked: AtomicBool,
    /// Set once: why the queue takes no more events.
    closed: Mutex<Option<DropReason>>,
    room: Mutex<()>,
    room_came: Condvar,
    waiting: AtomicUsize,
    format_failures: AtomicU64,
    waker: Arc<dyn Wake>,
    /// Who tells of losses; none before there is somebody.
    alarm: OnceLock<Arc<dyn Alarm>>,
}

/// Frames of the threads that map to it, in their order.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    inner: Mutex<Inner>,
    /// Events given up before they got here, all reasons together.
    lost: AtomicU64,
    lost_by_reason: [AtomicU64; REASONS],
}

#[derive(Debug)]
struct Inner {
    /// Capacity 0 after the worker was here, so that an idle shard holds nothing.
    current: Vec<u8>,
    full: Vec<Vec<u8>>,
    accepted: u64,
    queued: u64,
    closed: Option<DropReason>,
}

/// Frames of one shard, taken from the queue.
#[derive(Debug)]
pub(crate) struct Chunk {
    pub(crate) shard: usize,
    pub(crate) bytes: Vec<u8>,
}

/// Leave to render one event; made before rendering so that a full queue costs no rendering.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Admission {
    /// Until when the caller may still be blocked, where it was allowed and has begun.
    deadline: Option<Instant>,
}

impl Queue {
    /// A queue of `buffer_memory` bytes that asks for the worker at `threshold` of them.
    pub(crate) fn new(
        buffer_memory: usize,
        threshold: usize,
        policy: OverflowPolicy,
        waker: Arc<dyn Wake>,
    ) -> Self {
        let shards = std::thread::available_parallelism().map_or(8, usize::from) * 2;
        let shards = shards.next_power_of_two().clamp(8, 64);
        let threshold = threshold.min(buffer_memory / 4);
        // Not larger than the threshold, which is noticed when a chunk is full.
        let chunk = (buffer_memory / 64).min(threshold).clamp(1024, CHUNK);
        let budget = Budget::new(buffer_memory, chunk);
        budget.provision(budget.idle_spares());
        Self {
            shards: (0..shards).map(|_| Shard::default()).collect(),
            budget,
            policy,
            ledger: Ledger::default(),
            filled: AtomicUsize::new(0),
            threshold,
            asked: AtomicBool::new(false),
            pressed: AtomicBool::new(false),
            parked: AtomicBool::new(false),
            closed: Mutex::new(None),
            room: Mutex::new(()),
            room_came: Condvar::new(),
            waiting: AtomicUsize::new(0),
            format_failures: AtomicU64::new(0),
            waker,
            alarm: OnceLock::new(),
        }
    }

    /// Whether an event of `level` would be taken now.
    #[inline]
    pub(crate) fn has_room(&self, level: Level) -> bool {
        self.budget.has_room(level)
    }

    /// Whether an event of `level` may be rendered. A refused one is counted here.
    pub(crate) fn admit(&self, level: Level) -> Option<Admission> {
        if self.has_room(level) {
            Some(Admission::default())
        } else {
            self.admit_full(level)
        }
    }

    /// The same for an event that has found no room: it waits if it may, else it is refused.
    #[inline]
    pub(crate) fn admit_full(&self, level: Level) -> Option<Admission> {
        if matches!(self.policy, OverflowPolicy::DropNewest) && !self.budget.is_closed() {
            // Who is told of losses hears of it by the first press, and looks again as long as it lasts.
            self.press();
            self.count(DropReason::QueueFull);
            return None;
        }
        self.wait_and_admit(level)
    }

    #[cold]
    fn wait_and_admit(&self, level: Level) -> Option<Admission> {
        let mut admission = Admission::default();
        match self.wait_for_room(level, 1, &mut admission) {
            Ok(()) => Some(admission),
            Err(reason) => {
                self.count_lost(reason);
                None
            }
        }
    }

    /// Waits until `need` bytes may be leased for `level`, if the policy lets this thread wait.
    fn wait_for_room(
        &self,
        level: Level,
        need: usize,
        admission: &mut Admission,
    ) -> Result<(), DropReason> {
        if let Some(reason) = self.closed_by() {
            return Err(reason);
        }
        let OverflowPolicy::Block { max_wait } = self.policy else {
            self.press();
            return Err(DropReason::QueueFull);
        };
        // A worker that waits for a worker could wait for itself.
        if thread_role() != ThreadRole::Application {
            return Err(DropReason::QueueFull);
        }
        let _turn = BusyTurn::begin();
        let deadline = *admission
            .deadline
            .get_or_insert_with(|| deadline_after(max_wait));
        self.waiting.fetch_add(1, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let outcome = self.sleep_until_room(level, need, deadline);
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        outcome
    }

    fn sleep_until_room(
        &self,
        level: Level,
        need: usize,
        deadline: Instant,
    ) -> Result<(), DropReason> {
        let mut room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(reason) = self.closed_by() {
                return Err(reason);
            }
            if self.budget.has_room_for(level, need) {
                return Ok(());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(DropReason::BlockTimeout);
            }
            self.press();
            (room, _) = self
                .room_came
                .wait_timeout(room, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Appends a rendered event to this thread's shard. An event without room is counted as lost.
    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 20 instructions; the other callers are rare"
    )]
    #[inline(always)]
    pub(crate) fn push(&self, admission: Admission, stamp: Stamp, payload: &[u8]) {
        let shard = self.shard();
        let mut inner = shard.lock();
        if inner.current.capacity() - inner.current.len() >= frame::HEADER + payload.len()
            && inner.closed.is_none()
        {
            inner.append(&shard.lost, stamp, payload);
        } else {
            drop(inner);
            self.push_cold(shard, admission, stamp, payload);
        }
    }

    /// The rare push: leases a chunk, and sees to it that the worker comes.
    #[cold]
    fn push_cold(&self, shard: &Shard, mut admission: Admission, stamp: Stamp, payload: &[u8]) {
        let need = frame::HEADER + payload.len();
        let level = stamp.level;
        if !self.budget.may_ever_hold(level, need) {
            return self.count_lost(DropReason::TooLarge);
        }
        loop {
            let mut inner = shard.lock();
            if let Some(reason) = inner.closed {
                drop(inner);
                return self.count_lost(reason);
            }
            if let Some(chunk) = self.budget.lease(level, need) {
                let full = std::mem::replace(&mut inner.current, chunk);
                let filled = full.len();
                if full.capacity() > 0 {
                    inner.full.push(full);
                }
                inner.append(&shard.lost, stamp, payload);
                drop(inner);
                return self.call_worker(filled, need);
            }
            drop(inner);
            if let Err(reason) = self.wait_for_room(level, need, &mut admission) {
                return self.count_lost(reason);
            }
        }
    }

    /// Wakes the worker if it sleeps, or if what waits for it, with a chunk of `filled` bytes and an
    /// event of `need`, is enough to come for.
    fn call_worker(&self, filled: usize, need: usize) {
        let is_enough = filled > 0
            && self.filled.fetch_add(filled, Ordering::Relaxed) + filled + need >= self.threshold;
        let sleeps =
            self.parked.load(Ordering::SeqCst) && self.parked.swap(false, Ordering::SeqCst);
        if sleeps || (is_enough && !self.asked.swap(true, Ordering::AcqRel)) {
            self.waker.wake();
        }
    }

    /// Tells the worker that there is no room: once, until some has come.
    #[inline]
    fn press(&self) {
        if !self.pressed.load(Ordering::Relaxed) {
            self.press_now();
        }
    }

    #[cold]
    fn press_now(&self) {
        if !self.pressed.swap(true, Ordering::AcqRel) {
            self.waker.wake();
            self.raise_alarm();
        }
    }

    #[inline]
    fn count(&self, reason: DropReason) {
        let shard = self.shard();
        if let Some(count) = shard.lost_by_reason.get(reason as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        shard.lost.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts values whose formatting failed inside records that were kept.
    #[cold]
    pub(crate) fn count_format_failures(&self, count: u64) {
        self.format_failures.fetch_add(count, Ordering::Relaxed);
    }

    /// Whether this thread's shard holds an event.
    pub(crate) fn has_own(&self) -> bool {
        self.shard().lock().queued > 0
    }

    #[inline]
    fn shard(&self) -> &Shard {
        #[expect(
            clippy::indexing_slicing,
            reason = "their number is a power of two, so the index is masked by the length"
        )]
        &self.shards[thread_index() & (self.shards.len() - 1)]
    }

    #[inline]
    fn closed_by(&self) -> Option<DropReason> {
        if !self.budget.is_closed() {
            return None;
        }
        *self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The worker's side.
impl Queue {
    /// Takes all chunks, each shard's in its order, and books their events as pending.
    ///
    /// All shards are taken at one moment: an event that came before another, on whatever thread,
    /// never comes in a later drain. Returns the number of bytes in the chunks.
    pub(crate) fn drain(&self, chunks: &mut Vec<Chunk>) -> usize {
        self.filled.store(0, Ordering::Relaxed);
        let from = chunks.len();
        let mut entries = self.ledger.lock();
        let mut shards: Vec<_> = self.shards.iter().map(Shard::lock).collect();
        for (shard, inner) in shards.iter_mut().enumerate() {
            if inner.queued == 0 || entries.settled {
                continue;
            }
            let current = std::mem::take(&mut inner.current);
            let full = inner.full.drain(..).chain([current]);
            chunks.extend(full.map(|bytes| Chunk { shard, bytes }));
            entries.pending += inner.queued;
            inner.queued = 0;
        }
        drop(shards);
        drop(entries);
        // The next round may well need twice as many.
        self.budget
            .provision(self.budget.idle_spares().max(2 * (chunks.len() - from)));
        chunks
            .iter()
            .skip(from)
            .map(|chunk| chunk.bytes.len())
            .sum()
    }

    /// Gives a drained chunk back; what the worker holds in forms of its own takes `after` bytes now,
    /// where it took `before`.
    pub(crate) fn give_back(&self, chunk: Chunk, before: usize, after: usize) {
        self.budget.give_back(chunk.bytes, before, after);
        self.tell_waiting();
    }

    /// What the worker holds in forms of its own takes `after` bytes now, where it took `before`.
    pub(crate) fn exchange(&self, before: usize, after: usize) {
        self.budget.exchange(before, after);
        if after < before {
            self.tell_waiting();
        }
    }

    fn tell_waiting(&self) {
        // As long as low levels find no room the worker goes on by itself, and nobody rings.
        if self.budget.has_room(Level::DEBUG) {
            self.pressed.store(false, Ordering::Release);
        }
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::SeqCst) > 0 {
            let _room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
            self.room_came.notify_all();
        }
    }

    /// Whether a caller has found the threshold crossed since the last quiet round.
    pub(crate) fn was_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Whether an event found no room, and none has come since.
    pub(crate) fn is_pressed(&self) -> bool {
        self.pressed.load(Ordering::Acquire)
    }

    /// After a quiet round: callers may ask for the worker again.
    pub(crate) fn may_be_asked(&self) {
        self.asked.store(false, Ordering::Release);
    }

    /// Declares the worker asleep until the next push, unless something is queued already.
    ///
    /// Returns whether it may sleep.
    pub(crate) fn park(&self) -> bool {
        self.may_be_asked();
        self.parked.store(true, Ordering::SeqCst);
        // A push that came before this look at its shard is seen here; one that comes after it sees
        // the mark, since both are under the shard's lock.
        let empty = self.shards.iter().all(|shard| shard.lock().queued == 0);
        if empty {
            self.budget.trim(self.budget.idle_spares());
        } else {
            self.parked.store(false, Ordering::SeqCst);
        }
        empty
    }

    /// The worker is awake again, for whatever reason.
    pub(crate) fn unpark(&self) {
        self.parked.store(false, Ordering::SeqCst);
    }

    /// Takes no more events from now on; later ones are counted for `reason`.
    pub(crate) fn close(&self, reason: DropReason) {
        self.closed
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get_or_insert(reason);
        self.budget.close();
        for shard in &self.shards {
            shard.lock().closed.get_or_insert(reason);
        }
        let _room = self.room.lock().unwrap_or_else(PoisonError::into_inner);
        self.room_came.notify_all();
    }

    /// Writes off everything that is not delivered yet, once and for all.
    ///
    /// Returns how many events that were; none the second time.
    pub(crate) fn settle(&self, reason: DropReason, health: Health) -> u64 {
        self.close(reason);
        // What is freed here is freed under locks; see `stats`.
        let _turn = BusyTurn::begin();
        let mut entries = self.ledger.lock();
        if entries.settled {
            return 0;
        }
        let mut count = entries.pending + entries.in_flight;
        for shard in &self.shards {
            let mut inner = shard.lock();
            count += inner.queued;
            inner.queued = 0;
            let leased =
                inner.current.capacity() + inner.full.iter().map(Vec::capacity).sum::<usize>();
            inner.current = Vec::new();
            inner.full.clear();
            self.budget.release(leased);
        }
        entries.dropped.add(reason, count);
        entries.unknown += entries.in_flight;
        entries.pending = 0;
        entries.in_flight = 0;
        entries.health = health;
        entries.settled = true;
        count
    }

    pub(crate) fn wake_worker(&self) {
        self.waker.wake();
    }
}

impl Shard {
    #[inline]
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Inner {
    fn default() -> Self {
        Self {
            current: Vec::new(),
            // Room for a burst, so that the thread that logs does not allocate it.
            full: Vec::with_capacity(16),
            accepted: 0,
            queued: 0,
            closed: None,
        }
    }
}

impl Inner {
    #[inline]
    fn append(&mut self, lost: &AtomicU64, stamp: Stamp, payload: &[u8]) {
        let sequence = self.accepted + lost.load(Ordering::Relaxed);
        frame::append(&mut self.current, stamp, sequence, payload);
        prefetch_behind(&self.current);
        self.accepted += 1;
        self.queued += 1;
    }
}

#[cfg(test)]
mod tests;
