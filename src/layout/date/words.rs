//! The words of dates: English, as it is written in several countries.

use super::calendar::Date;
use super::letters::Style;
use super::letters::Word;

/// The English of a country, where it differs in dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum English {
    American,
    Australian,
    British,
    Canadian,
    Irish,
    /// Everywhere else.
    Common,
}

/// The countries whose English is no American, but for Australia, Britain, Canada and Ireland.
const COMMON: &str = "001 150 AG AI AT BB BE BM BS BW BZ CC CH CK CM CX CY DE DG DK DM ER FI FJ FK \
    FM GD GG GH GI GM GY HK IL IM IN IO JE JM KE KI KN KY LC LR LS MG MO MS MT MU MW MY NA NF NG NL \
    NR NU NZ PG PH PK PN PW RW SB SC SD SE SG SH SI SL SS SX SZ TC TK TO TT TV TZ UG VC VG VU WS ZA \
    ZM ZW";

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// Monday first.
const WEEKDAYS: [&str; 7] = [
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
];
const AUSTRALIAN_WEEKDAYS: [&str; 7] = ["M.", "Tu.", "W.", "Th.", "F.", "Sa.", "Su."];
const QUARTERS: [&str; 4] = ["1st quarter", "2nd quarter", "3rd quarter", "4th quarter"];
const NARROW_QUARTERS: [&str; 4] = ["1", "2", "3", "4"];
const SHORT_QUARTERS: [&str; 4] = ["Q1", "Q2", "Q3", "Q4"];
/// Midnight, noon, morning, afternoon, evening, night.
const PERIODS: [&str; 6] = [
    "midnight",
    "noon",
    "in the morning",
    "in the afternoon",
    "in the evening",
    "at night",
];
const AUSTRALIAN_PERIODS: [&str; 6] = [
    "midnight",
    "midday",
    "morning",
    "afternoon",
    "evening",
    "night",
];
const CANADIAN_PERIODS: [&str; 6] = ["mid", "n", "mor", "aft", "eve", "night"];
/// The period that each hour is in.
const PERIOD_OF_HOUR: [usize; 24] = [
    5, 5, 5, 5, 5, 5, 2, 2, 2, 2, 2, 2, 3, 3, 3, 3, 3, 3, 4, 4, 4, 5, 5, 5,
];

impl English {
    /// The English of a region; the American where there is none.
    pub(super) fn of(region: &str) -> Self {
        match region {
            "AU" => Self::Australian,
            "CA" => Self::Canadian,
            "GB" => Self::British,
            "IE" => Self::Irish,
            _ if COMMON.split(' ').any(|common| common == region) => Self::Common,
            _ => Self::American,
        }
    }

    /// Appends a word.
    pub(super) fn write(self, word: Word, style: Style, at: (&Date, i64, i64), out: &mut Vec<u8>) {
        let (date, hour, minute) = at;
        let (full, length) = match word {
            Word::LoneMonth if self == Self::Australian => Self::American.month(date.month, style),
            Word::Month | Word::LoneMonth => self.month(date.month, style),
            Word::Weekday => self.weekday(date.weekday(), style),
            Word::HalfOfDay => (self.half_of_day(hour), usize::MAX),
            Word::Period => (self.period(hour, minute, style), usize::MAX),
            Word::Quarter => {
                let names = match style {
                    Style::Full => &QUARTERS,
                    Style::Short => &SHORT_QUARTERS,
                    Style::Narrow => &NARROW_QUARTERS,
                };
                (nth(names, (date.month - 1) / 3), usize::MAX)
            }
            Word::Era => era(date.year > 0, style),
        };
        out.extend_from_slice(full.as_bytes().get(..length).unwrap_or(full.as_bytes()));
        if self == Self::Canadian && has_dot(word, style, date.month) {
            out.push(b'.');
        }
    }

    /// A word, and how much of it is written.
    fn month(self, month: i64, style: Style) -> (&'static str, usize) {
        let length = match (self, style, month) {
            (Self::British | Self::Australian, Style::Short, 9)
            | (Self::Australian, Style::Short, 6 | 7) => 4,
            _ => letters(style),
        };
        (nth(&MONTHS, month - 1), length)
    }

    fn weekday(self, weekday: i64, style: Style) -> (&'static str, usize) {
        if self == Self::Australian && style == Style::Narrow {
            return (nth(&AUSTRALIAN_WEEKDAYS, weekday), usize::MAX);
        }
        (nth(&WEEKDAYS, weekday), letters(style))
    }

    fn half_of_day(self, hour: i64) -> &'static str {
        let (first, second) = match self {
            Self::American => ("AM", "PM"),
            Self::Canadian | Self::Irish => ("a.m.", "p.m."),
            Self::Australian | Self::British | Self::Common => ("am", "pm"),
        };
        if hour < 12 { first } else { second }
    }

    /// Midnight and noon have one minute.
    fn period(self, hour: i64, minute: i64, style: Style) -> &'static str {
        let index = match (hour, minute) {
            (0, 0) => 0,
            (12, 0) => 1,
            _ => usize::try_from(hour)
                .ok()
                .and_then(|hour| PERIOD_OF_HOUR.get(hour).copied())
                .unwrap_or_default(),
        };
        let is_narrow = style == Style::Narrow;
        let names = match (self, index) {
            (Self::Australian, _) if is_narrow => &AUSTRALIAN_PERIODS,
            (Self::Australian, 1) => &AUSTRALIAN_PERIODS,
            (Self::Canadian, _) if is_narrow => &CANADIAN_PERIODS,
            (_, 0) if is_narrow => return "mi",
            (_, 1) if is_narrow => return "n",
            _ => &PERIODS,
        };
        names.get(index).copied().unwrap_or_default()
    }
}

/// Whether Canadians abbreviate with a dot; there is nothing to abbreviate in May.
fn has_dot(word: Word, style: Style, month: i64) -> bool {
    let is_cut = match word {
        Word::Month | Word::LoneMonth => month != 5,
        Word::Weekday => true,
        Word::Era | Word::HalfOfDay | Word::Period | Word::Quarter => false,
    };
    style == Style::Short && is_cut
}

fn letters(style: Style) -> usize {
    match style {
        Style::Full => usize::MAX,
        Style::Short => 3,
        Style::Narrow => 1,
    }
}

fn era(is_ours: bool, style: Style) -> (&'static str, usize) {
    let name = match (is_ours, style) {
        (true, Style::Short) => "AD",
        (false, Style::Short) => "BC",
        (true, _) => "Anno Domini",
        (false, _) => "Before Christ",
    };
    (name, letters(style))
}

fn nth(names: &[&'static str], index: i64) -> &'static str {
    let index = usize::try_from(index).unwrap_or_default();
    names.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(english: English, word: Word, style: Style, number: i64, hour: i64) -> String {
        let mut out = Vec::new();
        english.write(word, style, (&Date::new(number), hour, 0), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn each_country_has_its_habits() {
        // 2024-09-03, a Tuesday, at five in the afternoon.
        let all = |region| {
            let english = English::of(region);
            let word = |word, style| text(english, word, style, 19_969, 17);
            [
                word(Word::Month, Style::Short),
                word(Word::LoneMonth, Style::Short),
                word(Word::Weekday, Style::Short),
                word(Word::Weekday, Style::Narrow),
                word(Word::HalfOfDay, Style::Short),
                word(Word::Period, Style::Narrow),
            ]
        };
        let long = "in the afternoon";
        assert_eq!(all(""), ["Sep", "Sep", "Tue", "T", "PM", long]);
        assert_eq!(all("ZZ"), all("US"));
        assert_eq!(all("NZ"), ["Sep", "Sep", "Tue", "T", "pm", long]);
        assert_eq!(all("GB"), ["Sept", "Sept", "Tue", "T", "pm", long]);
        assert_eq!(all("IE"), ["Sep", "Sep", "Tue", "T", "p.m.", long]);
        assert_eq!(all("CA"), ["Sep.", "Sep.", "Tue.", "T", "p.m.", "aft"]);
        assert_eq!(all("AU"), ["Sept", "Sep", "Tue", "Tu.", "pm", "afternoon"]);
    }

    #[test]
    fn a_day_has_six_periods() {
        let mut periods: Vec<String> = (0..24)
            .map(|hour| text(English::American, Word::Period, Style::Short, 0, hour))
            .collect();
        periods.dedup();
        assert_eq!(
            periods,
            [
                "midnight",
                "at night",
                "in the morning",
                "noon",
                "in the afternoon",
                "in the evening",
                "at night"
            ]
        );
        let mut out = Vec::new();
        let noon = (&Date::new(0), 12, 1);
        English::American.write(Word::Period, Style::Full, noon, &mut out);
        assert_eq!(out, b"in the afternoon");
    }
}
