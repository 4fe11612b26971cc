//! `events`: a filter for events that leaves spans to a level of their own, so that records keep their context.

use std::collections::HashMap;
use std::fmt;
use std::sync::PoisonError;
use std::sync::RwLock;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tracing::Event;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::callsite::Identifier;
use tracing::span::Attributes;
use tracing::span::Id;
use tracing::span::Record;
use tracing::subscriber::Interest;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Context;
use tracing_subscriber::layer::Filter;
use tracing_subscriber::registry::LookupSpan;

/// Makes of `filter` one for events: they pass as `filter` says, and spans pass up to INFO besides.
///
/// A span that a layer's filter hides does not exist for that layer: behind `LevelFilter::ERROR`, an ERROR
/// inside an `info_span!` has neither `%spans` nor `%X{request_id}`. In Log4j the thread context does not
/// depend on a level, and neither does it behind this filter. Spans that `filter` itself wants pass as
/// well, whatever their level: those of an `EnvFilter`'s directives, `[request{id=7}]=debug`, say.
///
/// It wraps any filter: `LevelFilter`, `Targets`, `EnvFilter`, `filter_fn`, several of them joined by `and`,
/// `or` and `not`, `reload::Layer`. [`spans`](EventsFilter::spans) sets another level than INFO. A filter that
/// looks at the spans around an event, as one of `dynamic_filter_fn` may, sees those that pass here, and so
/// more of them than it would alone.
///
/// # Examples
///
/// ```
/// use tracing_kafka::{MemoryLayer, PatternLayout, events};
/// use tracing_subscriber::filter::LevelFilter;
/// use tracing_subscriber::prelude::*;
///
/// let layout = PatternLayout::new("[%level] (%X{request_id}) %m")?;
/// let (layer, records) = MemoryLayer::new(layout);
/// let layer = layer.with_filter(events(LevelFilter::ERROR));
/// let _default = tracing_subscriber::registry().with(layer).set_default();
///
/// let _request = tracing::info_span!("http", request_id = "r-1").entered();
/// tracing::info!("not for this layer");
/// tracing::error!("out of stock");
///
/// assert_eq!(records.take(), ["[ERROR] (r-1) out of stock"]);
/// # Ok::<(), tracing_kafka::PatternError>(())
/// ```
pub fn events<F>(filter: F) -> EventsFilter<F> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    EventsFilter {
        inner: filter,
        spans: LevelFilter::INFO,
        number: NEXT.fetch_add(1, Ordering::Relaxed),
        wants: Wants::default(),
    }
}

/// A filter for events that lets spans pass by a level of their own; see [`events`].
pub struct EventsFilter<F> {
    inner: F,
    spans: LevelFilter,
    /// Tells its mark on a span from those of others.
    number: u64,
    wants: Wants,
}

impl<F> EventsFilter<F> {
    /// Sets up to which level spans pass whatever the filter inside says. Defaults to INFO;
    /// `LevelFilter::OFF` leaves them to the filter inside.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::{MemoryLayer, PatternLayout, events};
    /// use tracing_subscriber::filter::LevelFilter;
    /// use tracing_subscriber::prelude::*;
    ///
    /// let (layer, records) = MemoryLayer::new(PatternLayout::new("%spans%m")?);
    /// let filter = events(LevelFilter::WARN).spans(LevelFilter::DEBUG);
    /// let layer = layer.with_filter(filter);
    /// let _default = tracing_subscriber::registry().with(layer).set_default();
    ///
    /// let _query = tracing::debug_span!("query", rows = 3).entered();
    /// tracing::warn!("slow");
    ///
    /// assert_eq!(records.take(), ["query{rows=3}: slow"]);
    /// # Ok::<(), tracing_kafka::PatternError>(())
    /// ```
    #[must_use]
    pub fn spans(mut self, level: LevelFilter) -> Self {
        self.spans = level;
        self
    }

    /// The filter inside.
    pub fn inner(&self) -> &F {
        &self.inner
    }

    fn passes_by_level(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() && self.spans >= *metadata.level()
    }

    /// Whether the span `id` is one that the filter inside has heard of.
    fn is_known<S>(&self, id: &Id, ctx: &Context<'_, S>) -> bool
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if !self.wants.any() {
            return false;
        }
        let span = ctx.span(id);
        span.is_some_and(|span| {
            let extensions = span.extensions();
            let known = extensions.get::<KnownTo>();
            known.is_some_and(|known| known.0.contains(&self.number))
        })
    }

    /// Whether the filter inside would have let a new span pass.
    fn wants<S>(&self, metadata: &'static Metadata<'static>, ctx: &Context<'_, S>) -> bool
    where
        F: Filter<S>,
        S: Subscriber,
    {
        if !self.passes_by_level(metadata) {
            // Nobody else can have let it pass.
            return true;
        }
        match self.wants.of(metadata) {
            Some(Want::Always) => true,
            Some(Want::Never) => false,
            Some(Want::Sometimes) | None => self.inner.enabled(metadata, ctx),
        }
    }
}

impl<F: fmt::Debug> fmt::Debug for EventsFilter<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventsFilter")
            .field("inner", &self.inner)
            .field("spans", &self.spans)
            .finish_non_exhaustive()
    }
}

impl<F: Clone> Clone for EventsFilter<F> {
    fn clone(&self) -> Self {
        events(self.inner.clone()).spans(self.spans)
    }
}

/// The filters that have heard of a span; in its extensions.
struct KnownTo(Vec<u64>);

/// What the filter inside said of callsites of spans that pass whatever it says.
#[derive(Default)]
struct Wants {
    /// Whether it may want one of the spans there are. If not, none of them costs anything.
    any: AtomicBool,
    by_callsite: RwLock<HashMap<Identifier, Want>>,
}

#[derive(Clone, Copy)]
enum Want {
    Always,
    Sometimes,
    Never,
}

impl Wants {
    #[inline]
    fn any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    fn of(&self, metadata: &Metadata<'_>) -> Option<Want> {
        let wants = self
            .by_callsite
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        wants.get(&metadata.callsite()).copied()
    }

    fn remember(&self, metadata: &Metadata<'_>, interest: &Interest) {
        let want = if interest.is_always() {
            Want::Always
        } else if interest.is_never() {
            Want::Never
        } else {
            Want::Sometimes
        };
        let mut wants = self
            .by_callsite
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        wants.insert(metadata.callsite(), want);
        drop(wants);
        if !interest.is_never() {
            self.any.store(true, Ordering::Relaxed);
        }
    }
}

impl<S, F> Filter<S> for EventsFilter<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    F: Filter<S>,
{
    fn enabled(&self, metadata: &Metadata<'_>, ctx: &Context<'_, S>) -> bool {
        self.passes_by_level(metadata) || self.inner.enabled(metadata, ctx)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        // It is asked in any case: an `EnvFilter` takes down here which spans have what it looks for.
        let interest = self.inner.callsite_enabled(metadata);
        if metadata.is_span() {
            self.wants.remember(metadata, &interest);
        }
        if self.passes_by_level(metadata) {
            Interest::always()
        } else {
            interest
        }
    }

    fn event_enabled(&self, event: &Event<'_>, ctx: &Context<'_, S>) -> bool {
        self.inner.event_enabled(event, ctx)
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let inner = self.inner.max_level_hint()?;
        Some(inner.max(self.spans))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, ctx: Context<'_, S>) {
        if !self.wants.any() || !self.wants(attributes.metadata(), &ctx) {
            return;
        }
        if let Some(span) = ctx.span(id) {
            let mut extensions = span.extensions_mut();
            if let Some(known) = extensions.get_mut::<KnownTo>() {
                known.0.push(self.number);
            } else {
                extensions.insert(KnownTo(vec![self.number]));
            }
        }
        self.inner.on_new_span(attributes, id, ctx);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, ctx: Context<'_, S>) {
        if self.is_known(id, &ctx) {
            self.inner.on_record(id, values, ctx);
        }
    }

    fn on_enter(&self, id: &Id, ctx: Context<'_, S>) {
        if self.is_known(id, &ctx) {
            self.inner.on_enter(id, ctx);
        }
    }

    fn on_exit(&self, id: &Id, ctx: Context<'_, S>) {
        if self.is_known(id, &ctx) {
            self.inner.on_exit(id, ctx);
        }
    }

    fn on_close(&self, id: Id, ctx: Context<'_, S>) {
        if self.is_known(&id, &ctx) {
            self.inner.on_close(id, ctx);
        }
    }
}
