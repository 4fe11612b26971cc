//! What Linux tells of this process: its threads, what they used, and its memory.

use std::time::Duration;

use crate::contestant::Fault;

/// Threads that work in the background.
pub(crate) struct Threads {
    ids: Vec<u32>,
}

impl Threads {
    /// All that there are beside the main one.
    pub(crate) fn others() -> Result<Self, Fault> {
        let mut ids = Vec::new();
        for thread in std::fs::read_dir(TASKS)? {
            let name = thread?.file_name();
            ids.push(name.to_string_lossy().parse()?);
        }
        ids.retain(|id| *id != std::process::id());
        Ok(Self { ids })
    }

    /// The processor time that they used so far. Of one that runs, not its present time slice.
    pub(crate) fn used(&self) -> Result<Duration, Fault> {
        let mut sum = Duration::ZERO;
        for id in &self.ids {
            let times = std::fs::read_to_string(format!("{TASKS}/{id}/schedstat"))?;
            let nanos = times.split_whitespace().next().ok_or("no times")?;
            sum += Duration::from_nanos(nanos.parse()?);
        }
        Ok(sum)
    }
}

/// The most memory that this process ever had, in KiB.
pub(crate) fn peak_memory() -> Result<u64, Fault> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("no VmHWM")?.parse()?)
}

const TASKS: &str = "/proc/self/task";
