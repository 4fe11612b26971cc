//! A throttle that is longer than a request may take: the broker reads nothing meanwhile, and nothing is wrong.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::DropReason;
use tracing_kafka::Idempotence;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;

use crate::harness::Rig;
use crate::harness::Tally;
use crate::harness::at_once;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::broker;
use crate::support::kafka;
use crate::support::wait_until;

const REQUEST_TIMEOUT: Duration = Duration::from_millis(500);
const THROTTLE: Duration = Duration::from_millis(1500);

fn one_partition() -> TestBroker {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    broker
}

/// A layer on `broker` whose last two requests wait behind one that is answered with `throttle`, all on
/// one connection.
#[track_caller]
fn pipelined(broker: &TestBroker, builder: KafkaLayerBuilder, throttle: Duration) -> Rig {
    let builder = builder.linger(Duration::ZERO);
    let rig = Rig::new(builder.request_timeout(REQUEST_TIMEOUT));
    rig.log(0..1);
    rig.flush();
    broker.fault(Api::Produce, Fault::Delay(Duration::from_millis(200)));
    broker.fault(Api::Produce, Fault::Throttle(throttle));
    // A request for each of the three partitions.
    for number in 1..4 {
        rig.log(number..number + 1);
        wait_until("a request", || {
            let stats = rig.stats();
            stats.in_flight + stats.delivered > u64::from(number)
        });
    }
    rig
}

#[test]
fn requests_behind_a_throttled_one_are_waited_for() {
    at_once([Idempotence::Required, Idempotence::Off], |idempotence| {
        let broker = broker();
        let rig = pipelined(&broker, kafka(&broker).idempotence(idempotence), THROTTLE);
        rig.flush();
        assert_eq!(rig.errors(), [""; 0], "{idempotence:?}");
        assert_eq!(broker.connections(), 1);
        rig.end();
        // What is still on its way there is read before the end is noticed.
        wait_until("the end", || broker.open_connections() == 0);
        let tally = Tally::of(&broker);
        assert_eq!((tally.distinct, tally.copies), (4, 0), "{idempotence:?}");
    });
}

#[test]
fn a_broker_that_throttles_for_ever_costs_the_delivery_timeout_and_no_more() {
    let broker = broker();
    let builder = kafka(&broker).delivery_timeout(Duration::from_secs(2));
    let rig = pipelined(&broker, builder, Duration::from_secs(3600));
    let start = Instant::now();
    rig.flush();
    assert!(start.elapsed() < LONG / 2, "{:?}", start.elapsed());
    let stats = rig.end();
    assert_eq!(stats.dropped.get(DropReason::Deadline), 1, "{stats}");
    assert_eq!(stats.delivered, 3, "{stats}");
}

#[test]
fn who_leads_is_asked_on_a_connection_that_is_muted_without_losing_it() {
    let broker = one_partition();
    let rig = Rig::new(
        kafka(&broker)
            .request_timeout(REQUEST_TIMEOUT)
            .metadata_max_age(Duration::from_millis(100)),
    );
    rig.log(0..1);
    rig.flush();
    broker.fault(Api::Produce, Fault::Throttle(THROTTLE));
    rig.log(1..2);
    rig.flush();
    let throttled = Instant::now();
    wait_until("old metadata", || throttled.elapsed().as_millis() > 150);
    let asked = broker.requests(Api::Metadata);
    rig.log(2..3);
    rig.flush();
    wait_until("metadata", || broker.requests(Api::Metadata) > asked);
    assert_eq!(rig.errors(), [""; 0]);
    assert_eq!(broker.connections(), 1);
    rig.end_exactly(&broker);
}

#[test]
fn who_leads_is_asked_where_nothing_is_muted() {
    let broker = TestBroker::builder().nodes(2).start_blocking().unwrap();
    broker.create_topic(TOPIC, 2);
    let rig = Rig::new(kafka(&broker).metadata_max_age(Duration::from_millis(100)));
    let is_throttled = Arc::new(AtomicBool::new(false));
    let was_throttled = Arc::clone(&is_throttled);
    broker.on(Api::Produce, move |request| {
        let is_first = request.node == 0 && !was_throttled.swap(true, Ordering::Relaxed);
        is_first.then_some(Fault::Throttle(LONG))
    });
    // Each partition gets its turns, so both nodes are connected and node 0 reads nothing in the end.
    let mut number = 0;
    wait_until("a throttle", || {
        number += 1;
        rig.log(number..number + 1);
        rig.flush();
        is_throttled.load(Ordering::Relaxed) && broker.open_connections() == 2
    });
    let throttled = Instant::now();
    wait_until("old metadata", || throttled.elapsed().as_millis() > 150);
    let asked = broker.requests(Api::Metadata);
    rig.log(0..1);
    wait_until("metadata", || broker.requests(Api::Metadata) > asked);
    assert!(throttled.elapsed() < LONG / 6, "{:?}", throttled.elapsed());
}
