//! The Kafka layer against a real Apache Kafka, read back by readers that others wrote.
//!
//! Runs when `KAFKA_BROKERS` is set, on topics of its own that it deletes; `compose/kafka-local run 1
//! cargo test --test real_kafka` sets it. With `KAFKA_LOCAL=compose/kafka-local` (the whole path) as well,
//! Java reads along, the broker is killed, and topics get settings. With `--nocapture` each test that
//! really ran says so: `ran on real Kafka: …`.
#![cfg(test)]

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::Dispatch;
use tracing_kafka::Compression;
use tracing_kafka::DropReason;
use tracing_kafka::Health;
use tracing_kafka::KafkaLayer;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::PatternLayout;
use tracing_kafka::ShutdownReport;
use tracing_kafka::Stats;
use tracing_kafka::WorkerGuard;
use tracing_kafka_broker::Record;
use tracing_subscriber::prelude::*;

use cluster::Kafka;
use cluster::LONG;
use cluster::assert_same;
use cluster::now_ms;
use cluster::wait_until;

#[path = "real_kafka/cluster.rs"]
mod cluster;

const THREADS: usize = 8;
const PER_THREAD: usize = 20_000;
/// Log4j's pattern from the configuration that the quickstart takes over.
const PATTERN: &str = "[%d{HH:mm:ss.SSS}] [%-4level] %msg%n";

/// A layer that sends the bare message.
fn layer(kafka: &Kafka, topic: &str) -> KafkaLayerBuilder {
    KafkaLayer::builder([kafka.servers()], topic)
        .layout(PatternLayout::new("%m").unwrap())
        .linger(Duration::from_millis(5))
}

fn dispatch(builder: KafkaLayerBuilder) -> (Dispatch, WorkerGuard) {
    let (layer, guard) = builder.build().unwrap();
    (
        Dispatch::new(tracing_subscriber::registry().with(layer)),
        guard,
    )
}

fn log(dispatch: &Dispatch, texts: &[String]) {
    tracing::dispatcher::with_default(dispatch, || {
        for text in texts {
            tracing::info!("{text}");
        }
    });
}

/// Everything that was offered is delivered; the end of the layer.
#[track_caller]
fn deliver_all(guard: WorkerGuard, calls: usize) -> ShutdownReport {
    guard.flush(LONG).unwrap();
    let report = guard.shutdown(LONG);
    let calls = calls as u64;
    assert_eq!(report.stats.offered, calls, "{report}");
    assert_eq!(report.stats.delivered, calls, "{report}");
    assert_eq!(report.stats.dropped.total(), 0, "{report}");
    assert!(!report.timed_out, "{report}");
    report
}

#[track_caller]
fn assert_conserved(stats: &Stats) {
    assert_eq!(
        stats.offered,
        stats.delivered + stats.queued + stats.in_flight + stats.dropped.total(),
        "{stats}"
    );
}

fn values(records: &[Record]) -> Vec<Vec<u8>> {
    let value = |record: &Record| record.value.as_deref().expect("no tombstone").to_vec();
    records.iter().map(value).collect()
}

/// Fails with the first difference.
#[track_caller]
fn assert_in_order(records: &[Record], texts: &[String]) {
    for (record, text) in records.iter().zip(texts) {
        let offset = record.offset;
        assert!(
            record.value.as_deref() == Some(text.as_bytes()),
            "offset {offset}: {} bytes `{:.100}` instead of {} bytes `{text:.100}`",
            record.text().len(),
            record.text(),
            text.len()
        );
    }
    assert_eq!(records.len(), texts.len());
}

fn bytes(texts: &[String]) -> Vec<Vec<u8>> {
    texts.iter().map(|text| text.clone().into_bytes()).collect()
}

/// Letters and digits that hardly compress, the same ones every time.
fn noise(seed: u64, length: usize) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(LETTERS[usize::try_from(state >> 58).unwrap()])
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[cfg(feature = "lz4")]
#[test]
fn eight_threads_lose_and_change_nothing_under_lz4() {
    eight_threads("eight threads, lz4", Compression::Lz4);
}

#[test]
fn eight_threads_lose_and_change_nothing_uncompressed() {
    eight_threads("eight threads, none", Compression::None);
}

fn eight_threads(name: &str, compression: Compression) {
    let Some(mut kafka) = Kafka::find(name) else {
        return;
    };
    let topic = kafka.topic(3);
    let begin = now_ms();
    let (dispatch, guard) = dispatch(
        layer(&kafka, &topic)
            .layout(PatternLayout::new(PATTERN).unwrap())
            .compression(compression)
            .buffer_memory(128 * 1024 * 1024),
    );
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let dispatch = &dispatch;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    for number in 0..PER_THREAD {
                        tracing::info!("thread {thread} event {number}");
                    }
                });
            });
        }
    });
    let logged = start.elapsed();
    let report = deliver_all(guard, THREADS * PER_THREAD);
    let end = now_ms();
    println!(
        "{report}; logged in {logged:.1?}, delivered after {:.1?}",
        start.elapsed()
    );

    let records = kafka.read(&topic);
    assert_eq!(records.len(), THREADS * PER_THREAD);
    let zone = TimeZone::system();
    let mut last: HashMap<(i32, usize), usize> = HashMap::new();
    let mut seen = HashSet::new();
    for record in &records {
        let text = record.text();
        assert!((begin..=end).contains(&record.timestamp), "{record:?}");
        let (thread, number) = origin(&text);
        // The record's time is the event's, and so is that of the text.
        let time = time_of_day(record.timestamp, &zone);
        let rendered = format!("[{time}] [INFO] thread {thread} event {number}");
        assert_eq!(text, rendered);
        assert!(seen.insert((thread, number)), "twice: {text}");
        if let Some(before) = last.insert((record.partition, thread), number) {
            assert!(before < number, "out of order: {before}, then {text}");
        }
    }
    // So many different pairs, all in range: each of them.
    assert!(
        seen.iter()
            .all(|(thread, number)| *thread < THREADS && *number < PER_THREAD)
    );
    assert_eq!(seen.len(), THREADS * PER_THREAD);
    let used: HashSet<i32> = records.iter().map(|record| record.partition).collect();
    assert_eq!(used.len(), 3, "partitions that were used: {used:?}");
    kafka.check_with_kcat(&topic, &records);
}

/// `HH:mm:ss.SSS` of a moment in milliseconds since the epoch.
fn time_of_day(moment: i64, zone: &TimeZone) -> String {
    let offset = zone.to_offset(Timestamp::from_millisecond(moment).unwrap());
    let local = moment + i64::from(offset.seconds()) * 1000;
    let (seconds, millis) = (local.div_euclid(1000), local.rem_euclid(1000));
    let (hour, minute) = (seconds / 3600 % 24, seconds / 60 % 60);
    format!("{hour:02}:{minute:02}:{:02}.{millis:03}", seconds % 60)
}

/// Thread and number at the end of a record.
#[track_caller]
fn origin(text: &str) -> (usize, usize) {
    let found = text.split_once("thread ").and_then(|(_, origin)| {
        let (thread, number) = origin.split_once(" event ")?;
        Some((thread.parse().ok()?, number.parse().ok()?))
    });
    found.unwrap_or_else(|| panic!("not a record of this test: {text}"))
}

#[test]
fn empty_large_and_foreign_texts_arrive_byte_for_byte() {
    let Some(mut kafka) = Kafka::find("empty, large and foreign texts") else {
        return;
    };
    let topic = kafka.topic(1);
    // A message is cut at 64 KiB; four times one is more.
    let fourfold = PatternLayout::new("%m%m%m%m").unwrap();
    let (dispatch, guard) = dispatch(layer(&kafka, &topic).layout(fourfold));
    let messages = [
        "žluťoučký kůň, 日本語, العربية, עברית".to_owned(),
        String::new(),
        "🦀👩\u{200d}🚀 e\u{301} \u{10ffff}".to_owned(),
        noise(1, 50 * 1024),
        "č".repeat(30 * 1024),
        " blanks at both ends ".to_owned(),
    ];
    log(&dispatch, &messages);
    let texts = messages.map(|message| message.repeat(4));
    deliver_all(guard, texts.len());
    let records = kafka.read(&topic);
    // One thread and one partition: also in order.
    assert_in_order(&records, &texts);
    kafka.check_with_kcat(&topic, &records);
    kafka.check_with_console_consumer(&topic, &records);
}

#[test]
fn bursts_in_large_batches_are_read_by_java() {
    const BURSTS: usize = 6;
    const IN_BURST: usize = 10_000;
    let Some(mut kafka) = Kafka::find("bursts in large batches") else {
        return;
    };
    let topic = kafka.topic(1);
    let (dispatch, guard) = dispatch(
        layer(&kafka, &topic)
            .property("batch.size", "1000000")
            .linger(Duration::from_millis(500))
            .buffer_memory(64 * 1024 * 1024),
    );
    // Half of each text compresses, half does not.
    let texts: Vec<String> = (0..BURSTS * IN_BURST)
        .map(|number| {
            let text = "the same in every record, ".repeat(number % 5);
            format!("{number} {text}{}", noise(number as u64, 60))
        })
        .collect();
    for burst in texts.chunks(IN_BURST) {
        log(&dispatch, burst);
        guard.flush(LONG).unwrap();
    }
    deliver_all(guard, texts.len());
    let records = kafka.read(&topic);
    assert_same("the consumer of the tests", values(&records), bytes(&texts));
    kafka.check_with_console_consumer(&topic, &records);
    kafka.check_with_kcat(&topic, &records);
    if kafka.is_local() {
        let batches = kafka.batches(&topic, 0);
        let count: usize = batches.iter().map(|batch| batch.count).sum();
        assert_eq!(count, texts.len());
        let codec = if cfg!(feature = "lz4") { "lz4" } else { "none" };
        assert!(batches.iter().all(|batch| batch.codec == codec));
        let most = batches.iter().map(|batch| batch.count).max().unwrap();
        let size = batches.iter().map(|batch| batch.size).max().unwrap();
        println!(
            "{} batches, of up to {most} records and {size} bytes",
            batches.len()
        );
        let average = texts.iter().map(String::len).sum::<usize>() / texts.len();
        assert!(
            most * average > 800_000,
            "no batch came near a million bytes"
        );
    }
}

#[test]
fn a_broker_that_is_killed_and_comes_back_costs_no_event_and_no_caller() {
    let Some(mut kafka) = Kafka::find_local("killed and revived") else {
        return;
    };
    let topic = kafka.topic(3);
    let (dispatch, guard) = dispatch(layer(&kafka, &topic).buffer_memory(512 * 1024 * 1024));
    let stop = AtomicBool::new(false);
    let slowest = AtomicU64::new(0);
    let calls = std::thread::scope(|scope| {
        let _stop = StopOnDrop(&stop);
        let callers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (dispatch, stop, slowest) = (&dispatch, &stop, &slowest);
                scope.spawn(move || call_until(dispatch, thread, stop, slowest))
            })
            .collect();
        let watcher = scope.spawn(|| watch_until(&guard, &stop));
        wait_until("a first load", || guard.stats().delivered > 20_000);
        let killed = kafka.kill(1);
        wait_until("a failed attempt", || guard.health() == Health::Retrying);
        let at_kill = guard.stats().offered;
        wait_until("more events while it is away", || {
            guard.stats().offered > at_kill + 5_000
        });
        killed.revive();
        wait_until("deliveries after it", || {
            guard.stats().delivered > at_kill + 5_000
        });
        stop.store(true, Ordering::Relaxed);
        println!("{} snapshots", watcher.join().unwrap());
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .sum()
    });
    let report = deliver_all(guard, calls);
    let slowest = Duration::from_nanos(slowest.into_inner());
    println!("{report}; the slowest of {calls} calls took {slowest:?}");
    assert!(slowest < Duration::from_secs(1), "a caller waited");

    let records = kafka.read(&topic);
    let texts: HashSet<String> = records.iter().map(Record::text).collect();
    // As many different ones as there were calls, so none is missing.
    let read: HashSet<_> = texts.iter().map(|text| origin(text)).collect();
    assert_eq!(read.len(), calls, "events that were read back");
    let twice: usize = (0..3)
        .map(|index| {
            let of_partition = |record: &&Record| record.partition == index;
            let records: Vec<&Record> = records.iter().filter(of_partition).collect();
            batches_sent_twice(&kafka, &topic, index, &records)
        })
        .sum();
    println!(
        "{} records were written twice, in {twice} batches",
        records.len() - calls
    );
    kafka.check_with_kcat(&topic, &records);
}

/// Ends the callers also when the test fails.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Logs some events at a time until told to stop, and measures every call. Returns how many.
fn call_until(dispatch: &Dispatch, thread: usize, stop: &AtomicBool, slowest: &AtomicU64) -> usize {
    let mut number = 0;
    tracing::dispatcher::with_default(dispatch, || {
        while !stop.load(Ordering::Relaxed) {
            for _ in 0..10 {
                let start = Instant::now();
                tracing::info!("thread {thread} event {number}");
                let took = start.elapsed().as_nanos();
                slowest.fetch_max(u64::try_from(took).unwrap(), Ordering::Relaxed);
                number += 1;
            }
            std::thread::park_timeout(Duration::from_millis(3));
        }
    });
    number
}

/// Compares the counters with each other until told to stop. Returns how often.
fn watch_until(guard: &WorkerGuard, stop: &AtomicBool) -> u64 {
    let mut snapshots = 0;
    while !stop.load(Ordering::Relaxed) {
        assert_conserved(&guard.stats());
        snapshots += 1;
        std::thread::park_timeout(Duration::from_millis(1));
    }
    snapshots
}

/// Whatever is in a partition twice came with a whole batch that is there twice. Returns how many
/// batches.
fn batches_sent_twice(kafka: &Kafka, topic: &str, partition: i32, records: &[&Record]) -> usize {
    let batches = kafka.batches(topic, partition);
    let in_batches: usize = batches.iter().map(|batch| batch.count).sum();
    assert_eq!(in_batches, records.len(), "the log and the reader disagree");
    let count_of: HashMap<i64, usize> = batches
        .iter()
        .map(|batch| (batch.base, batch.count))
        .collect();
    let mut first: HashMap<String, i64> = HashMap::new();
    let mut twice = 0;
    let mut at = 0;
    for batch in &batches {
        let records = &records[at..at + batch.count];
        at += batch.count;
        assert_eq!(records[0].offset, batch.base);
        let before: Vec<i64> = records
            .iter()
            .filter_map(|record| first.get(&record.text()).copied())
            .collect();
        if let Some(base) = before.first() {
            assert_eq!(
                count_of.get(base),
                Some(&batch.count),
                "not a whole batch: {batch:?}"
            );
            let same = (*base..).take(batch.count).collect::<Vec<_>>();
            assert_eq!(before, same, "not the same batch: {batch:?}");
            twice += 1;
        }
        for record in records {
            first.entry(record.text()).or_insert(record.offset);
        }
    }
    twice
}

#[test]
fn events_wait_for_a_topic_that_is_created_later() {
    let Some(mut kafka) = Kafka::find("a topic that is created later") else {
        return;
    };
    let topic = kafka.topic_name();
    let (dispatch, guard) = dispatch(layer(&kafka, &topic).on_error(|_| {}));
    log(&dispatch, &["patient".to_owned()]);
    wait_until("a word about the topic", || {
        guard.health() == Health::Misconfigured
    });
    let stats = guard.stats();
    assert_eq!((stats.offered, stats.delivered), (1, 0));
    assert_eq!(stats.queued + stats.in_flight, 1, "{stats}");
    assert!(!kafka.exists(&topic), "the layer created a topic");
    kafka.create(&topic, 1);
    guard.flush(LONG).unwrap();
    assert_eq!(guard.health(), Health::Healthy);
    deliver_all(guard, 1);
    assert_eq!(values(&kafka.read(&topic)), [b"patient"]);
}

#[test]
fn batches_are_split_for_a_topic_that_takes_small_ones_only() {
    const LARGE: usize = 2_500;
    let Some(mut kafka) = Kafka::find_local("a topic for small batches") else {
        return;
    };
    let topic = kafka.topic_with("max.message.bytes=20000");
    let (dispatch, guard) = dispatch(
        layer(&kafka, &topic)
            .compression(Compression::None)
            .linger(Duration::from_millis(200))
            .on_error(|_| {}),
    );
    let mut texts: Vec<String> = (0..5_000_u64)
        .map(|number| format!("{number} {}", noise(number, 80)))
        .collect();
    texts.insert(LARGE, noise(7, 60 * 1024));
    log(&dispatch, &texts);
    guard.flush(LONG).unwrap();
    let report = guard.shutdown(LONG);
    println!("{report}");
    let stats = &report.stats;
    assert_eq!(stats.offered, texts.len() as u64, "{report}");
    assert_eq!(stats.dropped.get(DropReason::TooLarge), 1, "{report}");
    assert_eq!(stats.dropped.total(), 1, "{report}");
    assert_conserved(stats);
    texts.remove(LARGE);
    assert_eq!(stats.delivered, texts.len() as u64, "{report}");
    assert_eq!(report.unknown, 0, "a refusal is no doubt");
    let records = kafka.read(&topic);
    // One thread and one partition: once each, and in order.
    assert_in_order(&records, &texts);
    let batches = kafka.batches(&topic, 0);
    let largest = batches.iter().map(|batch| batch.size).max();
    println!(
        "{} batches of up to {} bytes",
        batches.len(),
        largest.unwrap()
    );
    assert!(largest <= Some(20_000), "{largest:?}");
}
