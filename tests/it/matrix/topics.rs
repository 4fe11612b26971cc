//! F14: topics that are missing, deleted, or made anew with fewer partitions.

use std::collections::BTreeSet;
use std::time::Duration;

use tracing_kafka::Health;
use tracing_kafka_broker::TestBroker;

use crate::harness::Rig;
use crate::support::TOPIC;
use crate::support::assert_conserved;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;
use crate::support::wait_until;

/// Logs events whose key is that of a span, and some without one.
fn log(rig: &Rig, numbers: std::ops::Range<u32>) {
    rig.with(|| {
        for number in numbers {
            if number % 4 == 0 {
                tracing::info!("{number}");
            } else {
                let key = format!("key-{}", number % 4);
                tracing::info_span!("keyed", key).in_scope(|| tracing::info!("{number}"));
            }
        }
    });
}

/// F14: what waits, keyed or not, is for the topic that comes, with fewer partitions.
#[test]
fn f14_records_wait_for_a_topic_that_is_made_anew_with_fewer_partitions() {
    for max_in_flight in [1, 5] {
        let broker = TestBroker::builder().start_blocking().unwrap();
        broker.create_topic(TOPIC, 4);
        let rig = Rig::new(
            kafka(&broker)
                .max_in_flight(max_in_flight)
                .key(pattern("%X{key}")),
        );
        log(&rig, 0..400);
        rig.flush();
        assert_eq!(values(&broker).len(), 400);
        broker.delete_topic(TOPIC);
        log(&rig, 400..800);
        rig.wait_for(Health::Misconfigured);
        log(&rig, 800..1_200);
        let errors = rig.errors();
        let told = errors.iter().any(|text| text.contains("`log-message`"));
        assert!(told, "{errors:?}");
        broker.create_topic(TOPIC, 2);
        let stats = rig.end();
        assert_eq!(stats.delivered, 1_200, "{stats}");
        let read = values(&broker);
        let distinct: BTreeSet<&String> = read.iter().collect();
        assert_eq!((read.len(), distinct.len()), (800, 800), "once each");
        assert_eq!(stats.possible_duplicates, 0, "{stats}");
        for key in ["key-1", "key-2", "key-3"] {
            let records = broker.all_records(TOPIC);
            let of_key = records.iter().filter(|record| record.key_text() == key);
            let places: BTreeSet<i32> = of_key.map(|record| record.partition).collect();
            assert_eq!(places.len(), 1, "{key} is in one partition");
        }
    }
}

/// F14: deleted and made anew under way, again and again. What was delivered to the old topic is gone
/// with it; nothing else is.
#[test]
fn f14_a_topic_that_is_made_anew_under_way_leaves_the_books_in_order() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 4);
    let rig = Rig::new(
        kafka(&broker)
            .max_in_flight(5)
            .batch_size(1_000)
            .key(pattern("%X{key}")),
    );
    let mut next = 0;
    for partitions in [1, 4, 2, 3, 1] {
        log(&rig, next..next + 400);
        wait_until("deliveries", || broker.count(TOPIC) > 0);
        broker.delete_topic(TOPIC);
        log(&rig, next + 400..next + 800);
        broker.create_topic(TOPIC, partitions);
        next += 800;
    }
    rig.flush();
    log(&rig, next..next + 400);
    let stats = rig.end();
    assert_conserved(&stats);
    assert_eq!((stats.delivered, stats.dropped.total()), (4_400, 0));
    let read = values(&broker);
    for number in next..next + 400 {
        let text = number.to_string();
        let found = read.iter().filter(|value| **value == text).count();
        assert_eq!(found, 1, "{number}, logged when all was well");
    }
    let distinct = read.iter().collect::<BTreeSet<_>>().len();
    let copies = (read.len() - distinct) as u64;
    assert!(copies <= stats.possible_duplicates, "{copies}, {stats:?}");
}

/// F14: a topic that is there, and of whose partitions nobody leads one.
#[test]
fn f14_a_partition_without_a_leader_holds_up_its_own_keys_only() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 2);
    broker.set_leader(TOPIC, 1, None);
    let rig = Rig::new(kafka(&broker).key(pattern("%m")));
    rig.log(0..200);
    wait_until("the other one", || broker.end_offset(TOPIC, 0) > 50);
    assert!(rig.guard.flush(Duration::from_millis(300)).is_err());
    assert_eq!(broker.end_offset(TOPIC, 1), 0);
    broker.set_leader(TOPIC, 1, Some(0));
    let stats = rig.end_exactly(&broker);
    assert_eq!(stats.delivered, 200);
    assert!(broker.end_offset(TOPIC, 1) > 50);
}
