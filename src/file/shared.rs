//! The writer as the layer's thread, the threads that log, and handles share it.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use super::doorbell::Doorbell;
use super::writer::Requests;
use super::writer::Writer;
use crate::queue::Wake as _;

/// What the thread shares with those that write themselves, and with handles.
#[derive(Debug)]
pub(super) struct Shared {
    /// None after the end.
    writer: Mutex<Option<Writer>>,
    /// The last write failed: only the thread tries again, and nobody waits for it.
    is_in_trouble: AtomicBool,
    pub(super) requests: Arc<Requests>,
    pub(super) doorbell: Arc<Doorbell>,
}

impl Shared {
    pub(super) fn new(writer: Writer, requests: Arc<Requests>, doorbell: Arc<Doorbell>) -> Self {
        Self {
            writer: Mutex::new(Some(writer)),
            is_in_trouble: AtomicBool::new(false),
            requests,
            doorbell,
        }
    }

    /// Writes what is queued, on the calling thread, unless that has just failed.
    pub(super) fn write_now(&self) {
        if self.is_in_trouble.load(Ordering::Acquire) {
            return;
        }
        // A thread that panicked in here has left it poisoned; the worker says so.
        let Ok(mut guard) = self.writer.lock() else {
            return;
        };
        let Some(writer) = &mut *guard else { return };
        if let Err(error) = writer.round() {
            self.is_in_trouble.store(true, Ordering::Release);
            writer.tell(&error);
            drop(guard);
            self.doorbell.wake();
            return;
        }
        let is_due = writer.unsynced().due().is_some();
        drop(guard);
        if is_due {
            self.doorbell.wake();
        }
    }

    /// Says how the last round ended.
    pub(super) fn set_trouble(&self, is_in_trouble: bool) {
        self.is_in_trouble.store(is_in_trouble, Ordering::Release);
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Option<Writer>> {
        match self.writer.lock() {
            Ok(guard) => guard,
            // The thread ends as if it had panicked itself, and that is counted.
            Err(_) => resume_unwind(Box::new("a caller panicked while it was writing")),
        }
    }
}
