//! Random sequences of events, spans and filters: layers that share keep what they would keep alone.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use proptest::prelude::*;
use tracing::Dispatch;
use tracing_kafka::MemoryRecords;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;

use super::Chatty;
use super::Faulty;
use super::Gate;
use super::Refusing;
use super::Spy;
use super::log_directly;

/// What may happen to layers, in any order.
#[derive(Debug, Clone)]
enum Step {
    Enter(usize),
    Exit,
    Record(u8),
    Log(u8),
    LogDirectly(u8),
    Nested(u8),
    Rooted(u8),
    Large,
    Failing,
    /// Lets one layer have events, or not.
    Switch(usize),
    /// Whether the layer around all others refuses what it is asked for.
    Refuse(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..3_usize).prop_map(Step::Enter),
        2 => Just(Step::Exit),
        1 => any::<u8>().prop_map(Step::Record),
        4 => any::<u8>().prop_map(Step::Log),
        4 => any::<u8>().prop_map(Step::LogDirectly),
        2 => any::<u8>().prop_map(Step::Nested),
        1 => any::<u8>().prop_map(Step::Rooted),
        1 => Just(Step::Large),
        1 => Just(Step::Failing),
        3 => (0..LAYERS).prop_map(Step::Switch),
        1 => any::<bool>().prop_map(Step::Refuse),
    ]
}

const LAYERS: usize = 4;

/// Plays `steps` to layers of these layouts. What each of them keeps.
fn played(
    layouts: &[Spy; LAYERS],
    hides: [&'static str; LAYERS],
    asks: [bool; LAYERS],
    refuses_last: bool,
    steps: &[Step],
) -> Vec<Vec<String>> {
    let mut records = Vec::new();
    let mut switches = Vec::new();
    let refuses = Arc::new(AtomicBool::new(false));
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
    for (index, layout) in layouts.iter().enumerate() {
        let (layer, kept) = layout.memory();
        let mut gate = Gate::new(layer);
        gate.asks = asks[index];
        switches.push(Arc::clone(&gate.lets_events));
        let hidden = hides[index];
        let shown = filter_fn(move |metadata| metadata.is_event() || metadata.name() != hidden);
        layers.push(gate.with_filter(shown).boxed());
        records.push(kept);
    }
    let at = if refuses_last { layers.len() } else { 1 };
    layers.insert(at, Refusing(Arc::clone(&refuses)).boxed());
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layers));
    tracing::dispatcher::with_default(&dispatch, || {
        let mut entered = Vec::new();
        for step in steps {
            match step {
                Step::Enter(which) => entered.push(
                    match which {
                        0 => tracing::info_span!("a", x = 1, late = tracing::field::Empty),
                        1 => tracing::info_span!("b", y = 2, late = tracing::field::Empty),
                        _ => tracing::info_span!("c", late = tracing::field::Empty),
                    }
                    .entered(),
                ),
                Step::Exit => drop(entered.pop()),
                Step::Record(value) => {
                    if let Some(span) = entered.last() {
                        span.record("late", value);
                    }
                }
                Step::Log(value) => tracing::info!("logged {value}"),
                Step::LogDirectly(value) => {
                    log_directly(&dispatch, &tracing::field::display(value));
                }
                Step::Nested(value) => {
                    let inner = value.to_string();
                    log_directly(&dispatch, &tracing::field::debug(Chatty(&dispatch, &inner)));
                }
                Step::Rooted(value) => tracing::info!(parent: None, "rooted {value}"),
                Step::Large => tracing::info!("{}", "x".repeat(70_000)),
                Step::Failing => tracing::info!("{:?}", Faulty),
                Step::Switch(layer) => {
                    switches[*layer].fetch_not(Ordering::Relaxed);
                }
                Step::Refuse(value) => refuses.store(*value, Ordering::Relaxed),
            }
        }
        while entered.pop().is_some() {}
    });
    records.iter().map(MemoryRecords::take).collect()
}

proptest! {
    #[test]
    fn whatever_happens_layers_keep_what_they_would_keep_alone(
        steps in proptest::collection::vec(step(), 0..60),
        hides in proptest::array::uniform4(prop_oneof![Just(""), Just("a"), Just("b")]),
        asks in proptest::array::uniform4(proptest::bool::weighted(0.8)),
        of_group in proptest::array::uniform4(0..2_usize),
        shows_spans in any::<bool>(),
        refuses_last in any::<bool>(),
    ) {
        let groups = [Spy::new(), Spy::new().with_end("\n\n")];
        let layouts = of_group.map(|group| Spy { shows_spans, ..groups[group].clone() });
        let shared = played(&layouts, hides, asks, refuses_last, &steps);
        let rendered = groups.each_ref().map(Spy::take);
        let alone = played(&layouts.each_ref().map(Spy::alone), hides, asks, refuses_last, &steps);
        let rendered_alone = groups.each_ref().map(Spy::take);
        prop_assert_eq!(shared, alone);
        prop_assert!(rendered[0] <= rendered_alone[0] && rendered[1] <= rendered_alone[1]);
    }
}
