//! Once warm, a thread that logs allocates nothing: counted over `info!` with fields inside spans,
//! through a registry and an `EnvFilter`, while the worker drains.
#![cfg(test)]

#[expect(unsafe_code, reason = "a counting allocator is one by nature")]
#[path = "support/counting.rs"]
mod counting;

use std::sync::Barrier;
use std::time::Duration;

use tracing_kafka::FileLayer;
use tracing_kafka::KafkaLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

const EVENTS: u64 = 10_000;
const ROUNDS: u64 = 10;
const WARM_UP: u64 = 5;
const THREADS: usize = 2;

/// Logs `events` events: in one span, in a span entered for each, with fields of all kinds.
fn log(events: u64, span: &tracing::Span) {
    for number in 0..events / 2 {
        let _entered = span.enter();
        tracing::info!(
            number,
            ratio = 0.25 * f64::from(u32::try_from(number).unwrap()),
            name = "orders",
            ok = true,
            debug = ?(number, "pair"),
            "event {number} of {}",
            "many"
        );
    }
    let _entered = span.enter();
    for number in 0..events / 2 {
        tracing::info!(number, "user {} logged in from {}", number, "10.0.0.7");
    }
}

/// Logs in rounds, each between two waits for `round`. Returns how many allocations that cost this
/// thread once it was warm.
///
/// A round is a burst; between rounds the workers catch up, as they do where a machine is not
/// overloaded.
fn play(round: &Barrier) -> u64 {
    let outer = tracing::info_span!("request", user = "bob", id = 7);
    let _outer = outer.enter();
    let span = tracing::info_span!("query", table = "orders");
    let mut count = 0;
    for number in 0..WARM_UP + ROUNDS {
        round.wait();
        let before = counting::allocations();
        log(EVENTS / ROUNDS, &span);
        if number >= WARM_UP {
            count += counting::allocations() - before;
        }
        round.wait();
    }
    count
}

#[test]
fn a_warm_thread_allocates_nothing_per_event() {
    let broker = TestBroker::builder()
        .partitions(3)
        .start_blocking()
        .unwrap();
    broker.create_topic("log-message", 3);
    let path = std::env::temp_dir().join(format!("tracing-kafka-alloc-{}.log", std::process::id()));
    let twin_path = path.with_extension("twin.log");
    let text = "%d{ISO8601} %-5p [%t] %c{1.} %x %X %X{user} %K (%F:%L) - %m%n";
    let (kafka, kafka_guard) = KafkaLayer::builder([broker.bootstrap()], "log-message")
        .layout(PatternLayout::new("[%d{HH:mm:ss.SSS}] [%-4level] %msg%n").unwrap())
        .linger(Duration::from_millis(5))
        .build()
        .unwrap();
    let (file, file_guard) = FileLayer::builder(&path)
        .layout(PatternLayout::new(text).unwrap())
        .build()
        .unwrap();
    // It has what was rendered for the other file.
    let layout = PatternLayout::new(text).unwrap();
    let (twin, twin_guard) = FileLayer::builder(&twin_path)
        .layout(layout)
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(
        tracing_subscriber::registry()
            .with(kafka.with_filter(EnvFilter::new("info")))
            .with(file.with_filter(EnvFilter::new("info,other=trace")))
            .with(twin),
    );
    let round = Barrier::new(THREADS + 1);
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| scope.spawn(|| tracing::dispatcher::with_default(&dispatch, || play(&round))))
            .collect();
        for _ in 0..WARM_UP + ROUNDS {
            kafka_guard.flush(Duration::from_secs(30)).unwrap();
            file_guard.flush(Duration::from_secs(30)).unwrap();
            twin_guard.flush(Duration::from_secs(30)).unwrap();
            round.wait();
            round.wait();
        }
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    kafka_guard.flush(Duration::from_secs(30)).unwrap();
    file_guard.flush(Duration::from_secs(30)).unwrap();
    twin_guard.flush(Duration::from_secs(30)).unwrap();
    let logged = THREADS as u64 * (WARM_UP + ROUNDS) * (EVENTS / ROUNDS);
    let (kafka, file, twin) = (kafka_guard.stats(), file_guard.stats(), twin_guard.stats());
    let read = |path| std::fs::read_to_string(path).unwrap();
    let (lines, twin_lines) = (read(&path), read(&twin_path));
    std::fs::remove_file(&path).unwrap();
    std::fs::remove_file(&twin_path).unwrap();
    assert_eq!(counts, [0, 0], "allocations while logging");
    assert_eq!(kafka.delivered, logged, "{kafka}");
    assert_eq!(file.delivered, logged, "{file}");
    assert_eq!(twin.delivered, logged, "{twin}");
    assert_eq!(lines.len(), twin_lines.len());
}
