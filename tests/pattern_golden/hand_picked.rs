//! Reads tests/golden/hand-picked.txt: patterns with what Log4j printed, and the state they were printed in.

use std::collections::BTreeMap;

use serde_json::Map;
use serde_json::Value;
use serde_json::json;

/// A row in the form of the other golden files, and what only Java can be given.
pub(crate) struct Row {
    pub(crate) line: usize,
    pub(crate) input: Value,
    pub(crate) expected: String,
    /// The exception that the event had, if it had one.
    pub(crate) exception: Option<String>,
}

/// All rows of the file.
pub(crate) fn rows(text: &str) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut state = BTreeMap::new();
    for (index, line) in text.split('\n').enumerate() {
        if line.starts_with("==") {
            state.clear();
        } else if let Some((pattern, output)) = line.split_once('\t') {
            let output = output.trim_start_matches('«').trim_end_matches('»');
            rows.push(Row {
                line: index + 1,
                input: json!({ "pattern": pattern, "event": event(&state) }),
                expected: unescaped(output),
                exception: state.get("ex").or(state.get("ex2")).cloned(),
            });
        } else if let Some((name, value)) = line.strip_prefix('!').and_then(|l| l.split_once('=')) {
            set(&mut state, name, value);
        }
    }
    rows
}

fn set(state: &mut BTreeMap<String, String>, name: &str, value: &str) {
    // One kind of marker, of place or of exception takes the place of the other.
    let rivals: &[&str] = match name {
        "marker" | "markerp" => &["marker", "markerp"],
        "src" | "srcnull" => &["src", "srcnull"],
        "ex" | "ex2" => &["ex", "ex2"],
        "msg" | "map" => &["map"],
        _ => &[],
    };
    for rival in rivals {
        state.remove(*rival);
    }
    if value.is_empty() {
        state.remove(name);
    } else {
        state.insert(name.to_owned(), unescaped(value));
    }
}

/// The reference event with what the state changes.
fn event(state: &BTreeMap<String, String>) -> Value {
    let get = |name: &str| state.get(name).map(String::as_str);
    let instant = match get("ms") {
        None => "2012-11-02T14:34:02.123456789Z".to_owned(),
        // The one other time in the file.
        Some("1700000000999") => format!("2023-11-14T22:13:20.999{}Z", get("nanos").unwrap()),
        Some(other) => panic!("no such time: {other}"),
    };
    let mut event = Map::new();
    event.insert("instant".into(), instant.into());
    event.insert("level".into(), get("level").unwrap_or("INFO").into());
    event.insert(
        "logger".into(),
        get("logger").unwrap_or("org.apache.commons.Foo").into(),
    );
    event.insert(
        "message".into(),
        get("msg").unwrap_or("Hello, world").into(),
    );
    event.insert("thread".into(), "main".into());
    event.insert("thread_id".into(), 7.into());
    event.insert("mdc".into(), map(get("mdc")));
    let names = get("ndc").map(|names| names.split(';').collect::<Vec<_>>());
    event.insert("ndc".into(), json!(names.unwrap_or_default()));
    if let Some(fields) = get("map") {
        event.insert("map".into(), map(Some(fields)));
    }
    if let Some(names) = get("marker").or(get("markerp")) {
        let mut names = names.split(':');
        event.insert("marker".into(), names.next().into());
        event.insert("marker_parents".into(), json!(names.collect::<Vec<_>>()));
    }
    if get("src").is_some() {
        let place =
            json!({ "class": "com.acme.App", "method": "run", "file": "App.java", "line": 42 });
        event.insert("location".into(), place);
    } else if get("srcnull").is_some() {
        event.insert(
            "location".into(),
            json!({ "class": "com.acme.App", "method": "run" }),
        );
    }
    event.into()
}

/// `k:v;k:v`
fn map(text: Option<&str>) -> Value {
    let pairs = text.into_iter().flat_map(|text| text.split(';'));
    pairs
        .map(|pair| pair.split_once(':').unwrap())
        .map(|(name, value)| (name.to_owned(), Value::from(value)))
        .collect::<Map<_, _>>()
        .into()
}

/// Resolves `\n`, `\r`, `\t`, `\e`, `\\` and `\uXXXX`.
fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next().unwrap() {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'e' => out.push('\u{1b}'),
            'u' => {
                let digits: String = chars.by_ref().take(4).collect();
                let code = u32::from_str_radix(&digits, 16).unwrap();
                out.push(char::from_u32(code).unwrap());
            }
            other => out.push(other),
        }
    }
    out
}
