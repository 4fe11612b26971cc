//! What only the operating system or the processor can do: the wall clock, without the arithmetic around `SystemTime`,
//! the signals that a write may raise or that are the application's, and memory that is fetched before it is needed.
#![allow(
    unsafe_code,
    reason = "the standard library hands out neither seconds with nanoseconds nor masks of signals, and fetches nothing"
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

/// Has the processor fetch the memory behind `bytes`, as much as a record of usual length takes.
///
/// The worker has read there last, on another processor. A record that has to wait for that memory
/// costs its caller a tenth to a sixth more in bursts (DESIGN.md, section 2).
#[inline]
pub(crate) fn prefetch_behind(bytes: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    for line in 1..=4 {
        let address = bytes.as_ptr_range().end.wrapping_add(line * 64);
        // SAFETY: a hint to the processor, which reads nothing and is ignored for an address that is
        // nobody's.
        unsafe {
            use std::arch::x86_64;
            x86_64::_mm_prefetch::<{ x86_64::_MM_HINT_T0 }>(address.cast());
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _nothing = bytes;
}

/// Tries to become the one owner of an open file, until all its handles are closed; none where the system
/// or the file system has no such locks.
///
/// `flock` knows one lock of a file, which its writers share. This one is on a byte where no file ends,
/// and belongs to the handle, as that does, not to the process.
#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    target_pointer_width = "64"
))]
pub(crate) fn own(file: &std::fs::File) -> Option<bool> {
    use std::os::fd::AsRawFd as _;
    const FAR: libc::off_t = 1 << 62;
    let (Ok(write), Ok(from_start)) = (
        libc::c_short::try_from(libc::F_WRLCK),
        libc::c_short::try_from(libc::SEEK_SET),
    ) else {
        return None;
    };
    let lock = libc::flock {
        l_type: write,
        l_whence: from_start,
        l_start: FAR,
        l_len: 1,
        l_pid: 0,
    };
    // SAFETY: the descriptor is open as long as `file` is borrowed, and the pointer is to a lock of this
    // stack frame, which outlives the call.
    let outcome = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLK, &raw const lock) };
    if outcome == 0 {
        return Some(true);
    }
    let error = std::io::Error::last_os_error().raw_os_error();
    matches!(error, Some(libc::EAGAIN | libc::EACCES)).then_some(false)
}

#[cfg(not(all(
    any(target_os = "linux", target_os = "android"),
    target_pointer_width = "64"
)))]
pub(crate) fn own(_file: &std::fs::File) -> Option<bool> {
    None
}

/// The signals that a write raises on its own thread, and whose default ends the process: a file that
/// becomes larger than the process may make it, a pipe without a reader. The write fails all the same.
#[cfg(unix)]
const OF_WRITES: [libc::c_int; 2] = [libc::SIGXFSZ, libc::SIGPIPE];

/// A set of signals, filled by `fill`.
#[cfg(unix)]
fn signals(fill: impl FnOnce(*mut libc::sigset_t)) -> libc::sigset_t {
    let mut set = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the pointer is to a set of this stack frame; the call makes it an empty one, and cannot
    // fail for a pointer that is valid.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    fill(set.as_mut_ptr());
    // SAFETY: it was made an empty set above, and `fill` hands it to calls that leave a set in it.
    unsafe { set.assume_init() }
}

#[cfg(unix)]
fn has(set: &libc::sigset_t, signal: libc::c_int) -> bool {
    // SAFETY: the set is a valid one, and the call only reads it.
    unsafe { libc::sigismember(set, signal) == 1 }
}

/// The signals that the processor or the system raises on the very thread whose instruction was bad.
/// Blocked, they end the process without the application's handlers.
#[cfg(unix)]
const OF_FAULTS: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
];

/// Keeps all signals but those of faults from the running thread, until it is dropped; a thread that is
/// started meanwhile is born without them, and stays so.
#[cfg(unix)]
pub(super) struct BlockedSignals {
    before: libc::sigset_t,
}

#[cfg(unix)]
impl BlockedSignals {
    pub(super) fn begin() -> Self {
        let blocked = signals(|set| {
            // SAFETY: the pointer is to a set that outlives the calls, and the signals are known ones.
            unsafe {
                libc::sigfillset(set);
                for signal in OF_FAULTS {
                    libc::sigdelset(set, signal);
                }
            }
        });
        let before = signals(|before| {
            // SAFETY: both pointers are to sets that outlive the call, which changes the mask of this
            // thread only.
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const blocked, before) };
        });
        Self { before }
    }
}

#[cfg(unix)]
impl Drop for BlockedSignals {
    fn drop(&mut self) {
        set_mask(&self.before);
    }
}

#[cfg(not(unix))]
pub(super) struct BlockedSignals;

#[cfg(not(unix))]
impl BlockedSignals {
    pub(super) fn begin() -> Self {
        Self
    }
}

/// Sets the mask of the running thread.
#[cfg(unix)]
fn set_mask(mask: &libc::sigset_t) {
    // SAFETY: the pointer is to a valid set that outlives the call; the old mask is not wanted.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, mask, std::ptr::null_mut()) };
}

/// Keeps the signals that writes raise from the running thread, until it is dropped.
///
/// One that came meanwhile is taken, as the write has told of it by its error. It came meanwhile if it
/// was not blocked before: it would have reached the thread then.
#[cfg(unix)]
pub(super) struct MutedWrites {
    before: libc::sigset_t,
    is_raised: bool,
}

#[cfg(unix)]
impl MutedWrites {
    pub(super) fn begin() -> Self {
        let muted = signals(|set| {
            for signal in OF_WRITES {
                // SAFETY: the set is an empty one, and the signals are known ones.
                unsafe { libc::sigaddset(set, signal) };
            }
        });
        let before = signals(|before| {
            // SAFETY: both pointers are to sets that outlive the call, which changes the mask of this
            // thread only.
            unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const muted, before) };
        });
        Self {
            before,
            is_raised: true,
        }
    }

    /// Saves a system call for each of them.
    pub(super) fn nothing_was_raised(&mut self) {
        self.is_raised = false;
    }

    fn take_raised(&self) {
        let pending = signals(|pending| {
            // SAFETY: the pointer is to a set that outlives the call.
            unsafe { libc::sigpending(pending) };
        });
        for signal in OF_WRITES {
            if !has(&self.before, signal) && has(&pending, signal) {
                take(signal);
            }
        }
    }
}

#[cfg(unix)]
impl Drop for MutedWrites {
    fn drop(&mut self) {
        if self.is_raised {
            self.take_raised();
        }
        set_mask(&self.before);
    }
}

/// Takes a signal that is pending on this thread.
#[cfg(unix)]
fn take(signal: libc::c_int) {
    let only = signals(|set| {
        // SAFETY: the set is an empty one, and the signal is a known one.
        unsafe { libc::sigaddset(set, signal) };
    });
    take_one(&only);
}

/// Does not wait, as another thread may have taken it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn take_one(only: &libc::sigset_t) {
    let at_once = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointers are to values that outlive the call; none is asked for what was taken.
    unsafe { libc::sigtimedwait(only, std::ptr::null_mut(), &raw const at_once) };
}

/// Waits if another thread has taken it since it was seen pending, until the next one.
#[cfg(all(unix, not(any(target_os = "linux", target_os = "android"))))]
fn take_one(only: &libc::sigset_t) {
    let mut taken = 0;
    // SAFETY: both pointers are to values that outlive the call.
    unsafe { libc::sigwait(only, &raw mut taken) };
}

#[cfg(not(unix))]
pub(super) struct MutedWrites;

#[cfg(not(unix))]
impl MutedWrites {
    pub(super) fn begin() -> Self {
        Self
    }

    #[expect(clippy::unused_self, reason = "it is kept where there are signals")]
    pub(super) fn nothing_was_raised(&mut self) {}
}
