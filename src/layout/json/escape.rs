//! Text as the inside of a JSON string: what is plain is copied, the rest escaped where it stands.

use serde_json::ser::CharEscape;
use serde_json::ser::CompactFormatter;
use serde_json::ser::Formatter as _;

use crate::event::write_cut;
use crate::event::write_text;

/// Escapes what follows `start` in `out`, which was written within `limit`: at most so many bytes are
/// left of it, and a note if some are missing.
#[inline]
pub(super) fn escape_from(out: &mut Vec<u8>, start: usize, limit: usize) {
    let text = out.get(start..).unwrap_or_default();
    // What has such a note is not plain either.
    if !is_plain(text) {
        escape_suspicious(out, start, limit);
    }
}

/// Appends `text` between quotes.
#[inline]
pub(super) fn push_string(out: &mut Vec<u8>, text: &str, limit: usize) {
    out.push(b'"');
    push_text(out, text, limit);
    out.push(b'"');
}

/// Appends `text`, as what stands between quotes.
#[inline]
pub(super) fn push_text(out: &mut Vec<u8>, text: &str, limit: usize) {
    let start = out.len();
    let (length, missing) = if text.len() > limit {
        without_note(text.as_bytes(), limit)
    } else {
        (text.len(), 0)
    };
    if missing > 0 {
        // Cut before: there is one note, which tells all.
        let kept = floor_boundary(text.as_bytes(), limit.min(length));
        out.extend_from_slice(text.as_bytes().get(..kept).unwrap_or_default());
        write_cut(out, missing.saturating_add(length - kept));
    } else {
        write_text(out, text, limit);
    }
    escape_from(out, start, limit);
}

/// Whether a reader sees nothing of `c`.
pub(super) fn is_unseen(c: char) -> bool {
    c.is_whitespace() || c.is_control() || c == '\u{feff}'
}

/// Whether all of `text` is printable ASCII other than `"` and `\`.
#[inline]
pub(super) fn is_plain(text: &[u8]) -> bool {
    let (chunks, _) = text.as_chunks::<16>();
    let mut found = [0; 16];
    for chunk in chunks {
        add_suspects(&mut found, chunk);
    }
    if let Some(last) = text.last_chunk::<16>() {
        // Again some bytes of the last whole chunk, which is cheaper than a loop over the rest.
        add_suspects(&mut found, last);
    } else if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        add_suspects(&mut found, &joined(*first, *last));
    } else if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let (first, last) = (u32::from_ne_bytes(*first), u32::from_ne_bytes(*last));
        let both = (u64::from(first) << 32 | u64::from(last)).to_ne_bytes();
        add_suspects(&mut found, &joined(both, both));
    } else {
        return text
            .iter()
            .all(|byte| matches!(byte, b' '..=b'~') && *byte != b'"' && *byte != b'\\');
    }
    u128::from_ne_bytes(found) == 0
}

/// Makes lanes other than 0 where `chunk` has a byte that is not plain. Each step is one that
/// processors do for sixteen bytes at once.
#[inline]
fn add_suspects(found: &mut [u8; 16], chunk: &[u8; 16]) {
    for (found, byte) in found.iter_mut().zip(chunk) {
        let beyond = byte.wrapping_sub(b' ').saturating_sub(b'~' - b' ');
        let is_quote = 1_u8.saturating_sub(byte ^ b'"');
        let is_backslash = 1_u8.saturating_sub(byte ^ b'\\');
        *found |= beyond | is_quote | is_backslash;
    }
}

#[inline]
fn joined(first: [u8; 8], last: [u8; 8]) -> [u8; 16] {
    let (first, last) = (u64::from_ne_bytes(first), u64::from_ne_bytes(last));
    (u128::from(first) << 64 | u128::from(last)).to_ne_bytes()
}

/// The exact check, and the work if it finds something.
#[cold]
fn escape_suspicious(out: &mut Vec<u8>, start: usize, limit: usize) {
    let text = out.get(start..).unwrap_or_default();
    if text.len() > limit || find(text) < text.len() {
        rewrite(out, start, limit);
    }
}

/// Where the first character begins that is escaped; the end if there is none.
fn find(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        if may_begin(*byte) && escape_at(text, at).is_some() {
            return at;
        }
        at += 1;
    }
    at
}

/// Whether a character that is escaped may begin with `byte`.
#[inline]
fn may_begin(byte: u8) -> bool {
    matches!(
        byte,
        0..0x20 | b'"' | b'\\' | 0x7f | 0xc2 | 0xd8 | 0xe2 | 0xef
    )
}

/// How a character is written.
enum Escaped {
    /// As JSON asks for.
    Json(CharEscape),
    /// Any other, by its number.
    Number(u16),
}

/// What is to be escaped at `at`, and its length in bytes.
fn escape_at(text: &[u8], at: usize) -> Option<(Escaped, usize)> {
    let first = *text.get(at)?;
    let byte = |offset: usize| text.get(at + offset).copied().unwrap_or_default();
    let json = |escape| Some((Escaped::Json(escape), 1));
    let number = |number: u16, length| Some((Escaped::Number(number), length));
    match (first, byte(1), byte(2)) {
        (b'"', ..) => json(CharEscape::Quote),
        (b'\\', ..) => json(CharEscape::ReverseSolidus),
        (b'\n', ..) => json(CharEscape::LineFeed),
        (b'\r', ..) => json(CharEscape::CarriageReturn),
        (b'\t', ..) => json(CharEscape::Tab),
        (0x08, ..) => json(CharEscape::Backspace),
        (0x0c, ..) => json(CharEscape::FormFeed),
        (control @ (0..0x20 | 0x7f), ..) => json(CharEscape::AsciiControl(control)),
        (0xc2, second @ 0x80..=0x9f, _) => number(second.into(), 2),
        (0xd8, 0x9c, _) => number(0x61c, 2),
        (0xe2, 0x80, third @ (0x8e | 0x8f | 0xa8..=0xae)) => {
            number(0x2000 + u16::from(third & 0x3f), 3)
        }
        (0xe2, 0x81, third @ 0xa6..=0xa9) => number(0x2040 + u16::from(third & 0x3f), 3),
        (0xef, 0xbb, 0xbf) => number(0xfeff, 3),
        _ => None,
    }
}

/// Writes the escaped text behind the raw one, then moves it into its place: no second buffer.
fn rewrite(out: &mut Vec<u8>, start: usize, limit: usize) {
    let end = out.len();
    let text = out.get(start..).unwrap_or_default();
    let (length, mut missing) = without_note(text, limit);
    let text_end = start + length;
    let most = end.saturating_add(limit);
    let mut at = start;
    while at < text_end {
        let text = out.get(at..text_end).unwrap_or_default();
        let clean = floor_boundary(text, find(text).min(most - out.len()));
        out.extend_from_within(at..at + clean);
        at += clean;
        let rest = out.get(at..text_end).unwrap_or_default();
        // None at the end, or where the limit was reached within plain text.
        let Some((escape, length)) = escape_at(rest, 0) else {
            break;
        };
        let before = out.len();
        push_escape(out, escape);
        if out.len() > most {
            out.truncate(before);
            break;
        }
        at += length;
    }
    missing += text_end - at;
    out.copy_within(end.., start);
    out.truncate(out.len() - (end - start));
    if missing > 0 {
        write_cut(out, missing);
    }
}

/// The length of `text` without the note that bytes of it are missing, and how many are. Only text
/// beyond the limit has one.
fn without_note(text: &[u8], limit: usize) -> (usize, usize) {
    let note = text.strip_suffix(b" bytes cut]").and_then(|text| {
        let digits = text.iter().rev().take_while(|byte| byte.is_ascii_digit());
        let (text, digits) = text.split_at(text.len() - digits.count());
        let text = text.strip_suffix("…[".as_bytes())?;
        let number: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
        Some((text.len(), number))
    });
    match note {
        Some((length, number)) if text.len() > limit => (length, number),
        _ => (text.len(), 0),
    }
}

/// The last boundary between characters at or below `index`; `text` may be no UTF-8.
fn floor_boundary(text: &[u8], index: usize) -> usize {
    let is_inside = |at: usize| text.get(at).is_some_and(|byte| byte & 0xc0 == 0x80);
    let mut candidates = (index.saturating_sub(3)..=index).rev();
    candidates.find(|at| !is_inside(*at)).unwrap_or(index)
}

fn push_escape(out: &mut Vec<u8>, escape: Escaped) {
    match escape {
        Escaped::Json(escape) => {
            // Writing to a `Vec` cannot fail.
            let _ignored = CompactFormatter.write_char_escape(out, escape);
        }
        Escaped::Number(number) => push_number(out, number),
    }
}

fn push_number(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(b"\\u");
    for place in (0..4).rev() {
        let digit = char::from_digit(u32::from(number >> (4 * place) & 0xf), 16);
        out.push(digit.unwrap_or('0') as u8);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn escaped(text: &str, limit: usize) -> String {
        let mut out = b"\n\"".to_vec();
        push_text(&mut out, text, limit);
        assert_eq!(out.get(..2), Some(&b"\n\""[..]));
        String::from_utf8(out.split_off(2)).unwrap()
    }

    /// The list as it is promised beside what JSON asks for.
    fn is_hostile(c: char) -> bool {
        c.is_control()
            || matches!(
                c,
                '\u{2028}' | '\u{2029}' | '\u{61c}' | '\u{200e}' | '\u{200f}'
            )
            || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    }

    /// What `serde_json` makes of it, and then the rest of the list.
    fn expected(text: &str) -> String {
        let quoted = serde_json::to_string(text).unwrap();
        let mut expected = String::new();
        for c in quoted[1..quoted.len() - 1].chars() {
            if is_hostile(c) {
                write!(expected, "\\u{:04x}", u32::from(c)).unwrap();
            } else {
                expected.push(c);
            }
        }
        expected
    }

    #[test]
    fn every_character_is_escaped_or_left_as_promised() {
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            assert_eq!(
                escaped(&text, 100),
                expected(&text),
                "U+{:04X}",
                u32::from(c)
            );
        }
    }

    #[test]
    fn a_character_is_found_wherever_it_stands() {
        for found in [
            "\n", "\"", "\\", "\u{7f}", "\u{85}", "\u{61c}", "\u{202e}", "é",
        ] {
            for before in 0..40 {
                for after in 0..40 {
                    let text = format!("{}{found}{}", "a".repeat(before), "~".repeat(after));
                    assert_eq!(escaped(&text, 1000), expected(&text));
                }
            }
        }
    }

    #[test]
    fn text_is_cut_between_characters_and_escapes() {
        assert_eq!(escaped("ab\n\u{1}c", 11), "ab\\n\\u0001c");
        assert_eq!(escaped("ab\n\u{1}c", 10), "ab\\n\\u0001…[1 bytes cut]");
        assert_eq!(escaped("ab\n\u{1}c", 9), "ab\\n…[2 bytes cut]");
        assert_eq!(escaped("ab\n\u{1}c", 3), "ab…[3 bytes cut]");
        let long = "\u{1}ä".repeat(2000);
        for limit in 0..200 {
            let text = escaped(&long, limit);
            let (kept, note) = text.split_once('…').unwrap();
            assert!(kept.len() <= limit, "{limit}: {text}");
            let kept = kept.replace("\\u0001", "\u{1}");
            assert!(long.starts_with(&kept), "{limit}: {text}");
            let missing = long.len() - kept.len();
            assert_eq!(note, format!("[{missing} bytes cut]"), "{limit}");
        }
    }

    #[test]
    fn plain_text_is_cut_once() {
        let long = "x".repeat(2000);
        assert_eq!(escaped(&long, 2000), long);
        assert_eq!(escaped(&long, 1), "x…[1999 bytes cut]");
    }

    #[test]
    fn broken_utf8_does_not_panic() {
        for bytes in [&[0xc2][..], &[0xe2, 0x80], &[0xef, 0xbb], &[0xff, b'\n']] {
            let mut out = bytes.to_vec();
            escape_from(&mut out, 0, 100);
            assert!(!out.contains(&b'\n'));
        }
    }
}
