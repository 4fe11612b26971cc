//! The state that all nodes share: topics, leaders, logs, groups, the plan, the counters.

use std::collections::BTreeMap;
use std::collections::HashMap;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use kafka_protocol::protocol::StrBytes;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::api::Api;
use crate::api::error;
use crate::codec;
use crate::fault::Fault;
use crate::fault::Plan;
use crate::fault::RequestInfo;
use crate::log::Log;
use crate::stats::Stats;

/// Settings that do not change after the start.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each named by its setter"
)]
pub(crate) struct Config {
    pub(crate) nodes: usize,
    pub(crate) partitions: i32,
    pub(crate) auto_create: bool,
    pub(crate) max_message_bytes: usize,
    pub(crate) max_request_bytes: usize,
    pub(crate) retention_bytes: usize,
    pub(crate) quickack: bool,
    pub(crate) failover: bool,
    pub(crate) loading_first: bool,
    pub(crate) max_ahead: Duration,
    /// The newest version that is understood, where that is not all that are known.
    pub(crate) newest: Vec<(Api, Option<i16>)>,
}

impl Config {
    /// The lowest and the highest version of a kind of request that is understood.
    pub(crate) fn versions(&self, api: Api) -> Option<(i16, i16)> {
        let (min, max) = api.versions()?;
        match self.newest.iter().rev().find(|(of, _)| *of == api) {
            None => Some((min, max)),
            Some((_, newest)) => newest.map(|newest| (min, max.min(newest))),
        }
    }
}

/// Everything behind the listeners.
#[derive(Debug)]
pub(crate) struct Cluster {
    pub(crate) config: Config,
    state: Mutex<State>,
    plan: Mutex<Plan>,
    stats: Mutex<Stats>,
    /// Wakes fetches that wait for data.
    pub(crate) appended: Notify,
    /// Counts what happened, for threads that wait in `wait_until`.
    changes: Mutex<u64>,
    changed: Condvar,
}

/// What the mutex guards.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) nodes: Vec<Node>,
    pub(crate) topics: BTreeMap<String, Topic>,
    pub(crate) groups: HashMap<String, Group>,
    /// The largest batch.
    pub(crate) max_message_bytes: usize,
    next_topic: u128,
    next_producer: i64,
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) port: u16,
    /// What clients are told instead of the real address.
    pub(crate) advertised: Option<(String, u16)>,
    pub(crate) up: bool,
    /// No producer id given out since the start.
    pub(crate) fresh: bool,
}

#[derive(Debug)]
pub(crate) struct Topic {
    pub(crate) id: Uuid,
    pub(crate) partitions: Vec<Partition>,
}

#[derive(Debug)]
pub(crate) struct Partition {
    pub(crate) leader: Option<i32>,
    pub(crate) leader_epoch: i32,
    pub(crate) log: Log,
}

/// A consumer group with at most one member.
#[derive(Debug, Default)]
pub(crate) struct Group {
    pub(crate) generation: i32,
    pub(crate) member: Option<String>,
    pub(crate) assignment: Bytes,
    pub(crate) offsets: BTreeMap<(String, i32), i64>,
}

impl Cluster {
    pub(crate) fn new(config: Config, ports: &[u16]) -> Self {
        let node = |port: &u16| Node {
            port: *port,
            advertised: None,
            up: true,
            fresh: true,
        };
        let state = State {
            nodes: ports.iter().map(node).collect(),
            max_message_bytes: config.max_message_bytes,
            ..State::default()
        };
        Self {
            config,
            state: Mutex::new(state),
            plan: Mutex::default(),
            stats: Mutex::default(),
            appended: Notify::new(),
            changes: Mutex::default(),
            changed: Condvar::new(),
        }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    pub(crate) fn plan(&self) -> MutexGuard<'_, Plan> {
        lock(&self.plan)
    }

    pub(crate) fn stats(&self) -> MutexGuard<'_, Stats> {
        lock(&self.stats)
    }

    /// Decides what goes wrong with a request. Hooks run without any lock held.
    pub(crate) fn next_fault(&self, info: &RequestInfo) -> Option<Fault> {
        let hooks = self.plan().hooks(info.api);
        let hooked = hooks.iter().find_map(|hook| hook(info));
        hooked.or_else(|| self.plan().take(info.api))
    }

    /// Which of these records are refused, and how: the code, whether they are named, their positions.
    pub(crate) fn refused_records(&self, bytes: &Bytes) -> Option<(i16, bool, Vec<i32>)> {
        let refusals = self.plan().refusals();
        if refusals.is_empty() {
            return None;
        }
        // What cannot be decoded is for whoever reads it back to find.
        let records = codec::decode(0, bytes.clone()).unwrap_or_default();
        refusals.into_iter().find_map(|refusal| {
            let positions = (0..).zip(&records).filter(|(_, r)| (refusal.matches)(r));
            let positions: Vec<i32> = positions.map(|(position, _)| position).collect();
            let found = (refusal.code, refusal.names, positions);
            (!found.2.is_empty()).then_some(found)
        })
    }

    pub(crate) fn has_hooks(&self, api: Api) -> bool {
        !self.plan().hooks(api).is_empty()
    }

    /// Wakes everybody who waits for something to happen.
    pub(crate) fn notify(&self) {
        *lock(&self.changes) += 1;
        self.changed.notify_all();
        self.appended.notify_waiters();
    }

    pub(crate) fn changes(&self) -> u64 {
        *lock(&self.changes)
    }

    /// Blocks until there was a change after `seen`, or for `time`.
    pub(crate) fn wait_change(&self, seen: u64, time: Duration) {
        let guard = lock(&self.changes);
        let waited = self
            .changed
            .wait_timeout_while(guard, time, |changes| *changes == seen);
        drop(waited);
    }

    /// Makes a topic if the name is valid and free.
    pub(crate) fn create_topic(
        &self,
        state: &mut State,
        name: &str,
        partitions: i32,
    ) -> Result<(), i16> {
        let valid = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        if name.is_empty()
            || name.len() > 249
            || matches!(name, "." | "..")
            || !name.chars().all(valid)
        {
            return Err(error::INVALID_TOPIC);
        }
        if state.topics.contains_key(name) {
            return Err(error::TOPIC_ALREADY_EXISTS);
        }
        if !(1..=MAX_PARTITIONS).contains(&partitions) {
            return Err(error::INVALID_PARTITIONS);
        }
        state.next_topic += 1;
        let nodes = i32::try_from(self.config.nodes).unwrap_or(1).max(1);
        let topic = Topic {
            id: Uuid::from_u128(TOPIC_IDS + state.next_topic),
            partitions: (0..partitions).map(|i| Partition::new(i, nodes)).collect(),
        };
        state.topics.insert(name.to_owned(), topic);
        Ok(())
    }

    /// Adds partitions to a topic until there are `partitions`; says whether any were.
    pub(crate) fn grow_topic(&self, name: &str, partitions: i32) -> bool {
        let nodes = i32::try_from(self.config.nodes).unwrap_or(1).max(1);
        let mut state = self.state();
        let Some(topic) = state.topics.get_mut(name) else {
            return false;
        };
        let before = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        let new = before..partitions.min(MAX_PARTITIONS);
        let is_more = !new.is_empty();
        topic
            .partitions
            .extend(new.map(|i| Partition::new(i, nodes)));
        is_more
    }
}

impl State {
    pub(crate) fn is_up(&self, node: i32) -> bool {
        let index = usize::try_from(node).ok();
        index
            .and_then(|index| self.nodes.get(index))
            .is_some_and(|node| node.up)
    }

    pub(crate) fn partition(&self, topic: &str, index: i32) -> Option<&Partition> {
        let index = usize::try_from(index).ok()?;
        self.topics.get(topic)?.partitions.get(index)
    }

    pub(crate) fn partition_mut(&mut self, topic: &str, index: i32) -> Option<&mut Partition> {
        let index = usize::try_from(index).ok()?;
        self.topics.get_mut(topic)?.partitions.get_mut(index)
    }

    pub(crate) fn partitions_mut(&mut self) -> impl Iterator<Item = &mut Partition> {
        let topics = self.topics.values_mut();
        topics.flat_map(|topic| topic.partitions.iter_mut())
    }

    /// Finds a partition that `node` leads; `epoch` is the client's idea of the leader epoch.
    pub(crate) fn led_by(
        &mut self,
        node: i32,
        topic: &str,
        index: i32,
        epoch: i32,
    ) -> Result<&mut Partition, i16> {
        let partition = self
            .partition_mut(topic, index)
            .ok_or(error::UNKNOWN_TOPIC_OR_PARTITION)?;
        if partition.leader != Some(node) {
            return Err(error::NOT_LEADER);
        }
        if epoch >= 0 && epoch < partition.leader_epoch {
            return Err(error::FENCED_LEADER_EPOCH);
        }
        if epoch > partition.leader_epoch {
            return Err(error::UNKNOWN_LEADER_EPOCH);
        }
        Ok(partition)
    }

    pub(crate) fn next_producer_id(&mut self) -> i64 {
        self.next_producer += 1;
        // Not 0: a client that forgets to set an id must not look right by chance.
        FIRST_PRODUCER_ID + self.next_producer - 1
    }
}

impl Node {
    /// Where clients are told to go.
    pub(crate) fn endpoint(&self) -> (StrBytes, i32) {
        match &self.advertised {
            None => (StrBytes::from_static_str(HOST), self.port.into()),
            Some((host, port)) => (StrBytes::from_string(host.clone()), (*port).into()),
        }
    }
}

impl Partition {
    fn new(index: i32, nodes: i32) -> Self {
        Self {
            leader: Some(index % nodes),
            leader_epoch: 0,
            log: Log::default(),
        }
    }

    pub(crate) fn lead(&mut self, leader: Option<i32>) {
        if self.leader != leader {
            self.leader = leader;
            self.leader_epoch += 1;
        }
    }
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |time| {
        i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
    })
}

/// Locks even after a panic elsewhere: nothing here is left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

pub(crate) const HOST: &str = "127.0.0.1";
const TOPIC_IDS: u128 = 0x7465_7374_0000_4000_8000_0000_0000_0000;
const FIRST_PRODUCER_ID: i64 = 1000;
const MAX_PARTITIONS: i32 = 10_000;
