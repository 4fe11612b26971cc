//! Rendering JSON allocates nothing once a thread has seen the callsite and the span.
#![cfg(test)]

#[expect(unsafe_code, reason = "a counting allocator is one by nature")]
#[path = "support/counting.rs"]
mod counting;

use std::cell::Cell;

use tracing_kafka::JsonLayout;
use tracing_kafka::JsonSchema;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_subscriber::prelude::*;

thread_local! {
    static RENDERING: Cell<u64> = const { Cell::new(0) };
}

/// Counts what rendering allocates, as keeping the record does so too.
struct Counted(JsonLayout);

impl Layout for Counted {
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        out.reserve(16 * 1024);
        let before = counting::allocations();
        self.0.render(event, out);
        RENDERING.set(RENDERING.get() + counting::allocations() - before);
    }
}

/// Events with names that are free, taken and twice, with texts to escape, with an error.
fn log(round: u64) {
    let error = std::io::Error::other("gone");
    let error: &(dyn std::error::Error + 'static) = &error;
    tracing::info!(round, ratio = 0.5, ok = true, "plain");
    tracing::warn!(
        text = "a\n\u{202e}b",
        debug = ?(round, "x"),
        level = "taken",
        id = 7,
        user = "of the event",
        "of \"{round}\"\n"
    );
    tracing::error!(twice = 1, twice = 2, error, "failed");
}

#[test]
fn a_warm_thread_renders_without_an_allocation() {
    for schema in [
        JsonSchema::Own,
        JsonSchema::Ecs,
        JsonSchema::Logstash,
        JsonSchema::Gelf,
    ] {
        let layout = JsonLayout::builder(schema)
            .location(true)
            .field("service", "shop")
            .build()
            .unwrap();
        let (layer, records) = MemoryLayer::new(Counted(layout));
        let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
        let counts = tracing::dispatcher::with_default(&dispatch, || {
            let span = tracing::info_span!("request", user = "bob", id = 7, size = 1.5);
            let rounds = (0..20).map(|round| {
                RENDERING.set(0);
                log(round);
                span.in_scope(|| log(round));
                RENDERING.get()
            });
            rounds.collect::<Vec<_>>()
        });
        assert_eq!(records.take().len(), 120);
        assert!(counts[0] > 0, "{schema:?}: a cold thread allocates");
        assert_eq!(counts[10..], [0; 10], "{schema:?}");
    }
}

/// Layouts whose records are too long for plans, more of them than a thread keeps plans for: all they
/// could do is to displace each other.
#[test]
fn layouts_that_displace_each_other_do_not_allocate_either() {
    let dispatches: Vec<tracing::Dispatch> = (0..80)
        .map(|number| {
            let layout = JsonLayout::builder(JsonSchema::Own)
                .field("number", number)
                .field("long", "x".repeat(6_000).as_str())
                .build()
                .unwrap();
            let (layer, _) = MemoryLayer::new(Counted(layout));
            tracing_subscriber::registry().with(layer).into()
        })
        .collect();
    let round = || {
        for dispatch in &dispatches {
            tracing::dispatcher::with_default(dispatch, || tracing::info!(a = 1, "plain"));
        }
    };
    round();
    round();
    RENDERING.set(0);
    round();
    assert_eq!(RENDERING.get(), 0);
}
