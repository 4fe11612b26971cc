//! The processor time of the running thread, where it can be asked for; else the time that passes.

use std::time::Duration;

#[cfg(target_os = "linux")]
pub(crate) fn now() -> Duration {
    use rustix::time::ClockId;
    use rustix::time::clock_gettime;
    let time = clock_gettime(ClockId::ThreadCPUTime);
    // Neither is ever negative, nor too large.
    let nanos = u32::try_from(time.tv_nsec).unwrap_or_default();
    Duration::new(time.tv_sec.unsigned_abs(), nanos)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn now() -> Duration {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
