//! F6 to F10: connections that are cut, slow or late, answers that get lost or are none.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Compression;
use tracing_kafka::DropReason;
use tracing_kafka::Idempotence;
use tracing_kafka::OverflowPolicy;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;

use crate::harness::Choices;
use crate::harness::Rig;
use crate::harness::Stop;
use crate::harness::Tally;
use crate::harness::at_once;
use crate::harness::noise;
use crate::proxy::Proxy;
use crate::proxy::Way;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::broker;
use crate::support::kafka;
use crate::support::wait_until;

/// Cut after a number of bytes that lies anywhere in the exchange.
fn anywhere(choices: &mut Choices) -> Way {
    let most = [600, 6_000, 60_000][usize::try_from(choices.below(3)).unwrap()];
    Way {
        cut_after: Some(1 + choices.below(most)),
        ..Way::default()
    }
}

/// F6, mode B.
#[test]
fn f6_connections_cut_at_any_byte_lose_nothing_and_double_nothing() {
    at_once([1, 5], |max_in_flight| {
        let broker = broker();
        let proxy = Proxy::new(&broker, 6, |choices| match choices.below(2) {
            0 => (anywhere(choices), Way::default()),
            _ => (Way::default(), anywhere(choices)),
        });
        let rig = Rig::new(
            kafka(&broker)
                .max_in_flight(max_in_flight)
                .batch_size(4_000)
                .compression(Compression::None)
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
                    std::thread::park_timeout(Duration::from_millis(2));
                }
            });
            let end = Instant::now() + Duration::from_secs(2);
            wait_until("cuts", || {
                Instant::now() > end && proxy.cuts() >= 10 && rig.stats().delivered > 0
            });
        });
        proxy.set(|_| <(Way, Way)>::default());
        println!("{} cuts, {}", proxy.cuts(), rig.stats());
        rig.end_exactly(&broker);
    });
}

/// F7: of each batch whose answer got lost the broker says that it has it.
#[test]
fn f7_lost_answers_double_nothing_and_each_record_sent_again_is_counted() {
    for max_in_flight in [1, 5] {
        let broker = broker();
        let rig = Rig::new(kafka(&broker).max_in_flight(max_in_flight));
        for round in 0..10 {
            broker.fault(Api::Produce, Fault::LostAnswer);
            rig.log(round * 20..(round + 1) * 20);
            rig.flush();
        }
        let stats = rig.end_exactly(&broker);
        assert_eq!(stats.duplicates_avoided, 200, "{max_in_flight} in flight");
    }
}

/// F7 without idempotence: as many copies as were announced.
#[test]
fn f7_without_idempotence_each_lost_answer_is_a_copy_and_is_counted() {
    let broker = broker();
    let rig = Rig::new(kafka(&broker).idempotence(Idempotence::Off));
    for round in 0..10 {
        broker.fault(Api::Produce, Fault::LostAnswer);
        rig.log(round * 20..(round + 1) * 20);
        rig.flush();
    }
    let stats = rig.end();
    let tally = Tally::of(&broker);
    assert_eq!((stats.delivered, tally.distinct), (200, 200));
    assert_eq!((stats.possible_duplicates, tally.copies), (200, 200));
    assert_eq!(stats.duplicates_avoided, 0);
}

/// F8, the behaviour; the memory is in `tests/strangers.rs`.
#[test]
fn f8_answers_that_are_none_end_the_connection_and_are_asked_for_again() {
    let limit = Duration::from_millis(600);
    at_once(
        [
            Api::ApiVersions,
            Api::Metadata,
            Api::InitProducerId,
            Api::Produce,
        ],
        |api| {
            let broker = broker();
            let faults = [
                Fault::HalfAnswer,
                Fault::Garbage,
                Fault::WrongCorrelation,
                Fault::Oversize,
            ];
            for fault in faults {
                broker.fault(api, fault);
            }
            let rig = Rig::new(kafka(&broker).request_timeout(limit).connect_timeout(limit));
            rig.log(0..100);
            rig.flush();
            assert_eq!(broker.pending_faults(api), 0, "{api:?}");
            rig.log(100..200);
            let stats = rig.end_exactly(&broker);
            assert_eq!(stats.delivered, 200, "{api:?}");
        },
    );
}

/// A broker with one partition behind a link that is `way` in both directions.
fn behind(way: Way) -> (TestBroker, Proxy) {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    let proxy = Proxy::new(&broker, 9, move |_| (way, way));
    (broker, proxy)
}

/// F9, mode B: 1 Mbit/s.
#[test]
fn f9_a_slow_link_presses_back_without_timeouts_and_with_whole_batches() {
    let rate = 125_000;
    let (broker, _proxy) = behind(Way {
        bytes_per_second: Some(rate),
        ..Way::default()
    });
    let rig = Rig::new(
        kafka(&broker)
            .batch_size(16 * 1024)
            .buffer_memory(128 * 1024)
            .compression(Compression::None)
            .overflow(OverflowPolicy::Block { max_wait: LONG }),
    );
    let mut choices = Choices::new(9);
    let start = Instant::now();
    rig.with(|| {
        for number in 0..400 {
            tracing::info!("{number} {}", noise(&mut choices, 990));
        }
    });
    assert!(start.elapsed() > Duration::from_secs(1), "no back-pressure");
    rig.flush();
    let took = start.elapsed();
    let goodput = 400_000.0 / took.as_secs_f64();
    assert!(goodput > 0.5 * f64::from(rate), "{goodput} bytes a second");
    assert_eq!(rig.errors(), [""; 0], "no timeout, nothing sent twice");
    let batches = broker.batches(TOPIC, 0);
    assert_eq!(batches.len() as u64, broker.requests(Api::Produce));
    assert!(batches.len() <= 30, "{} batches of 400 kB", batches.len());
    rig.end_exactly(&broker);
}

/// F10, with times a third of those of the row.
#[test]
fn f10_a_late_link_with_stalls_costs_time_only() {
    at_once([1, 5], |max_in_flight| {
        let (broker, _proxy) = behind(Way {
            latency: Duration::from_millis(80),
            jitter: Duration::from_millis(30),
            stall: Duration::from_millis(1_500),
            ..Way::default()
        });
        let rig = Rig::new(
            kafka(&broker)
                .max_in_flight(max_in_flight)
                .batch_size(64 * 1024)
                .compression(Compression::None)
                .request_timeout(Duration::from_secs(20)),
        );
        let mut choices = Choices::new(10);
        rig.log(0..1);
        rig.flush();
        let start = Instant::now();
        rig.with(|| {
            for number in 1..1_000 {
                tracing::info!("{number} {}", noise(&mut choices, 990));
            }
        });
        rig.flush();
        // Less would be below a batch a round trip, stalls included.
        let took = start.elapsed();
        let batches = u32::try_from(broker.batches(TOPIC, 0).len()).unwrap();
        assert!(batches <= 20, "{batches} batches");
        let allowed = Duration::from_millis(220) * batches + Duration::from_secs(8);
        assert!(took < allowed, "{took:?} for {batches} batches");
        assert_eq!(rig.errors(), [""; 0]);
        rig.end_exactly(&broker);
    });
}

/// F9, for longer than the delivery timeout: what is offered is more than the link carries, so that
/// all that is sent is almost too old. As much as the link carries is delivered all the same.
#[test]
fn f9_a_link_that_is_always_too_slow_carries_what_it_can() {
    let (broker, _proxy) = behind(Way {
        bytes_per_second: Some(100_000),
        ..Way::default()
    });
    let rig = Rig::new(
        kafka(&broker)
            .compression(Compression::None)
            .delivery_timeout(Duration::from_secs(2)),
    );
    let mut choices = Choices::new(9);
    let start = Instant::now();
    let mut number = 0_u32;
    let mut at_half = 0;
    let mut round = 0;
    while start.elapsed() < Duration::from_secs(12) {
        // Twice what the link carries.
        rig.with(|| {
            for _ in 0..10 {
                number += 1;
                tracing::error!("{number} {}", noise(&mut choices, 990));
            }
        });
        round += 1;
        std::thread::park_timeout(
            (Duration::from_millis(50) * round).saturating_sub(start.elapsed()),
        );
        if start.elapsed() < Duration::from_secs(6) {
            at_half = rig.stats().delivered;
        }
    }
    let later = rig.stats().delivered - at_half;
    println!("{later} in 6 s; {} connections", broker.connections());
    assert!(later > 400, "{later} in 6 s, of some 600");
    assert!(broker.connections() < 10, "{}", broker.connections());
    let stats = rig.end();
    assert_eq!(stats.offered, u64::from(number), "{stats}");
    let late = stats.dropped.get(DropReason::Deadline);
    assert_eq!(stats.delivered + late, stats.offered, "{stats}");
    // What was given up on its way may have arrived, once.
    let tally = Tally::of(&broker);
    println!("{stats}; {tally:?}");
    assert!(tally.distinct >= stats.delivered, "{stats}, {tally:?}");
    assert_eq!((tally.copies, stats.possible_duplicates), (0, 0), "{stats}");
}
