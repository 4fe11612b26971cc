//! How fast events get from `info!` to Kafka's acknowledgement, with nothing lost.
//!
//! One round is [`EVENTS`] events and the flush after them, which returns when the last one is
//! acknowledged. The offsets at the broker must have risen by just that. With `KAFKA_BROKERS` set the
//! same runs against that cluster, in a topic of its own. See benches/README.md.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin shall stop")]

#[path = "support/events.rs"]
mod events;
#[path = "support/layers.rs"]
mod layers;

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
use tracing_kafka_broker::Consumer;
use tracing_subscriber::prelude::*;

use events::Event;
use events::Values;
use layers::LONG;
use layers::TOPIC;
use layers::pattern;

/// Events of one round, all threads together.
const EVENTS: u64 = 200_000;
const PARTITIONS: i32 = 3;

const LZ4: (&str, Compression) = ("lz4", Compression::Lz4);
const NONE: (&str, Compression) = ("uncompressed", Compression::None);

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(5))
        .sample_size(10)
        .configure_from_args();
    let values = Values::new();
    for threads in [1, 4] {
        let name = format!("throughput/{threads} threads");
        let mut group = criterion.benchmark_group(name);
        group.sampling_mode(SamplingMode::Flat);
        group.throughput(Throughput::Elements(EVENTS));
        in_process(&mut group, threads, &values);
        cluster(&mut group, threads, &values);
        group.finish();
    }
    criterion.final_summary();
}

/// Rows against the broker of the tests, which runs in this process and shares its processors.
fn in_process(group: &mut BenchmarkGroup<'_, WallTime>, threads: u64, values: &Values) {
    for ((name, compression), quickack) in [(LZ4, false), (NONE, false), (LZ4, true)] {
        let broker = layers::broker(quickack);
        let name = if quickack {
            format!("{name}, quickack")
        } else {
            name.to_owned()
        };
        let target = Target {
            servers: broker.bootstrap(),
            topic: TOPIC,
            compression,
            ends: &mut || broker.count(TOPIC),
        };
        row(group, &name, threads, values, target);
    }
}

/// Rows against a real cluster, if `KAFKA_BROKERS` names one.
fn cluster(group: &mut BenchmarkGroup<'_, WallTime>, threads: u64, values: &Values) {
    let Ok(servers) = std::env::var("KAFKA_BROKERS") else {
        return;
    };
    for (name, compression) in [LZ4, NONE] {
        let topic = format!(
            "tracing-kafka-bench-{}-{name}-{threads}",
            std::process::id()
        );
        let mut consumer = Consumer::connect(&servers).unwrap();
        consumer.create_topic(&topic, PARTITIONS).unwrap();
        let target = Target {
            servers: servers.clone(),
            topic: &topic,
            compression,
            ends: &mut || {
                let ends = consumer.end_offsets(&topic).unwrap();
                ends.into_iter().map(|(_, end)| end).sum()
            },
        };
        row(group, &format!("{name}, cluster"), threads, values, target);
        consumer.delete_topic(&topic).unwrap();
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

fn row(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    threads: u64,
    values: &Values,
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
    let mut round = || {
        let before = ((target.ends)(), guard.stats().delivered);
        let begin = Instant::now();
        log(threads, values, &dispatch);
        guard.flush(LONG).unwrap();
        let taken = begin.elapsed();
        let stats = guard.stats();
        assert_eq!(stats.dropped.total(), 0, "{stats}");
        assert_eq!(stats.delivered, before.1 + EVENTS, "{stats}");
        let risen = (target.ends)() - before.0;
        assert_eq!(risen.unsigned_abs(), EVENTS, "records at the broker");
        taken
    };
    group.bench_function(name, |bencher| {
        bencher.iter_custom(|count| (0..count).map(|_| round()).sum());
    });
}

/// Logs `EVENTS` events from that many threads.
fn log(threads: u64, values: &Values, dispatch: &Dispatch) {
    let each = usize::try_from(EVENTS / threads).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..usize::try_from(threads).unwrap() {
            scope.spawn(move || {
                with_default(dispatch, || {
                    for index in 0..each {
                        (Event::A.log)(values, thread * each + index);
                    }
                });
            });
        }
    });
}
