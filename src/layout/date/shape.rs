//! What texts a date can be, and which units of time they tell apart.

use std::collections::BTreeSet;

use super::DateFormat;
use super::calendar::Date;
use super::letters::Item;
use super::letters::Number;
use super::letters::Offset;
use super::letters::OffsetForm;
use super::letters::Style;
use super::letters::Word;
use super::locale::Locale;
use crate::layout::text::push_padded;

/// A unit of time that a date tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum DateUnit {
    Second,
    Minute,
    Hour,
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// A part of a date, as it can be found again in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DatePart {
    /// As it stands.
    Text(String),
    /// What a regular expression matches.
    Match {
        field: Option<DateField>,
        regex: String,
        digits: Digits,
    },
}

/// Whether a part runs into digits beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Digits {
    /// It begins with none, and where it ends is clear.
    No,
    /// Always as many.
    Fixed,
    /// One more may be part of it.
    Loose,
}

/// A number that means the same wherever it stands in dates of one zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum DateField {
    Year,
    Month,
    Day,
    DayOfYear,
    Hour,
    Minute,
    Second,
}

/// What a date says, as far as it tells times apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::layout) enum Fact {
    Instant,
    DayNumber,
    Year,
    Quarter,
    Month,
    Day,
    DayOfYear,
    WeekYear,
    Week,
    Weekday,
    Hour,
    HourOfHalf,
    Half,
    Minute,
    Second,
    TimeOfDay,
}

/// The smallest unit of which no two are printed alike, by all that dates in one zone say.
///
/// A month without its year, or an hour of twelve without its half of the day, tells nothing apart.
pub(in crate::layout) fn finest(facts: &[Fact]) -> Option<DateUnit> {
    let has = |fact| facts.contains(&fact);
    let year = has(Fact::Year);
    let month = year && has(Fact::Month);
    let week = has(Fact::WeekYear) && has(Fact::Week);
    let day = has(Fact::DayNumber)
        || (month && has(Fact::Day))
        || (year && has(Fact::DayOfYear))
        || (week && has(Fact::Weekday));
    let hour = day && (has(Fact::Hour) || (has(Fact::HourOfHalf) && has(Fact::Half)));
    let minute = hour && has(Fact::Minute);
    let second = minute && has(Fact::Second);
    let units = [
        (
            DateUnit::Second,
            second || has(Fact::Instant) || (day && has(Fact::TimeOfDay)),
        ),
        (DateUnit::Minute, minute),
        (DateUnit::Hour, hour),
        (DateUnit::Day, day),
        (DateUnit::Week, week),
        (DateUnit::Month, month),
        (DateUnit::Quarter, year && has(Fact::Quarter)),
        (DateUnit::Year, year),
    ];
    let told = units.into_iter().find(|(_, is_told)| *is_told);
    told.map(|(unit, _)| unit)
}

impl DateFormat {
    /// What this date says.
    pub(in crate::layout) fn facts(&self) -> Vec<Fact> {
        self.items.iter().filter_map(fact).collect()
    }

    /// What this date can be.
    pub(in crate::layout) fn parts(&self) -> Vec<DatePart> {
        self.items.iter().map(|item| self.part(item)).collect()
    }

    pub(in crate::layout) fn zone_id(&self) -> &str {
        self.zone.id()
    }

    fn digits(&self, item: &Item) -> Digits {
        match item {
            Item::Number(number, width) => {
                let is_fixed = match range(*number) {
                    Some((_, last)) => last.to_string().len() <= *width,
                    // Years of five digits have a sign from four letters on.
                    None => number.is_year() && *width >= 4,
                };
                if is_fixed {
                    Digits::Fixed
                } else {
                    Digits::Loose
                }
            }
            Item::TwoDigits(_) | Item::Fraction(_) | Item::Word(Word::Quarter, _) => Digits::Fixed,
            Item::Offset(_) => Digits::Loose,
            Item::ZoneName(form) => {
                let names = self.zone.names(*form, self.locale.is_in_north_america);
                if names.is_empty() {
                    Digits::Loose
                } else {
                    Digits::No
                }
            }
            Item::Literal(_) | Item::Word(..) | Item::ZoneId => Digits::No,
        }
    }

    fn part(&self, item: &Item) -> DatePart {
        let regex = match item {
            Item::Literal(text) => return DatePart::Text(text.clone()),
            Item::ZoneId => return DatePart::Text(self.zone.id().to_owned()),
            Item::Number(number, width) => number_regex(*number, *width),
            Item::TwoDigits(_) => "[0-9]{2}".to_owned(),
            Item::Fraction(digits) => format!("[0-9]{{{digits}}}"),
            Item::Word(word, style) => alternatives(words(*word, *style, &self.locale)),
            Item::Offset(offset) => offset_regex(*offset),
            Item::ZoneName(form) => {
                let names = self.zone.names(*form, self.locale.is_in_north_america);
                if names.is_empty() {
                    offset_regex(Offset::LONG_GMT)
                } else {
                    alternatives(names.into_iter().map(str::to_owned))
                }
            }
        };
        let field = match item {
            Item::Number(number, _) => field(*number),
            _ => None,
        };
        DatePart::Match {
            field,
            regex,
            digits: self.digits(item),
        }
    }
}

fn field(number: Number) -> Option<DateField> {
    match number {
        Number::Year | Number::YearOfEra => Some(DateField::Year),
        Number::Month => Some(DateField::Month),
        Number::Day => Some(DateField::Day),
        Number::DayOfYear => Some(DateField::DayOfYear),
        Number::Hour => Some(DateField::Hour),
        Number::Minute => Some(DateField::Minute),
        Number::Second => Some(DateField::Second),
        _ => None,
    }
}

fn fact(item: &Item) -> Option<Fact> {
    let fact = match item {
        Item::Number(number, _) | Item::TwoDigits(number) => match number {
            Number::Day => Fact::Day,
            Number::DayOfYear => Fact::DayOfYear,
            Number::HourOfHalf | Number::HourOfHalfFromZero => Fact::HourOfHalf,
            Number::Hour | Number::HourFromOne => Fact::Hour,
            Number::MilliOfDay | Number::NanoOfDay => Fact::TimeOfDay,
            Number::Minute => Fact::Minute,
            Number::ModifiedJulianDay => Fact::DayNumber,
            Number::Month => Fact::Month,
            Number::Quarter => Fact::Quarter,
            Number::Second => Fact::Second,
            Number::UnixMillis | Number::UnixSeconds => Fact::Instant,
            Number::Week => Fact::Week,
            Number::Weekday => Fact::Weekday,
            Number::WeekYear => Fact::WeekYear,
            Number::Year | Number::YearOfEra => Fact::Year,
            Number::NanoOfSecond | Number::WeekOfMonth | Number::WeekdayInMonth => return None,
        },
        // Narrow words are one letter: of several months, and of several days, the same.
        Item::Word(word, style) => match word {
            Word::HalfOfDay => Fact::Half,
            Word::Quarter => Fact::Quarter,
            Word::Month | Word::LoneMonth if *style != Style::Narrow => Fact::Month,
            Word::Weekday if *style != Style::Narrow => Fact::Weekday,
            _ => return None,
        },
        Item::Literal(_)
        | Item::Offset(_)
        | Item::ZoneId
        | Item::ZoneName(_)
        | Item::Fraction(_) => return None,
    };
    Some(fact)
}

/// The least and the greatest, of numbers that are few enough to be listed.
fn range(number: Number) -> Option<(i64, i64)> {
    let range = match number {
        Number::Day => (1, 31),
        Number::DayOfYear => (1, 366),
        Number::HourOfHalf | Number::Month => (1, 12),
        Number::HourOfHalfFromZero => (0, 11),
        Number::Hour => (0, 23),
        Number::HourFromOne => (1, 24),
        Number::Minute | Number::Second => (0, 59),
        Number::Quarter => (1, 4),
        Number::Week => (1, 53),
        Number::WeekOfMonth => (0, 6),
        Number::Weekday | Number::WeekdayInMonth => (1, 7),
        Number::MilliOfDay
        | Number::ModifiedJulianDay
        | Number::NanoOfDay
        | Number::NanoOfSecond
        | Number::UnixMillis
        | Number::UnixSeconds
        | Number::WeekYear
        | Number::Year
        | Number::YearOfEra => return None,
    };
    Some(range)
}

fn number_regex(number: Number, width: usize) -> String {
    if let Some((first, last)) = range(number) {
        return alternatives((first..=last).map(|number| {
            let mut text = Vec::new();
            push_padded(&mut text, number, width);
            String::from_utf8_lossy(&text).into_owned()
        }));
    }
    let digits = format!("[0-9]{{{width}}}");
    // More digits than asked for begin with none too many.
    let more = format!("[1-9][0-9]{{{width},18}}");
    match number {
        Number::Year | Number::YearOfEra | Number::WeekYear if width >= 4 => {
            // None before Christ: files are not that old.
            format!("(?:{digits}|[+]{more})")
        }
        Number::ModifiedJulianDay | Number::UnixMillis | Number::UnixSeconds if width <= 18 => {
            format!("-?(?:{digits}|{more})")
        }
        Number::NanoOfSecond if width >= 9 => digits,
        _ if width > 18 => digits,
        _ => format!("(?:{digits}|{more})"),
    }
}

/// Every text that a word can be.
fn words(word: Word, style: Style, locale: &Locale) -> BTreeSet<String> {
    let days = (0..366).chain([-1_000_000]).map(|day| (day, 0, 0));
    let minutes = (0..24).flat_map(|hour| [(0, hour, 0), (0, hour, 1)]);
    let at = days.chain(minutes);
    at.map(|(day, hour, minute)| {
        let mut text = Vec::new();
        let at = (&Date::new(day), hour, minute);
        locale.english.write(word, style, at, &mut text);
        String::from_utf8_lossy(&text).into_owned()
    })
    .collect()
}

fn offset_regex(offset: Offset) -> String {
    const HOURS: &str = "[+-][01][0-9]";
    const PART: &str = "[0-5][0-9]";
    let regex = match offset.form {
        OffsetForm::HourAndMaybeMinute => format!("{HOURS}(?:{PART})?"),
        OffsetForm::ShortGmt => format!("GMT(?:[+-]1?[0-9](?::{PART}(?::{PART})?)?)?"),
        OffsetForm::LongGmt => format!("GMT(?:{HOURS}:{PART}(?::{PART})?)?"),
        OffsetForm::Full {
            has_colon,
            has_seconds,
        } => {
            let colon = if has_colon { ":" } else { "" };
            let seconds = if has_seconds {
                format!("(?:{colon}{PART})?")
            } else {
                String::new()
            };
            format!("{HOURS}{colon}{PART}{seconds}")
        }
    };
    if offset.has_z {
        format!("(?:Z|{regex})")
    } else {
        regex
    }
}

fn alternatives(texts: impl IntoIterator<Item = String>) -> String {
    let texts = texts.into_iter().map(|text| regex::escape(&text));
    format!("(?:{})", texts.collect::<Vec<_>>().join("|"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::date::letters::compile;

    fn told(pattern: &str) -> Option<DateUnit> {
        let facts: Vec<Fact> = compile(pattern).unwrap().iter().filter_map(fact).collect();
        finest(&facts)
    }

    #[test]
    fn the_finest_unit_is_one_that_all_coarser_ones_are_printed_with() {
        for (pattern, unit) in [
            ("yyyy", Some(DateUnit::Year)),
            ("yyyy-MM", Some(DateUnit::Month)),
            ("yy MMM", Some(DateUnit::Month)),
            ("yyyy-'Q'Q", Some(DateUnit::Quarter)),
            ("YYYY-'W'ww", Some(DateUnit::Week)),
            ("yyyy-'W'ww", Some(DateUnit::Year)),
            ("YYYY-'W'ww-e", Some(DateUnit::Day)),
            ("yyyy-MM-dd", Some(DateUnit::Day)),
            ("yyyyDDD", Some(DateUnit::Day)),
            ("g", Some(DateUnit::Day)),
            ("yyyy-MM-dd-HH", Some(DateUnit::Hour)),
            ("yyyy-MM-dd-hh", Some(DateUnit::Day)),
            ("yyyy-MM-dd-hh-a", Some(DateUnit::Hour)),
            ("yyyy-MM-dd-kk", Some(DateUnit::Hour)),
            ("yyyy-MM-dd HH:mm", Some(DateUnit::Minute)),
            ("yyyy-MM-dd HH:mm:ss", Some(DateUnit::Second)),
            ("yyyy-MM-dd-mm", Some(DateUnit::Day)),
            ("yyyy-MMMMM", Some(DateUnit::Year)),
            ("yyyy-dd", Some(DateUnit::Year)),
            ("MM-dd", None),
            ("HH", None),
            ("'text'", None),
        ] {
            assert_eq!(told(pattern), unit, "{pattern}");
        }
    }
}
