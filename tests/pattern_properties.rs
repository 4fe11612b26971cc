//! What must hold for any event and any pattern: one event is one line, nothing panics, time is linear.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may panic"
)]

use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use tracing::Level;
use tracing_kafka::Escape;
use tracing_kafka::Layout as _;
use tracing_kafka::LogEvent;
use tracing_kafka::PatternLayout;

/// Numbers that look random and are the same in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % limit as u64).unwrap()
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    fn char(&mut self) -> char {
        match self.below(8) {
            0 => char::from(u8::try_from(self.below(0x20)).unwrap()),
            1 => self.pick(&[
                '\u{7f}', '\u{85}', '\u{9b}', '\u{2028}', '\u{202e}', '\u{feff}',
            ]),
            2 => char::from_u32(u32::try_from(self.below(0x11_0000)).unwrap()).unwrap_or('é'),
            3 => self.pick(&['ä', '語', '😀', '\u{301}', '\\', '%', '{', '}']),
            _ => char::from(b' ' + u8::try_from(self.below(95)).unwrap()),
        }
    }

    fn text(&mut self, limit: usize) -> String {
        (0..self.below(limit)).map(|_| self.char()).collect()
    }

    fn tame_text(&mut self, limit: usize) -> String {
        let length = self.below(limit);
        let chars = std::iter::repeat_with(|| {
            self.pick(&['a', ' ', '.', ':', 'ö', '語', '…', '\t', '\\', '€'])
        });
        chars.take(length).collect()
    }

    fn instant(&mut self) -> SystemTime {
        let nanos = Duration::from_nanos(self.next() >> self.below(40));
        if self.below(4) == 0 {
            UNIX_EPOCH - nanos
        } else {
            UNIX_EPOCH + nanos
        }
    }
}

const LEVELS: [Level; 5] = [
    Level::TRACE,
    Level::DEBUG,
    Level::INFO,
    Level::WARN,
    Level::ERROR,
];

/// Every part that an event can bring along.
struct Parts {
    level: Level,
    instant: SystemTime,
    texts: Vec<String>,
}

impl Parts {
    fn new(random: &mut Random, mut text: impl FnMut(&mut Random) -> String) -> Self {
        Self {
            level: random.pick(&LEVELS),
            instant: random.instant(),
            texts: (0..14).map(|_| text(random)).collect(),
        }
    }

    fn event(&self) -> LogEvent<'_> {
        let [
            message,
            target,
            thread,
            module,
            file,
            method,
            span,
            key,
            value,
            inner,
            inner_key,
            inner_value,
            field,
            field_value,
        ] = &self.texts[..]
        else {
            panic!("14 texts");
        };
        LogEvent::builder()
            .level(self.level)
            .instant(self.instant)
            .message(message)
            .target(target)
            .thread(thread, 7)
            .location(Some(module), Some(file), Some(1))
            .method(method)
            .span(span, [(key.as_str(), value.as_str()), ("k", "v\n")])
            .span(inner, [(inner_key.as_str(), inner_value.as_str())])
            .field(field, field_value.as_str())
            .field("z", "last\u{1b}")
            .build()
    }
}

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
    let empty = Parts {
        level: Level::INFO,
        instant: UNIX_EPOCH,
        texts: vec![String::new(); 14],
    };
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
        let parts = Parts {
            level: Level::INFO,
            instant: UNIX_EPOCH,
            texts: vec![text; 14],
        };
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
        rendered(&PatternLayout::new(pattern).unwrap(), &parts.event())
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

/// What patterns are made of, right and wrong.
const BITS: [&str; 41] = [
    "%",
    "%%",
    "m",
    "d",
    "c",
    "p",
    "X",
    "K",
    "l",
    "n",
    "-",
    "0",
    "5",
    ".",
    ".-3",
    "{",
    "}",
    "{1.}",
    "{HH:mm}",
    "{yyyy'}",
    "{UTC}",
    "{a, b}",
    "{length=2}",
    "\\",
    "\\n",
    "é",
    "😀",
    " ",
    "level",
    "date",
    "sn",
    "r",
    "tid",
    "99999",
    "highlight",
    "\u{0}",
    "''",
    "{1.2*}",
    "{-9}",
    "{SSSSSSSSS}",
    "{A}{GMT+9}",
];

#[test]
fn any_pattern_is_compiled_or_refused_and_never_panics() {
    let mut random = Random(23);
    let parts = Parts::new(&mut random, |random| random.text(30));
    let (mut compiled, mut refused) = (0, 0);
    for _ in 0..20_000 {
        let pattern: String = (0..random.below(12)).map(|_| random.pick(&BITS)).collect();
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
                    assert!(
                        pattern.is_char_boundary(error.offset()),
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

/// What is repeated; for each, a quadratic parser would take hours.
const HOSTILE: [&str; 27] = [
    "%", "{", "}", "%m{", "%{", "%m{}", "{}", "%m{{}", "%d{", "%p{", "%p{a,", "%-", "%.", "%1",
    "\\", "%q", "%m", "a", "%X{a,", "%c{1.", "}%m{", "%m{}{", "'", "%p{=", "%é", "\u{0}", "%d{''",
];

#[test]
fn hostile_patterns_take_linear_time() {
    let deadline = Duration::from_secs(120);
    let start = Instant::now();
    for (index, unit) in HOSTILE.into_iter().enumerate() {
        let length = if index < 3 { 1 << 20 } else { 1 << 17 };
        let mut pattern = unit.repeat(length / unit.len());
        for _ in 0..2 {
            for lenient in [false, true] {
                drop(compiled_as(&pattern, lenient));
            }
            // The same with an end, which makes one enormous option of it.
            pattern = format!("%m{pattern}}}");
        }
        assert!(start.elapsed() < deadline, "{unit:?}");
    }
}
