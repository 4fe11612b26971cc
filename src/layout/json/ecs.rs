//! Which names are fields of the Elastic Common Schema, and how a value is written as their type.

use std::fmt;
use std::net::IpAddr;
use std::sync::LazyLock;

use serde_json::ser::CompactFormatter;
use serde_json::ser::Formatter as _;

use super::ecs_fields::FIELD_SETS;
use super::value::Scalars;
use super::value::push_value;
use crate::event::Value;

/// The most bytes of a text that may be a number, a date or an address.
const SHORT_TEXT: usize = 64;

/// What a field of ECS takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Long,
    Integer,
    Float,
    Double,
    Boolean,
    Date,
    Address,
}

impl Kind {
    fn of(letter: &str) -> Self {
        match letter {
            "l" => Self::Long,
            "i" => Self::Integer,
            "f" => Self::Float,
            "d" => Self::Double,
            "b" => Self::Boolean,
            "t" => Self::Date,
            "a" => Self::Address,
            _ => Self::Text,
        }
    }

    /// What it takes, for messages.
    pub(super) fn expected(self) -> &'static str {
        match self {
            Self::Text => "a text",
            Self::Long => "an integer of 64 bits",
            Self::Integer => "an integer of 32 bits",
            Self::Float => "a number of 32 bits",
            Self::Double => "a number",
            Self::Boolean => "`true` or `false`",
            Self::Date => "a date such as `2026-01-31T08:00:00Z`",
            Self::Address => "an IP address",
        }
    }
}

/// Fields by name.
type FieldSet = Vec<(&'static str, Kind)>;

/// All fields, sorted by name: the field set and the rest behind the dot.
static TABLE: LazyLock<Vec<(&str, FieldSet)>> = LazyLock::new(|| {
    let sets = FIELD_SETS.iter().map(|(set, fields)| {
        let fields = fields.split(' ').map(|field| {
            let (name, letter) = field.split_once(':').unwrap_or((field, ""));
            (name, Kind::of(letter))
        });
        let mut fields: Vec<_> = fields.collect();
        fields.sort_unstable_by_key(|(name, _)| *name);
        (*set, fields)
    });
    sets.collect()
});

/// What the field `name` of ECS takes; none if there is no such field with one value.
pub(super) fn kind_of(name: &str) -> Option<Kind> {
    let (set, rest) = name.split_once('.')?;
    let at = TABLE.binary_search_by_key(&set, |(set, _)| *set).ok()?;
    let (_, fields) = TABLE.get(at)?;
    let at = fields.binary_search_by_key(&rest, |(name, _)| *name).ok()?;
    fields.get(at).map(|(_, kind)| *kind)
}

/// Appends `value` as `kind`. Returns whether it is one; if not, nothing was appended.
pub(super) fn push_as(out: &mut Vec<u8>, kind: Kind, value: Value<'_>, limit: usize) -> bool {
    match (kind, value) {
        (Kind::Text, Value::Str(_)) | (Kind::Boolean, Value::Bool(_)) => {
            push_value(out, value, Scalars::Elastic, limit);
        }
        (Kind::Text, _) => push_value(out, Value::Debug(&Shown(value)), Scalars::Elastic, limit),
        _ => return push_exactly(out, kind, value),
    }
    true
}

/// The text of a value, as what is rendered.
struct Shown<'v>(Value<'v>);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Debug(value) => value.fmt(f),
            Value::Error(error) => write!(f, "{error}"),
            other => other.fmt(f),
        }
    }
}

/// The same for what is read from the value's text.
fn push_exactly(out: &mut Vec<u8>, kind: Kind, value: Value<'_>) -> bool {
    if let (Kind::Float | Kind::Double, Value::F64(number)) = (kind, value) {
        return push_float(out, kind, number);
    }
    let start = out.len();
    // What is cut has a note, and is none of these then.
    value.write_to(out, SHORT_TEXT);
    let mut bytes = [0; SHORT_TEXT];
    let length = out.len() - start;
    let text = match (bytes.get_mut(..length), out.get(start..)) {
        (Some(place), Some(text)) => {
            place.copy_from_slice(text);
            std::str::from_utf8(place).ok()
        }
        _ => None,
    };
    out.truncate(start);
    text.is_some_and(|text| push_text_as(out, kind, value, text))
}

fn push_text_as(out: &mut Vec<u8>, kind: Kind, value: Value<'_>, text: &str) -> bool {
    let fits = match kind {
        Kind::Long | Kind::Integer => match integer(text) {
            Some(number) if kind == Kind::Long || i32::try_from(number).is_ok() => {
                push_value(out, Value::I64(number), Scalars::Elastic, SHORT_TEXT);
                return true;
            }
            _ => false,
        },
        Kind::Float | Kind::Double => {
            let is_number = text.bytes().any(|byte| byte.is_ascii_digit());
            return is_number
                && text
                    .parse()
                    .is_ok_and(|number| push_float(out, kind, number));
        }
        Kind::Boolean => {
            if matches!(text, "true" | "false") {
                out.extend_from_slice(text.as_bytes());
                return true;
            }
            false
        }
        Kind::Date => matches!(value, Value::Str(_) | Value::Debug(_)) && is_date(text),
        Kind::Address => text.parse::<IpAddr>().is_ok(),
        Kind::Text => true,
    };
    if fits {
        push_value(out, Value::Str(text), Scalars::Elastic, SHORT_TEXT);
    }
    fits
}

/// The integer that `text` is, written the one way that there is.
fn integer(text: &str) -> Option<i64> {
    let number: i64 = text.parse().ok()?;
    (itoa::Buffer::new().format(number) == text).then_some(number)
}

fn push_float(out: &mut Vec<u8>, kind: Kind, number: f64) -> bool {
    let fits = number.is_finite() && (kind == Kind::Double || number.abs() <= f64::from(f32::MAX));
    if fits {
        // Writing to a `Vec` cannot fail.
        let _ignored = CompactFormatter.write_f64(out, number);
    }
    fits
}

/// Whether `text` is a date, or a date and a time, as Elasticsearch's `strict_date_optional_time` has it.
fn is_date(text: &str) -> bool {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time)),
        None => (text, None),
    };
    let is_day = match (number(date, 0, 4), number(date, 5, 2), number(date, 8, 2)) {
        (Some(year), Some(month), Some(day)) => {
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let days = match month {
                4 | 6 | 9 | 11 => 30,
                2 if is_leap => 29,
                2 => 28,
                _ => 31,
            };
            date.len() == 10
                && date.bytes().filter(|byte| *byte == b'-').count() == 2
                && (1..=12).contains(&month)
                && (1..=days).contains(&day)
        }
        _ => false,
    };
    is_day && time.is_none_or(is_time)
}

/// `hh:mm`, then seconds and a fraction of them if any, then `Z` or an offset if any.
fn is_time(text: &str) -> bool {
    let at = text.find(['Z', '+', '-']).unwrap_or(text.len());
    let (time, zone) = text.split_at_checked(at).unwrap_or_default();
    let (time, fraction) = time.split_once('.').unwrap_or((time, "0"));
    let is_fraction =
        matches!(fraction.len(), 1..=9) && fraction.bytes().all(|b| b.is_ascii_digit());
    is_fraction && is_clock(time, fraction != "0") && is_zone(zone)
}

fn is_clock(time: &str, has_seconds: bool) -> bool {
    let below = |at, most| number(time, at, 2).is_some_and(|number| number < most);
    let colon = |at| time.as_bytes().get(at) == Some(&b':');
    match time.len() {
        5 => !has_seconds && below(0, 24) && colon(2) && below(3, 60),
        8 => below(0, 24) && colon(2) && below(3, 60) && colon(5) && below(6, 60),
        _ => false,
    }
}

fn is_zone(zone: &str) -> bool {
    match zone.split_at_checked(1) {
        None => true,
        Some(("Z", rest)) => rest.is_empty(),
        Some((_, rest)) => {
            let below = |at, most| number(rest, at, 2).is_some_and(|number| number < most);
            let is_colon = rest.as_bytes().get(2) == Some(&b':');
            rest.len() == 5 && is_colon && below(0, 19) && below(3, 60)
        }
    }
}

/// The number that the `length` digits from `at` are.
fn number(text: &str, at: usize, length: usize) -> Option<u32> {
    let digits = text.get(at..at + length)?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(kind: Kind, value: impl Into<Value<'static>>) -> Option<String> {
        let mut out = b"x".to_vec();
        let fits = push_as(&mut out, kind, value.into(), 100);
        assert!(fits || out == b"x");
        fits.then(|| String::from_utf8(out.split_off(1)).unwrap())
    }

    #[test]
    fn the_table_is_sorted_and_no_field_leads_through_another() {
        let mut names = Vec::new();
        assert!(TABLE.is_sorted_by(|a, b| a.0 < b.0));
        for (set, fields) in &*TABLE {
            assert!(fields.is_sorted_by(|a, b| a.0 < b.0), "{set}");
            names.extend(fields.iter().map(|(name, _)| format!("{set}.{name}")));
        }
        assert!(names.len() > 2000, "{}", names.len());
        for name in &names {
            assert!(kind_of(name).is_some());
            let above = name.match_indices('.').map(|(at, _)| &name[..at]);
            assert!(
                above.into_iter().all(|above| kind_of(above).is_none()),
                "{name}"
            );
        }
    }

    #[test]
    fn names_have_the_types_of_ecs() {
        assert_eq!(kind_of("http.request.id"), Some(Kind::Text));
        assert_eq!(kind_of("http.response.status_code"), Some(Kind::Long));
        assert_eq!(kind_of("event.duration"), Some(Kind::Long));
        assert_eq!(kind_of("event.start"), Some(Kind::Date));
        assert_eq!(kind_of("client.ip"), Some(Kind::Address));
        assert_eq!(kind_of("trace.id"), Some(Kind::Text));
        for name in [
            "user",
            "labels",
            "",
            "http",
            "labels.a",
            "url.original.text",
            "client.geo.location",
        ] {
            assert_eq!(kind_of(name), None, "{name}");
        }
    }

    #[test]
    fn a_value_is_written_as_the_type_or_not_at_all() {
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(json(Kind::Long, "200"), some("200"));
        assert_eq!(json(Kind::Long, 7_u64), some("7"));
        assert_eq!(json(Kind::Long, u64::MAX), None);
        for text in ["abc", "", "+1", "007", "1.5", " 1", "-0"] {
            assert_eq!(json(Kind::Long, text), None, "{text}");
        }
        assert_eq!(json(Kind::Integer, i64::MAX), None);
        assert_eq!(json(Kind::Text, 7), some("\"7\""));
        assert_eq!(json(Kind::Text, true), some("\"true\""));
        assert_eq!(json(Kind::Boolean, "true"), some("true"));
        assert_eq!(json(Kind::Boolean, 1), None);
        assert_eq!(json(Kind::Float, 0.5), some("0.5"));
        assert_eq!(json(Kind::Float, 1e300), None);
        assert_eq!(json(Kind::Double, f64::NAN), None);
        assert_eq!(json(Kind::Double, "nan"), None);
        assert_eq!(json(Kind::Address, "::1"), some("\"::1\""));
        assert_eq!(json(Kind::Address, "1.2.3.4:80"), None);
        for date in [
            "2026-02-28",
            "2024-02-29T08:00Z",
            "2026-01-31T08:00:00.123456+02:00",
        ] {
            assert_eq!(json(Kind::Date, date), Some(format!("\"{date}\"")));
        }
        for date in [
            "",
            "2026-02-29",
            "2026-1-31",
            "2026-01-31T",
            "2026-01-31T24:00Z",
            "today",
            "1700000000",
        ] {
            assert_eq!(json(Kind::Date, date), None, "{date}");
        }
        assert_eq!(json(Kind::Date, 5), None);
    }
}
