//! Opening the log file, and what is refused as one.

use std::fs;
use std::fs::File;
use std::io;
use std::path::Path;

/// Opens `path` for appending, creating it and the folders above it.
pub(super) fn for_appending(path: &Path) -> io::Result<File> {
    if let Ok(found) = fs::metadata(path) {
        check_kind(&found)?;
    } else if let Some(parent) = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
    {
        fs::create_dir_all(parent)?;
    }
    let mut options = File::options();
    options.append(true).create(true);
    options.open(path)
}

/// Refuses what cannot be a log file. Opening a pipe would wait for a reader.
fn check_kind(found: &fs::Metadata) -> io::Result<()> {
    let expected = |what| io::Error::new(io::ErrorKind::InvalidInput, what);
    if found.is_dir() {
        return Err(expected("it is a directory, expected a file"));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::FileTypeExt as _;
        if found.file_type().is_fifo() {
            return Err(expected("it is a named pipe, expected a file"));
        }
        if found.file_type().is_socket() || found.file_type().is_block_device() {
            return Err(expected("it is a device or a socket, expected a file"));
        }
    }
    Ok(())
}
