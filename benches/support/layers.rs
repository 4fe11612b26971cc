//! What the benches have in common around a layer: a null one, folders, a broker that is not there.
#![allow(dead_code, reason = "each bench uses a part of it")]
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin shall stop")]

use std::net::TcpListener;
use std::path::PathBuf;
use std::time::Duration;
use std::time::Instant;

use tracing::Dispatch;
use tracing_kafka::DropReason;
use tracing_kafka::KafkaLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka::WorkerGuard;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::Layer;
use tracing_subscriber::prelude::*;

use super::events::Event;
use super::events::Values;

pub(crate) const TOPIC: &str = "log-message";
/// Long enough for anything that is going to happen at all.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// What a partition of the in-process broker keeps: enough for one batch, so that a long run does
/// not fill the memory.
const RETENTION: usize = 4 * 1024 * 1024;

/// A layer that takes every event and does nothing with it.
pub(crate) struct NoOp;

impl<S: tracing::Subscriber> Layer<S> for NoOp {}

pub(crate) fn pattern(text: &str) -> PatternLayout {
    PatternLayout::new(text).unwrap()
}

pub(crate) fn broker(quickack: bool) -> TestBroker {
    broker_of(3, quickack)
}

/// A broker with so many partitions.
pub(crate) fn broker_of(partitions: i32, quickack: bool) -> TestBroker {
    let broker = TestBroker::builder()
        .partitions(partitions)
        .retention_bytes(RETENTION)
        .quickack(quickack)
        .start_blocking()
        .unwrap();
    broker.create_topic(TOPIC, partitions);
    broker
}

/// An address that refuses connections.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

/// A layer whose queue is full and stays so: its brokers cannot be reached, and it holds little.
pub(crate) fn full(event: Event, values: &Values) -> (Dispatch, WorkerGuard) {
    let (kafka, guard) = KafkaLayer::builder([nobody()], TOPIC)
        .layout(pattern(super::events::SEED))
        .buffer_memory(64 * 1024)
        .batch_size(16 * 1024)
        .shutdown_timeout(Duration::from_millis(1))
        .on_error(|_| {})
        .build()
        .unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(kafka));
    tracing::dispatcher::with_default(&dispatch, || fill(event, values, &guard));
    (dispatch, guard)
}

/// Logs until nothing is accepted any more, however long the worker is left alone with it.
fn fill(event: Event, values: &Values, guard: &WorkerGuard) {
    let deadline = Instant::now() + LONG;
    let mut refused_rounds = 0;
    while refused_rounds < 5 {
        assert!(Instant::now() < deadline, "never full: {}", guard.stats());
        let before = guard.stats();
        (0..1000).for_each(|index| (event.log)(values, index));
        let after = guard.stats();
        let refused =
            after.dropped.get(DropReason::QueueFull) - before.dropped.get(DropReason::QueueFull);
        refused_rounds = if refused == 1000 {
            refused_rounds + 1
        } else {
            0
        };
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Fails unless all `calls` events were delivered: dropping one is cheaper than logging it.
#[track_caller]
pub(crate) fn assert_delivered(guard: &WorkerGuard, calls: u64) {
    guard.flush(LONG).unwrap();
    let stats = guard.stats();
    assert_eq!(stats.dropped.total(), 0, "{stats}");
    assert_eq!(stats.offered, calls, "{stats}");
    assert_eq!(stats.delivered, calls, "{stats}");
}

/// A folder that is removed at the end.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        let name = format!("tracing-kafka-bench-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.path);
    }
}
