//! An allocator that logs: whatever of ours allocates, wherever, it ends, and each event is counted. A
//! child process plays it, as it may hang.
#![cfg(test)]

#[expect(unsafe_code, reason = "an allocator that logs is one by nature")]
#[path = "support/logging.rs"]
mod logging;

use std::path::Path;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tracing::field::Empty;
use tracing_kafka::DropReason;
use tracing_kafka::FileLayer;
use tracing_kafka::JsonLayout;
use tracing_kafka::KafkaLayer;
use tracing_kafka::MemoryLayer;
use tracing_kafka::MemoryRecords;
use tracing_kafka::PatternLayout;
use tracing_kafka::WorkerGuard;
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);
const FOLDER: &str = "TRACING_KAFKA_TEST_FOLDER";
const EVENTS: u64 = 100;

/// Logs in spans of all kinds; all that is new for the thread is made here.
fn log(thread: u64) {
    let outer = tracing::info_span!("outer", thread, late = Empty).entered();
    for number in 0..EVENTS {
        let span = tracing::info_span!("inner", number, text = %"x".repeat(100), late = Empty);
        span.in_scope(|| {
            tracing::info!(target: "test", number, "inside {}", "y".repeat(300));
            span.record("late", number);
            outer.record("late", "z".repeat(100));
            let deeper: Vec<_> = (0..8)
                .map(|depth| tracing::info_span!("deep", depth).entered())
                .collect();
            tracing::info!(target: "test", parent: &span, number, "after");
            deeper.into_iter().rev().for_each(drop);
        });
    }
}

/// Puts all layers of ours in place. Those with a guard, and what the others keep.
fn subscribe(folder: &Path) -> ([WorkerGuard; 3], [MemoryRecords; 2]) {
    let pattern = || PatternLayout::new("%d %p [%t] %c %x %X %K %m").unwrap();
    let (kafka, kafka_guard) = KafkaLayer::builder(["127.0.0.1:1"], "log-message")
        .layout(pattern())
        .key(PatternLayout::new("%X{number}").unwrap())
        .buffer_memory(256 * 1024)
        .on_error(|_| {})
        .build()
        .unwrap();
    let (file, file_guard) = FileLayer::builder(folder.join("app.log"))
        .layout(pattern())
        .build()
        .unwrap();
    let (at_once, at_once_guard) = FileLayer::builder(folder.join("at-once.log"))
        .layout(JsonLayout::new())
        .synchronous()
        .build()
        .unwrap();
    let (memory, records) = MemoryLayer::new(pattern());
    let (json, json_records) = MemoryLayer::new(JsonLayout::ecs());
    tracing_subscriber::registry()
        .with(memory)
        .with(json)
        .with(kafka)
        .with(file)
        .with(at_once)
        .init();
    let guards = [kafka_guard, file_guard, at_once_guard];
    (guards, [records, json_records])
}

fn play(folder: &Path) {
    let (guards, [records, json_records]) = subscribe(folder);
    logging::set_logs(true);
    std::thread::scope(|scope| {
        (0..3).for_each(|thread| drop(scope.spawn(move || log(thread))));
    });
    for guard in &guards {
        let _kafka_is_away = guard.flush(Duration::from_millis(200));
        let stats = guard.stats();
        assert!(stats.dropped.get(DropReason::Reentrant) > 0, "{stats}");
    }
    let (kept, kept_json) = (records.take(), json_records.take());
    for guard in guards {
        let report = guard.shutdown(Duration::from_secs(1));
        let stats = report.stats;
        let known = stats.delivered + stats.queued + stats.in_flight + stats.dropped.total();
        assert_eq!(stats.offered, known, "{stats}");
    }
    logging::set_logs(false);
    let is_of_test =
        |record: &&String| record.contains(" inside yyy") || record.contains("inside yyy");
    let of_test = kept.iter().filter(is_of_test).count() as u64;
    println!(
        "{of_test} of {} records, {} allocations",
        kept.len(),
        logging::logged()
    );
    assert_eq!(of_test, 3 * EVENTS);
    assert_eq!(
        kept_json.iter().filter(is_of_test).count() as u64,
        3 * EVENTS
    );
    let lines = std::fs::read_to_string(folder.join("app.log")).unwrap();
    assert_eq!(
        lines
            .lines()
            .filter(|line| line.contains("inside yyy"))
            .count() as u64,
        3 * EVENTS
    );
    println!("played");
}

/// Not a test of its own: what the child plays.
#[test]
fn child_process() {
    if let Ok(folder) = std::env::var(FOLDER) {
        play(Path::new(&folder));
    }
}

#[test]
fn an_allocator_that_logs_meets_no_recursion_and_no_lock() {
    let folder =
        std::env::temp_dir().join(format!("tracing-kafka-allocator-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let output = folder.join("output");
    let file = std::fs::File::create(&output).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env(FOLDER, &folder)
        // The registry panics where it is asked while it makes room for another span, which is contained.
        .env("RUST_BACKTRACE", "0")
        .stdout(file.try_clone().unwrap())
        .stderr(Stdio::from(file))
        .spawn()
        .unwrap();
    let deadline = Instant::now() + LONG;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!(
                "the child hangs: {}",
                std::fs::read_to_string(&output).unwrap()
            );
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let status = child.wait().unwrap();
    let text = std::fs::read_to_string(&output).unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    assert!(
        status.success() && text.contains("played"),
        "{status}\n{text}"
    );
}
