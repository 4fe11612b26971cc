//! How fast events get from `info!` to Kafka's acknowledgement, with nothing lost, and what that costs.
//!
//! One round is some events and the flush after them, which returns when the last one is acknowledged.
//! The offsets at the broker must have risen by just that. Behind each row stands what the threads that
//! log and the producer's thread used of a processor. With `KAFKA_BROKERS` set the same runs against that
//! cluster, in topics of its own. See benches/README.md.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin shall stop")]
#![expect(clippy::print_stderr, reason = "what a row cost stands beside it")]

#[path = "support/clock.rs"]
mod clock;
#[path = "support/cpu.rs"]
mod cpu;
#[path = "support/events.rs"]
mod events;
#[path = "support/layers.rs"]
mod layers;

use std::io::ErrorKind::NotConnected;
use std::time::Duration;
use std::time::Instant;

use criterion::BenchmarkGroup;
use criterion::Criterion;
use criterion::SamplingMode;
use criterion::Throughput;
use criterion::measurement::WallTime;
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing_kafka::Compression;
use tracing_kafka::KafkaLayer;
use tracing_kafka::OverflowPolicy;
use tracing_kafka::WorkerGuard;
use tracing_kafka_broker::Consumer;
use tracing_subscriber::prelude::*;

use events::Event;
use events::Values;
use layers::LONG;
use layers::TOPIC;
use layers::pattern;

/// Events of one round, all threads together.
const EVENTS: usize = 200_000;
/// The same where rows only have to show that they work.
const EVENTS_OF_A_TEST: usize = 4_000;
/// The thread that sends.
const PRODUCER: &str = "tracing-kafka";

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .sample_size(10)
        .configure_from_args();
    let bench = Bench {
        values: Values::new(),
        events: if is_test() { EVENTS_OF_A_TEST } else { EVENTS },
    };
    for threads in [1, 4] {
        let mut group = bench.group(&mut criterion, &format!("throughput/{threads} threads"));
        for ((name, compression), quickack) in [(usual(), false), (NONE, false), (usual(), true)] {
            let name = if quickack {
                format!("{name}, quickack")
            } else {
                name.to_owned()
            };
            bench.in_process(&mut group, &name, (threads, 3), compression, quickack);
        }
        for (name, compression) in [usual(), NONE] {
            bench.cluster(&mut group, name, (threads, 3), compression);
        }
        group.finish();
    }
    for partitions in [1, 3, 12] {
        let mut group = bench.group(&mut criterion, &format!("codecs/{partitions} partitions"));
        for (name, compression) in codecs() {
            bench.in_process(&mut group, name, (4, partitions), compression, false);
        }
        for (name, compression) in codecs() {
            bench.cluster(&mut group, name, (4, partitions), compression);
        }
        group.finish();
    }
    if !ABSENT.is_empty() {
        eprintln!("left out, as their features are off: {}", ABSENT.join(", "));
    }
    criterion.final_summary();
}

/// Whether each row runs just once: as Criterion has it.
fn is_test() -> bool {
    let given = |name: &str| std::env::args().any(|argument| argument == name);
    given("--test") || !given("--bench")
}

const NONE: (&str, Compression) = ("uncompressed", Compression::None);

/// What a layer does that was told nothing.
fn usual() -> (&'static str, Compression) {
    let name = if cfg!(feature = "lz4") {
        "lz4"
    } else {
        "uncompressed by default"
    };
    (name, Compression::default())
}

/// Every codec that is compiled in, at its usual level.
fn codecs() -> Vec<(&'static str, Compression)> {
    vec![
        NONE,
        #[cfg(feature = "snappy")]
        ("snappy", Compression::Snappy),
        #[cfg(feature = "lz4")]
        ("lz4", Compression::Lz4),
        #[cfg(feature = "zstd")]
        ("zstd", Compression::Zstd),
        #[cfg(feature = "gzip")]
        ("gzip", Compression::Gzip),
    ]
}

/// And those that are not.
const ABSENT: &[&str] = &[
    #[cfg(not(feature = "snappy"))]
    "snappy",
    #[cfg(not(feature = "lz4"))]
    "lz4",
    #[cfg(not(feature = "zstd"))]
    "zstd",
    #[cfg(not(feature = "gzip"))]
    "gzip",
];

struct Bench {
    values: Values,
    /// Of one round.
    events: usize,
}

impl Bench {
    fn group<'a>(&self, criterion: &'a mut Criterion, name: &str) -> BenchmarkGroup<'a, WallTime> {
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(self.events as u64));
        group
    }

    /// A row against the broker of the tests, which runs in this process and shares its processors.
    fn in_process(
        &self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        (threads, partitions): (usize, i32),
        compression: Compression,
        quickack: bool,
    ) {
        let broker = layers::broker_of(partitions, quickack);
        let target = Target {
            servers: broker.bootstrap(),
            topic: TOPIC,
            compression,
            ends: &mut || broker.count(TOPIC),
        };
        self.row(group, name, threads, target);
    }

    /// A row against a real cluster, if `KAFKA_BROKERS` names one.
    fn cluster(
        &self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        (threads, partitions): (usize, i32),
        compression: Compression,
    ) {
        let Ok(servers) = std::env::var("KAFKA_BROKERS") else {
            return;
        };
        let codec = name.replace(' ', "-");
        let process = std::process::id();
        let topic = format!("tracing-kafka-bench-{process}-{codec}-{threads}-{partitions}");
        let mut consumer = Consumer::connect(&servers).unwrap();
        consumer.create_topic(&topic, partitions).unwrap();
        let target = Target {
            servers,
            topic: &topic,
            compression,
            ends: &mut || sum_of_ends(&mut consumer, &topic),
        };
        self.row(group, &format!("{name}, cluster"), threads, target);
        consumer.delete_topic(&topic).unwrap();
    }

    fn row(
        &self,
        group: &mut BenchmarkGroup<'_, WallTime>,
        name: &str,
        threads: usize,
        target: Target<'_>,
    ) {
        let (kafka, guard) = KafkaLayer::builder([target.servers], target.topic)
            .layout(pattern(events::SEED))
            .compression(target.compression)
            // Whoever is faster than the producer waits for it: nothing may be lost.
            .overflow(OverflowPolicy::Block { max_wait: LONG })
            .build()
            .unwrap();
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(kafka));
        let mut used = Used::default();
        let mut round = || self.round(threads, &dispatch, &guard, target.ends, &mut used);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|count| (0..count).map(|_| round()).sum());
        });
        used.tell(self.events);
    }

    /// Logs, waits until all is acknowledged, and returns how long that took.
    fn round(
        &self,
        threads: usize,
        dispatch: &Dispatch,
        guard: &WorkerGuard,
        ends: &mut dyn FnMut() -> i64,
        used: &mut Used,
    ) -> Duration {
        let events = self.events as u64;
        let before = (ends(), guard.stats().delivered, cpu::of_threads(PRODUCER));
        let begin = Instant::now();
        let callers = log(threads, self.events, &self.values, dispatch);
        guard.flush(LONG).unwrap();
        let taken = begin.elapsed();
        if let (Some(after), Some(before)) = (cpu::of_threads(PRODUCER), before.2) {
            used.producer += after.saturating_sub(before);
            used.callers += callers;
            used.rounds += 1;
        }
        let stats = guard.stats();
        assert_eq!(stats.dropped.total(), 0, "{stats}");
        assert_eq!(stats.delivered, before.1 + events, "{stats}");
        let risen = ends() - before.0;
        assert_eq!(risen.unsigned_abs(), events, "records at the broker");
        taken
    }
}

/// Where a row's events go.
struct Target<'a> {
    servers: String,
    topic: &'a str,
    compression: Compression,
    /// The sum of the partitions' end offsets.
    ends: &'a mut dyn FnMut() -> i64,
}

/// The sum of the end offsets, once there is one of each partition: a node that was just told to lead a
/// new one may not do so yet.
fn sum_of_ends(consumer: &mut Consumer, topic: &str) -> i64 {
    let deadline = Instant::now() + LONG;
    loop {
        match consumer.end_offsets(topic) {
            Err(error) if error.kind() == NotConnected && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20));
            }
            ends => return ends.unwrap().into_iter().map(|(_, end)| end).sum(),
        }
    }
}

/// What the client's threads used of a processor; those of a broker in this process are not in it.
#[derive(Default)]
struct Used {
    callers: Duration,
    producer: Duration,
    rounds: u32,
}

impl Used {
    fn tell(&self, events: usize) {
        let records = self.rounds * u32::try_from(events).unwrap();
        if records > 0 {
            let each = |time: Duration| time.as_nanos() / u128::from(records);
            eprintln!(
                "    processor time per record: {} ns, callers {} ns and producer {} ns",
                each(self.callers + self.producer),
                each(self.callers),
                each(self.producer)
            );
        }
    }
}

/// Logs so many events from so many threads. Returns the processor time of these.
fn log(threads: usize, events: usize, values: &Values, dispatch: &Dispatch) -> Duration {
    let each = events / threads;
    std::thread::scope(|scope| {
        let callers: Vec<_> = (0..threads)
            .map(|thread| {
                scope.spawn(move || {
                    let begin = clock::now();
                    with_default(dispatch, || {
                        for index in 0..each {
                            (Event::A.log)(values, thread * each + index);
                        }
                    });
                    clock::now().saturating_sub(begin)
                })
            })
            .collect();
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .sum()
    })
}
