//! Readers that others wrote: kcat and Kafka's own console consumer. Skipped where they are not.

use std::io;
use std::process::Command;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use bytes::Bytes;
use kafka_protocol::records::Compression;
use tracing_kafka_broker::Consumer;
use tracing_kafka_broker::TestBroker;
use tracing_kafka_broker::consumer::Until;

use crate::client::Batch;
use crate::client::Client;
use crate::client::LONG;

/// `UNKNOWN_TOPIC_OR_PARTITION`, `LEADER_NOT_AVAILABLE` and `NOT_LEADER_OR_FOLLOWER`.
const NOT_YET: [i16; 3] = [3, 5, 6];

fn codecs() -> Vec<Compression> {
    let mut codecs = vec![
        Compression::None,
        Compression::Gzip,
        Compression::Snappy,
        Compression::Lz4,
    ];
    if cfg!(feature = "all-codecs") {
        codecs.push(Compression::Zstd);
    }
    codecs
}

/// Three partitions on three nodes, each with one batch of 40 records per codec.
fn filled() -> (TestBroker, usize) {
    let broker = TestBroker::builder().nodes(3).start_blocking().unwrap();
    broker.create_topic("t", 3);
    let mut n = 0;
    for partition in 0..3 {
        let mut client = Client::to(&broker, partition);
        for codec in codecs() {
            let values: Vec<String> = (0..40)
                .map(|i| format!("{codec:?} {partition} {i} é"))
                .collect();
            let values: Vec<&str> = values.iter().map(String::as_str).collect();
            let mut batch = Batch::of(&values).codec(codec);
            batch.records[1].value = None;
            batch.records[2].key = Some(Bytes::from_static(b"key"));
            batch.records[2].headers = [
                ("one".into(), Some("1".into())),
                ("two".into(), Some("".into())),
            ]
            .into();
            let answer = client.produce("t", partition, &batch.encode());
            assert_eq!(answer.error_code, 0, "{codec:?}");
            n += values.len();
        }
    }
    (broker, n)
}

/// What the oracle says the records are, as `partition|offset|time|key|headers|size|value`.
fn expected(broker: &TestBroker) -> Vec<String> {
    let line = |r: &tracing_kafka_broker::Record| {
        let headers: Vec<String> = r
            .headers
            .iter()
            .map(|(name, _)| format!("{name}={}", r.header(name).unwrap()))
            .collect();
        let size = r
            .value
            .as_ref()
            .map_or(-1, |v| i64::try_from(v.len()).unwrap());
        format!(
            "{}|{}|{}|{}|{}|{size}|{}",
            r.partition,
            r.offset,
            r.timestamp,
            r.key_text(),
            headers.join(","),
            r.text(),
        )
    };
    broker.all_records("t").iter().map(line).collect()
}

fn kcat(broker: &TestBroker, more: &[&str]) -> Option<Vec<String>> {
    let bootstrap = broker.bootstrap();
    let mut command = Command::new("kcat");
    command
        .args(["-C", "-q", "-e", "-b", &bootstrap, "-t", "t"])
        .args(["-f", "%p|%o|%T|%k|%h|%S|%s\n"])
        .args(more);
    match command.output() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            println!("skipped: kcat is not on PATH");
            None
        }
        Err(error) => panic!("kcat cannot be run: {error}"),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "kcat failed: {said}");
            let text = String::from_utf8(output.stdout).unwrap();
            Some(text.lines().map(str::to_owned).collect())
        }
    }
}

#[test]
fn own_consumer_reads_every_codec() {
    let (broker, n) = filled();
    let mut consumer = Consumer::connect(&broker.bootstrap()).unwrap();
    let records = consumer.read_all("t", LONG).unwrap();
    assert_eq!(records.len(), n);
    assert_eq!(records, broker.all_records("t"));
    assert_eq!(records[0].text(), "None 0 0 é");
    assert_eq!(records[41].value, None);
    assert_eq!(records[82].header("one").as_deref(), Some("1"));
    assert_eq!(records[n - 1].partition, 2);
}

#[test]
fn kcat_reads_every_byte_back() {
    let (broker, n) = filled();
    let Some(mut lines) = kcat(&broker, &["-o", "beginning"]) else {
        return;
    };
    let mut expected = expected(&broker);
    assert_eq!(expected.len(), n);
    lines.sort();
    expected.sort();
    assert_eq!(lines, expected);
}

#[test]
fn kcat_starts_in_the_middle_of_a_batch() {
    let (broker, _) = filled();
    for offset in ["57", "-3"] {
        let Some(lines) = kcat(&broker, &["-p", "1", "-o", offset]) else {
            return;
        };
        let of_partition = expected(&broker)
            .into_iter()
            .filter(|l| l.starts_with("1|"));
        let all: Vec<String> = of_partition.collect();
        let from = match offset {
            "-3" => all.len() - 3,
            _ => 57,
        };
        assert_eq!(lines, all[from..]);
    }
}

#[test]
fn console_consumer_of_kafka_reads_with_and_without_a_group() {
    let Some(script) = std::env::var_os("KAFKA_LOCAL") else {
        println!("skipped: KAFKA_LOCAL does not name the kafka-local script");
        return;
    };
    let (broker, n) = filled();
    // Tombstones are printed as "null".
    let print = |r: &tracing_kafka_broker::Record| match &r.value {
        Some(_) => r.text(),
        None => "null".to_owned(),
    };
    let mut all: Vec<String> = broker.all_records("t").iter().map(print).collect();
    let first: Vec<String> = broker.records("t", 0).iter().map(print).collect();
    all.sort();
    let whole = [n.to_string(), first.len().to_string()];
    let grouped = ["--from-beginning", "--max-messages", &whole[0]];
    let alone = [
        "--partition",
        "0",
        "--offset",
        "earliest",
        "--max-messages",
        &whole[1],
    ];
    for (arguments, mut expected) in [(&grouped[..], all), (&alone[..], first)] {
        let output = Command::new(&script)
            .args(["tool", "org.apache.kafka.tools.consumer.ConsoleConsumer"])
            .args(["--bootstrap-server", &broker.bootstrap(), "--topic", "t"])
            .args(["--timeout-ms", "20000"])
            .args(arguments)
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8(output.stdout).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.sort_unstable();
        expected.sort();
        assert_eq!(lines, expected, "{said}");
    }
}

#[test]
fn own_consumer_works_with_a_real_kafka() {
    let Ok(bootstrap) = std::env::var("KAFKA_BROKERS") else {
        println!("skipped: KAFKA_BROKERS is not set");
        return;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let topic = format!("broker-it-{}-{}", std::process::id(), now.as_nanos());
    let mut consumer = Consumer::connect(&bootstrap).unwrap();
    consumer.create_topic(&topic, 2).unwrap();
    assert_eq!(consumer.partitions(&topic).unwrap(), [0, 1]);
    let mut expected = Vec::new();
    for partition in [0, 1] {
        for codec in codecs() {
            let value = format!("{codec:?} {partition}");
            let batch = Batch::of(&[&value, "next"]).codec(codec).encode();
            until_taken(&bootstrap, &topic, partition, &batch);
            expected.extend([value, "next".to_owned()]);
        }
    }
    let records = consumer.read_all(&topic, LONG).unwrap();
    let values: Vec<String> = records
        .iter()
        .map(tracing_kafka_broker::Record::text)
        .collect();
    assert_eq!(values, expected);
    let end = i64::try_from(expected.len() / 2).unwrap();
    assert_eq!(consumer.end_offsets(&topic).unwrap(), [(0, end), (1, end)]);
    let middle = [(1, 3)];
    let tail = consumer
        .fetch_from(&topic, &middle, Until::End, LONG)
        .unwrap();
    assert_eq!(tail[0].offset, 3);
    consumer.delete_topic(&topic).unwrap();
}

/// Produces to whichever of the nodes leads. Of a topic that was just made a node learns that it
/// leads only after the controller has answered: until then it refuses, and is asked again.
fn until_taken(bootstrap: &str, topic: &str, partition: i32, batch: &Bytes) {
    let deadline = Instant::now() + LONG;
    loop {
        let mut refusals = Vec::new();
        for address in bootstrap.split(',') {
            let mut client = Client::at(address).unwrap();
            match client.produce(topic, partition, batch).error_code {
                0 => return,
                code => refusals.push(code),
            }
        }
        let early = refusals.iter().all(|code| NOT_YET.contains(code));
        assert!(early, "{topic}-{partition}: refused with {refusals:?}");
        assert!(
            Instant::now() < deadline,
            "{topic}-{partition}: nobody leads it"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}
