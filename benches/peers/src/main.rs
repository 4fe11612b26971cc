//! What an event costs its process from `error!` to Kafka's acknowledgement: this crate beside rdkafka.
//!
//! Each run is a child process, the broker is outside of it. See benches/README.md.

mod child;
mod contestant;
#[path = "../../support/events.rs"]
mod events;
mod glue;
#[path = "../../support/machine.rs"]
mod machine;
mod measure;
mod row;
mod server;
mod table;

use std::ffi::OsString;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;

use lexopt::ValueExt as _;

use contestant::Fault;
use measure::Measure;
use row::Row;
use server::Server;
use table::Runs;

fn main() -> ExitCode {
    let done = Options::from_args().and_then(|options| match &options.child {
        Some((servers, topic)) => in_child(&options, servers, topic),
        None => in_parent(&options),
    });
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
    }
}

/// Measures one row and prints what was found.
fn in_child(options: &Options, servers: &str, topic: &str) -> Result<bool, Fault> {
    let row = options.rows.first().ok_or("which row?")?;
    let measure = child::run(*row, row.size(options.quick), servers, topic)?;
    println!("{measure}");
    Ok(true)
}

/// Runs all rows in turn, and prints the table. False if an event is missing somewhere.
fn in_parent(options: &Options) -> Result<bool, Fault> {
    let mut server = Server::find()?;
    let mut runs = Runs::new();
    let mut is_complete = true;
    for round in 0..options.rounds {
        for row in &options.rows {
            match one_run(&mut server, *row, options.quick, round) {
                Ok(measure) => {
                    eprintln!("round {round}, {row}: {measure}");
                    runs.push((*row, measure));
                }
                Err(error) => {
                    eprintln!("round {round}, {row} FAILED: {error}");
                    is_complete = false;
                }
            }
        }
    }
    let (_, librdkafka) = rdkafka::util::get_rdkafka_version();
    let beside = format!("librdkafka {librdkafka}");
    println!("{}", machine::describe(&beside));
    println!("{} rounds against {}", options.rounds, server.kind());
    if options.quick {
        println!("with few events: whether it works, not what it costs");
    }
    println!("\n{}", table::print(&runs));
    Ok(is_complete)
}

/// A run into a topic of its own, whose offsets must say that all of it came in.
fn one_run(server: &mut Server, row: Row, quick: bool, round: usize) -> Result<Measure, Fault> {
    let name = row.to_string().replace('/', "-");
    let topic = format!("tracing-kafka-peers-{}-{name}-{round}", std::process::id());
    server.create(&topic)?;
    let found = spawn(server.servers(), &topic, row, quick);
    let count = server.count(&topic);
    server.delete(&topic)?;
    let (measure, count) = (found?, count?);
    let ships = row.who != row::Who::Pacer;
    let wanted = if ships { row.size(quick).total() } else { 0 };
    if count != i64::try_from(wanted)? {
        return Err(format!("{count} records at the broker instead of {wanted}").into());
    }
    if measure.lost > 0 {
        return Err(format!("{} events are said to be lost", measure.lost).into());
    }
    Ok(measure)
}

/// This program again, in a process of its own. Each of its waits has a limit.
fn spawn(servers: &str, topic: &str, row: Row, quick: bool) -> Result<Measure, Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .args(["--child", servers, topic])
        .arg(row.to_string());
    if quick {
        command.arg("--quick");
    }
    let output = command.stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err(format!("the process ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?.parse()?)
}

struct Options {
    /// Servers and topic, in a child.
    child: Option<(String, String)>,
    quick: bool,
    rounds: usize,
    rows: Vec<Row>,
}

impl Options {
    fn from_args() -> Result<Self, Fault> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut parser: lexopt::Parser) -> Result<Self, Fault> {
        use lexopt::Arg::Long;
        use lexopt::Arg::Value;
        let (mut child, mut quick, mut rounds, mut rows) = (None, false, None, Vec::new());
        while let Some(argument) = parser.next()? {
            match argument {
                Long("child") => {
                    let mut values = parser.values()?;
                    let (servers, topic) = (values.next(), values.next());
                    child = Some((text(servers)?, text(topic)?));
                    for row in values {
                        rows.push(row.parse()?);
                    }
                }
                Long("quick" | "test") => quick = true,
                Long("rounds") => rounds = Some(parser.value()?.parse()?),
                Value(row) => rows.push(row.parse()?),
                other => return Err(format!("{}\n{USAGE}", other.unexpected()).into()),
            }
        }
        if rows.is_empty() {
            rows = Row::all();
        }
        let rounds = rounds.unwrap_or(if quick { 1 } else { 5 });
        Ok(Self {
            child,
            quick,
            rounds,
            rows,
        })
    }
}

fn text(value: Option<OsString>) -> Result<String, Fault> {
    let value = value.ok_or("--child takes servers, a topic and a row")?;
    Ok(value.string()?)
}

const USAGE: &str = "usage: tracing-kafka-peers [--quick] [--rounds N] [ROW…]";
