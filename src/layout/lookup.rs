//! `${prefix:name:-default}` in the text of a pattern: what Log4j looks up there at each event.
//!
//! Read once, from the pattern alone. What an event brings along is never searched for look-ups, and
//! none of them leaves the process.

use std::ffi::OsString;

use super::marker;
use super::notes::shown;
use super::text::push_number;
use crate::event::LogEvent;
use crate::event::MARKER;

const BEGIN: &str = "${";
const DEFAULT: &str = ":-";
const VARIABLE: &str = "env:";
/// A longer one is text: each byte of a pattern is looked at a bounded number of times.
const MAX_LENGTH: usize = 200;

/// What a look-up prints: the first of its sources that has something, or else a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Lookup {
    sources: Vec<Source>,
    otherwise: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    SpanField(String),
    EventField(String),
    Marker,
    Level,
    Logger,
    Message,
    ThreadName,
    ThreadId,
    Timestamp,
}

/// A part of a literal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part {
    Text(String),
    Lookup(Lookup),
}

/// Splits a literal. What is no look-up, or one that is not known here, stays text.
pub(super) fn split(literal: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut text = String::new();
    let mut rest = literal;
    while let Some(at) = rest.find(BEGIN) {
        let (before, from) = rest.split_at(at);
        if let Some(before) = before.strip_suffix('$') {
            // A second dollar sign makes it text.
            text.push_str(before);
            text.push_str(BEGIN);
            rest = from.get(BEGIN.len()..).unwrap_or_default();
            continue;
        }
        text.push_str(before);
        let whole = extent(from);
        match read(whole) {
            Some(Part::Text(constant)) => text.push_str(&constant),
            Some(lookup @ Part::Lookup(_)) => {
                parts.push(Part::Text(std::mem::take(&mut text)));
                parts.push(lookup);
            }
            None => text.push_str(default(whole).unwrap_or(whole)),
        }
        rest = from.get(whole.len()..).unwrap_or_default();
    }
    text.push_str(rest);
    parts.push(Part::Text(text));
    parts
}

/// The look-up that `text` begins with, up to its brace; the beginning alone where there is none.
pub(super) fn extent(text: &str) -> &str {
    let mut depth = 0;
    for (at, byte) in text.bytes().enumerate().take(MAX_LENGTH) {
        match byte {
            b'$' if text.get(at..at + 2) == Some(BEGIN) => depth += 1,
            b'}' => {
                depth -= 1;
                if depth == 0 {
                    return text.get(..=at).unwrap_or(BEGIN);
                }
            }
            _ => {}
        }
    }
    text.get(..BEGIN.len()).unwrap_or(BEGIN)
}

/// The values of the environment's variables that `pattern` may have read, in their order.
pub(super) fn variables(pattern: &str) -> Vec<Option<OsString>> {
    let lower = pattern.to_ascii_lowercase();
    let keys = lower.match_indices(VARIABLE).map(|(at, _)| {
        let rest = pattern.get(at + VARIABLE.len()..).unwrap_or_default();
        let whole = rest.chars().take(MAX_LENGTH);
        whole
            .take_while(|letter| *letter != '}')
            .collect::<String>()
    });
    keys.map(|key| std::env::var_os(key.split(DEFAULT).next().unwrap_or_default()))
        .collect()
}

/// Whether something is looked up for `whole`, or it is known what is put in.
pub(super) fn is_known(whole: &str) -> bool {
    read(whole).is_some()
}

/// What is wrong with `whole`, of which nothing is known, and what to write.
pub(super) fn fault(whole: &str) -> (String, &'static str) {
    if whole == BEGIN {
        return (format!("a `{BEGIN}` without its `}}`"), "`$${` is text");
    }
    let inner = whole.get(BEGIN.len()..).unwrap_or_default();
    if let Some((prefix, name)) = inner.split_once(':')
        && prefix.eq_ignore_ascii_case("env")
        && !name.contains([':', '{'])
    {
        let message = format!(
            "no environment variable `{}`",
            shown(name.trim_end_matches('}'))
        );
        return (message, "`${env:NAME:-default}` has a default");
    }
    (
        format!("no look-up such as `{}` is made", shown(whole)),
        "`${ctx:name}`, `${map:name}`, `${event:Level}` and `${env:NAME}` are; `$${` is text",
    )
}

/// What stands for a look-up that is not known.
fn default(whole: &str) -> Option<&str> {
    let inner = whole.strip_prefix(BEGIN)?.strip_suffix('}')?;
    let (name, default) = inner.split_once(DEFAULT)?;
    (!name.contains(BEGIN) && !default.contains(BEGIN)).then_some(default)
}

/// Reads `${…}` as a whole.
fn read(whole: &str) -> Option<Part> {
    let inner = whole.strip_prefix(BEGIN)?.strip_suffix('}')?;
    let (name, default) = match inner.split_once(DEFAULT) {
        Some((name, default)) => (name, Some(default)),
        None => (inner, None),
    };
    if name.contains(BEGIN) {
        return None;
    }
    let (prefix, key) = name.split_once(':')?;
    let known = |known: &str| prefix.eq_ignore_ascii_case(known);
    let source = if known("ctx") {
        Source::SpanField(key.to_owned())
    } else if known("map") {
        Source::EventField(key.to_owned())
    } else if known("marker") {
        Source::Marker
    } else if known("event") {
        of_event(key)?
    } else if known("lower") {
        return Some(Part::Text(key.to_lowercase()));
    } else if known("upper") {
        return Some(Part::Text(key.to_uppercase()));
    } else if known("env") {
        return match std::env::var(key) {
            Ok(value) => Some(Part::Text(value)),
            Err(_) => alternative(default?),
        };
    } else {
        return None;
    };
    let otherwise = match default {
        Some(default) => alternative(default)?,
        None => Part::Text(whole.to_owned()),
    };
    Some(Part::Lookup(match otherwise {
        Part::Text(otherwise) => Lookup {
            sources: vec![source],
            otherwise,
        },
        Part::Lookup(mut lookup) => {
            lookup.sources.insert(0, source);
            lookup
        }
    }))
}

fn of_event(key: &str) -> Option<Source> {
    Some(match key {
        "Level" => Source::Level,
        "Logger" => Source::Logger,
        "Marker" => Source::Marker,
        "Message" => Source::Message,
        "ThreadId" => Source::ThreadId,
        "ThreadName" => Source::ThreadName,
        "Timestamp" => Source::Timestamp,
        _ => return None,
    })
}

/// A default is a text, or another look-up.
fn alternative(default: &str) -> Option<Part> {
    if default.starts_with(BEGIN) && extent(default).len() == default.len() {
        return read(default);
    }
    (!default.contains(BEGIN)).then(|| Part::Text(default.to_owned()))
}

impl Lookup {
    /// The fields of the event that it may print.
    pub(super) fn event_fields(&self) -> impl Iterator<Item = &str> {
        self.sources.iter().filter_map(|source| match source {
            Source::EventField(name) => Some(name.as_str()),
            Source::Marker => Some(MARKER),
            _ => None,
        })
    }

    /// Appends what is found, unescaped.
    pub(super) fn write(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        if !self.sources.iter().any(|source| source.write(event, out)) {
            out.extend_from_slice(self.otherwise.as_bytes());
        }
    }
}

impl Source {
    /// Appends what it has. Returns whether it has something.
    fn write(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) -> bool {
        match self {
            Self::SpanField(name) => match event.spans().field(name) {
                Some(value) => out.extend_from_slice(value.as_bytes()),
                None => return false,
            },
            Self::EventField(name) => return event.write_field(name, out),
            Self::Marker => return marker::write_name(event, out),
            Self::Level => out.extend_from_slice(event.level().as_str().as_bytes()),
            Self::Logger => out.extend_from_slice(event.target().as_bytes()),
            Self::Message => event.write_message(out),
            Self::ThreadName => out.extend_from_slice(event.thread_name().as_bytes()),
            Self::ThreadId => push_number(out, event.thread_id()),
            Self::Timestamp => push_number(out, event.timestamp().millis()),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(literal: &str, expected: &str) {
        let event = LogEvent::builder()
            .message("hi")
            .marker("M[ PARENT ]")
            .span("s", [("a", "1"), ("b", "${ctx:a}"), ("c", "")])
            .build();
        let mut out = Vec::new();
        for part in split(literal) {
            match part {
                Part::Text(text) => out.extend_from_slice(text.as_bytes()),
                Part::Lookup(lookup) => lookup.write(&event, &mut out),
            }
        }
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{literal}");
    }

    #[test]
    fn lookups_print_what_log4j_prints() {
        check("${ctx:a}|${CTX:a}${ctx:c}", "1|1");
        check("${ctx:zz} ${ctx:zz:-def} ${ctx:zz:-}", "${ctx:zz} def ");
        check("${ctx:zz:-a:-b} ${ctx:a:-d}", "a:-b 1");
        check("${ctx:zz:-${ctx:a}} ${ctx:zz:-${event:Level}}", "1 INFO");
        check("${lower:ABC}${upper:é}${lower:ABC:-x}", "abcÉabc");
        check("${marker:}${marker:x}", "MM");
        check("${event:Message} ${event:ThreadId}", "hi 1");
        check("${env:TRACING_KAFKA_NO_SUCH:-d}", "d");
        check("${ctx:a:-b}c}", "1c}");
    }

    #[test]
    fn the_variables_of_a_pattern_are_found_wherever_they_stand() {
        let path = std::env::var_os("PATH");
        assert!(path.is_some());
        let found = variables(
            "%m ${env:PATH} ${ctx:a:-${ENV:PATH:-x}} ${env:TRACING_KAFKA_NO_SUCH:-d} ${env:",
        );
        assert_eq!(found, [path.clone(), path, None, None]);
        assert_eq!(variables("%m envy: ${ctx:a}"), []);
    }

    #[test]
    fn what_an_event_brings_along_is_not_searched() {
        check("${ctx:b}", "${ctx:a}");
    }

    #[test]
    fn everything_else_is_text() {
        for text in [
            "${",
            "${}",
            "${x}",
            "${ctx:a",
            "$ctx:a",
            "${event:Nope}",
            "${sys:x}",
            "$$",
            "${marker}",
        ] {
            check(text, text);
        }
        check("${sys:x:-y}", "y");
        check("$${ctx:a}", "${ctx:a}");
        check("$$${ctx:a}", "$${ctx:a}");
    }
}
