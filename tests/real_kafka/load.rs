//! Threads that log all the time, half of their events with a key, while something happens to Kafka.

use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing::Dispatch;
use tracing::Span;
use tracing_kafka::Health;
use tracing_kafka::KafkaLayerBuilder;
use tracing_kafka::ShutdownReport;
use tracing_kafka::WorkerGuard;
use tracing_subscriber::prelude::*;

use crate::cluster::LONG;
use crate::cluster::wait_until;

pub(crate) const THREADS: usize = 4;
/// Shared by all threads.
const KEYS: usize = 16;
/// A caller that waited for Kafka would take longer.
const SLOWEST: Duration = Duration::from_millis(500);

/// How the threads log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Events between two pauses of 3 ms.
    pub(crate) burst: usize,
    /// Letters at the end of each text.
    pub(crate) padding: usize,
    /// Each thread ends after so many events; none: when the fault is over.
    pub(crate) events: Option<usize>,
}

/// Some two thousand events a second: nodes that come back need the processors, too.
pub(crate) const STEADY: Pace = Pace {
    burst: 2,
    padding: 80,
    events: None,
};

/// What the threads did.
#[derive(Debug)]
pub(crate) struct Logged {
    /// How many events each thread logged.
    pub(crate) of_threads: Vec<usize>,
    pub(crate) slowest: Duration,
    /// How often the counters were compared with each other.
    pub(crate) snapshots: u64,
}

impl Logged {
    pub(crate) fn total(&self) -> usize {
        self.of_threads.iter().sum()
    }
}

/// What a fault can watch.
pub(crate) struct Scene<'a> {
    pub(crate) guard: &'a WorkerGuard,
    pub(crate) dispatch: &'a Dispatch,
    pub(crate) start: Instant,
}

impl Scene<'_> {
    /// Tells what has happened, and when.
    pub(crate) fn say(&self, what: &str) {
        let (after, stats) = (self.start.elapsed(), self.guard.stats());
        println!("{after:5.1?} {what}: {stats}");
    }

    /// Waits until so many more events are delivered than now.
    pub(crate) fn wait_delivered(&self, what: &str, more: u64) {
        let before = self.guard.stats().delivered;
        wait_until(what, || self.guard.stats().delivered >= before + more);
    }

    /// Waits until so many more events are offered than now.
    pub(crate) fn wait_offered(&self, what: &str, more: u64) {
        let before = self.guard.stats().offered;
        wait_until(what, || self.guard.stats().offered >= before + more);
    }

    pub(crate) fn wait_for_failure(&self) {
        wait_until("a failed attempt", || {
            self.guard.health() == Health::Retrying
        });
    }

    /// All that was logged before is delivered, or this fails.
    pub(crate) fn flush(&self) {
        self.guard.flush(LONG).unwrap();
    }
}

/// The key of a thread's event, if it has one.
pub(crate) fn key_of(thread: usize, number: usize) -> Option<String> {
    (number % 2 == 1).then(|| key((number / 2 + thread) % KEYS))
}

pub(crate) fn key(number: usize) -> String {
    format!("key-{number}")
}

/// Lets each thread log so many events, as fast as it can.
pub(crate) fn log(dispatch: &Dispatch, events: usize) -> Logged {
    let pace = Pace {
        burst: events,
        padding: 80,
        events: Some(events),
    };
    let (end, slowest) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (end, slowest) = (&end, &slowest);
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || call(thread, pace, end, slowest))
            });
        }
    });
    Logged {
        of_threads: vec![events; THREADS],
        slowest: Duration::from_nanos(slowest.into_inner()),
        snapshots: 0,
    }
}

/// Lets the threads log and `fault` happen, then flushes and ends the layer. Whatever the test says
/// of the end: at every moment each event was in one counter, and no caller waited.
pub(crate) fn under_load(
    builder: KafkaLayerBuilder,
    pace: Pace,
    fault: impl FnOnce(&Scene<'_>),
) -> (Logged, ShutdownReport) {
    let (layer, guard) = builder.build().unwrap();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let (calls_end, watch_ends) = (AtomicBool::new(false), AtomicBool::new(false));
    let slowest = AtomicU64::new(0);
    let mut logged = std::thread::scope(|scope| {
        let _ends = [SetOnDrop(&calls_end), SetOnDrop(&watch_ends)];
        let callers: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (dispatch, end, slowest) = (&dispatch, &calls_end, &slowest);
                scope.spawn(move || {
                    tracing::dispatcher::with_default(dispatch, || call(thread, pace, end, slowest))
                })
            })
            .collect();
        let watcher = scope.spawn(|| watch(&guard, &watch_ends));
        fault(&Scene {
            guard: &guard,
            dispatch: &dispatch,
            start: Instant::now(),
        });
        calls_end.store(true, Ordering::Relaxed);
        let of_threads = callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect();
        guard.flush(LONG).unwrap();
        watch_ends.store(true, Ordering::Relaxed);
        Logged {
            of_threads,
            slowest: Duration::ZERO,
            snapshots: watcher.join().unwrap(),
        }
    });
    logged.slowest = Duration::from_nanos(slowest.into_inner());
    let report = guard.shutdown(LONG);
    println!(
        "{report}; {} duplicates avoided; the slowest call took {:.1?}; {} snapshots",
        report.stats.duplicates_avoided, logged.slowest, logged.snapshots
    );
    assert!(logged.slowest < SLOWEST, "a caller waited");
    assert!(logged.snapshots > 100, "the counters were not watched");
    assert!(!report.timed_out, "{report}");
    (logged, report)
}

/// Ends the threads also when the test fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Logs until told to stop, or as many as `pace` says, and measures every call. Returns how many.
fn call(thread: usize, pace: Pace, end: &AtomicBool, slowest: &AtomicU64) -> usize {
    let spans: Vec<Span> = (0..KEYS)
        .map(|number| tracing::info_span!("keyed", key = key(number)))
        .collect();
    let padding = "x".repeat(pace.padding);
    let most = pace.events.unwrap_or(usize::MAX);
    let mut number = 0;
    while number < most && (pace.events.is_some() || !end.load(Ordering::Relaxed)) {
        for _ in 0..pace.burst.min(most - number) {
            let start = Instant::now();
            if key_of(thread, number).is_some() {
                let span = &spans[(number / 2 + thread) % KEYS];
                span.in_scope(|| tracing::info!("{thread} {number} {padding}"));
            } else {
                tracing::info!("{thread} {number} {padding}");
            }
            let took = start.elapsed().as_nanos();
            slowest.fetch_max(u64::try_from(took).unwrap(), Ordering::Relaxed);
            number += 1;
        }
        std::thread::park_timeout(Duration::from_millis(3));
    }
    number
}

/// Compares the counters with each other until told to stop. Returns how often.
fn watch(guard: &WorkerGuard, end: &AtomicBool) -> u64 {
    let mut snapshots = 0;
    while !end.load(Ordering::Relaxed) {
        let stats = guard.stats();
        let places = stats.delivered + stats.queued + stats.in_flight + stats.dropped.total();
        assert_eq!(stats.offered, places, "{stats}");
        snapshots += 1;
        std::thread::park_timeout(Duration::from_millis(1));
    }
    snapshots
}
