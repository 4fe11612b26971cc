//! Values as JSON: numbers and scalars as what they are, everything else as a string.

use serde_json::ser::CompactFormatter;
use serde_json::ser::Formatter as _;

use super::escape::escape_from;
use super::escape::push_string;
use crate::event::Value;

/// The largest integer of 64 bits with a sign.
const MOST_OF_A_LONG: u64 = i64::MAX as u64;

/// Which numbers and booleans the readers of a schema take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scalars {
    /// All that JSON has.
    Json,
    /// No integer beyond a `long` of Elasticsearch, which refuses the record: it is a string.
    Elastic,
    /// The same, and no booleans.
    Gelf,
}

/// Appends `value`; a string has at most `limit` bytes between its quotes, notes on what was cut not
/// counted.
#[inline]
pub(super) fn push_value(out: &mut Vec<u8>, value: Value<'_>, scalars: Scalars, limit: usize) {
    // Writing to a `Vec` cannot fail, so neither can the formatter.
    let _ignored = match value {
        Value::Str(text) => {
            push_string(out, text, limit);
            Ok(())
        }
        Value::I64(number) => CompactFormatter.write_i64(out, number),
        Value::U64(number) if scalars != Scalars::Json && number > MOST_OF_A_LONG => {
            push_rendered(out, value, limit);
            Ok(())
        }
        Value::U64(number) => CompactFormatter.write_u64(out, number),
        Value::F64(number) if number.is_finite() => CompactFormatter.write_f64(out, number),
        Value::Bool(truth) if scalars != Scalars::Gelf => CompactFormatter.write_bool(out, truth),
        Value::I128(number) => {
            push_wide(
                out,
                value,
                i64::try_from(number).is_ok()
                    || scalars == Scalars::Json && u64::try_from(number).is_ok(),
            );
            Ok(())
        }
        Value::U128(number) => {
            let most = if scalars == Scalars::Json {
                u64::MAX
            } else {
                MOST_OF_A_LONG
            };
            push_wide(out, value, number <= u128::from(most));
            Ok(())
        }
        Value::F64(number) => {
            out.extend_from_slice(not_finite(number));
            Ok(())
        }
        Value::Bool(_) | Value::Bytes(_) | Value::Error(_) | Value::Debug(_) => {
            push_rendered(out, value, limit);
            Ok(())
        }
    };
}

/// Appends the text of `value` between quotes.
fn push_rendered(out: &mut Vec<u8>, value: Value<'_>, limit: usize) {
    out.push(b'"');
    let start = out.len();
    value.write_to(out, limit);
    escape_from(out, start, limit);
    out.push(b'"');
}

/// An integer of 128 bits: beyond 64 of them a reader of JSON need not know it as a number.
#[cold]
fn push_wide(out: &mut Vec<u8>, value: Value<'_>, is_narrow: bool) {
    if is_narrow {
        value.write_to(out, usize::MAX);
    } else {
        push_rendered(out, value, usize::MAX);
    }
}

/// JSON has no numbers for these.
fn not_finite(number: f64) -> &'static [u8] {
    if number.is_nan() {
        b"\"NaN\""
    } else if number > 0.0 {
        b"\"Infinity\""
    } else {
        b"\"-Infinity\""
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(value: impl Into<Value<'static>>) -> String {
        let mut out = Vec::new();
        push_value(&mut out, value.into(), Scalars::Json, 100);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_and_booleans_are_what_they_are() {
        assert_eq!(json(i64::MIN), i64::MIN.to_string());
        assert_eq!(json(u64::MAX), u64::MAX.to_string());
        assert_eq!(json(0.25), "0.25");
        assert_eq!(json(-0.0), "-0.0");
        assert_eq!(json(f64::MAX), serde_json::to_string(&f64::MAX).unwrap());
        assert_eq!(json(true), "true");
        let mut out = Vec::new();
        push_value(&mut out, false.into(), Scalars::Gelf, 100);
        assert_eq!(out, b"\"false\"");
    }

    #[test]
    fn numbers_that_json_or_its_readers_do_not_know_are_strings() {
        assert_eq!(json(f64::NAN), "\"NaN\"");
        assert_eq!(json(f64::INFINITY), "\"Infinity\"");
        assert_eq!(json(f64::NEG_INFINITY), "\"-Infinity\"");
        let beyond = u128::from(u64::MAX) + 1;
        assert_eq!(json(beyond), format!("\"{beyond}\""));
        assert_eq!(json(beyond - 1), (beyond - 1).to_string());
        assert_eq!(json(i128::from(u64::MAX)), u64::MAX.to_string());
        assert_eq!(json(i128::from(i64::MIN)), i64::MIN.to_string());
        let below = i128::from(i64::MIN) - 1;
        assert_eq!(json(below), format!("\"{below}\""));
    }

    #[test]
    fn bytes_that_are_no_text_are_named_in_it() {
        assert_eq!(json(Value::Bytes(b"a\xff\"\n")), r#""a\\xff\"\n""#);
    }
}
