//! One value of an event's or a span's field, and how it is written without harm: bounded in size, panics contained.

use std::cell::Cell;
use std::error::Error;
use std::fmt;
use std::fmt::Write as _;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

/// The most bytes that one field's value takes in a record; more is cut.
pub(crate) const FIELD_LIMIT: usize = 32_766 - MAX_NOTE;
/// The most bytes of the note that some are missing.
const MAX_NOTE: usize = 46;
/// The most bytes that a message takes in a record; more is cut.
pub(crate) const MESSAGE_LIMIT: usize = 64 * 1024;
/// How often the limit a formatter may write before it is stopped with an error: a careless
/// `Debug` may panic on one, a never-ending one must end.
const PATIENCE: usize = 16;

/// The value of a field, as `tracing` handed it over.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Value<'a> {
    /// A string.
    Str(&'a str),
    /// A signed integer.
    I64(i64),
    /// An unsigned integer.
    U64(u64),
    /// A signed integer of 128 bits.
    I128(i128),
    /// An unsigned integer of 128 bits.
    U128(u128),
    /// A floating-point number.
    F64(f64),
    /// A boolean.
    Bool(bool),
    /// Bytes, which need not be UTF-8.
    Bytes(&'a [u8]),
    /// An error; its `source()` chain can be walked.
    Error(&'a (dyn Error + 'static)),
    /// Anything else, by its `Debug` form.
    Debug(&'a dyn fmt::Debug),
}

impl Value<'_> {
    /// Appends the value as text, at most `limit` bytes of it.
    ///
    /// What is cut is replaced by a marker with the number of bytes. A panic in the value's `Debug`
    /// or `Display` ends in `<panicked>`, an error returned by it in `<error>`; what was written
    /// until then stays. The text is not escaped: that is the layout's work.
    pub fn write_to(&self, out: &mut Vec<u8>, limit: usize) {
        match *self {
            Self::Str(text) => write_text(out, text, limit),
            Self::I64(number) => {
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
            Self::U64(number) => {
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
            Self::I128(number) => {
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
            Self::U128(number) => {
                out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
            }
            Self::F64(number) => write_float(out, number),
            Self::Bool(true) => out.extend_from_slice(b"true"),
            Self::Bool(false) => out.extend_from_slice(b"false"),
            Self::Bytes(bytes) => write_bytes(out, bytes, limit),
            Self::Error(error) => write_contained(out, limit, |w| write!(w, "{error}")),
            Self::Debug(value) => write_debug(out, limit, value),
        }
    }
}

impl fmt::Debug for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.write_to(&mut text, FIELD_LIMIT);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

macro_rules! value_from {
    ($($type:ty => $variant:ident),* $(,)?) => {$(
        impl From<$type> for Value<'_> {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

value_from! {
    i8 => I64, i16 => I64, i32 => I64, i64 => I64, u8 => U64, u16 => U64, u32 => U64, u64 => U64,
    i128 => I128, u128 => U128, f32 => F64, f64 => F64, bool => Bool,
}

impl From<isize> for Value<'_> {
    fn from(value: isize) -> Self {
        i64::try_from(value).map_or(Self::I64(i64::MAX), Self::I64)
    }
}

impl From<usize> for Value<'_> {
    fn from(value: usize) -> Self {
        u64::try_from(value).map_or(Self::U64(u64::MAX), Self::U64)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(value: &'a String) -> Self {
        Self::Str(value)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(value: &'a [u8]) -> Self {
        Self::Bytes(value)
    }
}

impl<'a> From<&'a (dyn Error + 'static)> for Value<'a> {
    fn from(value: &'a (dyn Error + 'static)) -> Self {
        Self::Error(value)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(value: &'a str) -> Self {
        Self::Str(value)
    }
}

/// Appends `text`, cut at a character boundary at or below `limit` bytes.
#[inline]
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str, limit: usize) {
    if text.len() <= limit {
        out.extend_from_slice(text.as_bytes());
    } else {
        let kept = floor_boundary(text, limit);
        out.extend_from_slice(text.as_bytes().get(..kept).unwrap_or_default());
        write_cut(out, text.len() - kept);
    }
}

/// The last character boundary of `text` at or below `index`.
pub(crate) fn floor_boundary(text: &str, index: usize) -> usize {
    let mut at = index.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Appends `number` as `Debug` does: the shortest decimal text that reads back as it; `NaN`, `inf` and
/// `-inf` by name.
fn write_float(out: &mut Vec<u8>, number: f64) {
    if let Some(millionths) = millionths(number) {
        write_millionths(out, millionths);
    } else {
        // No number is so long that it would be cut.
        write_debug(out, FIELD_LIMIT, &number);
    }
}

/// How many millionths `number` is, if it is an everyday number with at most six decimals.
///
/// There are at most 15 digits then, as many as every `f64` can tell apart, so the shortest text that
/// reads back as `number` has no others.
#[inline]
fn millionths(number: f64) -> Option<u64> {
    const MILLION: f64 = 1e6;
    if !(1e-3..1e9).contains(&number) {
        return None;
    }
    let scaled = number * MILLION;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "it is below 10^15, and what is truncated is noticed"
    )]
    let (whole, back) = {
        let whole = scaled as i64;
        (whole, whole as f64)
    };
    #[expect(clippy::float_cmp, reason = "only what is exact will do")]
    let is_exact = back == scaled && scaled / MILLION == number;
    if is_exact {
        u64::try_from(whole).ok()
    } else {
        None
    }
}

fn write_millionths(out: &mut Vec<u8>, millionths: u64) {
    let (units, mut decimals) = (millionths / 1_000_000, millionths % 1_000_000);
    out.extend_from_slice(itoa::Buffer::new().format(units).as_bytes());
    let mut text = *b".000000\0";
    let mut length = 2;
    for (place, digit) in text.iter_mut().enumerate().skip(1).take(6) {
        decimals *= 10;
        let next = decimals / 1_000_000;
        decimals %= 1_000_000;
        if next > 0 {
            length = place + 1;
        }
        *digit = b'0' + u8::try_from(next).unwrap_or_default();
        if decimals == 0 {
            break;
        }
    }
    let end = out.len() + length;
    out.extend_from_slice(&text);
    out.truncate(end);
}

/// Appends `bytes` as text where they are UTF-8, and `\xNN` for each byte that is not, whole or not at
/// all. What is cut is counted in bytes of the value, not of its text.
fn write_bytes(out: &mut Vec<u8>, bytes: &[u8], limit: usize) {
    let end = out.len().saturating_add(limit);
    let mut missing = bytes.len();
    'cut: for chunk in bytes.utf8_chunks() {
        let kept = floor_boundary(chunk.valid(), end.saturating_sub(out.len()));
        let text = chunk.valid().as_bytes().get(..kept).unwrap_or_default();
        out.extend_from_slice(text);
        missing -= kept;
        if kept < chunk.valid().len() {
            break;
        }
        for byte in chunk.invalid() {
            let room = end.saturating_sub(out.len());
            let mut writer = Limited::new(out, 4);
            if room < 4 || write!(writer, "\\x{byte:02x}").is_err() {
                break 'cut;
            }
            missing -= 1;
        }
    }
    if missing > 0 {
        write_cut(out, missing);
    }
}

/// The note that `count` bytes are missing here.
#[cold]
pub(crate) fn write_cut(out: &mut Vec<u8>, count: usize) {
    out.extend_from_slice("…[".as_bytes());
    out.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    out.extend_from_slice(b" bytes cut]");
}

/// Appends the `Debug` form of `value`, at most `limit` bytes of it.
#[inline]
pub(crate) fn write_debug(out: &mut Vec<u8>, limit: usize, value: &dyn fmt::Debug) {
    write_contained(out, limit, |w| write!(w, "{value:?}"));
}

/// Runs `format` on a bounded writer and contains whatever a user's `Debug` or `Display` does.
#[expect(
    clippy::inline_always,
    reason = "a call and its spills cost each message 7 instructions"
)]
#[inline(always)]
pub(crate) fn write_contained(
    out: &mut Vec<u8>,
    limit: usize,
    format: impl FnOnce(&mut Limited<'_>) -> fmt::Result,
) {
    let mut writer = Limited::new(out, limit);
    // The buffer holds whole `&str`s at every moment, so what a panic leaves is still text.
    let outcome = catch_unwind(AssertUnwindSafe(|| format(&mut writer)));
    let cut = writer.cut;
    if cut > 0 {
        write_cut(out, cut);
    }
    match outcome {
        Ok(Ok(())) => {}
        // The error of a formatter that was stopped is ours, not its own.
        Ok(Err(_)) if cut > 0 => {}
        Ok(Err(_)) => failed(out, b"<error>"),
        Err(payload) => {
            failed(out, b"<panicked>");
            drop_payload(payload);
        }
    }
}

/// Drops what a panic carried; its own `Drop` may panic again.
#[cold]
pub(crate) fn drop_payload(payload: Box<dyn std::any::Any + Send>) {
    if let Err(second) = catch_unwind(AssertUnwindSafe(move || drop(payload))) {
        std::mem::forget(second);
    }
}

#[cold]
fn failed(out: &mut Vec<u8>, marker: &[u8]) {
    out.extend_from_slice(marker);
    FAILURES.with(|cell| cell.set(cell.get() + 1));
}

thread_local! {
    static FAILURES: Cell<u64> = const { Cell::new(0) };
}

/// How many values of this thread failed to format since the last call.
#[inline]
pub(crate) fn take_failures() -> u64 {
    FAILURES.with(|cell| {
        let count = cell.get();
        if count > 0 {
            cell.set(0);
        }
        count
    })
}

/// A writer that keeps `limit` bytes and counts the rest.
#[derive(Debug)]
pub(crate) struct Limited<'a> {
    out: &'a mut Vec<u8>,
    /// The length of `out` at which the limit is reached; 0 once something was cut, as nothing more is
    /// kept then, even if it would fit.
    end: usize,
    cut: usize,
    limit: usize,
}

impl<'a> Limited<'a> {
    #[inline]
    pub(crate) fn new(out: &'a mut Vec<u8>, limit: usize) -> Self {
        let end = out.len().saturating_add(limit);
        Self {
            out,
            end,
            cut: 0,
            limit,
        }
    }

    #[cold]
    fn write_past_limit(&mut self, text: &str) -> fmt::Result {
        let room = self.end.saturating_sub(self.out.len());
        self.end = 0;
        let kept = floor_boundary(text, room);
        self.out
            .extend_from_slice(text.as_bytes().get(..kept).unwrap_or_default());
        self.cut += text.len() - kept;
        if self.cut > self.limit.saturating_mul(PATIENCE) {
            return Err(fmt::Error);
        }
        Ok(())
    }
}

impl fmt::Write for Limited<'_> {
    #[inline]
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.out.len() + text.len() <= self.end {
            self.out.extend_from_slice(text.as_bytes());
            return Ok(());
        }
        self.write_past_limit(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: Value<'_>, limit: usize) -> String {
        let mut out = Vec::new();
        value.write_to(&mut out, limit);
        String::from_utf8(out).unwrap()
    }

    struct Endless;
    impl fmt::Debug for Endless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            loop {
                f.write_str("more ")?;
            }
        }
    }

    struct Careless(bool);
    impl fmt::Debug for Careless {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("half")?;
            assert!(!self.0, "on purpose");
            Err(fmt::Error)
        }
    }

    #[test]
    fn a_text_over_the_limit_is_cut_at_a_character_and_says_so() {
        assert_eq!(text(Value::Str("äöü"), 6), "äöü");
        assert_eq!(text(Value::Str("äöü"), 5), "äö…[2 bytes cut]");
        assert_eq!(text(Value::Str("äöü"), 1), "…[6 bytes cut]");
    }

    #[test]
    fn a_debug_that_never_ends_is_stopped() {
        let written = text(Value::Debug(&Endless), 100);
        assert!(written.starts_with("more more "), "{written}");
        assert!(written.ends_with(" bytes cut]"), "{written}");
        assert!(written.len() < 140, "{written}");
    }

    #[test]
    fn a_panic_and_an_error_are_shown_and_counted() {
        take_failures();
        assert_eq!(text(Value::Debug(&Careless(true)), 100), "half<panicked>");
        assert_eq!(text(Value::Debug(&Careless(false)), 100), "half<error>");
        assert_eq!(take_failures(), 2);
        assert_eq!(take_failures(), 0);
    }

    #[test]
    fn bytes_that_are_not_text_stay_readable() {
        assert_eq!(text(Value::Bytes(b"ok \xff\xfe!"), 100), "ok \\xff\\xfe!");
    }

    #[test]
    fn bytes_over_the_limit_are_cut_between_two_and_counted() {
        assert_eq!(text(Value::Bytes(b"ok\xff"), 6), "ok\\xff");
        assert_eq!(text(Value::Bytes(b"ok\xff"), 5), "ok…[1 bytes cut]");
        assert_eq!(text(Value::Bytes(b"ok\xff!"), 6), "ok\\xff…[1 bytes cut]");
        assert_eq!(text(Value::Bytes(b"okay\xff!"), 3), "oka…[3 bytes cut]");
        let none = text(Value::Bytes(&[0xff; 10_000]), 9);
        assert_eq!(none, "\\xff\\xff…[9998 bytes cut]");
    }

    #[test]
    fn numbers_are_written_in_their_shortest_form() {
        assert_eq!(text(0.1.into(), 10), "0.1");
        assert_eq!(text(f64::NAN.into(), 10), "NaN");
        assert_eq!(text(f64::NEG_INFINITY.into(), 10), "-inf");
        assert_eq!(text(u128::MAX.into(), 50), u128::MAX.to_string());
        assert_eq!(text((-7).into(), 10), "-7");
    }

    #[test]
    fn everyday_numbers_are_written_as_all_others_are() {
        let mut quick = 0;
        let mut check = |number: f64| {
            quick += u64::from(millionths(number).is_some());
            assert_eq!(text(number.into(), 50), format!("{number:?}"));
        };
        let mut random = 1_u64;
        for round in 0..200_000_u64 {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let digits = u32::try_from(random >> 33).unwrap() >> (round % 32);
            for places in [0, 1, 3, 6, 7, 9] {
                check(f64::from(digits) / 10_f64.powi(places));
            }
            let any = f64::from_bits(random);
            check(if any.is_finite() { any } else { 0.5 });
        }
        for number in [
            0.0,
            -0.0,
            1e-3,
            9.99e-4,
            1e9,
            999_999_999.999_999,
            1e9 - 1e-7,
        ] {
            check(number);
            check(number.next_up());
            check(number.next_down());
            check(-number);
        }
        assert!(quick > 500_000, "{quick} numbers went the quick way");
    }
}
