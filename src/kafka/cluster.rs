//! What the producer knows of the cluster: brokers with their connections, partitions with their batches.

use std::collections::BTreeMap;
use std::collections::HashSet;
use std::time::Duration;
use std::time::Instant;

use super::accumulator::Batch;
use super::identity::Identity;
use super::lane::Lane;
use super::lane::Turn;
use super::retry::Backoff;
use super::wire::ClusterView;
use super::wire::Connection;
use crate::config::BackoffRange;
use crate::config::KafkaSettings;

/// How the producer stands with one broker.
#[derive(Debug)]
pub(super) struct Broker {
    pub(super) address: String,
    pub(super) connection: Option<Connection>,
    pub(super) is_connecting: bool,
    /// No connecting before this.
    pub(super) connect_after: Instant,
    /// No requests before this: the broker asked for a pause.
    paused_until: Instant,
    pub(super) backoff: Backoff,
}

impl Broker {
    fn new(address: String, backoff: Backoff, now: Instant) -> Self {
        Self {
            address,
            connection: None,
            is_connecting: false,
            connect_after: now,
            paused_until: now,
            backoff,
        }
    }

    /// The connection, unless it has ended: that may happen at any time, and nobody is told.
    fn open(&self) -> Option<&Connection> {
        let connection = self.connection.as_ref();
        connection.filter(|connection| connection.is_usable())
    }

    /// The connection, if a request may be sent on it now.
    pub(super) fn usable(&self, now: Instant) -> Option<&Connection> {
        self.open().filter(|_| self.paused_until <= now)
    }

    /// When to dial, since there is no connection.
    fn dial_at(&self) -> Option<Instant> {
        (!self.is_connecting && self.open().is_none()).then_some(self.connect_after)
    }

    /// When to dial for a connection in place of the one that serves, if that has to be.
    fn replace_at(&self) -> Option<Instant> {
        let due = self.open()?.expires_at()?.max(self.connect_after);
        (!self.is_connecting).then_some(due)
    }

    /// It asks for a pause. One that it asked for before is kept as well.
    pub(super) fn pause(&mut self, until: Instant) {
        self.paused_until = self.paused_until.max(until);
    }

    /// Dialling it succeeded, here or while the cluster was asked.
    fn connected(&mut self, connection: Connection, now: Instant) {
        self.connection = Some(connection);
        self.connect_after = now;
        self.backoff.reset();
    }
}

/// Brokers by id, partitions by index, and how fresh that is.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) brokers: BTreeMap<i32, Broker>,
    pub(super) lanes: BTreeMap<i32, Lane>,
    /// How many partitions the topic has; 0 as long as that is not known.
    pub(super) partitions: i32,
    /// When the cluster was last described.
    pub(super) described: Option<Instant>,
    /// Somebody has to ask again, whatever the age.
    pub(super) is_stale: bool,
    pub(super) is_asking: bool,
    /// No asking before this.
    pub(super) ask_after: Instant,
    pub(super) backoff: Backoff,
    pub(super) identity: Identity,
    /// No connecting at all before this: our credentials were refused.
    barred_until: Instant,
    /// They were, and not accepted since: one attempt at a time.
    pub(super) was_refused: bool,
    bootstrap: Vec<String>,
    max_age: Duration,
    max_in_flight: usize,
    retry_backoff: BackoffRange,
    reconnect_backoff: BackoffRange,
    /// Which address is tried first, so that a dead one is not always.
    turn: usize,
}

fn backoff(range: BackoffRange) -> Backoff {
    Backoff::new(range.first, range.most)
}

impl Cluster {
    pub(super) fn new(settings: &KafkaSettings, now: Instant) -> Self {
        Self {
            brokers: BTreeMap::new(),
            lanes: BTreeMap::new(),
            partitions: 0,
            described: None,
            is_stale: true,
            is_asking: false,
            ask_after: now,
            backoff: backoff(settings.retry_backoff),
            identity: Identity::new(settings.delivery.idempotence, now),
            bootstrap: settings.servers.clone(),
            max_age: settings.metadata_max_age,
            max_in_flight: settings.delivery.max_in_flight,
            retry_backoff: settings.retry_backoff,
            reconnect_backoff: settings.reconnect_backoff,
            barred_until: now,
            was_refused: false,
            turn: 0,
        }
    }

    /// Whether the cluster should be asked what it looks like now.
    pub(super) fn wants_asking(&self, now: Instant) -> bool {
        let is_old = self
            .described
            .is_none_or(|described| now.duration_since(described) >= self.max_age);
        (self.is_stale || is_old)
            && !self.is_asking
            && self.ask_after <= now
            && (self.may_dial(now) || self.any_connection(now).is_some())
    }

    /// Our credentials were refused: nobody is dialled before `until`, whichever broker it was.
    pub(super) fn bar(&mut self, until: Instant) {
        self.barred_until = until;
        self.was_refused = true;
    }

    fn may_dial(&self, now: Instant) -> bool {
        let is_trying = self.is_asking || self.is_any_connecting();
        self.barred_until <= now && !(self.was_refused && is_trying)
    }

    fn is_any_connecting(&self) -> bool {
        self.brokers.values().any(|broker| broker.is_connecting)
    }

    /// A connection that may be asked, if one is open: that on which the answer is not held up, or
    /// for the shortest time.
    pub(super) fn any_connection(&self, now: Instant) -> Option<Connection> {
        let open = self
            .brokers
            .values()
            .filter(|broker| broker.open().is_some());
        let free_at = |broker: &&Broker| broker.paused_until.max(now);
        open.min_by_key(free_at)?.connection.clone()
    }

    /// Takes over a connection to the broker `id`. If it has moved meanwhile, that is of no use.
    pub(super) fn connected(&mut self, id: i32, connection: Connection, now: Instant) {
        if let Some(broker) = self.brokers.get_mut(&id)
            && broker.address == connection.address()
        {
            broker.connected(connection, now);
            self.was_refused = false;
        }
    }

    /// Takes over the connection on which the cluster was asked, if its broker has none.
    pub(super) fn keep(&mut self, connection: Connection, now: Instant) {
        let mut brokers = self.brokers.iter();
        let needs_it = |(_, broker): &(&i32, &Broker)| {
            broker.address == connection.address() && broker.open().is_none()
        };
        if let Some(id) = brokers.find(needs_it).map(|(id, _)| *id) {
            self.connected(id, connection, now);
        }
    }

    /// Where the cluster may be reached: a broker known, a bootstrap server, and so on, beginning with
    /// another one each time. None while nobody may be dialled.
    pub(super) fn addresses(&self, now: Instant) -> Vec<String> {
        if self.barred_until > now {
            return Vec::new();
        }
        let mut known = self.brokers.values().map(|broker| &broker.address);
        let mut bootstrap = self.bootstrap.iter();
        let pairs = std::iter::from_fn(|| match [known.next(), bootstrap.next()] {
            [None, None] => None,
            pair => Some(pair.into_iter().flatten()),
        });
        let mut met = HashSet::new();
        let once = pairs.flatten().filter(|address| met.insert(*address));
        let mut addresses: Vec<String> = once.cloned().collect();
        let first = self.turn % addresses.len().max(1);
        addresses.rotate_left(first);
        addresses
    }

    /// So many addresses were tried: the next time another one is the first.
    pub(super) fn tried(&mut self, count: usize) {
        self.turn = self.turn.wrapping_add(count.max(1));
    }

    /// Takes over a description. Returns batches whose partition is gone.
    pub(super) fn describe(&mut self, view: &ClusterView, now: Instant) -> Vec<Batch> {
        self.described = Some(now);
        let is_led = |leader: Option<i32>| {
            leader.is_some_and(|leader| view.brokers.iter().any(|broker| broker.id == leader))
        };
        self.is_stale = view.partitions.is_empty()
            || view
                .partitions
                .iter()
                .any(|partition| !is_led(partition.leader));
        self.brokers
            .retain(|id, _| view.brokers.iter().any(|broker| broker.id == *id));
        for broker in &view.brokers {
            self.meet(broker.id, &broker.address, now);
        }
        let mut homeless = Vec::new();
        for (index, lane) in &mut self.lanes {
            if view.partitions.iter().any(|p| p.index == *index) {
                continue;
            }
            // It is kept: should it come back, a sequence must not be given twice.
            lane.leader = None;
            if lane.is_out() {
                // Its answer says the same in a moment.
                self.is_stale = true;
            } else {
                homeless.extend(lane.vacate());
            }
        }
        if let Some(last) = view.partitions.last() {
            self.partitions = last.index.saturating_add(1);
        }
        for partition in &view.partitions {
            self.lane(partition.index, now, partition.leader);
        }
        homeless
    }

    /// The partition `index` is led by `leader`. One that is new, or was not led, begins as those have
    /// that got the least so far: it is not to get everything until it has as much.
    fn lane(&mut self, index: i32, now: Instant, leader: Option<i32>) {
        let led = self.lanes.values().filter(|lane| lane.leader.is_some());
        let least = led.map(|lane| lane.bytes_sent).min().unwrap_or(0);
        let is_idempotent = self.identity.is_wanted();
        let range = self.retry_backoff;
        let new = || Lane::new(is_idempotent, backoff(range), now);
        let lane = self.lanes.entry(index).or_insert_with(new);
        if lane.leader.is_none() {
            lane.bytes_sent = lane.bytes_sent.max(least);
        }
        lane.leader = leader;
    }

    /// A broker of this id is at this address now; a connection to another address is dropped.
    pub(super) fn meet(&mut self, id: i32, address: &str, now: Instant) {
        let range = self.reconnect_backoff;
        let new = || Broker::new(address.to_owned(), backoff(range), now);
        let broker = self.brokers.entry(id).or_insert_with(new);
        if broker.address != address {
            *broker = new();
        }
    }

    /// Partitions to which something can be sent now, and what; those with the least to do first.
    pub(super) fn turns(&self, now: Instant) -> Vec<(i32, Turn)> {
        let mut turns: Vec<(usize, u64, i32, Turn)> = Vec::new();
        for (index, lane) in &self.lanes {
            let connection = self.connection_of(lane, now);
            if lane.wait_until > now || connection.is_none() {
                continue;
            }
            match lane.turn(self.max_in_flight, connection) {
                Turn::Nothing | Turn::Identity => {}
                turn => turns.push((lane.bytes_in_flight(), lane.bytes_sent, *index, turn)),
            }
        }
        turns.sort_unstable_by_key(|(in_flight, sent, index, _)| (*in_flight, *sent, *index));
        turns
            .into_iter()
            .map(|(_, _, index, turn)| (index, turn))
            .collect()
    }

    /// Nothing is sent to any partition before `until`.
    pub(super) fn hold_lanes(&mut self, until: Instant) {
        for lane in self.lanes.values_mut() {
            lane.wait_until = lane.wait_until.max(until);
        }
    }

    /// The connection to the leader of `lane`, if a request may be sent on it now.
    pub(super) fn connection_of(&self, lane: &Lane, now: Instant) -> Option<&Connection> {
        self.brokers.get(&lane.leader?)?.usable(now)
    }

    /// Gives the producer id to those partitions that have none.
    pub(super) fn identify_lanes(&mut self) {
        let is_wanted = self.identity.is_wanted();
        for lane in self.lanes.values_mut() {
            if !is_wanted {
                lane.give_up_identity();
            } else if lane.wants_identity()
                && !lane.is_out()
                && let Some(identity) = self.identity.current()
            {
                lane.identify(identity);
            }
        }
    }

    /// Leaders without a connection that may be dialled now.
    pub(super) fn unconnected(&self, now: Instant) -> Vec<i32> {
        if !self.may_dial(now) {
            return Vec::new();
        }
        let mut ids: Vec<i32> = self.lanes.values().filter_map(|lane| lane.leader).collect();
        ids.sort_unstable();
        ids.dedup();
        let dial_at = |id: &i32| self.brokers.get(id).and_then(Broker::dial_at);
        ids.retain(|id| dial_at(id).is_some_and(|due| due <= now));
        if self.was_refused {
            ids.truncate(1);
        }
        ids
    }

    /// A broker whose connection should be replaced while it still serves; one at a time, so that
    /// credentials that are not valid any more are shown once.
    pub(super) fn due_for_replacement(&self, now: Instant) -> Option<i32> {
        if !self.may_dial(now) || self.is_any_connecting() {
            return None;
        }
        let due = |broker: &Broker| broker.replace_at().is_some_and(|due| due <= now);
        let found = self.brokers.iter().find(|(_, broker)| due(broker));
        found.map(|(id, _)| *id)
    }

    /// The next moment at which something that is impossible now becomes possible, unless a task that
    /// ends makes it so.
    pub(super) fn next_change(&self, now: Instant) -> Option<Instant> {
        if self.can_identify() {
            return Some(now);
        }
        let barred = self.was_refused.then_some(self.barred_until);
        let brokers = self.brokers.values().flat_map(|broker| {
            [
                broker.dial_at(),
                broker.replace_at(),
                Some(broker.paused_until),
            ]
        });
        let lanes = self.lanes.values().map(|lane| Some(lane.wait_until));
        [self.ask_at(), self.identity.next_change(), barred]
            .into_iter()
            .chain(brokers)
            .chain(lanes)
            .flatten()
            .filter(|moment| *moment > now)
            .min()
    }

    /// When to ask what the cluster looks like.
    fn ask_at(&self) -> Option<Instant> {
        let is_old_at = self.described.and_then(|at| at.checked_add(self.max_age));
        let due = if self.is_stale {
            self.ask_after
        } else {
            is_old_at?.max(self.ask_after)
        };
        (!self.is_asking).then_some(due)
    }

    /// Whether a partition waits for a producer id that is there: its epochs were used up just now.
    fn can_identify(&self) -> bool {
        let waits = |lane: &Lane| lane.wants_identity() && !lane.is_out();
        self.identity.current().is_some() && self.lanes.values().any(waits)
    }

    /// Nothing has to wait for a back-off any longer: little time is left.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.ask_after = self.ask_after.min(now);
        self.identity.hurry(now);
        for broker in self.brokers.values_mut() {
            broker.connect_after = broker.connect_after.min(now);
        }
        for lane in self.lanes.values_mut() {
            lane.wait_until = lane.wait_until.min(now);
        }
    }
}

#[cfg(test)]
mod tests;
