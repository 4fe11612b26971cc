//! What can be set on a JSON layout, and what of it is refused.

use std::hash::DefaultHasher;
use std::hash::Hash as _;
use std::hash::Hasher as _;
use std::sync::Arc;

use super::ecs::kind_of;
use super::ecs::push_as;
use super::escape::push_string;
use super::host;
use super::part::Part;
use super::schema::Choice;
use super::schema::JsonSchema;
use super::value::Scalars;
use super::value::push_value;
use crate::error::BuildError;
use crate::event::Value;

/// The most bytes of all constant fields: each record has them.
const MAX_CONSTANTS: usize = 16 * 1024;

/// A layout that is put together.
#[derive(Debug)]
pub(super) struct Inner {
    /// What it was made of: a layout can be built on.
    pub(super) settings: Settings,
    pub(super) parts: Vec<Part>,
    pub(super) fingerprint: u64,
}

/// What was set; the builder of the layout wraps it.
#[derive(Debug, Clone)]
pub(super) struct Settings {
    schema: JsonSchema,
    has_location: bool,
    host: Option<String>,
    fields: Vec<(String, String)>,
    /// The first field whose value is not what ECS has for its name: the name, the value, what it takes.
    misfit: Option<(String, String, &'static str)>,
}

impl Settings {
    pub(super) fn new(schema: JsonSchema) -> Self {
        Self {
            schema,
            has_location: false,
            host: None,
            fields: Vec::new(),
            misfit: None,
        }
    }

    pub(super) fn field(&mut self, name: String, value: Value<'_>) {
        let scalars = match self.schema {
            JsonSchema::Own => Scalars::Json,
            JsonSchema::Ecs | JsonSchema::Logstash => Scalars::Elastic,
            JsonSchema::Gelf => Scalars::Gelf,
        };
        let kind = match self.schema {
            JsonSchema::Ecs => kind_of(&name),
            _ => None,
        };
        let mut json = Vec::new();
        match kind {
            Some(kind) if push_as(&mut json, kind, value, MAX_CONSTANTS) => {}
            _ => push_value(&mut json, value, scalars, usize::MAX),
        }
        if let (Some(kind), None) = (kind, &self.misfit)
            && !push_as(&mut Vec::new(), kind, value, MAX_CONSTANTS)
        {
            self.misfit = Some((name.clone(), format!("{value:?}"), kind.expected()));
        }
        let json = String::from_utf8_lossy(&json).into_owned();
        self.fields.push((name, json));
    }

    pub(super) fn location(&mut self, has_location: bool) {
        self.has_location = has_location;
    }

    pub(super) fn host(&mut self, host: String) {
        self.host = Some(host);
    }

    pub(super) fn build(&self) -> Result<Arc<Inner>, BuildError> {
        self.check_host()?;
        if let Some((name, value, expected)) = &self.misfit {
            return Err(BuildError::setting(
                format!("field {name}"),
                value,
                *expected,
            ));
        }
        for (index, (name, _)) in self.fields.iter().enumerate() {
            self.check_name(name)?;
            let before = self.fields.get(..index).unwrap_or_default();
            self.check_clash(name, before)?;
        }
        let bytes: usize = self
            .fields
            .iter()
            .map(|(name, json)| self.schema.constant_key(name).len() + json.len())
            .sum();
        if bytes > MAX_CONSTANTS {
            return Err(BuildError::conflict(
                format!("constant fields of {bytes} bytes"),
                format!("at most {MAX_CONSTANTS}, as each record has them"),
            ));
        }
        Ok(self.put_together())
    }

    /// The layout, unchecked.
    pub(super) fn put_together(&self) -> Arc<Inner> {
        let is_gelf = self.schema == JsonSchema::Gelf;
        let host = match &self.host {
            Some(host) => host.clone(),
            None if is_gelf => host::name(),
            None => String::new(),
        };
        let mut host_json = Vec::new();
        push_string(&mut host_json, &host, host::MAX_BYTES);
        let process = std::process::id();
        let mut hasher = DefaultHasher::new();
        "JsonLayout".hash(&mut hasher);
        (self.schema, self.has_location, &host, &self.fields, process).hash(&mut hasher);
        // A view of spans knows 0 as nobody's.
        let fingerprint = hasher.finish().max(1);
        let parts = self.schema.parts(&Choice {
            layout: fingerprint,
            has_location: self.has_location,
            host: &String::from_utf8_lossy(&host_json),
            process,
            fields: &self.fields,
        });
        Arc::new(Inner {
            settings: self.clone(),
            parts,
            fingerprint,
        })
    }

    fn check_host(&self) -> Result<(), BuildError> {
        let Some(host) = &self.host else {
            return Ok(());
        };
        if self.schema != JsonSchema::Gelf {
            return Err(BuildError::conflict(
                format!("`host` for the schema `{}`", self.schema.name()),
                "the schema `gelf`, or a constant field for it",
            ));
        }
        if host.trim().is_empty() || host.len() > host::MAX_BYTES {
            let expected = format!("a name of 1 to {} bytes", host::MAX_BYTES);
            return Err(BuildError::setting("host", host, expected));
        }
        Ok(())
    }

    fn check_name(&self, name: &str) -> Result<(), BuildError> {
        let schema = self.schema;
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let is_fine = match schema {
            JsonSchema::Own => !name.is_empty(),
            JsonSchema::Ecs => !name.trim().is_empty(),
            JsonSchema::Logstash => schema.spelled(name) == name,
            JsonSchema::Gelf => {
                let is_kept = name.starts_with("gl2_");
                !name.is_empty() && !is_kept && name.bytes().all(is_letter)
            }
        };
        if !is_fine {
            let expected = match schema {
                JsonSchema::Gelf if name.starts_with("gl2_") => {
                    "a name that does not begin with `gl2_`, as those of Graylog do"
                }
                JsonSchema::Gelf => "a name of letters, digits, `_`, `.` and `-`",
                JsonSchema::Logstash if !name.trim().is_empty() => {
                    "a name without `[` and `]`, with a name on each side of a `.`"
                }
                _ => "a name",
            };
            return Err(BuildError::setting("field", name, expected));
        }
        let keys = schema.keys().iter().chain(schema.readers_names()).copied();
        if self.clashes(name, keys).is_some() {
            let expected = format!(
                "a name that the schema `{}` does not use itself",
                schema.name()
            );
            return Err(BuildError::setting("field", name, expected));
        }
        Ok(())
    }

    fn check_clash(&self, name: &str, others: &[(String, String)]) -> Result<(), BuildError> {
        match self.clashes(name, others.iter().map(|(other, _)| other.as_str())) {
            Some(other) if self.schema.spelled(other) == self.schema.spelled(name) => {
                Err(BuildError::conflict(
                    format!("the constant field `{name}` twice"),
                    "each name once",
                ))
            }
            Some(other) => Err(BuildError::conflict(
                format!("constant fields `{other}` and `{name}`"),
                "no name that is the beginning of another's path",
            )),
            None => Ok(()),
        }
    }

    /// The one of `others` that is `name`; in ECS, where a dot separates the names of a path, also
    /// one that is above or below it.
    fn clashes<'n>(
        &self,
        name: &str,
        mut others: impl Iterator<Item = &'n str>,
    ) -> Option<&'n str> {
        let is_path = matches!(self.schema, JsonSchema::Ecs | JsonSchema::Logstash);
        let is_above = |above: &str, below: &str| {
            let rest = below.strip_prefix(above);
            is_path && rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let is_same = |other: &str| self.schema.spelled(other) == self.schema.spelled(name);
        others.find(|other| is_same(other) || is_above(other, name) || is_above(name, other))
    }
}
