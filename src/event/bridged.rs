//! Records of the crate `log` that `tracing-log` hands on: where they come from stands in fields, not in the metadata.

use std::fmt;

use tracing::Event;
use tracing::Metadata;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_log::NormalizeEvent as _;

/// The target of all of them.
const TARGET: &str = "log";
/// What the fields begin with that no record has set itself.
const PREFIX: &str = "log.";

/// Where a record comes from; the buffers are used again.
#[derive(Debug, Default)]
pub(crate) struct Bridged {
    target: String,
    module_path: String,
    file: String,
    line: Option<u32>,
}

impl Bridged {
    pub(crate) const fn new() -> Self {
        Self {
            target: String::new(),
            module_path: String::new(),
            file: String::new(),
            line: None,
        }
    }

    /// Whether an event with this metadata may be such a record. One comparison for nearly all.
    #[inline]
    pub(crate) fn is_possible(metadata: &Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    /// Reads where `event` comes from. None if it is an event like any other.
    #[cold]
    pub(crate) fn read(&mut self, event: &Event<'_>) -> Option<&Self> {
        if !event.is_log() {
            return None;
        }
        self.target.clear();
        self.module_path.clear();
        self.file.clear();
        self.line = None;
        event.record(self);
        Some(self)
    }

    pub(super) fn target(&self) -> &str {
        &self.target
    }

    pub(super) fn module_path(&self) -> Option<&str> {
        Some(self.module_path.as_str()).filter(|path| !path.is_empty())
    }

    pub(super) fn file(&self) -> Option<&str> {
        Some(self.file.as_str()).filter(|file| !file.is_empty())
    }

    pub(super) fn line(&self) -> Option<u32> {
        self.line
    }

    /// Whether a field is one of those that are read here.
    pub(super) fn is_own(field: &str) -> bool {
        field.starts_with(PREFIX)
    }
}

impl Visit for Bridged {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "log.target" => self.target.push_str(value),
            "log.module_path" => self.module_path.push_str(value),
            "log.file" => self.file.push_str(value),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "log.line" {
            self.line = u32::try_from(value).ok();
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn fmt::Debug) {}
}
