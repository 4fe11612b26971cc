//! The one `tracing` layer behind all public ones: takes an event, renders it, hands the bytes to a sink.

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
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::config::MAX_EVENT_BYTES;
use crate::event::LiveThread;
use crate::event::LogEvent;
use crate::event::SpanContext;
use crate::event::SpanFields;
use crate::event::drop_payload;
use crate::event::take_failures;
use crate::event::write_cut;
use crate::layout::Layout;
use crate::queue::Admission;
use crate::queue::Queue;
use crate::stats::DropReason;
use crate::sys::ThreadRole;
use crate::sys::Timestamp;
use crate::sys::thread_role;

mod stack;

/// A rendering buffer that grew beyond this is not kept by its thread.
const KEEP_BYTES: usize = 64 * 1024;

/// Where rendered events go.
pub(crate) trait Sink: Send + Sync + 'static {
    /// Leave to render one event.
    type Admission;
    /// Whether an event of `level` may be rendered; a refused one is counted.
    fn admit(&self, level: Level) -> Option<Self::Admission>;
    /// Takes a rendered event that happened `nanos` after the Unix epoch.
    fn push(&self, admission: Self::Admission, level: Level, nanos: i64, record: &[u8]);
    /// Counts an event that was not rendered.
    fn count_lost(&self, reason: DropReason);
    /// Counts values that could not be formatted inside records that were kept.
    fn count_format_failures(&self, count: u64);
}

impl Sink for Arc<Queue> {
    type Admission = Admission;

    #[inline]
    fn admit(&self, level: Level) -> Option<Admission> {
        Queue::admit(self, level)
    }

    #[inline]
    fn push(&self, admission: Admission, level: Level, nanos: i64, record: &[u8]) {
        Queue::push(self, admission, level, nanos, record);
    }

    fn count_lost(&self, reason: DropReason) {
        Queue::count_lost(self, reason);
    }

    fn count_format_failures(&self, count: u64) {
        Queue::count_format_failures(self, count);
    }
}

/// How the end of a record is brought into shape, so that one pattern serves every sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As the layout left it.
    AsIs,
    /// One newline at the end is taken off: a record needs no separator.
    StripNewline,
    /// Exactly one newline at the end: a line of a file.
    OneNewline,
}

/// Renders events into a sink. Made once per layer, shared with its worker.
pub(crate) struct Appender<T> {
    /// Tells this layer's span stack from others' on the same thread.
    id: u64,
    layout: Box<dyn Layout>,
    ending: Ending,
    /// Events from threads of this role, or one above it, are not ours to take.
    ignores: ThreadRole,
    sink: T,
}

impl<T> fmt::Debug for Appender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender")
            .field("id", &self.id)
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
}

impl Scratch {
    const fn new() -> Self {
        Self {
            out: Vec::new(),
            thread: None,
            looked_up: SpanContext::new(),
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
            id: stack::next_layer_id(),
            layout,
            ending,
            ignores,
            sink,
        }
    }

    #[inline]
    fn is_ours(&self) -> bool {
        thread_role() < self.ignores
    }

    #[inline]
    pub(crate) fn on_event<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if !self.is_ours() {
            return;
        }
        let taken = SCRATCH.try_with(|cell| match cell.try_borrow_mut() {
            Ok(mut scratch) => self.take(event, ctx, &mut scratch),
            Err(_) => self.sink.count_lost(DropReason::Reentrant),
        });
        if taken.is_err() {
            // A thread-local's destructor logs, after ours has run.
            self.take(event, ctx, &mut Scratch::new());
        }
    }

    #[inline]
    fn take<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>, scratch: &mut Scratch)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let level = *event.metadata().level();
        let Some(admission) = self.sink.admit(level) else {
            return;
        };
        let timestamp = Timestamp::now();
        let thread = scratch.thread.get_or_insert_with(LiveThread::current);
        if event.is_contextual()
            && let Some(spans) = stack::current(self.id, ctx)
        {
            let view = LogEvent::live(event, timestamp, thread, &spans);
            self.render(&view, &mut scratch.out, admission);
        } else {
            look_up_spans(&mut scratch.looked_up, event, ctx);
            let view = LogEvent::live(event, timestamp, thread, &scratch.looked_up);
            self.render(&view, &mut scratch.out, admission);
        }
    }

    /// Logs an event of the layer's own, from its worker.
    pub(crate) fn emit(&self, event: &LogEvent<'_>) {
        if let Some(admission) = self.sink.admit(event.level()) {
            self.render(event, &mut Vec::new(), admission);
        }
    }

    #[inline]
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>, admission: T::Admission) {
        out.clear();
        // A panic in a value is contained where the value is written; this is for the layout.
        let rendered = catch_unwind(AssertUnwindSafe(|| self.layout.render(event, out)));
        if let Err(payload) = rendered {
            drop_payload(payload);
            // The event is lost, and counted as such.
            take_failures();
            return self.sink.count_lost(DropReason::FormatError);
        }
        if out.len() > MAX_EVENT_BYTES {
            cut(out);
        }
        self.end(out);
        let failures = take_failures();
        if failures > 0 {
            self.sink.count_format_failures(failures);
        }
        self.sink.push(
            admission,
            event.level(),
            event.timestamp().unix_nanos(),
            out,
        );
        if out.capacity() > KEEP_BYTES {
            *out = Vec::new();
        }
    }

    #[inline]
    fn end(&self, out: &mut Vec<u8>) {
        match self.ending {
            Ending::AsIs => {}
            Ending::StripNewline => {
                if out.last() == Some(&b'\n') {
                    out.pop();
                }
            }
            Ending::OneNewline => {
                while out.last() == Some(&b'\n') {
                    out.pop();
                }
                out.push(b'\n');
            }
        }
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

    #[inline]
    pub(crate) fn on_enter(&self, id: &Id) {
        if self.is_ours() {
            stack::enter(self.id, id);
        }
    }

    #[inline]
    pub(crate) fn on_exit(&self, id: &Id) {
        if self.is_ours() {
            stack::exit(self.id, id);
        }
    }
}

/// Finds the spans of an event that names its parent, or that this layer has seen no span entered
/// for: because there is none, or because the layer came later than the spans.
fn look_up_spans<S>(view: &mut SpanContext, event: &Event<'_>, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    view.clear();
    if let Some(parent) = event.parent() {
        stack::build(view, parent, ctx);
    } else if event.is_contextual()
        && let Some(current) = contained(|| ctx.lookup_current()).flatten()
    {
        stack::build(view, &current.id(), ctx);
    }
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

/// Cuts a record at the limit, at a character boundary, and says by how much.
#[cold]
fn cut(out: &mut Vec<u8>) {
    let is_inside = |at: &usize| {
        out.get(*at)
            .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    };
    // A character has at most three bytes after its first; what has more of them is no text.
    let mut boundaries = (MAX_EVENT_BYTES - 3..=MAX_EVENT_BYTES).rev();
    let end = boundaries
        .find(|at| !is_inside(at))
        .unwrap_or(MAX_EVENT_BYTES);
    let missing = out.len() - end;
    out.truncate(end);
    write_cut(out, missing);
}

/// Implements `Layer` for a public newtype by handing each callback to the `Appender` in its field
/// `appender`.
macro_rules! forward_layer {
    ($type:ty) => {
        impl<S> tracing_subscriber::Layer<S> for $type
        where
            S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
        {
            fn on_event(
                &self,
                event: &tracing::Event<'_>,
                ctx: tracing_subscriber::layer::Context<'_, S>,
            ) {
                self.appender.on_event(event, &ctx);
            }

            fn on_new_span(
                &self,
                attributes: &tracing::span::Attributes<'_>,
                id: &tracing::span::Id,
                ctx: tracing_subscriber::layer::Context<'_, S>,
            ) {
                self.appender.on_new_span(attributes, id, &ctx);
            }

            fn on_record(
                &self,
                id: &tracing::span::Id,
                values: &tracing::span::Record<'_>,
                ctx: tracing_subscriber::layer::Context<'_, S>,
            ) {
                self.appender.on_record(id, values, &ctx);
            }

            fn on_enter(
                &self,
                id: &tracing::span::Id,
                _ctx: tracing_subscriber::layer::Context<'_, S>,
            ) {
                self.appender.on_enter(id);
            }

            fn on_exit(
                &self,
                id: &tracing::span::Id,
                _ctx: tracing_subscriber::layer::Context<'_, S>,
            ) {
                self.appender.on_exit(id);
            }
        }
    };
}
pub(crate) use forward_layer;
