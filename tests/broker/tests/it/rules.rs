//! What each rule for a trustworthy test broker looks like from outside.

use std::io::Write as _;
use std::time::Duration;
use std::time::Instant;

use bytes::Bytes;
use bytes::BytesMut;
use kafka_protocol::messages::ApiVersionsRequest;
use kafka_protocol::messages::ApiVersionsResponse;
use kafka_protocol::messages::MetadataRequest;
use kafka_protocol::protocol::Decodable as _;
use kafka_protocol::records::Compression;
use tracing_kafka_broker::Api;
use tracing_kafka_broker::Codec;
use tracing_kafka_broker::TestBroker;

use crate::client::Batch;
use crate::client::Client;
use crate::client::LONG;
use crate::client::batch;
use crate::client::fetch;
use crate::client::frame;
use crate::client::one;
use crate::client::only;
use crate::client::produce;
use crate::client::record;
use crate::client::stored;

#[test]
fn api_versions_3_has_header_0_and_ends_with_empty_tags() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.send(3, &ApiVersionsRequest::default());
    let body = client.receive().unwrap();
    // Id, then the error code at once: no tags in the header.
    assert_eq!(&body[0..6], &[0, 0, 0, 1, 0, 0]);
    // Throttle of 4 bytes, then zero tagged fields.
    assert_eq!(&body[body.len() - 5..], &[0; 5]);
    let answer = ApiVersionsResponse::decode(&mut body.slice(4..), 3).unwrap();
    let range = |key| {
        let found = answer.api_keys.iter().find(|k| k.api_key == key).unwrap();
        (found.min_version, found.max_version)
    };
    assert!(
        range(0).0 >= 3 && range(1).0 >= 4,
        "librdkafka wants v2 batches"
    );
    assert_eq!(range(0), (3, 12));
}

#[test]
fn unknown_api_versions_version_gets_35_in_the_oldest_form() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let mut request = frame(7, 3, &ApiVersionsRequest::default());
    request[6..8].copy_from_slice(&99_i16.to_be_bytes());
    client.stream.write_all(&request).unwrap();
    let mut body = client.receive().unwrap().slice(4..);
    let answer = ApiVersionsResponse::decode(&mut body, 0).unwrap();
    assert!(body.is_empty());
    assert_eq!(answer.error_code, 35);
    assert_eq!(answer.api_keys.len(), 1);
    assert_eq!(
        (answer.api_keys[0].api_key, answer.api_keys[0].max_version),
        (18, 4)
    );
    // The connection lives on.
    client.send(0, &ApiVersionsRequest::default());
    assert!(client.receive().is_ok());
}

#[test]
fn unknown_topic_is_error_3_and_not_created() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let answer = client.metadata("absent");
    assert_eq!(answer.topics[0].error_code, 3);
    assert_eq!(broker.topics(), [("t".to_owned(), 1)]);
}

#[test]
fn auto_creation_needs_the_broker_and_the_client() {
    let broker = TestBroker::builder()
        .partitions(3)
        .auto_create(true)
        .start_blocking()
        .unwrap();
    let mut client = Client::to(&broker, 0);
    let ask = |allow| {
        let named = kafka_protocol::messages::metadata_request::MetadataRequestTopic::default()
            .with_name(Some(crate::client::name("made")));
        MetadataRequest::default()
            .with_topics(Some(vec![named]))
            .with_allow_auto_topic_creation(allow)
    };
    assert_eq!(client.call(8, &ask(false)).topics[0].error_code, 3);
    let made = client.call(8, &ask(true));
    assert_eq!(made.topics[0].error_code, 0);
    assert_eq!(made.topics[0].partitions.len(), 3);
    assert_eq!(client.metadata("no/slash").topics[0].error_code, 17);
}

#[test]
fn controller_is_listed_and_addresses_are_real() {
    let broker = TestBroker::builder().nodes(3).start_blocking().unwrap();
    broker.down(0);
    let mut client = Client::to(&broker, 1);
    let answer = client.call(12, &MetadataRequest::default().with_topics(None));
    let ids: Vec<i32> = answer.brokers.iter().map(|b| b.node_id.0).collect();
    assert_eq!(ids, [1, 2]);
    assert!(ids.contains(&answer.controller_id.0));
    for listed in &answer.brokers {
        let real = broker.address(listed.node_id.0).unwrap();
        assert_eq!(
            real.to_string(),
            format!("{}:{}", &*listed.host, listed.port)
        );
    }
}

/// Changes a batch and makes its CRC right again, or not.
fn damaged(at: usize, value: &[u8], fix_crc: bool) -> Bytes {
    let mut bytes = BytesMut::from(&batch(&["a", "b"])[..]);
    bytes[at..at + value.len()].copy_from_slice(value);
    if fix_crc {
        let crc = crc32c::crc32c(&bytes[21..]);
        bytes[17..21].copy_from_slice(&crc.to_be_bytes());
    }
    bytes.freeze()
}

#[test]
fn bad_batches_are_refused_with_the_code_of_a_real_broker() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let good = batch(&["a", "b"]);
    let two = Bytes::from([&good[..], &good[..]].concat());
    let ahead = {
        let mut batch = Batch::of(&["a", "b"]);
        batch.records[1].timestamp = 32_503_680_000_000; // year 3000
        batch.encode()
    };
    let rows: [(&str, Bytes, i16); 13] = [
        ("cut short", good.slice(..good.len() - 1), 2),
        ("header only in part", good.slice(..30), 2),
        (
            "length too small",
            damaged(8, &48_i32.to_be_bytes(), true),
            2,
        ),
        (
            "length negative",
            damaged(8, &(-1_i32).to_be_bytes(), true),
            2,
        ),
        ("magic 1", damaged(16, &[1], true), 87),
        ("a flipped bit", damaged(70, b"x", false), 2),
        ("wrong count", damaged(57, &3_i32.to_be_bytes(), true), 87),
        (
            "wrong last delta",
            damaged(23, &7_i32.to_be_bytes(), true),
            87,
        ),
        ("zero records", damaged(57, &0_i32.to_be_bytes(), true), 87),
        (
            "control batch",
            damaged(21, &0x20_i16.to_be_bytes(), true),
            87,
        ),
        ("two batches", two, 87),
        ("no batch", Bytes::new(), 87),
        ("two hours ahead and more", ahead, 32),
    ];
    for (what, bytes, code) in rows {
        let answer = client.produce("t", 0, &bytes);
        assert_eq!(answer.error_code, code, "{what}");
        assert_eq!(answer.base_offset, -1, "{what}");
        assert!(answer.error_message.is_some(), "{what}");
        let blamed: Vec<i32> = answer.record_errors.iter().map(|e| e.batch_index).collect();
        assert_eq!(blamed, if code == 32 { vec![1] } else { vec![] }, "{what}");
    }
    assert_eq!(broker.end_offset("t", 0), 0);
    assert_eq!(client.produce("t", 0, &good).error_code, 0);
    assert_eq!(stored(&broker, "t", 0), ["a", "b"]);
}

#[test]
fn stored_bytes_differ_only_in_base_offset_and_leader_epoch() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["first"]));
    broker.set_leader("t", 0, None);
    broker.set_leader("t", 0, Some(0));
    let sent = Batch::of(&["x", "y"]).codec(Compression::Gzip).encode();
    assert_eq!(client.produce("t", 0, &sent).base_offset, 1);
    let kept = &broker.batches("t", 0)[1];
    assert_eq!(kept.codec, Codec::Gzip);
    assert_eq!((kept.base_offset, kept.records), (1, 2));
    assert_eq!(kept.bytes[0..8], 1_i64.to_be_bytes());
    assert_eq!(kept.bytes[8..12], sent[8..12]);
    assert_eq!(kept.bytes[12..16], 2_i32.to_be_bytes());
    assert_eq!(kept.bytes[16..], sent[16..]);
}

#[test]
fn batch_over_the_limit_is_10_and_one_of_exactly_the_limit_is_taken() {
    let value = "v".repeat(1000);
    let bytes = batch(&[&value]);
    for (limit, code) in [(bytes.len(), 0), (bytes.len() - 1, 10)] {
        let builder = TestBroker::builder().max_message_bytes(limit);
        let broker = builder.start_blocking().unwrap();
        broker.create_topic("t", 1);
        let answer = Client::to(&broker, 0).produce("t", 0, &bytes);
        assert_eq!(answer.error_code, code);
        assert_eq!(broker.count("t"), i64::from(code == 0));
    }
}

#[test]
fn default_limit_is_that_of_kafka() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let of_size = |total: usize| {
        let overhead = batch(&[&"v".repeat(1_040_000)]).len() - 1_040_000;
        batch(&[&"v".repeat(total - overhead)])
    };
    assert_eq!(of_size(1_048_588).len(), 1_048_588);
    assert_eq!(client.produce("t", 0, &of_size(1_048_588)).error_code, 0);
    assert_eq!(client.produce("t", 0, &of_size(1_048_589)).error_code, 10);
}

#[test]
fn fetch_inside_a_batch_returns_the_whole_batch() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["a", "b", "c"]));
    client.produce("t", 0, &batch(&["d"]));
    let data = client.fetch(&fetch("t", &[(0, 1)], 1 << 20)).remove(0);
    let records = data.records.unwrap();
    assert_eq!(records[0..8], 0_i64.to_be_bytes());
    let all: usize = broker.batches("t", 0).iter().map(|b| b.bytes.len()).sum();
    assert_eq!(records.len(), all);
    assert_eq!((data.high_watermark, data.log_start_offset), (4, 0));
}

#[test]
fn first_batch_is_whole_whatever_the_limits_and_only_the_first() {
    let broker = TestBroker::builder().start_blocking().unwrap();
    broker.create_topic("t", 2);
    let mut client = Client::to(&broker, 0);
    for partition in [0, 1] {
        client.produce("t", partition, &batch(&["a"]));
        client.produce("t", partition, &batch(&["b"]));
    }
    let answers = client.fetch(&fetch("t", &[(0, 0), (1, 0)], 1));
    let sizes: Vec<usize> = answers
        .iter()
        .map(|d| d.records.as_ref().unwrap().len())
        .collect();
    assert_eq!(sizes, [broker.batches("t", 0)[0].bytes.len(), 0]);
}

#[test]
fn offsets_outside_the_log_are_error_1() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["a", "b"]));
    for (offset, code) in [(-1, 1), (0, 0), (2, 0), (3, 1)] {
        let data = client.fetch(&fetch("t", &[(0, offset)], 1000)).remove(0);
        assert_eq!(data.error_code, code, "offset {offset}");
    }
}

#[test]
fn waiting_fetch_is_woken_by_an_append() {
    let broker = one();
    let mut waiting = Client::to(&broker, 0);
    let request = fetch("t", &[(0, 0)], 1 << 20).with_max_wait_ms(60_000);
    waiting.send(11, &request);
    assert!(broker.wait_until(LONG, |b| b.requests(Api::Fetch) == 1));
    Client::to(&broker, 0).produce("t", 0, &batch(&["a"]));
    // The read timeout of the client is shorter than the wait it asked for.
    assert!(waiting.receive().is_ok());
}

#[test]
fn fetch_waits_for_min_bytes_and_no_longer_than_asked() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["a"]));
    let request = fetch("t", &[(0, 0)], 1 << 20);
    let begin = Instant::now();
    let data = client
        .fetch(&request.clone().with_max_wait_ms(60_000))
        .remove(0);
    assert!(!data.records.unwrap().is_empty());
    assert!(begin.elapsed() < LONG);
    let begin = Instant::now();
    let request = request.with_min_bytes(1 << 20).with_max_wait_ms(60);
    let data = client.fetch(&request).remove(0);
    assert!(begin.elapsed() >= Duration::from_millis(60));
    assert!(
        !data.records.unwrap().is_empty(),
        "what there is comes at the end of the wait"
    );
}

#[test]
fn one_waiting_connection_does_not_hold_up_another() {
    let broker = one();
    let mut waiting = Client::to(&broker, 0);
    waiting.send(11, &fetch("t", &[(0, 0)], 1000).with_max_wait_ms(60_000));
    assert!(broker.wait_until(LONG, |b| b.requests(Api::Fetch) == 1));
    assert_eq!(Client::to(&broker, 0).metadata("t").topics[0].error_code, 0);
}

#[test]
fn answers_of_one_connection_come_in_order() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    let first = client.send(11, &fetch("t", &[(0, 0)], 1000).with_max_wait_ms(50));
    let more: Vec<i32> = (0..20)
        .map(|_| client.send(12, &produce("t", &[(0, batch(&["a"]))])))
        .collect();
    for id in std::iter::once(first).chain(more) {
        assert_eq!(client.receive().unwrap()[0..4], id.to_be_bytes());
    }
}

#[test]
fn not_the_leader_is_error_6_with_the_leaders_address() {
    let broker = TestBroker::builder().nodes(3).start_blocking().unwrap();
    broker.create_topic("t", 3);
    assert!(broker.set_leader("t", 0, Some(2)));
    let mut client = Client::to(&broker, 0);
    let request = produce("t", &[(0, batch(&["a"]))]);
    let answer = client.call(12, &request);
    let partition = only(&answer);
    assert_eq!(partition.error_code, 6);
    assert_eq!(partition.current_leader.leader_id.0, 2);
    assert_eq!(partition.current_leader.leader_epoch, 1);
    assert_eq!(answer.node_endpoints.len(), 1);
    let at = broker.address(2).unwrap();
    assert_eq!(answer.node_endpoints[0].node_id.0, 2);
    assert_eq!(answer.node_endpoints[0].port, i32::from(at.port()));
    // Older versions have no place for it.
    let old = only(&client.call(9, &request));
    assert_eq!((old.error_code, old.current_leader.leader_id.0), (6, -1));
    assert_eq!(client.fetch(&fetch("t", &[(0, 0)], 1000))[0].error_code, 6);
    assert_eq!(broker.count("t"), 0);
    assert_eq!(
        Client::to(&broker, 2)
            .produce("t", 0, &batch(&["a"]))
            .error_code,
        0
    );
}

#[test]
fn no_leader_is_error_5_in_metadata() {
    let broker = one();
    broker.set_leader("t", 0, None);
    let answer = Client::to(&broker, 0).metadata("t");
    let partition = &answer.topics[0].partitions[0];
    assert_eq!((partition.error_code, partition.leader_id.0), (5, -1));
}

#[test]
fn unknown_topic_or_partition_is_error_3_and_acks_2_is_21() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    assert_eq!(client.produce("absent", 0, &batch(&["a"])).error_code, 3);
    assert_eq!(client.produce("t", 1, &batch(&["a"])).error_code, 3);
    let request = produce("t", &[(0, batch(&["a"]))]).with_acks(2);
    assert_eq!(only(&client.call(12, &request)).error_code, 21);
    assert_eq!(broker.count("t"), 0);
}

#[test]
fn acks_0_gets_no_answer_and_an_error_closes_the_connection() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.send(9, &produce("t", &[(0, batch(&["a"]))]).with_acks(0));
    let next = client.send(0, &ApiVersionsRequest::default());
    assert_eq!(client.receive().unwrap()[0..4], next.to_be_bytes());
    assert_eq!(stored(&broker, "t", 0), ["a"]);
    client.send(9, &produce("t", &[(7, batch(&["a"]))]).with_acks(0));
    client.assert_cut();
}

#[test]
fn retention_drops_the_oldest_and_keeps_the_offsets() {
    let size = batch(&["a"]).len();
    let builder = TestBroker::builder().retention_bytes(2 * size);
    let broker = builder.start_blocking().unwrap();
    broker.create_topic("t", 1);
    let mut client = Client::to(&broker, 0);
    for value in ["a", "b", "c", "d"] {
        client.produce("t", 0, &batch(&[value]));
    }
    assert_eq!(stored(&broker, "t", 0), ["c", "d"]);
    assert_eq!(broker.end_offset("t", 0), 4);
    assert_eq!(client.fetch(&fetch("t", &[(0, 1)], 1000))[0].error_code, 1);
    let data = client.fetch(&fetch("t", &[(0, 2)], 1000)).remove(0);
    assert_eq!((data.error_code, data.log_start_offset), (0, 2));
}

#[test]
fn oracle_counts_requests_connections_and_client_ids() {
    let broker = one();
    let mut client = Client::to(&broker, 0);
    client.produce("t", 0, &batch(&["a"]));
    client.metadata("t");
    client.metadata("t");
    assert_eq!(
        (
            broker.requests(Api::Produce),
            broker.requests(Api::Metadata)
        ),
        (1, 2)
    );
    assert_eq!(broker.versions(Api::Produce), [12]);
    assert_eq!(broker.client_ids(), ["raw"]);
    assert_eq!((broker.connections(), broker.open_connections()), (1, 1));
    drop(client);
    assert!(broker.wait_until(LONG, |b| b.open_connections() == 0));
    assert_eq!(broker.connections(), 1);
}

#[test]
fn keys_headers_and_null_values_are_decoded() {
    let broker = one();
    let mut sent = Batch::of(&["a"]);
    sent.records[0].key = Some(Bytes::from_static(b"k"));
    sent.records[0].headers = [("h".into(), Some("v".into())), ("n".into(), None)].into();
    sent.records.push(record(1, None));
    Client::to(&broker, 0).produce("t", 0, &sent.encode());
    let records = broker.records("t", 0);
    assert_eq!(
        (records[0].key_text(), records[0].text()),
        ("k".into(), "a".into())
    );
    assert_eq!(records[0].header("h").as_deref(), Some("v"));
    assert_eq!(records[0].headers[1], ("n".to_owned(), None));
    assert_eq!(
        (records[1].offset, &records[1].key, &records[1].value),
        (1, &None, &None)
    );
    assert_eq!(records[1].timestamp, 1_700_000_000_001);
}

#[test]
fn malformed_frames_close_the_connection_and_nothing_else() {
    let broker = TestBroker::builder()
        .max_request_bytes(1000)
        .start_blocking()
        .unwrap();
    broker.create_topic("t", 1);
    let mut healthy = Client::to(&broker, 0);
    let garbled = {
        let mut bytes = frame(1, 12, &produce("t", &[(0, batch(&["a"]))]));
        bytes.truncate(bytes.len() - 20);
        let length = u32::try_from(bytes.len() - 4).unwrap();
        bytes[0..4].copy_from_slice(&length.to_be_bytes());
        bytes.to_vec()
    };
    let unknown_api = {
        let mut bytes = frame(1, 0, &ApiVersionsRequest::default());
        bytes[4..6].copy_from_slice(&999_i16.to_be_bytes());
        bytes.to_vec()
    };
    let greedy = {
        let all = MetadataRequest::default().with_topics(Some(Vec::new()));
        let mut bytes = frame(1, 4, &all);
        let at = bytes.len() - 5;
        bytes[at..at + 4].copy_from_slice(&i32::MAX.to_be_bytes());
        bytes.to_vec()
    };
    let rows: [(&str, &[u8]); 7] = [
        ("array longer than the frame", &greedy),
        ("negative length", &[0xff; 4]),
        ("empty frame", &[0; 4]),
        ("over the limit", &1001_u32.to_be_bytes()),
        ("http", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("cut request", &garbled),
        ("unknown api", &unknown_api),
    ];
    for (_, bytes) in rows {
        let mut client = Client::to(&broker, 0);
        client.stream.write_all(bytes).unwrap();
        client.assert_cut();
    }
    assert_eq!(healthy.metadata("t").topics[0].error_code, 0);
    assert_eq!(broker.count("t"), 0);
}

#[test]
fn records_that_lie_about_their_lengths_are_reported() {
    let broker = one();
    // The value of the first record claims to reach beyond the record.
    let at = 61 + 5;
    let bad = damaged(at, &[0x7e], true);
    assert_eq!(Client::to(&broker, 0).produce("t", 0, &bad).error_code, 0);
    assert!(broker.try_records("t", 0).is_err());
}
