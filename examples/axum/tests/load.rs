//! The service under load, ended by SIGTERM: every request has its record, by its own key, and none is lost.
//!
//! `KAFKA_BROKERS` makes it use a real Kafka. Only where there are signals.
#![cfg(test)]
#![cfg(unix)]

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io::BufRead as _;
use std::io::BufReader;
use std::io::Read as _;
use std::io::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Child;
use std::process::Command;
use std::process::Stdio;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use serde_json::Value;
use tracing_kafka_broker::Consumer;
use tracing_kafka_broker::Record;
use tracing_kafka_broker::TestBroker;

/// For how long requests are made.
const LOAD: Duration = Duration::from_secs(3);
const CLIENTS: usize = 4;
/// Nothing here waits longer.
const LIMIT: Duration = Duration::from_secs(60);

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The running service; killed if the test fails.
struct Service {
    child: Child,
    address: String,
    output: BufReader<std::process::ChildStdout>,
}

impl Service {
    fn start(servers: &str, topic: &str, file: &PathBuf) -> Outcome<Self> {
        let mut child = Command::new(env!("CARGO_BIN_EXE_tracing-kafka-axum"))
            .env("KAFKA_BROKERS", servers)
            .env("LOG_TOPIC", topic)
            .env("LOG_FILE", file)
            .env("PORT", "0")
            .env_remove("RUST_LOG")
            .stdout(Stdio::piped())
            .spawn()?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?);
        let mut line = String::new();
        output.read_line(&mut line)?;
        let address = line.trim().strip_prefix("listening on http://");
        let address = address
            .ok_or_else(|| format!("not listening: {line}"))?
            .to_owned();
        Ok(Self {
            child,
            address,
            output,
        })
    }

    /// Asks it to end. What it printed then.
    fn terminate(mut self) -> Outcome<String> {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()?
                .success()
        );
        let mut rest = String::new();
        self.output.read_to_string(&mut rest)?;
        let deadline = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.child.try_wait()? {
                assert!(status.success(), "{status}: {rest}");
                return Ok(rest);
            }
            assert!(Instant::now() < deadline, "the service does not end");
            thread::yield_now();
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        // It is gone already, unless the test has failed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Makes requests until the time is over. The status of each, by the id of the request.
fn make_requests(address: &str, client: usize) -> Outcome<BTreeMap<String, u16>> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut answers = BTreeMap::new();
    let end = Instant::now() + LOAD;
    for number in 0.. {
        if Instant::now() >= end {
            break;
        }
        let id = format!("c{client}-{number}");
        let order = if number % 17 == 0 { 2_000_001 } else { number };
        let request =
            format!("GET /orders/{order} HTTP/1.1\r\nhost: shop\r\nx-request-id: {id}\r\n\r\n");
        (&stream).write_all(request.as_bytes())?;
        answers.insert(id, read_response(&mut reader)?);
    }
    Ok(answers)
}

fn read_response(reader: &mut impl std::io::BufRead) -> Outcome<u16> {
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no status")?.parse()?;
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        if line.trim().is_empty() {
            break;
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
    }
    std::io::copy(&mut reader.take(length), &mut std::io::sink())?;
    Ok(status)
}

/// A record's JSON, and its key.
fn parsed(record: &Record) -> (Value, String) {
    let json = serde_json::from_str(&record.text())
        .unwrap_or_else(|error| panic!("{error}: {}", record.text()));
    (json, record.key_text())
}

/// Makes requests by several clients at once. The status of each, by the id of the request.
fn put_under_load(address: &str) -> Outcome<BTreeMap<String, u16>> {
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let address = address.to_owned();
            thread::spawn(move || make_requests(&address, client))
        })
        .collect();
    let mut answers = BTreeMap::new();
    for client in clients {
        answers.extend(client.join().map_err(|_| "a client panicked")??);
    }
    assert!(answers.len() > 1_000, "{} are no load", answers.len());
    Ok(answers)
}

/// Compares the records of the topic with the answers that clients got. How many errors were logged.
fn compare(records: &[Record], answers: &BTreeMap<String, u16>) -> Outcome<usize> {
    let (mut access, mut errors, mut others) = (BTreeMap::new(), 0, 0);
    for (json, key) in records.iter().map(parsed) {
        assert_eq!(json["service.name"], "shop", "{json}");
        match json["message"].as_str() {
            Some("request") => {
                assert_eq!(json["http.request.id"], key.as_str(), "{json}");
                assert!(json["event.duration"].is_u64(), "{json}");
                assert!(json["url.path"].is_string(), "{json}");
                let status = &json["http.response.status_code"];
                let status = status.as_u64().ok_or("no status")?;
                let before = access.insert(key, u16::try_from(status)?);
                assert_eq!(before, None, "one request, two records: {json}");
            }
            Some("the order could not be loaded") => {
                assert_eq!(answers.get(&key), Some(&500), "{json}");
                let text = json["error.message"].as_str().unwrap_or_default();
                assert!(text.starts_with("no answer about order "), "{json}");
                let cause = "connection reset by the database";
                assert!(json.to_string().contains(cause), "{json}");
                errors += 1;
            }
            _ => others += 1,
        }
    }
    assert_eq!(access, *answers);
    let failed = answers.values().filter(|status| **status == 500);
    assert_eq!(errors, failed.count());
    assert_eq!(others, 2, "the beginning and the end");
    Ok(errors)
}

#[test]
fn every_request_under_load_has_its_record_and_none_is_lost_at_the_end() -> Outcome<()> {
    let (servers, _broker) = if let Ok(servers) = env::var("KAFKA_BROKERS") {
        (servers, None)
    } else {
        let broker = TestBroker::builder().start_blocking()?;
        (broker.bootstrap(), Some(broker))
    };
    let topic = format!("axum-{}", std::process::id());
    let mut consumer = Consumer::connect(&servers)?;
    consumer.create_topic(&topic, 3)?;
    let folder = env::temp_dir().join(&topic);
    let file = folder.join("shop.log");

    let service = Service::start(&servers, &topic, &file)?;
    let answers = put_under_load(&service.address)?;
    let report = service.terminate()?;

    let records = consumer.read_all(&topic, LIMIT)?;
    let errors = compare(&records, &answers)?;
    let all = records.len();
    let expected = format!("Kafka: {all} events offered, {all} delivered, 0 dropped");
    assert!(report.contains(&expected), "{report}");
    let lines = std::fs::read_to_string(&file)?;
    assert_eq!(lines.lines().count(), all);
    let line = "http{http.request.id=\"c0-0\" http.request.method=\"GET\" url.path=\"/orders/2000001\"}: \
                request http.response.status_code=404 event.duration=";
    assert!(
        lines.contains(line),
        "{}",
        lines.lines().take(9).collect::<String>()
    );
    std::fs::remove_dir_all(folder)?;
    println!(
        "{} requests, {errors} of them failed, {all} records, {report}",
        answers.len()
    );
    Ok(())
}
