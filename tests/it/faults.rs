//! What a broker can answer, or fail to: every event still ends in the right counter.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Compression;
use tracing_kafka::DropReason;
use tracing_kafka::Health;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::prelude::*;

use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::assert_conserved;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;
use crate::support::wait_until;

fn log(layer: tracing_kafka::KafkaLayer, count: u64) {
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        (0..count).for_each(|number| tracing::info!("event {number}"));
    });
}

/// Logs 100 events while `fault` meets the first two requests. Returns how many times records were
/// appended.
#[track_caller]
fn survives(fault: &Fault) -> usize {
    let broker = broker();
    broker.fault_times(Api::Produce, fault, 2);
    let (layer, guard) = kafka(&broker)
        .request_timeout(Duration::from_secs(1))
        .build()
        .unwrap();
    log(layer, 100);
    guard.flush(LONG).unwrap();
    let report = guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 100, "{fault:?}: {report}");
    let read = values(&broker);
    let distinct: BTreeSet<&String> = read.iter().collect();
    assert_eq!(distinct.len(), 100, "{fault:?}");
    read.len()
}

#[test]
fn errors_that_pass_are_waited_out_without_duplicates() {
    for code in [2, 3, 5, 6, 7, 8, 9, 13, 19, 56, 74, 75, 89] {
        assert_eq!(survives(&Fault::Error(code)), 100, "error {code}");
    }
    assert_eq!(survives(&Fault::Cut), 100);
}

#[test]
fn answers_that_get_lost_or_are_no_answers_cost_no_duplicate() {
    for fault in [
        Fault::LostAnswer,
        Fault::AppendThenError(7),
        Fault::AppendThenError(20),
        Fault::HalfAnswer,
        Fault::Garbage,
        Fault::WrongCorrelation,
        Fault::Oversize,
        Fault::AppendThenSilence,
    ] {
        assert_eq!(survives(&fault), 100, "{fault:?}");
    }
}

#[test]
fn a_throttled_success_is_a_success_and_pauses() {
    let broker = broker();
    broker.fault(Api::Produce, Fault::Throttle(Duration::from_millis(700)));
    let (layer, guard) = kafka(&broker).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || tracing::info!("first"));
    guard.flush(LONG).unwrap();
    let start = Instant::now();
    tracing::dispatcher::with_default(&dispatch, || tracing::info!("second"));
    guard.flush(LONG).unwrap();
    assert!(
        start.elapsed() > Duration::from_millis(400),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(values(&broker).len(), 2, "each once");
}

#[test]
fn a_leader_that_moves_is_followed() {
    let broker = TestBroker::builder().nodes(3).start_blocking().unwrap();
    broker.create_topic(TOPIC, 6);
    let (layer, guard) = kafka(&broker).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    for round in 0..6 {
        tracing::dispatcher::with_default(&dispatch, || {
            (0..200).for_each(|number| tracing::info!("{round} {number}"));
        });
        for partition in 0..6 {
            broker.set_leader(TOPIC, partition, Some((partition + round) % 3));
        }
        guard.flush(LONG).unwrap();
    }
    assert_eq!(values(&broker).len(), 1200, "each once");
    assert_eq!(guard.stats().delivered, 1200);
}

#[test]
fn a_node_that_goes_away_leaves_the_others_working() {
    let broker = TestBroker::builder().nodes(3).start_blocking().unwrap();
    broker.create_topic(TOPIC, 3);
    let (layer, guard) = kafka(&broker).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let log = |text: &str| {
        tracing::dispatcher::with_default(&dispatch, || {
            (0..300).for_each(|number| tracing::info!("{text} {number}"));
        });
    };
    log("before");
    guard.flush(LONG).unwrap();
    broker.down(1);
    log("meanwhile");
    // One batch at most is bound to the partition whose leader is away.
    wait_until("the other partitions", || guard.stats().delivered >= 300);
    broker.up(1).unwrap();
    guard.flush(LONG).unwrap();
    assert_eq!(guard.stats().delivered, 600);
    let read = values(&broker);
    assert_eq!(read.iter().collect::<BTreeSet<_>>().len(), 600);
}

#[test]
fn batches_too_large_for_the_topic_are_split_and_later_ones_are_smaller() {
    let broker = TestBroker::builder()
        .partitions(1)
        .max_message_bytes(20_000)
        .start_blocking()
        .unwrap();
    broker.create_topic(TOPIC, 1);
    let (layer, guard) = kafka(&broker)
        .compression(Compression::None)
        .build()
        .unwrap();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        for number in 0..500 {
            tracing::info!("{number:04} {}", "x".repeat(300));
        }
        tracing::info!("{}", "y".repeat(60_000));
        tracing::info!("the last one");
    });
    guard.flush(LONG).unwrap();
    let stats = guard.stats();
    assert_eq!(stats.delivered, 501, "{stats}");
    assert_eq!(stats.dropped.get(DropReason::TooLarge), 1, "{stats}");
    let read = values(&broker);
    assert_eq!(read.len(), 501, "each once");
    assert!(
        read.is_sorted_by(|one, other| one[..4] < other[..4]),
        "in order"
    );
    assert_conserved(&stats);
}

#[test]
fn a_record_that_is_refused_for_good_is_counted_and_others_go_on() {
    let broker = broker();
    broker.fault(Api::Produce, Fault::Error(87));
    let (layer, guard) = kafka(&broker).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || tracing::info!("refused"));
    guard.flush(LONG).unwrap();
    assert_eq!(guard.stats().dropped.get(DropReason::Rejected), 1);
    tracing::dispatcher::with_default(&dispatch, || tracing::info!("taken"));
    guard.flush(LONG).unwrap();
    assert_eq!(values(&broker), ["taken"]);
}

#[test]
fn a_missing_permission_is_told_and_not_hammered() {
    let broker = broker();
    broker.fault_always(Api::Produce, Fault::Error(29));
    let (layer, guard) = kafka(&broker).build().unwrap();
    log(layer, 1);
    wait_until("the health", || guard.health() == Health::Misconfigured);
    let asked = broker.requests(Api::Produce);
    assert!(guard.flush(Duration::from_millis(500)).is_err());
    assert!(broker.requests(Api::Produce) <= asked + 1, "a hot loop");
    let report = guard.shutdown(Duration::from_millis(200));
    assert_eq!(report.stats.dropped.get(DropReason::Shutdown), 1);
    assert_eq!(report.unknown, 0, "refused before anything was appended");
}

#[test]
fn an_idle_connection_that_was_closed_is_no_trouble() {
    let broker = broker();
    let troubles = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&troubles);
    let (layer, guard) = kafka(&broker)
        .on_error(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
        })
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    for round in 0..5 {
        tracing::dispatcher::with_default(&dispatch, || tracing::info!("{round}"));
        guard.flush(LONG).unwrap();
        broker.down_all();
        broker.up_all().unwrap();
    }
    assert_eq!(values(&broker).len(), 5);
    assert_eq!(
        troubles.load(Ordering::Relaxed),
        0,
        "told of what needs no telling"
    );
}

#[test]
fn events_of_one_linger_share_few_requests_and_a_flush_does_not_linger() {
    let broker = broker();
    let (layer, guard) = kafka(&broker)
        .linger(Duration::from_secs(10))
        .client_id("orders")
        .build()
        .unwrap();
    log(layer, 3000);
    let start = Instant::now();
    guard.flush(LONG).unwrap();
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    assert_eq!(values(&broker).len(), 3000);
    assert!(
        broker.requests(Api::Produce) <= 3,
        "{}",
        broker.requests(Api::Produce)
    );
    assert_eq!(broker.client_ids(), ["orders"]);
}

#[test]
fn without_linger_an_event_leaves_at_once() {
    let broker = broker();
    let (layer, guard) = kafka(&broker).linger(Duration::ZERO).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    for number in 1..=20 {
        tracing::dispatcher::with_default(&dispatch, || tracing::info!("{number}"));
        wait_until("the record", || values(&broker).len() == number);
    }
    assert_eq!(guard.stats().delivered, 20);
}

#[test]
fn order_is_kept_within_a_thread_and_partition() {
    let broker = broker();
    let (layer, guard) = kafka(&broker).batch_size(2_000).build().unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    for round in 0..6 {
        // A flush ends a batch, so that every partition has its turns.
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let dispatch = &dispatch;
                scope.spawn(move || {
                    tracing::dispatcher::with_default(dispatch, || {
                        let numbers = round * 2_000..(round + 1) * 2_000;
                        numbers.for_each(|number| tracing::info!("{thread} {number}"));
                    });
                });
            }
            guard.flush(LONG).unwrap();
        });
        // The next round's threads are others, whose order with these is not promised.
        guard.flush(LONG).unwrap();
    }
    for partition in 0..3 {
        let records = broker.records(TOPIC, partition);
        assert!(!records.is_empty(), "partition {partition} got nothing");
        let mut last = [-1; 4];
        for record in &records {
            let text = record.text();
            let (thread, number) = text.split_once(' ').unwrap();
            let (thread, number): (usize, i32) = (thread.parse().unwrap(), number.parse().unwrap());
            assert!(number > last[thread], "partition {partition}");
            last[thread] = number;
        }
    }
    assert_eq!(guard.stats().delivered, 48_000);
}

#[test]
fn a_batch_of_its_size_leaves_long_before_linger_ends() {
    for size in [1_000, 16_384, 100_000] {
        let broker = broker();
        let (layer, guard) = kafka(&broker)
            .linger(Duration::from_secs(60))
            .batch_size(size)
            .build()
            .unwrap();
        let text = "x".repeat(900);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            for _ in 0..size * 3 / 900 + 2 {
                tracing::info!("{text}");
            }
        });
        let least = (size / 1_000) as u64;
        wait_until("a batch", || guard.stats().delivered >= least);
    }
}

#[test]
fn a_full_buffer_does_not_linger() {
    let broker = broker();
    let size = 64 * 1024;
    let (layer, guard) = kafka(&broker)
        .linger(Duration::from_secs(60))
        .batch_size(size)
        .buffer_memory(size)
        .overflow(tracing_kafka::OverflowPolicy::Block { max_wait: LONG })
        .compression(Compression::None)
        .build()
        .unwrap();
    let text = "x".repeat(700);
    let start = Instant::now();
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        (0..2_000).for_each(|_| tracing::debug!("{text}"));
    });
    assert!(start.elapsed() < LONG, "{:?}", start.elapsed());
    guard.flush(LONG).unwrap();
    assert_eq!(guard.stats().delivered, 2_000, "{}", guard.stats());
}

#[test]
fn records_without_a_key_get_their_turn_beside_keys_that_never_pause() {
    let broker = broker();
    // So that each partition has keys waiting whenever it is free.
    broker.fault_always(Api::Produce, Fault::Throttle(Duration::from_millis(200)));
    let (layer, guard) = kafka(&broker)
        .linger(Duration::ZERO)
        .key(pattern("%X{key}"))
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    let end = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _ends = SetOnDrop(&end);
        scope.spawn(|| {
            tracing::dispatcher::with_default(&dispatch, || log_keys_until(&end));
        });
        let has_keys = |partition| broker.end_offset(TOPIC, partition) > 0;
        wait_until("keys everywhere", || (0..3).all(has_keys));
        tracing::dispatcher::with_default(&dispatch, || tracing::info!("without one"));
        wait_until("the one without a key", || {
            values(&broker).iter().any(|value| value == "without one")
        });
    });
    broker.clear_faults();
    guard.flush(LONG).unwrap();
    assert_conserved(&guard.stats());
}

/// Ends the thread also when the test fails.
struct SetOnDrop<'a>(&'a AtomicBool);

impl Drop for SetOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn log_keys_until(end: &AtomicBool) {
    let spans: Vec<_> = (0..30)
        .map(|key| tracing::info_span!("keyed", key))
        .collect();
    while !end.load(Ordering::Relaxed) {
        for span in &spans {
            span.in_scope(|| tracing::info!("with a key"));
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

#[test]
fn five_batches_without_an_answer_are_asked_about_without_a_pause() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    let (layer, guard) = kafka(&broker)
        .linger(Duration::ZERO)
        .max_in_flight(5)
        .request_timeout(Duration::from_millis(500))
        .build()
        .unwrap();
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, || {
        // Only after a first batch several are sent at once.
        tracing::info!("0");
        guard.flush(LONG).unwrap();
        broker.fault(Api::Produce, Fault::Silence);
        for number in 1..=5 {
            tracing::info!("{number}");
            wait_until("a batch of its own", || guard.stats().in_flight == number);
        }
    });
    // None of them is in the log, so the broker refuses the last one, and the one before, and so on.
    guard.flush(Duration::from_secs(3)).unwrap();
    assert_eq!(values(&broker), ["0", "1", "2", "3", "4", "5"]);
    assert_eq!(guard.stats().possible_duplicates, 0);
}
