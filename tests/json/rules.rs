//! The published rules of the schemas, and whether a record keeps them.
//!
//! What is independent: the validator, a crate that knows nothing of this one, and the reader of
//! `strict.rs`. What is not: the rules are written down here by hand, from
//!
//! * ECS: the specification of Elastic's logging libraries (elastic/ecs-logging, `spec/spec.json` and
//!   its README): four fields must be there, the first three in this order; `log.level` is one key,
//!   not a path; keys of labels have no `.`, `*` or `\`. And the field reference of ECS for the types
//!   of the others.
//! * GELF: the payload specification 1.1: what must be there, which names additional fields may
//!   have, that `_id` is none of them, that their values are strings or numbers.
//! * Logstash: there is no schema. The keys and their types are those that the documentation of its
//!   encoder for Logback names, the version is the only one there is.

use serde_json::Value;
use serde_json::json;

/// Fails unless `record` keeps the rules of ECS.
#[track_caller]
pub(crate) fn check_ecs(record: &Value, text: &str) {
    let keyword = json!({ "type": "string" });
    let long = json!({ "type": "integer", "minimum": 0 });
    validate(
        record,
        &json!({
            "type": "object",
            "required": ["@timestamp", "log.level", "message", "ecs.version"],
            "properties": {
                "@timestamp": {
                    "type": "string",
                    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$",
                },
                "log.level": keyword,
                "message": keyword,
                "ecs.version": { "type": "string", "pattern": r"^\d+\.\d+\.\d+$" },
                "log.logger": keyword,
                "log.origin.file.name": keyword,
                "log.origin.file.line": long,
                "log.origin.function": keyword,
                "process.pid": long,
                "process.thread.id": long,
                "process.thread.name": keyword,
                "error.message": keyword,
                "error.type": keyword,
                "error.stack_trace": keyword,
                "service.name": keyword,
                "event.dataset": keyword,
                "tags": { "type": "array", "items": keyword },
                "labels": {
                    "type": "object",
                    "propertyNames": { "pattern": r"^[^.*\\]+$" },
                    "additionalProperties": { "type": ["string", "number", "boolean"] },
                },
                // `log.level` beside them would be two things at once.
                "log": false,
                "ecs": false,
            },
        }),
    );
    let first = ["{\"@timestamp\":\"", ",\"log.level\":\"", ",\"message\":\""];
    let places = first.map(|key| text.find(key));
    assert_eq!(places[0], Some(0), "{text}");
    assert!(places.is_sorted() && !places.contains(&None), "{text}");
    let members_before = text[..places[2].unwrap()].matches("\":").count();
    assert_eq!(members_before, 2, "{text}");
}

/// Fails unless `record` keeps the rules of GELF 1.1.
#[track_caller]
pub(crate) fn check_gelf(record: &Value) {
    validate(
        record,
        &json!({
            "type": "object",
            "required": ["version", "host", "short_message"],
            "properties": {
                "version": { "const": "1.1" },
                "host": { "type": "string", "pattern": r"\S" },
                "short_message": { "type": "string", "pattern": r"\S" },
                "full_message": { "type": "string" },
                "timestamp": { "type": "number" },
                "level": { "type": "integer", "minimum": 0, "maximum": 7 },
                "_id": false,
            },
            "patternProperties": {
                r"^_[A-Za-z0-9_.-]*$": { "type": ["string", "number"] },
            },
            "additionalProperties": false,
        }),
    );
}

/// Fails unless `record` has what readers of Logstash's events expect.
#[track_caller]
pub(crate) fn check_logstash(record: &Value) {
    let text = json!({ "type": "string" });
    validate(
        record,
        &json!({
            "type": "object",
            "required": [
                "@timestamp", "@version", "message", "logger_name", "thread_name", "level",
                "level_value",
            ],
            "properties": {
                "@timestamp": {
                    "type": "string",
                    "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$",
                },
                "@version": { "const": "1" },
                "message": text,
                "logger_name": text,
                "thread_name": text,
                "level": { "enum": ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"] },
                "level_value": { "enum": [5000, 10000, 20000, 30000, 40000] },
                "stack_trace": text,
                "caller_class_name": text,
                "caller_method_name": text,
                "caller_file_name": text,
                "caller_line_number": { "type": "integer" },
            },
        }),
    );
}

#[track_caller]
fn validate(record: &Value, schema: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(record)
        .map(|error| format!("{}: {error}", error.instance_path))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{record:#}");
}

#[test]
fn records_that_break_a_rule_are_found() {
    let gelf = json!({"version": "1.1", "host": "h", "short_message": "m", "_a": 1});
    check_gelf(&gelf);
    let fails = |change: &dyn Fn(&mut Value)| {
        let mut record = gelf.clone();
        change(&mut record);
        std::panic::catch_unwind(|| check_gelf(&record)).is_err()
    };
    assert!(fails(&|r| r["_id"] = 1.into()));
    assert!(fails(&|r| r["_a b"] = 1.into()));
    assert!(fails(&|r| r["a"] = 1.into()));
    assert!(fails(&|r| r["_a"] = true.into()));
    assert!(fails(&|r| r["host"] = " ".into()));
    assert!(fails(&|r| {
        r.as_object_mut().unwrap().remove("short_message");
    }));
}
