//! Which spans the running thread is in, as each layer sees it, with their merged view made once per enter.
//!
//! It mirrors the registry's own stack: entries leave out of order, and a span that is entered again
//! while it is active counts as a duplicate, which is never the current one.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

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

/// Rises whenever a field is recorded on a span after its creation: views made before are stale.
static EPOCH: AtomicU64 = AtomicU64::new(1);

/// A number for a new layer, never used again.
pub(super) fn next_layer_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Makes every view made so far stale.
pub(super) fn fields_changed() {
    EPOCH.fetch_add(1, Ordering::Release);
}

thread_local! {
    /// Borrowed for moments only, never while a user's code runs.
    static STACKS: RefCell<Vec<Stack>> = const { RefCell::new(Vec::new()) };
}

/// The spans that one layer sees entered on this thread.
struct Stack {
    layer: u64,
    /// The first `depth` are entered; the rest keep their buffers for the next enter.
    entries: Vec<Entry>,
    depth: usize,
}

struct Entry {
    id: Id,
    duplicate: bool,
    /// The epoch in which `view` was made; 0 for not yet.
    epoch: u64,
    /// None while it is being made anew.
    view: Option<Rc<SpanContext>>,
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

    fn pop(&mut self, id: &Id) {
        let entered = self.entries.get_mut(..self.depth).unwrap_or_default();
        if let Some(at) = entered.iter().rposition(|entry| entry.id == *id) {
            // The entry goes behind the entered ones; the order of those is kept.
            if let Some(after) = entered.get_mut(at..) {
                after.rotate_left(1);
            }
            self.depth -= 1;
        }
    }

    fn current(&mut self) -> Option<&mut Entry> {
        let entered = self.entries.get_mut(..self.depth)?;
        entered.iter_mut().rev().find(|entry| !entry.duplicate)
    }
}

#[inline]
pub(super) fn enter(layer: u64, id: &Id) {
    // A thread that is ending has no spans worth showing.
    let _ended = STACKS.try_with(|cell| {
        if let Ok(mut stacks) = cell.try_borrow_mut() {
            with_stack(&mut stacks, layer, |stack| stack.push(id));
        }
    });
}

#[inline]
pub(super) fn exit(layer: u64, id: &Id) {
    let _ended = STACKS.try_with(|cell| {
        if let Ok(mut stacks) = cell.try_borrow_mut()
            && let Some(stack) = stacks.iter_mut().find(|stack| stack.layer == layer)
        {
            stack.pop(id);
        }
    });
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
    });
    stacks.len() - 1
}

/// The merged view of the spans that the running thread is in, as `layer` sees them.
#[inline]
pub(super) fn current<S>(layer: u64, ctx: &Context<'_, S>) -> Option<Rc<SpanContext>>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    let epoch = EPOCH.load(Ordering::Acquire);
    let (id, view) = STACKS
        .try_with(|cell| {
            let mut stacks = cell.try_borrow_mut().ok()?;
            let stack = stacks.iter_mut().find(|stack| stack.layer == layer)?;
            let entry = stack.current()?;
            if entry.epoch == epoch {
                return Some((None, entry.view.clone()));
            }
            Some((Some(entry.id.clone()), entry.view.take()))
        })
        .ok()??;
    match id {
        None => view,
        Some(id) => Some(renew(layer, &id, view, epoch, ctx)),
    }
}

/// Makes the view of the span `id` anew and keeps it for the next event inside.
#[cold]
fn renew<S>(
    layer: u64,
    id: &Id,
    view: Option<Rc<SpanContext>>,
    epoch: u64,
    ctx: &Context<'_, S>,
) -> Rc<SpanContext>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
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
        if let Ok(mut stacks) = cell.try_borrow_mut()
            && let Some(stack) = stacks.iter_mut().find(|stack| stack.layer == layer)
            && let Some(entry) = stack.current()
            && entry.id == *id
        {
            entry.view = Some(Rc::clone(&view));
            entry.epoch = epoch;
        }
    });
    view
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
        };
        stack.push(&id(1));
        stack.push(&id(2));
        stack.push(&id(1));
        assert_eq!(current_id(&mut stack), Some(2), "1 again is a duplicate");
        stack.pop(&id(2));
        assert_eq!(current_id(&mut stack), Some(1));
        stack.pop(&id(1));
        assert_eq!(current_id(&mut stack), Some(1), "the first enter is left");
        stack.pop(&id(1));
        assert_eq!(current_id(&mut stack), None);
        stack.pop(&id(1));
        assert_eq!(stack.entries.len(), 3, "buffers stay");
    }

    #[test]
    fn stacks_of_layers_that_are_gone_are_used_again() {
        let mut stacks = Vec::new();
        for layer in 0..1000 {
            with_stack(&mut stacks, layer, |stack| stack.push(&id(1)));
            with_stack(&mut stacks, layer, |stack| stack.pop(&id(1)));
        }
        assert_eq!(stacks.len(), KEPT_STACKS);
    }
}
