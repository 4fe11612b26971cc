//! Which spans the running thread is in, as each layer sees it, with their merged view made once per enter.
//!
//! It mirrors the registry's own stack: entries leave out of order, and a span that is entered again
//! while it is active counts as a duplicate, which is never the current one.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tracing::Event;
use tracing::Subscriber;
use tracing::span::Id;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::contained;
use crate::event::SpanContext;
use crate::event::SpanFields;

/// How many layers' empty stacks a thread keeps for their buffers.
const KEPT_STACKS: usize = 16;
/// How many stacks it has at most: beyond it one goes that was left by a layer that is gone, or that
/// makes itself anew at the next enter.
const MAX_STACKS: usize = 64;
/// How many layers a thread can know to be outside of all spans at a time; a power of two.
const PLACES: usize = 4;

/// Rises whenever a field is recorded on a span after its creation: views made before are stale.
static EPOCH: AtomicU64 = AtomicU64::new(1);

/// The number of a period that begins, of whatever layer; never 0.
fn next_period() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Makes every view made so far stale.
pub(super) fn fields_changed() {
    EPOCH.fetch_add(1, Ordering::Release);
}

thread_local! {
    /// Borrowed for moments only, never while a user's code runs.
    static STACKS: RefCell<Vec<Stack>> = const { RefCell::new(Vec::new()) };
    /// Layers that know of no span on this thread: the period of each, in the place that its number
    /// leads to. Has no destructor, so it is there for every event and costs no look at its state.
    static OUTSIDE: [Cell<u64>; PLACES] = const { [const { Cell::new(0) }; PLACES] };
}

/// What a layer knows of the spans around an event.
pub(super) enum Current {
    /// There are none.
    Outside,
    Inside(Rc<SpanContext>),
    /// The event names its parent, or the layer may have come later than the spans.
    Unknown,
}

/// The spans that one layer sees entered on this thread.
struct Stack {
    layer: u64,
    /// The first `depth` are entered; the rest keep their buffers for the next enter.
    entries: Vec<Entry>,
    depth: usize,
    /// What the layer knew when the first of them was entered: see [`OUTSIDE`].
    known: u64,
}

struct Entry {
    id: Id,
    duplicate: bool,
    /// The epoch in which `view` was made; 0 for not yet.
    epoch: u64,
    /// None while it is being made anew.
    view: Option<Rc<SpanContext>>,
}

/// The span stacks of one layer, one on each thread.
#[derive(Debug)]
pub(super) struct LayerSpans {
    /// Tells this layer's stack from others' on the same thread.
    layer: u64,
    /// A number that no other layer has or had, another one whenever this layer may have been out of
    /// the subscriber for a while: what it knew before proves nothing then.
    period: AtomicU64,
}

impl LayerSpans {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self {
            layer: NEXT.fetch_add(1, Ordering::Relaxed),
            period: AtomicU64::new(next_period()),
        }
    }

    /// The number of the running period.
    #[inline]
    pub(super) fn period(&self) -> u64 {
        self.period.load(Ordering::Acquire)
    }

    /// The layer may have missed that a span was entered, on any thread.
    pub(super) fn may_have_missed(&self) {
        self.period.store(next_period(), Ordering::Release);
    }

    #[inline]
    fn outside<R>(&self, run: impl FnOnce(&Cell<u64>) -> R) -> R {
        OUTSIDE.with(|places| {
            let [first, second, third, fourth] = places;
            run(match self.layer % PLACES as u64 {
                0 => first,
                1 => second,
                2 => third,
                _ => fourth,
            })
        })
    }

    #[inline]
    pub(super) fn enter(&self, id: &Id) {
        let known = self.outside(|known| known.replace(0));
        // A thread that is ending has no spans worth showing.
        let _ended = STACKS.try_with(|cell| {
            if let Ok(mut stacks) = cell.try_borrow_mut() {
                with_stack(&mut stacks, self.layer, |stack| {
                    if stack.depth == 0 {
                        stack.known = known;
                    }
                    stack.push(id);
                });
            }
        });
    }

    #[inline]
    pub(super) fn exit(&self, id: &Id) {
        let _ended = STACKS.try_with(|cell| {
            if let Ok(mut stacks) = cell.try_borrow_mut()
                && let Some(stack) = stacks.iter_mut().find(|stack| stack.layer == self.layer)
                && stack.pop(id)
                && stack.depth == 0
                && stack.known == self.period.load(Ordering::Acquire)
            {
                // It has heard of every enter and exit since.
                self.outside(|known| known.set(stack.known));
            }
        });
    }

    /// The merged view of the spans that `event` is in, as this layer sees them.
    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 25 instructions; the other callers are rare"
    )]
    #[inline(always)]
    pub(super) fn current<S>(&self, event: &Event<'_>, ctx: &Context<'_, S>) -> Current
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        if !event.is_contextual() {
            return Current::Unknown;
        }
        if self.outside(Cell::get) == self.period.load(Ordering::Acquire) {
            return Current::Outside;
        }
        let found = STACKS.try_with(|cell| {
            let mut stacks = cell.try_borrow_mut().ok()?;
            let stack = stacks.iter_mut().find(|stack| stack.layer == self.layer)?;
            stack.find()
        });
        match found {
            Ok(Some(Found::View(view))) => Current::Inside(view),
            Ok(Some(Found::Stale(id, view))) => Current::Inside(self.renew(&id, view, ctx)),
            Ok(None) | Err(_) => Current::Unknown,
        }
    }

    /// Finds the spans of an event that names its parent, or that this layer has seen no span entered
    /// for: because there is none, or because the layer came later than the spans.
    #[cold]
    pub(super) fn look_up<S>(&self, view: &mut SpanContext, event: &Event<'_>, ctx: &Context<'_, S>)
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        view.clear();
        if let Some(parent) = event.parent() {
            return build(view, parent, ctx);
        }
        if event.is_root() {
            return;
        }
        // Before the look: what is missed after it must not go unnoticed.
        let period = self.period.load(Ordering::Acquire);
        match contained(|| ctx.lookup_current()) {
            Some(Some(current)) => build(view, &current.id(), ctx),
            // As long as this layer hears of every enter, it need not ask again.
            Some(None) => self.outside(|known| known.set(period)),
            None => {}
        }
    }

    /// Makes the view of the span `id` anew and keeps it for the next event inside.
    #[cold]
    fn renew<S>(
        &self,
        id: &Id,
        view: Option<Rc<SpanContext>>,
        ctx: &Context<'_, S>,
    ) -> Rc<SpanContext>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let epoch = EPOCH.load(Ordering::Acquire);
        let mut view = view.unwrap_or_default();
        // Another holder is an event that is being rendered further out on this thread.
        if Rc::get_mut(&mut view).is_none() {
            view = Rc::default();
        }
        if let Some(context) = Rc::get_mut(&mut view) {
            context.clear();
            build(context, id, ctx);
        }
        let _ended = STACKS.try_with(|cell| {
            let Ok(mut stacks) = cell.try_borrow_mut() else {
                return;
            };
            if let Some(context) = Rc::get_mut(&mut view) {
                let others = stacks.iter_mut().filter(|stack| stack.layer != self.layer);
                let mut views = others.filter_map(|stack| stack.current()?.view.as_deref());
                context.number_content(&mut views);
            }
            if let Some(stack) = stacks.iter_mut().find(|stack| stack.layer == self.layer)
                && let Some(entry) = stack.current()
                && entry.id == *id
            {
                entry.view = Some(Rc::clone(&view));
                entry.epoch = epoch;
            }
        });
        view
    }
}

/// The current span on a stack.
enum Found {
    View(Rc<SpanContext>),
    /// Its view has to be made; an old one for its buffers.
    Stale(Id, Option<Rc<SpanContext>>),
}

impl Stack {
    fn push(&mut self, id: &Id) {
        let entered = self.entries.iter().take(self.depth);
        let duplicate = entered.clone().any(|entry| entry.id == *id);
        if let Some(entry) = self.entries.get_mut(self.depth) {
            entry.id = id.clone();
            entry.duplicate = duplicate;
            entry.epoch = 0;
        } else {
            self.entries.push(Entry {
                id: id.clone(),
                duplicate,
                epoch: 0,
                view: None,
            });
        }
        self.depth += 1;
    }

    /// Returns whether the span was there.
    fn pop(&mut self, id: &Id) -> bool {
        let entered = self.entries.get_mut(..self.depth).unwrap_or_default();
        let Some(at) = entered.iter().rposition(|entry| entry.id == *id) else {
            return false;
        };
        // The entry goes behind the entered ones; the order of those is kept.
        if let Some(after) = entered.get_mut(at..) {
            after.rotate_left(1);
        }
        self.depth -= 1;
        true
    }

    fn current(&mut self) -> Option<&mut Entry> {
        let entered = self.entries.get_mut(..self.depth)?;
        entered.iter_mut().rev().find(|entry| !entry.duplicate)
    }

    #[inline]
    fn find(&mut self) -> Option<Found> {
        let entry = self.current()?;
        Some(match &entry.view {
            Some(view) if entry.epoch == EPOCH.load(Ordering::Acquire) => {
                Found::View(Rc::clone(view))
            }
            _ => Found::Stale(entry.id.clone(), entry.view.take()),
        })
    }
}

/// Runs `change` on the stack of `layer`, which is made if it has none yet.
#[inline]
fn with_stack(stacks: &mut Vec<Stack>, layer: u64, change: impl FnOnce(&mut Stack)) {
    let known = stacks.iter().position(|stack| stack.layer == layer);
    let at = known.unwrap_or_else(|| new_stack(stacks, layer));
    if let Some(stack) = stacks.get_mut(at) {
        change(stack);
    }
}

#[cold]
fn new_stack(stacks: &mut Vec<Stack>, layer: u64) -> usize {
    // Layers come and go, in tests above all: an empty stack changes hands.
    if stacks.len() >= KEPT_STACKS
        && let Some(at) = stacks.iter().position(|stack| stack.depth == 0)
        && let Some(stack) = stacks.get_mut(at)
    {
        stack.layer = layer;
        return at;
    }
    if stacks.len() >= MAX_STACKS {
        stacks.remove(0);
    }
    stacks.push(Stack {
        layer,
        entries: Vec::new(),
        depth: 0,
        known: 0,
    });
    stacks.len() - 1
}

/// Fills an empty view with the span `id` and those around it.
pub(super) fn build<S>(context: &mut SpanContext, id: &Id, ctx: &Context<'_, S>)
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    contained(|| {
        let Some(leaf) = ctx.span(id) else { return };
        for span in leaf.scope() {
            let extensions = span.extensions();
            let fields = extensions.get::<SpanFields>();
            let fields = fields.into_iter().flat_map(SpanFields::iter);
            if !context.add_span(span.name(), fields) {
                break;
            }
        }
    });
    context.finish();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> Id {
        Id::from_u64(number)
    }

    fn current_id(stack: &mut Stack) -> Option<u64> {
        stack.current().map(|entry| entry.id.into_u64())
    }

    #[test]
    fn spans_leave_in_any_order_and_duplicates_are_not_current() {
        let mut stack = Stack {
            layer: 0,
            entries: Vec::new(),
            depth: 0,
            known: 0,
        };
        stack.push(&id(1));
        stack.push(&id(2));
        stack.push(&id(1));
        assert_eq!(current_id(&mut stack), Some(2), "1 again is a duplicate");
        assert!(stack.pop(&id(2)));
        assert_eq!(current_id(&mut stack), Some(1));
        assert!(stack.pop(&id(1)));
        assert_eq!(current_id(&mut stack), Some(1), "the first enter is left");
        assert!(stack.pop(&id(1)));
        assert_eq!(current_id(&mut stack), None);
        assert!(!stack.pop(&id(1)), "it was not there any more");
        assert_eq!(stack.entries.len(), 3, "buffers stay");
    }

    #[test]
    fn stacks_of_layers_that_are_gone_are_used_again() {
        let mut stacks = Vec::new();
        for layer in 0..1000 {
            with_stack(&mut stacks, layer, |stack| stack.push(&id(1)));
            with_stack(&mut stacks, layer, |stack| assert!(stack.pop(&id(1))));
        }
        assert_eq!(stacks.len(), KEPT_STACKS);
    }
}
