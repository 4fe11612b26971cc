//! The writer's thread: rounds of writing, the pauses between them, flushes, the end.

use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use tracing::Level;

use super::doorbell::Doorbell;
use super::output::IDLE_LOOK_EVERY;
use super::shared::Shared;
use super::sink::FileSink;
use super::writer::Writer;
use crate::layer::Appender;
use crate::queue::Queue;
use crate::stats::Observe as _;
use crate::sys::ThreadRole;
use crate::sys::Timestamp;
use crate::sys::WriterTurn;
use crate::sys::deadline_after;
use crate::worker::DropNotice;
use crate::worker::Flush;
use crate::worker::Mailbox;
use crate::worker::Reporter;

/// How soon the writer looks again after a round that was not small: nobody needs to wake it then.
const BUSY_TICK: Duration = Duration::from_millis(1);
/// A round of this many bytes is not small.
const BUSY_BYTES: usize = 64 * 1024;
/// The pause after a failed write, doubled up to the maximum while they fail.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = IDLE_LOOK_EVERY;

/// The thread's own part.
#[derive(Debug)]
pub(super) struct Run {
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    reporter: Reporter,
    notice: DropNotice,
    appender: Arc<Appender<FileSink>>,
    /// How long a record may wait for others before it is written.
    flush_interval: Duration,
    /// Callers write themselves: the thread is for the rest.
    is_synchronous: bool,
    backoff: Duration,
    /// Nobody reads the pipe any more.
    is_closed: bool,
    /// Rounds without an event since the last one with one.
    quiet_rounds: u32,
    flushes: Vec<Flush>,
}

impl Run {
    pub(super) fn new(
        shared: Arc<Shared>,
        queue: Arc<Queue>,
        reporter: Reporter,
        notice: DropNotice,
        appender: Arc<Appender<FileSink>>,
        flush_interval: Duration,
        is_synchronous: bool,
    ) -> Self {
        Self {
            shared,
            queue,
            reporter,
            notice,
            appender,
            flush_interval,
            is_synchronous,
            backoff: MIN_BACKOFF,
            is_closed: false,
            quiet_rounds: 0,
            flushes: Vec::new(),
        }
    }

    /// Works until the shutdown that `mailbox` announces. Returns how many records it gave up.
    pub(super) fn run(mut self, mailbox: &Mailbox) -> u64 {
        let _turn = WriterTurn::begin(ThreadRole::File);
        loop {
            // The flushes first: what they wait for was queued before they were asked for.
            self.flushes.extend(mailbox.take_flushes());
            let shutdown = mailbox.shutdown_deadline();
            if let (Some(end), Some(writer)) = (shutdown, &mut *self.shared.lock()) {
                writer.end_by(end);
            }
            let outcome = self.round();
            match (outcome, shutdown) {
                (Some(_), Some(end)) => {
                    self.end_flushes();
                    return self.end(end);
                }
                (Some(bytes), None) => {
                    self.end_flushes();
                    self.tell_drops();
                    self.sleep(bytes, mailbox);
                }
                (None, Some(end)) if self.is_closed || Instant::now() >= end => {
                    return self.end(end);
                }
                (None, end) => {
                    // What was written before the trouble is due all the same.
                    let _told = self.sync(false);
                    self.pause(end);
                }
            }
        }
    }

    /// One round of writing. Returns how many bytes the queue held; none if the write failed.
    fn round(&mut self) -> Option<usize> {
        let shared = Arc::clone(&self.shared);
        let reporter = self.reporter.clone();
        let outcome = reporter.busy(|| {
            if self.is_synchronous {
                shared.with_stream(|| self.round_with_lock())
            } else {
                self.round_with_lock()
            }
        });
        self.tell_reports();
        outcome
    }

    fn round_with_lock(&mut self) -> Option<usize> {
        let mut guard = self.shared.lock();
        let writer = guard.as_mut()?;
        let mut outcome = writer.round();
        if outcome.is_ok() && self.shared.set_trouble(false) {
            // Those who logged meanwhile have left their events to this thread.
            outcome = writer.round();
        }
        match outcome {
            Ok(bytes) => {
                self.backoff = MIN_BACKOFF;
                self.reporter.well();
                Some(bytes)
            }
            Err(error) => {
                self.shared.set_trouble(true);
                self.reporter.unwell(error.to_string());
                if !writer.output().is_just_held() {
                    writer.tell(&error);
                }
                // A stream, or what a link leads to.
                let is_pipe = writer.output().handle().is_none();
                self.is_closed = is_pipe && error.kind() == io::ErrorKind::BrokenPipe;
                None
            }
        }
    }

    /// Hands troubles to the hook, which may do what it likes: nothing is locked.
    fn tell_reports(&mut self) {
        let reports = match &mut *self.shared.lock() {
            Some(writer) if writer.has_reports() => writer.take_reports(),
            _ => return,
        };
        for report in reports {
            self.reporter.report(report);
        }
    }

    /// Answers the flushes that the last round was for.
    fn end_flushes(&mut self) {
        let outcome = self.sync(!self.flushes.is_empty());
        for flush in self.flushes.drain(..) {
            match &outcome {
                Ok(()) => flush.done(),
                Err(error) => flush.failed(error),
            }
        }
    }

    /// Has the disk take what was written, where that was asked for and is due.
    fn sync(&mut self, is_asked: bool) -> Result<(), String> {
        let mut guard = self.shared.lock();
        let Some(writer) = &mut *guard else {
            return Ok(());
        };
        let is_due = writer
            .unsynced()
            .due()
            .is_some_and(|due| due <= Instant::now());
        if !is_asked && !is_due {
            return Ok(());
        }
        let pending = writer.unsynced().take();
        // Who writes now shall not wait for the disk.
        drop(guard);
        let Err(error) = self.reporter.busy(|| pending.sync()) else {
            return Ok(());
        };
        let mut guard = self.shared.lock();
        if let Some(writer) = &mut *guard {
            tell_of_sync(writer, &error);
        }
        drop(guard);
        self.tell_reports();
        Err(error.to_string())
    }

    fn sleep(&mut self, bytes: usize, mailbox: &Mailbox) {
        let doorbell = Arc::clone(&self.shared.doorbell);
        if bytes >= BUSY_BYTES {
            self.quiet_rounds = 0;
            doorbell.wait(Some(BUSY_TICK));
            return;
        }
        self.quiet_rounds = if bytes == 0 {
            self.quiet_rounds.saturating_add(1)
        } else {
            0
        };
        self.queue.may_be_asked();
        let idle = self.idle_limit();
        if self.is_synchronous {
            doorbell.wait(idle);
            return;
        }
        if self.quiet_rounds >= 2 && !self.notice.is_owed() && self.queue.park() {
            let is_rung = doorbell.wait(idle);
            self.queue.unpark();
            // The event that ended a sleep waits for others too, as it would have with a timer.
            if !is_rung || mailbox.has_letters() {
                return;
            }
        }
        if !mailbox.has_letters() {
            self.linger(&doorbell);
        }
    }

    /// Lets lines wait for others, and looks after the file meanwhile.
    fn linger(&mut self, doorbell: &Doorbell) {
        let end = deadline_after(self.flush_interval);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let idle = self.idle_limit().unwrap_or(left);
            if doorbell.wait(Some(left.min(idle))) || left <= idle {
                return;
            }
            let is_enough = match &mut *self.shared.lock() {
                Some(writer) => writer.look_only(),
                None => false,
            };
            self.tell_reports();
            if !is_enough {
                return;
            }
        }
    }

    /// How long the thread may sleep although nothing happens; none where only events matter.
    fn idle_limit(&self) -> Option<Duration> {
        let now = Instant::now();
        let mut guard = self.shared.lock();
        let writer = guard.as_mut()?;
        let look = writer.output().rest_until_look(now);
        let roll = writer.output().boundary().map(until);
        let sync = writer
            .unsynced()
            .due()
            .map(|due| due.saturating_duration_since(now));
        [look, roll, sync].into_iter().flatten().min()
    }

    /// Waits before the next attempt, and no longer than until the end.
    fn pause(&mut self, end: Option<Instant>) {
        let mut pause = self.backoff;
        if let Some(end) = end {
            let left = end.saturating_duration_since(Instant::now());
            pause = left.min(MIN_BACKOFF);
        }
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
        self.shared.doorbell.wait(Some(pause));
    }

    /// Closes the output. Returns how many records are given up.
    fn end(&mut self, deadline: Instant) -> u64 {
        let Some(mut writer) = self.shared.lock().take() else {
            return 0;
        };
        let left = writer.end();
        let pending = writer.unsynced().take();
        if let Err(error) = pending.sync() {
            tell_of_sync(&mut writer, &error);
        }
        for report in writer.take_reports() {
            self.reporter.report(report);
        }
        writer.end_output(deadline);
        left
    }

    fn tell_drops(&mut self) {
        if self.notice.is_enabled() && self.queue.has_room(Level::WARN) {
            let dropped = self.queue.stats().dropped;
            let appender = &self.appender;
            self.notice
                .tell(Instant::now(), dropped, |event| appender.emit(event));
        }
    }
}

/// How long it is until `nanos` on the wall clock.
fn until(nanos: i64) -> Duration {
    let left = nanos.saturating_sub(Timestamp::now().unix_nanos());
    Duration::from_nanos(u64::try_from(left).unwrap_or(0))
}

fn tell_of_sync(writer: &mut Writer, error: &io::Error) {
    let name = writer.output().name();
    writer.report(
        "fsync",
        format!("cannot synchronize {name} with the disk: {error}"),
    );
}
