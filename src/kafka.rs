//! `KafkaLayer`: rendered events into a Kafka topic, sent by a producer on a thread of its own.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::config::Acks;
use crate::config::BackoffOptions;
use crate::config::Compression;
use crate::config::Idempotence;
use crate::config::KafkaOptions;
use crate::config::KafkaSettings;
use crate::config::OverflowPolicy;
use crate::config::Sasl;
use crate::config::SecurityProtocol;
use crate::config::Tls;
use crate::error::BuildError;
use crate::layer::Appender;
use crate::layer::Ending;
use crate::layer::Parts;
use crate::layer::forward_layer;
use crate::layout::IntoLayout;
use crate::layout::Layout;
use crate::layout::PatternLayout;
use crate::queue::Queue;
use crate::stats::DeliveryError;
use crate::sys::ThreadRole;
use crate::worker;
use crate::worker::DropNotice;
use crate::worker::ErrorHook;
use crate::worker::Reporter;
use crate::worker::WorkerGuard;

mod accumulator;
mod cluster;
mod headers;
mod identity;
mod lane;
mod partitioner;
mod producer;
mod retry;
mod servers;
mod wire;

use accumulator::Accumulator;
use accumulator::Limits;
use headers::HeaderEncoder;
pub use partitioner::Partitioner;
use partitioner::Router;
use producer::Bell;
use producer::Producer;
pub use servers::Servers;
use wire::Compressor;

/// The name of the producer's thread.
const THREAD: &str = "tracing-kafka";

/// A layer that sends each event, rendered by its layout, to a topic of Apache Kafka: one event, one
/// record.
///
/// The caller renders into a bounded queue and returns. A thread of the layer's own, `tracing-kafka`,
/// gathers the records into batches, compresses them and sends them, trying again until the delivery
/// timeout, without doubling or reordering any. Whatever Kafka does, the caller never waits for it, unless
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
    /// `servers` is a text or a list of texts, each `host:port` or a comma list of them: any few brokers of
    /// the cluster. Neither
    /// this nor [`build`](KafkaLayerBuilder::build) contacts them. Kafka property
    /// `bootstrap.servers`, which takes their place; then they may be none: `[""; 0]`.
    pub fn builder<Form: ?Sized>(
        servers: impl Servers<Form>,
        topic: impl Into<String>,
    ) -> KafkaLayerBuilder {
        KafkaLayerBuilder {
            options: KafkaOptions::new(servers.into_servers(), topic.into()),
            layout: None,
            parts: Parts::default(),
            partitioner: None,
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
    parts: Parts,
    partitioner: Option<Arc<dyn Partitioner>>,
    keep_newline: bool,
    drop_notice: bool,
    on_error: Option<ErrorHook>,
}

impl fmt::Debug for KafkaLayerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaLayerBuilder")
            .field("options", &self.options)
            .field("parts", &self.parts)
            .field("partitioner", &self.partitioner.is_some())
            .field("keep_newline", &self.keep_newline)
            .field("drop_notice", &self.drop_notice)
            .finish_non_exhaustive()
    }
}

impl KafkaLayerBuilder {
    /// Sets how events are rendered. Defaults to [`PatternLayout::default`]:
    /// `%d{ISO8601} %-5p [%t] %c - %m`.
    pub fn layout(mut self, layout: impl IntoLayout) -> Self {
        self.layout = self.options.taken(layout.into_layout());
        self
    }

    /// Sets the key of each record: what `layout` renders for its event, cut at 32 KiB. A key that
    /// renders empty is none.
    ///
    /// Records of the same key go to the same partition, the one that the Java client would choose,
    /// and so stay in order. Between a record with a key and one without there is no order. A pattern
    /// without `%` is a constant. Without this records have no key.
    ///
    /// ```
    /// # use tracing_kafka::KafkaLayer;
    /// let builder = KafkaLayer::builder(["localhost:9092"], "log-message")
    ///     .key("%X{tenant}")
    ///     .header("service", "orders")
    ///     .header("level", "%p");
    /// # let _ = builder;
    /// ```
    pub fn key(mut self, layout: impl IntoLayout) -> Self {
        self.parts.key = self.options.taken(layout.into_layout());
        self
    }

    /// Adds a header to each record: its value is what `layout` renders, cut at 32 KiB. Headers keep
    /// the order of these calls, and a name, of 1 to 255 bytes without control characters, may stand
    /// twice.
    pub fn header(mut self, name: impl Into<String>, layout: impl IntoLayout) -> Self {
        self.options.header_names.push(name.into());
        let layout = self.options.taken(layout.into_layout());
        self.parts.headers.extend(layout);
        self
    }

    /// Sets whether each record says where it stands among those of its layer, so that a consumer
    /// can prove that none is missing, and tell copies.
    ///
    /// `tracing-kafka-instance` names a sequence: this run of the layer, and one of its queue's shards.
    /// `tracing-kafka-sequence` is a number in decimal that rises by one with each event offered to
    /// it, from 0. A number that never comes was dropped, and is in
    /// [`Stats::dropped`](crate::Stats::dropped); one that comes twice is a copy. Costs about 110 bytes a
    /// record before compression. Defaults to `false`.
    pub fn sequence_headers(mut self, enabled: bool) -> Self {
        self.options.sequence_headers = enabled;
        self
    }

    /// Sets who chooses the partition of each record; see [`Partitioner`]. By default a record with a
    /// key goes where the Java client would send it, and one without wherever there is least to do
    /// when its batch leaves. Kafka property `partitioner.class`.
    pub fn partitioner(mut self, partitioner: impl Partitioner) -> Self {
        self.partitioner = Some(Arc::new(partitioner));
        self
    }

    /// Sets which acknowledgement counts as delivered. Kafka property `acks`. Defaults to
    /// [`Acks::All`].
    pub fn acks(mut self, acks: Acks) -> Self {
        self.options.delivery.acks = acks;
        self
    }

    /// Sets whether retries may double or reorder records. Kafka property `enable.idempotence`.
    /// Defaults to [`Idempotence::Required`], or to [`Idempotence::Off`] where
    /// [`acks`](Self::acks) rule it out.
    pub fn idempotence(mut self, idempotence: Idempotence) -> Self {
        self.options.delivery.idempotence = Some(idempotence);
        self
    }

    /// Sets how many batches of one partition may be on their way at once; at least 1, and at most 5
    /// with idempotence. Batches of several partitions, and requests, are not limited by it.
    ///
    /// With one, the next batch grows meanwhile. More help where the way to the broker is long.
    /// Order is kept in both cases, but without idempotence only with one.
    ///
    /// Kafka property `max.in.flight.requests.per.connection`. Defaults to 1.
    pub fn max_in_flight(mut self, batches: usize) -> Self {
        self.options.delivery.max_in_flight = Some(batches);
        self
    }

    /// Sets how old what is known of the cluster may get before a broker is asked again, so that
    /// partitions that were added are noticed. Less than 100 ms is 100 ms.
    ///
    /// Kafka property `metadata.max.age.ms`. Defaults to 5 minutes.
    pub fn metadata_max_age(mut self, age: Duration) -> Self {
        self.options.metadata_max_age = age;
        self
    }

    /// Sets whether keys do not matter for where a record goes. Kafka property
    /// `partitioner.ignore.keys`. Defaults to `false`.
    pub fn partitioner_ignore_keys(mut self, ignore: bool) -> Self {
        self.options.ignores_keys = ignore;
        self
    }

    /// Sets how long to wait before a batch that failed is sent again: `first` after one failure,
    /// twice as long after each further one, at most `most`, also the first time; half of it at random. The delivery
    /// timeout shortens waits that would leave room for few attempts.
    ///
    /// Kafka properties `retry.backoff.ms` and `retry.backoff.max.ms`. Defaults to 100 ms and 10 s.
    pub fn retry_backoff(mut self, first: Duration, most: Duration) -> Self {
        self.options.retry_backoff = BackoffOptions::set(first, most);
        self
    }

    /// Sets the same for connecting to a broker.
    ///
    /// Kafka properties `reconnect.backoff.ms`, which alone makes each wait as long, and
    /// `reconnect.backoff.max.ms`. Defaults to 100 ms and 10 s.
    pub fn reconnect_backoff(mut self, first: Duration, most: Duration) -> Self {
        self.options.reconnect_backoff = BackoffOptions::set(first, most);
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

    /// Sets at how many bytes, before compression, a batch leaves without waiting any longer; at least
    /// 1, and more than [`max_request_size`](Self::max_request_size) is that. While a batch of the same
    /// partition is on its way the next one grows beyond it, up to that size.
    ///
    /// Kafka property `batch.size`. Defaults to 256 KiB, or to what a request or half of the buffer
    /// holds.
    pub fn batch_size(mut self, bytes: usize) -> Self {
        self.options.batch_size = Some(bytes);
        self
    }

    /// Sets the most bytes of one request, and of one batch before compression; 16 KiB to 100 MiB. A
    /// record that is larger alone goes alone. A topic whose `max.message.bytes` is smaller is found
    /// out, and its batches are made smaller.
    ///
    /// Kafka property `max.request.size`. Defaults to 1 000 000.
    pub fn max_request_size(mut self, bytes: usize) -> Self {
        self.options.max_request = bytes;
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
    /// least linger and request timeout together. A request that was begun in time may end up to a
    /// quarter of it later.
    ///
    /// Kafka property `delivery.timeout.ms`. Defaults to 120 s, or to linger and request timeout
    /// together if that is more.
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.options.delivery_timeout = Some(timeout);
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

    /// Sets how batches are compressed. What goes on the wire and is stored is the compressed batch.
    ///
    /// Kafka property `compression.type`. Defaults to LZ4, or to none without the feature `lz4`.
    pub fn compression(mut self, compression: Compression) -> Self {
        self.options.compression = compression;
        self
    }

    /// Sets how hard the codec tries: 1 (fast) to 9 (small) for gzip, -131 072 (fast) to 22 (small)
    /// for Zstandard, where 0 is its default. With another [`compression`](Self::compression), which
    /// have no levels, it is an error of [`build`](Self::build). The highest levels of
    /// Zstandard take hundreds of times as long as the usual one.
    ///
    /// Kafka properties `compression.gzip.level` (where -1 is the default as well) and
    /// `compression.zstd.level`. Defaults to 6 for gzip, to 3 for Zstandard.
    pub fn compression_level(mut self, level: i32) -> Self {
        self.options.compression_level.set(level);
        self
    }

    /// Sets the name under which brokers log and limit this client.
    ///
    /// 1 to 255 bytes without control characters. Kafka property `client.id`. Defaults to
    /// `tracing-kafka`.
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

    /// Sets what is done with trouble of the producer: attempts that failed, and events that were lost, which
    /// have a [`loss`](DeliveryError::loss). By default it goes to standard error.
    ///
    /// Of attempts the hook is told each; standard error gets a line for the first of a kind, then at most
    /// one a minute. Of losses both are told the same: within a second of the first event that is dropped for a
    /// [reason](crate::DropReason), once a minute while that goes on, and when it is over; what a
    /// dropped guard leaves undelivered; and, once, that events are logged after the guard's end.
    ///
    /// The hook runs on a thread of its own: one that waits, logs or panics holds nothing up, but the end
    /// of the layer waits for it as long as its time allows. Where it takes long, at most 256 attempts wait to be
    /// told, and the oldest are left out.
    ///
    /// All signals but those of faults, SIGSEGV and the like, are blocked on that thread, and so on
    /// threads that the hook starts: they are the application's.
    pub fn on_error(mut self, hook: impl Fn(&DeliveryError) + Send + Sync + 'static) -> Self {
        self.on_error = Some(Arc::new(hook));
        self
    }

    /// Sets a producer property by its Kafka name, so that existing configurations carry over; see
    /// [`PROPERTIES`](crate::PROPERTIES). Of a setter and its property the last one called wins; but
    /// credentials that [`sasl`](Self::sasl) and a property give, and a certificate that is given as a
    /// file and as text, are an error.
    ///
    /// An unknown name or a bad value is an error of [`build`](Self::build).
    pub fn property(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        self.options.set_property(name.as_ref(), value.as_ref());
        self
    }

    /// Sets several producer properties by their Kafka names: a map, or a list of pairs.
    ///
    /// ```
    /// # use tracing_kafka::KafkaLayer;
    /// let builder = KafkaLayer::builder([""; 0], "log-message").properties([
    ///     ("bootstrap.servers", "localhost:9092"),
    ///     ("linger.ms", "20"),
    ///     ("acks", "all"),
    /// ]);
    /// # builder.build()?;
    /// # Ok::<(), tracing_kafka::BuildError>(())
    /// ```
    pub fn properties<N, V>(mut self, properties: impl IntoIterator<Item = (N, V)>) -> Self
    where
        N: AsRef<str>,
        V: AsRef<str>,
    {
        for (name, value) in properties {
            self.options.set_property(name.as_ref(), value.as_ref());
        }
        self
    }

    /// Sets how connections are secured: with TLS or without, with SASL or without. It has to match
    /// the listener that the servers' addresses belong to; nothing else is tried.
    ///
    /// Kafka property `security.protocol`. Defaults to [`SecurityProtocol::Plaintext`].
    pub fn security_protocol(mut self, protocol: SecurityProtocol) -> Self {
        self.options.security.protocol = protocol;
        self
    }

    /// Sets the credentials for [`SecurityProtocol::SaslPlaintext`] and
    /// [`SecurityProtocol::SaslSsl`]. With another protocol, and beside `sasl.jaas.config`, they are an
    /// error of [`build`](Self::build).
    ///
    /// While a broker refuses them, health is [`Misconfigured`](crate::Health::Misconfigured), and
    /// they are tried again every 30 seconds.
    ///
    /// Kafka properties `sasl.mechanism` and `sasl.jaas.config`. Defaults to none.
    pub fn sasl(mut self, sasl: Sasl) -> Self {
        self.options.security.sasl = Some(sasl);
        self
    }

    /// Sets whom to trust and what certificate to show, for [`SecurityProtocol::Ssl`] and
    /// [`SecurityProtocol::SaslSsl`]; with another protocol that is an error of
    /// [`build`](Self::build). Replaces what properties set before.
    ///
    /// Kafka properties `ssl.truststore.*`, `ssl.keystore.*` and `ssl.enabled.protocols`. Defaults to
    /// [`Tls::new`]: the system's certificates, and none to show.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.options.security.tls = tls;
        self
    }

    /// Starts the producer's thread. Never contacts a broker and never waits.
    ///
    /// # Errors
    ///
    /// [`BuildError`] names the first value that cannot be: an address, the topic, a size, a time, a
    /// property, a PEM file; or says why the thread cannot be started.
    pub fn build(mut self) -> Result<(KafkaLayer, WorkerGuard), BuildError> {
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
        self.parts.padding =
            HeaderEncoder::extra_bytes(&settings.header_names, settings.sequence_headers);
        let appender = Appender::new(layout, ending, ThreadRole::Kafka, Arc::clone(&queue));
        let appender = Arc::new(appender.with_parts(self.parts));
        let accumulator = accumulator(&settings, self.partitioner);
        let shutdown_timeout = settings.shutdown_timeout;
        let reporter = Reporter::new(
            format!("tracing-kafka: topic `{}`", settings.topic),
            format!("topic `{}`", settings.topic),
            settings.delivery_timeout,
            ThreadRole::Kafka,
            self.on_error,
        );
        let producer = Producer::new(
            settings,
            accumulator,
            Arc::clone(&queue),
            bell,
            reporter.clone(),
            DropNotice::new(self.drop_notice),
            Arc::clone(&appender),
        );
        let guard = worker::spawn(
            THREAD,
            reporter,
            queue,
            shutdown_timeout,
            producer::runtime,
            |runtime, mailbox| producer.run(runtime, mailbox),
        )
        .map_err(BuildError::thread)?;
        Ok((KafkaLayer { appender }, guard))
    }
}

/// What gathers the records of a layer of these settings.
fn accumulator(settings: &KafkaSettings, partitioner: Option<Arc<dyn Partitioner>>) -> Accumulator {
    let limits = Limits {
        linger: settings.linger,
        batch_size: settings.batch_size,
        max_batch: settings.max_request,
        delivery_timeout: settings.delivery_timeout,
    };
    let names = settings.header_names.clone();
    Accumulator::new(
        Compressor::new(settings.compression),
        limits,
        Router::new(settings.topic.clone(), partitioner, settings.ignores_keys),
        HeaderEncoder::new(names, settings.sequence_headers),
    )
}
