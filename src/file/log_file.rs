//! The file that is written to: what is known of it, and whether it is still the one at its path.

use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;

use super::open;
use super::open::Access;
use super::open::Found;
use super::open::Identity;
use super::open::Lock;
use crate::sys::Timestamp;

/// An open log file.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    access: Access,
    file: Arc<File>,
    identity: Identity,
    is_regular: bool,
    /// How long it is, as far as we know.
    bytes: u64,
    lock: Lock,
}

/// How a file was found when it was opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Start {
    pub(super) bytes: u64,
    /// When its lines begin or, for one that was there before, when the last one was written; none where
    /// that is now.
    pub(super) time: Option<Timestamp>,
    pub(super) is_torn: bool,
}

/// What has become of the file since the last look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// It is the one at its path.
    Same,
    /// The path leads to another file, or to none.
    Moved {
        /// No other name leads to it either: what is written to it is lost when it is closed.
        is_unlinked: bool,
    },
}

impl LogFile {
    pub(super) fn open(path: PathBuf, access: Access) -> io::Result<(Self, Start)> {
        let opened = open::for_appending(&path, access)?;
        let start = Start {
            bytes: opened.found.bytes,
            time: opened
                .found
                .modified
                .filter(|_| !opened.is_new)
                .map(Timestamp::from),
            is_torn: opened.is_torn,
        };
        let file = Self {
            path,
            access,
            file: Arc::new(opened.file),
            identity: opened.found.identity,
            is_regular: opened.found.is_regular,
            bytes: if opened.found.is_regular {
                start.bytes
            } else {
                0
            },
            lock: opened.lock,
        };
        Ok((file, start))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The file was given another name by us.
    pub(super) fn set_path(&mut self, path: PathBuf) {
        self.path = path;
    }

    pub(super) fn handle(&self) -> Arc<File> {
        Arc::clone(&self.file)
    }

    pub(super) fn is_regular(&self) -> bool {
        self.is_regular
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether this is the one that cares for the file, among all that write to it.
    pub(super) fn is_ours(&self) -> bool {
        self.lock == Lock::Held
    }

    /// Asks again for what another one had. Returns whether it is ours since now.
    pub(super) fn try_to_own(&mut self) -> bool {
        if self.is_ours() {
            return false;
        }
        self.lock = open::lock(&self.file);
        self.is_ours()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = (&*self.file).write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    /// Looks at the path and at the file, whose length others may have changed.
    pub(super) fn look(&mut self) -> Standing {
        if !self.is_regular {
            return Standing::Same;
        }
        let own = Found::of(&self.file).ok();
        if let Some(own) = &own {
            self.bytes = own.bytes;
        }
        let is_unlinked = own.is_some_and(|own| own.is_unlinked);
        let moved = Standing::Moved { is_unlinked };
        match Found::at(&self.path, self.access) {
            Ok(found) if found.identity == self.identity => Standing::Same,
            Ok(_) => moved,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => moved,
                _ if is_unlinked => moved,
                // A folder that cannot be looked into for a while says nothing about the file.
                _ => Standing::Same,
            },
        }
    }
}
