//! What the real Log4j 2 prints, row by row: tests/golden says where the rows come from.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::Value;
use tracing::Level;
use tracing_kafka::Escape;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternError;
use tracing_kafka::PatternLayout;

use instant::instant;

#[path = "pattern_golden/instant.rs"]
mod instant;

/// How many portable rows of each file matched last time. Later work may only raise these.
const FLOORS: [(&str, usize); 8] = [
    ("modifiers", 230),
    ("abbreviation", 259),
    ("dates", 633),
    ("parser", 266),
    ("level", 163),
    ("context", 242),
    ("composite", 0),
    ("whole", 135),
];
/// What the first four of them are promised to reach together.
const PROMISED: usize = 1_350;

/// Rows of one file, one JSON object a line. Only `\n` ends a line: texts hold U+0085 and U+2028.
fn rows(name: &str) -> Vec<Value> {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.push("tests/golden");
    path.push(format!("golden-{name}.jsonl"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text<'r>(row: &'r Value, key: &str) -> &'r str {
    row[key].as_str().unwrap_or_default()
}

fn is_portable(row: &Value) -> bool {
    row["portable"] == Value::Bool(true)
}

fn layout(row: &Value, is_lenient: bool) -> Result<PatternLayout, PatternError> {
    let zone = row["zone"].as_str().unwrap_or("UTC");
    let locale = row["locale"].as_str().unwrap_or("en-US");
    let builder = PatternLayout::builder(text(row, "pattern"))
        .zone(zone)
        .locale(locale)
        .escape(Escape::None);
    if is_lenient {
        builder.lenient().build()
    } else {
        builder.build()
    }
}

fn pairs(object: &Value) -> Vec<(&str, &str)> {
    let object = object.as_object();
    let entries = object.into_iter().flatten();
    entries
        .map(|(k, v)| (k.as_str(), v.as_str().unwrap()))
        .collect()
}

/// The event of a row; none for levels that `tracing` does not have.
fn event(row: &Value) -> Option<LogEvent<'_>> {
    let event = &row["event"];
    let level: Level = text(event, "level").parse().ok()?;
    let mut builder = LogEvent::builder()
        .instant(instant(text(event, "instant")))
        .level(level)
        .target(text(event, "logger"))
        .thread(text(event, "thread"), event["thread_id"].as_u64().unwrap())
        // A span's name would stand for it otherwise.
        .method("");
    if event["map"].is_object() {
        for (name, value) in pairs(&event["map"]) {
            builder = builder.field(name, value);
        }
    } else {
        builder = builder.message(text(event, "message"));
    }
    if let Some(marker) = event["marker"].as_str() {
        builder = builder.marker(marker);
    }
    let location = &event["location"];
    if location.is_object() {
        let line = location["line"]
            .as_u64()
            .map(|line| line.try_into().unwrap());
        builder = builder
            .location(location["class"].as_str(), location["file"].as_str(), line)
            .method(text(location, "method"));
    }
    let mut names: Vec<&str> = event["ndc"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap())
        .collect();
    let fields = pairs(&event["mdc"]);
    if names.is_empty() && !fields.is_empty() {
        // A span without a name shows in a list of names as if it were not there.
        names.push("");
    }
    if let Some((last, before)) = names.split_last() {
        for name in before {
            builder = builder.span(name, []);
        }
        builder = builder.span(last, fields);
    }
    Some(builder.build())
}

fn rendered(row: &Value) -> Result<String, String> {
    let layout = layout(row, true).map_err(|error| error.to_string())?;
    let event = event(row).ok_or("no such level")?;
    let mut out = Vec::new();
    layout.render(&event, &mut out);
    String::from_utf8(out).map_err(|error| error.to_string())
}

#[test]
fn portable_rows_match_at_least_as_often_as_before() {
    let mut failed = String::new();
    let mut promised = 0;
    for (index, (name, floor)) in FLOORS.into_iter().enumerate() {
        let rows = rows(name);
        let portable = rows.iter().filter(|row| is_portable(row));
        let (mut matched, mut total, mut shown) = (0, 0, 0);
        for row in portable {
            total += 1;
            let expected = Ok(text(row, "output").to_owned());
            let printed = rendered(row);
            if printed == expected {
                matched += 1;
            } else if shown < 5 || std::env::var_os("ALL_ROWS").is_some() {
                shown += 1;
                println!(
                    "{}: {:?}\n  expected {expected:?}\n  printed  {printed:?}",
                    text(row, "id"),
                    text(row, "pattern")
                );
            }
        }
        println!("{name}: {matched} of {total} portable rows match");
        if index < 4 {
            promised += matched;
        }
        if matched < floor {
            writeln!(failed, "{name}: {matched} rows match, {floor} did before").unwrap();
        }
    }
    println!("the first four together: {promised}");
    assert!(promised >= PROMISED, "{promised} of {PROMISED} rows match");
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn widths_count_characters() {
    let mut counted = 0;
    for row in rows("modifiers") {
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
    assert_eq!(counted, 13);
}

#[test]
fn what_log4j_throws_on_is_refused_in_both_modes() {
    let mut refused = 0;
    for row in rows("parser").iter().chain(&rows("composite")) {
        if row["throws"].is_string() {
            assert!(layout(row, false).is_err(), "{}", text(row, "id"));
            assert!(layout(row, true).is_err(), "{}", text(row, "id"));
            refused += 1;
        }
    }
    assert_eq!(refused, 12);
}

#[test]
fn what_log4j_complains_about_is_refused_when_strict() {
    for (name, _) in FLOORS {
        for row in rows(name) {
            let is_complained_about = !row["status"].as_array().unwrap().is_empty();
            if is_complained_about {
                let pattern = text(&row, "pattern");
                assert!(
                    layout(&row, false).is_err(),
                    "{} {pattern:?}",
                    text(&row, "id")
                );
            }
        }
    }
}

#[test]
fn what_strict_accepts_both_modes_print_alike() {
    for (name, _) in FLOORS {
        for row in rows(name) {
            let (Ok(strict), Some(event)) = (layout(&row, false), event(&row)) else {
                continue;
            };
            let mut out = Vec::new();
            strict.render(&event, &mut out);
            let out = String::from_utf8(out).unwrap();
            // Sequence numbers and the like are in no row.
            assert_eq!(rendered(&row), Ok(out), "{}", text(&row, "id"));
        }
    }
}

/// Other implementations need not know names of zones or periods of the day. This one does, in English.
#[test]
fn dates_match_where_their_words_are_english_portable_or_not() {
    let (mut matched, mut foreign) = (0, 0);
    for row in rows("dates") {
        if is_portable(&row) || text(&row, "why").starts_with("seconds before 1970") {
            continue;
        }
        let layout = layout(&row, true).unwrap();
        let mut warnings = layout.warnings().iter().map(ToString::to_string);
        if warnings.any(|warning| warning.contains("no words in the language")) {
            foreign += 1;
            continue;
        }
        let expected = Ok(text(&row, "output").to_owned());
        assert_eq!(rendered(&row), expected, "{}", text(&row, "id"));
        matched += 1;
    }
    assert_eq!((matched, foreign), (47, 14));
}
