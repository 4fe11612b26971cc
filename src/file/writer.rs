//! From the queue into the file, one round at a time: a round that fails leaves all for the next one.

use std::fmt;
use std::fmt::Write as _;
use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicI64;
use std::sync::atomic::Ordering;
use std::time::Instant;

use tracing::Level;

use super::fsync::Unsynced;
use super::lines::Lines;
use super::log_file::Start;
use super::output::Found;
use super::output::Output;
use super::output::is_held;
use super::roll::Rolled;
use super::roll::changed_folder;
use crate::event::LogEvent;
use crate::event::drop_payload;
use crate::layout::Layout;
use crate::queue::Chunk;
use crate::queue::Merge;
use crate::queue::Queue;
use crate::stats::DeliveryError;
use crate::stats::Health;
use crate::stats::Observe as _;
use crate::sys::Timestamp;

/// How much is gathered before a write.
const WRITE_BYTES: usize = 256 * 1024;
/// The target of headers and footers.
const TARGET: &str = "tracing_kafka";

/// Texts at the ends of each file.
#[derive(Default)]
pub(super) struct Frame {
    pub(super) header: Option<Box<dyn Layout>>,
    pub(super) footer: Option<Box<dyn Layout>>,
}

/// What others ask of the writer, from any thread or signal handler.
#[derive(Debug)]
pub(super) struct Requests {
    pub(super) reopen: AtomicBool,
    /// Lines logged at this time and later belong to the next file; [`NEVER`] for none.
    pub(super) roll: AtomicI64,
}

/// No roll is asked for.
const NEVER: i64 = i64::MAX;

impl Default for Requests {
    fn default() -> Self {
        Self {
            reopen: AtomicBool::new(false),
            roll: AtomicI64::new(NEVER),
        }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("header", &self.header.is_some())
            .field("footer", &self.footer.is_some())
            .finish()
    }
}

/// Writes the records of one queue to one output.
#[derive(Debug)]
pub(super) struct Writer {
    output: Output,
    frame: Frame,
    queue: Arc<Queue>,
    requests: Arc<Requests>,
    /// Troubles that nobody was told of yet, one of a kind: who tells must not hold the writer.
    reports: Vec<DeliveryError>,
    unsynced: Unsynced,
    /// From when on lines belong to the next file because that was asked for.
    roll_at: i64,
    chunks: Vec<Chunk>,
    merge: Merge,
    lines: Lines,
    was_told_of_others: bool,
    /// A write may have failed since that was asked for, and may have raised a signal.
    may_have_raised: bool,
}

impl Writer {
    pub(super) fn new(
        output: Output,
        start: Option<Start>,
        frame: Frame,
        queue: Arc<Queue>,
        requests: Arc<Requests>,
        unsynced: Unsynced,
    ) -> Self {
        let mut writer = Self {
            output,
            frame,
            queue,
            requests,
            reports: Vec::new(),
            unsynced,
            roll_at: NEVER,
            chunks: Vec::new(),
            merge: Merge::default(),
            lines: Lines::with_capacity(WRITE_BYTES),
            was_told_of_others: false,
            may_have_raised: false,
        };
        match start {
            Some(start) => writer.begin(start),
            None => writer.begin_stream(),
        }
        writer
    }

    pub(super) fn end_output(&mut self, deadline: Instant) {
        self.output.end(deadline);
    }

    pub(super) fn end_by(&mut self, end: Instant) {
        self.output.end_by(end);
    }

    pub(super) fn output(&self) -> &Output {
        &self.output
    }

    pub(super) fn unsynced(&mut self) -> &mut Unsynced {
        &mut self.unsynced
    }

    /// Tells of a write that failed.
    pub(super) fn tell(&mut self, error: &io::Error) {
        self.queue.ledger.set_health(Health::Retrying);
        let mut text = format!("cannot write to {}: {error}", self.output.name());
        if is_held(error) && self.output.stream().is_some() {
            let stats = self.queue.stats();
            let _infallible = write!(text, ", and {} lines wait", stats.queued + stats.in_flight);
        }
        self.report("file", text);
    }

    /// Keeps a trouble for those who may tell of it; of one kind the latest.
    pub(super) fn report(&mut self, kind: &'static str, text: String) {
        self.reports.retain(|report| report.kind() != kind);
        self.reports.push(DeliveryError::new(kind, text));
    }

    /// Whether a write since the last time may have raised a signal on this thread.
    pub(super) fn take_raised(&mut self) -> bool {
        std::mem::take(&mut self.may_have_raised)
    }

    pub(super) fn has_reports(&self) -> bool {
        !self.reports.is_empty()
    }

    pub(super) fn take_reports(&mut self) -> Vec<DeliveryError> {
        std::mem::take(&mut self.reports)
    }

    /// Whether an event of this thread waits: others may have written it with theirs.
    pub(super) fn has_own(&self) -> bool {
        self.queue.has_own()
    }

    /// Looks after the file while lines may still wait. Returns false if a round is needed.
    pub(super) fn look_only(&mut self) -> bool {
        let now = Instant::now();
        self.look(now);
        let is_due = self.unsynced.due().is_some_and(|due| due <= now);
        let is_new = !self.lines.is_empty();
        !is_due && !is_new && !self.output.is_past(Timestamp::now())
    }

    /// Writes what an earlier round left, then all that was queued before now. Returns how many bytes
    /// the queue held.
    pub(super) fn round(&mut self) -> io::Result<usize> {
        self.look(Instant::now());
        self.finish()?;
        let asked = self.requests.roll.swap(NEVER, Ordering::AcqRel);
        self.roll_at = self.roll_at.min(asked);
        let bytes = self.queue.drain(&mut self.chunks);
        self.merge.add(&mut self.chunks);
        self.finish()?;
        let now = Timestamp::now();
        if self.roll_at != NEVER || self.output.is_past(now) {
            self.roll(now);
            self.write_out()?;
        }
        Ok(bytes)
    }

    /// Ends the file. What has not been written by now is given up; returns how many records.
    pub(super) fn end(&mut self) -> u64 {
        let left = self.lines.left();
        if left > 0 {
            // Not handed over, or not whole: a torn line is no delivery.
            let reason = crate::stats::DropReason::Shutdown;
            self.queue.ledger.drop_in_flight(left, reason, false);
        } else if self.lines.is_empty() {
            self.write_footer();
        }
        self.lines.clear();
        left
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut next_file = None;
        loop {
            // Whatever came of rolling for it, a record is written then.
            next_file = self.gather(next_file.is_some());
            self.write_out()?;
            if let Some(nanos) = next_file {
                self.roll(Timestamp::from_unix_nanos(nanos));
            } else if self.merge.is_empty() {
                return Ok(());
            }
            self.look(Instant::now());
        }
    }

    /// Takes records up to the size of a write, the first in any case if `is_placed`. What a failed write
    /// left comes first, alone. Returns when the next record was logged if it belongs to the next file.
    fn gather(&mut self, is_placed: bool) -> Option<i64> {
        if self.lines.left() > 0 {
            return None;
        }
        let mut count = 0;
        let mut next_file = None;
        while let Some((nanos, record)) = self.merge.peek() {
            if self.lines.len() + record.len() > WRITE_BYTES && count > 0 {
                break;
            }
            let is_placed = is_placed && count == 0;
            let is_due =
                nanos >= self.roll_at || self.output.is_due(self.lines.len(), record.len(), nanos);
            if is_due && !is_placed {
                next_file = Some(nanos);
                break;
            }
            self.lines.push(record);
            self.merge.advance();
            count += 1;
        }
        for chunk in self.merge.spent() {
            self.queue.give_back(chunk, 0, 0);
        }
        if count > 0 {
            self.queue.ledger.sent(count);
        }
        next_file
    }

    /// Closes the file and goes on in the next one, for lines from `at` on.
    fn roll(&mut self, at: Timestamp) {
        self.roll_at = NEVER;
        let footer = text_of(self.frame.footer.as_deref());
        // Nobody is told of a footer that is missing.
        self.may_have_raised |= !footer.is_empty();
        match self.output.roll(at, &footer) {
            Rolled::Nothing => {}
            Rolled::Began(start) => self.begin(start),
            Rolled::Failed(error) => {
                let text = format!("cannot roll {}: {error}", self.output.name());
                self.report("roll", text);
            }
        }
        self.link();
    }

    /// Has the link lead to the current file.
    fn link(&mut self) {
        if let Err(error) = self.output.link() {
            let text = format!(
                "cannot have the link lead to {}: {error}",
                self.output.name()
            );
            self.report("link", text);
        }
    }

    /// Writes what is gathered, from where the last write ended.
    fn write_out(&mut self) -> io::Result<()> {
        let is_something = !self.lines.is_empty();
        let mut delivered = 0;
        let outcome = loop {
            let rest = self.lines.rest();
            if rest.is_empty() {
                break Ok(());
            }
            match self.output.write(rest) {
                Ok(0) => break Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => delivered += self.lines.wrote(count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.may_have_raised |= outcome.is_err();
        if delivered > 0 {
            self.queue.ledger.delivered(delivered);
        }
        if is_something {
            if let Some(file) = self.output.handle() {
                self.unsynced.wrote(|| file, Instant::now());
            }
            if outcome.is_ok() {
                self.queue.ledger.set_health(Health::Healthy);
            }
        }
        outcome
    }

    /// Looks after the file, now and then or when that was asked for.
    fn look(&mut self, now: Instant) {
        let is_asked = self.requests.reopen.swap(false, Ordering::AcqRel);
        match self.output.look(now, is_asked) {
            Found::Same => {}
            Found::Began(start) => self.begin(start),
            Found::Ours => self.was_told_of_others = false,
            Found::Failed(error) => {
                let text = format!("cannot open {} again: {error}", self.output.name());
                self.report("reopen", text);
            }
        }
    }

    /// Lines go to another file from now on: those that are not whole in the one before are written
    /// again from their start.
    fn begin(&mut self, start: Start) {
        let text = if start.bytes == 0 {
            text_of(self.frame.header.as_deref())
        } else if start.is_torn {
            b"\n".to_vec()
        } else {
            Vec::new()
        };
        self.lines.begin_again(&text);
        self.output.began(&start, text.len());
        self.unsynced
            .changed(self.output.file().map(changed_folder));
        self.tell_of_others();
    }

    fn begin_stream(&mut self) {
        let text = text_of(self.frame.header.as_deref());
        self.lines.begin_again(&text);
    }

    /// Says once that others write to the file, too.
    fn tell_of_others(&mut self) {
        let is_ours = self
            .output
            .file()
            .is_none_or(super::log_file::LogFile::is_ours);
        if is_ours || self.was_told_of_others {
            return;
        }
        self.was_told_of_others = true;
        let text = format!(
            "another process or layer writes to {} as well: lines of all stand in it, and the other one rolls it",
            self.output.name()
        );
        self.report("shared", text);
    }

    fn write_footer(&mut self) {
        let text = text_of(self.frame.footer.as_deref());
        if !text.is_empty() {
            self.lines.push_text(&text);
            // It is no event, and nobody waits for it.
            let _missing = self.write_out();
            self.lines.clear();
        }
    }
}

/// What a header or a footer says now, as whole lines.
fn text_of(layout: Option<&dyn Layout>) -> Vec<u8> {
    let mut text = Vec::new();
    let Some(layout) = layout else {
        return text;
    };
    let thread = std::thread::current();
    let name = thread.name().unwrap_or(TARGET);
    let event = LogEvent::builder()
        .level(Level::INFO)
        .target(TARGET)
        .thread(name, crate::sys::thread_number())
        .build();
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| layout.render(&event, &mut text))) {
        drop_payload(payload);
        text.clear();
    }
    if text.last().is_some_and(|last| *last != b'\n') {
        text.push(b'\n');
    }
    text
}
