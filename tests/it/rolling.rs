//! Rolling files: no line torn or lost at a roll, and what becomes of the archives.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::SystemTime;

use tracing_kafka::FileIndex;
use tracing_kafka::FileLayerBuilder;
use tracing_kafka::Period;

use crate::rolled::direct;
use crate::rolled::dispatch;
use crate::rolled::files;
use crate::rolled::layer;
use crate::rolled::log;
use crate::rolled::names;
use crate::rolled::read;
use crate::rolled::write;
use crate::support::Folder;
use crate::support::LONG;
use crate::support::assert_conserved;
use crate::support::pattern;
use crate::support::wait_until;

const THREADS: usize = 8;
const LINES: u64 = 100_000;

/// Eight threads log numbered lines. `pause` is what each does before a line.
fn log_from_all_threads(dispatch: &tracing::Dispatch, pause: impl Fn(u64) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let pause = &pause;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    for number in 0..LINES {
                        pause(number);
                        tracing::info!("{thread} {number}");
                    }
                });
            });
        }
    });
}

/// Every line is there exactly once, whole, and each thread's in their order.
#[track_caller]
fn assert_complete(text: &str) {
    let mut next = [0; THREADS];
    for line in text.lines() {
        let (thread, number) = line
            .split_once(' ')
            .unwrap_or_else(|| panic!("torn: {line}"));
        let thread: usize = thread.parse().unwrap();
        assert_eq!(number.parse(), Ok(next[thread]), "thread {thread}");
        next[thread] += 1;
    }
    assert_eq!(next, [LINES; THREADS]);
}

#[test]
fn no_line_is_torn_lost_or_doubled_across_many_rolls() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path)
        .file_pattern("app-%05i.log")
        .max_file_size(100_000)
        .build()
        .unwrap();
    log_from_all_threads(&dispatch(file), |_| {});
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, THREADS as u64 * LINES, "{report}");
    assert_conserved(&report.stats);
    let files = files(&folder);
    assert!(files.len() > 50, "{} files", files.len());
    let mut text = String::new();
    for file in &files {
        let part = read(file);
        assert!(
            part.len() <= 100_000,
            "{} has {}",
            file.display(),
            part.len()
        );
        assert!(part.ends_with('\n'), "{}", file.display());
        text.push_str(&part);
    }
    assert_eq!(files.last().unwrap(), &path, "the newest lines come last");
    assert_complete(&text);
}

#[test]
#[cfg(unix)]
fn no_line_is_lost_while_another_process_renames_the_file() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path)
        .file_pattern("roll-%05i.log")
        .max_file_size(1_000_000)
        .build()
        .unwrap();
    let done = AtomicBool::new(false);
    let renames = std::thread::scope(|scope| {
        let renamer = scope.spawn(|| {
            let mut renames = 0;
            while !done.load(Ordering::Acquire) {
                let moved = folder.file(&format!("moved-{renames:05}.log"));
                renames += u32::from(fs::rename(&path, moved).is_ok());
                std::thread::park_timeout(Duration::from_millis(100));
            }
            renames
        });
        // Long enough for many of them.
        log_from_all_threads(&dispatch(file), |number| {
            if number % 1000 == 0 {
                std::thread::park_timeout(Duration::from_millis(20));
            }
        });
        done.store(true, Ordering::Release);
        renamer.join().unwrap()
    });
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, THREADS as u64 * LINES, "{report}");
    assert!(renames >= 5, "only {renames}");
    let mut files = files(&folder);
    // In the order in which they were written to for the last time.
    files.sort_by_key(|file| fs::metadata(file).unwrap().modified().unwrap());
    let text: String = files.iter().map(|file| read(file)).collect();
    assert_complete(&text);
}

#[test]
#[cfg(unix)]
fn after_copytruncate_and_removal_the_counters_are_right_and_the_file_comes_back() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path).max_file_size(50_000).build().unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut turn = 0;
            while !done.load(Ordering::Acquire) {
                turn += 1;
                let outcome = if turn % 2 == 0 {
                    fs::remove_file(&path)
                } else {
                    fs::copy(&path, folder.file("copy"))
                        .and_then(|_| fs::File::options().write(true).open(&path))
                        .and_then(|file| file.set_len(0))
                };
                if let Err(error) = outcome {
                    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
                }
                std::thread::park_timeout(Duration::from_millis(30));
            }
        });
        log_from_all_threads(&dispatch(file), |_| {});
        done.store(true, Ordering::Release);
    });
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, THREADS as u64 * LINES, "{report}");
    assert_conserved(&report.stats);
}

#[test]
#[cfg(unix)]
fn a_file_that_was_truncated_is_measured_anew() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path).max_file_size(100).build().unwrap();
    let dispatch = dispatch(file);
    write(&dispatch, &guard, &"x".repeat(80));
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(0)
        .unwrap();
    // Longer than the time in which a file may grow without a look at it.
    std::thread::park_timeout(Duration::from_secs(1));
    write(&dispatch, &guard, &"y".repeat(80));
    assert_eq!(names(&folder), ["app.log"], "there was room");
    assert_eq!(read(&path), "y".repeat(80) + "\n", "no hole before it");
}

#[test]
fn a_file_that_was_moved_away_is_made_again_within_a_second_without_an_event() {
    let folder = Folder::new();
    let path = folder.file("deep/app.log");
    let (file, guard) = layer(&path).build().unwrap();
    let dispatch = dispatch(file);
    for turn in 0..3 {
        write(&dispatch, &guard, &format!("before {turn}"));
        let moved = folder.file(&format!("moved-{turn}"));
        let start = std::time::Instant::now();
        match turn {
            0 => fs::rename(&path, &moved).unwrap(),
            1 => fs::rename(path.parent().unwrap(), &moved).unwrap(),
            _ => fs::remove_dir_all(path.parent().unwrap()).unwrap(),
        }
        wait_until("the new file", || path.exists());
        let took = start.elapsed();
        assert!(took < Duration::from_millis(1500), "{took:?}");
        assert_eq!(read(&path), "");
    }
    assert_eq!(read(&folder.file("moved-0")), "before 0\n");
    assert_eq!(read(&folder.file("moved-1/app.log")), "before 1\n");
    write(&dispatch, &guard, "after");
    assert_eq!(read(&path), "after\n");
}

#[test]
#[cfg(unix)]
fn a_handle_has_the_file_opened_again_at_once() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path).build().unwrap();
    let handle = file.handle();
    let dispatch = dispatch(file);
    write(&dispatch, &guard, "old");
    fs::rename(&path, folder.file("app.log.1")).unwrap();
    handle.reopen();
    write(&dispatch, &guard, "new");
    assert_eq!(read(&path), "new\n");
    assert_eq!(read(&folder.file("app.log.1")), "old\n");
}

#[test]
fn a_handle_rolls_what_has_lines() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path)
        .file_pattern("app-%i.log")
        .max_file_size(1_000_000)
        .build()
        .unwrap();
    let handle = file.handle();
    let dispatch = dispatch(file);
    for text in ["one", "two"] {
        log(&dispatch, text);
        guard.flush(LONG).unwrap();
        handle.roll();
        handle.roll();
        guard.flush(LONG).unwrap();
    }
    handle.roll();
    guard.flush(LONG).unwrap();
    guard.shutdown(LONG);
    assert_eq!(names(&folder), ["app-1.log", "app-2.log", "app.log"]);
    assert_eq!(read(&folder.file("app-1.log")), "one\n");
    assert_eq!(read(&folder.file("app-2.log")), "two\n");
}

#[test]
fn a_file_of_yesterday_is_rolled_under_its_own_date() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    fs::write(&path, "yesterday\n").unwrap();
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let noon = now / 86_400 * 86_400 - 43_200;
    let file = fs::File::options().append(true).open(&path).unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(noon))
        .unwrap();
    let (file, guard) = layer(&path)
        .roll_every(Period::DAILY)
        .zone("UTC")
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    write(&dispatch, &guard, "today");
    guard.shutdown(LONG);
    let date = jiff::Timestamp::from_second(noon.try_into().unwrap()).unwrap();
    let archive = date.strftime("app-%Y-%m-%d.log").to_string();
    assert_eq!(names(&folder), [archive.as_str(), "app.log"]);
    assert_eq!(read(&folder.file(&archive)), "yesterday\n");
    assert_eq!(read(&path), "today\n");
}

#[test]
#[cfg(feature = "cron")]
fn an_idle_file_is_rolled_when_its_time_is_over() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path)
        .roll_cron("* * * * * ?")
        .file_pattern("app-%d{HHmmss}-%i.log")
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    for number in 0..3 {
        log(&dispatch, &format!("line {number}"));
        wait_until("the archive", || names(&folder).len() == number + 2);
        assert_eq!(read(&path), "", "the new file has nothing yet");
    }
    drop(guard);
    let text: String = files(&folder).iter().map(|file| read(file)).collect();
    assert_eq!(text, "line 0\nline 1\nline 2\n");
}

#[test]
fn a_file_is_rolled_on_startup_if_it_is_large_enough() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    for run in ["first", "second line", "third"] {
        let (file, guard) = layer(&path)
            .file_pattern("app-%i.log")
            .roll_on_startup(10)
            .build()
            .unwrap();
        let dispatch = dispatch(file);
        write(&dispatch, &guard, run);
        guard.shutdown(LONG);
    }
    assert_eq!(names(&folder), ["app-1.log", "app.log"]);
    assert_eq!(read(&folder.file("app-1.log")), "first\nsecond line\n");
    assert_eq!(read(&path), "third\n");
}

/// One file for each number, in a folder that holds files that are none of the layer's, too.
fn roll_numbers(
    folder: &Folder,
    numbers: u32,
    options: impl Fn(FileLayerBuilder) -> FileLayerBuilder,
) {
    for foreign in FOREIGN {
        fs::write(folder.file(foreign), "not ours").unwrap();
    }
    let (file, guard) = options(layer(&folder.file("app.log")).max_file_size(3))
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    for number in 0..numbers {
        log(&dispatch, &number.to_string());
    }
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, u64::from(numbers), "{report}");
    for foreign in FOREIGN {
        assert_eq!(read(&folder.file(foreign)), "not ours");
        fs::remove_file(folder.file(foreign)).unwrap();
    }
}

const FOREIGN: [&str; 5] = [
    "app-.log",
    "app-01.log",
    "app-1.log.bak",
    "app-x.log",
    "xapp-1.log",
];

/// Names and what is in them.
fn contents(folder: &Folder) -> Vec<String> {
    let one = |name: &String| {
        format!(
            "{name} {}",
            read(&folder.file(name)).trim().replace('\n', ",")
        )
    };
    names(folder).iter().map(one).collect()
}

#[test]
fn numbers_go_up_for_ever_and_nothing_is_deleted_unless_that_is_asked_for() {
    let folder = Folder::new();
    roll_numbers(&folder, 6, |layer| layer.file_pattern("app-%i.log"));
    let expected = [
        "app-1.log 0",
        "app-2.log 1",
        "app-3.log 2",
        "app-4.log 3",
        "app-5.log 4",
        "app.log 5",
    ];
    assert_eq!(contents(&folder), expected);
}

#[test]
fn the_newest_may_have_the_highest_number_of_a_window() {
    let folder = Folder::new();
    let window = |layer: FileLayerBuilder| {
        layer
            .file_pattern("app-%i.log")
            .file_index(FileIndex::Max(1..=3))
    };
    roll_numbers(&folder, 6, window);
    assert_eq!(
        contents(&folder),
        ["app-1.log 2", "app-2.log 3", "app-3.log 4", "app.log 5"]
    );
}

#[test]
fn the_newest_may_have_the_lowest_number_of_a_window() {
    let folder = Folder::new();
    let window = |layer: FileLayerBuilder| {
        layer
            .file_pattern("app-%i.log")
            .file_index(FileIndex::Min(1..=3))
    };
    roll_numbers(&folder, 6, window);
    assert_eq!(
        contents(&folder),
        ["app-1.log 4", "app-2.log 3", "app-3.log 2", "app.log 5"]
    );
}

#[test]
fn the_oldest_are_deleted_by_number_age_and_size() {
    let number = Folder::new();
    roll_numbers(&number, 6, |layer| {
        layer.file_pattern("app-%i.log").max_files(2)
    });
    assert_eq!(
        contents(&number),
        ["app-4.log 3", "app-5.log 4", "app.log 5"]
    );

    let size = Folder::new();
    roll_numbers(&size, 6, |layer| {
        layer.file_pattern("app-%i.log").max_total_size(6)
    });
    assert_eq!(
        contents(&size),
        ["app-3.log 2", "app-4.log 3", "app-5.log 4", "app.log 5"]
    );

    let age = Folder::new();
    let old = age.file("app-7.log");
    fs::write(&old, "old").unwrap();
    let file = fs::File::options().append(true).open(&old).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(7200))
        .unwrap();
    roll_numbers(&age, 2, |layer| {
        layer
            .file_pattern("app-%i.log")
            .max_age(Duration::from_secs(3600))
    });
    // It was still there when the first number was chosen, or not any more.
    let found = contents(&age);
    assert!(
        found == ["app-8.log 0", "app.log 1"] || found == ["app-1.log 0", "app.log 1"],
        "{found:?}"
    );
}

#[test]
fn symbolic_links_and_folders_are_no_archives() {
    let folder = Folder::new();
    let elsewhere = Folder::new();
    fs::write(elsewhere.file("precious"), "precious").unwrap();
    fs::create_dir(folder.file("app-1.log")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink(elsewhere.file("precious"), folder.file("app-2.log")).unwrap();
    let (file, guard) = layer(&folder.file("app.log"))
        .file_pattern("app-%i.log")
        .max_file_size(3)
        .max_files(1)
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    (0..6).for_each(|number| log(&dispatch, &number.to_string()));
    guard.shutdown(LONG);
    assert_eq!(read(&elsewhere.file("precious")), "precious");
    assert!(folder.file("app-1.log").is_dir());
    #[cfg(unix)]
    assert!(folder.file("app-2.log").is_symlink());
    let rolled: Vec<_> = files(&folder)
        .into_iter()
        .filter(|file| file.is_file() && !file.is_symlink())
        .collect();
    assert_eq!(rolled.len(), 2, "{rolled:?}");
}

#[test]
fn each_file_has_its_header_and_footer_and_they_are_no_lines() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    for _run in 0..2 {
        let (file, guard) = layer(&path)
            .header(pattern("# head"))
            .footer(pattern("# foot%n"))
            .file_pattern("app-%i.log")
            .max_file_size(12)
            .build()
            .unwrap();
        let handle = file.handle();
        let dispatch = dispatch(file);
        handle.roll();
        (1..=3).for_each(|number| write(&dispatch, &guard, &format!("{number}{number}")));
        let report = guard.shutdown(LONG);
        assert_eq!(report.stats.delivered, 3, "{report}");
    }
    let expected = [
        "app-1.log # head,11,# foot",
        "app-2.log # head,22,# foot",
        "app-3.log # head,33,# foot,# foot",
        "app-4.log # head,11,# foot",
        "app-5.log # head,22,# foot",
        "app.log # head,33,# foot",
    ];
    assert_eq!(contents(&folder), expected);
}

#[test]
#[cfg(unix)]
fn the_link_leads_to_the_current_file_at_every_moment() {
    let folder = Folder::new();
    let link = folder.file("latest.log");
    let (file, guard) = direct(&folder, "app-%i.log")
        .max_file_size(2000)
        .latest_link(&link)
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Acquire) {
                fs::metadata(&link).unwrap();
            }
        });
        for number in 0..20_000 {
            log(&dispatch, &number.to_string());
        }
        guard.flush(LONG).unwrap();
        done.store(true, Ordering::Release);
    });
    assert!(read(&link).ends_with("19999\n"));
    assert_eq!(
        fs::read_link(&link).unwrap().components().count(),
        1,
        "relative"
    );
    drop(guard);
    let mut numbered: Vec<_> = files(&folder);
    numbered.retain(|file| !file.is_symlink());
    numbered.sort_by_key(|file| {
        let name = file.file_stem().unwrap().to_str().unwrap();
        name[4..].parse::<u32>().unwrap()
    });
    let text: String = numbered.iter().map(|file| read(file)).collect();
    let expected: Vec<String> = (0..20_000).map(|number| number.to_string()).collect();
    assert!(text.lines().eq(expected.iter()));
}

#[test]
fn a_link_that_is_a_file_is_not_replaced() {
    let folder = Folder::new();
    fs::write(folder.file("latest.log"), "precious").unwrap();
    let error = layer(&folder.file("app.log"))
        .max_file_size(100)
        .latest_link(folder.file("latest.log"))
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("latest.log"), "{error}");
    assert_eq!(read(&folder.file("latest.log")), "precious");
}

#[test]
fn a_direct_file_is_gone_on_with_after_a_restart_while_it_has_room() {
    let folder = Folder::new();
    for run in 0..4 {
        let (file, guard) = direct(&folder, "app-%d{yyyy}-%i.log")
            .zone("UTC")
            .max_file_size(15)
            .build()
            .unwrap();
        let dispatch = dispatch(file);
        (0..2).for_each(|number| log(&dispatch, &format!("{run} {number}")));
        guard.shutdown(LONG);
    }
    let year = jiff::tz::Offset::UTC
        .to_datetime(jiff::Timestamp::now())
        .year();
    let expected = [
        format!("app-{year}-1.log 0 0,0 1,1 0"),
        format!("app-{year}-2.log 1 1,2 0,2 1"),
        format!("app-{year}-3.log 3 0,3 1"),
    ];
    // Each line has four bytes.
    assert_eq!(contents(&folder), expected);
}

#[test]
fn archives_may_have_folders_of_their_date() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let pattern = folder.file("old/%d{yyyy}/%d{MM}/app-%i.log");
    let (file, guard) = layer(&path)
        .file_pattern(pattern.to_str().unwrap())
        .zone("UTC")
        .max_file_size(3)
        .max_files(2)
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    (0..5).for_each(|number| log(&dispatch, &number.to_string()));
    guard.shutdown(LONG);
    let now = jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now());
    let dated = folder.file(&now.strftime("old/%Y/%m").to_string());
    let mut found: Vec<_> = fs::read_dir(&dated)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    found.sort();
    assert_eq!(found, ["app-3.log", "app-4.log"]);
}

/// 2,000 lines in archives that are compressed, in the order of their numbers.
#[cfg(any(feature = "gzip", feature = "zstd"))]
fn compressed(suffix: &str) {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (file, guard) = layer(&path)
        .file_pattern(format!("app-%03i.log{suffix}"))
        .file_index(FileIndex::Max(1..=999))
        .max_file_size(1000)
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    let lines: Vec<_> = (0..2000).map(|number| format!("line {number}")).collect();
    for line in &lines {
        log(&dispatch, line);
    }
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 2000, "{report}");
    let (current, archives): (Vec<_>, Vec<_>) =
        files(&folder).into_iter().partition(|file| *file == path);
    assert!(archives.len() > 15, "{archives:?}");
    for file in &archives {
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(name.ends_with(&format!(".log{suffix}")), "{name}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(file).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o640, "{name}");
        }
    }
    let text: Vec<_> = archives
        .iter()
        .chain(&current)
        .map(|file| read(file))
        .collect();
    assert!(text.concat().lines().eq(lines.iter()));
}

#[test]
#[cfg(feature = "gzip")]
fn archives_are_compressed_by_gzip() {
    compressed(".gz");
}

#[test]
#[cfg(feature = "zstd")]
fn archives_are_compressed_by_zstd() {
    compressed(".zst");
}

/// Copies of what cannot be renamed, where memory is a file system of its own.
#[test]
#[cfg(target_os = "linux")]
fn archives_may_lie_on_another_file_system() {
    use std::os::unix::fs::MetadataExt as _;
    let (folder, other) = (Folder::new(), Folder::below(Path::new("/dev/shm")));
    let device = |folder: &Folder| fs::metadata(folder.path()).unwrap().dev();
    if device(&folder) == device(&other) {
        println!("(skipped: there is only one file system)");
        return;
    }
    let (file, guard) = layer(&folder.file("app.log"))
        .file_pattern(other.file("%d{yyyy}/app-%i.log").to_str().unwrap())
        .roll_on_startup(1)
        .max_file_size(5)
        .build()
        .unwrap();
    let dispatch = dispatch(file);
    (0..2).for_each(|number| write(&dispatch, &guard, &format!("{number:04}")));
    wait_until("the first archive", || names(&folder).len() == 1);
    let [year] = &files(&other)[..] else {
        panic!("{:?}", names(&other));
    };
    let theirs = year.join("app-2.log.part");
    fs::write(&theirs, "of another program").unwrap();
    write(&dispatch, &guard, "0002");
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 3, "{report}");
    assert_eq!(names(&folder), ["app.log"]);
    fs::remove_file(&theirs).unwrap();
    assert_eq!(read(&year.join("app-1.log")), "0000\n");
    assert_eq!(read(&year.join("app-2.log")), "0001\n");
    assert_eq!(
        fs::read_dir(year).unwrap().count(),
        2,
        "nothing is left over"
    );
}

#[test]
#[cfg(feature = "gzip")]
fn a_direct_file_is_compressed_when_it_is_over() {
    let folder = Folder::new();
    for run in 0..2 {
        let rolling = direct(&folder, "app-%i.log.gz").max_file_size(5);
        let (file, guard) = rolling.build().unwrap();
        let dispatch = dispatch(file);
        (0..2).for_each(|number| write(&dispatch, &guard, &format!("{run} {number}")));
        guard.shutdown(LONG);
    }
    assert_eq!(
        names(&folder),
        ["app-1.log.gz", "app-2.log.gz", "app-3.log.gz", "app-4.log"]
    );
    assert_eq!(read(&folder.file("app-4.log")), "1 1\n");
    assert_eq!(read(&folder.file("app-3.log.gz")), "1 0\n");
}
