//! Random events and spans through `fmt` and through a pattern: the texts must be equal.

use std::error::Error;
use std::io;
use std::sync::Arc;
use std::sync::Mutex;

use tracing::field::Empty;
use tracing::field::Value;
use tracing_kafka::Escape;
use tracing_kafka::MemoryLayer;
use tracing_kafka::PatternLayout;
use tracing_subscriber::prelude::*;

use crate::sites::Failure;
use crate::sites::MOST;
use crate::sites::Site;
use crate::sites::under;

/// A generator of numbers that needs no other state.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next()).unwrap() % end
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    fn text(&mut self) -> String {
        const PIECES: [&str; 22] = [
            "",
            "a",
            "two words",
            "\"",
            "\\",
            "'",
            "\n",
            "\r\n",
            "\t",
            "=",
            ", ",
            "{",
            "}",
            "ä",
            "語",
            "😀",
            "\u{1b}[31m",
            "\u{85}",
            "\u{202e}",
            "\u{301}",
            "\u{0}",
            "x=1",
        ];
        (0..self.below(4)).map(|_| self.one_of(&PIECES)).collect()
    }
}

/// A value of any type that `tracing` knows.
enum Any {
    I64(i64),
    U64(u64),
    I128(i128),
    U128(u128),
    F64(f64),
    Bool(bool),
    Text(String),
    Bytes(Vec<u8>),
    Error(Box<dyn Error + 'static>),
    Debug(tracing::field::DebugValue<(Option<String>, Vec<u8>)>),
    Display(tracing::field::DisplayValue<String>),
    Missing,
}

impl Any {
    fn new(random: &mut Random) -> Self {
        const FLOATS: [f64; 14] = [
            0.0,
            -0.0,
            1.0,
            -2.5,
            1e-7,
            1e15,
            1e16,
            1e300,
            0.1,
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            f64::MIN_POSITIVE,
            123_456.789,
        ];
        let any = random.next();
        match random.below(12) {
            0 => Self::I64(any.cast_signed() - (1 << 30)),
            1 => Self::U64(any << (any % 33)),
            2 => Self::I128(-i128::from(any) << (any % 90)),
            3 => Self::U128(u128::from(any) << (any % 90)),
            4 => Self::F64(random.one_of(&FLOATS)),
            5 => Self::Bool(any.is_multiple_of(2)),
            6 => Self::Text(random.text()),
            7 => Self::Bytes(random.text().into_bytes()),
            8 => {
                let texts: Vec<String> = (0..=random.below(4)).map(|_| random.text()).collect();
                let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
                Self::Error(Box::new(Failure::chain(&texts)))
            }
            9 => {
                let text = (any.is_multiple_of(2)).then(|| random.text());
                Self::Debug(tracing::field::debug((text, vec![1, 2])))
            }
            10 => Self::Display(tracing::field::display(random.text())),
            _ => Self::Missing,
        }
    }

    fn value(&self) -> Option<Box<dyn Value + '_>> {
        Some(match self {
            Self::I64(value) => Box::new(*value),
            Self::U64(value) => Box::new(*value),
            Self::I128(value) => Box::new(*value),
            Self::U128(value) => Box::new(*value),
            Self::F64(value) => Box::new(*value),
            Self::Bool(value) => Box::new(*value),
            Self::Text(value) => Box::new(value.as_str()),
            Self::Bytes(value) => Box::new(value.as_slice()),
            Self::Error(value) => Box::new(value.as_ref()),
            Self::Debug(value) => Box::new(value),
            Self::Display(value) => Box::new(value),
            Self::Missing => return None,
        })
    }
}

/// What `fmt` writes, a text for each event.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // `fmt` writes an event at once.
        self.0
            .lock()
            .unwrap()
            .push(String::from_utf8(bytes.to_vec()).unwrap());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What both make of the events that `log` logs.
fn both(log: impl FnOnce()) -> (Vec<String>, Vec<String>) {
    let lines = Lines::default();
    let writer = lines.clone();
    // Unescaped in both: the two escape other characters.
    let fmt = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_ansi_sanitization(false)
        .without_time()
        .with_level(false)
        .with_target(false)
        .with_writer(move || writer.clone());
    let layout = PatternLayout::builder("%spans%m%n")
        .escape(Escape::None)
        .build()
        .unwrap();
    let (layer, records) = MemoryLayer::new(layout);
    under(tracing_subscriber::registry().with(fmt).with(layer), log);
    let lines = std::mem::take(&mut *lines.0.lock().unwrap());
    // `MemoryLayer` takes one newline off.
    let records = records
        .take()
        .into_iter()
        .map(|record| record + "\n")
        .collect();
    (lines, records)
}

const NAMES: [&str; 16] = [
    "order",
    "error",
    "err",
    "e",
    "marker",
    "r#type",
    "r#fn",
    "user.id",
    "http.status",
    "a b",
    "k=v",
    "ä",
    "trace_id",
    "x",
    "y",
    "z",
];

#[test]
fn random_fields_are_written_as_fmt_writes_them() {
    let mut random = Random(20);
    for round in 0..3_000 {
        let mut names: Vec<String> = Vec::new();
        let has_message = random.below(5) > 0;
        if has_message {
            names.push("message".to_owned());
        }
        for _ in 0..random.below(MOST) {
            let name = random.one_of(&NAMES).to_owned();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.is_empty() {
            continue;
        }
        let site = Site::new(&names);
        for _ in 0..3 {
            let mut values: Vec<Any> = names.iter().map(|_| Any::new(&mut random)).collect();
            if has_message && matches!(values[0], Any::Bytes(_)) {
                values[0] = Any::Text(random.text());
            }
            let boxed: Vec<_> = values.iter().map(Any::value).collect();
            let values: Vec<_> = boxed.iter().map(Option::as_deref).collect();
            let (fmt, ours) = both(|| site.log(&values));
            assert_eq!(ours, fmt, "round {round}: {names:?}");
        }
    }
}

/// Logs inside of random spans, whose callsites are those of this function.
fn log_in_spans(random: &mut Random, depth: usize) {
    let values: Vec<Any> = (0..4).map(|_| Any::new(random)).collect();
    let boxed: Vec<_> = values.iter().map(Any::value).collect();
    let [first, second, third, fourth] = &boxed[..] else {
        unreachable!()
    };
    let span = match random.below(6) {
        0 => tracing::info_span!("bare"),
        1 => tracing::info_span!("request", id = first.as_deref(), r#type = second.as_deref()),
        2 => tracing::info_span!("http", request_id = "r-1", late = Empty, never = Empty),
        3 => tracing::debug_span!(
            "pay",
            err = first.as_deref(),
            b = second.as_deref(),
            c = third.as_deref()
        ),
        4 => tracing::error_span!("charge", a.b.c = fourth.as_deref(), "text"),
        _ => tracing::info_span!("query", late = Empty, rows = third.as_deref()),
    };
    if random.below(2) == 0 && fourth.is_some() {
        // A value recorded a second time stands in `fmt`'s text twice, and once in ours.
        span.record("late", fourth.as_deref());
    }
    let _entered = span.enter();
    tracing::info!(depth, what = first.as_deref(), "inside");
    if random.below(3) > 0 && depth < 6 {
        log_in_spans(random, depth + 1);
    }
    tracing::info!(parent: None, "outside");
    tracing::info!(parent: &span, x = 1);
}

#[test]
fn random_spans_are_written_as_fmt_writes_them() {
    let mut random = Random(8);
    for round in 0..1_500 {
        let (fmt, ours) = both(|| {
            log_in_spans(&mut random, 0);
            tracing::info!("after");
        });
        assert!(fmt.len() >= 4, "{fmt:?}");
        assert_eq!(ours, fmt, "round {round}");
    }
}

#[test]
fn a_message_among_the_fields_comes_first_and_the_last_message_stands() {
    let layout = || PatternLayout::new("[%m]").unwrap();
    let (layer, records) = MemoryLayer::new(layout());
    under(tracing_subscriber::registry().with(layer), || {
        tracing::info!(a = 1, message = "text", b = "two");
        tracing::info!(a = 1, message = "");
        tracing::info!(a = 1);
        tracing::info!("");
        let names = ["a", "message", "b", "message", "c"].map(str::to_owned);
        Site::new(&names).log(&[Some(&1), Some(&"first"), Some(&2), Some(&"last"), Some(&3)]);
        let names = ["message", "message", "c"].map(str::to_owned);
        Site::new(&names).log(&[Some(&"first"), Some(&"last"), Some(&3)]);
    });
    assert_eq!(
        records.take(),
        [
            r#"[text a=1 b="two"]"#,
            "[ a=1]",
            "[a=1]",
            "[]",
            "[last a=1 b=2 c=3]",
            "[last c=3]"
        ]
    );
}
