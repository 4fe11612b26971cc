//! A field as `tracing_subscriber::fmt` writes it: `name=value`, text in quotes, an error with its sources.

use std::error::Error;
use std::fmt;
use std::fmt::Write as _;

use super::value::FIELD_LIMIT;
use super::value::Value;
use super::value::write_contained;

/// The most sources of an error that are shown; one may go round in a ring.
const MAX_SOURCES: usize = 32;

/// The name of a field without what makes a keyword of Rust a name.
#[inline]
pub(crate) fn plain_name(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

/// Appends `name=value`, at most 32 KiB of the value.
///
/// That is what `tracing_subscriber::fmt::format::DefaultFields` of version 0.3 writes without colours.
#[inline]
pub(super) fn write_field(out: &mut Vec<u8>, name: &str, value: Value<'_>) {
    out.extend_from_slice(plain_name(name).as_bytes());
    out.push(b'=');
    write_value(out, name, value);
}

/// Appends what follows the equals sign. `name` is the whole one, which `fmt` repeats before the sources of an
/// error.
pub(super) fn write_value(out: &mut Vec<u8>, name: &str, value: Value<'_>) {
    match value {
        Value::Str(text) if is_quoted_as_it_is(text) => {
            out.push(b'"');
            out.extend_from_slice(text.as_bytes());
            out.push(b'"');
        }
        Value::Str(text) => write_contained(out, FIELD_LIMIT, |w| write!(w, "{text:?}")),
        Value::Bytes(bytes) => write_contained(out, FIELD_LIMIT, |w| write_hex(w, bytes)),
        Value::Error(error) => write_contained(out, FIELD_LIMIT, |w| {
            write!(w, "{error}")?;
            match error.source() {
                Some(source) => write!(w, " {name}.sources={:?}", Sources(source)),
                None => Ok(()),
            }
        }),
        value => value.write_to(out, FIELD_LIMIT),
    }
}

/// Whether `Debug` would only put quotes around `text`.
#[inline]
fn is_quoted_as_it_is(text: &str) -> bool {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    text.len() <= FIELD_LIMIT && text.as_bytes().iter().all(is_plain)
}

/// `[0a ff]`, as `tracing` itself shows bytes to those who ask for their `Debug` form.
fn write_hex(out: &mut impl fmt::Write, bytes: &[u8]) -> fmt::Result {
    out.write_char('[')?;
    for (index, byte) in bytes.iter().enumerate() {
        let separator = if index == 0 { "" } else { " " };
        write!(out, "{separator}{byte:02x}")?;
    }
    out.write_char(']')
}

/// The errors behind an error, as a list of their texts.
struct Sources<'a>(&'a (dyn Error + 'static));

impl fmt::Debug for Sources<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        let mut next = Some(self.0);
        for _ in 0..MAX_SOURCES {
            let Some(error) = next else { break };
            list.entry(&format_args!("{error}"));
            next = error.source();
        }
        list.finish()
    }
}

/// Which fields of an event are shown elsewhere than behind its message.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Elsewhere {
    pub(crate) names: Box<[String]>,
    /// Whether the event's error is one of them, whatever its name.
    pub(crate) error: bool,
}

impl Elsewhere {
    #[inline]
    pub(super) fn has(&self, name: &str) -> bool {
        !self.names.is_empty() && self.names.iter().any(|known| known == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(value: Value<'_>, expected: &str) {
        let mut out = Vec::new();
        write_field(&mut out, "x", value);
        assert_eq!(String::from_utf8(out).unwrap(), format!("x={expected}"));
    }

    #[test]
    fn text_is_quoted_and_numbers_are_not() {
        check("two".into(), r#""two""#);
        check("a\"b\\c\n\u{1b}ä".into(), r#""a\"b\\c\n\u{1b}ä""#);
        check(42.into(), "42");
        check(1e300.into(), "1e300");
        check(0.5.into(), "0.5");
        check(true.into(), "true");
        check(Value::Bytes(b"\x0a\xff"), "[0a ff]");
        check(Value::Bytes(b""), "[]");
        check(Value::Debug(&("a", 1)), r#"("a", 1)"#);
    }

    #[test]
    fn a_long_text_is_cut_and_says_so() {
        let mut out = Vec::new();
        write_field(&mut out, "x", "\\".repeat(FIELD_LIMIT).as_str().into());
        let text = String::from_utf8(out).unwrap();
        assert!(text.len() < FIELD_LIMIT + 50, "{}", text.len());
        assert!(text.ends_with(" bytes cut]"));
    }
}
