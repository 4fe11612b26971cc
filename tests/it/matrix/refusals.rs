//! F15, F17 and F18: permissions that are missing, batches that are too large, records that are refused.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Compression;
use tracing_kafka::DropReason;
use tracing_kafka::Health;
use tracing_kafka::Stats;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;

use crate::harness::Rig;
use crate::harness::Tally;
use crate::harness::at_once;
use crate::support::TOPIC;
use crate::support::broker;
use crate::support::kafka;
use crate::support::values;
use crate::support::wait_until;

/// When requests of a kind arrive.
fn times_of(broker: &TestBroker, api: Api) -> Arc<Mutex<Vec<Instant>>> {
    let times = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&times);
    broker.on(api, move |_| {
        kept.lock().unwrap().push(Instant::now());
        None
    });
    times
}

/// F15: a quarter of the delivery timeout lies between two attempts, but never more than 30 s: so there
/// are two a minute at most with the default of two minutes. When the cause is gone, the next one
/// succeeds.
#[test]
fn f15_what_a_person_has_to_mend_is_told_and_tried_twice_a_minute_at_most() {
    at_once(
        [
            (Api::Produce, 29),
            (Api::Produce, 58),
            (Api::Metadata, 29),
            (Api::Metadata, 58),
        ],
        |(api, code)| {
            let broker = broker();
            broker.fault_always(api, Fault::Error(code));
            let times = times_of(&broker, api);
            let rig = Rig::new(kafka(&broker).delivery_timeout(Duration::from_secs(6)));
            let start = Instant::now();
            rig.log(0..30);
            rig.wait_for(Health::Misconfigured);
            assert!(start.elapsed() < Duration::from_secs(5));
            wait_until("a second attempt", || times.lock().unwrap().len() >= 2);
            broker.clear_faults();
            let stats = rig.end_exactly(&broker);
            assert_eq!(stats.delivered, 30);
            let times = times.lock().unwrap();
            let gap = times[1] - times[0];
            assert!(
                gap >= Duration::from_millis(1_400),
                "{api:?} {code}: {gap:?}"
            );
        },
    );
}

/// F15: all partitions wait for the same person.
#[test]
fn f15_a_topic_that_is_refused_is_not_tried_by_each_partition_for_itself() {
    let broker = broker();
    broker.fault_always(Api::Produce, Fault::Error(29));
    let rig = Rig::new(kafka(&broker));
    rig.log(0..10);
    rig.wait_for(Health::Misconfigured);
    for number in 1..5 {
        rig.log(number * 10..(number + 1) * 10);
        assert!(rig.guard.flush(Duration::from_millis(200)).is_err());
    }
    assert_eq!(broker.requests(Api::Produce), 1);
    let health = rig.guard.health();
    assert_eq!(health, Health::Misconfigured);
    let report = rig.guard.shutdown(Duration::from_millis(200));
    assert_eq!(report.stats.dropped.get(DropReason::Shutdown), 50);
    assert_eq!(report.unknown, 0, "refused before anything was appended");
}

/// F17: the limit is found out, and what is too large alone is the only loss.
#[test]
fn f17_a_limit_that_is_lowered_live_splits_batches() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    let rig = Rig::new(kafka(&broker).compression(Compression::None));
    let text = "x".repeat(1_000);
    let log = |from: u32| {
        rig.with(|| {
            for number in from..from + 300 {
                tracing::info!("{number:04} {text}");
            }
        });
        rig.flush();
    };
    log(0);
    let large = broker.batches(TOPIC, 0).len();
    let before = broker.requests(Api::Produce);
    broker.set_max_message_bytes(20_000);
    rig.with(|| tracing::info!("{}", "y".repeat(60_000)));
    log(300);
    let batches = broker.batches(TOPIC, 0).len() - large;
    let requests = broker.requests(Api::Produce) - before;
    assert!(
        requests <= 2 * batches as u64 + 8,
        "{requests} requests for {batches} batches"
    );
    let before = broker.requests(Api::Produce);
    let known = broker.batches(TOPIC, 0).len();
    log(600);
    let batches = (broker.batches(TOPIC, 0).len() - known) as u64;
    assert_eq!(broker.requests(Api::Produce) - before, batches, "no more");
    let stats = rig.end();
    assert_eq!(stats.dropped.get(DropReason::TooLarge), 1, "{stats}");
    assert_eq!((stats.delivered, stats.dropped.total()), (900, 1));
    let tally = Tally::of(&broker);
    assert_eq!((tally.distinct, tally.copies), (900, 0));
    let read = values(&broker);
    assert!(read.is_sorted(), "in order");
}

/// Sends 1000 records in one batch, of which the broker refuses those in `poison`. Answers with how
/// many requests that took.
#[track_caller]
fn with_poison(broker: &TestBroker, poison: &[u32], code: i16, names: bool) -> (u64, Stats) {
    broker.create_topic(TOPIC, 1);
    let bad: Vec<String> = poison.iter().map(u32::to_string).collect();
    broker.refuse_records(code, names, move |record| bad.contains(&record.text()));
    let rig = Rig::new(kafka(broker).linger(Duration::from_secs(20)));
    rig.log(0..1_000);
    let stats = rig.end();
    let expected: Vec<u32> = (0..1_000).filter(|n| !poison.contains(n)).collect();
    let found = values(broker).into_iter().map(|text| text.parse().unwrap());
    assert_eq!(found.collect::<Vec<u32>>(), expected, "once each, in order");
    let rejected = stats.dropped.get(DropReason::Rejected);
    assert_eq!(rejected, poison.len() as u64, "{stats}");
    assert_eq!(stats.delivered, expected.len() as u64);
    (broker.requests(Api::Produce), stats)
}

/// F18 where the broker says only that there is something: 2·log₂ 1000 requests and a few.
#[test]
fn f18_one_poison_record_among_a_thousand_is_found_by_halving() {
    for newest in [12, 7] {
        for (code, poison) in [(87, 0), (87, 617), (32, 999)] {
            let broker = TestBroker::builder()
                .newest(Api::Produce, Some(newest))
                .start_blocking()
                .unwrap();
            let (requests, _) = with_poison(&broker, &[poison], code, newest == 7);
            assert!(requests <= 22, "{requests} requests for record {poison}");
        }
    }
}

/// F18 where the broker names the culprits.
#[test]
fn f18_poison_records_that_are_named_cost_one_more_request() {
    for poison in [&[617][..], &[0, 999], &[3, 4, 5, 500]] {
        let broker = TestBroker::builder().start_blocking().unwrap();
        let (requests, _) = with_poison(&broker, poison, 87, true);
        assert_eq!(requests, 2, "{poison:?}");
    }
}

/// F18: neighbours of several culprits, and a batch of nothing else.
#[test]
fn f18_several_poison_records_are_found_and_a_batch_of_nothing_else_ends() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    let (requests, _) = with_poison(&broker, &[100, 101, 800], 87, false);
    assert!(requests <= 3 * 22, "{requests}");
    for names in [true, false] {
        let broker = TestBroker::builder().start_blocking().unwrap();
        broker.create_topic(TOPIC, 1);
        broker.refuse_records(87, names, |_| true);
        let rig = Rig::new(kafka(&broker));
        rig.log(0..16);
        let stats = rig.end();
        assert_eq!(stats.dropped.get(DropReason::Rejected), 16, "{stats}");
        assert_eq!(broker.count(TOPIC), 0);
        let requests = broker.requests(Api::Produce);
        assert!(requests <= 40, "{requests}");
    }
}

/// F18: a broker has a sentence for each record, however many there are.
#[test]
fn f18_a_batch_of_very_many_poison_records_is_answered_in_a_frame() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 3);
    broker.refuse_records(32, true, |_| true);
    let rig = Rig::new(
        kafka(&broker)
            .linger(Duration::from_secs(20))
            .batch_size(1_000_000),
    );
    rig.log(0..40_000);
    let stats = rig.end();
    assert_eq!(stats.dropped.get(DropReason::Rejected), 40_000, "{stats}");
    assert_eq!(broker.connections(), 1, "an answer was too long");
}
