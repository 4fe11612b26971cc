//! What a guard asks of its worker: flushes and the end, on a path of their own beside the events.

use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Instant;

use crate::error::FlushError;

/// A value that is set once and can be waited for.
#[derive(Debug)]
pub(super) struct Signal<T> {
    value: Mutex<Option<T>>,
    changed: Condvar,
}

impl<T> Default for Signal<T> {
    fn default() -> Self {
        Self {
            value: Mutex::new(None),
            changed: Condvar::new(),
        }
    }
}

impl<T: Clone> Signal<T> {
    /// Sets the value, unless it is set.
    pub(super) fn set(&self, value: T) {
        self.lock().get_or_insert(value);
        self.changed.notify_all();
    }

    /// The value, or none if it is not set by `deadline`.
    pub(super) fn wait_until(&self, deadline: Instant) -> Option<T> {
        let mut value = self.lock();
        loop {
            if value.is_some() {
                return value.clone();
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            (value, _) = self
                .changed
                .wait_timeout(value, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<T>> {
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A flush that the worker has to answer. Dropped without an answer it tells of the worker's end.
#[derive(Debug)]
pub(crate) struct Flush {
    answer: Arc<Signal<Result<(), FlushError>>>,
}

impl Flush {
    /// Everything offered before the flush was asked for is delivered or counted.
    pub(crate) fn done(self) {
        self.answer.set(Ok(()));
    }

    /// It was written, and the disk did not confirm it.
    pub(crate) fn failed(self, message: &str) {
        let message = message.to_owned();
        self.answer.set(Err(FlushError::Fsync { message }));
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        self.answer.set(Err(FlushError::WorkerGone));
    }
}

/// Requests that the worker looks for whenever it wakes.
#[derive(Debug, Default)]
pub(crate) struct Mailbox {
    letters: Mutex<Letters>,
}

#[derive(Debug, Default)]
struct Letters {
    flushes: Vec<Flush>,
    shutdown: Option<Instant>,
    closed: bool,
}

impl Mailbox {
    /// Asks for a flush; none if there is no worker any more.
    pub(super) fn flush(&self) -> Option<Arc<Signal<Result<(), FlushError>>>> {
        let mut letters = self.lock();
        if letters.closed {
            return None;
        }
        let answer = Arc::default();
        letters.flushes.push(Flush {
            answer: Arc::clone(&answer),
        });
        Some(answer)
    }

    /// Asks for the end, by `deadline`.
    pub(super) fn shutdown(&self, deadline: Instant) {
        self.lock().shutdown.get_or_insert(deadline);
    }

    /// The worker has ended: open and later flushes fail.
    pub(super) fn close(&self) {
        let flushes = {
            let mut letters = self.lock();
            letters.closed = true;
            std::mem::take(&mut letters.flushes)
        };
        drop(flushes);
    }

    /// The flushes asked for since the last call.
    pub(crate) fn take_flushes(&self) -> Vec<Flush> {
        std::mem::take(&mut self.lock().flushes)
    }

    /// Whether anything was asked of the worker that it has not taken yet.
    pub(crate) fn has_letters(&self) -> bool {
        let letters = self.lock();
        !letters.flushes.is_empty() || letters.shutdown.is_some()
    }

    /// By when the worker has to end, once it was asked to.
    pub(crate) fn shutdown_deadline(&self) -> Option<Instant> {
        self.lock().shutdown
    }

    fn lock(&self) -> MutexGuard<'_, Letters> {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
