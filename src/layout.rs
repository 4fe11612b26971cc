//! Layouts: what turns an event into the bytes of one record.

mod budget;
mod composite;
mod converter;
mod date;
mod encode;
mod error_text;
mod escape;
mod fields;
mod file_pattern;
mod into_layout;
mod json;
mod keyword;
mod level;
mod lookup;
mod marker;
mod modifier;
mod name;
mod notes;
mod parser;
mod pattern;
mod place;
mod plan;
mod planner;
mod ready;
mod replace;
mod shown;
mod simple;
mod specifier;
mod style;
mod text;
mod unit;
mod zone;

use std::sync::Arc;

use crate::event::LogEvent;

pub(crate) use date::DateField;
pub(crate) use date::DatePart;
pub(crate) use date::DateUnit;
pub use escape::Escape;
pub(crate) use file_pattern::FileDate;
pub(crate) use file_pattern::FileIndex;
pub(crate) use file_pattern::FilePiece;
pub(crate) use file_pattern::FileZone;
pub(crate) use file_pattern::Fill;
pub(crate) use file_pattern::file_pieces;
pub use into_layout::IntoLayout;
pub use json::JsonLayout;
pub use json::JsonLayoutBuilder;
pub use json::JsonSchema;
pub use pattern::PatternLayout;
pub use pattern::PatternLayoutBuilder;

/// Turns an event into the bytes of one record.
///
/// Called on the thread that logs. It must not block, and a layout that allocates makes each event
/// do so. A panic in it is contained: the event is counted as dropped, reason
/// [`FormatError`](crate::DropReason::FormatError).
pub trait Layout: Send + Sync + 'static {
    /// Appends the record for `event` to `out`, which may hold other bytes already.
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>);

    /// A number that two layouts share only if they render equal bytes for every event; none, the
    /// default, where that is not known.
    ///
    /// Layers of one subscriber whose layouts share it render an event once between them: the first
    /// one's [`render`](Self::render) is called, and what it appended goes to all places. So it has to
    /// depend on nothing but the event, and the number on all that was decided when the layout was made.
    /// It is asked for when a layer is built.
    fn fingerprint(&self) -> Option<u64> {
        None
    }
}

impl Layout for Box<dyn Layout> {
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        (**self).render(event, out);
    }

    fn fingerprint(&self) -> Option<u64> {
        (**self).fingerprint()
    }
}

impl Layout for Arc<dyn Layout> {
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        (**self).render(event, out);
    }

    fn fingerprint(&self) -> Option<u64> {
        (**self).fingerprint()
    }
}
