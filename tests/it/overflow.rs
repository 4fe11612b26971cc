//! A full buffer: low levels go first, memory is bounded, blocking ends.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Compression;
use tracing_kafka::DropReason;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::OverflowPolicy;
use tracing_subscriber::prelude::*;

use crate::support::LONG;
use crate::support::assert_conserved;
use crate::support::broker;
use crate::support::kafka;
use crate::support::wait_until;

const BUFFER: usize = 1024 * 1024;

/// Records of 1000 incompressible bytes, and a count of how many were rendered.
struct Counted(Arc<AtomicU64>);

impl Layout for Counted {
    fn render(&self, _event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        for part in 0..125_u64 {
            let mixed = (number + 1)
                .wrapping_mul(part + 7)
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
            out.extend_from_slice(&(mixed ^ (mixed >> 29)).to_le_bytes());
        }
    }
}

#[test]
fn low_levels_are_refused_first_and_refused_events_are_not_rendered() {
    let broker = broker();
    broker.down_all();
    let rendered = Arc::new(AtomicU64::new(0));
    let (layer, guard) = kafka(&broker)
        .layout(Counted(Arc::clone(&rendered)))
        .buffer_memory(BUFFER)
        .compression(Compression::None)
        .build()
        .unwrap();
    let held = |level: &str| {
        let stats = guard.stats();
        assert_conserved(&stats);
        assert!(
            stats.buffer_bytes <= BUFFER as u64,
            "{level}: {}",
            stats.buffer_bytes
        );
        stats.queued
    };
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        // More than fits; the worker may still be packing, so each level is pressed until it stays.
        let press = |log: &dyn Fn()| {
            let mut last = None;
            wait_until("a full buffer", || {
                (0..2000).for_each(|_| log());
                std::thread::park_timeout(Duration::from_millis(20));
                last.replace(held("pressing")) == Some(held("pressing"))
            });
            held("pressed")
        };
        let debug = press(&|| tracing::debug!("low"));
        let info = press(&|| tracing::info!("middle"));
        let error = press(&|| tracing::error!("high"));
        assert!(debug < info && info < error, "{debug} {info} {error}");
        check_shares([(debug, 80), (info, 90), (error, 100)]);
        let before = rendered.load(Ordering::Relaxed);
        let refused = guard.stats().dropped.get(DropReason::QueueFull);
        (0..1000).for_each(|_| tracing::debug!("refused"));
        assert_eq!(
            rendered.load(Ordering::Relaxed),
            before,
            "rendered for nothing"
        );
        assert_eq!(
            guard.stats().dropped.get(DropReason::QueueFull),
            refused + 1000
        );
    });
    broker.up_all().unwrap();
    let flushed = guard.flush(LONG);
    let stats = guard.stats();
    assert_eq!(flushed, Ok(()), "{stats}, {}", guard.health());
    assert_eq!(
        stats.offered,
        stats.delivered + stats.dropped.get(DropReason::QueueFull)
    );
}

/// Each count of records, of about 1010 bytes, is what fits into its share of the buffer, save one
/// chunk.
fn check_shares(counts: [(u64, u64); 3]) {
    for (count, share) in counts {
        let limit = BUFFER as u64 * share / 100 / 1010;
        assert!(
            (limit * 80 / 100..=limit).contains(&count),
            "{count} of {limit}"
        );
    }
}

#[test]
fn one_thread_alone_may_use_the_whole_buffer() {
    let broker = broker();
    broker.down_all();
    let (layer, guard) = kafka(&broker)
        .layout(Counted(Arc::default()))
        .buffer_memory(BUFFER)
        .compression(Compression::None)
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        wait_until("a refusal", || {
            tracing::error!("more");
            guard.stats().dropped.total() > 0
        });
    });
    let queued = guard.stats().queued;
    assert!(queued >= BUFFER as u64 / 1030 * 90 / 100, "{queued}");
}

#[test]
fn blocking_ends_after_its_time_and_is_counted() {
    let broker = broker();
    broker.down_all();
    let max_wait = Duration::from_millis(200);
    let (layer, guard) = kafka(&broker)
        .layout(Counted(Arc::default()))
        .buffer_memory(BUFFER)
        .compression(Compression::None)
        .overflow(OverflowPolicy::Block { max_wait })
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let start = wait_for_block(&guard, max_wait);
        assert!(start >= max_wait, "{start:?}");
        assert!(start < max_wait * 10, "{start:?}");
    });
    let stats = guard.stats();
    assert_eq!(stats.dropped.get(DropReason::QueueFull), 0);
    assert_eq!(stats.dropped.get(DropReason::BlockTimeout), 1);
    assert_conserved(&stats);
}

/// Logs until one call was dropped. Returns how long that call took.
fn wait_for_block(guard: &tracing_kafka::WorkerGuard, max_wait: Duration) -> Duration {
    for _ in 0..100_000 {
        let start = Instant::now();
        tracing::error!("more");
        if start.elapsed() >= max_wait / 2 && guard.stats().dropped.total() > 0 {
            return start.elapsed();
        }
    }
    panic!("never blocked: {}", guard.stats());
}

#[test]
fn a_blocked_caller_goes_on_as_soon_as_there_is_room_and_nothing_is_lost() {
    let broker = broker();
    broker.down_all();
    let (layer, guard) = kafka(&broker)
        .layout(Counted(Arc::default()))
        .buffer_memory(BUFFER)
        .compression(Compression::None)
        .overflow(OverflowPolicy::Block { max_wait: LONG })
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    std::thread::scope(|scope| {
        let logging = scope.spawn(|| {
            tracing::dispatcher::with_default(&dispatch, || {
                (0..5000).for_each(|_| tracing::info!("more"));
            });
        });
        // The buffer is full when the count stands still below the end.
        let mut last = 0;
        wait_until("a full buffer", || {
            std::thread::park_timeout(Duration::from_millis(100));
            std::mem::replace(&mut last, guard.stats().queued) == guard.stats().queued && last > 0
        });
        assert!(!logging.is_finished());
        broker.up_all().unwrap();
    });
    guard.flush(LONG).unwrap();
    let stats = guard.stats();
    assert_eq!((stats.offered, stats.delivered), (5000, 5000), "{stats}");
}

#[test]
fn a_shutdown_frees_blocked_callers_and_counts_their_events() {
    let broker = broker();
    broker.down_all();
    let (layer, guard) = kafka(&broker)
        .layout(Counted(Arc::default()))
        .buffer_memory(BUFFER)
        .compression(Compression::None)
        .overflow(OverflowPolicy::Block { max_wait: LONG })
        .build()
        .unwrap();
    let handle = guard.stats_handle();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            tracing::dispatcher::with_default(&dispatch, || {
                (0..3000).for_each(|_| tracing::info!("more"));
            });
        });
        wait_until("something queued", || guard.stats().queued > 500);
        let report = guard.shutdown(Duration::from_millis(100));
        assert_conserved(&report.stats);
    });
    let stats = handle.stats();
    assert_eq!(stats.offered, 3000, "{stats}");
    assert_eq!(stats.dropped.get(DropReason::Shutdown), 3000, "{stats}");
}
