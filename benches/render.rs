//! What it costs to turn an event into bytes: `PatternLayout` beside `tracing_subscriber::fmt`.
//!
//! `given` renders events of the builder, whose message is a text already: the layout alone. `live`
//! logs through a subscriber and throws the bytes away: what the layout adds to `tracing`'s own work
//! and to the formatting of the values. Both by processor time. See benches/README.md.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin shall stop")]

#[path = "support/clock.rs"]
mod clock;
#[path = "support/events.rs"]
mod events;

use std::hint::black_box;
use std::io;
use std::time::Duration;
use std::time::SystemTime;

use criterion::Criterion;
use criterion::Throughput;
use tracing::Dispatch;
use tracing::dispatcher::with_default;
use tracing_kafka::JsonLayout;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_kafka::MemoryRecords;
use tracing_kafka::PatternLayout;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use events::Event;
use events::Values;

/// Name and pattern of a row.
const PATTERNS: [(&str, &str); 12] = [
    ("seed", events::SEED),
    ("default", events::DEFAULT),
    ("common", "%d{ISO8601} %-5p [%t] %c{1.} %X{req_id} - %m%n"),
    ("all", events::ALL),
    ("message", "%m"),
    ("micros", "%d{yyyy-MM-dd HH:mm:ss.SSSSSS} %m"),
    ("rfc3339", "%d{yyyy-MM-dd'T'HH:mm:ss.SSSXXX}{UTC} %m"),
    ("spans", "%x %X %m"),
    ("one span field", "%X{method} %m"),
    ("fields", "%m %K"),
    ("target", "%-5p %c{1.} %m"),
    ("place", "%t %F:%L %m"),
];

/// Makes the layout of a row.
type Make = fn() -> Box<dyn Layout>;

/// Rows whose layout is no pattern.
const LAYOUTS: [(&str, Make); 4] = [
    ("json", || Box::new(JsonLayout::new())),
    ("json ecs", || Box::new(JsonLayout::ecs())),
    ("json logstash", || Box::new(JsonLayout::logstash())),
    ("json gelf", || Box::new(JsonLayout::gelf())),
];

/// Every row of ours.
fn layouts() -> impl Iterator<Item = (&'static str, Box<dyn Layout>)> {
    let patterns = PATTERNS.iter().map(|(name, text)| {
        let layout: Box<dyn Layout> = Box::new(PatternLayout::new(text).unwrap());
        (*name, layout)
    });
    patterns.chain(LAYOUTS.iter().map(|(name, make)| (*name, make())))
}

fn main() {
    let mut criterion = Criterion::default()
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(1))
        .sample_size(30)
        .configure_from_args();
    let values = Values::new();
    given(&mut criterion, &values);
    live(&mut criterion, "live A", &values, Event::A);
    live(&mut criterion, "live B", &values, Event::B);
    criterion.final_summary();
}

/// Events with the values of A and B together, all at the same time of the same thread.
fn given(criterion: &mut Criterion, values: &Values) {
    let messages: Vec<String> = (0..256).map(|index| values.message(index)).collect();
    assert!(messages.iter().all(|m| m.len() == events::MESSAGE_BYTES));
    let now = SystemTime::now();
    let given: Vec<LogEvent<'_>> = messages
        .iter()
        .zip(1_u64..)
        .map(|(message, number)| {
            LogEvent::builder()
                .instant(now)
                .target("shop::orders::cart")
                .thread("worker", 7)
                .message(message)
                .span("request", [("req_id", "a1b2c3d4"), ("method", "GET")])
                .field("user_id", number)
                .field("path", "/api/v1/items")
                .field("elapsed_ms", 1.25)
                .location(Some("shop::orders"), Some("src/orders.rs"), Some(42))
                .build()
        })
        .collect();
    let mut group = criterion.benchmark_group("render/given");
    group.throughput(Throughput::Elements(1));
    for (name, layout) in layouts() {
        let mut out = Vec::with_capacity(4096);
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|count| {
                let begin = clock::now();
                for event in given.iter().cycle().take(usize::try_from(count).unwrap()) {
                    out.clear();
                    black_box(&layout).render(event, &mut out);
                    black_box(out.as_slice());
                }
                clock::now().saturating_sub(begin)
            });
        });
    }
    group.finish();
}

/// A layout whose bytes are thrown away as soon as they are there.
struct Discard(Box<dyn Layout>);

impl Layout for Discard {
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        self.0.render(event, out);
        assert!(!black_box(out.as_slice()).is_empty());
        out.clear();
    }
}

/// The same event through a layer into nothing, by each pattern and by `fmt`.
fn live(criterion: &mut Criterion, name: &str, values: &Values, event: Event) {
    let mut group = criterion.benchmark_group(format!("render/{name}"));
    group.throughput(Throughput::Elements(1));
    let mut row = |name: &str, dispatch: &Dispatch, records: Option<&MemoryRecords>| {
        group.bench_function(name, |bencher| {
            with_default(dispatch, || {
                event.inside(|| bencher.iter_custom(|count| log(count, values, event, records)));
            });
        });
    };
    for (name, layout) in layouts() {
        let (layer, records) = MemoryLayer::new(Discard(layout));
        let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
        row(name, &dispatch, Some(&records));
    }
    let text = fmt::layer().with_ansi(false).with_writer(io::sink);
    row(
        "fmt",
        &Dispatch::new(tracing_subscriber::registry().with(text)),
        None,
    );
    let text = fmt::layer().with_ansi(false).with_writer(io::sink);
    let text = text.without_time();
    row(
        "fmt without time",
        &Dispatch::new(tracing_subscriber::registry().with(text)),
        None,
    );
    let text = fmt::layer().with_ansi(false).with_writer(io::sink);
    let text = text.compact();
    row(
        "fmt compact",
        &Dispatch::new(tracing_subscriber::registry().with(text)),
        None,
    );
    let text = fmt::layer().json().with_writer(io::sink);
    row(
        "fmt json",
        &Dispatch::new(tracing_subscriber::registry().with(text)),
        None,
    );
    group.finish();
}

/// Logs `count` events. The empty records are thrown away outside of the time measured.
fn log(count: u64, values: &Values, event: Event, records: Option<&MemoryRecords>) -> Duration {
    const BATCH: u64 = 10_000;
    let mut taken = Duration::ZERO;
    let mut left = count;
    while left > 0 {
        let batch = left.min(BATCH);
        let begin = clock::now();
        for index in 0..usize::try_from(batch).unwrap() {
            (event.log)(values, index);
        }
        taken += clock::now().saturating_sub(begin);
        if let Some(records) = records {
            assert_eq!(records.take().len() as u64, batch, "an event was dropped");
        }
        left -= batch;
    }
    taken
}
