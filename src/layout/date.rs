//! `%d`: dates by the name of a format or by letters, in a zone.

mod calendar;
mod fields;
mod letters;
mod locale;
mod shape;
mod words;

use super::notes::Notes;
use super::notes::shown;
use super::parser::OptionText;
use super::zone::Lookup;
use super::zone::Zone;
use crate::error::PatternError;
use crate::sys::Timestamp;
use fields::Moment;
use letters::Fault;
use letters::Item;
pub(super) use locale::Locale;
pub(crate) use shape::DateField;
pub(crate) use shape::DatePart;
pub(crate) use shape::DateUnit;
pub(super) use shape::Digits;
pub(super) use shape::finest;

/// Formats that have a name.
static NAMED: &[(&str, &str)] = &[
    ("DEFAULT", "yyyy-MM-dd HH:mm:ss,SSS"),
    ("DEFAULT_MICROS", "yyyy-MM-dd HH:mm:ss,SSSSSS"),
    ("DEFAULT_NANOS", "yyyy-MM-dd HH:mm:ss,SSSSSSSSS"),
    ("DEFAULT_PERIOD", "yyyy-MM-dd HH:mm:ss.SSS"),
    ("ISO8601", "yyyy-MM-dd'T'HH:mm:ss,SSS"),
    ("ISO8601_PERIOD", "yyyy-MM-dd'T'HH:mm:ss.SSS"),
    ("ISO8601_PERIOD_MICROS", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS"),
    ("ISO8601_BASIC", "yyyyMMdd'T'HHmmss,SSS"),
    ("ISO8601_BASIC_PERIOD", "yyyyMMdd'T'HHmmss.SSS"),
    ("ISO8601_OFFSET_DATE_TIME_HH", "yyyy-MM-dd'T'HH:mm:ss,SSSx"),
    (
        "ISO8601_OFFSET_DATE_TIME_HHMM",
        "yyyy-MM-dd'T'HH:mm:ss,SSSxx",
    ),
    (
        "ISO8601_OFFSET_DATE_TIME_HHCMM",
        "yyyy-MM-dd'T'HH:mm:ss,SSSxxx",
    ),
    ("ABSOLUTE", "HH:mm:ss,SSS"),
    ("ABSOLUTE_MICROS", "HH:mm:ss,SSSSSS"),
    ("ABSOLUTE_NANOS", "HH:mm:ss,SSSSSSSSS"),
    ("ABSOLUTE_PERIOD", "HH:mm:ss.SSS"),
    ("COMPACT", "yyyyMMddHHmmssSSS"),
    ("DATE", "dd MMM yyyy HH:mm:ss,SSS"),
    ("DATE_PERIOD", "dd MMM yyyy HH:mm:ss.SSS"),
    ("US_MONTH_DAY_YEAR2_TIME", "dd/MM/yy HH:mm:ss.SSS"),
    ("US_MONTH_DAY_YEAR4_TIME", "dd/MM/yyyy HH:mm:ss.SSS"),
];
const UNIX: &str = "UNIX";
const UNIX_MILLIS: &str = "UNIX_MILLIS";
/// The format where none is given, and where a given one is wrong and the reading is lenient.
const DEFAULT: &str = "yyyy-MM-dd HH:mm:ss,SSS";

/// What is so where a date does not say.
#[derive(Debug, Clone)]
pub(super) struct Defaults {
    pub(super) zone: Zone,
    pub(super) locale: Locale,
}

/// A compiled date: what `%d{…}{…}` prints.
#[derive(Debug)]
pub(super) struct DateFormat {
    items: Box<[Item]>,
    zone: Zone,
    locale: Locale,
}

/// Where the fractions of a second stand in a rendered text, so that they alone can be renewed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fractions {
    /// Position and number of digits of each; there may be fewer.
    places: [(usize, usize); Self::MAX],
    count: usize,
}

impl Fractions {
    /// The most fractions that are remembered.
    pub(super) const MAX: usize = 2;

    fn add(&mut self, at: usize, digits: usize) {
        if let Some(place) = self.places.get_mut(self.count) {
            *place = (at, digits);
        }
        self.count += 1;
    }

    /// All places; none where there were more than could be remembered.
    pub(super) fn places(&self) -> Option<&[(usize, usize)]> {
        self.places.get(..self.count)
    }
}

impl DateFormat {
    /// Reads the options of `%d`: format, zone, locale.
    pub(super) fn parse(
        options: &[OptionText<'_>],
        defaults: &Defaults,
        notes: &mut Notes,
    ) -> Result<Self, PatternError> {
        if let Some(surplus) = options.get(3) {
            notes.mistake(surplus.error("a date has three options, this is one more:"))?;
        }
        let zone = match options.get(1) {
            Some(name) => zone(*name, notes)?,
            None => Some(defaults.zone.clone()),
        };
        let locale = match options.get(2) {
            Some(tag) => locale(*tag, notes)?,
            None => defaults.locale,
        };
        let Some(option) = options.first() else {
            return Ok(Self::default_in(defaults));
        };
        let items = named(option.text).unwrap_or_else(|| letters::compile(option.text));
        match (items, zone) {
            (Ok(items), Some(zone)) => {
                look_twice(*option, &items, notes)?;
                if !locale.is_english() && items.iter().any(Item::is_word) {
                    notes.warn(foreign_words(options.get(2)));
                }
                return Ok(Self {
                    items: items.into(),
                    zone,
                    locale,
                });
            }
            (Err(fault), _) => notes.mistake(fault_error(&fault, *option))?,
            // That was noted.
            (Ok(_), None) => {}
        }
        // As Log4j does: also without the zone that was asked for.
        Ok(Self::default_in(defaults))
    }

    fn default_in(defaults: &Defaults) -> Self {
        Self {
            items: letters::compile(DEFAULT).unwrap_or_default().into(),
            zone: defaults.zone.clone(),
            locale: defaults.locale,
        }
    }

    /// How many digits after the second's point change the text.
    pub(super) fn precision(&self) -> u32 {
        self.items.iter().map(Item::precision).max().unwrap_or(0)
    }

    /// Whether within one second nothing but fractions changes.
    pub(super) fn is_steady(&self) -> bool {
        self.items.iter().all(Item::is_steady)
    }

    /// What a date looks like, a long one.
    pub(super) fn example(&self) -> Vec<u8> {
        let mut out = Vec::new();
        // A Wednesday in September.
        let stamp = Timestamp {
            seconds: 1_348_699_999,
            nanos: 123_456_789,
        };
        self.write(stamp, &mut out, &mut Fractions::default());
        out
    }

    /// Appends the date.
    pub(super) fn write(&self, stamp: Timestamp, out: &mut Vec<u8>, fractions: &mut Fractions) {
        let offset = self.zone.offset_at(stamp.seconds);
        let moment = Moment::new(stamp, offset);
        for item in &self.items {
            if let Item::Fraction(digits) = item {
                fractions.add(out.len(), *digits);
            }
            moment.write(item, &self.zone, &self.locale, out);
        }
    }
}

fn named(name: &str) -> Option<Result<Vec<Item>, Fault>> {
    match name {
        UNIX => Some(Ok(vec![Item::unix_seconds()])),
        UNIX_MILLIS => Some(Ok(vec![Item::unix_millis()])),
        _ => {
            let (_, pattern) = NAMED.iter().find(|(known, _)| *known == name)?;
            Some(letters::compile(pattern))
        }
    }
}

fn fault_error(fault: &Fault, option: OptionText<'_>) -> PatternError {
    let part = option.text.get(fault.at..fault.at + fault.length);
    let part = shown(part.unwrap_or_default());
    let error = PatternError::new(
        option.offset + fault.at,
        fault.length,
        format!("{} `{part}` in a date", fault.what),
    );
    error.hint(fault.hint)
}

/// Refuses what is no mistake to Log4j but prints what nobody meant.
fn look_twice(
    option: OptionText<'_>,
    items: &[Item],
    notes: &mut Notes,
) -> Result<(), PatternError> {
    let same = |name: &&str| name.eq_ignore_ascii_case(option.text);
    let names = NAMED.iter().map(|(name, _)| *name);
    let Some(name) = names.chain([UNIX, UNIX_MILLIS]).find(same) else {
        return match letters::stray_letter(option.text) {
            Some((at, letter)) => notes.mistake(
                PatternError::new(
                    option.offset + at,
                    letter.len_utf8(),
                    format!("`{letter}` is no letter of a date"),
                )
                .hint(hint_of_stray(option.text)),
            ),
            None if items.is_empty() => {
                let message = "expected a date format, found nothing";
                notes.mistake(PatternError::new(option.offset, 0, message))
            }
            None => Ok(()),
        };
    };
    if name == option.text {
        return Ok(());
    }
    let error = option.error("unknown date format");
    notes.mistake(error.hint(format!("did you mean `{name}`?")))
}

/// Of logback is the zone behind a comma, in the same braces.
fn hint_of_stray(text: &str) -> String {
    match text.rsplit_once(',') {
        Some((date, zone)) if matches!(Zone::find(zone.trim()), Lookup::Known(_)) => {
            let zone = zone.trim();
            format!("the zone belongs in braces of its own: `{{{date}}}{{{zone}}}`")
        }
        _ => "text belongs in single quotes".to_owned(),
    }
}

/// A zone; none where Log4j does without the whole date.
fn zone(name: OptionText<'_>, notes: &mut Notes) -> Result<Option<Zone>, PatternError> {
    let error = || name.error("unknown time zone");
    match Zone::find(name.text) {
        Lookup::Known(zone) => Ok(Some(zone)),
        Lookup::Doubtful(zone, meant) => {
            let error = name.error("ambiguous time zone");
            notes.mistake(error.hint(format!("Java takes it for `{meant}`")))?;
            Ok(Some(zone))
        }
        Lookup::Unknown(Some(meant)) => {
            notes.mistake(error().hint(format!("did you mean `{meant}`?")))?;
            Ok(Some(Zone::gmt()))
        }
        Lookup::Unknown(None) => {
            let hint = "expected a name such as `Europe/Berlin`, `UTC` or `GMT+02:00`";
            notes.mistake(error().hint(hint))?;
            Ok(Some(Zone::gmt()))
        }
        Lookup::TooFar => {
            let error = name.error("a time zone too far from Greenwich:");
            notes.mistake(error.hint("18 hours are the most"))?;
            Ok(None)
        }
    }
}

fn locale(tag: OptionText<'_>, notes: &mut Notes) -> Result<Locale, PatternError> {
    let reading = Locale::read(tag.text);
    if !reading.is_whole {
        notes.mistake(tag.error("no language tag:").hint(TAG_HINT))?;
    }
    Ok(reading.locale)
}

/// The default locale of a layout.
pub(super) fn default_locale(tag: &str, notes: &mut Notes) -> Result<Locale, PatternError> {
    let reading = Locale::read(tag);
    if !reading.is_whole {
        let message = format!("`{}` is no language tag", shown(tag));
        notes.mistake(PatternError::beside(message).hint(TAG_HINT))?;
    }
    Ok(reading.locale)
}

const TAG_HINT: &str = "expected a language and a region, such as `en-GB`";

/// Words are English, whatever the language.
fn foreign_words(tag: Option<&OptionText<'_>>) -> PatternError {
    let error = match tag {
        Some(tag) => tag.error("a date has no words in the language of"),
        None => PatternError::beside("a date has no words in the language of the layout's locale"),
    };
    error.hint("they are English")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str], lenient: bool) -> Result<DateFormat, PatternError> {
        let options: Vec<OptionText<'_>> = options
            .iter()
            .map(|text| OptionText { text, offset: 3 })
            .collect();
        DateFormat::parse(&options, &defaults(), &mut Notes::new(lenient))
    }

    fn defaults() -> Defaults {
        Defaults {
            zone: Zone::utc(),
            locale: Locale::AMERICAN,
        }
    }

    fn warnings(options: &[&str], locale: &str, lenient: bool) -> Vec<String> {
        let mut notes = Notes::new(lenient);
        let defaults = Defaults {
            locale: default_locale(locale, &mut notes).unwrap(),
            ..defaults()
        };
        let options: Vec<OptionText<'_>> = options
            .iter()
            .map(|text| OptionText { text, offset: 3 })
            .collect();
        DateFormat::parse(&options, &defaults, &mut notes).unwrap();
        let warnings = notes.into_warnings();
        warnings.iter().map(ToString::to_string).collect()
    }

    fn text(date: &DateFormat, seconds: i64, nanos: u32) -> String {
        let mut out = Vec::new();
        let stamp = Timestamp { seconds, nanos };
        date.write(stamp, &mut out, &mut Fractions::default());
        String::from_utf8(out).unwrap()
    }

    const NOV_2012: i64 = 1_351_866_842;

    #[test]
    fn every_named_format_is_made_of_letters() {
        for (name, _) in NAMED {
            let date = parse(&[name], false).unwrap();
            assert!(!text(&date, NOV_2012, 123_456_789).is_empty(), "{name}");
        }
        let date = parse(&[], false).unwrap();
        assert_eq!(
            text(&date, NOV_2012, 123_456_789),
            "2012-11-02 14:34:02,123"
        );
    }

    #[test]
    fn unix_times_count_from_the_epoch_in_both_directions() {
        let seconds = parse(&["UNIX"], false).unwrap();
        let millis = parse(&["UNIX_MILLIS"], false).unwrap();
        assert_eq!(text(&seconds, -2, 500_000_000), "-2");
        assert_eq!(text(&millis, -2, 500_000_000), "-1500");
        assert_eq!(text(&millis, 1_700_000_000, 999_999_999), "1700000000999");
    }

    #[test]
    fn a_bad_date_is_an_error_or_the_default() {
        for bad in ["sss", "'abc", "HHH", "V"] {
            let error = parse(&[bad], false).unwrap_err();
            assert_eq!(error.offset(), 3, "{error}");
            let date = parse(&[bad, "Asia/Tokyo"], true).unwrap();
            assert_eq!(text(&date, 0, 0), "1970-01-01 00:00:00,000", "{bad}");
        }
    }

    #[test]
    fn what_nobody_means_is_refused_when_strict() {
        for odd in [
            &["iso8601"][..],
            &["HHx", "UTC", "en", "x"],
            &["HH b"],
            &[""],
        ] {
            assert!(parse(odd, false).is_err(), "{odd:?}");
            assert!(parse(odd, true).is_ok(), "{odd:?}");
        }
    }

    #[test]
    fn foreign_words_are_english_and_a_warning_says_so_in_both_modes() {
        for lenient in [false, true] {
            let says = |options: &[&str], locale| warnings(options, locale, lenient);
            for quiet in ["HH:mm", "w", "yyyy-MM-dd"] {
                assert!(
                    says(&[quiet, "UTC", "de-DE"], "en-US").is_empty(),
                    "{quiet}"
                );
                assert!(says(&[quiet], "de-DE").is_empty(), "{quiet}");
            }
            assert!(says(&["MMM B zzzz", "UTC", "en-GB"], "de-DE").is_empty());
            for word in ["MMM", "E", "a", "B", "zzzz", "G"] {
                assert_eq!(
                    says(&[word, "UTC", "de-DE"], "en-US"),
                    ["a date has no words in the language of `de-DE` at byte 3; they are English"]
                );
                assert_eq!(
                    says(&[word], "de-DE"),
                    [
                        "a date has no words in the language of the layout's locale; they are English"
                    ]
                );
            }
        }
        let date = parse(&["MMM w", "UTC", "de-DE"], false).unwrap();
        assert_eq!(text(&date, NOV_2012, 0), "Nov 44");
    }

    #[test]
    fn what_is_no_language_tag_is_a_mistake() {
        for bad in ["nope nope", "de_DE", ""] {
            assert!(parse(&["MMM", "UTC", bad], false).is_err(), "{bad}");
            let date = parse(&["MMM w", "UTC", bad], true).unwrap();
            assert_eq!(text(&date, NOV_2012, 0), "Nov 44", "{bad}");
            assert!(default_locale(bad, &mut Notes::new(false)).is_err());
            assert_eq!(warnings(&[], bad, true).len(), 1);
        }
    }

    #[test]
    fn a_zone_too_far_away_costs_the_whole_date() {
        assert!(parse(&["HH", "GMT+19"], false).is_err());
        let date = parse(&["HH", "GMT+19"], true).unwrap();
        assert_eq!(text(&date, 0, 0), "1970-01-01 00:00:00,000");
    }
}
