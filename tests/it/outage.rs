//! Kafka is not there, hangs, comes and goes: the application does not notice, and every event is
//! counted.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::net::TcpStream;
use std::time::Duration;
use std::time::Instant;

use tracing::Level;
use tracing_kafka::DropReason;
use tracing_kafka::FlushError;
use tracing_kafka::Health;
use tracing_kafka::KafkaLayer;
use tracing_kafka::WorkerGuard;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::prelude::*;

use crate::harness::BlackHole;
use crate::harness::Rig;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::assert_conserved;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;
use crate::support::wait_until;

/// Logs `count` events through a layer for `server` and shuts it down after 2 seconds.
#[track_caller]
fn gives_up_in_time(server: &str, count: u64) {
    let start = Instant::now();
    let (layer, guard) = KafkaLayer::builder([server], TOPIC)
        .layout(pattern("%m"))
        .on_error(|_| {})
        .build()
        .unwrap();
    assert!(start.elapsed() < Duration::from_millis(500), "build waited");
    let start = Instant::now();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for number in 0..count {
            tracing::info!("event {number}");
        }
    });
    assert!(start.elapsed() < Duration::from_secs(2), "a caller waited");
    let flushed = guard.flush(Duration::from_millis(300));
    assert!(
        matches!(flushed, Err(FlushError::Timeout { .. })),
        "{flushed:?}"
    );
    let start = Instant::now();
    let report = guard.shutdown(Duration::from_secs(2));
    let took = start.elapsed();
    assert!(took <= Duration::from_millis(2100), "took {took:?}");
    assert_eq!(report.stats.offered, count);
    assert_eq!(report.stats.dropped.get(DropReason::Shutdown), count);
    assert_eq!(report.stats.dropped.total(), count);
    assert_eq!((report.stats.queued, report.stats.in_flight), (0, 0));
    assert_eq!(report.unknown, 0, "nothing was ever sent");
    assert!(report.timed_out);
    assert_conserved(&report.stats);
}

#[test]
fn nothing_listens() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    gives_up_in_time(&address, 10_000);
}

#[test]
fn a_black_hole_takes_no_connection() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .unwrap();
    let _context = runtime.enter();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // The backlog is full with the first; how many more fit is the system's choice.
    let mut held = Vec::new();
    while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
        held.push(stream);
        assert!(held.len() < 64, "the backlog has no end");
    }
    gives_up_in_time(&address.to_string(), 10_000);
}

#[test]
fn a_listener_that_never_answers() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    gives_up_in_time(&address, 10_000);
}

#[test]
fn a_name_that_does_not_resolve() {
    gives_up_in_time("no-such-host.invalid:9092", 10);
}

#[test]
fn a_broker_that_freezes_on_produce_leaves_the_outcome_unknown() {
    let broker = broker();
    broker.fault_always(Api::Produce, Fault::Silence);
    let (layer, guard) = kafka(&broker).build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info!("sent, never answered");
    });
    wait_until("the request", || broker.requests(Api::Produce) > 0);
    wait_until("in flight", || guard.stats().in_flight == 1);
    let start = Instant::now();
    let report = guard.shutdown(Duration::from_millis(500));
    assert!(start.elapsed() <= Duration::from_millis(600));
    assert_eq!(report.stats.dropped.get(DropReason::Shutdown), 1);
    assert_eq!(report.unknown, 1);
    assert!(
        report.to_string().contains("1 of them possibly delivered"),
        "{report}"
    );
}

#[test]
fn events_wait_for_a_broker_that_comes_later() {
    let broker = broker();
    broker.down_all();
    let (layer, guard) = kafka(&broker).build().unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for number in 0..1000 {
            tracing::info!("event {number}");
        }
    });
    wait_until("a failed attempt", || guard.health() == Health::Retrying);
    assert_eq!(guard.stats().queued, 1000);
    broker.up_all().unwrap();
    guard.flush(LONG).unwrap();
    assert_eq!(guard.health(), Health::Healthy);
    assert_eq!(guard.stats().delivered, 1000);
    assert_eq!(values(&broker).len(), 1000);
}

#[test]
fn what_is_not_delivered_in_time_is_dropped_and_counted() {
    let broker = broker();
    broker.down_all();
    let (layer, guard) = kafka(&broker)
        .delivery_timeout(Duration::from_millis(300))
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for number in 0..100 {
            tracing::info!("event {number}");
        }
    });
    // A flush is content with events that were dropped.
    guard.flush(LONG).unwrap();
    let stats = guard.stats();
    assert_eq!(stats.dropped.get(DropReason::Deadline), 100);
    assert_eq!(stats.buffer_bytes, 0, "given up, and still held");
    assert_conserved(&stats);
}

#[test]
fn a_silent_broker_does_not_hold_a_batch_beyond_its_time() {
    let broker = broker();
    broker.fault_always(Api::Produce, Fault::Silence);
    let (layer, guard) = kafka(&broker)
        .delivery_timeout(Duration::from_millis(400))
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::info!("sent, never answered");
    });
    guard.flush(LONG).unwrap();
    assert_eq!(guard.stats().dropped.get(DropReason::Deadline), 1);
}

/// Eight threads log numbered events until `stop` says so. Returns how many calls were made.
fn log_from_eight_threads(
    dispatch: &tracing::Dispatch,
    per_thread: u64,
    step: impl Fn(u64) + Sync,
) -> u64 {
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let step = &step;
            scope.spawn(move || {
                tracing::dispatcher::with_default(dispatch, || {
                    for number in 0..per_thread {
                        tracing::info!("{thread} {number}");
                        if number % 100 == 0 {
                            step(number);
                        }
                    }
                });
            });
        }
    });
    8 * per_thread
}

#[test]
fn no_event_is_lost_uncounted_while_the_broker_comes_and_goes() {
    let broker = broker();
    let (layer, guard) = kafka(&broker).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let calls = std::thread::scope(|scope| {
        let logging = scope.spawn(|| {
            log_from_eight_threads(&dispatch, 20_000, |_| {
                std::thread::park_timeout(Duration::from_millis(1));
            })
        });
        while !logging.is_finished() {
            broker.down_all();
            check_snapshots(&guard, Duration::from_millis(50));
            broker.up_all().unwrap();
            check_snapshots(&guard, Duration::from_millis(150));
        }
        logging.join().unwrap()
    });
    guard.flush(LONG).unwrap();
    assert_eq!(guard.stats().buffer_bytes, 0, "delivered, and still held");
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.offered, calls);
    assert_eq!(report.stats.dropped.total(), 0, "{report}");
    let read = values(&broker);
    let distinct: BTreeSet<&String> = read.iter().collect();
    assert_eq!(report.stats.delivered, calls);
    assert_eq!(
        distinct.len() as u64,
        report.stats.delivered,
        "a duplicate is no delivery"
    );
}

/// Compares the counters with each other, again and again, for `time`.
fn check_snapshots(guard: &WorkerGuard, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        assert_conserved(&guard.stats());
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

#[test]
fn no_event_is_lost_uncounted_when_the_buffer_overflows_and_time_runs_out() {
    let broker = broker();
    let (layer, guard) = kafka(&broker)
        .batch_size(16 * 1024)
        .buffer_memory(256 * 1024)
        .layout(pattern("%m %50X"))
        .delivery_timeout(Duration::from_millis(700))
        .compression(tracing_kafka::Compression::None)
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    broker.down_all();
    let mut calls = log_from_eight_threads(&dispatch, 10_000, |_| assert_conserved(&guard.stats()));
    wait_until("the delivery timeout", || {
        guard.stats().dropped.get(DropReason::Deadline) > 0
    });
    broker.up_all().unwrap();
    wait_until("an empty buffer", || {
        guard.stats().queued + guard.stats().in_flight == 0
    });
    calls += log_from_eight_threads(&dispatch, 100, |_| {});
    guard.flush(LONG).unwrap();
    let report = guard.shutdown(LONG);
    let stats = &report.stats;
    assert_eq!(stats.offered, calls);
    assert!(stats.dropped.get(DropReason::QueueFull) > 0, "{report}");
    assert!(stats.dropped.get(DropReason::Deadline) > 0, "{report}");
    assert!(stats.delivered > 0, "{report}");
    assert_conserved(stats);
    let read = values(&broker);
    let distinct: BTreeSet<&String> = read.iter().collect();
    // The second round repeats texts of the first, which may have been delivered, too.
    assert!(distinct.len() as u64 <= stats.delivered, "{report}");
    assert!(read.len() as u64 >= stats.delivered, "{report}");
    assert!(
        read.len() as u64 <= stats.delivered + report.unknown,
        "{report}"
    );
}

#[test]
fn the_layer_works_without_tokio_and_after_the_applications_runtime_is_gone() {
    let broker = broker();
    let (layer, guard) = kafka(&broker).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let log = |text: &str| {
        tracing::dispatcher::with_default(&dispatch, || tracing::info!("{text}"));
    };
    log("before any runtime");
    let current = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    current.block_on(async { log("current thread") });
    drop(current);
    let multi = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    multi.block_on(async {
        log("in a runtime");
        guard.flush_async(LONG).await.unwrap();
    });
    drop(multi);
    log("after the runtimes");
    let report = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
        .block_on(guard.shutdown_async(LONG));
    assert_eq!(report.stats.delivered, 4, "{report}");
    assert_eq!(values(&broker).len(), 4);
}

#[test]
fn a_guard_dropped_inside_a_runtime_delivers_and_later_events_are_counted() {
    let broker = broker();
    let (layer, guard) = kafka(&broker).build().unwrap();
    let handle = guard.stats_handle();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        tracing::dispatcher::with_default(&dispatch, || tracing::info!("before"));
        drop(guard);
        tracing::dispatcher::with_default(&dispatch, || tracing::info!("after"));
    });
    assert_eq!(values(&broker), ["before"]);
    let stats = handle.stats();
    assert_eq!((stats.offered, stats.delivered), (2, 1));
    assert_eq!(stats.dropped.get(DropReason::Shutdown), 1);
    assert_eq!(handle.health(), Health::Stopped);
    assert_conserved(&stats);
}

#[test]
fn a_topic_that_stays_missing_is_told_and_recovers() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    let (sender, told) = std::sync::mpsc::channel();
    let (layer, guard) = kafka(&broker)
        .on_error(move |error| {
            let _ended = sender.send(error.to_string());
        })
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        tracing::event!(Level::WARN, "waits for its topic");
    });
    let error = told.recv_timeout(LONG).unwrap();
    assert!(
        error.contains("`log-message`") && error.contains("UNKNOWN_TOPIC"),
        "{error}"
    );
    wait_until("the health", || guard.health() == Health::Misconfigured);
    broker.create_topic(TOPIC, 1);
    guard.flush(LONG).unwrap();
    assert_eq!(values(&broker), ["waits for its topic"]);
    assert_eq!(guard.health(), Health::Healthy);
}

/// What is known of a broker's address by way of a question counts as well as what a dial tells.
#[test]
fn a_broker_that_is_up_again_is_dialled_although_its_last_connection_died_while_idle() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    let wait = Duration::from_secs(4);
    let rig = Rig::new(kafka(&broker).reconnect_backoff(wait, wait));
    rig.log(0..1);
    rig.flush();
    broker.down_all();
    rig.log(1..2);
    wait_until("a dial that fails", || {
        rig.errors()
            .iter()
            .any(|text| text.contains("cannot connect"))
    });
    broker.up_all().unwrap();
    rig.flush();
    for number in 2..6 {
        broker.down_all();
        wait_until("the end", || broker.open_connections() == 0);
        broker.up_all().unwrap();
        rig.log(number..number + 1);
        rig.guard.flush(Duration::from_secs(10)).unwrap();
    }
    rig.end_exactly(&broker);
}

#[test]
fn servers_that_cannot_be_reached_do_not_keep_others_from_their_turn() {
    let broker = broker();
    let holes: Vec<BlackHole> = (0..4).map(|_| BlackHole::new()).collect();
    let dead = holes.iter().map(|hole| hole.address.to_string());
    let rig = Rig::new(
        KafkaLayer::builder(dead.chain([broker.bootstrap()]), TOPIC)
            .layout(pattern("%m"))
            .connect_timeout(Duration::from_millis(300)),
    );
    rig.log(0..10);
    rig.end_exactly(&broker);
}
