//! The writer as the layer's thread, the threads that log, and handles share it.

use std::fmt;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use super::doorbell::Doorbell;
use super::stream::Stream;
use super::writer::Requests;
use super::writer::Writer;
use crate::queue::Wake as _;

/// What the thread shares with those that write themselves, and with handles.
pub(super) struct Shared {
    /// None after the end.
    writer: Mutex<Option<Writer>>,
    /// The last write failed: only the thread tries again, and nobody waits for it.
    is_in_trouble: AtomicBool,
    /// What callers and the thread write to, where that has a lock of its own.
    stream: Option<Stream>,
    pub(super) requests: Arc<Requests>,
    pub(super) doorbell: Arc<Doorbell>,
}

/// Not the writer: it cannot be shown under its lock, as whoever shows it may log.
impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("is_in_trouble", &self.is_in_trouble)
            .field("stream", &self.stream)
            .field("requests", &self.requests)
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(super) fn new(writer: Writer, requests: Arc<Requests>, doorbell: Arc<Doorbell>) -> Self {
        Self {
            stream: writer.output().stream(),
            writer: Mutex::new(Some(writer)),
            is_in_trouble: AtomicBool::new(false),
            requests,
            doorbell,
        }
    }

    /// Writes what is queued, on the calling thread, unless that has just failed. Returns whether no write
    /// can have raised a signal.
    pub(super) fn write_now(&self) -> bool {
        if self.is_in_trouble.load(Ordering::SeqCst) {
            return true;
        }
        let (is_quiet, is_left) = self.with_stream(|| {
            // A thread that panicked in here has left it poisoned; the worker says so.
            let Ok(mut guard) = self.writer.lock() else {
                return (true, false);
            };
            match &mut *guard {
                Some(writer) if writer.has_own() => self.round(writer),
                _ => (true, false),
            }
        });
        // Telling of it, and waiting for the disk, is for the thread.
        if is_left {
            self.doorbell.wake();
        }
        is_quiet
    }

    /// A caller's round: whether it has raised nothing, and whether something is left for the thread.
    fn round(&self, writer: &mut Writer) -> (bool, bool) {
        if let Err(error) = writer.round() {
            self.set_trouble(true);
            writer.tell(&error);
        }
        let is_left = writer.has_reports() || writer.unsynced().is_new();
        (!writer.take_raised(), is_left)
    }

    /// Holds the lock of a standard stream, which a thread that prints may hold when it logs, so that it
    /// always comes before the writer's.
    pub(super) fn with_stream<R>(&self, run: impl FnOnce() -> R) -> R {
        match self.stream {
            None => run(),
            Some(stream) => stream.with_lock(run),
        }
    }

    /// Says how the last round ended. Returns how the one before did.
    pub(super) fn set_trouble(&self, is_in_trouble: bool) -> bool {
        self.is_in_trouble.swap(is_in_trouble, Ordering::SeqCst)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Writer>> {
        match self.writer.lock() {
            Ok(guard) => guard,
            // The thread ends as if it had panicked itself, and that is counted.
            Err(_) => resume_unwind(Box::new("a caller panicked while it was writing")),
        }
    }
}
