//! Events that are logged, through a registry, with values of all kinds in nested spans.

use std::error::Error;
use std::fmt;

use serde_json::Value as Json;
use serde_json::json;
use tracing::Event;
use tracing::field::Empty;
use tracing_kafka::JsonLayout;
use tracing_kafka::JsonSchema;
use tracing_kafka::MemoryLayer;
use tracing_subscriber::prelude::*;

use super::SCHEMAS;
use super::checked;

/// What `log` logs, as records of `schema`; the rules of it are checked.
#[track_caller]
fn logged(schema: JsonSchema, location: bool, log: impl FnOnce()) -> Vec<Json> {
    let layout = JsonLayout::builder(schema)
        .location(location)
        .build()
        .unwrap();
    let (layer, records) = MemoryLayer::new(layout);
    let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
    tracing::dispatcher::with_default(&dispatch, log);
    let records = records.take();
    records.iter().map(|text| checked(schema, text)).collect()
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

struct Careless;

impl fmt::Debug for Careless {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        panic!("on purpose")
    }
}

fn log_all_kinds() {
    let error = Failed("disk\nfull", Some(Box::new(Failed("no space", None))));
    let outer = tracing::info_span!("outer", user = "bob", late = Empty, n = 1);
    let _outer = outer.enter();
    let inner = tracing::info_span!("inner", n = 2.5, ok = true, big = u128::MAX);
    let _inner = inner.enter();
    outer.record("late", "now\u{202e}");
    tracing::warn!(
        int = -3_i64,
        uint = u64::MAX,
        wide = u128::MAX,
        narrow = 7_i128,
        float = 0.5,
        nan = f64::NAN,
        infinite = f64::NEG_INFINITY,
        truth = false,
        text = "a\t\"b\"\\",
        bytes = &b"a\xff\n"[..],
        debug = ?Some("x"),
        display = %"plain",
        panics = ?Careless,
        error = &error as &(dyn Error + 'static),
        none = None::<u64>,
        "a\r\n\u{1b}message {}",
        1
    );
}

#[test]
fn values_of_all_kinds_are_what_they_are() {
    let records = logged(JsonSchema::Own, true, log_all_kinds);
    let [record] = &records[..] else {
        panic!("{records:#?}")
    };
    assert_eq!(record["message"], "a\r\n\u{1b}message 1");
    assert_eq!(record["level"], "WARN");
    assert_eq!(record["target"], module_path!());
    assert_eq!(record["module"], module_path!());
    assert_eq!(record["file"], file!());
    assert!(record["line"].is_u64());
    assert_eq!(
        record["fields"],
        json!({
            "int": -3,
            "uint": u64::MAX,
            "wide": u128::MAX.to_string(),
            "narrow": 7,
            "float": 0.5,
            "nan": "NaN",
            "infinite": "-Infinity",
            "truth": false,
            "text": "a\t\"b\"\\",
            "bytes": "a\\xff\n",
            "debug": "Some(\"x\")",
            "display": "plain",
            "panics": "<panicked>",
            "error": "disk\nfull",
        })
    );
    assert_eq!(
        record["error"],
        json!({"message": "disk\nfull", "causes": ["no space"]})
    );
    assert_eq!(
        record["spans"],
        json!([
            {"name": "outer", "fields": {"user": "bob", "n": 1, "late": "now\u{202e}"}},
            {"name": "inner", "fields": {"n": 2.5, "ok": true, "big": u128::MAX.to_string()}},
        ])
    );
    assert_eq!(
        record["span_fields"],
        json!({
            "user": "bob", "late": "now\u{202e}", "n": 2.5, "ok": true,
            "big": u128::MAX.to_string(),
        })
    );
}

#[test]
fn the_other_schemas_keep_their_rules_with_values_of_all_kinds() {
    for (schema, before) in [
        (JsonSchema::Ecs, ""),
        (JsonSchema::Logstash, ""),
        (JsonSchema::Gelf, "_"),
    ] {
        let records = logged(schema, true, log_all_kinds);
        let fields = match schema {
            JsonSchema::Ecs => &records[0]["labels"],
            _ => &records[0],
        };
        let field = |name: &str| &fields[format!("{before}{name}")];
        assert_eq!(*field("uint"), u64::MAX.to_string());
        assert_eq!(*field("nan"), "NaN");
        assert_eq!(*field("n"), 2.5);
        assert_eq!(*field("late"), "now\u{202e}");
        let truth = match schema {
            JsonSchema::Gelf => json!("false"),
            _ => json!(false),
        };
        assert_eq!(*field("truth"), truth);
    }
}

#[test]
fn an_event_after_a_late_record_and_after_a_span_shows_what_is_true_then() {
    for schema in SCHEMAS {
        let records = logged(schema, false, || {
            let span = tracing::info_span!("s", step = 1, late = Empty);
            for step in 2..4 {
                let _entered = span.enter();
                tracing::info!("inside");
                span.record("step", step);
                tracing::info!("inside");
            }
            tracing::info!("outside");
        });
        let steps: Vec<&Json> = records
            .iter()
            .map(|record| match schema {
                JsonSchema::Own => &record["span_fields"]["step"],
                JsonSchema::Ecs => &record["labels"]["step"],
                JsonSchema::Gelf => &record["_step"],
                _ => &record["step"],
            })
            .collect();
        assert_eq!(
            steps,
            [&json!(1), &json!(2), &json!(2), &json!(3), &Json::Null]
        );
    }
}

/// The same callsite inside spans with and without a field that it has too.
#[test]
fn a_callsite_gives_way_only_where_a_span_has_its_name() {
    for (schema, before) in [
        (JsonSchema::Ecs, ""),
        (JsonSchema::Logstash, ""),
        (JsonSchema::Gelf, "_"),
    ] {
        let records = logged(schema, false, || {
            let log = |number: u64| tracing::info!(number, "m");
            log(1);
            tracing::info_span!("s", number = 9).in_scope(|| log(2));
            tracing::info_span!("s", other = 8).in_scope(|| log(3));
            log(4);
        });
        let shown: Vec<_> = records
            .iter()
            .map(|record| {
                let fields = match schema {
                    JsonSchema::Ecs => &record["labels"],
                    _ => record,
                };
                let names = ["number", "span_number", "other"];
                names.map(|name| fields[format!("{before}{name}")].as_u64())
            })
            .collect();
        assert_eq!(
            shown,
            [
                [Some(1), None, None],
                [Some(2), Some(9), None],
                [Some(3), None, Some(8)],
                [Some(4), None, None],
            ]
        );
    }
}

#[test]
fn a_field_with_a_name_of_the_schema_s_own_is_renamed() {
    let records = logged(JsonSchema::Logstash, false, || {
        for _ in 0..2 {
            tracing::info!(level = "mine", "m");
        }
    });
    for record in &records {
        assert_eq!(record["level"], "INFO");
        assert_eq!(record["field_level"], "mine");
    }
    assert_eq!(records.len(), 2);
}

#[test]
fn each_thread_is_told_by_its_own_name() {
    let records = logged(JsonSchema::Own, false, || {
        let dispatch = tracing::dispatcher::get_default(Clone::clone);
        let log = || tracing::info!("m");
        for name in ["one", "two\n"] {
            let dispatch = dispatch.clone();
            let thread = std::thread::Builder::new().name(name.to_owned());
            let run =
                move || tracing::dispatcher::with_default(&dispatch, || (0..2).for_each(|_| log()));
            thread.spawn(run).unwrap().join().unwrap();
        }
    });
    let names: Vec<_> = records.iter().map(|record| &record["thread"]).collect();
    assert_eq!(names, ["one", "one", "two\n", "two\n"]);
}

/// What no macro makes: one field with two values, and fields in another order.
#[test]
fn a_field_that_comes_twice_has_its_last_value() {
    for schema in SCHEMAS {
        let records = logged(schema, false, || {
            for _ in 0..2 {
                log_by_hand();
            }
        });
        for record in &records {
            let (fields, before) = match schema {
                JsonSchema::Own => (&record["fields"], ""),
                JsonSchema::Ecs => (&record["labels"], ""),
                JsonSchema::Gelf => (record, "_"),
                _ => (record, ""),
            };
            assert_eq!(fields[format!("{before}b")], 3, "{record:#}");
            assert_eq!(fields[format!("{before}a")], 2, "{record:#}");
        }
        assert_eq!(records.len(), 2);
    }
}

fn log_by_hand() {
    static CALLSITE: tracing::callsite::DefaultCallsite =
        tracing::callsite::DefaultCallsite::new(&META);
    static META: tracing::Metadata<'static> = tracing::metadata! {
        name: "by hand",
        target: "by_hand",
        level: tracing::Level::INFO,
        fields: &["a", "b"],
        callsite: &CALLSITE,
        kind: tracing::metadata::Kind::EVENT
    };
    let fields = META.fields();
    let (a, b) = (fields.field("a").unwrap(), fields.field("b").unwrap());
    let value = |number: &'static i32| Some(number as &dyn tracing::field::Value);
    let values = [(&b, value(&1)), (&a, value(&2)), (&b, value(&3))];
    Event::dispatch(&META, &fields.value_set(&values));
}

#[test]
fn of_two_messages_the_last_one_counts() {
    for schema in SCHEMAS {
        let records = logged(schema, false, || {
            for _ in 0..2 {
                tracing::info!(message = "first", message = "second", a = 1);
            }
        });
        let key = match schema {
            JsonSchema::Gelf => "short_message",
            _ => "message",
        };
        assert_eq!(records[0][key], "second", "{:#}", records[0]);
        assert_eq!(records[1][key], "second");
    }
}

#[test]
fn a_field_named_like_an_error_is_told_as_the_error() {
    let records = logged(JsonSchema::Own, false, || {
        for _ in 0..2 {
            tracing::info!(err = "out of paper", "failed");
        }
    });
    for record in &records {
        assert_eq!(record["error"], json!({"message": "out of paper"}));
    }
}

/// More layouts than a thread keeps plans for: some come to lie in the place of another's.
#[test]
fn layouts_of_one_thread_keep_their_own_constants() {
    for number in 0..200 {
        let layout = JsonLayout::builder(JsonSchema::Own)
            .field("layout", number)
            .build()
            .unwrap();
        let (layer, records) = MemoryLayer::new(layout);
        let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
        tracing::dispatcher::with_default(&dispatch, log_plainly);
        let record = super::strict::read(&records.take()[0]).unwrap();
        assert_eq!(record["layout"], number);
    }
}

fn log_plainly() {
    tracing::info!(a = 1, "plain");
}

/// A `Debug` that makes a record of its own while one is being made.
#[test]
fn a_record_inside_of_a_record_is_one_as_well() {
    struct Nested;
    impl fmt::Debug for Nested {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            use tracing_kafka::Layout as _;
            let mut out = Vec::new();
            let event = tracing_kafka::LogEvent::builder()
                .message("inner")
                .field("a", 1)
                .build();
            JsonLayout::new().render(&event, &mut out);
            f.write_str(&String::from_utf8(out).unwrap())
        }
    }
    let records = logged(
        JsonSchema::Own,
        false,
        || tracing::info!(a = 1, a = 2, n = ?Nested, "m"),
    );
    let inner = super::strict::read(records[0]["fields"]["n"].as_str().unwrap()).unwrap();
    assert_eq!(inner["message"], "inner");
    assert_eq!(inner["fields"]["a"], 1);
    assert_eq!(records[0]["fields"]["a"], 2);
}

#[test]
fn the_name_of_an_event_is_its_action_in_ecs() {
    let records = logged(JsonSchema::Ecs, false, || {
        let span = tracing::info_span!("request", event.action = "of span", id = 7);
        for _ in 0..2 {
            tracing::info!(name: "order.placed", order = 1, "placed");
            span.in_scope(|| tracing::info!(name: "order.placed", "placed"));
            tracing::info!(name: "order.placed", { event.action = "mine" }, "placed");
            tracing::info!(order = 1, "placed");
        }
    });
    assert_eq!(records.len(), 8);
    for round in records.chunks(4) {
        assert_eq!(round[0]["event.action"], "order.placed");
        assert_eq!(round[0]["labels"]["order"], 1);
        assert_eq!(round[1]["event.action"], "order.placed");
        assert_eq!(round[1]["labels"]["event_action"], "of span");
        assert_eq!(round[2]["event.action"], "mine");
        assert!(round[3].get("event.action").is_none());
    }
}
