//! Who leads what: how it is found out, and how often somebody is asked.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;

use crate::harness::Rig;
use crate::support::TOPIC;
use crate::support::broker;
use crate::support::kafka;
use crate::support::wait_until;

/// A layer that delivered something to node 0 of 2, which leads nothing any more; and nobody tells who does
/// unless a Produce answer does, which is of version `newest` at most.
fn moved(newest: i16) -> (TestBroker, Rig) {
    let broker = TestBroker::builder()
        .nodes(2)
        .newest(Api::Produce, Some(newest))
        .start_blocking()
        .unwrap();
    broker.create_topic(TOPIC, 1);
    broker.set_leader(TOPIC, 0, Some(0));
    let rig = Rig::new(kafka(&broker).request_timeout(Duration::from_secs(2)));
    rig.log(0..1);
    rig.flush();
    broker.fault_always(Api::Metadata, Fault::Silence);
    broker.set_leader(TOPIC, 0, Some(1));
    rig.log(1..2);
    (broker, rig)
}

#[test]
fn a_leader_that_a_produce_answer_names_is_followed_without_asking() {
    let (broker, rig) = moved(12);
    rig.flush();
    assert!(broker.requests(Api::Metadata) <= 2, "asked, but not waited");
    assert_eq!(broker.requests(Api::Produce), 3, "to the old, to the new");
    rig.end_exactly(&broker);
}

#[test]
fn a_leader_that_no_answer_names_is_asked_for() {
    let (broker, rig) = moved(9);
    assert!(rig.guard.flush(Duration::from_millis(500)).is_err());
    broker.clear_faults();
    // The connection that is silent has to be given up by its limit.
    wait_until("the other leader", || rig.stats().delivered == 2);
    rig.end_exactly(&broker);
}

#[test]
fn one_asks_for_all_who_want_to_know() {
    const TAKES: Duration = Duration::from_millis(250);
    let broker = broker();
    let short = Duration::from_millis(20);
    let rig = Rig::new(kafka(&broker).retry_backoff(short, short));
    rig.log(0..30);
    rig.flush();
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let kept = Arc::clone(&times);
    broker.on(Api::Metadata, move |_| {
        kept.lock().unwrap().push(Instant::now());
        Some(Fault::Stall(TAKES))
    });
    // Each of the partitions has a reason to ask, again and again; and so has the connection that ends.
    broker.fault_times(Api::Produce, &Fault::Error(6), 12);
    broker.fault(Api::Produce, Fault::Cut);
    rig.log(30..330);
    rig.end_exactly(&broker);
    let times = times.lock().unwrap();
    assert!(times.len() >= 2, "{}", times.len());
    for pair in times.windows(2) {
        let gap = pair[1].duration_since(pair[0]);
        assert!(gap >= TAKES, "two at a time: {gap:?}");
    }
}
