//! Renames that replace nothing, and links that are replaced at once.

use std::fs;
use std::io;
use std::path::Path;
use std::path::PathBuf;

use super::open::folder_of;

/// Renames `from` to `to`, which must not exist.
pub(super) fn without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    match at_once(from, to) {
        Some(outcome) => outcome,
        None if fs::symlink_metadata(to).is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        None => fs::rename(from, to),
    }
}

/// Leaves it to the file system to refuse; none where it cannot.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn at_once(from: &Path, to: &Path) -> Option<io::Result<()>> {
    use rustix::fs::CWD;
    use rustix::fs::RenameFlags;
    use rustix::io::Errno;
    match rustix::fs::renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => None,
        outcome => Some(outcome.map_err(io::Error::from)),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn at_once(_from: &Path, _to: &Path) -> Option<io::Result<()>> {
    None
}

/// Has the symbolic link `link` lead to `target`; who opens it meanwhile gets the one or the other.
pub(super) fn link_to(link: &Path, target: &Path) -> io::Result<()> {
    match fs::symlink_metadata(link) {
        Ok(found) if !found.is_symlink() => {
            let why = "it is there, and is no symbolic link";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, why));
        }
        Ok(_) | Err(_) => {}
    }
    let target = as_seen_from(&folder_of(link), target)?;
    if fs::read_link(link).is_ok_and(|found| found == target) {
        return Ok(());
    }
    let mut name = link.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.new", std::process::id()));
    let new = folder_of(link).join(name);
    let _left_by_a_crash = fs::remove_file(&new);
    symlink(&target, &new)?;
    fs::rename(&new, link).inspect_err(|_| {
        let _gone = fs::remove_file(&new);
    })
}

/// `target` as a link in `folder` has to name it: by its name alone where it stands beside it, so that
/// the folder can be moved.
fn as_seen_from(folder: &Path, target: &Path) -> io::Result<PathBuf> {
    let target_folder = fs::canonicalize(folder_of(target))?;
    let name = target.file_name().unwrap_or_default();
    if fs::canonicalize(folder)? == target_folder {
        return Ok(PathBuf::from(name));
    }
    Ok(target_folder.join(name))
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_target: &Path, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
