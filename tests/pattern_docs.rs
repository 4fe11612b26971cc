//! The page about patterns, `src/pattern.rs`, says what is so: its tables are rendered and compared.
#![cfg(test)]

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::fs;
use std::path::Path;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use tracing::Level;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;
use tracing_kafka::Value;

/// A length of a letter that is refused.
const NONE: &str = "–";
/// The heading of outputs with the fields that follow a message.
const WITH_FIELDS: &str = "Prints, fields included";
/// Before an output that differs from run to run.
const EXAMPLE: &str = "e.g. ";
/// What is refused leniently as well.
const REFUSED_TOO: &str = "refused, too";

/// One row of a table below its heading.
struct Row {
    line: usize,
    heads: Vec<String>,
    cells: Vec<String>,
}

impl Row {
    fn cell(&self, index: usize) -> &str {
        self.cells.get(index).map_or("", String::as_str)
    }

    /// What stands in backticks.
    fn code(&self, index: usize) -> Vec<&str> {
        code(self.cell(index))
    }
}

fn code(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// The rows of all tables of the page whose first heading is `head`.
fn rows(head: &str) -> Vec<Row> {
    let mut heads = Vec::new();
    let mut rows = Vec::new();
    let page = read("src/pattern.rs");
    for (index, line) in page.lines().enumerate() {
        let Some(cells) = cells(line) else {
            heads.clear();
            continue;
        };
        if heads.is_empty() {
            heads = cells;
        } else if !cells.iter().all(|cell| cell.starts_with("---")) {
            assert_eq!(cells.len(), heads.len(), "cells of line {}", index + 1);
            rows.push(Row {
                line: index + 1,
                heads: heads.clone(),
                cells,
            });
        }
    }
    assert!(!rows.is_empty());
    for row in &rows {
        let known = [
            "Pattern",
            "Format",
            "Letter",
            "Zone letters",
            "Refused",
            "Log4j",
        ];
        assert!(
            known.contains(&&*row.heads[0]),
            "line {}: a table of a new kind",
            row.line
        );
    }
    rows.retain(|row| row.heads[0] == head);
    assert!(!rows.is_empty(), "no table `{head}`");
    rows
}

fn cells(line: &str) -> Option<Vec<String>> {
    let row = line.strip_prefix("//! |")?.strip_suffix('|')?;
    Some(row.split('|').map(|cell| cell.trim().to_owned()).collect())
}

/// An output as it is, without the signs of the page.
fn output(cell: &str) -> String {
    cell.replace('␊', "\n")
        .replace('␛', "\u{1b}")
        .replace('␣', " ")
        .replace('∅', "")
}

#[derive(Debug)]
struct Failure(&'static str, Option<Box<Self>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.1.as_deref()?)
    }
}

/// Renders the event of the page.
#[rustfmt::skip]
fn render(layout: &PatternLayout) -> String {
    let error = Failure("payment refused", Some(Box::new(Failure("limit reached", None))));
    let event = LogEvent::builder()
        // 2012-11-02, 14:34:02 UTC
        .instant(UNIX_EPOCH + Duration::new(1_351_866_842, 123_456_789))
        .level(Level::WARN)
        .target("shop::orders::cart")
        .location(Some("shop::orders::cart"), Some("src/orders/cart.rs"), Some(42))
        .thread("main", 1)
        .span("request", [("user", "bob"), ("id", "42")])
        .span("pay", [("trace_id", "0af76519"), ("span_id", "b7ad6b71"), ("trace_flags", "01")])
        .message("card \"4711\" declined")
        .marker("AUDIT[ SECURITY ]")
        .field("amount", 12.5)
        .field("error", Value::Error(&error)) // "payment refused", because of "limit reached"
        .build();
    let mut out = Vec::new();
    layout.render(&event, &mut out);
    String::from_utf8(out).unwrap()
}

/// As the tables have it: without the fields that follow a message, unless they are about these.
fn strict(pattern: &str) -> Result<String, String> {
    strict_with(pattern, false)
}

fn strict_with(pattern: &str, fields: bool) -> Result<String, String> {
    let builder = PatternLayout::builder(pattern).zone("UTC");
    let layout = builder.always_write_fields(fields).build();
    layout
        .map(|layout| render(&layout))
        .map_err(|e| e.to_string())
}

fn lenient(pattern: &str) -> Result<String, String> {
    let layout = PatternLayout::builder(pattern)
        .zone("UTC")
        .always_write_fields(false)
        .lenient()
        .build();
    let layout = layout.map_err(|e| e.to_string())?;
    assert!(!layout.warnings().is_empty(), "{pattern} is no mistake");
    Ok(render(&layout))
}

/// Notes what is not as the page has it; what is not there yet must be refused, lest the list rots.
fn compare(wrong: &mut Vec<String>, line: usize, pattern: &str, expected: &str) {
    compare_with(wrong, line, pattern, expected, false);
}

fn compare_with(wrong: &mut Vec<String>, line: usize, pattern: &str, expected: &str, fields: bool) {
    let printed = strict_with(pattern, fields);
    if printed.as_deref() != Ok(expected) {
        wrong.push(format!(
            "line {line}: {pattern}\n  the page: {expected:?}\n  in truth: {printed:?}"
        ));
    }
}

#[track_caller]
fn no(wrong: &[String]) {
    assert!(
        wrong.is_empty(),
        "{} rows\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The output for each pattern: one for all of them, or one for each.
#[track_caller]
fn outputs<'r>(row: &'r Row, patterns: &[&str]) -> Vec<&'r str> {
    let outputs = row.code(1);
    if let [one] = *outputs {
        return vec![one; patterns.len()];
    }
    assert_eq!(outputs.len(), patterns.len(), "line {}", row.line);
    outputs
}

/// Digits as `9`, those of identifiers as `h`, without the sign of a number.
fn shape(text: &str) -> String {
    if text.contains('-') && text.len() == 36 {
        return text
            .chars()
            .map(|c| if c.is_ascii_hexdigit() { 'h' } else { c })
            .collect();
    }
    let words = text.split(' ').map(|word| {
        let digits = word.strip_prefix('-').unwrap_or(word);
        assert!(digits.parse::<u64>().is_ok(), "{text} is no number");
        "9"
    });
    words.collect::<Vec<_>>().join(" ")
}

#[test]
fn every_pattern_of_the_page_prints_what_the_page_says() {
    let mut wrong = Vec::new();
    for row in rows("Pattern") {
        let patterns = row.code(0);
        assert!(!patterns.is_empty(), "line {}", row.line);
        for (pattern, expected) in patterns.iter().zip(outputs(&row, &patterns)) {
            if row.cell(1).starts_with(EXAMPLE) {
                let printed = strict(pattern).unwrap();
                assert_eq!(
                    shape(&printed),
                    shape(expected),
                    "line {}: {pattern}",
                    row.line
                );
            } else {
                let fields = row.heads[1] == WITH_FIELDS;
                compare_with(&mut wrong, row.line, pattern, &output(expected), fields);
            }
        }
    }
    no(&wrong);
}

#[test]
fn what_the_page_says_is_refused_is_and_prints_leniently_what_it_says() {
    let mut wrong = Vec::new();
    for row in rows("Refused") {
        let patterns = row.code(0);
        let mut check = |pattern: &str, expected: Option<&str>| {
            let expected = expected.map(output);
            if strict(pattern).is_ok() || lenient(pattern).ok() != expected {
                wrong.push(format!(
                    "line {}: {pattern}\n  the page: {expected:?}\n  strictly: {:?}\n  leniently: {:?}",
                    row.line,
                    strict(pattern),
                    lenient(pattern)
                ));
            }
        };
        if row.cell(1) == REFUSED_TOO {
            for pattern in patterns {
                check(pattern, None);
            }
        } else {
            for (pattern, output) in patterns.iter().zip(outputs(&row, &patterns)) {
                check(pattern, Some(output));
            }
        }
    }
    no(&wrong);
}

#[test]
fn every_named_date_format_is_on_the_page_and_prints_what_it_says() {
    let mut wrong = Vec::new();
    let mut formats = Vec::new();
    for row in rows("Format") {
        let (name, letters, expected) = (row.code(0)[0], row.code(1), row.code(2)[0]);
        for format in [name].iter().chain(&letters) {
            compare(
                &mut wrong,
                row.line,
                &format!("%d{{{format}}}{{UTC}}"),
                expected,
            );
        }
        if let [letters] = *letters {
            formats.push(format!("{name} {letters}"));
        } else {
            assert!(
                matches!(name, "UNIX" | "UNIX_MILLIS"),
                "{name} has no letters"
            );
        }
    }
    no(&wrong);
    let source = read("src/layout/date.rs");
    let strings = code_of(&source, "static NAMED").replace('"', "`");
    let strings = code(&strings);
    let in_code: Vec<_> = strings.chunks(2).map(|pair| pair.join(" ")).collect();
    assert_eq!(formats, in_code);
}

#[test]
fn every_letter_of_a_date_is_on_the_page_and_prints_what_it_says() {
    let mut wrong = Vec::new();
    let mut letters = BTreeSet::new();
    for row in rows("Letter") {
        for letter in row.code(0) {
            letters.insert(letter.to_owned());
            for count in 1..=5 {
                let format = letter.repeat(count);
                let pattern = format!("%d{{{format}}}{{UTC}}");
                if let [expected] = *row.code(count) {
                    compare(&mut wrong, row.line, &pattern, expected);
                } else {
                    assert_eq!(row.cell(count), NONE, "line {}", row.line);
                    assert!(strict(&pattern).is_err(), "line {}: {pattern}", row.line);
                }
            }
        }
    }
    for row in rows("Zone letters") {
        for (column, zone) in row.heads.iter().enumerate().skip(1) {
            for format in row.code(0) {
                let pattern = format!("%d{{{format}}}{{{}}}", code(zone)[0]);
                compare(&mut wrong, row.line, &pattern, row.code(column)[0]);
            }
        }
    }
    no(&wrong);
    let known = (b'A'..=b'Z')
        .chain(b'a'..=b'z')
        .map(|byte| char::from(byte).to_string());
    let known = known.filter(|letter| {
        let layout = PatternLayout::builder(format!("%d{{{letter}}}"))
            .lenient()
            .build();
        layout.map_or(String::new(), |layout| render(&layout)) != *letter
    });
    assert_eq!(letters, known.collect());
}

#[test]
fn every_conversion_word_is_on_the_page() {
    let source = read("src/layout/keyword.rs");
    let quoted = code_of(&source, "static WORDS").replace('"', "`");
    let words = code(&quoted);
    assert!(words.len() > 80 && words.contains(&"traceId"), "{words:?}");
    let rows: Vec<_> = rows("Pattern").into_iter().chain(rows("Refused")).collect();
    let patterns: Vec<_> = rows.iter().flat_map(|row| row.code(0)).collect();
    let missing: Vec<_> = words
        .into_iter()
        .filter(|word| !patterns.iter().any(|pattern| begins_with(pattern, word)))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}

/// Whether a pattern is of this word, whatever its options.
fn begins_with(pattern: &str, word: &str) -> bool {
    let rest = pattern
        .strip_prefix('%')
        .and_then(|rest| rest.strip_prefix(word));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
}

/// The table of a source file that begins with `head`.
fn code_of<'s>(source: &'s str, head: &str) -> &'s str {
    let (_, table) = source.split_once(head).unwrap();
    let (table, _) = table.split_once("\n];").unwrap();
    table
}

#[test]
fn the_event_of_this_test_is_the_one_of_the_page() {
    let lines = |text: &str, prefix: &str| -> Vec<String> {
        text.lines()
            .map(|line| line.strip_prefix(prefix).unwrap_or(line).trim().to_owned())
            .skip_while(|line| line != "let event = LogEvent::builder()")
            .take_while(|line| line != ".build();")
            .collect()
    };
    let page = lines(&read("src/pattern.rs"), "//! ");
    assert!(page.len() > 10, "{page:?}");
    assert_eq!(page, lines(&read("tests/pattern_docs.rs"), "    "));
}
