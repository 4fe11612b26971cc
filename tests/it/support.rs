//! What the tests share: a broker, layers that fit it, folders, waiting for conditions.

use std::path::Path;
use std::path::PathBuf;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::KafkaLayer;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::PatternLayout;
use tracing_kafka::Stats;
use tracing_kafka_broker::TestBroker;

/// Long enough for anything that is going to happen at all.
pub(crate) const LONG: Duration = Duration::from_secs(30);

pub(crate) const TOPIC: &str = "log-message";

/// A broker on a thread of its own, so that no runtime of a test matters to it.
pub(crate) fn broker() -> TestBroker {
    let broker = TestBroker::builder()
        .partitions(3)
        .start_blocking()
        .unwrap();
    broker.create_topic(TOPIC, 3);
    broker
}

pub(crate) fn pattern(text: &str) -> PatternLayout {
    PatternLayout::new(text).unwrap()
}

/// A layer that sends the bare message to `TOPIC`.
pub(crate) fn kafka(broker: &TestBroker) -> KafkaLayerBuilder {
    KafkaLayer::builder([broker.bootstrap()], TOPIC)
        .layout(pattern("%m"))
        .linger(Duration::from_millis(5))
        .on_error(|error| println!("{:?} on_error: {error}", std::time::SystemTime::now()))
}

/// The values of all records in `TOPIC`.
pub(crate) fn values(broker: &TestBroker) -> Vec<String> {
    broker
        .all_records(TOPIC)
        .into_iter()
        .map(|record| String::from_utf8(record.value.unwrap().to_vec()).unwrap())
        .collect()
}

#[track_caller]
pub(crate) fn assert_conserved(stats: &Stats) {
    assert_eq!(
        stats.offered,
        stats.delivered + stats.queued + stats.in_flight + stats.dropped.total(),
        "{stats}"
    );
}

/// Waits until `condition` holds; fails with `what` if it does not in time.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// A folder of the test's own, removed at its end.
pub(crate) struct Folder {
    path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        Self::below(&std::env::temp_dir())
    }

    pub(crate) fn below(parent: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("tracing-kafka-test-{}-{number}", std::process::id());
        let path = parent.join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self { path }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
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
