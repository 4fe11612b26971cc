//! Where rendered events go.

use std::sync::Arc;

use tracing::Level;

use crate::queue::Admission;
use crate::queue::Queue;
use crate::queue::Stamp;
use crate::stats::DropReason;

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
