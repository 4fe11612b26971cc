//! The fields of a cron expression: Quartz' syntax checked and written out as croner has it.

use std::collections::BTreeSet;

/// What a field counts.
#[derive(Debug)]
pub(super) struct Field {
    name: &'static str,
    first: u16,
    last: u16,
    /// Words for the numbers from `first` on.
    words: &'static [&'static str],
    days: Days,
}

/// Whether a field is one of the two that know days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Days {
    OfMonth,
    OfWeek,
    No,
}

const MONTHS: &[&str] = &[
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];
/// Sunday is 1.
const WEEKDAYS: &[&str] = &["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

pub(super) static FIELDS: [Field; 7] = [
    Field::new("seconds", 0, 59, &[], Days::No),
    Field::new("minutes", 0, 59, &[], Days::No),
    Field::new("hours", 0, 23, &[], Days::No),
    Field::new("the day of the month", 1, 31, &[], Days::OfMonth),
    Field::new("the month", 1, 12, MONTHS, Days::No),
    Field::new("the day of the week", 1, 7, WEEKDAYS, Days::OfWeek),
    Field::new("years", 1970, 4999, &[], Days::No),
];

impl Field {
    const fn new(
        name: &'static str,
        first: u16,
        last: u16,
        words: &'static [&'static str],
        days: Days,
    ) -> Self {
        Self {
            name,
            first,
            last,
            words,
            days,
        }
    }

    /// The field in croner's syntax: `*` for all, or numbers and what only days know. The error says
    /// what was expected.
    pub(super) fn read(&self, text: &str) -> Result<String, String> {
        if text == "*" || (text == "?" && self.days != Days::No) {
            return Ok("*".to_owned());
        }
        let mut numbers = BTreeSet::new();
        let mut others = Vec::new();
        for part in text.split(',') {
            match self.special(part)? {
                Some(special) => others.push(special),
                None => self.add(part, &mut numbers)?,
            }
        }
        let all = usize::from(self.last - self.first) + 1;
        if numbers.len() == all {
            return Ok("*".to_owned());
        }
        let numbers = numbers.iter().map(u16::to_string);
        Ok(numbers.chain(others).collect::<Vec<_>>().join(","))
    }

    /// What only days know: `L`, `W`, `#`.
    fn special(&self, part: &str) -> Result<Option<String>, String> {
        let upper = part.to_ascii_uppercase();
        match self.days {
            Days::No => Ok(None),
            Days::OfMonth => match upper.strip_suffix('W') {
                Some("L") => Ok(Some(upper)),
                Some(day) => {
                    let day = self.number(day, part)?;
                    Ok(Some(format!("{day}W")))
                }
                None if upper == "L" => Ok(Some(upper)),
                None if upper.starts_with("L-") => Err(format!(
                    "a day from 1 to 31, `L` or `LW` in {}, found `{part}`",
                    self.name
                )),
                None => Ok(None),
            },
            Days::OfWeek => {
                if upper == "L" {
                    return Ok(Some("7".to_owned()));
                }
                if let Some(day) = upper.strip_suffix('L') {
                    let day = self.number(day, part)?;
                    return Ok(Some(format!("{day}#L")));
                }
                let Some((day, which)) = upper.split_once('#') else {
                    return Ok(None);
                };
                let day = self.number(day, part)?;
                if !matches!(which, "1" | "2" | "3" | "4" | "5") {
                    return Err(format!(
                        "a number from 1 to 5 behind `#` in {}, found `{part}`",
                        self.name
                    ));
                }
                Ok(Some(format!("{day}#{which}")))
            }
        }
    }

    /// `a`, `a-b`, `*`, each with `/step` or without. A range may go over the end: `22-2`.
    fn add(&self, part: &str, numbers: &mut BTreeSet<u16>) -> Result<(), String> {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(self.step(step, part)?)),
            None => (part, None),
        };
        let (from, to) = match range.split_once('-') {
            Some((from, to)) => (self.number(from, part)?, self.number(to, part)?),
            None if step.is_some() && matches!(range, "*" | "") => (self.first, self.last),
            None => {
                let from = self.number(range, part)?;
                (from, if step.is_some() { self.last } else { from })
            }
        };
        let count = self.last - self.first + 1;
        let length = if to >= from {
            to - from
        } else if self.first == 1970 {
            return Err(self.expected(part));
        } else {
            count - from + to
        };
        for distance in (0..=length).step_by(step.unwrap_or(1).into()) {
            let number = from - self.first + distance;
            numbers.insert(number % count + self.first);
        }
        Ok(())
    }

    fn step(&self, text: &str, part: &str) -> Result<u16, String> {
        let most = self.last - self.first + 1;
        number(text)
            .filter(|step| (1..=most).contains(step))
            .ok_or_else(|| format!("a step from 1 to {most} in {}, found `{part}`", self.name))
    }

    fn number(&self, text: &str, part: &str) -> Result<u16, String> {
        let by_word = |word: &&str| word.eq_ignore_ascii_case(text);
        let number = match self.words.iter().position(by_word) {
            Some(index) => u16::try_from(index).ok().map(|index| index + self.first),
            None => number(text),
        };
        number
            .filter(|number| (self.first..=self.last).contains(number))
            .ok_or_else(|| self.expected(part))
    }

    fn expected(&self, part: &str) -> String {
        let words = match (self.words.first(), self.words.last()) {
            (Some(first), Some(last)) => format!(" or `{first}` to `{last}`"),
            _ => String::new(),
        };
        format!(
            "numbers from {} to {}{words} in {}, found `{part}`",
            self.first, self.last, self.name
        )
    }
}

/// Digits only: no sign, no spaces.
fn number(text: &str) -> Option<u16> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}
