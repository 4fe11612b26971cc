//! Each fault as a client sees it, and whether the batch was appended.

use std::io;
use std::io::Read as _;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::Instant;

use kafka_protocol::messages::InitProducerIdRequest;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Fault;
use tracing_kafka_broker::TestBroker;

use crate::client::Client;
use crate::client::LONG;
use crate::client::batch;
use crate::client::fetch;
use crate::client::one;
use crate::client::only;
use crate::client::produce;
use crate::client::stored;

const SHORT: Duration = Duration::from_millis(60);

/// Asserts that nothing comes for a while and that the connection stays open.
#[track_caller]
fn assert_silent(client: &mut Client) {
    client.stream.set_read_timeout(Some(SHORT)).unwrap();
    let error = client.stream.read(&mut [0]).unwrap_err();
    let waited = matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    );
    assert!(waited, "expected silence, found {error}");
}

#[test]
fn error_codes_are_answered_and_nothing_is_appended() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    for code in [3, 5, 6, 7, 10, 19, 29, 87] {
        broker.fault(Api::Produce, Fault::Error(code));
        let answer = client.produce("t", 0, &batch(&["a"]));
        assert_eq!((answer.error_code, answer.base_offset), (code, -1));
    }
    assert_eq!(broker.count("t"), 0);
    assert_eq!(client.produce("t", 0, &batch(&["a"])).error_code, 0);
}

#[test]
fn queue_is_first_in_first_out_and_then_empty() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    broker.fault(Api::Produce, Fault::Error(7));
    broker.fault_times(Api::Produce, &Fault::Error(19), 2);
    broker.fault(Api::Fetch, Fault::Error(6));
    assert_eq!(broker.pending_faults(Api::Produce), 3);
    let codes: Vec<i16> = (0..4)
        .map(|_| client.produce("t", 0, &batch(&["a"])).error_code)
        .collect();
    assert_eq!(codes, [7, 19, 19, 0]);
    assert_eq!(client.fetch(&fetch("t", &[(0, 0)], 1000))[0].error_code, 6);
    assert_eq!(client.fetch(&fetch("t", &[(0, 0)], 1000))[0].error_code, 0);
}

#[test]
fn standing_fault_stays_until_cleared() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    broker.fault_always(Api::Metadata, Fault::Error(29));
    for _ in 0..3 {
        assert_eq!(client.metadata("t").topics[0].error_code, 29);
    }
    broker.clear_faults();
    assert_eq!(client.metadata("t").topics[0].error_code, 0);
}

#[test]
fn one_partition_of_a_request_can_fail_alone() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic("t", 3);
    broker.fault(
        Api::Produce,
        Fault::PartitionError {
            partition: 1,
            code: 6,
        },
    );
    let batches: Vec<_> = (0..3).map(|p| (p, batch(&["a"]))).collect();
    let answer = Client::to(&broker, 0).call(12, &produce("t", &batches));
    let mut codes: Vec<(i32, i16)> = answer.responses[0]
        .partition_responses
        .iter()
        .map(|p| (p.index, p.error_code))
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [(0, 0), (1, 6), (2, 0)]);
    let ends: Vec<i64> = (0..3).map(|p| broker.end_offset("t", p)).collect();
    assert_eq!(ends, [1, 0, 1]);
}

#[test]
fn append_then_error_appends_and_tells_the_offset() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["a"]));
    broker.fault(Api::Produce, Fault::AppendThenError(7));
    let answer = client.produce("t", 0, &batch(&["b"]));
    assert_eq!((answer.error_code, answer.base_offset), (7, 1));
    assert_eq!(stored(&broker, "t", 0), ["a", "b"]);
}

#[test]
fn throttle_is_announced_on_a_success_and_mutes_the_connection() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let throttle = Duration::from_millis(120);
    broker.fault(Api::Produce, Fault::Throttle(throttle));
    let begin = Instant::now();
    let answer = client.call(12, &produce("t", &[(0, batch(&["a"]))]));
    assert_eq!(answer.throttle_time_ms, 120);
    assert_eq!(only(&answer).error_code, 0);
    client.metadata("t");
    assert!(begin.elapsed() >= throttle);
    assert_eq!(broker.count("t"), 1);
}

#[test]
fn lost_answer_appends_and_cut_does_not() {
    for (fault, appended) in [(Fault::LostAnswer, 1), (Fault::Cut, 0)] {
        let broker = one();
        let mut client = Client::to(&broker, 0);
        broker.fault(Api::Produce, fault);
        client.send(12, &produce("t", &[(0, batch(&["a"]))]));
        client.assert_cut();
        assert_eq!(broker.count("t"), appended);
    }
}

#[test]
fn silence_keeps_the_connection_and_answers_nothing_more() {
    let rows = [
        (Fault::Silence, 0),
        (Fault::AppendThenSilence, 1),
        (Fault::Freeze, 0),
    ];
    for (fault, appended) in rows {
        let broker = one();
        let mut client = Client::to(&broker, 0);
        broker.fault(Api::Produce, fault);
        client.send(12, &produce("t", &[(0, batch(&["a"]))]));
        client.send(12, &produce("t", &[(0, batch(&["b"]))]));
        assert_silent(&mut client);
        assert_eq!(
            (broker.count("t"), broker.open_connections()),
            (appended, 1)
        );
        // Others are served meanwhile.
        assert_eq!(
            Client::to(&broker, 0)
                .produce("t", 0, &batch(&["c"]))
                .error_code,
            0
        );
    }
}

#[test]
fn silent_broker_goes_on_reading_and_a_frozen_one_does_not() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    broker.fault(Api::Produce, Fault::Silence);
    for _ in 0..5 {
        client.send(12, &produce("t", &[(0, batch(&["a"]))]));
    }
    assert!(broker.wait_until(LONG, |b| b.requests(Api::Produce) == 5));
    let mut client = Client::to(&broker, 0);
    broker.fault(Api::Produce, Fault::Freeze);
    for _ in 0..5 {
        client.send(12, &produce("t", &[(0, batch(&["a"]))]));
    }
    assert!(broker.wait_until(LONG, |b| b.requests(Api::Produce) == 6));
    assert_silent(&mut client);
    assert_eq!(broker.requests(Api::Produce), 6);
}

#[test]
fn delay_appends_at_once_and_stall_does_not() {
    let time = Duration::from_millis(150);
    for (fault, at_once) in [(Fault::Delay(time), 1), (Fault::Stall(time), 0)] {
        let broker = one();
        let mut client = Client::to(&broker, 0);
        broker.fault(Api::Produce, fault);
        let begin = Instant::now();
        client.send(12, &produce("t", &[(0, batch(&["a"]))]));
        if at_once == 1 {
            assert!(broker.wait_until(LONG, |b| b.count("t") == 1));
            client
                .stream
                .set_read_timeout(Some(Duration::from_millis(1)))
                .unwrap();
            let early = begin.elapsed() < time && client.receive().is_ok();
            assert!(!early, "the answer came before the delay was over");
        } else {
            client.receive().unwrap();
            assert!(begin.elapsed() >= time);
            assert_eq!(broker.count("t"), 1);
        }
    }
}

#[test]
fn half_an_answer_is_followed_by_the_end() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    broker.fault(Api::Produce, Fault::HalfAnswer);
    client.send(12, &produce("t", &[(0, batch(&["a"]))]));
    let mut bytes = Vec::new();
    client.stream.read_to_end(&mut bytes).unwrap();
    let announced = u32::from_be_bytes(bytes[0..4].try_into().unwrap()) as usize;
    let whole = announced + 4;
    assert_eq!(bytes.len(), whole / 2);
    assert_eq!(broker.count("t"), 1);
}

#[test]
fn garbage_wrong_ids_and_endless_frames_are_sent() {
    let broker = one();
    let request = produce("t", &[(0, batch(&["a"]))]);
    let mut client = Client::to(&broker, 0);
    broker.fault(Api::Produce, Fault::Garbage);
    let sent = client.send(12, &request);
    let body = client.receive().unwrap();
    assert_eq!(body[0..4], sent.to_be_bytes());
    assert!(body[4..].iter().all(|byte| *byte == 0xff));
    broker.fault(Api::Produce, Fault::WrongCorrelation);
    let sent = client.send(12, &request);
    assert_eq!(client.receive().unwrap()[0..4], (!sent).to_be_bytes());
    broker.fault(Api::Produce, Fault::Oversize);
    client.send(12, &request);
    let mut prefix = [0; 4];
    client.stream.read_exact(&mut prefix).unwrap();
    assert_eq!(prefix, i32::MAX.to_be_bytes());
    assert_eq!(broker.count("t"), 3);
}

#[test]
fn connections_can_be_closed_or_ignored_when_accepted() {
    let broker = one();
    broker.fault(Api::Connect, Fault::Cut);
    broker.fault(Api::Connect, Fault::Freeze);
    Client::to(&broker, 0).assert_cut();
    let mut ignored = Client::to(&broker, 0);
    ignored.send(12, &produce("t", &[(0, batch(&["a"]))]));
    assert_silent(&mut ignored);
    assert_eq!(broker.requests(Api::Produce), 0);
    let mut served = Client::to(&broker, 0);
    assert_eq!(served.produce("t", 0, &batch(&["a"])).error_code, 0);
    assert_eq!(broker.requests(Api::Connect), 3);
}

#[test]
fn top_level_errors_are_answered() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let request = InitProducerIdRequest::default().with_transactional_id(None);
    broker.fault(Api::InitProducerId, Fault::Error(53));
    assert_eq!(client.call(4, &request).error_code, 53);
    assert_eq!(client.call(4, &request).error_code, 0);
}

#[test]
fn hook_sees_the_request_and_may_control_the_broker() {
    let broker = Arc::new(one());
    let seen = Arc::new(AtomicU64::new(0));
    let (of_hook, counter) = (Arc::downgrade(&broker), Arc::clone(&seen));
    broker.on(Api::Produce, move |info| {
        assert_eq!(info.client_id.as_deref(), Some("raw"));
        assert_eq!(info.partitions, [("t".to_owned(), 0)]);
        assert_eq!((info.node, info.version), (0, 12));
        // Calls back into the broker from its own thread.
        of_hook.upgrade()?.create_topic("made-by-hook", 1);
        let nth = counter.fetch_add(1, Ordering::Relaxed);
        (nth == 0).then_some(Fault::Error(19))
    });
    let mut client = Client::to(&broker, 0);
    assert_eq!(client.produce("t", 0, &batch(&["a"])).error_code, 19);
    assert_eq!(client.produce("t", 0, &batch(&["a"])).error_code, 0);
    assert_eq!(seen.load(Ordering::Relaxed), 2);
    assert_eq!(broker.topics().len(), 2);
}

#[test]
fn hook_may_stop_the_node_that_asks_it() {
    let broker = Arc::new(one());
    let of_hook = Arc::downgrade(&broker);
    broker.on(Api::Produce, move |_| {
        of_hook.upgrade()?.down(0);
        Some(Fault::Cut)
    });
    let mut client = Client::to(&broker, 0);
    client.send(12, &produce("t", &[(0, batch(&["a"]))]));
    client.assert_cut();
    broker.clear_faults();
    broker.up(0).unwrap();
    assert_eq!(
        Client::to(&broker, 0)
            .produce("t", 0, &batch(&["a"]))
            .error_code,
        0
    );
}
