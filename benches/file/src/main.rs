//! What a line costs its caller and its writer until it is in a file: this crate beside others, in one run.
//!
//! Each run is a child process that writes into a folder of its own. Linux only. See benches/README.md.

mod check;
mod child;
#[path = "../../support/clock.rs"]
mod clock;
mod contestant;
mod event;
#[path = "../../support/machine.rs"]
mod machine;
mod measure;
mod plain;
mod proc;
mod row;
mod table;
mod versions;

use std::io::Read as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::ExitCode;
use std::process::Stdio;
use std::time::Duration;
use std::time::Instant;

use lexopt::ValueExt as _;

use contestant::Fault;
use measure::Measure;
use row::Row;
use table::Run;

fn main() -> ExitCode {
    let done = Options::from_args().and_then(|options| match &options.child {
        Some(folder) => in_child(&options, folder),
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
fn in_child(options: &Options, folder: &Path) -> Result<bool, Fault> {
    let row = options.rows.first().ok_or("which row?")?;
    let measure = child::run(*row, row.size(options.quick, options.lines), folder)?;
    println!("{measure}");
    Ok(true)
}

/// Runs all rows in turn, and prints the table. False if a line is missing somewhere.
fn in_parent(options: &Options) -> Result<bool, Fault> {
    let base = Folder::new(&format!("tracing-kafka-files-{}", std::process::id()))?;
    let (mut runs, mut failed) = (Vec::new(), Vec::new());
    for round in 0..options.rounds {
        for row in in_order(&options.rows, round) {
            match one_run(&base, row, options, round) {
                Ok(measure) => {
                    eprintln!("round {round}, {row}: {measure}");
                    runs.push(Run {
                        round,
                        row,
                        measure,
                    });
                }
                Err(error) => {
                    eprintln!("round {round}, {row} FAILED: {error}");
                    failed.push(row);
                }
            }
        }
    }
    println!("{}", machine::describe(&versions::of_peers()));
    let (rounds, lines) = (options.rounds, options.lines);
    println!("{rounds} rounds, {lines} lines flat out");
    if options.quick {
        println!("with few lines: whether it works, not what it costs");
    }
    println!("\n{}", table::print(&runs, &failed, options.quick));
    Ok(failed.is_empty())
}

/// Another row begins each round, so that none always follows the same one's rest.
fn in_order(rows: &[Row], round: usize) -> Vec<Row> {
    let mut rows = rows.to_vec();
    if !rows.is_empty() {
        let first = round * SHIFT % rows.len();
        rows.rotate_left(first);
        // What stands before a row in one round stands behind it in the next.
        if !round.is_multiple_of(2) {
            rows.reverse();
        }
    }
    rows
}

/// A run into a folder of its own, in which every line has to be.
fn one_run(base: &Folder, row: Row, options: &Options, round: usize) -> Result<Measure, Fault> {
    let name = row.to_string().replace('/', "-");
    let folder = Folder::inside(base, &format!("{name}-{round}"))?;
    let measure = spawn(&folder.path, row, options)?;
    let total = row.size(options.quick, options.lines).total();
    check::lines_in(&folder.path, total)?;
    if measure.lost > 0 {
        return Err(format!("{} lines are said to be dropped", measure.lost).into());
    }
    Ok(measure)
}

/// This program again, in a process of its own, which is ended if it takes too long.
fn spawn(folder: &Path, row: Row, options: &Options) -> Result<Measure, Fault> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg("--child")
        .arg(folder)
        .args(["--events", &options.lines.to_string()])
        .arg(row.to_string());
    if options.quick {
        command.arg("--quick");
    }
    let mut process = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()?;
    let deadline = Instant::now() + LIMIT;
    let status = loop {
        if let Some(status) = process.try_wait()? {
            break status;
        }
        if Instant::now() > deadline {
            process.kill()?;
            process.wait()?;
            return Err(format!("it was not done after {} s", LIMIT.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    if !status.success() {
        return Err(format!("the process ended with {status}").into());
    }
    let mut text = String::new();
    // One line, which its pipe holds.
    if let Some(mut output) = process.stdout.take() {
        output.read_to_string(&mut text)?;
    }
    Ok(text.parse()?)
}

/// A folder that is removed at the end, with what is in it.
struct Folder {
    path: PathBuf,
}

impl Folder {
    fn new(name: &str) -> Result<Self, Fault> {
        Self::at(std::env::temp_dir().join(name))
    }

    fn inside(base: &Self, name: &str) -> Result<Self, Fault> {
        Self::at(base.path.join(name))
    }

    fn at(path: PathBuf) -> Result<Self, Fault> {
        std::fs::create_dir(&path)?;
        Ok(Self { path })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _gone = std::fs::remove_dir_all(&self.path);
    }
}

struct Options {
    /// Where the files go, in a child.
    child: Option<PathBuf>,
    quick: bool,
    rounds: usize,
    /// How many lines there are flat out.
    lines: u64,
    rows: Vec<Row>,
}

impl Options {
    fn from_args() -> Result<Self, Fault> {
        Self::parse(lexopt::Parser::from_env())
    }

    fn parse(mut parser: lexopt::Parser) -> Result<Self, Fault> {
        use lexopt::Arg::Long;
        use lexopt::Arg::Value;
        let (mut child, mut quick, mut rounds, mut lines) = (None, false, None, None);
        let mut rows = Vec::new();
        while let Some(argument) = parser.next()? {
            match argument {
                Long("child") => child = Some(PathBuf::from(parser.value()?)),
                Long("quick" | "test") => quick = true,
                Long("rounds") => rounds = Some(parser.value()?.parse()?),
                Long("events") => lines = Some(parser.value()?.parse()?),
                Value(row) => rows.push(row.parse()?),
                other => return Err(format!("{}\n{USAGE}", other.unexpected()).into()),
            }
        }
        if rows.is_empty() {
            rows = Row::all();
        }
        Ok(Self {
            child,
            quick,
            rounds: rounds.unwrap_or(if quick { 1 } else { 5 }),
            lines: lines.unwrap_or(if quick { 10_000 } else { 1_000_000 }),
            rows,
        })
    }
}

/// How much later in the list each round begins.
const SHIFT: usize = 3;
/// Twice as long as the longest wait inside.
const LIMIT: Duration = Duration::from_secs(120);
const USAGE: &str = "usage: tracing-kafka-file-peers [--quick] [--rounds N] [--events N] [ROW…]";
