//! Keys, headers and partitions: what a record carries, where it goes, and what its numbers prove.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::time::Duration;

use tracing_kafka::Compression;
use tracing_kafka::DropReason;
use tracing_kafka::Health;
use tracing_kafka::Idempotence;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::Partitioner;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Codec;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::Record;
use tracing_kafka_broker::TestBroker;

use crate::harness::Choices;
use crate::harness::Rig;
use crate::harness::noise;
use crate::support::TOPIC;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;
use crate::support::wait_until;

/// Keys with the hash that Kafka's own client gives them: murmur2, as a positive number.
const HASHES: [(&str, i32); 5] = [
    ("21", -973_932_308),
    ("foobar", -790_332_482),
    ("a-little-bit-long-string", -985_981_536),
    ("a-little-bit-longer-string", -1_486_304_829),
    ("abc", 479_470_107),
];

fn only(broker: &TestBroker) -> Record {
    let mut records = broker.all_records(TOPIC);
    assert_eq!(records.len(), 1);
    records.remove(0)
}

#[test]
fn key_and_headers_are_what_their_layouts_render() {
    let broker = broker();
    let rig = Rig::new(
        kafka(&broker)
            .key(pattern("%X{tenant}"))
            .header("level", pattern("%p"))
            .header("service", pattern("orders"))
            .header("empty", pattern("%X{missing}")),
    );
    rig.with(|| {
        let _entered = tracing::info_span!("request", tenant = "bob").entered();
        tracing::warn!("the value");
    });
    rig.end_exactly(&broker);
    let record = only(&broker);
    assert_eq!(record.text(), "the value");
    assert_eq!(record.key_text(), "bob");
    let header = |name: &str| record.header(name).unwrap();
    assert_eq!(record.headers.len(), 3);
    assert_eq!(
        (header("level"), header("service")),
        ("WARN".into(), "orders".into())
    );
    assert_eq!(header("empty"), "");
}

#[test]
fn a_name_may_stand_twice_and_headers_keep_their_order() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    let rig = Rig::new(
        kafka(&broker)
            .compression(Compression::None)
            .header("same", pattern("one"))
            .header("other", pattern("two"))
            .header("same", pattern("three")),
    );
    rig.log(0..1);
    rig.end_exactly(&broker);
    // The decoder keeps one value a name, so the bytes have to tell: lengths are zigzag.
    let expected = b"\x06\x08same\x06one\x0aother\x06two\x08same\x0athree";
    let bytes = broker.batches(TOPIC, 0)[0].bytes.clone();
    assert!(
        bytes.ends_with(expected),
        "{}",
        String::from_utf8_lossy(&bytes)
    );
}

#[test]
fn a_key_that_renders_empty_is_none_and_long_parts_are_cut_at_32_kib() {
    let broker = broker();
    let rig = Rig::new(
        kafka(&broker)
            .key(pattern("%X{key}"))
            .header("part", pattern("%X{key}")),
    );
    rig.with(|| {
        tracing::info!("without");
        let span = tracing::info_span!("long", key = "é".repeat(20_000));
        span.in_scope(|| tracing::info!("with"));
    });
    rig.end_exactly(&broker);
    let records = broker.all_records(TOPIC);
    let by_text = |text: &str| records.iter().find(|record| record.text() == text);
    assert_eq!(by_text("without").unwrap().key, None);
    let record = by_text("with").unwrap();
    for part in [record.key_text(), record.header("part").unwrap()] {
        let kept = part.strip_prefix(&"é".repeat(16_360)).unwrap();
        // What follows says how much is missing.
        assert!((1..40).contains(&kept.len()), "{kept}");
        assert!(!kept.contains('é'), "{kept}");
    }
}

/// Panics for events of level ERROR.
struct Fragile;

impl Layout for Fragile {
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        assert!(event.level() != tracing::Level::ERROR, "on purpose");
        out.extend_from_slice(b"fine");
    }
}

#[test]
fn a_key_or_header_whose_layout_panics_costs_its_event() {
    for is_key in [true, false] {
        let broker = broker();
        let builder = kafka(&broker);
        let rig = Rig::new(if is_key {
            builder.key(Fragile)
        } else {
            builder.header("fragile", Fragile)
        });
        rig.with(|| {
            tracing::info!("before");
            tracing::error!("lost");
            tracing::info!("after");
        });
        let stats = rig.end();
        assert_eq!(stats.dropped.get(DropReason::FormatError), 1, "{stats}");
        assert_eq!((stats.offered, stats.delivered), (3, 2));
        let read: BTreeSet<String> = values(&broker).into_iter().collect();
        assert_eq!(read, BTreeSet::from(["before".into(), "after".into()]));
    }
}

#[test]
fn keyed_records_logged_before_the_cluster_is_known_go_where_java_sends_them() {
    for partitions in [1, 3, 7, 10] {
        let broker = TestBroker::builder().start_blocking().unwrap();
        broker.create_topic(TOPIC, partitions);
        broker.down_all();
        let rig = Rig::new(kafka(&broker).key(pattern("%m")));
        let log = || {
            rig.with(|| HASHES.iter().for_each(|(key, _)| tracing::info!("{key}")));
        };
        log();
        rig.wait_for(Health::Retrying);
        log();
        broker.up_all().unwrap();
        rig.flush();
        log();
        let stats = rig.end();
        assert_eq!(stats.delivered, 15, "{stats}");
        for (key, hash) in HASHES {
            let records = broker.all_records(TOPIC);
            let of_key = records.iter().filter(|record| record.key_text() == key);
            let places: Vec<i32> = of_key.map(|record| record.partition).collect();
            assert_eq!(places, [(hash & i32::MAX) % partitions; 3], "{key}");
        }
    }
}

/// By the first byte of the value; panics at `p`, and is wrong at `w`.
struct ByFirstByte;

impl Partitioner for ByFirstByte {
    fn partition(&self, _: &str, _: Option<&[u8]>, value: &[u8], count: i32) -> Option<i32> {
        match value.first()? {
            b'p' => panic!("on purpose"),
            b'w' => Some(count),
            b'n' => Some(-1),
            b'a' => None,
            byte => Some(i32::from(byte - b'0')),
        }
    }
}

#[test]
fn a_partitioner_of_ones_own_decides_and_its_faults_are_told_and_cost_nothing() {
    let broker = broker();
    let rig = Rig::new(kafka(&broker).partitioner(ByFirstByte));
    rig.with(|| {
        for text in ["0a", "2a", "1a", "2b", "any"] {
            tracing::info!("{text}");
        }
    });
    rig.flush();
    assert_eq!(rig.errors(), [""; 0]);
    rig.with(|| tracing::info!("panics"));
    rig.flush();
    rig.with(|| tracing::info!("wrong"));
    rig.flush();
    rig.with(|| tracing::info!("negative"));
    rig.flush();
    let errors = rig.errors().join("; ");
    for part in ["panicked", "partition 3 of 3", "partition -1 of 3"] {
        assert!(errors.contains(part), "{errors} lacks {part}");
    }
    rig.end_exactly(&broker);
    let of = |partition: i32| -> Vec<String> {
        let records = broker.records(TOPIC, partition);
        let texts = records.iter().map(Record::text);
        texts.filter(|text| text.len() == 2).collect()
    };
    assert_eq!(of(0), ["0a"]);
    assert_eq!(of(1), ["1a"]);
    assert_eq!(of(2), ["2a", "2b"]);
}

#[test]
fn partitions_that_are_added_are_noticed() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    let rig = Rig::new(
        kafka(&broker)
            .metadata_max_age(Duration::from_millis(200))
            .key(pattern("%X{key}")),
    );
    rig.log(0..100);
    rig.flush();
    assert!(broker.add_partitions(TOPIC, 4));
    let mut next = 100;
    wait_until("records without a key in each", || {
        rig.log(next..next + 10);
        next += 10;
        rig.flush();
        (0..4).all(|partition| broker.end_offset(TOPIC, partition) > 0)
    });
    // Keys go by the new number.
    rig.with(|| {
        let (key, _) = HASHES[0];
        tracing::info_span!("keyed", key).in_scope(|| tracing::info!("keyed"));
    });
    rig.end_exactly(&broker);
    let records = broker.all_records(TOPIC);
    let keyed = records.iter().find(|record| record.key.is_some()).unwrap();
    assert_eq!(keyed.partition, (HASHES[0].1 & i32::MAX) % 4);
}

/// Bytes in each of three partitions.
fn sizes(broker: &TestBroker) -> Vec<usize> {
    let size = |partition| {
        let batches = broker.batches(TOPIC, partition);
        batches.iter().map(|batch| batch.bytes.len()).sum()
    };
    (0..3).map(size).collect()
}

#[test]
fn records_without_a_key_are_spread_evenly_by_their_bytes() {
    let broker = TestBroker::builder().nodes(3).start_blocking().unwrap();
    broker.create_topic(TOPIC, 3);
    let rig = Rig::new(kafka(&broker).compression(Compression::None));
    let mut choices = Choices::new(3);
    for number in 0..90 {
        // Each third record is large: in turns it would always be the same partition.
        let length = if number % 3 == 0 { 9_000 } else { 100 };
        rig.with(|| tracing::info!("{number} {}", noise(&mut choices, length)));
        rig.flush();
    }
    rig.end_exactly(&broker);
    let sizes = sizes(&broker);
    let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
    assert!(most - least < 20_000, "{sizes:?}");
}

#[test]
fn a_partition_whose_leader_is_away_gets_nothing_more() {
    let broker = TestBroker::builder().nodes(3).start_blocking().unwrap();
    broker.create_topic(TOPIC, 3);
    let rig = Rig::new(kafka(&broker));
    rig.log(0..30);
    rig.flush();
    broker.down(1);
    rig.log(30..60);
    // What goes there before that is noticed stays there: one batch.
    assert!(rig.guard.flush(Duration::from_millis(500)).is_err() || rig.stats().in_flight == 0);
    let stuck = rig.stats().in_flight + rig.stats().queued;
    assert!(stuck <= 30, "{stuck}");
    let delivered = rig.stats().delivered;
    let before = broker.end_offset(TOPIC, 1);
    rig.log(60..1_060);
    wait_until("the other two", || {
        rig.stats().delivered >= delivered + 1_000
    });
    assert_eq!(broker.end_offset(TOPIC, 1), before);
    broker.up(1).unwrap();
    rig.end_exactly(&broker);
}

/// The numbers of each sequence, in the order of the topic.
fn sequences(broker: &TestBroker) -> BTreeMap<String, Vec<u64>> {
    let mut all: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for record in broker.all_records(TOPIC) {
        let instance = record.header("tracing-kafka-instance").unwrap();
        let number = record.header("tracing-kafka-sequence").unwrap();
        all.entry(instance)
            .or_default()
            .push(number.parse().unwrap());
    }
    all
}

#[test]
fn a_consumer_proves_by_sequence_headers_that_what_is_missing_was_dropped() {
    let broker = broker();
    broker.down_all();
    let rig = Rig::new(
        kafka(&broker)
            .sequence_headers(true)
            .batch_size(16 * 1024)
            .buffer_memory(64 * 1024),
    );
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let rig = &rig;
            scope.spawn(move || {
                rig.with(|| {
                    (0..500).for_each(|number| tracing::info!("{thread} {number}"));
                });
                // Comes when there is room, so that what is missing is not at the end.
                rig.wait_for(Health::Healthy);
                rig.with(|| tracing::error!("{thread} last"));
            });
        }
        wait_until("drops", || rig.stats().dropped.total() > 0);
        broker.up_all().unwrap();
    });
    let stats = rig.end();
    let mut missing = 0;
    for (instance, mut numbers) in sequences(&broker) {
        numbers.sort_unstable();
        let distinct: BTreeSet<u64> = numbers.iter().copied().collect();
        assert_eq!(distinct.len(), numbers.len(), "{instance} has copies");
        missing += numbers.last().unwrap() + 1 - distinct.len() as u64;
    }
    assert!(missing > 0);
    assert_eq!(missing, stats.dropped.total(), "{stats}");
}

#[test]
fn a_consumer_finds_copies_by_sequence_headers() {
    let broker = broker();
    let rig = Rig::new(
        kafka(&broker)
            .idempotence(Idempotence::Off)
            .sequence_headers(true),
    );
    for round in 0..3 {
        broker.fault(Api::Produce, Fault::LostAnswer);
        // The same text each time: it does not tell copies.
        rig.with(|| (0..10 + round).for_each(|_| tracing::info!("again")));
        rig.flush();
    }
    let stats = rig.end();
    assert_eq!(stats.delivered, 33);
    let mut copies = 0;
    for numbers in sequences(&broker).values() {
        let distinct: BTreeSet<&u64> = numbers.iter().collect();
        let next = numbers.iter().max().unwrap() + 1;
        assert_eq!(distinct.len() as u64, next, "none is missing");
        copies += (numbers.len() - distinct.len()) as u64;
    }
    assert_eq!((copies, stats.possible_duplicates), (33, 33));
}

#[test]
fn two_runs_and_two_layers_have_sequences_of_their_own() {
    let broker = broker();
    for _ in 0..2 {
        let rig = Rig::new(kafka(&broker).sequence_headers(true));
        let other = Rig::new(kafka(&broker).sequence_headers(true));
        rig.log(0..5);
        other.log(0..5);
        rig.end();
        other.end();
    }
    let sequences = sequences(&broker);
    assert_eq!(sequences.len(), 4);
    assert!(
        sequences
            .values()
            .all(|numbers| *numbers == [0, 1, 2, 3, 4])
    );
}

#[test]
fn properties_by_their_kafka_names_have_their_effects() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    let rig = Rig::new(kafka(&broker).properties([
        ("client.id", "orders"),
        ("compression.type", "none"),
        ("linger.ms", "60000"),
        ("batch.size", "2000"),
        ("buffer.memory", "70000"),
    ]));
    // Until the cluster is known, a batch grows.
    rig.log(0..1);
    rig.flush();
    rig.with(|| {
        for number in 1..40 {
            tracing::info!("{number} {}", "x".repeat(100));
        }
    });
    wait_until("a batch by its size", || rig.stats().delivered > 1);
    rig.flush();
    assert_eq!(broker.client_ids(), ["orders"]);
    let batches = broker.batches(TOPIC, 0);
    assert!(batches.len() > 2, "{} batches", batches.len());
    assert!(batches.iter().all(|batch| batch.codec == Codec::None));
    rig.end_exactly(&broker);
    let refused = kafka(&broker).properties([("linger.ms", "5"), ("linger", "5")]);
    let error = refused.build().map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("`linger`"), "{error}");
}
