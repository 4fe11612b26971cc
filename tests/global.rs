//! What only shows under a process-wide subscriber, which has no guard against recursion: each case
//! runs in a child process of its own.
#![cfg(test)]

use std::fmt;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::DropReason;
use tracing_kafka::FileLayer;
use tracing_kafka::KafkaLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);
/// Names the case that a child has to play.
const CASE: &str = "TRACING_KAFKA_TEST_CASE";
const BROKERS: &str = "TRACING_KAFKA_TEST_BROKERS";
const FOLDER: &str = "TRACING_KAFKA_TEST_FOLDER";
const TOPIC: &str = "log-message";

/// Starts this test binary again to play `case`.
fn child(case: &str, broker: &TestBroker, folder: &std::path::Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env(CASE, case)
        .env(BROKERS, broker.bootstrap())
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Waits for the end of `child`, calling `meanwhile` again and again; kills it when it hangs.
fn finish(mut child: Child, mut meanwhile: impl FnMut()) -> String {
    let deadline = Instant::now() + LONG;
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("the child hangs");
        }
        meanwhile();
    }
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

fn broker() -> TestBroker {
    let broker = TestBroker::builder()
        .partitions(3)
        .start_blocking()
        .unwrap();
    broker.create_topic(TOPIC, 3);
    broker
}

fn folder(name: &str) -> std::path::PathBuf {
    let path = std::env::temp_dir().join(format!("tracing-kafka-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&path).unwrap();
    path
}

/// Not a test of its own: what a child plays. Without a case it has nothing to do.
#[test]
fn child_process() {
    match std::env::var(CASE).as_deref() {
        Ok("own_events") => play_own_events(),
        Ok("nested") => play_nested(),
        Ok("nested_without_room") => play_nested_without_room(),
        Ok("destructor") => play_destructor(),
        Ok(other) => panic!("no case `{other}`"),
        Err(_) => {}
    }
}

const CALLS: u64 = 600;

fn play_own_events() {
    let servers = std::env::var(BROKERS).unwrap();
    let path = std::path::PathBuf::from(std::env::var(FOLDER).unwrap()).join("app.log");
    let (kafka, kafka_guard) = KafkaLayer::builder([servers], TOPIC)
        .layout(PatternLayout::new("%c %m").unwrap())
        .linger(Duration::from_millis(5))
        .build()
        .unwrap();
    let (file, file_guard) = FileLayer::builder(path)
        .layout(PatternLayout::new("%t %c %m").unwrap())
        .build()
        .unwrap();
    tracing_subscriber::registry()
        .with(kafka.with_filter(LevelFilter::TRACE))
        .with(file.with_filter(LevelFilter::TRACE))
        .init();
    for number in 0..CALLS {
        tracing::trace!("event {number}");
        std::thread::park_timeout(Duration::from_millis(3));
    }
    kafka_guard.flush(LONG).unwrap();
    file_guard.flush(LONG).unwrap();
    let stats = kafka_guard.stats();
    println!("offered={} delivered={}", stats.offered, stats.delivered);
    println!("file offered={}", file_guard.stats().offered);
}

#[test]
fn the_layer_does_not_feed_on_its_own_client_but_files_get_what_it_says() {
    let broker = broker();
    let folder = folder("own");
    let child = child("own_events", &broker, &folder);
    let mut rounds = 0;
    let output = finish(child, || {
        // Garbage makes the client complain; outages make it reconnect.
        broker.fault(
            tracing_kafka_broker::Api::Produce,
            tracing_kafka_broker::Fault::WrongCorrelation,
        );
        std::thread::park_timeout(Duration::from_millis(100));
        broker.down_all();
        std::thread::park_timeout(Duration::from_millis(50));
        broker.clear_faults();
        broker.up_all().unwrap();
        std::thread::park_timeout(Duration::from_millis(150));
        rounds += 1;
    });
    assert!(rounds >= 2, "the broker did not come and go");
    assert!(
        output.contains(&format!("\noffered={CALLS} delivered={CALLS}\n")),
        "{output}"
    );
    let records = broker.all_records(TOPIC);
    for record in &records {
        assert!(
            record.text().starts_with("global event "),
            "{}",
            record.text()
        );
    }
    assert!(records.len() as u64 >= CALLS);
    let written = std::fs::read_to_string(folder.join("app.log")).unwrap();
    let of_the_client = written
        .lines()
        .filter(|line| line.starts_with("tracing-kafka rskafka"))
        .count();
    assert!(of_the_client > 0, "the file shows nothing of the client");
    assert!(
        of_the_client < 10_000,
        "{of_the_client} lines of the client"
    );
    std::fs::remove_dir_all(folder).unwrap();
}

/// A value that logs and makes spans while it is being formatted.
struct Chatty;
impl fmt::Debug for Chatty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        tracing::info!("nested");
        let _span = tracing::info_span!("made inside", again = ?Endless).entered();
        f.write_str("chatty")
    }
}

/// A value that makes spans of itself without end.
struct Endless;
impl fmt::Debug for Endless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let _span = tracing::info_span!("deeper", again = ?Self).entered();
        tracing::info!("deeper");
        f.write_str("endless")
    }
}

fn play_nested() {
    let servers = std::env::var(BROKERS).unwrap();
    let (kafka, guard) = KafkaLayer::builder([servers], TOPIC)
        .layout(PatternLayout::new("%x %X %m").unwrap())
        .linger(Duration::from_millis(5))
        .build()
        .unwrap();
    tracing_subscriber::registry().with(kafka).init();
    tracing::info!("outer {:?}", Chatty);
    tracing::info!("after");
    {
        let _span = tracing::info_span!("span", value = ?Chatty).entered();
        tracing::info!("inside");
    }
    guard.flush(LONG).unwrap();
    let stats = guard.stats();
    println!("{stats}");
    assert_eq!(
        stats.offered,
        stats.delivered + stats.dropped.get(DropReason::Reentrant)
    );
    assert!(stats.dropped.get(DropReason::Reentrant) >= 2, "{stats}");
}

#[test]
fn events_inside_events_and_spans_inside_spans_end_and_are_counted() {
    let broker = broker();
    let folder = folder("nested");
    finish(child("nested", &broker, &folder), || {
        std::thread::park_timeout(Duration::from_millis(10));
    });
    let records: Vec<String> = broker
        .all_records(TOPIC)
        .iter()
        .map(tracing_kafka_broker::Record::text)
        .collect();
    for expected in [
        "[] {} outer chatty",
        "[] {} after",
        "[span] {value=chatty} inside",
    ] {
        assert!(
            records.iter().any(|record| record == expected),
            "{expected} in {records:?}"
        );
    }
    std::fs::remove_dir_all(folder).unwrap();
}

/// A value that ends the layer and then logs, while it is being formatted.
struct Closes(std::cell::Cell<Option<tracing_kafka::WorkerGuard>>);
impl fmt::Debug for Closes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(guard) = self.0.take() {
            let _report = guard.shutdown(LONG);
        }
        tracing::info!("nested");
        f.write_str("closed")
    }
}

fn play_nested_without_room() {
    let servers = std::env::var(BROKERS).unwrap();
    let (kafka, guard) = KafkaLayer::builder([servers], TOPIC).build().unwrap();
    tracing_subscriber::registry().with(kafka).init();
    let handle = guard.stats_handle();
    tracing::info!("outer {:?}", Closes(std::cell::Cell::new(Some(guard))));
    let stats = handle.stats();
    assert_eq!(stats.offered, 2, "{stats}");
    assert_eq!(stats.dropped.get(DropReason::Reentrant), 1, "{stats}");
    assert_eq!(stats.dropped.get(DropReason::Shutdown), 1, "{stats}");
}

#[test]
fn an_event_inside_an_event_is_counted_as_such_whether_there_is_room_or_not() {
    let broker = broker();
    let folder = folder("nested-without-room");
    finish(child("nested_without_room", &broker, &folder), || {
        std::thread::park_timeout(Duration::from_millis(10));
    });
    std::fs::remove_dir_all(folder).unwrap();
}

/// Logs when its thread ends, after the layer's own thread-locals are gone.
struct LogsAtTheEnd;
impl Drop for LogsAtTheEnd {
    fn drop(&mut self) {
        tracing::info!("from a destructor");
    }
}

thread_local! {
    static LATE: std::cell::RefCell<Option<LogsAtTheEnd>> = const { std::cell::RefCell::new(None) };
}

fn play_destructor() {
    let servers = std::env::var(BROKERS).unwrap();
    let (kafka, guard) = KafkaLayer::builder([servers], TOPIC)
        .layout(PatternLayout::new("[%d{HH:mm}] %p %x %m").unwrap())
        .build()
        .unwrap();
    tracing_subscriber::registry().with(kafka).init();
    std::thread::spawn(|| {
        // Set first, so that it is destroyed after what the event makes.
        LATE.with(|late| *late.borrow_mut() = Some(LogsAtTheEnd));
        tracing::info_span!("span").in_scope(|| tracing::info!("alive"));
    })
    .join()
    .unwrap();
    let report = guard.shutdown(LONG);
    println!("{report}");
    assert_eq!((report.stats.offered, report.stats.delivered), (2, 2));
}

#[test]
fn an_event_from_a_thread_locals_destructor_is_delivered() {
    let broker = broker();
    let folder = folder("destructor");
    finish(child("destructor", &broker, &folder), || {
        std::thread::park_timeout(Duration::from_millis(10));
    });
    let records = broker.all_records(TOPIC);
    let mut texts: Vec<String> = records
        .iter()
        .map(|record| record.text().split_once("] ").unwrap().1.to_owned())
        .collect();
    texts.sort();
    assert_eq!(texts, ["INFO [] from a destructor", "INFO [span] alive"]);
    std::fs::remove_dir_all(folder).unwrap();
}
