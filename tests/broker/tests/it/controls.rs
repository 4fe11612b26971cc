//! What tests may change while the broker runs, and how clients see it.

use std::sync::Arc;
use std::sync::Mutex;

use kafka_protocol::messages::ApiVersionsRequest;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::TestBroker;

use crate::client::Batch;
use crate::client::Client;
use crate::client::one;
use crate::client::only;
use crate::client::produce;

#[test]
fn added_partitions_are_led_and_old_ones_keep_their_records() {
    let broker = TestBroker::builder().nodes(2).start_blocking().unwrap();
    broker.create_topic("t", 1);
    let mut client = Client::to(&broker, 0);
    let batch = Batch::of(&["kept"]).encode();
    assert_eq!(client.produce("t", 0, &batch).error_code, 0);
    assert!(broker.add_partitions("t", 3));
    assert!(!broker.add_partitions("t", 3), "it has them");
    assert!(!broker.add_partitions("t", 2), "partitions do not go");
    assert!(!broker.add_partitions("other", 2));
    let answer = client.metadata("t");
    let leaders = answer.topics[0].partitions.iter().map(|p| p.leader_id.0);
    assert_eq!(leaders.collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(client.produce("t", 2, &batch).error_code, 0);
    assert_eq!(broker.records("t", 0)[0].text(), "kept");
}

#[test]
fn an_advertised_address_is_told_in_place_of_the_real_one() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let told = |client: &mut Client| {
        let answer = client.metadata("t");
        (answer.brokers[0].host.to_string(), answer.brokers[0].port)
    };
    let real = told(&mut client);
    assert_eq!(
        real.1,
        i32::from(broker.address(0).unwrap().port()),
        "the real one"
    );
    broker.advertise(0, Some(("kafka.invalid", 19_092)));
    assert_eq!(told(&mut client), ("kafka.invalid".to_owned(), 19_092));
    assert!(!broker.bootstrap().contains("invalid"));
    broker.advertise(0, None);
    assert_eq!(told(&mut client), real);
}

#[test]
fn the_limit_of_a_batch_can_change() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let batch = Batch::of(&["some text"]).encode();
    broker.set_max_message_bytes(batch.len() - 1);
    assert_eq!(client.produce("t", 0, &batch).error_code, 10);
    broker.set_max_message_bytes(batch.len());
    assert_eq!(client.produce("t", 0, &batch).error_code, 0);
}

#[test]
fn an_older_broker_announces_and_takes_less() {
    let broker = TestBroker::builder()
        .newest(Api::Produce, Some(7))
        .newest(Api::InitProducerId, None)
        .start_blocking()
        .unwrap();
    broker.create_topic("t", 1);
    let mut client = Client::to(&broker, 0);
    let answer = client.call(3, &ApiVersionsRequest::default());
    let newest = |key| {
        let found = answer.api_keys.iter().find(|range| range.api_key == key);
        found.map(|range| range.max_version)
    };
    assert_eq!((newest(0), newest(22)), (Some(7), None));
    let request = produce("t", &[(0, Batch::of(&["v"]).encode())]);
    assert_eq!(only(&client.call(7, &request)).error_code, 0);
    client.send(8, &request);
    client.assert_cut();
}

#[test]
fn batches_with_refused_records_are_not_appended_and_can_name_them() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let batch = Batch::of(&["good", "bad", "good", "bad"]).encode();
    broker.refuse_records(87, true, |record| record.text() == "bad");
    let answer = client.produce("t", 0, &batch);
    let named = answer.record_errors.iter().map(|error| error.batch_index);
    assert_eq!(named.collect::<Vec<_>>(), [1, 3]);
    assert_eq!((answer.error_code, broker.end_offset("t", 0)), (87, 0));
    let good = Batch::of(&["good"]).encode();
    assert_eq!(client.produce("t", 0, &good).error_code, 0);
    broker.clear_faults();
    broker.refuse_records(32, false, |record| record.text() == "bad");
    let answer = client.produce("t", 0, &batch);
    assert_eq!((answer.error_code, answer.record_errors.len()), (32, 0));
    broker.clear_faults();
    assert_eq!(client.produce("t", 0, &batch).error_code, 0);
}

#[test]
fn hooks_see_the_batches_of_a_request() {
    let broker = one();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    broker.on(Api::Produce, move |request| {
        kept.lock().unwrap().extend(request.batches.clone());
        None
    });
    let mut client = Client::to(&broker, 0);
    let batch = Batch::of(&["v"]).encode();
    client.produce("t", 0, &batch);
    assert_eq!(*seen.lock().unwrap(), [batch]);
}
