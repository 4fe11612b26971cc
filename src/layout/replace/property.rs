//! Named sets of characters: `\p{…}` of Java in the syntax of the engine, as a part of `[…]`.

use std::borrow::Cow;

use regex::bytes::Regex;

use super::node::NEVER;
use super::source::Flags;

/// The parts of a class that stand for the property, if Java and the engine both know it.
pub(super) fn property(name: &str, flags: Flags) -> Option<Cow<'static, str>> {
    let any_case = flags.has(Flags::IGNORE_CASE);
    if let Some((key, value)) = name.split_once('=') {
        return match &*key.to_ascii_lowercase() {
            "sc" | "script" => script(value),
            "gc" | "general_category" => category(value, any_case),
            _ => None,
        };
    }
    if let Some(name) = name.strip_prefix("Is") {
        let upper = name.to_ascii_uppercase();
        return unicode(&upper, any_case)
            .or_else(|| posix(&upper, any_case))
            .map(Cow::Borrowed)
            .or_else(|| category(name, any_case))
            .or_else(|| script(name));
    }
    let wide = flags.has(Flags::UNICODE_CLASSES);
    wide.then(|| posix(&name.to_ascii_uppercase(), any_case))
        .flatten()
        .map(Cow::Borrowed)
        .or_else(|| category(name, any_case))
}

/// A script by its name or its four letters.
fn script(name: &str) -> Option<Cow<'static, str>> {
    if !name.bytes().all(|b| b.is_ascii_alphabetic() || b == b'_') {
        return None;
    }
    let item = format!("\\p{{sc={name}}}");
    Regex::new(&item).ok().map(|_| item.into())
}

/// General categories, classes of ASCII, and questions that Java's `Character` answers.
fn category(name: &str, any_case: bool) -> Option<Cow<'static, str>> {
    if any_case && let Some(item) = any_case_of(name) {
        return Some(item.into());
    }
    let item = match name {
        "Lu" | "Ll" | "Lt" | "Lm" | "Lo" | "Mn" | "Me" | "Mc" | "Nd" | "Nl" | "No" | "Zs"
        | "Zl" | "Zp" | "Cc" | "Cf" | "Co" | "Pd" | "Ps" | "Pe" | "Pc" | "Po" | "Sm" | "Sc"
        | "Sk" | "So" | "Pi" | "Pf" | "L" | "M" | "N" | "Z" | "C" | "P" | "S" | "LC" | "Cn" => {
            return Some(format!("\\p{{{name}}}").into());
        }
        // Half a surrogate pair is in no text.
        "Cs" => NEVER,
        "L1" => "\\x{0}-\\x{FF}",
        "all" => "\\x{0}-\\x{10FFFF}",
        "ASCII" => "\\x{0}-\\x{7F}",
        "Alnum" => "0-9A-Za-z",
        "Alpha" => "A-Za-z",
        "Blank" => "\\x20\\t",
        "Cntrl" => "\\x{0}-\\x{1F}\\x{7F}",
        "Digit" => "0-9",
        "Graph" => "\\x{21}-\\x{7E}",
        "Lower" => "a-z",
        "Print" => "\\x{20}-\\x{7E}",
        "Punct" => "\\x{21}-\\x{2F}\\x{3A}-\\x{40}\\x{5B}-\\x{60}\\x{7B}-\\x{7E}",
        "Space" => ASCII_SPACE,
        "Upper" => "A-Z",
        "XDigit" => "0-9A-Fa-f",
        "javaLowerCase" => "\\p{Lowercase}",
        "javaUpperCase" => "\\p{Uppercase}",
        "javaTitleCase" => "\\p{Lt}",
        "javaAlphabetic" => "\\p{Alphabetic}",
        "javaIdeographic" => "\\p{Ideographic}",
        "javaDigit" => "\\p{Nd}",
        "javaDefined" => "\\P{Cn}",
        "javaLetter" => "\\p{L}",
        "LD" | "javaLetterOrDigit" => "\\p{L}\\p{Nd}",
        "javaSpaceChar" => "\\p{Z}",
        "javaWhitespace" => "[\\p{Z}--[\\x{A0}\\x{2007}\\x{202F}]]\\x{9}-\\x{D}\\x{1C}-\\x{1F}",
        "javaISOControl" => "\\x{0}-\\x{1F}\\x{7F}-\\x{9F}",
        "javaIdentifierIgnorable" => "\\x{0}-\\x{8}\\x{E}-\\x{1B}\\x{7F}-\\x{9F}\\p{Cf}",
        "javaJavaIdentifierStart" => "\\p{L}\\p{Nl}\\p{Sc}\\p{Pc}",
        "javaJavaIdentifierPart" => {
            "\\p{L}\\p{Nl}\\p{Sc}\\p{Pc}\\p{Nd}\\p{Mc}\\p{Mn}\\x{0}-\\x{8}\\x{E}-\\x{1B}\\x{7F}-\\x{9F}\\p{Cf}"
        }
        _ => return None,
    };
    Some(item.into())
}

/// What asks for one case becomes any case in `(?i)`.
fn any_case_of(name: &str) -> Option<&'static str> {
    match name {
        "Lu" | "Ll" | "Lt" => Some("\\p{Lu}\\p{Ll}\\p{Lt}"),
        "Lower" | "Upper" => Some("A-Za-z"),
        "javaLowerCase" | "javaUpperCase" | "javaTitleCase" => Some(ANY_CASE),
        _ => None,
    }
}

/// Java's names of properties of Unicode, in upper case.
fn unicode(name: &str, any_case: bool) -> Option<&'static str> {
    Some(match name {
        "LOWERCASE" | "UPPERCASE" | "TITLECASE" if any_case => ANY_CASE,
        "LOWERCASE" => "\\p{Lowercase}",
        "UPPERCASE" => "\\p{Uppercase}",
        "TITLECASE" => "\\p{Lt}",
        "ALPHABETIC" => "\\p{Alphabetic}",
        "ASSIGNED" => "\\P{Cn}",
        "CONTROL" => "\\p{Cc}",
        "HEXDIGIT" | "HEX_DIGIT" => HEX_DIGIT,
        "IDEOGRAPHIC" => "\\p{Ideographic}",
        "JOINCONTROL" | "JOIN_CONTROL" => "\\x{200C}\\x{200D}",
        "LETTER" => "\\p{L}",
        "NONCHARACTERCODEPOINT" | "NONCHARACTER_CODE_POINT" => "\\p{Noncharacter_Code_Point}",
        "PUNCTUATION" => "\\p{P}",
        "WHITESPACE" | "WHITE_SPACE" => UNICODE_SPACE,
        "WORD" => UNICODE_WORD,
        _ => return None,
    })
}

/// The names of POSIX, in upper case, read in `(?U)` or after `Is`.
fn posix(name: &str, any_case: bool) -> Option<&'static str> {
    Some(match name {
        "LOWER" | "UPPER" if any_case => ANY_CASE,
        "LOWER" => "\\p{Lowercase}",
        "UPPER" => "\\p{Uppercase}",
        "ALPHA" => "\\p{Alphabetic}",
        "SPACE" => UNICODE_SPACE,
        "PUNCT" => "\\p{P}",
        "XDIGIT" => HEX_DIGIT,
        "ALNUM" => "\\p{Alphabetic}\\p{Nd}",
        "CNTRL" => "\\p{Cc}",
        "DIGIT" => UNICODE_DIGIT,
        "BLANK" => "\\p{Zs}\\t",
        "GRAPH" => "[^\\p{Z}\\p{Cc}\\p{Cn}]",
        "PRINT" => "[^\\p{Z}\\p{Cc}\\p{Cn}]\\p{Zs}",
        _ => return None,
    })
}

pub(super) const ASCII_DIGIT: &str = "0-9";
pub(super) const ASCII_SPACE: &str = "\\x20\\x{9}-\\x{D}";
pub(super) const ASCII_WORD: &str = "0-9A-Za-z_";
pub(super) const UNICODE_DIGIT: &str = "\\p{Nd}";
pub(super) const UNICODE_SPACE: &str = "\\s";
pub(super) const UNICODE_WORD: &str = "\\w";
const ANY_CASE: &str = "\\p{Lowercase}\\p{Uppercase}\\p{Lt}";
const HEX_DIGIT: &str = "\\p{Nd}A-Fa-f\\x{FF21}-\\x{FF26}\\x{FF41}-\\x{FF46}";
