//! The archives of a pattern on disk.

use std::fs;
use std::fs::DirEntry;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

use super::Found;
use super::NamePattern;
use super::level::Level;

/// A file whose name the pattern could have printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::file) struct Archive {
    pub(in crate::file) path: PathBuf,
    pub(in crate::file) found: Found,
    pub(in crate::file) modified: SystemTime,
    pub(in crate::file) bytes: u64,
}

impl NamePattern {
    /// All archives, in no order. Folders are entered if the pattern could have printed them, and
    /// symbolic links below the base folder are neither followed nor found.
    pub(in crate::file) fn find(&self) -> io::Result<Vec<Archive>> {
        let mut archives = Vec::new();
        self.walk(Level::is_match, &mut |path, entry| {
            archives.extend(self.archive(path, entry)?);
            Ok(())
        })?;
        Ok(archives)
    }

    /// All that is where archives are, whatever its name, in no order.
    pub(in crate::file) fn beside(&self, mut visit: impl FnMut(&Path)) -> io::Result<()> {
        self.walk(|_, _| true, &mut |path, _| {
            visit(&path);
            Ok(())
        })
    }

    /// Calls `visit` for entries of the folders that archives may be in, if `is_wanted`.
    fn walk(
        &self,
        is_wanted: impl Fn(&Level, &str) -> bool,
        visit: &mut dyn FnMut(PathBuf, &DirEntry) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut folders = vec![(self.base().to_owned(), 0)];
        while let Some((folder, depth)) = folders.pop() {
            let Some((level, is_last)) = self.levels.get(depth) else {
                continue;
            };
            let Some(entries) = present(fs::read_dir(or_here(&folder)))? else {
                continue;
            };
            for entry in entries {
                let Some(entry) = present(entry)? else {
                    continue;
                };
                let name = entry.file_name();
                let wanted = |name: &&str| {
                    if is_last {
                        is_wanted(level, name)
                    } else {
                        level.is_match(name)
                    }
                };
                let Some(name) = name.to_str().filter(wanted) else {
                    continue;
                };
                let path = folder.join(name);
                if is_last {
                    visit(path, &entry)?;
                } else if present(entry.file_type())?.is_some_and(|kind| kind.is_dir()) {
                    folders.push((path, depth + 1));
                }
            }
        }
        Ok(())
    }

    fn archive(&self, path: PathBuf, entry: &DirEntry) -> io::Result<Option<Archive>> {
        let Some(found) = self.read(&path) else {
            return Ok(None);
        };
        // Of the entry itself: a link is no regular file.
        let Some(metadata) = present(entry.metadata())? else {
            return Ok(None);
        };
        if !metadata.is_file() {
            return Ok(None);
        }
        Ok(Some(Archive {
            path,
            found,
            modified: metadata.modified()?,
            bytes: metadata.len(),
        }))
    }
}

/// The folder of the process has no name.
fn or_here(folder: &Path) -> &Path {
    if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    }
}

/// What is not there, or not any more, is no error.
fn present<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(there) => Ok(Some(there)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
