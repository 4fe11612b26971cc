//! How somebody hears of events that were given up, from the threads that log and without holding them up.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;

use super::Queue;
use crate::stats::DropReason;

/// Tells of losses. What is called here comes from threads that log: it must neither wait nor print.
pub(crate) trait Alarm: Send + Sync + fmt::Debug {
    /// Something was given up, or is about to be: it is time to look at the counters.
    fn raise(&self);
    /// An event came after the shutdown.
    fn came_late(&self);
}

impl Queue {
    /// Sets who tells of losses; the first one counts.
    pub(crate) fn set_alarm(&self, alarm: Arc<dyn Alarm>) {
        let _first = self.alarm.set(alarm);
    }

    /// Calls who tells of losses.
    #[cold]
    pub(crate) fn raise_alarm(&self) {
        // What was counted before is seen by who looks after it, or the alarm is raised anew.
        fence(Ordering::SeqCst);
        if let Some(alarm) = self.alarm.get() {
            alarm.raise();
        }
    }

    /// Counts an event of this thread that never got into the queue.
    #[cold]
    pub(crate) fn count_lost(&self, reason: DropReason) {
        self.count(reason);
        match (reason, self.alarm.get()) {
            (DropReason::Shutdown, Some(alarm)) => alarm.came_late(),
            _ => self.raise_alarm(),
        }
    }
}
