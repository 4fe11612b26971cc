//! When the producer has to wake, and in which order addresses are asked.

use proptest::prelude::*;
use tracing_kafka_broker::TestBroker;

use super::*;
use crate::config::Idempotence;
use crate::config::KafkaOptions;
use crate::kafka::wire::ProducerIdentity;

const LONG: Duration = Duration::from_secs(20);
const MAX_AGE: Duration = Duration::from_millis(400);

fn settings() -> KafkaSettings {
    let servers = vec!["a:1".to_owned(), "b:2".to_owned()];
    let mut settings = KafkaOptions::new(servers, "logs".to_owned())
        .check()
        .unwrap();
    settings.metadata_max_age = MAX_AGE;
    settings
}

/// A connection that is open, and one that ended while nobody used it.
struct Connections {
    open: Connection,
    ended: Connection,
    _broker: TestBroker,
}

impl Connections {
    async fn new() -> Self {
        let broker = TestBroker::builder().nodes(2).start().await.unwrap();
        let dial = async |node| {
            let address = broker.address(node).unwrap().to_string();
            Connection::open(&address, "test", &std::sync::Arc::default(), LONG)
                .await
                .unwrap()
        };
        let (open, ended) = (dial(0).await, dial(1).await);
        broker.down(1);
        tokio::time::timeout(LONG, async {
            while ended.is_usable() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        Self {
            open,
            ended,
            _broker: broker,
        }
    }
}

/// A moment up to a second away from now, before or after.
type Moment = i64;

fn moment() -> impl Strategy<Value = Moment> {
    prop_oneof![Just(0_i64), -500..1000_i64]
}

#[derive(Debug, Clone)]
struct BrokerState {
    /// No connection, one that ended, an open one.
    connection: u8,
    is_connecting: bool,
    connect_after: Moment,
    paused_until: Moment,
}

#[derive(Debug, Clone)]
struct LaneState {
    leader: Option<i32>,
    wait_until: Moment,
    has_identity: bool,
}

#[derive(Debug, Clone)]
struct State {
    brokers: Vec<BrokerState>,
    lanes: Vec<LaneState>,
    described: Option<Moment>,
    is_stale: bool,
    is_asking: bool,
    ask_after: Moment,
    barred_until: Option<Moment>,
    /// None without idempotence, and whether there is an id.
    identity: Option<bool>,
}

fn state() -> impl Strategy<Value = State> {
    let broker = (0..3_u8, any::<bool>(), moment(), moment()).prop_map(
        |(connection, is_connecting, connect_after, paused_until)| BrokerState {
            connection,
            is_connecting,
            connect_after,
            paused_until,
        },
    );
    let lane = (proptest::option::of(0..3_i32), moment(), any::<bool>()).prop_map(
        |(leader, wait_until, has_identity)| LaneState {
            leader,
            wait_until,
            has_identity,
        },
    );
    let cluster = (
        proptest::option::of(-500..=0_i64),
        any::<[bool; 4]>(),
        moment(),
        proptest::option::of(moment()),
    );
    let brokers = proptest::collection::vec(broker, 0..3);
    let lanes = proptest::collection::vec(lane, 0..4);
    (brokers, lanes, cluster).prop_map(|(brokers, lanes, cluster)| {
        let (described, [is_stale, is_asking, is_idempotent, has_identity], ask_after, barred) =
            cluster;
        State {
            brokers,
            lanes,
            described,
            is_stale: is_stale || described.is_none(),
            is_asking,
            ask_after,
            barred_until: barred,
            identity: is_idempotent.then_some(has_identity),
        }
    })
}

fn at(now: Instant, moment: Moment) -> Instant {
    let by = Duration::from_millis(moment.unsigned_abs());
    if moment < 0 {
        now.checked_sub(by).unwrap()
    } else {
        now + by
    }
}

impl State {
    fn build(&self, connections: &Connections, now: Instant) -> Cluster {
        let mut settings = settings();
        if self.identity.is_none() {
            settings.delivery.idempotence = Idempotence::Off;
        }
        let mut cluster = Cluster::new(&settings, now);
        cluster.described = self.described.map(|moment| at(now, moment));
        cluster.is_stale = self.is_stale;
        cluster.is_asking = self.is_asking;
        cluster.ask_after = at(now, self.ask_after);
        if let Some(until) = self.barred_until {
            cluster.bar(at(now, until));
        }
        if self.identity == Some(true) {
            let identity = ProducerIdentity { id: 1, epoch: 0 };
            cluster.identity.given(identity);
        }
        for (id, state) in (0..).zip(&self.brokers) {
            cluster.meet(id, "a:1", now);
            let broker = cluster.brokers.get_mut(&id).unwrap();
            broker.is_connecting = state.is_connecting;
            broker.connect_after = at(now, state.connect_after);
            broker.paused_until = at(now, state.paused_until);
            broker.connection = match state.connection {
                0 => None,
                1 => Some(connections.ended.clone()),
                _ => Some(connections.open.clone()),
            };
        }
        for (index, state) in (0..).zip(&self.lanes) {
            cluster.lane(index, now, state.leader);
            let lane = cluster.lanes.get_mut(&index).unwrap();
            lane.wait_until = at(now, state.wait_until);
            if state.has_identity {
                lane.identify(ProducerIdentity { id: 1, epoch: 0 });
            }
        }
        cluster
    }
}

/// All that a turn of the producer's loop would do at `time`, but for what it did before.
fn possible(cluster: &Cluster, time: Instant) -> impl PartialEq + std::fmt::Debug + use<> {
    let asks_identity =
        cluster.identity.wants_asking(time) && cluster.any_connection(time).is_some();
    (
        cluster.wants_asking(time),
        cluster.unconnected(time),
        cluster.due_for_replacement(time),
        asks_identity,
        cluster.turns(time),
    )
}

#[tokio::test]
async fn a_connection_that_ended_is_dialled_again_when_the_wait_for_that_is_over() {
    let connections = Connections::new().await;
    let now = Instant::now();
    let later = now + Duration::from_millis(500);
    let mut cluster = Cluster::new(&settings(), now);
    cluster.is_stale = false;
    cluster.meet(0, connections.ended.address(), now);
    cluster.lane(0, now, Some(0));
    let broker = cluster.brokers.get_mut(&0).unwrap();
    broker.connect_after = later;
    broker.connection = Some(connections.ended.clone());
    assert_eq!(cluster.unconnected(now), [0; 0]);
    assert_eq!(cluster.next_change(now), Some(later));
    assert_eq!(cluster.unconnected(later), [0]);
}

#[tokio::test]
async fn a_connection_on_which_the_cluster_was_asked_takes_the_place_of_one_that_ended() {
    let connections = Connections::new().await;
    let now = Instant::now();
    let mut cluster = Cluster::new(&settings(), now);
    cluster.meet(0, connections.open.address(), now);
    let broker = cluster.brokers.get_mut(&0).unwrap();
    broker.connect_after = now + broker.backoff.next();
    broker.connection = Some(connections.ended.clone());
    cluster.keep(connections.open.clone(), now);
    let broker = &cluster.brokers[&0];
    assert!(broker.usable(now).unwrap().is_same(&connections.open));
    assert_eq!((broker.connect_after, broker.backoff.failures()), (now, 0));
}

#[tokio::test]
async fn who_asked_for_a_pause_gets_it_and_is_asked_last() {
    let connections = Connections::new().await;
    let now = Instant::now();
    let until = |seconds| now + Duration::from_secs(seconds);
    let mut cluster = Cluster::new(&settings(), now);
    for id in 0..2 {
        cluster.meet(id, connections.open.address(), now);
    }
    assert!(cluster.any_connection(now).is_none());
    cluster.connected(0, connections.open.clone(), now);
    let first = cluster.brokers.get_mut(&0).unwrap();
    first.pause(until(9));
    first.pause(until(1));
    assert!(first.usable(until(8)).is_none(), "the longer pause holds");
    assert!(first.usable(until(9)).is_some());
    assert!(cluster.any_connection(now).is_some(), "better than none");
    let other = Connection::open(
        connections.open.address(),
        "test",
        &std::sync::Arc::default(),
        LONG,
    )
    .await
    .unwrap();
    cluster.connected(1, other.clone(), now);
    assert!(cluster.any_connection(now).unwrap().is_same(&other));
}

#[test]
fn nothing_becomes_possible_before_the_moment_that_is_waited_for() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let connections = runtime.block_on(Connections::new());
    let _context = runtime.enter();
    proptest!(ProptestConfig::with_cases(3000), |(state in state())| {
        let now = Instant::now();
        let cluster = state.build(&connections, now);
        let done = possible(&cluster, now);
        let change = cluster.next_change(now);
        for millis in 0..1100 {
            let time = at(now, millis);
            if change.is_some_and(|change| change <= time) {
                break;
            }
            prop_assert_eq!(&possible(&cluster, time), &done, "after {} ms", millis);
        }
    });
}

#[test]
fn brokers_known_and_bootstrap_servers_take_turns_and_each_is_named_once() {
    let now = Instant::now();
    let mut cluster = Cluster::new(&settings(), now);
    assert_eq!(cluster.addresses(now), ["a:1", "b:2"]);
    for (id, address) in [(1, "c:3"), (2, "b:2"), (3, "d:4")] {
        cluster.meet(id, address, now);
    }
    assert_eq!(cluster.addresses(now), ["c:3", "a:1", "b:2", "d:4"]);
    cluster.tried(3);
    assert_eq!(cluster.addresses(now), ["d:4", "c:3", "a:1", "b:2"]);
    cluster.tried(0);
    assert_eq!(cluster.addresses(now), ["c:3", "a:1", "b:2", "d:4"]);
    cluster.bar(now + LONG);
    assert_eq!(cluster.addresses(now), [""; 0]);
}

#[test]
fn a_partition_whose_epochs_are_used_up_is_given_an_id_at_once() {
    let now = Instant::now();
    let mut cluster = Cluster::new(&settings(), now);
    cluster.lane(0, now, Some(0));
    cluster.identity.given(ProducerIdentity { id: 1, epoch: 0 });
    assert_eq!(cluster.next_change(now), Some(now));
    cluster.identify_lanes();
    assert_ne!(cluster.next_change(now), Some(now));
}
