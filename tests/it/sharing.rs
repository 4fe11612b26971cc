//! Layers of equal layouts render an event once between them, and none gets what is another event's.

mod random;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tracing::Dispatch;
use tracing::Event;
use tracing::Subscriber;
use tracing::field::Value;
use tracing::span::Attributes;
use tracing::span::Id;
use tracing::span::Record;
use tracing_core::Kind;
use tracing_core::callsite::DefaultCallsite;
use tracing_core::metadata;
use tracing_kafka::DropReason;
use tracing_kafka::FileLayer;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_kafka::MemoryRecords;
use tracing_subscriber::Layer;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::Context;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

use crate::support::Folder;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;
use crate::support::wait_until;

/// A layout that counts how often it renders.
#[derive(Clone)]
struct Spy {
    print: Option<u64>,
    shows_spans: bool,
    end: &'static str,
    renderings: Arc<AtomicU64>,
}

impl Spy {
    /// One whose clones are equal to it, and to no other's.
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            print: Some(NEXT.fetch_add(1, Ordering::Relaxed)),
            shows_spans: false,
            end: "",
            renderings: Arc::default(),
        }
    }

    fn with_end(self, end: &'static str) -> Self {
        Self { end, ..self }
    }

    /// The same, equal to nobody.
    fn alone(&self) -> Self {
        Self {
            print: None,
            ..self.clone()
        }
    }

    fn memory(&self) -> (MemoryLayer, MemoryRecords) {
        MemoryLayer::new(self.clone())
    }

    /// How often it has rendered since it was last asked.
    fn take(&self) -> u64 {
        self.renderings.swap(0, Ordering::Relaxed)
    }
}

impl Layout for Spy {
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        self.renderings.fetch_add(1, Ordering::Relaxed);
        if self.shows_spans {
            for name in event.span_names() {
                out.extend_from_slice(name.as_bytes());
                out.push(b'/');
            }
            for (name, value) in event.span_fields() {
                out.extend_from_slice(format!("{name}={value} ").as_bytes());
            }
        }
        event.write_message(out);
        out.extend_from_slice(self.end.as_bytes());
    }

    fn fingerprint(&self) -> Option<u64> {
        self.print
    }
}

/// A layer around another one: it lets events through or not, and may keep the question whether an event
/// is wanted to itself.
struct Gate<L> {
    layer: L,
    lets_events: Arc<AtomicBool>,
    asks: bool,
}

impl<L> Gate<L> {
    fn new(layer: L) -> Self {
        Self {
            layer,
            lets_events: Arc::new(AtomicBool::new(true)),
            asks: true,
        }
    }
}

impl<S, L> Layer<S> for Gate<L>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    L: Layer<S>,
{
    fn event_enabled(&self, event: &Event<'_>, ctx: Context<'_, S>) -> bool {
        let asks = self.asks && self.lets_events.load(Ordering::Relaxed);
        !asks || self.layer.event_enabled(event, ctx)
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        if self.lets_events.load(Ordering::Relaxed) {
            self.layer.on_event(event, ctx);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        self.layer.on_new_span(attributes, id, ctx);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        self.layer.on_record(id, values, ctx);
    }
}

/// Refuses all events while it is told to.
struct Refusing(Arc<AtomicBool>);

impl<S: Subscriber> Layer<S> for Refusing {
    fn event_enabled(&self, _: &Event<'_>, _: Context<'_, S>) -> bool {
        !self.0.load(Ordering::Relaxed)
    }
}

static DIRECT: DefaultCallsite = DefaultCallsite::new(&DIRECT_METADATA);
static DIRECT_METADATA: tracing::Metadata<'static> = metadata! {
    name: "direct",
    target: "direct",
    level: tracing::Level::INFO,
    fields: &["message"],
    callsite: &DIRECT,
    kind: Kind::EVENT,
};

/// Logs past the guard that a scoped subscriber has against events inside events. All of these are of
/// one callsite, and those of one loop at one address.
fn log_directly(dispatch: &Dispatch, message: &dyn Value) {
    let fields = DIRECT_METADATA.fields();
    let field = fields.field("message").unwrap();
    let values = [(&field, Some(message))];
    dispatch.event(&Event::new(&DIRECT_METADATA, &fields.value_set(&values)));
}

/// Logs `inner`, while it is itself formatted.
struct Chatty<'a>(&'a Dispatch, &'a str);

impl fmt::Debug for Chatty<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        log_directly(self.0, &self.1);
        write!(f, "around {}", self.1)
    }
}

struct Faulty;

impl fmt::Debug for Faulty {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Err(fmt::Error)
    }
}

/// How often `spy` renders what `log` logs, at the least. A callsite that is new anywhere in the
/// process, in another test say, lets layers forget that they were asked, so one time may be dearer.
fn fewest(spy: &Spy, mut log: impl FnMut()) -> u64 {
    let mut once = || {
        spy.take();
        log();
        spy.take()
    };
    (0..5).map(|_| once()).min().unwrap()
}

#[test]
fn an_event_is_rendered_once_for_kafka_a_file_and_memory() {
    let ends = ["", "\n", "\n\n", "x\n"];
    for (end, shows_spans) in ends.into_iter().zip([true, false, true, false]) {
        let shared = Spy {
            shows_spans,
            end,
            ..Spy::new()
        };
        let (first, first_file, first_memory) = in_three_places(&shared);
        assert!((5..=7).contains(&shared.take()), "{end:?}");
        let (second, second_file, second_memory) = in_three_places(&shared.alone());
        assert_eq!(shared.take(), 15, "{end:?}");
        assert_eq!(first, second, "{end:?}");
        assert_eq!(first_file, second_file, "{end:?}");
        assert_eq!(first_memory, second_memory, "{end:?}");
    }
}

type Pairs = Vec<(Option<Vec<u8>>, Vec<u8>)>;

/// Keys and values in Kafka, a file, and memory, after five events.
fn in_three_places(layout: &Spy) -> (Pairs, String, Vec<String>) {
    let broker = broker();
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (kafka, kafka_guard) = kafka(&broker)
        .layout(layout.clone())
        .key(pattern("%X{user}"))
        .build()
        .unwrap();
    let (file, file_guard) = FileLayer::builder(&path)
        .layout(layout.clone())
        .build()
        .unwrap();
    let (memory, records) = layout.memory();
    let subscriber = tracing_subscriber::registry()
        .with(kafka)
        .with(file)
        .with(memory);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("one");
        tracing::info!("");
        let _span = tracing::info_span!("s", user = "bob").entered();
        tracing::info!("two\nlines\n");
        tracing::info!("\n");
        tracing::info!("{:?}", Faulty);
    });
    kafka_guard.flush(LONG).unwrap();
    file_guard.flush(LONG).unwrap();
    assert_eq!(kafka_guard.stats().format_failures, 1);
    assert_eq!(file_guard.stats().format_failures, 1);
    let records_of = broker.all_records(TOPIC);
    let mut pairs: Pairs = records_of
        .into_iter()
        .map(|record| {
            let key = record.key.map(|key| key.to_vec());
            (key, record.value.unwrap().to_vec())
        })
        .collect();
    pairs.sort();
    let text = std::fs::read_to_string(&path).unwrap();
    (pairs, text, records.take())
}

#[test]
fn both_places_show_the_same_time() {
    let text = "%d{yyyy-MM-dd HH:mm:ss.nnnnnnnnn} %x %m";
    let (one, one_records) = MemoryLayer::new(pattern(text));
    let (other, other_records) = MemoryLayer::new(pattern(text));
    let other = other.with_filter(LevelFilter::INFO);
    let subscriber = tracing_subscriber::registry().with(one).with(other);
    tracing::subscriber::with_default(subscriber, || {
        (0..5).for_each(|_| tracing::info!("outside"));
        let _hidden = tracing::debug_span!("debug").entered();
        (0..5).for_each(|_| tracing::info!("inside"));
    });
    let (one, other) = (one_records.take(), other_records.take());
    // As in `fewest`, one of them may be rendered twice, at two times.
    let is_same = |(one, other): (&String, &String)| one.replace("[debug]", "[]") == *other;
    assert!(
        one[..5].iter().zip(&other).any(is_same),
        "{one:?} {other:?}"
    );
    assert!(
        one[5..].iter().zip(&other[5..]).any(is_same),
        "{one:?} {other:?}"
    );
    assert!(one[5].ends_with("[debug] inside") && other[5].ends_with("[] inside"));
}

#[test]
fn layouts_that_are_not_known_to_be_equal_render_for_themselves() {
    let spy = Spy::new();
    let other = Spy {
        renderings: Arc::clone(&spy.renderings),
        ..Spy::new()
    };
    let layouts = [spy.clone(), other, spy.alone(), spy.clone()];
    let layers = layouts.map(|layout| layout.memory().0);
    let subscriber = tracing_subscriber::registry().with(Vec::from(layers));
    tracing::subscriber::with_default(subscriber, || {
        let renderings = fewest(&spy, || tracing::info!("x"));
        assert_eq!(renderings, 3, "the last has what the first has");
    });
}

#[test]
fn layers_that_see_other_spans_share_what_shows_none() {
    for (shows_spans, renderings) in [(false, 1), (true, 2)] {
        let spy = Spy {
            shows_spans,
            ..Spy::new()
        };
        let (all, all_records) = spy.memory();
        let (some, some_records) = spy.memory();
        let subscriber = tracing_subscriber::registry()
            .with(all.with_filter(LevelFilter::DEBUG))
            .with(some.with_filter(LevelFilter::INFO));
        tracing::subscriber::with_default(subscriber, || {
            let _outer = tracing::info_span!("outer", a = 1).entered();
            assert_eq!(fewest(&spy, || tracing::info!("both")), 1);
            let hidden = tracing::debug_span!("hidden", b = 2).entered();
            assert_eq!(fewest(&spy, || tracing::info!("hidden")), renderings);
            drop(hidden);
            assert_eq!(fewest(&spy, || tracing::info!("both")), 1);
        });
        let [inside, hidden] = if shows_spans {
            ["outer/a=1 ", "outer/hidden/a=1 b=2 "]
        } else {
            ["", ""]
        };
        let expected = |hidden: &str| {
            let texts = [
                format!("{inside}both"),
                format!("{hidden}hidden"),
                format!("{inside}both"),
            ];
            texts.map(|text| vec![text; 5]).concat()
        };
        assert_eq!(all_records.take(), expected(hidden));
        assert_eq!(some_records.take(), expected(inside));
    }
}

#[test]
fn a_layer_that_is_not_asked_renders_for_itself() {
    for (asks, renderings) in [(true, 1), (false, 2)] {
        let spy = Spy::new();
        let (first, first_records) = spy.memory();
        let (second, second_records) = spy.memory();
        let mut gate = Gate::new(second);
        gate.asks = asks;
        let subscriber = tracing_subscriber::registry().with(first).with(gate);
        tracing::subscriber::with_default(subscriber, || {
            assert_eq!(fewest(&spy, || tracing::info!("x")), renderings);
        });
        assert_eq!(first_records.take(), ["x"; 5]);
        assert_eq!(second_records.take(), ["x"; 5]);
    }
}

#[test]
fn events_that_nobody_gets_take_no_places_from_those_that_follow() {
    let spy = Spy::new();
    let refuses = Arc::new(AtomicBool::new(false));
    let layers: Vec<Box<dyn Layer<Registry> + Send + Sync>> = vec![
        spy.memory().0.boxed(),
        Refusing(Arc::clone(&refuses)).boxed(),
        spy.memory().0.boxed(),
    ];
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(layers));
    let log = || {
        for number in 0..20 {
            refuses.store(number < 19, Ordering::Relaxed);
            log_directly(&dispatch, &"x");
        }
    };
    assert_eq!(fewest(&spy, log), 1);
}

#[test]
fn an_event_that_one_layer_gets_is_not_the_next_one_of_the_other() {
    for asks in [true, false] {
        let spy = Spy::new();
        let (odd, odd_records) = spy.memory();
        let (even, even_records) = spy.memory();
        let is_even = Arc::new(AtomicBool::new(false));
        let (seen, seen_too) = (Arc::clone(&is_even), Arc::clone(&is_even));
        let mut even = Gate::new(even);
        even.asks = asks;
        let subscriber = tracing_subscriber::registry()
            .with(odd.with_filter(dynamic_filter_fn(move |_, _| !seen.load(Ordering::Relaxed))))
            .with(even.with_filter(dynamic_filter_fn(move |_, _| {
                seen_too.load(Ordering::Relaxed)
            })));
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..6 {
                is_even.store(number % 2 == 0, Ordering::Relaxed);
                tracing::info!("{number}");
            }
        });
        assert_eq!(odd_records.take(), ["1", "3", "5"]);
        assert_eq!(even_records.take(), ["0", "2", "4"]);
        assert_eq!(spy.take(), 6);
    }
}

#[test]
fn a_layer_without_the_event_and_one_that_comes_later_take_nothing_from_the_others() {
    let spy = Spy::new();
    let (first, first_records) = spy.memory();
    let (second, second_records) = spy.memory();
    let (errors, error_records) = spy.memory();
    let (slot, handle) = reload::Layer::new(None::<MemoryLayer>);
    let subscriber =
        tracing_subscriber::registry()
            .with(first)
            .with(slot)
            .with(errors.with_filter(filter_fn(|metadata| {
                *metadata.level() == tracing::Level::ERROR
            })));
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("one");
        handle.reload(Some(second)).unwrap();
        assert_eq!(fewest(&spy, || tracing::info!("two")), 1);
        assert_eq!(fewest(&spy, || tracing::error!("three")), 1);
        handle.reload(None::<MemoryLayer>).unwrap();
        tracing::error!("four");
    });
    let [two, three] = ["two", "three"].map(|text| vec![text; 5]);
    assert_eq!(second_records.take(), [&*two, &three].concat());
    assert_eq!(error_records.take(), [&*three, &["four"]].concat());
    let all = [&["one"], &*two, &three, &["four"]].concat();
    assert_eq!(first_records.take(), all);
}

#[test]
fn two_pairs_of_layers_do_not_drive_each_other_out() {
    // Two layouts may have one place for what was rendered; it is not likely, though.
    let is_twice = || {
        let spy = Spy::new();
        let other = Spy {
            renderings: Arc::clone(&spy.renderings),
            ..Spy::new()
        };
        let layers = [&spy, &other, &spy, &other].map(|layout| layout.memory().0);
        let subscriber = tracing_subscriber::registry().with(Vec::from(layers));
        tracing::subscriber::with_default(subscriber, || fewest(&spy, || tracing::info!("x")) == 2)
    };
    assert!((0..50).any(|_| is_twice()));
}

#[test]
fn an_event_inside_the_rendering_of_another_is_not_taken_for_it() {
    let spy = Spy::new();
    let (first, first_records) = spy.memory();
    let (second, second_records) = spy.memory();
    let dispatch = Dispatch::new(tracing_subscriber::registry().with(first).with(second));
    let log_around = || log_directly(&dispatch, &tracing::field::debug(Chatty(&dispatch, "a")));
    // Each event inside is one too many, and who was asked for it is not known to be asked for this.
    assert_eq!(fewest(&spy, log_around), 2);
    assert_eq!(fewest(&spy, || log_directly(&dispatch, &"after")), 1);
    let expected = [["around a"; 5], ["after"; 5]].concat();
    assert_eq!(first_records.take(), expected);
    assert_eq!(second_records.take(), expected);
}

#[test]
fn an_event_between_two_layers_of_another_is_not_taken_for_it() {
    /// Logs an event whenever it gets one of the outer kind.
    struct Echo(std::sync::OnceLock<tracing::dispatcher::WeakDispatch>);
    struct Shared(Arc<Echo>);
    impl<S: Subscriber> Layer<S> for Shared {
        fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
            if event.metadata().target() != "direct" {
                let dispatch = self.0.0.get().unwrap().upgrade().unwrap();
                log_directly(&dispatch, &"echo");
            }
        }
    }
    let spy = Spy::new();
    let (first, first_records) = spy.memory();
    let (second, second_records) = spy.memory();
    let echo = Arc::new(Echo(std::sync::OnceLock::new()));
    let dispatch = Dispatch::new(
        tracing_subscriber::registry()
            .with(first)
            .with(Shared(Arc::clone(&echo)))
            .with(second),
    );
    echo.0.set(dispatch.downgrade()).unwrap();
    tracing::dispatcher::with_default(&dispatch, || {
        let renderings = fewest(&spy, || tracing::info!("outer"));
        assert_eq!(renderings, 3, "the event twice, its echo once");
    });
    assert_eq!(first_records.take(), ["outer", "echo"].repeat(5));
    assert_eq!(second_records.take(), ["echo", "outer"].repeat(5));
}

#[test]
fn a_layer_without_room_leaves_the_rendering_to_the_next() {
    let broker = broker();
    broker.down_all();
    let folder = Folder::new();
    let path = folder.file("app.log");
    let spy = Spy::new();
    let (kafka, kafka_guard) = kafka(&broker)
        .layout(spy.clone())
        .buffer_memory(64 * 1024)
        .build()
        .unwrap();
    let (file, file_guard) = FileLayer::builder(&path)
        .layout(spy.clone())
        .build()
        .unwrap();
    let mut logged = 0;
    let subscriber = tracing_subscriber::registry().with(kafka).with(file);
    tracing::subscriber::with_default(subscriber, || {
        wait_until("a full buffer", || {
            for _ in 0..1000 {
                tracing::info!("event {logged}");
                logged += 1;
            }
            kafka_guard.stats().dropped.get(DropReason::QueueFull) > 1000
        });
    });
    file_guard.flush(LONG).unwrap();
    assert_eq!(file_guard.stats().delivered, logged);
    let renderings = spy.take();
    assert!(
        renderings < logged + logged / 20,
        "{renderings} of {logged}"
    );
    let text = std::fs::read_to_string(&path).unwrap();
    let expected = (0..logged).map(|number| format!("event {number}"));
    assert!(text.lines().eq(expected));
    assert!(values(&broker).len() as u64 <= logged);
}
