//! Once warm, a thread that logs allocates nothing: counted over `info!` with fields inside spans,
//! through a registry and an `EnvFilter`, while the worker drains.
#![cfg(test)]
#![expect(unsafe_code, reason = "a counting allocator is one by nature")]

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::cell::Cell;
use std::time::Duration;

use tracing_kafka::FileLayer;
use tracing_kafka::KafkaLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::prelude::*;

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread at its end has no cell any more, and nobody reads it.
    let _ended = COUNT.try_with(|cell| cell.set(cell.get() + 1));
}

// SAFETY: every call is handed to the system's allocator unchanged; the counter does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const EVENTS: u64 = 10_000;

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

#[test]
fn a_warm_thread_allocates_nothing_per_event() {
    let broker = TestBroker::builder()
        .partitions(3)
        .start_blocking()
        .unwrap();
    broker.create_topic("log-message", 3);
    let path = std::env::temp_dir().join(format!("tracing-kafka-alloc-{}.log", std::process::id()));
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
    let dispatch = tracing::Dispatch::new(
        tracing_subscriber::registry()
            .with(kafka.with_filter(EnvFilter::new("info")))
            .with(file.with_filter(EnvFilter::new("info,other=trace"))),
    );
    let counts: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    tracing::dispatcher::with_default(&dispatch, || {
                        let outer = tracing::info_span!("request", user = "bob", id = 7);
                        let _outer = outer.enter();
                        let span = tracing::info_span!("query", table = "orders");
                        log(2 * EVENTS, &span);
                        let before = COUNT.get();
                        log(EVENTS, &span);
                        COUNT.get() - before
                    })
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    kafka_guard.flush(Duration::from_secs(30)).unwrap();
    file_guard.flush(Duration::from_secs(30)).unwrap();
    let (kafka, file) = (kafka_guard.stats(), file_guard.stats());
    std::fs::remove_file(&path).unwrap();
    assert_eq!(counts, [0, 0], "allocations while logging");
    assert_eq!(kafka.delivered, 2 * 3 * EVENTS, "{kafka}");
    assert_eq!(file.delivered, 2 * 3 * EVENTS, "{file}");
}
