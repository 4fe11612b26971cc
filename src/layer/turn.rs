//! A layer's turn at an event that is offered to others of equal layouts, too: one of them renders it.

use tracing::Event;
use tracing::Subscriber;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Appender;
use super::Around;
use super::KEEP_BYTES;
use super::SCRATCH;
use super::Scratch;
use super::shared;
use super::shared::Made;
use super::sink::Sink;
use crate::event::SpanContext;
use crate::stats::DropReason;
use crate::sys::Timestamp;

impl<T: Sink> Appender<T> {
    /// Takes an event that another layer may have rendered, or may need rendered.
    #[inline(never)]
    pub(super) fn take_shared<S>(
        &self,
        event: &Event<'_>,
        ctx: &Context<'_, S>,
        admission: T::Admission,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let Some(round) = shared::take_turn(self.member.number(), event) else {
            return self.take(event, ctx, admission);
        };
        if shared::is_ready(&self.group) && self.parts.is_none() {
            self.push_in_turn(event, ctx, admission, round);
        } else {
            self.render_in_turn(event, ctx, admission, round);
        }
    }

    /// Pushes what another layer has rendered, when nothing else of the event is needed.
    #[inline(never)]
    fn push_in_turn<S>(
        &self,
        event: &Event<'_>,
        ctx: &Context<'_, S>,
        admission: T::Admission,
        round: u64,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let pushed = SCRATCH.try_with(|cell| {
            let mut scratch = cell.try_borrow_mut().ok()?;
            let rendering = scratch.renderings.of(&self.group);
            let made = rendering.find(round, &self.group)?;
            let level = *event.metadata().level();
            let out = rendering.restored();
            self.push_value(level, made.timestamp, made.failures, out, admission);
            Some(())
        });
        if !matches!(pushed, Ok(Some(()))) {
            self.take(event, ctx, admission);
        }
    }

    /// Renders the event for the layers that follow, unless it was rendered with the spans that this
    /// one sees. The time is the same in all places, even if not rendered for all.
    #[inline(never)]
    fn render_in_turn<S>(
        &self,
        event: &Event<'_>,
        ctx: &Context<'_, S>,
        admission: T::Admission,
        round: u64,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let taken = SCRATCH.try_with(|cell| match cell.try_borrow_mut() {
            Ok(mut scratch) => self.render_with(event, ctx, &mut scratch, admission, round),
            Err(_) => self.sink.count_lost(DropReason::Reentrant),
        });
        if taken.is_err() {
            self.take_late(event, ctx, admission);
        }
    }

    #[inline]
    fn render_with<S>(
        &self,
        event: &Event<'_>,
        ctx: &Context<'_, S>,
        scratch: &mut Scratch,
        admission: T::Admission,
        round: u64,
    ) where
        S: Subscriber + for<'a> LookupSpan<'a>,
    {
        let rendering = scratch.renderings.of(&self.group);
        let made = rendering.find(round, &self.group);
        let timestamp = made.map_or_else(Timestamp::now, |made| made.timestamp);
        let spans = Around::new(event, ctx, &mut scratch.views);
        let view = scratch.borrowed.view(event, timestamp, &spans);
        let is_same = |seen| view.spans().content() == seen;
        let (failures, out) = match made {
            Some(made) if made.spans.is_none_or(is_same) => (made.failures, rendering.restored()),
            _ => {
                let out = match made {
                    Some(_) => &mut scratch.out,
                    None => rendering.begin(),
                };
                out.clear();
                let Some(failures) = self.lay_out(&view, out) else {
                    return;
                };
                if made.is_some() {
                    (failures, out)
                } else {
                    // An event inside this one began another round: then nobody will ask for this.
                    if out.capacity() <= KEEP_BYTES {
                        let spans = view.shown_spans().map(SpanContext::content);
                        let made = Made {
                            timestamp,
                            failures,
                            spans,
                        };
                        rendering.keep(round, &self.group, made);
                    }
                    (failures, rendering.out())
                }
            }
        };
        self.push(&view, failures, out, admission);
        if out.capacity() > KEEP_BYTES {
            *out = Vec::new();
        }
        if self.parts.is_some() {
            rendering.changed();
        }
        scratch.views.drop_huge();
    }
}
