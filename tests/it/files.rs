//! The file layer: whole lines, exact counters, trouble that passes.

use std::time::Duration;
use std::time::Instant;

use tracing_kafka::DropReason;
use tracing_kafka::FileLayer;
use tracing_kafka::Health;
use tracing_subscriber::prelude::*;

use crate::support::Folder;
use crate::support::LONG;
use crate::support::assert_conserved;
use crate::support::pattern;
use crate::support::wait_until;

#[test]
fn lines_are_appended_and_end_with_exactly_one_newline() {
    let folder = Folder::new();
    let path = folder.file("deep/er/app.log");
    for text in ["%m", "%m%n", "%m%n%n"] {
        let (layer, guard) = FileLayer::builder(&path)
            .layout(pattern(text))
            .build()
            .unwrap();
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            tracing::info!("{text}");
        });
        let report = guard.shutdown(LONG);
        assert_eq!(report.stats.delivered, 1);
    }
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "%m\n%m%n\n%m%n%n\n"
    );
}

#[test]
fn a_line_is_written_without_a_flush() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (layer, guard) = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    for number in 1..=3 {
        tracing::dispatcher::with_default(&dispatch, || tracing::info!("line"));
        wait_until("the line", || {
            std::fs::read_to_string(&path).unwrap().lines().count() == number
        });
        // Long enough for the writer to fall asleep until the next event.
        let start = Instant::now();
        wait_until("some quiet", || {
            start.elapsed() > Duration::from_millis(400)
        });
    }
    assert_eq!(guard.stats().delivered, 3);
    assert_eq!(guard.health(), Health::Healthy);
}

#[test]
fn a_line_waits_as_long_as_it_may_and_the_file_is_looked_after_meanwhile() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (layer, guard) = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .flush_interval(LONG)
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || tracing::info!("first"));
    // The round in which the thread starts writes whatever is there by then; the ones after it wait.
    guard.flush(LONG).unwrap();
    tracing::dispatcher::with_default(&dispatch, || tracing::info!("line"));
    for moved in ["one", "two"] {
        std::fs::rename(&path, folder.file(moved)).unwrap();
        wait_until("the new file", || path.exists());
    }
    assert_eq!(guard.stats().queued, 1, "it is written now, and not before");
    guard.flush(LONG).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "line\n");
}

#[test]
fn eight_threads_lose_and_tear_nothing_and_keep_their_order() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (layer, guard) = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .overflow(tracing_kafka::OverflowPolicy::Block { max_wait: LONG })
        .buffer_memory(1024 * 1024)
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let count = 50_000;
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let dispatch = &dispatch;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    (0..count).for_each(|number| tracing::info!("{thread} {number}"));
                });
            });
        }
    });
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 8 * count, "{report}");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut next = [0; 8];
    for line in text.lines() {
        let (thread, number) = line.split_once(' ').unwrap();
        let thread: usize = thread.parse().unwrap();
        assert_eq!(
            number.parse::<u64>().unwrap(),
            next[thread],
            "thread {thread}"
        );
        next[thread] += 1;
    }
    assert_eq!(next, [count; 8]);
}

#[test]
fn lines_of_several_threads_stand_in_the_order_in_which_they_were_logged() {
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (layer, guard) = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let (next, turns) = (std::sync::Mutex::new(0), std::sync::Condvar::new());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (dispatch, next, turns) = (&dispatch, &next, &turns);
            scope.spawn(move || {
                for turn in 0..2_000 {
                    let number = turn * 4 + thread;
                    let next = next.lock().unwrap();
                    let mut next = turns.wait_while(next, |next| *next != number).unwrap();
                    tracing::dispatcher::with_default(dispatch, || tracing::info!("{number}"));
                    *next += 1;
                    turns.notify_all();
                }
            });
        }
    });
    guard.shutdown(LONG);
    let written = std::fs::read_to_string(&path).unwrap();
    let expected: Vec<String> = (0..8_000).map(|number| number.to_string()).collect();
    assert!(written.lines().eq(expected.iter()), "out of order");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_the_application_goes_on_and_everything_is_counted() {
    let (sender, told) = std::sync::mpsc::channel();
    let (layer, guard) = FileLayer::builder("/dev/full")
        .layout(pattern("%m"))
        .on_error(move |error| {
            let _ended = sender.send(error.to_string());
        })
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        (0..100).for_each(|_| tracing::info!("no room"));
    });
    let error = told.recv_timeout(LONG).unwrap();
    assert!(error.contains("`/dev/full`"), "{error}");
    wait_until("the health", || guard.health() == Health::Retrying);
    let start = Instant::now();
    let report = guard.shutdown(Duration::from_millis(500));
    assert!(
        start.elapsed() <= Duration::from_millis(600),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(
        report.stats.dropped.get(DropReason::Shutdown),
        100,
        "{report}"
    );
    assert_conserved(&report.stats);
}

#[test]
fn the_sinks_trouble_is_its_own() {
    // Kafka away, the file goes on: two layers, two workers, two buffers.
    let broker = crate::support::broker();
    broker.down_all();
    let folder = Folder::new();
    let path = folder.file("app.log");
    let (kafka, kafka_guard) = crate::support::kafka(&broker).build().unwrap();
    let (file, file_guard) = FileLayer::builder(&path)
        .layout(pattern("%m"))
        .build()
        .unwrap();
    let subscriber = tracing_subscriber::registry().with(kafka).with(file);
    tracing::subscriber::with_default(subscriber, || {
        (0..1000).for_each(|number| tracing::info!("{number}"));
    });
    file_guard.flush(LONG).unwrap();
    assert_eq!(
        std::fs::read_to_string(&path).unwrap().lines().count(),
        1000
    );
    let report = kafka_guard.shutdown(Duration::from_millis(100));
    assert_eq!(report.stats.dropped.get(DropReason::Shutdown), 1000);
}
