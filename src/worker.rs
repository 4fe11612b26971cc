//! A sink's own thread, and the guard that flushes it, reads its counters and ends it in bounded time.

use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use crate::error::FlushError;
use crate::event::drop_payload;
use crate::queue::Queue;
use crate::stats::DropReason;
use crate::stats::Health;
use crate::stats::Observe;
use crate::stats::Stats;
use crate::stats::StatsHandle;
use crate::sys::ThreadRole;
use crate::sys::deadline_after;
use crate::sys::set_thread_role;
use crate::sys::start_thread;
use crate::sys::thread_role;

mod late;
mod losses;
mod mailbox;
mod notice;
mod report;
mod teller;
mod words;

pub(crate) use mailbox::Flush;
pub(crate) use mailbox::Mailbox;
pub(crate) use notice::DropNotice;
pub(crate) use report::ErrorHook;
pub(crate) use report::Reporter;

use mailbox::Signal;
use report::End;

/// How long after its deadline a worker may still answer for itself.
const GRACE: Duration = Duration::from_millis(50);
/// How long after the same deadline the last words may take.
const LAST_WORDS: Duration = Duration::from_millis(80);
/// The same after an end in time, where they go to standard error, which may be a pipe that nobody reads.
const PATIENCE: Duration = Duration::from_millis(100);

/// What guard and worker share.
#[derive(Debug)]
struct Control {
    queue: Arc<Queue>,
    mailbox: Arc<Mailbox>,
    reporter: Reporter,
    /// Set by the worker as its last act, to the number of events that it had to write off.
    finished: Signal<u64>,
}

/// Starts the thread `name`, which runs `body` until it returns, and gives the guard for it.
///
/// The thread first makes with `prepare` what the body needs; if that fails, so does this. `body`
/// returns how many events it had to give up because the time for the shutdown was over; whatever `body`
/// leaves undone, by returning early or by a panic, is written off and counted. What `reporter` is
/// handed, and what is lost of the queue's events, is told by a second thread.
pub(crate) fn spawn<T>(
    name: &str,
    reporter: Reporter,
    queue: Arc<Queue>,
    shutdown_timeout: Duration,
    prepare: impl FnOnce() -> io::Result<T> + Send + 'static,
    body: impl FnOnce(T, &Mailbox) -> u64 + Send + 'static,
) -> io::Result<WorkerGuard> {
    teller::start(&reporter, Arc::clone(&queue))?;
    let control = Arc::new(Control {
        queue,
        mailbox: Arc::default(),
        reporter,
        finished: Signal::default(),
    });
    if let Err(error) = start(name, &control, prepare, body) {
        control.end_reports(false, Duration::ZERO, None);
        return Err(error);
    }
    Ok(WorkerGuard {
        control: Some(control),
        shutdown_timeout,
    })
}

/// Starts the worker itself.
fn start<T>(
    name: &str,
    control: &Arc<Control>,
    prepare: impl FnOnce() -> io::Result<T> + Send + 'static,
    body: impl FnOnce(T, &Mailbox) -> u64 + Send + 'static,
) -> io::Result<()> {
    let shared = Arc::clone(control);
    let role = control.reporter.role();
    let (ready, prepared) = mpsc::sync_channel(1);
    start_thread(name, move || {
        set_thread_role(role);
        let tools = match prepare() {
            Ok(tools) => tools,
            Err(error) => return drop(ready.send(Err(error))),
        };
        if ready.send(Ok(())).is_err() {
            return;
        }
        let outcome = catch_unwind(AssertUnwindSafe(|| body(tools, &shared.mailbox)));
        let queue = &shared.queue;
        let left = match outcome {
            Ok(given_up) => given_up + queue.settle(DropReason::Shutdown, Health::Stopped),
            Err(payload) => {
                drop_payload(payload);
                let left = queue.settle(DropReason::WorkerFailed, Health::Failed);
                queue.raise_alarm();
                left
            }
        };
        shared.mailbox.close();
        shared.finished.set(left);
    })?;
    prepared
        .recv()
        .unwrap_or_else(|_| Err(io::Error::other("the thread ended at once")))
}

/// Keeps a layer's worker alive: flushes it, reads its counters, and ends it in bounded time.
///
/// Bind it to a name that lives as long as the application logs; dropping it is
/// [`shutdown`](Self::shutdown) with the layer's `shutdown_timeout` (5 seconds unless set), and
/// `let _ = …` drops it at once. What could not be delivered by then is told as
/// [`on_error`](crate::KafkaLayerBuilder::on_error) says, by default on standard error; so is, once, that
/// events come after it. In a `static` it is never dropped, and the last
/// events are lost: put a `Mutex<Option<WorkerGuard>>` there, and `take` it at the end.
#[must_use = "dropping the guard shuts the layer down"]
pub struct WorkerGuard {
    /// Taken by `shutdown`.
    control: Option<Arc<Control>>,
    shutdown_timeout: Duration,
}

impl WorkerGuard {
    /// Waits until every event offered before the call was delivered or counted as dropped.
    ///
    /// Linger is not waited for. Blocks the calling thread for at most `timeout`; in `async` code
    /// use [`flush_async`](Self::flush_async).
    ///
    /// # Errors
    ///
    /// [`FlushError::Timeout`] when the time was over first; the worker goes on all the same.
    /// [`FlushError::WorkerGone`] when the worker's thread has ended. Events that were dropped are
    /// no error: they are in [`Stats::dropped`].
    pub fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        match &self.control {
            Some(control) => control.flush(timeout),
            None => Err(FlushError::WorkerGone),
        }
    }

    /// The same as [`flush`](Self::flush) without blocking the calling thread; works on any
    /// runtime.
    ///
    /// # Errors
    ///
    /// As [`flush`](Self::flush).
    ///
    /// # Cancellation
    ///
    /// The flush goes on if the future is dropped; nothing is lost.
    pub fn flush_async(
        &self,
        timeout: Duration,
    ) -> impl Future<Output = Result<(), FlushError>> + Send + 'static {
        let control = self.control.clone();
        let waited = on_a_thread(move || match control {
            Some(control) => control.flush(timeout),
            None => Err(FlushError::WorkerGone),
        });
        async move { waited.await.unwrap_or(Err(FlushError::WorkerGone)) }
    }

    /// Takes no more events, delivers what it can within `timeout`, and gives up the rest.
    ///
    /// Returns within `timeout` and at most 100 ms, whatever the other side does. In the report
    /// nothing is queued or in flight any more: what could not be delivered is dropped, reason
    /// [`Shutdown`](DropReason::Shutdown), as are events that come later. Blocks the calling thread;
    /// in `async` code use [`shutdown_async`](Self::shutdown_async).
    pub fn shutdown(mut self, timeout: Duration) -> ShutdownReport {
        self.end(timeout, false)
    }

    /// The same as [`shutdown`](Self::shutdown) without blocking the calling thread; works on any
    /// runtime.
    ///
    /// # Cancellation
    ///
    /// The shutdown goes on if the future is dropped; only its report is lost.
    pub fn shutdown_async(
        mut self,
        timeout: Duration,
    ) -> impl Future<Output = ShutdownReport> + Send + 'static {
        let handle = self.stats_handle();
        let waited = on_a_thread(move || self.end(timeout, false));
        async move {
            waited.await.unwrap_or_else(|_| ShutdownReport {
                stats: handle.stats(),
                unknown: 0,
                timed_out: true,
            })
        }
    }

    /// The layer's counters now.
    pub fn stats(&self) -> Stats {
        match &self.control {
            Some(control) => control.queue.stats(),
            None => Stats::default(),
        }
    }

    /// A handle to the layer's counters that can be cloned and outlives the guard.
    pub fn stats_handle(&self) -> StatsHandle {
        match &self.control {
            Some(control) => StatsHandle::new(Arc::clone(&control.queue) as Arc<dyn Observe>),
            None => StatsHandle::new(Arc::new(Nothing)),
        }
    }

    /// The state of the layer's sink now.
    pub fn health(&self) -> Health {
        match &self.control {
            Some(control) => control.queue.health(),
            None => Health::Stopped,
        }
    }

    /// `is_dropped` says that nobody gets the report.
    fn end(&mut self, timeout: Duration, is_dropped: bool) -> ShutdownReport {
        match self.control.take() {
            Some(control) => control.shutdown(timeout, is_dropped),
            None => ShutdownReport {
                stats: Stats::default(),
                unknown: 0,
                timed_out: false,
            },
        }
    }
}

impl Drop for WorkerGuard {
    fn drop(&mut self) {
        if self.control.is_some() {
            self.end(self.shutdown_timeout, true);
        }
    }
}

impl fmt::Debug for WorkerGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerGuard")
            .field("stats", &self.stats())
            .field("health", &self.health())
            .field("shutdown_timeout", &self.shutdown_timeout)
            .finish_non_exhaustive()
    }
}

impl Control {
    fn flush(&self, timeout: Duration) -> Result<(), FlushError> {
        let deadline = deadline_after(timeout);
        // The worker would wait for itself, in an error hook say.
        if thread_role() != ThreadRole::Application {
            return Err(FlushError::Timeout { after: timeout });
        }
        let done = self.mailbox.flush().ok_or(FlushError::WorkerGone)?;
        self.queue.wake_worker();
        let outcome = done.wait_until(deadline);
        let desk = &self.reporter.desk;
        if desk.has_hook() {
            // A hook that is quick has heard by then what went wrong on the way.
            desk.wait_until_told(deadline.min(Instant::now() + PATIENCE));
        }
        outcome.unwrap_or(Err(FlushError::Timeout { after: timeout }))
    }

    fn shutdown(&self, timeout: Duration, is_dropped: bool) -> ShutdownReport {
        let deadline = deadline_after(timeout);
        let queue = &self.queue;
        queue.close(DropReason::Shutdown);
        self.mailbox.shutdown(deadline);
        queue.wake_worker();
        let left = if thread_role() == ThreadRole::Application {
            self.finished.wait_until(deadline + GRACE)
        } else {
            None
        };
        if left.is_none() {
            // The worker hangs, in a write to a dead disk say: what it still does no longer counts.
            queue.settle(DropReason::Shutdown, Health::Stopped);
        }
        self.end_reports(is_dropped, timeout, Some(deadline));
        ShutdownReport {
            stats: queue.stats(),
            unknown: queue.ledger.lock().unknown,
            timed_out: left != Some(0),
        }
    }

    /// Has the last words said. What hooks are told of a layer's end is part of its end; standard error
    /// gets a moment, and goes on by itself if that is not enough.
    fn end_reports(&self, is_dropped: bool, timeout: Duration, deadline: Option<Instant>) {
        let end = End {
            is_dropped,
            timeout,
        };
        let desk = &self.reporter.desk;
        let is_waited_for = thread_role() == ThreadRole::Application;
        let until = deadline.filter(|_| is_waited_for).map(|deadline| {
            let latest = deadline + LAST_WORDS;
            if desk.has_hook() {
                latest
            } else {
                latest.min(Instant::now() + PATIENCE)
            }
        });
        desk.end(end, until);
    }
}

/// What a shutdown left behind; `Display` reads as one sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// The counters at the end: nothing is queued or in flight.
    pub stats: Stats,
    /// Of the dropped events, those whose outcome is unknown: they were sent, and may have arrived.
    pub unknown: u64,
    /// Whether the time was over before everything was delivered or given up.
    pub timed_out: bool,
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stats {
            offered,
            delivered,
            dropped,
            ..
        } = &self.stats;
        write!(
            f,
            "{offered} events offered, {delivered} delivered, {dropped}"
        )?;
        if self.unknown > 0 {
            write!(f, ", {} of them possibly delivered", self.unknown)?;
        }
        if self.timed_out {
            f.write_str("; the time was over first")?;
        }
        Ok(())
    }
}

/// What a guard without a worker shows.
struct Nothing;

impl Observe for Nothing {
    fn stats(&self) -> Stats {
        Stats::default()
    }

    fn health(&self) -> Health {
        Health::Stopped
    }
}

/// Runs what blocks on a thread of its own, so that no runtime is needed or held up.
fn on_a_thread<R: Send + 'static>(
    work: impl FnOnce() -> R + Send + 'static,
) -> tokio::sync::oneshot::Receiver<R> {
    let (sender, receiver) = tokio::sync::oneshot::channel();
    // A thread that cannot be started leaves the sender dropped, and the receiver is told.
    let _handle = start_thread("tracing-kafka-wait", move || {
        let _unheard = sender.send(work());
    });
    receiver
}
