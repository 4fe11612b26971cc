//! A marker without its parents.

use crate::event::LogEvent;

/// What stands around the parents of a marker, as Log4j prints them: `CHILD[ PARENT, OTHER ]`.
const PARENTS: &[u8] = b"[ ";
const PARENTS_END: &[u8] = b" ]";

/// Appends the name of the event's marker, unescaped. Returns whether it has one.
pub(super) fn write_name(event: &LogEvent<'_>, out: &mut Vec<u8>) -> bool {
    let start = out.len();
    let is_there = event.write_marker(out);
    let marker = out.get(start..).unwrap_or_default();
    if marker.ends_with(PARENTS_END)
        && let Some(at) = marker.windows(PARENTS.len()).position(|w| w == PARENTS)
    {
        out.truncate(start + at);
    }
    is_there
}
