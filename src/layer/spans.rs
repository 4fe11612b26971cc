//! The spans around an event, as the registry has them, and the views of them that a thread keeps.
//!
//! The registry is asked at each event whose layout shows spans. What it answers is boiled down to a
//! number for each span, and a view that was made from the same numbers shows the same.

use std::cell::Cell;
use std::iter;

use tracing::Event;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Visit;
use tracing::span::Attributes;
use tracing::span::Id;
use tracing::span::Record;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::registry::SpanRef;

use super::contained;
use super::marks::Turn;
use super::undisturbed;
use crate::event::MAX_SPANS;
use crate::event::SpanContext;
use crate::event::SpanFields;
use crate::event::SpanSource;
use crate::event::take_failures;

/// How many views a thread keeps.
const PLACES: usize = 8;
/// A view that takes more is kept until another one has to be made.
const KEPT_BYTES: usize = 16 * 1024;
/// A view that takes more is made for one event.
const MOST_BYTES: usize = 256 * 1024;

/// The views that a thread keeps.
pub(super) struct Views {
    /// The last used first.
    places: Vec<SpanContext>,
    /// The numbers of the spans that are being looked at, innermost first.
    numbers: Vec<u64>,
    /// The first one takes too much to be kept.
    has_large: bool,
}

/// Where an event's spans are found: what `Context::event_scope` yields at the moment of the look.
pub(super) struct Around<'a, S> {
    event: &'a Event<'a>,
    ctx: &'a Context<'a, S>,
    /// None after the look.
    views: Cell<Option<&'a mut Views>>,
}

impl<'a, S> Around<'a, S> {
    #[inline]
    pub(super) fn new(event: &'a Event<'a>, ctx: &'a Context<'a, S>, views: &'a mut Views) -> Self {
        Self {
            event,
            ctx,
            views: Cell::new(Some(views)),
        }
    }
}

impl<'a, S> SpanSource<'a> for Around<'a, S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    fn look_up(&self) -> Option<&'a SpanContext> {
        let views = self.views.take()?;
        // A lock that another layer has poisoned hides the fields of its span, and nothing else.
        let found = contained(|| self.find(views, false));
        let found = found.unwrap_or_else(|| contained(|| self.find(views, true)).flatten());
        found.and_then(|()| views.places.first())
    }
}

impl<S> Around<'_, S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    /// Puts the view of the event's spans into the first place; none outside of all spans.
    #[inline]
    fn find(&self, views: &mut Views, is_careful: bool) -> Option<()> {
        let leaf = self.ctx.event_span(self.event)?;
        views.find(&leaf, is_careful);
        Some(())
    }
}

impl Views {
    pub(super) const fn new() -> Self {
        Self {
            places: Vec::new(),
            numbers: Vec::new(),
            has_large: false,
        }
    }

    /// To be called after the event for which a view may have been made.
    #[inline]
    pub(super) fn drop_large(&mut self) {
        if self.has_large {
            self.places.retain(|view| view.bytes() <= MOST_BYTES);
            self.has_large = false;
        }
    }

    #[inline]
    fn find<'a, S>(&mut self, leaf: &SpanRef<'a, S>, is_careful: bool)
    where
        S: LookupSpan<'a>,
    {
        self.numbers.clear();
        each_span(leaf, |span| {
            self.numbers.push(number(span, is_careful));
            self.numbers.len() < MAX_SPANS
        });
        let mut places = self.places.iter();
        match places.position(|view| view.is_of(&self.numbers)) {
            Some(0) => {}
            Some(at) => self.bring_forward(at),
            None => self.make(leaf, is_careful),
        }
    }

    #[cold]
    fn bring_forward(&mut self, at: usize) {
        if let Some(until) = self.places.get_mut(..=at) {
            until.rotate_right(1);
        }
    }

    #[cold]
    fn make<'a, S>(&mut self, leaf: &SpanRef<'a, S>, is_careful: bool)
    where
        S: LookupSpan<'a>,
    {
        self.places.retain(|view| view.bytes() <= KEPT_BYTES);
        let oldest = (self.places.len() >= PLACES).then(|| self.places.pop());
        let mut view = oldest.flatten().unwrap_or_default();
        view.clear();
        fill(&mut view, leaf, is_careful);
        self.has_large = view.bytes() > MOST_BYTES;
        self.places.reserve(PLACES);
        self.places.insert(0, view);
    }
}

/// Hands `leaf` and the spans around it to `each`, from the innermost out, until it has enough. These
/// are the spans of `SpanRef::scope`, which would look for the first one again.
#[inline]
fn each_span<'a, S>(leaf: &SpanRef<'a, S>, mut each: impl FnMut(&SpanRef<'a, S>) -> bool)
where
    S: LookupSpan<'a>,
{
    if !each(leaf) {
        return;
    }
    let mut outer = leaf.parent();
    while let Some(span) = outer {
        if !each(&span) {
            return;
        }
        outer = span.parent();
    }
}

/// What the view shows of `span` is always the same for the same number: that of its fields, or where
/// its metadata is as long as it has none.
#[inline]
fn number<'a, S>(span: &SpanRef<'a, S>, is_careful: bool) -> u64
where
    S: LookupSpan<'a>,
{
    let metadata = span.metadata();
    if metadata.fields().is_empty() {
        return address(metadata);
    }
    let look = || {
        span.extensions()
            .get::<SpanFields>()
            .map(SpanFields::number)
    };
    let fields = if is_careful {
        contained(look).flatten()
    } else {
        look()
    };
    fields.unwrap_or_else(|| address(metadata))
}

/// Of nothing else, as metadata are never freed; even, as no number of fields is.
#[inline]
fn address(metadata: &'static Metadata<'static>) -> u64 {
    std::ptr::from_ref(metadata).addr() as u64
}

/// Fills an empty view with `leaf` and the spans around it.
fn fill<'a, S>(context: &mut SpanContext, leaf: &SpanRef<'a, S>, is_careful: bool)
where
    S: LookupSpan<'a>,
{
    let _turn = Turn::at_lock();
    each_span(leaf, |span| {
        let metadata = span.metadata();
        if !metadata.fields().is_empty() {
            // Number and fields under one lock, so that they belong to each other.
            let mut add = || {
                let extensions = span.extensions();
                let fields = extensions.get::<SpanFields>()?;
                Some(context.add_numbered(fields.number(), span.name(), fields.iter()))
            };
            let has_room = if is_careful {
                contained(add).flatten()
            } else {
                add()
            };
            if let Some(has_room) = has_room {
                return has_room;
            }
        }
        context.add_numbered(address(metadata), span.name(), iter::empty())
    });
    context.finish();
}

/// Puts the fields of a new span beside it, where all layers find them.
pub(super) fn keep_fields<S>(attributes: &Attributes<'_>, id: &Id, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    contained(|| {
        let Some(span) = ctx.span(id) else { return };
        // Another of our layers may have been here first.
        if span.extensions().get::<SpanFields>().is_some() {
            return;
        }
        let mut fields = render_fields(|visitor| attributes.record(visitor));
        locked(|| {
            if let Some(fields) = fields.take() {
                span.extensions_mut().replace(fields);
            }
        });
    });
}

/// The same for fields that come later.
pub(super) fn update_fields<S>(values: &Record<'_>, id: &Id, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    contained(|| {
        let Some(span) = ctx.span(id) else { return };
        let mut newer = render_fields(|visitor| values.record(visitor));
        locked(|| {
            let Some(newer) = newer.take() else { return };
            let mut extensions = span.extensions_mut();
            if let Some(fields) = extensions.get_mut::<SpanFields>() {
                fields.update(newer);
            } else {
                extensions.replace(newer);
            }
        });
    });
}

/// Runs what locks a span and allocates: an allocator that logs must find nothing of ours that locks
/// the span again.
fn locked(run: impl FnMut()) {
    if let Some(_turn) = Turn::at_lock() {
        undisturbed(run);
    }
}

/// Renders span fields without holding any lock. None inside the rendering of another span's, so that
/// a span that is made by a field's `Debug` keeps its name, and nothing recurses without end.
fn render_fields(record: impl FnOnce(&mut dyn Visit)) -> Option<SpanFields> {
    let _turn = Turn::at_fields()?;
    let fields = SpanFields::render(record);
    // They are shown, not counted: no event of this layer is concerned.
    take_failures();
    Some(fields)
}
