//! The Kafka layer while a real Apache Kafka has trouble: nothing is lost, doubled or out of order.
//!
//! Runs as `tests/real_kafka.rs` does, and needs `KAFKA_LOCAL`: `compose/kafka-local run 1` for the
//! tests on one node, `run 3` for those that need another node to take over. Each has three
//! partitions and four threads, half of whose events carry a key.
#![cfg(test)]

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Compression;
use tracing_kafka::DropReason;
use tracing_kafka::KafkaLayer;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::PatternLayout;

use cluster::Kafka;
use cluster::wait_until;
use evidence::assert_all_delivered;
use evidence::assert_exactly;
use evidence::assert_whole_by_headers;
use forwarder::Forwarder;
use load::Pace;
use load::STEADY;
use load::Scene;
use load::under_load;

#[path = "real_kafka/cluster.rs"]
#[expect(dead_code, reason = "the other tests need the rest")]
mod cluster;
#[path = "real_kafka/evidence.rs"]
mod evidence;
#[path = "real_kafka/forwarder.rs"]
mod forwarder;
#[path = "real_kafka/load.rs"]
#[expect(dead_code, reason = "the other tests need the rest")]
mod load;
#[path = "real_kafka/nodes.rs"]
mod nodes;

const PARTITIONS: i32 = 3;
const REQUEST_TIMEOUT: Duration = Duration::from_millis(2500);

fn layer(kafka: &Kafka, topic: &str, max_in_flight: usize) -> KafkaLayerBuilder {
    KafkaLayer::builder(kafka.servers().split(','), topic)
        .layout(PatternLayout::new("%m").unwrap())
        .key(PatternLayout::new("%X{key}").unwrap())
        .sequence_headers(true)
        .linger(Duration::from_millis(5))
        .max_in_flight(max_in_flight)
        .buffer_memory(256 * 1024 * 1024)
        .client_id(topic)
}

/// The same with limits that notice a silent broker soon.
fn impatient(kafka: &Kafka, topic: &str, max_in_flight: usize) -> KafkaLayerBuilder {
    layer(kafka, topic, max_in_flight)
        .request_timeout(REQUEST_TIMEOUT)
        .connect_timeout(Duration::from_secs(2))
}

/// Loads the topic of a new layer, lets `fault` happen, and finds each event exactly once.
fn survives(kafka: &Kafka, topic: &str, max_in_flight: usize, fault: impl FnOnce(&Scene<'_>)) {
    survives_as(impatient(kafka, topic, max_in_flight), kafka, topic, fault);
}

/// The same for a layer that the test made.
fn survives_as(
    builder: KafkaLayerBuilder,
    kafka: &Kafka,
    topic: &str,
    fault: impl FnOnce(&Scene<'_>),
) {
    let start = Instant::now();
    let (logged, report) = under_load(builder, STEADY, |scene| {
        scene.wait_delivered("a first load", 2_000);
        fault(scene);
        scene.wait_delivered("a load after it", 2_000);
    });
    let took = start.elapsed();
    assert_all_delivered(&report, &logged);
    let records = kafka.read(topic);
    assert_exactly(&records, &logged, 3);
    assert_whole_by_headers(&records);
    kafka.check_with_kcat(topic, &records);
    println!("loaded for {took:.1?}, {:.1?} in all", start.elapsed());
}

#[test]
fn leaders_that_are_killed_cost_and_double_nothing() {
    leaders_are_killed("three nodes, leaders killed, 1 in flight", 1);
}

#[test]
fn leaders_that_are_killed_cost_and_double_nothing_with_five_batches_in_flight() {
    leaders_are_killed("three nodes, leaders killed, 5 in flight", 5);
}

fn leaders_are_killed(name: &str, max_in_flight: usize) {
    let Some(mut kafka) = Kafka::find_three(name) else {
        return;
    };
    let topic = kafka.replicated_topic(PARTITIONS);
    survives(&kafka, &topic, max_in_flight, |scene| {
        for partition in [0, 1] {
            let leader = kafka.leader(&topic, partition);
            let killed = kafka.kill(leader);
            scene.say("killed");
            kafka.wait_for_another_leader(&topic, partition, leader);
            scene.say("another leads");
            // All of it, by those who are left.
            scene.flush();
            scene.say("flushed");
            killed.revive();
            scene.say("revived");
            kafka.wait_in_sync(&topic, PARTITIONS);
            scene.say("in sync");
        }
    });
}

#[test]
fn a_leader_that_is_shut_down_costs_and_doubles_nothing() {
    let Some(mut kafka) = Kafka::find_three("three nodes, a leader shut down") else {
        return;
    };
    let topic = kafka.replicated_topic(PARTITIONS);
    survives(&kafka, &topic, 1, |scene| {
        let leader = kafka.leader(&topic, 0);
        let stopped = kafka.stop_cleanly(leader);
        kafka.wait_for_another_leader(&topic, 0, leader);
        scene.say("another leads");
        scene.flush();
        scene.say("flushed");
        stopped.revive();
        kafka.wait_in_sync(&topic, PARTITIONS);
        scene.say("in sync");
    });
}

#[test]
fn a_leader_that_freezes_costs_and_doubles_nothing() {
    a_leader_freezes("three nodes, a leader frozen, 1 in flight", 1);
}

#[test]
fn a_leader_that_freezes_costs_and_doubles_nothing_with_five_batches_in_flight() {
    a_leader_freezes("three nodes, a leader frozen, 5 in flight", 5);
}

fn a_leader_freezes(name: &str, max_in_flight: usize) {
    let Some(mut kafka) = Kafka::find_three(name) else {
        return;
    };
    let topic = kafka.replicated_topic(PARTITIONS);
    survives(&kafka, &topic, max_in_flight, |scene| {
        let leader = kafka.leader(&topic, 0);
        let start = Instant::now();
        let frozen = kafka.freeze(leader);
        scene.wait_for_failure();
        kafka.wait_for_another_leader(&topic, 0, leader);
        scene.flush();
        let time = start.elapsed();
        assert!(time > REQUEST_TIMEOUT, "frozen for {time:?} only");
        scene.say("flushed while it is frozen");
        frozen.thaw();
        kafka.wait_in_sync(&topic, PARTITIONS);
        scene.say("thawed and in sync");
    });
}

#[test]
fn too_few_replicas_in_sync_cost_and_double_nothing() {
    too_few_in_sync("three nodes, too few in sync, 1 in flight", 1);
}

#[test]
fn too_few_replicas_in_sync_cost_and_double_nothing_with_five_batches_in_flight() {
    too_few_in_sync("three nodes, too few in sync, 5 in flight", 5);
}

fn too_few_in_sync(name: &str, max_in_flight: usize) {
    let Some(mut kafka) = Kafka::find_three(name) else {
        return;
    };
    let topic = kafka.replicated_topic(PARTITIONS);
    kafka.set_topic(&topic, "min.insync.replicas=3");
    let refused = Arc::new(AtomicBool::new(false));
    let is_refused = Arc::clone(&refused);
    let builder = impatient(&kafka, &topic, max_in_flight).on_error(move |error| {
        if error.to_string().contains("NOT_ENOUGH_REPLICAS") {
            is_refused.store(true, Ordering::Relaxed);
        }
    });
    survives_as(builder, &kafka, &topic, |scene| {
        let leader = kafka.leader(&topic, 0);
        let killed = kafka.kill(leader);
        kafka.wait_for_another_leader(&topic, 0, leader);
        wait_until("too few in sync", || refused.load(Ordering::Relaxed));
        scene.say("refused");
        scene.wait_offered("events that nobody takes", 2_000);
        killed.revive();
        kafka.wait_in_sync(&topic, PARTITIONS);
        scene.say("in sync");
        scene.flush();
        scene.say("flushed");
    });
}

#[test]
fn the_only_node_that_is_killed_costs_and_doubles_nothing() {
    the_only_node_is_killed("one node, killed, 1 in flight", 1);
}

#[test]
fn the_only_node_that_is_killed_costs_and_doubles_nothing_with_five_batches_in_flight() {
    the_only_node_is_killed("one node, killed, 5 in flight", 5);
}

fn the_only_node_is_killed(name: &str, max_in_flight: usize) {
    let Some(mut kafka) = Kafka::find_local(name) else {
        return;
    };
    let topic = kafka.replicated_topic(PARTITIONS);
    let forwarder = Forwarder::to(kafka.servers());
    survives(&kafka, &topic, max_in_flight, |scene| {
        let killed = kafka.kill(1);
        scene.wait_for_failure();
        scene.wait_offered("events while it is away", 2_000);
        let advertised = kafka.advertise(&forwarder.address);
        killed.revive();
        scene.say("revived");
        scene.flush();
        scene.say("flushed");
        scene.wait_delivered("a load between", 2_000);
        let unheard = || {
            let stats = scene.guard.stats();
            let on_disk = kafka.on_disk(&topic, PARTITIONS);
            (on_disk.saturating_sub(stats.delivered), stats)
        };
        lose_answers(&forwarder, scene, || {
            let (unheard, stats) = unheard();
            unheard > 0 && unheard == stats.in_flight
        });
        // When it comes back it remembers the last batch of a producer only.
        let killed = kafka.kill(1);
        drop(advertised);
        forwarder.lose_answers(false);
        let (unheard, before) = unheard();
        assert_eq!(unheard, before.in_flight, "{before}");
        killed.revive();
        scene.say("its answers lost, killed and revived");
        scene.flush();
        scene.say("flushed");
        let avoided = scene.guard.stats().duplicates_avoided - before.duplicates_avoided;
        println!("{avoided} of {unheard} records that nobody had heard of were recognised");
        if max_in_flight == 1 {
            assert_eq!(avoided, unheard);
        } else {
            // The last of several says of those before it that they were appended.
            assert!(avoided > 0 && avoided < unheard);
        }
    });
}

/// Loses answers until `is_appended` says that all that is in flight was appended: as nobody hears of
/// that, its outcome is unknown.
fn lose_answers(forwarder: &Forwarder, scene: &Scene<'_>, is_appended: impl Fn() -> bool) {
    for _ in 0..5 {
        // The client must be on that way; it may still have a connection to the other address.
        let before = forwarder.answers();
        wait_until("answers", || forwarder.answers() > before + 50);
        forwarder.lose_answers(true);
        scene.wait_for_failure();
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if is_appended() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        scene.say("something is in flight that the node does not have");
        forwarder.lose_answers(false);
        scene.flush();
    }
    panic!("something was always in flight that the node did not have");
}

#[test]
fn a_quota_in_bytes_slows_down_and_doubles_nothing() {
    limited_in_bytes("a quota in bytes a second, 1 in flight", 1);
}

#[test]
fn a_quota_in_bytes_slows_down_and_doubles_nothing_with_five_batches_in_flight() {
    limited_in_bytes("a quota in bytes a second, 5 in flight", 5);
}

fn limited_in_bytes(name: &str, max_in_flight: usize) {
    const RATE: u32 = 100_000;
    const EVENTS: usize = 1_100;
    /// What a record takes on the wire, about, its headers and its share of the batch included.
    const RECORD: u32 = 630;
    let Some(mut kafka) = Kafka::find_local(name) else {
        return;
    };
    let topic = kafka.replicated_topic(PARTITIONS);
    let quota = kafka.limit_client(&topic, &format!("producer_byte_rate={RATE}"));
    let builder = layer(&kafka, &topic, max_in_flight)
        .compression(Compression::None)
        // A broker looks at ten seconds; smaller requests make it look closely.
        .batch_size(50_000)
        .max_request_size(50_000);
    let pace = Pace {
        burst: 50,
        padding: 500,
        events: Some(EVENTS),
    };
    let start = Instant::now();
    let (logged, report) = under_load(builder, pace, |scene| {
        scene.wait_offered("the first of them", 1);
    });
    let took = start.elapsed();
    drop(quota);
    assert_all_delivered(&report, &logged);
    assert_eq!(report.stats.duplicates_avoided, 0, "sent again: {report}");
    let records = kafka.read(&topic);
    assert_exactly(&records, &logged, 3);
    assert_whole_by_headers(&records);
    // The first ten seconds' worth passes at once.
    let bytes = u32::try_from(logged.total()).unwrap() * RECORD;
    let due = Duration::from_secs(u64::from(bytes / RATE) - 10);
    println!("{bytes} bytes in {took:.1?}; by the quota {due:?}");
    assert!(took > due / 2, "the quota was not in force");
    assert!(took < due * 2, "slower than the quota");
}

#[test]
fn a_quota_that_throttles_every_request_is_lived_with() {
    limited_in_time("a quota in time, 1 in flight", 1, 4);
}

#[test]
fn a_quota_that_throttles_every_request_is_lived_with_with_five_batches_in_flight() {
    limited_in_time("a quota in time, 5 in flight", 5, 2);
}

fn limited_in_time(name: &str, max_in_flight: usize, rounds: u32) {
    let Some(mut kafka) = Kafka::find_local(name) else {
        return;
    };
    let topic = kafka.replicated_topic(PARTITIONS);
    let quota = kafka.limit_client(&topic, "request_percentage=0.01");
    let start = Instant::now();
    let (logged, report) = under_load(layer(&kafka, &topic, max_in_flight), STEADY, |scene| {
        for _ in 0..rounds {
            scene.wait_offered("something to deliver", 100);
            scene.flush();
        }
    });
    let took = start.elapsed();
    drop(quota);
    assert_all_delivered(&report, &logged);
    assert_eq!(report.stats.duplicates_avoided, 0, "sent again: {report}");
    let records = kafka.read(&topic);
    assert_exactly(&records, &logged, 3);
    assert_whole_by_headers(&records);
    // Each answer costs a second.
    println!("{rounds} rounds in {took:.1?}");
    assert!(
        took > Duration::from_secs(1) * rounds,
        "the quota was not in force"
    );
}

#[test]
fn a_limit_of_the_topic_that_falls_and_rises_loses_nothing() {
    limit_falls_and_rises("a limit that falls and rises, 1 in flight", 1);
}

#[test]
fn a_limit_of_the_topic_that_falls_and_rises_loses_nothing_with_five_batches_in_flight() {
    limit_falls_and_rises("a limit that falls and rises, 5 in flight", 5);
}

fn limit_falls_and_rises(name: &str, max_in_flight: usize) {
    const LIMIT: usize = 20_000;
    const TOO_LARGE: u64 = 5;
    let Some(mut kafka) = Kafka::find_local(name) else {
        return;
    };
    let topic = kafka.replicated_topic(PARTITIONS);
    let builder = layer(&kafka, &topic, max_in_flight)
        .compression(Compression::None)
        .linger(Duration::from_millis(50))
        .on_error(|_| {});
    let pace = Pace {
        burst: 10,
        padding: 200,
        events: None,
    };
    let large = "large ".repeat(LIMIT / 3);
    let log_large = |scene: &Scene<'_>| {
        tracing::dispatcher::with_default(scene.dispatch, || {
            for _ in 0..TOO_LARGE {
                tracing::info!("{large}");
            }
        });
        scene.flush();
        scene.guard.stats().dropped.get(DropReason::TooLarge)
    };
    let (logged, report) = under_load(builder, pace, |scene| {
        scene.wait_delivered("a first load", 10_000);
        assert_eq!(log_large(scene), 0, "nothing is too large yet");
        kafka.set_topic(&topic, &format!("max.message.bytes={LIMIT}"));
        scene.wait_delivered("a load in small batches", 10_000);
        assert_eq!(log_large(scene), TOO_LARGE);
        scene.wait_delivered("a load after refusals", 3_000);
        kafka.set_topic(&topic, "max.message.bytes=1048588");
        assert_eq!(log_large(scene), TOO_LARGE, "the limit was raised again");
        scene.wait_delivered("a last load", 3_000);
    });
    let calls = u64::try_from(logged.total()).unwrap();
    let stats = &report.stats;
    assert_eq!(stats.offered, calls + 3 * TOO_LARGE, "{report}");
    assert_eq!(stats.delivered, calls + 2 * TOO_LARGE, "{report}");
    assert_eq!(stats.dropped.total(), TOO_LARGE, "{report}");
    assert_eq!(stats.possible_duplicates, 0, "{report}");
    assert_eq!(report.unknown, 0, "a refusal is no doubt");
    let (huge, records): (Vec<_>, Vec<_>) = kafka
        .read(&topic)
        .into_iter()
        .partition(|record| record.text() == large);
    assert_eq!(huge.len() as u64, 2 * TOO_LARGE, "large records");
    assert_exactly(&records, &logged, 3);
    let batches = kafka.batches(&topic, 0);
    let is_over = |batch: &&cluster::Batch| batch.size > LIMIT && batch.count > 1;
    let over = batches.iter().filter(is_over).count();
    println!("{over} of {} batches would be too large", batches.len());
    assert!(over > 0, "no batch had to become smaller");
}

#[test]
fn keys_go_where_java_puts_them() {
    const KEYS: usize = 200;
    let Some(mut kafka) = Kafka::find_local("keys beside Java's") else {
        return;
    };
    let partitions = 7;
    let topic = kafka.replicated_topic(partitions);
    let keys: Vec<String> = (0..KEYS)
        .map(|number| format!("{}{number}", "č".repeat(number % 6)))
        .collect();
    let (layer, guard) = layer(&kafka, &topic, 1)
        .key(PatternLayout::new("%m").unwrap())
        .build()
        .unwrap();
    let subscriber =
        tracing_subscriber::layer::SubscriberExt::with(tracing_subscriber::registry(), layer);
    tracing::subscriber::with_default(subscriber, || {
        for key in &keys {
            tracing::info!("{key}");
        }
    });
    guard.flush(cluster::LONG).unwrap();
    let ours = kafka.places(&topic);
    assert_eq!(ours.len(), KEYS);
    assert_eq!(
        ours,
        kafka.places_by_java(&keys, partitions),
        "ours and Java's"
    );
    if let Some(places) = kafka.places_by_kcat(&keys, partitions) {
        assert_eq!(ours, places, "ours and kcat's");
    }
}
