//! JSON records: one line and valid whatever is in an event, and as the schemas' readers expect them.
#![cfg(test)]

#[path = "json/live.rs"]
mod live;
#[path = "json/readers.rs"]
mod readers;
#[path = "json/rules.rs"]
mod rules;
#[path = "json/strict.rs"]
mod strict;

use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::Value as Json;
use tracing_kafka::JsonLayout;
use tracing_kafka::JsonSchema;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::Value;

const SCHEMAS: [JsonSchema; 4] = [
    JsonSchema::Own,
    JsonSchema::Ecs,
    JsonSchema::Logstash,
    JsonSchema::Gelf,
];

/// The record of `text` that keeps the rules of `schema`.
#[track_caller]
fn checked(schema: JsonSchema, text: &str) -> Json {
    assert!(!text.chars().any(is_hostile), "{text:?}");
    let record = strict::read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    match schema {
        JsonSchema::Ecs => rules::check_ecs(&record, text),
        JsonSchema::Logstash => rules::check_logstash(&record),
        JsonSchema::Gelf => rules::check_gelf(&record),
        _ => {}
    }
    record
}

/// What could end a line, move a cursor or turn letters round.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
        )
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

fn render(layout: &JsonLayout, event: &LogEvent<'_>) -> String {
    let mut out = b"before\n".to_vec();
    layout.render(event, &mut out);
    let text = String::from_utf8(out).unwrap();
    text.strip_prefix("before\n").unwrap().to_owned()
}

/// A part of an event: any text, and often one that is made to be trouble.
fn text() -> impl Strategy<Value = String> {
    let hostile = prop::sample::select(vec![
        '\n', '\r', '\t', '\0', '\u{1b}', '\u{7f}', '\u{85}', '\u{9b}', '"', '\\', '\u{2028}',
        '\u{202e}', '\u{2066}', '\u{61c}', '\u{feff}', 'é', '😀', '.', '*', '_',
    ]);
    let mixed = prop::collection::vec(prop_oneof![3 => hostile, 1 => any::<char>()], 0..40);
    prop_oneof![
        any::<String>(),
        mixed.prop_map(|chars| chars.into_iter().collect::<String>()),
        "[ -~]{0,40}",
    ]
}

/// A name of a field: often one that is there already.
fn name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "a",
        "b",
        "a.b",
        "a_b",
        "level",
        "field_level",
        "span_level",
        "message",
        "id",
        "field_id",
        "@timestamp",
        "spans",
        "error",
        "host",
        "version",
        "log",
        "",
    ]);
    prop_oneof![3 => known.prop_map(str::to_owned), 1 => text()]
}

fn fields(most: usize) -> impl Strategy<Value = Vec<(String, String)>> {
    prop::collection::vec((name(), text()), 0..most)
}

#[derive(Debug, Clone)]
struct Parts {
    message: String,
    target: String,
    thread: String,
    place: String,
    fields: Vec<(String, String)>,
    spans: Vec<(String, Vec<(String, String)>)>,
    constant: (String, String),
}

fn parts() -> impl Strategy<Value = Parts> {
    let spans = prop::collection::vec((text(), fields(5)), 0..4);
    let texts = (text(), text(), text(), text());
    (texts, fields(8), spans, (name(), text())).prop_map(
        |((message, target, thread, place), fields, spans, constant)| Parts {
            message,
            target,
            thread,
            place,
            fields,
            spans,
            constant,
        },
    )
}

impl Parts {
    fn event(&self) -> LogEvent<'_> {
        let mut event = LogEvent::builder()
            .message(&self.message)
            .target(&self.target)
            .thread(&self.thread, 5)
            .location(Some(&self.place), Some(&self.place), Some(9));
        for (name, value) in &self.fields {
            event = event.field(name, value.as_str());
        }
        for (name, fields) in &self.spans {
            event = event.span(name, fields.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        }
        event.build()
    }

    /// A layout with the constant field, if it may have that.
    fn layout(&self, schema: JsonSchema) -> (JsonLayout, bool) {
        let plain = || JsonLayout::builder(schema).location(true);
        let (name, value) = &self.constant;
        match plain().field(name, value.as_str()).build() {
            Ok(layout) => (layout, true),
            Err(_) => (plain().build().unwrap(), false),
        }
    }

    fn merged(&self) -> BTreeMap<&str, &str> {
        let fields = self.spans.iter().flat_map(|(_, fields)| fields);
        last(fields)
    }
}

fn last<'a>(fields: impl IntoIterator<Item = &'a (String, String)>) -> BTreeMap<&'a str, &'a str> {
    let pairs = fields.into_iter();
    pairs.map(|(n, v)| (n.as_str(), v.as_str())).collect()
}

/// Whether `object` has `value` by `name` behind a prefix that is there so many times as needed.
fn has_renamed(
    object: &Json,
    key: impl Fn(&str) -> String,
    prefix: &str,
    name: &str,
    value: &str,
) -> bool {
    (0..12).any(|times| {
        let key = key(&format!("{}{name}", prefix.repeat(times)));
        object.get(key).is_some_and(|found| found == value)
    })
}

/// Whether Elasticsearch takes it for no name.
fn is_blank(name: &str) -> bool {
    name.chars().all(|c| c.is_whitespace() || c.is_control())
}

fn label(name: &str) -> String {
    let label = name.replace(['.', '*', '\\', '"', '[', ']'], "_");
    if is_blank(&label) {
        "_".to_owned()
    } else {
        label
    }
}

fn path(name: &str) -> String {
    let name = name.replace(['[', ']'], "_");
    let mut path = String::new();
    let parts: Vec<&str> = name.split('.').collect();
    for pair in parts.windows(2) {
        path.push_str(pair[0]);
        let is_kept = !is_blank(pair[0]) && !is_blank(pair[1]);
        path.push(if is_kept { '.' } else { '_' });
    }
    path.push_str(parts.last().unwrap());
    if is_blank(&path) {
        "_".to_owned()
    } else {
        path
    }
}

fn gelf_name(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let name: String = name
        .chars()
        .map(|c| if allowed(c) { c } else { '_' })
        .collect();
    if name.is_empty() {
        "_".to_owned()
    } else {
        name
    }
}

fn object(fields: &BTreeMap<&str, &str>) -> Json {
    fields
        .iter()
        .map(|(n, v)| ((*n).to_owned(), Json::from(*v)))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_own_record_says_what_the_event_said(parts in parts()) {
        let (layout, has_constant) = parts.layout(JsonSchema::Own);
        let record = checked(JsonSchema::Own, &render(&layout, &parts.event()));
        prop_assert_eq!(&record["message"], &parts.message);
        prop_assert_eq!(&record["target"], &parts.target);
        prop_assert_eq!(&record["thread"], &parts.thread);
        prop_assert_eq!(&record["file"], &parts.place);
        prop_assert_eq!(&record["module"], &parts.place);
        if has_constant {
            prop_assert_eq!(&record[&parts.constant.0], &parts.constant.1);
        }
        let known = record.get("fields").cloned().unwrap_or_else(|| object(&BTreeMap::new()));
        prop_assert_eq!(known, object(&last(&parts.fields)));
        let known = record.get("span_fields").cloned();
        prop_assert_eq!(known.unwrap_or_else(|| object(&BTreeMap::new())), object(&parts.merged()));
        let known = record.get("spans").and_then(Json::as_array).cloned().unwrap_or_default();
        prop_assert_eq!(known.len(), parts.spans.len());
        for (span, (name, fields)) in known.iter().zip(&parts.spans) {
            prop_assert_eq!(&span["name"], name);
            let own = span.get("fields").cloned().unwrap_or_else(|| object(&BTreeMap::new()));
            prop_assert_eq!(own, object(&last(fields)));
        }
    }

    #[test]
    fn records_of_the_other_schemas_lose_nothing_to_a_clash(parts in parts()) {
        type Spelling = fn(&str) -> String;
        let others: [(JsonSchema, &str, &str, Spelling); 3] = [
            (JsonSchema::Ecs, "message", "", label),
            (JsonSchema::Logstash, "message", "", path),
            (JsonSchema::Gelf, "short_message", "_", gelf_name),
        ];
        for (schema, message, before, spelling) in others {
            let (layout, has_constant) = parts.layout(schema);
            let record = checked(schema, &render(&layout, &parts.event()));
            let is_unseen = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
            if schema == JsonSchema::Gelf && parts.message.chars().all(is_unseen) {
                prop_assert_eq!(&record[message], "-");
            } else {
                prop_assert_eq!(&record[message], &parts.message);
            }
            if has_constant {
                let object = match schema {
                    JsonSchema::Ecs => &record["labels"],
                    _ => &record,
                };
                let key = format!("{before}{}", spelling(&parts.constant.0));
                prop_assert_eq!(&object[&key], &parts.constant.1);
            }
            let key = |name: &str| format!("{before}{}", spelling(name));
            let empty = object(&BTreeMap::new());
            let members = match schema {
                JsonSchema::Ecs => record.get("labels").unwrap_or(&empty),
                _ => &record,
            };
            for (origin, fields) in [("field_", last(&parts.fields)), ("span_", parts.merged())] {
                for (name, value) in fields {
                    prop_assert!(
                        has_renamed(members, key, origin, name, value),
                        "{} is not in {:#}", name, record
                    );
                }
            }
        }
    }

    #[test]
    fn numbers_come_back_as_they_were(int in any::<i64>(), uint in any::<u64>(), float in any::<f64>()) {
        let event = LogEvent::builder()
            .field("int", int)
            .field("uint", uint)
            .field("float", float)
            .typed_span("s", [("in_span", Value::F64(float))])
            .build();
        for schema in SCHEMAS {
            let layout = JsonLayout::builder(schema).build().unwrap();
            let record = checked(schema, &render(&layout, &event));
            let before = if schema == JsonSchema::Gelf { "_" } else { "" };
            let (fields, span_fields) = match schema {
                JsonSchema::Own => (&record["fields"], &record["span_fields"]),
                JsonSchema::Ecs => (&record["labels"], &record["labels"]),
                _ => (&record, &record),
            };
            let field = |name: &str| &fields[format!("{before}{name}")];
            prop_assert_eq!(field("int").as_i64(), Some(int));
            if schema == JsonSchema::Own || i64::try_from(uint).is_ok() {
                prop_assert_eq!(field("uint").as_u64(), Some(uint));
            } else {
                prop_assert_eq!(field("uint"), &Json::from(uint.to_string()));
            }
            for float_again in [field("float"), &span_fields[format!("{before}in_span")]] {
                if float.is_finite() {
                    prop_assert_eq!(float_again.as_f64().map(f64::to_bits), Some(float.to_bits()));
                } else {
                    let name = float.to_string().replace("inf", "Infinity");
                    prop_assert_eq!(float_again.as_str(), Some(name.as_str()));
                }
            }
        }
    }
}
