//! `tracing` layers that put an application's log events into Apache Kafka and into files.
//!
//! [`KafkaLayer`] renders each event with a layout, the pattern language of Log4j 2 for one, puts the
//! bytes on a bounded queue and returns; a thread of its own batches, compresses and sends them, and
//! tries again until they are acknowledged. [`FileLayer`] writes the same kind of rendered events to
//! a file. Both are ordinary layers and take a filter each. They are for services whose logs belong
//! in Kafka without a log shipper beside them, and for those who leave Log4j's Kafka appender behind.
//!
//! ```no_run
//! use tracing_kafka::{FileLayer, KafkaLayer, PatternLayout, events};
//! use tracing_subscriber::{filter::LevelFilter, prelude::*};
//!
//! let (kafka, kafka_guard) = KafkaLayer::builder(["localhost:9092"], "log-message")
//!     .layout(PatternLayout::new("[%d{HH:mm:ss.SSS}] [%-4level] %msg%n")?)
//!     .build()?;
//! let (file, _file_guard) = FileLayer::builder("logs/app.log").build()?;
//! tracing_subscriber::registry()
//!     .with(kafka.with_filter(events(LevelFilter::ERROR)))
//!     .with(file.with_filter(events(LevelFilter::INFO)))
//!     .init();
//! let _request = tracing::info_span!("http", request_id = "r-1").entered();
//! // [14:34:02.123] [ERROR] out of stock order=42
//! // 2026-12-01T14:34:02,123 ERROR [main] shop - http{request_id="r-1"}: out of stock order=42
//! tracing::error!(order = 42, "out of stock");
//! println!("{}", kafka_guard.shutdown(std::time::Duration::from_secs(5)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The way of an event
//!
//! ```text
//!  application thread                               │  thread "tracing-kafka"
//!                                                   │
//!  info!(…) ─► filter ─► layer                      │
//!    room in the queue?    ── no ─► OverflowPolicy  │
//!    layout ─► this thread's buffer                 │
//!    append to this thread's shard of the queue ────┼─► batch per partition
//!                                                   │     ─► compress once ─► send
//!                                                   │       acknowledged
//!                                                   │       again
//!                                                   │       dropped, with a reason
//! ```
//!
//! Every event ends in exactly one counter of [`Stats`]; at every moment
//! `offered == delivered + queued + in_flight + dropped.total()`. The caller allocates nothing per
//! event and never waits for Kafka or the disk, unless [`OverflowPolicy::Block`] is asked for.
//!
//! # What it is not
//!
//! * No Kafka client for other data: one layer, one topic, rendered events.
//! * No transactions. Retries do not double records: the broker recognises a batch that comes again.
//!   Where it cannot, since it has lost what it knew, [`Stats::possible_duplicates`] counts.
//! * No export of spans: their names and fields show in the events inside them.
//! * No Kerberos. What is not there has no setter; nothing is accepted and ignored.
//!
//! # Patterns
//!
//! | Word | Prints | | Word | Prints |
//! |---|---|---|---|---|
//! | `%d{HH:mm:ss.SSS}{UTC}` | date, in a zone | | `%X` `%X{name}` | fields of the spans |
//! | `%p` `%level` | level | | `%x` | names of the spans |
//! | `%c` `%c{1}` | target, shortened | | `%t` `%tid` | thread |
//! | `%m` `%msg` | message, and the fields | | `%spans` | the spans, each with its fields |
//! | `%eventName` | name of the event | | `%F` `%L` `%C` `%M` `%l` | where it was logged |
//! | `%K` `%K{name}` | fields of the event | | `%n` `%%` | newline, percent sign |
//! | `%ex` | the error and its causes | | `%notEmpty{…}` `%replace{…}{…}{…}` | what another pattern prints, changed |
//!
//! Fields that a pattern does not show by `%K` or the like follow the message, as
//! `tracing_subscriber::fmt` writes them. Widths as in `%-5p` and `%.20c`. All words with what they print, dates, and what differs from
//! Log4j: [`pattern`]. What comes from an event is escaped, so that one event is one line:
//! [`Escape`].
//!
//! [`JsonLayout`] writes JSON instead, one object a line, for readers of ECS, Logstash or GELF too.
//! Anything else that turns an event into bytes is a [`Layout`].
//!
//! # Filters
//!
//! [`events`] wraps a layer's filter, so that it is one for events: a filter that hides a span from a layer
//! hides its fields from all records of that layer.
//!
//! # Delivery
//!
//! A record is delivered once all in-sync replicas have it ([`Acks`]). Retries neither lose, double
//! nor reorder ([`Idempotence`]). Records with a [`key`](KafkaLayerBuilder::key) go where the Java
//! client would send them, others where there is least to do, or where a [`Partitioner`] says.
//! [`header`](KafkaLayerBuilder::header) adds headers, and
//! [`sequence_headers`](KafkaLayerBuilder::sequence_headers) those by which a consumer proves that
//! nothing is missing. Every property of Kafka's own producer is known by its name: [`PROPERTIES`].
//!
//! # Files
//!
//! [`FileLayer`] rolls its file by size, time, cron expression or on startup, names and numbers what it
//! rolled as Log4j's `filePattern` says, compresses it in the background, and deletes the oldest where
//! that was asked for. It notices within a second when another program has moved the file.
//! [`FileLayer::stdout`] and [`FileLayer::stderr`] write to the console, by the same queue and layouts.
//!
//! # Security
//!
//! [`SecurityProtocol`] says whether connections have TLS and SASL, [`Tls`] whom to trust and what
//! certificate to show, [`Sasl`] how to log in: by PLAIN, SCRAM-SHA-256, SCRAM-SHA-512 or OAUTHBEARER.
//! All of it can be set by Kafka's property names, too. Brokers' certificates and names are always
//! verified. What is refused makes [`Health::Misconfigured`] and is tried again every 30 seconds.
//! Passwords, tokens and keys are never shown.
//!
//! # Shutdown
//!
//! `build` gives a [`WorkerGuard`] beside the layer. Bind it to a name that lives as long as the
//! application logs: dropping it is [`shutdown`](WorkerGuard::shutdown) within 5 seconds, and
//! `let (layer, _) = builder.build()?` drops it at once. `std::process::exit`, an abort and a kill
//! run no destructors: [`flush`](WorkerGuard::flush) before where you can. Events after the
//! shutdown are dropped and counted.
//!
//! # Features
//!
//! | Feature | Default | |
//! |---|---|---|
//! | `lz4` | on | [`Compression`] by LZ4, in pure Rust, which is the default then |
//! | `gzip` | | by gzip, in Rust; of rolled files, too |
//! | `snappy` | | by Snappy, in pure Rust |
//! | `zstd` | | by Zstandard, from the C library: needs a C compiler; of rolled files, too |
//! | `cron` | | rolling files by a cron expression: `FileLayerBuilder::roll_cron` |
//! | `tls` | off | `SSL` and `SASL_SSL`, by rustls and ring, which needs a C compiler at build time |
//!
//! # Rust versions
//!
//! Rust 1.88 or newer. That rises in minor releases only, with a line in the changelog.

mod config;
mod error;
mod event;
mod file;
mod filter;
mod kafka;
mod layer;
mod layout;
mod memory;
pub mod pattern;
mod queue;
mod stats;
mod sys;
mod worker;

pub use config::Acks;
pub use config::Compression;
pub use config::Idempotence;
pub use config::OverflowPolicy;
pub use config::PROPERTIES;
pub use config::Property;
pub use config::Sasl;
pub use config::SecurityProtocol;
pub use config::Tls;
pub use config::TlsVersion;
pub use error::BuildError;
pub use error::FlushError;
pub use error::PatternError;
pub use event::LogEvent;
pub use event::LogEventBuilder;
pub use event::LogSpan;
pub use event::Value;
pub use file::FileHandle;
pub use file::FileIndex;
pub use file::FileLayer;
pub use file::FileLayerBuilder;
pub use file::Fsync;
pub use file::Period;
pub use filter::EventsFilter;
pub use filter::events;
pub use kafka::KafkaLayer;
pub use kafka::KafkaLayerBuilder;
pub use kafka::Partitioner;
pub use kafka::Servers;
pub use layout::Escape;
pub use layout::IntoLayout;
pub use layout::JsonLayout;
pub use layout::JsonLayoutBuilder;
pub use layout::JsonSchema;
pub use layout::Layout;
pub use layout::PatternLayout;
pub use layout::PatternLayoutBuilder;
pub use memory::MemoryLayer;
pub use memory::MemoryRecords;
pub use stats::DeliveryError;
pub use stats::DropReason;
pub use stats::Dropped;
pub use stats::Health;
pub use stats::Loss;
pub use stats::Stats;
pub use stats::StatsHandle;
pub use worker::ShutdownReport;
pub use worker::WorkerGuard;

/// The examples of the README, compiled and run with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeDoctests;
