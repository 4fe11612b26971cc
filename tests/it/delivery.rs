//! Events reach the topic, in order, with exact counters.

use std::time::Duration;

use tracing_kafka::Acks;
use tracing_kafka::FileLayer;
use tracing_kafka::JsonLayout;
use tracing_kafka::JsonSchema;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::harness::Rig;
use crate::support::Folder;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::assert_conserved;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;
use crate::support::wait_until;

#[test]
fn an_event_becomes_a_record_with_its_text_and_time() {
    let broker = broker();
    let (layer, guard) = kafka(&broker)
        .layout(pattern("[%-4level] %msg%n"))
        .build()
        .unwrap();
    let before = std::time::SystemTime::now();
    tracing::subscriber::with_default(
        tracing_subscriber::registry().with(layer.with_filter(LevelFilter::ERROR)),
        || {
            tracing::info!("not this one");
            tracing::error!(left = 2, "out of {}", "stock");
        },
    );
    guard.flush(LONG).unwrap();
    let records = broker.all_records(TOPIC);
    assert_eq!(values(&broker), ["[ERROR] out of stock left=2"]);
    let millis = before
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let stamp = u128::try_from(records[0].timestamp).unwrap();
    assert!((millis..millis + 60_000).contains(&stamp), "{stamp}");
    assert_eq!(records[0].key, None);
    let report = guard.shutdown(Duration::from_secs(5));
    assert_eq!(
        report.to_string(),
        "1 events offered, 1 delivered, 0 dropped"
    );
    assert!(!report.timed_out);
    assert_conserved(&report.stats);
}

#[test]
fn a_json_object_is_one_record_and_one_line_whatever_is_in_it_and_however_large() {
    let hostile = "one\r\ntwo\u{85}\u{2028}\u{1b}[2J\"\\";
    for schema in [
        JsonSchema::Own,
        JsonSchema::Ecs,
        JsonSchema::Logstash,
        JsonSchema::Gelf,
    ] {
        let layout = JsonLayout::builder(schema).location(true).build().unwrap();
        let broker = broker();
        let folder = Folder::new();
        let path = folder.file("app.log");
        let (to_kafka, kafka_guard) = kafka(&broker).layout(layout.clone()).build().unwrap();
        let (to_file, file_guard) = FileLayer::builder(&path).layout(layout).build().unwrap();
        let registry = tracing_subscriber::registry().with(to_kafka).with(to_file);
        tracing::subscriber::with_default(registry, || {
            let _entered = tracing::info_span!("request", who = hostile).entered();
            tracing::info!(level = 1, source = hostile, tags = 2, "{hostile}");
            let huge = "\u{1}".repeat(40_000);
            tracing::warn!(a = huge, b = huge, c = huge, d = huge, "{huge}");
        });
        kafka_guard.flush(LONG).unwrap();
        file_guard.flush(LONG).unwrap();
        let file = std::fs::read_to_string(&path).unwrap();
        let records = values(&broker);
        let lines: Vec<&str> = file.lines().collect();
        assert_eq!((records.len(), lines.len()), (2, 2), "{schema:?}");
        for line in records.iter().map(String::as_str).chain(lines) {
            let object: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(object.is_object());
            assert!(
                !line.contains(|c: char| c.is_control() || c == '\u{2028}'),
                "{line}"
            );
        }
    }
}

#[test]
fn what_nobody_acknowledges_counts_as_delivered_once_it_is_written() {
    let broker = broker();
    let rig = Rig::new(kafka(&broker).acks(Acks::None).max_in_flight(5));
    for round in 0..10 {
        rig.log(round * 50..(round + 1) * 50);
        rig.flush();
    }
    wait_until("the records", || broker.count(TOPIC) == 500);
    assert_eq!(broker.requests(Api::InitProducerId), 0);
    assert_eq!(rig.errors(), [""; 0]);
    let stats = rig.end_exactly(&broker);
    assert_eq!((stats.offered, stats.delivered), (500, 500));
    assert_eq!(stats.duplicates_avoided, 0);
}

/// An error is told by the end of the connection alone: what was written before it counts as delivered.
#[test]
fn what_nobody_acknowledges_goes_on_after_a_connection_that_ended() {
    let broker = broker();
    let rig = Rig::new(kafka(&broker).acks(Acks::None));
    rig.log(0..100);
    rig.flush();
    broker.fault(Api::Produce, Fault::Error(6));
    rig.log(100..101);
    rig.flush();
    wait_until("the refusal", || broker.pending_faults(Api::Produce) == 0);
    wait_until("a record behind it", || {
        rig.log(101..102);
        rig.flush();
        broker.count(TOPIC) > 100
    });
    let stats = rig.end();
    assert_eq!(stats.delivered, stats.offered, "{stats}");
    assert_eq!(stats.dropped.total(), 0);
}
