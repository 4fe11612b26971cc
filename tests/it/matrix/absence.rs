//! F1 to F5: no broker, one that dies, freezes or stays away, and addresses that lead nowhere.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Compression;
use tracing_kafka::DropReason;
use tracing_kafka::Health;
use tracing_kafka::KafkaLayer;
use tracing_kafka::OverflowPolicy;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;

use crate::harness::BlackHole;
use crate::harness::Rig;
use crate::harness::Stop;
use crate::harness::Tally;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;
use crate::support::wait_until;

const BUFFER: usize = 256 * 1024;

/// F1, mode A.
#[test]
fn f1_a_broker_absent_at_the_start_costs_low_levels_and_is_found_soon_after_it_comes() {
    let broker = broker();
    broker.down_all();
    let builds = (0..5).map(|_| {
        let start = Instant::now();
        let _built = kafka(&broker).build().unwrap();
        start.elapsed()
    });
    let fastest = builds.min().unwrap();
    assert!(fastest < Duration::from_millis(50), "took {fastest:?}");
    let rig = Rig::new(
        kafka(&broker)
            .batch_size(16 * 1024)
            .buffer_memory(BUFFER)
            .compression(Compression::None),
    );
    let text = "x".repeat(100);
    rig.with(|| {
        for number in 0..5_000 {
            tracing::debug!("debug {number} {text}");
        }
        for number in 0..100 {
            tracing::error!("error {number} {text}");
        }
    });
    let full = rig.stats().dropped.get(DropReason::QueueFull);
    assert!(full > 2_000, "{full} of 5000 debug events");
    rig.wait_for(Health::Retrying);
    broker.up_all().unwrap();
    let start = Instant::now();
    wait_until("a delivery", || rig.stats().delivered > 0);
    assert!(start.elapsed() < Duration::from_secs(11), "reconnect");
    let stats = rig.end();
    assert_eq!(stats.dropped.total(), full, "{stats}");
    let read = values(&broker);
    let errors = read.iter().filter(|text| text.starts_with("error"));
    assert_eq!(errors.count(), 100, "what matters is kept");
    let tally = Tally::of(&broker);
    assert_eq!((tally.distinct, tally.copies), (stats.delivered, 0));
}

/// F1, mode B.
#[test]
fn f1_a_caller_waits_for_an_absent_broker_no_longer_than_it_agreed_to() {
    let broker = broker();
    broker.down_all();
    let max_wait = Duration::from_millis(200);
    let rig = Rig::new(
        kafka(&broker)
            .batch_size(16 * 1024)
            .buffer_memory(64 * 1024)
            .compression(Compression::None)
            .overflow(OverflowPolicy::Block { max_wait }),
    );
    let mut slowest = Duration::ZERO;
    let mut number = 0;
    rig.with(|| {
        while rig.stats().dropped.get(DropReason::BlockTimeout) < 3 {
            assert!(number < 10_000, "the buffer has no end");
            let start = Instant::now();
            tracing::info!("{number} {}", "x".repeat(400));
            slowest = slowest.max(start.elapsed());
            number += 1;
        }
    });
    assert!(slowest >= max_wait, "nobody waited");
    assert!(slowest < max_wait + Duration::from_secs(1), "{slowest:?}");
    broker.up_all().unwrap();
    let stats = rig.end();
    assert_eq!(stats.offered, number);
    assert_eq!(stats.dropped.total(), 3, "{stats}");
    let tally = Tally::of(&broker);
    assert_eq!((tally.distinct, tally.copies), (stats.delivered, 0));
}

/// F2, mode B: nothing is lost, and the batches that were under way are recognised.
#[test]
fn f2_a_broker_that_dies_and_comes_back_costs_nothing() {
    let broker = broker();
    let rig = Rig::new(kafka(&broker).overflow(OverflowPolicy::Block { max_wait: LONG }));
    let stop = AtomicBool::new(false);
    let next = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..2 {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let from = next.fetch_add(20, Ordering::Relaxed);
                    rig.log(from..from + 20);
                    std::thread::park_timeout(Duration::from_millis(1));
                }
            });
        }
        for _ in 0..5 {
            let before = rig.stats().delivered;
            wait_until("deliveries", || rig.stats().delivered > before + 200);
            broker.down_all();
            wait_until("the trouble", || rig.guard.health() != Health::Healthy);
            broker.up_all().unwrap();
        }
    });
    let stats = rig.end_exactly(&broker);
    assert_eq!(stats.offered, u64::from(next.into_inner()));
}

/// F3: the machine of the broker still takes connections and acknowledges segments.
#[test]
fn f3_a_frozen_broker_is_noticed_by_the_request_timeout_and_costs_nothing() {
    let broker = broker();
    let limit = Duration::from_millis(500);
    let rig = Rig::new(kafka(&broker).request_timeout(limit).connect_timeout(limit));
    rig.log(0..100);
    rig.flush();
    for api in [Api::Connect, Api::Produce, Api::Metadata] {
        broker.fault_always(api, Fault::Freeze);
    }
    let start = Instant::now();
    rig.log(100..200);
    assert!(start.elapsed() < limit, "a caller noticed");
    rig.wait_for(Health::Retrying);
    let took = start.elapsed();
    assert!(took >= limit, "noticed after {took:?}");
    assert!(took < limit + Duration::from_secs(3), "took {took:?}");
    rig.log(200..1_000);
    wait_until("another connection", || broker.requests(Api::Connect) > 3);
    broker.clear_faults();
    let stats = rig.end_exactly(&broker);
    assert_eq!(stats.delivered, 1_000);
}

/// F3: after the freeze the broker carries out what it got before it.
#[test]
fn f3_what_a_broker_appends_late_is_no_copy() {
    let broker = broker();
    let late = Fault::Stall(Duration::from_millis(900));
    broker.fault_times(Api::Produce, &late, 4);
    let rig = Rig::new(kafka(&broker).request_timeout(Duration::from_millis(300)));
    for round in 0..10 {
        rig.log(round * 50..(round + 1) * 50);
        rig.flush();
    }
    wait_until("the late ones", || broker.pending_faults(Api::Produce) == 0);
    let stats = rig.end_exactly(&broker);
    assert_eq!(stats.delivered, 500);
}

/// F4, mode A: the lower the level, the earlier it has no room.
#[test]
fn f4_an_outage_of_ten_buffers_sheds_the_newest_and_low_levels_first() {
    let broker = broker();
    broker.down_all();
    let rig = Rig::new(
        kafka(&broker)
            .layout(pattern("%p %m"))
            .batch_size(16 * 1024)
            .buffer_memory(BUFFER)
            .compression(Compression::None),
    );
    let text = "x".repeat(480);
    let offered = 10 * BUFFER / 500;
    rig.with(|| {
        for number in 0..offered {
            match number % 4 {
                0 | 1 => tracing::debug!("{number} {text}"),
                2 => tracing::info!("{number} {text}"),
                _ => tracing::error!("{number} {text}"),
            }
        }
    });
    assert!(rig.stats().buffer_bytes <= BUFFER as u64);
    broker.up_all().unwrap();
    let stats = rig.end();
    assert_eq!(stats.offered, offered as u64);
    assert_eq!(
        stats.dropped.total(),
        stats.dropped.get(DropReason::QueueFull)
    );
    let mut last: BTreeMap<String, usize> = BTreeMap::new();
    for text in values(&broker) {
        let mut words = text.split(' ');
        let level = words.next().unwrap().to_owned();
        let number: usize = words.next().unwrap().parse().unwrap();
        let newest = last.entry(level).or_default();
        *newest = number.max(*newest);
    }
    assert!(last["DEBUG"] < last["INFO"], "{last:?}");
    assert!(last["INFO"] < last["ERROR"], "{last:?}");
    let tally = Tally::of(&broker);
    assert_eq!((tally.distinct, tally.copies), (stats.delivered, 0));
}

/// F4, mode B: an outage that is shorter than the callers' patience loses nothing.
#[test]
fn f4_callers_that_wait_lose_nothing_in_an_outage_of_ten_buffers() {
    let broker = broker();
    broker.down_all();
    let rig = Rig::new(
        kafka(&broker)
            .batch_size(16 * 1024)
            .buffer_memory(BUFFER)
            .compression(Compression::None)
            .overflow(OverflowPolicy::Block { max_wait: LONG }),
    );
    let text = "x".repeat(480);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            rig.with(|| {
                for number in 0..10 * BUFFER / 500 {
                    tracing::info!("{number} {text}");
                }
            });
        });
        wait_until("a full buffer", || {
            rig.stats().buffer_bytes > BUFFER as u64 / 2
        });
        broker.up_all().unwrap();
    });
    rig.end_exactly(&broker);
}

/// F5.
#[test]
fn f5_an_address_that_swallows_connections_is_left_for_the_next_one() {
    let hole = BlackHole::new();
    let broker = broker();
    let servers = [hole.address.to_string(), broker.bootstrap()];
    let limit = Duration::from_millis(700);
    let rig = Rig::new(
        KafkaLayer::builder(servers, TOPIC)
            .layout(pattern("%m"))
            .connect_timeout(limit),
    );
    let start = Instant::now();
    rig.log(0..100);
    rig.flush();
    assert!(start.elapsed() >= limit, "the hole was not tried");
    assert!(start.elapsed() < Duration::from_secs(10));
    let stats = rig.end_exactly(&broker);
    assert_eq!(stats.delivered, 100);
}
