//! What tests see of a broker: what clients did, and what is stored.

use std::io;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;

use super::POLL;
use super::TestBroker;
use crate::api::Api;
use crate::codec;
use crate::record::Batch;
use crate::record::Record;

/// What clients did and what is stored.
impl TestBroker {
    /// Returns how many requests of this kind arrived.
    pub fn requests(&self, api: Api) -> u64 {
        self.cluster.stats().requests(api)
    }

    /// Returns which versions of this kind of request arrived, in order.
    pub fn versions(&self, api: Api) -> Vec<i16> {
        self.cluster.stats().versions(api)
    }

    /// Returns how many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.cluster.stats().accepted
    }

    /// Returns how many connections are open.
    pub fn open_connections(&self) -> u64 {
        self.cluster.stats().open
    }

    /// Returns the client ids seen, in order.
    pub fn client_ids(&self) -> Vec<String> {
        self.cluster.stats().client_ids()
    }

    /// Returns the offset of the next record of a partition; 0 if it is not there.
    pub fn end_offset(&self, topic: &str, partition: i32) -> i64 {
        let state = self.cluster.state();
        let found = state.partition(topic, partition);
        found.map_or(0, |partition| partition.log.end())
    }

    /// Returns how many records the partitions of a topic have ever held.
    pub fn count(&self, topic: &str) -> i64 {
        let state = self.cluster.state();
        let partitions = state.topics.get(topic).map(|topic| topic.partitions.iter());
        let ends = partitions.into_iter().flatten().map(|p| p.log.end());
        ends.sum()
    }

    /// Returns the batches of a partition, oldest first.
    pub fn batches(&self, topic: &str, partition: i32) -> Vec<Batch> {
        let state = self.cluster.state();
        let found = state.partition(topic, partition);
        found.map_or_else(Vec::new, |partition| partition.log.batches().collect())
    }

    /// Returns the records of a partition, decoded by `kafka-protocol`.
    ///
    /// # Errors
    ///
    /// If a batch cannot be decoded: its header was right, so the client wrote bad records.
    pub fn try_records(&self, topic: &str, partition: i32) -> io::Result<Vec<Record>> {
        let (start, bytes) = {
            let state = self.cluster.state();
            let found = state.partition(topic, partition);
            found.map_or((0, Bytes::new()), |partition| {
                let log = &partition.log;
                (log.start(), log.read(log.start(), usize::MAX, true))
            })
        };
        let mut records = codec::decode(partition, bytes)?;
        records.retain(|record| record.offset >= start);
        Ok(records)
    }

    /// As [`try_records`](Self::try_records), for tests.
    ///
    /// # Panics
    ///
    /// If a batch cannot be decoded.
    #[track_caller]
    #[expect(clippy::panic, reason = "a test is to fail here, not somewhere else")]
    pub fn records(&self, topic: &str, partition: i32) -> Vec<Record> {
        match self.try_records(topic, partition) {
            Ok(records) => records,
            Err(error) => panic!("{topic}-{partition} holds records that are not valid: {error}"),
        }
    }

    /// Returns the records of all partitions of a topic, by partition and offset.
    ///
    /// # Panics
    ///
    /// If a batch cannot be decoded.
    #[track_caller]
    pub fn all_records(&self, topic: &str) -> Vec<Record> {
        let topics = self.topics();
        let size = topics.iter().find(|(name, _)| name == topic);
        let mut all = Vec::new();
        for partition in 0..size.map_or(0, |(_, partitions)| *partitions) {
            all.extend(self.records(topic, partition));
        }
        all
    }

    /// Blocks until `condition` holds, at most `timeout`; returns whether it did.
    ///
    /// It is asked again whenever something happened: a connection, a request, an append.
    pub fn wait_until(&self, timeout: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            let seen = self.cluster.changes();
            if condition(self) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // The condition may also look at things that the broker knows nothing of.
            self.cluster.wait_change(seen, left.min(POLL));
        }
    }
}
