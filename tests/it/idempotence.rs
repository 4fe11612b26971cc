//! Producer ids and sequences: what batches carry, what a refusal means, and that nothing is lost,
//! doubled or out of order, whatever happens.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::Acks;
use tracing_kafka::DropReason;
use tracing_kafka::Health;
use tracing_kafka::Idempotence;
use tracing_kafka::KafkaLayer;
use tracing_kafka::OverflowPolicy;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Batch;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;

use crate::harness::Choices;
use crate::harness::Rig;
use crate::harness::Stop;
use crate::harness::Tally;
use crate::harness::at_once;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::broker;
use crate::support::kafka;
use crate::support::values;
use crate::support::wait_until;

fn one_partition() -> TestBroker {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    broker
}

/// Id, epoch and first sequence of each batch of partition 0.
fn stamps(broker: &TestBroker) -> Vec<(i64, i16, i32)> {
    let stamp = |batch: Batch| (batch.producer_id, batch.producer_epoch, batch.base_sequence);
    let batches = broker.batches(TOPIC, 0);
    batches.into_iter().map(stamp).collect()
}

#[test]
fn every_record_has_an_id_an_epoch_and_the_next_sequence() {
    for max_in_flight in [1, 5] {
        let broker = broker();
        let rig = Rig::new(kafka(&broker).max_in_flight(max_in_flight).batch_size(500));
        for round in 0..20 {
            rig.log(round * 100..(round + 1) * 100);
            // A batch ends here, so that each partition has its turns.
            rig.flush();
        }
        rig.end_exactly(&broker);
        let mut ids = Vec::new();
        for partition in 0..3 {
            let mut next = 0;
            let batches = broker.batches(TOPIC, partition);
            assert!(!batches.is_empty(), "partition {partition}");
            for batch in batches {
                assert_eq!((batch.base_sequence, batch.producer_epoch), (next, 0));
                next += batch.records;
                ids.push(batch.producer_id);
            }
        }
        ids.dedup();
        assert_eq!(ids.len(), 1, "one id for all partitions: {ids:?}");
        assert!(ids[0] >= 0);
        assert_eq!(broker.requests(Api::InitProducerId), 1);
    }
}

#[test]
fn a_broker_that_is_loading_is_asked_again() {
    let broker = TestBroker::builder()
        .loading_first(true)
        .start_blocking()
        .unwrap();
    broker.create_topic(TOPIC, 1);
    let rig = Rig::new(kafka(&broker));
    rig.log(0..100);
    rig.end_exactly(&broker);
    assert_eq!(broker.requests(Api::InitProducerId), 2);
    assert!(stamps(&broker)[0].0 >= 0);
}

#[test]
fn errors_of_a_coordinator_that_pass_are_waited_out() {
    at_once(
        [Idempotence::Required, Idempotence::Preferred],
        |idempotence| {
            let broker = one_partition();
            for code in [7, 14, 15, 16, 51] {
                broker.fault(Api::InitProducerId, Fault::Error(code));
            }
            broker.fault(Api::InitProducerId, Fault::Cut);
            broker.fault(Api::InitProducerId, Fault::LostAnswer);
            let rig = Rig::new(kafka(&broker).idempotence(idempotence));
            rig.log(0..100);
            rig.flush();
            assert_eq!(rig.guard.health(), Health::Healthy);
            rig.end_exactly(&broker);
            assert_eq!(broker.pending_faults(Api::InitProducerId), 0);
            assert!(stamps(&broker)[0].0 >= 0, "{idempotence:?} went on without");
        },
    );
}

/// Without a permission, and without the request itself.
fn refusing() -> [(TestBroker, &'static str); 2] {
    let refused = one_partition();
    refused.fault_always(Api::InitProducerId, Fault::Error(31));
    let old = TestBroker::builder()
        .newest(Api::InitProducerId, None)
        .start_blocking()
        .unwrap();
    old.create_topic(TOPIC, 1);
    [
        (refused, "CLUSTER_AUTHORIZATION_FAILED"),
        (old, "the broker knows no producer ids"),
    ]
}

#[test]
fn required_sends_nothing_where_an_id_is_refused_and_recovers_without_a_restart() {
    at_once(refusing(), |(broker, reason)| {
        let rig = Rig::new(kafka(&broker).delivery_timeout(Duration::from_secs(6)));
        rig.log(0..100);
        rig.wait_for(Health::Misconfigured);
        assert!(rig.guard.flush(Duration::from_millis(300)).is_err());
        assert_eq!(broker.requests(Api::Produce), 0, "sent something unasked");
        assert!(broker.requests(Api::InitProducerId) <= 1, "a hot loop");
        let errors = rig.errors();
        assert!(
            errors.iter().any(|text| text.contains(reason)),
            "{errors:?}"
        );
        if reason.starts_with("the broker") {
            // Nobody makes it a newer one meanwhile, so the records get too old.
            let stats = rig.end();
            assert_eq!(stats.dropped.get(DropReason::Deadline), 100, "{stats}");
            assert_eq!(broker.count(TOPIC), 0);
            return;
        }
        broker.clear_faults();
        rig.flush();
        assert_eq!(rig.guard.health(), Health::Healthy);
        rig.end_exactly(&broker);
        assert!(stamps(&broker).iter().all(|stamp| stamp.0 >= 0));
    });
}

#[test]
fn preferred_goes_on_without_where_an_id_is_refused_and_says_so() {
    for (broker, reason) in refusing() {
        let rig = Rig::new(kafka(&broker).idempotence(Idempotence::Preferred));
        rig.log(0..100);
        rig.flush();
        assert_eq!(rig.guard.health(), Health::Degraded);
        rig.log(100..200);
        rig.flush();
        assert_eq!(rig.guard.health(), Health::Degraded, "it stays so");
        let errors = rig.errors();
        assert!(
            errors.iter().any(|text| text.contains(reason)),
            "{errors:?}"
        );
        rig.end_exactly(&broker);
        assert!(stamps(&broker).iter().all(|stamp| *stamp == (-1, -1, -1)));
    }
}

#[test]
fn off_asks_for_no_id() {
    for acks in [Acks::All, Acks::Leader] {
        let broker = one_partition();
        let rig = Rig::new(kafka(&broker).acks(acks).idempotence(Idempotence::Off));
        rig.log(0..100);
        rig.end_exactly(&broker);
        assert_eq!(broker.requests(Api::InitProducerId), 0);
        assert!(stamps(&broker).iter().all(|stamp| *stamp == (-1, -1, -1)));
    }
}

#[test]
fn what_combines_with_idempotence_is_built_and_the_rest_is_refused_by_name() {
    let checked = |acks, idempotence: Option<_>, batches| {
        let mut builder = KafkaLayer::builder(["localhost:9092"], TOPIC)
            .acks(acks)
            .max_in_flight(batches);
        if let Some(idempotence) = idempotence {
            builder = builder.idempotence(idempotence);
        }
        builder
            .build()
            .map(|_| ())
            .map_err(|error| error.to_string())
    };
    for acks in [Acks::All, Acks::Leader, Acks::None] {
        for idempotence in [
            None,
            Some(Idempotence::Required),
            Some(Idempotence::Preferred),
            Some(Idempotence::Off),
        ] {
            for batches in [0, 1, 5, 6] {
                let is_wanted = match idempotence {
                    None => acks == Acks::All,
                    Some(idempotence) => idempotence != Idempotence::Off,
                };
                let built = checked(acks, idempotence, batches);
                let expected = if is_wanted && acks != Acks::All {
                    Some("`acks`")
                } else if batches == 0 || (batches > 5 && is_wanted) {
                    Some("`max.in.flight.requests.per.connection`")
                } else {
                    None
                };
                match (&built, expected) {
                    (Ok(()), None) => {}
                    (Err(error), Some(name)) => assert!(error.contains(name), "{error}"),
                    _ => panic!("{acks:?} {idempotence:?} {batches}: {built:?}"),
                }
            }
        }
    }
}

#[test]
fn a_broker_out_of_step_is_answered_with_the_next_epoch_and_sequences_from_0() {
    for code in [45, 59] {
        let broker = one_partition();
        let rig = Rig::new(kafka(&broker));
        rig.log(0..10);
        rig.flush();
        broker.fault(Api::Produce, Fault::Error(code));
        rig.log(10..20);
        rig.flush();
        rig.log(20..30);
        rig.end_exactly(&broker);
        let stamps = stamps(&broker);
        let id = stamps[0].0;
        assert_eq!(
            stamps,
            [(id, 0, 0), (id, 1, 0), (id, 1, 10)],
            "error {code}"
        );
        assert_eq!(broker.requests(Api::InitProducerId), 1);
    }
}

#[test]
fn a_producer_that_is_fenced_gets_another_id() {
    for code in [47, 49, 90] {
        let broker = one_partition();
        let rig = Rig::new(kafka(&broker));
        rig.log(0..10);
        rig.flush();
        broker.fault(Api::Produce, Fault::Error(code));
        rig.log(10..20);
        rig.end_exactly(&broker);
        let stamps = stamps(&broker);
        assert_ne!(stamps[0].0, stamps[1].0, "error {code}");
        assert_eq!((stamps[1].1, stamps[1].2), (0, 0));
        assert_eq!(broker.requests(Api::InitProducerId), 2);
    }
}

#[test]
fn duplicates_that_a_broker_recognises_are_deliveries_and_counted() {
    // By the old error, and by an answer that gives the time of the first append.
    for fault in [Fault::AppendThenError(46), Fault::LostAnswer] {
        for max_in_flight in [1, 5] {
            let broker = one_partition();
            let rig = Rig::new(kafka(&broker).max_in_flight(max_in_flight));
            rig.log(0..10);
            rig.flush();
            broker.fault(Api::Produce, fault.clone());
            rig.log(10..17);
            rig.flush();
            assert_eq!(rig.stats().duplicates_avoided, 7, "{fault:?}");
            rig.log(17..30);
            let stats = rig.end_exactly(&broker);
            assert_eq!((stats.delivered, stats.duplicates_avoided), (30, 7));
        }
    }
}

#[test]
fn a_broker_that_has_forgotten_the_producer_costs_nothing() {
    let broker = one_partition();
    let rig = Rig::new(kafka(&broker).max_in_flight(5));
    for round in 0..5 {
        rig.log(round * 100..(round + 1) * 100);
        rig.flush();
        broker.forget_producers();
    }
    rig.end_exactly(&broker);
}

#[test]
fn a_log_that_was_emptied_takes_what_comes_after() {
    let broker = one_partition();
    let rig = Rig::new(kafka(&broker).max_in_flight(5));
    for round in 0..5 {
        rig.log(round * 100..(round + 1) * 100);
        rig.flush();
        assert_eq!(values(&broker).len(), 100, "once each");
        broker.wipe();
    }
    let stats = rig.end();
    assert_eq!((stats.delivered, stats.possible_duplicates), (500, 0));
}

/// A retry is the same bytes: the same records under the same sequence.
#[test]
fn what_is_sent_again_is_what_was_sent() {
    let broker = one_partition();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    broker.on(Api::Produce, move |request| {
        kept.lock().unwrap().extend(request.batches.clone());
        None
    });
    for fault in [Fault::LostAnswer, Fault::Error(19), Fault::Cut] {
        broker.fault(Api::Produce, fault);
    }
    let rig = Rig::new(kafka(&broker));
    rig.log(0..100);
    rig.end_exactly(&broker);
    let seen = seen.lock().unwrap();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|batch| *batch == seen[0]));
}

/// What goes wrong next, in a weather that `seed` stands for.
fn weather(broker: &TestBroker, seed: u64) {
    let choices = Mutex::new(Choices::new(seed));
    broker.on(Api::Produce, move |request| {
        let mut choices = choices.lock().unwrap();
        let (_, partition) = request.partitions[0];
        Some(match choices.below(40) {
            0 => Fault::LostAnswer,
            1 => Fault::AppendThenSilence,
            2 => Fault::Cut,
            3 => Fault::PartitionError {
                partition,
                code: 19,
            },
            4 => Fault::PartitionError { partition, code: 6 },
            5 => Fault::AppendThenError(20),
            6 => Fault::HalfAnswer,
            7 => Fault::Delay(Duration::from_millis(choices.below(30))),
            _ => return None,
        })
    });
}

/// Moves leaders and restarts nodes for `time`, and until batches came again.
fn shake(broker: &TestBroker, rig: &Rig, seed: u64, time: Duration) {
    let mut choices = Choices::new(seed);
    let end = Instant::now() + time;
    while Instant::now() < end || rig.stats().duplicates_avoided == 0 {
        assert!(Instant::now() < end + LONG, "the weather is too good");
        let before = rig.stats().delivered;
        wait_until("a delivery", || rig.stats().delivered > before);
        let node = i32::try_from(choices.below(3)).unwrap();
        let partition = i32::try_from(choices.below(4)).unwrap();
        match choices.below(3) {
            0 => {
                broker.set_leader(TOPIC, partition, Some(node));
            }
            1 => {
                broker.down(node);
                broker.up(node).unwrap();
            }
            _ => {}
        }
    }
}

/// Logs from four threads while leaders move, nodes die and answers get lost.
fn storm(max_in_flight: usize, seed: u64, time: Duration) {
    let broker = TestBroker::builder()
        .nodes(3)
        .failover(true)
        .start_blocking()
        .unwrap();
    broker.create_topic(TOPIC, 4);
    weather(&broker, seed);
    let rig = Rig::new(
        kafka(&broker)
            .max_in_flight(max_in_flight)
            .batch_size(600)
            .request_timeout(Duration::from_millis(250))
            .overflow(OverflowPolicy::Block { max_wait: LONG }),
    );
    let stop = AtomicBool::new(false);
    let logged = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        for thread in 0..4 {
            let (rig, stop, logged) = (&rig, &stop, &logged);
            scope.spawn(move || {
                rig.with(|| {
                    for number in 0.. {
                        tracing::info!("{thread} {number}");
                        logged.fetch_add(1, Ordering::Relaxed);
                        if number % 20 == 0 {
                            std::thread::park_timeout(Duration::from_millis(1));
                        }
                        if stop.load(Ordering::Relaxed) {
                            break;
                        }
                    }
                });
            });
        }
        shake(&broker, &rig, seed, time);
    });
    broker.clear_faults();
    let stats = rig.end();
    let name = format!("{max_in_flight} in flight, seed {seed}");
    println!("{name}: {stats:?}");
    assert_eq!(stats.offered, u64::from(logged.into_inner()), "{name}");
    assert_eq!(stats.dropped.total(), 0, "{name}: {stats}");
    let tally = Tally::of(&broker);
    assert_eq!((tally.distinct, tally.copies), (stats.offered, 0), "{name}");
    assert_eq!(stats.possible_duplicates, 0, "{name}");
    assert_order(&broker, &name);
}

/// The numbers of each thread rise in each partition.
fn assert_order(broker: &TestBroker, name: &str) {
    for partition in 0..4 {
        let mut last = [-1; 4];
        for record in broker.records(TOPIC, partition) {
            let text = record.text();
            let (thread, number) = text.split_once(' ').unwrap();
            let (thread, number): (usize, i32) = (thread.parse().unwrap(), number.parse().unwrap());
            assert!(number > last[thread], "{name}: {text} in {partition}");
            last[thread] = number;
        }
    }
}

#[test]
fn one_in_flight_in_a_storm() {
    storm(1, 11, Duration::from_millis(1_500));
}

#[test]
fn two_in_flight_in_a_storm() {
    storm(2, 22, Duration::from_millis(1_500));
}

#[test]
fn three_in_flight_in_a_storm() {
    storm(3, 33, Duration::from_millis(1_500));
}

#[test]
fn four_in_flight_in_a_storm() {
    storm(4, 44, Duration::from_millis(1_500));
}

#[test]
fn five_in_flight_in_a_storm() {
    storm(5, 55, Duration::from_millis(1_500));
}
