//! The log of one partition: batches in order, bytes as they came.

use std::collections::VecDeque;

use bytes::Bytes;
use bytes::BytesMut;

use crate::batch;
use crate::batch::Header;
use crate::producers::Producers;
use crate::producers::Verdict;
use crate::record::Batch;

/// Batches of one partition.
#[derive(Debug, Default)]
pub(crate) struct Log {
    start: i64,
    end: i64,
    /// Sum of the sizes in `batches`.
    bytes: usize,
    batches: VecDeque<Stored>,
    producers: Producers,
}

#[derive(Debug)]
struct Stored {
    base: i64,
    header: Header,
    bytes: Bytes,
}

impl Stored {
    fn end(&self) -> i64 {
        self.base + i64::from(self.header.count)
    }
}

/// Where a batch went.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Placed {
    pub(crate) base_offset: i64,
    /// When the batch was first appended, only if this one was a duplicate.
    pub(crate) duplicate_of: Option<i64>,
}

impl Log {
    pub(crate) fn start(&self) -> i64 {
        self.start
    }

    pub(crate) fn end(&self) -> i64 {
        self.end
    }

    /// Appends a checked batch, or says with which code it is refused.
    pub(crate) fn append(
        &mut self,
        header: &Header,
        bytes: &[u8],
        leader_epoch: i32,
        now: i64,
    ) -> Result<Placed, i16> {
        match self.producers.judge(header) {
            Verdict::Refuse(code) => return Err(code),
            Verdict::Duplicate(old) => {
                return Ok(Placed {
                    base_offset: old.base_offset,
                    duplicate_of: Some(old.time),
                });
            }
            Verdict::Append => {}
        }
        let base = self.end;
        let stored = Stored {
            base,
            header: *header,
            bytes: batch::stamp(bytes, base, leader_epoch),
        };
        self.end = stored.end();
        self.bytes += stored.bytes.len();
        self.batches.push_back(stored);
        self.producers.remember(header, base, now);
        Ok(Placed {
            base_offset: base,
            duplicate_of: None,
        })
    }

    /// Drops the oldest batches until at most `limit` bytes are left; the newest always stays.
    pub(crate) fn retain(&mut self, limit: usize) {
        while self.bytes > limit && self.batches.len() > 1 {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(old) = self.batches.pop_front() {
            self.bytes -= old.bytes.len();
            self.start = self.start.max(old.end());
        }
    }

    /// Moves the start up to `offset`.
    pub(crate) fn delete_before(&mut self, offset: i64) {
        while self.batches.front().is_some_and(|b| b.end() <= offset) {
            self.drop_oldest();
        }
        self.start = self.start.max(offset);
    }

    /// Reads whole batches, beginning with the one that contains `offset`.
    ///
    /// Stops at `limit` bytes, but with `at_least_one` never before the first batch.
    pub(crate) fn read(&self, offset: i64, limit: usize, at_least_one: bool) -> Bytes {
        let first = self.batches.partition_point(|b| b.end() <= offset);
        let mut size = 0;
        let mut n = 0;
        for stored in self.batches.range(first..) {
            let fits = size + stored.bytes.len() <= limit;
            if !fits && (n > 0 || !at_least_one) {
                break;
            }
            size += stored.bytes.len();
            n += 1;
        }
        self.join(first, n, size)
    }

    fn join(&self, first: usize, n: usize, size: usize) -> Bytes {
        if n == 1 {
            return self
                .batches
                .get(first)
                .map_or_else(Bytes::new, |stored| stored.bytes.clone());
        }
        let mut out = BytesMut::with_capacity(size);
        for stored in self.batches.range(first..).take(n) {
            out.extend_from_slice(&stored.bytes);
        }
        out.freeze()
    }

    /// All batches, oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = Batch> {
        self.batches.iter().map(|stored| Batch {
            base_offset: stored.base,
            records: stored.header.count,
            codec: stored.header.codec,
            producer_id: stored.header.producer_id,
            producer_epoch: stored.header.producer_epoch,
            base_sequence: stored.header.base_sequence,
            base_timestamp: stored.header.base_timestamp,
            max_timestamp: stored.header.max_timestamp,
            bytes: stored.bytes.clone(),
        })
    }

    /// Forgets all producers.
    pub(crate) fn forget_producers(&mut self) {
        self.producers = Producers::default();
    }

    /// What a restart of its only broker does to the producers' state.
    pub(crate) fn restart(&mut self) {
        self.producers.restart();
    }
}
