//! What the oldest record waits for, in words: for those who are told of losses.

use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use super::Producer;
use super::Task;
use crate::stats::utc;

/// How often it is put into words.
const SAY_EVERY: Duration = Duration::from_millis(50);

/// What went wrong since something was last delivered.
#[derive(Debug, Default)]
pub(super) struct Obstacle {
    /// The latest trouble, and when what failed first was begun.
    now: Option<(String, SystemTime)>,
    /// When the task was begun that has just ended.
    begun: Option<SystemTime>,
    said: Option<Instant>,
}

impl Obstacle {
    /// A task has ended, and what is met next is its outcome.
    pub(super) fn task_ended(&mut self, begun: Option<SystemTime>) {
        self.begun = begun;
    }

    /// Something stands in the way.
    pub(super) fn met(&mut self, text: &str) {
        let begun = self.begun.unwrap_or_else(SystemTime::now);
        let since = self.now.take().map_or(begun, |(_, since)| since);
        self.now = Some((text.to_owned(), since));
    }

    /// Something was delivered.
    pub(super) fn passed(&mut self) {
        self.now = None;
    }
}

impl Producer {
    /// Says it, now and then.
    pub(super) fn say_what_is_waited_for(&mut self, now: Instant) {
        let said = self.obstacle.said;
        if said.is_none_or(|said| now.saturating_duration_since(said) >= SAY_EVERY) {
            self.obstacle.said = Some(now);
            let text = self.what_is_waited_for();
            self.reporter.waits_for(text);
        }
    }

    pub(super) fn what_is_waited_for(&self) -> Option<String> {
        if let Some((text, since)) = &self.obstacle.now {
            let since = utc(*since);
            return Some(format!(
                "the cluster, which has taken nothing since {since}: {text}"
            ));
        }
        let tasks = self.running.values();
        let oldest = tasks.min_by_key(|begun| begun.since)?;
        let since = utc(oldest.since);
        let asked = match &oldest.task {
            Task::Connect { broker } | Task::Produce { broker, .. } => {
                self.cluster.brokers.get(broker)?.address.clone()
            }
            Task::Ask | Task::Identify => self.settings.servers.join("`, `"),
        };
        Some(format!(
            "broker `{asked}`, which has not answered since {since}"
        ))
    }
}
