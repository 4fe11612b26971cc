//! Trouble on the worker's thread: handed to the user's hook, or printed now and then.

use std::fmt;
use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::TryRecvError;
use std::time::Duration;
use std::time::Instant;

use crate::error::DeliveryError;
use crate::event::drop_payload;
use crate::sys::start_thread;

/// How often the same kind of trouble is printed again, at most.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);

/// So long the worker waits for a line to be printed. Standard error may be a pipe that nobody reads.
const PATIENCE: Duration = Duration::from_millis(100);

/// A user's own handling of trouble.
pub(crate) type ErrorHook = Arc<dyn Fn(&DeliveryError) + Send + Sync>;

/// Tells of trouble. One per worker.
pub(crate) struct Reporter {
    /// What the lines of this worker begin with.
    name: String,
    hook: Option<ErrorHook>,
    printed: Vec<Printed>,
    /// Hangs up when the line is printed that takes too long.
    stuck: Option<Receiver<()>>,
}

/// What was printed of one kind of trouble.
struct Printed {
    kind: &'static str,
    last: Instant,
    /// Occurrences since then.
    since: u64,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("name", &self.name)
            .field("hook", &self.hook.is_some())
            .finish_non_exhaustive()
    }
}

impl Reporter {
    pub(crate) fn new(name: String, hook: Option<ErrorHook>) -> Self {
        Self {
            name,
            hook,
            printed: Vec::new(),
            stuck: None,
        }
    }

    /// Hands `error` to the hook; without one, prints the first of each kind, then at most one
    /// line a minute.
    pub(crate) fn report(&mut self, error: &DeliveryError) {
        if let Some(hook) = &self.hook {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(error))) {
                drop_payload(payload);
            }
        } else if let Some(line) = self.line(error, Instant::now()) {
            self.print(move || {
                // Not `eprintln!`, which panics when standard error is closed.
                let _closed = std::io::stderr().write_all(line.as_bytes());
            });
        }
    }

    /// Prints on a thread of its own, and waits for that, but not for ever: what takes too long goes on
    /// alone, and until it ends other lines are left out.
    fn print(&mut self, write: impl FnOnce() + Send + 'static) {
        let is_stuck = |line: &Receiver<()>| line.try_recv() == Err(TryRecvError::Empty);
        if self.stuck.as_ref().is_some_and(is_stuck) {
            return;
        }
        let (printing, line) = mpsc::channel();
        let started = start_thread("tracing-kafka-print", move || {
            write();
            drop(printing);
        });
        let ended = line.recv_timeout(PATIENCE);
        let is_late = started.is_ok() && ended == Err(RecvTimeoutError::Timeout);
        self.stuck = is_late.then_some(line);
    }

    fn line(&mut self, error: &DeliveryError, now: Instant) -> Option<String> {
        let name = &self.name;
        let known = self.printed.iter_mut().find(|p| p.kind == error.kind());
        let Some(printed) = known else {
            self.printed.push(Printed {
                kind: error.kind(),
                last: now,
                since: 0,
            });
            return Some(format!("{name}: {error}\n"));
        };
        if now.duration_since(printed.last) < SUMMARY_EVERY {
            printed.since += 1;
            return None;
        }
        let since = std::mem::take(&mut printed.since);
        printed.last = now;
        Some(format!("{name}: {error} ({since} more like it before)\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_kind_is_printed_then_one_a_minute() {
        let mut reporter = Reporter::new("tracing-kafka".to_owned(), None);
        let start = Instant::now();
        let refused = DeliveryError::new("connect", "refused");
        let other = DeliveryError::new("produce", "no leader");
        let mut line = |error, seconds| reporter.line(error, start + Duration::from_secs(seconds));
        assert_eq!(line(&refused, 0).unwrap(), "tracing-kafka: refused\n");
        assert_eq!(line(&refused, 1), None);
        assert_eq!(line(&other, 2).unwrap(), "tracing-kafka: no leader\n");
        assert_eq!(line(&refused, 59), None);
        assert_eq!(
            line(&refused, 61).unwrap(),
            "tracing-kafka: refused (2 more like it before)\n"
        );
    }

    #[test]
    fn a_standard_error_that_nobody_reads_holds_nothing_up() {
        let mut reporter = Reporter::new("tracing-kafka".to_owned(), None);
        let (tell, told) = mpsc::channel();
        let print = |reporter: &mut Reporter, text: &'static str| {
            let tell = tell.clone();
            reporter.print(move || tell.send(text).unwrap());
        };
        print(&mut reporter, "the first");
        let (read, to_be_read) = mpsc::channel::<()>();
        reporter.print(move || {
            let _read = to_be_read.recv();
        });
        print(&mut reporter, "left out");
        let line = reporter.stuck.as_ref().unwrap();
        drop(read);
        line.recv().unwrap_err();
        print(&mut reporter, "the last");
        assert!(reporter.stuck.is_none());
        drop(tell);
        assert_eq!(told.iter().collect::<Vec<_>>(), ["the first", "the last"]);
    }

    #[test]
    fn a_hook_that_panics_does_no_harm() {
        let hook: ErrorHook = Arc::new(|_| panic!("on purpose"));
        let mut reporter = Reporter::new(String::new(), Some(hook));
        reporter.report(&DeliveryError::new("connect", "refused"));
    }
}
