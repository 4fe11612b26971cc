//! An in-process Kafka broker for tests, examples and benches.
//!
//! [`TestBroker`] is one to many nodes on 127.0.0.1, in memory, with its own thread and runtime.
//! It stores record batches as they arrive, answers as Apache Kafka 4 does, and misbehaves on
//! request: see [`Fault`]. It emits no `tracing` events, no `log` records and writes nothing to
//! the console, so that it can share a process with the layers it serves.
//!
//! ```
//! use tracing_kafka_broker::{Api, Fault, TestBroker};
//!
//! # fn main() -> std::io::Result<()> {
//! let broker = TestBroker::builder().nodes(3).partitions(3).start_blocking()?;
//! broker.create_topic("logs", 3);
//! broker.fault(Api::Produce, Fault::LostAnswer);
//! println!("bootstrap.servers={}", broker.bootstrap());
//! # Ok(())
//! # }
//! ```
//!
//! It is not a Kafka for anything else: no replication, no transactions, no quotas, no
//! authorisation, no TLS, and one member at a time in a consumer group.

mod answer;
mod api;
mod batch;
mod broker;
mod cluster;
mod codec;
pub mod consumer;
mod fault;
mod log;
mod producers;
mod record;
mod server;
mod shape;
mod stats;

pub use self::api::Api;
pub use self::broker::Builder;
pub use self::broker::TestBroker;
pub use self::codec::decode_batches;
pub use self::consumer::Consumer;
pub use self::fault::Fault;
pub use self::fault::RequestInfo;
pub use self::record::Batch;
pub use self::record::Codec;
pub use self::record::Record;
