//! Colours: the words of `%style` and `%highlight`, as the sequences that a terminal reads.

use std::collections::HashMap;

use super::level::LEVELS;
use super::level::index_of_name;
use super::level::is_unused;
use super::notes::Notes;
use super::parser::OptionText;
use super::text::is_space;
use super::text::trim;
use crate::error::PatternError;

/// What ends a colour.
pub(super) const RESET: &str = "\u{1b}[m";
const BEGIN: &str = "\u{1b}[";
/// Anywhere in the options of `%style` or `%highlight` these take the colours away. A record of
/// Kafka and a line of a file never go to a console.
const SWITCHES: [&str; 2] = ["disableAnsi", "noConsoleNoAnsi"];

/// Every style word of Log4j, in lower case, and its code.
static WORDS: &[(&str, &str)] = &[
    ("normal", "0"),
    ("bright", "1"),
    ("bold", "1"),
    ("dim", "2"),
    // Terminals take 3 for italic; it is what Log4j writes.
    ("underline", "3"),
    ("blink", "5"),
    ("reverse", "7"),
    ("hidden", "8"),
    ("default", "39"),
    ("fg_default", "39"),
    // Log4j keeps these pieces of a sequence among the words.
    ("csi", BEGIN),
    ("suffix", "m"),
    ("separator", ";"),
];
/// The eight colours, in the order of their codes.
static COLOURS: [&str; 8] = [
    "black", "red", "green", "yellow", "blue", "magenta", "cyan", "white",
];
/// What may stand before a colour, and the code of black with it.
static GROUNDS: [(&str, usize); 6] = [
    ("", 30),
    ("fg_", 30),
    ("bg_", 40),
    ("bright_", 90),
    ("fg_bright_", 90),
    ("bg_bright_", 100),
];
/// What may stand before six hexadecimal digits, and the beginning of its code.
static HEX: [(&str, &str); 3] = [("#", "38;2;"), ("fg_#", "38;2;"), ("bg_#", "48;2;")];

/// The sequences of `%highlight` where nothing else is said, in the order of the levels.
const DEFAULT: [&str; LEVELS] = [
    "\u{1b}[30m",
    "\u{1b}[36m",
    "\u{1b}[32m",
    "\u{1b}[33m",
    "\u{1b}[1;31m",
];
/// Those of `STYLE=logback`.
const LOGBACK: [&str; LEVELS] = [RESET, RESET, "\u{1b}[34m", "\u{1b}[31m", "\u{1b}[1;31m"];

/// A style for each level.
pub(super) type Styles = [String; LEVELS];

/// The same sequence for all levels.
pub(super) fn for_all(sequence: &str) -> Styles {
    std::array::from_fn(|_| sequence.to_owned())
}

/// The sequence of one of the eight colours, by its conversion word.
pub(super) fn colour(word: &str) -> String {
    let code = code_of(word).unwrap_or_default();
    format!("{BEGIN}{code}m")
}

/// Whether the options of `%style` or `%highlight` take the colours away.
pub(super) fn is_disabled(options: &[OptionText<'_>]) -> bool {
    let is_on =
        |option: &OptionText<'_>, switch: &&str| option.text.contains(&format!("{switch}=true"));
    options
        .iter()
        .any(|option| SWITCHES.iter().any(|switch| is_on(option, switch)))
}

/// The sequence of the second option of `%style`; without one Log4j writes an empty sequence.
pub(super) fn style(
    option: Option<OptionText<'_>>,
    notes: &mut Notes,
) -> Result<String, PatternError> {
    match option {
        Some(option) => sequence(option, &split_words(option.text), notes),
        None => Ok(RESET.to_owned()),
    }
}

/// The styles of the second option of `%highlight`: `LEVEL=words`, and `STYLE=default` or `logback`.
pub(super) fn highlight(
    option: Option<OptionText<'_>>,
    notes: &mut Notes,
) -> Result<Styles, PatternError> {
    let mut styles = DEFAULT.map(str::to_owned);
    let Some(option) = option else {
        return Ok(styles);
    };
    for (name, item) in in_order_of_java(pairs(option, notes)?) {
        let value = item.value;
        if name == "STYLE" {
            match value {
                _ if value.eq_ignore_ascii_case("default") => styles = DEFAULT.map(str::to_owned),
                _ if value.eq_ignore_ascii_case("logback") => styles = LOGBACK.map(str::to_owned),
                _ => {
                    let error = option.part(value).error("unknown level style");
                    notes.mistake(error.hint("expected `STYLE=default` or `STYLE=logback`"))?;
                }
            }
            continue;
        }
        if SWITCHES.iter().any(|s| s.eq_ignore_ascii_case(&name)) {
            continue;
        }
        let words: Vec<&str> = split_spaces(value);
        let sequence = sequence(option, &words, notes)?;
        let level = index_of_name(trim(&name)).and_then(|index| styles.get_mut(index));
        if let Some(style) = level {
            *style = sequence;
        } else if !is_unused(trim(&name)) {
            notes.mistake(option.part(item.name).error("unknown level"))?;
        }
    }
    Ok(styles)
}

/// An item of the option of `%highlight`, as it was written.
#[derive(Debug, Clone, Copy)]
struct Item<'p> {
    name: &'p str,
    value: &'p str,
}

/// The items of the option with their names in upper case. Of two with the same name the last wins.
fn pairs<'p>(
    option: OptionText<'p>,
    notes: &mut Notes,
) -> Result<Vec<(String, Item<'p>)>, PatternError> {
    let mut pairs: Vec<(String, Item<'p>)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for item in split_at(option.text, ',') {
        let parts = split_at(item, '=');
        let (Some(name), Some(value)) = (parts.first(), parts.get(1)) else {
            let error = option.part(item).error("expected `LEVEL=words`, found");
            notes.mistake(error.hint("words are separated by spaces: `ERROR=bold red`"))?;
            continue;
        };
        let item = Item { name, value };
        let name = name.to_uppercase();
        let known = places.get(&name).and_then(|place| pairs.get_mut(*place));
        if let Some((_, old)) = known {
            *old = item;
        } else {
            places.insert(name.clone(), pairs.len());
            pairs.push((name, item));
        }
    }
    Ok(pairs)
}

/// Brings the items into the order in which a hash map of Java hands them over: whether
/// `STYLE=logback` comes before or after a level's own style is decided by nothing else.
fn in_order_of_java(mut pairs: Vec<(String, Item<'_>)>) -> Vec<(String, Item<'_>)> {
    let mut size = 16;
    while pairs.len() > size * 3 / 4 {
        size *= 2;
    }
    pairs.sort_by_cached_key(|(name, _)| {
        let hash = name.encode_utf16().fold(0_u32, |hash, unit| {
            hash.wrapping_mul(31).wrapping_add(unit.into())
        });
        (hash ^ (hash >> 16)) as usize & (size - 1)
    });
    pairs
}

/// One sequence of all words; what is no word is noted and leaves its separator behind.
fn sequence<'p>(
    option: OptionText<'p>,
    words: &[&'p str],
    notes: &mut Notes,
) -> Result<String, PatternError> {
    let mut out = BEGIN.to_owned();
    let mut is_first = true;
    for word in words {
        if SWITCHES.iter().any(|switch| word.starts_with(switch)) {
            continue;
        }
        if !is_first {
            out.push(';');
        }
        is_first = false;
        if !push_code(word, &mut out) {
            notes.mistake(unknown(option, word))?;
        }
    }
    out.push('m');
    Ok(out)
}

fn unknown<'p>(option: OptionText<'p>, word: &'p str) -> PatternError {
    if word.is_empty() {
        let message = "expected a style word, found nothing";
        return PatternError::new(option.offset, option.text.len(), message);
    }
    option.part(word).error("unknown style word").hint(
        "expected `bold`, `dim`, `blink`, a colour such as `red`, `bg_red` or `bright_red`, or \
         `#rrggbb`",
    )
}

/// Appends the code of a word. Returns false if it is none; a colour in broken hexadecimal then
/// leaves what was understood of it.
fn push_code(word: &str, out: &mut String) -> bool {
    let word = trim(word).to_lowercase();
    for (prefix, code) in HEX {
        let Some(digits) = word.strip_prefix(prefix) else {
            continue;
        };
        out.push_str(code);
        for (index, at) in [0, 2, 4].into_iter().enumerate() {
            let Some(value) = digits.get(at..at + 2).and_then(hex) else {
                return false;
            };
            out.push_str(&value.to_string());
            if index < 2 {
                out.push(';');
            }
        }
        return true;
    }
    let Some(code) = code_of(&word) else {
        return false;
    };
    out.push_str(&code);
    true
}

/// As Java reads it, which knows signs.
fn hex(digits: &str) -> Option<i32> {
    i32::from_str_radix(digits, 16).ok()
}

/// The code of a word in lower case.
fn code_of(word: &str) -> Option<String> {
    if let Some((_, code)) = WORDS.iter().find(|(known, _)| *known == word) {
        return Some((*code).to_owned());
    }
    GROUNDS.iter().find_map(|(ground, black)| {
        let colour = word.strip_prefix(ground)?;
        let index = COLOURS.iter().position(|known| *known == colour)?;
        Some((black + index).to_string())
    })
}

/// Splits at each comma or space; spaces around one belong to it. Empty words at the end are none.
fn split_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    loop {
        let Some(at) = rest.find(|c| c == ',' || is_space(c)) else {
            words.push(rest);
            break;
        };
        let (word, after) = rest.split_at(at);
        words.push(word);
        let after = after.trim_start_matches(is_space);
        let after = after.strip_prefix(',').unwrap_or(after);
        rest = after.trim_start_matches(is_space);
    }
    without_empty_end(words, text)
}

/// Splits at each space.
fn split_spaces(text: &str) -> Vec<&str> {
    without_empty_end(text.split(is_space).collect(), text)
}

/// Splits at each `separator`; spaces around one belong to it.
fn split_at(text: &str, separator: char) -> Vec<&str> {
    let mut parts: Vec<&str> = text.split(separator).collect();
    let last = parts.len() - 1;
    for (index, part) in parts.iter_mut().enumerate() {
        if index > 0 {
            *part = part.trim_start_matches(is_space);
        }
        if index < last {
            *part = part.trim_end_matches(is_space);
        }
    }
    without_empty_end(parts, text)
}

/// Java's `split` drops empty parts at the end; a text that was not split stays as it is.
fn without_empty_end<'t>(mut parts: Vec<&'t str>, text: &'t str) -> Vec<&'t str> {
    if parts.len() > 1 {
        while parts.last().is_some_and(|part| part.is_empty()) {
            parts.pop();
        }
    } else {
        parts = vec![text];
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn option(text: &str) -> OptionText<'_> {
        OptionText { text, offset: 7 }
    }

    fn lenient(text: &str) -> String {
        style(Some(option(text)), &mut Notes::new(true)).unwrap()
    }

    #[test]
    fn words_become_one_sequence() {
        for (words, expected) in [
            ("red", "\u{1b}[31m"),
            ("bold, RED", "\u{1b}[1;31m"),
            ("bg_bright_white fg_black", "\u{1b}[107;30m"),
            (
                "#ff8000 bg_#00ff7F",
                "\u{1b}[38;2;255;128;0;48;2;0;255;127m",
            ),
        ] {
            assert_eq!(lenient(words), expected);
            assert_eq!(
                style(Some(option(words)), &mut Notes::new(false)).unwrap(),
                expected
            );
        }
        assert_eq!(colour("cyan"), "\u{1b}[36m");
    }

    #[test]
    fn what_is_no_word_leaves_its_separator_or_is_an_error_at_its_place() {
        for (words, expected) in [
            ("", "\u{1b}[m"),
            (" red ", "\u{1b}[;31m"),
            ("dim,,red", "\u{1b}[2;;31m"),
            ("red nope", "\u{1b}[31;m"),
            ("#ff", "\u{1b}[38;2;255;m"),
        ] {
            assert_eq!(lenient(words), expected, "{words:?}");
            assert!(
                style(Some(option(words)), &mut Notes::new(false)).is_err(),
                "{words:?}"
            );
        }
        let error = style(Some(option("red nope")), &mut Notes::new(false)).unwrap_err();
        assert_eq!((error.offset(), error.length()), (11, 4));
    }

    #[test]
    fn a_level_has_the_style_that_javas_hash_map_hands_over_last() {
        let styles = |text| highlight(Some(option(text)), &mut Notes::new(false)).unwrap();
        assert_eq!(styles("STYLE=logback, INFO=cyan")[2], "\u{1b}[36m");
        assert_eq!(styles("info = bold  ,ERROR=red blink")[4], "\u{1b}[31;5m");
        assert_eq!(styles("FATAL=red")[4], "\u{1b}[1;31m");
        assert!(highlight(Some(option("INFO")), &mut Notes::new(false)).is_err());
        assert!(highlight(Some(option("NOPE=red")), &mut Notes::new(false)).is_err());
    }

    #[test]
    fn a_switch_anywhere_in_the_options_takes_the_colours_away() {
        let options = [option("%p"), option("INFO=red, disableAnsi=true")];
        assert!(is_disabled(&options));
        assert!(!is_disabled(&[option("disableAnsi=false")]));
    }
}
