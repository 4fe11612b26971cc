//! Those who ship the events, all with the same promises: nothing lost, nothing written twice, in batches of 256 KiB.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use rdkafka::ClientConfig;
use rdkafka::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::BaseRecord;
use rdkafka::producer::FutureProducer;
use rdkafka::producer::FutureRecord;
use rdkafka::producer::Producer;
use rdkafka::producer::ProducerContext;
use rdkafka::producer::ThreadedProducer;
use rdkafka::types::RDKafkaErrorCode;
use tracing_kafka::Compression;
use tracing_kafka::KafkaLayer;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::OverflowPolicy;
use tracing_kafka::PatternLayout;
use tracing_kafka::WorkerGuard;
use tracing_subscriber::prelude::*;

use crate::events;
use crate::events::Event;
use crate::events::Values;
use crate::glue::Glue;
use crate::row::LONG;

pub(crate) type Fault = Box<dyn Error + Send + Sync>;

/// One who ships events.
pub(crate) trait Contestant: Sync {
    /// Ships an event; the number says which. Waits while there is no room.
    fn log(&self, index: usize);
    /// Waits until everything is acknowledged.
    fn settle(&self) -> Result<(), Fault>;
    /// How many events it says are lost.
    fn lost(&self) -> u64;
}

pub(crate) struct Ours {
    guard: WorkerGuard,
    values: Values,
}

impl Ours {
    /// Becomes the subscriber of the process.
    pub(crate) fn start(servers: &str, topic: &str) -> Result<Self, Fault> {
        let (layer, guard) = builder(servers, topic)?.build()?;
        tracing_subscriber::registry().with(layer).try_init()?;
        Ok(Self {
            guard,
            values: Values::new(),
        })
    }
}

fn builder(servers: &str, topic: &str) -> Result<KafkaLayerBuilder, Fault> {
    Ok(KafkaLayer::builder([servers], topic)
        .layout(PatternLayout::new(events::SEED)?)
        // The others send the newline, too.
        .keep_newline(true)
        .compression(Compression::Lz4)
        .overflow(OverflowPolicy::Block { max_wait: LONG })
        .property("enable.idempotence", "true")
        .property("linger.ms", LINGER_MS)
        .property("batch.size", BATCH_BYTES)
        .buffer_memory(BUFFER_KIB * 1024))
}

impl Contestant for Ours {
    #[inline]
    fn log(&self, index: usize) {
        (Event::A.log)(&self.values, index);
    }

    fn settle(&self) -> Result<(), Fault> {
        Ok(self.guard.flush(LONG)?)
    }

    fn lost(&self) -> u64 {
        self.guard.stats().dropped.total()
    }
}

/// A glue layer and the producer behind it.
pub(crate) struct Glued<P> {
    producer: Arc<P>,
    values: Values,
}

impl Glued<ThreadedProducer<Reports>> {
    /// Becomes the subscriber of the process.
    pub(crate) fn threaded(servers: &str, topic: &str) -> Result<Self, Fault> {
        let producer = Arc::new(threaded(servers)?);
        let (sender, topic) = (Arc::clone(&producer), topic.to_owned());
        let glue = Glue {
            send: move |line: &str| send(&sender, &topic, line.as_bytes()),
        };
        tracing_subscriber::registry().with(glue).try_init()?;
        Ok(Self {
            producer,
            values: Values::new(),
        })
    }
}

impl Glued<FutureProducer> {
    /// Becomes the subscriber of the process.
    pub(crate) fn future(servers: &str, topic: &str) -> Result<Self, Fault> {
        let producer: Arc<FutureProducer> = Arc::new(config(servers).create()?);
        let (sender, topic) = (Arc::clone(&producer), topic.to_owned());
        let send = move |line: &str| {
            let mut record: FutureRecord<'_, (), str> = FutureRecord::to(&topic).payload(line);
            let mut room = Room::default();
            // Nobody waits for the future of one log line.
            while let Err((error, again)) = sender.send_result(record) {
                room.wait(&error);
                record = again;
            }
        };
        tracing_subscriber::registry()
            .with(Glue { send })
            .try_init()?;
        Ok(Self {
            producer,
            values: Values::new(),
        })
    }
}

impl Contestant for Glued<ThreadedProducer<Reports>> {
    #[inline]
    fn log(&self, index: usize) {
        (Event::A.log)(&self.values, index);
    }

    fn settle(&self) -> Result<(), Fault> {
        Ok(self.producer.flush(LONG)?)
    }

    fn lost(&self) -> u64 {
        self.producer.context().lost()
    }
}

impl Contestant for Glued<FutureProducer> {
    #[inline]
    fn log(&self, index: usize) {
        (Event::A.log)(&self.values, index);
    }

    fn settle(&self) -> Result<(), Fault> {
        Ok(self.producer.flush(LONG)?)
    }

    /// Its futures would know, but are gone: the offsets at the broker must tell.
    fn lost(&self) -> u64 {
        0
    }
}

pub(crate) struct Librdkafka {
    producer: ThreadedProducer<Reports>,
    topic: String,
    lines: Vec<String>,
}

impl Librdkafka {
    pub(crate) fn start(servers: &str, topic: &str) -> Result<Self, Fault> {
        let values = Values::new();
        let line = |index: usize| {
            let level = if index.is_multiple_of(4) {
                "ERROR"
            } else {
                "INFO"
            };
            let millis = index % 1000;
            format!(
                "[12:34:56.{millis:03}] [{level}] {}\n",
                values.message(index)
            )
        };
        Ok(Self {
            producer: threaded(servers)?,
            topic: topic.to_owned(),
            lines: (0..LINES).map(line).collect(),
        })
    }
}

impl Contestant for Librdkafka {
    #[inline]
    fn log(&self, index: usize) {
        if let Some(line) = self.lines.get(index % LINES) {
            send(&self.producer, &self.topic, line.as_bytes());
        }
    }

    fn settle(&self) -> Result<(), Fault> {
        Ok(self.producer.flush(LONG)?)
    }

    fn lost(&self) -> u64 {
        self.producer.context().lost()
    }
}

/// Takes events and does nothing: what is left is the loop around it.
pub(crate) struct Nobody;

impl Contestant for Nobody {
    #[inline]
    fn log(&self, index: usize) {
        std::hint::black_box(index);
    }

    fn settle(&self) -> Result<(), Fault> {
        Ok(())
    }

    fn lost(&self) -> u64 {
        0
    }
}

/// Counts what the broker did not take.
#[derive(Default)]
pub(crate) struct Reports {
    lost: AtomicU64,
}

impl Reports {
    fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl ClientContext for Reports {}

impl ProducerContext for Reports {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", servers)
        .set("acks", "all")
        .set("enable.idempotence", "true")
        .set("compression.type", "lz4")
        .set("linger.ms", LINGER_MS)
        .set("batch.size", BATCH_BYTES)
        .set("queue.buffering.max.kbytes", BUFFER_KIB.to_string())
        // The bytes alone are the limit, as they are with ours.
        .set("queue.buffering.max.messages", "0");
    config
}

fn threaded(servers: &str) -> Result<ThreadedProducer<Reports>, Fault> {
    Ok(config(servers).create_with_context(Reports::default())?)
}

/// Sends a line, which the producer copies.
fn send(producer: &ThreadedProducer<Reports>, topic: &str, line: &[u8]) {
    let mut record: BaseRecord<'_, (), [u8]> = BaseRecord::to(topic).payload(line);
    let mut room = Room::default();
    while let Err((error, again)) = producer.send(record) {
        room.wait(&error);
        record = again;
    }
}

/// Waits for room in the queue, not for ever.
#[derive(Default)]
struct Room {
    since: Option<Instant>,
}

impl Room {
    #[cold]
    fn wait(&mut self, error: &KafkaError) {
        let since = *self.since.get_or_insert_with(Instant::now);
        let is_full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
        assert!(is_full && since.elapsed() < LONG, "not sent: {error}");
        std::thread::sleep(crate::row::TICK);
    }
}

const LINGER_MS: &str = "100";
const BATCH_BYTES: &str = "262144";
/// The default of ours.
const BUFFER_KIB: usize = 32 * 1024;
/// As many as there are different events.
const LINES: usize = 4096;
