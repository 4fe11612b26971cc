//! The queue by itself: order, bounds, wake-ups, and the books at its end.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing::Level;

use super::Frames;
use super::Queue;
use super::Shape;
use super::Stamp;
use super::Wake;
use crate::config::OverflowPolicy;
use crate::stats::DropReason;
use crate::stats::Health;
use crate::stats::Observe as _;

#[derive(Debug, Default)]
struct Rings(AtomicU64);

impl Wake for Rings {
    fn wake(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn queue(buffer: usize, threshold: usize) -> (Arc<Queue>, Arc<Rings>) {
    let rings = Arc::new(Rings::default());
    let waker = Arc::clone(&rings) as Arc<dyn Wake>;
    let queue = Queue::new(buffer, threshold, OverflowPolicy::DropNewest, waker);
    (Arc::new(queue), rings)
}

fn push(queue: &Queue, level: Level, value: &[u8]) {
    if let Some(admission) = queue.admit(level) {
        let stamp = Stamp {
            level,
            shape: Shape::Plain,
            nanos: 5,
        };
        queue.push(admission, stamp, value);
    }
}

/// Takes everything. Returns the values with their sequences.
fn drain(queue: &Queue) -> Vec<(u64, Vec<u8>)> {
    let mut chunks = Vec::new();
    queue.drain(&mut chunks);
    let mut values = Vec::new();
    for chunk in chunks {
        values
            .extend(Frames::new(&chunk.bytes).map(|frame| (frame.sequence, frame.value.to_vec())));
        queue.give_back(chunk, 0, 0);
    }
    values
}

#[test]
fn a_gap_in_the_sequence_is_exactly_a_drop() {
    let (queue, _) = queue(1 << 20, 1 << 20);
    push(&queue, Level::INFO, b"a");
    queue.count_lost(DropReason::Reentrant);
    queue.count_lost(DropReason::FormatError);
    push(&queue, Level::INFO, b"b");
    assert_eq!(drain(&queue), [(0, b"a".to_vec()), (3, b"b".to_vec())]);
    push(&queue, Level::INFO, b"c");
    assert_eq!(drain(&queue), [(4, b"c".to_vec())]);
    let stats = queue.stats();
    assert_eq!(
        (stats.offered, stats.queued, stats.dropped.total()),
        (5, 3, 2)
    );
}

#[test]
fn order_is_kept_across_chunks_of_all_sizes() {
    let (queue, _) = queue(4 << 20, 4 << 20);
    let sizes = [0, 1, 1000, 65_000, 65_536, 200_000, 3];
    for size in sizes {
        push(&queue, Level::ERROR, &vec![b'x'; size]);
    }
    let drained = drain(&queue);
    let lengths: Vec<_> = drained.iter().map(|(_, value)| value.len()).collect();
    assert_eq!(lengths, sizes);
    assert!(drained.iter().map(|(sequence, _)| *sequence).eq(0..7));
}

#[test]
fn the_bytes_held_never_exceed_the_buffer() {
    let (queue, _) = queue(1 << 20, 1 << 20);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    push(&queue, Level::ERROR, &[0; 300]);
                    assert!(queue.budget.used() <= 1 << 20);
                }
            });
        }
    });
    let stats = queue.stats();
    assert!(stats.dropped.get(DropReason::QueueFull) > 0);
    assert_eq!(stats.offered, 40_000);
    assert_eq!(drain(&queue).len() as u64, stats.queued);
}

#[test]
fn a_sleeping_worker_is_woken_once_and_a_busy_one_never_twice() {
    let (queue, rings) = queue(32 << 20, 256 * 1024);
    assert!(queue.park());
    push(&queue, Level::INFO, b"first");
    push(&queue, Level::INFO, b"second");
    assert_eq!(rings.0.load(Ordering::SeqCst), 1, "woken by the first");
    assert!(!queue.park(), "something is queued");
    drain(&queue);
    for _ in 0..10_000 {
        push(&queue, Level::INFO, &[0; 1000]);
    }
    assert_eq!(
        rings.0.load(Ordering::SeqCst),
        2,
        "asked once at the threshold"
    );
    drain(&queue);
    for _ in 0..10_000 {
        push(&queue, Level::INFO, &[0; 1000]);
    }
    assert_eq!(rings.0.load(Ordering::SeqCst), 2, "it comes by its timer");
    drain(&queue);
    queue.may_be_asked();
    for _ in 0..10_000 {
        push(&queue, Level::INFO, &[0; 1000]);
    }
    assert_eq!(rings.0.load(Ordering::SeqCst), 3);
}

#[test]
fn few_bytes_from_many_threads_wake_nobody() {
    let (queue, rings) = queue(32 << 20, 256 * 1024);
    for _ in 0..20 {
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| push(&queue, Level::INFO, b"a short text"));
            }
        });
        drain(&queue);
        queue.may_be_asked();
    }
    assert_eq!(rings.0.load(Ordering::SeqCst), 0);
}

#[test]
fn what_can_never_fit_is_too_large_and_waits_for_nothing() {
    let waker = Arc::new(Rings::default());
    let policy = OverflowPolicy::Block {
        max_wait: Duration::from_secs(60),
    };
    let queue = Queue::new(64 * 1024, 64 * 1024, policy, waker);
    let start = Instant::now();
    push(&queue, Level::ERROR, &vec![0; 100_000]);
    push(&queue, Level::INFO, &vec![0; 60_000]);
    push(&queue, Level::ERROR, &vec![0; 60_000]);
    assert!(start.elapsed() < Duration::from_secs(30));
    let stats = queue.stats();
    assert_eq!(stats.dropped.get(DropReason::TooLarge), 2, "{stats}");
    assert_eq!(stats.queued, 1, "{stats}");
}

/// Wakes the thread that made it.
#[derive(Debug)]
struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(&self) {
        self.0.unpark();
    }
}

#[test]
fn no_push_is_missed_by_a_worker_that_is_falling_asleep() {
    let waker = Arc::new(Unpark(std::thread::current()));
    let queue = Queue::new(1 << 20, 1 << 20, OverflowPolicy::DropNewest, waker);
    let seen = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=20_000 {
                push(&queue, Level::INFO, b"x");
                // Only once it was taken comes the next: a missed one would end the test.
                let deadline = Instant::now() + Duration::from_secs(30);
                while seen.load(Ordering::SeqCst) < number {
                    assert!(Instant::now() < deadline, "event {number} was missed");
                    std::hint::spin_loop();
                }
            }
        });
        while seen.load(Ordering::SeqCst) < 20_000 {
            let count = drain(&queue).len() as u64;
            seen.fetch_add(count, Ordering::SeqCst);
            if queue.park() {
                // Longer than the pusher waits: a missed wake-up shows there.
                std::thread::park_timeout(Duration::from_secs(40));
                queue.unpark();
            }
        }
    });
}

#[test]
fn settling_while_eight_threads_push_leaves_exact_books() {
    for reason in [DropReason::Shutdown, DropReason::WorkerFailed] {
        let (queue, _) = queue(32 << 20, 1 << 20);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..20_000).for_each(|_| push(&queue, Level::INFO, b"text")));
            }
            let mut chunks = Vec::new();
            while queue.drain(&mut chunks) == 0 {
                std::hint::spin_loop();
            }
            let pending = queue.ledger.lock().pending;
            queue.ledger.sent(pending);
            queue.ledger.delivered(pending / 2);
            queue.settle(reason, Health::Stopped);
            assert_eq!(queue.settle(reason, Health::Stopped), 0, "once");
            // A late worker's word does not count any more.
            queue.ledger.delivered(pending - pending / 2);
        });
        let stats = queue.stats();
        assert_eq!(stats.offered, 160_000);
        assert_eq!((stats.queued, stats.in_flight), (0, 0));
        assert_eq!(
            stats.delivered + stats.dropped.get(reason),
            160_000,
            "{stats}"
        );
    }
}
