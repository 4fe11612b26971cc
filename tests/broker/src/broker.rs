//! The broker as tests hold it: building, controlling, looking into.

use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use tokio::net::TcpSocket;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::api::Api;
use crate::cluster::Cluster;
use crate::cluster::Config;
use crate::cluster::HOST;
use crate::cluster::lock;
use crate::codec;
use crate::fault::Fault;
use crate::fault::RequestInfo;
use crate::log::Log;
use crate::record::Batch;
use crate::record::Record;
use crate::server;

/// Settings of a [`TestBroker`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until it is started"]
pub struct Builder {
    config: Config,
}

impl Builder {
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

/// An in-process Kafka broker. Dropping it stops it and cuts all connections.
///
/// All methods may be called from any thread, and from hooks.
pub struct TestBroker {
    cluster: Arc<Cluster>,
    handle: Handle,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    slots: Mutex<Vec<Slot>>,
}

/// The listener of one node.
#[derive(Debug)]
enum Slot {
    Up {
        task: AbortHandle,
        /// Closed when the last task of the node is gone.
        gone: mpsc::Receiver<()>,
    },
    /// The port stays bound, without listening, so that nobody else gets it meanwhile.
    Down(Option<TcpSocket>),
    /// Another thread is stopping or starting it.
    Changing,
}

impl fmt::Debug for TestBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestBroker")
            .field("bootstrap", &self.bootstrap())
            .finish_non_exhaustive()
    }
}

/// Starting and stopping.
impl TestBroker {
    /// Begins a broker of one node without topics.
    pub fn builder() -> Builder {
        Builder {
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
            },
        }
    }

    /// Returns the addresses of all nodes, up or not, as `bootstrap.servers` wants them.
    pub fn bootstrap(&self) -> String {
        let state = self.cluster.state();
        let nodes = state.nodes.iter();
        let addresses: Vec<String> = nodes.map(|node| format!("{HOST}:{}", node.port)).collect();
        addresses.join(",")
    }

    /// Returns the address of one node.
    pub fn address(&self, node: i32) -> Option<SocketAddr> {
        let index = usize::try_from(node).ok()?;
        let port = self.cluster.state().nodes.get(index)?.port;
        Some(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
    }

    /// Stops a node: its port refuses connections, those it has are cut, its log is kept.
    ///
    /// Returns when the connections are closed, except in a hook, where they are closed after it.
    pub fn down(&self, node: i32) {
        let Some(Slot::Up { task, gone }) = self.take(node, |slot| matches!(slot, Slot::Up { .. }))
        else {
            return;
        };
        self.mark(node, false);
        task.abort();
        let socket = if self.on_own_thread() {
            None
        } else {
            // Fails when the last sender is dropped, which is what it waits for.
            let _ = gone.recv_timeout(STOP_TIMEOUT);
            self.address(node).and_then(|at| reserve(at).ok())
        };
        self.put(node, Slot::Down(socket));
        self.cluster.appended.notify_waiters();
        self.cluster.notify();
    }

    /// Starts a node again, on the same port and with its log.
    ///
    /// Of each idempotent producer only the last batch is remembered in the partitions that it
    /// leads, as with a restarted broker of Apache Kafka.
    ///
    /// # Errors
    ///
    /// If the port cannot be bound any more.
    pub fn up(&self, node: i32) -> io::Result<()> {
        let Some(Slot::Down(socket)) = self.take(node, |slot| matches!(slot, Slot::Down(_))) else {
            return Ok(());
        };
        let socket = socket.map_or_else(|| self.reserve_again(node), Ok);
        // A node that cannot come up stays down.
        let socket = socket.inspect_err(|_| self.put(node, Slot::Down(None)))?;
        self.mark(node, true);
        let slot = self.listen(node, socket)?;
        self.put(node, slot);
        self.cluster.notify();
        Ok(())
    }

    /// Stops all nodes.
    pub fn down_all(&self) {
        self.each_node(|node| self.down(node));
    }

    /// Starts all nodes.
    ///
    /// # Errors
    ///
    /// As those of [`up`](Self::up), of the first node that cannot be started.
    pub fn up_all(&self) -> io::Result<()> {
        let mut result = Ok(());
        self.each_node(|node| {
            if result.is_ok() {
                result = self.up(node);
            }
        });
        result
    }

    fn each_node(&self, mut act: impl FnMut(i32)) {
        let nodes = self.cluster.state().nodes.len();
        for (node, _) in (0..).zip(0..nodes) {
            act(node);
        }
    }

    fn listen(&self, node: i32, socket: TcpSocket) -> io::Result<Slot> {
        let entered = self.handle.enter();
        let listener = socket.listen(1024)?;
        drop(entered);
        let (alive, gone) = mpsc::channel();
        let cluster = Arc::clone(&self.cluster);
        let accept = server::accept(listener, node, cluster, alive);
        let task = self.handle.spawn(accept).abort_handle();
        Ok(Slot::Up { task, gone })
    }

    /// Takes a node's slot if it is as wanted. The lock is not held while the node changes: a hook
    /// on the broker's thread may want it too.
    fn take(&self, node: i32, wanted: impl Fn(&Slot) -> bool) -> Option<Slot> {
        let mut slots = lock(&self.slots);
        let slot = slots.get_mut(usize::try_from(node).ok()?)?;
        wanted(slot).then(|| std::mem::replace(slot, Slot::Changing))
    }

    fn reserve_again(&self, node: i32) -> io::Result<TcpSocket> {
        retry_reserve(self.address(node).ok_or(io::ErrorKind::NotFound)?)
    }

    fn put(&self, node: i32, slot: Slot) {
        let Ok(index) = usize::try_from(node) else {
            return;
        };
        if let Some(place) = lock(&self.slots).get_mut(index) {
            *place = slot;
        }
    }

    /// Notes that a node is up or down, and what that does to leaders and producers.
    fn mark(&self, node: i32, up: bool) {
        let mut state = self.cluster.state();
        let index = usize::try_from(node).unwrap_or(usize::MAX);
        if let Some(node) = state.nodes.get_mut(index) {
            node.up = up;
            node.fresh = true;
        }
        let mut others = (0..).zip(&state.nodes).filter(|(_, node)| node.up);
        let heir = others.next().map(|(id, _)| id);
        let failover = self.cluster.config.failover && heir.is_some();
        let led = state.partitions_mut().filter(|p| p.leader == Some(node));
        for partition in led {
            if up {
                partition.log.restart();
            } else if failover {
                partition.lead(heir);
            }
        }
    }

    fn on_own_thread(&self) -> bool {
        let own = self.thread.as_ref().map(|thread| thread.thread().id());
        own == Some(thread::current().id())
    }
}

/// Topics and leaders.
impl TestBroker {
    /// Makes a topic, its leaders spread over the nodes; `false` if the name is taken or invalid.
    pub fn create_topic(&self, name: &str, partitions: i32) -> bool {
        let mut state = self.cluster.state();
        self.cluster
            .create_topic(&mut state, name, partitions)
            .is_ok()
    }

    /// Deletes a topic with its records; `false` if there is none of that name.
    pub fn delete_topic(&self, name: &str) -> bool {
        let deleted = self.cluster.state().topics.remove(name).is_some();
        self.cluster.appended.notify_waiters();
        deleted
    }

    /// Returns names and partition counts of all topics.
    pub fn topics(&self) -> Vec<(String, i32)> {
        let state = self.cluster.state();
        let sized = state.topics.iter().map(|(name, topic)| {
            let partitions = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
            (name.clone(), partitions)
        });
        sized.collect()
    }

    /// Makes `leader` lead a partition, or nobody; `false` if there is no such partition.
    ///
    /// The leader epoch goes up. The log stays: all nodes share it.
    pub fn set_leader(&self, topic: &str, partition: i32, leader: Option<i32>) -> bool {
        let mut state = self.cluster.state();
        let found = state.partition_mut(topic, partition);
        let known = found.map(|partition| partition.lead(leader)).is_some();
        drop(state);
        self.cluster.appended.notify_waiters();
        known
    }

    /// Returns the leader of a partition, if it has one.
    pub fn leader(&self, topic: &str, partition: i32) -> Option<i32> {
        let state = self.cluster.state();
        state.partition(topic, partition)?.leader
    }

    /// Empties all logs and forgets all producers; topics stay, their offsets begin at 0 again.
    pub fn wipe(&self) {
        for partition in self.cluster.state().partitions_mut() {
            partition.log = Log::default();
        }
    }

    /// Forgets what is known of idempotent producers but keeps the records, as happens when
    /// producer ids expire.
    pub fn forget_producers(&self) {
        for partition in self.cluster.state().partitions_mut() {
            partition.log.forget_producers();
        }
    }
}

/// Faults.
impl TestBroker {
    /// Queues a fault for the next request of this kind that has no other.
    pub fn fault(&self, api: Api, fault: Fault) {
        self.cluster.plan().push(api, fault);
    }

    /// Queues a fault `times` times.
    pub fn fault_times(&self, api: Api, fault: &Fault, times: usize) {
        let mut plan = self.cluster.plan();
        for _ in 0..times {
            plan.push(api, fault.clone());
        }
    }

    /// Sets the fault of all requests of this kind for which none is queued.
    pub fn fault_always(&self, api: Api, fault: Fault) {
        self.cluster.plan().always(api, fault);
    }

    /// Returns how many queued faults are still to come.
    pub fn pending_faults(&self, api: Api) -> usize {
        self.cluster.plan().pending(api)
    }

    /// Forgets all faults and hooks.
    pub fn clear_faults(&self) {
        self.cluster.plan().clear();
    }

    /// Asks `hook` for a fault on each request of this kind, before the queue is looked at.
    ///
    /// It runs on the broker's thread, so it must not block.
    pub fn on(
        &self,
        api: Api,
        hook: impl Fn(&RequestInfo) -> Option<Fault> + Send + Sync + 'static,
    ) {
        self.cluster.plan().hook(api, Arc::new(hook));
    }
}

/// What clients did and what is stored.
impl TestBroker {
    /// Returns how many requests of this kind arrived.
    pub fn requests(&self, api: Api) -> u64 {
        self.cluster.stats().requests(api)
    }

    /// Returns which versions of this kind of request arrived, in order.
    pub fn versions(&self, api: Api) -> Vec<i16> {
        self.cluster.stats().versions(api)
    }

    /// Returns how many connections were accepted.
    pub fn connections(&self) -> u64 {
        self.cluster.stats().accepted
    }

    /// Returns how many connections are open.
    pub fn open_connections(&self) -> u64 {
        self.cluster.stats().open
    }

    /// Returns the client ids seen, in order.
    pub fn client_ids(&self) -> Vec<String> {
        self.cluster.stats().client_ids()
    }

    /// Returns the offset of the next record of a partition; 0 if it is not there.
    pub fn end_offset(&self, topic: &str, partition: i32) -> i64 {
        let state = self.cluster.state();
        let found = state.partition(topic, partition);
        found.map_or(0, |partition| partition.log.end())
    }

    /// Returns how many records the partitions of a topic have ever held.
    pub fn count(&self, topic: &str) -> i64 {
        let state = self.cluster.state();
        let partitions = state.topics.get(topic).map(|topic| topic.partitions.iter());
        let ends = partitions.into_iter().flatten().map(|p| p.log.end());
        ends.sum()
    }

    /// Returns the batches of a partition, oldest first.
    pub fn batches(&self, topic: &str, partition: i32) -> Vec<Batch> {
        let state = self.cluster.state();
        let found = state.partition(topic, partition);
        found.map_or_else(Vec::new, |partition| partition.log.batches().collect())
    }

    /// Returns the records of a partition, decoded by `kafka-protocol`.
    ///
    /// # Errors
    ///
    /// If a batch cannot be decoded: its header was right, so the client wrote bad records.
    pub fn try_records(&self, topic: &str, partition: i32) -> io::Result<Vec<Record>> {
        let (start, bytes) = {
            let state = self.cluster.state();
            let found = state.partition(topic, partition);
            found.map_or((0, Bytes::new()), |partition| {
                let log = &partition.log;
                (log.start(), log.read(log.start(), usize::MAX, true))
            })
        };
        let mut records = codec::decode(partition, bytes)?;
        records.retain(|record| record.offset >= start);
        Ok(records)
    }

    /// As [`try_records`](Self::try_records), for tests.
    ///
    /// # Panics
    ///
    /// If a batch cannot be decoded.
    #[track_caller]
    #[expect(clippy::panic, reason = "a test is to fail here, not somewhere else")]
    pub fn records(&self, topic: &str, partition: i32) -> Vec<Record> {
        match self.try_records(topic, partition) {
            Ok(records) => records,
            Err(error) => panic!("{topic}-{partition} holds records that are not valid: {error}"),
        }
    }

    /// Returns the records of all partitions of a topic, by partition and offset.
    ///
    /// # Panics
    ///
    /// If a batch cannot be decoded.
    #[track_caller]
    pub fn all_records(&self, topic: &str) -> Vec<Record> {
        let topics = self.topics();
        let size = topics.iter().find(|(name, _)| name == topic);
        let mut all = Vec::new();
        for partition in 0..size.map_or(0, |(_, partitions)| *partitions) {
            all.extend(self.records(topic, partition));
        }
        all
    }

    /// Blocks until `condition` holds, at most `timeout`; returns whether it did.
    ///
    /// It is asked again whenever something happened: a connection, a request, an append.
    pub fn wait_until(&self, timeout: Duration, mut condition: impl FnMut(&Self) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        loop {
            let seen = self.cluster.changes();
            if condition(self) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // The condition may also look at things that the broker knows nothing of.
            self.cluster.wait_change(seen, left.min(POLL));
        }
    }
}

impl Drop for TestBroker {
    fn drop(&mut self) {
        drop(self.stop.take());
        let own = self.on_own_thread();
        if let Some(thread) = self.thread.take()
            && !own
        {
            drop(thread.join());
        }
    }
}

/// Binds a free port. Without address reuse, so that the port of a stopped node is never taken.
fn first_socket() -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    // Inherited by the connections, whose remains must not block the port after a restart.
    socket.set_reuseaddr(true)?;
    Ok(socket)
}

fn reserve(at: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(at)?;
    Ok(socket)
}

/// For a node that was stopped in a hook: its listener goes when the hook is over.
fn retry_reserve(at: SocketAddr) -> io::Result<TcpSocket> {
    let deadline = Instant::now() + STOP_TIMEOUT;
    loop {
        match reserve(at) {
            Err(error) if Instant::now() > deadline => return Err(error),
            Err(_) => thread::sleep(Duration::from_millis(1)),
            bound => return bound,
        }
    }
}

const STOP_TIMEOUT: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(20);
