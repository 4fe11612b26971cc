//! The thread that tells of troubles and losses: hooks and standard error may hold up nobody else.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::atomic::fence;
use std::thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use super::losses::Losses;
use super::losses::Told;
use super::report::Desk;
use super::report::End;
use super::report::Reporter;
use super::words;
use super::words::Facts;
use super::words::Undelivered;
use crate::queue::Queue;
use crate::stats::DeliveryError;
use crate::stats::DropReason;
use crate::sys::set_thread_role;
use crate::sys::start_thread;

/// How often the same kind of trouble is printed again, at most.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);
/// How soon after the alarm the counters are looked at: by then the layer's thread has said what is
/// waited for.
const SETTLE: Duration = Duration::from_millis(100);
/// How often they are looked at while losses go on.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What the thread keeps to itself.
struct Teller {
    desk: Arc<Desk>,
    queue: Arc<Queue>,
    losses: Losses,
    printed: Vec<Printed>,
    /// When the counters were last looked at, or the alarm was raised.
    last_look: SystemTime,
}

/// What was printed of one kind of trouble.
struct Printed {
    kind: &'static str,
    last: Instant,
    /// Occurrences since then.
    since: u64,
}

/// Starts the thread that tells what `reporter` is handed, and of the losses of `queue`.
pub(super) fn start(reporter: &Reporter, queue: Arc<Queue>) -> io::Result<()> {
    let desk = Arc::clone(&reporter.desk);
    queue.set_alarm(Arc::new(reporter.clone()));
    let teller = Teller {
        desk: Arc::clone(&desk),
        queue,
        losses: Losses::default(),
        printed: Vec::new(),
        last_look: SystemTime::now(),
    };
    let started = start_thread("tracing-kafka-tell", move || teller.run())?;
    desk.set_teller(started.thread().clone());
    // It may have slept since before anybody could wake it.
    started.thread().unpark();
    Ok(())
}

impl Teller {
    fn run(mut self) {
        set_thread_role(self.desk.role);
        let mut look_at = None;
        loop {
            let (reports, end) = self.desk.take();
            for report in reports {
                self.tell_trouble(&report);
                self.desk.one_is_told();
            }
            if let Some(end) = end {
                self.finish(end);
                return self.desk.ended.set(());
            }
            let now = Instant::now();
            if self.desk.is_raised.load(Ordering::SeqCst) {
                look_at = self.look_if_due(now, look_at);
            }
            match look_at {
                Some(due) => thread::park_timeout(due.saturating_duration_since(Instant::now())),
                None => thread::park(),
            }
        }
    }

    /// Looks at the counters if `due`. Returns when to look again.
    fn look_if_due(&mut self, now: Instant, due: Option<Instant>) -> Option<Instant> {
        let Some(due) = due else {
            self.last_look = SystemTime::now();
            return Some(now + SETTLE);
        };
        if now < due {
            return Some(due);
        }
        let since = self.last_look;
        self.last_look = SystemTime::now();
        let dropped = self.queue.dropped();
        for told in self.losses.look(now, since, self.last_look, &dropped) {
            let refusal = self.desk.refusal();
            let error = words::loss(told, self.facts(refusal.as_deref()));
            self.desk.tell(&error, "");
        }
        if self.may_sleep() {
            return None;
        }
        Some(Instant::now() + LOOK_EVERY)
    }

    /// Lowers the alarm if nothing goes on.
    fn may_sleep(&self) -> bool {
        // Who finds no room does not raise the alarm again before some has come.
        if !self.losses.is_quiet() || self.queue.is_pressed() {
            return false;
        }
        self.desk.is_raised.store(false, Ordering::SeqCst);
        fence(Ordering::SeqCst);
        let has_missed = !self.losses.knows(&self.queue.dropped()) || self.queue.is_pressed();
        if has_missed {
            self.desk.is_raised.store(true, Ordering::SeqCst);
        }
        !has_missed
    }

    /// The last words.
    fn finish(&mut self, end: End) {
        let dropped = self.queue.dropped();
        let told = self
            .losses
            .finish(self.last_look, SystemTime::now(), &dropped);
        for told in told {
            self.tell_last(told, end);
        }
    }

    fn tell_last(&self, told: Told, end: End) {
        let refusal = self.desk.refusal();
        let facts = self.facts(refusal.as_deref());
        let error = if told.reason != DropReason::Shutdown {
            words::loss(told, facts)
        } else if end.is_dropped {
            let undelivered = Undelivered {
                timeout: end.timeout,
                unknown: self.queue.ledger.lock().unknown,
            };
            words::undelivered(told, undelivered, facts)
        } else {
            // Its report has them.
            return;
        };
        self.desk.tell(&error, "");
    }

    fn facts<'a>(&self, refusal: Option<&'a str>) -> Facts<'a> {
        Facts {
            buffer_memory: self.queue.buffer_memory(),
            overflow: self.queue.policy(),
            delivery_timeout: self.desk.delivery_timeout,
            refusal,
            waits_for: self.desk.what_is_waited_for(),
        }
    }

    /// Hands `error` to the hook; without one, prints the first of each kind, then at most one
    /// line a minute.
    fn tell_trouble(&mut self, error: &DeliveryError) {
        if self.desk.has_hook() {
            self.desk.tell(error, "");
        } else if let Some(note) = self.note(error.kind(), Instant::now()) {
            self.desk.tell(error, &note);
        }
    }

    /// What to add to a line of this kind; none if it is not to be printed.
    fn note(&mut self, kind: &'static str, now: Instant) -> Option<String> {
        let Some(printed) = self.printed.iter_mut().find(|known| known.kind == kind) else {
            self.printed.push(Printed {
                kind,
                last: now,
                since: 0,
            });
            return Some(String::new());
        };
        if now.duration_since(printed.last) < SUMMARY_EVERY {
            printed.since += 1;
            return None;
        }
        let since = std::mem::take(&mut printed.since);
        printed.last = now;
        Some(format!(" ({since} more like it before)"))
    }
}

#[cfg(test)]
mod tests;
