//! F11 to F13 and F19 to F21: leaders that move, replicas that are missing, quotas, names and
//! addresses that lead nowhere, disks that are full.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Health;
use tracing_kafka::KafkaLayer;
use tracing_kafka::OverflowPolicy;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;

use crate::harness::BlackHole;
use crate::harness::Rig;
use crate::harness::Stop;
use crate::harness::at_once;
use crate::harness::closed_port;
use crate::proxy::Proxy;
use crate::proxy::Way;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::wait_until;

fn nodes(count: usize, failover: bool) -> TestBroker {
    let broker = TestBroker::builder()
        .nodes(count)
        .failover(failover)
        .start_blocking()
        .unwrap();
    broker.create_topic(TOPIC, 3);
    broker
}

/// F11, mode B. With replicas and elections of its own a cluster is in `compose/`.
#[test]
fn f11_leaders_that_move_and_nodes_that_die_in_turn_cost_nothing() {
    for max_in_flight in [1, 5] {
        let broker = nodes(3, true);
        let rig = Rig::new(
            kafka(&broker)
                .max_in_flight(max_in_flight)
                .batch_size(2_000)
                .overflow(OverflowPolicy::Block { max_wait: LONG }),
        );
        let stop = AtomicBool::new(false);
        let next = AtomicU32::new(0);
        std::thread::scope(|scope| {
            let _stop = Stop(&stop);
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let from = next.fetch_add(50, Ordering::Relaxed);
                    rig.log(from..from + 50);
                    std::thread::park_timeout(Duration::from_millis(1));
                }
            });
            for node in [0, 1, 2, 0, 1, 2] {
                for partition in 0..3 {
                    broker.set_leader(TOPIC, partition, Some((node + partition) % 3));
                }
                let before = rig.stats().delivered;
                wait_until("deliveries", || rig.stats().delivered > before + 300);
                broker.down(node);
                let before = rig.stats().delivered;
                wait_until("deliveries", || rig.stats().delivered > before + 300);
                broker.up(node).unwrap();
            }
        });
        rig.end_exactly(&broker);
    }
}

/// F12: as long as it takes, and not in a hurry. The leader may have the batch (20) or not (19).
#[test]
fn f12_missing_replicas_are_waited_for() {
    at_once([Fault::Error(19), Fault::AppendThenError(20)], |fault| {
        let broker = broker();
        let rig = Rig::new(kafka(&broker));
        rig.log(0..100);
        rig.flush();
        let before = broker.requests(Api::Produce);
        broker.fault_always(Api::Produce, fault);
        rig.log(100..200);
        rig.wait_for(Health::Retrying);
        assert!(rig.guard.flush(Duration::from_millis(1_500)).is_err());
        let attempts = broker.requests(Api::Produce) - before;
        // After 50 to 100, 100 to 200, 200 to 400 ms and so on, by each of three partitions.
        assert!((2..=20).contains(&attempts), "{attempts} attempts");
        broker.clear_faults();
        let stats = rig.end_exactly(&broker);
        assert_eq!(stats.delivered, 200);
    });
}

/// F13: an answer with a throttle is a success, and the pause is kept. A quota is in `compose/`.
#[test]
fn f13_a_throttled_batch_is_written_once_and_the_next_one_waits() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    let pause = Duration::from_millis(250);
    broker.fault_times(Api::Produce, &Fault::Throttle(pause), 5);
    let rig = Rig::new(kafka(&broker).max_in_flight(5).batch_size(2_000));
    let start = Instant::now();
    for round in 0..6 {
        rig.log(round * 100..(round + 1) * 100);
        rig.flush();
    }
    let took = start.elapsed();
    assert!(took >= 5 * pause, "paused for {took:?} only");
    assert_eq!(broker.pending_faults(Api::Produce), 0);
    let batches = broker.batches(TOPIC, 0).len() as u64;
    assert_eq!(broker.requests(Api::Produce), batches, "sent again");
    assert_eq!(broker.connections(), 1, "waited for on the connection");
    assert_eq!(rig.errors(), [""; 0]);
    rig.end_exactly(&broker);
}

/// F19: a name that means nothing, before one that does.
#[test]
fn f19_a_bootstrap_server_without_an_address_is_left_for_the_next_one() {
    let broker = broker();
    let servers = ["no-such-host.invalid:9092".to_owned(), broker.bootstrap()];
    let rig = Rig::new(
        KafkaLayer::builder(servers, TOPIC)
            .layout(pattern("%m"))
            .connect_timeout(Duration::from_secs(5)),
    );
    rig.log(0..100);
    let stats = rig.end_exactly(&broker);
    assert_eq!(stats.delivered, 100);
}

/// F19: the broker is somewhere else from one moment to the next.
#[test]
fn f19_a_broker_that_moves_to_another_address_is_found_there() {
    let broker = broker();
    let first = Proxy::new(&broker, 19, |_| <(Way, Way)>::default());
    let rig = Rig::new(kafka(&broker));
    rig.log(0..100);
    rig.flush();
    drop(first);
    let second = Proxy::new(&broker, 19, |_| <(Way, Way)>::default());
    rig.log(100..200);
    let stats = rig.end_exactly(&broker);
    assert_eq!(stats.delivered, 200);
    drop(second);
}

/// F20: until another node leads, what that one refuses is sent to it again.
#[test]
fn f20_a_node_whose_disk_failed_is_tried_again_until_another_one_leads() {
    let broker = TestBroker::builder().nodes(2).start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    broker.on(Api::Produce, |request| {
        (request.node == 0).then_some(Fault::Error(56))
    });
    let rig = Rig::new(kafka(&broker));
    rig.log(0..100);
    wait_until("attempts", || broker.requests(Api::Produce) >= 3);
    assert_eq!(broker.count(TOPIC), 0);
    let errors = rig.errors();
    let named = errors.iter().any(|text| text.contains("KAFKA_STORAGE"));
    assert!(named, "{errors:?}");
    broker.set_leader(TOPIC, 0, Some(1));
    let stats = rig.end_exactly(&broker);
    assert_eq!(stats.delivered, 100);
}

/// F21: the cluster answers and names an address that is of no use.
#[test]
fn f21_an_advertised_address_that_cannot_be_reached_is_named_and_not_hammered() {
    let hole = BlackHole::new();
    at_once([closed_port(), hole.address.port()], |port| {
        let broker = broker();
        broker.advertise(0, Some(("127.0.0.1", port)));
        let rig = Rig::new(kafka(&broker).connect_timeout(Duration::from_millis(400)));
        rig.log(0..100);
        rig.wait_for(Health::Retrying);
        assert!(rig.guard.flush(Duration::from_secs(2)).is_err());
        let errors = rig.errors();
        let address = format!("`127.0.0.1:{port}`");
        assert!(errors.iter().all(|e| e.contains(&address)), "{errors:?}");
        assert!((2..=20).contains(&errors.len()), "{errors:?}");
        let asked = broker.requests(Api::Metadata);
        assert!(asked <= 20, "asked {asked} times");
        assert_eq!(rig.stats().queued, 100, "nothing was sent");
        broker.advertise(0, None);
        let stats = rig.end_exactly(&broker);
        assert_eq!(stats.delivered, 100);
    });
}
