//! A connection against the in-process broker.

use tracing_kafka_broker::Api;
use tracing_kafka_broker::Codec;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;

use super::*;
use crate::config::Compression;
use crate::kafka::wire::compress::Compressor;
use crate::kafka::wire::produce::LeaderHint;
use crate::kafka::wire::record_batch::BatchRecord;
use crate::kafka::wire::record_batch::ProducerStamp;
use crate::kafka::wire::record_batch::RecordBatch;
use crate::kafka::wire::record_batch::RecordHeaders;

const LONG: Duration = Duration::from_secs(20);
const SHORT: Duration = Duration::from_millis(150);

fn sealed(compression: Compression, count: usize, name: &str) -> Arc<[u8]> {
    let mut batch = RecordBatch::new();
    for (n, time) in (0..count).zip(1_700_000_000_000..) {
        let value = format!("{name} {n} {}", "and so on ".repeat(10));
        batch.push(&BatchRecord {
            timestamp_ms: time,
            key: None,
            value: value.as_bytes(),
            headers: RecordHeaders::default(),
        });
    }
    let mut compressor = Compressor::new(compression);
    let mut sealed = batch.seal(&mut compressor);
    sealed.stamp(ProducerStamp::NONE);
    sealed.bytes
}

fn one_batch() -> Vec<(i32, Arc<[u8]>)> {
    vec![(0, sealed(Compression::None, 3, "one"))]
}

async fn open(broker: &TestBroker, node: i32) -> Connection {
    let address = broker.address(node).unwrap().to_string();
    Connection::open(&address, "wire", &Arc::default(), LONG)
        .await
        .unwrap()
}

async fn append_to_every_partition(compression: Compression, codec: Codec) {
    let broker = TestBroker::builder().nodes(3).start().await.unwrap();
    broker.create_topic("logs", 7);
    let view = open(&broker, 1).await.metadata("logs", LONG).await.unwrap();
    assert_eq!((view.topic_error, view.brokers.len()), (0, 3));
    let indices: Vec<_> = view.partitions.iter().map(|found| found.index).collect();
    assert_eq!(indices, [0, 1, 2, 3, 4, 5, 6]);
    for node in &view.brokers {
        let connection = Connection::open(&node.address, "wire", &Arc::default(), LONG)
            .await
            .unwrap();
        let mut batches = Vec::new();
        for partition in view.partitions.iter().rev() {
            if partition.leader == Some(node.id) {
                let name = format!("p{}", partition.index);
                batches.push((partition.index, sealed(compression, 1000, &name)));
            }
        }
        let answer = connection
            .produce("logs", -1, &batches, LONG)
            .await
            .unwrap();
        assert_eq!(answer.partitions.len(), batches.len());
        for partition in &answer.partitions {
            assert_eq!((partition.error, partition.base_offset), (0, 0));
        }
    }
    for index in indices {
        let records = broker.records("logs", index);
        assert_eq!(records.len(), 1000);
        for (n, record) in records.iter().enumerate() {
            assert!(record.text().starts_with(&format!("p{index} {n} and")));
            assert_eq!(
                record.timestamp,
                1_700_000_000_000 + i64::try_from(n).unwrap()
            );
        }
        assert_eq!(broker.batches("logs", index)[0].codec, codec);
    }
    assert_eq!(broker.versions(Api::Produce), [12]);
}

#[tokio::test]
async fn uncompressed_batches_reach_every_partition() {
    append_to_every_partition(Compression::None, Codec::None).await;
}

#[cfg(feature = "lz4")]
#[tokio::test]
async fn lz4_batches_reach_every_partition() {
    append_to_every_partition(Compression::Lz4, Codec::Lz4).await;
}

#[tokio::test]
async fn the_wrong_broker_names_the_right_one() {
    let broker = TestBroker::builder().nodes(2).start().await.unwrap();
    broker.create_topic("logs", 1);
    broker.set_leader("logs", 0, Some(1));
    let connection = open(&broker, 0).await;
    let answer = connection
        .produce("logs", -1, &one_batch(), LONG)
        .await
        .unwrap();
    let [partition] = &answer.partitions[..] else {
        panic!("{answer:?}");
    };
    assert_eq!((partition.error, partition.base_offset), (6, -1));
    let hint = LeaderHint {
        id: 1,
        address: Some(broker.address(1).unwrap().to_string()),
    };
    assert_eq!(partition.leader, Some(hint));
    assert!(connection.is_usable());
}

#[tokio::test]
async fn metadata_tells_of_topics_without_and_partitions_without() {
    let broker = TestBroker::builder().start().await.unwrap();
    let connection = open(&broker, 0).await;
    let view = connection.metadata("absent", LONG).await.unwrap();
    assert_eq!((view.topic_error, view.partitions.len()), (3, 0));
    broker.create_topic("logs", 1);
    broker.set_leader("logs", 0, None);
    let view = connection.metadata("logs", LONG).await.unwrap();
    assert_eq!(view.partitions[0].leader, None);
    assert_eq!(view.partitions[0].error, 5);
}

#[tokio::test]
async fn a_throttled_success_is_a_success() {
    let broker = TestBroker::builder().start().await.unwrap();
    broker.create_topic("logs", 1);
    let connection = open(&broker, 0).await;
    let throttle = Duration::from_millis(40);
    broker.fault(Api::Produce, Fault::Throttle(throttle));
    let answer = connection
        .produce("logs", -1, &one_batch(), LONG)
        .await
        .unwrap();
    assert_eq!((answer.throttle, answer.partitions[0].error), (throttle, 0));
    assert_eq!(broker.count("logs"), 3);
}

#[tokio::test]
async fn a_throttled_greeting_is_a_greeting() {
    let broker = TestBroker::builder().start().await.unwrap();
    broker.fault(Api::ApiVersions, Fault::Throttle(Duration::from_millis(10)));
    open(&broker, 0).await;
    assert_eq!(broker.requests(Api::ApiVersions), 1);
}

#[tokio::test]
async fn no_misbehaviour_of_a_broker_hangs_a_request() {
    let faults = [
        Fault::LostAnswer,
        Fault::Cut,
        Fault::Silence,
        Fault::Freeze,
        Fault::HalfAnswer,
        Fault::Garbage,
        Fault::WrongCorrelation,
        Fault::Oversize,
    ];
    for fault in faults {
        let broker = TestBroker::builder().start().await.unwrap();
        broker.create_topic("logs", 1);
        for api in [Api::Produce, Api::Metadata] {
            broker.fault(api, fault.clone());
            let connection = open(&broker, 0).await;
            let error = if api == Api::Produce {
                let batches = one_batch();
                let answer = connection.produce("logs", -1, &batches, SHORT).await;
                answer.unwrap_err()
            } else {
                connection.metadata("logs", SHORT).await.unwrap_err()
            };
            let quiet = matches!(
                fault,
                Fault::Silence | Fault::Freeze | Fault::WrongCorrelation
            );
            let timed_out = matches!(error, WireError::Timeout { .. });
            assert_eq!(timed_out, quiet, "{fault:?} {api:?}: {error}");
            assert!(!connection.is_usable());
        }
        broker.fault_always(Api::ApiVersions, fault.clone());
        let address = broker.address(0).unwrap().to_string();
        let opened = Connection::open(&address, "wire", &Arc::default(), SHORT).await;
        assert!(opened.is_err(), "{fault:?}");
    }
}

#[tokio::test]
async fn requests_are_pipelined() {
    let broker = TestBroker::builder().start().await.unwrap();
    broker.create_topic("logs", 1);
    let connection = open(&broker, 0).await;
    let batches = one_batch();
    let (first, second, view) = tokio::join!(
        connection.produce("logs", -1, &batches, LONG),
        connection.produce("logs", -1, &batches, LONG),
        connection.metadata("logs", LONG),
    );
    assert_eq!(first.unwrap().partitions[0].base_offset, 0);
    assert_eq!(second.unwrap().partitions[0].base_offset, 3);
    assert_eq!(view.unwrap().topic_error, 0);
    assert_eq!(broker.connections(), 1);
}

#[tokio::test]
async fn batches_without_acknowledgement_are_written_and_the_connection_goes_on() {
    let broker = TestBroker::builder().start().await.unwrap();
    broker.create_topic("logs", 1);
    let connection = Connection::open(&broker.bootstrap(), "test", &Arc::default(), LONG)
        .await
        .unwrap();
    for round in 1..=50 {
        let batches = [(0, sealed(Compression::None, 3, "a"))];
        let answer = connection.produce("logs", 0, &batches, LONG).await.unwrap();
        let [partition] = &answer.partitions[..] else {
            panic!("{answer:?}");
        };
        assert_eq!((partition.index, partition.error), (0, 0));
        if round % 10 == 0 {
            connection.metadata("logs", LONG).await.unwrap();
        }
    }
    assert!(broker.wait_until(LONG, |broker| broker.end_offset("logs", 0) == 150));
    assert!(connection.is_usable());
}
