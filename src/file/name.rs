//! The pattern of file names: printing them, and knowing our own again.

mod find;
mod level;
#[cfg(test)]
mod tests;

use std::ffi::OsString;
use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use crate::error::BuildError;
use crate::layout::DateUnit;
use crate::layout::FileDate;
use crate::layout::FileIndex;
use crate::layout::FilePiece;
use crate::layout::FileZone;
use crate::layout::Fill;
use crate::layout::file_pieces;
use crate::sys::Timestamp;

pub(super) use find::Archive;
use level::Levels;
use level::Reading;

/// The setting that a pattern is.
const SETTING: &str = "file_pattern";
/// No system has longer names; a path has to be read for each file in a folder.
const MAX_LENGTH: usize = 1024;
/// Suffixes that stand for a compression elsewhere.
const FOREIGN_SUFFIXES: [&str; 8] = [
    ".zip", ".bz2", ".xz", ".deflate", ".pack200", ".z", ".lz4", ".7z",
];

/// A pattern that names archives, such as `logs/app-%d{yyyy-MM-dd}-%i.log.gz`.
///
/// A name may have a number more, behind all else but the suffix of the codec: that of a copy, for
/// the file whose own name is taken. `app-1.log.2.gz` is the second copy of `app-1.log.gz`.
#[derive(Debug)]
pub(super) struct NamePattern {
    /// Without the suffix of the codec.
    pieces: Vec<FilePiece>,
    codec: Option<Codec>,
    /// The folder that all files are in or below; empty for that of the process.
    base: PathBuf,
    /// What is below it: folders, and at last the file.
    levels: Levels,
}

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Codec {
    Gzip,
    Zstd,
}

/// What the name of an archive says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// None where the pattern has none.
    pub(super) index: Option<u32>,
    /// 0 is no copy.
    pub(super) copy: u32,
    pub(super) is_compressed: bool,
    /// The path without index, copy and suffix of the codec: the same for all archives of one date.
    pub(super) key: PathBuf,
}

impl Codec {
    const ALL: [Self; 2] = [Self::Gzip, Self::Zstd];

    /// What the name of a compressed file ends with.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::Gzip => ".gz",
            Self::Zstd => ".zst",
        }
    }

    fn feature(self) -> (&'static str, bool) {
        match self {
            Self::Gzip => ("gzip", cfg!(feature = "gzip")),
            Self::Zstd => ("zstd", cfg!(feature = "zstd")),
        }
    }
}

impl NamePattern {
    /// Reads a pattern; dates without a zone of their own are in `zone`.
    pub(super) fn parse(pattern: &str, zone: &FileZone) -> Result<Self, BuildError> {
        let refuse = |expected: String| BuildError::setting(SETTING, pattern, expected);
        if pattern.len() > MAX_LENGTH {
            let length = pattern.len();
            return Err(refuse(format!(
                "{MAX_LENGTH} bytes at most, found {length}"
            )));
        }
        let mut pieces = file_pieces(pattern, zone)
            .map_err(|error| refuse(format!("a pattern of file names: {error}")))?;
        let indices = pieces.iter().filter(|piece| is_index(piece)).count();
        if indices > 1 {
            return Err(refuse(format!("one `%i`, found {indices}")));
        }
        let codec = take_suffix(&mut pieces).map_err(refuse)?;
        let (base, below) = split_base(&pieces);
        check_path(&base, &below).map_err(refuse)?;
        let levels = Levels::compile(&pieces, base.len(), codec.map(Codec::suffix))
            .ok_or_else(|| refuse("a shorter pattern".to_owned()))?;
        Ok(Self {
            base: PathBuf::from(base),
            levels,
            pieces,
            codec,
        })
    }

    /// How archives are compressed.
    pub(super) fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// The folder that all archives are in or below; empty for that of the process.
    pub(super) fn base(&self) -> &Path {
        &self.base
    }

    /// Whether there is a `%i`.
    pub(super) fn has_index(&self) -> bool {
        self.pieces.iter().any(is_index)
    }

    /// The smallest unit of time of which no two have the same name; none where names come again.
    pub(super) fn finest(&self) -> Option<DateUnit> {
        FileDate::finest(&self.dates().collect::<Vec<_>>())
    }

    /// The name of a file, without the suffix of the codec.
    pub(super) fn path(&self, time: Timestamp, index: u32) -> PathBuf {
        PathBuf::from(print(&self.pieces, time, index))
    }

    /// The same for a copy, counted from 1, of a file whose own name is taken.
    pub(super) fn path_copy(&self, time: Timestamp, index: u32, copy: u32) -> PathBuf {
        let mut path = print(&self.pieces, time, index);
        if copy > 0 {
            path.push('.');
            path.push_str(&copy.to_string());
        }
        PathBuf::from(path)
    }

    /// A name with the suffix of the codec.
    pub(super) fn compressed(&self, path: &Path) -> PathBuf {
        let mut path = OsString::from(path);
        path.push(self.codec.map_or("", Codec::suffix));
        PathBuf::from(path)
    }

    /// What a path says that this very pattern could have printed, compressed or not, a copy or not;
    /// none for every other.
    pub(super) fn read(&self, path: &Path) -> Option<Found> {
        let below = path.strip_prefix(&self.base).ok()?;
        let mut reading = Reading::default();
        let mut levels = self.levels.iter();
        let mut key = Vec::new();
        for component in below.components() {
            let Component::Normal(name) = component else {
                return None;
            };
            key.push(levels.next()?.read(name.to_str()?, &mut reading)?);
        }
        if levels.next().is_some() || !reading.is_date() {
            return None;
        }
        Some(Found {
            index: reading.index,
            copy: reading.copy,
            is_compressed: reading.is_compressed,
            key: self.base.join(key.join("/")),
        })
    }

    fn dates(&self) -> impl Iterator<Item = &FileDate> {
        self.pieces.iter().filter_map(|piece| match piece {
            FilePiece::Date(date) => Some(date),
            FilePiece::Text(_) | FilePiece::Index(_) => None,
        })
    }
}

fn is_index(piece: &FilePiece) -> bool {
    matches!(piece, FilePiece::Index(_))
}

fn print(pieces: &[FilePiece], time: Timestamp, index: u32) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            FilePiece::Text(piece) => text.push_str(piece),
            FilePiece::Date(date) => {
                let mut out = Vec::new();
                date.write(time, &mut out);
                text.push_str(&String::from_utf8_lossy(&out));
            }
            FilePiece::Index(form) => text.push_str(&print_index(*form, index)),
        }
    }
    text
}

fn print_index(FileIndex { width, fill }: FileIndex, index: u32) -> String {
    match fill {
        Fill::ZerosBefore => format!("{index:0width$}"),
        Fill::SpacesBefore => format!("{index:>width$}"),
        Fill::SpacesBehind => format!("{index:<width$}"),
    }
}

/// Takes the suffix of a codec off. The error says what was expected.
fn take_suffix(pieces: &mut [FilePiece]) -> Result<Option<Codec>, String> {
    let sample = print(pieces, SAMPLE, 1);
    let lower = sample.to_ascii_lowercase();
    let known = Codec::ALL.map(Codec::suffix);
    let mut suffixes = known.iter().chain(&FOREIGN_SUFFIXES);
    let Some(suffix) = suffixes.find(|suffix| lower.ends_with(**suffix)) else {
        return Ok(None);
    };
    let codec = Codec::ALL
        .into_iter()
        .find(|codec| sample.ends_with(codec.suffix()));
    let (Some(codec), Some(FilePiece::Text(last))) = (codec, pieces.last_mut()) else {
        let at = sample.len() - suffix.len();
        let found = sample.get(at..).unwrap_or_default();
        return Err(format!(
            "the suffix `.gz` or `.zst`, as it stands, or none of a compression, found `{found}`"
        ));
    };
    if let (feature, false) = codec.feature() {
        return Err(format!(
            "another suffix than `{}`: the feature `{feature}` is off",
            codec.suffix()
        ));
    }
    let rest = last.len().checked_sub(codec.suffix().len());
    let Some(rest) = rest else {
        return Err(format!("`{}` as text of its own", codec.suffix()));
    };
    last.truncate(rest);
    Ok(Some(codec))
}

/// The folder that never changes, with its `/`, and what a name below it looks like.
fn split_base(pieces: &[FilePiece]) -> (String, String) {
    let mut sample = print(pieces, SAMPLE, 1);
    let fixed = match pieces.first() {
        Some(FilePiece::Text(text)) => text.rfind('/').map_or(0, |at| at + 1),
        _ => 0,
    };
    let below = sample.split_off(fixed);
    (sample, below)
}

/// Refuses what names no file, or one elsewhere. The error says what was expected.
fn check_path(base: &str, below: &str) -> Result<(), String> {
    if base.split('/').any(|name| name == "..") {
        return Err("no folder `..`".to_owned());
    }
    let (folders, file) = match below.rsplit_once('/') {
        Some((folders, file)) => (Some(folders), file),
        None => (None, below),
    };
    if file.is_empty() {
        return Err("the name of a file at the end".to_owned());
    }
    let mut names = folders.into_iter().flat_map(|names| names.split('/'));
    let is_odd = |name: &str| matches!(name, "" | "." | "..");
    if is_odd(file) || names.any(is_odd) {
        return Err("a name between all `/`, neither `.` nor `..`".to_owned());
    }
    Ok(())
}

/// A Wednesday in September.
const SAMPLE: Timestamp = Timestamp {
    seconds: 1_348_699_999,
    nanos: 123_456_789,
};
