//! The record that tells readers of the log that events are missing from it.

use std::time::Duration;
use std::time::Instant;

use tracing::Level;

use crate::event::LogEvent;
use crate::stats::Dropped;

/// At most one notice in this time.
const EVERY: Duration = Duration::from_secs(10);
/// The target under which a notice appears in the log.
const TARGET: &str = "tracing_kafka";

/// Decides when a notice is due. Pure: time and counters are arguments.
#[derive(Debug)]
pub(crate) struct DropNotice {
    enabled: bool,
    told: Dropped,
    last: Option<Instant>,
    /// Something was dropped that no notice has told of yet.
    owed: bool,
}

impl DropNotice {
    pub(crate) fn new(enabled: bool) -> Self {
        Self {
            enabled,
            told: Dropped::default(),
            last: None,
            owed: false,
        }
    }

    pub(crate) fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether a notice is still to come, so that the worker must not sleep until the next event.
    pub(crate) fn is_owed(&self) -> bool {
        self.owed
    }

    /// Hands a WARN event to `log` if events were dropped since the last notice, and that is long
    /// enough ago.
    pub(crate) fn tell(&mut self, now: Instant, dropped: Dropped, log: impl FnOnce(&LogEvent<'_>)) {
        self.owed = self.enabled && dropped.total() > self.told.total();
        let waited = self
            .last
            .is_none_or(|last| now.duration_since(last) >= EVERY);
        if !self.owed || !waited {
            return;
        }
        let mut since = Dropped::default();
        for (reason, count) in dropped.iter() {
            since.add(reason, count - self.told.get(reason));
        }
        self.told = dropped;
        self.owed = false;
        self.last = Some(now);
        let message = format!("events are missing from this log: {since}");
        log(&LogEvent::builder()
            .level(Level::WARN)
            .target(TARGET)
            .thread(
                std::thread::current().name().unwrap_or(TARGET),
                crate::sys::thread_number(),
            )
            .message(&message)
            .build());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::DropReason;

    #[test]
    fn one_notice_in_ten_seconds_tells_what_came_since_the_last() {
        let mut notice = DropNotice::new(true);
        let start = Instant::now();
        let mut dropped = Dropped::default();
        let mut told = Vec::new();
        for (second, more) in [(0, 0), (1, 3), (2, 4), (10, 0), (11, 0), (30, 0)] {
            dropped.add(DropReason::QueueFull, more);
            notice.tell(start + Duration::from_secs(second), dropped, |event| {
                let mut message = Vec::new();
                event.write_message(&mut message);
                told.push((second, String::from_utf8(message).unwrap()));
            });
        }
        let text = |count| {
            format!("events are missing from this log: {count} dropped (queue_full {count})")
        };
        assert_eq!(told, [(1, text(3)), (11, text(4))]);
    }
}
