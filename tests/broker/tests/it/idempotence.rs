//! Sequence checks, row by row as Apache Kafka 4.3 answered them.

use kafka_protocol::messages::InitProducerIdRequest;
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use tracing_kafka_broker::TestBroker;

use crate::client::Batch;
use crate::client::Client;
use crate::client::one;

/// Sends `n` records of producer 7 beginning with `sequence`.
fn send(client: &mut Client, epoch: i16, sequence: i32, n: usize) -> PartitionProduceResponse {
    let values: Vec<String> = (0..n).map(|i| format!("{epoch}/{sequence}+{i}")).collect();
    let values: Vec<&str> = values.iter().map(String::as_str).collect();
    let batch = Batch::of(&values).producer(7, epoch, sequence);
    client.produce("t", 0, &batch.encode())
}

fn with_seven_batches() -> (TestBroker, Client) {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    for i in 0..7 {
        let answer = send(&mut client, 0, 10 * i, 10);
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (0, i64::from(10 * i))
        );
        assert_eq!(answer.log_append_time_ms, -1);
    }
    (broker, client)
}

#[test]
fn last_five_batches_are_recognised_and_older_ones_are_45() {
    let (broker, mut client) = with_seven_batches();
    for i in 2..7 {
        let answer = send(&mut client, 0, 10 * i, 10);
        assert_eq!(
            (answer.error_code, answer.base_offset),
            (0, i64::from(10 * i))
        );
        assert!(answer.log_append_time_ms >= 0);
    }
    for i in 0..2 {
        assert_eq!(send(&mut client, 0, 10 * i, 10).error_code, 45);
    }
    assert_eq!(broker.end_offset("t", 0), 70);
}

#[test]
fn gap_is_45_and_poisons_nothing() {
    let (broker, mut client) = with_seven_batches();
    assert_eq!(send(&mut client, 0, 90, 10).error_code, 45);
    assert_eq!(send(&mut client, 0, 70, 10).error_code, 0);
    assert_eq!(broker.end_offset("t", 0), 80);
}

#[test]
fn epoch_is_bumped_by_the_client_and_the_old_one_is_47() {
    let (_broker, mut client) = with_seven_batches();
    assert_eq!(send(&mut client, 1, 5, 1).error_code, 45);
    assert_eq!(send(&mut client, 1, 0, 1).error_code, 0);
    assert_eq!(send(&mut client, 0, 70, 1).error_code, 47);
    assert_eq!(send(&mut client, 1, 1, 1).error_code, 0);
}

#[test]
fn producer_without_state_may_begin_anywhere() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    assert_eq!(send(&mut client, 3, 7, 2).error_code, 0);
    assert_eq!(send(&mut client, 3, 9, 1).error_code, 0);
    broker.forget_producers();
    assert_eq!(send(&mut client, 3, 100, 1).error_code, 0);
}

#[test]
fn sequences_wrap_to_zero() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    assert_eq!(send(&mut client, 0, i32::MAX - 1, 2).error_code, 0);
    assert_eq!(send(&mut client, 0, 0, 1).error_code, 0);
    let broker = one();
    let mut client = Client::to(&broker, 0);
    assert_eq!(send(&mut client, 0, i32::MAX, 2).error_code, 0);
    assert_eq!(send(&mut client, 0, 1, 1).error_code, 0);
    assert_eq!(send(&mut client, 0, i32::MAX, 2).base_offset, 0);
}

#[test]
fn restarted_leader_remembers_one_batch() {
    let (broker, _) = with_seven_batches();
    broker.down(0);
    broker.up(0).unwrap();
    let mut client = Client::to(&broker, 0);
    assert_eq!(send(&mut client, 0, 50, 10).error_code, 45);
    let last = send(&mut client, 0, 60, 10);
    assert_eq!((last.error_code, last.base_offset), (0, 60));
    assert_eq!(send(&mut client, 0, 70, 10).error_code, 0);
}

#[test]
fn next_leader_remembers_five() {
    let broker = TestBroker::builder()
        .nodes(2)
        .failover(true)
        .start_blocking()
        .unwrap();
    broker.create_topic("t", 1);
    let mut client = Client::to(&broker, 0);
    for i in 0..5 {
        assert_eq!(send(&mut client, 0, i, 1).error_code, 0);
    }
    broker.down(0);
    assert_eq!(broker.leader("t", 0), Some(1));
    let mut client = Client::to(&broker, 1);
    for i in 0..5 {
        assert_eq!(send(&mut client, 0, i, 1).base_offset, i64::from(i));
    }
    assert_eq!(broker.end_offset("t", 0), 5);
}

#[test]
fn ids_are_fresh_and_may_load_first() {
    let broker = TestBroker::builder()
        .loading_first(true)
        .start_blocking()
        .unwrap();
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_transaction_timeout_ms(60_000);
    let mut client = Client::to(&broker, 0);
    let first = client.call(4, &request);
    assert_eq!(
        (first.error_code, first.producer_id.0, first.producer_epoch),
        (14, -1, -1)
    );
    let ids: Vec<i64> = (0..3)
        .map(|_| client.call(4, &request).producer_id.0)
        .collect();
    assert!(ids[0] >= 0 && ids[0] < ids[1] && ids[1] < ids[2]);
    broker.down(0);
    broker.up(0).unwrap();
    let mut client = Client::to(&broker, 0);
    assert_eq!(client.call(4, &request).error_code, 14);
}
