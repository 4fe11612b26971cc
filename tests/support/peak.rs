//! An allocator that knows how much each thread held at its highest.

use std::alloc::GlobalAlloc;
use std::alloc::Layout;
use std::alloc::System;
use std::cell::Cell;

thread_local! {
    /// What the thread asked for less what it gave back, which may be another's; and its highest.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

/// What `work` returns, and how many bytes more than before the thread held at its highest.
pub(crate) fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    PEAK.set(before);
    let result = work();
    let more = PEAK.get() - before;
    (result, usize::try_from(more).unwrap_or(0))
}

/// How many bytes the thread holds, of what it asked for itself.
#[allow(dead_code, reason = "not all that measure ask for it")]
pub(crate) fn held() -> isize {
    HELD.get()
}

struct Metered;

fn count(new: usize, old: usize) {
    // No layout is larger than `isize`.
    let more = new.cast_signed() - old.cast_signed();
    // A thread at its end has no cells any more, and nobody reads them.
    let _ended = HELD.try_with(|held| {
        held.set(held.get() + more);
        let _ended = PEAK.try_with(|peak| peak.set(peak.get().max(held.get())));
    });
}

// SAFETY: every call is handed to the system's allocator unchanged; the counters do not allocate.
unsafe impl GlobalAlloc for Metered {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // For a moment there may be both.
        count(size, 0);
        count(0, layout.size());
        // SAFETY: the caller's promises are handed on.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Metered = Metered;
