//! The Kafka that `KAFKA_BROKERS` names, for one test at a time, and the readers that others wrote.

use std::io;
use std::io::Read;
use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitStatus;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tracing_kafka_broker::Consumer;
use tracing_kafka_broker::Record;
use tracing_kafka_broker::consumer::Until;

/// Long enough for anything that is going to happen at all.
pub(crate) const LONG: Duration = Duration::from_secs(60);
/// How long a Kafka tool may take, a JVM's start on a busy machine included.
const TOOL: Duration = Duration::from_secs(120);

/// One test takes the broker away, so no two run at once.
static ALONE: Mutex<()> = Mutex::new(());

/// A Kafka, and the topics that the test made there: they are deleted with it.
pub(crate) struct Kafka {
    servers: String,
    /// `compose/kafka-local`, if that started it.
    script: Option<PathBuf>,
    topics: Vec<String>,
    _alone: MutexGuard<'static, ()>,
}

impl Kafka {
    /// Nothing, and a line that says so, unless `KAFKA_BROKERS` is set; a test that goes on says so
    /// as well, for whoever counts.
    pub(crate) fn find(test: &str) -> Option<Self> {
        let Some(servers) = variable("KAFKA_BROKERS") else {
            println!("skipped: KAFKA_BROKERS is not set ({test})");
            return None;
        };
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        Consumer::connect(&servers)
            .unwrap_or_else(|error| panic!("nobody answers at `{servers}`: {error}"));
        println!("ran on real Kafka: {test}");
        Some(Self {
            servers,
            script: variable("KAFKA_LOCAL").map(PathBuf::from),
            topics: Vec::new(),
            _alone: alone,
        })
    }

    /// The same, but only on the one node of a Kafka that `KAFKA_LOCAL` can handle.
    pub(crate) fn find_local(test: &str) -> Option<Self> {
        if variable("KAFKA_BROKERS").is_some_and(|servers| servers.contains(',')) {
            println!("skipped: KAFKA_BROKERS names several nodes ({test})");
            return None;
        }
        if variable("KAFKA_BROKERS").is_some() && variable("KAFKA_LOCAL").is_none() {
            println!("skipped: KAFKA_LOCAL does not name the kafka-local script ({test})");
            return None;
        }
        Self::find(test)
    }

    /// Whether it is one node whose files can be looked at.
    pub(crate) fn is_local(&self) -> bool {
        self.script.is_some() && !self.servers.contains(',')
    }

    pub(crate) fn servers(&self) -> &str {
        &self.servers
    }

    /// A name that nobody else has. Whatever gets it is deleted at the end.
    pub(crate) fn topic_name(&mut self) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let name = format!(
            "tracing-kafka-test-{}-{}",
            std::process::id(),
            now.as_nanos()
        );
        self.topics.push(name.clone());
        name
    }

    pub(crate) fn topic(&mut self, partitions: i32) -> String {
        let topic = self.topic_name();
        self.create(&topic, partitions);
        topic
    }

    pub(crate) fn create(&self, topic: &str, partitions: i32) {
        self.consumer().create_topic(topic, partitions).unwrap();
    }

    /// A topic of one partition with a setting of its own.
    pub(crate) fn topic_with(&mut self, setting: &str) -> String {
        let topic = self.topic_name();
        self.local(&["create", &topic, "1", setting]);
        topic
    }

    pub(crate) fn exists(&self, topic: &str) -> bool {
        self.consumer().partitions(topic).is_ok()
    }

    /// All records, by partition and offset.
    pub(crate) fn read(&self, topic: &str) -> Vec<Record> {
        let mut consumer = self.consumer();
        let partitions = consumer.partitions(topic).unwrap();
        let from: Vec<_> = partitions.into_iter().map(|index| (index, 0)).collect();
        consumer.fetch_from(topic, &from, Until::End, LONG).unwrap()
    }

    fn consumer(&self) -> Consumer {
        Consumer::connect(&self.servers).unwrap()
    }

    /// Fails unless kcat, if there is one, reads exactly these records: places, times, keys, headers and
    /// bytes.
    pub(crate) fn check_with_kcat(&self, topic: &str, records: &[Record]) {
        let mut command = Command::new("kcat");
        command
            .args(["-C", "-b", &self.servers, "-t", topic])
            .args(["-e", "-q", "-o", "beginning"])
            .args(["-f", "%p|%o|%T|%K|%k|%h|%S|%s\n"]);
        let Some(output) = output(command, &[]) else {
            println!("skipped: kcat is not on PATH");
            return;
        };
        let read = lines(&output);
        let expected = records.iter().map(|record| {
            let value = record.value.as_deref().expect("no tombstone");
            // The length of a key that is not there.
            let key_length = record
                .key
                .as_ref()
                .map_or("-1".to_owned(), |key| key.len().to_string());
            let place = format!(
                "{}|{}|{}",
                record.partition, record.offset, record.timestamp
            );
            [
                place.into_bytes(),
                key_length.into_bytes(),
                record.key.as_deref().unwrap_or_default().to_vec(),
                headers_of(record, b'='),
                value.len().to_string().into_bytes(),
                value.to_vec(),
            ]
            .join(&b'|')
        });
        assert_same("kcat", read, expected.collect());
    }

    /// The same for Kafka's own console consumer, which shows no places.
    pub(crate) fn check_with_console_consumer(&self, topic: &str, records: &[Record]) {
        if self.script.is_none() {
            println!("skipped: KAFKA_LOCAL does not name the kafka-local script, so no Java");
            return;
        }
        let count = records.len().to_string();
        let output = self.local(&[
            "tool",
            "org.apache.kafka.tools.consumer.ConsoleConsumer",
            "--bootstrap-server",
            &self.servers,
            "--topic",
            topic,
            "--from-beginning",
            "--timeout-ms",
            "30000",
            "--max-messages",
            &count,
            "--formatter-property",
            "print.key=true",
            "--formatter-property",
            "print.headers=true",
            "--formatter-property",
            "null.literal=there is none",
        ]);
        let line = |record: &Record| {
            let headers = match headers_of(record, b':') {
                none if none.is_empty() => b"NO_HEADERS".to_vec(),
                headers => headers,
            };
            let key = record.key.as_deref().unwrap_or(b"there is none");
            let value = record.value.as_deref().expect("no tombstone");
            [&headers, key, value].join(&b'\t')
        };
        let expected = records.iter().map(line).collect();
        assert_same("Kafka's console consumer", lines(&output), expected);
    }

    /// The batches of a partition as they lie on the only node's disk.
    pub(crate) fn batches(&self, topic: &str, partition: i32) -> Vec<Batch> {
        let log = self.segment(topic, partition);
        let text = self.local(&[
            "tool",
            "org.apache.kafka.tools.DumpLogSegments",
            "--files",
            log.to_str().unwrap(),
        ]);
        let text = String::from_utf8(text).unwrap();
        let batches = text.lines().filter(|line| line.starts_with("baseOffset:"));
        batches.map(Batch::parse).collect()
    }

    /// The file that has the records of a partition of the only node.
    pub(crate) fn segment(&self, topic: &str, partition: i32) -> PathBuf {
        let file = "00000000000000000000.log";
        let path = format!("n1/data/{topic}-{partition}/{file}");
        self.folder().join(path)
    }

    /// Where the script keeps the files of its nodes.
    pub(crate) fn folder(&self) -> PathBuf {
        let environment = String::from_utf8(self.local(&["env"])).unwrap();
        let certificate = environment
            .lines()
            .find_map(|line| line.strip_prefix("KAFKA_CA="))
            .expect("kafka-local env names KAFKA_CA");
        Path::new(certificate)
            .ancestors()
            .nth(2)
            .unwrap()
            .to_owned()
    }

    /// Ends a node at once; it comes back when what this returns is told to, or dropped.
    pub(crate) fn kill(&self, node: i32) -> Killed<'_> {
        self.end("kill", node)
    }

    /// Ends a node by `command` of the script, `kill` or `term`.
    pub(crate) fn end(&self, command: &str, node: i32) -> Killed<'_> {
        self.local(&[command, &node.to_string()]);
        Killed {
            kafka: self,
            node,
            is_down: true,
        }
    }

    /// What the script printed; its failure is the test's.
    pub(crate) fn local(&self, arguments: &[&str]) -> Vec<u8> {
        self.local_with(arguments, &[])
    }

    /// The same, for a tool that reads `input`.
    pub(crate) fn local_with(&self, arguments: &[&str], input: &[u8]) -> Vec<u8> {
        let script = self
            .script
            .as_ref()
            .expect("KAFKA_LOCAL names kafka-local, as compose/kafka-local");
        let mut command = Command::new(script);
        command.args(arguments);
        output(command, input).unwrap_or_else(|| panic!("there is no `{}`", script.display()))
    }

    /// Runs the script, whatever comes of it.
    pub(crate) fn try_local(&self, arguments: &[&str]) {
        if let Some(script) = &self.script {
            let _tried = Command::new(script).args(arguments).output();
        }
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        for topic in &self.topics {
            let deleted = Consumer::connect(&self.servers)
                .and_then(|mut consumer| consumer.delete_topic(topic));
            if let Err(error) = deleted {
                println!("topic `{topic}` was not deleted: {error}");
            }
        }
    }
}

/// A node is away.
pub(crate) struct Killed<'a> {
    kafka: &'a Kafka,
    node: i32,
    is_down: bool,
}

impl Killed<'_> {
    pub(crate) fn revive(mut self) {
        self.is_down = false;
        self.kafka.local(&["revive", &self.node.to_string()]);
    }
}

impl Drop for Killed<'_> {
    fn drop(&mut self) {
        // Only when the test fails meanwhile: the next one needs a broker.
        if self.is_down {
            self.kafka.try_local(&["revive", &self.node.to_string()]);
        }
    }
}

/// One batch, as `DumpLogSegments` describes it.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) base: i64,
    pub(crate) count: usize,
    /// Bytes, compressed.
    pub(crate) size: usize,
    pub(crate) codec: String,
}

impl Batch {
    fn parse(line: &str) -> Self {
        let words: Vec<&str> = line.split_whitespace().collect();
        let word = |name: &str| {
            let at = words.iter().position(|word| *word == name);
            let value = at.and_then(|at| words.get(at + 1));
            *value.unwrap_or_else(|| panic!("no `{name}` in: {line}"))
        };
        assert_eq!(word("isvalid:"), "true", "{line}");
        Self {
            base: word("baseOffset:").parse().unwrap(),
            count: word("count:").parse().unwrap(),
            size: word("size:").parse().unwrap(),
            codec: word("compresscodec:").to_lowercase(),
        }
    }
}

/// Names and values of headers, as kcat and Java print them.
fn headers_of(record: &Record, between: u8) -> Vec<u8> {
    let headers = record.headers.iter().map(|(name, value)| {
        let value = value.as_deref().expect("no header is null");
        [name.as_bytes(), value].join(&between)
    });
    let headers: Vec<_> = headers.collect();
    headers.join(&b',')
}

/// Fails with the first difference: a whole topic would fill the screen.
#[track_caller]
pub(crate) fn assert_same(who: &str, mut read: Vec<Vec<u8>>, mut expected: Vec<Vec<u8>>) {
    read.sort_unstable();
    expected.sort_unstable();
    for (read, expected) in read.iter().zip(&expected) {
        assert!(
            read == expected,
            "{who} reads {} instead of {}",
            start_of(read),
            start_of(expected)
        );
    }
    assert_eq!(read.len(), expected.len(), "{who} reads another number");
    println!("{who} reads all {} records", read.len());
}

/// Waits until `condition` holds; fails with `what` if it does not in time.
#[track_caller]
pub(crate) fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        pause();
    }
}

/// Between two looks at a condition.
fn pause() {
    std::thread::park_timeout(Duration::from_millis(2));
}

/// Milliseconds since the epoch.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

fn start_of(line: &[u8]) -> String {
    let shown = line.get(..200).unwrap_or(line);
    format!("`{}`", shown.escape_ascii())
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name)
        .ok()
        .filter(|value| !value.trim().is_empty())
}

fn lines(text: &[u8]) -> Vec<Vec<u8>> {
    let text = text.strip_suffix(b"\n").unwrap_or(text);
    if text.is_empty() {
        return Vec::new();
    }
    text.split(|byte| *byte == b'\n').map(Vec::from).collect()
}

/// What a command that reads `input` wrote to standard output; nothing if there is no such command.
/// Fails if it does, or if it does not end.
pub(crate) fn output(mut command: Command, input: &[u8]) -> Option<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = match command.spawn() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        spawned => spawned.unwrap_or_else(|error| panic!("`{name}` cannot be run: {error}")),
    };
    let input = input.to_vec();
    let mut stdin = child.stdin.take();
    // A command that ends early has said why.
    let fed = std::thread::spawn(move || stdin.as_mut().map(|stdin| stdin.write_all(&input)));
    let said = drain(child.stdout.take());
    let complained = drain(child.stderr.take());
    let deadline = Instant::now() + TOOL;
    let status: ExitStatus = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("`{name}` does not end");
        }
        pause();
    };
    // A broker that the script revived must not keep these open, and does not.
    let _fed = fed.join().unwrap();
    let said = said.join().unwrap();
    let complained = complained.join().unwrap();
    let complained = String::from_utf8_lossy(&complained);
    assert!(status.success(), "`{name}` failed: {complained}");
    Some(said)
}

/// Reads to the end on a thread of its own, so that no pipe fills up.
fn drain(from: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            from.read_to_end(&mut bytes).unwrap();
        }
        bytes
    })
}
