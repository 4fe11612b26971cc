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
    let compile_time = start.elapsed();
    let mut out = Vec::new();
    if let Ok(layout) = &layout {
        with_event(message, |event| layout.render(event, &mut out));
    }
    if std::env::var_os("SHOW").is_some() {
        eprintln!(
            "{:>7} ms {:>7} ms {:>9} KiB held {:>9} KiB out {} {lenient} {shown:?} {}",
            compile_time.as_millis(),
            (start.elapsed() - compile_time).as_millis(),
            (most - before) >> 10,
            out.len() >> 10,
            layout.is_ok(),
            layout
                .as_ref()
                .err()
                .map(ToString::to_string)
                .unwrap_or_default()
        );
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

/// What is repeated up to a megabyte.
const UNITS: [&str; 74] = [
    "%",
    "{",
    "}",
    "%%",
    "%m{",
    "%{",
    "%m{}",
    "{}",
    "%m{{}",
    "%d{",
    "%p{",
    "%p{a,",
    "%-",
    "%.",
    "%1",
    "\\",
    "%q",
    "%m",
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
    "%red{",
    "%replace{",
    "%enc{%m}{JSON}",
    "%ex{suffix(",
    "%style{",
    "${",
    "$",
    "$${",
    "${ctx:a:-",
    "${ctx:a}",
    "%equals{%m}{",
    "%notEmpty{",
    "%repeat{x}{9999}",
    "%10000m",
    "%10000n",
    "%10000p",
    "%10000d",
    "%10000pid",
    "%10000replace{%m}{a}{b}",
    "%10000red{%m}",
    "%notEmpty{%10000m}",
    "%maxLen{%m}{0}",
    "%replace{%m}{\\\\w{99}}{}",
    "%equals{%m}{a}{b}",
    "%d{HH}{Europe/Berlin}",
    "%d{SSS}",
    "%p",
    "%sn",
    "%u",
    "%K",
    "%l",
    "%x",
    "%xEx",
    "%n",
    "%highlight{%m}{STYLE=logback}",
    "%style{%m}{q}",
    "%style{%m}{#",
    "%replace{%m}{(",
    "%ex{1}",
    "%ex{separator(x)}{suffix(%m)}",
    "%mesage",
    "%levell",
    "%{%m}",
    "%m{nolookups}",
    "\u{1b}",
    "%10000.10000m",
];

#[test]
fn a_megabyte_of_anything_takes_linear_time_and_bounded_memory() {
    for unit in UNITS {
        let pattern = unit.repeat((1 << 20) / unit.len());
        for lenient in [false, true] {
            try_out(&pattern, lenient, Escape::Text, "hi \"there\"");
        }
    }
}

#[test]
fn a_megabyte_inside_of_a_pattern_takes_no_more() {
    for unit in UNITS {
        let body = unit.repeat((1 << 17) / unit.len());
        for (before, after) in [
            ("%m{", "}"),
            ("%red{", "}"),
            ("%notEmpty{", "}"),
            ("%replace{%m}{", "}{}"),
            ("%replace{\u{7}", "}{x}{}"),
            ("%ex{suffix(", ")}"),
            ("%ex{separator(", ")}"),
            ("%style{%m}{", "}"),
            ("%highlight{%m}{", "}"),
            ("%equals{", "}{}{}"),
        ] {
            try_out(&format!("{before}{body}{after}"), true, Escape::Text, "hi");
        }
    }
}

/// A pattern inside a pattern inside a pattern; the text in the middle is the third.
fn nested(before: &str, after: &str, inner: &str, depth: usize) -> String {
    format!("{}{inner}{}", before.repeat(depth), after.repeat(depth))
}

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
    let long = "a\"\\<&\n\u{202e}".repeat(5_000);
    for (before, after) in AROUND {
        for inner in ["%m", "\n%m%ex", "%ex{separator()}"] {
            for depth in [8, 31, 62, 1_000, 20_000] {
                let pattern = nested(before, after, inner, depth);
                for (lenient, escape) in [
                    (false, Escape::Text),
                    (true, Escape::Text),
                    (true, Escape::None),
                ] {
                    try_out(&pattern, lenient, escape, &long);
                }
            }
        }
    }
}
