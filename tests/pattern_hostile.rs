//! Patterns that were made to do harm: none takes more than linear time, and none fills the memory.
#![cfg(test)]
#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::GlobalAlloc;
use std::alloc::Layout as Memory;
use std::alloc::System;
use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::time::Duration;
use std::time::Instant;
use std::time::UNIX_EPOCH;

use tracing_kafka::Escape;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternError;
use tracing_kafka::PatternLayout;
use tracing_kafka::Value;

thread_local! {
    /// What the thread holds, and the most that it held.
    static HELD: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

struct Measuring;

impl Measuring {
    fn add(size: usize) {
        HELD.with(|held| {
            let (now, most) = held.get();
            let now = now.saturating_add_unsigned(size);
            held.set((now, most.max(now)));
        });
    }

    fn remove(size: usize) {
        HELD.with(|held| {
            let (now, most) = held.get();
            held.set((now.saturating_sub_unsigned(size), most));
        });
    }
}

// SAFETY: every call is handed on to the system's allocator as it came; counting touches a
// constant thread-local without a destructor, which does not allocate.
unsafe impl GlobalAlloc for Measuring {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        Self::add(memory.size());
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Memory) {
        Self::remove(memory.size());
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, memory) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, memory: Memory, size: usize) -> *mut u8 {
        Self::add(size);
        Self::remove(memory.size());
        // SAFETY: as above.
        unsafe { System.realloc(pointer, memory, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Measuring = Measuring;

/// A record is cut at a quarter of a megabyte by default; this is what may be made before.
const MAX_RECORD: usize = 4 << 20;
/// In a debug build, on a machine that is busy with other tests.
const MAX_TIME: Duration = Duration::from_secs(30);
/// What a pattern of a megabyte and its parts may take while it is read.
const MAX_MEMORY: isize = 1 << 30;

#[derive(Debug)]
struct Failure(Option<Box<Self>>);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it \"failed\"\n\\badly")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.as_deref().map(|cause| cause as _)
    }
}

fn with_event<T>(message: &str, with: impl FnOnce(&LogEvent<'_>) -> T) -> T {
    let mut failure = Failure(None);
    for _ in 0..40 {
        failure = Failure(Some(Box::new(failure)));
    }
    let event = LogEvent::builder()
        .instant(UNIX_EPOCH + Duration::from_millis(1_351_866_842_123))
        .target("shop::orders")
        .message(message)
        .location(Some("shop::orders::cart"), Some("src/cart.rs"), Some(7))
        .marker("CHILD[ PARENT ]")
        .span("request", [("user", "bob"), ("a", "4\r")])
        .field("id", 42)
        .field("error", Value::Error(&failure))
        .build();
    with(&event)
}

fn compiled(pattern: &str, lenient: bool, escape: Escape) -> Result<PatternLayout, PatternError> {
    let builder = PatternLayout::builder(pattern).zone("UTC").escape(escape);
    if lenient { builder.lenient() } else { builder }.build()
}

/// Compiles and renders, and returns the record; fails if it takes too long or too much.
#[track_caller]
fn try_out(pattern: &str, lenient: bool, escape: Escape, message: &str) -> Option<Vec<u8>> {
    let shown: String = pattern.chars().take(60).collect();
    let start = Instant::now();
    let (before, _) = HELD.with(Cell::get);
    HELD.with(|held| held.set((before, before)));
    let layout = compiled(pattern, lenient, escape);
    let (_, most) = HELD.with(Cell::get);
    let mut out = Vec::new();
    if let Ok(layout) = &layout {
        with_event(message, |event| layout.render(event, &mut out));
    }
    assert!(
        start.elapsed() < MAX_TIME,
        "{shown:?}: {:?}",
        start.elapsed()
    );
    assert!(
        most - before < MAX_MEMORY,
        "{shown:?}: {} bytes held",
        most - before
    );
    assert!(
        out.len() <= MAX_RECORD + pattern.len(),
        "{shown:?}: {} bytes",
        out.len()
    );
    assert!(std::str::from_utf8(&out).is_ok(), "{shown:?}");
    layout.is_ok().then_some(out)
}

/// What is repeated up to a megabyte: what a parser could go over again and again, and what asks for much.
const UNITS: [&str; 27] = [
    "%",
    "{",
    "}",
    "%m",
    "%m{",
    "%{",
    "%d{",
    "%red{",
    "%replace{",
    "%enc{%m}{JSON}",
    "%ex{suffix(",
    "%style{",
    "${",
    "${ctx:a:-",
    "%equals{%m}{",
    "%notEmpty{",
    "%repeat{x}{9999}",
    "%10000m",
    "%10000n",
    "%10000p",
    "%10000d",
    "%notEmpty{%10000m}",
    "%maxLen{%m}{0}",
    "%replace{%m}{\\w{99}}{}",
    "%ex{separator(x)}{suffix(%m)}",
    "%K",
    "%{%m}",
];

/// The same up to a sixteenth of one.
const MORE: [&str; 52] = [
    "%%",
    "%m{}",
    "{}",
    "%m{{}",
    "%p{",
    "%p{a,",
    "%-",
    "%.",
    "%1",
    "\\",
    "%q",
    "a",
    "%X{a,",
    "%c{1.",
    "}%m{",
    "%m{}{",
    "'",
    "%p{=",
    "%é",
    "\u{0}",
    "%d{''",
    "$",
    "$${",
    "${ctx:a}",
    "%10000pid",
    "%10000replace{%m}{a}{b}",
    "%10000red{%m}",
    "%equals{%m}{a}{b}",
    "%d{HH}{Europe/Berlin}",
    "%d{SSS}",
    "%p",
    "%sn",
    "%u",
    "%l",
    "%x",
    "%xEx",
    "%n",
    "%highlight{%m}{STYLE=logback}",
    "%highlight{%m}{A=red,B=",
    "%style{%m}{q}",
    "%style{%m}{#",
    "%replace{%m}{(",
    "%ex{1}",
    "%mesage",
    "%levell",
    "%m{nolookups}",
    "\u{1b}",
    "%10000.10000m",
    "%replace{%m}{.}{$0$0}",
    "%ex{separator()}",
    "%thread{",
    "%caller{1}",
];

#[test]
fn a_megabyte_of_anything_takes_linear_time_and_bounded_memory() {
    // In a quarter of it a quadratic time would show just as well.
    let all = UNITS.map(|unit| (unit, if unit.len() < 3 { 1 << 20 } else { 1 << 18 }));
    let more = MORE.map(|unit| (unit, 1 << 16));
    for (unit, length) in all.into_iter().chain(more) {
        let pattern = unit.repeat(length / unit.len());
        for lenient in [false, true] {
            try_out(&pattern, lenient, Escape::Text, "hi \"there\"");
        }
    }
}

#[test]
fn a_long_message_shown_again_and_again_is_bounded() {
    let message = "x".repeat(60_000);
    for unit in [
        "%m",
        "%m%K",
        "%m|%30m",
        "%red{%m}",
        "%enc{%m}{JSON}",
        "%m%c%X%x%t",
    ] {
        let pattern = unit.repeat(50_000);
        assert!(
            try_out(&pattern, false, Escape::Text, &message).is_some(),
            "{unit}"
        );
    }
}

#[test]
fn as_much_in_one_option_takes_no_more() {
    for unit in UNITS {
        let body = unit.repeat((1 << 16) / unit.len());
        for (before, after) in [
            ("%m{", "}"),
            ("%notEmpty{", "}"),
            ("%replace{%m}{", "}{}"),
            ("%replace{\u{7}", "}{x}{}"),
            ("%ex{suffix(", ")}"),
            ("%ex{separator(", ")}"),
            ("%style{%m}{", "}"),
            ("%equals{", "}{}{}"),
        ] {
            try_out(&format!("{before}{body}{after}"), true, Escape::Text, "hi");
        }
    }
}

#[test]
fn items_that_are_all_different_are_not_compared_with_each_other() {
    let items = |item: &dyn Fn(usize) -> String| (0..60_000).map(item).collect::<String>();
    for pattern in [
        format!("%highlight{{%m}}{{{}}}", items(&|n| format!("A{n}=red,"))),
        format!("%p{{{}}}", items(&|n| format!("A{n}=x,"))),
        format!("%style{{%m}}{{{}}}", items(&|n| format!("w{n} "))),
        format!("%X{{{}}}", items(&|n| format!("a{n},"))),
        format!("%X{{{}}}", "a,".repeat(500_000)),
    ] {
        try_out(&pattern, true, Escape::Text, "hi");
    }
}

#[test]
fn regular_expressions_are_bounded_in_size_and_linear_in_time() {
    let text = "a".repeat(60_000);
    for regex in [
        "(a+)+$",
        "(a|a)*b",
        "(a*)*c",
        "(.*)(.*)(.*)(.*)x",
        "(?i)(a?){50}a{50}b",
    ] {
        let pattern = format!("%replace{{%m}}{{{regex}}}{{$0$0}}");
        assert!(
            try_out(&pattern, false, Escape::Text, &text).is_some(),
            "{regex}"
        );
    }
    for regex in [
        "\\w{900}",
        "(?U)\\w{60}",
        "\\p{L}{60}",
        "(((a{9}){9}){9}){9}",
        "[^a]{999}",
    ] {
        let pattern = format!("%replace{{%m}}{{{regex}}}{{}}").repeat(80);
        try_out(&pattern, true, Escape::Text, "hi");
    }
}

/// What stands around a pattern, again and again.
const AROUND: [(&str, &str); 19] = [
    ("%red{", "}"),
    ("%enc{", "}{JSON}"),
    ("%enc{", "}{HTML}"),
    ("%enc{", "}{XML}"),
    ("%enc{", "}{CRLF}"),
    ("%maxLen{", "}{9000}"),
    ("%notEmpty{", "}"),
    ("%replace{", "}{a}{aa}"),
    ("%replace{", "}{.}{$0$0}"),
    ("%replace{\n", "}{\\w{9}}{b}"),
    ("%equals{", "}{x}{y}"),
    ("%equals{x}{x}{", "}"),
    ("%equals{%m", "}{x}{%m}"),
    ("%style{", "}{red}"),
    ("%highlight{%n", "}"),
    ("%ex{suffix(", ")}"),
    ("%ex{suffix(%equals{x}{x}{", "})}"),
    ("%ex{suffix(%red{", "})}"),
    ("%10000red{", "}"),
];

#[test]
fn patterns_inside_patterns_neither_take_exponential_time_nor_grow_without_bound() {
    let text = "a\"\\<&\n\u{202e}".repeat(100);
    for (before, after) in AROUND {
        for inner in ["%m", "\n%m%ex{separator()}"] {
            for depth in [31, 62, 500] {
                let pattern = format!("{}{inner}{}", before.repeat(depth), after.repeat(depth));
                for (lenient, escape) in [(false, Escape::Text), (true, Escape::None)] {
                    try_out(&pattern, lenient, escape, &text);
                }
            }
        }
    }
}
