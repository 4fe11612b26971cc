//! What must hold for any event and any pattern: one event is one line, nothing panics, time is linear.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

#[path = "pattern_properties/live.rs"]
mod live;
#[path = "pattern_properties/one_line.rs"]
mod one_line;
#[path = "pattern_properties/random.rs"]
mod random;

use std::time::Duration;
use std::time::UNIX_EPOCH;

use random::Parts;
use random::Random;

use tracing_kafka::Escape;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;

/// Patterns that show every part, with and without widths, and their own line feeds.
const PATTERNS: [&str; 12] = [
    "%m",
    "%m%n",
    "[%d{HH:mm:ss.SSS}] [%-4level] %msg%n",
    "%d %p %c %C %F:%L %l %M %t %T %m %x %X %K%n",
    "%-20.10c{1}|%20.-10m|%.5t|%3X|%-5x|%030K|%.0m|%.-3l",
    "%c{1.}%c{-1}%c{2}%c{1.1*}%c{1~.2~}%C{1.}",
    "%m\\n%t\\r\\n%c%n%K",
    "%X{k}%X{k, nope}%K{z}",
    "%r %pid %m",
    "\u{202e}%m\u{1b}[31m%c",
    "%d{'\n'HH}%m%d{ISO8601}%m%p{INFO=i\nnfo}",
    "%d{DEFAULT_NANOS}{Europe/Berlin} %m %d{n A N}{Asia/Kolkata}%m",
];

fn rendered(layout: &PatternLayout, event: &LogEvent<'_>) -> String {
    let mut out = Vec::new();
    layout.render(event, &mut out);
    String::from_utf8(out).expect("text stays UTF-8")
}

fn control_characters(text: &str) -> Vec<char> {
    let controls = text.chars().filter(|c| c.is_control() && *c != '\t');
    controls.collect()
}

fn compiled_as(pattern: &str, lenient: bool) -> Result<PatternLayout, tracing_kafka::PatternError> {
    let builder = PatternLayout::builder(pattern);
    if lenient {
        builder.lenient().build()
    } else {
        builder.build()
    }
}

#[test]
fn one_event_is_one_line_whatever_is_in_it() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let layouts = PATTERNS.map(|pattern| PatternLayout::new(pattern).unwrap());
    let empty = Parts::all("");
    for _ in 0..2_000 {
        let mut parts = Parts::new(&mut random, |random| random.text(60));
        for layout in &layouts {
            parts.level = empty.level;
            let own = control_characters(&rendered(layout, &empty.event()));
            let event = parts.event();
            // What is left are the control characters of the pattern itself, in their order. The
            // fields that every event here has are hostile, too.
            assert_eq!(
                control_characters(&rendered(layout, &event)),
                own,
                "{layout:?} {event:?}"
            );
        }
    }
    let own = |index: usize| control_characters(&rendered(&layouts[index], &empty.event()));
    assert_eq!(own(3), ['\n']);
    assert_eq!(own(6), ['\n', '\r', '\n', '\n']);
    assert_eq!(own(7), []);
}

#[test]
fn direction_and_line_separators_do_not_get_through_either() {
    let hostile = [
        '\u{2028}', '\u{2029}', '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202e}',
        '\u{2066}', '\u{2069}', '\u{feff}',
    ];
    let layout = PatternLayout::new("%-30m %c %K %X %t").unwrap();
    for c in hostile {
        let text = format!("before{c}after");
        let parts = Parts::all(&text);
        assert!(
            !rendered(&layout, &parts.event()).contains(c),
            "U+{:04X}",
            u32::from(c)
        );
    }
}

#[test]
fn escaping_changes_nothing_where_nothing_is_to_be_escaped() {
    let mut random = Random(7);
    for pattern in PATTERNS {
        let escaped = PatternLayout::new(pattern).unwrap();
        let raw = PatternLayout::builder(pattern)
            .escape(Escape::None)
            .build()
            .unwrap();
        for _ in 0..200 {
            let parts = Parts::new(&mut random, |random| random.tame_text(60));
            let event = LogEvent::builder()
                .instant(parts.instant)
                .message(&parts.texts[0])
                .target(&parts.texts[1])
                .thread(&parts.texts[2], 7)
                .span(
                    &parts.texts[3],
                    [(parts.texts[4].as_str(), parts.texts[5].as_str())],
                )
                .field(&parts.texts[6], parts.texts[7].as_str())
                .build();
            assert_eq!(
                rendered(&escaped, &event),
                rendered(&raw, &event),
                "{pattern:?}"
            );
        }
    }
}

#[test]
fn each_part_is_escaped_on_its_own_before_its_widths_are_applied() {
    let mut random = Random(11);
    let one = |pattern: &str, parts: &Parts| {
        let layout = PatternLayout::builder(pattern).always_write_fields(false);
        rendered(&layout.build().unwrap(), &parts.event())
    };
    for _ in 0..200 {
        let parts = Parts::new(&mut random, |random| random.text(20));
        let whole = one("%m|%c|%-9.4t|%K|%X|%10l", &parts);
        let pieces: Vec<String> = ["%m", "%c", "%-9.4t", "%K", "%X", "%10l"]
            .iter()
            .map(|pattern| one(pattern, &parts))
            .collect();
        assert_eq!(whole, pieces.join("|"));
        let message = one("%m", &parts);
        let kept: Vec<char> = message.chars().rev().take(4).collect();
        assert_eq!(
            one("%.4m", &parts),
            kept.into_iter().rev().collect::<String>()
        );
    }
}

/// What patterns are made of, right and wrong: texts, widths, options, and words of every kind.
const TEXTS: &[&str] = &[
    "%",
    "%%",
    "{",
    "}",
    "{}",
    "\\",
    "\\n",
    "é",
    "😀",
    " ",
    "\u{0}",
    "''",
    ".",
    "-",
    "99999",
    "(",
    ")",
    "$",
    "${",
    "${ctx:k}",
    "${ctx:nope:-${event:Level}}",
    "$${x}",
    "${env:PATH}",
    "${sys:x:-y}",
    "${lower:ÄB}",
    "𝒳",
    "\u{301}",
];
const WIDTHS: &[&str] = &[
    "", "", "", "5", "-5", ".3", ".-3", "-10.4", "020", "10001", ".x", "7.", "--0-3",
];
const WORDS: &[&str] = &[
    "m",
    "c",
    "C",
    "d",
    "p",
    "X",
    "K",
    "l",
    "n",
    "level",
    "date",
    "sn",
    "r",
    "tid",
    "ex",
    "rEx",
    "xEx",
    "marker",
    "markerSimpleName",
    "u",
    "N",
    "pid",
    "endOfBatch",
    "traceId",
    "spanId",
    "traceFlags",
    "x",
    "t",
    "M",
    "F",
    "L",
    "tp",
    "fqcn",
    "q",
    "mesage",
    "clr",
    "repeat",
    "é",
];
const COMPOSITES: &[&str] = &[
    "highlight",
    "style",
    "red",
    "white",
    "enc",
    "encode",
    "maxLen",
    "notEmpty",
    "varsNotEmpty",
    "replace",
    "equals",
    "equalsIgnoreCase",
];
const OPTIONS: &[&str] = &[
    "",
    "1",
    "1.",
    "1.2*",
    "-9",
    "HH:mm",
    "yyyy'",
    "UTC",
    "SSS",
    "a, b",
    "length=2",
    "WARN=W,lowerCase=true",
    "red",
    "bold, nope",
    "#ff00",
    "INFO=red, STYLE=logback",
    "disableAnsi=true",
    "JSON",
    "XML",
    "HTML",
    "CRLF",
    "crlF ",
    "3",
    "21",
    "-1",
    "x",
    "[a-z]+",
    "(",
    "(.)(.)",
    "$2$1",
    "$9",
    "\\",
    "short.message",
    "separator( | )",
    "suffix(%m",
    "suffix(%p)",
    "none",
    "2",
    "RANDOM",
    "é",
    "{a}",
    "%m",
    "TRACE",
    "9999",
];

/// A pattern with patterns inside it.
fn pattern(random: &mut Random, depth: usize) -> String {
    let mut out = String::new();
    for _ in 0..random.below(5) {
        match random.below(if depth == 0 { 2 } else { 4 }) {
            0 => out.push_str(random.pick(TEXTS)),
            1 => out.extend(["%", random.pick(WIDTHS), random.pick(WORDS)]),
            _ => {
                out.extend(["%", random.pick(WIDTHS), random.pick(COMPOSITES), "{"]);
                out.push_str(&pattern(random, depth - 1));
                out.push_str(if random.below(20) == 0 { "" } else { "}" });
            }
        }
        for _ in 0..random.below(3) {
            out.extend(["{", random.pick(OPTIONS), "}"]);
        }
    }
    out
}

#[test]
fn any_pattern_is_compiled_or_refused_and_never_panics() {
    let mut random = Random(23);
    let parts = Parts::new(&mut random, |random| random.text(30));
    let (mut compiled, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let pattern = pattern(&mut random, 3);
        for lenient in [false, true] {
            match compiled_as(&pattern, lenient) {
                Ok(layout) => {
                    compiled += 1;
                    let text = rendered(&layout, &parts.event());
                    assert!(text.len() < 1 << 20, "{pattern:?}");
                }
                Err(error) => {
                    refused += 1;
                    assert!(
                        error.offset() + error.length() <= pattern.len(),
                        "{pattern:?} {error}"
                    );
                    let end = error.offset() + error.length();
                    assert!(
                        pattern.get(error.offset()..end).is_some(),
                        "{pattern:?} {error}"
                    );
                    assert!(error.to_string().len() < 500, "{pattern:?} {error}");
                }
            }
        }
    }
    assert!(compiled > 1_000 && refused > 1_000, "{compiled} {refused}");
}

#[test]
fn times_of_any_age_are_printed() {
    let mut random = Random(31);
    let pattern = "%d{yyyy-MM-dd HH:mm:ss.SSS GGG YYYY w W e D g A N n XXX VV z}{America/New_York}%d%d{UNIX_MILLIS}";
    let layout = PatternLayout::new(pattern).unwrap();
    for shift in 0..64 {
        let seconds = Duration::from_secs(random.next() >> shift);
        for instant in [
            UNIX_EPOCH.checked_add(seconds),
            UNIX_EPOCH.checked_sub(seconds),
        ] {
            let event = LogEvent::builder()
                .instant(instant.unwrap_or(UNIX_EPOCH))
                .build();
            assert!(!rendered(&layout, &event).is_empty());
        }
    }
}
