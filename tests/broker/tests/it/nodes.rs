//! Nodes that go and come, and the consumer that follows them.

use std::io;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka_broker::Api;
use tracing_kafka_broker::Consumer;
use tracing_kafka_broker::TestBroker;
use tracing_kafka_broker::consumer::Until;

use crate::client::Client;
use crate::client::LONG;
use crate::client::batch;
use crate::client::fetch;
use crate::client::one;
use crate::client::stored;

#[test]
fn stopped_node_refuses_and_cuts_and_comes_back_with_its_log() {
    let broker = one();
    let at = broker.address(0);
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["a"]));
    broker.down(0);
    client.assert_cut();
    assert_eq!(broker.open_connections(), 0);
    let refused = Client::try_to(&broker, 0).err().unwrap();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
    broker.up(0).unwrap();
    assert_eq!(broker.address(0), at);
    let mut client = Client::to(&broker, 0);
    assert_eq!(client.produce("t", 0, &batch(&["b"])).base_offset, 1);
    assert_eq!(stored(&broker, "t", 0), ["a", "b"]);
}

#[test]
fn restarting_often_always_gets_the_same_port() {
    let broker = TestBroker::builder().nodes(3).start_blocking().unwrap();
    broker.create_topic("t", 3);
    for round in 0..30 {
        let mut clients: Vec<Client> = (0..3).map(|node| Client::to(&broker, node)).collect();
        for (node, client) in (0..).zip(&mut clients) {
            assert_eq!(client.produce("t", node, &batch(&["a"])).base_offset, round);
        }
        broker.down_all();
        // Others may be looking for ports meanwhile.
        drop(TestBroker::builder().nodes(3).start_blocking().unwrap());
        broker.up_all().unwrap();
    }
    assert_eq!(broker.count("t"), 90);
}

#[test]
fn partitions_of_a_stopped_node_have_no_leader_unless_they_fail_over() {
    for failover in [false, true] {
        let builder = TestBroker::builder().nodes(2).failover(failover);
        let broker = builder.start_blocking().unwrap();
        broker.create_topic("t", 2);
        broker.down(0);
        let answer = Client::to(&broker, 1).metadata("t");
        let first = &answer.topics[0].partitions[0];
        let expected = if failover { (0, 1, 1) } else { (5, -1, 0) };
        assert_eq!(
            (first.error_code, first.leader_id.0, first.leader_epoch),
            expected
        );
        assert_eq!(answer.topics[0].partitions[1].leader_id.0, 1);
    }
}

#[test]
fn waiting_fetch_learns_that_the_leader_moved() {
    let broker = TestBroker::builder().nodes(2).start_blocking().unwrap();
    broker.create_topic("t", 1);
    let mut client = Client::to(&broker, 0);
    client.send(11, &fetch("t", &[(0, 0)], 1000).with_max_wait_ms(60_000));
    assert!(broker.wait_until(LONG, |b| b.requests(Api::Fetch) == 1));
    broker.set_leader("t", 0, Some(1));
    assert!(client.receive().is_ok());
}

#[test]
fn dropping_the_broker_is_prompt_and_closes_everything() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.send(11, &fetch("t", &[(0, 0)], 1000).with_max_wait_ms(60_000));
    assert!(broker.wait_until(LONG, |b| b.requests(Api::Fetch) == 1));
    let begin = Instant::now();
    drop(broker);
    assert!(begin.elapsed() < Duration::from_secs(2));
    client.assert_cut();
}

#[tokio::test]
async fn broker_starts_inside_a_runtime() {
    let broker = TestBroker::builder().start().await.unwrap();
    broker.create_topic("t", 1);
    let mut client = Client::to(&broker, 0);
    assert_eq!(client.produce("t", 0, &batch(&["a"])).error_code, 0);
    broker.down(0);
    broker.up(0).unwrap();
    assert_eq!(broker.count("t"), 1);
}

#[test]
fn wiping_begins_again_at_offset_0() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["a"]));
    broker.wipe();
    assert_eq!(broker.count("t"), 0);
    assert_eq!(client.produce("t", 0, &batch(&["b"])).base_offset, 0);
    assert!(broker.delete_topic("t"));
    assert!(!broker.delete_topic("t"));
    assert_eq!(client.produce("t", 0, &batch(&["b"])).error_code, 3);
}

#[test]
fn consumer_makes_reads_and_deletes_topics() {
    let broker = TestBroker::builder().nodes(3).start_blocking().unwrap();
    let mut consumer = Consumer::connect(&broker.bootstrap()).unwrap();
    consumer.create_topic("c", 3).unwrap();
    assert_eq!(consumer.partitions("c").unwrap(), [0, 1, 2]);
    let again = consumer.create_topic("c", 3).unwrap_err();
    assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    for node in 0..3 {
        let mut client = Client::to(&broker, node);
        client.produce("c", node, &batch(&["a", "b", "c"]));
        client.produce("c", node, &batch(&["d"]));
    }
    assert_eq!(consumer.end_offsets("c").unwrap(), [(0, 4), (1, 4), (2, 4)]);
    let all = consumer.read_all("c", LONG).unwrap();
    assert_eq!(all, broker.all_records("c"));
    assert_eq!(all.len(), 12);
    // From the middle of a batch.
    let some = consumer
        .fetch_from("c", &[(1, 2)], Until::End, LONG)
        .unwrap();
    let offsets: Vec<(i32, i64)> = some.iter().map(|r| (r.partition, r.offset)).collect();
    assert_eq!(offsets, [(1, 2), (1, 3)]);
    consumer.delete_topic("c").unwrap();
    assert!(broker.topics().is_empty());
    assert!(consumer.partitions("c").is_err());
}

#[test]
fn consumer_follows_a_leader_and_survives_a_restart() {
    let broker = TestBroker::builder().nodes(2).start_blocking().unwrap();
    broker.create_topic("t", 1);
    Client::to(&broker, 0).produce("t", 0, &batch(&["a"]));
    let mut consumer = Consumer::connect(&broker.bootstrap()).unwrap();
    assert_eq!(consumer.read_all("t", LONG).unwrap().len(), 1);
    broker.set_leader("t", 0, Some(1));
    Client::to(&broker, 1).produce("t", 0, &batch(&["b"]));
    broker.down_all();
    broker.up_all().unwrap();
    let from = [(0, 0)];
    let both = consumer
        .fetch_from("t", &from, Until::Records(2), LONG)
        .unwrap();
    assert_eq!(both.len(), 2);
    // Too many are asked for: what there is comes at the end of the time.
    let few = consumer.fetch_from("t", &from, Until::Records(9), Duration::from_millis(50));
    assert_eq!(few.unwrap().len(), 2);
}

#[test]
fn consumer_waits_for_records_that_come_later() {
    let broker = one();
    let mut consumer = Consumer::connect(&broker.bootstrap()).unwrap();
    let bootstrap_node = Client::to(&broker, 0);
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| consumer.fetch_from("t", &[(0, 0)], Until::Records(1), LONG));
        assert!(broker.wait_until(LONG, |b| b.requests(Api::Fetch) >= 1));
        let mut client = bootstrap_node;
        client.produce("t", 0, &batch(&["late"]));
        assert_eq!(reading.join().unwrap().unwrap()[0].text(), "late");
    });
}
