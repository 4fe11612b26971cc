//! One kind of event, logged between marks that valgrind can count by: see the script `instructions`.
//!
//! `instructions ROW` logs events of that row through a global default subscriber and fails if one
//! was dropped, or not refused where it should be. Only [`counted_events`] is counted. Without a row
//! it runs all of them once, each in a process of its own.
#![expect(clippy::unwrap_used, reason = "a bench that cannot begin shall stop")]
#![expect(
    clippy::print_stdout,
    reason = "the script reads the names of the rows"
)]

#[path = "support/events.rs"]
mod events;
#[path = "support/layers.rs"]
mod layers;

use std::fs::File;
use std::io;
use std::process::Command;

use tracing::Dispatch;
use tracing_appender::non_blocking::NonBlockingBuilder;
use tracing_kafka::FileLayer;
use tracing_kafka::JsonLayout;
use tracing_kafka::KafkaLayer;
use tracing_kafka::Layout;
use tracing_kafka::MemoryLayer;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use events::Event;
use events::Values;
use layers::Folder;
use layers::LONG;
use layers::NoOp;
use layers::TOPIC;
use layers::pattern;

/// Events before those that count.
const WARM_UP: usize = 2000;
/// Events that count; the script divides by as many.
const EVENTS: usize = 1000;

const ALL_EVENTS: u64 = (WARM_UP + EVENTS) as u64;

/// What a row does.
struct Row {
    name: &'static str,
    event: Event,
    run: fn(&Values, Event),
}

const fn row(name: &'static str, event: Event, run: fn(&Values, Event)) -> Row {
    Row { name, event, run }
}

const ROWS: [Row; 41] = [
    row("loop", Event::NOTHING, no_subscriber),
    row("no-subscriber", Event::A, no_subscriber),
    row("no-op", Event::A, no_op),
    row("off", Event::A, off),
    row("off-beside-no-op", Event::A, off_beside_no_op),
    row("refused", Event::CONSTANT, refused),
    row("refused-errors", Event::A, refused),
    row("seed", Event::A, seed_to_kafka),
    row("seed-file", Event::A, seed_to_file),
    row("seed-filtered", Event::A, seed_filtered),
    row("seed-events", Event::A, seed_by_events),
    row("off-new-span", Event::B_NEW, errors_only),
    row("off-new-span-events", Event::B_NEW, errors_by_events),
    row("both", Event::A, seed_to_both),
    row("both-apart", Event::A, seed_to_both_apart),
    row("both-twin", Event::A, seed_beside_a_twin),
    row("default", Event::A, default_to_kafka),
    row("constant", Event::CONSTANT, seed_to_kafka),
    row("seed-fields", Event::B, seed_to_kafka),
    row("default-fields", Event::B, default_to_kafka),
    row("fields", Event::B, all_to_kafka),
    row("fields-outside", Event::B_OUTSIDE, all_to_kafka),
    row("fields-deep", Event::B_DEEP, all_to_kafka),
    row("fields-new-span", Event::B_NEW, all_to_kafka),
    row("seed-new-span", Event::B_NEW, seed_to_kafka),
    row("both-fields", Event::B, all_to_both),
    row("both-fields-apart", Event::B, all_to_both_apart),
    row("peer", Event::PEER, all_to_kafka),
    row("json", Event::B, json_to_kafka),
    row("both-json", Event::B, json_to_both),
    row("peer-json", Event::PEER, json_to_kafka),
    row("json-ecs", Event::B, ecs_to_kafka),
    row("json-logstash", Event::B, logstash_to_kafka),
    row("json-gelf", Event::B, gelf_to_kafka),
    row("fmt", Event::A, fmt_to_sink),
    row("fmt-constant", Event::CONSTANT, fmt_to_sink),
    row("fmt-fields", Event::B, fmt_to_sink),
    row("fmt-no-time", Event::A, fmt_without_time),
    row("fmt-peer", Event::PEER, fmt_to_sink),
    row("fmt-json", Event::B, fmt_json_to_sink),
    row("fmt-non-blocking", Event::A, fmt_non_blocking),
];

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    if wanted == "--list" {
        println!("{EVENTS}");
        for row in &ROWS {
            println!("{}", row.name);
        }
    } else if let Some(row) = ROWS.iter().find(|row| row.name == wanted) {
        (row.run)(&Values::new(), row.event);
    } else {
        assert!(
            wanted.is_empty() || wanted.starts_with("--"),
            "no row `{wanted}`"
        );
        each_alone();
    }
}

/// Runs every row once: a process has only one global default subscriber.
fn each_alone() {
    let program = std::env::current_exe().unwrap();
    for row in &ROWS {
        let status = Command::new(&program).arg(row.name).status().unwrap();
        assert!(status.success(), "row `{}`: {status}", row.name);
    }
    println!("{} rows run; benches/instructions counts them", ROWS.len());
}

/// The only function that is counted.
#[inline(never)]
fn counted_events(log: fn(&Values, usize), values: &Values) {
    for index in 0..EVENTS {
        log(values, index);
    }
}

/// Logs events that do not count, hands over to `between`, and logs those that do.
fn log(event: Event, values: &Values, between: impl FnOnce()) {
    event.inside(|| {
        for index in 0..WARM_UP {
            (event.log)(values, index);
        }
        between();
        counted_events(event.log, values);
    });
}

fn set(subscriber: impl Into<Dispatch>) {
    tracing::dispatcher::set_global_default(subscriber.into()).unwrap();
}

fn no_subscriber(values: &Values, event: Event) {
    log(event, values, || {});
}

fn no_op(values: &Values, event: Event) {
    set(tracing_subscriber::registry().with(NoOp));
    log(event, values, || {});
}

fn off(values: &Values, event: Event) {
    to_kafka(values, event, pattern(events::SEED), 0, |kafka| {
        set(tracing_subscriber::registry().with(kafka.with_filter(LevelFilter::OFF)));
    });
}

fn off_beside_no_op(values: &Values, event: Event) {
    to_kafka(values, event, pattern(events::SEED), 0, |kafka| {
        let off = kafka.with_filter(LevelFilter::OFF);
        set(tracing_subscriber::registry().with(off).with(NoOp));
    });
}

fn refused(values: &Values, event: Event) {
    let (dispatch, guard) = layers::full(event, values);
    set(dispatch);
    let before = guard.stats().dropped.total();
    log(event, values, || {});
    let refused = guard.stats().dropped.total() - before;
    assert_eq!(refused, ALL_EVENTS, "every event is to be refused");
}

fn seed_to_kafka(values: &Values, event: Event) {
    to_kafka(values, event, pattern(events::SEED), ALL_EVENTS, |kafka| {
        set(tracing_subscriber::registry().with(kafka));
    });
}

fn seed_filtered(values: &Values, event: Event) {
    to_kafka(values, event, pattern(events::SEED), ALL_EVENTS, |kafka| {
        set(tracing_subscriber::registry().with(kafka.with_filter(LevelFilter::INFO)));
    });
}

/// The same filter for events only.
fn seed_by_events(values: &Values, event: Event) {
    to_kafka(values, event, pattern(events::SEED), ALL_EVENTS, |kafka| {
        let filter = tracing_kafka::events(LevelFilter::INFO);
        set(tracing_subscriber::registry().with(kafka.with_filter(filter)));
    });
}

/// Neither the event nor its span is taken.
fn errors_only(values: &Values, event: Event) {
    to_kafka(values, event, pattern(events::SEED), 0, |kafka| {
        set(tracing_subscriber::registry().with(kafka.with_filter(LevelFilter::ERROR)));
    });
}

/// The span is.
fn errors_by_events(values: &Values, event: Event) {
    to_kafka(values, event, pattern(events::SEED), 0, |kafka| {
        let filter = tracing_kafka::events(LevelFilter::ERROR);
        set(tracing_subscriber::registry().with(kafka.with_filter(filter)));
    });
}

fn seed_to_both(values: &Values, event: Event) {
    to_both(
        values,
        event,
        [pattern(events::SEED), pattern(events::SEED)],
    );
}

/// The same bytes by other patterns: nobody knows that they are equal.
fn seed_to_both_apart(values: &Values, event: Event) {
    let other = events::SEED.replace("%msg", "%m");
    to_both(values, event, [pattern(events::SEED), pattern(&other)]);
}

/// A layer of the same layout is alive, and not in this subscriber.
fn seed_beside_a_twin(values: &Values, event: Event) {
    let (_twin, _records) = MemoryLayer::new(pattern(events::SEED));
    seed_to_kafka(values, event);
}

fn all_to_both(values: &Values, event: Event) {
    to_both(values, event, [pattern(events::ALL), pattern(events::ALL)]);
}

fn all_to_both_apart(values: &Values, event: Event) {
    let other = events::ALL.replace("%m ", "%msg ");
    to_both(values, event, [pattern(events::ALL), pattern(&other)]);
}

fn json_to_both(values: &Values, event: Event) {
    to_both(values, event, [JsonLayout::new(), JsonLayout::new()]);
}

/// Through a layer to Kafka and one to a file.
fn to_both<L: Layout>(values: &Values, event: Event, [layout, of_file]: [L; 2]) {
    let folder = Folder::new();
    let (file, guard) = FileLayer::builder(folder.file("ours.log"))
        .layout(of_file)
        .build()
        .unwrap();
    to_kafka(values, event, layout, ALL_EVENTS, |kafka| {
        set(tracing_subscriber::registry().with(kafka).with(file));
    });
    layers::assert_delivered(&guard, ALL_EVENTS);
}

fn default_to_kafka(values: &Values, event: Event) {
    to_kafka(
        values,
        event,
        pattern(events::DEFAULT),
        ALL_EVENTS,
        |kafka| {
            set(tracing_subscriber::registry().with(kafka));
        },
    );
}

fn all_to_kafka(values: &Values, event: Event) {
    to_kafka(values, event, pattern(events::ALL), ALL_EVENTS, |kafka| {
        set(tracing_subscriber::registry().with(kafka));
    });
}

fn json_to_kafka(values: &Values, event: Event) {
    to_kafka(values, event, JsonLayout::new(), ALL_EVENTS, |kafka| {
        set(tracing_subscriber::registry().with(kafka));
    });
}

fn ecs_to_kafka(values: &Values, event: Event) {
    to_kafka(values, event, JsonLayout::ecs(), ALL_EVENTS, |kafka| {
        set(tracing_subscriber::registry().with(kafka));
    });
}

fn logstash_to_kafka(values: &Values, event: Event) {
    to_kafka(values, event, JsonLayout::logstash(), ALL_EVENTS, |kafka| {
        set(tracing_subscriber::registry().with(kafka));
    });
}

fn gelf_to_kafka(values: &Values, event: Event) {
    to_kafka(values, event, JsonLayout::gelf(), ALL_EVENTS, |kafka| {
        set(tracing_subscriber::registry().with(kafka));
    });
}

/// Through our layer to the in-process broker, empty when the counting begins.
fn to_kafka(
    values: &Values,
    event: Event,
    layout: impl Layout,
    delivered: u64,
    subscribe: impl FnOnce(KafkaLayer),
) {
    let broker = layers::broker(false);
    let (kafka, guard) = KafkaLayer::builder([broker.bootstrap()], TOPIC)
        .layout(layout)
        .build()
        .unwrap();
    subscribe(kafka);
    log(event, values, || guard.flush(LONG).unwrap());
    layers::assert_delivered(&guard, delivered);
    assert_eq!(broker.count(TOPIC).unsigned_abs(), delivered);
}

fn seed_to_file(values: &Values, event: Event) {
    let folder = Folder::new();
    let (file, guard) = FileLayer::builder(folder.file("ours.log"))
        .layout(pattern(events::SEED))
        .build()
        .unwrap();
    set(tracing_subscriber::registry().with(file));
    log(event, values, || guard.flush(LONG).unwrap());
    layers::assert_delivered(&guard, ALL_EVENTS);
}

fn fmt_to_sink(values: &Values, event: Event) {
    let text = fmt::layer().with_ansi(false).with_writer(io::sink);
    set(tracing_subscriber::registry().with(text));
    log(event, values, || {});
}

fn fmt_without_time(values: &Values, event: Event) {
    let text = fmt::layer().with_ansi(false).with_writer(io::sink);
    set(tracing_subscriber::registry().with(text.without_time()));
    log(event, values, || {});
}

fn fmt_json_to_sink(values: &Values, event: Event) {
    let json = fmt::layer().json().with_writer(io::sink);
    set(tracing_subscriber::registry().with(json));
    log(event, values, || {});
}

fn fmt_non_blocking(values: &Values, event: Event) {
    let folder = Folder::new();
    let file = File::create(folder.file("fmt.log")).unwrap();
    let (writer, _guard) = NonBlockingBuilder::default().lossy(true).finish(file);
    let errors = writer.error_counter();
    let text = fmt::layer().with_ansi(false).with_writer(writer);
    set(tracing_subscriber::registry().with(text));
    log(event, values, || {});
    assert_eq!(errors.dropped_lines(), 0, "tracing-appender dropped lines");
}
