//! What of closed spans is left in memory: bounded, however many there were.
#![cfg(test)]

#[expect(unsafe_code, reason = "an allocator that measures is one by nature")]
#[path = "support/peak.rs"]
mod peak;

use std::mem::forget;

use tracing::Subscriber;
use tracing_kafka::JsonLayout;
use tracing_kafka::Layout;
use tracing_kafka::MemoryLayer;
use tracing_kafka::PatternLayout;
use tracing_subscriber::Layer as _;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use peak::peak_of;

/// How many bytes more than before a thread holds at its highest that forgets so many guards, of spans
/// with a field of that length, each with an event inside and one after it.
fn growth(
    subscriber: impl Subscriber + Send + Sync,
    spans: usize,
    length: usize,
    mut after: impl FnMut(),
) -> usize {
    let text = "x".repeat(length);
    tracing::subscriber::with_default(subscriber, || {
        let mut play = |spans: usize| {
            for _ in 0..spans {
                let span = tracing::info_span!("request", text);
                let guard = span.enter();
                tracing::info!("inside");
                forget(guard);
                drop(span);
                tracing::info!("after");
                after();
            }
        };
        play(20);
        peak_of(|| play(spans)).1
    })
}

fn of_ours(layout: impl Layout, spans: usize, length: usize) -> usize {
    let (layer, records) = MemoryLayer::new(layout);
    growth(
        tracing_subscriber::registry().with(layer),
        spans,
        length,
        || drop(records.take()),
    )
}

#[test]
fn forgotten_guards_cost_what_they_cost_the_registry() {
    for (spans, length) in [(500, 8), (5000, 8 * 1024), (500, 30 * 1024)] {
        let fmt = fmt::layer().with_ansi(false).with_writer(std::io::sink);
        let theirs = growth(
            tracing_subscriber::registry().with(fmt),
            spans,
            length,
            || {},
        );
        let layouts = [
            of_ours(PatternLayout::new("%x%X %m").unwrap(), spans, length),
            of_ours(JsonLayout::new(), spans, length),
            of_ours(PatternLayout::new("%m").unwrap(), spans, length),
        ];
        println!("{length}: {theirs} for `fmt`, {layouts:?} for ours");
        for ours in layouts {
            // What a span and the views of it take while it is open, and what the registry forgets.
            assert!(
                ours <= theirs + 24 * length + 64 * 1024,
                "{ours}, {theirs} for `fmt`"
            );
        }
    }
}

#[test]
fn the_view_of_a_large_span_is_not_kept_after_it() {
    let (layer, records) = MemoryLayer::new(PatternLayout::new("%X %m").unwrap());
    let subscriber = tracing_subscriber::registry()
        .with(layer.with_filter(tracing_subscriber::filter::LevelFilter::INFO));
    let text = "x".repeat(30 * 1024);
    let text = text.as_str();
    tracing::subscriber::with_default(subscriber, || {
        let log_inside = || {
            let span = tracing::info_span!(
                "s",
                a = text,
                b = text,
                c = text,
                d = text,
                e = text,
                f = text,
                g = text,
                h = text,
                i = text,
                j = text
            );
            span.in_scope(|| tracing::info!("inside"));
            drop(span);
            records.take();
        };
        log_inside();
        let before = peak::held();
        log_inside();
        let after = peak::held();
        assert!(after - before < 32 * 1024, "{before} and {after}");
        assert!(before < 1024 * 1024, "{before}");
    });
}
