//! What tests do to a broker: topics, leaders, faults.

use std::sync::Arc;

use super::TestBroker;
use crate::api::Api;
use crate::fault::Fault;
use crate::fault::RequestInfo;
use crate::log::Log;

/// Topics and leaders.
impl TestBroker {
    /// Makes a topic, its leaders spread over the nodes; `false` if the name is taken or invalid.
    pub fn create_topic(&self, name: &str, partitions: i32) -> bool {
        let mut state = self.cluster.state();
        self.cluster
            .create_topic(&mut state, name, partitions)
            .is_ok()
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

    /// Forgets all faults and hooks.
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
