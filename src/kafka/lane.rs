//! One partition: the batches that were sent there, in order, and the sequences that they carry. Pure: time is an argument.
//!
//! The broker takes the batches of a producer only in the order of their sequences, and recognises
//! the last ones when they come again. So a batch whose outcome is unknown is sent again as it is,
//! and the answer tells. DESIGN.md §6 has the cases.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use super::accumulator::Batch;
use super::accumulator::Past;
use super::retry::Backoff;
use super::wire::Connection;
use super::wire::ProducerIdentity;
use super::wire::ProducerStamp;

#[cfg(test)]
mod tests;

/// What can be sent to a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Nothing now.
    Nothing,
    /// Nothing before there is a producer id.
    Identity,
    /// The batch of the window at this place, again.
    Again(usize),
    /// A batch that was in no request yet.
    Fresh,
}

/// One partition of the topic.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) leader: Option<i32>,
    /// Nothing is sent before this.
    pub(super) wait_until: Instant,
    pub(super) backoff: Backoff,
    /// Bytes that were sent here so far, to spread records evenly.
    pub(super) bytes_sent: u64,
    /// Sent, and neither delivered nor given up; the oldest in front.
    window: VecDeque<Batch>,
    /// An attempt failed: one batch at a time, until the window is empty.
    is_recovering: bool,
    /// None without idempotence.
    sequences: Option<Sequences>,
    /// What the batches in requests were sent on: one after the other only if on the same.
    via: Option<Connection>,
    /// Records sent again although an earlier attempt may have succeeded.
    possible_duplicates: u64,
}

/// What the partition's broker expects of us.
#[derive(Debug, Default)]
struct Sequences {
    identity: Option<ProducerIdentity>,
    /// What follows the last delivered batch.
    next: i32,
    /// The broker has appended something under this identity: until then it takes any sequence for
    /// the first, and must not be given two.
    is_established: bool,
    /// Nobody knows what sequence the broker expects: begin anew before anything is sent.
    is_broken: bool,
    /// The offset behind the last delivered batch.
    end: Option<i64>,
    /// The topic stamps records with the time of the append, so that time does not tell of
    /// duplicates.
    stamps_time: bool,
}

/// What the broker says of a batch that it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Appended {
    /// Below zero if it does not say.
    pub(super) base_offset: i64,
    /// Below zero unless the topic stamps records, or the broker had the batch already.
    pub(super) append_time_ms: i64,
    /// It says that it had the batch already.
    pub(super) is_duplicate: bool,
}

/// A batch that is done, and whether the broker had it already.
#[derive(Debug)]
pub(super) struct Delivered {
    pub(super) batch: Batch,
    pub(super) was_recognised: bool,
}

impl Lane {
    pub(super) fn new(is_idempotent: bool, backoff: Backoff, now: Instant) -> Self {
        Self {
            leader: None,
            wait_until: now,
            backoff,
            bytes_sent: 0,
            window: VecDeque::new(),
            is_recovering: false,
            sequences: is_idempotent.then(Sequences::default),
            via: None,
            possible_duplicates: 0,
        }
    }

    /// What can be sent on `connection`, where up to `max_in_flight` batches may be on their way.
    pub(super) fn turn(&self, max_in_flight: usize, connection: Option<&Connection>) -> Turn {
        let is_out = self.is_out();
        if let Some(sequences) = &self.sequences
            && sequences.identity.is_none()
        {
            return if is_out {
                Turn::Nothing
            } else {
                Turn::Identity
            };
        }
        if self.is_recovering {
            return if is_out {
                Turn::Nothing
            } else {
                Turn::Again(self.probe())
            };
        }
        let is_ordered = match (&self.via, connection) {
            (Some(via), Some(connection)) => via.is_same(connection),
            _ => true,
        };
        if self.window.len() < self.most(max_in_flight) && (is_ordered || !is_out) {
            Turn::Fresh
        } else {
            Turn::Nothing
        }
    }

    fn most(&self, max_in_flight: usize) -> usize {
        match &self.sequences {
            Some(sequences) if !sequences.is_established => 1,
            _ => max_in_flight,
        }
    }

    /// Whether a request with a batch of this partition is under way.
    pub(super) fn is_out(&self) -> bool {
        self.window.iter().any(|batch| batch.attempt.is_some())
    }

    /// Which batch is sent next while recovering: the last one whose outcome is unknown. If the
    /// broker has it, it has all before it.
    fn probe(&self) -> usize {
        self.window
            .iter()
            .rposition(Batch::is_unresolved)
            .unwrap_or(0)
    }

    /// Whether a producer id is missing.
    pub(super) fn wants_identity(&self) -> bool {
        self.sequences
            .as_ref()
            .is_some_and(|sequences| sequences.identity.is_none())
    }

    /// Takes a producer id, for sequences from 0.
    pub(super) fn identify(&mut self, identity: ProducerIdentity) {
        if let Some(sequences) = &mut self.sequences {
            *sequences = Sequences {
                identity: Some(identity),
                end: sequences.end,
                stamps_time: sequences.stamps_time,
                ..Sequences::default()
            };
        }
    }

    /// Goes on without idempotence. What may have arrived is counted when it is sent again.
    pub(super) fn give_up_identity(&mut self) {
        if self.sequences.take().is_none() {
            return;
        }
        for batch in &mut self.window {
            if batch.is_unresolved() {
                batch.lose();
            }
        }
    }

    /// Puts a batch behind the others. Answers its place.
    pub(super) fn admit(&mut self, mut batch: Batch) -> usize {
        batch.sent = true;
        self.bytes_sent += batch.record_bytes() as u64;
        self.window.push_back(batch);
        self.window.len() - 1
    }

    /// The batch at `place` goes into the request `attempt` on `connection`. Answers its bytes and
    /// since when it waits.
    pub(super) fn launch(
        &mut self,
        place: usize,
        attempt: u64,
        connection: Option<&Connection>,
    ) -> Option<(Arc<[u8]>, Instant)> {
        self.number();
        if self.wants_identity() {
            self.is_recovering = true;
            return None;
        }
        let is_idempotent = self.sequences.is_some();
        let batch = self.window.get_mut(place)?;
        if batch.past == Past::Unknown && !is_idempotent {
            self.possible_duplicates += batch.count();
        }
        batch.attempt = Some(attempt);
        batch.attempts = batch.attempts.saturating_add(1);
        self.via = connection.cloned();
        Some((Arc::clone(&batch.sealed.bytes), batch.accepted))
    }

    /// Gives the batches of the window their sequences, unless what they have may still tell
    /// something.
    fn number(&mut self) {
        let Some(sequences) = &mut self.sequences else {
            for batch in &mut self.window {
                batch.restamp(ProducerStamp::NONE);
            }
            return;
        };
        let may_change = |batch: &Batch| !batch.is_unresolved() && batch.attempt.is_none();
        if sequences.is_broken && self.window.iter().all(may_change) {
            sequences.begin_anew();
        }
        let Some(identity) = sequences.identity else {
            return;
        };
        if self.window.iter().any(Batch::is_unresolved) {
            return;
        }
        let mut sequence = sequences.next;
        for batch in &mut self.window {
            if batch.attempt.is_none() {
                batch.restamp(ProducerStamp {
                    id: identity.id,
                    epoch: identity.epoch,
                    sequence,
                });
            }
            sequence = after(sequence, batch.sealed.count);
        }
    }

    fn place_of(&self, attempt: u64) -> Option<usize> {
        self.window
            .iter()
            .position(|batch| batch.attempt == Some(attempt))
    }

    /// The batch that was in the request `attempt`, if it is still here.
    pub(super) fn batch_of(&mut self, attempt: u64) -> Option<&mut Batch> {
        let place = self.place_of(attempt)?;
        self.window.get_mut(place)
    }

    /// The broker has the batch of `attempt`. Answers all batches that are known to be in the log by
    /// that, the oldest first.
    pub(super) fn appended(&mut self, attempt: u64, at: Appended) -> Vec<Delivered> {
        let Some(place) = self.place_of(attempt) else {
            return Vec::new();
        };
        let Some(sequences) = &mut self.sequences else {
            return self.deliver(place, place, None);
        };
        let Some(batch) = self.window.get(place) else {
            return Vec::new();
        };
        if batch.attempts == 1 {
            sequences.stamps_time = at.append_time_ms >= 0;
        }
        let was_recognised = at.is_duplicate
            || (batch.attempts > 1 && at.append_time_ms >= 0 && !sequences.stamps_time);
        let recognised = was_recognised.then_some(attempt);
        // All before it are in the log too, since sequences have no gaps. Unless the broker has
        // forgotten us, because the topic is a new one say, and took this one for the first: then
        // there is no room for the others between what was delivered before and this one.
        let before = self.window.range(..place);
        let refused = |batch: &Batch| !batch.is_unresolved() && batch.attempt.is_none();
        let count: u64 = before.clone().map(Batch::count).sum();
        let has_room = sequences.has_room(at.base_offset, count);
        let has_all = has_room && !before.clone().any(refused);
        sequences.reached(batch, at.base_offset);
        if has_all {
            return self.deliver(0, place, recognised);
        }
        self.write_off_unresolved(place);
        self.deliver(place, place, recognised)
    }

    fn deliver(&mut self, from: usize, to: usize, recognised: Option<u64>) -> Vec<Delivered> {
        let delivered = self
            .window
            .drain(from..=to)
            .map(|batch| Delivered {
                was_recognised: recognised.is_some() && batch.attempt == recognised,
                batch,
            })
            .collect();
        self.settle();
        delivered
    }

    /// Nothing to recover from in an empty window, and nothing to keep in order without requests.
    fn settle(&mut self) {
        if self.window.is_empty() {
            self.is_recovering = false;
        }
        if !self.is_out() {
            self.via = None;
        }
    }

    /// What there is to say of a batch that may be in the log.
    fn unknown(&self) -> Past {
        match self.sequences {
            Some(_) => Past::Unresolved,
            None => Past::Unknown,
        }
    }

    /// The attempt failed. `is_unknown` says that the batch may be in the log all the same.
    pub(super) fn failed(&mut self, attempt: u64, is_unknown: bool) {
        let unknown = self.unknown();
        let Some(place) = self.place_of(attempt) else {
            return;
        };
        if let Some(batch) = self.window.get_mut(place) {
            batch.attempt = None;
            if is_unknown {
                batch.past = unknown;
            }
        }
        self.is_recovering = true;
        self.settle();
    }

    /// The broker expected another sequence (`OUT_OF_ORDER_SEQUENCE_NUMBER`): the batch is not in the
    /// log. Answers whether that was the question.
    pub(super) fn out_of_order(&mut self, attempt: u64) -> bool {
        let mut was_unresolved = false;
        if let (Some(place), Some(sequences)) = (self.place_of(attempt), &mut self.sequences)
            && let Some(batch) = self.window.get_mut(place)
        {
            was_unresolved = batch.is_unresolved();
            if was_unresolved {
                batch.is_not_there();
            }
            // With nothing before it, it is the broker who misses something.
            sequences.is_broken |= place == 0;
        }
        self.failed(attempt, false);
        was_unresolved
    }

    /// The broker has forgotten the producer (`UNKNOWN_PRODUCER_ID`).
    pub(super) fn forgotten(&mut self, attempt: u64) {
        if let Some(sequences) = &mut self.sequences {
            sequences.is_broken = true;
        }
        self.write_off_unresolved(self.window.len());
        self.failed(attempt, false);
    }

    /// Another producer took the id (`INVALID_PRODUCER_EPOCH` and the like). Answers the id that is
    /// of no use any longer.
    pub(super) fn fenced(&mut self, attempt: u64) -> Option<ProducerIdentity> {
        self.forgotten(attempt);
        self.sequences.as_mut()?.identity.take()
    }

    /// The outcome of the batches before `place` will never be known: they are sent again, and counted.
    fn write_off_unresolved(&mut self, place: usize) {
        for batch in self.window.iter_mut().take(place) {
            if batch.is_unresolved() {
                batch.lose();
                self.possible_duplicates += batch.count();
            }
        }
    }

    /// Takes the batch of `attempt` out, and answers its place. `is_unknown` says that it may be in the
    /// log all the same.
    pub(super) fn take(&mut self, attempt: u64, is_unknown: bool) -> Option<(usize, Batch)> {
        let place = self.place_of(attempt)?;
        let mut batch = self.window.remove(place)?;
        batch.attempt = None;
        if is_unknown {
            batch.past = self.unknown();
        }
        self.missing(&batch, place);
        Some((place, batch))
    }

    /// Nobody will ask about `batch` any longer, which had so many before it.
    fn missing(&mut self, batch: &Batch, before: usize) {
        if batch.is_unresolved() {
            if let Some(sequences) = &mut self.sequences {
                sequences.is_broken = true;
            }
            // That the broker does not recognise one of those may mean that it knows this one only.
            for earlier in self.window.iter_mut().take(before) {
                if earlier.is_unresolved() || earlier.attempt.is_some() {
                    earlier.lose();
                    self.possible_duplicates += earlier.count();
                }
            }
        }
        self.is_recovering = true;
        self.settle();
    }

    /// Puts the parts of a batch, cut up, where it was.
    pub(super) fn put(&mut self, place: usize, parts: Vec<Batch>) {
        for mut part in parts.into_iter().rev() {
            // They have other sequences than the whole had, so nothing tells whether it arrived.
            if part.is_unresolved() {
                part.lose();
                self.possible_duplicates += part.count();
            }
            self.window.insert(place.min(self.window.len()), part);
        }
        self.is_recovering = !self.window.is_empty();
    }

    /// Takes out what was accepted at or before `limit` and is in no request.
    pub(super) fn expired(&mut self, limit: Instant) -> Vec<Batch> {
        let is_old = |batch: &Batch| batch.attempt.is_none() && batch.accepted <= limit;
        if !self.window.iter().any(is_old) {
            return Vec::new();
        }
        let mut old = Vec::new();
        for batch in std::mem::take(&mut self.window) {
            if is_old(&batch) {
                self.missing(&batch, self.window.len());
                old.push(batch);
            } else {
                self.window.push_back(batch);
            }
        }
        self.is_recovering = true;
        self.settle();
        old
    }

    /// When the next batch that is in no request gets older than `time`.
    pub(super) fn next_expiry(&self, time: Duration) -> Option<Instant> {
        let waiting = self.window.iter().filter(|batch| batch.attempt.is_none());
        waiting.map(|batch| batch.accepted + time).min()
    }

    /// Takes out everything: the partition is gone. What may have arrived is counted, since nothing
    /// will tell; should the partition come back, sequences begin anew.
    pub(super) fn vacate(&mut self) -> Vec<Batch> {
        self.write_off_unresolved(self.window.len());
        if let Some(sequences) = &mut self.sequences {
            sequences.is_broken = true;
        }
        self.clear()
    }

    /// Takes out everything; what is in a request may arrive.
    pub(super) fn clear(&mut self) -> Vec<Batch> {
        let mut all = Vec::from(std::mem::take(&mut self.window));
        for batch in &mut all {
            if batch.attempt.take().is_some() {
                batch.lose();
            }
        }
        self.settle();
        all
    }

    /// How many records were sent again since the last call although they may have arrived.
    pub(super) fn take_possible_duplicates(&mut self) -> u64 {
        std::mem::take(&mut self.possible_duplicates)
    }

    /// Bytes that are on their way.
    pub(super) fn bytes_in_flight(&self) -> usize {
        self.window.iter().map(Batch::record_bytes).sum()
    }
}

impl Sequences {
    /// Whether `count` records may lie between what was delivered last and `offset`.
    fn has_room(&self, offset: i64, count: u64) -> bool {
        match (self.end, i64::try_from(count)) {
            // An offset below zero tells nothing.
            (Some(end), Ok(count)) if offset >= 0 => offset >= end.saturating_add(count),
            _ => true,
        }
    }

    /// `batch` was appended at `offset`.
    fn reached(&mut self, batch: &Batch, offset: i64) {
        let (Some(stamp), Some(identity)) = (batch.stamp, self.identity) else {
            return;
        };
        let is_current = (stamp.id, stamp.epoch) == (identity.id, identity.epoch);
        // A sequence that was passed must not be given to other records: the broker would take them
        // for those that it has.
        if is_current && is_at_or_after(stamp.sequence, self.next) {
            self.is_established = true;
            self.next = after(stamp.sequence, batch.sealed.count);
            if offset >= 0 {
                self.end = Some(offset.saturating_add(i64::from(batch.sealed.count)));
            }
        }
    }

    /// Another epoch, which the producer may choose by itself, begins at 0 in the eyes of the broker.
    fn begin_anew(&mut self) {
        self.identity = self.identity.and_then(|identity| {
            let epoch = identity.epoch.checked_add(1)?;
            Some(ProducerIdentity { epoch, ..identity })
        });
        *self = Self {
            identity: self.identity,
            end: self.end,
            stamps_time: self.stamps_time,
            ..Self::default()
        };
    }
}

/// Whether `sequence` does not lie behind `other`; there is no first one, so what is less than half
/// the way round ahead counts.
fn is_at_or_after(sequence: i32, other: i32) -> bool {
    sequence.wrapping_sub(other) & i32::MAX < i32::MAX / 2
}

/// The sequence after `count` records from `sequence` on; after 2³¹−1 comes 0.
fn after(sequence: i32, count: u32) -> i32 {
    // Both are below 2³¹, so the bit above tells of the wrap and is dropped.
    sequence.wrapping_add_unsigned(count) & i32::MAX
}
