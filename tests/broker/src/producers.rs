//! Sequence checks of idempotent producers, per partition, as Apache Kafka 4.3 makes them.

use std::collections::HashMap;
use std::collections::VecDeque;

use crate::api::error;
use crate::batch::Header;

/// What one partition remembers of its producers.
#[derive(Debug, Default)]
pub(crate) struct Producers(HashMap<i64, Producer>);

#[derive(Debug)]
struct Producer {
    epoch: i16,
    /// The last batches, newest at the back; never empty.
    recent: VecDeque<Appended>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Appended {
    pub(crate) first: i32,
    pub(crate) last: i32,
    pub(crate) base_offset: i64,
    /// When it was appended, in milliseconds since the epoch.
    pub(crate) time: i64,
}

/// What to do with a batch.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Append,
    Duplicate(Appended),
    Refuse(i16),
}

impl Producers {
    /// Judges a batch before it is appended.
    ///
    /// Ids are not checked, and a producer without state may begin anywhere: so does Kafka.
    pub(crate) fn judge(&self, batch: &Header) -> Verdict {
        let Some(known) = self.0.get(&batch.producer_id) else {
            return Verdict::Append;
        };
        if batch.producer_epoch < known.epoch {
            return Verdict::Refuse(error::INVALID_PRODUCER_EPOCH);
        }
        if batch.producer_epoch > known.epoch {
            return match batch.base_sequence {
                0 => Verdict::Append,
                _ => Verdict::Refuse(error::OUT_OF_ORDER_SEQUENCE),
            };
        }
        let (first, last) = sequences(batch);
        let same = |old: &&Appended| old.first == first && old.last == last;
        if let Some(old) = known.recent.iter().find(same) {
            return Verdict::Duplicate(*old);
        }
        match known.recent.back() {
            Some(newest) if next(newest.last, 1) != first => {
                Verdict::Refuse(error::OUT_OF_ORDER_SEQUENCE)
            }
            _ => Verdict::Append,
        }
    }

    /// Remembers an appended batch.
    pub(crate) fn remember(&mut self, batch: &Header, base_offset: i64, time: i64) {
        if batch.producer_id < 0 {
            return;
        }
        let (first, last) = sequences(batch);
        let producer = self.0.entry(batch.producer_id).or_insert(Producer {
            epoch: batch.producer_epoch,
            recent: VecDeque::new(),
        });
        if producer.epoch != batch.producer_epoch {
            producer.epoch = batch.producer_epoch;
            producer.recent.clear();
        }
        if producer.recent.len() == REMEMBERED {
            producer.recent.pop_front();
        }
        producer.recent.push_back(Appended {
            first,
            last,
            base_offset,
            time,
        });
    }

    /// Forgets all but the last batch of each producer, as a broker does that restarts.
    pub(crate) fn restart(&mut self) {
        for producer in self.0.values_mut() {
            let old = producer.recent.len().saturating_sub(1);
            producer.recent.drain(..old);
        }
    }
}

fn sequences(batch: &Header) -> (i32, i32) {
    (
        batch.base_sequence,
        next(batch.base_sequence, batch.count - 1),
    )
}

/// Sequences wrap from 2³¹−1 to 0.
fn next(sequence: i32, by: i32) -> i32 {
    sequence.wrapping_add(by) & i32::MAX
}

const REMEMBERED: usize = 5;
