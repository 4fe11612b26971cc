//! Gathers records into batches and keeps the sealed ones until they are sent. Pure: time is an argument.

use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::time::Duration;
use std::time::Instant;

use super::wire::BATCH_HEADER_BYTES;
use super::wire::BatchContents;
use super::wire::Compressor;
use super::wire::ProducerStamp;
use super::wire::RecordBatch;
use super::wire::SealedBatch;
use crate::config::CompressionSettings;
use crate::config::MAX_BATCH_BYTES;
use crate::queue::Frame;

/// Batches are not made smaller than this, however small a topic's limit is.
const MIN_BATCH_BYTES: usize = 16 * 1024;
/// A batch that cannot be sent is sealed when its records span this part of the delivery timeout,
/// so that none is given up much before its own time.
const SPAN_PARTS: u32 = 20;

/// A sealed batch on its way.
#[derive(Debug)]
pub(super) struct Batch {
    /// Shared by the parts of a batch that was split.
    id: u64,
    pub(super) sealed: SealedBatch,
    /// When the first of its records was accepted, or shortly before.
    pub(super) accepted: Instant,
    /// It was in a request.
    pub(super) sent: bool,
    /// A request with it ended without saying whether the records were appended.
    pub(super) possibly_persisted: bool,
    /// Answers with an error that is not known to pass.
    pub(super) doubtful: u32,
}

impl Batch {
    pub(super) fn count(&self) -> u64 {
        u64::from(self.sealed.count)
    }

    fn record_bytes(&self) -> usize {
        self.sealed.bytes.len().saturating_sub(BATCH_HEADER_BYTES)
    }
}

/// Records on their way from the queue to a request.
#[derive(Debug)]
pub(super) struct Accumulator {
    open: RecordBatch,
    /// When the first record of `open` was accepted.
    opened: Option<Instant>,
    compressor: Compressor,
    linger: Duration,
    batch_size: usize,
    /// Nothing lingers: there is no room for more.
    is_pressed: bool,
    /// What `open` may grow to while nothing can be sent.
    limit: usize,
    span: Duration,
    ready: VecDeque<Batch>,
    next_id: u64,
    /// Bytes of all sealed batches that are neither delivered nor given up.
    sealed_bytes: usize,
    /// How many parts of each batch are neither delivered nor given up.
    outstanding: BTreeMap<u64, u32>,
}

impl Accumulator {
    pub(super) fn new(
        compression: impl Into<CompressionSettings>,
        linger: Duration,
        batch_size: usize,
        delivery_timeout: Duration,
    ) -> Self {
        Self {
            open: RecordBatch::new(),
            opened: None,
            compressor: Compressor::new(compression),
            linger,
            batch_size,
            is_pressed: false,
            limit: MAX_BATCH_BYTES,
            span: (delivery_timeout / SPAN_PARTS).max(linger),
            ready: VecDeque::new(),
            next_id: 0,
            sealed_bytes: 0,
            outstanding: BTreeMap::new(),
        }
    }

    /// Adds a record, sealing the open batch first if it would grow too large.
    #[inline]
    pub(super) fn push(&mut self, frame: &Frame<'_>, accepted: Instant) {
        let size = RecordBatch::size_of(0, frame.value.len());
        if self.open.len() + size > self.limit {
            self.seal();
        }
        if self.open.is_empty() {
            self.opened = Some(accepted);
        }
        self.open.push(frame.millis(), None, frame.value);
    }

    /// Whether a batch has been begun.
    pub(super) fn has_open(&self) -> bool {
        self.opened.is_some()
    }

    /// Bytes of records held in any form: open, sealed, on their way. Without the batches' headers, so
    /// that records take less here than in the chunks that they came in.
    pub(super) fn held_bytes(&self) -> usize {
        self.open.len().saturating_sub(BATCH_HEADER_BYTES) + self.sealed_bytes
    }

    /// Says whether there is no room for more records, so that none may linger.
    pub(super) fn press(&mut self, is_pressed: bool) {
        self.is_pressed = is_pressed;
    }

    /// Whether the open batch has its size.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.open.len() >= self.batch_size && self.has_open()
    }

    /// Whether the open batch should leave as soon as it can.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.is_full()
            || (self.is_pressed && self.has_open())
            || self.due_at().is_some_and(|due| due <= now)
    }

    /// When the open batch has waited long enough for others.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.opened.map(|opened| opened + self.linger)
    }

    /// When the open batch is sealed even if it cannot be sent.
    pub(super) fn span_ends_at(&self) -> Option<Instant> {
        self.opened.map(|opened| opened + self.span)
    }

    /// Closes the open batch: compresses it once and puts it behind the other sealed ones.
    pub(super) fn seal(&mut self) {
        let Some(accepted) = self.opened.take() else {
            return;
        };
        let sealed = self.open.seal(&mut self.compressor, ProducerStamp::NONE);
        let id = self.next_id;
        self.next_id += 1;
        self.outstanding.insert(id, 1);
        self.sealed_bytes += sealed.bytes.len().saturating_sub(BATCH_HEADER_BYTES);
        self.ready.push_back(Batch {
            id,
            sealed,
            accepted,
            sent: false,
            possibly_persisted: false,
            doubtful: 0,
        });
    }

    /// The sealed batch that waits longest.
    pub(super) fn next_ready(&mut self) -> Option<Batch> {
        self.ready.pop_front()
    }

    pub(super) fn ready(&self) -> &VecDeque<Batch> {
        &self.ready
    }

    /// Puts a batch back in front: its partition is gone, another may take it.
    pub(super) fn put_back(&mut self, batch: Batch) {
        self.ready.push_front(batch);
    }

    /// Takes the sealed batches accepted at or before `limit`.
    pub(super) fn expired(&mut self, limit: Instant) -> Vec<Batch> {
        let (expired, kept) = std::mem::take(&mut self.ready)
            .into_iter()
            .partition(|batch| batch.accepted <= limit);
        self.ready = kept;
        Vec::from(expired)
    }

    /// Halves a batch that is too large for the topic, and makes later ones smaller. Gives it back
    /// if it holds one record only, or cannot be read.
    pub(super) fn split(&mut self, batch: Batch) -> Result<[Batch; 2], Batch> {
        let smaller = batch.sealed.uncompressed_len / 2;
        self.limit = self.limit.min(smaller.max(MIN_BATCH_BYTES));
        self.batch_size = self.batch_size.min(self.limit);
        let halves = match BatchContents::read(&batch.sealed.bytes) {
            Ok(contents) if contents.count() >= 2 => {
                let half = contents.count() / 2;
                let mut parts = RecordBatch::new();
                let mut seal_part = |from: usize, count: usize| {
                    for record in contents.records().skip(from).take(count) {
                        parts.push(record.timestamp_ms, record.key, record.value);
                    }
                    parts.seal(&mut self.compressor, ProducerStamp::NONE)
                };
                [seal_part(0, half), seal_part(half, contents.count() - half)]
            }
            _ => return Err(batch),
        };
        if let Some(parts) = self.outstanding.get_mut(&batch.id) {
            *parts += 1;
        }
        self.sealed_bytes -= batch.record_bytes();
        let halves = halves.map(|sealed| Batch {
            id: batch.id,
            sealed,
            accepted: batch.accepted,
            sent: batch.sent,
            possibly_persisted: batch.possibly_persisted,
            doubtful: batch.doubtful,
        });
        self.sealed_bytes += halves.iter().map(Batch::record_bytes).sum::<usize>();
        Ok(halves)
    }

    /// The batch is delivered or given up.
    pub(super) fn done(&mut self, batch: &Batch) {
        self.sealed_bytes -= batch.record_bytes();
        if let Some(parts) = self.outstanding.get_mut(&batch.id) {
            *parts -= 1;
            if *parts == 0 {
                self.outstanding.remove(&batch.id);
            }
        }
    }

    /// Seals the open batch and marks the place that a flush waits for.
    pub(super) fn mark(&mut self) -> u64 {
        self.seal();
        self.next_id
    }

    /// Whether every batch sealed before `mark` is done.
    pub(super) fn is_done_up_to(&self, mark: u64) -> bool {
        self.outstanding
            .first_key_value()
            .is_none_or(|(id, _)| *id >= mark)
    }

    /// Whether there is nothing open, waiting or on its way.
    pub(super) fn is_empty(&self) -> bool {
        self.opened.is_none() && self.outstanding.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Compression;
    use tracing::Level;

    fn accumulator(batch_size: usize) -> Accumulator {
        Accumulator::new(
            Compression::None,
            Duration::from_millis(100),
            batch_size,
            Duration::from_secs(120),
        )
    }

    fn push(accumulator: &mut Accumulator, value: &[u8], accepted: Instant) {
        let frame = Frame {
            nanos: 1,
            level: Level::INFO,
            sequence: 0,
            value,
        };
        accumulator.push(&frame, accepted);
    }

    #[test]
    fn a_batch_is_due_by_age_or_by_size() {
        let start = Instant::now();
        let mut accumulator = accumulator(1000);
        assert!(!accumulator.is_due(start));
        push(&mut accumulator, b"one", start);
        assert!(!accumulator.is_due(start + Duration::from_millis(99)));
        assert!(accumulator.is_due(start + Duration::from_millis(100)));
        push(&mut accumulator, &[b'x'; 1000], start);
        assert!(accumulator.is_due(start));
    }

    #[test]
    fn no_batch_exceeds_the_limit_and_order_is_kept() {
        let start = Instant::now();
        let mut accumulator = accumulator(1000);
        for number in 0..30_u8 {
            push(&mut accumulator, &vec![number; 100_000], start);
        }
        accumulator.seal();
        let mut seen = Vec::new();
        while let Some(batch) = accumulator.next_ready() {
            assert!(batch.sealed.bytes.len() <= MAX_BATCH_BYTES);
            let contents = BatchContents::read(&batch.sealed.bytes).unwrap();
            seen.extend(contents.records().map(|record| record.value[0]));
        }
        assert_eq!(seen, (0..30).collect::<Vec<u8>>());
    }

    #[test]
    fn a_flush_waits_for_every_part_of_what_was_sealed_before_it() {
        let start = Instant::now();
        let mut accumulator = accumulator(1000);
        for _ in 0..4 {
            push(&mut accumulator, b"record", start);
        }
        let mark = accumulator.mark();
        push(&mut accumulator, b"later", start);
        accumulator.seal();
        let batch = accumulator.next_ready().unwrap();
        let later = accumulator.next_ready().unwrap();
        let [one, two] = accumulator.split(batch).unwrap();
        assert_eq!((one.count(), two.count()), (2, 2));
        accumulator.done(&later);
        accumulator.done(&one);
        assert!(!accumulator.is_done_up_to(mark));
        accumulator.done(&two);
        assert!(accumulator.is_done_up_to(mark));
        assert!(accumulator.is_empty());
    }

    #[test]
    fn one_record_cannot_be_split() {
        let mut accumulator = accumulator(1000);
        push(&mut accumulator, b"alone", Instant::now());
        accumulator.seal();
        let batch = accumulator.next_ready().unwrap();
        assert!(accumulator.split(batch).is_err());
    }

    #[test]
    fn only_what_is_old_enough_expires() {
        let start = Instant::now();
        let mut accumulator = accumulator(1000);
        for second in 0..3 {
            push(&mut accumulator, b"r", start + Duration::from_secs(second));
            accumulator.seal();
        }
        assert_eq!(accumulator.expired(start + Duration::from_secs(1)).len(), 2);
        assert_eq!(accumulator.ready().len(), 1);
    }
}
