//! What `info!` costs its caller: from no subscriber at all to our layers, beside `fmt` into
//! tracing-appender's `non_blocking`.
//!
//! The time is that of the calling threads' processors. See benches/README.md.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin shall stop")]

#[path = "support/clock.rs"]
mod clock;
#[path = "support/events.rs"]
mod events;
#[path = "support/layers.rs"]
mod layers;

use std::fs::File;
use std::io;
use std::io::Write;
use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use criterion::BenchmarkGroup;
use criterion::Criterion;
use criterion::SamplingMode;
use criterion::Throughput;
use criterion::measurement::WallTime;
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing_appender::non_blocking::NonBlockingBuilder;
use tracing_kafka::FileLayer;
use tracing_kafka::KafkaLayer;
use tracing_kafka::WorkerGuard;
use tracing_subscriber::Layer as _;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use events::Event;
use events::Values;
use layers::LONG;
use layers::NoOp;
use layers::TOPIC;
use layers::pattern;

/// The next burst waits until no more than this many events are on their way, far below the limits
/// of every queue here.
const BACKLOG: u64 = 20_000;
/// Between bursts, so that a consumer that sleeps has to be woken as it would in a service.
const PAUSE: Duration = Duration::from_millis(1);

/// Events of all threads in a burst that is long enough for the worker to become the slower one.
const FLAT_OUT: usize = 96_000;
/// Holds that, and what was left of the burst before.
const FLAT_OUT_BUFFER: usize = 64 * 1024 * 1024;

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(3))
        .sample_size(20)
        .configure_from_args();
    let values = Values::new();
    for threads in [1, 4] {
        let mut group = criterion.benchmark_group(format!("on_event/{threads} threads"));
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(1));
        let mut bench = Bench {
            group,
            threads,
            values: &values,
        };
        bench.cheap_rows();
        bench.kafka();
        bench.file();
        bench.fmt_non_blocking();
        bench.group.finish();
    }
    flat_out(&mut criterion, &values);
    criterion.final_summary();
}

/// Without pauses, from one thread and from many: what they cost each other, in one run. The queue
/// holds a whole burst, so nobody waits for the worker, and the worker is busy all the time.
fn flat_out(criterion: &mut Criterion, values: &Values) {
    let mut group = criterion.benchmark_group("on_event/flat out");
    group.sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements(1));
    let mut bench = Bench {
        group,
        threads: 1,
        values,
    };
    for threads in [1, 8] {
        bench.threads = threads;
        let broker = layers::broker(false);
        let (kafka, guard) = KafkaLayer::builder([broker.bootstrap()], TOPIC)
            .layout(pattern(events::SEED))
            .buffer_memory(FLAT_OUT_BUFFER)
            .build()
            .unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(kafka));
        let arrived = || guard.stats().delivered;
        let pace = Pace {
            burst: FLAT_OUT / threads,
            arrived: Some(&arrived),
        };
        let name = format!("ours to Kafka, {threads} threads");
        let calls = bench.row(&name, &dispatch, pace);
        layers::assert_delivered(&guard, calls);
    }
    bench.group.finish();
}

struct Bench<'a> {
    group: BenchmarkGroup<'a, WallTime>,
    threads: usize,
    values: &'a Values,
}

/// How a row logs.
#[derive(Clone, Copy)]
struct Pace<'a> {
    /// Events of one thread before the next look at the clock.
    burst: usize,
    /// How many events have arrived at the other side; none where nothing is waited for.
    arrived: Option<&'a (dyn Fn() -> u64 + Sync)>,
}

/// Where nothing is queued, a burst is long, so that the clock's own cost vanishes in it.
const STEADY: Pace<'_> = Pace {
    burst: 20_000,
    arrived: None,
};

impl Bench<'_> {
    /// One row. Returns how many events it has logged.
    fn row(&mut self, name: &str, dispatch: &Dispatch, pace: Pace<'_>) -> u64 {
        // Callsites remember what subscribers wanted that are gone by now.
        with_default(dispatch, tracing::callsite::rebuild_interest_cache);
        let calls = AtomicU64::new(0);
        let (threads, values) = (self.threads, self.values);
        self.group.bench_function(name, |bencher| {
            bencher.iter_custom(|count| run(count, threads, values, dispatch, pace, &calls));
        });
        calls.into_inner()
    }

    /// Bursts for a row with a queue: small enough for latencies, large enough to overlap.
    fn paced<'p>(&self, arrived: &'p (dyn Fn() -> u64 + Sync)) -> Pace<'p> {
        Pace {
            burst: if self.threads == 1 { 200 } else { 1000 },
            arrived: Some(arrived),
        }
    }

    /// Rows after which nothing is left to do.
    fn cheap_rows(&mut self) {
        self.row("no subscriber", &Dispatch::none(), STEADY);
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(NoOp));
        self.row("no-op layer", &dispatch, STEADY);
        drop(dispatch);
        self.filtered_out("ours off", |ours| {
            Dispatch::new(tracing_subscriber::registry().with(ours))
        });
        self.filtered_out("ours off beside a no-op layer", |ours| {
            Dispatch::new(tracing_subscriber::registry().with(ours).with(NoOp))
        });
        self.full();
        let text = fmt::layer().with_ansi(false).with_writer(io::sink);
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(text));
        self.row("fmt into a sink", &dispatch, STEADY);
    }

    /// Our layer behind a filter that lets nothing through.
    fn filtered_out(
        &mut self,
        name: &str,
        subscriber: impl FnOnce(Box<dyn tracing_subscriber::Layer<Registry> + Send + Sync>) -> Dispatch,
    ) {
        let broker = layers::broker(false);
        let (kafka, guard) = KafkaLayer::builder([broker.bootstrap()], TOPIC)
            .layout(pattern(events::SEED))
            .build()
            .unwrap();
        let dispatch = subscriber(kafka.with_filter(LevelFilter::OFF).boxed());
        self.row(name, &dispatch, STEADY);
        layers::assert_delivered(&guard, 0);
    }

    /// Our layer, its queue full: every event is refused and counted.
    fn full(&mut self) {
        let (dispatch, guard) = layers::full(Event::A, self.values);
        let before = guard.stats();
        let calls = self.row("ours full", &dispatch, STEADY);
        let after = guard.stats();
        let refused = after.dropped.total() - before.dropped.total();
        assert_eq!(refused, calls, "every event has to be refused: {after}");
    }

    fn kafka(&mut self) {
        let broker = layers::broker(false);
        let (kafka, guard) = KafkaLayer::builder([broker.bootstrap()], TOPIC)
            .layout(pattern(events::SEED))
            .build()
            .unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(kafka));
        let calls = self.ours("ours to Kafka", &dispatch, &guard);
        assert_eq!(broker.count(TOPIC).unsigned_abs(), calls);
    }

    fn file(&mut self) {
        let folder = layers::Folder::new();
        let (file, guard) = FileLayer::builder(folder.file("ours.log"))
            .layout(pattern(events::SEED))
            .build()
            .unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(file));
        self.ours("ours to a file", &dispatch, &guard);
    }

    fn ours(&mut self, name: &str, dispatch: &Dispatch, guard: &WorkerGuard) -> u64 {
        let arrived = || guard.stats().delivered;
        let calls = self.row(name, dispatch, self.paced(&arrived));
        layers::assert_delivered(guard, calls);
        calls
    }

    fn fmt_non_blocking(&mut self) {
        let folder = layers::Folder::new();
        let lines = Arc::new(AtomicU64::new(0));
        let counting = Counting {
            file: File::create(folder.file("fmt.log")).unwrap(),
            lines: Arc::clone(&lines),
        };
        // Lossy is its default; that nothing was lost is asserted.
        let (writer, _guard) = NonBlockingBuilder::default().lossy(true).finish(counting);
        let errors = writer.error_counter();
        let text = fmt::layer().with_ansi(false).with_writer(writer);
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(text));
        let arrived = || lines.load(Ordering::Relaxed);
        let calls = self.row("fmt to non_blocking file", &dispatch, self.paced(&arrived));
        let deadline = Instant::now() + LONG;
        while arrived() < calls && Instant::now() < deadline {
            std::thread::sleep(PAUSE);
        }
        assert_eq!(errors.dropped_lines(), 0, "tracing-appender dropped lines");
        assert_eq!(arrived(), calls, "lines of tracing-appender");
    }
}

/// A file that knows how many lines were written to it: `non_blocking` writes each on its own.
struct Counting {
    file: File,
    lines: Arc<AtomicU64>,
}

impl Write for Counting {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.file.write_all(line)?;
        self.lines.fetch_add(1, Ordering::Relaxed);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Logs at least `count` events on each of the threads. Returns the time of one thread for `count`.
fn run(
    count: u64,
    threads: usize,
    values: &Values,
    dispatch: &Dispatch,
    pace: Pace<'_>,
    calls: &AtomicU64,
) -> Duration {
    let bursts = count.div_ceil(pace.burst as u64);
    let (barrier, ready) = (Barrier::new(threads), AtomicUsize::new(0));
    let work = || {
        let mut taken = Duration::ZERO;
        // Thread-local buffers are made by the first burst, which does not count.
        for burst in 0..=bursts {
            barrier.wait();
            // All at once: waking up from the barrier takes longer than many a burst.
            let everyone = threads * (usize::try_from(burst).unwrap() + 1);
            ready.fetch_add(1, Ordering::AcqRel);
            while ready.load(Ordering::Acquire) < everyone {
                std::thread::yield_now();
            }
            let begin = clock::now();
            for index in 0..pace.burst {
                (Event::A.log)(values, index);
            }
            let burst_taken = clock::now().saturating_sub(begin);
            if burst > 0 {
                taken += burst_taken;
            }
            calls.fetch_add(pace.burst as u64, Ordering::Relaxed);
            if barrier.wait().is_leader() {
                settle(pace, calls);
            }
        }
        taken
    };
    let total: Duration = std::thread::scope(|scope| {
        let handles: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| with_default(dispatch, work)))
            .collect();
        handles
            .into_iter()
            .map(|handle| handle.join().unwrap())
            .sum()
    });
    let events = u128::from(bursts) * pace.burst as u128 * threads as u128;
    let scaled = total.as_nanos() * u128::from(count) / events;
    Duration::from_nanos(u64::try_from(scaled).unwrap())
}

/// Waits between bursts until most of what was logged has arrived.
fn settle(pace: Pace<'_>, calls: &AtomicU64) {
    let Some(arrived) = pace.arrived else { return };
    let deadline = Instant::now() + LONG;
    std::thread::sleep(PAUSE);
    while calls.load(Ordering::Relaxed).saturating_sub(arrived()) > BACKLOG {
        assert!(Instant::now() < deadline, "nothing arrives any more");
        std::thread::sleep(PAUSE);
    }
}
