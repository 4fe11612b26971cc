//! The same of events that `tracing` hands over, through a registry and a layer.

use tracing_kafka::MemoryLayer;
use tracing_kafka::PatternLayout;
use tracing_subscriber::prelude::*;

const HOSTILE: &str = "one\r\ntwo\u{85}\u{2028}\u{202e}\u{1b}[2J\u{9b}\u{0}\u{7f}";
const PATTERNS: [&str; 15] = [
    "%m|%K|%X|%x|%t|%c|%l|%marker%n",
    "%spans%m%n",
    "%eventName|%40m|%.9spans",
    "%replace{%m}{o}{$0$0} %K{what}",
    "%X{who}|%K{what}|${ctx:who}|${map:what}",
    "%-40.20m|%.9X|%20K|%.3t",
    "%enc{%m %K %X %t}{JSON}",
    "%enc{%m %K %X %t}{XML}",
    "%enc{%m %K %X %t}{CRLF}",
    "%replace{%m %K %X %t}{o}{$0$0}",
    "%replace{%m %K}{\\s}{}",
    "%maxLen{%m %K}{30}",
    "%notEmpty{%m %K} %equals{%X{who}}{x}{y}",
    "%ex{separator(|)} %ex{short.message} %rEx{separator( )}{suffix(%X)}",
    "%traceId %spanId %traceFlags %highlight{%m}{disableAnsi=true}",
];

fn log() {
    let error = std::io::Error::other(HOSTILE);
    let error: &(dyn std::error::Error + 'static) = &error;
    let span = tracing::info_span!("request", who = HOSTILE, late = tracing::field::Empty);
    let _entered = span.enter();
    span.record("late", format!("{HOSTILE:?}{HOSTILE}"));
    tracing::info!(
        error,
        what = HOSTILE,
        marker = HOSTILE,
        trace_id = HOSTILE,
        span_id = %HOSTILE,
        debug = ?HOSTILE,
        "{HOSTILE}"
    );
}

#[test]
fn a_live_event_is_one_line_whatever_is_in_its_fields_its_spans_and_the_name_of_its_thread() {
    for pattern in PATTERNS {
        let (layer, records) = MemoryLayer::new(PatternLayout::new(pattern).unwrap());
        let dispatch = tracing::Dispatch::new(tracing_subscriber::registry().with(layer));
        // No name of a thread holds a zero byte.
        let name = HOSTILE.replace('\0', "");
        std::thread::Builder::new()
            .name(name)
            .spawn(move || tracing::dispatcher::with_default(&dispatch, log))
            .unwrap()
            .join()
            .unwrap();
        let records = records.take();
        let [record] = &records[..] else {
            panic!("{pattern}: {records:?}");
        };
        let is_hostile = |c: char| {
            (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202e}')
        };
        assert!(!record.contains(is_hostile), "{pattern} {record:?}");
        assert!(!record.is_empty(), "{pattern}");
    }
}
