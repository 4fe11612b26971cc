//! What the real Log4j 2 prints, row by row: tests/golden says where the rows come from.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "pattern_golden/hand_picked.rs"]
mod hand_picked;
#[path = "../examples/pattern/rows.rs"]
mod rows;

use std::path::PathBuf;

use serde_json::Value;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;

const FILES: [&str; 8] = [
    "modifiers",
    "abbreviation",
    "dates",
    "level",
    "context",
    "composite",
    "parser",
    "whole",
];
/// How many rows they have, and how many of them are portable.
const ROWS: usize = 2_748;
const PORTABLE: usize = 2_607;
/// Of the others, those that are printed alike all the same, and those that are not.
const NOT_PORTABLE: (usize, usize) = (61, 68);
/// Rows that Log4j complains about.
const COMPLAINTS: usize = 284;

/// Portable rows that print something else here.
const DIFFERENT: [(&str, &str); 1] = [(
    "composite-0259",
    "Log4j throws as soon as something matches; such a substitution is refused beforehand",
)];

fn file(name: &str) -> String {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.push("tests/golden");
    path.push(name);
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Rows of one file, one JSON object a line. Only `\n` ends a line: texts hold U+0085 and U+2028.
fn golden(name: &str) -> Vec<Value> {
    file(&format!("golden-{name}.jsonl"))
        .split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn all() -> impl Iterator<Item = Value> {
    FILES.into_iter().flat_map(golden)
}

fn text<'r>(row: &'r Value, key: &str) -> &'r str {
    row[key].as_str().unwrap_or_default()
}

fn is_portable(row: &Value) -> bool {
    row["portable"] == Value::Bool(true)
}

fn strict(row: &Value) -> Result<PatternLayout, String> {
    rows::layout(row, false)
}

fn lenient(row: &Value) -> Result<PatternLayout, String> {
    rows::layout(row, true)
}

fn rendered(row: &Value) -> Result<String, String> {
    lenient(row).and_then(|layout| rows::rendered(row, &layout))
}

#[test]
fn every_portable_row_is_printed_as_log4j_prints_it() {
    let mut wrong = Vec::new();
    let (mut total, mut portable) = (0, 0);
    for row in all() {
        total += 1;
        if !is_portable(&row) {
            continue;
        }
        portable += 1;
        let id = text(&row, "id");
        let printed = rendered(&row);
        let is_equal = printed.as_deref() == Ok(text(&row, "output"));
        match DIFFERENT.iter().find(|(known, _)| *known == id) {
            Some((_, reason)) if !is_equal => println!("{id} {:?}: {reason}", row["pattern"]),
            None if is_equal => {}
            _ => wrong.push(format!(
                "{id}: {:?}\n  Log4j prints {}\n  here is {printed:?}",
                row["pattern"], row["output"]
            )),
        }
    }
    assert_eq!((total, portable), (ROWS, PORTABLE));
    assert!(
        wrong.is_empty(),
        "{} rows\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn rows_that_another_implementation_need_not_print_are_told_with_their_reason() {
    let mut same = 0;
    let mut others = std::collections::BTreeMap::<String, Vec<String>>::new();
    for row in all().filter(|row| !is_portable(row) && row["output"].is_string()) {
        let printed = rendered(&row);
        if printed.as_deref() == Ok(text(&row, "output")) {
            same += 1;
        } else {
            let ids = others.entry(text(&row, "why").to_owned()).or_default();
            ids.push(text(&row, "id").to_owned());
        }
    }
    println!("{same} rows are printed alike all the same");
    for (why, ids) in &others {
        println!("{why}: {}", ids.join(" "));
    }
    let others: usize = others.values().map(Vec::len).sum();
    assert_eq!((same, others), NOT_PORTABLE);
}

#[test]
fn widths_count_characters() {
    let mut counted = 0;
    for row in all() {
        if let Some(expected) = row["chars_output"].as_str() {
            assert_eq!(
                rendered(&row).as_deref(),
                Ok(expected),
                "{}",
                text(&row, "id")
            );
            counted += 1;
        }
    }
    assert_eq!(counted, 14);
}

#[test]
fn what_log4j_throws_on_is_refused_in_both_modes() {
    let mut refused = 0;
    for row in all().filter(|row| row["throws"].is_string()) {
        assert!(strict(&row).is_err(), "{}", text(&row, "id"));
        assert!(lenient(&row).is_err(), "{}", text(&row, "id"));
        refused += 1;
    }
    assert_eq!(refused, 12);
}

#[test]
fn what_log4j_complains_about_is_refused_when_strict_and_told_when_lenient() {
    let mut complaints = 0;
    for row in all().filter(|row| !row["status"].as_array().unwrap().is_empty()) {
        complaints += 1;
        let (id, pattern) = (text(&row, "id"), text(&row, "pattern"));
        assert!(strict(&row).is_err(), "{id} {pattern:?}");
        if let Ok(layout) = lenient(&row) {
            assert!(!layout.warnings().is_empty(), "{id} {pattern:?}");
        }
    }
    assert_eq!(complaints, COMPLAINTS);
}

#[test]
fn what_strict_accepts_both_modes_print_alike() {
    let mut accepted = 0;
    for row in all() {
        let Ok(layout) = strict(&row) else { continue };
        let Ok(printed) = rows::rendered(&row, &layout) else {
            continue;
        };
        // Sequence numbers and the like are in no row.
        assert_eq!(rendered(&row), Ok(printed), "{}", text(&row, "id"));
        accepted += 1;
    }
    assert!(accepted > 2_000, "{accepted}");
}

/// Hand-picked rows that print something else here, by their line, with the reason.
const DIFFERENT_BY_HAND: [(&str, &str); 28] = [
    ("91 %.5m!", WIDTHS),
    ("93 %12m!", WIDTHS),
    ("94 %-14m!", WIDTHS),
    (
        "149 %c{1} %c{1.} %c{-1}",
        "`::` separates words, as it does in targets",
    ),
    ("203 %d{DATE}{UTC}{fr-FR}", "words of dates are English"),
    (
        "288 %m",
        "the text that Java makes of a map; an event without a message has none",
    ),
    (
        "296 %t %tn %thread %threadName %T %tid %threadId %tp %threadPriority",
        "threads have no priority",
    ),
    (
        "297 %endOfBatch %N",
        "`%N` counts, and the row was made with that clock switched off",
    ),
    (
        "386 %highlight{%p} %highlight{%p}{STYLE=logback}",
        "`tracing` has no level FATAL",
    ),
    ("396 %m", APPENDED),
    ("397 %m%n", APPENDED),
    ("398 %m%n!", APPENDED),
    ("402 %m%ex!", FRAMES),
    ("405 %m %ex{short}!", FRAMES),
    (
        "408 %ex{short.message} %ex{short.className} %ex{short.methodName} %ex{short.fileName} %ex{short.lineNumber}",
        FRAMES,
    ),
    ("409 %xEx", FRAMES),
    ("411 %ex", FRAMES),
    ("412 %rEx", FRAMES),
    ("413 %ex{3}", FRAMES),
    ("414 %ex{4}", FRAMES),
    ("415 %rEx{3}", FRAMES),
    (
        "416 %ex{short.message}/%rEx{short.message}/%ex{short.className}/%rEx{short.className}",
        FRAMES,
    ),
    ("417 %ex{filters(org.lib)}", FRAMES),
    ("418 %ex{filters(com.acme)}", FRAMES),
    ("419 %ex{full,filters(org.lib)}", FRAMES),
    ("420 %ex{separator( ~ )}", FRAMES),
    ("421 %ex{suffix(%t)}", FRAMES),
    ("423 %ex", FRAMES),
];
const WIDTHS: &str = "widths count characters, and Log4j's UTF-16 code units";
const FRAMES: &str = "an error has no stack frames: only its text and its causes are shown";
const APPENDED: &str = "an error is shown only where the pattern asks for it";

#[test]
fn every_row_picked_by_hand_is_printed_as_log4j_prints_it() {
    let mut wrong = Vec::new();
    let rows = hand_picked::rows(&file("hand-picked.txt"));
    for row in &rows {
        let pattern = text(&row.input, "pattern");
        let printed = match &row.exception {
            None => rendered(&row.input),
            Some(text) => with_error(&row.input, text),
        };
        let is_equal = printed.as_deref() == Ok(row.expected.as_str());
        let key = format!("{} {pattern}", row.line);
        match DIFFERENT_BY_HAND.iter().find(|(known, _)| *known == key) {
            Some((_, reason)) if !is_equal => println!("{key}: {reason}"),
            None if is_equal => {}
            _ => wrong.push(format!(
                "{key}\n  Log4j prints {:?}\n  here is {printed:?}",
                row.expected
            )),
        }
    }
    assert_eq!(rows.len(), 385);
    assert!(
        wrong.is_empty(),
        "{} rows\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// An error where Log4j had an exception: the same text, and the same cause.
fn with_error(row: &Value, exception: &str) -> Result<String, String> {
    #[derive(Debug)]
    struct Failure(&'static str, Option<Box<Self>>);
    impl std::fmt::Display for Failure {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }
    }
    impl std::error::Error for Failure {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(self.1.as_deref()?)
        }
    }
    let error = match exception {
        "boom" if text(row, "pattern").contains("short.message") => Failure("boom", None),
        // What Java prints on the first line.
        "boom" => Failure("java.lang.IllegalStateException: boom", None),
        _ => Failure("save failed", Some(Box::new(Failure("disk full", None)))),
    };
    let event = LogEvent::builder()
        .message("Hello, world")
        .field("error", tracing_kafka::Value::Error(&error))
        .build();
    let mut out = Vec::new();
    lenient(row)?.render(&event, &mut out);
    String::from_utf8(out).map_err(|error| error.to_string())
}

#[test]
fn a_row_with_a_value_of_another_type_or_an_impossible_time_is_refused() {
    let error = |event: Value| {
        let row = serde_json::json!({ "pattern": "%d %m %X", "event": event });
        rows::rendered(&row, &rows::layout(&row, true).unwrap()).unwrap_err()
    };
    for (event, expected) in [
        (
            r#"{"message":5}"#,
            "expected a text as `message`, found `5`",
        ),
        (
            r#"{"mdc":{"a":1}}"#,
            "expected an object of texts as `mdc`, found `{\"a\":1}`",
        ),
        (
            r#"{"ndc":[1]}"#,
            "expected a list of texts as `ndc`, found `[1]`",
        ),
        (
            r#"{"thread_id":-1}"#,
            "expected a whole number as `thread_id`, found `-1`",
        ),
        (r#"{"message":"no time"}"#, "expected a time as `instant`"),
    ] {
        assert_eq!(error(serde_json::from_str(event).unwrap()), expected);
    }
    for instant in [
        "2012-13-01T00:00:00Z",
        "2011-02-29T00:00:00Z",
        "2012-02-29T24:00:00Z",
        "2012-02-29T00:00:-2Z",
        "2012-02-29T00:00:00.1234567890Z",
        "99999999999999999-01-01T00:00:00Z",
    ] {
        let error = error(serde_json::json!({ "instant": instant }));
        assert!(error.contains(instant), "{error}");
    }
}
