//! What the tests of faults share: a layer whose books are watched all the time, and telling copies.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::net::TcpListener;
use std::net::TcpStream;
use std::ops::Range;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

use tracing::Dispatch;
use tracing_kafka::Health;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::Stats;
use tracing_kafka::StatsHandle;
use tracing_kafka::WorkerGuard;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::prelude::*;

use crate::support::LONG;
use crate::support::assert_conserved;
use crate::support::values;
use crate::support::wait_until;

/// A layer, its guard, and what it told of. Its counters are compared with each other all the time.
pub(crate) struct Rig {
    pub(crate) dispatch: Dispatch,
    pub(crate) guard: WorkerGuard,
    watcher: Watcher,
    errors: Arc<Mutex<Vec<String>>>,
}

impl Rig {
    #[track_caller]
    pub(crate) fn new(builder: KafkaLayerBuilder) -> Self {
        let errors = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&errors);
        let builder = builder.on_error(move |error| {
            println!("{:?} on_error: {error}", std::time::SystemTime::now());
            told.lock().unwrap().push(error.to_string());
        });
        let (layer, guard) = builder.build().unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        let watcher = Watcher::new(guard.stats_handle());
        Self {
            dispatch,
            guard,
            watcher,
            errors,
        }
    }

    /// Runs `log` with the layer as the place of its events.
    pub(crate) fn with<T>(&self, log: impl FnOnce() -> T) -> T {
        tracing::dispatcher::with_default(&self.dispatch, log)
    }

    /// Logs these numbers.
    pub(crate) fn log(&self, numbers: Range<u32>) {
        self.with(|| numbers.for_each(|number| tracing::info!("{number}")));
    }

    pub(crate) fn stats(&self) -> Stats {
        self.guard.stats()
    }

    /// What `on_error` was told.
    pub(crate) fn errors(&self) -> Vec<String> {
        let errors = self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        errors.clone()
    }

    #[track_caller]
    pub(crate) fn flush(&self) {
        self.guard.flush(LONG).unwrap();
    }

    #[track_caller]
    pub(crate) fn wait_for(&self, health: Health) {
        wait_until("the health", || self.guard.health() == health);
    }

    /// Waits for everything to be delivered or given up, and ends the layer. The books have to be
    /// in order, now and whenever they were looked at.
    #[track_caller]
    pub(crate) fn end(self) -> Stats {
        self.flush();
        self.watcher.end();
        let report = self.guard.shutdown(LONG);
        let stats = report.stats;
        assert_conserved(&stats);
        assert_eq!((stats.queued, stats.in_flight), (0, 0), "{stats}");
        assert_eq!(stats.buffer_bytes, 0, "ended, and still held");
        stats
    }

    /// As `end`, where everything has to be in the topic, and nothing twice.
    #[track_caller]
    pub(crate) fn end_exactly(self, broker: &TestBroker) -> Stats {
        let stats = self.end();
        assert_eq!(stats.dropped.total(), 0, "{stats}");
        let tally = Tally::of(broker);
        assert_eq!(tally.distinct, stats.offered, "{stats}");
        assert_eq!(tally.copies, 0, "{stats}, {tally:?}");
        assert_eq!(stats.possible_duplicates, 0, "{stats}");
        stats
    }
}

/// Looks at the counters again and again.
struct Watcher {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    fn new(handle: StatsHandle) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            loop {
                // Read first, so that the last look is after the end.
                let is_over = stopped.load(Ordering::Relaxed);
                assert_conserved(&handle.stats());
                if is_over {
                    return;
                }
                std::thread::park_timeout(Duration::from_millis(2));
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }

    #[track_caller]
    fn end(mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// What is in the topic. All texts that a test logs have to differ.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) distinct: u64,
    /// Records that are there once more than they should.
    pub(crate) copies: u64,
}

impl Tally {
    pub(crate) fn of(broker: &TestBroker) -> Self {
        let all = values(broker);
        let distinct = all.iter().collect::<BTreeSet<_>>().len() as u64;
        Self {
            distinct,
            copies: all.len() as u64 - distinct,
        }
    }
}

/// A sequence of choices that is the same for the same seed.
pub(crate) struct Choices(u64);

impl Choices {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// Text that hardly compresses.
pub(crate) fn noise(choices: &mut Choices, length: usize) -> String {
    let letters = (0..length).map(|_| b'!' + u8::try_from(choices.below(94)).unwrap());
    letters.map(char::from).collect()
}

/// An address that takes no connection, and does not refuse one either, as long as this is held.
pub(crate) struct BlackHole {
    pub(crate) address: SocketAddr,
    _listener: tokio::net::TcpListener,
    _held: Vec<TcpStream>,
    _runtime: tokio::runtime::Runtime,
}

impl BlackHole {
    pub(crate) fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .unwrap();
        let listener = {
            let _context = runtime.enter();
            let socket = tokio::net::TcpSocket::new_v4().unwrap();
            socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
            socket.listen(0).unwrap()
        };
        let address = listener.local_addr().unwrap();
        // The backlog is full with the first; how many more fit is the system's choice.
        let mut held = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            held.push(stream);
            assert!(held.len() < 64, "the backlog has no end");
        }
        Self {
            address,
            _listener: listener,
            _held: held,
            _runtime: runtime,
        }
    }
}

/// A port of this machine at which nothing listens.
pub(crate) fn closed_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Runs `test` for each case, all at once: most of it is waiting.
#[track_caller]
pub(crate) fn at_once<T: Send>(cases: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for case in cases {
            let test = &test;
            scope.spawn(move || test(case));
        }
    });
}

/// Tells threads to stop when it goes, so that a test that fails does not wait for them for ever.
pub(crate) struct Stop<'a>(pub(crate) &'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
