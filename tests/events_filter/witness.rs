//! A layer that takes down what gets to it.

use std::sync::Arc;
use std::sync::Mutex;

use tracing::Event;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing::span::Attributes;
use tracing::span::Id;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

#[derive(Debug, Clone, Default)]
pub(crate) struct Seen {
    spans: Vec<u64>,
    /// Each with the spans around it, root first.
    events: Vec<(u64, Vec<u64>)>,
}

impl Seen {
    pub(crate) fn events(&self) -> Vec<u64> {
        self.events.iter().map(|(number, _)| *number).collect()
    }

    pub(crate) fn spans(&self) -> Vec<u64> {
        self.spans.clone()
    }

    pub(crate) fn has_span(&self, number: u64) -> bool {
        self.spans.contains(&number)
    }

    pub(crate) fn scopes(&self) -> impl Iterator<Item = (u64, Vec<u64>)> {
        self.events.iter().cloned()
    }
}

#[derive(Debug, Clone, Default)]
pub(crate) struct Witness(Arc<Mutex<Seen>>);

impl Witness {
    pub(crate) fn take(&self) -> Seen {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// The field `number`.
struct Number(u64);

impl Visit for Number {
    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "number" {
            self.0 = value;
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Witness {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        let mut number = Number(u64::MAX);
        attributes.record(&mut number);
        let span = ctx.span(id).unwrap();
        if span.extensions().get::<Number>().is_none() {
            span.extensions_mut().insert(Number(number.0));
        }
        self.0.lock().unwrap().spans.push(number.0);
    }

    fn on_event(&self, event: &Event<'_>, ctx: Context<'_, S>) {
        let mut number = Number(u64::MAX);
        event.record(&mut number);
        let scope = ctx
            .event_scope(event)
            .into_iter()
            .flat_map(tracing_subscriber::registry::Scope::from_root);
        let around = scope.map(|span| span.extensions().get::<Number>().unwrap().0);
        let around = around.collect();
        self.0.lock().unwrap().events.push((number.0, around));
    }
}
