//! What the producer learns: how its tasks ended, and what that means for batches, brokers and health.

use std::error::Error as _;
use std::time::Duration;
use std::time::Instant;

use tokio::task::Id;
use tokio::task::JoinError;

use super::Done;
use super::Part;
use super::Producer;
use super::Task;
use crate::kafka::accumulator::Batch;
use crate::kafka::identity::Refusal;
use crate::kafka::lane::Appended;
use crate::kafka::lane::Delivered;
use crate::kafka::retry::OPERATOR_BACKOFF;
use crate::kafka::retry::Verdict;
use crate::kafka::retry::is_possibly_persisted;
use crate::kafka::retry::verdict;
use crate::kafka::wire::ClusterView;
use crate::kafka::wire::Connection;
use crate::kafka::wire::PartitionAnswer;
use crate::kafka::wire::ProduceAnswer;
use crate::kafka::wire::ProducerIdentity;
use crate::kafka::wire::WireError;
use crate::kafka::wire::error_name;
use crate::stats::DropReason;
use crate::stats::Health;

/// So many answers with an error that is not known to pass, and a record that is alone in its batch is
/// given up; but not before its time.
const MAX_DOUBTFUL: u8 = 3;
/// That time is this part of the delivery timeout, for what met such an error as it was new.
const PATIENCE_PARTS: u32 = 2;
/// So long at least passes from the first such error on, in parts of the delivery timeout.
const MIN_PATIENCE_PARTS: u32 = 4;
/// So many times may the topic be unknown before the user is told: it may just be being created.
const TOPIC_PATIENCE: u32 = 3;
/// So many attempts at least fit into the delivery timeout.
const MIN_ATTEMPTS: u32 = 8;
/// The same where a person has to mend something: with the default timeout two a minute.
const MIN_SLOW_ATTEMPTS: u32 = 4;
/// The longest pause that a broker is granted; its quotas ask for less.
const MAX_THROTTLE: Duration = Duration::from_secs(60);
/// The longest wait between attempts while the layer is being shut down.
const HURRIED_BACKOFF: Duration = Duration::from_millis(500);

/// What is known of an attempt that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attempt {
    /// The batch was not appended.
    Refused,
    /// It may have been.
    Unknown,
}

/// How the broker's idea of our sequences differs from ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    OutOfOrder,
    Forgotten,
    Fenced,
}

/// How a batch is cut up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It is too large.
    Split,
    /// A record in it is refused.
    Bisect,
}

impl Producer {
    /// A task ended, or panicked.
    pub(super) fn finish(&mut self, ended: Result<(Id, Done), JoinError>) {
        let (id, done) = match ended {
            Ok((id, done)) => (id, Some(done)),
            Err(error) => (error.id(), None),
        };
        let now = Instant::now();
        let begun = self.running.remove(&id);
        let since = begun.as_ref().map(|begun| begun.since);
        self.obstacle.task_ended(since);
        match (begun.map(|begun| begun.task), done) {
            (Some(Task::Ask), Some(Done::Asked(tried, result))) => self.asked(tried, result, now),
            (Some(Task::Ask), _) => self.asked(1, Err(broke_off()), now),
            (Some(Task::Connect { broker }), Some(Done::Connected(result))) => {
                self.connected(broker, result, now);
            }
            (Some(Task::Connect { broker }), _) => self.connected(broker, Err(broke_off()), now),
            (Some(Task::Identify), Some(Done::Identified(result))) => self.identified(result, now),
            (Some(Task::Identify), _) => self.identified(Err(broke_off()), now),
            (Some(Task::Produce { broker, parts }), Some(Done::Produced(result))) => {
                self.produced(broker, &parts, result, now);
            }
            (Some(Task::Produce { broker, parts }), _) => {
                self.produced(broker, &parts, Err(broke_off()), now);
            }
            (None, _) => {}
        }
    }

    fn asked(
        &mut self,
        tried: usize,
        result: Result<(ClusterView, Connection), WireError>,
        now: Instant,
    ) {
        self.cluster.is_asking = false;
        self.cluster.tried(tried);
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
        self.accumulator.set_partitions(self.cluster.partitions);
        self.accumulator.put_back(homeless);
        if self.cluster.is_stale {
            let wait = self.cluster.backoff.next();
            self.cluster.ask_after = self.after(wait, now);
        } else {
            self.cluster.backoff.reset();
        }
        self.cluster.keep(connection, now);
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
            self.obstacle.met(&message);
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
            Ok(connection) => self.cluster.connected(id, connection, now),
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

    fn identified(
        &mut self,
        result: Result<Result<ProducerIdentity, Option<i16>>, WireError>,
        now: Instant,
    ) {
        let slow = self.after(OPERATOR_BACKOFF, now);
        let identity = &mut self.cluster.identity;
        identity.is_asking = false;
        match result {
            Ok(Ok(given)) => identity.given(given),
            Ok(Err(code)) => {
                let refusal = identity.refused(code, now, slow);
                self.identity_refused(code, refusal);
            }
            Err(error) => {
                identity.failed(now);
                self.cluster.is_stale = true;
                self.wire_trouble(&error);
            }
        }
    }

    fn identity_refused(&mut self, code: Option<i16>, refusal: Refusal) {
        let name = code.map_or("the broker knows no producer ids", error_name);
        match refusal {
            Refusal::Passing => {}
            Refusal::Final => {
                self.queue.ledger.set_health(Health::Misconfigured);
                let message = format!("no producer id, nothing is sent: {name}");
                self.obstacle.met(&message);
                self.trouble("idempotence", message);
            }
            Refusal::GoesOn => {
                self.queue.ledger.set_health(Health::Degraded);
                self.trouble(
                    "idempotence",
                    format!("no producer id, going on without idempotence: {name}"),
                );
            }
        }
    }

    fn produced(
        &mut self,
        id: i32,
        parts: &[Part],
        result: Result<ProduceAnswer, WireError>,
        now: Instant,
    ) {
        let answer = match result {
            Ok(answer) => answer,
            Err(error) => return self.produce_failed(id, parts, &error, now),
        };
        if let Some(broker) = self.cluster.brokers.get_mut(&id) {
            // A throttled success is a success; the pause is what the broker asks for.
            broker.pause(now + answer.throttle.min(MAX_THROTTLE));
        }
        for part in parts {
            let of_part = |answer: &&PartitionAnswer| answer.index == part.index;
            match answer.partitions.iter().find(of_part) {
                Some(answer) if answer.error == 0 => self.appended(*part, answer),
                Some(answer) => self.refused(*part, answer, now),
                None => {
                    self.trouble("produce", "a Produce answer leaves out a partition");
                    self.retry(*part, Attempt::Unknown, None, now);
                }
            }
        }
    }

    /// The request ended without an answer.
    fn produce_failed(&mut self, id: i32, parts: &[Part], error: &WireError, now: Instant) {
        if let Some(broker) = self.cluster.brokers.get_mut(&id) {
            // Another one may have taken the place of that on which it was sent.
            broker
                .connection
                .take_if(|connection| !connection.is_usable());
        }
        self.cluster.is_stale = true;
        let mut at_once = matches!(error, WireError::Closed { .. });
        for part in parts {
            // A connection that was closed while idle is noticed only here: no failed attempt.
            let lane = self.cluster.lanes.get(&part.index);
            at_once &= lane.is_some_and(|lane| lane.backoff.failures() == 0);
            let wait = at_once.then_some(Duration::ZERO);
            self.retry(*part, Attempt::Unknown, wait, now);
        }
        if !at_once {
            self.wire_trouble(error);
        }
    }

    /// The batch is in the log, and perhaps others with it.
    fn appended(&mut self, part: Part, answer: &PartitionAnswer) {
        let Some(lane) = self.cluster.lanes.get_mut(&part.index) else {
            return;
        };
        let appended = Appended {
            base_offset: answer.base_offset,
            append_time_ms: answer.log_append_time_ms,
            is_duplicate: answer.error != 0,
        };
        let delivered = lane.appended(part.attempt, appended);
        let possible_duplicates = lane.take_possible_duplicates();
        lane.backoff.reset();
        self.queue.ledger.sent_again(possible_duplicates);
        self.delivered(&delivered);
    }

    fn delivered(&mut self, delivered: &[Delivered]) {
        for Delivered {
            batch,
            was_recognised,
        } in delivered
        {
            if *was_recognised {
                self.queue.ledger.recognised(batch.count());
            }
            self.queue.ledger.delivered(batch.count());
            self.accumulator.delivered(batch);
        }
        let health = if self.cluster.identity.is_degraded() {
            Health::Degraded
        } else {
            Health::Healthy
        };
        self.queue.ledger.set_health(health);
        self.obstacle.passed();
    }

    fn refused(&mut self, part: Part, answer: &PartitionAnswer, now: Instant) {
        // An offset says that it was appended, before the leader lost its place say.
        let known = if is_possibly_persisted(answer.error) || answer.base_offset >= 0 {
            Attempt::Unknown
        } else {
            Attempt::Refused
        };
        match verdict(answer.error) {
            Verdict::Refresh => self.leader_changed(part, answer, known, now),
            Verdict::Retry => {
                self.refusal_trouble(answer);
                self.retry(part, known, None, now);
            }
            // An old broker's way to say that it has the batch.
            Verdict::Duplicate => self.appended(part, answer),
            Verdict::OutOfOrder => self.out_of_step(part, answer, now, Step::OutOfOrder),
            Verdict::Forgotten => self.out_of_step(part, answer, now, Step::Forgotten),
            Verdict::Fenced => self.out_of_step(part, answer, now, Step::Fenced),
            Verdict::Split => self.cut(part, answer, known, Cut::Split),
            Verdict::Bisect => self.cut(part, answer, known, Cut::Bisect),
            Verdict::Misconfigured => {
                self.refusal_trouble(answer);
                self.queue.ledger.set_health(Health::Misconfigured);
                self.retry(part, known, Some(OPERATOR_BACKOFF), now);
                // It is the topic that is refused, not the partition.
                self.cluster.hold_lanes(self.after(OPERATOR_BACKOFF, now));
            }
            Verdict::Doubtful => self.doubtful(part, answer, known, now),
        }
    }

    /// The broker's idea of our sequences differs from ours. What that means is the lane's to know.
    fn out_of_step(&mut self, part: Part, answer: &PartitionAnswer, now: Instant, step: Step) {
        let Some(lane) = self.cluster.lanes.get_mut(&part.index) else {
            return;
        };
        // Behind a batch that failed it is what has to come.
        let mut is_expected = lane.backoff.failures() == 0;
        match step {
            // Or what a batch of unknown outcome was sent again for: the next one is asked about.
            Step::OutOfOrder => is_expected |= lane.out_of_order(part.attempt),
            Step::Forgotten => lane.forgotten(part.attempt),
            Step::Fenced => {
                if let Some(identity) = lane.fenced(part.attempt) {
                    self.cluster.identity.forget(identity);
                }
            }
        }
        if !is_expected {
            self.refusal_trouble(answer);
        }
        let wait = is_expected.then_some(Duration::ZERO);
        self.wait(part.index, wait, now);
    }

    /// An error that is not in the table. It may pass, and is waited for. If it has not after much of
    /// the time, some record is taken for its cause, and looked for by halving while there is time.
    fn doubtful(&mut self, part: Part, answer: &PartitionAnswer, known: Attempt, now: Instant) {
        self.refusal_trouble(answer);
        let time = self.settings.delivery_timeout;
        let Some(lane) = self.cluster.lanes.get_mut(&part.index) else {
            return;
        };
        let Some(batch) = lane.batch_of(part.attempt) else {
            return;
        };
        batch.doubtful = batch.doubtful.saturating_add(1);
        let doubted = *batch.doubted.get_or_insert(now);
        let is_late = now.duration_since(batch.accepted) >= time / PATIENCE_PARTS
            && now.duration_since(doubted) >= time / MIN_PATIENCE_PARTS;
        let is_one = batch.count() == 1;
        if !is_late || (is_one && batch.doubtful < MAX_DOUBTFUL) {
            return self.retry(part, known, None, now);
        }
        if !is_one {
            // There are many steps to go, and each is to be a short one.
            lane.backoff.reset();
        }
        self.cut(part, answer, known, Cut::Bisect);
        self.wait(part.index, None, now);
    }

    /// The partition is led by another broker, named in the answer or to be asked for.
    fn leader_changed(
        &mut self,
        part: Part,
        answer: &PartitionAnswer,
        known: Attempt,
        now: Instant,
    ) {
        self.cluster.is_stale = true;
        let lane = self.cluster.lanes.get_mut(&part.index);
        let is_first = lane
            .as_ref()
            .is_some_and(|lane| lane.backoff.failures() == 0);
        let mut wait = None;
        if let Some(hint) = &answer.leader {
            if let Some(lane) = lane {
                lane.leader = Some(hint.id);
            }
            if let Some(address) = &hint.address {
                self.cluster.meet(hint.id, address, now);
            }
            wait = is_first.then_some(Duration::ZERO);
        }
        if !is_first {
            self.refusal_trouble(answer);
        }
        self.retry(part, known, wait, now);
    }

    /// Cuts up a batch that is refused for what is in it. What cannot be cut further is dropped.
    fn cut(&mut self, part: Part, answer: &PartitionAnswer, known: Attempt, cut: Cut) {
        let is_unknown = known == Attempt::Unknown;
        let lane = self.cluster.lanes.get_mut(&part.index);
        let taken = lane.and_then(|lane| lane.take(part.attempt, is_unknown));
        let Some((place, batch)) = taken else {
            return;
        };
        let (parts, reason) = match cut {
            Cut::Split => (self.accumulator.split(batch), DropReason::TooLarge),
            Cut::Bisect => (self.bisect(batch, answer), DropReason::Rejected),
        };
        match parts {
            Ok(parts) => {
                if let Some(lane) = self.cluster.lanes.get_mut(&part.index) {
                    lane.put(place, parts);
                }
            }
            Err(batch) => {
                if reason == DropReason::Rejected {
                    self.refused_for_good(answer);
                }
                self.give_up(&batch, reason);
            }
        }
    }

    /// Takes out the records that the broker names; halves the batch if it names none.
    fn bisect(&mut self, batch: Batch, answer: &PartitionAnswer) -> Result<Vec<Batch>, Batch> {
        let parts = self.accumulator.take_out(batch, &answer.record_errors)?;
        if let Some(culprits) = parts.culprits {
            self.refused_for_good(answer);
            self.give_up(&culprits, DropReason::Rejected);
        }
        Ok(parts.rest)
    }

    /// Has the batch of `part` sent again, after `wait` or after the next back-off.
    fn retry(&mut self, part: Part, attempt: Attempt, wait: Option<Duration>, now: Instant) {
        if let Some(lane) = self.cluster.lanes.get_mut(&part.index) {
            lane.failed(part.attempt, attempt == Attempt::Unknown);
            self.wait(part.index, wait, now);
        }
    }

    /// Nothing is sent to the partition for `wait`, or for the next back-off.
    fn wait(&mut self, index: i32, wait: Option<Duration>, now: Instant) {
        let Some(lane) = self.cluster.lanes.get_mut(&index) else {
            return;
        };
        let possible_duplicates = lane.take_possible_duplicates();
        // Batches that were on their way together fail together: that is one failure, the last's.
        let backoff = if lane.is_out() {
            Duration::ZERO
        } else {
            lane.backoff.next()
        };
        let until = self.after(wait.unwrap_or(backoff), now);
        self.queue.ledger.sent_again(possible_duplicates);
        if let Some(lane) = self.cluster.lanes.get_mut(&index) {
            // What several answers ask for is all kept.
            lane.wait_until = lane.wait_until.max(until);
        }
    }

    /// The moment after `wait`; sooner where the delivery timeout leaves room for few attempts, and
    /// while the layer is being shut down.
    fn after(&self, wait: Duration, now: Instant) -> Instant {
        let most = if self.shutdown.is_some() {
            HURRIED_BACKOFF
        } else {
            let is_slow = wait >= OPERATOR_BACKOFF;
            self.settings.delivery_timeout
                / if is_slow {
                    MIN_SLOW_ATTEMPTS
                } else {
                    MIN_ATTEMPTS
                }
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

    /// The broker will not take what is given up next.
    fn refused_for_good(&mut self, answer: &PartitionAnswer) {
        self.reporter.refused(self.refusal_text(answer));
        self.refusal_trouble(answer);
    }

    fn refusal_text(&self, answer: &PartitionAnswer) -> String {
        let detail = match &answer.message {
            Some(message) => format!(": {message}"),
            None => String::new(),
        };
        let (index, name) = (answer.index, error_name(answer.error));
        let topic = &self.settings.topic;
        format!("partition {index} of topic `{topic}` answers {name}{detail}")
    }

    fn refusal_trouble(&mut self, answer: &PartitionAnswer) {
        self.queue.ledger.set_health(Health::Retrying);
        let message = self.refusal_text(answer);
        self.obstacle.met(&message);
        self.trouble("produce", message);
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
        self.obstacle.met(&text);
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
