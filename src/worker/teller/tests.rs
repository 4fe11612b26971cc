//! The thread that tells, with lines that are heard in place of standard error.

use std::sync::Mutex;
use std::sync::mpsc;

use tracing::Level;

use super::*;
use crate::config::OverflowPolicy;
use crate::queue::Shape;
use crate::queue::Stamp;
use crate::queue::Wake;
use crate::stats::Health;
use crate::sys::ThreadRole;
use crate::worker::report::Outlet;

const LONG: Duration = Duration::from_secs(60);

#[derive(Debug)]
struct NoWake;

impl Wake for NoWake {
    fn wake(&self) {}
}

fn queue() -> Arc<Queue> {
    let policy = OverflowPolicy::DropNewest;
    Arc::new(Queue::new(64 * 1024, 1024, policy, Arc::new(NoWake)))
}

fn reporter(outlet: Outlet) -> Reporter {
    let place = "a place".to_owned();
    Reporter::with_outlet("layer".to_owned(), place, LONG, ThreadRole::File, outlet)
}

fn printer(print: impl Fn(&str) + Send + Sync + 'static) -> Reporter {
    reporter(Outlet::Print(Box::new(print)))
}

/// Where lines are heard.
fn heard() -> (Reporter, mpsc::Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let print = move |line: &str| tell.lock().unwrap().send(line.to_owned()).unwrap();
    (printer(print), told)
}

fn end(reporter: &Reporter) {
    let end = End {
        is_dropped: true,
        timeout: LONG,
    };
    reporter.desk.end(end, Some(Instant::now() + LONG));
}

fn fill(queue: &Queue) {
    let stamp = Stamp {
        level: Level::ERROR,
        shape: Shape::Plain,
        nanos: 0,
    };
    while let Some(admission) = queue.admit(Level::ERROR) {
        queue.push(admission, stamp, &[b'x'; 500]);
    }
}

#[test]
fn the_first_of_each_kind_is_printed_then_one_a_minute() {
    let (reporter, _told) = heard();
    let mut teller = Teller {
        desk: Arc::clone(&reporter.desk),
        queue: queue(),
        losses: Losses::default(),
        printed: Vec::new(),
        last_look: SystemTime::now(),
    };
    let start = Instant::now();
    let mut note = |kind, seconds| teller.note(kind, start + Duration::from_secs(seconds));
    assert_eq!(note("connect", 0).unwrap(), "");
    assert_eq!(note("connect", 1), None);
    assert_eq!(note("produce", 2).unwrap(), "");
    assert_eq!(note("connect", 59), None);
    assert_eq!(note("connect", 61).unwrap(), " (2 more like it before)");
}

#[test]
fn a_full_buffer_is_told_at_once_and_exactly_at_the_end() {
    let (reporter, told) = heard();
    let queue = queue();
    start(&reporter, Arc::clone(&queue)).unwrap();
    reporter.waits_for(Some("the broker".to_owned()));
    fill(&queue);
    let first = told.recv_timeout(LONG).unwrap();
    assert!(first.starts_with("layer: "), "{first}");
    assert!(first.contains("the buffer of 64 KiB is full"), "{first}");
    let wait = "; the oldest event waits for the broker\n";
    assert!(first.ends_with(wait), "{first}");
    for _drop in 0..100_000 {
        assert!(queue.admit(Level::ERROR).is_none());
    }
    queue.settle(DropReason::Shutdown, Health::Stopped);
    let dropped = queue.dropped();
    end(&reporter);
    let lines: Vec<_> = told.try_iter().collect();
    let [over, undelivered] = &lines[..] else {
        panic!("{lines:?}")
    };
    let count = dropped.get(DropReason::QueueFull);
    assert_eq!(count, 100_001);
    assert!(
        over.contains("layer: 100001 events were dropped "),
        "{over}"
    );
    assert!(over.contains("was full"), "{over}");
    let count = dropped.get(DropReason::Shutdown);
    let text = format!("layer: {count} events were not delivered when the guard was dropped");
    assert!(undelivered.starts_with(&text), "{undelivered}");
}

#[test]
fn what_is_lost_while_the_layers_thread_sleeps_is_told_too() {
    for reason in [
        DropReason::Reentrant,
        DropReason::FormatError,
        DropReason::TooLarge,
        DropReason::BlockTimeout,
        DropReason::WorkerFailed,
    ] {
        let (reporter, told) = heard();
        let queue = queue();
        start(&reporter, Arc::clone(&queue)).unwrap();
        queue.count_lost(reason);
        let line = told.recv_timeout(LONG).unwrap();
        assert!(line.contains("1 event was dropped"), "{reason}: {line}");
        end(&reporter);
    }
}

#[test]
fn a_standard_error_that_nobody_reads_holds_nothing_up() {
    let (read, to_be_read) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    let pipe = Mutex::new((to_be_read, tell));
    let reporter = printer(move |line| {
        let pipe = pipe.lock().unwrap();
        let _read = pipe.0.recv();
        pipe.1.send(line.to_owned()).unwrap();
    });
    let queue = queue();
    start(&reporter, Arc::clone(&queue)).unwrap();
    for _trouble in 0..10_000 {
        reporter.report(DeliveryError::new("connect", "refused"));
        queue.count_lost(DropReason::Reentrant);
    }
    let last = End {
        is_dropped: true,
        timeout: LONG,
    };
    reporter.desk.end(last, Some(Instant::now()));
    drop(read);
    reporter
        .desk
        .ended
        .wait_until(Instant::now() + LONG)
        .unwrap();
    let lines: Vec<_> = told.try_iter().collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].contains("10000 events were dropped"), "{lines:?}");
}

#[test]
fn a_hook_that_panics_does_no_harm() {
    let (tell, told) = mpsc::channel();
    let tell = Mutex::new(tell);
    let reporter = reporter(Outlet::Hook(Arc::new(move |error| {
        tell.lock().unwrap().send(error.clone()).unwrap();
        // Not with the lock, which would be poisoned.
        panic!("on purpose")
    })));
    start(&reporter, queue()).unwrap();
    reporter.report(DeliveryError::new("connect", "refused"));
    reporter.report(DeliveryError::new("connect", "refused again"));
    assert_eq!(told.recv_timeout(LONG).unwrap().to_string(), "refused");
    let second = told.recv_timeout(LONG).unwrap();
    assert_eq!(
        (second.to_string().as_str(), second.loss()),
        ("refused again", None)
    );
    end(&reporter);
}
