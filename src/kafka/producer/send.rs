//! What the producer starts: asking for the cluster, connecting, sending, and giving up what is too old.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tokio::time::timeout;

use super::Done;
use super::Part;
use super::Producer;
use super::Task;
use crate::config::Security;
use crate::kafka::accumulator::Batch;
use crate::kafka::accumulator::MAX_RECORDS;
use crate::kafka::accumulator::Past;
use crate::kafka::lane::Turn;
use crate::kafka::wire::ClusterView;
use crate::kafka::wire::Connection;
use crate::kafka::wire::Limit;
use crate::kafka::wire::WireError;
use crate::stats::DropReason;

/// A request gets at least this part of the delivery timeout, however old what is in it is.
const LAST_CHANCE_PARTS: u32 = 4;

/// All addresses together are asked for so many times as long as it may take to connect to one.
const ROUND: u32 = 3;

/// A request in the making: one batch each of several partitions that one broker leads.
#[derive(Debug, Default)]
struct Request {
    batches: Vec<(i32, Arc<[u8]>)>,
    parts: Vec<Part>,
    bytes: usize,
    records: u64,
    /// Since when the record that waits longest does so.
    oldest: Option<Instant>,
}

impl Producer {
    /// Asks the cluster what it looks like, if that is unknown and somebody waits for it.
    pub(super) fn ask_cluster(&mut self, now: Instant) {
        if self.accumulator.is_empty() || !self.cluster.wants_asking(now) {
            return;
        }
        self.cluster.is_asking = true;
        let question = Question {
            open: self.cluster.any_connection(now),
            addresses: self.cluster.addresses(now),
            client_id: self.settings.client_id.clone(),
            security: Arc::clone(&self.settings.security),
            topic: self.settings.topic.clone(),
            connect_timeout: self.settings.connect_timeout,
            request_timeout: self.settings.request_timeout,
        };
        self.spawn(Task::Ask, async move {
            let mut tried = 0;
            let result = question.ask(&mut tried).await;
            Done::Asked(tried, result)
        });
    }

    /// Connects to the leaders that something may be sent to. A connection whose session is about to
    /// end serves until another one takes its place.
    pub(super) fn connect(&mut self, now: Instant) {
        if self.accumulator.is_empty() {
            return;
        }
        for id in self.cluster.unconnected(now) {
            if let Some(broker) = self.cluster.brokers.get_mut(&id) {
                broker.connection = None;
            }
            self.dial(id);
        }
        if let Some(id) = self.cluster.due_for_replacement(now) {
            self.dial(id);
        }
    }

    fn dial(&mut self, id: i32) {
        let Some(broker) = self.cluster.brokers.get_mut(&id) else {
            return;
        };
        broker.is_connecting = true;
        let address = broker.address.clone();
        let client_id = self.settings.client_id.clone();
        let security = Arc::clone(&self.settings.security);
        let limit = self.settings.connect_timeout;
        self.spawn(Task::Connect { broker: id }, async move {
            Done::Connected(Connection::open(&address, &client_id, &security, limit).await)
        });
    }

    /// Asks a broker for a producer id, if one is missing and somebody waits for it.
    pub(super) fn ask_identity(&mut self, now: Instant) {
        if self.accumulator.is_empty() || !self.cluster.identity.wants_asking(now) {
            return;
        }
        let Some(connection) = self.cluster.any_connection(now) else {
            return;
        };
        self.cluster.identity.is_asking = true;
        let limit = self.settings.request_timeout;
        self.spawn(Task::Identify, async move {
            Done::Identified(if connection.knows_producer_ids() {
                connection
                    .init_producer_id(limit)
                    .await
                    .map(|answer| answer.map_err(Some))
            } else {
                Ok(Err(None))
            })
        });
    }

    /// Sends to each partition that can take one the batch that is next there, all partitions of a
    /// broker in few requests.
    pub(super) fn send(&mut self, now: Instant) {
        let turns = self.cluster.turns(now);
        if turns.is_empty() {
            return;
        }
        let mut requests: BTreeMap<i32, Vec<Request>> = BTreeMap::new();
        let mut free = Vec::new();
        let mut bound = Vec::new();
        for (index, turn) in turns {
            match turn {
                Turn::Again(place) => self.load(index, place, &mut requests, now),
                Turn::Fresh => match self.accumulator.bound_since(index, now) {
                    Some(since) => bound.push((since, index)),
                    None => free.push(index),
                },
                Turn::Nothing | Turn::Identity => {}
            }
        }
        free.sort_by_cached_key(|index| self.accumulator.bound_bytes(*index));
        for index in free {
            let Some(batch) = self.accumulator.next_shared(now) else {
                break;
            };
            self.load_fresh(index, batch, &mut requests, now);
        }
        // Where there is something bound, too, what has waited longer goes: neither may starve.
        bound.sort_by_key(|(since, _)| Reverse(*since));
        for (since, index) in bound {
            let shared = self.accumulator.shared_since(now);
            let batch = if shared.is_some_and(|shared| shared < since) {
                self.accumulator.next_shared(now)
            } else {
                self.accumulator.next_bound(index, now)
            };
            if let Some(batch) = batch {
                self.load_fresh(index, batch, &mut requests, now);
            }
        }
        for (broker, requests) in requests {
            for request in requests {
                self.produce(broker, request, now);
            }
        }
    }

    fn load_fresh(
        &mut self,
        index: i32,
        batch: Batch,
        requests: &mut BTreeMap<i32, Vec<Request>>,
        now: Instant,
    ) {
        if !batch.sent {
            self.queue.ledger.sent(batch.count());
        }
        if let Some(lane) = self.cluster.lanes.get_mut(&index) {
            let place = lane.admit(batch);
            self.load(index, place, requests, now);
        }
    }

    /// Puts the batch at `place` of the partition's window into a request to its leader.
    fn load(
        &mut self,
        index: i32,
        place: usize,
        requests: &mut BTreeMap<i32, Vec<Request>>,
        now: Instant,
    ) {
        let attempt = self.next_attempt;
        let Some(lane) = self.cluster.lanes.get(&index) else {
            return;
        };
        // What is launched has to be in a request, so all that this takes comes first.
        let connection = self.cluster.connection_of(lane, now).cloned();
        let (Some(leader), Some(lane)) = (lane.leader, self.cluster.lanes.get_mut(&index)) else {
            return;
        };
        let launched = lane.launch(place, attempt, connection.as_ref());
        self.queue
            .ledger
            .sent_again(lane.take_possible_duplicates());
        let Some((bytes, accepted)) = launched else {
            return;
        };
        let records = lane.batch_of(attempt).map_or(0, |batch| batch.count());
        self.next_attempt += 1;
        let list = requests.entry(leader).or_default();
        let most = self.settings.max_request;
        let is_full = |request: &Request| {
            request.bytes + bytes.len() > most || request.records + records > u64::from(MAX_RECORDS)
        };
        if list.last().is_none_or(is_full) {
            list.push(Request::default());
        }
        if let Some(request) = list.last_mut() {
            request.bytes += bytes.len();
            request.records += records;
            request.batches.push((index, bytes));
            request.parts.push(Part { index, attempt });
            request.oldest = Some(request.oldest.map_or(accepted, |old| old.min(accepted)));
        }
    }

    fn produce(&mut self, id: i32, request: Request, now: Instant) {
        // The lanes could take something a moment ago, so there is a connection.
        let broker = self.cluster.brokers.get(&id);
        let connection = broker.and_then(|broker| broker.usable(now)).cloned();
        let address = broker.map_or_else(String::new, |broker| broker.address.clone());
        let topic = self.settings.topic.clone();
        let acks = self.settings.delivery.acks.code();
        let age = request
            .oldest
            .map_or(Duration::ZERO, |old| now.duration_since(old));
        // Not much beyond the time of the oldest record. But what was begun gets a chance: a limit
        // that is too short ends the connection with all that is on it, and where the way is
        // slower than the load every batch in front would be too old.
        let delivery = self.settings.delivery_timeout;
        let left = delivery
            .saturating_sub(age)
            .max(delivery / LAST_CHANCE_PARTS);
        let limit = Limit {
            usual: self.settings.request_timeout.min(left),
            most: left,
        };
        let task = Task::Produce {
            broker: id,
            parts: request.parts,
        };
        let batches = request.batches;
        self.spawn(task, async move {
            Done::Produced(match connection {
                Some(connection) => connection.produce(&topic, acks, &batches, limit).await,
                None => Err(WireError::Closed {
                    address,
                    message: "no connection".to_owned(),
                }),
            })
        });
    }

    /// Gives up what has waited longer than the delivery timeout.
    pub(super) fn expire(&mut self, now: Instant) {
        self.accumulator.seal_old(now);
        let Some(limit) = now.checked_sub(self.settings.delivery_timeout) else {
            return;
        };
        let mut expired = self.accumulator.expired(limit);
        for lane in self.cluster.lanes.values_mut() {
            expired.extend(lane.expired(limit));
        }
        for batch in expired {
            self.give_up(&batch, DropReason::Deadline);
        }
    }

    /// When the next batch that is not in a request gets too old.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let time = self.settings.delivery_timeout;
        let ready = self.accumulator.ready().map(|batch| batch.accepted + time);
        let lanes = self.cluster.lanes.values();
        ready
            .chain(lanes.filter_map(|lane| lane.next_expiry(time)))
            .min()
    }

    /// Gives up everything: the time for the shutdown is over. Returns how many events that were.
    pub(super) fn write_off(&mut self) -> u64 {
        let waits_for = self.what_is_waited_for();
        self.reporter.waits_for(waits_for);
        let mut rest = self.accumulator.take_all();
        for lane in self.cluster.lanes.values_mut() {
            rest.extend(lane.clear());
        }
        for batch in &rest {
            self.count_dropped(batch, DropReason::Shutdown);
        }
        self.book();
        rest.iter().map(Batch::count).sum()
    }

    /// Counts a batch as dropped, and has that told.
    pub(super) fn give_up(&mut self, batch: &Batch, reason: DropReason) {
        self.say_what_is_waited_for(Instant::now());
        self.count_dropped(batch, reason);
        self.queue.raise_alarm();
    }

    fn count_dropped(&mut self, batch: &Batch, reason: DropReason) {
        let count = batch.count();
        if batch.sent {
            let unknown = batch.past != Past::Refused;
            self.queue.ledger.drop_in_flight(count, reason, unknown);
        } else {
            self.queue.ledger.drop_pending(count, reason);
        }
        self.accumulator.done(batch);
    }
}

/// What asking the cluster takes, apart from the producer, which goes on meanwhile.
struct Question {
    open: Option<Connection>,
    addresses: Vec<String>,
    client_id: String,
    security: Arc<Security>,
    topic: String,
    connect_timeout: Duration,
    request_timeout: Duration,
}

impl Question {
    /// The first answer that any broker gives. `tried` counts the addresses that were dialled.
    async fn ask(self, tried: &mut usize) -> Result<(ClusterView, Connection), WireError> {
        let mut last = None;
        if let Some(connection) = self.open.clone() {
            match self.ask_on(connection).await {
                Ok(answer) => return Ok(answer),
                Err(error) => last = Some(error),
            }
        }
        let round = self.connect_timeout.saturating_mul(ROUND);
        let start = Instant::now();
        for address in &self.addresses {
            *tried += 1;
            let left = round.saturating_sub(start.elapsed());
            match timeout(left, self.ask_at(address)).await {
                Ok(Err(error)) if error.is_about_us() => return Err(error),
                Ok(Err(error)) => last = Some(error),
                Ok(answer) => return answer,
                // The others have their turn in the next round.
                Err(_) => {
                    return Err(last.unwrap_or_else(|| WireError::Timeout {
                        what: "asking who leads, last",
                        address: address.clone(),
                        after: round,
                    }));
                }
            }
        }
        Err(last.unwrap_or_else(|| WireError::Closed {
            address: String::new(),
            message: "no address".to_owned(),
        }))
    }

    async fn ask_at(&self, address: &str) -> Result<(ClusterView, Connection), WireError> {
        let limit = self.connect_timeout;
        let opened = Connection::open(address, &self.client_id, &self.security, limit);
        self.ask_on(opened.await?).await
    }

    async fn ask_on(&self, connection: Connection) -> Result<(ClusterView, Connection), WireError> {
        let limit = self.request_timeout.min(self.connect_timeout);
        let view = connection.metadata(&self.topic, limit).await?;
        Ok((view, connection))
    }
}
