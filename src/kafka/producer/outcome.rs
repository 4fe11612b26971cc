//! What the producer learns: how its tasks ended, and what that means for batches, brokers and health.

use std::error::Error as _;
use std::time::Duration;
use std::time::Instant;

use tokio::task::Id;
use tokio::task::JoinError;

use super::Done;
use super::Producer;
use super::Task;
use crate::kafka::accumulator::Batch;
use crate::kafka::retry::OPERATOR_BACKOFF;
use crate::kafka::retry::Verdict;
use crate::kafka::retry::is_possibly_persisted;
use crate::kafka::retry::verdict;
use crate::kafka::wire::ClusterView;
use crate::kafka::wire::Connection;
use crate::kafka::wire::PartitionAnswer;
use crate::kafka::wire::ProduceAnswer;
use crate::kafka::wire::WireError;
use crate::kafka::wire::error_name;
use crate::stats::DropReason;
use crate::stats::Health;

/// So many answers with an error that is not known to pass, and the batch is given up.
const MAX_DOUBTFUL: u32 = 3;
/// So many times may the topic be unknown before the user is told: it may just be being created.
const TOPIC_PATIENCE: u32 = 3;
/// So many attempts at least fit into the delivery timeout.
const MIN_ATTEMPTS: u32 = 8;
/// The longest pause that a broker is granted; its quotas ask for less.
const MAX_THROTTLE: Duration = Duration::from_secs(60);
/// The longest wait between attempts while the layer is being shut down.
const HURRIED_BACKOFF: Duration = Duration::from_millis(500);

impl Producer {
    /// A task ended, or panicked.
    pub(super) fn finish(&mut self, ended: Result<(Id, Done), JoinError>) {
        let (id, done) = match ended {
            Ok((id, done)) => (id, Some(done)),
            Err(error) => (error.id(), None),
        };
        let now = Instant::now();
        match (self.running.remove(&id), done) {
            (Some(Task::Ask), Some(Done::Asked(result))) => self.asked(result, now),
            (Some(Task::Ask), _) => self.asked(Err(broke_off()), now),
            (Some(Task::Connect { broker }), Some(Done::Connected(result))) => {
                self.connected(broker, result, now);
            }
            (Some(Task::Connect { broker }), _) => self.connected(broker, Err(broke_off()), now),
            (Some(Task::Produce { broker, partitions }), Some(Done::Produced(result))) => {
                self.produced(broker, &partitions, result, now);
            }
            (Some(Task::Produce { broker, partitions }), _) => {
                self.produced(broker, &partitions, Err(broke_off()), now);
            }
            (None, _) => {}
        }
    }

    fn asked(&mut self, result: Result<(ClusterView, Connection), WireError>, now: Instant) {
        self.cluster.is_asking = false;
        let (view, connection) = match result {
            Ok(answer) => answer,
            Err(error) => {
                self.wire_trouble(&error);
                let wait = self.cluster.backoff.next();
                self.cluster.ask_after = self.after_failure(&error, wait, now);
                return;
            }
        };
        if view.topic_error != 0 {
            return self.topic_refused(view.topic_error, now);
        }
        let homeless = self.cluster.describe(&view, now);
        for batch in homeless.into_iter().rev() {
            self.accumulator.put_back(batch);
        }
        if self.cluster.is_stale {
            let wait = self.cluster.backoff.next();
            self.cluster.ask_after = self.after(wait, now);
        } else {
            self.cluster.backoff.reset();
        }
        let same = |broker: &&mut crate::kafka::cluster::Broker| {
            broker.address == connection.address() && broker.connection.is_none()
        };
        if let Some(broker) = self.cluster.brokers.values_mut().find(same) {
            broker.connection = Some(connection);
            self.cluster.was_refused = false;
        }
    }

    fn topic_refused(&mut self, code: i16, now: Instant) {
        let topic = &self.settings.topic;
        let passes = !matches!(verdict(code), Verdict::Misconfigured);
        let wait = self.cluster.backoff.next();
        let wait = if passes { wait } else { OPERATOR_BACKOFF };
        self.cluster.ask_after = self.after(wait, now);
        self.cluster.is_stale = true;
        if !passes || self.cluster.backoff.failures() > TOPIC_PATIENCE {
            let message = format!(
                "the cluster does not give topic `{topic}`: {}",
                error_name(code)
            );
            self.trouble("topic", message);
            self.queue.ledger.set_health(Health::Misconfigured);
        }
    }

    fn connected(&mut self, id: i32, result: Result<Connection, WireError>, now: Instant) {
        let Some(broker) = self.cluster.brokers.get_mut(&id) else {
            return;
        };
        broker.is_connecting = false;
        match result {
            Ok(connection) if connection.address() == broker.address => {
                broker.backoff.reset();
                broker.connection = Some(connection);
                self.cluster.was_refused = false;
            }
            // It has moved meanwhile.
            Ok(_) => {}
            Err(error) => {
                let wait = broker.backoff.next();
                let after = self.after_failure(&error, wait, now);
                if let Some(broker) = self.cluster.brokers.get_mut(&id) {
                    broker.connect_after = after;
                }
                // Somebody else may lead its partitions by now.
                self.cluster.is_stale = true;
                self.wire_trouble(&error);
            }
        }
    }

    fn produced(
        &mut self,
        id: i32,
        partitions: &[i32],
        result: Result<ProduceAnswer, WireError>,
        now: Instant,
    ) {
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => return self.produce_failed(id, partitions, &error, now),
        };
        if let Some(broker) = self.cluster.brokers.get_mut(&id) {
            // A throttled success is a success; the pause is what the broker asks for.
            broker.paused_until = now + answer.throttle.min(MAX_THROTTLE);
        }
        for index in partitions {
            let Some(batch) = self.landed(*index) else {
                continue;
            };
            match answer.partitions.iter().find(|part| part.index == *index) {
                Some(part) if part.error == 0 => self.delivered(*index, &batch),
                Some(part) => self.refused(*index, batch, part, now),
                None => {
                    let text = "a Produce answer leaves out a partition";
                    self.trouble("produce", text);
                    self.retry(*index, batch, None, now);
                }
            }
        }
    }

    /// The request ended without an answer.
    fn produce_failed(&mut self, id: i32, partitions: &[i32], error: &WireError, now: Instant) {
        if let Some(broker) = self.cluster.brokers.get_mut(&id) {
            broker.connection = None;
        }
        self.cluster.is_stale = true;
        let mut at_once = matches!(error, WireError::Closed { .. });
        for index in partitions {
            let Some(mut batch) = self.landed(*index) else {
                continue;
            };
            batch.possibly_persisted = true;
            // A connection that was closed while idle is noticed only here: no failed attempt.
            let lane = self.cluster.lanes.get(index);
            at_once &= lane.is_some_and(|lane| lane.backoff.failures() == 0);
            let wait = at_once.then_some(Duration::ZERO);
            self.retry(*index, batch, wait, now);
        }
        if !at_once {
            self.wire_trouble(error);
        }
    }

    /// Takes the batch that was in flight to the partition `index`.
    fn landed(&mut self, index: i32) -> Option<Batch> {
        self.cluster.lanes.get_mut(&index)?.in_flight.take()
    }

    fn delivered(&mut self, index: i32, batch: &Batch) {
        self.queue.ledger.delivered(batch.count());
        self.queue.ledger.set_health(Health::Healthy);
        self.accumulator.done(batch);
        if let Some(lane) = self.cluster.lanes.get_mut(&index) {
            lane.backoff.reset();
        }
    }

    fn refused(&mut self, index: i32, mut batch: Batch, part: &PartitionAnswer, now: Instant) {
        batch.possibly_persisted |= is_possibly_persisted(part.error);
        let name = error_name(part.error);
        match verdict(part.error) {
            Verdict::Refresh => self.leader_changed(index, batch, part, now),
            Verdict::Retry => {
                self.refusal_trouble(index, name, part);
                self.retry(index, batch, None, now);
            }
            Verdict::Split => self.split(index, batch, now),
            Verdict::Misconfigured => {
                self.refusal_trouble(index, name, part);
                self.queue.ledger.set_health(Health::Misconfigured);
                self.retry(index, batch, Some(OPERATOR_BACKOFF), now);
            }
            Verdict::Doubtful => {
                self.refusal_trouble(index, name, part);
                batch.doubtful += 1;
                if batch.doubtful >= MAX_DOUBTFUL {
                    self.give_up(&batch, DropReason::Rejected);
                } else {
                    self.retry(index, batch, None, now);
                }
            }
        }
    }

    /// The partition is led by another broker, named in the answer or to be asked for.
    fn leader_changed(&mut self, index: i32, batch: Batch, part: &PartitionAnswer, now: Instant) {
        self.cluster.is_stale = true;
        let lane = self.cluster.lanes.get_mut(&index);
        let is_first = lane
            .as_ref()
            .is_some_and(|lane| lane.backoff.failures() == 0);
        let mut wait = None;
        if let Some(hint) = &part.leader {
            if let Some(lane) = lane {
                lane.leader = Some(hint.id);
            }
            if let Some(address) = &hint.address {
                self.cluster.meet(hint.id, address, now);
            }
            wait = is_first.then_some(Duration::ZERO);
        }
        if !is_first {
            self.refusal_trouble(index, error_name(part.error), part);
        }
        self.retry(index, batch, wait, now);
    }

    fn split(&mut self, index: i32, batch: Batch, now: Instant) {
        match self.accumulator.split(batch) {
            Ok([first, second]) => {
                if let Some(lane) = self.cluster.lanes.get_mut(&index) {
                    lane.retries.push_front(second);
                    lane.retries.push_front(first);
                    lane.wait_until = now;
                }
            }
            Err(batch) => self.give_up(&batch, DropReason::TooLarge),
        }
    }

    /// Sends the batch to its partition again, after `wait` or after the next back-off.
    fn retry(&mut self, index: i32, batch: Batch, wait: Option<Duration>, now: Instant) {
        let Some(lane) = self.cluster.lanes.get_mut(&index) else {
            return self.accumulator.put_back(batch);
        };
        let backoff = lane.backoff.next();
        lane.retries.push_front(batch);
        let until = self.after(wait.unwrap_or(backoff), now);
        if let Some(lane) = self.cluster.lanes.get_mut(&index) {
            lane.wait_until = until;
        }
    }

    /// The moment after `wait`; sooner where the delivery timeout leaves room for few attempts, and
    /// while the layer is being shut down.
    fn after(&self, wait: Duration, now: Instant) -> Instant {
        let most = if self.shutdown.is_some() {
            HURRIED_BACKOFF
        } else {
            self.settings.delivery_timeout / MIN_ATTEMPTS
        };
        now + wait.min(most)
    }

    /// When to connect again after `error`. What a person has to mend waits in full, also at the end:
    /// attempts to log in are counted elsewhere too.
    fn after_failure(&mut self, error: &WireError, wait: Duration, now: Instant) -> Instant {
        if !error.is_misconfigured() {
            return self.after(wait, now);
        }
        let until = now + OPERATOR_BACKOFF;
        if error.is_refused_login() {
            self.cluster.bar(until);
        }
        until
    }

    fn refusal_trouble(&mut self, index: i32, name: &str, part: &PartitionAnswer) {
        self.queue.ledger.set_health(Health::Retrying);
        let detail = match &part.message {
            Some(message) => format!(": {message}"),
            None => String::new(),
        };
        self.trouble(
            "produce",
            format!("partition {index} answers {name}{detail}"),
        );
    }

    fn wire_trouble(&mut self, error: &WireError) {
        self.queue.ledger.set_health(if error.is_misconfigured() {
            Health::Misconfigured
        } else {
            Health::Retrying
        });
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(deeper) = cause {
            text.push_str(": ");
            text.push_str(&deeper.to_string());
            cause = deeper.source();
        }
        let kind = match error {
            WireError::Connect { .. } => "connect",
            WireError::Timeout { .. } => "timeout",
            WireError::Closed { .. } => "connection",
            WireError::Protocol { .. } => "protocol",
            WireError::Tls { .. } => "tls",
            WireError::Authentication { .. } => "authentication",
            WireError::Token { .. } => "token",
        };
        self.trouble(kind, text);
    }
}

/// A task that panicked: a fault of the client below, seen from here as a bad answer.
fn broke_off() -> WireError {
    WireError::Protocol {
        address: String::new(),
        message: "the exchange broke off".to_owned(),
    }
}
