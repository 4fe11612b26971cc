//! A layer of ours beside one that asks the registry itself: at each event what both have seen of the
//! spans has to be the same.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tracing::Event;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing::span::Attributes;
use tracing::span::Id;
use tracing::span::Record;
use tracing::subscriber::Interest;
use tracing_kafka::JsonLayout;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_kafka::MemoryRecords;
use tracing_kafka::PatternLayout;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

/// How many spans of an event are shown.
const MAX_SPANS: usize = 32;

/// A span as it was found: its name, and its fields in their order.
pub(crate) type Found = (String, Vec<(String, String)>);

/// Shows all that there is of an event's spans.
struct Everything;

impl Layout for Everything {
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let scope = event.scope().map(|span| {
            let fields = span.fields();
            let fields = fields.map(|(name, value)| (name.to_owned(), format!("{value:?}")));
            (span.name().to_owned(), fields.collect())
        });
        let text = everything(&scope.collect::<Vec<Found>>());
        out.extend_from_slice(text.as_bytes());
        // The other ways to ask say the same.
        let names: Vec<&str> = event.scope().map(|span| span.name()).collect();
        assert!(event.span_names().eq(names.iter().copied()));
        assert_eq!(event.method(), names.last().copied());
        let merged: Vec<(&str, &str)> = event.span_fields().collect();
        out.extend_from_slice(format!("{merged:?}").as_bytes());
        for (name, value) in merged {
            assert_eq!(event.span_field(name), Some(value));
        }
    }

    fn fingerprint(&self) -> Option<u64> {
        Some(0x5eed)
    }
}

fn everything(scope: &[Found]) -> String {
    format!("{scope:?}")
}

/// The fields of all spans by their names, the innermost one's value.
fn merged(scope: &[Found]) -> BTreeMap<&str, &str> {
    let fields = scope.iter().flat_map(|(_, fields)| fields);
    let fields = fields.map(|(name, value)| (name.as_str(), value.as_str()));
    fields.collect()
}

/// The layouts that the layers of a program have.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Everything,
    Pattern,
    Json,
    /// Shows no spans.
    Nothing,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Everything, Self::Pattern, Self::Json, Self::Nothing];

    fn layer(self) -> (MemoryLayer, MemoryRecords) {
        match self {
            Self::Everything => MemoryLayer::new(Everything),
            Self::Pattern => MemoryLayer::new(PatternLayout::new("%x%X %m").unwrap()),
            Self::Json => MemoryLayer::new(JsonLayout::new()),
            Self::Nothing => MemoryLayer::new(PatternLayout::new("%m").unwrap()),
        }
    }

    /// Whether `record` says that an event was logged inside of `scope`.
    fn says(self, record: &str, scope: &[Found]) -> bool {
        match self {
            Self::Everything => {
                let merged: Vec<(&str, &str)> = merged(scope).into_iter().collect();
                record == format!("{}{merged:?}", everything(scope))
            }
            Self::Pattern => {
                let names: Vec<&str> = scope.iter().map(|(name, _)| name.as_str()).collect();
                let fields = merged(scope).into_iter();
                let fields: Vec<String> = fields
                    .map(|(name, value)| format!("{name}={value}"))
                    .collect();
                record == format!("[{}]{{{}}} m", names.join(", "), fields.join(", "))
            }
            Self::Json => {
                let spans = scope.iter().map(|(name, fields)| {
                    let fields: serde_json::Map<_, _> = fields
                        .iter()
                        .map(|(name, value)| (name.clone(), value.parse::<u64>().unwrap().into()))
                        .collect();
                    let mut span = serde_json::json!({ "name": name });
                    if !fields.is_empty() {
                        span["fields"] = fields.into();
                    }
                    span
                });
                let spans: Vec<serde_json::Value> = spans.collect();
                let record: serde_json::Value = serde_json::from_str(record).unwrap();
                let shown = record.get("spans").cloned();
                let merged: serde_json::Map<_, _> = merged(scope)
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value.parse::<u64>().unwrap().into()))
                    .collect();
                let shown_merged = record.get("span_fields").cloned();
                shown.unwrap_or_else(|| serde_json::json!([])) == serde_json::Value::from(spans)
                    && shown_merged.unwrap_or_else(|| serde_json::json!({}))
                        == serde_json::Value::from(merged)
            }
            Self::Nothing => record == "m",
        }
    }
}

/// Our layer, which may be in several places at once.
pub(crate) struct Ours {
    kind: Kind,
    layer: MemoryLayer,
    records: MemoryRecords,
}

impl Ours {
    pub(crate) fn new(kind: Kind) -> Arc<Self> {
        let (layer, records) = kind.layer();
        Arc::new(Self {
            kind,
            layer,
            records,
        })
    }
}

/// What a program has seen.
#[derive(Default)]
pub(crate) struct Verdict {
    pub(crate) events: AtomicU64,
    pub(crate) events_in_spans: AtomicU64,
    pub(crate) differences: Mutex<Vec<String>>,
}

/// A layer of ours in one place.
#[derive(Clone)]
pub(crate) struct Witness {
    pub(crate) ours: Arc<Ours>,
    /// Which calls are passed on: a bit for each.
    pub(crate) passes: u8,
    pub(crate) verdict: Arc<Verdict>,
}

const PASSES_REGISTER: u8 = 1;
const PASSES_ASK: u8 = 2;
const PASSES_NEW_SPAN: u8 = 4;
const PASSES_RECORD: u8 = 8;
const PASSES_ENTER: u8 = 16;
const PASSES_EXIT: u8 = 32;
const PASSES_CLOSE: u8 = 64;

/// What was recorded of a span where one of our layers heard of it.
struct Recorded(Vec<(String, String)>);

impl Visit for Recorded {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let value = format!("{value:?}");
        let known = self.0.iter_mut().find(|(name, _)| name == field.name());
        match known {
            Some(known) => known.1 = value,
            None => self.0.push((field.name().to_owned(), value)),
        }
    }
}

/// What the registry says.
fn scope_of<S>(event: &Event<'_>, ctx: &Context<'_, S>) -> Vec<Found>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let scope = ctx.event_scope(event).into_iter().flatten();
    let mut scope: Vec<Found> = scope
        .take(MAX_SPANS)
        .map(|span| {
            let extensions = span.extensions();
            let fields = extensions.get::<Recorded>();
            let fields = fields.map_or_else(Vec::new, |fields| fields.0.clone());
            (span.name().to_owned(), fields)
        })
        .collect();
    scope.reverse();
    scope
}

impl Witness {
    fn passes(&self, call: u8) -> bool {
        self.passes & call != 0
    }
}

impl<S> Layer<S> for Witness
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn register_callsite(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.passes(PASSES_REGISTER) {
            Layer::<S>::register_callsite(&self.ours.layer, metadata)
        } else {
            Interest::always()
        }
    }

    fn event_enabled(&self, event: &Event<'_>, ctx: Context<'_, S>) -> bool {
        !self.passes(PASSES_ASK) || self.ours.layer.event_enabled(event, ctx)
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let scope = scope_of(event, &ctx);
        self.ours.layer.on_event(event, ctx);
        let records = self.ours.records.take();
        self.verdict.events.fetch_add(1, Ordering::Relaxed);
        if !scope.is_empty() {
            self.verdict.events_in_spans.fetch_add(1, Ordering::Relaxed);
        }
        if !matches!(&*records, [record] if self.ours.kind.says(record, &scope)) {
            let difference = format!("{:?}: {scope:?}, and shown {records:?}", self.ours.kind);
            self.verdict.differences.lock().unwrap().push(difference);
        }
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if !self.passes(PASSES_NEW_SPAN) {
            return;
        }
        if let Some(span) = ctx.span(id)
            && !attributes.is_empty()
            && span.extensions().get::<Recorded>().is_none()
        {
            let mut recorded = Recorded(Vec::new());
            attributes.record(&mut recorded);
            span.extensions_mut().insert(recorded);
        }
        self.ours.layer.on_new_span(attributes, id, ctx);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if !self.passes(PASSES_RECORD) {
            return;
        }
        if let Some(span) = ctx.span(id) {
            let mut extensions = span.extensions_mut();
            if extensions.get_mut::<Recorded>().is_none() {
                extensions.insert(Recorded(Vec::new()));
            }
            values.record(extensions.get_mut::<Recorded>().unwrap());
        }
        self.ours.layer.on_record(id, values, ctx);
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if self.passes(PASSES_ENTER) {
            self.ours.layer.on_enter(id, ctx);
        }
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        if self.passes(PASSES_EXIT) {
            self.ours.layer.on_exit(id, ctx);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if self.passes(PASSES_CLOSE) {
            self.ours.layer.on_close(id, ctx);
        }
    }
}
