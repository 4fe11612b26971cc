//! What this run added to the topic and to the file, read by means that are not the crate's own.

use std::fmt;
use std::fs;
use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Seek as _;
use std::io::SeekFrom;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use tracing_kafka_broker::Consumer;
use tracing_kafka_broker::Record;
use tracing_kafka_broker::consumer::Until;

/// How many partitions the topic gets if it is missing.
const PARTITIONS: i32 = 3;

/// Where a topic ended before the run.
pub(crate) struct TopicEnd<'a> {
    consumer: Consumer,
    servers: &'a str,
    topic: &'a str,
    offsets: Vec<(i32, i64)>,
}

impl<'a> TopicEnd<'a> {
    /// Asks the cluster; creates the topic if it is missing.
    pub(crate) fn find(servers: &'a str, topic: &'a str, limit: Duration) -> Result<Self, String> {
        let mut consumer = Consumer::connect(servers)
            .map_err(|error| format!("cannot reach Kafka at `{servers}`: {error}"))?;
        consumer.timeout(limit);
        let offsets = end_offsets(&mut consumer, topic, limit)
            .map_err(|error| format!("cannot use topic `{topic}` at `{servers}`: {error}"))?;
        Ok(Self {
            consumer,
            servers,
            topic,
            offsets,
        })
    }

    /// Reads what came since, in the order of time.
    pub(crate) fn read(&mut self, limit: Duration) -> Result<Vec<Record>, String> {
        let mut records = self
            .consumer
            .fetch_from(self.topic, &self.offsets, Until::End, limit)
            .map_err(|error| {
                let (topic, servers) = (self.topic, self.servers);
                format!("cannot read topic `{topic}` at `{servers}`: {error}")
            })?;
        records.sort_by_key(|record| (record.timestamp, record.partition, record.offset));
        Ok(records)
    }
}

/// `topic log-message from 0@17 1@0 2@4`: partitions and offsets.
impl fmt::Display for TopicEnd<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "topic {} from", self.topic)?;
        for (partition, offset) in &self.offsets {
            write!(f, " {partition}@{offset}")?;
        }
        Ok(())
    }
}

fn end_offsets(
    consumer: &mut Consumer,
    topic: &str,
    limit: Duration,
) -> io::Result<Vec<(i32, i64)>> {
    if let Ok(offsets) = consumer.end_offsets(topic) {
        return Ok(offsets);
    }
    match consumer.create_topic(topic, PARTITIONS) {
        // There is one, but a leader was missing for a moment.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        created => created?,
    }
    let deadline = Instant::now() + limit;
    loop {
        match consumer.end_offsets(topic) {
            Err(_) if Instant::now() < deadline => thread::sleep(Duration::from_millis(50)),
            result => return result,
        }
    }
}

/// Where a file ended before the run.
pub(crate) struct FileEnd {
    path: &'static str,
    length: u64,
}

impl FileEnd {
    pub(crate) fn find(path: &'static str) -> Result<Self, String> {
        let length = fs::metadata(path)
            .map_err(|error| format!("cannot look at `{path}`: {error}"))?
            .len();
        Ok(Self { path, length })
    }

    /// Reads the lines that this process has added since; another one may write to the same file.
    pub(crate) fn read(&self) -> Result<Vec<String>, String> {
        let path = self.path;
        let added = self
            .added()
            .map_err(|error| format!("cannot read `{path}`: {error}"))?;
        let mark = format!(" {} [", std::process::id());
        let lines = added.lines().filter(|line| line.contains(&mark));
        Ok(lines.map(str::to_owned).collect())
    }

    fn added(&self) -> io::Result<String> {
        let mut file = File::open(self.path)?;
        file.seek(SeekFrom::Start(self.length))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
