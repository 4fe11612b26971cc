//! Runs a function when the process exits, after the destructors of the main thread's thread-locals.

/// Has `run` called at the exit; it must not panic.
pub(crate) fn at_exit(run: extern "C" fn()) {
    // SAFETY: it is a function of C, and what it calls is safe.
    let refused = unsafe { libc::atexit(run) };
    assert_eq!(refused, 0);
}
