//! Settings of a broker, and its start.

use std::io;
use std::sync::Arc;
use std::sync::Mutex;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::TestBroker;
use super::first_socket;
use crate::api::Api;
use crate::cluster::Cluster;
use crate::cluster::Config;
use crate::cluster::lock;

/// Settings of a [`TestBroker`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    config: Config,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            config: Config {
                nodes: 1,
                partitions: 1,
                auto_create: false,
                max_message_bytes: 1_048_588,
                max_request_bytes: 100 * 1024 * 1024,
                retention_bytes: usize::MAX,
                quickack: false,
                failover: false,
                loading_first: false,
                max_ahead: Duration::from_secs(3600),
                newest: Vec::new(),
            },
        }
    }

    /// Sets the number of nodes; their ids count from 0. Defaults to 1.
    pub fn nodes(mut self, nodes: usize) -> Self {
        self.config.nodes = nodes.max(1);
        self
    }

    /// Sets the number of partitions of topics that are created without one. Defaults to 1.
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.config.partitions = partitions;
        self
    }

    /// Creates unknown topics when a client asks for their metadata. Defaults to off.
    pub fn auto_create(mut self, on: bool) -> Self {
        self.config.auto_create = on;
        self
    }

    /// Sets the largest batch, in bytes with its header. Defaults to 1,048,588.
    pub fn max_message_bytes(mut self, bytes: usize) -> Self {
        self.config.max_message_bytes = bytes;
        self
    }

    /// Sets the largest request; longer ones cut the connection. Defaults to 100 MiB.
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.config.max_request_bytes = bytes;
        self
    }

    /// Sets how many bytes of batches a partition keeps; the newest batch always stays.
    ///
    /// Defaults to everything.
    pub fn retention_bytes(mut self, bytes: usize) -> Self {
        self.config.retention_bytes = bytes;
        self
    }

    /// Acknowledges every segment at once, which hides Nagle's stall of 44 ms. Linux only.
    ///
    /// Defaults to off.
    pub fn quickack(mut self, on: bool) -> Self {
        self.config.quickack = on;
        self
    }

    /// Moves leaders away from a node that goes down, as replicas would. Defaults to off: the
    /// partitions are without a leader until the node is back.
    pub fn failover(mut self, on: bool) -> Self {
        self.config.failover = on;
        self
    }

    /// Answers the first `InitProducerId` after each start of a node with error 14, as Apache Kafka
    /// does. Defaults to off.
    pub fn loading_first(mut self, on: bool) -> Self {
        self.config.loading_first = on;
        self
    }

    /// Makes the broker an older one, that understands a kind of request only up to this version,
    /// or not at all (`None`). Defaults to all versions that are known.
    pub fn newest(mut self, api: Api, version: Option<i16>) -> Self {
        self.config.newest.push((api, version));
        self
    }

    /// Sets how far ahead of the clock a timestamp may be. Defaults to one hour.
    pub fn max_timestamp_ahead(mut self, time: Duration) -> Self {
        self.config.max_ahead = time;
        self
    }

    /// Starts the broker on a thread and a runtime of its own.
    ///
    /// # Errors
    ///
    /// If a port cannot be bound, or the thread or its runtime not started.
    #[expect(clippy::unused_async, reason = "reads as what it is in async tests")]
    pub async fn start(self) -> io::Result<TestBroker> {
        self.start_blocking()
    }

    /// As [`start`](Self::start), without a runtime on the caller's side.
    ///
    /// # Errors
    ///
    /// As those of [`start`](Self::start).
    pub fn start_blocking(self) -> io::Result<TestBroker> {
        let sockets = (0..self.config.nodes).map(|_| first_socket());
        let sockets = sockets.collect::<io::Result<Vec<_>>>()?;
        let ports = sockets.iter().map(|s| s.local_addr().map(|a| a.port()));
        let ports = ports.collect::<io::Result<Vec<_>>>()?;
        let (handle, stop, thread) = start_thread()?;
        let broker = TestBroker {
            cluster: Arc::new(Cluster::new(self.config, &ports)),
            handle,
            stop: Some(stop),
            thread: Some(thread),
            slots: Mutex::default(),
        };
        for (node, socket) in (0..).zip(sockets) {
            let slot = broker.listen(node, socket)?;
            lock(&broker.slots).push(slot);
        }
        Ok(broker)
    }
}

type Started = (Handle, oneshot::Sender<()>, JoinHandle<()>);

fn start_thread() -> io::Result<Started> {
    let (stop, stopped) = oneshot::channel::<()>();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let handle = runtime.handle().clone();
    let run = move || {
        // Ends when the sender is dropped; the runtime then drops all tasks and their sockets.
        runtime.block_on(async { drop(stopped.await) });
    };
    let thread = thread::Builder::new()
        .name("test-broker".to_owned())
        .spawn(run)?;
    Ok((handle, stop, thread))
}
