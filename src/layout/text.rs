//! Small helpers on text that is being rendered: counting characters, writing numbers.

/// Beyond this nothing more is added to what an event prints: a record is cut long before.
pub(super) const MAX_RENDERED: usize = 1 << 20;

/// Whether a character begins with `byte`.
#[inline]
pub(super) fn starts_char(byte: u8) -> bool {
    byte & 0xc0 != 0x80
}

/// What Java's `trim` takes off at both ends: everything up to the space.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(|c| c <= ' ')
}

/// What `\s` matches in Java.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

/// How many characters `text` has.
#[inline]
pub(super) fn char_count(text: &[u8]) -> usize {
    text.iter().filter(|byte| starts_char(**byte)).count()
}

/// Cuts what follows `start` to so many characters. Returns whether there were more.
pub(super) fn cut_chars(out: &mut Vec<u8>, start: usize, most: usize) -> bool {
    let text = out.get(start..).unwrap_or_default();
    let mut beginnings = text
        .iter()
        .enumerate()
        .filter(|(_, byte)| starts_char(**byte));
    match beginnings.nth(most) {
        Some((at, _)) => {
            out.truncate(start + at);
            true
        }
        None => false,
    }
}

/// Whether two texts differ in the case of their letters only, as Java compares characters.
pub(super) fn equals_ignore_case(one: &[u8], other: &[u8]) -> bool {
    let (Ok(one), Ok(other)) = (std::str::from_utf8(one), std::str::from_utf8(other)) else {
        return one == other;
    };
    one.chars().map(lower).eq(other.chars().map(lower))
}

/// The first character of the lower case: Java has one for each, and none above U+FFFF.
fn lower(c: char) -> char {
    if c > '\u{ffff}' {
        return c;
    }
    c.to_lowercase().next().unwrap_or(c)
}

/// Appends `number` in decimal.
#[inline]
pub(super) fn push_number(out: &mut Vec<u8>, number: impl itoa::Integer) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends `number` with zeros in front of its digits up to `width`, the sign not counted.
pub(super) fn push_padded(out: &mut Vec<u8>, number: i64, width: usize) {
    if number < 0 {
        out.push(b'-');
    }
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number.unsigned_abs());
    for _ in digits.len()..width {
        out.push(b'0');
    }
    out.extend_from_slice(digits.as_bytes());
}

/// The first `digits` decimal digits after the point of a number of nanoseconds, cut, not rounded.
#[inline]
pub(super) fn write_fraction(nanos: u32, digits: &mut [u8]) {
    // Divisors that the compiler knows are multiplications.
    if let Ok(digits) = <&mut [u8; 3]>::try_from(&mut *digits) {
        *digits = three_digits(nanos / 1_000_000);
    } else if let ([first, second], []) = digits.as_chunks_mut::<3>() {
        let micros = nanos / 1_000;
        *first = three_digits(micros / 1_000);
        *second = three_digits(micros % 1_000);
    } else {
        let mut rest = (digits.len()..9).fold(nanos, |rest, _| rest / 10);
        for digit in digits.iter_mut().rev() {
            // A remainder of ten fits.
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
        }
    }
}

/// The digits of a number below a thousand, of which the first is taken off by itself.
#[inline]
fn three_digits(number: u32) -> [u8; 3] {
    let rest = number % 100;
    let digit = |digit: u32| b'0' + (digit & 0xf) as u8;
    [digit(number / 100), digit(rest / 10), digit(rest % 10)]
}

/// The line of a table that `member` is listed below: lines of members begin with a space.
pub(super) fn heading<'t>(table: &'t str, member: &str) -> Option<&'t str> {
    let mut head = None;
    for line in table.lines() {
        match line.strip_prefix(' ') {
            Some(members) if members.split(' ').any(|listed| listed == member) => return head,
            Some(_) => {}
            None => head = Some(line),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_members_below_their_headings() {
        let table = "one\n a b\n c\ntwo\n d";
        assert_eq!(heading(table, "a"), Some("one"));
        assert_eq!(heading(table, "c"), Some("one"));
        assert_eq!(heading(table, "d"), Some("two"));
        assert_eq!(heading(table, "two"), None);
        assert_eq!(heading(table, ""), None);
    }

    #[test]
    fn characters_are_counted_not_bytes() {
        assert_eq!(char_count("grüße 😀".as_bytes()), 7);
    }

    #[test]
    fn numbers_are_padded_after_their_sign() {
        let mut out = Vec::new();
        push_padded(&mut out, 7, 3);
        push_padded(&mut out, -44, 4);
        push_padded(&mut out, i64::MIN, 2);
        assert_eq!(out, b"007-0044-9223372036854775808");
    }

    #[test]
    fn fractions_are_cut() {
        let mut three = [0; 3];
        write_fraction(123_999_999, &mut three);
        assert_eq!(&three, b"123");
        let mut nine = [0; 9];
        write_fraction(1, &mut nine);
        assert_eq!(&nine, b"000000001");
    }
}
