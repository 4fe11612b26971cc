//! The layers compose as any other layer does: filters, boxes, lists, options, reloads, subscribers.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tracing::Metadata;
use tracing::Subscriber;
use tracing::span::Attributes;
use tracing::span::Id;
use tracing::span::Record;
use tracing_kafka::KafkaLayer;
use tracing_kafka::MemoryLayer;
use tracing_kafka::MemoryRecords;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::FilterId;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

use crate::support::Folder;
use crate::support::LONG;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;

fn memory(text: &str) -> (MemoryLayer, MemoryRecords) {
    MemoryLayer::new(pattern(text))
}

fn log_all_levels() {
    tracing::trace!(target: "app::db", "t");
    tracing::debug!(target: "app::db", "d");
    tracing::info!(target: "app::web", "i");
    tracing::warn!(target: "app::web", "w");
    tracing::error!(target: "other", "e");
}

#[test]
fn each_layer_has_a_filter_of_its_own() {
    let (all, all_records) = memory("%m");
    let (level, level_records) = memory("%m");
    let (env, env_records) = memory("%m");
    let (targets, targets_records) = memory("%m");
    let subscriber = tracing_subscriber::registry()
        .with(all)
        .with(level.with_filter(LevelFilter::ERROR))
        .with(env.with_filter(EnvFilter::new("warn,app::db=debug")))
        .with(targets.with_filter(Targets::new().with_target("app::web", LevelFilter::INFO)));
    tracing::subscriber::with_default(subscriber, log_all_levels);
    assert_eq!(all_records.take(), ["t", "d", "i", "w", "e"]);
    assert_eq!(level_records.take(), ["e"]);
    assert_eq!(env_records.take(), ["d", "w", "e"]);
    assert_eq!(targets_records.take(), ["i", "w"]);
}

#[test]
fn a_filter_can_be_reloaded_while_logging() {
    let (layer, records) = memory("%m");
    let (filter, handle) = reload::Layer::new(LevelFilter::ERROR);
    let subscriber = tracing_subscriber::registry().with(layer.with_filter(filter));
    tracing::subscriber::with_default(subscriber, || {
        log_all_levels();
        handle.reload(LevelFilter::INFO).unwrap();
        log_all_levels();
    });
    assert_eq!(records.take(), ["e", "i", "w", "e"]);
}

#[test]
fn a_layer_can_be_put_in_and_taken_out_while_logging() {
    let (layer, records) = memory("%x %m");
    // Without another layer nothing would be enabled while the slot is empty, not even the span.
    let (other, _) = memory("%m");
    let (slot, handle) = reload::Layer::new(None::<MemoryLayer>);
    let subscriber = tracing_subscriber::registry().with(slot).with(other);
    tracing::subscriber::with_default(subscriber, || {
        let outer = tracing::info_span!("outer").entered();
        tracing::error!("before");
        handle.reload(Some(layer)).unwrap();
        tracing::error!("in a span that was there first");
        tracing::info_span!("inner").in_scope(|| tracing::error!("in a span of its time"));
        drop(outer);
        tracing::error!("outside");
        handle.reload(None::<MemoryLayer>).unwrap();
        tracing::error!("after");
    });
    assert_eq!(
        records.take(),
        [
            "[outer] in a span that was there first",
            "[outer, inner] in a span of its time",
            "[] outside"
        ]
    );
}

/// Every way in which a layer that found itself outside of all spans may be in one a moment later:
/// more than once, as a callsite that is new makes it ask anyway.
#[test]
fn a_layer_that_knows_to_be_outside_of_spans_hears_when_it_is_not() {
    let (layer, records) = memory("%x %m");
    let (other, _) = memory("%m");
    let (slot, handle) = reload::Layer::new(Some(layer));
    let subscriber = tracing_subscriber::registry().with(slot).with(other);
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..3 {
            tracing::error!("before");
            let first = tracing::info_span!("first").entered();
            tracing::info_span!("nested").in_scope(|| tracing::error!("inside"));
            tracing::error!("less far inside");
            drop(first);
            tracing::error!("between");
            let mut away = None;
            handle.modify(|slot| away = slot.take()).unwrap();
            let missed = tracing::info_span!("missed").entered();
            handle.modify(|slot| *slot = away.take()).unwrap();
            tracing::error!("it was away");
            tracing::info_span!("second").in_scope(|| tracing::error!("further inside"));
            tracing::error!("not outside yet");
            drop(missed);
            tracing::error!("after");
            let explicit = tracing::info_span!("explicit");
            tracing::error!(parent: &explicit, "by its parent");
            tracing::error!(parent: None, "of no parent");
            assert_eq!(
                records.take(),
                [
                    "[] before",
                    "[first, nested] inside",
                    "[first] less far inside",
                    "[] between",
                    "[missed] it was away",
                    "[missed, second] further inside",
                    "[missed] not outside yet",
                    "[] after",
                    "[explicit] by its parent",
                    "[] of no parent",
                ]
            );
        }
    });
}

/// More layers than a thread keeps in mind at a time, each with a span of its own.
#[test]
fn layers_do_not_mistake_each_others_knowledge_of_spans_for_their_own() {
    let mut all = Vec::new();
    let mut layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        let (layer, records) = memory("%x %m");
        let shows = filter_fn(move |metadata| {
            let known_by = [metadata.name(), metadata.target()];
            known_by.contains(&name) || known_by.contains(&"all")
        });
        layers.push(layer.with_filter(shows).boxed());
        all.push((name, records));
    }
    let subscriber = tracing_subscriber::registry().with(layers);
    tracing::subscriber::with_default(subscriber, || {
        for _ in 0..3 {
            tracing::error!(target: "a", "0");
            let e = tracing::info_span!("e").entered();
            let a = tracing::info_span!("a").entered();
            tracing::error!(target: "all", "1");
            drop(e);
            tracing::error!(target: "all", "2");
            drop(a);
            tracing::error!(target: "all", "3");
        }
    });
    for (name, records) in all {
        let once: &[_] = match name {
            "a" => &["[] 0", "[a] 1", "[a] 2", "[] 3"],
            "e" => &["[e] 1", "[] 2", "[] 3"],
            _ => &["[] 1", "[] 2", "[] 3"],
        };
        assert_eq!(records.take(), once.repeat(3), "{name}");
    }
}

#[test]
fn boxes_lists_and_options_of_real_layers() {
    let broker = broker();
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (kafka, kafka_guard) = kafka(&broker).build().unwrap();
    let (file, file_guard) = tracing_kafka::FileLayer::builder(&path)
        .layout(pattern("%p %m%n"))
        .build()
        .unwrap();
    let absent: Option<KafkaLayer> = None;
    let (present, records) = memory("%m");
    let layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = vec![
        kafka.with_filter(LevelFilter::ERROR).boxed(),
        file.with_filter(EnvFilter::new("info")).boxed(),
        absent.boxed(),
        Some(present).boxed(),
    ];
    let subscriber = tracing_subscriber::registry().with(layers);
    tracing::subscriber::with_default(subscriber, log_all_levels);
    kafka_guard.flush(LONG).unwrap();
    file_guard.flush(LONG).unwrap();
    assert_eq!(values(&broker), ["e"]);
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "INFO i\nWARN w\nERROR e\n"
    );
    assert_eq!(records.take().len(), 5);
}

#[test]
fn several_kafka_layers_to_different_topics() {
    let broker = broker();
    broker.create_topic("audit", 1);
    let (all, all_guard) = kafka(&broker).build().unwrap();
    let (audit, audit_guard) = KafkaLayer::builder([broker.bootstrap()], "audit")
        .layout(pattern("%X %m"))
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(all)
        .with(audit.with_filter(Targets::new().with_target("audit", LevelFilter::INFO)));
    tracing::subscriber::with_default(subscriber, || {
        let span = tracing::info_span!(target: "audit", "request", user = "bob", left = tracing::field::Empty);
        let _entered = span.enter();
        span.record("left", 7);
        tracing::info!(target: "audit", "login");
        tracing::info!("other");
    });
    all_guard.flush(LONG).unwrap();
    audit_guard.flush(LONG).unwrap();
    assert_eq!(values(&broker).len(), 2);
    let audited: Vec<_> = broker
        .all_records("audit")
        .iter()
        .map(tracing_kafka_broker::Record::text)
        .collect();
    assert_eq!(audited, ["{left=7, user=bob} login"]);
    assert_eq!(
        (all_guard.stats().offered, audit_guard.stats().offered),
        (2, 1)
    );
}

/// A subscriber that is not the registry, but looks spans up as it does: it wraps one.
struct Wrapping {
    registry: Registry,
    events: AtomicU64,
    names: Mutex<HashMap<u64, &'static str>>,
}

impl Subscriber for Wrapping {
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> tracing_core::Interest {
        self.registry.register_callsite(metadata)
    }

    fn event_enabled(&self, event: &tracing::Event<'_>) -> bool {
        self.registry.event_enabled(event)
    }

    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        self.registry.enabled(metadata)
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.registry.new_span(attributes);
        let name = attributes.metadata().name();
        self.names.lock().unwrap().insert(id.into_u64(), name);
        id
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.registry.record(span, values);
    }

    fn record_follows_from(&self, span: &Id, follows: &Id) {
        self.registry.record_follows_from(span, follows);
    }

    fn event(&self, event: &tracing::Event<'_>) {
        self.events.fetch_add(1, Ordering::Relaxed);
        self.registry.event(event);
    }

    fn enter(&self, span: &Id) {
        self.registry.enter(span);
    }

    fn exit(&self, span: &Id) {
        self.registry.exit(span);
    }

    fn clone_span(&self, id: &Id) -> Id {
        self.registry.clone_span(id)
    }

    fn try_close(&self, id: Id) -> bool {
        self.registry.try_close(id)
    }

    fn current_span(&self) -> tracing_core::span::Current {
        self.registry.current_span()
    }
}

impl<'a> LookupSpan<'a> for Wrapping {
    type Data = <Registry as LookupSpan<'a>>::Data;

    fn span_data(&'a self, id: &Id) -> Option<Self::Data> {
        self.registry.span_data(id)
    }

    fn register_filter(&mut self) -> FilterId {
        self.registry.register_filter()
    }
}

#[test]
fn another_subscriber_that_looks_up_spans() {
    let (layer, records) = memory("%x %X %m");
    let wrapping = Wrapping {
        registry: Registry::default(),
        events: AtomicU64::new(0),
        names: Mutex::default(),
    };
    let subscriber = wrapping.with(layer.with_filter(LevelFilter::INFO));
    tracing::subscriber::with_default(subscriber, || {
        let _outer = tracing::info_span!("outer", a = 1).entered();
        tracing::info!("inside");
        let _hidden = tracing::debug_span!("hidden", b = 2).entered();
        let _inner = tracing::info_span!("inner", c = 3).entered();
        tracing::info!("further inside");
    });
    let expected = [
        "[outer] {a=1} inside",
        "[outer, inner] {a=1, c=3} further inside",
    ];
    assert_eq!(records.take(), expected);
}
