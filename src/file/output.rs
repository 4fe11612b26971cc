//! Where lines go: a standard stream, or a file that is opened anew when somebody else has moved it.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use super::archivist::Job;
use super::console::Console;
use super::log_file::LogFile;
use super::log_file::Standing;
use super::log_file::Start;
use super::open::Access;
use super::roll::Rolled;
use super::roll::Roller;
use super::stream::Stream;
use crate::sys::Timestamp;

/// How often a busy writer looks whether its file is still the one at its path.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The same for one that has nothing to do; within a second, with what it takes to wake up.
pub(super) const IDLE_LOOK_EVERY: Duration = Duration::from_millis(800);

/// What a layer writes to.
#[derive(Debug)]
pub(super) enum Output {
    Stream(Console),
    File(Box<FileOutput>),
}

/// A log file and what keeps it the right one.
#[derive(Debug)]
pub(super) struct FileOutput {
    file: LogFile,
    access: Access,
    roller: Option<Roller>,
    last_look: Instant,
    /// Why the file at the path cannot be opened, where ours has no name any more.
    lost: Option<String>,
}

/// What a look at the file has found.
#[derive(Debug)]
pub(super) enum Found {
    /// All is as it was.
    Same,
    /// Lines go to another file from now on.
    Began(Start),
    /// The file at the path is another one, and it cannot be opened.
    Failed(io::Error),
    /// The file became ours: who had it is gone.
    Ours,
}

impl Output {
    pub(super) fn file_output(file: LogFile, access: Access, roller: Option<Roller>) -> Self {
        Self::File(Box::new(FileOutput {
            file,
            access,
            roller,
            last_look: Instant::now(),
            lost: None,
        }))
    }

    /// What errors call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stream(console) => console.stream().name().to_owned(),
            Self::File(output) => format!("`{}`", output.file.path().display()),
        }
    }

    pub(super) fn stream(&self) -> Option<Stream> {
        match self {
            Self::Stream(console) => Some(console.stream()),
            Self::File(_) => None,
        }
    }

    pub(super) fn file(&self) -> Option<&LogFile> {
        match self {
            Self::Stream(_) => None,
            Self::File(output) => Some(&output.file),
        }
    }

    /// What has to be synchronized with the disk after a write.
    pub(super) fn handle(&self) -> Option<Arc<File>> {
        self.file()
            .filter(|file| file.is_regular())
            .map(LogFile::handle)
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stream(console) => console.write(bytes),
            Self::File(output) => output.write(bytes),
        }
    }

    /// Whether nothing is wrong but that the application holds the lock of a stream, and not for long.
    pub(super) fn is_just_held(&self) -> bool {
        match self {
            Self::Stream(console) => console.is_just_held(),
            Self::File(_) => false,
        }
    }

    /// The time is over at `end`.
    pub(super) fn end_by(&mut self, end: Instant) {
        if let Self::Stream(console) = self {
            console.end_by(end);
        }
    }

    fn roller(&self) -> Option<&Roller> {
        match self {
            Self::Stream(_) => None,
            Self::File(output) => output.roller.as_ref(),
        }
    }

    fn roller_mut(&mut self) -> Option<&mut Roller> {
        match self {
            Self::Stream(_) => None,
            Self::File(output) => output.roller.as_mut(),
        }
    }

    /// Whether a record of `bytes`, logged at `nanos`, belongs to the next file; `gathered` bytes are on
    /// their way into this one.
    #[inline]
    pub(super) fn is_due(&self, gathered: usize, bytes: usize, nanos: i64) -> bool {
        match self {
            Self::Stream(_) => false,
            Self::File(output) => output.is_due(gathered, bytes, nanos),
        }
    }

    /// Whether the time of the file is over.
    pub(super) fn is_past(&self, now: Timestamp) -> bool {
        let is_ours = self.file().is_some_and(LogFile::is_ours);
        is_ours && self.roller().is_some_and(|roller| roller.is_past(now))
    }

    /// When the time of the file is over; none where nothing is rolled then.
    pub(super) fn boundary(&self) -> Option<i64> {
        let is_ours = self.file().is_some_and(LogFile::is_ours);
        self.roller().filter(|_| is_ours)?.boundary()
    }

    /// Closes the file with `footer`, and opens the next one for lines from `at` on.
    pub(super) fn roll(&mut self, at: Timestamp, footer: &[u8]) -> Rolled {
        match self {
            Self::Stream(_) => Rolled::Nothing,
            Self::File(output) => output.roll(at, footer),
        }
    }

    /// A file was opened as `start` says, and begins with `text` bytes that are no lines.
    pub(super) fn began(&mut self, start: &Start, text: usize) {
        if let Some(roller) = self.roller_mut() {
            roller.began(start.time);
            if start.bytes == 0 {
                roller.is_empty_up_to(text as u64);
            }
        }
    }

    /// What earlier processes have rolled and not archived is ours to archive.
    pub(super) fn adopt(&self) {
        if let Self::File(output) = self {
            output.adopt();
        }
    }

    /// Has the link lead to the file.
    pub(super) fn link(&self) -> io::Result<()> {
        match (self.file(), self.roller()) {
            (Some(file), Some(roller)) => roller.link(file),
            _ => Ok(()),
        }
    }

    /// Has the archives in their places by `deadline`, or leaves them to the next process.
    pub(super) fn end(&mut self, deadline: Instant) {
        let file = self.handle();
        if let Some(roller) = self.roller_mut() {
            roller.archivist.end(file, deadline);
        }
    }

    /// For how long the file need not be looked at while there is nothing to do; none for a stream.
    pub(super) fn rest_until_look(&self, now: Instant) -> Option<Duration> {
        match self {
            Self::Stream(_) => None,
            Self::File(output) => {
                let since = now.saturating_duration_since(output.last_look);
                Some(IDLE_LOOK_EVERY.saturating_sub(since))
            }
        }
    }

    /// Looks after the file if it is time for that, or if `now` is all that counts.
    pub(super) fn look(&mut self, now: Instant, is_asked: bool) -> Found {
        match self {
            Self::File(output)
                if is_asked || now.duration_since(output.last_look) >= LOOK_EVERY =>
            {
                output.last_look = now;
                output.look()
            }
            Self::Stream(_) | Self::File(_) => Found::Same,
        }
    }
}

/// Whether the application holds the lock of a stream.
pub(super) fn is_held(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

impl FileOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.lost {
            None => self.file.write(bytes),
            Some(why) => Err(io::Error::other(format!(
                "it was removed, and cannot be made again: {why}"
            ))),
        }
    }

    #[inline]
    fn is_due(&self, gathered: usize, bytes: usize, nanos: i64) -> bool {
        let Some(roller) = &self.roller else {
            return false;
        };
        let length = self.file.bytes() + gathered as u64;
        roller.is_due(length, bytes, nanos) && self.file.is_ours()
    }

    fn roll(&mut self, at: Timestamp, footer: &[u8]) -> Rolled {
        // What somebody else has moved is not ours to archive.
        match self.look() {
            Found::Began(start) => return Rolled::Began(start),
            Found::Failed(error) => {
                if let Some(roller) = &mut self.roller {
                    roller.pause();
                }
                return Rolled::Failed(error);
            }
            Found::Same | Found::Ours => {}
        }
        match &mut self.roller {
            Some(roller) if self.file.is_ours() => {
                roller.roll(&mut self.file, self.access, at, footer)
            }
            _ => Rolled::Nothing,
        }
    }

    fn look(&mut self) -> Found {
        if let Some(roller) = &mut self.roller {
            roller.look(Instant::now(), Timestamp::now());
        }
        let known = self.file.bytes();
        let standing = self.file.look();
        if let Some(roller) = &mut self.roller
            && self.file.bytes() < known
        {
            roller.has_shrunk(self.file.bytes());
        }
        let is_unlinked = match standing {
            Standing::Same if self.file.try_to_own() => {
                self.adopt();
                return Found::Ours;
            }
            Standing::Same => return Found::Same,
            Standing::Moved { is_unlinked } => is_unlinked,
        };
        match LogFile::open(self.file.path().to_owned(), self.access) {
            Ok((file, start)) => {
                self.file = file;
                self.lost = None;
                // Whoever had it may have left something behind.
                self.adopt();
                Found::Began(start)
            }
            Err(error) => {
                // A file that was renamed is still there for its lines.
                self.lost = is_unlinked.then(|| error.to_string());
                Found::Failed(error)
            }
        }
    }

    fn adopt(&self) {
        if let Some(roller) = self.roller.as_ref().filter(|_| self.file.is_ours()) {
            let current = self.file.path().to_owned();
            roller.archivist.ask(Job::Adopt { current });
        }
    }
}
