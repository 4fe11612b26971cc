//! When what was written is made to survive a crash of the machine.

use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

/// When a file is synchronized with the disk (`fdatasync`), by the layer's own threads and never by
/// the thread that logs.
///
/// Without it what was written survives the end of the process, a kill too, but not always that of the
/// machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fsync {
    /// The operating system writes when it sees fit, usually within half a minute.
    #[default]
    Never,
    /// At each [`flush`](crate::WorkerGuard::flush), which returns after it, at the shutdown, and when a
    /// file is rolled.
    OnFlush,
    /// The same, and at most this long after a line was written.
    Every(Duration),
}

/// The files that have something that the disk may not have.
#[derive(Debug)]
pub(super) struct Unsynced {
    policy: Fsync,
    files: Vec<Arc<File>>,
    /// Folders in which names have changed.
    folders: Vec<PathBuf>,
    since: Option<Instant>,
    /// A file was closed: it is to be let go of soon.
    has_closed: bool,
    /// The last time that was told of.
    told: Option<Instant>,
}

impl Unsynced {
    pub(super) fn new(policy: Fsync) -> Self {
        Self {
            policy,
            files: Vec::new(),
            folders: Vec::new(),
            since: None,
            has_closed: false,
            told: None,
        }
    }

    /// Something was written to `file`.
    pub(super) fn wrote(&mut self, file: impl FnOnce() -> Arc<File>, now: Instant) {
        if self.policy == Fsync::Never {
            return;
        }
        if self.since.is_none() {
            self.since = Some(now);
        }
        let file = file();
        if !self.files.iter().any(|known| Arc::ptr_eq(known, &file)) {
            self.files.push(file);
        }
    }

    /// Lines go to another file, and names have changed in `folder`.
    pub(super) fn changed(&mut self, folder: Option<PathBuf>) {
        if self.policy == Fsync::Never {
            return;
        }
        self.has_closed = !self.files.is_empty();
        if let Some(folder) = folder.filter(|folder| !self.folders.contains(folder)) {
            self.folders.push(folder);
        }
    }

    /// Whether there is something to synchronize by a time that nobody was told of. Says so once.
    pub(super) fn is_new(&mut self) -> bool {
        let due = self.due();
        let is_new = due.is_some() && due != self.told;
        self.told = due;
        is_new
    }

    /// By when the files have to be synchronized; none where nothing asks for it.
    pub(super) fn due(&self) -> Option<Instant> {
        if self.has_closed {
            return self.since;
        }
        match self.policy {
            Fsync::Every(time) => self.since?.checked_add(time),
            Fsync::Never | Fsync::OnFlush => None,
        }
    }

    /// What to synchronize, without a lock on anything else.
    pub(super) fn take(&mut self) -> Pending {
        self.since = None;
        self.has_closed = false;
        Pending {
            files: std::mem::take(&mut self.files),
            folders: std::mem::take(&mut self.folders),
        }
    }
}

/// Files and folders on their way to the disk.
#[derive(Debug)]
pub(super) struct Pending {
    files: Vec<Arc<File>>,
    folders: Vec<PathBuf>,
}

impl Pending {
    /// Waits until the disk has them. All are tried; the first error is returned.
    pub(super) fn sync(self) -> io::Result<()> {
        let mut outcome = Ok(());
        for file in self.files {
            outcome = outcome.and(file.sync_data());
        }
        for folder in self.folders {
            outcome = outcome.and(sync_folder(&folder));
        }
        outcome
    }
}

/// Only on Unix can a folder be opened, and only there its names need it.
#[cfg(unix)]
fn sync_folder(folder: &std::path::Path) -> io::Result<()> {
    match File::open(folder) {
        Ok(folder) => folder.sync_all(),
        // It was removed since.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &std::path::Path) -> io::Result<()> {
    Ok(())
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn file() -> Arc<File> {
        Arc::new(File::open("Cargo.toml").unwrap())
    }

    #[test]
    fn what_was_written_is_due_once_and_from_the_first_write_on() {
        let now = Instant::now();
        let wait = Duration::from_secs(3);
        for (policy, due) in [
            (Fsync::Never, None),
            (Fsync::OnFlush, None),
            (Fsync::Every(wait), Some(now + wait)),
        ] {
            let mut unsynced = Unsynced::new(policy);
            assert_eq!(unsynced.due(), None, "{policy:?}");
            let (one, other) = (file(), file());
            unsynced.wrote(|| Arc::clone(&one), now);
            unsynced.wrote(|| Arc::clone(&one), now + wait);
            unsynced.wrote(|| other, now + wait);
            assert_eq!(unsynced.due(), due, "{policy:?}");
            for _again in 0..2 {
                unsynced.changed(Some(PathBuf::from(".")));
            }
            // What was closed is due at once.
            let at_once = (policy != Fsync::Never).then_some(now);
            assert_eq!(unsynced.due(), at_once, "{policy:?}");
            let pending = unsynced.take();
            let expected = if policy == Fsync::Never {
                (0, 0)
            } else {
                (2, 1)
            };
            assert_eq!((pending.files.len(), pending.folders.len()), expected);
            assert_eq!(unsynced.due(), None, "{policy:?}");
            assert!(unsynced.take().files.is_empty());
        }
    }

    #[test]
    fn all_are_tried_and_the_first_error_is_told() {
        let folders = vec![PathBuf::from("gone"), PathBuf::from("Cargo.toml/x")];
        let pending = Pending {
            files: vec![file()],
            folders,
        };
        // One that was removed is no matter; one that cannot be opened is.
        let outcome = pending.sync();
        assert!(outcome.is_err(), "{outcome:?}");
    }
}
