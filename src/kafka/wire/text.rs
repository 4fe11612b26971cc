//! Text of others as it may be shown: printable, on one line, and not endless.

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
}
