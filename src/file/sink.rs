//! What the layer's appender hands rendered events to: the queue, and for synchronous layers the writer.

use std::sync::Arc;
use std::sync::OnceLock;

use tracing::Level;

use super::shared::Shared;
use crate::layer::Sink;
use crate::layer::contained;
use crate::queue::Admission;
use crate::queue::Queue;
use crate::queue::Stamp;
use crate::stats::DropReason;
use crate::sys::ThreadRole;
use crate::sys::WriterTurn;

/// The queue of one file layer.
#[derive(Debug)]
pub(super) struct FileSink {
    queue: Arc<Queue>,
    /// Set where callers write themselves.
    writer: OnceLock<Arc<Shared>>,
}

impl FileSink {
    pub(super) fn new(queue: Arc<Queue>) -> Self {
        Self {
            queue,
            writer: OnceLock::new(),
        }
    }

    /// From now on each event is written by the thread that logged it.
    pub(super) fn write_at_once(&self, writer: Arc<Shared>) {
        let _only_once = self.writer.set(writer);
    }
}

impl Sink for FileSink {
    type Admission = Admission;

    #[inline]
    fn has_room(&self, level: Level) -> bool {
        self.queue.has_room(level)
    }

    fn admit(&self, level: Level) -> Option<Admission> {
        self.queue.admit(level)
    }

    #[inline]
    fn admit_full(&self, level: Level) -> Option<Admission> {
        self.queue.admit_full(level)
    }

    #[expect(
        clippy::inline_always,
        reason = "a call and its spills cost each event 20 instructions; the other callers are rare"
    )]
    #[inline(always)]
    fn push(&self, admission: Admission, stamp: Stamp, payload: &[u8]) {
        self.queue.push(admission, stamp, payload);
        if let Some(writer) = self.writer.get() {
            write(writer);
        }
    }

    fn count_lost(&self, reason: DropReason) {
        self.queue.count_lost(reason);
    }

    fn count_format_failures(&self, count: u64) {
        self.queue.count_format_failures(count);
    }
}

/// What is said on the way, by a hook say, must not come back here: this thread is the writer's for a
/// moment.
#[cold]
fn write(writer: &Shared) {
    contained(|| {
        let turn = WriterTurn::begin(ThreadRole::File);
        if writer.write_now() {
            turn.end_well();
        }
    });
}
