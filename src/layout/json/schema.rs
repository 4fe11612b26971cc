//! The four schemas: their keys in order, and which names of fields are taken.

use super::cause::ErrorShape;
use super::content::Content;
use super::content::SpanShape;
use super::ecs::kind_of;
use super::ecs_fields::VERSION;
use super::escape::push_text;
use super::members::Rules;
use super::members::Spelling;
use super::part::Part;
use super::value::Scalars;
use crate::layout::level::LEVELS;

/// Which keys a [`JsonLayout`](crate::JsonLayout) writes, and in which shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum JsonSchema {
    /// Keys of `tracing`'s own words; the fields of the event and of its spans each in an object.
    #[default]
    Own,
    /// The Elastic Common Schema, as loggers write it.
    Ecs,
    /// The JSON event of Logstash, version 1.
    Logstash,
    /// The Graylog Extended Log Format, version 1.1.
    Gelf,
}

/// What a record of one layout is put together from.
pub(super) struct Choice<'c> {
    /// A number of the layout's own.
    pub(super) layout: u64,
    pub(super) has_location: bool,
    /// JSON, as GELF needs it.
    pub(super) host: &'c str,
    pub(super) process: u32,
    /// Names and JSON of the constant members.
    pub(super) fields: &'c [(String, String)],
}

impl JsonSchema {
    /// The word for it in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Ecs => "ecs",
            Self::Logstash => "logstash",
            Self::Gelf => "gelf",
        }
    }

    /// The keys of the outermost object, as a field would name them.
    pub(super) fn keys(self) -> &'static [&'static str] {
        match self {
            Self::Own => &[
                "timestamp",
                "level",
                "target",
                "message",
                "fields",
                "spans",
                "span_fields",
                "error",
                "thread",
                "thread_id",
                "module",
                "file",
                "line",
            ],
            Self::Ecs => &[
                "@timestamp",
                "log.level",
                "message",
                "ecs.version",
                "log.logger",
                "process.pid",
                "process.thread.name",
                "process.thread.id",
                "labels",
                "tags",
                "error.message",
                "error.stack_trace",
                "log.origin.file.name",
                "log.origin.file.line",
                "log.origin.function",
            ],
            Self::Logstash => &[
                "@timestamp",
                "@version",
                "message",
                "logger_name",
                "thread_name",
                "level",
                "level_value",
                "spans",
                "stack_trace",
                "caller_class_name",
                "caller_method_name",
                "caller_file_name",
                "caller_line_number",
            ],
            Self::Gelf => &[
                "id",
                "level_name",
                "logger",
                "thread",
                "thread_id",
                "spans",
                "module",
                "file",
                "line",
            ],
        }
    }

    /// Names that the readers of the schema give a meaning of their own, although the schema does not.
    pub(super) fn readers_names(self) -> &'static [&'static str] {
        match self {
            Self::Own | Self::Ecs => &[],
            // Logstash expects an object, or a list, and shows what else it finds as a failure.
            Self::Logstash => &[
                "@metadata",
                "tags",
                // Elasticsearch keeps these of a record for itself.
                "_data_stream_timestamp",
                "_doc_count",
                "_feature",
                "_field_names",
                "_id",
                "_ignored",
                "_ignored_source",
                "_index",
                "_index_mode",
                "_inference_fields",
                "_nested_path",
                "_primary_term",
                "_routing",
                "_seq_no",
                "_size",
                "_source",
                "_tier",
                "_ts_routing_hash",
                "_tsid",
                "_type",
                "_version",
            ],
            // Graylog takes the underscore off, and then drops what it has a field for already.
            Self::Gelf => &[
                "_all",
                "_id",
                "_index",
                "_score",
                "_source",
                "_ttl",
                "_type",
                "failed_message_streams",
                "full_message",
                "host",
                "level",
                "message",
                "short_message",
                "source",
                "streams",
                "timestamp",
                "version",
            ],
        }
    }

    /// All parts of a record. Only what is constant stands between the message and the fields, so
    /// that an event need be asked but once.
    pub(super) fn parts(self, choice: &Choice<'_>) -> Vec<Part> {
        let mut parts = match self {
            Self::Own => own(choice),
            Self::Ecs => ecs(choice),
            Self::Logstash => logstash(choice),
            Self::Gelf => gelf(choice),
        };
        if choice.has_location {
            parts.extend(self.location());
        }
        let mut last = String::new();
        let outermost = choice
            .fields
            .iter()
            .filter(|(name, _)| !self.is_label(name));
        for (name, json) in outermost {
            last.push(',');
            last.push_str(&self.constant_key(name));
            last.push(':');
            last.push_str(json);
        }
        last.push('}');
        parts.push(Part::Literal(last.into()));
        merge(parts)
    }

    fn location(self) -> Vec<Part> {
        match self {
            Self::Own => vec![
                Part::Module(",\"module\":"),
                Part::File(",\"file\":"),
                Part::Line(",\"line\":"),
            ],
            Self::Ecs => vec![
                Part::File(",\"log.origin.file.name\":"),
                Part::Line(",\"log.origin.file.line\":"),
                Part::Method(",\"log.origin.function\":"),
            ],
            Self::Logstash => vec![
                Part::Module(",\"caller_class_name\":"),
                Part::Method(",\"caller_method_name\":"),
                Part::File(",\"caller_file_name\":"),
                Part::Line(",\"caller_line_number\":"),
            ],
            Self::Gelf => vec![
                Part::Module(",\"_module\":"),
                Part::File(",\"_file\":"),
                Part::Line(",\"_line\":"),
            ],
        }
    }

    /// The key of a constant field as JSON.
    pub(super) fn constant_key(self, name: &str) -> String {
        let prefix = if self == Self::Gelf { "_" } else { "" };
        format!("\"{prefix}{}\"", self.written(name))
    }

    /// Whether a constant field is a label.
    pub(super) fn is_label(self, name: &str) -> bool {
        self == Self::Ecs && kind_of(name).is_none()
    }

    /// How the name of a constant field is spelled.
    pub(super) fn spelled(self, name: &str) -> String {
        let spelling = match self {
            Self::Own => Spelling::Free,
            Self::Ecs if self.is_label(name) => Spelling::Label,
            Self::Ecs | Self::Logstash => Spelling::Path,
            Self::Gelf => Spelling::Gelf,
        };
        let mut key = name.as_bytes().to_vec();
        spelling.apply(&mut key, 0);
        String::from_utf8_lossy(&key).into_owned()
    }

    fn written(self, name: &str) -> String {
        written(&self.spelled(name))
    }

    fn content(self, choice: &Choice<'_>, error: ErrorShape) -> Part {
        let (object, spelling, scalars, spans) = match self {
            Self::Own => (
                ",\"fields\":",
                Spelling::Free,
                Scalars::Json,
                SpanShape::ListAndObject,
            ),
            Self::Ecs => (
                ",\"labels\":",
                Spelling::Label,
                Scalars::Elastic,
                SpanShape::FieldsAndNames,
            ),
            Self::Logstash => (
                "",
                Spelling::Path,
                Scalars::Elastic,
                SpanShape::FieldsAndList,
            ),
            Self::Gelf => ("", Spelling::Gelf, Scalars::Gelf, SpanShape::FieldsAndText),
        };
        let constants = choice.fields.iter();
        let (tops, labels): (Vec<_>, Vec<_>) =
            constants.partition(|(name, _)| !self.is_label(name));
        let names = |fields: &[&(String, String)]| -> Vec<String> {
            fields.iter().map(|(name, _)| self.written(name)).collect()
        };
        let keys = self.keys().iter().chain(self.readers_names());
        let outermost = keys.map(|key| written(key)).chain(names(&tops)).collect();
        // Only members of the outermost object can clash with those that are there.
        let (taken, tops) = match self {
            Self::Own => (Vec::new(), None),
            Self::Ecs => {
                let rules = Rules::new(Spelling::Path, Scalars::Elastic, outermost);
                (names(&labels), Some(rules))
            }
            Self::Logstash | Self::Gelf => (outermost, None),
        };
        let labels = labels
            .iter()
            .map(|(name, json)| format!(",{}:{json}", self.constant_key(name)));
        let content = Content {
            layout: choice.layout,
            object,
            constants: labels.collect(),
            rules: Rules::new(spelling, scalars, taken),
            tops,
            spans,
        };
        Part::Content(Box::new(content), error)
    }
}

/// The name as it stands between the quotes of a key, which is how keys are compared.
fn written(name: &str) -> String {
    let mut key = Vec::new();
    push_text(&mut key, name, usize::MAX);
    String::from_utf8_lossy(&key).into_owned()
}

const NAMES: [&str; LEVELS] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];

fn literal(text: impl Into<Box<str>>) -> Part {
    Part::Literal(text.into())
}

/// The level's name with text around it.
fn level(before: &str, after: &str) -> Part {
    Part::Level(NAMES.map(|name| format!("{before}{name}{after}").into()))
}

fn own(choice: &Choice<'_>) -> Vec<Part> {
    vec![
        literal("{\"timestamp\":\""),
        Part::Micros,
        level("\",\"level\":\"", "\",\"target\":\""),
        Part::Target,
        literal("\",\"message\":\""),
        Part::Message,
        literal("\",\"thread\":\""),
        Part::ThreadName,
        literal("\",\"thread_id\":"),
        Part::ThreadId,
        JsonSchema::Own.content(choice, ErrorShape::Object),
    ]
}

fn ecs(choice: &Choice<'_>) -> Vec<Part> {
    vec![
        literal("{\"@timestamp\":\""),
        Part::Millis,
        level("\",\"log.level\":\"", "\",\"message\":\""),
        Part::Message,
        literal(format!(
            "\",\"ecs.version\":\"{VERSION}\",\"log.logger\":\""
        )),
        Part::Target,
        literal(format!(
            "\",\"process.pid\":{},\"process.thread.name\":\"",
            choice.process
        )),
        Part::ThreadName,
        literal("\",\"process.thread.id\":"),
        Part::ThreadId,
        JsonSchema::Ecs.content(choice, ErrorShape::MessageAndTrace),
    ]
}

fn logstash(choice: &Choice<'_>) -> Vec<Part> {
    // Logback's numbers of the levels.
    let values = [5_000, 10_000, 20_000, 30_000, 40_000];
    let level = |index: usize| {
        let name = NAMES.get(index).copied().unwrap_or_default();
        let value = values.get(index).copied().unwrap_or_default();
        format!("\",\"level\":\"{name}\",\"level_value\":{value}").into()
    };
    vec![
        literal("{\"@timestamp\":\""),
        Part::Millis,
        literal("\",\"@version\":\"1\",\"message\":\""),
        Part::Message,
        literal("\",\"logger_name\":\""),
        Part::Target,
        literal("\",\"thread_name\":\""),
        Part::ThreadName,
        Part::Level(std::array::from_fn(level)),
        JsonSchema::Logstash.content(choice, ErrorShape::Trace),
    ]
}

fn gelf(choice: &Choice<'_>) -> Vec<Part> {
    // Syslog's numbers of the levels.
    let numbers = [7, 7, 6, 4, 3];
    let level = |index: usize| {
        let name = NAMES.get(index).copied().unwrap_or_default();
        let number = numbers.get(index).copied().unwrap_or_default();
        format!(",\"level\":{number},\"_level_name\":\"{name}\",\"_logger\":\"").into()
    };
    let host = choice.host;
    vec![
        literal(format!(
            "{{\"version\":\"1.1\",\"host\":{host},\"timestamp\":"
        )),
        Part::Epoch,
        Part::Level(std::array::from_fn(level)),
        Part::Target,
        literal("\",\"short_message\":\""),
        Part::SomeMessage,
        literal("\",\"_thread\":\""),
        Part::ThreadName,
        literal("\",\"_thread_id\":"),
        Part::ThreadId,
        JsonSchema::Gelf.content(choice, ErrorShape::FullMessage),
    ]
}

/// Joins literals that follow each other.
fn merge(parts: Vec<Part>) -> Vec<Part> {
    let mut merged: Vec<Part> = Vec::new();
    for part in parts {
        match (merged.last_mut(), part) {
            (Some(Part::Literal(before)), Part::Literal(text)) => {
                *before = format!("{before}{text}").into();
            }
            (_, part) => merged.push(part),
        }
    }
    merged
}
