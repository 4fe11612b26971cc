//! The one `tracing` layer behind all public ones: takes an event, renders it, hands the bytes to a sink.

use std::any::Any;
use std::cell::RefCell;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

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
use crate::event::SpanSource;
use crate::event::drop_payload;
use crate::event::take_failures;
use crate::layout::Layout;
use crate::queue::Shape;
use crate::queue::Stamp;
use crate::stats::DropReason;
use crate::sys::ThreadRole;
use crate::sys::Timestamp;
use crate::sys::thread_role;

mod ending;
mod forward;
mod marks;
mod parts;
mod shared;
mod sink;
mod spans;
mod turn;

pub(crate) use ending::Ending;
use ending::cut;
pub(crate) use forward::forward_layer;
use marks::Turn;
pub(crate) use parts::Parts;
use shared::Group;
use shared::Member;
use shared::Renderings;
pub(crate) use sink::Sink;
use spans::Around;
use spans::Views;

/// A rendering buffer that grew beyond this is not kept by its thread.
const KEEP_BYTES: usize = 64 * 1024;
// Only a buffer that is not kept can hold a record that has to be cut.
const _: () = assert!(KEEP_BYTES < MAX_EVENT_BYTES);

/// Renders events into a sink. Made once per layer, shared with its worker.
pub(crate) struct Appender<T> {
    layout: Box<dyn Layout>,
    /// Layers that need not render again what this one has rendered.
    group: Group,
    member: Member,
    /// What a record has beside its value; none where it has nothing.
    parts: Option<Box<Parts>>,
    ending: Ending,
    /// Events from threads of this role, or one after it, are not ours to take.
    ignores: ThreadRole,
    sink: T,
}

impl<T> fmt::Debug for Appender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Appender")
            .field("ending", &self.ending)
            .finish_non_exhaustive()
    }
}

/// What a thread keeps between events. Its `RefCell` is the re-entrancy cell: an event that is
/// logged while another one is being rendered finds it borrowed. At the end of a thread it is gone, and
/// a [`Turn`] takes its place.
struct Scratch {
    out: Vec<u8>,
    views: Views,
    borrowed: Borrowed,
    renderings: Renderings,
}

/// What an event's view borrows beside the event and its spans.
struct Borrowed {
    thread: Option<LiveThread>,
    /// For events outside of all spans.
    outside: SpanContext,
    /// For records of the crate `log`.
    bridged: Bridged,
}

impl Scratch {
    const fn new() -> Self {
        Self {
            out: Vec::new(),
            views: Views::new(),
            borrowed: Borrowed {
                thread: None,
                outside: SpanContext::new(),
                bridged: Bridged::new(),
            },
            renderings: Renderings::new(),
        }
    }
}

impl Borrowed {
    /// The view of `event`, whose spans are looked up when they are asked for.
    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 25 instructions; the other callers are rare"
    )]
    #[inline(always)]
    fn view<'a>(
        &'a mut self,
        event: &'a Event<'a>,
        timestamp: Timestamp,
        spans: &'a dyn SpanSource<'a>,
    ) -> LogEvent<'a> {
        let thread = self.thread.get_or_insert_with(LiveThread::current);
        let bridged = if Bridged::is_possible(event.metadata()) {
            self.bridged.read(event)
        } else {
            None
        };
        LogEvent::live(event, timestamp, thread, spans, &self.outside, bridged)
    }
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = const { RefCell::new(Scratch::new()) };
}

impl<T: Sink> Appender<T> {
    pub(crate) fn new(
        layout: Box<dyn Layout>,
        ending: Ending,
        ignores: ThreadRole,
        sink: T,
    ) -> Self {
        Self {
            group: Group::join(layout.fingerprint()),
            member: Member::new(),
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
            return self.leave(event);
        }
        if self.sink.has_room(*event.metadata().level()) {
            self.take_admitted(event, ctx, T::Admission::default());
        } else {
            self.take_if_admitted(event, ctx);
        }
    }

    /// An event of a thread that is not the application's, or not for the moment.
    #[cold]
    fn leave(&self, event: &Event<'_>) {
        if thread_role() == ThreadRole::Busy {
            if self.group.is_shared() {
                let _had_its_turn = shared::take_turn(self.member.number(), event);
            }
            self.sink.count_lost(DropReason::Reentrant);
        }
    }

    #[cold]
    fn take_if_admitted<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if is_taking() {
            return self.sink.count_lost(DropReason::Reentrant);
        }
        if let Some(admission) = self.sink.admit_full(*event.metadata().level()) {
            self.take_admitted(event, ctx, admission);
        } else if self.group.is_shared() {
            // It had its turn.
            shared::pass(self.member.number());
        }
    }

    #[inline]
    fn take_admitted<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>, admission: T::Admission)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if self.group.is_shared() {
            self.take_shared(event, ctx, admission);
        } else {
            self.take(event, ctx, admission);
        }
    }

    #[inline(never)]
    fn take<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>, admission: T::Admission)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let taken = SCRATCH.try_with(|cell| match cell.try_borrow_mut() {
            Ok(mut scratch) => self.take_alone(event, ctx, &mut scratch, admission),
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
        let Some(_turn) = Turn::at_event() else {
            return self.sink.count_lost(DropReason::Reentrant);
        };
        let mut scratch = Scratch::new();
        scratch.borrowed.thread = Some(LiveThread::at_its_end());
        self.take_alone(event, ctx, &mut scratch, admission);
    }

    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 25 instructions; the other callers are rare"
    )]
    #[inline(always)]
    fn take_alone<S>(
        &self,
        event: &Event<'_>,
        ctx: &Context<'_, S>,
        scratch: &mut Scratch,
        admission: T::Admission,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let timestamp = Timestamp::now();
        let spans = Around::new(event, ctx, &mut scratch.views);
        let view = scratch.borrowed.view(event, timestamp, &spans);
        self.render(&view, &mut scratch.out, admission);
        scratch.views.drop_huge();
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
        let Some(failures) = self.lay_out(event, out) else {
            return;
        };
        self.push(event, failures, out, admission);
        if out.capacity() > KEEP_BYTES {
            *out = Vec::new();
        }
    }

    /// Has the layout append `event`. How many values failed to format; none if all of it failed.
    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 25 instructions; the other callers are rare"
    )]
    #[inline(always)]
    fn lay_out(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) -> Option<u64> {
        // A panic in a value is contained where the value is written; this is for the layout.
        match catch_unwind(AssertUnwindSafe(|| self.layout.render(event, out))) {
            Ok(()) => Some(take_failures()),
            Err(payload) => {
                self.lose(payload);
                None
            }
        }
    }

    /// Pushes what was rendered for `event`.
    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 25 instructions; the other callers are rare"
    )]
    #[inline(always)]
    fn push(
        &self,
        event: &LogEvent<'_>,
        failures: u64,
        out: &mut Vec<u8>,
        admission: T::Admission,
    ) {
        if out.capacity() > KEEP_BYTES {
            cut(out, 0, MAX_EVENT_BYTES);
        }
        match &self.parts {
            None => self.push_value(event.level(), event.timestamp(), failures, out, admission),
            Some(parts) => {
                self.count_failures(failures);
                self.push_with_parts(parts, event, out, admission);
            }
        }
    }

    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 25 instructions; the other callers are rare"
    )]
    #[inline(always)]
    fn push_value(
        &self,
        level: Level,
        timestamp: Timestamp,
        failures: u64,
        out: &mut Vec<u8>,
        admission: T::Admission,
    ) {
        self.count_failures(failures);
        let stamp = Stamp {
            level,
            shape: Shape::Plain,
            nanos: timestamp.unix_nanos(),
        };
        self.sink.push(admission, stamp, self.ending.shape(out));
    }

    #[inline]
    fn count_failures(&self, failures: u64) {
        if failures > 0 {
            self.sink.count_format_failures(failures);
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
    ) {
        let value = self.ending.shape(out).len();
        out.truncate(value);
        let rendered = catch_unwind(AssertUnwindSafe(|| parts.render(event, out)));
        if let Err(payload) = rendered {
            return self.lose(payload);
        }
        self.count_failures(take_failures());
        let stamp = Stamp {
            level: event.level(),
            shape: Shape::WithParts,
            nanos: event.timestamp().unix_nanos(),
        };
        self.sink.push(admission, stamp, out);
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
        if self.is_ours() && !attributes.is_empty() {
            spans::keep_fields(attributes, id, ctx);
        }
    }

    pub(crate) fn on_record<S>(&self, id: &Id, values: &Record<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if self.is_ours() {
            spans::update_fields(values, id, ctx);
        }
    }

    /// A callsite is new, or the subscriber was changed: this layer may have been elsewhere.
    pub(crate) fn register_callsite(&self) -> Interest {
        self.member.may_have_moved();
        Interest::always()
    }

    /// The event comes next, unless another layer does not want it.
    #[inline]
    pub(crate) fn event_enabled(&self, event: &Event<'_>) -> bool {
        if self.group.is_shared() {
            shared::ask(self.member.number(), event);
        }
        true
    }
}

/// Whether this thread is in the middle of taking an event.
#[inline]
fn is_taking() -> bool {
    SCRATCH
        .try_with(|cell| cell.try_borrow_mut().is_err())
        .unwrap_or_else(|_| Turn::at_event().is_none())
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
