//! Standard output and standard error as what a layer writes to.

use std::io;
use std::io::Write;

/// A standard stream of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Stdout => "standard output",
            Self::Stderr => "standard error",
        }
    }

    /// Runs something with the lock that [`write`](Self::write) takes; it may be taken twice by one thread.
    pub(super) fn with_lock<R>(self, run: impl FnOnce() -> R) -> R {
        match self {
            Self::Stdout => {
                let _lock = io::stdout().lock();
                run()
            }
            Self::Stderr => {
                let _lock = io::stderr().lock();
                run()
            }
        }
    }

    /// Writes a part of `bytes` although the application holds the lock, after what it has written so far and
    /// not what is in its buffer.
    #[cfg(unix)]
    pub(super) fn write_past_lock(self, bytes: &[u8]) -> io::Result<usize> {
        use std::os::fd::AsFd as _;
        let handle = match self {
            Self::Stdout => io::stdout().as_fd().try_clone_to_owned(),
            Self::Stderr => io::stderr().as_fd().try_clone_to_owned(),
        }?;
        std::fs::File::from(handle).write(bytes)
    }

    #[cfg(not(unix))]
    #[expect(clippy::unused_self, reason = "there is no way there")]
    pub(super) fn write_past_lock(self, _bytes: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }

    /// Writes a part of `bytes`, with the lock that the application's own prints take, so that neither
    /// stands in the middle of the other's lines.
    pub(super) fn write(self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Stdout => write(&mut io::stdout().lock(), bytes),
            Self::Stderr => write(&mut io::stderr().lock(), bytes),
        }
    }
}

/// What the application left in the buffer goes first: an error after ours was taken would have it
/// written twice.
fn write(stream: &mut impl Write, bytes: &[u8]) -> io::Result<usize> {
    stream.flush()?;
    let mut written = 0;
    while let Some(rest) = bytes.get(written..).filter(|rest| !rest.is_empty()) {
        match stream.write(rest) {
            Ok(count) if count > 0 => written += count,
            Err(error) if written == 0 => return Err(error),
            Ok(_) | Err(_) => break,
        }
    }
    // A stream that takes no more is found out by the next write.
    let _later = stream.flush();
    Ok(written)
}
