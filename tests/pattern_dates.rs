//! What the real Log4j 2 prints for dates in every time zone and region: tests/golden says where that is from.
#![cfg(test)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternError;
use tracing_kafka::PatternLayout;

#[path = "../examples/pattern/rows.rs"]
#[expect(dead_code, reason = "only its reading of times is needed")]
mod golden;

fn instant(text: &str) -> std::time::SystemTime {
    golden::parse_instant(text).unwrap()
}

/// How many zones may have another offset than in the time zone database of the golden rows: the
/// machine's may be older or newer.
const MOST_MOVED: usize = 20;

/// One pattern for all of several zones or locales, and what it prints at several times.
struct Row {
    pattern: String,
    /// What `members` stand for in the pattern.
    placeholder: &'static str,
    members: Vec<String>,
    instants: Vec<String>,
    output: Vec<String>,
}

fn rows(name: &str, placeholder: &'static str) -> Vec<Row> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let texts = |key: &str| -> Vec<String> {
            let values = row[key].as_array().unwrap();
            values
                .iter()
                .map(|v| v.as_str().unwrap().to_owned())
                .collect()
        };
        Row {
            pattern: row["pattern"].as_str().unwrap().to_owned(),
            placeholder,
            members: texts(placeholder),
            instants: texts("instants"),
            output: texts("output"),
        }
    };
    text.lines().map(row).collect()
}

impl Row {
    fn pattern(&self, member: &str) -> String {
        self.pattern.replace(self.placeholder, member)
    }

    /// What is printed, and what should be, each with its member.
    fn compared(&self) -> impl Iterator<Item = (&str, String, &str)> {
        self.members.iter().flat_map(move |member| {
            let layout = layout(&self.pattern(member), true).unwrap();
            let times = self.instants.iter().zip(&self.output);
            times.map(move |(time, expected)| (&**member, text(&layout, time), &**expected))
        })
    }
}

fn layout(pattern: &str, is_lenient: bool) -> Result<PatternLayout, PatternError> {
    let builder = PatternLayout::builder(pattern).zone("UTC");
    if is_lenient {
        builder.lenient().build()
    } else {
        builder.build()
    }
}

fn text(layout: &PatternLayout, time: &str) -> String {
    let event = LogEvent::builder().instant(instant(time)).build();
    let mut out = Vec::new();
    layout.render(&event, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn every_zone_has_javas_offsets_and_names() {
    let mut moved = BTreeSet::new();
    let mut wrong = BTreeMap::new();
    let mut count = 0;
    for row in rows("zones.jsonl", "ZONE") {
        for (zone, printed, expected) in row.compared() {
            count += 1;
            if printed == expected {
                continue;
            }
            // Date, clock and offset.
            let clock = |text: &str| text.split('|').next().unwrap().to_owned();
            if printed.contains(':') && clock(&printed) != clock(expected) {
                moved.insert(zone.to_owned());
            } else {
                wrong.insert((row.pattern(zone), expected.to_owned()), printed);
            }
        }
    }
    println!("of another time zone database: {moved:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(moved.len() <= MOST_MOVED, "{moved:?}");
    assert!(count > 5_000, "{count}");
}

#[test]
fn every_region_has_javas_weeks_and_words() {
    let mut count = 0;
    for row in rows("locales.jsonl", "LOCALE") {
        for (locale, printed, expected) in row.compared() {
            assert_eq!(printed, expected, "{locale}: {}", row.pattern(locale));
            count += 1;
        }
    }
    assert!(count > 30_000, "{count}");
}

#[test]
fn what_only_java_would_guess_is_refused_when_strict() {
    for id in [
        "PST",
        "IST",
        "BST",
        "CST",
        "ACT",
        "Z",
        "UT",
        "UTC+2",
        "pst",
        "",
        "GMT+18:01",
    ] {
        assert!(layout(&format!("%d{{HH}}{{{id}}}"), false).is_err(), "{id}");
    }
    for id in [
        "EST",
        "MST",
        "HST",
        "EST5EDT",
        "Etc/GMT+5",
        "SystemV/EST5",
        "GMT0",
        "Zulu",
    ] {
        assert!(layout(&format!("%d{{HH}}{{{id}}}"), false).is_ok(), "{id}");
    }
}
