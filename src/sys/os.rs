//! What only the operating system can do: the wall clock, without the arithmetic around `SystemTime`.
#![allow(
    unsafe_code,
    reason = "the standard library reads the clock, but hands out no seconds and nanoseconds"
)]

use super::Timestamp;

/// The wall clock now; none where it can only be asked for through the standard library.
#[cfg(all(unix, target_pointer_width = "64"))]
#[inline]
pub(super) fn wall_clock() -> Option<Timestamp> {
    // A call that fails writes nothing, and leaves a time that there is not.
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: -1,
    };
    // SAFETY: the pointer is to a `timespec` of this stack frame, which outlives the call, and the
    // call writes nothing else.
    unsafe {
        libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut time);
    }
    Some(Timestamp {
        seconds: time.tv_sec,
        nanos: u32::try_from(time.tv_nsec).ok()?,
    })
}

#[cfg(not(all(unix, target_pointer_width = "64")))]
pub(super) fn wall_clock() -> Option<Timestamp> {
    None
}
