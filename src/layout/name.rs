//! Names of targets and modules, shortened by a precision: `%c{1}`, `%c{-1}`, `%c{1.}`, `%c{1.2*}`.

use super::text::starts_char;

/// How a name is shortened. Words are separated by `.` or `::`; what separates two words in the name
/// separates them in the output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Precision {
    /// The name as it is.
    Whole,
    /// So many words from the right.
    Keep(usize),
    /// All save so many words from the left.
    Drop(usize),
    /// So many words from the right, and the first letter of the others.
    Initials(usize),
    /// A length for each word save the last one; the last length is for all the words after it.
    Fragments(Box<[Fragment]>),
}

/// What is left of one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fragment {
    /// So many characters.
    count: usize,
    /// Written after them if something was cut.
    ellipsis: Option<char>,
}

impl Precision {
    /// Reads the option of `%c` and `%C`. None where it is a number that is too large for Log4j.
    pub(super) fn parse(option: &str) -> Option<Self> {
        let option = option.trim();
        if option.is_empty() {
            return Some(Self::Whole);
        }
        if let Some(kept) = initials(option) {
            let kept: i32 = kept.parse().ok()?;
            return Some(Self::Initials(usize::try_from(kept).ok()?));
        }
        let (number, is_negative) = match option.strip_prefix('-') {
            Some(rest) if !rest.is_empty() => (rest, true),
            _ => (option, false),
        };
        if number.bytes().all(|byte| byte.is_ascii_digit()) {
            let number: i32 = number.parse().ok()?;
            let number = usize::try_from(number).ok()?;
            return Some(if is_negative {
                Self::Drop(number)
            } else {
                Self::Keep(number.max(1))
            });
        }
        // A trailing `.` begins no further fragment.
        let words = option.strip_suffix('.').unwrap_or(option).split('.');
        Some(Self::Fragments(words.map(fragment).collect()))
    }

    /// Appends `name`, shortened.
    pub(super) fn write(&self, name: &str, out: &mut Vec<u8>) {
        match self {
            Self::Whole => out.extend_from_slice(name.as_bytes()),
            Self::Keep(count) => out.extend_from_slice(rightmost(name, *count).as_bytes()),
            Self::Drop(count) => out.extend_from_slice(without_first(name, *count).as_bytes()),
            Self::Initials(count) => write_initials(name, *count, out),
            Self::Fragments(fragments) => write_fragments(name, fragments, out),
        }
    }
}

/// The N of `1.N*`, N at least 1 and without leading zeros.
fn initials(option: &str) -> Option<&str> {
    let digits = option.strip_prefix("1.")?.strip_suffix('*')?;
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    (is_number && digits.starts_with(|c| c != '0')).then_some(digits)
}

/// `*` is all characters, one digit is a count, anything else is none; the character after it is the
/// ellipsis.
fn fragment(text: &str) -> Fragment {
    let mut chars = text.chars();
    let first = chars.clone().next();
    let count = match first {
        Some('*') => Some(usize::MAX),
        Some(digit @ '0'..='9') => digit.to_digit(10).map(|digit| digit as usize),
        _ => None,
    };
    if count.is_some() {
        chars.next();
    }
    Fragment {
        count: count.unwrap_or(0),
        ellipsis: chars.next(),
    }
}

/// The next separator at or after `from`: where it begins and ends.
#[inline]
fn next_separator(name: &str, from: usize) -> Option<(usize, usize)> {
    let bytes = name.as_bytes();
    let mut from = from;
    loop {
        let rest = bytes.get(from..)?;
        let at = from + rest.iter().position(|byte| matches!(byte, b'.' | b':'))?;
        if bytes.get(at) == Some(&b'.') {
            return Some((at, at + 1));
        }
        if bytes.get(at + 1) == Some(&b':') {
            return Some((at, at + 2));
        }
        from = at + 1;
    }
}

/// The last separator that ends at or before `until`.
#[inline]
fn last_separator(name: &str, until: usize) -> Option<(usize, usize)> {
    let bytes = name.as_bytes();
    let mut until = until;
    loop {
        let rest = bytes.get(..until)?;
        let at = rest.iter().rposition(|byte| matches!(byte, b'.' | b':'))?;
        if bytes.get(at) == Some(&b'.') {
            return Some((at, at + 1));
        }
        let before = at.checked_sub(1)?;
        if bytes.get(before) == Some(&b':') {
            return Some((before, at + 1));
        }
        until = at;
    }
}

fn rightmost(name: &str, count: usize) -> &str {
    // A separator at the very end separates nothing.
    let mut until = name.len().saturating_sub(1);
    let mut start = 0;
    for _ in 0..count {
        let Some((from, end)) = last_separator(name, until) else {
            return name;
        };
        until = from;
        start = end;
    }
    name.get(start..).unwrap_or(name)
}

fn without_first(name: &str, count: usize) -> &str {
    let mut start = 0;
    for _ in 0..count {
        let Some((_, end)) = next_separator(name, start) else {
            return name;
        };
        start = end;
    }
    name.get(start..).unwrap_or(name)
}

fn write_initials(name: &str, count: usize, out: &mut Vec<u8>) {
    let total = words(name).count();
    if count >= total {
        out.extend_from_slice(name.as_bytes());
        return;
    }
    for (index, (word, separator)) in words(name).enumerate() {
        if index + count < total {
            out.extend_from_slice(initial(word).as_bytes());
        } else {
            out.extend_from_slice(word.as_bytes());
        }
        if index + 1 < total {
            out.extend_from_slice(separator.as_bytes());
        }
    }
}

/// The words of `name` that are not empty, each with the separator after it.
fn words(name: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < name.len() {
            let start = at;
            let (from, end) = next_separator(name, at).unwrap_or((name.len(), name.len()));
            at = end;
            if from > start {
                return Some((name.get(start..from)?, name.get(from..end)?));
            }
        }
        None
    })
}

/// One pass, byte by byte: names are short, and a copy for each word would cost more.
fn write_fragments(name: &str, fragments: &[Fragment], out: &mut Vec<u8>) {
    let last = last_separator(name, name.len()).map_or(0, |(_, end)| end);
    let (words, last) = name.as_bytes().split_at_checked(last).unwrap_or_default();
    out.reserve(name.len());
    let mut fragments = fragments.iter();
    let mut fragment = fragments.next();
    let mut left = fragment.map_or(0, |fragment| fragment.count);
    let mut is_cut = false;
    let mut bytes = words.iter();
    while let Some(&byte) = bytes.next() {
        let is_path = byte == b':' && bytes.as_slice().first() == Some(&b':');
        if byte == b'.' || is_path {
            if is_cut && let Some(ellipsis) = fragment.and_then(|fragment| fragment.ellipsis) {
                out.extend_from_slice(ellipsis.encode_utf8(&mut [0; 4]).as_bytes());
            }
            out.push(byte);
            if is_path {
                bytes.next();
                out.push(byte);
            }
            fragment = fragments.next().or(fragment);
            left = fragment.map_or(0, |fragment| fragment.count);
            is_cut = false;
        } else {
            // All bytes of a character go the way of its first.
            let is_first = starts_char(byte);
            is_cut |= is_first && left == 0;
            left = left.saturating_sub(usize::from(is_first));
            if !is_cut {
                out.push(byte);
            }
        }
    }
    out.extend_from_slice(last);
}

/// The first character of `word`.
fn initial(word: &str) -> &str {
    let length = word.chars().next().map_or(0, char::len_utf8);
    word.get(..length).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, option: &str, expected: &str) {
        let mut out = Vec::new();
        Precision::parse(option).unwrap().write(name, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{name} {option}");
    }

    #[test]
    fn all_four_forms_shorten_a_name() {
        let name = "org.apache.commons.test.Foo";
        check(name, "1", "Foo");
        check(name, "2", "test.Foo");
        check(name, "0", "Foo");
        check(name, "10", name);
        check(name, "-1", "apache.commons.test.Foo");
        check(name, "-5", name);
        check(name, "-0", name);
        check(name, "1.", "o.a.c.t.Foo");
        check(name, "1.1.~.~", "o.a.~.~.Foo");
        check(name, "1~.2~", "o~.ap~.co~.te~.Foo");
        check(name, "1.2*", "o.a.c.test.Foo");
        check(name, "1.8*", name);
        check(name, "1.0*", "o.*.*.*.Foo");
        check(name, "10.", "o0.a0.c0.t0.Foo");
        check(name, " ", name);
    }

    #[test]
    fn rust_paths_keep_their_separators() {
        let name = "shop::http.server::router";
        check(name, "1", "router");
        check(name, "2", "server::router");
        check(name, "-1", "http.server::router");
        check(name, "1.", "s::h.s::router");
        check(name, "1.2*", "s::h.server::router");
        check(name, "1~.", "s~::h~.s~::router");
    }

    #[test]
    fn odd_names_are_handled_as_in_log4j() {
        check("a.b.", "1", "b.");
        check("a.b.", "-1", "b.");
        check("a.b.", "1.1*", "a.b");
        check(".a.b", "2", "a.b");
        check(".a.b", "3", ".a.b");
        check("org..apache.Foo", "3", ".apache.Foo");
        check("org..apache.Foo", "1.1*", "o.a.Foo");
        check("org..apache.Foo", "1.", "o..a.Foo");
        for odd in ["", ".", "..", "::", ":::", "a::", ":a:", "é.ü"] {
            for option in ["1", "2", "-1", "-9", "1.", "*.", "1.1*", "x"] {
                let mut out = Vec::new();
                Precision::parse(option).unwrap().write(odd, &mut out);
            }
        }
    }

    #[test]
    fn a_number_that_log4j_cannot_hold_is_refused() {
        assert_eq!(Precision::parse("99999999999"), None);
        assert_eq!(Precision::parse("-99999999999"), None);
        assert_eq!(Precision::parse("1.99999999999*"), None);
    }
}
