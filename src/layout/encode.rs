//! `%enc`: text made fit for HTML, XML, JSON, or for a log that is read line by line.

use super::escape::hostile_at;
use super::text::MAX_RENDERED;
use super::text::starts_char;

/// What a text is made fit for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Html,
    Xml,
    /// The inside of a JSON string.
    Json,
    /// One line.
    Crlf,
}

const NAMES: [(&str, Encoding); 4] = [
    ("HTML", Encoding::Html),
    ("XML", Encoding::Xml),
    ("JSON", Encoding::Json),
    ("CRLF", Encoding::Crlf),
];
/// What XML shows for a character that it cannot hold.
const REPLACEMENT: &[u8] = "\u{fffd}".as_bytes();
const UPPER_HEX: &[u8; 16] = b"0123456789ABCDEF";

impl Encoding {
    /// The encoding of that name, in letters of either case.
    pub(super) fn find(name: &str) -> Option<Self> {
        let (_, encoding) = NAMES
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        Some(*encoding)
    }

    /// Encodes what follows `start` in `out`. With `is_escaped`, JSON also gets escapes of its own for
    /// what would turn text round or end a line elsewhere; the others are given escaped text.
    ///
    /// Each encoding of an encoding is longer by a factor, so what is too much is dropped.
    pub(super) fn apply(self, out: &mut Vec<u8>, start: usize, is_escaped: bool) {
        let text = out.get(start..).unwrap_or_default();
        let Some(first) = (0..text.len()).find(|at| self.encoded(text, *at, is_escaped).is_some())
        else {
            return;
        };
        // Behind the raw text, then into its place: no second buffer.
        let end = out.len();
        let mut at = start + first;
        let from = at;
        let most = end + (end - from).max(MAX_RENDERED);
        while at < end {
            let text = out.get(at..end).unwrap_or_default();
            if out.len() >= most && text.first().is_some_and(|byte| starts_char(*byte)) {
                break;
            }
            let Some((code, length)) = self.encoded(text, 0, is_escaped) else {
                let byte = text.first().copied().unwrap_or_default();
                out.push(byte);
                at += 1;
                continue;
            };
            code.push_to(out);
            at += length;
        }
        out.copy_within(end.., from);
        out.truncate(out.len() - (end - from));
    }

    /// What stands for the character at `at`, and how long that character is; none if it stands for
    /// itself, or if no character begins there.
    fn encoded(self, text: &[u8], at: usize, is_escaped: bool) -> Option<(Code, usize)> {
        let byte = *text.get(at)?;
        let code = match self {
            Self::Html => match byte {
                b'/' => Code::Text(b"&#x2F;"),
                _ => line_end(byte).or_else(|| entity(byte))?,
            },
            Self::Xml => return xml(text, at),
            Self::Crlf => line_end(byte)?,
            Self::Json => return json(text, at, is_escaped),
        };
        Some((code, 1))
    }
}

/// What is written in place of a character.
#[derive(Debug, Clone, Copy)]
enum Code {
    Text(&'static [u8]),
    /// `\u` and four digits.
    Unit(u32),
}

impl Code {
    fn push_to(self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => out.extend_from_slice(text),
            Self::Unit(unit) => {
                out.extend_from_slice(b"\\u");
                for shift in [12, 8, 4, 0] {
                    let digit = UPPER_HEX.get((unit >> shift & 0xf) as usize);
                    out.push(digit.copied().unwrap_or_default());
                }
            }
        }
    }
}

fn line_end(byte: u8) -> Option<Code> {
    match byte {
        b'\r' => Some(Code::Text(b"\\r")),
        b'\n' => Some(Code::Text(b"\\n")),
        _ => None,
    }
}

fn entity(byte: u8) -> Option<Code> {
    let text: &[u8] = match byte {
        b'&' => b"&amp;",
        b'<' => b"&lt;",
        b'>' => b"&gt;",
        b'"' => b"&quot;",
        b'\'' => b"&apos;",
        _ => return None,
    };
    Some(Code::Text(text))
}

/// Line ends stay; what XML 1.0 does not allow is replaced.
fn xml(text: &[u8], at: usize) -> Option<(Code, usize)> {
    let byte = *text.get(at)?;
    if let Some(code) = entity(byte) {
        return Some((code, 1));
    }
    let is_forbidden = byte < b' ' && !matches!(byte, b'\t' | b'\n' | b'\r');
    if is_forbidden {
        return Some((Code::Text(REPLACEMENT), 1));
    }
    // U+FFFE and U+FFFF.
    matches!(text.get(at..at + 3), Some([0xef, 0xbf, 0xbe | 0xbf]))
        .then_some((Code::Text(REPLACEMENT), 3))
}

fn json(text: &[u8], at: usize, is_escaped: bool) -> Option<(Code, usize)> {
    let byte = *text.get(at)?;
    let code: &[u8] = match byte {
        b'"' => b"\\\"",
        b'\\' => b"\\\\",
        0x08 => b"\\b",
        b'\t' => b"\\t",
        0x0c => b"\\f",
        b'\n' => b"\\n",
        b'\r' => b"\\r",
        0..0x20 | 0x7f => return Some((Code::Unit(byte.into()), 1)),
        // Every character that text may not have takes part; without escaping only those that
        // Java calls controls.
        0x80.. => {
            let (character, length) = hostile_at(text, at)?;
            let is_control = character < 0xa0;
            return (is_control || is_escaped).then_some((Code::Unit(character), length));
        }
        _ => return None,
    };
    Some((Code::Text(code), 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(text: &str, encoding: Encoding, is_escaped: bool) -> String {
        let mut out = b"<\n".to_vec();
        out.extend_from_slice(text.as_bytes());
        encoding.apply(&mut out, 2, is_escaped);
        assert_eq!(out.get(..2), Some(&b"<\n"[..]));
        String::from_utf8(out.split_off(2)).unwrap()
    }

    #[test]
    fn each_encoding_writes_what_log4j_writes() {
        let text = "a <b> & \"c\" 'd' /e\nf\r\tg\u{1}\u{9b}é😀\\";
        for (name, expected) in [
            (
                "html",
                "a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos; &#x2F;e\\nf\\r\tg\u{1}\u{9b}é😀\\",
            ),
            (
                "XML",
                "a &lt;b&gt; &amp; &quot;c&quot; &apos;d&apos; /e\nf\r\tg\u{fffd}\u{9b}é😀\\",
            ),
            (
                "Json",
                "a <b> & \\\"c\\\" 'd' /e\\nf\\r\\tg\\u0001\\u009Bé😀\\\\",
            ),
            ("CRLF", "a <b> & \"c\" 'd' /e\\nf\\r\tg\u{1}\u{9b}é😀\\"),
        ] {
            let encoding = Encoding::find(name).unwrap();
            assert_eq!(encoded(text, encoding, false), expected, "{name}");
        }
        assert_eq!(Encoding::find("nope"), None);
        assert_eq!(encoded("plain", Encoding::Json, false), "plain");
        assert_eq!(
            encoded("a\u{fffe}b\u{fffd}", Encoding::Xml, false),
            "a\u{fffd}b\u{fffd}"
        );
    }

    #[test]
    fn escaped_json_has_no_character_that_turns_text_round() {
        let text = "a\u{202e}b\u{2028}c\u{feff}é";
        assert_eq!(encoded(text, Encoding::Json, false), text);
        assert_eq!(
            encoded(text, Encoding::Json, true),
            "a\\u202Eb\\u2028c\\uFEFFé"
        );
    }
}
