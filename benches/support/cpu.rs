//! The processor time of other threads of this process, by their names, where the system tells it.

use std::time::Duration;

/// What the live threads of this name have used so far; nothing where that cannot be asked for.
#[cfg(target_os = "linux")]
pub(crate) fn of_threads(name: &str) -> Option<Duration> {
    let mut sum = Duration::ZERO;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let folder = thread.ok()?.path();
        // A thread that has just ended is not there any more.
        let Ok(found) = std::fs::read_to_string(folder.join("comm")) else {
            continue;
        };
        if found.trim_end() == name {
            let times = std::fs::read_to_string(folder.join("schedstat")).ok()?;
            let nanos = times.split_whitespace().next()?.parse().ok()?;
            sum += Duration::from_nanos(nanos);
        }
    }
    Some(sum)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn of_threads(_name: &str) -> Option<Duration> {
    None
}
