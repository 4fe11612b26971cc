//! What may be wrong with a log file, at build time and while it is written: paths, permissions, limits, kills.
//! Cases that need another user, another limit or an end of their own run in child processes.
#![cfg(test)]
#![cfg(unix)]

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;
use std::time::Instant;

use rustix::process::Resource;
use rustix::process::Rlimit;
use rustix::process::getrlimit;
use rustix::process::setrlimit;
use tracing_kafka::BuildError;
use tracing_kafka::DropReason;
use tracing_kafka::FileLayer;
use tracing_kafka::Health;
use tracing_kafka::OverflowPolicy;
use tracing_kafka::PatternLayout;
use tracing_kafka::Stats;
use tracing_subscriber::prelude::*;

const LONG: Duration = Duration::from_secs(60);
/// Names the case that a child has to play.
const CASE: &str = "TRACING_KAFKA_TEST_CASE";
const FOLDER: &str = "TRACING_KAFKA_TEST_FOLDER";
/// A user who owns nothing.
const NOBODY: u32 = 65_534;

/// A folder of the test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let name = format!("tracing-kafka-faults-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = fs::remove_dir_all(&self.0);
    }
}

fn pattern(text: &str) -> PatternLayout {
    PatternLayout::new(text).unwrap()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[track_caller]
fn refused(path: &Path) -> String {
    let error = FileLayer::builder(path).build().unwrap_err();
    assert!(matches!(error, BuildError::File { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains(&format!("`{}`", path.display())), "{text}");
    text
}

#[track_caller]
fn assert_conserved(stats: &Stats) {
    let ends = stats.delivered + stats.queued + stats.in_flight + stats.dropped.total();
    assert_eq!(stats.offered, ends, "{stats}");
}

#[track_caller]
fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Sets a limit of this process. Returns what it was before.
fn limit(resource: Resource, to: u64) -> Rlimit {
    let before = getrlimit(resource);
    let limit = Rlimit {
        current: Some(to),
        maximum: before.maximum,
    };
    setrlimit(resource, limit).unwrap();
    before
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

/// Starts this test binary again to play `case`, after `change` has changed how.
fn child(case: &str, folder: &Folder, change: impl FnOnce(&mut Command)) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child_process", "--nocapture"])
        .env(CASE, case)
        .env(FOLDER, &folder.0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    change(&mut command);
    command.spawn().unwrap()
}

/// Plays `case` to its end, which has to be a good one; what it printed to both streams.
#[track_caller]
fn play(case: &str, folder: &Folder, change: impl FnOnce(&mut Command)) -> (String, String) {
    let mut child = child(case, folder, change);
    let mut out = child.stdout.take().unwrap();
    let mut err = child.stderr.take().unwrap();
    let reader = std::thread::spawn(move || {
        let mut text = String::new();
        out.read_to_string(&mut text).map(|_| text)
    });
    let mut errors = String::new();
    err.read_to_string(&mut errors).unwrap();
    let text = reader.join().unwrap().unwrap();
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}: {text}\n{errors}");
    (text, errors)
}

/// Not a test of its own: what a child plays. Without a case it has nothing to do.
#[test]
fn child_process() {
    let Ok(case) = std::env::var(CASE) else {
        return;
    };
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    match case.as_str() {
        "nobody" => play_nobody(&folder),
        "limit" => play_limit(&folder, false),
        "limit_synchronous" => play_limit(&folder, true),
        "limit_footer" => play_limit_footer(&folder),
        #[cfg(feature = "cron")]
        "limit_header" => play_limit_header(&folder),
        #[cfg(feature = "cron")]
        "limit_periods" => play_limit_periods(&folder),
        "moves" => play_moves(&folder),
        "closed" => play_closed(FileLayer::stdout()),
        "closed_synchronous" => play_closed(FileLayer::stdout().synchronous()),
        "killed" => play_killed(&folder),
        #[cfg(feature = "gzip")]
        "killed_again" => play_killed_again(&folder),
        #[cfg(all(target_os = "linux", feature = "gzip"))]
        "owner" => play_owner(&folder),
        "no_handles" => play_no_handles(&folder),
        "stdout" => play_stream(FileLayer::stdout()),
        "stderr" => play_stream(FileLayer::stderr()),
        "exit" => play_exit(&folder),
        "fsync" => play_fsync(&folder),
        "stream_lock" => play_stream_lock(),
        other => panic!("no case `{other}`"),
    }
}

// --- what is refused when the layer is built ---------------------------------------------------------------

#[test]
fn what_is_no_log_file_is_refused_with_its_path_and_why() {
    let folder = Folder::new("refused");
    fs::create_dir(folder.file("folder")).unwrap();
    assert!(refused(&folder.file("folder")).contains("it is a directory"));

    let pipe = folder.file("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    assert!(refused(&pipe).contains("it is a named pipe"));

    let _socket = std::os::unix::net::UnixListener::bind(folder.file("socket")).unwrap();
    assert!(refused(&folder.file("socket")).contains("it is a device or a socket"));

    fs::write(folder.file("file"), "").unwrap();
    assert!(
        refused(&folder.file("file/app.log"))
            .to_lowercase()
            .contains("not a directory")
    );
}

#[test]
fn a_symbolic_link_is_followed_only_where_that_is_allowed() {
    let folder = Folder::new("links");
    let (link, target) = (folder.file("app.log"), folder.file("target.log"));
    for exists in [true, false] {
        if exists {
            fs::write(&target, "precious\n").unwrap();
        } else {
            fs::remove_file(&target).unwrap();
            fs::remove_file(&link).unwrap();
        }
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let text = refused(&link);
        assert!(
            text.contains("symbolic link") && text.contains("follow_symlinks"),
            "{text}"
        );
        assert_eq!(target.exists(), exists);
        let (file, guard) = FileLayer::builder(&link)
            .layout(pattern("%m"))
            .follow_symlinks(true)
            .build()
            .unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(file), || {
            tracing::info!("line");
        });
        guard.shutdown(LONG);
        assert!(read(&target).ends_with("line\n"));
    }
}

#[test]
fn files_and_folders_are_made_for_the_owner_and_his_group() {
    let folder = Folder::new("modes");
    let path = folder.file("one/two/app.log");
    drop(FileLayer::builder(&path).build().unwrap());
    assert_eq!(mode(&path), 0o640);
    // The process's mask may take from it.
    assert_eq!(mode(&folder.file("one")) & !0o750, 0);
    assert_eq!(mode(&folder.file("one/two")) & !0o750, 0);

    fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
    drop(FileLayer::builder(&path).build().unwrap());
    assert_eq!(mode(&path), 0o604, "a file that is there keeps its own");

    let open = folder.file("open.log");
    drop(FileLayer::builder(&open).file_mode(0o666).build().unwrap());
    assert_eq!(mode(&open), 0o666, "whatever the mask is");
}

#[test]
fn what_may_not_be_written_is_refused() {
    let folder = Folder::new("nobody");
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.file("read_only.log"), "").unwrap();
    fs::set_permissions(
        folder.file("read_only.log"),
        fs::Permissions::from_mode(0o444),
    )
    .unwrap();
    if rustix::process::geteuid().is_root() {
        // The superuser may write anything: someone else has to try.
        play("nobody", &folder, |command| {
            command.uid(NOBODY);
        });
    } else {
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o555)).unwrap();
        play_nobody(&folder.0);
        fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

fn play_nobody(folder: &Path) {
    for name in ["read_only.log", "new.log", "new/app.log"] {
        let text = refused(&folder.join(name)).to_lowercase();
        assert!(text.contains("permission denied"), "{text}");
    }
}

#[test]
fn a_file_system_that_is_read_only_is_told() {
    // Containers have one of these; elsewhere there is none without being root.
    let read_only = ["/sys/kernel", "/proc/sys/kernel"].map(Path::new);
    let is_read_only = |folder: &&Path| {
        let made = fs::File::create_new(folder.join("tracing-kafka-test"));
        made.is_err_and(|error| error.kind() == std::io::ErrorKind::ReadOnlyFilesystem)
    };
    match read_only.iter().copied().find(is_read_only) {
        Some(folder) => {
            let text = refused(&folder.join("app.log")).to_lowercase();
            assert!(text.contains("read-only"), "{text}");
        }
        None => println!("(skipped: no file system here is read-only)"),
    }
}

// --- while it is written ----------------------------------------------------------------------------------

#[test]
fn a_file_at_its_limit_is_told_once_and_gone_on_with_when_there_is_room() {
    for case in ["limit", "limit_synchronous"] {
        let folder = Folder::new(case);
        play(case, &folder, |_| {});
    }
}

/// A limit on the size of files stands for a disk that is full, and is then lifted.
fn play_limit(folder: &Path, is_synchronous: bool) {
    let path = folder.join("app.log");
    let (sender, told) = mpsc::channel();
    let mut builder = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .overflow(OverflowPolicy::DropNewest)
        .on_error(move |error| {
            let _ended = sender.send(error.to_string());
        });
    if is_synchronous {
        builder = builder.synchronous();
    }
    let before = limit(Resource::Fsize, 1000);
    let (file, guard) = builder.build().unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    let start = Instant::now();
    for number in 0..200 {
        tracing::info!("line {number:05}");
    }
    assert!(start.elapsed() < Duration::from_secs(5), "nobody waits");
    let error = told.recv_timeout(LONG).unwrap();
    assert!(error.contains("app.log"), "{error}");
    wait_until("the health", || guard.health() == Health::Retrying);
    assert_eq!(
        fs::metadata(&path).unwrap().len(),
        1000,
        "the last line is torn for now"
    );
    let stats = guard.stats();
    assert_conserved(&stats);
    assert_eq!(stats.delivered, 1000 / 11, "{stats}");

    setrlimit(Resource::Fsize, before).unwrap();
    wait_until("the rest", || guard.stats().delivered == 200);
    assert_eq!(guard.health(), Health::Healthy);
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.dropped.total(), 0, "{report}");
    let expected: Vec<_> = (0..200)
        .map(|number| format!("line {number:05}\n"))
        .collect();
    let expected = expected.concat();
    assert_eq!(read(&path), expected);
}

#[test]
fn a_footer_that_finds_no_room_does_not_end_the_process() {
    let folder = Folder::new("limit_footer");
    play("limit_footer", &folder, |_| {});
}

/// Writes of a footer fail like those of lines, and raise the same signal.
fn play_limit_footer(folder: &Path) {
    let path = folder.join("app.log");
    let (file, guard) = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .footer(pattern("the end"))
        .max_file_size(1000)
        .synchronous()
        .build()
        .unwrap();
    limit(Resource::Fsize, 1000);
    let _default = tracing_subscriber::registry().with(file).set_default();
    for number in 10..35 {
        tracing::info!("{number} {:096}", 0);
    }
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 25, "{report}");
    // No room is left for the footer.
    assert_eq!(read(&folder.join("app-1.log")).lines().count(), 10);
}

#[test]
#[cfg(feature = "cron")]
fn a_header_that_had_to_wait_is_no_line() {
    let folder = Folder::new("limit_header");
    play("limit_header", &folder, |_| {});
}

/// A file is rolled while there is no room for the header of the next.
#[cfg(feature = "cron")]
fn play_limit_header(folder: &Path) {
    let (file, guard) = FileLayer::builder(folder.join("app.log"))
        .layout(pattern("%m"))
        .header(pattern("the header"))
        .file_pattern("app-%i.log")
        .roll_cron("* * * * * ?")
        .on_error(|_| {})
        .build()
        .unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    tracing::info!("line");
    guard.flush(LONG).unwrap();
    let before = limit(Resource::Fsize, 1);
    wait_until("the roll", || folder.join("app-1.log").exists());
    // Longer than it takes to look at the file.
    std::thread::park_timeout(Duration::from_millis(1200));
    setrlimit(Resource::Fsize, before).unwrap();
    wait_until("the header", || {
        read(&folder.join("app.log")) == "the header\n"
    });
    // Longer than the second that the file is for.
    std::thread::park_timeout(Duration::from_millis(1200));
    guard.shutdown(LONG);
    assert!(!folder.join("app-2.log").exists());
}

#[test]
#[cfg(feature = "cron")]
fn lines_that_had_to_wait_are_in_the_files_of_their_time() {
    let folder = Folder::new("limit_periods");
    play("limit_periods", &folder, |_| {});
}

/// Lines of several seconds wait for room, where each second has its file.
#[cfg(feature = "cron")]
fn play_limit_periods(folder: &Path) {
    let (file, guard) = FileLayer::builder(folder.join("app.log"))
        .layout(pattern("%d{HHmmss}"))
        .file_pattern("app-%d{HHmmss}.log")
        .roll_cron("* * * * * ?")
        .on_error(|_| {})
        .build()
        .unwrap();
    let before = limit(Resource::Fsize, 1);
    let _default = tracing_subscriber::registry().with(file).set_default();
    let (start, mut count) = (Instant::now(), 0);
    while start.elapsed() < Duration::from_millis(3100) {
        tracing::info!("");
        count += 1;
        std::thread::park_timeout(Duration::from_millis(50));
    }
    setrlimit(Resource::Fsize, before).unwrap();
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, count, "{report}");
    let (mut archives, mut lines) = (0, 0);
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_str().unwrap();
        let text = read(&path);
        lines += text.lines().count() as u64;
        if let Some(second) = name.strip_prefix("app-") {
            archives += 1;
            assert!(text.lines().all(|line| line == second), "{name}: {text}");
        }
    }
    assert_eq!(lines, count);
    assert!(archives >= 2, "{archives}");
}

#[test]
fn a_process_that_changes_its_folder_keeps_its_files() {
    let folder = Folder::new("moves");
    play("moves", &folder, |command| {
        fs::create_dir(folder.file("elsewhere")).unwrap();
        command.current_dir(&folder.0);
    });
}

/// Paths are those of the moment in which the layer is built.
fn play_moves(folder: &Path) {
    let (file, guard) = FileLayer::builder("logs/app.log")
        .layout(pattern("%m"))
        .file_pattern("old/app-%i.log")
        .latest_link("latest.log")
        .max_file_size(8)
        .build()
        .unwrap();
    std::env::set_current_dir(folder.join("elsewhere")).unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    for number in 0..3 {
        tracing::info!("line {number}");
        // Long enough for a look at the file.
        std::thread::park_timeout(Duration::from_millis(120));
        guard.flush(LONG).unwrap();
    }
    guard.shutdown(LONG);
    assert_eq!(read(&folder.join("old/app-1.log")), "line 0\n");
    assert_eq!(read(&folder.join("old/app-2.log")), "line 1\n");
    assert_eq!(read(&folder.join("logs/app.log")), "line 2\n");
    assert_eq!(read(&folder.join("latest.log")), "line 2\n");
    assert_eq!(fs::read_dir(folder.join("elsewhere")).unwrap().count(), 0);
}

#[test]
fn a_closed_output_does_not_hold_up_the_end() {
    for case in ["closed", "closed_synchronous"] {
        let folder = Folder::new(case);
        let mut child = child(case, &folder, |_| {});
        // The harness has something to say before.
        wait_until("the start", || folder.file("is_started").exists());
        drop(child.stdout.take());
        fs::write(folder.file("is_closed"), "").unwrap();
        wait_until("the end", || child.try_wait().unwrap().is_some());
        let took = read(&folder.file("took"));
        assert!(took.parse::<u64>().unwrap() < 10_000, "{took} ms");
    }
}

/// Nobody reads what is written, as behind `| head`.
fn play_closed(builder: tracing_kafka::FileLayerBuilder) {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let (file, guard) = builder
        .layout(pattern("%m"))
        .shutdown_timeout(LONG)
        .on_error(|_| {})
        .build()
        .unwrap();
    fs::write(folder.join("is_started"), "").unwrap();
    wait_until("the closing", || folder.join("is_closed").exists());
    let _default = tracing_subscriber::registry().with(file).set_default();
    tracing::info!("for nobody");
    let start = Instant::now();
    drop(guard);
    let took = start.elapsed().as_millis().to_string();
    fs::write(folder.join("took"), took).unwrap();
    // What the harness has to say finds nobody either.
    std::process::exit(0);
}

#[test]
fn a_kill_leaves_what_was_flushed_and_the_next_start_begins_a_line() {
    let folder = Folder::new("killed");
    let path = folder.file("app.log");
    let mut child = child("killed", &folder, |_| {});
    // It says when something was flushed, and goes on.
    wait_until("the flush", || folder.file("flushed").exists());
    let flushed: usize = read(&folder.file("flushed")).trim().parse().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();

    let mut text = String::new();
    for part in rolled(&folder) {
        text.push_str(&read(&part));
    }
    let whole = text.rfind('\n').unwrap() + 1;
    let expected = (0..).map(|number| format!("line {number}"));
    let count = text[..whole]
        .lines()
        .zip(expected)
        .filter(|(line, expected)| line == expected)
        .count();
    assert_eq!(
        count,
        text[..whole].lines().count(),
        "a line is torn or lost"
    );
    assert!(count >= flushed, "{count} of {flushed} flushed");

    // A torn line stays alone.
    let mut file = fs::File::options().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut file, b"torn").unwrap();
    let (file, guard) = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(file), || {
        tracing::info!("next");
    });
    guard.shutdown(LONG);
    let text = read(&path);
    assert!(
        text.ends_with("torn\nnext\n"),
        "{}",
        &text[text.len() - 30..]
    );
}

/// Archives and the current file, in the order in which they were written, when nothing works on them.
fn rolled(folder: &Folder) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name() != Some("flushed".as_ref()))
        .collect();
    // `app.log.<period>.<order>.roll` are those that had not been archived.
    files.sort_by_key(|path| {
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        match (name.strip_prefix("app-"), name.as_str()) {
            (Some(number), _) => (0, number.trim_end_matches(".log").parse().unwrap()),
            (None, "app.log") => (2, 0),
            (None, name) => (1, name.split('.').nth(3).unwrap().parse::<u64>().unwrap()),
        }
    });
    files
}

fn play_killed(folder: &Path) {
    let (file, guard) = FileLayer::builder(folder.join("app.log"))
        .layout(pattern("%m"))
        .file_pattern("app-%i.log")
        .max_file_size(100_000)
        .overflow(OverflowPolicy::Block { max_wait: LONG })
        .build()
        .unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    for number in 0.. {
        tracing::info!("line {number}");
        if number == 50_000 {
            guard.flush(LONG).unwrap();
            fs::write(folder.join("part"), format!("{}\n", number + 1)).unwrap();
            fs::rename(folder.join("part"), folder.join("flushed")).unwrap();
        }
    }
}

/// Names the turn that a child plays.
#[cfg(feature = "gzip")]
const TURN: &str = "TRACING_KAFKA_TEST_TURN";

/// One process after the other is killed while a rolled file is in this or that state, on the same files.
#[test]
#[cfg(feature = "gzip")]
fn kills_while_files_are_rolled_and_compressed_lose_and_double_nothing() {
    let folder = Folder::new("killed_again");
    fs::create_dir(folder.file("said")).unwrap();
    let states = ["roll", "part", "gz", "part", "gz", "roll"];
    let mut met = Vec::new();
    for (turn, state) in states.iter().enumerate() {
        let mut child = child("killed_again", &folder, |command| {
            command.env(TURN, turn.to_string());
        });
        let said = folder.file(&format!("said/{turn}"));
        wait_until("the flush", || said.exists());
        // Some states last for microseconds: a turn that has not met its own is killed all the same.
        let until = Instant::now() + Duration::from_secs(2);
        let is_met = || pending(&folder).iter().any(|name| name.ends_with(state));
        while Instant::now() < until {
            if is_met() {
                met.push(*state);
                break;
            }
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (_file, guard) = compressing(&folder.0).build().unwrap();
    guard.shutdown(LONG);
    assert_eq!(pending(&folder), [""; 0], "all is archived");
    assert_turns(&folder, states.len());
    assert!(met.contains(&"roll") && met.contains(&"part"), "{met:?}");
}

/// The one who rolls is killed while another one has the first of its files open.
#[test]
#[cfg(all(target_os = "linux", feature = "gzip"))]
fn who_follows_archives_what_a_killed_one_has_rolled_before_his_own() {
    let folder = Folder::new("owner");
    let mut child = child("owner", &folder, |_| {});
    wait_until("the start", || folder.file("is_started").exists());
    let (file, guard) = compressing(&folder.0).build().unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    fs::write(folder.file("is_followed"), "").unwrap();
    wait_until("the rolls", || folder.file("is_done").exists());
    child.kill().unwrap();
    child.wait().unwrap();
    // Until then lines may go into the file that was open before.
    std::thread::park_timeout(Duration::from_millis(200));
    for number in 5..8 {
        tracing::info!("{number} {:060000}", 0);
        guard.flush(LONG).unwrap();
    }
    guard.shutdown(LONG);
    assert_eq!(pending(&folder), [""; 0]);
    for number in 0..7 {
        let path = folder.file(&format!("app-{:05}.log.gz", number + 1));
        let file = flate2::read::GzDecoder::new(fs::File::open(path).unwrap());
        let text = std::io::read_to_string(file).unwrap();
        assert!(text.starts_with(&format!("{number} ")), "{number}");
    }
}

#[cfg(all(target_os = "linux", feature = "gzip"))]
fn play_owner(folder: &Path) {
    let (file, guard) = compressing(folder).build().unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    fs::write(folder.join("is_started"), "").unwrap();
    wait_until("the follower", || folder.join("is_followed").exists());
    for number in 0..5 {
        tracing::info!("{number} {:060000}", 0);
        guard.flush(LONG).unwrap();
    }
    fs::write(folder.join("is_done"), "").unwrap();
    std::thread::sleep(LONG);
}

/// What is rolled and no archive yet.
#[cfg(feature = "gzip")]
fn pending(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(&folder.0).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("app.log.")).collect()
}

/// Each turn has left all that it had flushed and nothing twice; what was torn is alone on its line.
#[cfg(feature = "gzip")]
#[track_caller]
fn assert_turns(folder: &Folder, turns: usize) {
    let mut archives: Vec<_> = fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some("gz".as_ref()))
        .collect();
    archives.sort();
    assert!(archives.len() > turns, "{archives:?}");
    let unpack = |path: &PathBuf| {
        let file = flate2::read::GzDecoder::new(fs::File::open(path).unwrap());
        std::io::read_to_string(file).unwrap()
    };
    let mut text: String = archives.iter().map(unpack).collect();
    text.push_str(&read(&folder.file("app.log")));

    let mut lines = text.lines().peekable();
    for turn in 0..turns {
        let mut count = 0;
        let line = |number: usize| format!("{turn} {number} end");
        while lines.next_if(|found| **found == line(count)).is_some() {
            count += 1;
        }
        let _torn = lines.next_if(|found| line(count).starts_with(*found));
        let flushed: usize = read(&folder.file(&format!("said/{turn}"))).parse().unwrap();
        assert!(count >= flushed, "turn {turn}: {count} of {flushed}");
    }
    assert_eq!(lines.next(), None);
}

#[cfg(feature = "gzip")]
fn compressing(folder: &Path) -> tracing_kafka::FileLayerBuilder {
    FileLayer::builder(folder.join("app.log"))
        .layout(pattern("%m"))
        .file_pattern("app-%05i.log.gz")
        .max_file_size(50_000)
        .overflow(OverflowPolicy::Block { max_wait: LONG })
}

#[cfg(feature = "gzip")]
fn play_killed_again(folder: &Path) {
    let turn = std::env::var(TURN).unwrap();
    let (file, guard) = compressing(folder).build().unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    for number in 0.. {
        tracing::info!("{turn} {number} end");
        if number % 100 == 0 {
            // Not faster than it is compressed.
            std::thread::park_timeout(Duration::from_millis(1));
        }
        if number == 20_000 {
            guard.flush(LONG).unwrap();
            fs::write(folder.join("part"), (number + 1).to_string()).unwrap();
            fs::rename(folder.join("part"), folder.join("said").join(&turn)).unwrap();
        }
    }
}

#[test]
fn a_roll_that_fails_half_way_is_undone_told_once_and_made_up_for() {
    let folder = Folder::new("no_handles");
    play("no_handles", &folder, |_| {});
}

/// No file can be opened for a while: the old one is renamed by then.
fn play_no_handles(folder: &Path) {
    let path = folder.join("app.log");
    let (sender, told) = mpsc::channel();
    let (file, guard) = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .file_pattern("app-%i.log")
        .max_file_size(20)
        .on_error(move |error| {
            let _ended = sender.send(error.to_string());
        })
        .build()
        .unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    let log = |number: usize| {
        tracing::info!("line {number:03}");
        guard.flush(LONG).unwrap();
    };
    let lines_up_to = |number: usize| {
        let lines: Vec<_> = (0..number)
            .map(|number| format!("line {number:03}\n"))
            .collect();
        lines.concat()
    };
    (0..2).for_each(log);
    let before = limit(Resource::Nofile, 0);
    (2..5).for_each(log);
    setrlimit(Resource::Nofile, before).unwrap();
    // The layer may have looked for rolled files meanwhile, too.
    let told: Vec<_> = told
        .try_iter()
        .filter(|error| error.contains("cannot roll"))
        .collect();
    assert_eq!(told.len(), 1, "it is told once: {told:?}");
    assert!(told[0].contains(path.to_str().unwrap()), "{told:?}");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1, "undone");
    assert_eq!(read(&path), lines_up_to(5));

    let mut number = 5;
    wait_until("the roll", || {
        log(number);
        number += 1;
        number > 6 && folder.join("app-1.log").exists()
    });
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, number as u64, "{report}");
    assert_eq!(report.stats.dropped.total(), 0, "{report}");
    let numbers = 1..fs::read_dir(folder).unwrap().count();
    let archives: String = numbers
        .map(|index| read(&folder.join(format!("app-{index}.log"))))
        .collect();
    assert_eq!(archives + &read(&path), lines_up_to(number));
}

#[test]
fn a_synchronous_layer_has_written_when_the_process_exits() {
    let folder = Folder::new("exit");
    play("exit", &folder, |_| {});
    assert_eq!(read(&folder.file("app.log")), "the last word\n");
}

fn play_exit(folder: &Path) {
    let (file, guard) = FileLayer::builder(folder.join("app.log"))
        .layout(pattern("%m"))
        .synchronous()
        .build()
        .unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    tracing::info!("the last word");
    assert_eq!(guard.stats().delivered, 1);
    std::process::exit(0);
}

#[test]
fn standard_streams_get_whole_lines_between_those_of_the_application() {
    let folder = Folder::new("streams");
    for case in ["stdout", "stderr"] {
        let (out, err) = play(case, &folder, |_| {});
        let text = if case == "stdout" { out } else { err };
        let count = |prefix: &str| text.lines().filter(|line| line.starts_with(prefix)).count();
        assert_eq!((count("layer "), count("print ")), (2000, 2000), "{case}");
        for line in text
            .lines()
            .filter(|line| line.starts_with("layer ") || line.starts_with("print "))
        {
            assert_eq!(line.len(), "layer ".len() + 100, "torn: {line}");
        }
    }
}

fn play_stream(builder: tracing_kafka::FileLayerBuilder) {
    use std::io::Write as _;
    let is_stdout = format!("{builder:?}").contains("Stdout");
    let (file, guard) = builder.layout(pattern("%m")).build().unwrap();
    let _default = tracing_subscriber::registry().with(file).set_default();
    for number in 0..2000 {
        tracing::info!("layer {number:0100}");
        if is_stdout {
            writeln!(std::io::stdout(), "print {number:0100}").unwrap();
        } else {
            let line = format!("print {number:0100}\n");
            std::io::stderr().write_all(line.as_bytes()).unwrap();
        }
    }
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 2000, "{report}");
}

#[test]
fn a_thread_that_prints_may_log_to_the_same_stream() {
    let folder = Folder::new("stream_lock");
    let mut child = child("stream_lock", &folder, |command| {
        command.stdout(Stdio::null()).stderr(Stdio::null());
    });
    let deadline = Instant::now() + LONG;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            panic!("they wait for each other");
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    assert!(status.success());
}

fn play_stream_lock() {
    let (file, guard) = FileLayer::stderr()
        .layout(pattern("%m"))
        .synchronous()
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(file));
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let dispatch = &dispatch;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    for number in 0..5000 {
                        let _lock = (thread % 2 == 0).then(|| std::io::stderr().lock());
                        tracing::info!("{thread} {number}");
                    }
                });
            });
        }
    });
    assert_eq!(guard.shutdown(LONG).stats.delivered, 20_000);
}

/// Plays `case` under strace with `options`; what it saw, if there is a strace.
fn traced(case: &str, folder: &Folder, options: &[&str]) -> Option<String> {
    let log = folder.file("strace");
    let traced = Command::new("strace")
        .args(["-f", "-Y", "-y", "-qq", "-o"])
        .arg(&log)
        .args(options)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env(CASE, case)
        .env(FOLDER, &folder.0)
        .output();
    let output = match traced {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            println!("(skipped: no strace)");
            return None;
        }
        traced => traced.unwrap(),
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("Operation not permitted") {
        println!("(skipped: strace may not look)");
        return None;
    }
    assert!(output.status.success(), "{errors}");
    Some(read(&log))
}

#[test]
fn the_disk_is_asked_as_the_policy_says_and_never_by_the_thread_that_logs() {
    let folder = Folder::new("fsync");
    let calls = ["-e", "trace=fdatasync,fsync"];
    let Some(seen) = traced("fsync", &folder, &calls) else {
        return;
    };
    let of = |file: &str| seen.lines().filter(|line| line.contains(file)).count();
    assert_eq!(of("never.log"), 0, "{seen}");
    // Two flushes with lines before them, and nothing to do at the end.
    assert_eq!(of("flush.log"), 2, "{seen}");
    assert!(of("every.log") >= 1, "{seen}");
    assert_eq!(of("synchronous.log"), 1, "{seen}");
    for line in seen.lines() {
        assert!(line.contains("<tracing-kafka-"), "{line}");
    }
}

#[test]
fn a_disk_that_does_not_confirm_is_told_by_the_flush() {
    let folder = Folder::new("fsync_error");
    let inject = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO"];
    if traced("fsync", &folder, &inject).is_some() {
        let told = read(&folder.file("told"));
        assert!(
            told.contains("not every event is known to be on the disk"),
            "{told}"
        );
        assert!(told.contains("cannot synchronize `"), "{told}");
    }
}

/// One file for each policy; what flushes and hooks say goes to `told`.
fn play_fsync(folder: &Path) {
    use tracing_kafka::Fsync;
    let told = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let every = Fsync::Every(Duration::from_millis(20));
    let rows = [
        ("never.log", Fsync::Never, false),
        ("flush.log", Fsync::OnFlush, false),
        ("every.log", every, false),
        ("synchronous.log", Fsync::OnFlush, true),
    ];
    for (name, policy, is_synchronous) in rows {
        let hook = std::sync::Arc::clone(&told);
        let mut builder = FileLayer::builder(folder.join(name))
            .layout(pattern("%m"))
            .fsync(policy)
            .on_error(move |error| hook.lock().unwrap().push(error.to_string()));
        if is_synchronous {
            builder = builder.synchronous();
        }
        let (file, guard) = builder.build().unwrap();
        let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(file));
        for _flush in 0..2 {
            if !is_synchronous || guard.stats().delivered == 0 {
                tracing::dispatcher::with_default(&dispatch, || tracing::info!("line"));
            }
            if policy == every {
                std::thread::park_timeout(Duration::from_millis(300));
            }
            if let Err(error) = guard.flush(LONG) {
                told.lock().unwrap().push(error.to_string());
            }
        }
        guard.shutdown(LONG);
    }
    fs::write(folder.join("told"), told.lock().unwrap().join("\n")).unwrap();
}

// --- others ----------------------------------------------------------------------------------------------

#[test]
fn a_second_writer_is_noticed_and_takes_over_when_the_first_is_gone() {
    let folder = Folder::new("second");
    let path = folder.file("app.log");
    let build = |told: mpsc::Sender<String>| {
        FileLayer::builder(&path)
            .layout(pattern("%m"))
            .file_pattern("app-%i.log")
            .max_file_size(40)
            .on_error(move |error| {
                let _ended = told.send(format!("{}: {error}", error.kind()));
            })
    };
    let (first_told, first_errors) = mpsc::channel();
    let (second_told, second_errors) = mpsc::channel();
    let (first, first_guard) = build(first_told).build().unwrap();
    let error = build(mpsc::channel().0)
        .exclusive(true)
        .build()
        .unwrap_err();
    assert!(
        error.to_string().contains("another process or layer"),
        "{error}"
    );
    let (second, second_guard) = build(second_told).build().unwrap();
    let told = second_errors.recv_timeout(LONG).unwrap();
    assert!(
        told.starts_with("shared: ") && told.contains("app.log"),
        "{told}"
    );

    let first = tracing::Dispatch::new(tracing_subscriber::registry().with(first));
    let second = tracing::Dispatch::new(tracing_subscriber::registry().with(second));
    let log = |dispatch, number: u32| {
        tracing::dispatcher::with_default(dispatch, || tracing::info!("line {number:05}"));
    };
    for number in 0..10 {
        log(&second, number);
        second_guard.flush(LONG).unwrap();
    }
    assert_eq!(
        read(&path).lines().count(),
        10,
        "the second one does not roll"
    );
    log(&first, 10);
    let report = first_guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 1, "{report}");
    wait_until("the second one to roll", || {
        log(&second, 11);
        second_guard.flush(LONG).unwrap();
        fs::read_dir(&folder.0).unwrap().count() > 3
    });
    second_guard.shutdown(LONG);
    assert_eq!(
        first_errors.try_iter().collect::<Vec<_>>(),
        Vec::<String>::new()
    );
}

#[test]
fn a_removed_folder_that_cannot_be_made_again_loses_nothing_silently() {
    let folder = Folder::new("gone");
    let path = folder.file("logs/app.log");
    let (sender, told) = mpsc::channel();
    let (file, guard) = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .on_error(move |error| {
            let _ended = sender.send(error.to_string());
        })
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(file));
    let log =
        |text: &str| tracing::dispatcher::with_default(&dispatch, || tracing::info!("{text}"));
    log("before");
    guard.flush(LONG).unwrap();
    fs::remove_dir_all(folder.file("logs")).unwrap();
    // A file is in the folder's place now.
    let blocked = fs::write(folder.file("logs"), "");
    if blocked.is_err() {
        // The layer was quicker: it has made the folder again.
        fs::remove_dir_all(folder.file("logs")).unwrap();
        fs::write(folder.file("logs"), "").unwrap();
    }
    let error = told.recv_timeout(LONG).unwrap();
    assert!(error.contains("app.log"), "{error}");
    for number in 0..100 {
        log(&number.to_string());
    }
    wait_until("the health", || guard.health() == Health::Retrying);
    assert_eq!(guard.stats().delivered, 1);
    fs::remove_file(folder.file("logs")).unwrap();
    wait_until("the rest", || guard.stats().delivered == 101);
    let expected: Vec<_> = (0..100).map(|number| format!("{number}\n")).collect();
    let expected = expected.concat();
    assert_eq!(read(&path), expected);
    let report = guard.shutdown(LONG);
    assert_eq!(
        report.stats.dropped.get(DropReason::Shutdown),
        0,
        "{report}"
    );
}

#[test]
fn what_a_killed_process_left_of_a_roll_is_archived_by_the_next_one() {
    let folder = Folder::new("left");
    let path = folder.file("app.log");
    let ours = |number: u32, ending: &str| {
        format!("app.log.1700000000.170000000{number}000000000.tracing-kafka.{ending}")
    };
    let left = [
        // Rolled and not archived; half compressed; wholly compressed, the original not yet removed.
        (ours(1, "roll"), "one\n"),
        (ours(2, "roll"), "two\n"),
        (ours(2, "part"), "tw"),
        (ours(3, "roll"), "three\n"),
        (ours(3, "gz"), "compressed"),
    ];
    // Of other programs, and of another log.
    let mut theirs = ["roll", "part", "gz", "zst"]
        .map(|end| format!("app.log.20261129.1.{end}"))
        .to_vec();
    theirs.push(format!("other-{}", ours(3, "roll")));
    for (name, text) in &left {
        fs::write(folder.file(name), text).unwrap();
    }
    for name in &theirs {
        fs::write(folder.file(name), "theirs").unwrap();
    }
    let (_file, guard) = FileLayer::builder(&path)
        .file_pattern("app-%i.log")
        .max_file_size(100)
        .build()
        .unwrap();
    guard.shutdown(LONG);
    let mut names: Vec<_> = fs::read_dir(&folder.0)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names.retain(|name| !theirs.contains(name));
    assert!(theirs.iter().all(|name| folder.file(name).exists()));
    let expected = ["app-1.log", "app-2.log", "app-3.log.gz", "app.log"];
    assert_eq!(names, expected);
    assert_eq!(read(&folder.file("app-1.log")), "one\n");
    assert_eq!(read(&folder.file("app-2.log")), "two\n");
    assert_eq!(read(&folder.file("app-3.log.gz")), "compressed");
}
