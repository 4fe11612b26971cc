//! `%d`: dates by the name of a format or by letters, in a zone.

mod fields;
mod letters;

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

/// A compiled date: what `%d{…}{…}` prints.
#[derive(Debug)]
pub(super) struct DateFormat {
    items: Box<[Item]>,
    zone: Zone,
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
        default_zone: &Zone,
        notes: &mut Notes,
    ) -> Result<Self, PatternError> {
        if let Some(surplus) = options.get(3) {
            notes.mistake(surplus.error("a date has three options, this is one more:"))?;
        }
        let zone = match options.get(1) {
            Some(name) => zone(*name, notes)?,
            None => default_zone.clone(),
        };
        let items = match options.first() {
            None => letters::compile(DEFAULT),
            Some(option) => match named(option.text) {
                Some(items) => items,
                None => letters::compile(option.text),
            },
        };
        let items = match (items, options.first()) {
            (Ok(items), option) => {
                if let Some(option) = option {
                    look_twice(*option, &items, notes)?;
                }
                if let Some(tag) = options.get(2) {
                    check_locale(*tag, &items, notes)?;
                }
                items
            }
            (Err(fault), Some(option)) => {
                let error = fault_error(&fault, *option);
                if fault.is_unsupported {
                    return Err(error);
                }
                notes.mistake(error)?;
                // As Log4j does: also without the zone that was asked for.
                return Ok(Self::default_in(default_zone.clone()));
            }
            (Err(_), None) => Vec::new(),
        };
        Ok(Self {
            items: items.into(),
            zone,
        })
    }

    fn default_in(zone: Zone) -> Self {
        Self {
            items: letters::compile(DEFAULT).unwrap_or_default().into(),
            zone,
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
            moment.write(item, &self.zone, out);
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
                .hint("text belongs in single quotes"),
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

fn zone(name: OptionText<'_>, notes: &mut Notes) -> Result<Zone, PatternError> {
    let error = || name.error("unknown time zone");
    match Zone::find(name.text) {
        Lookup::Known(zone) => Ok(zone),
        Lookup::Doubtful(zone, meant) => {
            let error = name.error("ambiguous time zone");
            notes.mistake(error.hint(format!("Java takes it for `{meant}`")))?;
            Ok(zone)
        }
        Lookup::Unknown(Some(meant)) => {
            notes.mistake(error().hint(format!("did you mean `{meant}`?")))?;
            Ok(Zone::gmt())
        }
        Lookup::Unknown(None) => {
            let hint = "expected a name such as `Europe/Berlin`, `UTC` or `GMT+02:00`";
            notes.mistake(error().hint(hint))?;
            Ok(Zone::gmt())
        }
    }
}

/// Words are English, and weeks are counted as in the United States, whatever the locale.
fn check_locale(
    tag: OptionText<'_>,
    items: &[Item],
    notes: &mut Notes,
) -> Result<(), PatternError> {
    let is_known = ["en", "en-US"]
        .iter()
        .any(|en| en.eq_ignore_ascii_case(tag.text));
    if is_known || !items.iter().any(Item::is_local) {
        return Ok(());
    }
    let error = tag.error("unsupported locale");
    notes.mistake(error.hint("dates have English words and weeks as in `en-US`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(options: &[&str], lenient: bool) -> Result<DateFormat, PatternError> {
        let options: Vec<OptionText<'_>> = options
            .iter()
            .map(|text| OptionText { text, offset: 3 })
            .collect();
        DateFormat::parse(&options, &Zone::utc(), &mut Notes::new(lenient))
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
    fn what_cannot_be_printed_yet_is_refused_always() {
        for letters in ["B", "BBBB", "v", "vvvv", "zzzz"] {
            assert!(parse(&[letters], true).is_err(), "{letters}");
        }
    }

    #[test]
    fn a_locale_matters_only_to_words_and_weeks() {
        assert!(parse(&["HH:mm", "UTC", "de-DE"], false).is_ok());
        assert!(parse(&["MMM", "UTC", "de-DE"], false).is_err());
        assert!(parse(&["MMM", "UTC", "en-US"], false).is_ok());
        assert!(parse(&["w", "UTC", "fr"], false).is_err());
    }

    #[test]
    fn times_beyond_the_calendar_stay_at_its_ends() {
        let date = parse(&["yyyy-MM-dd HH:mm:ss"], false).unwrap();
        assert_eq!(text(&date, i64::MAX, 0), "9999-12-31 23:59:59");
        assert_eq!(text(&date, i64::MIN, 0), "10000-01-01 00:00:00");
        assert_eq!(text(&date, 253_402_300_799, 0), "9999-12-31 23:59:59");
    }
}
