//! Text that is kept for a callsite or from one pass over an event: it is never another one's.

use std::collections::BTreeMap;
use std::fmt;

use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_kafka::PatternLayout;
use tracing_subscriber::prelude::*;

use crate::support::pattern;

/// What each of several layers keeps of what `log` logs.
fn rendered<const N: usize>(patterns: [&str; N], log: impl FnOnce()) -> [Vec<String>; N] {
    let mut kept = Vec::new();
    let mut layers = Vec::new();
    for text in patterns {
        let (layer, records) = MemoryLayer::new(pattern(text));
        layers.push(layer);
        kept.push(records);
    }
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layers), log);
    std::array::from_fn(|index| kept[index].take())
}

/// 100 callsites, each with a target of its own and its number in the message.
fn log_from_many_callsites() {
    macro_rules! ten {
        ($($tens:literal)*) => {$(
            one!($tens, 0); one!($tens, 1); one!($tens, 2); one!($tens, 3); one!($tens, 4);
            one!($tens, 5); one!($tens, 6); one!($tens, 7); one!($tens, 8); one!($tens, 9);
        )*};
    }
    macro_rules! one {
        ($tens:literal, $ones:literal) => {
            tracing::warn!(target: concat!("many::t", $tens, "x", $ones), "{}x{}", $tens, $ones);
        };
    }
    ten!(0 1 2 3 4 5 6 7 8 9);
}

#[test]
fn every_callsite_layer_and_thread_shows_its_own() {
    let patterns = ["%p [%t] %c{1} %m", "%c|%t|%m", "%.1p%L %-12c{1.}<%m"];
    let log = || {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let threads: Vec<_> = ["one", "two", "a\u{1b}third"]
            .into_iter()
            .map(|name| {
                let dispatch = dispatch.clone();
                let run = move || {
                    tracing::dispatcher::with_default(&dispatch, || {
                        for _ in 0..3 {
                            log_from_many_callsites();
                        }
                    });
                };
                std::thread::Builder::new()
                    .name(name.into())
                    .spawn(run)
                    .unwrap()
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
    };
    let [first, second, third] = rendered(patterns, log);
    let count = |records: &[String]| {
        let mut counts = BTreeMap::<String, usize>::new();
        for record in records {
            *counts.entry(record.clone()).or_default() += 1;
        }
        counts
    };
    let (first, second) = (count(&first), count(&second));
    assert_eq!((first.len(), second.len()), (300, 300));
    for thread in ["one", "two", "a\\x1bthird"] {
        for (tens, ones) in (0..10).flat_map(|tens| (0..10).map(move |ones| (tens, ones))) {
            let number = format!("{tens}x{ones}");
            assert_eq!(
                first.get(&format!("WARN [{thread}] t{number} {number}")),
                Some(&3)
            );
            assert_eq!(
                second.get(&format!("many::t{number}|{thread}|{number}")),
                Some(&3)
            );
        }
    }
    // One line of source for all of them.
    assert_eq!(count(&third).len(), 100, "{:?}", third.first());
}

#[test]
fn a_target_too_long_to_be_kept_is_shown_whole() {
    const LONG: &str = "a_target_that_goes_on_and_on::and_on::and_on::and_on::and_on::and_on::and_on::\
                        and_on::and_on::and_on::and_on::and_on";
    let [records] = rendered(["%p %c %m"], || {
        for n in 0..3 {
            tracing::info!(target: LONG, "{n}");
            tracing::info!(target: "short", "{n}");
        }
    });
    let expected = (0..3).flat_map(|n| [format!("INFO {LONG} {n}"), format!("INFO short {n}")]);
    assert_eq!(records, expected.collect::<Vec<_>>());
}

/// Six events whose fields are in no order.
fn log_fields() {
    for present in [true, false, true] {
        let maybe = present.then_some(2);
        tracing::info!(zeta = 1, b = maybe, a1 = "x", a = 1.5, "m{}", 1);
    }
    tracing::info!(only = None::<u8>, "bare");
    tracing::info!(a_name_that_is_longer_than_most_names_are = 1, b = 2, "long");
    tracing::info!(
        f17 = 17,
        f16 = 16,
        f15 = 15,
        f14 = 14,
        f13 = 13,
        f12 = 12,
        f11 = 11,
        f10 = 10,
        f09 = 9,
        f08 = 8,
        f07 = 7,
        f06 = 6,
        f05 = 5,
        f04 = 4,
        f03 = 3,
        f02 = 2,
        f01 = 1,
        "many"
    );
}

#[test]
fn fields_come_in_the_order_of_their_names_whichever_the_event_has() {
    let many: Vec<String> = (1..=17).map(|n| format!("f{n:02}={n}")).collect();
    let fields = [
        "{a=1.5, a1=x, b=2, zeta=1}",
        "{a=1.5, a1=x, zeta=1}",
        "{a=1.5, a1=x, b=2, zeta=1}",
        "",
        "{a_name_that_is_longer_than_most_names_are=1, b=2}",
        &format!("{{{}}}", many.join(", ")),
    ];
    let messages = ["m1", "m1", "m1", "bare", "long", "many"];
    let patterns = [
        "%m %K",
        "%K %m",
        "%m %m %K %K",
        "%red{%m %K}",
        "%-3m %K",
        "%notEmpty{%m %K}",
    ];
    let records = rendered(patterns, log_fields);
    for (index, (message, fields)) in messages.into_iter().zip(fields).enumerate() {
        let got: Vec<&str> = records
            .iter()
            .map(|records| records[index].as_str())
            .collect();
        assert_eq!(
            got,
            [
                format!("{message} {fields}"),
                format!("{fields} {message}"),
                format!("{message} {message} {fields} {fields}"),
                format!("\u{1b}[31m{message} {fields}\u{1b}[m"),
                format!("{message:<3} {fields}"),
                format!("{message} {fields}"),
            ]
        );
    }
}

#[test]
fn a_value_that_renders_another_event_in_between_changes_nothing() {
    struct Renders(PatternLayout);
    impl fmt::Debug for Renders {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let event = LogEvent::builder()
                .message("inner")
                .field("z", 1)
                .field("y", "in")
                .build();
            let mut out = Vec::new();
            self.0.render(&event, &mut out);
            tracing::info!(other = 1, "refused");
            f.write_str(&String::from_utf8_lossy(&out))
        }
    }
    let value = Renders(pattern("%m %K"));
    let [records] = rendered(["%m %K"], || {
        tracing::info!(value = ?value, a = 1, "outer {:?}", value);
    });
    assert_eq!(
        records,
        ["outer inner {y=in, z=1} {a=1, value=inner {y=in, z=1}}"]
    );
}
