//! Rolling across starts: what a layer makes of the files that it finds.

use std::fs;
use std::path::Path;
use std::time::Duration;
use std::time::SystemTime;

use tracing_kafka::FileIndex;

use crate::rolled::dispatch;
use crate::rolled::layer;
use crate::rolled::log;
use crate::rolled::names;
use crate::rolled::read;
use crate::support::Folder;
use crate::support::LONG;
#[cfg(any(unix, feature = "cron"))]
use crate::support::wait_until;

#[test]
#[cfg(unix)]
fn who_takes_over_archives_what_was_left() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let rolling = || layer(&path).file_pattern("app-%i.log").max_file_size(100);
    let (_first, first_guard) = rolling().build().unwrap();
    let (_second, _second_guard) = rolling().build().unwrap();
    let left = "app.log.1700000000.1700000001000000000.tracing-kafka.roll";
    fs::write(folder.file(left), "left\n").unwrap();
    first_guard.shutdown(LONG);
    wait_until("the archive", || folder.file("app-1.log").exists());
    assert_eq!(read(&folder.file("app-1.log")), "left\n");
}

/// A file that is rolled at once is not archived twice, which would cost a window its oldest.
#[test]
fn a_window_keeps_the_last_files_over_many_starts() {
    for index in [FileIndex::Max(1..=3), FileIndex::Min(1..=3)] {
        let folder = Folder::new();
        for run in 0..40 {
            let (file, guard) = layer(&folder.file("app.log"))
                .file_pattern("app-%i.log")
                .file_index(index.clone())
                .roll_on_startup(1)
                .build()
                .unwrap();
            log(&dispatch(file), &format!("run {run}"));
            guard.shutdown(LONG);
            let mut expected: Vec<_> = (0..run).rev().take(3).collect();
            if matches!(index, FileIndex::Max(_)) {
                expected.reverse();
            }
            for (number, run) in (1..).zip(&expected) {
                let archive = folder.file(&format!("app-{number}.log"));
                assert_eq!(read(&archive), format!("run {run}\n"), "{index:?}");
            }
            assert_eq!(names(&folder).len(), 1 + expected.len(), "{index:?}");
        }
    }
}

/// A file with a line, as if written at that time.
fn write_then(path: &Path, time: SystemTime) {
    fs::write(path, "line\n").unwrap();
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(time).unwrap();
}

#[test]
fn a_file_that_is_rolled_on_startup_has_the_date_of_its_lines() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    write_then(&path, then);
    let (_file, guard) = layer(&path)
        .file_pattern("app-%d{yyyy}-%i.log")
        .roll_on_startup(1)
        .build()
        .unwrap();
    guard.shutdown(LONG);
    assert_eq!(names(&folder), ["app-2001-1.log", "app.log"]);
}

#[test]
#[cfg(feature = "gzip")]
fn what_is_compressed_has_the_time_of_its_last_line() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let then = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    write_then(&path, then);
    let (_file, guard) = layer(&path)
        .file_pattern("app-%i.log.gz")
        .roll_on_startup(1)
        .build()
        .unwrap();
    guard.shutdown(LONG);
    let archive = fs::metadata(folder.file("app-1.log.gz")).unwrap();
    assert_eq!(archive.modified().unwrap(), then);
}

/// The clock was ahead when the file was written, and has been set back.
#[test]
#[cfg(feature = "cron")]
fn a_file_of_tomorrow_is_rolled_today() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    write_then(&path, SystemTime::now() + Duration::from_secs(24 * 3600));
    let (_file, _guard) = layer(&path)
        .file_pattern("app-%d{HHmmss}-%i.log")
        .roll_cron("* * * * * ?")
        .build()
        .unwrap();
    wait_until("the roll", || names(&folder).len() > 1);
}

#[test]
#[cfg(unix)]
fn a_link_that_is_followed_stays_when_its_file_is_rolled() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    fs::create_dir(folder.file("data")).unwrap();
    fs::write(folder.file("data/real.log"), "").unwrap();
    std::os::unix::fs::symlink("data/real.log", &path).unwrap();
    let (file, guard) = layer(&path)
        .follow_symlinks(true)
        .max_file_size(5)
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    (0..2).for_each(|number| log(&dispatch, &format!("{number:04}")));
    guard.shutdown(LONG);
    assert_eq!(fs::read_link(&path).unwrap(), Path::new("data/real.log"));
    assert_eq!(read(&path), "0001\n");
    assert_eq!(read(&folder.file("data/real-1.log")), "0000\n");
}
