//! `KafkaLayer`: rendered events into a Kafka topic, sent by a producer on a thread of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Compression;
use crate::config::KafkaOptions;
use crate::config::OverflowPolicy;
use crate::error::BuildError;
use crate::error::DeliveryError;
use crate::layer::Appender;
use crate::layer::Ending;
use crate::layer::forward_layer;
use crate::layout::Layout;
use crate::layout::PatternLayout;
use crate::queue::Queue;
use crate::sys::ThreadRole;
use crate::worker;
use crate::worker::DropNotice;
use crate::worker::ErrorHook;
use crate::worker::Reporter;
use crate::worker::WorkerGuard;

mod accumulator;
mod cluster;
mod producer;
mod retry;
mod security;
mod wire;

use producer::Bell;
use producer::Producer;

/// The name of the producer's thread.
const THREAD: &str = "tracing-kafka";

/// A layer that sends each event, rendered by its layout, to a topic of Apache Kafka: one event, one
/// record.
///
/// The caller renders into a bounded queue and returns. A thread of the layer's own, `tracing-kafka`,
/// gathers the records into batches, compresses them and sends them with acks = all, trying again
/// until the delivery timeout. Whatever Kafka does, the caller never waits for it, unless
/// [`OverflowPolicy::Block`] is asked for.
///
/// # Examples
///
/// ```no_run
/// use tracing_kafka::{KafkaLayer, PatternLayout};
/// use tracing_subscriber::{filter::LevelFilter, prelude::*};
///
/// let (kafka, guard) = KafkaLayer::builder(["localhost:9092"], "log-message")
///     .layout(PatternLayout::new("[%d{HH:mm:ss.SSS}] [%-4level] %msg%n")?)
///     .property("client.id", "orders")
///     .build()?;
/// tracing_subscriber::registry().with(kafka.with_filter(LevelFilter::ERROR)).init();
/// tracing::error!("out of stock");
/// println!("{}", guard.shutdown(std::time::Duration::from_secs(5)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct KafkaLayer {
    appender: Arc<Appender<Arc<Queue>>>,
}

forward_layer!(KafkaLayer);

impl KafkaLayer {
    /// Begins a layer that sends to `topic` of the cluster that `servers` belong to.
    ///
    /// Each server is `host:port`, or a comma list of them: any few brokers of the cluster. Neither
    /// this nor [`build`](KafkaLayerBuilder::build) contacts them. Kafka property
    /// `bootstrap.servers`.
    pub fn builder(
        servers: impl IntoIterator<Item: Into<String>>,
        topic: impl Into<String>,
    ) -> KafkaLayerBuilder {
        let servers = servers.into_iter().map(Into::into).collect();
        KafkaLayerBuilder {
            options: KafkaOptions::new(servers, topic.into()),
            layout: None,
            keep_newline: false,
            drop_notice: false,
            on_error: None,
        }
    }
}

/// Options of a [`KafkaLayer`]; each setter is the Kafka property of that name where there is one.
#[must_use = "a builder does nothing until `build`"]
pub struct KafkaLayerBuilder {
    options: KafkaOptions,
    layout: Option<Box<dyn Layout>>,
    keep_newline: bool,
    drop_notice: bool,
    on_error: Option<ErrorHook>,
}

impl fmt::Debug for KafkaLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLayerBuilder")
            .field("options", &self.options)
            .field("keep_newline", &self.keep_newline)
            .field("drop_notice", &self.drop_notice)
            .finish_non_exhaustive()
    }
}

impl KafkaLayerBuilder {
    /// Sets how events are rendered. Defaults to [`PatternLayout::default`]:
    /// `%d{ISO8601} %-5p [%t] %c - %m`.
    pub fn layout(mut self, layout: impl Layout) -> Self {
        self.layout = Some(Box::new(layout));
        self
    }

    /// Sets whether a newline at the end of a rendered event stays in the record. Without it one is
    /// taken off, so that a pattern ending in `%n` serves a file and Kafka alike. Defaults to `false`.
    pub fn keep_newline(mut self, keep: bool) -> Self {
        self.keep_newline = keep;
        self
    }

    /// Sets how long a record waits for others in its batch.
    ///
    /// A batch leaves earlier if it reaches [`batch_size`](Self::batch_size), or on a flush. Zero
    /// sends as soon as the producer is free. Must be shorter than
    /// [`delivery_timeout`](Self::delivery_timeout).
    ///
    /// Kafka property `linger.ms`. Defaults to 100 ms.
    pub fn linger(mut self, linger: Duration) -> Self {
        self.options.linger = linger;
        self
    }

    /// Sets at how many bytes, before compression, a batch leaves without waiting any longer; 1 to
    /// 1 000 000. While a batch of the same partition is on its way the next one grows beyond it,
    /// up to 1 000 000 bytes.
    ///
    /// Kafka property `batch.size`. Defaults to 256 KiB.
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.options.batch_size = bytes;
        self
    }

    /// Sets how many bytes of records are held, from the event to the acknowledgement; at least
    /// 64 KiB and [`batch_size`](Self::batch_size). Beside them the producer keeps one batch that is
    /// being compressed.
    ///
    /// Kafka property `buffer.memory`. Defaults to 32 MiB.
    pub fn buffer_memory(mut self, bytes: usize) -> Self {
        self.options.buffer_memory = bytes;
        self
    }

    /// Sets what happens to an event for which there is no room.
    ///
    /// Kafka property `max.block.ms`: 0 is [`OverflowPolicy::DropNewest`], anything else
    /// [`OverflowPolicy::Block`] for at most that time. Defaults to [`OverflowPolicy::DropNewest`].
    pub fn overflow(mut self, policy: OverflowPolicy) -> Self {
        self.options.overflow = policy;
        self
    }

    /// Sets how long a record may take from the event to the acknowledgement, all attempts
    /// included; then it is dropped and counted as [`Deadline`](crate::DropReason::Deadline). At
    /// least linger and request timeout together.
    ///
    /// Kafka property `delivery.timeout.ms`. Defaults to 120 s.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.options.delivery_timeout = timeout;
        self
    }

    /// Sets how long one request may take; then its connection is given up and its batches are sent
    /// again.
    ///
    /// Kafka property `request.timeout.ms`. Defaults to 35 s, a little more than the brokers' own
    /// limit, or to what the delivery timeout leaves.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.options.request_timeout = Some(timeout);
        self
    }

    /// Sets how long it may take until a connection can be used: name look-up, TCP, TLS, versions
    /// and SASL.
    ///
    /// Kafka property `socket.connection.setup.timeout.ms`. Defaults to 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = timeout;
        self
    }

    /// Sets how batches are compressed.
    ///
    /// Kafka property `compression.type`. Defaults to LZ4, or to none without the feature `lz4`.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.options.compression = compression;
        self
    }

    /// Sets the name under which brokers log and limit this client.
    ///
    /// Kafka property `client.id`. Defaults to `tracing-kafka`.
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.options.client_id = id.into();
        self
    }

    /// Sets how long dropping the guard takes at most. Defaults to 5 seconds.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.options.shutdown_timeout = timeout;
        self
    }

    /// Sets whether the log itself tells of events missing from it, by a WARN record of the target
    /// `tracing_kafka`, at most one in ten seconds. That record counts as an event offered. Defaults
    /// to `false`.
    pub fn drop_notice(mut self, enabled: bool) -> Self {
        self.drop_notice = enabled;
        self
    }

    /// Sets what is done with errors of the producer, on its thread: attempts that failed, not only
    /// losses. Defaults to a line on standard error for the first of a kind, then at most one a
    /// minute.
    pub fn on_error(mut self, hook: impl Fn(&DeliveryError) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(hook));
        self
    }

    /// Sets a producer property by its Kafka name, so that existing configurations carry over; see
    /// [`PROPERTIES`](crate::PROPERTIES). Of a setter and its property the last one called wins.
    ///
    /// An unknown name or a bad value is an error of [`build`](Self::build).
    pub fn property(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.options.set_property(name.as_ref(), value.as_ref());
        self
    }

    /// Starts the producer's thread. Never contacts a broker and never waits.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the first value that cannot be: an address, the topic, a size, a time, a
    /// property, a PEM file; or says why the thread cannot be started.
    pub fn build(self) -> Result<(KafkaLayer, WorkerGuard), BuildError> {
        let settings = self.options.check()?;
        #[cfg(feature = "tls")]
        wire::check_files(&settings.security)?;
        let bell = Arc::new(Bell::default());
        let queue = Arc::new(Queue::new(
            settings.buffer_memory,
            settings.batch_size,
            settings.overflow,
            Arc::clone(&bell) as Arc<dyn crate::queue::Wake>,
        ));
        let layout = self
            .layout
            .unwrap_or_else(|| Box::new(PatternLayout::default()));
        let ending = if self.keep_newline {
            Ending::AsIs
        } else {
            Ending::StripNewline
        };
        let appender = Arc::new(Appender::new(
            layout,
            ending,
            ThreadRole::Kafka,
            Arc::clone(&queue),
        ));
        let shutdown_timeout = settings.shutdown_timeout;
        let reporter = Reporter::new(
            format!("tracing-kafka: topic `{}`", settings.topic),
            self.on_error,
        );
        let producer = Producer::new(
            settings,
            Arc::clone(&queue),
            bell,
            reporter,
            DropNotice::new(self.drop_notice),
            Arc::clone(&appender),
        );
        let guard = worker::spawn(
            THREAD,
            ThreadRole::Kafka,
            queue,
            shutdown_timeout,
            producer::runtime,
            |runtime, mailbox| producer.run(runtime, mailbox),
        )
        .map_err(BuildError::thread)?;
        Ok((KafkaLayer { appender }, guard))
    }
}
