//! What is done to the nodes of a real Kafka, to its quotas and to its topics.

use std::collections::BTreeMap;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use crate::cluster::Kafka;
use crate::cluster::Killed;
use crate::cluster::output;
use crate::cluster::wait_until;

/// Between key and value in what Java and kcat are given.
const TAB: char = '\t';

impl Kafka {
    /// As [`Kafka::find_local`], but only on three nodes.
    pub(crate) fn find_three(test: &str) -> Option<Self> {
        let servers = std::env::var("KAFKA_BROKERS").unwrap_or_default();
        if !servers.is_empty() && servers.split(',').count() != 3 {
            println!("skipped: KAFKA_BROKERS does not name three nodes ({test})");
            return None;
        }
        if !servers.is_empty() && std::env::var("KAFKA_LOCAL").is_err() {
            println!("skipped: KAFKA_LOCAL does not name the kafka-local script ({test})");
            return None;
        }
        Self::find(test)
    }

    /// A topic with as many replicas as the nodes allow, all of them in sync.
    pub(crate) fn replicated_topic(&mut self, partitions: i32) -> String {
        let topic = self.topic_name();
        self.local(&["create", &topic, &partitions.to_string()]);
        topic
    }

    /// The node that leads a partition, −1 for none; nobody needs to wait for a node that is away.
    pub(crate) fn leader(&self, topic: &str, partition: i32) -> i32 {
        let said = self.local(&["leader", topic, &partition.to_string()]);
        let said = String::from_utf8(said).unwrap();
        said.trim()
            .parse()
            .unwrap_or_else(|_| panic!("no node: {said}"))
    }

    /// Waits until another node than `node` leads the partition.
    pub(crate) fn wait_for_another_leader(&self, topic: &str, partition: i32, node: i32) {
        wait_until("another leader", || {
            let leader = self.leader(topic, partition);
            leader != node && leader >= 0
        });
    }

    /// Waits until all nodes that run are in sync.
    pub(crate) fn wait_in_sync(&self, topic: &str, partitions: i32) {
        self.local(&["insync", topic, &partitions.to_string()]);
    }

    /// Shuts a node down in good order.
    pub(crate) fn stop_cleanly(&self, node: i32) -> Killed<'_> {
        self.end("term", node)
    }

    /// Stops a node by SIGSTOP until what this returns is told to thaw it, or dropped.
    pub(crate) fn freeze(&self, node: i32) -> Frozen<'_> {
        self.local(&["freeze", &node.to_string()]);
        Frozen { kafka: self, node }
    }

    /// From its next start on, the only node tells clients that this is its address, until what this
    /// returns is dropped and it starts once more.
    pub(crate) fn advertise(&self, address: &str) -> Advertised<'_> {
        let file = self.folder().join("n1.properties");
        let before = std::fs::read_to_string(&file).unwrap();
        let own = format!("advertised.listeners=PLAINTEXT://{},", self.servers());
        let other = format!("advertised.listeners=PLAINTEXT://{address},");
        assert!(before.contains(&own), "no `{own}` in:\n{before}");
        std::fs::write(&file, before.replace(&own, &other)).unwrap();
        Advertised {
            kafka: self,
            file,
            before,
        }
    }

    /// How many records the files of the only node have, whether it runs or not.
    pub(crate) fn on_disk(&self, topic: &str, partitions: i32) -> u64 {
        let segments = (0..partitions).map(|partition| self.segment(topic, partition));
        segments.map(|path| records_in(&path)).sum()
    }

    /// Limits a client, as `producer_byte_rate=100000`, as long as what this returns lives.
    pub(crate) fn limit_client(&self, client: &str, limit: &str) -> Quota<'_> {
        self.configure("clients", client, &["--add-config", limit]);
        let (name, _) = limit.split_once('=').expect("NAME=VALUE");
        Quota {
            kafka: self,
            client: client.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Changes a setting of a topic.
    pub(crate) fn set_topic(&self, topic: &str, setting: &str) {
        self.configure("topics", topic, &["--add-config", setting]);
    }

    fn configure(&self, kind: &str, name: &str, change: &[&str]) {
        let mut arguments = vec!["tool", "kafka.admin.ConfigCommand", "--bootstrap-server"];
        arguments.extend([self.servers(), "--alter", "--entity-type", kind]);
        arguments.extend(["--entity-name", name]);
        arguments.extend(change);
        self.local(&arguments);
    }

    /// Where Java's own producer puts these keys among so many partitions.
    pub(crate) fn places_by_java(&mut self, keys: &[String], partitions: i32) -> Places {
        let topic = self.replicated_topic(partitions);
        let arguments = [
            "tool",
            "org.apache.kafka.tools.ConsoleProducer",
            "--bootstrap-server",
            self.servers(),
            "--topic",
            &topic,
            "--reader-property",
            "parse.key=true",
        ];
        self.local_with(&arguments, lines_of(keys).as_bytes());
        self.places(&topic)
    }

    /// The same by librdkafka's imitation of it; nothing where there is no kcat.
    pub(crate) fn places_by_kcat(&mut self, keys: &[String], partitions: i32) -> Option<Places> {
        let topic = self.replicated_topic(partitions);
        let mut command = Command::new("kcat");
        command
            .args(["-P", "-b", self.servers(), "-t", &topic, "-K", "\t"])
            .args(["-X", "partitioner=murmur2_random"]);
        if output(command, lines_of(keys).as_bytes()).is_none() {
            println!("skipped: kcat is not on PATH");
            return None;
        }
        Some(self.places(&topic))
    }

    /// The partition of each key in a topic where each stands once.
    pub(crate) fn places(&self, topic: &str) -> Places {
        let records = self.read(topic);
        let places: Places = records
            .iter()
            .map(|record| (record.key_text(), record.partition))
            .collect();
        assert_eq!(places.len(), records.len(), "a key stands twice");
        places
    }
}

/// The records of a partition's only file of records, by the heads of its batches.
fn records_in(segment: &Path) -> u64 {
    /// Where the batch's length, and its last record's number, lie in its head.
    const LENGTH: usize = 8;
    const LAST: usize = 23;
    let bytes = std::fs::read(segment).unwrap();
    let number = |at: usize| {
        let number = bytes[at..].first_chunk().copied();
        usize::try_from(i32::from_be_bytes(number.unwrap())).unwrap()
    };
    let (mut at, mut records) = (0, 0);
    while at + LAST + 4 <= bytes.len() {
        let end = at + LENGTH + 4 + number(at + LENGTH);
        if end > bytes.len() {
            break;
        }
        records += number(at + LAST) as u64 + 1;
        at = end;
    }
    records
}

/// Partitions by key.
pub(crate) type Places = BTreeMap<String, i32>;

fn lines_of(keys: &[String]) -> String {
    let line = |key: &String| format!("{key}{TAB}of {key}\n");
    keys.iter().map(line).collect()
}

/// A node does not run on.
pub(crate) struct Frozen<'a> {
    kafka: &'a Kafka,
    node: i32,
}

impl Frozen<'_> {
    pub(crate) fn thaw(self) {
        drop(self);
    }
}

impl Drop for Frozen<'_> {
    fn drop(&mut self) {
        self.kafka.local(&["thaw", &self.node.to_string()]);
    }
}

/// A node's configuration has another address.
pub(crate) struct Advertised<'a> {
    kafka: &'a Kafka,
    file: PathBuf,
    before: String,
}

impl Drop for Advertised<'_> {
    fn drop(&mut self) {
        let restored = std::fs::write(&self.file, &self.before);
        if std::thread::panicking() {
            // The next test needs a broker at its own address.
            self.kafka.try_local(&["kill", "1"]);
            self.kafka.try_local(&["revive", "1"]);
        } else {
            restored.unwrap();
        }
    }
}

/// A client is limited.
pub(crate) struct Quota<'a> {
    kafka: &'a Kafka,
    client: String,
    name: String,
}

impl Drop for Quota<'_> {
    fn drop(&mut self) {
        let change = ["--delete-config", &self.name];
        self.kafka.configure("clients", &self.client, &change);
    }
}
