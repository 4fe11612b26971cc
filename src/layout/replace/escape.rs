//! What a backslash makes of the characters behind it.

use super::fault::Fault;
use super::property;
use super::property::property;
use super::source::Flags;
use super::source::Source;

/// What an escape stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// A code point, half a surrogate pair included.
    Char(u32),
    /// The parts of a class.
    Set(String),
    /// A place in the text, or a line end; never inside a class.
    Other(char),
}

/// Reads an escape; the source is at the backslash.
pub(super) fn escape(
    source: &mut Source<'_>,
    in_class: bool,
    ends_range: bool,
) -> Result<Escape, Fault> {
    let start = source.at;
    source.at += 1;
    let letter = source.read_raw();
    let Some(c) = letter else {
        let message = "`\\` at the end escapes nothing";
        return Err(source
            .fault(start, start + 1, message)
            .hint("write `\\\\` for a backslash"));
    };
    let code = match c {
        'p' | 'P' => return family(source, start, c == 'P').map(Escape::Set),
        'd' | 'D' | 's' | 'S' | 'w' | 'W' | 'h' | 'H' | 'V' => {
            return Ok(Escape::Set(set(c, source.flags)));
        }
        'v' if ends_range => 0xb,
        'v' => return Ok(Escape::Set(set(c, source.flags))),
        '0' => octal(source, start)?,
        'x' => hexadecimal(source, start)?,
        'u' => utf16(source, start)?,
        'c' if source.is_at_end() => {
            return Err(source.fault(
                start,
                source.at,
                "`\\c` without the letter of a control character",
            ));
        }
        'c' => u32::from(source.read().unwrap_or_default()) ^ 64,
        'a' => 7,
        'e' => 0x1b,
        'f' => 0xc,
        'n' => 0xa,
        'r' => 0xd,
        't' => 9,
        'A' | 'B' | 'Z' | 'b' | 'z' | 'R' if !in_class => return Ok(Escape::Other(c)),
        _ if c.is_ascii_alphanumeric() => return Err(refused(source, start, c, in_class)),
        _ => c.into(),
    };
    Ok(Escape::Char(code))
}

/// Why the escape is none here.
fn refused(source: &Source<'_>, start: usize, c: char, in_class: bool) -> Fault {
    let what = match c {
        '1'..='9' | 'k' if !in_class => "references to groups need a backtracking engine",
        'G' if !in_class => "the end of the previous match is not known to this engine",
        'X' if !in_class => "grapheme clusters are not known to this engine",
        'N' => "the names of characters are not known here",
        _ => "there is no such escape",
    };
    let fault = source.unsupported(start, source.at, what);
    match c {
        'N' => fault.hint("write `\\x{…}` with the number of the character"),
        _ => fault,
    }
}

/// A set that has a letter of its own; the capital one stands for all others.
fn set(letter: char, flags: Flags) -> String {
    let wide = flags.has(Flags::UNICODE_CLASSES);
    let item = match (letter.to_ascii_lowercase(), wide) {
        ('d', false) => property::ASCII_DIGIT,
        ('d', true) => property::UNICODE_DIGIT,
        ('s', false) => property::ASCII_SPACE,
        ('s', true) => property::UNICODE_SPACE,
        ('w', false) => property::ASCII_WORD,
        ('w', true) => property::UNICODE_WORD,
        ('h', _) => HORIZONTAL,
        _ => VERTICAL,
    };
    if letter.is_ascii_uppercase() {
        format!("[^{item}]")
    } else {
        item.to_owned()
    }
}

/// `\p{…}` and `\pL`; the letter has been read.
fn family(source: &mut Source<'_>, start: usize, is_complement: bool) -> Result<String, Fault> {
    let (from, to) = if source.peek() == Some('{') {
        source.at += 1;
        source.peek();
        let from = source.at;
        while source.raw(source.at).is_some_and(|c| c != '}') {
            source.at += 1;
        }
        let to = source.at;
        source.at += 1;
        if to == from || source.raw(to).is_none() {
            let message = "`\\p{` without the name of a property and `}`";
            return Err(source.fault(start, to, message));
        }
        (from, to)
    } else {
        let from = source.at;
        source.at += 1;
        (from, source.at)
    };
    let name = source.slice(from, to);
    let Some(item) = property(name, source.flags) else {
        let message = format!("`{name}` is no property of characters that is known here");
        let fault = source.fault(start, source.at, message);
        return Err(if name.starts_with("In") || name.starts_with("bl") {
            fault.hint("blocks are not known here; scripts are, such as `\\p{IsGreek}`")
        } else {
            fault.hint("known are categories (`L`, `Lu`), POSIX classes (`Alpha`), properties and scripts (`IsAlphabetic`, `IsLatin`)")
        });
    };
    Ok(if is_complement {
        format!("[^{item}]")
    } else {
        item.into_owned()
    })
}

/// `\0n`, `\0nn` and `\0mnn`.
fn octal(source: &mut Source<'_>, start: usize) -> Result<u32, Fault> {
    let mut code = None;
    for place in 0..3 {
        let digit = source.peek().and_then(|c| c.to_digit(8));
        let Some(digit) = digit.filter(|_| place < 2 || code.unwrap_or_default() < 32) else {
            break;
        };
        source.at += 1;
        code = Some(code.unwrap_or_default() * 8 + digit);
    }
    code.ok_or_else(|| source.fault(start, source.at, "`\\0` without an octal number"))
}

/// `\xhh` and `\x{h…h}`.
fn hexadecimal(source: &mut Source<'_>, start: usize) -> Result<u32, Fault> {
    let first = source.read();
    let mut code = None;
    if let Some(high) = first.and_then(|c| c.to_digit(16)) {
        let low = source.read().and_then(|c| c.to_digit(16));
        code = low.map(|low| high * 16 + low);
    } else if first == Some('{') {
        let mut number = 0;
        while let Some(digit) = source.peek().and_then(|c| c.to_digit(16)) {
            number = number << 4 | digit;
            code = Some(number);
            source.at += 1;
            if number > u32::from(char::MAX) {
                let message = "there is no character of that number";
                return Err(source.fault(start, source.at, message));
            }
        }
        code = code.filter(|_| source.read() == Some('}'));
    }
    code.ok_or_else(|| {
        source
            .fault(start, source.at, "`\\x` without a hexadecimal number")
            .hint("write `\\xhh` or `\\x{h…h}`")
    })
}

/// `\uhhhh`, or two of them that are a surrogate pair.
fn utf16(source: &mut Source<'_>, start: usize) -> Result<u32, Fault> {
    let first = unit(source, start)?;
    if !matches!(first, 0xd800..=0xdbff) {
        return Ok(first);
    }
    let back = source.at;
    if source.read() == Some('\\') && source.read() == Some('u') {
        let second = unit(source, start)?;
        if matches!(second, 0xdc00..=0xdfff) {
            return Ok(0x1_0000 + ((first & 0x3ff) << 10 | second & 0x3ff));
        }
    }
    source.at = back;
    Ok(first)
}

/// Four hexadecimal digits.
fn unit(source: &mut Source<'_>, start: usize) -> Result<u32, Fault> {
    let mut number = 0;
    for _ in 0..4 {
        let digit = source.read().and_then(|c| c.to_digit(16));
        let Some(digit) = digit else {
            return Err(source.fault(start, source.at, "`\\u` without four hexadecimal digits"));
        };
        number = number << 4 | digit;
    }
    Ok(number)
}

const HORIZONTAL: &str =
    "\\x{9}\\x{20}\\x{A0}\\x{1680}\\x{180E}\\x{2000}-\\x{200A}\\x{202F}\\x{205F}\\x{3000}";
pub(super) const VERTICAL: &str = "\\x{A}-\\x{D}\\x{85}\\x{2028}\\x{2029}";
