//! Whole records, as they are written.

use std::error::Error;
use std::fmt;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use super::*;
use crate::event::LogEventBuilder;

fn text(layout: &JsonLayout, event: &LogEvent<'_>) -> String {
    let mut out = b"\n".to_vec();
    layout.render(event, &mut out);
    String::from_utf8(out.split_off(1)).unwrap()
}

fn event<'a>() -> LogEventBuilder<'a> {
    LogEvent::builder()
        .instant(UNIX_EPOCH + Duration::from_micros(1_351_866_842_123_456))
        .level(tracing::Level::WARN)
        .target("shop::orders")
        .message("a \"b\"")
        .thread("main", 7)
        .location(Some("shop::orders::cart"), Some("src/cart.rs"), Some(3))
        .span("request", [("user", "bob"), ("id", "a")])
        .typed_span("query", [("id", Value::U64(4))])
        .field("n", -1)
        .field("ok", true)
}

#[test]
fn an_own_record_has_all_that_the_event_has() {
    assert_eq!(
        text(&JsonLayout::new(), &event().build()),
        "{\"timestamp\":\"2012-11-02T14:34:02.123456Z\",\"level\":\"WARN\",\"target\":\"shop::orders\",\
         \"message\":\"a \\\"b\\\"\",\"thread\":\"main\",\"thread_id\":7,\
         \"fields\":{\"n\":-1,\"ok\":true},\
         \"spans\":[{\"name\":\"request\",\"fields\":{\"user\":\"bob\",\"id\":\"a\"}},\
         {\"name\":\"query\",\"fields\":{\"id\":4}}],\
         \"span_fields\":{\"id\":4,\"user\":\"bob\"}}"
    );
}

#[test]
fn an_ecs_record_begins_with_the_keys_that_its_readers_expect_first() {
    let layout = JsonLayout::builder(JsonSchema::Ecs)
        .location(true)
        .field("service.name", "shop")
        .build()
        .unwrap();
    assert_eq!(
        text(&layout, &event().build()),
        format!(
            "{{\"@timestamp\":\"2012-11-02T14:34:02.123Z\",\"log.level\":\"WARN\",\
             \"message\":\"a \\\"b\\\"\",\"ecs.version\":\"9.4.0\",\"log.logger\":\"shop::orders\",\
             \"process.pid\":{},\"process.thread.name\":\"main\",\"process.thread.id\":7,\
             \"labels\":{{\"n\":-1,\"ok\":true,\"id\":4,\"user\":\"bob\"}},\
             \"tags\":[\"request\",\"query\"],\"log.origin.file.name\":\"src/cart.rs\",\
             \"log.origin.file.line\":3,\"log.origin.function\":\"query\",\"service.name\":\"shop\"}}",
            std::process::id()
        )
    );
}

#[test]
fn a_logstash_record_is_flat() {
    let layout = JsonLayout::builder(JsonSchema::Logstash)
        .location(true)
        .build()
        .unwrap();
    assert_eq!(
        text(&layout, &event().build()),
        "{\"@timestamp\":\"2012-11-02T14:34:02.123Z\",\"@version\":\"1\",\"message\":\"a \\\"b\\\"\",\
         \"logger_name\":\"shop::orders\",\"thread_name\":\"main\",\"level\":\"WARN\",\
         \"level_value\":30000,\"n\":-1,\"ok\":true,\"id\":4,\"user\":\"bob\",\
         \"spans\":[{\"name\":\"request\",\"fields\":{\"user\":\"bob\",\"id\":\"a\"}},\
         {\"name\":\"query\",\"fields\":{\"id\":4}}],\
         \"caller_class_name\":\"shop::orders::cart\",\"caller_method_name\":\"query\",\
         \"caller_file_name\":\"src/cart.rs\",\"caller_line_number\":3}"
    );
}

#[test]
fn a_gelf_record_has_no_booleans_and_no_objects() {
    let layout = JsonLayout::builder(JsonSchema::Gelf)
        .host("web-1")
        .location(true)
        .field("env", true)
        .build()
        .unwrap();
    assert_eq!(
        text(&layout, &event().build()),
        "{\"version\":\"1.1\",\"host\":\"web-1\",\"timestamp\":1351866842.123,\"level\":4,\
         \"_level_name\":\"WARN\",\"_logger\":\"shop::orders\",\
         \"short_message\":\"a \\\"b\\\"\",\"_thread\":\"main\",\"_thread_id\":7,\"_n\":-1,\
         \"_ok\":\"true\",\"_span_id\":4,\"_user\":\"bob\",\"_spans\":\"request:query\",\
         \"_module\":\"shop::orders::cart\",\"_file\":\"src/cart.rs\",\"_line\":3,\
         \"_env\":\"true\"}"
    );
}

#[test]
fn an_event_without_anything_is_a_record_without_empty_objects() {
    let event = LogEvent::builder().instant(UNIX_EPOCH).build();
    assert_eq!(
        text(&JsonLayout::new(), &event),
        "{\"timestamp\":\"1970-01-01T00:00:00.000000Z\",\"level\":\"INFO\",\"target\":\"\",\
         \"message\":\"\",\"thread\":\"main\",\"thread_id\":1}"
    );
    for blank in ["", " \u{2003}\n"] {
        let event = LogEvent::builder().message(blank).build();
        let record = text(&JsonLayout::gelf(), &event);
        assert!(record.contains("\"short_message\":\"-\","), "{record}");
    }
}

#[derive(Debug)]
struct Failed(&'static str, Option<Box<Self>>);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failed {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|source| source as _)
    }
}

/// An error that is its own cause.
#[derive(Debug)]
struct Ring;

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ring")
    }
}

impl Error for Ring {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

#[derive(Debug)]
struct Careless;

impl fmt::Display for Careless {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("on purpose")
    }
}

impl Error for Careless {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        panic!("on purpose")
    }
}

/// What the record says of `error`, from the first key of it on.
fn told(layout: &JsonLayout, error: &(dyn Error + 'static), key: &str) -> String {
    let event = LogEvent::builder().message("m").field("cause", error);
    let record = text(layout, &event.build());
    let at = record.find(&format!(",\"{key}\":")).unwrap();
    record[at..].to_owned()
}

#[test]
fn the_error_of_an_event_is_told_with_its_causes() {
    let error = Failed(
        "one",
        Some(Box::new(Failed(
            "two\n",
            Some(Box::new(Failed("three", None))),
        ))),
    );
    assert_eq!(
        told(&JsonLayout::new(), &error, "error"),
        r#","error":{"message":"one","causes":["two\n","three"]}}"#
    );
    assert_eq!(
        told(&JsonLayout::ecs(), &error, "error.message"),
        r#","error.message":"one","error.stack_trace":"one\nCaused by: two\n\nCaused by: three"}"#
    );
    assert_eq!(
        told(&JsonLayout::logstash(), &error, "stack_trace"),
        r#","stack_trace":"one\nCaused by: two\n\nCaused by: three"}"#
    );
    assert_eq!(
        told(&JsonLayout::gelf(), &error, "full_message"),
        r#","full_message":"m\none\nCaused by: two\n\nCaused by: three"}"#
    );
    let alone = Failed("alone", None);
    assert_eq!(
        told(&JsonLayout::new(), &alone, "error"),
        r#","error":{"message":"alone"}}"#
    );
    assert_eq!(
        told(&JsonLayout::ecs(), &alone, "error.message"),
        r#","error.message":"alone"}"#
    );
}

#[test]
fn a_ring_of_causes_ends_and_a_careless_error_harms_nobody() {
    let ring = told(&JsonLayout::new(), &Ring, "error");
    assert_eq!(ring.matches("ring").count(), 32);
    assert_eq!(
        told(&JsonLayout::new(), &Careless, "error"),
        r#","error":{"message":"<panicked>"}}"#
    );
}

#[test]
fn names_that_are_taken_are_prefixed_until_they_are_free() {
    let event = LogEvent::builder()
        .span("s", [("level", "s1"), ("a", "s2"), ("span_a", "s3")])
        .field("level", "e1")
        .field("field_level", "e2")
        .field("a", "e3")
        .field("env", "e4")
        .field("twice", 1)
        .field("twice", 2)
        .build();
    let layout = JsonLayout::builder(JsonSchema::Logstash)
        .field("env", "c")
        .build()
        .unwrap();
    let record = text(&layout, &event);
    let fields = record.split("\"level_value\":20000").nth(1).unwrap();
    assert_eq!(
        fields,
        ",\"field_level\":\"e1\",\"field_field_level\":\"e2\",\"a\":\"e3\",\"field_env\":\"e4\",\
         \"twice\":2,\"span_a\":\"s2\",\"span_level\":\"s1\",\"span_span_a\":\"s3\",\
         \"spans\":[{\"name\":\"s\",\"fields\":{\"level\":\"s1\",\"a\":\"s2\",\"span_a\":\"s3\"}}],\
         \"env\":\"c\"}"
    );
}

#[test]
fn a_constant_key_that_has_to_be_escaped_is_taken_too() {
    let layout = JsonLayout::builder(JsonSchema::Logstash)
        .field("say \"hi\"\n", 1)
        .build()
        .unwrap();
    let event = LogEvent::builder().field("say \"hi\"\n", 2).build();
    let record = text(&layout, &event);
    assert!(
        record.ends_with(r#","field_say \"hi\"\n":2,"say \"hi\"\n":1}"#),
        "{record}"
    );
}

#[test]
fn names_are_spelled_as_the_schema_allows() {
    let event = LogEvent::builder()
        .field("a.b", 1)
        .field("a_b", 2)
        .field("é*ü", 3)
        .field("id", 4)
        .field("", 5)
        .build();
    let record = text(&JsonLayout::ecs(), &event);
    assert!(
        record.contains("\"labels\":{\"a_b\":1,\"field_a_b\":2,\"é_ü\":3,\"id\":4,\"_\":5}"),
        "{record}"
    );
    let record = text(&JsonLayout::gelf(), &event);
    assert!(
        record.contains("\"_a_b\":1,\"_field_a_b\":2,\"____\":3,\"_field_id\":4,\"__\":5"),
        "{record}"
    );
}

#[test]
fn more_fields_than_are_looked_at_in_passing_are_all_there_once() {
    let names: Vec<String> = (0..100).map(|n| format!("f{}", n % 90)).collect();
    let mut event = LogEvent::builder();
    for (number, name) in names.iter().enumerate() {
        event = event.field(name, u64::try_from(number).unwrap());
    }
    let record = text(&JsonLayout::new(), &event.build());
    let fields: serde_json::Value = serde_json::from_str(&record).unwrap();
    let fields = fields["fields"].as_object().unwrap();
    assert_eq!(fields.len(), 90);
    assert_eq!(record.matches("\":").count(), 90 + 7);
    assert_eq!(fields["f3"], 93);
}

#[test]
fn a_record_of_an_endless_event_is_valid_and_not_too_long() {
    let long = "\u{1}\"é".repeat(200_000);
    let names: Vec<String> = (0..128)
        .map(|n| format!("{n}{}", "\n".repeat(3000)))
        .collect();
    let error = Failed(Box::leak(long.clone().into_boxed_str()), None);
    let error = Failed("e", Some(Box::new(error)));
    let mut event = LogEvent::builder()
        .message(&long)
        .target(&long)
        .thread(&long, 1)
        .field("error", &error as &(dyn Error + 'static))
        .location(Some(&long), Some(&long), None);
    for name in &names {
        event = event.field(name, long.as_str());
    }
    for name in names.iter().take(40) {
        event = event.span(
            name,
            names.iter().map(|name| (name.as_str(), long.as_str())),
        );
    }
    let event = event.build();
    for schema in [
        JsonSchema::Own,
        JsonSchema::Ecs,
        JsonSchema::Logstash,
        JsonSchema::Gelf,
    ] {
        let layout = JsonLayout::builder(schema).location(true).build().unwrap();
        let record = text(&layout, &event);
        assert!(record.len() < crate::config::MAX_EVENT_BYTES - 16 * 1024);
        let parsed: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert!(parsed.is_object());
    }
}

#[track_caller]
fn refused(builder: JsonLayoutBuilder, expected: &str) {
    assert_eq!(builder.build().unwrap_err().to_string(), expected);
}

#[test]
fn constant_fields_that_cannot_be_are_refused() {
    let own = || JsonLayout::builder(JsonSchema::Own);
    let ecs = || JsonLayout::builder(JsonSchema::Ecs);
    let gelf = || JsonLayout::builder(JsonSchema::Gelf);
    refused(
        own().field("level", 1),
        "`field` is `level`, expected a name that the schema `own` does not use itself",
    );
    refused(
        own().field("a", 1).field("b", 1).field("a", 2),
        "the constant field `a` twice, expected each name once",
    );
    refused(own().field("", 1), "`field` is ``, expected a name");
    refused(
        ecs().field("log", 1),
        "`field` is `log`, expected a name that the schema `ecs` does not use itself",
    );
    refused(
        ecs().field("labels.a", 1),
        "`field` is `labels.a`, expected a name that the schema `ecs` does not use itself",
    );
    refused(
        ecs().field("service", "a").field("service.name", "b"),
        "constant fields `service` and `service.name`, expected no name that is the beginning of \
         another's path",
    );
    refused(
        gelf().field("id", 1),
        "`field` is `id`, expected a name that the schema `gelf` does not use itself",
    );
    refused(
        gelf().field("a b", 1),
        "`field` is `a b`, expected a name of letters, digits, `_`, `.` and `-`",
    );
    refused(
        own().field("a", "x".repeat(20_000).as_str()),
        "constant fields of 20005 bytes, expected at most 16384, as each record has them",
    );
    refused(
        own().field("\u{1}".repeat(3_000), 7),
        "constant fields of 18003 bytes, expected at most 16384, as each record has them",
    );
    refused(
        gelf().host(" "),
        "`host` is ` `, expected a name of 1 to 255 bytes",
    );
    refused(
        own().host("web-1"),
        "`host` for the schema `own`, expected the schema `gelf`, or a constant field for it",
    );
    assert!(ecs().field("process.name", "a").build().is_ok());
}

#[test]
fn equal_layouts_have_equal_fingerprints_and_others_do_not() {
    let print = |builder: JsonLayoutBuilder| builder.build().unwrap().fingerprint();
    let own = || JsonLayout::builder(JsonSchema::Own);
    assert_eq!(print(own()), JsonLayout::default().fingerprint());
    assert_ne!(print(own()), JsonLayout::ecs().fingerprint());
    assert_ne!(print(own()), print(own().location(true)));
    assert_ne!(print(own()), print(own().field("a", 1)));
    assert_ne!(print(own().field("a", 1)), print(own().field("a", 2)));
    let gelf = |host: &str| print(JsonLayout::builder(JsonSchema::Gelf).host(host));
    assert_ne!(gelf("a"), gelf("b"));
}
