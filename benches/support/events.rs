//! The events that all benches log, and the patterns they are rendered by.
#![allow(dead_code, reason = "each bench uses a part of it")]

use std::hint::black_box;

/// The pattern that the crate began with: time, level, message.
pub(crate) const SEED: &str = "[%d{HH:mm:ss.SSS}] [%-4level] %msg%n";
/// The pattern of a layer that was given none.
pub(crate) const DEFAULT: &str = "%d{ISO8601} %-5p [%t] %c - %spans%m";
/// Prints all that [`Event::B`] has: microseconds, thread, target, spans, their fields, its fields.
pub(crate) const ALL: &str = "%d{yyyy-MM-dd HH:mm:ss.SSSSSS} %p [%t] %c %x%X - %m %K%n";
/// The length of the message of [`Event::A`].
pub(crate) const MESSAGE_BYTES: usize = 149;
/// How many different events there are before they repeat; a power of two.
const VALUES: usize = 4096;

/// What changes from one event to the next, made before anything is measured.
pub(crate) struct Values {
    rows: Vec<Row>,
}

struct Row {
    number: u64,
    trace: String,
    path: String,
    ratio: f64,
}

impl Values {
    pub(crate) fn new() -> Self {
        let row = |index: u32| {
            // Different in all places, so that records do not compress better than real ones.
            let noise = u128::from(index).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            Row {
                number: 1_000_000 + u64::from(index) * 1_987,
                trace: format!("{noise:032x}"),
                path: format!("/api/v1/items/{}", 100 + index % 900),
                ratio: f64::from(index) * 0.25 + 1.25,
            }
        };
        Self {
            rows: (0..4096_u32).map(row).collect(),
        }
    }

    #[inline]
    fn row(&self, index: usize) -> Option<&Row> {
        self.rows.get(index & (VALUES - 1))
    }

    /// The message of [`Event::A`], already formatted.
    pub(crate) fn message(&self, index: usize) -> String {
        self.row(index).map_or_else(String::new, |row| {
            format!(
                "request {} for the orders of one customer was answered by the other node after one \
                 more try of the store, trace {}",
                row.number, row.trace
            )
        })
    }
}

/// A kind of event, and where it is logged.
#[derive(Clone, Copy)]
pub(crate) struct Event {
    /// Logs one; the number says which of [`Values`] it takes.
    pub(crate) log: fn(&Values, usize),
    /// How many spans are around it.
    spans: usize,
}

impl Event {
    /// What a loop over events costs without any.
    pub(crate) const NOTHING: Self = Self::outside(nothing);
    /// A message of 149 bytes with a number and a text put in, one ERROR to three INFO.
    pub(crate) const A: Self = Self::outside(with_values);
    /// A message that never changes, and nothing else.
    pub(crate) const CONSTANT: Self = Self::outside(constant);
    /// Three fields beside a message that never changes, in a span with two fields.
    pub(crate) const B: Self = Self {
        log: with_fields,
        spans: 1,
    };
    /// The same outside of all spans.
    pub(crate) const B_OUTSIDE: Self = Self::outside(with_fields);
    /// The same in four spans, each in the one before.
    pub(crate) const B_DEEP: Self = Self {
        log: with_fields,
        spans: 4,
    };
    /// The same in a span that is opened, entered, left and closed for it.
    pub(crate) const B_NEW: Self = Self::outside(with_fields_in_new_span);

    /// The same with values that are always the same, and not known to the compiler.
    pub(crate) const PEER: Self = Self {
        log: with_constant_fields,
        spans: 1,
    };

    const fn outside(log: fn(&Values, usize)) -> Self {
        Self { log, spans: 0 }
    }

    /// Runs `body` where the event belongs.
    pub(crate) fn inside<R>(self, body: impl FnOnce() -> R) -> R {
        let mut entered = Vec::new();
        for _ in 0..self.spans {
            let span = tracing::info_span!("request", req_id = "a1b2c3d4", method = "GET");
            entered.push(span.entered());
        }
        let result = body();
        while entered.pop().is_some() {}
        result
    }
}

#[inline(never)]
fn nothing(values: &Values, index: usize) {
    black_box(values.row(index));
}

#[inline(never)]
fn with_values(values: &Values, index: usize) {
    let Some(Row { number, trace, .. }) = values.row(index) else {
        return;
    };
    if index.is_multiple_of(4) {
        tracing::error!(
            "request {number} for the orders of one customer was answered by the other node after one \
             more try of the store, trace {trace}"
        );
    } else {
        tracing::info!(
            "request {number} for the orders of one customer was answered by the other node after one \
             more try of the store, trace {trace}"
        );
    }
}

#[inline(never)]
fn constant(_values: &Values, _index: usize) {
    tracing::info!("the orders of one customer were answered by the other node");
}

#[inline(never)]
fn with_fields(values: &Values, index: usize) {
    let Some(row) = values.row(index) else {
        return;
    };
    tracing::info!(
        user_id = row.number,
        path = row.path.as_str(),
        elapsed_ms = row.ratio,
        "request handled"
    );
}

#[inline(never)]
fn with_fields_in_new_span(values: &Values, index: usize) {
    let span = tracing::info_span!("request", req_id = "a1b2c3d4", method = "GET");
    span.in_scope(|| with_fields(values, index));
}

#[inline(never)]
fn with_constant_fields(_values: &Values, _index: usize) {
    tracing::info!(
        target: "bench::app",
        user_id = black_box(42_u64),
        path = black_box("/api/v1/items"),
        elapsed_ms = black_box(1.25_f64),
        "request handled"
    );
}
