//! Where a rolled file gets its place among the archives: numbered, compressed, and the oldest deleted where
//! that was asked for.

use std::cmp::Reverse;
use std::fs;
use std::fs::File;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use std::time::SystemTime;

use super::compress;
use super::name::Archive;
use super::name::Codec;
use super::name::NamePattern;
use super::open;
use super::open::Access;
use super::pending::MARK;
use super::pending::Pending;
use super::pending::Stage;
use super::rename;
use crate::sys::Timestamp;

/// Which number a rolled file gets, where the pattern of its name has a `%i`.
///
/// Numbers are counted for each date that the pattern prints: the first file of a new day has the first
/// number again.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum FileIndex {
    /// One more than the highest there is, beginning at 1. Nothing is renamed, nothing is deleted.
    #[default]
    NoMax,
    /// The newest has the highest number. Where it would leave the range, the file with the lowest is
    /// deleted, and all others move down by one.
    Max(RangeInclusive<u32>),
    /// The newest has the lowest number: all others move up by one before, and what would leave the range
    /// is deleted.
    Min(RangeInclusive<u32>),
}

/// What archives are kept for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Limits {
    pub(super) files: Option<usize>,
    pub(super) age: Option<Duration>,
    pub(super) bytes: Option<u64>,
}

impl Limits {
    pub(super) fn is_none(&self) -> bool {
        self.files.is_none() && self.age.is_none() && self.bytes.is_none()
    }
}

/// The archives of one layer.
#[derive(Debug)]
pub(super) struct Archives {
    pub(super) names: Arc<NamePattern>,
    pub(super) index: FileIndex,
    pub(super) level: Option<i32>,
    pub(super) limits: Limits,
    pub(super) access: Access,
    /// Files have their archive's name from the beginning.
    pub(super) is_direct: bool,
    /// Set when the time for a shutdown is over: what is under way is left to the next process.
    pub(super) stop: Arc<AtomicBool>,
}

impl Archives {
    /// Brings a rolled file to its place, from wherever an earlier attempt has left it.
    pub(super) fn archive(&self, pending: &Pending) -> io::Result<()> {
        // As long as it is locked, nobody else takes it for one that has to be compressed.
        let (source, codec, locked) = match compressed(pending) {
            Some((whole, codec)) => (whole, codec, None),
            None => match self.names.codec() {
                None => (pending.path(Stage::Rolled), None, None),
                Some(codec) => match self.compress(pending, codec) {
                    // Somebody has removed it.
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {
                        return remove(&pending.path(Stage::Part));
                    }
                    whole => {
                        let (whole, original) = whole?;
                        (whole, Some(codec), Some(original))
                    }
                },
            },
        };
        // What was compressed is whole: the original can go.
        if codec.is_some() {
            remove(&pending.path(Stage::Rolled))?;
        }
        drop(locked);
        remove(&pending.path(Stage::Part))?;
        if !source.exists() {
            // Somebody has removed it: nothing shall make room for it.
            return Ok(());
        }
        match self.place(&source, pending, codec) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !source.exists() => Ok(()),
            placed => placed,
        }
    }

    /// Rolled files that earlier processes have not archived, in the order in which they were rolled.
    pub(super) fn left_by_others(&self, current: &Path) -> io::Result<Vec<Pending>> {
        if !self.is_direct {
            return Pending::left_of(current);
        }
        let is_ours = |pending: &Pending| self.names.read(&pending.base).is_some();
        let mut left = Vec::new();
        self.names.beside(|path| {
            if let Some((pending, _)) = Pending::read(path)
                && is_ours(&pending)
                && !left.contains(&pending)
            {
                left.push(pending);
            }
        })?;
        left.extend(self.never_rolled(current)?);
        left.sort_by_key(|pending| pending.order);
        Ok(left)
    }

    /// Files the time of which was over while nothing ran, if they are to be compressed.
    fn never_rolled(&self, current: &Path) -> io::Result<Vec<Pending>> {
        if self.names.codec().is_none() {
            return Ok(Vec::new());
        }
        let mut found = self.names.find()?;
        let is_compressed = |path: &Path| self.names.compressed(path).exists();
        found.retain(|archive| {
            let path = &archive.path;
            !archive.found.is_compressed && path != current && !is_compressed(path)
        });
        found.retain(|archive| is_archive(&archive.path));
        // One that cannot be renamed now is found by the next process.
        let roll = |archive: Archive| {
            let modified = Timestamp::from(archive.modified);
            Pending::roll(&archive.path, modified, modified).ok()
        };
        Ok(found.into_iter().filter_map(roll).collect())
    }

    /// Returns what came of it, and the original, which is locked.
    fn compress(&self, pending: &Pending, codec: Codec) -> io::Result<(PathBuf, File)> {
        let part = pending.path(Stage::Part);
        let whole = pending.path(Stage::Compressed(codec));
        let source = open::rolled(&pending.path(Stage::Rolled))?;
        // Who still writes to it has it open until it looks at the path again.
        if !open::is_left_alone(&source) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        // Whoever had it has archived it meanwhile.
        if !pending.path(Stage::Rolled).exists() {
            return Err(io::ErrorKind::NotFound.into());
        }
        remove(&part)?;
        let target = open::create_private(&part)?;
        target.set_permissions(source.metadata()?.permissions())?;
        let done = compress::compress(codec, self.level, &source, &target, &self.stop);
        // Its age is that of its last line.
        let done = done.and_then(|()| target.set_modified(source.metadata()?.modified()?));
        // Before the original goes, the disk has to have this.
        let done = done.and_then(|()| target.sync_all());
        if let Err(error) = done {
            drop(target);
            let _gone = fs::remove_file(&part);
            return Err(error);
        }
        fs::rename(&part, &whole)?;
        Ok((whole, source))
    }

    fn place(&self, source: &Path, pending: &Pending, codec: Option<Codec>) -> io::Result<()> {
        let suffixed = |path: PathBuf| match codec {
            None => path,
            Some(codec) => with_suffix(&path, codec.suffix()),
        };
        if self.is_direct {
            return self.first_free(source, 0, |copy| match copy {
                0 => suffixed(pending.base.clone()),
                _ => suffixed(with_suffix(&pending.base, &format!(".{copy}"))),
            });
        }
        let time = pending.period;
        if !self.names.has_index() {
            return self.first_free(source, 0, |copy| {
                suffixed(self.names.path_copy(time, 0, copy))
            });
        }
        let first = match &self.index {
            FileIndex::NoMax => self
                .of(time)?
                .last()
                .map_or(1, |(last, _)| last.saturating_add(1)),
            FileIndex::Max(range) => self.make_room_at_the_end(time, range)?,
            FileIndex::Min(range) => self.make_room_at_the_beginning(time, range)?,
        };
        self.first_free(source, first, |index| {
            suffixed(self.names.path(time, index))
        })
    }

    /// Renames to the first name from `number` on that nobody has.
    fn first_free(
        &self,
        source: &Path,
        number: u32,
        path: impl Fn(u32) -> PathBuf,
    ) -> io::Result<()> {
        for number in number..=u32::MAX {
            match self.rename(source, &path(number)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                outcome => return outcome,
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// The archives of the date that `time` prints, by their numbers, lowest first.
    fn of(&self, time: Timestamp) -> io::Result<Vec<(u32, Archive)>> {
        let Some(own) = self.names.read(&self.names.path(time, 1)) else {
            return Ok(Vec::new());
        };
        let mut found: Vec<_> = self.names.find()?;
        found.retain(|archive| archive.found.key == own.key);
        let mut found: Vec<_> = found
            .into_iter()
            .filter_map(|archive| Some((archive.found.index?, archive)))
            .collect();
        found.sort_by_key(|(index, _)| *index);
        Ok(found)
    }

    /// The next number in `range` for the newest; the oldest goes and the others move down where there
    /// is none.
    fn make_room_at_the_end(
        &self,
        time: Timestamp,
        range: &RangeInclusive<u32>,
    ) -> io::Result<u32> {
        let (min, max) = (*range.start(), *range.end());
        let mut found = self.of(time)?;
        found.retain(|(index, _)| range.contains(index));
        match found.last() {
            None => return Ok(min),
            Some((last, _)) if *last < max => return Ok(last + 1),
            Some(_) => {}
        }
        let room = usize::try_from(max - min).unwrap_or(usize::MAX);
        let surplus = found.len().saturating_sub(room);
        for (_, oldest) in found.drain(..surplus) {
            remove(&oldest.path)?;
        }
        let mut next = min;
        for (index, archive) in found {
            self.renumber(time, &archive, index, next)?;
            next += 1;
        }
        Ok(next)
    }

    /// Moves the others up until the first number of `range` is free for the newest; what would leave the
    /// range goes.
    fn make_room_at_the_beginning(
        &self,
        time: Timestamp,
        range: &RangeInclusive<u32>,
    ) -> io::Result<u32> {
        let (min, max) = (*range.start(), *range.end());
        let mut run = self.of(time)?;
        run.retain(|(index, _)| range.contains(index));
        // Only those without a gap before them are in the way.
        let mut next = min;
        run.retain(|(index, _)| {
            let is_next = *index == next;
            next = next.saturating_add(u32::from(is_next));
            is_next
        });
        for (index, archive) in run.into_iter().rev() {
            if index >= max {
                remove(&archive.path)?;
            } else {
                self.renumber(time, &archive, index, index + 1)?;
            }
        }
        Ok(min)
    }

    fn renumber(&self, time: Timestamp, archive: &Archive, from: u32, to: u32) -> io::Result<()> {
        if from == to {
            return Ok(());
        }
        let mut path = self.names.path(time, to);
        if archive.found.is_compressed {
            path = self.names.compressed(&path);
        }
        self.rename(&archive.path, &path)
    }

    /// Renames, or copies where the archives are on another file system.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let renamed = match rename::without_replacing(from, to) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && from.exists() => {
                open::create_folders(to, self.access)?;
                rename::without_replacing(from, to)
            }
            renamed => renamed,
        };
        match renamed {
            Err(error) if error.kind() == io::ErrorKind::CrossesDevices => {
                copy(from, to, &self.stop)
            }
            renamed => renamed,
        }
    }

    /// Deletes the oldest archives until the limits are kept; the file at `current` is none of them.
    pub(super) fn delete_old(&self, current: &Path, now: SystemTime) -> io::Result<()> {
        if self.limits.is_none() {
            return Ok(());
        }
        let mut found = self.names.find()?;
        found.retain(|archive| archive.path != current);
        sort_newest_first(&mut found, &self.index);
        let mut outcome = Ok(());
        let mut bytes = 0_u64;
        for (before, archive) in found.iter().enumerate() {
            bytes = bytes.saturating_add(archive.bytes);
            let age = now.duration_since(archive.modified).unwrap_or_default();
            let is_surplus = self.limits.files.is_some_and(|files| before >= files)
                || self.limits.age.is_some_and(|most| age > most)
                || self.limits.bytes.is_some_and(|most| bytes > most);
            if is_surplus && is_archive(&archive.path) {
                outcome = outcome.and(remove(&archive.path));
            }
        }
        outcome
    }
}

/// Whether nobody writes to it: another layer or process may.
fn is_archive(path: &Path) -> bool {
    open::rolled(path).is_ok_and(|file| open::is_left_alone(&file))
}

/// By the time of the last line; where that is the same, by the number.
fn sort_newest_first(archives: &mut [Archive], index: &FileIndex) {
    archives.sort_by(|one, other| {
        let by_number = match index {
            FileIndex::Min(_) => one.found.index.cmp(&other.found.index),
            FileIndex::NoMax | FileIndex::Max(_) => {
                Reverse(one.found.index).cmp(&Reverse(other.found.index))
            }
        };
        let by_copy = Reverse(one.found.copy).cmp(&Reverse(other.found.copy));
        other
            .modified
            .cmp(&one.modified)
            .then(by_number)
            .then(by_copy)
    });
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// Removes a file that may be gone already.
fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// What an earlier process has compressed, all of it.
fn compressed(pending: &Pending) -> Option<(PathBuf, Option<Codec>)> {
    [Codec::Gzip, Codec::Zstd].into_iter().find_map(|codec| {
        let path = pending.path(Stage::Compressed(codec));
        path.exists().then_some((path, Some(codec)))
    })
}

/// Puts a file onto another file system. A process that is killed between the last two steps leaves both,
/// and the next one copies it again: better twice than not at all.
fn copy(from: &Path, to: &Path, stop: &AtomicBool) -> io::Result<()> {
    let part = with_suffix(to, &format!("{MARK}.part"));
    remove(&part)?;
    let source = open::rolled(from)?;
    let mut target = open::create_private(&part)?;
    target.set_permissions(source.metadata()?.permissions())?;
    let copied = compress::copy(&source, &mut target, stop)
        .and_then(|()| target.set_modified(source.metadata()?.modified()?))
        .and_then(|()| target.sync_all())
        .and_then(|()| rename::without_replacing(&part, to));
    if let Err(error) = copied {
        let _gone = fs::remove_file(&part);
        return Err(error);
    }
    fs::remove_file(from)
}
