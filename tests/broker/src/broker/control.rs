//! What tests do to a broker: topics, leaders, faults.

use std::sync::Arc;

use super::TestBroker;
use crate::api::Api;
use crate::fault::Fault;
use crate::fault::Refusal;
use crate::fault::RequestInfo;
use crate::log::Log;
use crate::record::Record;

/// Topics and leaders.
impl TestBroker {
    /// Makes a topic, its leaders spread over the nodes; `false` if the name is taken or invalid.
    pub fn create_topic(&self, name: &str, partitions: i32) -> bool {
        let mut state = self.cluster.state();
        self.cluster
            .create_topic(&mut state, name, partitions)
            .is_ok()
    }

    /// Adds partitions to a topic until it has this many; `false` if it has them, or does not exist.
    ///
    /// Existing ones keep their records and leaders.
    pub fn add_partitions(&self, name: &str, partitions: i32) -> bool {
        self.cluster.grow_topic(name, partitions)
    }

    /// Sets the largest batch, in bytes with its header, from now on and for all topics.
    pub fn set_max_message_bytes(&self, bytes: usize) {
        self.cluster.state().max_message_bytes = bytes;
    }

    /// Tells clients another address of a node than the one it listens at, or the right one again
    /// (`None`). [`bootstrap`](Self::bootstrap) and [`address`](Self::address) stay.
    pub fn advertise(&self, node: i32, address: Option<(&str, u16)>) {
        let mut state = self.cluster.state();
        let index = usize::try_from(node).unwrap_or(usize::MAX);
        if let Some(node) = state.nodes.get_mut(index) {
            node.advertised = address.map(|(host, port)| (host.to_owned(), port));
        }
    }

    /// Deletes a topic with its records; `false` if there is none of that name.
    pub fn delete_topic(&self, name: &str) -> bool {
        let deleted = self.cluster.state().topics.remove(name).is_some();
        self.cluster.appended.notify_waiters();
        deleted
    }

    /// Returns names and partition counts of all topics.
    pub fn topics(&self) -> Vec<(String, i32)> {
        let state = self.cluster.state();
        let sized = state.topics.iter().map(|(name, topic)| {
            let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            (name.clone(), partitions)
        });
        sized.collect()
    }

    /// Makes `leader` lead a partition, or nobody; `false` if there is no such partition.
    ///
    /// The leader epoch goes up. The log stays: all nodes share it.
    pub fn set_leader(&self, topic: &str, partition: i32, leader: Option<i32>) -> bool {
        let mut state = self.cluster.state();
        let found = state.partition_mut(topic, partition);
        let known = found.map(|partition| partition.lead(leader)).is_some();
        drop(state);
        self.cluster.appended.notify_waiters();
        known
    }

    /// Returns the leader of a partition, if it has one.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        let state = self.cluster.state();
        state.partition(topic, partition)?.leader
    }

    /// Empties all logs and forgets all producers; topics stay, their offsets begin at 0 again.
    pub fn wipe(&self) {
        for partition in self.cluster.state().partitions_mut() {
            partition.log = Log::default();
        }
    }

    /// Forgets what is known of idempotent producers but keeps the records, as happens when
    /// producer ids expire.
    pub fn forget_producers(&self) {
        for partition in self.cluster.state().partitions_mut() {
            partition.log.forget_producers();
        }
    }
}

/// Faults.
impl TestBroker {
    /// Queues a fault for the next request of this kind that has no other.
    pub fn fault(&self, api: Api, fault: Fault) {
        self.cluster.plan().push(api, fault);
    }

    /// Queues a fault `times` times.
    pub fn fault_times(&self, api: Api, fault: &Fault, times: usize) {
        let mut plan = self.cluster.plan();
        for _ in 0..times {
            plan.push(api, fault.clone());
        }
    }

    /// Sets the fault of all requests of this kind for which none is queued.
    pub fn fault_always(&self, api: Api, fault: Fault) {
        self.cluster.plan().always(api, fault);
    }

    /// Returns how many queued faults are still to come.
    pub fn pending_faults(&self, api: Api) -> usize {
        self.cluster.plan().pending(api)
    }

    /// Refuses batches with records for which `matches` holds, with this error code; `names` says
    /// whether the answer tells which they are, as it can from Produce 8 on.
    ///
    /// It runs on the broker's thread, so it must not block.
    pub fn refuse_records(
        &self,
        code: i16,
        names: bool,
        matches: impl Fn(&Record) -> bool + Send + Sync + 'static,
    ) {
        let matches = Arc::new(matches);
        self.cluster.plan().refuse(Refusal {
            code,
            names,
            matches,
        });
    }

    /// Forgets all faults, hooks and refusals.
    pub fn clear_faults(&self) {
        self.cluster.plan().clear();
    }

    /// Asks `hook` for a fault on each request of this kind, before the queue is looked at.
    ///
    /// It runs on the broker's thread, so it must not block.
    pub fn on(
        &self,
        api: Api,
        hook: impl Fn(&RequestInfo) -> Option<Fault> + Send + Sync + 'static,
    ) {
        self.cluster.plan().hook(api, Arc::new(hook));
    }
}
