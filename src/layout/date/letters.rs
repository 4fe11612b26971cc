//! The letters of a date format: each run of one letter is an item.

use crate::layout::zone::NameForm;

/// One item of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Item {
    /// As it stands.
    Literal(String),
    /// A number, with zeros in front up to the width.
    Number(Number, usize),
    /// The last two digits of a number.
    TwoDigits(Number),
    /// A word, in one of three lengths.
    Word(Word, Style),
    /// The distance from Greenwich.
    Offset(Offset),
    /// The name of the zone, as it was given.
    ZoneId,
    /// The name of the zone at that time.
    ZoneName(NameForm),
    /// So many digits of the second's fraction.
    Fraction(usize),
}

/// What a number counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Day,
    DayOfYear,
    /// 1 to 12.
    HourOfHalf,
    /// 0 to 11.
    HourOfHalfFromZero,
    /// 0 to 23.
    Hour,
    /// 1 to 24.
    HourFromOne,
    MilliOfDay,
    Minute,
    ModifiedJulianDay,
    Month,
    NanoOfDay,
    NanoOfSecond,
    Quarter,
    Second,
    UnixMillis,
    UnixSeconds,
    Week,
    WeekOfMonth,
    /// 1 is Sunday.
    Weekday,
    WeekdayInMonth,
    WeekYear,
    Year,
    YearOfEra,
}

impl Number {
    pub(super) fn is_year(self) -> bool {
        matches!(self, Self::Year | Self::YearOfEra | Self::WeekYear)
    }
}

/// What a word names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Era,
    HalfOfDay,
    /// As a title; a month of a date is shortened in another way in some places.
    LoneMonth,
    Month,
    /// The part of the day.
    Period,
    Quarter,
    Weekday,
}

/// How long a word is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Short,
    Full,
    Narrow,
}

/// How a distance from Greenwich is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Offset {
    pub(super) form: OffsetForm,
    /// `Z` stands for none.
    pub(super) has_z: bool,
}

impl Offset {
    pub(super) const LONG_GMT: Self = Self {
        form: OffsetForm::LongGmt,
        has_z: false,
    };
}

/// The parts of an offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OffsetForm {
    /// `+02`, `+0530`
    HourAndMaybeMinute,
    /// `+0200`; the flags are for a colon, and for seconds where there are some.
    Full { has_colon: bool, has_seconds: bool },
    /// `GMT+2`, `GMT+5:30`
    ShortGmt,
    /// `GMT+02:00`
    LongGmt,
}

/// Why letters are refused.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) length: usize,
    pub(super) what: &'static str,
    pub(super) hint: &'static str,
}

/// The widest a number may be.
const MAX_WIDTH: usize = 19;
/// The widest a year may be: Java's table of powers ends there.
const MAX_YEAR_WIDTH: usize = 10;

impl Item {
    pub(super) fn unix_seconds() -> Self {
        Self::Number(Number::UnixSeconds, 1)
    }

    pub(super) fn unix_millis() -> Self {
        Self::Number(Number::UnixMillis, 1)
    }

    /// How many digits after the second's point change this item.
    pub(super) fn precision(&self) -> u32 {
        match self {
            Self::Number(Number::NanoOfDay | Number::NanoOfSecond, _) => 9,
            Self::Number(Number::MilliOfDay | Number::UnixMillis, _) => 3,
            Self::Fraction(digits) => u32::try_from(*digits).unwrap_or(9),
            _ => 0,
        }
    }

    /// Whether it changes with whole seconds only, fractions apart.
    pub(super) fn is_steady(&self) -> bool {
        matches!(self, Self::Fraction(_)) || self.precision() == 0
    }

    /// Whether it has words, which differ between languages.
    pub(super) fn is_word(&self) -> bool {
        matches!(self, Self::Word(..) | Self::ZoneName(_))
    }
}

/// Reads a whole format.
pub(super) fn compile(pattern: &str) -> Result<Vec<Item>, Fault> {
    let mut items = Vec::new();
    let mut rest = pattern;
    while let Some(c) = rest.chars().next() {
        let at = pattern.len() - rest.len();
        if c == '\'' {
            let (text, length) = quoted(rest).ok_or(Fault {
                at,
                length: rest.len(),
                what: "a quote without an end:",
                hint: "a quote in a date is written `''`",
            })?;
            push_literal(&mut items, &text);
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        let after = rest.trim_start_matches(c);
        let run = rest.len() - after.len();
        if c.is_ascii_alphabetic() {
            match item(c, run) {
                Known::Item(item) => items.push(item),
                Known::Not => push_literal(&mut items, rest.get(..run).unwrap_or_default()),
                Known::Bad(what) => {
                    return Err(Fault {
                        at,
                        length: run,
                        what,
                        hint: "",
                    });
                }
            }
        } else {
            push_literal(&mut items, rest.get(..run).unwrap_or_default());
        }
        rest = after;
    }
    Ok(items)
}

/// The first letter outside of quotes that prints itself, save `T`, which everybody writes so.
pub(super) fn stray_letter(pattern: &str) -> Option<(usize, char)> {
    let mut is_quoted = false;
    pattern.char_indices().find(|(_, c)| {
        is_quoted ^= *c == '\'';
        let is_letter = c.is_ascii_alphabetic() && *c != 'T';
        is_letter && !is_quoted && matches!(item(*c, 1), Known::Not)
    })
}

fn push_literal(items: &mut Vec<Item>, text: &str) {
    if let Some(Item::Literal(before)) = items.last_mut() {
        before.push_str(text);
    } else {
        items.push(Item::Literal(text.to_owned()));
    }
}

/// What a quote at the beginning of `rest` stands for, and how long it is.
fn quoted(rest: &str) -> Option<(String, usize)> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1).peekable();
    while let Some((at, c)) = chars.next() {
        if c != '\'' {
            text.push(c);
        } else if chars.next_if(|(_, c)| *c == '\'').is_some() {
            text.push('\'');
        } else {
            if text.is_empty() {
                text.push('\'');
            }
            return Some((text, at + 1));
        }
    }
    None
}

/// What a run of one letter is.
enum Known {
    Item(Item),
    /// It prints itself.
    Not,
    /// The reason.
    Bad(&'static str),
}

const WRONG_COUNT: &str = "wrong number of letters";

fn item(letter: char, count: usize) -> Known {
    let item = match letter {
        'y' => year(Number::YearOfEra, count),
        'u' => year(Number::Year, count),
        'Y' => year(Number::WeekYear, count),
        'G' => word(Word::Era, count, 1),
        'E' => word(Word::Weekday, count, 1),
        'M' => number_or_word(Number::Month, Word::Month, count),
        'L' => number_or_word(Number::Month, Word::LoneMonth, count),
        'Q' | 'q' => number_or_word(Number::Quarter, Word::Quarter, count),
        'e' | 'c' if letter == 'e' || count != 2 => {
            number_or_word(Number::Weekday, Word::Weekday, count)
        }
        'a' => (count == 1).then_some(Item::Word(Word::HalfOfDay, Style::Short)),
        'W' => number(Number::WeekOfMonth, count, 1),
        'F' => number(Number::WeekdayInMonth, count, 1),
        'w' => number(Number::Week, count, 2),
        'd' => number(Number::Day, count, 2),
        'H' => number(Number::Hour, count, 2),
        'k' => number(Number::HourFromOne, count, 2),
        'K' => number(Number::HourOfHalfFromZero, count, 2),
        'h' => number(Number::HourOfHalf, count, 2),
        'm' => number(Number::Minute, count, 2),
        's' => number(Number::Second, count, 2),
        'D' => number(Number::DayOfYear, count, 3),
        'g' => number(Number::ModifiedJulianDay, count, MAX_WIDTH),
        'n' => number(Number::NanoOfSecond, count, MAX_WIDTH),
        'A' => number(Number::MilliOfDay, count, MAX_WIDTH),
        'N' => number(Number::NanoOfDay, count, MAX_WIDTH),
        'S' => (count <= 9).then_some(Item::Fraction(count)),
        'V' => (count == 2).then_some(Item::ZoneId),
        'z' => (count <= 4).then_some(zone_name(count, false)),
        'v' => matches!(count, 1 | 4).then_some(zone_name(count, true)),
        'B' if matches!(count, 2 | 3) => None,
        'B' => word(Word::Period, count, 1),
        'e' | 'c' => None,
        'O' | 'X' | 'x' | 'Z' => offset(letter, count).map(Item::Offset),
        _ => return Known::Not,
    };
    item.map_or(Known::Bad(WRONG_COUNT), Known::Item)
}

fn number(number: Number, count: usize, most: usize) -> Option<Item> {
    (count <= most).then_some(Item::Number(number, count))
}

fn year(number: Number, count: usize) -> Option<Item> {
    match count {
        2 => Some(Item::TwoDigits(number)),
        _ => (count <= MAX_YEAR_WIDTH).then_some(Item::Number(number, count)),
    }
}

fn zone_name(count: usize, is_generic: bool) -> Item {
    Item::ZoneName(NameForm {
        is_long: count == 4,
        is_generic,
    })
}

fn word(word: Word, count: usize, shortest: usize) -> Option<Item> {
    let style = match count {
        4 => Style::Full,
        5 => Style::Narrow,
        _ if (shortest..4).contains(&count) => Style::Short,
        _ => return None,
    };
    Some(Item::Word(word, style))
}

fn number_or_word(counted: Number, named: Word, count: usize) -> Option<Item> {
    match count {
        1 | 2 => number(counted, count, 2),
        _ => word(named, count, 3),
    }
}

fn offset(letter: char, count: usize) -> Option<Offset> {
    let full = |has_colon, has_seconds| OffsetForm::Full {
        has_colon,
        has_seconds,
    };
    let form = match (letter, count) {
        ('O', 1) => OffsetForm::ShortGmt,
        ('O' | 'Z', 4) => OffsetForm::LongGmt,
        ('X' | 'x', 1) => OffsetForm::HourAndMaybeMinute,
        ('X' | 'x', 2) | ('Z', 1..=3) => full(false, false),
        ('X' | 'x', 3) => full(true, false),
        ('X' | 'x', 4) => full(false, true),
        ('X' | 'x' | 'Z', 5) => full(true, true),
        _ => return None,
    };
    let has_z = letter == 'X' || (letter == 'Z' && count == 5);
    Some(Offset { form, has_z })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Item {
        Item::Literal(text.to_owned())
    }

    #[test]
    fn quotes_hold_text_and_stand_for_themselves_when_doubled() {
        let hour = Item::Number(Number::Hour, 2);
        assert_eq!(compile("''''").unwrap(), [literal("'")]);
        assert_eq!(compile("'a''b'").unwrap(), [literal("a'b")]);
        assert_eq!(
            compile("''HH''").unwrap(),
            [literal("'"), hour.clone(), literal("'")]
        );
        assert_eq!(compile("'''HH'''").unwrap(), [literal("'HH'")]);
        assert_eq!(compile("'HH").unwrap_err().at, 0);
        assert_eq!(compile("HH '").unwrap_err().at, 3);
        assert_eq!(compile("😀HH").unwrap(), [literal("😀"), hour]);
    }

    #[test]
    fn counts_that_mean_nothing_are_faults() {
        for bad in [
            "yyyyyyyyyyy",
            "MMMMMM",
            "DDDD",
            "ddd",
            "SSSSSSSSSS",
            "cc",
            "aa",
            "OO",
            "VVV",
            "zzzzz",
            "vv",
            "BB",
            "BBBBBB",
        ] {
            let fault = compile(bad).unwrap_err();
            assert_eq!(fault.length, bad.len());
        }
    }

    #[test]
    fn a_stray_letter_is_found_outside_of_quotes_only() {
        assert_eq!(stray_letter("HH 'at' b"), Some((8, 'b')));
        assert_eq!(stray_letter("yyyy-MM-ddTHH 'oil'"), None);
    }
}
