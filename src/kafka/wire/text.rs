//! Text of others as it may be shown: printable, on one line, not endless, and without secrets.

use crate::config::SECRET_MARK;

/// So many characters of it are shown, and so much of it is looked at.
const MAX_CHARS: usize = 300;

/// `text`, UTF-8 or not, with whatever does not print as an escape sequence. What leaves the wire went
/// through here.
pub(super) fn shown(text: impl AsRef<[u8]>) -> String {
    let text = text.as_ref().trim_ascii();
    let (looked_at, rest) = text.split_at_checked(4 * MAX_CHARS).unwrap_or((text, &[]));
    let mut line = String::new();
    let mut left = MAX_CHARS;
    for character in String::from_utf8_lossy(looked_at).chars() {
        let is_plain = matches!(character, '\\' | '"' | '\'');
        let width = if is_plain {
            1
        } else {
            character.escape_debug().len()
        };
        let Some(less) = left.checked_sub(width) else {
            line.push('…');
            return line;
        };
        left = less;
        if is_plain {
            line.push(character);
        } else {
            line.extend(character.escape_debug());
        }
    }
    if !rest.is_empty() {
        line.push('…');
    }
    line
}

/// The same without `secret`. Where that is coded, as programs do it that print what they got, all of the
/// text is left out.
pub(super) fn shown_without(text: impl AsRef<[u8]>, secret: &str) -> String {
    let text = String::from_utf8_lossy(text.as_ref());
    if secret.is_empty() {
        return shown(&*text);
    }
    let text = text.replace(secret, SECRET_MARK);
    if is_coded_in(&text, secret) {
        return SECRET_MARK.to_owned();
    }
    shown(text)
}

/// Less than this is found coded in any text.
const MIN_CODED_BYTES: usize = 4;

/// Whether `text` holds `secret` as a list of numbers, with escapes, or as base64, wherever it began in
/// what was coded.
fn is_coded_in(text: &str, secret: &str) -> bool {
    if secret.len() < MIN_CODED_BYTES {
        return false;
    }
    let kept = |keep: fn(char) -> bool| -> String { text.chars().filter(|c| keep(*c)).collect() };
    let numbers = |number: fn(u8) -> String| -> String { secret.bytes().map(number).collect() };
    let base64 = kept(|c| !c.is_whitespace() && c != '\\');
    let base64 = base64.replace('-', "+").replace('_', "/");
    let hex = text.replace("0x", "").to_ascii_lowercase();
    let hex: String = hex.chars().filter(char::is_ascii_hexdigit).collect();
    hex.contains(&numbers(|byte| format!("{byte:02x}")))
        || kept(|c| c.is_ascii_digit()).contains(&numbers(|byte| byte.to_string()))
        || unescaped(text).contains(&unescaped(secret))
        || (0..3).any(|before| base64.contains(&base64_after(before, secret)))
}

/// `text` with the characters for which `\u0020`, `\x20` and `%20` stand, and without other backslashes.
fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let (mark, digits) = [("\\u", 4), ("\\x", 2), ("%", 2)]
            .into_iter()
            .find(|(mark, _)| rest.starts_with(mark))
            .unwrap_or(("", 0));
        let end = mark.len() + digits;
        let number = rest
            .get(mark.len()..end)
            .map(|n| u32::from_str_radix(n, 16));
        let decoded = number.and_then(Result::ok).and_then(char::from_u32);
        plain.extend(decoded.or(Some(character)).filter(|c| *c != '\\'));
        let taken = if decoded.is_some() {
            end
        } else {
            character.len_utf8()
        };
        rest = rest.get(taken..).unwrap_or_default();
    }
    plain
}

/// Those digits of base64 that `text` alone decides, if `before` other bytes come before it.
fn base64_after(before: usize, text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut digits = String::new();
    let (mut bits, mut count) = (0_usize, 0);
    for byte in std::iter::repeat_n(0, before).chain(text.bytes()) {
        bits = bits << 8 | usize::from(byte);
        count += 8;
        while count >= 6 {
            count -= 6;
            let digit = DIGITS.get(bits >> count & 63).copied();
            digits.extend(digit.map(char::from));
        }
        bits &= 63;
    }
    digits.split_off((before * 4).div_ceil(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_print_is_escaped_and_what_does_is_left_alone() {
        for (text, expected) in [
            (
                " it's \"so\" in C:\\temp, müde ",
                "it's \"so\" in C:\\temp, müde",
            ),
            ("a\nb\r\0\x1b[31m", "a\\nb\\r\\0\\u{1b}[31m"),
            (
                "\u{85}\u{2028}\u{202e}\u{feff}",
                "\\u{85}\\u{2028}\\u{202e}\\u{feff}",
            ),
        ] {
            assert_eq!(shown(text), expected);
            assert_eq!(shown(shown(text)), expected);
        }
        assert_eq!(shown(b"a\xffb"), "a\u{fffd}b");
    }

    #[test]
    fn an_endless_text_is_cut() {
        for (text, chars) in [("é", 300), ("\0", 300), ("\u{202e}", 296), (" x", 300)] {
            let long = text.repeat(1_000_000);
            let line = shown(&long);
            assert_eq!(line.chars().count(), chars + 1, "{text:?}");
            assert!(line.ends_with('…'));
            assert_eq!(shown(&line).chars().count(), chars + 1);
        }
        let whole = "x".repeat(300);
        assert_eq!(shown(&whole), whole);
    }

    const SECRET: &str = "p@ss w\"rd\\no-1";

    #[test]
    fn the_secret_is_left_out_and_what_kafka_says_is_not() {
        for text in [
            "Authentication failed: Invalid username or password",
            "Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256",
            "{\"status\":\"invalid_token\",\"scope\":\"kafka-cluster 7d1f0c5e\"}",
            "SSL handshake failed at 2026-11-24T10:00:00Z, 100% sure",
        ] {
            assert_eq!(shown_without(text, SECRET), text);
            assert_eq!(shown_without(text, "pw"), text);
        }
        assert_eq!(shown_without("no", ""), "no");
        let raw = format!("no {SECRET} for\nyou");
        assert_eq!(shown_without(raw, SECRET), "no *** for\\nyou");
    }

    #[test]
    fn a_secret_that_is_coded_takes_the_text_with_it() {
        let sent = format!("\0alice\0{SECRET}");
        let hex = |sep: &str, prefix: &str| {
            let all: Vec<_> = sent
                .bytes()
                .map(|byte| format!("{prefix}{byte:02x}"))
                .collect();
            all.join(sep)
        };
        let forms = [
            hex("", ""),
            hex(":", "").to_uppercase(),
            hex(", ", "0x"),
            hex("", "\\x"),
            hex("", "%"),
            format!("{:?}", sent.as_bytes()),
            format!("{sent:?}"),
            serde_json::to_string(&sent).unwrap(),
            "p\\u0040ss w\\u0022rd\\\\no-1".to_owned(),
            "user=alice&password=p%40ss%20w%22rd%5Cno-1".to_owned(),
            // Of "\0alice\0" and the secret, of the secret, and of "a:" and the secret for URLs.
            "AGFsaWNlAHBAc3MgdyJyZFxuby0x".to_owned(),
            "cEBzcyB3InJkXG5vLTE=".to_owned(),
            "YTpwQHNzIHci\ncmRcbm8tMQ".to_owned(),
        ];
        for form in forms {
            assert_eq!(
                shown_without(format!("no {form}!"), SECRET),
                SECRET_MARK,
                "{form}"
            );
        }
        for before in 0..3 {
            let digits = base64_after(before, "\u{3ff}\u{3ff}");
            let for_urls = digits.replace('/', "_").replace('+', "-");
            assert_eq!(shown_without(for_urls, "\u{3ff}\u{3ff}"), SECRET_MARK);
        }
    }
}
