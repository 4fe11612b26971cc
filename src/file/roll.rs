//! When a file is full or its time is over, and what happens then: the writer's part of rolling.

use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use super::archivist::Archivist;
use super::archivist::Job;
use super::log_file::LogFile;
use super::log_file::Start;
use super::name::NamePattern;
use super::open::Access;
use super::open::folder_of;
use super::pending::Pending;
use super::rename;
use super::schedule::Schedule;
use crate::sys::Timestamp;

/// After a roll that failed, lines go on into the old file for this long.
const PAUSE: Duration = Duration::from_secs(5);

/// Decides when to roll, and does what cannot wait.
#[derive(Debug)]
pub(super) struct Roller {
    pub(super) names: Arc<NamePattern>,
    /// Files have their archive's name from the beginning.
    pub(super) is_direct: bool,
    pub(super) max_bytes: u64,
    pub(super) schedule: Option<Schedule>,
    pub(super) link: Option<PathBuf>,
    pub(super) archivist: Archivist,
    pub(super) clock: Clock,
}

/// What of rolling changes from file to file.
#[derive(Debug)]
pub(super) struct Clock {
    /// When the period of the current file began, or the file itself.
    period: Timestamp,
    /// When its period ends, in nanoseconds since the Unix epoch.
    boundary: i64,
    /// A file of so many bytes has no lines.
    empty: u64,
    /// After a failure: until when nothing is rolled.
    paused: Option<Instant>,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            period: Timestamp::now(),
            boundary: i64::MAX,
            empty: 0,
            paused: None,
        }
    }
}

/// How a roll ended.
#[derive(Debug)]
pub(super) enum Rolled {
    /// There was nothing to roll.
    Nothing,
    /// Lines go to a new file from now on.
    Began(Start),
    Failed(io::Error),
}

impl Roller {
    /// Whether a record of `bytes`, logged at `nanos`, shall not go into a file that has `length` bytes.
    #[inline]
    pub(super) fn is_due(&self, length: u64, bytes: usize, nanos: i64) -> bool {
        let is_full =
            length > self.clock.empty && length.saturating_add(bytes as u64) > self.max_bytes;
        (is_full || nanos >= self.clock.boundary) && self.clock.paused.is_none()
    }

    /// When the period of the current file ends, where it is rolled then.
    pub(super) fn boundary(&self) -> Option<i64> {
        let boundary = self.clock.boundary;
        (boundary != i64::MAX && self.clock.paused.is_none()).then_some(boundary)
    }

    pub(super) fn is_past(&self, now: Timestamp) -> bool {
        self.clock.paused.is_none() && now.unix_nanos() >= self.clock.boundary
    }

    /// A file was opened for lines from `time` on, or that was last written to then.
    pub(super) fn began(&mut self, time: Option<Timestamp>) {
        self.clock.empty = 0;
        self.begin_period(time.unwrap_or_else(Timestamp::now));
    }

    /// The current file has no lines while it is no longer than that.
    pub(super) fn is_empty_up_to(&mut self, bytes: u64) {
        self.clock.empty = bytes;
    }

    fn begin_period(&mut self, at: Timestamp) {
        let Some(schedule) = &self.schedule else {
            self.clock.period = at;
            return;
        };
        self.clock.period = schedule.start_of(at);
        self.clock.boundary = schedule
            .next_after(at)
            .map_or(i64::MAX, Timestamp::unix_nanos);
    }

    /// Rolls nothing for a while, after a failure.
    pub(super) fn pause(&mut self) {
        self.clock.paused = Instant::now().checked_add(PAUSE);
    }

    /// The file was cut off at so many bytes, perhaps within its header.
    pub(super) fn has_shrunk(&mut self, bytes: u64) {
        if bytes < self.clock.empty {
            self.clock.empty = 0;
        }
    }

    /// Looks at the clock, which may have been set back, and ends the pause after a failure.
    pub(super) fn look(&mut self, now: Instant, clock: Timestamp) {
        if self.clock.paused.is_some_and(|until| until <= now) {
            self.clock.paused = None;
        }
        // Otherwise nothing would be rolled until the clock is where it was.
        if self.schedule.is_some() && clock < self.clock.period {
            self.begin_period(clock);
        }
    }

    /// Closes `file` with `footer` and opens the next one, for lines from `at` on. Where that fails, `file`
    /// stays what it was.
    pub(super) fn roll(
        &mut self,
        file: &mut LogFile,
        access: Access,
        at: Timestamp,
        footer: &[u8],
    ) -> Rolled {
        let is_empty = file.bytes() <= self.clock.empty;
        let outcome = match (self.is_direct, is_empty) {
            (false, true) => Ok(None),
            (false, false) => self.roll_aside(file, access, footer).map(Some),
            (true, true) => self.rename_empty(file, at).map(|()| None),
            (true, false) => self.roll_direct(file, access, at, footer).map(Some),
        };
        match outcome {
            Ok(None) => {
                self.begin_period(at);
                Rolled::Nothing
            }
            // Lines may have waited: the file is that of the time for which it was opened.
            Ok(Some(start)) => Rolled::Began(Start {
                time: Some(at),
                ..start
            }),
            Err(error) => {
                self.pause();
                Rolled::Failed(error)
            }
        }
    }

    fn roll_aside(
        &mut self,
        file: &mut LogFile,
        access: Access,
        footer: &[u8],
    ) -> io::Result<Start> {
        let path = file.path().to_owned();
        let pending = Pending::roll(&path, self.clock.period, Timestamp::now())?;
        let next = LogFile::open(path.clone(), access);
        if next.is_err() && pending.undo().is_ok() {
            // The old file has its name back, and the lines go on in it.
            return next.map(|(_, start)| start);
        }
        let next = next.map(|(next, start)| {
            replace(file, next, footer);
            start
        });
        // After the old file was let go of, or it would have to wait.
        self.archivist.ask(Job::Rolled {
            pending: Some(pending),
            current: path,
        });
        next
    }

    fn roll_direct(
        &mut self,
        file: &mut LogFile,
        access: Access,
        at: Timestamp,
        footer: &[u8],
    ) -> io::Result<Start> {
        let old = file.path().to_owned();
        let path = self.next_path(at, Some(&old))?;
        if path == old {
            // A pattern that prints the same name again, for an hour that comes twice say.
            return Ok(Start {
                bytes: file.bytes(),
                time: Some(at),
                is_torn: false,
            });
        }
        let (next, start) = LogFile::open(path.clone(), access)?;
        replace(file, next, footer);
        // The link never leads to a name that is gone.
        let _told_later = self.link(file);
        let pending = match self.names.codec() {
            None => None,
            // What cannot be renamed now is found by the next process.
            Some(_) => Pending::roll(&old, self.clock.period, Timestamp::now()).ok(),
        };
        self.archivist.ask(Job::Rolled {
            pending,
            current: path,
        });
        Ok(start)
    }

    /// A file without lines gets the name of the period that begins.
    fn rename_empty(&mut self, file: &mut LogFile, at: Timestamp) -> io::Result<()> {
        let old = file.path().to_owned();
        let path = self.next_path(at, Some(&old))?;
        let key = |path: &Path| self.names.read(path).map(|found| found.key);
        if key(&path) != key(&old) {
            rename::without_replacing(&old, &path)?;
            self.archivist.ask(Job::Rolled {
                pending: None,
                current: path.clone(),
            });
            file.set_path(path);
        }
        Ok(())
    }

    /// Where a file that begins at `at` has its place, if it is written there from the beginning.
    fn next_path(&self, at: Timestamp, current: Option<&Path>) -> io::Result<PathBuf> {
        let time = self
            .schedule
            .as_ref()
            .map_or(at, |schedule| schedule.start_of(at));
        next_direct(&self.names, time, current, None)
    }

    /// Has the link lead to the current file.
    pub(super) fn link(&self, file: &LogFile) -> io::Result<()> {
        match &self.link {
            None => Ok(()),
            Some(link) => rename::link_to(link, file.path()),
        }
    }
}

/// Lines go to `next` from now on.
fn replace(file: &mut LogFile, next: LogFile, footer: &[u8]) {
    // It is no event, and nobody waits for it.
    let _missing = file.write(footer);
    *file = next;
}

/// The path of the file for `time` in a layer that writes to its archives directly: the next number; or
/// the highest there is, where that file is shorter than `room`, and no archive yet.
pub(super) fn next_direct(
    names: &NamePattern,
    time: Timestamp,
    current: Option<&Path>,
    room: Option<u64>,
) -> io::Result<PathBuf> {
    let first = names.path(time, 1);
    if !names.has_index() {
        return Ok(first);
    }
    let Some(own) = names.read(&first) else {
        return Ok(first);
    };
    let mut last = None;
    let mut note = |path: &Path, bytes: Option<u64>| {
        let base = Pending::read(path).map_or_else(|| path.to_owned(), |(pending, _)| pending.base);
        let Some(found) = names.read(&base).filter(|found| found.key == own.key) else {
            return;
        };
        let Some(index) = found.index else { return };
        let is_open = base == path && !found.is_compressed && Some(path) != current;
        let bytes = bytes.filter(|_| is_open);
        match &mut last {
            Some((highest, length)) if index == *highest => *length = None,
            Some((highest, _)) if index < *highest => {}
            last => *last = Some((index, bytes)),
        }
    };
    names.beside(|path| {
        let found = std::fs::symlink_metadata(path).ok();
        note(
            path,
            found
                .filter(std::fs::Metadata::is_file)
                .map(|found| found.len()),
        );
    })?;
    Ok(match last {
        None => first,
        Some((index, Some(bytes))) if room.is_some_and(|room| bytes < room) => {
            names.path(time, index)
        }
        Some((index, _)) => names.path(time, index.saturating_add(1)),
    })
}

/// The folder whose names a roll changes.
pub(super) fn changed_folder(file: &LogFile) -> PathBuf {
    folder_of(file.path())
}
