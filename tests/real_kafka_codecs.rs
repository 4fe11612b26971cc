//! Every codec on a real Apache Kafka: several threads and partitions, read back byte for byte, with keys
//! and headers, by kcat and by Java, and each batch as Kafka's own log dump describes it.
//!
//! Runs as `tests/real_kafka.rs` does: `compose/kafka-local run 1 cargo test --all-features --test
//! real_kafka_codecs`, with `KAFKA_LOCAL` for what needs Java. With `--nocapture` each test that really
//! ran says so: `ran on real Kafka: …`.
#![cfg(test)]

use std::collections::HashSet;
use std::time::Duration;

use tracing::Dispatch;
use tracing_kafka::Compression;
use tracing_kafka::KafkaLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka_broker::Record;
use tracing_subscriber::prelude::*;

use cluster::Batch;
use cluster::Kafka;
use cluster::LONG;
use cluster::assert_same;
use evidence::assert_whole_by_headers;

#[expect(dead_code, reason = "tests/real_kafka.rs uses the rest")]
#[path = "real_kafka/cluster.rs"]
mod cluster;
#[expect(dead_code, reason = "what is for tests of faults")]
#[path = "real_kafka/evidence.rs"]
mod evidence;
#[expect(dead_code, reason = "what is for tests of faults")]
#[path = "real_kafka/load.rs"]
mod load;

const PARTITIONS: i32 = 3;
const THREADS: usize = 4;
const PER_THREAD: usize = 12_000;
/// Events between two flushes, so that there are batches of many sizes.
const BURST: usize = 2_000;
/// The value of a header.
const SERVICE: &str = "orders, účty=1: 🦀";
/// The length of the largest texts.
const NOISE: usize = 60_000;

/// What a thread logs: most of it compresses, some does not, some is empty, and one in a thousand is
/// larger than any block of a codec.
fn texts(thread: usize) -> Vec<String> {
    let text = |number: usize| match number % 1000 {
        0 => format!("{thread} {number} {}", noise(number, NOISE)),
        500 => String::new(),
        n if n % 7 == 0 => format!("{thread} {number} {}", noise(number, 100)),
        n if n % 11 == 0 => format!("{thread} {number} žluťoučký kůň, 日本語, 🦀"),
        n => format!(
            "{thread} {number} request {} of the user {n} was answered",
            number * 7919
        ),
    };
    (0..PER_THREAD).map(text).collect()
}

/// Letters and digits that hardly compress, the same ones every time.
fn noise(seed: usize, length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[usize::try_from(state >> 58).unwrap()])
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// The key of a thread's event, if it has one.
fn key_of(thread: usize, number: usize) -> Option<String> {
    let names = [
        "plain",
        "a,b=c:d|e",
        "žluťoučký klíč",
        "日本語 🦀",
        "",
        "long ",
    ];
    let kind = (thread + number) % (names.len() + 1);
    let name = names.get(kind).filter(|name| !name.is_empty())?;
    let times = if kind == 5 { 60 } else { 1 };
    Some(format!("{}{}", name.repeat(times), number % 10))
}

/// Key, headers and value, as they are to be read.
fn line(key: Option<&str>, service: &str, value: &str) -> Vec<u8> {
    format!("{key:?} {service} {value}").into_bytes()
}

#[test]
fn uncompressed_records_are_read_byte_for_byte_by_others() {
    read_by_others("none", Compression::None, None);
}

#[cfg(feature = "gzip")]
#[test]
fn records_under_gzip_are_read_byte_for_byte_by_others() {
    read_by_others("gzip", Compression::Gzip, None);
}

#[cfg(feature = "gzip")]
#[test]
fn records_under_gzip_at_its_ends_are_read_byte_for_byte_by_others() {
    read_by_others("gzip", Compression::Gzip, Some(1));
    read_by_others("gzip", Compression::Gzip, Some(9));
}

#[cfg(feature = "snappy")]
#[test]
fn records_under_snappy_are_read_byte_for_byte_by_others() {
    read_by_others("snappy", Compression::Snappy, None);
}

#[cfg(feature = "lz4")]
#[test]
fn records_under_lz4_are_read_byte_for_byte_by_others() {
    read_by_others("lz4", Compression::Lz4, None);
}

#[cfg(feature = "zstd")]
#[test]
fn records_under_zstd_are_read_byte_for_byte_by_others() {
    read_by_others("zstd", Compression::Zstd, None);
}

#[cfg(feature = "zstd")]
#[test]
fn records_under_zstd_at_its_ends_are_read_byte_for_byte_by_others() {
    read_by_others("zstd", Compression::Zstd, Some(-7));
    read_by_others("zstd", Compression::Zstd, Some(19));
}

/// Logs from several threads, and reads the topic with everything that there is.
fn read_by_others(codec: &str, compression: Compression, level: Option<i32>) {
    let name = match level {
        Some(level) => format!("codec {codec} at level {level}"),
        None => format!("codec {codec}"),
    };
    let Some(mut kafka) = Kafka::find(&name) else {
        return;
    };
    let topic = kafka.topic(PARTITIONS);
    let logged = log(&kafka, &topic, compression, level);
    let records = kafka.read(&topic);
    let used: HashSet<i32> = records.iter().map(|record| record.partition).collect();
    assert_eq!(used.len(), 3, "partitions that were used: {used:?}");
    assert_same("our own consumer", lines(&records), logged);
    assert_whole_by_headers(&records);
    kafka.check_with_kcat(&topic, &records);
    kafka.check_with_console_consumer(&topic, &records);
    if kafka.is_local() {
        check_batches(&kafka, &topic, codec, &records);
    }
}

/// Logs everything and waits until it is acknowledged. Returns it.
fn log(kafka: &Kafka, topic: &str, compression: Compression, level: Option<i32>) -> Vec<Vec<u8>> {
    let mut builder = KafkaLayer::builder([kafka.servers()], topic)
        .layout(PatternLayout::new("%m").unwrap())
        .key(PatternLayout::new("%X{key}").unwrap())
        .header("service", PatternLayout::new(SERVICE).unwrap())
        .sequence_headers(true)
        .linger(Duration::from_millis(20))
        .buffer_memory(128 * 1024 * 1024)
        .compression(compression);
    if let Some(level) = level {
        builder = builder.compression_level(level);
    }
    let (layer, guard) = builder.build().unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let texts: Vec<Vec<String>> = (0..THREADS).map(texts).collect();
    std::thread::scope(|scope| {
        for (thread, texts) in texts.iter().enumerate() {
            let (dispatch, guard) = (&dispatch, &guard);
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    for (number, text) in texts.iter().enumerate() {
                        if let Some(key) = key_of(thread, number) {
                            let span = tracing::info_span!("keyed", key);
                            span.in_scope(|| tracing::info!("{text}"));
                        } else {
                            tracing::info!("{text}");
                        }
                        if (number + 1) % BURST == 0 {
                            guard.flush(LONG).unwrap();
                        }
                    }
                });
            });
        }
    });
    let report = guard.shutdown(LONG);
    let calls = (THREADS * PER_THREAD) as u64;
    assert_eq!(report.stats.offered, calls, "{report}");
    assert_eq!(report.stats.delivered, calls, "{report}");
    assert_eq!(report.stats.dropped.total(), 0, "{report}");
    let lines = texts.iter().enumerate().flat_map(|(thread, texts)| {
        let line = move |(number, text): (usize, &String)| {
            line(key_of(thread, number).as_deref(), SERVICE, text)
        };
        texts.iter().enumerate().map(line)
    });
    lines.collect()
}

/// Every batch is valid, has the codec that was asked for and as many records as were read. Only a
/// batch of a few bytes, or one that does not shrink, may be without.
fn check_batches(kafka: &Kafka, topic: &str, codec: &str, records: &[Record]) {
    let (mut count, mut bytes, mut plain) = (0, 0, 0);
    for partition in 0..PARTITIONS {
        let of_partition = |record: &&Record| record.partition == partition;
        let expected = records.iter().filter(of_partition).count();
        // Reading them fails on a batch that is not `isvalid: true`.
        let batches = kafka.batches(topic, partition);
        let mut next = 0;
        for batch in &batches {
            assert_eq!(batch.base, next, "{batch:?}");
            next += i64::try_from(batch.count).unwrap();
            if batch.codec == "none" {
                plain += 1;
                let may_be = batch.size < 700 || is_mostly_noise(batch);
                assert!(codec == "none" || may_be, "{batch:?}");
            } else {
                assert_eq!(batch.codec, codec, "{batch:?}");
            }
        }
        assert_eq!(
            usize::try_from(next).unwrap(),
            expected,
            "{topic}-{partition}"
        );
        count += batches.len();
        bytes += batches.iter().map(|batch| batch.size).sum::<usize>();
    }
    println!(
        "{codec}: {} records in {count} valid batches, {plain} of them uncompressed, {bytes} bytes",
        records.len()
    );
    assert!(codec == "none" || plain * 2 < count, "hardly compressed");
}

/// Whether it is large by one text that no fast codec makes smaller.
fn is_mostly_noise(batch: &Batch) -> bool {
    batch.size > NOISE && batch.size < NOISE + NOISE / 4
}

fn lines(records: &[Record]) -> Vec<Vec<u8>> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let line = |record: &Record| {
        let [(service, value), (instance, _), (sequence, _)] = record.headers.as_slice() else {
            panic!("{record:?}");
        };
        let names = [service, instance, sequence];
        let expected = [
            "service",
            "tracing-kafka-instance",
            "tracing-kafka-sequence",
        ];
        assert_eq!(names, expected, "{record:?}");
        line(
            record.key.as_deref().map(text).as_deref(),
            &text(value.as_deref().unwrap()),
            &text(record.value.as_deref().expect("no tombstone")),
        )
    };
    records.iter().map(line).collect()
}
