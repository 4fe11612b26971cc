//! Logs a dozen events to Kafka and to a file, and reads both back.
//!
//! `cargo run --example quickstart` needs nothing but Rust: without `KAFKA_BROKERS` it starts a small
//! broker inside this process. Kafka gets ERROR only, the file what `RUST_LOG` says. Every figure of
//! the last line is measured, and is this run's own.

use std::env;
use std::env::VarError;
use std::error::Error;
use std::io;
use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use tracing_kafka::FileLayer;
use tracing_kafka::KafkaLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka::WorkerGuard;
use tracing_kafka::events;
use tracing_kafka_broker::TestBroker;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

mod read_back;
mod shop;
mod tally;

use read_back::FileEnd;
use read_back::TopicEnd;
use tally::Tally;

const TOPIC: &str = "log-message";
const FILE: &str = "logs/quickstart.log";
/// Log4j's pattern from the configuration that this example takes over.
const KAFKA_PATTERN: &str = "[%d{HH:mm:ss.SSS}] [%-4level] %msg%n";
/// Beside it: process, thread, and the spans with their fields.
const FILE_PATTERN: &str = "%d %-5p %pid [%t] %c - %spans%m%n";
/// How many of the file's lines are shown.
const LAST_LINES: usize = 5;
/// Nothing here waits longer for the other side.
const LIMIT: Duration = Duration::from_secs(10);

const USAGE: &str = "\
usage: cargo run --example quickstart [-- --follow]

Logs a dozen events to Kafka and to logs/quickstart.log, and reads both back.

  --follow    goes on logging every second; prints the kcat line that reads along
  --help      prints this

KAFKA_BROKERS  host:port,... of a Kafka; without it a broker starts in this process
RUST_LOG       what goes to the file, `info` if not set; Kafka gets ERROR in any case
";

fn main() -> ExitCode {
    let mut follow = false;
    for argument in env::args_os().skip(1) {
        match argument.to_str() {
            Some("--follow") => follow = true,
            Some("--help" | "-h") => return ended(io::stdout().write_all(USAGE.as_bytes())),
            _ => {
                complain(&format!(
                    "unknown argument `{}`\n\n{USAGE}",
                    argument.display()
                ));
                return ExitCode::from(2);
            }
        }
    }
    match run(follow) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => match error.downcast::<io::Error>() {
            // All others were given a text that says what was tried: this one is standard output's.
            Ok(error) => ended(Err(*error)),
            Err(error) => {
                complain(&with_causes(error.as_ref()));
                ExitCode::FAILURE
            }
        },
    }
}

/// Returns whether what was read back is what the layers say they delivered.
fn run(follow: bool) -> Result<bool, Box<dyn Error>> {
    let mut out = io::stdout();
    let (for_file, for_tally) = (filter_from_env()?, filter_from_env()?);
    let (servers, broker) = find_kafka()?;
    let (kafka, kafka_guard) = KafkaLayer::builder([servers.as_str()], TOPIC)
        .layout(PatternLayout::new(KAFKA_PATTERN)?)
        .property("client.id", "quickstart")
        .build()?;
    let mut topic_end = TopicEnd::find(&servers, TOPIC, LIMIT)?;
    let (file, file_guard) = FileLayer::builder(FILE)
        .layout(PatternLayout::new(FILE_PATTERN)?)
        .build()?;
    let file_end = FileEnd::find(FILE)?;
    let (tally, offered) = Tally::new(env!("CARGO_CRATE_NAME"));

    // Each layer has a filter of its own: what one leaves out the others may take. `events` leaves spans
    // alone, so that an ERROR has the fields of those around it.
    tracing_subscriber::registry()
        .with(kafka.with_filter(events(LevelFilter::ERROR)))
        .with(file.with_filter(events(for_file)))
        .with(tally.with_filter(LevelFilter::INFO.or(for_tally)))
        .try_init()?;

    let whose = broker.as_ref().map_or("", |_| " (in this process)");
    writeln!(out, "Kafka at {servers}{whose}, {topic_end}\n")?;
    let order = shop::open_for_a_day();
    flush("Kafka", &kafka_guard)?;
    flush("the file", &file_guard)?;

    let (kafka_stats, file_stats) = (kafka_guard.stats(), file_guard.stats());
    let delivered = show_records(&mut out, &mut topic_end, &order)?;
    let in_file = show_lines(&mut out, &file_end)?;
    writeln!(out, "Kafka: {kafka_stats}\nfile:  {file_stats}\n")?;
    let is_right = agree("Kafka", kafka_stats.delivered, delivered)
        & agree("the file", file_stats.delivered, in_file);
    let offered = offered.count();
    let dropped = kafka_stats.dropped.total() + file_stats.dropped.total();
    writeln!(
        out,
        "{offered} events offered, {delivered} delivered to {TOPIC}, {in_file} in {FILE}, {dropped} dropped"
    )?;

    if follow {
        let format = r"'%p|%o|%T|%s\n'";
        writeln!(out, "\nkcat -C -b {servers} -t {TOPIC} -f {format}\n")?;
        shop::stay_open(&order, || writeln!(out, "Kafka: {}", kafka_guard.stats()))?;
    }
    // Dropping the guards flushes what is left and ends their threads; the broker goes after them.
    drop((kafka_guard, file_guard));
    drop(broker);
    Ok(is_right)
}

/// What `RUST_LOG` says, INFO if it says nothing. Without the default directive it would be ERROR,
/// and the file would hold what Kafka holds. A bad directive is an error here, and no panic.
fn filter_from_env() -> Result<EnvFilter, String> {
    EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .from_env()
        .map_err(|error| format!("RUST_LOG: {error}"))
}

/// The servers that `KAFKA_BROKERS` names, or a broker in this process.
fn find_kafka() -> Result<(String, Option<TestBroker>), Box<dyn Error>> {
    match env::var("KAFKA_BROKERS") {
        Ok(servers) if !servers.trim().is_empty() => return Ok((servers, None)),
        Ok(_) | Err(VarError::NotPresent) => {}
        Err(error) => return Err(format!("KAFKA_BROKERS: {error}").into()),
    }
    let broker = TestBroker::builder()
        .start_blocking()
        .map_err(|error| format!("cannot start a broker in this process: {error}"))?;
    Ok((broker.bootstrap(), Some(broker)))
}

fn flush(what: &str, guard: &WorkerGuard) -> Result<(), Box<dyn Error>> {
    guard
        .flush(LIMIT)
        .map_err(|error| format!("cannot flush {what}: {error}; {}", guard.stats()).into())
}

/// Prints this run's records, whose text contains `order`. Returns how many there are.
fn show_records(
    out: &mut impl io::Write,
    topic: &mut TopicEnd<'_>,
    order: &str,
) -> Result<u64, Box<dyn Error>> {
    let mut records = topic.read(LIMIT)?;
    let all = records.len();
    records.retain(|record| record.text().contains(order));
    for record in &records {
        let (partition, offset) = (record.partition, record.offset);
        writeln!(out, "{TOPIC}/{partition}@{offset}  {}", record.text())?;
    }
    if records.len() < all {
        let others = all - records.len();
        writeln!(out, "and {others} that somebody else sent meanwhile")?;
    }
    Ok(records.len() as u64)
}

/// Prints the last lines of the file. Returns how many are this run's.
fn show_lines(out: &mut impl io::Write, file: &FileEnd) -> Result<u64, Box<dyn Error>> {
    let lines = file.read()?;
    writeln!(out, "\n{FILE} ends with")?;
    for line in lines.iter().skip(lines.len().saturating_sub(LAST_LINES)) {
        writeln!(out, "  {line}")?;
    }
    writeln!(out)?;
    Ok(lines.len() as u64)
}

/// Complains if what a layer says it delivered is not what was read.
fn agree(what: &str, said: u64, read: u64) -> bool {
    if said != read {
        complain(&format!(
            "{what}: {said} delivered by the layer's count, but {read} were read back"
        ));
    }
    said == read
}

/// The end that writing to standard output came to. A reader that has gone (`… | head`) is none.
fn ended(written: io::Result<()>) -> ExitCode {
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("cannot write to standard output: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        text = format!("{text}: {deeper}");
        cause = deeper.source();
    }
    text
}

fn complain(text: &str) {
    // Nobody is left to be told when standard error is closed.
    let _closed = writeln!(io::stderr(), "quickstart: {text}");
}
