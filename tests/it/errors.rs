//! Every error code that an answer to a producer can carry, met once: what becomes of the batch.

use std::collections::BTreeSet;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka::DropReason;
use tracing_kafka::Health;
use tracing_kafka::Idempotence;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::Record;
use tracing_kafka_broker::TestBroker;

use crate::harness::Rig;
use crate::harness::Tally;
use crate::harness::at_once;
use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::kafka;
use crate::support::wait_until;

/// What is promised for a batch that met an error once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// It is sent again.
    Again,
    /// It was there already: it counts as delivered.
    Known,
    /// It is sent in parts.
    InParts,
    /// Health is `Misconfigured`, and it is sent again after a long wait.
    Slowly,
}

fn promise(code: i16) -> Promise {
    match code {
        46 => Promise::Known,
        10 | 18 | 32 | 87 => Promise::InParts,
        17 | 21 | 29 | 31 | 35 | 43 | 44 | 53 | 58 | 76 => Promise::Slowly,
        _ => Promise::Again,
    }
}

/// The codes that the crate has a name for, and some of the future.
fn codes() -> Vec<i16> {
    let source = include_str!("../../src/kafka/wire/codes.rs");
    let code = |line: &str| {
        let (code, name) = line.trim().strip_prefix('(')?.split_once(", \"")?;
        name.ends_with("\"),").then(|| code.parse().ok()).flatten()
    };
    let mut codes: Vec<i16> = source.lines().filter_map(code).collect();
    assert!(codes.len() >= 60, "{codes:?}");
    codes.retain(|code| *code != 0);
    codes.extend([118, 12_345, i16::MAX, i16::MIN]);
    codes
}

fn one_partition() -> TestBroker {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic(TOPIC, 1);
    broker
}

fn meets(code: i16) {
    let promise = promise(code);
    let broker = one_partition();
    let rig = Rig::new(kafka(&broker).delivery_timeout(Duration::from_secs(3)));
    rig.log(0..2);
    rig.flush();
    let before = broker.requests(Api::Produce);
    broker.fault(
        Api::Produce,
        match promise {
            Promise::Known => Fault::AppendThenError(code),
            _ => Fault::Error(code),
        },
    );
    rig.log(2..6);
    if promise == Promise::Slowly {
        rig.wait_for(Health::Misconfigured);
    }
    rig.flush();
    assert_eq!(rig.guard.health(), Health::Healthy, "error {code}");
    let requests = broker.requests(Api::Produce) - before;
    let expected = match promise {
        Promise::Known => 1,
        Promise::Again | Promise::Slowly => 2,
        Promise::InParts => 3,
    };
    assert_eq!(requests, expected, "error {code}: {promise:?}");
    let stats = rig.end_exactly(&broker);
    let avoided = if promise == Promise::Known { 4 } else { 0 };
    assert_eq!(stats.duplicates_avoided, avoided, "error {code}");
}

/// Four at a time: most of it is waiting.
#[test]
fn each_code_has_the_outcome_that_is_promised_for_it() {
    let codes = codes();
    std::thread::scope(|scope| {
        for part in codes.chunks(codes.len().div_ceil(4)) {
            scope.spawn(|| part.iter().copied().for_each(meets));
        }
    });
}

#[test]
fn what_is_too_large_or_refused_alone_is_dropped_for_that_reason() {
    for (code, reason) in [
        (10, DropReason::TooLarge),
        (18, DropReason::TooLarge),
        (32, DropReason::Rejected),
        (87, DropReason::Rejected),
    ] {
        let broker = one_partition();
        broker.fault(Api::Produce, Fault::Error(code));
        let rig = Rig::new(kafka(&broker));
        rig.log(0..1);
        rig.flush();
        assert_eq!(rig.stats().dropped.get(reason), 1, "error {code}");
        rig.log(1..2);
        let stats = rig.end();
        assert_eq!((stats.delivered, stats.dropped.total()), (1, 1));
        assert_eq!(broker.count(TOPIC), 1);
    }
}

#[test]
fn an_error_that_is_not_listed_costs_nothing_if_it_passes_in_time() {
    at_once([-1, 2, 12_345], |code| {
        let broker = one_partition();
        let rig = Rig::new(kafka(&broker));
        rig.log(0..1);
        rig.flush();
        let before = broker.requests(Api::Produce);
        let start = Instant::now();
        broker.on(Api::Produce, move |_| {
            let is_over = start.elapsed() > Duration::from_secs(2);
            (!is_over).then_some(Fault::Error(code))
        });
        rig.log(1..1001);
        let stats = rig.end_exactly(&broker);
        assert_eq!(stats.delivered, 1001, "error {code}: {stats}");
        let requests = broker.requests(Api::Produce) - before;
        assert!(requests < 20, "error {code}: {requests} requests");
    });
}

#[test]
fn an_error_of_the_future_that_stays_is_the_fault_of_some_record_in_the_end() {
    at_once([(12_345, 5), (12_345, 0), (-1, 299)], |(code, culprit)| {
        let broker = one_partition();
        let culprit = u32::to_string(&culprit);
        broker.refuse_records(code, false, move |record| record.text() == culprit);
        let rig = Rig::new(kafka(&broker).delivery_timeout(Duration::from_secs(12)));
        rig.log(0..300);
        let stats = rig.end();
        assert_eq!(
            stats.dropped.get(DropReason::Rejected),
            1,
            "{code}: {stats}"
        );
        assert_eq!(stats.delivered, 299, "{code}");
        let records = broker.all_records(TOPIC);
        let read: BTreeSet<String> = records.iter().map(Record::text).collect();
        assert_eq!((read.len(), records.len()), (299, 299), "once each");
    });
}

#[test]
fn copies_of_what_was_cut_up_because_of_an_error_that_is_not_listed_are_counted() {
    at_once([Idempotence::Required, Idempotence::Off], |idempotence| {
        let broker = one_partition();
        let rig = Rig::new(
            kafka(&broker)
                .idempotence(idempotence)
                .delivery_timeout(Duration::from_secs(6)),
        );
        let start = Instant::now();
        broker.on(Api::Produce, move |_| {
            let is_over = start.elapsed() > Duration::from_millis(4500);
            (!is_over).then_some(Fault::AppendThenError(-1))
        });
        rig.log(0..64);
        rig.flush();
        let tally = Tally::of(&broker);
        let stats = rig.stats();
        assert!(tally.copies > 0, "it was not cut up");
        assert!(
            tally.copies <= stats.possible_duplicates,
            "{tally:?}, {stats}"
        );
        assert_eq!(tally.distinct, 64);
        rig.end();
    });
}

/// A batch that is refused until a person mends something holds back those that were on their way behind
/// it, which the broker refuses for their sequences.
#[test]
fn what_was_on_its_way_behind_a_refusal_does_not_end_the_wait_for_it() {
    let broker = one_partition();
    let rig = Rig::new(kafka(&broker).linger(Duration::ZERO).max_in_flight(5));
    rig.log(0..1);
    rig.flush();
    broker.fault(Api::Produce, Fault::Stall(Duration::from_millis(300)));
    broker.fault(Api::Produce, Fault::Error(29));
    for number in 1..5 {
        rig.log(number..number + 1);
        wait_until("a batch of its own", || {
            rig.stats().in_flight == u64::from(number)
        });
    }
    rig.wait_for(Health::Misconfigured);
    assert!(rig.guard.flush(Duration::from_millis(500)).is_err());
    assert_eq!(broker.requests(Api::Produce), 5, "nobody has mended it yet");
    // A shutdown cuts the wait short.
    let report = rig.guard.shutdown(LONG);
    assert_eq!(report.stats.delivered, 5, "{report}");
}

#[test]
fn a_batch_whose_outcome_is_not_known_is_not_doubled_by_what_comes_next() {
    // Appended, and told otherwise; then refused for what is in it, or out of step.
    for first in [Fault::LostAnswer, Fault::AppendThenError(7)] {
        for second in [
            Fault::Error(19),
            Fault::Error(6),
            Fault::Error(2),
            Fault::Cut,
        ] {
            let broker = one_partition();
            let rig = Rig::new(kafka(&broker).max_in_flight(5));
            rig.log(0..10);
            rig.flush();
            broker.fault(Api::Produce, first.clone());
            broker.fault(Api::Produce, second);
            rig.log(10..20);
            rig.flush();
            wait_until("both", || broker.pending_faults(Api::Produce) == 0);
            let stats = rig.end_exactly(&broker);
            assert_eq!(stats.duplicates_avoided, 10);
        }
    }
}

/// A leader that is deposed while it waits for its followers says that it leads no more, of a batch
/// that it has appended.
#[test]
fn a_batch_that_a_deposed_leader_has_appended_costs_no_other_its_sequence() {
    let broker = one_partition();
    let rig = Rig::new(kafka(&broker).delivery_timeout(Duration::from_millis(1500)));
    rig.log(0..1);
    rig.flush();
    broker.fault(Api::Produce, Fault::AppendThenError(6));
    broker.fault_always(Api::Produce, Fault::Error(6));
    rig.log(1..2);
    wait_until("the deadline", || {
        rig.stats().dropped.get(DropReason::Deadline) == 1
    });
    broker.clear_faults();
    rig.log(2..3);
    rig.flush();
    assert_eq!(rig.stats().delivered, 2);
    let read: Vec<String> = broker.all_records(TOPIC).iter().map(Record::text).collect();
    assert_eq!(read, ["0", "1", "2"]);
}

#[test]
fn a_copy_after_a_deposed_leader_is_counted_without_idempotence() {
    for code in [3, 6, 56] {
        let broker = one_partition();
        let rig = Rig::new(kafka(&broker).idempotence(Idempotence::Off));
        broker.fault(Api::Produce, Fault::AppendThenError(code));
        rig.log(0..1);
        rig.flush();
        assert_eq!(broker.count(TOPIC), 2, "{code}");
        assert_eq!(rig.stats().possible_duplicates, 1, "{code}");
    }
}
