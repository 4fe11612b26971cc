//! Every converter and every composite: one event is one line, whatever is in it and whatever is done to it.

use std::time::UNIX_EPOCH;

use super::compiled_as;
use super::rendered;
use crate::random::Parts;
use crate::random::Random;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;

/// Every word that prints something of an event, and the forms that its options give it.
const WORDS: [&str; 46] = [
    "m",
    "msg{nolookups}",
    "c",
    "c{1}",
    "c{-1}",
    "c{1.}",
    "c{1.1*}",
    "C",
    "C{1~.2~}",
    "p",
    "d",
    "d{UNIX_MILLIS}",
    "t",
    "tid",
    "M",
    "F",
    "L",
    "l",
    "X",
    "X{k}",
    "X{k, nope}",
    "x",
    "K",
    "K{z}",
    "K{trace_id}",
    "marker",
    "markerSimpleName",
    "r",
    "N",
    "sn",
    "pid",
    "u",
    "uuid{RANDOM}",
    "traceId",
    "spanId",
    "traceFlags",
    "endOfBatch",
    "repeat{=}{9}",
    "ex{short.message}",
    "rEx{short.message}",
    "ex{separator(|)}",
    "xEx{separator( )}{suffix(%m)}",
    "rEx{2}{separator(;)}",
    "ex{none}",
    "ex{1}{separator()}",
    "level{lowerCase=true}",
];
const LOOKUPS: [&str; 8] = [
    "${ctx:k}",
    "${map:z}",
    "${map:error}",
    "${marker:}",
    "${event:Message}",
    "${event:Logger}",
    "${event:ThreadName}",
    "${ctx:nope:-${event:Message}}",
];
/// What is done to a pattern. The words of colours are left out: they print an escape of their own.
const AROUND: [(&str, &str); 22] = [
    ("", ""),
    ("%enc{", "}{XML}"),
    ("%enc{", "}{HTML}"),
    ("%enc{", "}{CRLF}"),
    ("%enc{", "}{JSON}"),
    ("%enc{%enc{", "}{JSON}}{JSON}"),
    ("%replace{", "}{[a-z]+}{_}"),
    ("%replace{", "}{(.)(.)}{$2$1}"),
    ("%replace{", "}{x*}{\\\\n}"),
    ("%replace{", "}{\\\\}{}"),
    ("%replace{", "}{.|\\s}{$0$0}"),
    ("%replace{%enc{", "}{JSON}}{\\\\}{}"),
    ("%enc{%replace{", "}{u}{\u{7f}}}{JSON}"),
    ("%maxLen{", "}{7}"),
    ("%maxLen{", "}{25}"),
    ("%notEmpty{[", "]}"),
    ("%equals{", "}{a}{b}"),
    ("%equals{x}{x}{", "}"),
    ("%equalsIgnoreCase{%m", "}{}{%m}"),
    ("%style{", "}{red}{disableAnsi=true}"),
    ("%highlight{", "}{INFO=red}{disableAnsi=true}"),
    ("%-9.4maxLen{%.5equals{", "}{}{}}{3}"),
];

fn patterns() -> Vec<String> {
    let mut patterns = Vec::new();
    for (before, after) in AROUND {
        for word in WORDS {
            patterns.push(format!("{before}%{word}{after}"));
            patterns.push(format!("{before}%-12.6{word}|%{word}{after}"));
        }
        for lookup in LOOKUPS {
            patterns.push(format!("{before}{lookup} %m{after}"));
        }
    }
    patterns
}

#[track_caller]
fn check_line(layout: &PatternLayout, parts: &Parts) {
    let text = rendered(layout, &parts.event());
    // The judge is the standard library, and not the table that is being judged.
    let is_hostile = |c: char| {
        (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}')
    };
    assert!(
        !text.contains(is_hostile),
        "{layout:?} {text:?} {:?}",
        parts.texts
    );
}

#[test]
fn one_event_is_one_line_for_every_word_and_every_composite() {
    let mut random = Random(0x51ed_270b);
    let hostile = "a\n\r\u{85}\u{2028}\u{202e}\u{1b}[2J\u{0}\u{9b}b";
    let events: Vec<Parts> = (0..12)
        .map(|_| Parts::new(&mut random, |random| random.text(20)))
        .chain([Parts::all(hostile), Parts::all("\n"), Parts::all("")])
        .collect();
    for pattern in patterns() {
        let layout = PatternLayout::new(&pattern).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        for parts in &events {
            check_line(&layout, parts);
        }
    }
}

#[test]
fn every_character_passes_through_every_composite_alone() {
    let layouts: Vec<PatternLayout> = AROUND
        .iter()
        .map(|(before, after)| PatternLayout::new(&format!("{before}%m{after}")).unwrap())
        .collect();
    let controls = ('\0'..='\u{1ff}').chain('\u{1ff0}'..='\u{2080}');
    for c in controls.chain(['\u{feff}', '\u{fffe}', '\u{10ffff}']) {
        let parts = Parts::all(&format!("a{c}{c}u{c}"));
        for layout in &layouts {
            check_line(layout, &parts);
        }
    }
}

#[test]
fn json_inside_of_text_is_read_back_as_the_message() {
    let mut random = Random(97);
    let layout = PatternLayout::new("{\"message\":\"%enc{%m}{JSON}\"}").unwrap();
    let every: String = ('\0'..='\u{2100}').collect();
    let texts = (0..3_000).map(|_| random.text(80)).chain([every]);
    for text in texts {
        let event = LogEvent::builder()
            .instant(UNIX_EPOCH)
            .message(&text)
            .build();
        let record = rendered(&layout, &event);
        let read: serde_json::Value = serde_json::from_str(&record).unwrap();
        assert_eq!(read["message"], text.as_str());
        assert!(!record.contains(char::is_control), "{record:?}");
    }
}

#[test]
fn what_is_too_much_is_an_error_or_cut_to_what_is_allowed() {
    let event = Parts::all("x");
    let render = |pattern: &str| {
        let layout = compiled_as(pattern, true).unwrap_or_else(|e| panic!("{pattern}: {e}"));
        assert!(!layout.warnings().is_empty(), "{pattern}");
        rendered(&layout, &event.event())
    };
    let refused = |pattern: &str, offset: usize| {
        assert_eq!(
            compiled_as(pattern, false).unwrap_err().offset(),
            offset,
            "{pattern}"
        );
    };
    assert!(compiled_as("%10000m%.10000m%repeat{x}{10000}", false).is_ok());
    refused("%10001m", 1);
    assert_eq!(render("%10001m").len(), 10_000);
    refused("%.10001m", 2);
    refused("%repeat{xy}{5001}", 12);
    assert_eq!(render("%repeat{xy}{5001}").len(), 10_000);
    let nested = |depth: usize| format!("{}%m{}", "%maxLen{".repeat(depth), "}{9}".repeat(depth));
    assert_eq!(
        rendered(&compiled_as(&nested(63), false).unwrap(), &event.event()),
        "x x=\"x\" z"
    );
    let deep = nested(66);
    assert!(compiled_as(&deep, false).is_err());
    // The text inside is no pattern any more.
    assert_eq!(render(&deep), "%maxLen{%");
}
