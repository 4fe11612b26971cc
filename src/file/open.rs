//! Opening the log file: its mode, what is refused as one, and whether somebody else has it.

use std::fs;
use std::fs::File;
use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::path::PathBuf;
use std::time::SystemTime;

/// How often a name may come and go between two looks at it before that is an error.
const RACES: usize = 8;

/// How files and folders are opened and made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    /// The permissions of a file that is made, whatever the process's mask is.
    pub(super) file_mode: u32,
    /// Those of a folder that is made.
    pub(super) folder_mode: u32,
    pub(super) follow_symlinks: bool,
}

impl Default for Access {
    fn default() -> Self {
        Self {
            file_mode: 0o640,
            folder_mode: 0o750,
            follow_symlinks: false,
        }
    }
}

/// Which file it is, whatever its name; none where the system does not tell.
pub(super) type Identity = Option<(u64, u64)>;

/// A file that was opened for appending.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) found: Found,
    /// It was not there before.
    pub(super) is_new: bool,
    /// It ends in the middle of a line.
    pub(super) is_torn: bool,
    pub(super) lock: Lock,
}

/// What is known of a file, opened or at a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub(super) identity: Identity,
    /// A pipe or a device has neither a length nor archives.
    pub(super) is_regular: bool,
    pub(super) bytes: u64,
    pub(super) modified: Option<SystemTime>,
    /// No name leads to it any more.
    pub(super) is_unlinked: bool,
}

/// Whether this process is the one that cares for the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    Held,
    /// Another process, or another layer of this one, has it.
    Taken,
}

/// Opens `path` for appending, and makes it and the folders above it where they are missing.
pub(super) fn for_appending(path: &Path, access: Access) -> io::Result<Opened> {
    let mut has_folders = false;
    for _ in 0..RACES {
        let error = match create(path, access) {
            Ok(file) => return opened(file, access, true),
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::NotFound if !has_folders => {
                create_folders(path, access)?;
                has_folders = true;
            }
            io::ErrorKind::AlreadyExists => match existing(path, access) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                opened => return opened,
            },
            _ => return Err(error),
        }
    }
    Err(io::Error::other("it comes and goes"))
}

fn create(path: &Path, access: Access) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).append(true).create_new(true);
    with_flags(&mut options, access);
    let file = options.open(path)?;
    set_mode(&file, access.file_mode)?;
    Ok(file)
}

fn existing(path: &Path, access: Access) -> io::Result<Opened> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) if found.is_symlink() && !access.follow_symlinks => {
            return Err(refused(
                "it is a symbolic link, which is followed where `follow_symlinks` is set",
            ));
        }
        // A link that leads nowhere yet makes its file when it is opened.
        Ok(found) if found.is_symlink() => fs::metadata(path).ok(),
        found => Some(found?),
    };
    if let Some(found) = &found {
        check_kind(found, access)?;
    }
    let is_regular = found.as_ref().is_none_or(Metadata::is_file);
    let mut options = File::options();
    options.append(true).create(access.follow_symlinks);
    with_flags(&mut options, access);
    // A pipe opened for reading, too, would never tell that its reader is gone.
    let both = if is_regular {
        options.clone().read(true).open(path)
    } else {
        options.open(path)
    };
    let file = match both {
        // Files may be written by those who may not read them.
        Err(error) if is_regular && error.kind() == io::ErrorKind::PermissionDenied => {
            options.open(path)?
        }
        both => both?,
    };
    opened(file, access, found.is_none())
}

fn opened(file: File, access: Access, is_new: bool) -> io::Result<Opened> {
    let metadata = file.metadata()?;
    // It may have been replaced since the look at it.
    check_kind(&metadata, access)?;
    let found = Found::new(&metadata);
    if !found.is_regular {
        wait_in_writes(&file)?;
    }
    let lock = if found.is_regular {
        lock(&file)
    } else {
        Lock::Held
    };
    Ok(Opened {
        is_torn: found.is_regular && is_torn(&file, found.bytes),
        lock,
        file,
        found,
        is_new,
    })
}

impl Found {
    fn new(metadata: &Metadata) -> Self {
        Self {
            identity: identity(metadata),
            is_regular: metadata.is_file(),
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
            is_unlinked: is_unlinked(metadata),
        }
    }

    pub(super) fn of(file: &File) -> io::Result<Self> {
        Ok(Self::new(&file.metadata()?))
    }

    /// What is at `path`; a symbolic link is followed if `access` says so.
    pub(super) fn at(path: &Path, access: Access) -> io::Result<Self> {
        let metadata = if access.follow_symlinks {
            fs::metadata(path)
        } else {
            fs::symlink_metadata(path)
        };
        Ok(Self::new(&metadata?))
    }
}

/// The folder that `path` is in.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Makes the folders above `path`.
pub(super) fn create_folders(path: &Path, access: Access) -> io::Result<()> {
    let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    else {
        return Ok(());
    };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(access.folder_mode);
    }
    builder.create(parent).map_err(|error| {
        let text = format!("cannot make its folder `{}`: {error}", parent.display());
        io::Error::new(error.kind(), text)
    })
}

/// Refuses what cannot be a log file.
fn check_kind(found: &Metadata, access: Access) -> io::Result<()> {
    if found.is_dir() {
        return Err(refused("it is a directory, expected a file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        // Where links are followed they may well lead to the standard output, which may be a pipe.
        if found.file_type().is_fifo() && !access.follow_symlinks {
            return Err(refused("it is a named pipe, expected a file"));
        }
        if found.file_type().is_socket() || found.file_type().is_block_device() {
            return Err(refused("it is a device or a socket, expected a file"));
        }
    }
    Ok(())
}

fn refused(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, why)
}

#[cfg(unix)]
fn with_flags(options: &mut fs::OpenOptions, access: Access) {
    use std::os::unix::fs::OpenOptionsExt as _;
    let link = if access.follow_symlinks {
        0
    } else {
        libc::O_NOFOLLOW
    };
    // Opening a pipe that nobody reads fails instead of waiting for somebody.
    options
        .mode(access.file_mode)
        .custom_flags(link | libc::O_NONBLOCK);
}

#[cfg(not(unix))]
fn with_flags(_options: &mut fs::OpenOptions, _access: Access) {}

/// Takes the mode by itself, as the process's mask may have taken from it.
#[cfg(unix)]
pub(super) fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
pub(super) fn set_mode(_file: &File, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Writes to a pipe or a device wait again until there is room.
#[cfg(unix)]
fn wait_in_writes(file: &File) -> io::Result<()> {
    use rustix::fs::OFlags;
    let flags = rustix::fs::fcntl_getfl(file)?;
    Ok(rustix::fs::fcntl_setfl(file, flags - OFlags::NONBLOCK)?)
}

#[cfg(not(unix))]
fn wait_in_writes(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Tries to become the one that cares for the file. A file system without locks has nobody else.
///
/// Who writes to it has a shared lock on it, so that nobody takes it for one that is left alone. Who cares
/// for it has a lock of another kind besides: it is free as soon as he is gone, whoever else writes.
pub(super) fn lock(file: &File) -> Lock {
    let is_owned = crate::sys::own(file).unwrap_or_else(|| is_left_alone(file));
    if share(file) && is_owned {
        return Lock::Held;
    }
    Lock::Taken
}

/// Whether nobody else writes to the file; nobody may begin to as long as this handle of it lives.
#[cfg(unix)]
pub(super) fn is_left_alone(file: &File) -> bool {
    use rustix::fs::FlockOperation;
    let outcome = rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive);
    outcome != Err(rustix::io::Errno::WOULDBLOCK)
}

/// Says that it is written to; false where it is being archived.
#[cfg(unix)]
fn share(file: &File) -> bool {
    use rustix::fs::FlockOperation;
    let outcome = rustix::fs::flock(file, FlockOperation::NonBlockingLockShared);
    outcome != Err(rustix::io::Errno::WOULDBLOCK)
}

#[cfg(not(unix))]
pub(super) fn is_left_alone(_file: &File) -> bool {
    true
}

#[cfg(not(unix))]
fn share(_file: &File) -> bool {
    true
}

/// Opens a rolled file, nothing else that may have its name.
pub(super) fn rolled(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    with_flags(&mut options, Access::default());
    let file = options.open(path)?;
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(refused("it is no regular file"))
}

/// Makes a file that only its owner may read until it has its mode.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    let private = Access {
        file_mode: 0o600,
        ..Access::default()
    };
    with_flags(&mut options, private);
    options.open(path)
}

#[cfg(unix)]
fn is_torn(file: &File, bytes: u64) -> bool {
    use std::os::unix::fs::FileExt as _;
    let mut last = [0];
    let Some(at) = bytes.checked_sub(1) else {
        return false;
    };
    // What may not be read is taken for whole.
    matches!(file.read_at(&mut last, at), Ok(1)) && last != *b"\n"
}

#[cfg(not(unix))]
fn is_torn(file: &File, bytes: u64) -> bool {
    use std::io::Read as _;
    use std::io::Seek as _;
    let mut last = [0];
    let mut file = file;
    bytes > 0
        && file.seek(io::SeekFrom::Start(bytes - 1)).is_ok()
        && matches!(file.read(&mut last), Ok(1))
        && last != *b"\n"
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have none")]
fn identity(metadata: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt as _;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Identity {
    None
}

#[cfg(unix)]
fn is_unlinked(metadata: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    metadata.nlink() == 0
}

#[cfg(not(unix))]
fn is_unlinked(_metadata: &Metadata) -> bool {
    false
}
