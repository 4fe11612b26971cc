//! Gathers records into batches and keeps the sealed ones until they are sent. Pure: time is an argument.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use super::headers::HeaderEncoder;
use super::partitioner::Route;
use super::partitioner::Router;
use super::wire::BatchContents;
use super::wire::BatchRecord;
use super::wire::Compressor;
use super::wire::RecordBatch;
use crate::queue::Frame;

mod batch;
mod books;
mod lot;
#[cfg(test)]
mod tests;

pub(super) use batch::Batch;
pub(super) use batch::Past;
use books::Books;
use lot::Lot;

/// No batch has more records, and no request. A broker may say a sentence about each of them, and the
/// answer has to fit into a frame: this leaves 400 bytes for each.
pub(super) const MAX_RECORDS: u32 = 10_000;
/// Batches are not made smaller than this, however small a topic's limit is.
const MIN_BATCH_BYTES: usize = 16 * 1024;
/// After so many batches of a reduced size were delivered, larger ones are tried again: the topic's
/// limit may have been raised.
const GROW_AFTER: u32 = 1000;
/// A batch that cannot be sent is sealed when its records span this part of the delivery timeout,
/// so that none is given up much before its own time.
const SPAN_PARTS: u32 = 20;

/// When a batch is sealed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) linger: Duration,
    pub(super) batch_size: usize,
    /// What a batch may grow to while nothing can be sent.
    pub(super) max_batch: usize,
    pub(super) delivery_timeout: Duration,
}

/// Records on their way from the queue to a request.
#[derive(Debug)]
pub(super) struct Accumulator {
    router: Router,
    headers: HeaderEncoder,
    /// Records for any partition.
    shared: Lot,
    /// Records for one partition each.
    bound: BTreeMap<i32, Lot>,
    /// Records whose partition can be told only when their number is known.
    unbound: Lot,
    books: Books,
    limits: Limits,
    /// What holds now: less than `limits` after a batch was too large for the topic.
    batch_size: usize,
    max_batch: usize,
    delivered_since_shrunk: u32,
    /// Nothing lingers: there is no room for more.
    is_pressed: bool,
    span: Duration,
}

/// A batch of which the broker refuses some record.
#[derive(Debug)]
pub(super) struct Parts {
    /// What it named.
    pub(super) culprits: Option<Batch>,
    /// What is sent again.
    pub(super) rest: Vec<Batch>,
}

impl Accumulator {
    pub(super) fn new(
        compressor: Compressor,
        limits: Limits,
        router: Router,
        headers: HeaderEncoder,
    ) -> Self {
        Self {
            router,
            headers,
            shared: Lot::new(),
            bound: BTreeMap::new(),
            unbound: Lot::new(),
            books: Books::new(compressor),
            batch_size: limits.batch_size,
            max_batch: limits.max_batch,
            delivered_since_shrunk: 0,
            is_pressed: false,
            span: (limits.delivery_timeout / SPAN_PARTS).max(limits.linger),
            limits,
        }
    }

    /// Adds a record of the queue's shard `shard`, sealing the batch that it belongs to first if
    /// that would grow too large. Answers whether the batch has its size now.
    #[inline]
    pub(super) fn push(&mut self, frame: &Frame<'_>, shard: usize, accepted: Instant) -> bool {
        let route = self.router.route(frame);
        let record = BatchRecord {
            timestamp_ms: frame.millis(),
            key: frame.key,
            value: frame.value,
            headers: self.headers.encode(frame, shard),
        };
        let size = RecordBatch::size_of(&record);
        let lot = match route {
            Route::Any => &mut self.shared,
            Route::To(index) => self.bound.entry(index).or_insert_with(Lot::new),
            Route::Later => &mut self.unbound,
        };
        if lot.open.len() + size > self.max_batch || lot.open.count() >= MAX_RECORDS {
            self.books.seal(lot, route != Route::Any);
        }
        if lot.open.is_empty() {
            lot.opened = Some(accepted);
        }
        let before = lot.open.len();
        lot.open.push(&record);
        self.books.open_bytes += lot.open.len() - before;
        lot.is_full(self.batch_size)
    }

    fn lots(&self) -> impl Iterator<Item = &Lot> {
        [&self.shared, &self.unbound]
            .into_iter()
            .chain(self.bound.values())
    }

    /// Seals the open batches of the lots that `is_meant`.
    fn seal_where(&mut self, is_meant: impl Fn(&Lot) -> bool) {
        let bound = self.bound.values_mut().chain([&mut self.unbound]);
        for (lot, is_bound) in bound
            .map(|lot| (lot, true))
            .chain([(&mut self.shared, false)])
        {
            if is_meant(lot) {
                self.books.seal(lot, is_bound);
            }
        }
    }

    /// What was wrong with an answer of the custom partitioner since the last call.
    pub(super) fn take_fault(&mut self) -> Option<String> {
        self.router.take_fault()
    }

    /// Whether a batch has been begun.
    pub(super) fn has_open(&self) -> bool {
        self.lots().any(Lot::has_open)
    }

    /// Bytes of records held in any form: open, sealed, on their way. Without the batches' headers, so
    /// that records take less here than in the chunks that they came in.
    pub(super) fn held_bytes(&self) -> usize {
        self.books.held_bytes()
    }

    /// Says whether there is no room for more records, so that none may linger.
    pub(super) fn press(&mut self, is_pressed: bool) {
        self.is_pressed = is_pressed;
    }

    fn is_due(&self, lot: &Lot, now: Instant) -> bool {
        lot.is_full(self.batch_size)
            || (self.is_pressed && lot.has_open())
            || lot
                .open_for(self.limits.linger)
                .is_some_and(|due| due <= now)
    }

    /// Whether an open batch should leave as soon as it can.
    pub(super) fn has_due(&self, now: Instant) -> bool {
        self.lots().any(|lot| self.is_due(lot, now))
    }

    /// When the next open batch has waited long enough for others, if it has not at `now`.
    pub(super) fn due_at(&self, now: Instant) -> Option<Instant> {
        self.lots()
            .filter_map(|lot| lot.open_for(self.limits.linger))
            .filter(|due| *due > now)
            .min()
    }

    /// When the next open batch is sealed even if it cannot be sent.
    pub(super) fn span_ends_at(&self) -> Option<Instant> {
        self.lots().filter_map(|lot| lot.open_for(self.span)).min()
    }

    /// Seals what spans too long a time, so that no record is given up much before its own.
    pub(super) fn seal_old(&mut self, now: Instant) {
        let span = self.span;
        self.seal_where(|lot| lot.open_for(span).is_some_and(|end| end <= now));
    }

    /// The batch for the partition `index` that goes next, if records are bound to it and one is due.
    pub(super) fn next_bound(&mut self, index: i32, now: Instant) -> Option<Batch> {
        let lot = self.bound.get(&index)?;
        let is_due = lot.ready.is_empty() && self.is_due(lot, now);
        let lot = self.bound.get_mut(&index)?;
        if is_due {
            self.books.seal(lot, true);
        }
        lot.ready.pop_front()
    }

    /// The batch for any partition that goes next, if one is due.
    pub(super) fn next_shared(&mut self, now: Instant) -> Option<Batch> {
        if self.shared.ready.is_empty() && self.is_due(&self.shared, now) {
            self.books.seal(&mut self.shared, false);
        }
        self.shared.ready.pop_front()
    }

    /// Since when that batch waits, if there is one.
    pub(super) fn bound_since(&self, index: i32, now: Instant) -> Option<Instant> {
        self.since(self.bound.get(&index)?, now)
    }

    /// Since when the batch for any partition that goes next waits, if there is one.
    pub(super) fn shared_since(&self, now: Instant) -> Option<Instant> {
        self.since(&self.shared, now)
    }

    fn since(&self, lot: &Lot, now: Instant) -> Option<Instant> {
        let ready = lot.ready.front().map(|batch| batch.accepted);
        ready.or_else(|| lot.opened.filter(|_| self.is_due(lot, now)))
    }

    /// Bytes that wait for the partition `index` and for no other.
    pub(super) fn bound_bytes(&self, index: i32) -> usize {
        self.bound.get(&index).map_or(0, Lot::bytes)
    }

    /// Sealed batches that are in no partition's window.
    pub(super) fn ready(&self) -> impl Iterator<Item = &Batch> {
        self.lots().flat_map(|lot| &lot.ready)
    }

    /// Takes back batches whose partition is gone: another may take them, or the one that their keys
    /// stand for now. They are the oldest.
    pub(super) fn put_back(&mut self, batches: Vec<Batch>) {
        for mut batch in batches.into_iter().rev() {
            batch.forget_partition();
            if !batch.is_bound {
                self.shared.ready.push_front(batch);
                continue;
            }
            for (route, part) in self.distribute(batch).into_iter().rev() {
                self.lot_of(route).ready.push_front(part);
            }
        }
    }

    fn lot_of(&mut self, route: Route) -> &mut Lot {
        match route {
            Route::Any => &mut self.shared,
            Route::To(index) => self.bound.entry(index).or_insert_with(Lot::new),
            Route::Later => &mut self.unbound,
        }
    }

    /// The topic has `partitions` partitions. What was bound to one that does not exist, or to none
    /// yet, goes to where its keys belong now.
    pub(super) fn set_partitions(&mut self, partitions: i32) {
        self.router.set_partitions(partitions);
        let is_gone = |index: &i32| *index >= partitions;
        let gone: Vec<i32> = self.bound.keys().copied().filter(is_gone).collect();
        let mut homeless = Vec::new();
        for index in gone {
            if let Some(mut lot) = self.bound.remove(&index) {
                self.books.seal(&mut lot, true);
                homeless.extend(lot.ready);
            }
        }
        if partitions > 0 && !self.unbound.is_empty() {
            self.books.seal(&mut self.unbound, true);
            homeless.extend(self.unbound.ready.drain(..));
        }
        for batch in homeless {
            for (route, part) in self.distribute(batch) {
                self.lot_of(route).ready.push_back(part);
            }
        }
    }

    /// Cuts a batch up by where its keys belong.
    fn distribute(&mut self, batch: Batch) -> Vec<(Route, Batch)> {
        let mut routes: Vec<Route> = Vec::new();
        let Ok(contents) = BatchContents::read(&batch.sealed.bytes) else {
            // Not read back: it was never decided, and any place is better than none.
            return vec![(Route::Any, batch)];
        };
        let places: Vec<usize> = contents
            .records()
            .map(|record| {
                let route = self.router.choose(record.key, record.value);
                let known = routes.iter().position(|known| *known == route);
                known.unwrap_or_else(|| {
                    routes.push(route);
                    routes.len() - 1
                })
            })
            .collect();
        drop(contents);
        match self.books.cut(batch, &places) {
            Ok(parts) => routes.into_iter().zip(parts).collect(),
            Err(batch) => vec![(Route::Any, batch)],
        }
    }

    /// Takes the sealed batches accepted at or before `limit`.
    pub(super) fn expired(&mut self, limit: Instant) -> Vec<Batch> {
        let mut expired = Vec::new();
        let lots = self.bound.values_mut();
        for lot in lots.chain([&mut self.shared, &mut self.unbound]) {
            if lot.ready.iter().all(|batch| batch.accepted > limit) {
                continue;
            }
            let (old, kept): (VecDeque<_>, _) = std::mem::take(&mut lot.ready)
                .into_iter()
                .partition(|batch| batch.accepted <= limit);
            lot.ready = kept;
            expired.extend(old);
        }
        expired
    }

    /// Halves a batch that is too large for the topic, and makes later ones smaller. Gives it back
    /// if it holds one record only, or cannot be read.
    pub(super) fn split(&mut self, batch: Batch) -> Result<Vec<Batch>, Batch> {
        let smaller = (batch.sealed.uncompressed_len / 2).max(MIN_BATCH_BYTES);
        self.max_batch = self.max_batch.min(smaller);
        self.batch_size = self.batch_size.min(self.max_batch);
        self.delivered_since_shrunk = 0;
        self.halve(batch)
    }

    /// Halves a batch. Gives it back if it holds one record only, or cannot be read.
    pub(super) fn halve(&mut self, batch: Batch) -> Result<Vec<Batch>, Batch> {
        let count = usize::try_from(batch.sealed.count).unwrap_or(0);
        if count < 2 {
            return Err(batch);
        }
        let places: Vec<usize> = (0..count)
            .map(|number| usize::from(number >= count / 2))
            .collect();
        self.books.cut(batch, &places)
    }

    /// Takes the records at `positions` out of a batch, or halves it if there are none. Gives it back if
    /// that would leave nothing of it, or if it cannot be read.
    pub(super) fn take_out(&mut self, batch: Batch, positions: &[i32]) -> Result<Parts, Batch> {
        const CULPRIT: usize = 0;
        const REST: usize = 1;
        let mut places = vec![REST; usize::try_from(batch.sealed.count).unwrap_or(0)];
        for position in positions {
            let position = usize::try_from(*position).unwrap_or(usize::MAX);
            if let Some(place) = places.get_mut(position) {
                *place = CULPRIT;
            }
        }
        if !places.contains(&CULPRIT) {
            // What is named is not there.
            let rest = self.halve(batch)?;
            return Ok(Parts {
                culprits: None,
                rest,
            });
        }
        if !places.contains(&REST) {
            return Err(batch);
        }
        let mut rest = self.books.cut(batch, &places)?;
        let culprits = Some(rest.swap_remove(CULPRIT));
        Ok(Parts { culprits, rest })
    }

    /// The batch is delivered.
    pub(super) fn delivered(&mut self, batch: &Batch) {
        if self.max_batch < self.limits.max_batch {
            self.delivered_since_shrunk += 1;
            if self.delivered_since_shrunk >= GROW_AFTER {
                self.delivered_since_shrunk = 0;
                self.max_batch = (self.max_batch * 2).min(self.limits.max_batch);
                self.batch_size = self.limits.batch_size.min(self.max_batch);
            }
        }
        self.done(batch);
    }

    /// The batch is delivered or given up.
    pub(super) fn done(&mut self, batch: &Batch) {
        self.books.done(batch);
    }

    /// Seals the open batches and marks the place that a flush waits for.
    pub(super) fn mark(&mut self) -> u64 {
        self.seal_where(|_| true);
        self.books.next_id()
    }

    /// Whether every batch sealed before `mark` is done.
    pub(super) fn is_done_up_to(&self, mark: u64) -> bool {
        self.books.oldest().is_none_or(|id| id >= mark)
    }

    /// Whether there is nothing open, waiting or on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.books.oldest().is_none() && !self.has_open()
    }

    /// Seals and takes everything that is in no partition's window.
    pub(super) fn take_all(&mut self) -> Vec<Batch> {
        self.seal_where(|_| true);
        let lots = self.bound.values_mut();
        lots.chain([&mut self.shared, &mut self.unbound])
            .flat_map(|lot| std::mem::take(&mut lot.ready))
            .collect()
    }
}
