//! Every codec, from the layer to a broker and a reader that share no code with it.

use std::time::Duration;

use tracing::Dispatch;
use tracing_kafka::Compression;
use tracing_kafka::KafkaLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka_broker::Codec;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(20);
const EVENTS: usize = 500;

/// Sends the same events with this codec, at this level if there is one, and returns the bytes that
/// the broker stored.
fn stored(compression: Compression, level: Option<i32>, codec: Codec) -> usize {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic("logs", 1);
    let mut builder = KafkaLayer::builder([broker.bootstrap()], "logs")
        .layout(PatternLayout::new("%m").unwrap())
        .linger(Duration::from_secs(10))
        .compression(compression);
    if let Some(level) = level {
        builder = builder.compression_level(level);
    }
    let (layer, guard) = builder.build().unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || {
        for number in 0..EVENTS {
            tracing::info!(
                "request {number} was answered, and request {}",
                number * 7919
            );
        }
    });
    guard.flush(LONG).unwrap();
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, EVENTS as u64, "{report}");
    let records = broker.records("logs", 0);
    assert_eq!(records.len(), EVENTS);
    for (number, record) in records.iter().enumerate() {
        let text = format!(
            "request {number} was answered, and request {}",
            number * 7919
        );
        assert_eq!(record.text(), text);
    }
    let batches = broker.batches("logs", 0);
    assert!(batches.iter().all(|batch| batch.codec == codec));
    batches.iter().map(|batch| batch.bytes.len()).sum()
}

#[test]
fn uncompressed_records_arrive() {
    assert!(stored(Compression::None, None, Codec::None) > EVENTS * 40);
}

#[cfg(feature = "gzip")]
#[test]
fn records_under_gzip_arrive_and_a_higher_level_makes_them_smaller() {
    let fast = stored(Compression::Gzip, Some(1), Codec::Gzip);
    let small = stored(Compression::Gzip, Some(9), Codec::Gzip);
    assert!(small < fast && fast < EVENTS * 20, "{small}, {fast}");
}

#[cfg(feature = "snappy")]
#[test]
fn records_under_snappy_arrive() {
    assert!(stored(Compression::Snappy, None, Codec::Snappy) < EVENTS * 30);
}

#[cfg(feature = "lz4")]
#[test]
fn records_under_lz4_arrive() {
    assert!(stored(Compression::Lz4, None, Codec::Lz4) < EVENTS * 30);
}

#[cfg(feature = "zstd")]
#[test]
fn records_under_zstd_arrive_and_a_higher_level_makes_them_smaller() {
    let fast = stored(Compression::Zstd, Some(1), Codec::Zstd);
    let small = stored(Compression::Zstd, Some(19), Codec::Zstd);
    assert!(small < fast && fast < EVENTS * 20, "{small}, {fast}");
}

#[cfg(feature = "lz4")]
#[test]
fn a_level_without_levels_is_refused_by_name() {
    let error = KafkaLayer::builder(["localhost:9092"], "logs")
        .compression(Compression::Lz4)
        .compression_level(9)
        .build()
        .map(|_| ())
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("`compression_level` is `9` and `compression.type` is `lz4`, expected"),
        "{error}"
    );
}
