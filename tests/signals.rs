//! Signals are the application's: it gets those that it blocks and waits for, whatever layers it has built before.
//!
//! The mask of a process's threads is one for all tests of a binary, so the case runs in a child process.
#![cfg(test)]
#![cfg(target_os = "linux")]
#![allow(
    unsafe_code,
    reason = "the standard library has no masks of signals, and waits for none"
)]

use std::collections::BTreeSet;
use std::mem::MaybeUninit;
use std::os::unix::process::CommandExt as _;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::FileLayer;
use tracing_kafka::KafkaLayer;
use tracing_kafka::Period;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

const CASE: &str = "TRACING_KAFKA_TEST_SIGNALS";
const SIGNALS: [libc::c_int; 5] = [
    libc::SIGUSR1,
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGCHLD,
];
/// Those that the processor raises on a thread stay its own.
const FAULTS: [libc::c_int; 7] = [
    libc::SIGSEGV,
    libc::SIGBUS,
    libc::SIGFPE,
    libc::SIGILL,
    libc::SIGTRAP,
    libc::SIGSYS,
    libc::SIGABRT,
];

/// The threads of ours that there are then, as far as the system keeps names: the Kafka layer's, a file's, the
/// one for its archives, one that waits, one that looks names up.
const EXPECTED: [&str; 5] = [
    "tracing-kafka",
    "tracing-kafka-f",
    "tracing-kafka-r",
    "tracing-kafka-w",
    "tracing-kafka-d",
];
const LONG: Duration = Duration::from_secs(20);

/// Not a test of its own: what the child plays. The harness runs it beside its own thread, which was born
/// with the signals blocked: only this one, and those of the layers, can take any.
#[test]
fn child_process() {
    if let Ok(folder) = std::env::var(CASE) {
        play(std::path::Path::new(&folder));
    }
}

#[test]
fn signals_that_the_application_waits_for_after_building_layers_reach_it() {
    let folder = std::env::temp_dir().join(format!("tracing-kafka-signals-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap());
    // SAFETY: it calls nothing that may not be called between `fork` and `exec`.
    unsafe {
        child.pre_exec(|| {
            change_mask(libc::SIG_BLOCK, &SIGNALS);
            Ok(())
        });
    }
    let output = child
        .args([
            "--exact",
            "child_process",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CASE, &folder)
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success(),
        "{:?}\n{text}\n{errors}",
        output.status
    );
    assert!(text.contains("1000 signals taken"), "{text}\n{errors}");
}

fn play(folder: &std::path::Path) {
    change_mask(libc::SIG_UNBLOCK, &SIGNALS);
    // A name is looked up by a thread of the runtime's pool, which is born later.
    let (kafka, kafka_guard) = unchanged("build", || {
        KafkaLayer::builder(["localhost:9"], "log-message")
            .linger(Duration::ZERO)
            .build()
            .unwrap()
    });
    let (file, file_guard) = unchanged("build", || {
        FileLayer::builder(folder.join("app.log"))
            .roll_every(Period::DAILY)
            .max_file_size(10_000)
            .build()
            .unwrap()
    });
    let (console, console_guard) = FileLayer::stderr().build().unwrap();
    let _default = tracing_subscriber::registry()
        .with(kafka)
        .with(file)
        .with(console.with_filter(LevelFilter::OFF))
        .set_default();
    change_mask(libc::SIG_BLOCK, &SIGNALS);
    let own = number("thread-self", "SigBlk").unwrap();
    let mut taken = 0;
    for round in 0..200 {
        tracing::error!(round, "something to do for each of the threads");
        for signal in SIGNALS {
            // SAFETY: a signal to this process, which is blocked on this thread.
            assert_eq!(unsafe { libc::kill(libc::getpid(), signal) }, 0);
            taken += u32::from(wait(&SIGNALS) == signal);
        }
    }
    unchanged("flush", || file_guard.flush(LONG).unwrap());
    let _waiting = kafka_guard.flush_async(LONG);
    let deadline = Instant::now() + LONG;
    let mut seen = BTreeSet::new();
    while !EXPECTED.iter().all(|name| seen.contains(*name)) {
        assert!(Instant::now() < deadline, "{seen:?} of {EXPECTED:?}");
        seen.extend(check_masks());
        std::thread::yield_now();
    }
    unchanged("shutdown", || {
        file_guard.shutdown(Duration::from_secs(5));
        console_guard.shutdown(Duration::from_secs(5));
        kafka_guard.shutdown(Duration::from_millis(10));
    });
    assert_eq!(number("thread-self", "SigBlk").unwrap(), own);
    println!("{taken} signals taken");
}

/// Runs something that leaves the mask of this thread as it is.
#[track_caller]
fn unchanged<R>(what: &str, run: impl FnOnce() -> R) -> R {
    let before = number("thread-self", "SigBlk").unwrap();
    let result = run();
    assert_eq!(number("thread-self", "SigBlk").unwrap(), before, "{what}");
    result
}

/// Looks at every thread of ours, and says what they are called.
fn check_masks() -> Vec<String> {
    let mut names = Vec::new();
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let task = format!("self/task/{}", task.unwrap().file_name().to_string_lossy());
        // A thread may have ended since.
        let (Some(name), Some(blocked)) = (value(&task, "Name"), number(&task, "SigBlk")) else {
            continue;
        };
        if !name.starts_with("tracing-kafka") {
            continue;
        }
        // The C library blocks these, too, while it starts or ends a thread: looked at again then.
        if FAULTS
            .iter()
            .all(|signal| blocked & (1 << (signal - 1)) != 0)
        {
            continue;
        }
        for signal in 1..32 {
            let is_blocked = blocked & (1 << (signal - 1)) != 0;
            let is_ours =
                FAULTS.contains(&signal) || [libc::SIGKILL, libc::SIGSTOP].contains(&signal);
            assert_eq!(
                is_blocked, !is_ours,
                "{name}: signal {signal} of {blocked:x}"
            );
        }
        names.push(name);
    }
    names
}

fn value(task: &str, key: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{task}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn number(task: &str, key: &str) -> Option<u64> {
    u64::from_str_radix(&value(task, key)?, 16).ok()
}

fn set(signals: &[libc::c_int]) -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the first call makes the set an empty one, the others add known signals to it.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        for signal in signals {
            libc::sigaddset(set.as_mut_ptr(), *signal);
        }
        set.assume_init()
    }
}

fn change_mask(how: libc::c_int, signals: &[libc::c_int]) {
    let set = set(signals);
    // SAFETY: the set outlives the call, and the old one is not wanted.
    unsafe { libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut()) };
}

fn wait(signals: &[libc::c_int]) -> libc::c_int {
    let (set, mut taken) = (set(signals), 0);
    // SAFETY: both pointers are to values that outlive the call.
    unsafe { libc::sigwait(&raw const set, &raw mut taken) };
    taken
}
