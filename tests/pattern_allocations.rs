//! Rendering allocates nothing once the output has its size.
#![cfg(test)]

#[expect(unsafe_code, reason = "a counting allocator is one by nature")]
#[path = "support/counting.rs"]
mod counting;

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use tracing::Level;
use tracing_kafka::Escape;
use tracing_kafka::Layout;
use tracing_kafka::LogEvent;
use tracing_kafka::MemoryLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka::Value;
use tracing_subscriber::prelude::*;

/// Every word with every form of its options that makes a difference. Nothing that is printed for an
/// event may allocate: there are no exceptions.
const PATTERNS: &[&str] = &[
    "%C|%class{1.}|%C{-1}|%C{1}",
    "%d|%date{ISO8601}|%d{HH:mm:ss.SSS}{UTC}|%d{n A N EEE MMM z VV XXX}{Europe/Berlin}|%30d{HH}",
    "%d{n B v vvvv w W Y}{America/New_York}{en-GB}|%d{S SS SSS zzzz z OOOO}{Etc/GMT-5}",
    "%K|%map{id}|%MAP{nope}|%20K",
    "%spans|%30spans|%eventName",
    "%F|%file|%L|%line|%l|%location",
    "%p|%level{WARN=W,length=2,lowerCase=true}|%-5p",
    "%c|%logger{1.}|%c{1}|%c{-1}|%c{1.1*}|%c{1~.2~}",
    "%m|%msg|%message|%20.9m|%-300m|%.-3m|%0300m",
    "%M|%method|%n|%pid|%processId|%r|%relative|%sn|%sequenceNumber",
    "%X|%mdc{user}|%MDC{user, id}|%x|%NDC",
    "%t|%tn|%thread|%threadName|%T|%tid|%threadId",
    "%black{%m}|%blue{%m}|%cyan{%m}|%green{%m}|%magenta{%m}|%red{%m}|%white{%m}|%yellow{%m}",
    "%enc{%m}{XML}|%encode{%m}{HTML}|%enc{%m %K}{JSON}|%enc{%m}{CRLF}",
    "%endOfBatch|%repeat{=}{9}",
    "%equals{%m}{x}{y}|%equals{%p}{INFO}{%m}|%equalsIgnoreCase{%c}{SHOP::ORDERS::CART}{%m}",
    "%ex|%exception{full}|%throwable{2}|%xEx{short.message}|%xException{none}|%xThrowable{separator(|)}{suffix(%m)}",
    "%rEx|%rException{1}|%rThrowable{suffix(%X)}",
    "%highlight{%m}|%highlight{%p %m}{INFO=red, STYLE=logback}|%style{%m}{bold, red}|%style{%m}{red}{disableAnsi=true}",
    "%marker|%markerSimpleName|%N|%nano",
    "%maxLen{%m}{5}|%maxLength{%m}{30}",
    "%notEmpty{[%X{nope}]}|%varsNotEmpty{[%m]}|%variablesNotEmpty{%marker}",
    "%replace{%m}{[a-z]+}{_}|%replace{%m}{(\\\\w)(\\\\w)}{$2$1$0}|%replace{%m%n}{\\s$}{}|%replace{%c}{::}{.}",
    "%u|%uuid{RANDOM}|%uuid{TIME}|%traceId|%spanId|%traceFlags",
    "${ctx:user}|${map:id}|${marker:}|${event:Message}|${event:Timestamp}|${ctx:nope:-${event:Level}}",
    "%-9.5enc{%red{%maxLen{%replace{%notEmpty{%m}}{a}{bb}}{30}}}{JSON}",
];

/// The dates that have a name.
const DATES: [&str; 23] = [
    "ABSOLUTE",
    "ABSOLUTE_MICROS",
    "ABSOLUTE_NANOS",
    "ABSOLUTE_PERIOD",
    "COMPACT",
    "DATE",
    "DATE_PERIOD",
    "DEFAULT",
    "DEFAULT_MICROS",
    "DEFAULT_NANOS",
    "DEFAULT_PERIOD",
    "ISO8601",
    "ISO8601_BASIC",
    "ISO8601_BASIC_PERIOD",
    "ISO8601_OFFSET_DATE_TIME_HH",
    "ISO8601_OFFSET_DATE_TIME_HHCMM",
    "ISO8601_OFFSET_DATE_TIME_HHMM",
    "ISO8601_PERIOD",
    "ISO8601_PERIOD_MICROS",
    "UNIX",
    "UNIX_MILLIS",
    "US_MONTH_DAY_YEAR2_TIME",
    "US_MONTH_DAY_YEAR4_TIME",
];

#[derive(Debug)]
struct Failure(&'static str, Option<Box<Self>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.1.as_deref().map(|cause| cause as _)
    }
}

/// Fifty events that differ in their time, their level and their text.
fn with_events(with: impl FnOnce(&[LogEvent<'_>])) {
    let cause = Failure("disk\nfull", None);
    let failure = Failure("save failed", Some(Box::new(cause)));
    let message =
        "a message with ümlauts, \u{1b}[31mcolours\u{1b}[m\nand a \"second\" <line> \u{202e}";
    let messages = [message, "a plain one", "", "ends with a line end\n"];
    let events: Vec<LogEvent<'_>> = (0..50)
        .map(|n| {
            LogEvent::builder()
                .instant(UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + 317 * n as u64))
                .level([Level::INFO, Level::WARN, Level::ERROR][n % 3])
                .target("shop::orders::cart")
                .location(Some("shop::orders"), Some("src/orders.rs"), Some(7))
                .message(messages[n % messages.len()])
                .marker("CHILD[ PARENT, OTHER ]")
                .span("request", [("user", "bob\t\u{7}"), ("id", "4")])
                .field("zeta", 1.5)
                .field("id", 42)
                .field("trace_id", "4bf92f3577b34da6a3ce929d0e0e4736")
                .field("error", Value::Error(&failure))
                .build()
        })
        .collect();
    with(&events);
}

/// How often rendering the events once more allocates.
fn allocations(layout: &PatternLayout) -> u64 {
    let mut count = 0;
    with_events(|events| {
        let mut out = Vec::with_capacity(1 << 16);
        let mut render = || {
            for event in events {
                out.clear();
                layout.render(event, &mut out);
            }
        };
        render();
        let before = counting::allocations();
        render();
        count = counting::allocations() - before;
    });
    count
}

#[test]
fn rendering_does_not_allocate_once_warm() {
    let dates = DATES.map(|name| format!("%d{{{name}}}|%d{{{name}}}{{America/New_York}}"));
    let dates = dates.iter().map(String::as_str);
    for pattern in PATTERNS.iter().copied().chain(dates) {
        for escape in [Escape::Text, Escape::None] {
            let builder = PatternLayout::builder(pattern).escape(escape);
            let layout = builder.build().unwrap_or_else(|e| panic!("{pattern}: {e}"));
            assert_eq!(allocations(&layout), 0, "{escape:?} {pattern}");
        }
    }
}

/// Counts what rendering a live event allocates, and keeps nothing of it.
struct Watched {
    layout: PatternLayout,
    allocations: Arc<AtomicU64>,
}

impl Layout for Watched {
    fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
        out.reserve(1 << 16);
        let before = counting::allocations();
        self.layout.render(event, out);
        let allocated = counting::allocations() - before;
        self.allocations.fetch_add(allocated, Ordering::Relaxed);
        out.clear();
    }
}

fn log_live() {
    let error = std::io::Error::other("disk full");
    let error: &(dyn Error + 'static) = &error;
    for n in 0..20 {
        let span = tracing::info_span!("request", user = "bob", id = n);
        let _entered = span.enter();
        tracing::info!(
            zeta = 1.5,
            id = n,
            marker = "M",
            trace_id = "t",
            "hostile {}",
            "\u{1b}\n"
        );
        tracing::warn!(error, maybe = (n % 2 == 0).then_some("x"), "failed");
        tracing::debug!(target: "a::target::that::is::longer::than::what::is::kept::for::a::callsite::on::\
            its::thread::which::is::about::a::hundred::bytes", "plain");
    }
}

#[test]
fn rendering_live_events_does_not_allocate_once_warm() {
    let dates = DATES.map(|name| format!("%d{{{name}}}"));
    let dates = dates.iter().map(String::as_str);
    for pattern in PATTERNS.iter().copied().chain(dates) {
        let allocations = Arc::new(AtomicU64::new(0));
        let (layer, records) = MemoryLayer::new(Watched {
            layout: PatternLayout::new(pattern).unwrap(),
            allocations: Arc::clone(&allocations),
        });
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            log_live();
            allocations.store(0, Ordering::Relaxed);
            log_live();
        });
        assert_eq!(records.take().len(), 120);
        assert_eq!(allocations.load(Ordering::Relaxed), 0, "{pattern}");
    }
}

#[test]
fn a_formatter_that_allocates_is_noticed() {
    struct Allocating;
    impl Layout for Allocating {
        fn render(&self, event: &LogEvent<'_>, out: &mut Vec<u8>) {
            out.extend_from_slice(event.target().to_owned().as_bytes());
        }
    }
    with_events(|events| {
        let mut out = Vec::with_capacity(1 << 16);
        let before = counting::allocations();
        Allocating.render(&events[0], &mut out);
        assert_eq!(counting::allocations() - before, 1);
    });
}

/// The words that the crate knows, as its table has them.
fn words() -> Vec<String> {
    let mut path = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    path.push("src/layout/keyword.rs");
    let source = std::fs::read_to_string(path).unwrap();
    let (_, table) = source.split_once("static WORDS").unwrap();
    let (table, _) = table.split_once("];").unwrap();
    let lines = table.lines().filter(|line| line.contains("Word::"));
    lines
        .filter(|line| !line.contains("Word::Unavailable"))
        .filter_map(|line| Some(line.split('"').nth(1)?.to_owned()))
        .collect()
}

#[test]
fn every_word_is_among_the_patterns() {
    let all = PATTERNS.concat();
    let words = words();
    assert!(words.len() > 70, "{words:?}");
    for word in words {
        let is_used = all.match_indices(&word).any(|(at, _)| {
            let before =
                all[..at].trim_end_matches(|c: char| c.is_ascii_digit() || "-.".contains(c));
            let after = all[at + word.len()..].chars().next();
            before.ends_with('%') && after.is_none_or(|c| !c.is_alphanumeric())
        });
        assert!(is_used, "no pattern with `%{word}`");
    }
}

#[test]
fn a_layout_reads_its_pattern_once() {
    let pattern = PATTERNS.concat();
    let before = counting::allocations();
    let layout = PatternLayout::new(&pattern).unwrap();
    assert!(
        counting::allocations() > before,
        "compiling allocates, so that its absence shows"
    );
    // A copy is the same layout, and not compiled again.
    let before = counting::allocations();
    let copy = layout.clone();
    assert_eq!(counting::allocations(), before);
    drop(layout);
    assert_eq!(allocations(&copy), 0);
}
