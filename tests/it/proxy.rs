//! A TCP proxy that cuts, slows down and delays what passes through it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::sync::mpsc;
use tokio::sync::oneshot;
use tokio::time::Instant;
use tracing_kafka_broker::TestBroker;

use crate::harness::Choices;

/// What happens to one direction of a connection.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Way {
    /// The connection is cut after so many bytes. What comes behind them stays unread, so that the
    /// sender gets a reset.
    pub(crate) cut_after: Option<u64>,
    pub(crate) bytes_per_second: Option<u32>,
    /// Each piece is late by this time,
    pub(crate) latency: Duration,
    /// give or take this,
    pub(crate) jitter: Duration,
    /// and one in a hundred by this.
    pub(crate) stall: Duration,
}

/// Both directions: to the broker, and back.
pub(crate) type Ways = (Way, Way);

type Policy = dyn Fn(&mut Choices) -> Ways + Send;

/// A proxy in front of one node, which tells clients the proxy's address as its own.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    upstream: SocketAddr,
    policy: Mutex<(Choices, Box<Policy>)>,
    cuts: AtomicU64,
}

impl Proxy {
    pub(crate) fn new(
        broker: &TestBroker,
        seed: u64,
        policy: impl Fn(&mut Choices) -> Ways + Send + 'static,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            upstream: broker.address(0).unwrap(),
            policy: Mutex::new((Choices::new(seed), Box::new(policy))),
            cuts: AtomicU64::new(0),
        });
        let (stop, stopped) = oneshot::channel::<()>();
        let accepting = accept(listener, Arc::clone(&shared));
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {}
                }
            });
        });
        broker.advertise(0, Some(("127.0.0.1", address.port())));
        Self {
            shared,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// What happens to connections from now on.
    pub(crate) fn set(&self, policy: impl Fn(&mut Choices) -> Ways + Send + 'static) {
        self.shared.policy.lock().unwrap().1 = Box::new(policy);
    }

    /// How many connections were cut so far.
    pub(crate) fn cuts(&self) -> u64 {
        self.shared.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

/// Takes connections until it is dropped, which cuts them all.
async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (client, _) = accepted.unwrap();
                connections.spawn(serve(client, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(shared.upstream).await else {
        return;
    };
    client.set_nodelay(true).unwrap();
    server.set_nodelay(true).unwrap();
    let ((to, back), seeds) = {
        let mut policy = shared.policy.lock().unwrap();
        let (choices, choose) = &mut *policy;
        let ways = choose(choices);
        (ways, [choices.below(u64::MAX), choices.below(u64::MAX)])
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let was_cut = tokio::select! {
        cut = pump(from_client, to_server, to, seeds[0]) => cut,
        cut = pump(from_server, to_client, back, seeds[1]) => cut,
    };
    if was_cut {
        shared.cuts.fetch_add(1, Ordering::Relaxed);
    }
}

/// Hands bytes on until one side ends. Answers whether that was because of a cut.
async fn pump(from: OwnedReadHalf, to: OwnedWriteHalf, way: Way, seed: u64) -> bool {
    // As much as a link holds, so that a slow one presses back.
    let (pieces, arriving) = mpsc::channel(64);
    tokio::select! {
        () = read(from, pieces, way, seed) => false,
        cut = write(to, arriving, way) => cut,
    }
}

/// Bytes and when they arrive; none is the cut.
type Piece = (Instant, Option<Vec<u8>>);

/// Does not end before the other half does.
async fn read(mut from: OwnedReadHalf, pieces: mpsc::Sender<Piece>, way: Way, seed: u64) {
    let mut choices = Choices::new(seed);
    let mut left = way.cut_after.unwrap_or(u64::MAX);
    let mut last = Instant::now();
    while left > 0 {
        let mut piece = vec![0; usize::try_from(left.min(4096)).unwrap()];
        let count = match from.read(&mut piece).await {
            Ok(count) if count > 0 => count,
            _ => break,
        };
        piece.truncate(count);
        left -= count as u64;
        // Pieces do not overtake each other.
        last = last.max(Instant::now() + lateness(&way, &mut choices));
        if pieces.send((last, Some(piece))).await.is_err() {
            return;
        }
    }
    if left == 0 && pieces.send((last, None)).await.is_err() {
        return;
    }
    drop(pieces);
    std::future::pending::<()>().await;
}

fn lateness(way: &Way, choices: &mut Choices) -> Duration {
    if !way.stall.is_zero() && choices.below(100) == 0 {
        return way.stall;
    }
    let spread = u64::try_from(way.jitter.as_micros()).unwrap();
    let jitter = Duration::from_micros(choices.below(2 * spread + 1));
    (way.latency + jitter).saturating_sub(way.jitter)
}

async fn write(mut to: OwnedWriteHalf, mut pieces: mpsc::Receiver<Piece>, way: Way) -> bool {
    while let Some((due, piece)) = pieces.recv().await {
        tokio::time::sleep_until(due).await;
        let Some(piece) = piece else {
            return true;
        };
        if let Some(rate) = way.bytes_per_second {
            let share = u32::try_from(piece.len()).unwrap();
            tokio::time::sleep(Duration::from_secs(1) * share / rate).await;
        }
        if to.write_all(&piece).await.is_err() {
            break;
        }
    }
    false
}
