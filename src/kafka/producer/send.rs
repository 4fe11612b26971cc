//! What the producer starts: asking for the cluster, connecting, sending, and giving up what is too old.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use super::Done;
use super::Producer;
use super::Task;
use crate::config::Security;
use crate::kafka::accumulator::Batch;
use crate::kafka::wire::ClusterView;
use crate::kafka::wire::Connection;
use crate::kafka::wire::WireError;
use crate::stats::DropReason;

/// Sealed batches for one broker, each with its partition.
type Parts = Vec<(i32, Arc<[u8]>)>;

impl Producer {
    /// Asks the cluster what it looks like, if that is unknown and somebody waits for it.
    pub(super) fn ask_cluster(&mut self, now: Instant) {
        if self.accumulator.is_empty() || !self.cluster.wants_asking(now) {
            return;
        }
        self.cluster.is_asking = true;
        let question = Question {
            open: self.cluster.any_connection(),
            addresses: self.cluster.addresses(now),
            client_id: self.settings.client_id.clone(),
            security: Arc::clone(&self.settings.security),
            topic: self.settings.topic.clone(),
            connect_timeout: self.settings.connect_timeout,
            request_timeout: self.settings.request_timeout,
        };
        self.spawn(Task::Ask, async move { Done::Asked(question.ask().await) });
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

    /// Sends one batch to each partition that is idle, all partitions of a broker in one request.
    pub(super) fn send(&mut self, now: Instant) {
        let mut requests: BTreeMap<i32, (Parts, Instant)> = BTreeMap::new();
        for index in self.cluster.idle_lanes(now) {
            let Some(mut batch) = self.next_batch(index, now) else {
                continue;
            };
            let Some((lane, leader)) = self
                .cluster
                .lanes
                .get_mut(&index)
                .and_then(|lane| lane.leader.map(|leader| (lane, leader)))
            else {
                self.accumulator.put_back(batch);
                continue;
            };
            if !batch.sent {
                self.queue.ledger.sent(batch.count());
                batch.sent = true;
            }
            let (parts, oldest) = requests.entry(leader).or_insert((Vec::new(), now));
            parts.push((index, Arc::clone(&batch.sealed.bytes)));
            *oldest = batch.accepted.min(*oldest);
            lane.in_flight = Some(batch);
            self.cluster.had_turn(index);
        }
        for (broker, (parts, oldest)) in requests {
            let age = now.duration_since(oldest);
            let left = self.settings.delivery_timeout.saturating_sub(age);
            self.produce(broker, parts, left, now);
        }
    }

    /// What goes to the partition `index` next: what it must have again, what is sealed, or the open
    /// batch if that is due.
    fn next_batch(&mut self, index: i32, now: Instant) -> Option<Batch> {
        let lane = self.cluster.lanes.get_mut(&index)?;
        if let Some(batch) = lane.retries.pop_front() {
            return Some(batch);
        }
        if self.accumulator.ready().is_empty() && self.accumulator.is_due(now) {
            self.accumulator.seal();
        }
        self.accumulator.next_ready()
    }

    fn produce(&mut self, id: i32, parts: Parts, left: Duration, now: Instant) {
        // The lanes were idle a moment ago, so there is a connection.
        let broker = self.cluster.brokers.get(&id);
        let connection = broker.and_then(|broker| broker.usable(now)).cloned();
        let address = broker.map_or_else(String::new, |broker| broker.address.clone());
        let topic = self.settings.topic.clone();
        // Not beyond the time of the oldest record: then it is given up, whatever the broker does.
        let limit = self
            .settings
            .request_timeout
            .min(left)
            .max(Duration::from_millis(1));
        let task = Task::Produce {
            broker: id,
            partitions: parts.iter().map(|(index, _)| *index).collect(),
        };
        self.spawn(task, async move {
            Done::Produced(match connection {
                Some(connection) => connection.produce(&topic, &parts, limit).await,
                None => Err(WireError::Closed {
                    address,
                    message: "no connection".to_owned(),
                }),
            })
        });
    }

    /// Gives up what has waited longer than the delivery timeout.
    pub(super) fn expire(&mut self, now: Instant) {
        if self
            .accumulator
            .span_ends_at()
            .is_some_and(|end| end <= now)
        {
            self.accumulator.seal();
        }
        let Some(limit) = now.checked_sub(self.settings.delivery_timeout) else {
            return;
        };
        let mut expired = self.accumulator.expired(limit);
        for lane in self.cluster.lanes.values_mut() {
            while lane
                .retries
                .front()
                .is_some_and(|batch| batch.accepted <= limit)
            {
                expired.extend(lane.retries.pop_front());
            }
        }
        for batch in expired {
            self.give_up(&batch, DropReason::Deadline);
        }
    }

    /// When the next batch that is not in a request gets too old.
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        let ready = self.accumulator.ready().iter();
        let retries = self.cluster.lanes.values().flat_map(|lane| &lane.retries);
        ready
            .chain(retries)
            .map(|batch| batch.accepted + self.settings.delivery_timeout)
            .min()
    }

    /// Gives up everything: the time for the shutdown is over. Returns how many events that were.
    pub(super) fn write_off(&mut self) -> u64 {
        self.accumulator.seal();
        let mut rest: Vec<Batch> = Vec::new();
        for lane in self.cluster.lanes.values_mut() {
            if let Some(mut batch) = lane.in_flight.take() {
                batch.possibly_persisted = true;
                rest.push(batch);
            }
            rest.extend(lane.retries.drain(..));
        }
        while let Some(batch) = self.accumulator.next_ready() {
            rest.push(batch);
        }
        for batch in &rest {
            self.count_dropped(batch, DropReason::Shutdown);
        }
        self.book();
        rest.iter().map(Batch::count).sum()
    }

    /// Counts a batch as dropped, and tells of it.
    pub(super) fn give_up(&mut self, batch: &Batch, reason: DropReason) {
        self.count_dropped(batch, reason);
        let count = batch.count();
        self.trouble(
            reason.as_str(),
            match count {
                1 => format!("1 event was dropped, reason {reason}"),
                _ => format!("{count} events were dropped, reason {reason}"),
            },
        );
    }

    fn count_dropped(&mut self, batch: &Batch, reason: DropReason) {
        let count = batch.count();
        if batch.sent {
            let unknown = batch.possibly_persisted;
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
    /// The first answer that any broker gives.
    async fn ask(self) -> Result<(ClusterView, Connection), WireError> {
        let mut last = None;
        if let Some(connection) = self.open.clone() {
            match self.ask_on(connection).await {
                Ok(answer) => return Ok(answer),
                Err(error) => last = Some(error),
            }
        }
        for address in &self.addresses {
            let opened = Connection::open(
                address,
                &self.client_id,
                &self.security,
                self.connect_timeout,
            );
            match opened.await {
                Ok(connection) => match self.ask_on(connection).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => last = Some(error),
                },
                Err(error) if error.is_about_us() => return Err(error),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| WireError::Closed {
            address: String::new(),
            message: "no address".to_owned(),
        }))
    }

    async fn ask_on(&self, connection: Connection) -> Result<(ClusterView, Connection), WireError> {
        let limit = self.request_timeout.min(self.connect_timeout);
        let view = connection.metadata(&self.topic, limit).await?;
        Ok((view, connection))
    }
}
