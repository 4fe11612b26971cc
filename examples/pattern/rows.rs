//! Rows of patterns and events as JSON, one a line, and what the crate prints for them.
//!
//! The form is that of tests/golden, whose rows Log4j itself has rendered.

use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use serde_json::Map;
use serde_json::Value;
use tracing::Level;
use tracing_kafka::Escape;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;

/// The layout of a row: its pattern, zone and locale, and Log4j's own text: unescaped, and with the fields
/// where the pattern has them.
pub(crate) fn layout(row: &Value, is_lenient: bool) -> Result<PatternLayout, String> {
    let pattern = row.get("pattern").and_then(Value::as_str);
    let pattern = pattern.ok_or("expected a text as `pattern`")?;
    let mut builder = PatternLayout::builder(pattern)
        .zone(row.get("zone").and_then(Value::as_str).unwrap_or("UTC"))
        .locale(row.get("locale").and_then(Value::as_str).unwrap_or("en-US"))
        .escape(Escape::None)
        .always_write_fields(false);
    if is_lenient {
        builder = builder.lenient();
    }
    builder.build().map_err(|error| error.to_string())
}

/// What a layout prints for the event of a row.
pub(crate) fn rendered(row: &Value, layout: &PatternLayout) -> Result<String, String> {
    let parts = Parts::new(row.get("event").unwrap_or(&Value::Null))?;
    let mut out = Vec::new();
    layout.render(&parts.event(), &mut out);
    String::from_utf8(out).map_err(|error| error.to_string())
}

/// The parts of an event, as the row has them.
struct Parts<'r> {
    instant: SystemTime,
    level: Level,
    marker: Option<String>,
    event: &'r Map<String, Value>,
}

impl<'r> Parts<'r> {
    fn new(event: &'r Value) -> Result<Self, String> {
        let event = event.as_object().ok_or("expected an object as `event`")?;
        check(event)?;
        let text = |key: &str| event.get(key).and_then(Value::as_str);
        let level = text("level").unwrap_or("INFO");
        let instant = text("instant").ok_or("expected a time as `instant`")?;
        Ok(Self {
            instant: parse_instant(instant).ok_or_else(|| {
                format!("expected a time such as `2012-11-02T14:34:02Z`, found `{instant}`")
            })?,
            level: level
                .parse()
                .map_err(|_| format!("`tracing` has no level `{level}`"))?,
            marker: text("marker").map(|name| marker(name, event.get("marker_parents"))),
            event,
        })
    }

    fn event(&self) -> LogEvent<'_> {
        let text = |key: &str| self.event.get(key).and_then(Value::as_str);
        let number = self.event.get("thread_id").and_then(Value::as_u64);
        let mut builder = LogEvent::builder()
            .instant(self.instant)
            .level(self.level)
            .target(text("logger").unwrap_or_default())
            .thread(text("thread").unwrap_or("main"), number.unwrap_or(1))
            // A span's name would stand for it otherwise.
            .method("");
        match self.event.get("map").and_then(Value::as_object) {
            Some(map) => {
                for (name, value) in pairs(map) {
                    builder = builder.field(name, value);
                }
            }
            None => builder = builder.message(text("message").unwrap_or_default()),
        }
        if let Some(marker) = &self.marker {
            builder = builder.marker(marker);
        }
        if let Some(location) = self.event.get("location").and_then(Value::as_object) {
            let text = |key: &str| location.get(key).and_then(Value::as_str);
            let line = location.get("line").and_then(Value::as_u64);
            builder = builder
                .location(
                    text("class"),
                    text("file"),
                    line.and_then(|line| line.try_into().ok()),
                )
                .method(text("method").unwrap_or_default());
        }
        let names = self.event.get("ndc").and_then(Value::as_array);
        let mut names: Vec<&str> = names
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let fields = self.event.get("mdc").and_then(Value::as_object);
        let fields: Vec<_> = fields.into_iter().flat_map(pairs).collect();
        if names.is_empty() && !fields.is_empty() {
            // A span without a name shows in a list of names as if it were not there.
            names.push("");
        }
        if let Some((last, before)) = names.split_last() {
            for name in before {
                builder = builder.span(name, []);
            }
            builder = builder.span(last, fields);
        }
        builder.build()
    }
}

/// Refuses values of another type than a row has, which would be missing from the output otherwise.
fn check(event: &Map<String, Value>) -> Result<(), String> {
    type Test = fn(&Value) -> bool;
    const EXPECTED: [(&str, &[&str], Test); 4] = [
        (
            "a text",
            &["instant", "level", "logger", "message", "thread", "marker"],
            Value::is_string,
        ),
        ("a whole number", &["thread_id"], Value::is_u64),
        ("an object of texts", &["map", "mdc"], |value| {
            let map = value.as_object();
            map.is_some_and(|map| map.values().all(Value::is_string))
        }),
        ("a list of texts", &["ndc", "marker_parents"], |value| {
            let list = value.as_array();
            list.is_some_and(|list| list.iter().all(Value::is_string))
        }),
    ];
    for (expected, keys, is_right) in EXPECTED {
        for key in keys {
            let found = event.get(*key).filter(|value| !value.is_null());
            if let Some(found) = found.filter(|value| !is_right(value)) {
                return Err(format!("expected {expected} as `{key}`, found `{found}`"));
            }
        }
    }
    Ok(())
}

fn pairs(object: &Map<String, Value>) -> impl Iterator<Item = (&str, &str)> {
    object
        .iter()
        .filter_map(|(name, value)| Some((name.as_str(), value.as_str()?)))
}

/// A marker with its parents, as the marker of an event names them.
fn marker(name: &str, parents: Option<&Value>) -> String {
    let parents = parents.and_then(Value::as_array);
    let parents: Vec<&str> = parents
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    if parents.is_empty() {
        name.to_owned()
    } else {
        format!("{name}[ {} ]", parents.join(", "))
    }
}

/// Reads `2012-11-02T14:34:02.5Z`, with years of any length and sign, which calendars of Rust do not.
pub(crate) fn parse_instant(text: &str) -> Option<SystemTime> {
    let (date, clock) = text.strip_suffix('Z')?.split_once('T')?;
    let mut date = date.rsplitn(3, '-');
    let mut part = || date.next()?.parse::<i64>().ok();
    let (day, month, year) = (part()?, part()?, part()?);
    // Java's `Instant` knows no other years either.
    if year.abs() > 1_000_000_000 || !(1..=days_of(month, year)?).contains(&day) {
        return None;
    }
    // Days since the epoch, in years that begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100
        + day_of_year
        - 719_468;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let mut clock = clock.split(':').map(|part| part.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let is_clock =
        (0..24).contains(&hour) && (0..60).contains(&minute) && (0..60).contains(&second);
    if !is_clock || clock.next().is_some() || fraction.len() > 9 {
        return None;
    }
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    let nanos = Duration::from_nanos(format!("{fraction:0<9}").parse().ok()?);
    let whole = Duration::from_secs(seconds.unsigned_abs());
    let base = if seconds < 0 {
        UNIX_EPOCH.checked_sub(whole)
    } else {
        UNIX_EPOCH.checked_add(whole)
    };
    base?.checked_add(nanos)
}

/// How many days a month has.
fn days_of(month: i64, year: i64) -> Option<i64> {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => Some(29),
        2 => Some(28),
        4 | 6 | 9 | 11 => Some(30),
        1..=12 => Some(31),
        _ => None,
    }
}
