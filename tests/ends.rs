//! Events at the end of a thread and of the process, where thread-locals are gone: each case runs in a
//! child process of its own.
#![cfg(test)]
#![cfg(unix)]

#[expect(unsafe_code, reason = "a function of C is registered")]
#[path = "support/at_exit.rs"]
mod at_exit;

use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::OnceLock;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::DropReason;
use tracing_kafka::FileLayer;
use tracing_kafka::JsonLayout;
use tracing_kafka::KafkaLayer;
use tracing_kafka::MemoryLayer;
use tracing_kafka::MemoryRecords;
use tracing_kafka::PatternLayout;
use tracing_kafka::StatsHandle;
use tracing_kafka::WorkerGuard;
use tracing_subscriber::prelude::*;

use at_exit::at_exit;

const LONG: Duration = Duration::from_secs(60);
/// Names the case that a child has to play.
const CASE: &str = "TRACING_KAFKA_TEST_CASE";
const FOLDER: &str = "TRACING_KAFKA_TEST_FOLDER";
/// All that a pattern may ask of an event.
const PATTERN: &str = "%d %p [%t] %c %x %X %K %m";

/// Plays `case` in a child process, on its main thread. What it printed.
fn play(case: &str) -> String {
    let folder = std::env::temp_dir().join(format!("tracing-kafka-{case}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "child_process",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CASE, case)
        .env(FOLDER, &folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + LONG;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the child hangs");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    let output = child.wait_with_output().unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{}\n{text}\n{errors}",
        output.status
    );
    assert!(!errors.contains("panicked"), "{errors}");
    text
}

/// Not a test of its own: what a child plays. Without a case it has nothing to do.
#[test]
fn child_process() {
    match std::env::var(CASE).as_deref() {
        Ok("thread") => play_thread(),
        Ok("main_thread") => play_main_thread(),
        Ok("exit") => play_exit(true),
        Ok("exit_without_a_warning") => play_exit(false),
        Ok(other) => panic!("no case `{other}`"),
        Err(_) => {}
    }
}

/// What a child looks at in the end.
struct Seen {
    records: [MemoryRecords; 2],
    stats: Vec<StatsHandle>,
    file: PathBuf,
    guards: Vec<WorkerGuard>,
}

static SEEN: OnceLock<Seen> = OnceLock::new();

/// Puts all layers of ours in place, for all threads.
fn subscribe() -> &'static Seen {
    let folder = PathBuf::from(std::env::var(FOLDER).unwrap());
    let pattern = || PatternLayout::new(PATTERN).unwrap();
    let (kafka, kafka_guard) = KafkaLayer::builder(["127.0.0.1:1"], "log-message")
        .layout(pattern())
        .key(PatternLayout::new("%X{id}").unwrap())
        .on_error(|_| {})
        .build()
        .unwrap();
    let (file, file_guard) = FileLayer::builder(folder.join("app.log"))
        .layout(pattern())
        .build()
        .unwrap();
    let path = folder.join("at-once.log");
    let (at_once, at_once_guard) = FileLayer::builder(&path)
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
    let guards = vec![kafka_guard, file_guard, at_once_guard];
    let seen = Seen {
        records: [records, json_records],
        stats: guards.iter().map(WorkerGuard::stats_handle).collect(),
        file: path,
        guards,
    };
    SEEN.get_or_init(|| seen)
}

impl Seen {
    /// Each layer has `taken` events, and has refused what was logged inside of them.
    fn assert(&self, taken: usize) {
        for records in &self.records {
            let records = records.take();
            assert_eq!(records.len(), taken, "{records:?}");
        }
        for stats in &self.stats {
            let stats = stats.stats();
            let refused = stats.dropped.total();
            assert_eq!(stats.dropped.get(DropReason::Reentrant), refused, "{stats}");
            assert!((1..20).contains(&refused), "{stats}");
            assert_eq!(stats.offered, taken as u64 + refused, "{stats}");
            assert_eq!(stats.format_failures, 0, "{stats}");
        }
        let lines = std::fs::read_to_string(&self.file).unwrap();
        assert_eq!(lines.lines().count(), taken, "{lines}");
    }
}

/// Logs itself, and makes spans and records of itself, while it is being formatted.
struct Endless;

impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!(again = ?Self, "inside {:?}", Self);
        f.write_str("endless")
    }
}

/// Logs when its thread ends.
struct LogsAtTheEnd;

impl Drop for LogsAtTheEnd {
    fn drop(&mut self) {
        let span = tracing::info_span!("end", id = 7, again = ?Endless);
        span.in_scope(|| tracing::info!(again = ?Endless, "at the end"));
    }
}

thread_local! {
    static LATE: RefCell<Option<LogsAtTheEnd>> = const { RefCell::new(None) };
    static FIRST: Cell<Option<LogsAtTheEnd>> = const { Cell::new(None) };
}

/// How many events a thread that ends with one of [`LogsAtTheEnd`] has for each layer: its own, and that
/// of the span's field.
const TAKEN: usize = 2;

fn play_thread() {
    let seen = subscribe();
    let mut threads = 0;
    for logs_before in [true, false] {
        for is_first in [true, false] {
            let thread = std::thread::Builder::new().name("ends".to_owned());
            let thread = thread.spawn(move || {
                // What is set first is destroyed after what the event makes.
                if is_first {
                    LATE.with(|late| *late.borrow_mut() = Some(LogsAtTheEnd));
                }
                if logs_before {
                    tracing::info!("alive");
                }
                if !is_first {
                    FIRST.set(Some(LogsAtTheEnd));
                }
            });
            thread.unwrap().join().unwrap();
            threads += 1;
        }
    }
    let records = seen.records[0].take();
    for record in &records {
        println!("{record}");
    }
    assert_eq!(records.len(), threads * TAKEN + 2, "{records:?}");
    let ended: Vec<&String> = records
        .iter()
        .filter(|record| record.ends_with("at the end"))
        .collect();
    assert_eq!(ended.len(), threads);
    for record in ended {
        assert!(
            record.contains(" [ends] ends [end] {again=endless, id=7} {again=endless} at"),
            "{record}"
        );
    }
    for stats in &seen.stats {
        let stats = stats.stats();
        assert_eq!(
            stats.offered,
            (threads * TAKEN + 2) as u64 + stats.dropped.total(),
            "{stats}"
        );
        assert_eq!(
            stats.dropped.get(DropReason::Reentrant),
            stats.dropped.total(),
            "{stats}"
        );
        assert!(stats.dropped.total() >= threads as u64, "{stats}");
    }
    println!("played");
}

#[test]
fn an_event_at_the_end_of_a_thread_has_none_inside() {
    assert!(play("thread").contains("played"));
}

fn play_main_thread() {
    LATE.with(|late| *late.borrow_mut() = Some(LogsAtTheEnd));
    let _seen = subscribe();
    tracing::info!("alive");
    at_exit(look_again);
}

extern "C" fn look_again() {
    let seen = SEEN.get().unwrap();
    let records = seen.records[0].take();
    println!("{records:?} {}", seen.guards.len());
}

#[test]
fn an_event_at_the_end_of_the_main_thread_has_none_inside() {
    let output = play("main_thread");
    assert!(
        output.contains("[end] {again=endless, id=7} {again=endless} at the end"),
        "{output}"
    );
}

fn play_exit(logs_before: bool) {
    let seen = subscribe();
    if logs_before {
        tracing::info!("alive");
    }
    for records in &seen.records {
        records.take();
    }
    if logs_before {
        at_exit(log_at_exit_again);
    } else {
        at_exit(log_at_exit);
    }
}

extern "C" fn log_at_exit() {
    tracing::info!(again = ?Endless, "at exit");
    tracing::info_span!("span", id = 7).in_scope(|| tracing::info!("at exit"));
    SEEN.get().unwrap().assert(2);
    println!("looked");
}

extern "C" fn log_at_exit_again() {
    tracing::info!(again = ?Endless, "at exit");
    let records = SEEN.get().unwrap().records[0].take();
    println!("{records:?}");
}

#[test]
fn an_event_at_the_exit_of_the_process_is_taken() {
    let output = play("exit_without_a_warning");
    assert!(output.contains("looked"), "{output}");
    let output = play("exit");
    assert!(output.contains("{again=endless} at exit"), "{output}");
    assert!(output.contains(" [main] "), "{output}");
}
