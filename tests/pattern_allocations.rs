//! Rendering allocates nothing once the output has its size.
#![allow(unsafe_code, reason = "an allocator cannot be written without")]

use std::alloc::GlobalAlloc;
use std::alloc::Layout as Memory;
use std::alloc::System;
use std::cell::Cell;
use std::time::Duration;
use std::time::UNIX_EPOCH;

use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call is handed on to the system's allocator as it came; counting touches a
// constant thread-local without a destructor, which does not allocate.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Memory) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, memory) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, memory: Memory, size: usize) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { System.realloc(pointer, memory, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn rendering_does_not_allocate_once_warm() {
    for pattern in [
        "[%d{HH:mm:ss.SSS}] [%-4level] %msg%n",
        "%d{DEFAULT_NANOS}{Europe/Berlin} %-5p [%t] %c{1.} %x %X{user} %X - %-200.180m %K %K{id}%n",
        "%d{n B v vvvv w W Y}{America/New_York}{en-GB} %d{S SS SSS zzzz z OOOO}{Etc/GMT-5} %m",
        "%d{n A N EEE MMM z VV XXX} %l %C{1.2*} %F %L %M %T %r %sn %pid",
    ] {
        let layout = PatternLayout::new(pattern).unwrap();
        let message = "a message with ümlauts, \u{1b}[31mcolours\u{1b}[m\nand a second line";
        let events: Vec<LogEvent<'_>> = (0..50)
            .map(|n| {
                LogEvent::builder()
                    .instant(UNIX_EPOCH + Duration::from_millis(1_700_000_000_000 + 317 * n))
                    .target("shop::orders::cart")
                    .location(Some("shop::orders"), Some("src/orders.rs"), Some(7))
                    .message(message)
                    .span("request", [("user", "bob"), ("id", "4")])
                    .field("zeta", 1.5)
                    .field("id", 42)
                    .build()
            })
            .collect();
        let mut out = Vec::with_capacity(4096);
        for event in &events {
            out.clear();
            layout.render(event, &mut out);
        }
        let before = ALLOCATIONS.with(Cell::get);
        for event in &events {
            out.clear();
            layout.render(event, &mut out);
        }
        assert_eq!(ALLOCATIONS.with(Cell::get), before, "{pattern}");
    }
}
