//! What an application did once, and saw the spans of another request.

use std::sync::Arc;
use std::sync::Barrier;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use tracing::Dispatch;
use tracing::Event;
use tracing::Instrument as _;
use tracing::Span;
use tracing::Subscriber;
use tracing::dispatcher::with_default;
use tracing_kafka::MemoryLayer;
use tracing_kafka::MemoryRecords;
use tracing_kafka::PatternLayout;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

fn memory(pattern: &str) -> (MemoryLayer, MemoryRecords) {
    MemoryLayer::new(PatternLayout::new(pattern).unwrap())
}

/// Enters a span like a guard that may be held across an `.await`.
struct Held(Span);

impl Held {
    fn new(span: Span) -> Self {
        span.with_subscriber(|(id, dispatch)| dispatch.enter(id));
        Self(span)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.0.with_subscriber(|(id, dispatch)| dispatch.exit(id));
    }
}

#[test]
fn guards_that_are_held_across_an_await_leave_no_span_in_later_events() {
    const TASKS: usize = 200;
    let (layer, records) = memory("%x%X %m");
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    let waits = Arc::new(AtomicUsize::new(0));
    runtime.block_on(async {
        let tasks: Vec<_> = (0..TASKS)
            .map(|request| {
                let (dispatch, waits) = (dispatch.clone(), Arc::clone(&waits));
                tokio::spawn(async move {
                    let span = with_default(
                        &dispatch,
                        || tracing::info_span!(parent: None, "http", request),
                    );
                    let held = Held::new(span);
                    with_default(&dispatch, || tracing::info!("inside"));
                    waits.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                    drop(held);
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        records.take();
        // On all threads at once, outside of any span.
        let barrier = Arc::new(Barrier::new(4));
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let (dispatch, barrier) = (dispatch.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait();
                    with_default(&dispatch, || (0..100).for_each(|_| tracing::info!("later")));
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    assert_eq!(waits.load(Ordering::Relaxed), TASKS);
    let records = records.take();
    assert_eq!(records.len(), 400);
    let wrong: Vec<&String> = records
        .iter()
        .filter(|record| *record != "[]{} later")
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_guard_that_is_dropped_on_another_thread_leaves_no_span() {
    let (layer, records) = memory("%x%X %m");
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    with_default(&dispatch, || {
        let held = Held::new(tracing::info_span!("http", request = 1));
        tracing::info!("inside");
        std::thread::scope(|scope| {
            scope.spawn(|| drop(held));
        });
        // The registry holds it for entered here, and it is closed.
        tracing::info!("after");
    });
    assert_eq!(records.take(), ["[http]{request=1} inside", "[]{} after"]);
}

#[test]
fn a_layer_that_is_away_while_a_span_ends_does_not_show_it_afterwards() {
    let (layer, records) = memory("%x %m");
    let (slot, handle) = reload::Layer::new(Some(layer));
    let subscriber = tracing_subscriber::registry().with(slot);
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("request").entered();
        tracing::info!("inside");
        let mut away = None;
        handle.modify(|slot| away = slot.take()).unwrap();
        drop(span);
        handle.modify(|slot| *slot = away).unwrap();
        (0..3).for_each(|_| tracing::info!("after"));
        let _other = tracing::info_span!("other").entered();
        tracing::info!("inside");
    });
    let after = [
        "[request] inside",
        "[] after",
        "[] after",
        "[] after",
        "[other] inside",
    ];
    assert_eq!(records.take(), after);
}

#[test]
fn a_layer_that_comes_inside_a_span_shows_it() {
    let (layer, records) = memory("%x%X %m");
    let (slot, handle) = reload::Layer::new(None::<MemoryLayer>);
    // Without another one nothing would be enabled.
    let (other, _) = memory("");
    let subscriber = tracing_subscriber::registry().with(slot).with(other);
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("request", id = 1, late = tracing::field::Empty).entered();
        handle.reload(Some(layer)).unwrap();
        tracing::info!("inside");
        span.record("late", 2);
        tracing::info!("recorded");
        drop(span);
        tracing::info!("after");
    });
    let expected = [
        "[request]{id=1} inside",
        "[request]{id=1, late=2} recorded",
        "[]{} after",
    ];
    assert_eq!(records.take(), expected, "the other has kept the fields");
}

/// One layer in several places.
struct Shared(Arc<MemoryLayer>);

impl<S> Layer<S> for Shared
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        self.0.on_event(event, ctx);
    }
}

#[test]
fn spans_of_several_subscribers_with_one_number_are_not_taken_for_each_other() {
    let (layer, records) = memory("%x %m");
    let layer = Arc::new(layer);
    let dispatches = [0, 1]
        .map(|_| Dispatch::new(tracing_subscriber::registry().with(Shared(Arc::clone(&layer)))));
    let spans: Vec<Span> = dispatches
        .iter()
        .enumerate()
        .map(|(number, dispatch)| {
            with_default(dispatch, || {
                if number == 0 {
                    tracing::info_span!("first")
                } else {
                    tracing::info_span!("second")
                }
            })
        })
        .collect();
    assert_eq!(
        spans[0].id().map(|id| id.into_u64()),
        spans[1].id().map(|id| id.into_u64())
    );
    for _ in 0..3 {
        for (span, dispatch) in spans.iter().zip(&dispatches) {
            let _entered = span.enter();
            with_default(dispatch, || tracing::info!("x"));
        }
    }
    assert_eq!(records.take(), ["[first] x", "[second] x"].repeat(3));
}

#[test]
fn one_layer_behind_two_filters_shows_what_each_lets_through() {
    let (layer, records) = memory("%x %m");
    let layer = Arc::new(layer);
    let subscriber = tracing_subscriber::registry()
        .with(Shared(Arc::clone(&layer)).with_filter(LevelFilter::INFO))
        .with(Shared(Arc::clone(&layer)).with_filter(LevelFilter::DEBUG))
        .with(Shared(layer).with_filter(filter_fn(|metadata| metadata.name() != "outer")));
    tracing::subscriber::with_default(subscriber, || {
        let _outer = tracing::info_span!("outer").entered();
        let _hidden = tracing::debug_span!("hidden").entered();
        let _inner = tracing::info_span!("inner").entered();
        (0..2).for_each(|_| tracing::info!("x"));
    });
    let one = [
        "[outer, inner] x",
        "[outer, hidden, inner] x",
        "[hidden, inner] x",
    ];
    assert_eq!(records.take(), one.repeat(2));
}

#[test]
fn a_span_that_is_closed_is_no_parent() {
    let (layer, records) = memory("%x %m");
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!("closed");
        let id = span.id();
        tracing::info!(parent: id.clone(), "before");
        drop(span);
        tracing::info!(parent: id.clone(), "after");
        // It has the place of the other.
        let _next = tracing::info_span!("next");
        tracing::info!(parent: id, "later");
    });
    assert_eq!(records.take(), ["[closed] before", "[] after", "[] later"]);
}

#[test]
fn threads_that_record_in_a_span_that_others_are_in_change_what_those_show() {
    let (layer, records) = memory("%X %m");
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let outer = with_default(&dispatch, || tracing::info_span!("outer", step = 0));
    let inner = with_default(
        &dispatch,
        || tracing::info_span!(parent: &outer, "inner", id = 1),
    );
    let _entered = inner.enter();
    for step in 0..50_u64 {
        std::thread::scope(|scope| {
            scope.spawn(|| outer.record("step", step));
        });
        with_default(&dispatch, || tracing::info!("x"));
        assert_eq!(records.take(), [format!("{{id=1, step={step}}} x")]);
    }
}

#[test]
fn while_threads_open_and_close_spans_each_event_shows_its_own() {
    let (layer, records) = memory("%X{task} %X{step} %m");
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    std::thread::scope(|scope| {
        for task in 0..4_u64 {
            let dispatch = &dispatch;
            scope.spawn(move || {
                with_default(dispatch, || {
                    let _task = tracing::info_span!("task", task).entered();
                    for step in 0..2000_u64 {
                        let span = tracing::info_span!("step", step, late = tracing::field::Empty);
                        let _entered = span.enter();
                        tracing::info!("{task} {step}");
                        span.record("late", step);
                        tracing::info!("{task} {step}");
                    }
                });
            });
        }
    });
    let records = records.take();
    assert_eq!(records.len(), 4 * 2 * 2000);
    for record in records {
        let words: Vec<&str> = record.split(' ').collect();
        assert_eq!(words[..2], words[2..], "{record}");
    }
}

#[test]
fn a_lock_that_another_layer_has_poisoned_hides_fields_and_nothing_else() {
    /// Panics while it holds a span, once.
    struct Poisons;
    impl<S> Layer<S> for Poisons
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
            let span = ctx
                .event_span(event)
                .filter(|_| event.metadata().target() == "poison");
            if let Some(span) = span {
                let _extensions = span.extensions_mut();
                std::panic::resume_unwind(Box::new("poisoned"));
            }
        }
    }
    let (layer, records) = memory("%x%X %m");
    let subscriber = tracing_subscriber::registry().with(layer).with(Poisons);
    tracing::subscriber::with_default(subscriber, || {
        let _outer = tracing::info_span!("outer", a = 1).entered();
        let span = tracing::info_span!("poisoned", b = 2).entered();
        let _panicked = std::panic::catch_unwind(|| tracing::info!(target: "poison", "x"));
        let _inner = tracing::info_span!("inner", c = 3).entered();
        tracing::info!("x");
        drop(span);
    });
    let expected = [
        "[outer, poisoned]{a=1, b=2} x",
        "[outer, poisoned, inner]{a=1, c=3} x",
    ];
    assert_eq!(records.take(), expected);
}

#[test]
fn an_event_while_a_layer_holds_the_span_for_reading_ends() {
    /// Logs with a span's extensions in its hands.
    struct Reads(std::sync::OnceLock<tracing::dispatcher::WeakDispatch>);
    impl<S> Layer<S> for Arc2
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
            if event.metadata().target() == "outer"
                && let Some(span) = ctx.event_span(event)
            {
                let _extensions = span.extensions();
                let dispatch = self.0.0.get().unwrap().upgrade().unwrap();
                log_past_the_guard(&dispatch);
            }
        }
    }
    struct Arc2(Arc<Reads>);
    let (layer, records) = memory("%x %m");
    let reads = Arc::new(Reads(std::sync::OnceLock::new()));
    let dispatch = Dispatch::new(
        tracing_subscriber::registry()
            .with(layer)
            .with(Arc2(Arc::clone(&reads))),
    );
    reads.0.set(dispatch.downgrade()).unwrap();
    with_default(&dispatch, || {
        let _span = tracing::info_span!("held", late = tracing::field::Empty).entered();
        tracing::info!(target: "outer", "x");
    });
    assert_eq!(records.take(), ["[held] x", "[held] direct"]);
}

/// Logs past the guard that a scoped subscriber has against events inside events.
fn log_past_the_guard(dispatch: &Dispatch) {
    use tracing_core::callsite::DefaultCallsite;
    static CALLSITE: DefaultCallsite = DefaultCallsite::new(&METADATA);
    static METADATA: tracing::Metadata<'static> = tracing_core::metadata! {
        name: "direct",
        target: "direct",
        level: tracing::Level::INFO,
        fields: &["message"],
        callsite: &CALLSITE,
        kind: tracing_core::Kind::EVENT,
    };
    let fields = METADATA.fields();
    let field = fields.field("message").unwrap();
    let values = [(&field, Some(&"direct" as &dyn tracing::field::Value))];
    dispatch.event(&Event::new(&METADATA, &fields.value_set(&values)));
}

#[test]
fn a_span_of_a_task_is_shown_wherever_the_task_runs() {
    let (layer, records) = memory("%X{task} %m");
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layer));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .build()
        .unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..50)
            .map(|task| {
                let dispatch = dispatch.clone();
                let span = with_default(&dispatch, || tracing::info_span!("task", task));
                tokio::spawn(
                    async move {
                        for _ in 0..20 {
                            with_default(&dispatch, || tracing::info!("{task}"));
                            tokio::task::yield_now().await;
                        }
                    }
                    .instrument(span),
                )
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    });
    let records = records.take();
    assert_eq!(records.len(), 1000);
    for record in records {
        let (shown, own) = record.split_once(' ').unwrap();
        assert_eq!(shown, own);
    }
}
