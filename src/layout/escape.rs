//! Escaping: no text that comes from an event can end a line, move a cursor or turn letters round.

/// How the variable parts of an event are written.
///
/// # Examples
///
/// ```
/// use tracing_kafka::{Escape, Layout, LogEvent, PatternLayout};
///
/// let event = LogEvent::builder().message("one\ntwo").build();
/// let mut out = Vec::new();
/// PatternLayout::new("%m")?.render(&event, &mut out);
/// assert_eq!(out, b"one\\ntwo");
///
/// out.clear();
/// let raw = PatternLayout::builder("%m").escape(Escape::None).build()?;
/// raw.render(&event, &mut out);
/// assert_eq!(out, b"one\ntwo");
/// # Ok::<(), tracing_kafka::PatternError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Escape {
    /// Control characters save TAB, line separators and the characters that change the direction of
    /// text become `\n`, `\r`, `\x1b` or `\u{202e}`; a backslash stays as it is. One event is one
    /// line.
    #[default]
    Text,
    /// Everything is written as it comes, as Log4j does: a message can forge lines.
    None,
}

/// Escapes what follows `start` in `out`.
#[inline]
pub(super) fn escape_from(out: &mut Vec<u8>, start: usize) {
    let text = out.get(start..).unwrap_or_default();
    if !is_plain(text) {
        escape_suspicious(out, start);
    }
}

/// Whether all of `text` is printable ASCII.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    let (chunks, rest) = text.as_chunks::<16>();
    // The largest distance from the space; what is below it wraps around to above the tilde.
    let mut most = [0_u8; 16];
    for chunk in chunks {
        widen(&mut most, chunk);
    }
    if let Some(last) = text.last_chunk::<16>() {
        // Again some bytes of the last whole chunk, which is cheaper than a loop over the rest.
        widen(&mut most, last);
    } else {
        for byte in rest {
            if byte.wrapping_sub(b' ') > PLAIN {
                return false;
            }
        }
        return true;
    }
    let beyond = most.map(|distance| distance.saturating_sub(PLAIN));
    u128::from_ne_bytes(beyond) == 0
}

/// The distance of the tilde from the space.
const PLAIN: u8 = b'~' - b' ';

#[inline]
fn widen(most: &mut [u8; 16], chunk: &[u8; 16]) {
    for (most, byte) in most.iter_mut().zip(chunk) {
        *most = (*most).max(byte.wrapping_sub(b' '));
    }
}

/// The exact check, and the work if it finds something.
#[cold]
fn escape_suspicious(out: &mut Vec<u8>, start: usize) {
    let text = out.get(start..).unwrap_or_default();
    if let Some(found) = find(text) {
        rewrite(out, start + found);
    }
}

/// `text` as it looks once it was escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut out = text.as_bytes().to_vec();
    escape_from(&mut out, 0);
    String::from_utf8_lossy(&out).into_owned()
}

/// Whether nothing in `text` would be escaped.
pub(super) fn is_harmless(text: &[u8]) -> bool {
    find(text).is_none()
}

/// Where the first character begins that is to be escaped.
fn find(text: &[u8]) -> Option<usize> {
    let (chunks, rest) = text.as_chunks::<16>();
    for (index, chunk) in chunks.iter().enumerate() {
        if has_candidate(chunk) {
            // A character that begins in this chunk may end in the next.
            let from = index * 16;
            let part = text.get(from..).unwrap_or_default();
            let found = (0..16).find(|at| hostile_at(part, *at).is_some());
            if let Some(at) = found {
                return Some(from + at);
            }
        }
    }
    let from = text.len() - rest.len();
    (0..rest.len())
        .find(|at| hostile_at(rest, *at).is_some())
        .map(|at| from + at)
}

/// Whether a hostile character may begin in `chunk`; one pass without a branch for each byte.
#[inline]
fn has_candidate(chunk: &[u8; 16]) -> bool {
    let hits = chunk.map(|byte| {
        u8::from(byte < b' ')
            | u8::from(byte == 0x7f)
            | u8::from(byte == 0xc2)
            | u8::from(byte == 0xd8)
            | u8::from(byte == 0xe2)
            | u8::from(byte == 0xef)
    });
    u128::from_ne_bytes(hits) != 0
}

/// The hostile character at `at`, and its length in bytes.
#[inline]
pub(super) fn hostile_at(text: &[u8], at: usize) -> Option<(u32, usize)> {
    let first = *text.get(at)?;
    let byte = |offset: usize| text.get(at + offset).copied().unwrap_or_default();
    match first {
        b'\t' => None,
        control @ (0..0x20 | 0x7f) => Some((control.into(), 1)),
        0xc2 if matches!(byte(1), 0x80..=0x9f) => Some((byte(1).into(), 2)),
        0xd8 if byte(1) == 0x9c => Some((0x61c, 2)),
        0xe2 => {
            let (second, third) = (byte(1), byte(2));
            match (second, third) {
                (0x80, 0x8e | 0x8f | 0xa8..=0xae) => Some((0x2000 + u32::from(third & 0x3f), 3)),
                (0x81, 0xa6..=0xa9) => Some((0x2040 + u32::from(third & 0x3f), 3)),
                _ => None,
            }
        }
        0xef if byte(1) == 0xbb && byte(2) == 0xbf => Some((0xfeff, 3)),
        _ => None,
    }
}

/// Writes the escaped text behind the raw one, then moves it into its place: no second buffer.
fn rewrite(out: &mut Vec<u8>, start: usize) {
    let end = out.len();
    let mut at = start;
    while at < end {
        let text = out.get(at..end).unwrap_or_default();
        let clean = find(text).unwrap_or(text.len());
        out.extend_from_within(at..at + clean);
        at += clean;
        let hostile = out.get(at..end).and_then(|text| hostile_at(text, 0));
        if let Some((character, length)) = hostile {
            push_escape(out, character);
            at += length;
        }
    }
    out.copy_within(end.., start);
    out.truncate(out.len() - (end - start));
}

fn push_escape(out: &mut Vec<u8>, character: u32) {
    match character {
        0x0a => out.extend_from_slice(b"\\n"),
        0x0d => out.extend_from_slice(b"\\r"),
        0..0x80 => {
            out.extend_from_slice(b"\\x");
            push_hex(out, character, 2);
        }
        _ => {
            out.extend_from_slice(b"\\u{");
            let digits = match character {
                0..0x100 => 2,
                0x100..0x1000 => 3,
                _ => 4,
            };
            push_hex(out, character, digits);
            out.push(b'}');
        }
    }
}

/// Appends the last `digits` digits in hexadecimal.
fn push_hex(out: &mut Vec<u8>, number: u32, digits: u32) {
    for place in (0..digits).rev() {
        let digit = char::from_digit(number >> (4 * place) & 0xf, 16);
        out.push(digit.unwrap_or('0') as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = b"\n".to_vec();
        out.extend_from_slice(text.as_bytes());
        escape_from(&mut out, 1);
        String::from_utf8(out.split_off(1)).unwrap()
    }

    /// The list as it is promised, apart from the code that looks at bytes.
    fn is_hostile(c: char) -> bool {
        (c.is_control() && c != '\t')
            || matches!(
                c,
                '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
            )
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    }

    fn expected(c: char) -> String {
        match c {
            '\n' => "\\n".to_owned(),
            '\r' => "\\r".to_owned(),
            _ if !is_hostile(c) => c.to_string(),
            _ if c.is_ascii() => format!("\\x{:02x}", u32::from(c)),
            _ => format!("\\u{{{:x}}}", u32::from(c)),
        }
    }

    #[test]
    fn every_character_is_escaped_or_left_as_promised() {
        for c in ('\0'..=char::MAX).filter(|c| !c.is_ascii() || *c as u32 != 0x5c) {
            assert_eq!(
                escaped(&c.to_string()),
                expected(c),
                "U+{:04X}",
                u32::from(c)
            );
        }
        assert_eq!(escaped("a\\b"), "a\\b");
    }

    #[test]
    fn a_hostile_character_is_found_wherever_it_stands() {
        for hostile in ["\n", "\u{85}", "\u{61c}", "\u{202e}", "\u{feff}"] {
            for before in 0..50 {
                for after in [0, 1, 2, 15, 16, 17, 40] {
                    let text = format!("{}{hostile}{}", "é".repeat(before), "x".repeat(after));
                    let want: String = text.chars().map(expected).collect();
                    assert_eq!(escaped(&text), want);
                }
            }
        }
    }

    #[test]
    fn text_before_the_start_is_left_alone() {
        let mut out = b"\n\x1b".to_vec();
        out.extend_from_slice("\u{1b}[31m".as_bytes());
        escape_from(&mut out, 2);
        assert_eq!(out, b"\n\x1b\\x1b[31m");
    }

    #[test]
    fn broken_utf8_does_not_panic() {
        for bytes in [
            &[0xc2][..],
            &[0xe2, 0x80],
            &[0xef, 0xbb],
            &[0xd8],
            &[0xff, 0xfe],
        ] {
            let mut out = bytes.to_vec();
            escape_from(&mut out, 0);
            assert_eq!(out, bytes);
        }
    }
}
