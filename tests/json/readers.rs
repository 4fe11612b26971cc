//! What the readers of the schemas take: names, types and sizes.

use serde_json::Value as Json;
use tracing_kafka::JsonLayout;
use tracing_kafka::JsonSchema;
use tracing_kafka::LogEvent;
use tracing_kafka::Value;

use super::checked;
use super::render;

fn record(schema: JsonSchema, event: &LogEvent<'_>) -> Json {
    let layout = JsonLayout::builder(schema).build().unwrap();
    checked(schema, &render(&layout, event))
}

#[test]
fn ecs_takes_its_own_names_with_its_types() {
    let event = LogEvent::builder()
        .typed_span("request", [("http.request.id", Value::U64(7))])
        .span("inner", [("user.id", "span"), ("client.ip", "1.2.3.4:80")])
        .field("http.response.status_code", "200")
        .field("url.path", "/a")
        .field("event.duration", 5)
        .field("user.id", "bob")
        .field("user", "x")
        .field("trace.id", "t")
        .field("http.response.bytes", "many")
        .field("log.level", "mine")
        .build();
    let record = record(JsonSchema::Ecs, &event);
    assert_eq!(record["http.request.id"], "7");
    assert_eq!(record["http.response.status_code"], 200);
    assert_eq!(record["url.path"], "/a");
    assert_eq!(record["event.duration"], 5);
    assert_eq!(record["user.id"], "bob");
    assert_eq!(record["trace.id"], "t");
    let labels = &record["labels"];
    assert_eq!(labels["user"], "x");
    assert_eq!(labels["user_id"], "span");
    assert_eq!(labels["client_ip"], "1.2.3.4:80");
    assert_eq!(labels["http_response_bytes"], "many");
    assert_eq!(labels["log_level"], "mine");
    assert_eq!(record["log.level"], "INFO");
}

#[test]
fn the_last_value_of_a_field_of_ecs_counts() {
    let event = LogEvent::builder()
        .field("url.path", "/a")
        .field("url.query", "q")
        .field("url.path", "/b")
        .build();
    let record = record(JsonSchema::Ecs, &event);
    assert_eq!(record["url.path"], "/b");
    assert_eq!(record["url.query"], "q");
}

#[test]
fn constants_of_ecs_are_fields_of_it_or_labels() {
    let layout = JsonLayout::ecs()
        .field("service.name", "orders")
        .field("process.parent.pid", "7")
        .field("team", "blue")
        .build()
        .unwrap();
    let event = LogEvent::builder()
        .field("service.name", "other")
        .field("team", 1);
    let record = checked(JsonSchema::Ecs, &render(&layout, &event.build()));
    assert_eq!(record["service.name"], "orders");
    assert_eq!(record["process.parent.pid"], 7);
    assert_eq!(record["labels"]["team"], "blue");
    assert_eq!(record["labels"]["field_team"], 1);
    assert_eq!(record["labels"]["service_name"], "other");
    let error = JsonLayout::ecs().field("client.ip", "here").build();
    let error = error.unwrap_err().to_string();
    assert!(
        error.contains("client.ip") && error.contains("an IP address"),
        "{error}"
    );
}

/// Names that are trouble, alone or beside each other.
const NAMES: [&str; 19] = [
    "items[0]",
    "[",
    "]",
    "",
    " ",
    ".",
    "..",
    ".a",
    "a..b",
    "a.",
    "a. .b",
    "a",
    "a.b",
    "a.b.c",
    "_id",
    "tags",
    "@metadata.x",
    "message.x",
    "spans",
];

#[test]
fn logstash_is_given_no_name_that_it_or_elasticsearch_refuses() {
    let names = NAMES;
    let texts = names.map(|name| format!("value {name}"));
    let pairs = || names.into_iter().zip(texts.iter().map(String::as_str));
    let mut event = LogEvent::builder().span("s", pairs());
    for (name, value) in pairs() {
        event = event.field(name, value);
    }
    let record = record(JsonSchema::Logstash, &event.build());
    let check = |object: &Json, values: usize| {
        let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
        for key in &keys {
            assert!(!key.contains(['[', ']']), "{key}");
            assert!(key.split('.').all(|part| !part.trim().is_empty()), "{key}");
            let below = format!("{key}.");
            assert!(!keys.iter().any(|other| other.starts_with(&below)), "{key}");
        }
        for (name, text) in pairs() {
            let found = object.as_object().unwrap().values();
            assert_eq!(
                found.filter(|value| *value == text).count(),
                values,
                "{name}"
            );
        }
    };
    check(&record, 2);
    check(&record["spans"][0]["fields"], 1);
    assert!(record.get("_id").is_none() && record.get("tags").is_none());
    for name in [
        "items[0]",
        ".a",
        "tags",
        "@metadata",
        "_id",
        "message.x",
        " ",
    ] {
        let builder = JsonLayout::logstash().field(name, 1);
        let error = builder.build().unwrap_err().to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn names_that_graylog_makes_one_are_told_apart() {
    let event = LogEvent::builder()
        .thread("main", 5)
        .span("s", [("user.id", "span"), ("gl2_x", "s")])
        .field("thread.id", "e")
        .field("user.id", "dot")
        .field("user_id", "line")
        .field("_id", "i")
        .field("gl2_source_input", "g")
        .build();
    let record = record(JsonSchema::Gelf, &event);
    assert_eq!(record["_thread_id"], 5);
    assert_eq!(record["_field_thread_id"], "e");
    assert_eq!(record["_user_id"], "dot");
    assert_eq!(record["_field_user_id"], "line");
    assert_eq!(record["_span_user_id"], "span");
    assert_eq!(record["_field__id"], "i");
    assert_eq!(record["_field_gl2_source_input"], "g");
    assert_eq!(record["_span_gl2_x"], "s");
    assert!(JsonLayout::gelf().field("thread.id", 1).build().is_err());
    assert!(JsonLayout::gelf().field("gl2_a", 1).build().is_err());
    let twice = JsonLayout::gelf().field("a.b", 1).field("a_b", 1);
    assert!(twice.build().is_err());
}

#[test]
fn an_integer_beyond_a_long_is_text_where_elasticsearch_reads() {
    let event = LogEvent::builder()
        .field("n", u64::MAX)
        .field("i", i64::MAX)
        .build();
    let text = u64::MAX.to_string();
    assert_eq!(record(JsonSchema::Own, &event)["fields"]["n"], u64::MAX);
    assert_eq!(record(JsonSchema::Ecs, &event)["labels"]["n"], text);
    assert_eq!(record(JsonSchema::Logstash, &event)["n"], text);
    assert_eq!(record(JsonSchema::Logstash, &event)["i"], i64::MAX);
    assert_eq!(record(JsonSchema::Gelf, &event)["_n"], text);
}

#[test]
fn a_cut_value_ends_within_32766_bytes_with_its_note() {
    for length in [32_700, 32_720, 32_721, 32_766, 32_767, 100_000] {
        let long = "x".repeat(length);
        let event = LogEvent::builder().field("f", long.as_str());
        let event = event.span("s", [("g", long.as_str())]).build();
        for (schema, f) in [(JsonSchema::Own, "fields"), (JsonSchema::Ecs, "labels")] {
            let record = record(schema, &event);
            let text = record[f]["f"].as_str().unwrap();
            assert!(text.len() <= 32_766 && text.len() > 32_000);
            let kept = text.bytes().take_while(|byte| *byte == b'x').count();
            if kept < length {
                assert!(text.ends_with(&format!("…[{} bytes cut]", length - kept)));
            }
        }
        let merged = record(JsonSchema::Own, &event)["span_fields"]["g"].clone();
        let merged = merged.as_str().unwrap();
        let kept = merged.bytes().take_while(|byte| *byte == b'x').count();
        assert!(
            merged.ends_with(&format!("…[{} bytes cut]", length - kept)),
            "{length}"
        );
    }
}

#[test]
fn a_large_value_is_cut_before_a_small_one_is_lost() {
    let long = "x".repeat(30_000);
    let mut event = LogEvent::builder()
        .span("outer", [("a", "first"), ("big", long.as_str())])
        .span("inner", [("z", "last")]);
    for name in ["f1", "f2", "f3"] {
        event = event.field(name, long.as_str());
    }
    let event = event.field("small", "s").build();
    for schema in super::SCHEMAS {
        let text = record(schema, &event).to_string();
        for small in [r#":"first""#, r#":"last""#, r#":"s""#, "bytes cut]"] {
            assert!(text.contains(small), "{schema:?} {small}");
        }
        assert!(!text.contains("left_out"));
    }
}

#[test]
fn the_spans_in_the_middle_lose_their_fields_first_and_it_is_told() {
    let names: Vec<String> = (0..100).map(|n| format!("{n:0>900}")).collect();
    let mut event = LogEvent::builder().span("outer", [("a", "first")]);
    for name in ["m1", "m2", "m3"] {
        event = event.span(name, names.iter().map(|n| (n.as_str(), "x")));
    }
    let event = event.span("inner", [("z", "last")]).build();
    let record = record(JsonSchema::Own, &event);
    let spans = record["spans"].as_array().unwrap();
    assert_eq!(spans[0]["fields"]["a"], "first");
    assert_eq!(spans[4]["fields"]["z"], "last");
    assert_eq!(spans[2]["fields"]["fields_left_out"], 100);
    assert!(record["span_fields"]["fields_left_out"].as_u64().unwrap() > 0);
}

#[test]
fn the_full_message_of_gelf_does_not_begin_with_a_line_feed() {
    let error = std::io::Error::other("broken");
    for message in ["", " \n", "\nm"] {
        let event = LogEvent::builder()
            .message(message)
            .field("error", &error as &(dyn std::error::Error + 'static))
            .build();
        let record = record(JsonSchema::Gelf, &event);
        let full = record["full_message"].as_str().unwrap();
        assert!(
            !full.starts_with('\n') && full.ends_with("broken"),
            "{full:?}"
        );
        assert!(!record["short_message"].as_str().unwrap().trim().is_empty());
    }
}
