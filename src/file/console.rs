//! A standard stream as an output: lines wait for its lock, which the application may hold, but not for ever.

use std::io;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use super::stream::Stream;
use crate::sys::ThreadRole;
use crate::sys::WriterTurn;
use crate::sys::start_thread;

/// So long one attempt waits for the lock; the next one is the worker's matter.
const ATTEMPT: Duration = Duration::from_millis(100);
/// The shortest wait, for a lock that nobody holds.
const LEAST: Duration = Duration::from_millis(20);
/// Who holds the lock for longer is told of.
const LONG: Duration = Duration::from_secs(1);

/// A standard stream, and who writes to it.
#[derive(Debug)]
pub(super) struct Console {
    stream: Stream,
    /// None where callers write themselves: they wait for the lock as their own prints do.
    keeper: Option<Keeper>,
    /// Since when the application holds the lock.
    held_since: Option<Instant>,
    /// When lines no longer wait for it.
    past_lock_at: Option<Instant>,
}

impl Console {
    pub(super) fn open(stream: Stream, is_synchronous: bool) -> io::Result<Self> {
        let keeper = if is_synchronous {
            None
        } else {
            Some(Keeper::start(stream)?)
        };
        Ok(Self {
            stream,
            keeper,
            held_since: None,
            past_lock_at: None,
        })
    }

    pub(super) fn stream(&self) -> Stream {
        self.stream
    }

    /// Whether the application holds the lock, and not for so long that it is worth telling.
    pub(super) fn is_just_held(&self) -> bool {
        let is_short = self.held_since.is_some_and(|since| since.elapsed() < LONG);
        is_short && self.past_lock_at.is_none()
    }

    /// From half of the time until `end` on, lines go past the lock: whoever waits for the end may be the one
    /// that holds it.
    pub(super) fn end_by(&mut self, end: Instant) {
        let now = Instant::now();
        let half = end.saturating_duration_since(now) / 2;
        self.past_lock_at.get_or_insert(now + half);
    }

    /// Writes a part of `bytes`. An error of the kind `WouldBlock`: the application holds the lock.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(keeper) = &self.keeper else {
            return self.stream.write(bytes);
        };
        let now = Instant::now();
        let left = self
            .past_lock_at
            .map(|at| at.saturating_duration_since(now));
        let patience = left.unwrap_or(ATTEMPT).clamp(LEAST, ATTEMPT);
        if let Some(outcome) = keeper.write(bytes, patience) {
            self.held_since = None;
            return outcome;
        }
        self.held_since.get_or_insert(now);
        if self.past_lock_at.is_some_and(|at| at <= Instant::now()) {
            return self.stream.write_past_lock(bytes);
        }
        Err(io::Error::new(
            io::ErrorKind::WouldBlock,
            "the application holds its lock",
        ))
    }
}

/// What a writer and the thread that waits for the lock tell each other.
#[derive(Debug)]
enum Job {
    None,
    Asked(Vec<u8>),
    /// The thread has the lock, and writes.
    Writing,
    Done(io::Result<usize>),
    /// Either side has ended.
    Gone,
}

#[derive(Debug)]
struct Desk {
    job: Mutex<Job>,
    changed: Condvar,
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, Job> {
        self.job.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, job: Job) {
        let mut now = self.lock();
        if !matches!(*now, Job::Gone) {
            *now = job;
        }
        drop(now);
        self.changed.notify_all();
    }

    fn wait_while(&self, is_to_wait: impl Fn(&Job) -> bool) -> MutexGuard<'_, Job> {
        let guard = self.changed.wait_while(self.lock(), |job| is_to_wait(job));
        guard.unwrap_or_else(PoisonError::into_inner)
    }
}

/// A thread that may wait for the lock as long as it takes: the standard library has no other way.
#[derive(Debug)]
struct Keeper {
    desk: Arc<Desk>,
}

impl Keeper {
    fn start(stream: Stream) -> io::Result<Self> {
        let desk = Arc::new(Desk {
            job: Mutex::new(Job::None),
            changed: Condvar::new(),
        });
        let end = Gone(Arc::clone(&desk));
        start_thread("tracing-kafka-console", move || {
            let _turn = WriterTurn::begin(ThreadRole::File);
            serve(stream, &end.0);
        })?;
        Ok(Self { desk })
    }

    /// None if the lock could not be had in time: nothing was written then.
    fn write(&self, bytes: &[u8], patience: Duration) -> Option<io::Result<usize>> {
        self.desk.put(Job::Asked(bytes.to_vec()));
        let is_asked = |job: &mut Job| matches!(job, Job::Asked(_));
        let waited = self
            .desk
            .changed
            .wait_timeout_while(self.desk.lock(), patience, is_asked);
        let (mut job, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if is_asked(&mut job) {
            *job = Job::None;
            return None;
        }
        drop(job);
        let mut job = self.desk.wait_while(|job| matches!(job, Job::Writing));
        if matches!(*job, Job::Gone) {
            return Some(Err(io::Error::other("the thread that writes has ended")));
        }
        match std::mem::replace(&mut *job, Job::None) {
            Job::Done(outcome) => Some(outcome),
            _ => None,
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.desk.put(Job::Gone);
    }
}

/// Says that its side has ended, by a panic, too.
struct Gone(Arc<Desk>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.put(Job::Gone);
    }
}

fn serve(stream: Stream, desk: &Desk) {
    loop {
        let job = desk.wait_while(|job| !matches!(job, Job::Asked(_) | Job::Gone));
        if matches!(*job, Job::Gone) {
            return;
        }
        drop(job);
        stream.with_lock(|| {
            let mut job = desk.lock();
            // Taken back meanwhile, or asked for anew: what counts is what is asked now.
            if !matches!(*job, Job::Asked(_)) {
                return;
            }
            let Job::Asked(bytes) = std::mem::replace(&mut *job, Job::Writing) else {
                return;
            };
            drop(job);
            desk.changed.notify_all();
            desk.put(Job::Done(stream.write(&bytes)));
        });
    }
}
