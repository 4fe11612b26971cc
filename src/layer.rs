//! The one `tracing` layer behind all public ones: takes an event, renders it, hands the bytes to a sink.

use std::any::Any;
use std::cell::Cell;
use std::cell::RefCell;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use tracing::Event;
use tracing::Level;
use tracing::Subscriber;
use tracing::span::Attributes;
use tracing::span::Id;
use tracing::span::Record;
use tracing::subscriber::Interest;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::config::MAX_EVENT_BYTES;
use crate::event::Bridged;
use crate::event::LiveThread;
use crate::event::LogEvent;
use crate::event::SpanContext;
use crate::event::SpanFields;
use crate::event::drop_payload;
use crate::event::take_failures;
use crate::layout::Layout;
use crate::queue::Admission;
use crate::queue::Queue;
use crate::queue::Shape;
use crate::queue::Stamp;
use crate::stats::DropReason;
use crate::sys::ThreadRole;
use crate::sys::Timestamp;
use crate::sys::thread_role;

mod ending;
mod forward;
mod parts;
mod stack;

pub(crate) use ending::Ending;
use ending::cut;
pub(crate) use forward::forward_layer;
pub(crate) use parts::Parts;
use stack::Current;
use stack::LayerSpans;

/// A rendering buffer that grew beyond this is not kept by its thread.
const KEEP_BYTES: usize = 64 * 1024;
// Only a buffer that is not kept can hold a record that has to be cut.
const _: () = assert!(KEEP_BYTES < MAX_EVENT_BYTES);

/// Where rendered events go.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Leave to render one event; the default one is for an event that found room at once.
    type Admission: Copy + Default;
    /// Whether an event of `level` may be rendered right away.
    #[inline]
    fn has_room(&self, _level: Level) -> bool {
        true
    }
    /// Whether an event of `level` may be rendered; a refused one is counted.
    fn admit(&self, level: Level) -> Option<Self::Admission>;
    /// The same for an event that has just found no room.
    fn admit_full(&self, level: Level) -> Option<Self::Admission> {
        self.admit(level)
    }
    /// Takes a rendered event.
    fn push(&self, admission: Self::Admission, stamp: Stamp, payload: &[u8]);
    /// Counts an event that was not rendered.
    fn count_lost(&self, reason: DropReason);
    /// Counts values that could not be formatted inside records that were kept.
    fn count_format_failures(&self, count: u64);
}

impl Sink for Arc<Queue> {
    type Admission = Admission;

    #[inline]
    fn has_room(&self, level: Level) -> bool {
        Queue::has_room(self, level)
    }

    fn admit(&self, level: Level) -> Option<Admission> {
        Queue::admit(self, level)
    }

    #[inline]
    fn admit_full(&self, level: Level) -> Option<Admission> {
        Queue::admit_full(self, level)
    }

    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 20 instructions; the other callers are rare"
    )]
    #[inline(always)]
    fn push(&self, admission: Admission, stamp: Stamp, payload: &[u8]) {
        Queue::push(self, admission, stamp, payload);
    }

    fn count_lost(&self, reason: DropReason) {
        Queue::count_lost(self, reason);
    }

    fn count_format_failures(&self, count: u64) {
        Queue::count_format_failures(self, count);
    }
}

/// Renders events into a sink. Made once per layer, shared with its worker.
pub(crate) struct Appender<T> {
    spans: LayerSpans,
    layout: Box<dyn Layout>,
    /// What a record has beside its value; none where it has nothing.
    parts: Option<Box<Parts>>,
    ending: Ending,
    /// Events from threads of this role, or one above it, are not ours to take.
    ignores: ThreadRole,
    sink: T,
}

impl<T> fmt::Debug for Appender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender")
            .field("spans", &self.spans)
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// What a thread keeps between events. Its `RefCell` is the re-entrancy cell: an event that is
/// logged while another one is being rendered finds it borrowed.
struct Scratch {
    out: Vec<u8>,
    thread: Option<LiveThread>,
    /// For events whose spans are not on the stack.
    looked_up: SpanContext,
    /// For events outside of all spans.
    outside: SpanContext,
    /// For records of the crate `log`.
    bridged: Bridged,
}

impl Scratch {
    const fn new() -> Self {
        Self {
            out: Vec::new(),
            thread: None,
            looked_up: SpanContext::new(),
            outside: SpanContext::new(),
            bridged: Bridged::new(),
        }
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch::new()) };
    /// Set while span fields are being formatted; a span created by a field's `Debug` then keeps
    /// its name but no fields, so that nothing recurses without end.
    static IN_SPAN_FIELDS: Cell<bool> = const { Cell::new(false) };
}

impl<T: Sink> Appender<T> {
    pub(crate) fn new(
        layout: Box<dyn Layout>,
        ending: Ending,
        ignores: ThreadRole,
        sink: T,
    ) -> Self {
        Self {
            spans: LayerSpans::new(),
            layout,
            parts: None,
            ending,
            ignores,
            sink,
        }
    }

    /// Gives each record a key and headers.
    pub(crate) fn with_parts(mut self, parts: Parts) -> Self {
        self.parts = (!parts.is_empty()).then(|| Box::new(parts));
        self
    }

    #[inline]
    fn is_ours(&self) -> bool {
        thread_role() < self.ignores
    }

    /// Room comes first: a queue is full when an application logs most, and an event without room
    /// shall touch nothing else.
    #[inline]
    pub(crate) fn on_event<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if !self.is_ours() {
            return;
        }
        if self.sink.has_room(*event.metadata().level()) {
            self.take(event, ctx, T::Admission::default());
        } else {
            self.take_if_admitted(event, ctx);
        }
    }

    #[cold]
    fn take_if_admitted<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if is_rendering() {
            return self.sink.count_lost(DropReason::Reentrant);
        }
        if let Some(admission) = self.sink.admit_full(*event.metadata().level()) {
            self.take(event, ctx, admission);
        }
    }

    #[inline(never)]
    fn take<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>, admission: T::Admission)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let taken = SCRATCH.try_with(|cell| match cell.try_borrow_mut() {
            Ok(mut scratch) => self.take_with(event, ctx, &mut scratch, admission),
            Err(_) => self.sink.count_lost(DropReason::Reentrant),
        });
        if taken.is_err() {
            self.take_late(event, ctx, admission);
        }
    }

    /// A thread-local's destructor logs, after ours has run.
    #[cold]
    fn take_late<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>, admission: T::Admission)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        self.take_with(event, ctx, &mut Scratch::new(), admission);
    }

    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 25 instructions; the other callers are rare"
    )]
    #[inline(always)]
    fn take_with<S>(
        &self,
        event: &Event<'_>,
        ctx: &Context<'_, S>,
        scratch: &mut Scratch,
        admission: T::Admission,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let timestamp = Timestamp::now();
        let thread = scratch.thread.get_or_insert_with(LiveThread::current);
        let entered;
        let spans = match self.spans.current(event, ctx) {
            Current::Outside => &scratch.outside,
            Current::Inside(view) => {
                entered = view;
                &*entered
            }
            Current::Unknown => {
                self.spans.look_up(&mut scratch.looked_up, event, ctx);
                &scratch.looked_up
            }
        };
        let bridged = if Bridged::is_possible(event.metadata()) {
            scratch.bridged.read(event)
        } else {
            None
        };
        let view = LogEvent::live(event, timestamp, thread, spans, bridged);
        self.render(&view, &mut scratch.out, admission);
    }

    /// Logs an event of the layer's own, from its worker.
    pub(crate) fn emit(&self, event: &LogEvent<'_>) {
        if let Some(admission) = self.sink.admit(event.level()) {
            self.render(event, &mut Vec::new(), admission);
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 25 instructions; the other callers are rare"
    )]
    #[inline(always)]
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>, admission: T::Admission) {
        out.clear();
        // A panic in a value is contained where the value is written; this is for the layout.
        let rendered = catch_unwind(AssertUnwindSafe(|| self.layout.render(event, out)));
        if let Err(payload) = rendered {
            return self.lose(payload);
        }
        let failures = take_failures();
        if failures > 0 {
            self.sink.count_format_failures(failures);
        }
        let is_large = out.capacity() > KEEP_BYTES;
        if is_large {
            cut(out, 0, MAX_EVENT_BYTES);
        }
        let stamp = Stamp {
            level: event.level(),
            shape: Shape::Plain,
            nanos: event.timestamp().unix_nanos(),
        };
        match &self.parts {
            None => {
                let record = self.ending.shape(out);
                self.sink.push(admission, stamp, record);
            }
            Some(parts) => self.push_with_parts(parts, event, out, admission, stamp),
        }
        if is_large {
            *out = Vec::new();
        }
    }

    /// Renders key and headers behind the value, and pushes all of it.
    #[inline(never)]
    fn push_with_parts(
        &self,
        parts: &Parts,
        event: &LogEvent<'_>,
        out: &mut Vec<u8>,
        admission: T::Admission,
        stamp: Stamp,
    ) {
        let value = self.ending.shape(out).len();
        out.truncate(value);
        let rendered = catch_unwind(AssertUnwindSafe(|| parts.render(event, out)));
        if let Err(payload) = rendered {
            return self.lose(payload);
        }
        let failures = take_failures();
        if failures > 0 {
            self.sink.count_format_failures(failures);
        }
        let shape = Shape::WithParts;
        self.sink.push(admission, Stamp { shape, ..stamp }, out);
        if out.capacity() > KEEP_BYTES {
            *out = Vec::new();
        }
    }

    /// Counts the event of a layout that panicked.
    #[cold]
    fn lose(&self, payload: Box<dyn Any + Send>) {
        drop_payload(payload);
        take_failures();
        self.sink.count_lost(DropReason::FormatError);
    }

    pub(crate) fn on_new_span<S>(&self, attributes: &Attributes<'_>, id: &Id, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if !self.is_ours() || attributes.is_empty() {
            return;
        }
        contained(|| {
            let Some(span) = ctx.span(id) else { return };
            // Another of our layers may have been here first.
            if span.extensions().get::<SpanFields>().is_some() {
                return;
            }
            if let Some(fields) = render_fields(|visitor| attributes.record(visitor)) {
                span.extensions_mut().replace(fields);
            }
        });
    }

    pub(crate) fn on_record<S>(&self, id: &Id, values: &Record<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if !self.is_ours() {
            return;
        }
        contained(|| {
            let Some(span) = ctx.span(id) else { return };
            let Some(newer) = render_fields(|visitor| values.record(visitor)) else {
                return;
            };
            {
                let mut extensions = span.extensions_mut();
                if let Some(fields) = extensions.get_mut::<SpanFields>() {
                    fields.update(newer);
                } else {
                    extensions.replace(newer);
                }
            }
            stack::fields_changed();
        });
    }

    /// A callsite is new, or the subscriber was changed: this layer may have been away.
    pub(crate) fn register_callsite(&self) -> Interest {
        self.spans.may_have_missed();
        Interest::always()
    }

    #[inline]
    pub(crate) fn on_enter(&self, id: &Id) {
        if self.is_ours() {
            self.spans.enter(id);
        }
    }

    #[inline]
    pub(crate) fn on_exit(&self, id: &Id) {
        if self.is_ours() {
            self.spans.exit(id);
        }
    }
}

/// Whether this thread is in the middle of rendering an event.
#[inline]
fn is_rendering() -> bool {
    SCRATCH
        .try_with(|cell| cell.try_borrow_mut().is_err())
        .unwrap_or(false)
}

/// Renders span fields without holding any lock. None inside the rendering of another span's.
fn render_fields(record: impl FnOnce(&mut dyn tracing::field::Visit)) -> Option<SpanFields> {
    if IN_SPAN_FIELDS.replace(true) {
        return None;
    }
    // Values contain their own panics, so the mark is always taken back.
    let fields = SpanFields::render(record);
    IN_SPAN_FIELDS.set(false);
    // They are shown, not counted: no event of this layer is concerned.
    take_failures();
    Some(fields)
}

/// Runs `callback` so that a panic, of a registry whose locks another layer poisoned say, does not
/// reach the application.
pub(crate) fn contained<R>(callback: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(callback)) {
        Ok(result) => Some(result),
        Err(payload) => {
            drop_payload(payload);
            None
        }
    }
}
