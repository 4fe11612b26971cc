//! `JsonLayout`: one event is one JSON object on one line.

mod builder;
mod cause;
mod content;
mod ecs;
mod ecs_fields;
mod escape;
mod host;
mod members;
mod part;
mod plan;
mod schema;
mod shares;
mod time;
mod value;

use std::sync::Arc;

use super::Layout;
use crate::error::BuildError;
use crate::event::LogEvent;
use crate::event::Value;

use builder::Inner;
use builder::Settings;

pub use schema::JsonSchema;

/// Renders an event as a JSON object on one line, in one of four schemas.
///
/// Numbers and booleans stay what they are. Texts are escaped as JSON asks for, and beyond that
/// every control character, the line separators U+2028 and U+2029, the characters that change the
/// direction of text, and U+FEFF become `\uXXXX`: one event is one line, whatever it is made of. No
/// object has a key twice. There is no line feed at the end; a layer for files adds one.
///
/// # Keys
///
/// | | [own](Self::new) | [ECS](Self::ecs) | [Logstash](Self::logstash) | [GELF](Self::gelf) |
/// |---|---|---|---|---|
/// | time, UTC | `timestamp` | `@timestamp` | `@timestamp` | `timestamp` |
/// | level | `level` | `log.level` | `level`, `level_value` | `level`, `_level_name` |
/// | target | `target` | `log.logger` | `logger_name` | `_logger` |
/// | message | `message` | `message` | `message` | `short_message` |
/// | thread | `thread`, `thread_id` | `process.thread.name`, `process.thread.id` | `thread_name` | `_thread`, `_thread_id` |
/// | fields of the event | object `fields` | by ECS' own names, else object `labels` | by their names | `_` and their names |
/// | fields of the spans, the innermost value | object `span_fields` | the same | by their names | `_` and their names |
/// | spans, the outermost first | list `spans` of `name` and `fields` | list `tags` of names | list `spans` | text `_spans`: `request:query` |
/// | error | `error`: `message`, list `causes` | `error.message`, `error.stack_trace` | `stack_trace` | `full_message` |
/// | module ¹ | `module` | | `caller_class_name` | `_module` |
/// | file, line ¹ | `file`, `line` | `log.origin.file.name`, `log.origin.file.line` | `caller_file_name`, `caller_line_number` | `_file`, `_line` |
/// | innermost span ¹ | | `log.origin.function` | `caller_method_name` | |
/// | the same for all | | `ecs.version`, `process.pid` | `@version` | `version`, `host` |
/// | [constant fields](JsonLayoutBuilder::field) | by their names | as fields of the event | by their names | `_` and their names |
///
/// ¹ With [`location`](JsonLayoutBuilder::location) only.
///
/// Times are RFC 3339 with microseconds in the own schema and with milliseconds in ECS and Logstash;
/// years before 0 and after 9999 are moved to the nearest moment that has four digits. GELF has
/// seconds since 1970 with milliseconds. Levels are `TRACE` to `ERROR`; the number is Logback's in
/// Logstash, and in GELF that of syslog, where TRACE and DEBUG are both 7. An object or list that
/// would be empty is left out, and so is what an event does not know, save the message. A message
/// of nothing but white space and control characters is `-` in GELF, whose servers refuse it.
///
/// # Values
///
/// Integers of 128 bits that no 64 bits can hold, NaN and the infinities are strings: `"NaN"`,
/// `"Infinity"`, `"-Infinity"`. So are integers above 2<sup>63</sup> - 1 in all schemas but the own, as
/// Elasticsearch's `long` ends there. GELF has no booleans: there they are strings. Bytes that are not
/// UTF-8 are written as `\xNN`. An error is its text, and the
/// [error of the event](LogEvent::with_error) is told again with its causes, at most 32 of them. Its
/// type is not told, as an error does not know it.
///
/// A record is valid JSON of less than 256 KiB, whatever is in it. A text that is cut says by how
/// much, and a value has at most 32,766 bytes with that note, the most that Elasticsearch and Graylog
/// take for a keyword. The fields of an event have room in 64 KiB, those of its spans in 24 KiB, and the
/// list of the spans in 24 KiB more: where they have not, the largest values are cut first. Where not even
/// the names have room, fields are left out, those of the spans in the middle of the list first, and
/// `fields_left_out` says how many. Fields beyond 128 are left out, and so are spans beyond the innermost
/// 32, and causes that there is no room for.
///
/// Labels of ECS keep their types here; its mappings store all of them as keywords.
///
/// # Names
///
/// A field that is there twice has its last value, of those that there is room for. Names are written
/// as the readers take them:
///
/// * ECS: a name of [ECS 9.4.0](https://github.com/elastic/ecs/blob/v9.4.0/generated/csv/fields.csv) is
///   written by that name, outside of `labels`, if the value is of its type: a keyword takes all, a number
///   or a boolean also a text that is exactly one, a date an ISO 8601 text, an `ip` an address. What
///   does not fit, fields that are objects or places, and keys that the layout writes itself are labels.
///   An event that has a name (`name: "order.placed"`) has it as `event.action`, if no field is called so.
///   In the name of a label `_` takes the place of `.`, `*`, `\`, `"`, `[` and `]`, as
///   [Elastic's loggers](https://github.com/elastic/ecs-logging) and agents do it.
/// * Logstash: `[` and `]` become `_`, as Logstash reads
///   [references](https://www.elastic.co/docs/reference/logstash/field-references-deepdive) in them, and
///   so does a `.` without a name on each side, which Elasticsearch refuses. `a` and `a.b` are not both
///   written, as one object cannot be a value. Elasticsearch's own `_id`, `_index`, … are taken.
/// * GELF: `_` takes the place of all but letters, digits, `_` and `-`. [Graylog](https://github.com/Graylog2/graylog2-server)
///   makes it of `.` when it stores a record, so that `user.id` and `user_id` would be one. Its own `_id`, `gl2_…`,
///   `streams`, … are taken.
///
/// Where a name is taken, keys of the schema, constant fields and names that the readers keep for
/// themselves (`level`, `source`, `@metadata`, `tags` …) come first, then fields of the event, then
/// those of spans. The later one is renamed to `field_name` if it is the event's, to `span_name` if it is a
/// span's, and again until that is free. In the own schema nothing is renamed: each has an object
/// of its own, and its readers take any name.
///
/// # Examples
///
/// ```
/// use tracing_kafka::{JsonLayout, MemoryLayer};
/// use tracing_subscriber::prelude::*;
///
/// let (layer, records) = MemoryLayer::new(JsonLayout::new());
/// let _default = tracing_subscriber::registry().with(layer).set_default();
/// tracing::info_span!("request", id = 7).in_scope(|| {
///     tracing::warn!(stock = 2, "running \"low\"");
/// });
/// let record: serde_json::Value = serde_json::from_str(&records.take()[0])?;
/// assert_eq!(record["level"], "WARN");
/// assert_eq!(record["message"], "running \"low\"");
/// assert_eq!(record["fields"]["stock"], 2);
/// assert_eq!(record["span_fields"]["id"], 7);
/// assert_eq!(record["spans"][0]["name"], "request");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct JsonLayout {
    inner: Arc<Inner>,
}

impl JsonLayout {
    /// The schema of this crate, without constant fields.
    pub fn new() -> Self {
        Self::of(JsonSchema::Own)
    }

    /// The Elastic Common Schema in the shape that Elastic's own loggers give it.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::{JsonLayout, Layout, LogEvent};
    ///
    /// let event = LogEvent::builder().message("hi").field("user", "bob").build();
    /// let mut out = Vec::new();
    /// JsonLayout::ecs().render(&event, &mut out);
    /// let record: serde_json::Value = serde_json::from_slice(&out)?;
    /// assert_eq!(record["log.level"], "INFO");
    /// assert_eq!(record["labels"]["user"], "bob");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn ecs() -> Self {
        Self::of(JsonSchema::Ecs)
    }

    /// The event of Logstash, with the keys that its encoder for Logback uses.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::{JsonLayout, Layout, LogEvent};
    ///
    /// let event = LogEvent::builder().message("hi").field("user", "bob").build();
    /// let mut out = Vec::new();
    /// JsonLayout::logstash().render(&event, &mut out);
    /// let record: serde_json::Value = serde_json::from_slice(&out)?;
    /// assert_eq!(record["@version"], "1");
    /// assert_eq!(record["user"], "bob");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn logstash() -> Self {
        Self::of(JsonSchema::Logstash)
    }

    /// The Graylog Extended Log Format, version 1.1.
    ///
    /// The host is what the environment variable `HOSTNAME` or `COMPUTERNAME` says, else
    /// `/proc/sys/kernel/hostname` or `/etc/hostname`, else `unknown`;
    /// [`host`](JsonLayoutBuilder::host) sets another.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::{JsonLayout, Layout, LogEvent};
    ///
    /// let event = LogEvent::builder().message("hi").field("user", "bob").build();
    /// let mut out = Vec::new();
    /// JsonLayout::gelf().render(&event, &mut out);
    /// let record: serde_json::Value = serde_json::from_slice(&out)?;
    /// assert_eq!(record["short_message"], "hi");
    /// assert_eq!(record["_user"], "bob");
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn gelf() -> Self {
        Self::of(JsonSchema::Gelf)
    }

    /// Begins a layout of `schema` with more than its defaults.
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::{JsonLayout, JsonSchema, Layout, LogEvent};
    ///
    /// let layout = JsonLayout::builder(JsonSchema::Ecs)
    ///     .field("service.name", "shop")
    ///     .location(true)
    ///     .build()?;
    /// let event = LogEvent::builder()
    ///     .location(None, Some("src/main.rs"), Some(7))
    ///     .build();
    /// let mut out = Vec::new();
    /// layout.render(&event, &mut out);
    /// let record: serde_json::Value = serde_json::from_slice(&out).unwrap();
    /// assert_eq!(record["service.name"], "shop");
    /// assert_eq!(record["log.origin.file.line"], 7);
    /// # Ok::<(), tracing_kafka::BuildError>(())
    /// ```
    pub fn builder(schema: JsonSchema) -> JsonLayoutBuilder {
        JsonLayoutBuilder {
            settings: Settings::new(schema),
        }
    }

    /// The same with a member that each record has: begins a builder, with
    /// [`JsonLayoutBuilder::field`].
    ///
    /// # Examples
    ///
    /// ```
    /// use tracing_kafka::{JsonLayout, KafkaLayer};
    ///
    /// let layer = KafkaLayer::builder("localhost:9092", "log-message")
    ///     .layout(JsonLayout::ecs().field("service.name", "orders").location(true))
    ///     .build()?;
    /// # drop(layer);
    /// # Ok::<(), tracing_kafka::BuildError>(())
    /// ```
    #[expect(
        single_use_lifetimes,
        reason = "an anonymous one is not allowed in this place yet"
    )]
    pub fn field<'v>(
        self,
        name: impl Into<String>,
        value: impl Into<Value<'v>>,
    ) -> JsonLayoutBuilder {
        self.to_builder().field(name, value)
    }

    /// The same with or without places in the source: begins a builder, with
    /// [`JsonLayoutBuilder::location`].
    pub fn location(self, location: bool) -> JsonLayoutBuilder {
        self.to_builder().location(location)
    }

    /// The same with another host: begins a builder, with [`JsonLayoutBuilder::host`].
    pub fn host(self, host: impl Into<String>) -> JsonLayoutBuilder {
        self.to_builder().host(host)
    }

    /// The layout itself, so that a chain may end as every other does.
    ///
    /// # Errors
    ///
    /// None: it is built already.
    pub fn build(self) -> Result<Self, BuildError> {
        Ok(self)
    }

    fn to_builder(&self) -> JsonLayoutBuilder {
        JsonLayoutBuilder {
            settings: self.inner.settings.clone(),
        }
    }

    fn of(schema: JsonSchema) -> Self {
        Self {
            inner: Settings::new(schema).put_together(),
        }
    }
}

impl Default for JsonLayout {
    fn default() -> Self {
        Self::new()
    }
}

impl Layout for JsonLayout {
    #[inline]
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        let Inner {
            parts, fingerprint, ..
        } = &*self.inner;
        if !plan::push(*fingerprint, parts, event, out) {
            for part in parts {
                part.push(event, out);
            }
        }
    }

    fn fingerprint(&self) -> Option<u64> {
        Some(self.inner.fingerprint)
    }
}

/// Sets what a [`JsonLayout`] writes beyond its schema's defaults.
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `build`"]
pub struct JsonLayoutBuilder {
    settings: Settings,
}

impl JsonLayoutBuilder {
    /// Adds a member that each record has, such as the name of the service.
    ///
    /// It is a member of the outermost object, in ECS a label if ECS has no field of the name; in GELF its key gets
    /// `_` in front. The value is a
    /// string, a number or a boolean, written as fields of events are.
    #[expect(
        single_use_lifetimes,
        reason = "an anonymous one is not allowed in this place yet"
    )]
    pub fn field<'v>(mut self, name: impl Into<String>, value: impl Into<Value<'v>>) -> Self {
        self.settings.field(name.into(), value.into());
        self
    }

    /// Sets whether records say where in the source the event is: its file and line, its module.
    /// Defaults to false.
    pub fn location(mut self, location: bool) -> Self {
        self.settings.location(location);
        self
    }

    /// Sets the `host` of GELF, the one schema that has it. Defaults to the name of this machine:
    /// see [`JsonLayout::gelf`].
    pub fn host(mut self, host: impl Into<String>) -> Self {
        self.settings.host(host.into());
        self
    }

    /// The layout. The numbers of the process and the name of the machine are those of now.
    ///
    /// # Errors
    ///
    /// * A constant field has a name that the schema uses itself, that it does not allow, or that
    ///   another one has. In ECS and Logstash that includes a name whose path, with dots, leads through another.
    /// * The value of a field of ECS is not of its type.
    /// * The constant fields have more than 16 KiB.
    /// * The host is blank, longer than 255 bytes, or set for another schema than GELF.
    pub fn build(self) -> Result<JsonLayout, BuildError> {
        let inner = self.settings.build()?;
        Ok(JsonLayout { inner })
    }
}

#[cfg(test)]
mod tests;
