//! Shows what a pattern prints, or what is wrong with it.
//!
//! ```text
//! cargo run --example pattern -- '[%d] %-5p %c{1.} - %m%n'
//! cargo run --example pattern -- --lenient '%mesage %q'
//! cargo run --example pattern -- --rows tests/golden/golden-level.jsonl
//! ```
//!
//! `--lenient` reads the pattern as Log4j does; `--raw` writes text from events as it comes; `--zone
//! NAME` and `--locale TAG` are for dates that name none.
//!
//! `--rows FILE`, `-` for standard input, renders rows of JSON, leniently and without escaping, one
//! line of JSON for each: `{"id":…,"output":…}` or `{"id":…,"error":…}`. tests/golden/README.md has
//! their form.
#![expect(clippy::print_stderr, reason = "it is a program for the command line")]

mod rows;
mod samples;

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::io::BufRead;
use std::io::BufReader;
use std::io::BufWriter;
use std::io::Write as _;
use std::process::ExitCode;

use lexopt::Arg;
use lexopt::ValueExt as _;
use serde_json::Value;
use serde_json::json;
use tracing_kafka::Escape;
use tracing_kafka::Layout as _;
use tracing_kafka::PatternError;
use tracing_kafka::PatternLayout;
use tracing_kafka::PatternLayoutBuilder;

const USAGE: &str = "usage: pattern [--lenient] [--raw] [--zone NAME] [--locale TAG] PATTERN
       pattern --rows FILE";

fn main() -> ExitCode {
    match run() {
        Ok(code) => code,
        // Whoever reads has had enough.
        Err(error) if is_broken_pipe(error.as_ref()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}\n{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn is_broken_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// What the command line asks for.
#[derive(Default)]
struct Options {
    pattern: Option<String>,
    rows: Option<OsString>,
    zone: Option<String>,
    locale: Option<String>,
    is_lenient: bool,
    is_raw: bool,
    wants_help: bool,
}

impl Options {
    fn read() -> Result<Self, lexopt::Error> {
        let mut options = Self::default();
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Arg::Long("lenient") => options.is_lenient = true,
                Arg::Long("raw") => options.is_raw = true,
                Arg::Long("zone") => options.zone = Some(parser.value()?.string()?),
                Arg::Long("locale") => options.locale = Some(parser.value()?.string()?),
                Arg::Short('h') | Arg::Long("help") => options.wants_help = true,
                Arg::Long("rows") => options.rows = Some(parser.value()?),
                Arg::Value(pattern) if options.pattern.is_none() => {
                    options.pattern = Some(pattern.string()?);
                }
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }

    fn builder(&self, pattern: &str) -> PatternLayoutBuilder {
        let mut builder = PatternLayout::builder(pattern);
        if let Some(zone) = &self.zone {
            builder = builder.zone(zone);
        }
        if let Some(locale) = &self.locale {
            builder = builder.locale(locale);
        }
        if self.is_raw {
            builder = builder.escape(Escape::None);
        }
        if self.is_lenient {
            builder = builder.lenient();
        }
        builder
    }
}

fn run() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let options = Options::read()?;
    if options.wants_help {
        writeln!(io::stdout(), "{USAGE}")?;
        return Ok(ExitCode::SUCCESS);
    }
    match (&options.rows, &options.pattern) {
        (Some(file), None) if file == "-" => render_rows(io::stdin().lock())?,
        (Some(file), None) => {
            let about = |error| format!("`{}`: {error}", file.display());
            let opened = File::open(file).map_err(about)?;
            if opened.metadata().map_err(about)?.is_dir() {
                return Err(
                    format!("`{}`: expected a file, found a folder", file.display()).into(),
                );
            }
            render_rows(BufReader::new(opened))?;
        }
        (None, Some(pattern)) => return show(pattern, &options),
        _ => return Err("expected a pattern, or `--rows` and a file".into()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Prints the pattern on the sample events, or the error with a mark below its place.
fn show(pattern: &str, options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    let layout = match options.builder(pattern).build() {
        Ok(layout) => layout,
        Err(error) => {
            eprint!("{}", marked(pattern, "error", &error));
            return Ok(ExitCode::FAILURE);
        }
    };
    for warning in layout.warnings() {
        eprint!("{}", marked(pattern, "warning", warning));
    }
    let mut out = Vec::new();
    samples::for_each(|event| {
        layout.render(event, &mut out);
        if out.last() != Some(&b'\n') {
            out.push(b'\n');
        }
    });
    io::stdout().lock().write_all(&out)?;
    Ok(ExitCode::SUCCESS)
}

/// The pattern on a line, and below it a mark and the error.
fn marked(pattern: &str, kind: &str, error: &PatternError) -> String {
    let (start, end) = (error.offset(), error.offset() + error.length());
    // A line of the pattern each, with what cannot be seen made visible, one character for one.
    let visible = |text: &str| -> String {
        let show = |c: char| if c.is_control() { '\u{b7}' } else { c };
        text.chars().map(show).collect()
    };
    let before = visible(pattern.get(..start).unwrap_or_default());
    let meant = pattern.get(start..end).unwrap_or_default().chars().count();
    format!(
        "{}\n{}{}\n{kind}: {error}\n",
        visible(pattern),
        " ".repeat(before.chars().count()),
        "^".repeat(meant.max(1)),
    )
}

/// Renders rows until there are no more. Only a line feed ends a row: texts hold other line ends.
fn render_rows(mut input: impl BufRead) -> io::Result<()> {
    let mut output = BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    while input.read_until(b'\n', &mut line)? > 0 {
        if !line.trim_ascii().is_empty() {
            serde_json::to_writer(&mut output, &answer(&line))?;
            output.write_all(b"\n")?;
        }
        line.clear();
    }
    output.flush()
}

fn answer(line: &[u8]) -> Value {
    let row: Value = match serde_json::from_slice(line) {
        Ok(row) => row,
        Err(error) => return json!({ "id": null, "error": error.to_string() }),
    };
    let id = row.get("id").unwrap_or(&Value::Null);
    let output = rows::layout(&row, true).and_then(|layout| rows::rendered(&row, &layout));
    match output {
        Ok(output) => json!({ "id": id, "output": output }),
        Err(error) => json!({ "id": id, "error": error }),
    }
}
