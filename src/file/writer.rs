//! The file worker's loop: takes chunks from the queue, writes their records, tries again what fails.

use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use tracing::Level;

use crate::error::DeliveryError;
use crate::layer::Appender;
use crate::queue::Chunk;
use crate::queue::Queue;
use crate::queue::Wake;
use crate::queue::in_time_order;
use crate::stats::DropReason;
use crate::stats::Health;
use crate::stats::Observe as _;
use crate::worker::DropNotice;
use crate::worker::Mailbox;
use crate::worker::Reporter;

/// How long a record may wait for others before it is written.
const TICK: Duration = Duration::from_millis(100);
/// How soon the writer looks again after a round that was not small: nobody needs to wake it then.
const BUSY_TICK: Duration = Duration::from_millis(1);
/// A round of this many bytes is not small.
const BUSY_BYTES: usize = 64 * 1024;
/// How much is gathered before a write.
const WRITE_BYTES: usize = 256 * 1024;
/// The pause after a failed write, doubled up to the maximum while they fail.
const MIN_BACKOFF: Duration = Duration::from_millis(100);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// How callers wake the writer.
#[derive(Debug, Default)]
pub(super) struct Doorbell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Wake for Doorbell {
    fn wake(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.rings.notify_one();
    }
}

impl Doorbell {
    /// Sleeps until somebody rings, or for `limit`.
    fn wait(&self, limit: Option<Duration>) {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = limit.map(|limit| Instant::now() + limit);
        while !*rung {
            let Some(deadline) = deadline else {
                rung = self
                    .rings
                    .wait(rung)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            (rung, _) = self
                .rings
                .wait_timeout(rung, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *rung = false;
    }
}

/// Writes the records of one queue to one file.
#[derive(Debug)]
pub(super) struct Writer {
    file: File,
    path: PathBuf,
    queue: Arc<Queue>,
    doorbell: Arc<Doorbell>,
    reporter: Reporter,
    notice: DropNotice,
    appender: Arc<Appender<Arc<Queue>>>,
    chunks: Vec<Chunk>,
    /// Lines on their way to the file.
    out: Vec<u8>,
    /// Where each record in `out` ends.
    ends: Vec<usize>,
    /// How much of `out` the file has already.
    written: usize,
    backoff: Duration,
    /// Records that were not written when the time was over.
    given_up: u64,
}

impl Writer {
    pub(super) fn new(
        file: File,
        path: PathBuf,
        queue: Arc<Queue>,
        doorbell: Arc<Doorbell>,
        reporter: Reporter,
        notice: DropNotice,
        appender: Arc<Appender<Arc<Queue>>>,
    ) -> Self {
        Self {
            file,
            path,
            queue,
            doorbell,
            reporter,
            notice,
            appender,
            chunks: Vec::new(),
            out: Vec::with_capacity(WRITE_BYTES),
            ends: Vec::new(),
            written: 0,
            backoff: MIN_BACKOFF,
            given_up: 0,
        }
    }

    /// Works until the shutdown that `mailbox` announces. Returns how many records it gave up.
    pub(super) fn run(mut self, mailbox: &Mailbox) -> u64 {
        let mut quiet_rounds = 0;
        loop {
            // The flushes first: what they wait for was queued before they were asked for.
            let flushes = mailbox.take_flushes();
            let shutdown = mailbox.shutdown_deadline();
            let bytes = self.queue.drain(&mut self.chunks);
            if !self.write_all(mailbox) {
                return self.given_up;
            }
            for flush in flushes {
                flush.done();
            }
            if shutdown.is_some() {
                return 0;
            }
            self.tell_drops();
            quiet_rounds = if bytes == 0 { quiet_rounds + 1 } else { 0 };
            self.sleep(bytes, quiet_rounds, mailbox);
        }
    }

    fn sleep(&self, bytes: usize, quiet_rounds: u32, mailbox: &Mailbox) {
        if bytes >= BUSY_BYTES {
            self.doorbell.wait(Some(BUSY_TICK));
            return;
        }
        self.queue.may_be_asked();
        if quiet_rounds >= 2 && !self.notice.is_owed() && self.queue.park() {
            self.doorbell.wait(None);
            self.queue.unpark();
        }
        // The event that ended a sleep waits for others too, as it would have with a timer.
        if !mailbox.has_letters() {
            self.doorbell.wait(Some(TICK));
        }
    }

    /// Writes every chunk taken. Returns false if the time for the shutdown is over.
    fn write_all(&mut self, mailbox: &Mailbox) -> bool {
        let chunks = std::mem::take(&mut self.chunks);
        let mut in_time = true;
        for frame in in_time_order(&chunks) {
            if self.out.len() + frame.value.len() > WRITE_BYTES {
                in_time = self.write_out(mailbox);
            }
            if !in_time {
                break;
            }
            self.out.extend_from_slice(frame.value);
            self.ends.push(self.out.len());
        }
        let in_time = in_time && self.write_out(mailbox);
        for chunk in chunks {
            self.queue.give_back(chunk, 0, 0);
        }
        in_time
    }

    /// Writes what is gathered, again and again until it is written or the time is over.
    fn write_out(&mut self, mailbox: &Mailbox) -> bool {
        self.queue.ledger.sent(self.ends.len() as u64);
        let mut in_time = true;
        while let Err(error) = self.write_rest() {
            self.queue.ledger.set_health(Health::Retrying);
            self.reporter.report(&DeliveryError::new(
                "file",
                format!("cannot write to `{}`: {error}", self.path.display()),
            ));
            in_time = self.pause(mailbox);
            if !in_time {
                break;
            }
        }
        let whole = self.ends.partition_point(|end| *end <= self.written);
        if whole > 0 {
            self.queue.ledger.delivered(whole as u64);
        }
        let rest = (self.ends.len() - whole) as u64;
        if rest > 0 {
            // Not handed over, or not whole: a torn line is no delivery.
            let reason = DropReason::Shutdown;
            self.queue.ledger.drop_in_flight(rest, reason, false);
            self.given_up += rest;
        }
        if in_time && whole > 0 {
            self.queue.ledger.set_health(Health::Healthy);
            self.backoff = MIN_BACKOFF;
        }
        self.out.clear();
        self.ends.clear();
        self.written = 0;
        in_time
    }

    /// Waits before the next attempt. Returns false if the time for the shutdown is over.
    fn pause(&mut self, mailbox: &Mailbox) -> bool {
        let mut pause = self.backoff;
        if let Some(end) = mailbox.shutdown_deadline() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            pause = left.min(MIN_BACKOFF);
        }
        self.backoff = (self.backoff * 2).min(MAX_BACKOFF);
        self.doorbell.wait(Some(pause));
        true
    }

    /// Goes on where the last write ended, so that no line is torn or doubled.
    fn write_rest(&mut self) -> io::Result<()> {
        while let Some(rest) = self.out.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.file.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
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
