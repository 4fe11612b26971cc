//! Patterns of file names: text, dates and an index, in Log4j's language.

use jiff::tz::TimeZone;

use super::date::DateFormat;
use super::date::DatePart;
use super::date::DateUnit;
use super::date::Defaults;
use super::date::Digits;
use super::date::Fractions;
use super::date::default_locale;
use super::date::finest;
use super::modifier::Modifier;
use super::notes::Notes;
use super::notes::shown;
use super::parser::OptionText;
use super::parser::Piece;
use super::parser::Specifier;
use super::parser::parse;
use super::pattern::default_zone;
use super::zone::Zone;
use crate::error::PatternError;
use crate::sys::Timestamp;

/// The widest that an index may be filled up to: more digits it never has.
const MAX_INDEX_WIDTH: usize = 10;

/// A time zone that files are named and begun in.
#[derive(Debug, Clone)]
pub(crate) struct FileZone(Zone);

impl FileZone {
    /// By name, as in a pattern; `local` is the machine's own.
    pub(crate) fn named(name: &str) -> Result<Self, PatternError> {
        default_zone(name).map(Self)
    }

    /// The offsets of the zone.
    pub(crate) fn rules(&self) -> &TimeZone {
        self.0.rules()
    }
}

/// A date in the name of a file.
#[derive(Debug)]
pub(crate) struct FileDate(DateFormat);

impl FileDate {
    /// Appends the date of a time.
    pub(crate) fn write(&self, time: Timestamp, out: &mut Vec<u8>) {
        self.0.write(time, out, &mut Fractions::default());
    }

    /// What the date can be.
    pub(crate) fn parts(&self) -> Vec<DatePart> {
        self.0.parts()
    }

    /// The zone that it is printed in.
    pub(crate) fn zone_id(&self) -> &str {
        self.0.zone_id()
    }

    /// The smallest unit of which no two are printed alike, by several dates together. Of dates in
    /// several zones each zone is taken for itself.
    pub(crate) fn finest(dates: &[&Self]) -> Option<DateUnit> {
        let of_zone = |zone: &str| {
            let dates = dates.iter().filter(|date| date.zone_id() == zone);
            let facts: Vec<_> = dates.flat_map(|date| date.0.facts()).collect();
            finest(&facts)
        };
        let units = dates.iter().filter_map(|date| of_zone(date.zone_id()));
        units.min()
    }
}

/// How an index is filled up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileIndex {
    /// The fewest characters, none of them the sign of anything but a number.
    pub(crate) width: usize,
    pub(crate) fill: Fill,
}

/// With what, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    ZerosBefore,
    SpacesBefore,
    SpacesBehind,
}

/// A part of a file's name.
#[derive(Debug)]
pub(crate) enum FilePiece {
    Text(String),
    Date(FileDate),
    Index(FileIndex),
}

/// Reads a pattern. What Log4j would silently take for text is an error.
pub(crate) fn file_pieces(pattern: &str, zone: &FileZone) -> Result<Vec<FilePiece>, PatternError> {
    refuse_foreign(pattern)?;
    let mut notes = Notes::new(false);
    let defaults = Defaults {
        zone: zone.0.clone(),
        locale: default_locale("en-US", &mut notes)?,
    };
    let whole = OptionText {
        text: pattern,
        offset: 0,
    };
    let mut pieces = Vec::new();
    let mut before = Digits::No;
    for piece in parse(whole, &mut notes)? {
        match piece {
            Piece::Literal(text) => {
                before = after_text(before, &text);
                push_text(&mut pieces, &text);
            }
            Piece::Specifier(specifier) => {
                let (piece, rest) = read(&specifier, &defaults, &mut notes)?;
                before = neighbours(before, &piece)
                    .map(|last| after_text(last, rest))
                    .ok_or_else(|| run_together(&specifier))?;
                pieces.push(piece);
                push_text(&mut pieces, rest);
            }
        }
    }
    Ok(pieces)
}

/// Refuses what is no text to Log4j, or no part of a path.
fn refuse_foreign(pattern: &str) -> Result<(), PatternError> {
    if let Some(at) = pattern.find("${") {
        let error = PatternError::new(at, 2, "a lookup `${`");
        return Err(error.hint("the name of a file has dates, `%d`, and an index, `%i`"));
    }
    if let Some(at) = pattern.find('\\') {
        let error = PatternError::new(at, 1, "a `\\`");
        return Err(error.hint("folders are separated by `/`"));
    }
    if let Some((at, c)) = pattern.char_indices().find(|(_, c)| c.is_control()) {
        let message = format!("a control character `{}`", c.escape_debug());
        return Err(PatternError::new(at, c.len_utf8(), message));
    }
    Ok(())
}

fn push_text(pieces: &mut Vec<FilePiece>, text: &str) {
    if text.is_empty() {
        return;
    }
    if let Some(FilePiece::Text(before)) = pieces.last_mut() {
        before.push_str(text);
    } else {
        pieces.push(FilePiece::Text(text.to_owned()));
    }
}

/// One specifier, and the text behind its word that belongs to no word.
fn read<'p>(
    specifier: &Specifier<'p>,
    defaults: &Defaults,
    notes: &mut Notes,
) -> Result<(FilePiece, &'p str), PatternError> {
    let identifier = specifier.identifier;
    let end = identifier
        .find(|c: char| !c.is_alphabetic())
        .unwrap_or(identifier.len());
    let (word, rest) = identifier.split_at_checked(end).unwrap_or_default();
    let is_lost = !rest.is_empty() && !specifier.options.is_empty();
    match word {
        "d" | "date" if !is_lost => {
            if !specifier.modifier.is_none() {
                let error = specifier.error(format!("a width in `{}`", shown(specifier.text)));
                return Err(error.hint("only `%i` has one"));
            }
            let date = DateFormat::parse(&specifier.options, defaults, notes)?;
            Ok((FilePiece::Date(FileDate(date)), rest))
        }
        "i" | "index" if !is_lost => {
            if let Some(option) = specifier.options.first() {
                return Err(option.error("an index has no options, found"));
            }
            Ok((FilePiece::Index(index(specifier)?), rest))
        }
        _ => {
            let text = shown(specifier.text);
            let error = specifier.error(format!("unknown conversion word `{text}`"));
            Err(error.hint("expected `%d`, `%i`, or `%%` for a percent sign"))
        }
    }
}

fn index(specifier: &Specifier<'_>) -> Result<FileIndex, PatternError> {
    let Modifier {
        min,
        max,
        left_align,
        zero_fill,
        ..
    } = specifier.modifier;
    let text = shown(specifier.text);
    if max != usize::MAX {
        let error = specifier.error(format!("a greatest width in `{text}`"));
        return Err(error.hint("an index is not cut"));
    }
    if min > MAX_INDEX_WIDTH {
        let error = specifier.error(format!("a wide index `{text}`"));
        return Err(error.hint(format!("expected a width of {MAX_INDEX_WIDTH} at most")));
    }
    let fill = match (left_align, zero_fill) {
        (true, _) => Fill::SpacesBehind,
        (false, true) => Fill::ZerosBefore,
        (false, false) => Fill::SpacesBefore,
    };
    Ok(FileIndex { width: min, fill })
}

/// How a piece ends that stands behind one of another end; none where digits run together, so that
/// two names would be one.
fn neighbours(before: Digits, piece: &FilePiece) -> Option<Digits> {
    let parts = match piece {
        FilePiece::Text(text) => return Some(after_text(before, text)),
        FilePiece::Index(_) if before == Digits::Loose => return None,
        FilePiece::Index(_) => return Some(Digits::Loose),
        FilePiece::Date(date) => date.parts(),
    };
    parts.iter().try_fold(before, |before, part| match part {
        DatePart::Text(text) => Some(after_text(before, text)),
        DatePart::Match { digits, .. } => match (before, digits) {
            (Digits::Loose, Digits::Fixed | Digits::Loose) => None,
            _ => Some(*digits),
        },
    })
}

/// Text of nothing but digits separates nothing.
fn after_text(before: Digits, text: &str) -> Digits {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        before
    } else {
        Digits::No
    }
}

fn run_together(specifier: &Specifier<'_>) -> PatternError {
    let text = shown(specifier.text);
    let error = specifier.error(format!("digits that run together in or before `{text}`"));
    error.hint("expected text such as `-` between numbers of no fixed width")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pattern: &str) -> Result<Vec<FilePiece>, PatternError> {
        file_pieces(pattern, &FileZone::named("UTC").unwrap())
    }

    #[test]
    fn a_pattern_is_text_dates_and_an_index() {
        let pieces = pieces("a%%-%d{yyyy}{Asia/Tokyo}_%03i_b").unwrap();
        let [
            FilePiece::Text(first),
            FilePiece::Date(date),
            FilePiece::Text(second),
            FilePiece::Index(index),
            FilePiece::Text(third),
        ] = pieces.as_slice()
        else {
            panic!("{pieces:?}");
        };
        assert_eq!((&**first, &**second, &**third), ("a%-", "_", "_b"));
        assert_eq!(date.zone_id(), "Asia/Tokyo");
        assert_eq!((index.width, index.fill), (3, Fill::ZerosBefore));
    }

    #[test]
    fn what_is_refused_is_named_with_its_place() {
        for (pattern, expected) in [
            (
                "app-%m",
                "unknown conversion word `%m` at byte 4; expected `%d`, `%i`, or `%%` for a percent sign",
            ),
            (
                "app-%ix",
                "unknown conversion word `%ix` at byte 4; expected `%d`, `%i`, or `%%` for a percent sign",
            ),
            (
                "a%d_{yyyy}",
                "unknown conversion word `%d_` at byte 1; expected `%d`, `%i`, or `%%` for a percent sign",
            ),
            ("a%i{1}", "an index has no options, found `1` at byte 4"),
            ("a%5d", "a width in `%5d` at byte 1; only `%i` has one"),
            (
                "a%.2i",
                "a greatest width in `%.2i` at byte 1; an index is not cut",
            ),
            (
                "a%11i",
                "a wide index `%11i` at byte 1; expected a width of 10 at most",
            ),
            (
                "a$${date:yyyy}",
                "a lookup `${` at byte 2; the name of a file has dates, `%d`, and an index, `%i`",
            ),
            (
                "logs\\app",
                "a `\\` at byte 4; folders are separated by `/`",
            ),
            ("a\0b", "a control character `\\0` at byte 1"),
            (
                "%d{yyyy-M}0%i",
                "digits that run together in or before `%i` at byte 11; expected text such as `-` between numbers of no fixed width",
            ),
            (
                "%i%d{yyyy}",
                "digits that run together in or before `%d` at byte 2; expected text such as `-` between numbers of no fixed width",
            ),
            (
                "%d{yyyyMd}",
                "digits that run together in or before `%d` at byte 0; expected text such as `-` between numbers of no fixed width",
            ),
            (
                "a%",
                "a `%` without a conversion word at byte 1; a percent sign is written `%%`",
            ),
            (
                "a%d{HHH}",
                "wrong number of letters `HHH` in a date at byte 4",
            ),
            (
                "a%d{HH}{Nope}",
                "unknown time zone `Nope` at byte 8; expected a name such as `Europe/Berlin`, `UTC` or `GMT+02:00`",
            ),
        ] {
            let error = pieces(pattern).unwrap_err();
            assert_eq!(error.to_string(), expected, "{pattern}");
        }
    }

    #[test]
    fn dates_of_several_zones_do_not_help_each_other() {
        let finest = |pattern| {
            let pieces = pieces(pattern).unwrap();
            let dates = pieces.iter().filter_map(|piece| match piece {
                FilePiece::Date(date) => Some(date),
                _ => None,
            });
            FileDate::finest(&dates.collect::<Vec<_>>())
        };
        assert_eq!(finest("%d{yyyy-MM}/%d{dd}"), Some(DateUnit::Day));
        assert_eq!(
            finest("%d{yyyy-MM}{UTC}/%d{dd}{Asia/Tokyo}"),
            Some(DateUnit::Month)
        );
        assert_eq!(finest("%d{yyyyMMdd}%i"), Some(DateUnit::Day));
    }
}
