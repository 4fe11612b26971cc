//! Rolling beside others: two layers on one file, files in the way, archives that somebody else has touched.

use std::fs;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

#[cfg(feature = "gzip")]
use tracing_kafka::FileLayerBuilder;
use tracing_kafka::Fsync;

use crate::rolled::direct;
use crate::rolled::dispatch;
use crate::rolled::files;
use crate::rolled::layer;
use crate::rolled::log;
use crate::rolled::names;
use crate::rolled::read;
use crate::support::Folder;
use crate::support::LONG;
use crate::support::wait_until;

/// Two layers write numbered lines into one file, or what is one at first; all have to be there, once.
#[cfg(feature = "gzip")]
fn two_writers(folder: &Folder, builder: impl Fn() -> FileLayerBuilder) {
    const LINES: usize = 20_000;
    let guards = std::thread::scope(|scope| {
        let threads = ["first", "second"].map(|who| {
            let (file, guard) = builder().build().unwrap();
            let dispatch = dispatch(file);
            scope.spawn(move || {
                for number in 0..LINES {
                    log(&dispatch, &format!("{who} {number}"));
                    if number % 100 == 0 {
                        std::thread::park_timeout(Duration::from_millis(2));
                    }
                }
                guard
            })
        });
        threads.map(|thread| thread.join().unwrap())
    });
    for guard in guards {
        assert_eq!(guard.shutdown(LONG).stats.delivered, LINES as u64);
    }
    let mut lines: Vec<String> = Vec::new();
    for file in files(folder) {
        lines.extend(read(&file).lines().map(str::to_owned));
    }
    // The one that comes later may take the middle of the other's write for a torn line.
    lines.retain(|line| !line.is_empty());
    lines.sort();
    let mut expected: Vec<String> = Vec::new();
    for who in ["first", "second"] {
        expected.extend((0..LINES).map(|number| format!("{who} {number}")));
    }
    expected.sort();
    assert_eq!(lines.len(), expected.len());
    assert!(lines == expected, "lines are torn");
}

#[test]
#[cfg(all(unix, feature = "gzip"))]
fn two_layers_on_one_compressed_log_lose_nothing() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    two_writers(&folder, || {
        layer(&path)
            .file_pattern("app-%i.log.gz")
            .max_file_size(20_000)
    });
}

#[test]
#[cfg(all(unix, feature = "gzip"))]
fn two_layers_on_one_pattern_lose_nothing() {
    let folder = Folder::new();
    two_writers(&folder, || {
        direct(&folder, "app-%i.log.gz").max_file_size(20_000)
    });
}

#[test]
#[cfg(unix)]
fn a_file_that_another_layer_writes_to_is_not_deleted() {
    let folder = Folder::new();
    let limited = || {
        direct(&folder, "app-%i.log")
            .max_file_size(1000)
            .max_total_size(100)
    };
    let (first, first_guard) = limited().build().unwrap();
    let dispatch = dispatch(first);
    (0..30).for_each(|number| log(&dispatch, &format!("a line with the number {number}")));
    first_guard.flush(LONG).unwrap();
    limited().exclusive(true).build().unwrap_err();
    let (_second, second_guard) = limited().build().unwrap();
    second_guard.shutdown(LONG);
    let found = names(&folder);
    assert!(found.contains(&"app-1.log".to_owned()), "{found:?}");
    assert_eq!(
        fs::read_to_string(folder.file("app-1.log"))
            .unwrap()
            .lines()
            .count(),
        30
    );
}

#[test]
#[cfg(target_os = "linux")]
fn files_that_were_rolled_are_let_go_of() {
    let folder = Folder::new();
    let (file, guard) = layer(&folder.file("app.log"))
        .file_pattern("app-%i.log")
        .max_file_size(3)
        .max_files(2)
        .fsync(Fsync::OnFlush)
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    (0..200).for_each(|number| log(&dispatch, &number.to_string()));
    wait_until("the last line", || guard.stats().delivered == 200);
    // Without a flush, which would let go of all of them.
    wait_until("the files to be closed", || {
        let open = fs::read_dir("/proc/self/fd").unwrap();
        let targets = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        targets
            .filter(|target| target.starts_with(folder.path()))
            .count()
            <= 3
    });
}

#[test]
#[cfg(all(unix, feature = "cron"))]
fn a_file_that_cannot_be_opened_again_is_not_tried_without_end() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let errors = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&errors);
    let (file, guard) = layer(&path)
        .roll_cron("* * * * * ?")
        .file_pattern("app-%d{HHmmss}-%i.log")
        .on_error(move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    log(&dispatch, "before");
    guard.flush(LONG).unwrap();
    let moved = folder.file("moved");
    fs::rename(&path, &moved).unwrap();
    if fs::create_dir(&path).is_err() {
        // The layer was quicker.
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
    }
    let start = Instant::now();
    wait_until("some boundaries", || {
        start.elapsed() > Duration::from_millis(2500)
    });
    for number in 0..1000 {
        log(&dispatch, &number.to_string());
    }
    guard.flush(LONG).unwrap();
    let errors = errors.load(Ordering::Relaxed);
    assert!((1..100).contains(&errors), "{errors} errors");
    fs::remove_dir(&path).unwrap();
    wait_until("the new file", || path.is_file());
    assert_eq!(guard.shutdown(LONG).stats.delivered, 1001);
}

#[test]
#[cfg(feature = "gzip")]
fn an_archive_that_is_there_already_is_not_replaced_and_holds_nothing_up() {
    let folder = Folder::new();
    // The first two names are taken, by archives of another process say.
    fs::write(folder.file("app-1.log.gz"), "one").unwrap();
    let (file, guard) = direct(&folder, "app-%i.log.gz")
        .max_file_size(3)
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    log(&dispatch, "a");
    guard.flush(LONG).unwrap();
    // The current file is `app-2.log`.
    fs::write(folder.file("app-2.log.gz"), "two").unwrap();
    (0..2).for_each(|_| log(&dispatch, "b"));
    guard.shutdown(LONG);
    let expected = [
        "app-1.log.gz",
        "app-2.log.1.gz",
        "app-2.log.gz",
        "app-3.log.gz",
        "app-4.log",
    ];
    assert_eq!(names(&folder), expected);
    assert_eq!(
        fs::read_to_string(folder.file("app-2.log.gz")).unwrap(),
        "two"
    );
    assert_eq!(read(&folder.file("app-2.log.1.gz")), "a\n");
}

#[test]
#[cfg(feature = "gzip")]
fn direct_files_that_were_left_uncompressed_are_compressed_by_the_next_process() {
    let folder = Folder::new();
    fs::write(folder.file("app-1.log"), "one\n").unwrap();
    fs::write(folder.file("app-2.log"), "two\n").unwrap();
    // Somebody has unpacked an archive to look into it.
    fs::write(folder.file("app-3.log"), "three\n").unwrap();
    fs::write(folder.file("app-3.log.gz"), "three, compressed").unwrap();
    let (_file, guard) = direct(&folder, "app-%i.log.gz")
        .max_file_size(3)
        .build()
        .unwrap();
    guard.shutdown(LONG);
    let expected = [
        "app-1.log.gz",
        "app-2.log.gz",
        "app-3.log",
        "app-3.log.gz",
        "app-4.log",
    ];
    assert_eq!(names(&folder), expected);
    assert_eq!(read(&folder.file("app-1.log.gz")), "one\n");
    assert_eq!(
        fs::read_to_string(folder.file("app-3.log.gz")).unwrap(),
        "three, compressed"
    );
}

#[test]
#[cfg(all(unix, feature = "gzip"))]
fn a_link_in_the_place_of_a_rolled_file_is_not_followed() {
    let folder = Folder::new();
    let elsewhere = Folder::new();
    fs::write(elsewhere.file("secret"), "secret").unwrap();
    let link = folder.file("app.log.1700000000.1700000001000000000.roll");
    std::os::unix::fs::symlink(elsewhere.file("secret"), &link).unwrap();
    let (_file, guard) = layer(&folder.file("app.log"))
        .file_pattern("app-%i.log.gz")
        .max_file_size(100)
        .build()
        .unwrap();
    guard.shutdown(LONG);
    assert_eq!(
        names(&folder),
        ["app.log", "app.log.1700000000.1700000001000000000.roll"]
    );
}

#[test]
#[cfg(all(unix, feature = "gzip"))]
fn an_archive_has_the_mode_of_its_file() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new();
    let path = folder.file("app.log");
    fs::write(&path, "private\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let (_file, guard) = layer(&path)
        .file_pattern("app-%i.log.gz")
        .roll_on_startup(1)
        .build()
        .unwrap();
    guard.shutdown(LONG);
    let mode = fs::metadata(folder.file("app-1.log.gz"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
#[cfg(target_os = "linux")]
fn of_several_others_one_takes_over() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let build = || layer(&path).max_file_size(100).build().unwrap();
    let (_first, first_guard) = build();
    let others = [build(), build(), build()];
    first_guard.shutdown(LONG);
    let (dispatches, guards): (Vec<_>, Vec<_>) = others
        .into_iter()
        .map(|(file, guard)| (dispatch(file), guard))
        .unzip();
    let mut count = 0;
    wait_until("a roll", || {
        for dispatch in &dispatches {
            log(dispatch, &format!("line {count:04}"));
            count += 1;
        }
        names(&folder).len() > 3
    });
    for guard in guards {
        guard.shutdown(LONG);
    }
    let text: String = files(&folder).iter().map(|file| read(file)).collect();
    assert_eq!(text.lines().count(), count);
}

/// As long as an idle layer has the first file open, none gets a number.
#[test]
#[cfg(all(unix, feature = "gzip"))]
fn archives_are_numbered_in_their_order_though_one_is_held() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let rolling = || layer(&path).file_pattern("app-%i.log.gz").max_file_size(5);
    let build = || rolling().build().unwrap();
    let ((first, guard), (_idle, _idle_guard)) = (build(), build());
    let dispatch = dispatch(first);
    for number in 0..9 {
        log(&dispatch, &format!("{number:04}"));
        guard.flush(LONG).unwrap();
        std::thread::park_timeout(Duration::from_millis(20));
    }
    guard.shutdown(LONG);
    for number in 0..8 {
        let archive = folder.file(&format!("app-{}.log.gz", number + 1));
        assert_eq!(read(&archive), format!("{number:04}\n"));
    }
}

/// A process that is stopped holds a file for as long as that lasts.
#[test]
#[cfg(all(target_os = "linux", feature = "gzip"))]
fn a_file_that_is_held_for_long_is_told_and_overtaken() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let (file, guard) = layer(&path)
        .file_pattern("app-%i.log.gz")
        .max_file_size(5)
        .max_files(2)
        .on_error(move |error| heard.lock().unwrap().push(error.to_string()))
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    let holder = fs::File::open(&path).unwrap();
    rustix::fs::flock(&holder, rustix::fs::FlockOperation::LockShared).unwrap();
    (0..9).for_each(|number| log(&dispatch, &format!("{number:04}")));
    guard.flush(LONG).unwrap();
    let archives = || {
        let names = names(&folder).into_iter();
        names.filter(|name| name.ends_with(".log.gz")).count()
    };
    assert_eq!(archives(), 0, "they wait for the first");
    let newest = folder.file("app-7.log.gz");
    wait_until("the others", || newest.exists() && archives() == 2);
    assert_eq!(read(&newest), "0007\n");
    drop(holder);
    guard.shutdown(LONG);
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("another process has it open"), "{told:?}");
}

/// An event starts the time that lines may wait, and not the one until the next look.
#[test]
fn a_look_is_not_put_off_by_an_event() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let interval = Duration::from_secs(20);
    let (file, guard) = layer(&path).flush_interval(interval).build().unwrap();
    let dispatch = dispatch(file);
    log(&dispatch, "before");
    // After some rounds without an event the writer sleeps until one comes.
    for _ in 0..4 {
        guard.flush(LONG).unwrap();
        std::thread::park_timeout(Duration::from_millis(50));
    }
    fs::rename(&path, folder.file("moved")).unwrap();
    let start = Instant::now();
    std::thread::park_timeout(Duration::from_millis(600));
    log(&dispatch, "after");
    wait_until("the new file", || path.exists());
    let took = start.elapsed();
    assert!(took < Duration::from_millis(1200), "{took:?}");
}

#[test]
#[cfg(all(unix, feature = "cron"))]
fn a_file_that_lost_its_header_is_rolled_all_the_same() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path)
        .header(crate::support::pattern(
            "a header that is longer than the lines",
        ))
        .file_pattern("app-%d{HHmmss}.log")
        .roll_cron("* * * * * ?")
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    log(&dispatch, "line");
    guard.flush(LONG).unwrap();
    let file = fs::File::options().write(true).open(&path).unwrap();
    file.set_len(0).unwrap();
    log(&dispatch, "x");
    guard.flush(LONG).unwrap();
    wait_until("the roll", || names(&folder).len() > 1);
}

/// The other layer has nothing to do, and looks at the file now and then only.
#[test]
#[cfg(all(unix, feature = "gzip"))]
fn a_shutdown_waits_until_an_idle_layer_has_let_go_of_a_rolled_file() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let rolling = || {
        layer(&path)
            .file_pattern("app-%i.log.gz")
            .max_file_size(100)
    };
    let build = || rolling().build().unwrap();
    let ((first, guard), (_idle, _idle_guard)) = (build(), build());
    let handle = first.handle();
    log(&dispatch(first), "line");
    handle.roll();
    guard.shutdown(LONG);
    assert_eq!(names(&folder), ["app-1.log.gz", "app.log"]);
    assert_eq!(read(&folder.file("app-1.log.gz")), "line\n");
}

#[test]
fn a_roll_that_is_asked_for_stands_between_the_lines_before_it_and_after_it() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path)
        .file_pattern("app-%i.log")
        .max_file_size(1_000_000)
        .build()
        .unwrap();
    let handle = file.handle();
    let dispatch = dispatch(file);
    log(&dispatch, "before");
    handle.roll();
    log(&dispatch, "after");
    guard.shutdown(LONG);
    assert_eq!(read(&folder.file("app-1.log")), "before\n");
    assert_eq!(read(&path), "after\n");
}

#[test]
#[cfg(unix)]
fn a_hook_may_wait_for_those_who_log() {
    let folder = Folder::new();
    let link = folder.file("latest");
    let busy = Arc::new(Mutex::new(()));
    let hooks = Arc::new(AtomicUsize::new(0));
    let (same, counter) = (Arc::clone(&busy), Arc::clone(&hooks));
    let (file, guard) = layer(&folder.file("app.log"))
        .file_pattern("app-%i.log")
        .max_file_size(10)
        .latest_link(&link)
        .synchronous()
        .on_error(move |_| {
            let _waits = same.lock().unwrap();
            counter.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    fs::remove_file(&link).unwrap();
    fs::write(&link, "no link any more").unwrap();
    let lock = busy.lock().unwrap();
    (0..100).for_each(|number| log(&dispatch, &format!("line {number}")));
    assert_eq!(guard.stats().delivered, 100);
    drop(lock);
    wait_until("the hook", || hooks.load(Ordering::Relaxed) > 0);
}

#[test]
fn a_synchronous_layer_is_whole_under_many_threads_and_rolls() {
    let folder = Folder::new();
    let (file, guard) = layer(&folder.file("app.log"))
        .file_pattern("app-%05i.log")
        .max_file_size(20_000)
        .synchronous()
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let dispatch = &dispatch;
            scope.spawn(move || {
                (0..5000).for_each(|number| log(dispatch, &format!("{thread} {number}")));
            });
        }
    });
    assert_eq!(
        guard.stats().delivered,
        40_000,
        "nothing waits for the thread"
    );
    guard.shutdown(LONG);
    let text: String = files(&folder).iter().map(|file| read(file)).collect();
    let mut next = [0; 8];
    for line in text.lines() {
        let (thread, number) = line.split_once(' ').unwrap();
        let thread: usize = thread.parse().unwrap();
        assert_eq!(number.parse(), Ok(next[thread]), "{line}");
        next[thread] += 1;
    }
    assert_eq!(next, [5000; 8]);
}
