//! The broker as tests hold it: its nodes, started and stopped.

mod builder;
mod control;
mod view;

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

use tokio::net::TcpSocket;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

pub use self::builder::Builder;
use crate::cluster::Cluster;
use crate::cluster::HOST;
use crate::cluster::lock;
use crate::server;

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
        Builder::new()
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
