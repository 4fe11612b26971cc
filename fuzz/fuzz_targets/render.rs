//! Patterns of the grammar's pieces on any event: text stays text, a record is bounded, an event is one line.
#![no_main]

use std::error::Error;
use std::fmt;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use tracing::Level;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;
use tracing_kafka::Value;

/// Patterns inside patterns.
const DEPTH: u8 = 4;
const MAX_RECORD: usize = 8 << 20;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    pieces: Vec<Piece>,
    level: u8,
    seconds: i32,
    nanos: u32,
    texts: [&'a str; 14],
}

#[derive(Debug, Arbitrary)]
enum Piece {
    Text(u8),
    Word(u8, Widths),
    Inside(u8, Vec<Piece>, Widths),
    Equals(bool, Vec<Piece>, Vec<Piece>),
}

#[derive(Debug, Arbitrary)]
enum Widths {
    None,
    Least(u8),
    Most(u8),
    Both(u8, u8),
}

/// Text without a control character of its own.
const TEXTS: [&str; 12] = [
    " ",
    "[",
    "] - ",
    "%%",
    "\\\\",
    " ä",
    "-語😀",
    ":",
    "${ctx:user}",
    "${event:Message}",
    "$${x}",
    "${map:id:-none}",
];
/// Words and their options, none of which ends a line.
const WORDS: [&str; 44] = [
    "m",
    "c",
    "c{1}",
    "c{1.}",
    "c{-1}",
    "c{1.1*}",
    "C{1~.2~}",
    "d",
    "d{ISO8601}{UTC}",
    "d{yyyy-MM-dd HH:mm:ss.SSS}",
    "d{UNIX_MILLIS}",
    "p",
    "p{length=1}",
    "p{WARN=W,lowerCase=true}",
    "t",
    "tid",
    "M",
    "F",
    "L",
    "l",
    "X",
    "X{user}",
    "X{user,id}",
    "x",
    "K",
    "K{id}",
    "marker",
    "markerSimpleName",
    "r",
    "N",
    "sn",
    "pid",
    "u",
    "u{RANDOM}",
    "traceId",
    "spanId",
    "traceFlags",
    "endOfBatch",
    "repeat{=}{9}",
    "ex{short.message}",
    "ex{separator( | )}",
    "rEx{1}{separator(;)}{suffix(%m)}",
    "ex{2}{separator( )}",
    "ex{none}",
];
/// What stands around a pattern inside.
const AROUND: [(&str, &str); 14] = [
    ("enc{", "}{XML}"),
    ("enc{", "}{HTML}"),
    ("enc{", "}{JSON}"),
    ("enc{", "}{CRLF}"),
    ("maxLen{", "}{30}"),
    ("maxLen{", "}{3}"),
    ("notEmpty{", "}"),
    ("replace{", "}{\\\\s+}{_}"),
    ("replace{", "}{(.)(.)}{$2$1}"),
    ("replace{", "}{^|$}{^}"),
    ("replace{", "}{[^a-z]}{}"),
    ("style{", "}{red}{disableAnsi=true}"),
    ("highlight{", "}{INFO=red}{disableAnsi=true}"),
    ("replace{", "}{\\\\\\\\}{\\\\\\\\\\\\\\\\}"),
];

fn write(pieces: &[Piece], depth: u8, out: &mut String) {
    for piece in pieces.iter().take(8) {
        match piece {
            Piece::Text(text) => out.push_str(TEXTS[usize::from(*text) % TEXTS.len()]),
            Piece::Word(word, widths) => {
                out.push_str(&widths.text());
                out.push_str(WORDS[usize::from(*word) % WORDS.len()]);
            }
            Piece::Inside(..) | Piece::Equals(..) if depth == 0 => {}
            Piece::Inside(around, inside, widths) => {
                let (before, after) = AROUND[usize::from(*around) % AROUND.len()];
                out.push_str(&widths.text());
                out.push_str(before);
                write(inside, depth - 1, out);
                out.push_str(after);
            }
            Piece::Equals(is_exact, inside, other) => {
                out.push_str(if *is_exact {
                    "%equals{"
                } else {
                    "%equalsIgnoreCase{"
                });
                write(inside, depth - 1, out);
                out.push_str("}{a}{");
                write(other, depth - 1, out);
                out.push('}');
            }
        }
    }
}

impl Widths {
    fn text(&self) -> String {
        match self {
            Self::None => "%".to_owned(),
            Self::Least(least) => format!("%{}", least % 40),
            Self::Most(most) => format!("%-.{}", most % 40),
            Self::Both(least, most) => format!("%0{}.-{}", least % 40, most % 40),
        }
    }
}

#[derive(Debug)]
struct Failure(String, Option<Box<Self>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|cause| cause as _)
    }
}

fn instant(seconds: i32, nanos: u32) -> SystemTime {
    let nanos = Duration::from_nanos(nanos.into());
    let whole = Duration::from_secs(seconds.unsigned_abs().into());
    if seconds < 0 {
        UNIX_EPOCH - whole + nanos
    } else {
        UNIX_EPOCH + whole + nanos
    }
}

fuzz_target!(|input: Input<'_>| {
    let mut pattern = String::new();
    write(&input.pieces, DEPTH, &mut pattern);
    let layout = match PatternLayout::builder(&pattern).zone("UTC").build() {
        Ok(layout) => layout,
        // So many widths or expressions that they are refused as too many.
        Err(error) if error.to_string().starts_with("more than ") => return,
        Err(error) => panic!("{pattern}: {error}"),
    };
    let levels = [
        Level::TRACE,
        Level::DEBUG,
        Level::INFO,
        Level::WARN,
        Level::ERROR,
    ];
    let [
        message,
        target,
        thread,
        module,
        file,
        method,
        span,
        value,
        id,
        inner,
        field,
        field_value,
        marker,
        trace,
    ] = input.texts;
    let cause = Failure("cause\r\nof it".to_owned(), None);
    let failure = Failure(message.to_owned(), Some(Box::new(cause)));
    let event = LogEvent::builder()
        .level(levels[usize::from(input.level) % levels.len()])
        .instant(instant(input.seconds, input.nanos))
        .message(message)
        .target(target)
        .thread(thread, 7)
        .location(Some(module), Some(file), Some(1))
        .method(method)
        .marker(marker)
        .span(span, [("user", value), ("id", id)])
        .span(inner, [])
        .field(field, field_value)
        .field("trace_id", trace)
        .field("error", Value::Error(&failure))
        .build();
    let mut out = Vec::new();
    layout.render(&event, &mut out);
    assert!(out.len() < MAX_RECORD, "{} bytes", out.len());
    let text = std::str::from_utf8(&out).expect("text stays text");
    let is_hostile = |c: char| {
        (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}')
    };
    assert!(!text.contains(is_hostile), "{pattern:?} {text:?}");
});
