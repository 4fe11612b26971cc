//! Faults: what can go wrong, and the plan of what will.

use std::collections::HashMap;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::api::Api;
use crate::record::Record;

/// One way to misbehave, for one request.
///
/// *Carried out* below means that the request has its effect: a batch is appended, a topic made.
/// On [`Api::Connect`] only `Cut`, `Silence`, `Freeze` and `Delay` mean something; the others
/// cut the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Answers with this error code, for every partition or topic of the request, and does nothing.
    Error(i16),
    /// Answers with this error code for one partition of the request; the others are carried out.
    PartitionError {
        /// Index of the partition, of every topic in the request.
        partition: i32,
        /// The error code.
        code: i16,
    },
    /// Carries the request out and answers with this error code. Produce answers keep their offset.
    AppendThenError(i16),
    /// Carries the request out, announces this throttle, and reads nothing from the connection
    /// for that time, as a broker with quotas does.
    Throttle(Duration),
    /// Carries the request out and cuts the connection instead of answering.
    LostAnswer,
    /// Cuts the connection; the request is not carried out.
    Cut,
    /// Does nothing and never answers on this connection again, but keeps it and goes on reading.
    Silence,
    /// Carries the request out, then as `Silence`.
    AppendThenSilence,
    /// Does nothing, never answers and never reads from this connection again, but keeps it.
    Freeze,
    /// Carries the request out and answers after this time.
    Delay(Duration),
    /// Carries the request out only after this time, then answers.
    Stall(Duration),
    /// Carries the request out, sends the first half of the answer and cuts the connection.
    HalfAnswer,
    /// Carries the request out and sends a frame of the right id with a body of noise.
    Garbage,
    /// Carries the request out and answers under another correlation id.
    WrongCorrelation,
    /// Carries the request out, announces a frame of 2 GiB and sends the start of it.
    Oversize,
}

/// What a hook is told of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RequestInfo {
    /// The API.
    pub api: Api,
    /// Version of the request; 0 on [`Api::Connect`].
    pub version: i16,
    /// The node that was asked.
    pub node: i32,
    /// Number of the connection, counted from 1 over all nodes.
    pub connection: u64,
    /// The client's id.
    pub client_id: Option<String>,
    /// Topics and partitions of a Produce request, in the order of the request.
    pub partitions: Vec<(String, i32)>,
    /// What a Produce request holds for each of `partitions`, as it came.
    pub batches: Vec<Bytes>,
}

/// Records that are refused.
#[derive(Clone)]
pub(crate) struct Refusal {
    pub(crate) code: i16,
    /// The answer tells which they are.
    pub(crate) names: bool,
    pub(crate) matches: Arc<dyn Fn(&Record) -> bool + Send + Sync>,
}

pub(crate) type Hook = Arc<dyn Fn(&RequestInfo) -> Option<Fault> + Send + Sync>;

/// Which faults are to come.
#[derive(Default)]
pub(crate) struct Plan {
    queues: HashMap<Api, VecDeque<Fault>>,
    always: HashMap<Api, Fault>,
    hooks: Vec<(Api, Hook)>,
    refusals: Vec<Refusal>,
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("queues", &self.queues)
            .field("always", &self.always)
            .field("hooks", &self.hooks.len())
            .field("refusals", &self.refusals.len())
            .finish()
    }
}

impl Plan {
    pub(crate) fn push(&mut self, api: Api, fault: Fault) {
        self.queues.entry(api).or_default().push_back(fault);
    }

    pub(crate) fn always(&mut self, api: Api, fault: Fault) {
        self.always.insert(api, fault);
    }

    pub(crate) fn hook(&mut self, api: Api, hook: Hook) {
        self.hooks.push((api, hook));
    }

    pub(crate) fn refuse(&mut self, refusal: Refusal) {
        self.refusals.push(refusal);
    }

    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        self.refusals.clone()
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn hooks(&self, api: Api) -> Vec<Hook> {
        let of_api = self.hooks.iter().filter(|(of, _)| *of == api);
        of_api.map(|(_, hook)| Arc::clone(hook)).collect()
    }

    /// Takes the next planned fault; hooks are asked before.
    pub(crate) fn take(&mut self, api: Api) -> Option<Fault> {
        let queued = self.queues.get_mut(&api).and_then(VecDeque::pop_front);
        queued.or_else(|| self.always.get(&api).cloned())
    }

    pub(crate) fn pending(&self, api: Api) -> usize {
        self.queues.get(&api).map_or(0, VecDeque::len)
    }
}

/// The part of a fault that changes what the answer says.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Effect {
    /// Do nothing and answer this code.
    pub(crate) refuse: Option<i16>,
    /// Carry out, answer this code.
    pub(crate) then_error: Option<i16>,
    /// Refuse one partition with a code.
    pub(crate) partition: Option<(i32, i16)>,
    pub(crate) throttle_ms: i32,
}

impl Effect {
    pub(crate) fn of(fault: Option<&Fault>) -> Self {
        let mut effect = Self::default();
        match fault {
            Some(Fault::Error(code)) => effect.refuse = Some(*code),
            Some(Fault::AppendThenError(code)) => effect.then_error = Some(*code),
            Some(Fault::PartitionError { partition, code }) => {
                effect.partition = Some((*partition, *code));
            }
            Some(Fault::Throttle(time)) => {
                effect.throttle_ms = i32::try_from(time.as_millis()).unwrap_or(i32::MAX);
            }
            _ => {}
        }
        effect
    }

    /// The code with which a partition is refused untouched.
    pub(crate) fn refusal(&self, partition: i32) -> Option<i16> {
        let of_this = |(index, code): (i32, i16)| (index == partition).then_some(code);
        self.refuse.or_else(|| self.partition.and_then(of_this))
    }
}
