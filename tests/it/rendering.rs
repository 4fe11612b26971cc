//! What of an event and its spans gets into a record, and what a careless user's code cannot do.

use std::fmt;
use std::time::Duration;

use tracing::field::Empty;
use tracing_kafka::DropReason;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_kafka::PatternLayout;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::support::LONG;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;

/// The records of what `log` logs, rendered by `text`.
fn rendered(text: &str, log: impl FnOnce()) -> Vec<String> {
    let layout = PatternLayout::builder(text).always_write_fields(false);
    let (layer, records) = MemoryLayer::new(layout.build().unwrap());
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
    records.take()
}

#[test]
fn spans_are_merged_from_the_innermost_out() {
    let records = rendered("%x %X %X{user} %K %M %m", || {
        let _outer = tracing::info_span!("outer", user = "bob", id = 1).entered();
        let _inner = tracing::info_span!("inner", id = 2, f = 0.5).entered();
        tracing::info!(n = 3, ok = true, "text {}", 4);
        tracing::info!(parent: None, "root");
    });
    assert_eq!(
        records,
        [
            "[outer, inner] {f=0.5, id=2, user=bob} bob {n=3, ok=true} inner text 4",
            "[] {}    root",
        ]
    );
}

#[test]
fn an_explicit_parent_decides_not_the_current_span() {
    let records = rendered("%x %X", || {
        let other = tracing::info_span!("other", a = 1);
        let child = tracing::info_span!(parent: &other, "child", b = 2);
        let _current = tracing::info_span!("current", c = 3).entered();
        tracing::info!(parent: &child, "");
        tracing::info!("");
    });
    assert_eq!(records, ["[other, child] {a=1, b=2}", "[current] {c=3}"]);
}

#[test]
fn spans_entered_out_of_order_and_again_on_other_threads() {
    let records = rendered("%x", || {
        let a = tracing::info_span!("a");
        let b = tracing::info_span!("b");
        let in_a = a.enter();
        let in_b = b.enter();
        let again = a.enter();
        tracing::info!("a is a duplicate");
        drop(in_b);
        tracing::info!("b has left");
        drop((in_a, again));
        tracing::info!("outside");
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        std::thread::spawn(move || {
            tracing::dispatcher::with_default(&dispatch, || {
                let _in_a = a.enter();
                tracing::info!("elsewhere");
            });
        })
        .join()
        .unwrap();
    });
    // Both are roots: b was not made inside a.
    assert_eq!(records, ["[b]", "[a]", "[]", "[a]"]);
}

#[test]
fn a_field_recorded_later_shows_and_the_last_value_wins() {
    let records = rendered("%X", || {
        let outer = tracing::info_span!("outer", user = Empty);
        let _outer = outer.enter();
        let _inner = tracing::info_span!("inner").entered();
        tracing::info!("");
        outer.record("user", "alice");
        tracing::info!("");
        outer.record("user", "bob");
        tracing::info!("");
    });
    assert_eq!(records, ["{}", "{user=alice}", "{user=bob}"]);
}

#[test]
fn spans_that_a_layers_filter_hides_do_not_show() {
    let (layer, records) = MemoryLayer::new(pattern("%x %X"));
    let (all, all_records) = MemoryLayer::new(pattern("%x %X"));
    let subscriber = tracing_subscriber::registry()
        .with(layer.with_filter(LevelFilter::INFO))
        .with(all);
    tracing::subscriber::with_default(subscriber, || {
        let _outer = tracing::info_span!("outer", a = 1).entered();
        let _hidden = tracing::debug_span!("hidden", a = 2).entered();
        let _inner = tracing::info_span!("inner", b = 3).entered();
        tracing::info!("");
    });
    assert_eq!(records.take(), ["[outer, inner] {a=1, b=3}"]);
    assert_eq!(all_records.take(), ["[outer, hidden, inner] {a=2, b=3}"]);
}

struct Panics;
impl fmt::Debug for Panics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("half")?;
        panic!("on purpose");
    }
}

struct Fails;
impl fmt::Display for Fails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("some")?;
        Err(fmt::Error)
    }
}

#[test]
fn a_panic_or_an_error_in_a_users_debug_is_shown_and_counted_and_harms_no_other_event() {
    let broker = broker();
    let (layer, guard) = kafka(&broker).layout(pattern("%m %K %X")).build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info!("before");
        tracing::info!(a = 1, b = ?Panics, c = 3, "text {:?} more", Panics);
        tracing::info!(d = %Fails, "x {Fails} y");
        let _span = tracing::info_span!("span", bad = ?Panics).entered();
        tracing::info!("inside");
    });
    guard.flush(LONG).unwrap();
    let mut read = values(&broker);
    read.sort();
    assert_eq!(
        read,
        [
            "before  {}",
            "inside  {bad=half<panicked>}",
            "text half<panicked> {a=1, b=half<panicked>, c=3} {}",
            "x some<error> {d=some<error>} {}",
        ]
    );
    assert_eq!(guard.stats().format_failures, 4);
    assert_eq!(guard.stats().delivered, 4);
}

struct PanickingLayout;
impl Layout for PanickingLayout {
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        event.write_message(out);
        assert!(out != b"bad", "on purpose");
    }
}

#[test]
fn a_layout_that_panics_costs_its_event_only() {
    let broker = broker();
    let (layer, guard) = kafka(&broker).layout(PanickingLayout).build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info!("good");
        tracing::info!("bad");
        tracing::info!("good");
    });
    guard.flush(LONG).unwrap();
    assert_eq!(values(&broker), ["good", "good"]);
    assert_eq!(guard.stats().dropped.get(DropReason::FormatError), 1);
}

struct Huge;
impl Layout for Huge {
    fn render(&self, _event: &LogEvent<'_>, out: &mut Vec<u8>) {
        out.extend("ö".repeat(500_000).bytes());
    }
}

#[test]
fn sizes_are_limited_and_the_cut_says_so() {
    let long = "ä".repeat(200_000);
    let records = rendered("%m %K %X", || {
        let _span = tracing::info_span!("span", wide = %long).entered();
        tracing::info!(field = %long, "{long}");
    });
    let record = &records[0];
    assert!(
        record.len() < 64 * 1024 + 2 * 32 * 1024 + 200,
        "{}",
        record.len()
    );
    assert_eq!(record.matches(" bytes cut]").count(), 3);
    let (layer, records) = MemoryLayer::new(Huge);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info!("");
    });
    let record = records.take().remove(0);
    assert!(record.len() <= 256 * 1024 + 40, "{}", record.len());
    assert!(
        record.ends_with("ö…[737856 bytes cut]"),
        "{}",
        &record[record.len() - 40..]
    );
}

#[test]
fn one_newline_is_taken_off_a_record_unless_it_is_to_be_kept() {
    let broker = broker();
    let (stripped, one) = kafka(&broker).layout(pattern("%m%n")).build().unwrap();
    let (kept, two) = kafka(&broker)
        .layout(pattern("%m%n"))
        .keep_newline(true)
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(stripped).with(kept);
    tracing::subscriber::with_default(subscriber, || tracing::info!("text"));
    one.flush(LONG).unwrap();
    two.flush(LONG).unwrap();
    let mut read = values(&broker);
    read.sort();
    assert_eq!(read, ["text", "text\n"]);
}

#[test]
fn the_log_tells_of_missing_events_if_asked_to() {
    let broker = broker();
    let (layer, guard) = kafka(&broker)
        .layout(PanickingLayout)
        .drop_notice(true)
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info!("bad");
        tracing::info!("good");
    });
    crate::support::wait_until("the notice", || values(&broker).len() == 2);
    assert!(
        values(&broker)
            .contains(&"events are missing from this log: 1 dropped (format_error 1)".to_owned()),
        "{:?}",
        values(&broker)
    );
    let report = guard.shutdown(Duration::from_secs(5));
    assert_eq!((report.stats.offered, report.stats.delivered), (3, 2));
}

/// Parts of one rendering share what they know of a callsite and of an event; alone, each finds it
/// by itself.
#[test]
fn parts_print_beside_each_other_what_they_print_alone() {
    const PARTS: [&str; 6] = ["%m", "%K", "%c %C", "%F:%L", "%x", "%X"];
    let log = || {
        for n in 0..3u64 {
            let odd = (n % 2 == 1).then_some(n);
            let _span = tracing::info_span!("work", zone = n, area = "north").entered();
            tracing::info!(zeta = n, alpha = "a", odd, middle = 1e300, "first {n}");
            tracing::info!(
                odd,
                "{}",
                format_args!("{n:>0$}", if n == 1 { 60 } else { 3 })
            );
            tracing::warn!(
                target: "elsewhere",
                a_name_of_more_than_thirty_two_bytes_in_all = n,
                a_name_of_more_than_thirty_two_bytes_at_all = ?odd,
                "second"
            );
            tracing::info!(message = 1e300, b = f64::NAN, a = i128::MIN);
            tracing::info!(message = n, b = true);
            tracing::info!(only = "fields");
        }
    };
    let alone: Vec<Vec<String>> = PARTS.iter().map(|part| rendered(part, log)).collect();
    assert_eq!(alone[0].len(), 18);
    assert_eq!(alone[1][0], "{alpha=a, middle=1e300, zeta=0}");
    assert_eq!(alone[1][6], "{alpha=a, middle=1e300, odd=1, zeta=1}");
    let lines: std::collections::BTreeSet<&String> = alone[3].iter().collect();
    assert_eq!(lines.len(), 6, "each callsite has a line of its own");
    for order in [[0, 1, 2, 3, 4, 5], [5, 3, 1, 0, 2, 4], [1, 0, 1, 0, 3, 3]] {
        let together = rendered(&order.map(|part| PARTS[part]).join("|"), log);
        for (n, line) in together.iter().enumerate() {
            let expected = order.map(|part| alone[part][n].as_str()).join("|");
            assert_eq!(*line, expected, "event {n} by {order:?}");
        }
    }
}
