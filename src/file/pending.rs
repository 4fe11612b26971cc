//! Files that were rolled and have no place among the archives yet: their names tell how far they are.
//!
//! `app.log.<period>.<order>.tracing-kafka.roll` is one as the writer has left it, `….part` what
//! compressing it has made so far, `….gz` the whole of that. Each step is one rename or one removal, so
//! that a process that is killed between two of them leaves what the next one can go on with.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use super::name::Codec;
use super::rename;
use crate::sys::Timestamp;

/// No other program calls its files so.
pub(super) const MARK: &str = ".tracing-kafka";
const ROLLED: &str = "roll";
const PART: &str = "part";

/// A rolled file on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    /// What it was called while it was written to.
    pub(super) base: PathBuf,
    /// The beginning of the period that it covers.
    pub(super) period: Timestamp,
    /// When it was rolled, in nanoseconds since the Unix epoch.
    pub(super) order: i64,
}

/// How far a pending file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Rolled,
    Part,
    Compressed(Codec),
}

impl Stage {
    fn extension(self) -> &'static str {
        match self {
            Self::Rolled => ROLLED,
            Self::Part => PART,
            Self::Compressed(codec) => codec.suffix().trim_start_matches('.'),
        }
    }

    fn of(extension: &str) -> Option<Self> {
        let all = [
            Self::Rolled,
            Self::Part,
            Self::Compressed(Codec::Gzip),
            Self::Compressed(Codec::Zstd),
        ];
        all.into_iter().find(|stage| stage.extension() == extension)
    }
}

impl Pending {
    /// Takes the name from the file at `base`.
    pub(super) fn roll(base: &Path, period: Timestamp, now: Timestamp) -> io::Result<Self> {
        // A clock that has never been set may be before the epoch.
        let period = Timestamp {
            seconds: period.seconds.max(0),
            nanos: 0,
        };
        let mut pending = Self {
            base: base.to_owned(),
            period,
            order: now.unix_nanos().max(0),
        };
        loop {
            match rename::without_replacing(base, &pending.path(Stage::Rolled)) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    pending.order = pending.order.saturating_add(1);
                }
                outcome => return outcome.map(|()| pending),
            }
        }
    }

    /// Gives the name back.
    pub(super) fn undo(&self) -> io::Result<()> {
        rename::without_replacing(&self.path(Stage::Rolled), &self.base)
    }

    pub(super) fn path(&self, stage: Stage) -> PathBuf {
        let mut name = self.base.file_name().unwrap_or_default().to_owned();
        let (seconds, order) = (self.period.seconds, self.order);
        name.push(format!(".{seconds}.{order}{MARK}.{}", stage.extension()));
        self.base.with_file_name(name)
    }

    /// What the file at `path` is, if its name is that of a pending one.
    pub(super) fn read(path: &Path) -> Option<(Self, Stage)> {
        let name = path.file_name().and_then(OsStr::to_str)?;
        let (name, extension) = name.rsplit_once('.')?;
        let name = name.strip_suffix(MARK)?;
        let (name, order) = name.rsplit_once('.')?;
        let (base, seconds) = name.rsplit_once('.')?;
        let period = Timestamp {
            seconds: number(seconds)?,
            nanos: 0,
        };
        let pending = Self {
            base: path.with_file_name(base),
            period,
            order: number(order)?,
        };
        let stage = Stage::of(extension)?;
        // Nothing that only looks like it.
        (pending.path(stage) == path).then_some((pending, stage))
    }

    /// Those of `base` that an earlier process has left, in the order in which they were rolled.
    pub(super) fn left_of(base: &Path) -> io::Result<Vec<Self>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(super::open::folder_of(base))? {
            let path = base.with_file_name(entry?.file_name());
            if let Some((pending, _)) = Self::read(&path)
                && pending.base == base
                && is_file(&path)
                && !found.contains(&pending)
            {
                found.push(pending);
            }
        }
        found.sort_by_key(|pending| pending.order);
        Ok(found)
    }
}

/// Whether it is a file itself, and no link to one.
fn is_file(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn number(text: &str) -> Option<i64> {
    let is_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| text.parse().ok())?
}
