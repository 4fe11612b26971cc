//! An allocator that logs whatever it is asked for, once it is told to.

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

static LOGS: AtomicBool = AtomicBool::new(false);
static LOGGED: AtomicU64 = AtomicU64::new(0);

/// From now on it logs, or not.
pub(crate) fn set_logs(logs: bool) {
    LOGS.store(logs, Ordering::SeqCst);
}

/// How many events it has logged.
pub(crate) fn logged() -> u64 {
    LOGGED.load(Ordering::SeqCst)
}

struct Logging;

fn log(what: &'static str, bytes: usize) {
    if LOGS.load(Ordering::Relaxed) {
        LOGGED.fetch_add(1, Ordering::Relaxed);
        tracing::info!(target: "allocator", bytes, "{what}");
    }
}

// SAFETY: every call is handed to the system's allocator unchanged; what is logged ends, as an event
// inside of an event is refused before it asks for memory.
unsafe impl GlobalAlloc for Logging {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        log("alloc", layout.size());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        log("dealloc", layout.size());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        log("realloc", size);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Logging = Logging;
