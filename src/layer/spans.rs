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
use crate::event::MAX_SPANS;
use crate::event::SpanContext;
use crate::event::SpanFields;
use crate::event::SpanSource;
use crate::event::take_failures;
use crate::sys::BusyTurn;

/// How many views a thread keeps.
const PLACES: usize = 8;
/// A view that takes more is kept until another one has to be made.
const KEPT_BYTES: usize = 16 * 1024;
/// A view that takes more is made for one event.
const MOST_BYTES: usize = 256 * 1024;

/// The views that a thread keeps.
pub(super) struct Views {
    places: Vec<Place>,
    /// Which of them was used last.
    last: usize,
    /// Rises with each use of another one.
    uses: u64,
    /// The numbers of the spans that are being looked at, innermost first.
    numbers: Vec<u64>,
    /// One that was not used last may take more than is kept.
    has_large: bool,
    /// The last one takes too much for more than one event.
    has_huge: bool,
}

#[derive(Default)]
struct Place {
    view: SpanContext,
    /// When it was used, by `uses`.
    used: u64,
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
        found.and_then(|()| views.last_view())
    }
}

impl<S> Around<'_, S>
where
    S: Subscriber + for<'l> LookupSpan<'l>,
{
    /// Makes the view of the event's spans the last one; none outside of all spans.
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
            last: 0,
            uses: 0,
            numbers: Vec::new(),
            has_large: false,
            has_huge: false,
        }
    }

    /// To be called after the event for which a view may have been made.
    #[inline]
    pub(super) fn drop_huge(&mut self) {
        if self.has_huge {
            self.drop_above(MOST_BYTES);
            self.has_huge = false;
        }
    }

    #[inline]
    fn last_view(&self) -> Option<&SpanContext> {
        self.places.get(self.last).map(|place| &place.view)
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
        let last = self.last_view();
        if !last.is_some_and(|view| view.is_of(&self.numbers)) {
            self.find_other(leaf, is_careful);
        }
    }

    /// The same where it is another one than for the last event.
    #[inline(never)]
    fn find_other<'a, S>(&mut self, leaf: &SpanRef<'a, S>, is_careful: bool)
    where
        S: LookupSpan<'a>,
    {
        let is_large = |view: &SpanContext| view.bytes() > KEPT_BYTES;
        self.has_large |= self.last_view().is_some_and(is_large);
        let mut places = self.places.iter();
        match places.position(|place| place.view.is_of(&self.numbers)) {
            Some(at) => self.last = at,
            None => self.make(leaf, is_careful),
        }
        self.uses += 1;
        if let Some(place) = self.places.get_mut(self.last) {
            place.used = self.uses;
        }
    }

    /// Makes the view in the place that was not used for the longest time.
    fn make<'a, S>(&mut self, leaf: &SpanRef<'a, S>, is_careful: bool)
    where
        S: LookupSpan<'a>,
    {
        if self.has_large {
            self.drop_above(KEPT_BYTES);
            self.has_large = false;
        }
        if self.places.len() < PLACES {
            self.last = self.places.len();
            self.places.push(Place::default());
        } else {
            let places = self.places.iter().enumerate();
            let oldest = places.min_by_key(|(_, place)| place.used);
            self.last = oldest.map_or(0, |(at, _)| at);
        }
        if let Some(Place { view, .. }) = self.places.get_mut(self.last) {
            view.clear();
            fill(view, leaf, is_careful);
            self.has_huge = view.bytes() > MOST_BYTES;
        }
    }

    #[cold]
    fn drop_above(&mut self, bytes: usize) {
        for place in &mut self.places {
            if place.view.bytes() > bytes {
                *place = Place::default();
            }
        }
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
    let _turn = BusyTurn::begin();
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
        if let Some(fields) = render_fields(|visitor| attributes.record(visitor)) {
            // What allocates under a lock may log, if the allocator does.
            let _turn = BusyTurn::begin();
            span.extensions_mut().replace(fields);
        }
    });
}

/// The same for fields that come later.
pub(super) fn update_fields<S>(values: &Record<'_>, id: &Id, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    contained(|| {
        let Some(span) = ctx.span(id) else { return };
        let Some(newer) = render_fields(|visitor| values.record(visitor)) else {
            return;
        };
        let _turn = BusyTurn::begin();
        let mut extensions = span.extensions_mut();
        if let Some(fields) = extensions.get_mut::<SpanFields>() {
            fields.update(newer);
        } else {
            extensions.replace(newer);
        }
    });
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
