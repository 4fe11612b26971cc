//! Locales: what of a language tag matters to a date.

use std::ops::RangeInclusive;

use super::calendar::Weeks;
use super::words::English;
use crate::layout::text::heading;

/// What of a locale shows in dates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::layout) struct Locale {
    pub(super) english: English,
    pub(super) weeks: Weeks,
    /// Whether the short names of North America's time zones are in use.
    pub(super) is_in_north_america: bool,
    /// Whether its language has the words that dates have here.
    is_english: bool,
}

/// A locale, and whether the whole tag was one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::layout) struct Reading {
    pub(in crate::layout) locale: Locale,
    pub(in crate::layout) is_whole: bool,
}

/// How weeks are counted: the first day of a week, the fewest days of a year's first week, and below
/// the regions where it is so. Everywhere else it is Monday, and 1.
///
/// From the Unicode Common Locale Data Repository (© Unicode, Inc., Unicode License V3), as Java 17 has
/// it. `tests/golden/oracle` prints the lines between the quotes: `oracle.Tables weeks`.
static WEEKS: &str = r"fri|1
 MV
mon|4
 AD AN AT AX BE BG CH CZ DE DK EE ES FI FJ FO FR GB GF GG GI GP GR HU IE IM IS IT JE LI LT LU MC
 MQ NL NO PL RE RU SE SJ SK SM VA
sat|1
 AE AF BH DJ DZ EG IQ IR JO KW LY OM QA SD SY
sun|1
 AG AS AU BD BR BS BT BW BZ CA CN CO DM DO ET GT GU HK HN ID IL IN JM JP KE KH KR LA MH MM MO MT
 MX MZ NI NP PA PE PH PK PR PY SA SG SV TH TT TW UM US VE VI WS YE ZA ZW
sun|4
 PT";

/// Days as `WEEKS` and as the extension `fw` of a language tag name them, in their order.
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// Regions with American words, where North America's names of zones are not in use all the same.
const FAR_AMERICAN: [&str; 3] = ["AE", "MH", "MP"];
/// Where a tag names no region.
const DEFAULT_REGION: &str = "US";

/// The parts of a tag.
#[derive(Debug, Default)]
struct Tag {
    language: String,
    region: String,
    /// The region that overrides it in all but words.
    counting_region: Option<String>,
    first_day: Option<i64>,
}

impl Locale {
    #[cfg(test)]
    pub(in crate::layout) const AMERICAN: Self = Self {
        english: English::American,
        weeks: Weeks {
            first: 6,
            fewest: 1,
        },
        is_in_north_america: true,
        is_english: true,
    };

    /// Reads a language tag, as far as it is one.
    pub(in crate::layout) fn read(text: &str) -> Reading {
        let (tag, is_whole) = Tag::read(text);
        Reading {
            locale: Self::new(&tag),
            is_whole,
        }
    }

    fn new(tag: &Tag) -> Self {
        // No language is any language: Java takes English.
        let is_english = matches!(&*tag.language, "" | "en" | "und");
        let english = if tag.language == "en" {
            English::of(&tag.region)
        } else {
            English::American
        };
        let region = tag.counting_region.as_ref().unwrap_or(&tag.region);
        let mut weeks = weeks(region);
        if let Some(first) = tag.first_day {
            weeks.first = first;
        }
        let is_far = tag.language == "en" && FAR_AMERICAN.contains(&&*tag.region);
        Self {
            english,
            weeks,
            is_in_north_america: !is_far
                && matches!(english, English::American | English::Canadian),
            is_english,
        }
    }

    /// Whether words of dates are in its language.
    pub(super) fn is_english(&self) -> bool {
        self.is_english
    }
}

fn weeks(region: &str) -> Weeks {
    let region = if region.is_empty() {
        DEFAULT_REGION
    } else {
        region
    };
    let read = |head: &str| {
        let (first, fewest) = head.split_once('|')?;
        Some(Weeks {
            first: first_day(first)?,
            fewest: fewest.parse().ok()?,
        })
    };
    heading(WEEKS, region).and_then(read).unwrap_or(Weeks {
        first: 0,
        fewest: 1,
    })
}

/// 0 is Monday.
fn first_day(name: &str) -> Option<i64> {
    (0..)
        .zip(DAYS)
        .find(|(_, day)| *day == name)
        .map(|(n, _)| n)
}

impl Tag {
    /// Reads as much of a tag as there is, and whether that is all.
    fn read(text: &str) -> (Self, bool) {
        let mut tag = Self::default();
        let mut parts = text.split('-').peekable();
        if let Some(language) = parts.next_if(|part| is_alpha(part, 2..=8)) {
            tag.language = language.to_ascii_lowercase();
            for _ in 0..3 {
                // Languages within a language.
                parts.next_if(|part| language.len() < 4 && is_alpha(part, 3..=3));
            }
            // The script.
            parts.next_if(|part| is_alpha(part, 4..=4));
            if let Some(region) = parts.next_if(|part| is_region(part)) {
                tag.region = region.to_ascii_uppercase();
            }
            while parts.next_if(|part| is_variant(part)).is_some() {}
            while let Some(kind) = parts.next_if(|part| part.len() == 1 && is_extension(part)) {
                let mut values = Vec::new();
                while let Some(value) = parts.next_if(|part| is_word(part, 2..=8)) {
                    values.push(value.to_ascii_lowercase());
                }
                if values.is_empty() {
                    return (tag, false);
                }
                if kind.eq_ignore_ascii_case("u") {
                    tag.extend(&values);
                }
            }
        }
        if parts
            .next_if(|part| part.eq_ignore_ascii_case("x"))
            .is_some()
        {
            let mut count = 0;
            while parts.next_if(|part| is_word(part, 1..=8)).is_some() {
                count += 1;
            }
            return (tag, count > 0 && parts.next().is_none());
        }
        let is_whole = !tag.language.is_empty() && parts.next().is_none();
        (tag, is_whole)
    }

    /// Takes what is said of weeks: `fw`, their first day, and `rg`, the region that counts them.
    fn extend(&mut self, values: &[String]) {
        for (key, value) in values.iter().zip(values.iter().skip(1)) {
            match &**key {
                "fw" => self.first_day = first_day(value),
                "rg" => {
                    let region = value.strip_suffix("zzzz").filter(|rg| is_alpha(rg, 2..=2));
                    self.counting_region = region.map(str::to_ascii_uppercase);
                }
                _ => {}
            }
        }
    }
}

fn is_alpha(part: &str, lengths: RangeInclusive<usize>) -> bool {
    lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphabetic())
}

fn is_word(part: &str, lengths: RangeInclusive<usize>) -> bool {
    lengths.contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn is_region(part: &str) -> bool {
    is_alpha(part, 2..=2) || part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_variant(part: &str) -> bool {
    let has_digit = part.starts_with(|first: char| first.is_ascii_digit());
    is_word(part, 5..=8) || has_digit && is_word(part, 4..=4)
}

fn is_extension(part: &str) -> bool {
    is_word(part, 1..=1) && !part.eq_ignore_ascii_case("x")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn weeks_of(tag: &str) -> (i64, i64) {
        let Weeks { first, fewest } = Locale::read(tag).locale.weeks;
        (first, fewest)
    }

    #[test]
    fn tags_are_read_as_far_as_they_are_well_formed() {
        for whole in [
            "en",
            "en-US",
            "de-de",
            "zh-Hans-CN",
            "zh-yue-HK",
            "es-419",
            "sl-rozaj-biske",
            "de-CH-1901",
            "th-TH-u-ca-buddhist-nu-thai",
            "en-US-x-lvariant-POSIX",
            "x-whatever",
            "und",
        ] {
            assert!(Locale::read(whole).is_whole, "{whole}");
        }
        for part in [
            "",
            "e",
            "en_US",
            "nope nope",
            "en-",
            "en--US",
            "en-US-u",
            "en-x",
            "x",
            "en-US-US",
            "en-é",
            "de-toolongtag",
        ] {
            assert!(!Locale::read(part).is_whole, "{part}");
        }
        // What comes before the mistake is heeded.
        assert_eq!(weeks_of("de-DE-"), (0, 4));
    }

    #[test]
    fn the_region_decides_how_weeks_are_counted() {
        assert_eq!(weeks_of("en-US"), (6, 1));
        assert_eq!(weeks_of("fr"), (6, 1));
        assert_eq!(weeks_of("de-de"), (0, 4));
        assert_eq!(weeks_of("pt-PT"), (6, 4));
        assert_eq!(weeks_of("dv-MV"), (4, 1));
        assert_eq!(weeks_of("ar-EG"), (5, 1));
        assert_eq!(weeks_of("zz-ZZ"), (0, 1));
        assert_eq!(weeks_of("es-419"), (0, 1));
    }

    #[test]
    fn extensions_decide_before_the_region() {
        assert_eq!(weeks_of("de-DE-u-fw-sun"), (6, 4));
        assert_eq!(weeks_of("de-DE-u-rg-uszzzz"), (6, 1));
        assert_eq!(weeks_of("en-US-u-ca-gregory-rg-gbzzzz-fw-tue"), (1, 4));
        assert_eq!(weeks_of("en-US-u-fw-nope"), (6, 1));
    }

    #[test]
    fn words_are_english_and_names_of_zones_are_where_they_are_in_use() {
        let read = |tag: &str| Locale::read(tag).locale;
        assert_eq!(read("en-US"), Locale::AMERICAN);
        assert_eq!(read("en-GB").english, English::British);
        assert!(!read("en-GB").is_in_north_america);
        assert!(read("en-CA").is_in_north_america);
        assert!(!read("en-AE").is_in_north_america);
        assert!(read("en-JP").is_in_north_america);
        let german = read("de-AU");
        assert!(!german.is_english());
        assert_eq!(german.english, English::American);
    }

    #[test]
    fn every_line_of_the_table_of_weeks_can_be_read() {
        for line in WEEKS.lines().filter(|line| !line.starts_with(' ')) {
            let (first, fewest) = line.split_once('|').unwrap();
            assert!(
                first_day(first).is_some() && fewest.parse::<i64>().is_ok(),
                "{line}"
            );
        }
    }
}
