//! What one specifier compiles to: a converter, a date, the texts of the levels, or fixed text.

use std::sync::OnceLock;

use super::converter::Converter;
use super::date::DateFormat;
use super::date::Defaults;
use super::keyword::Word;
use super::keyword::closest;
use super::keyword::foreign;
use super::keyword::longest_prefix;
use super::level::LEVELS;
use super::level::texts;
use super::name::Precision;
use super::notes::Notes;
use super::notes::shown;
use super::parser::OptionText;
use super::parser::Specifier;
use crate::error::PatternError;
use crate::sys::Timestamp;

/// A specifier's meaning.
#[derive(Debug)]
pub(super) enum Unit {
    /// The same for every event.
    Fixed(String),
    Level([String; LEVELS]),
    Date(DateFormat),
    Variable(Converter),
}

/// A unit, and the part of the identifier that follows the word.
pub(super) type Compiled<'p> = (Unit, &'p str);

/// Compiles a specifier. None where Log4j prints its text instead, which the notes then say.
pub(super) fn compile<'p>(
    specifier: &Specifier<'p>,
    defaults: &Defaults,
    notes: &mut Notes,
) -> Result<Option<Compiled<'p>>, PatternError> {
    let Some((name, word)) = find_word(specifier, notes)? else {
        return Ok(None);
    };
    let rest = specifier.identifier.get(name.len()..).unwrap_or_default();
    if word == Word::NotYet {
        let length = specifier.text.len() - rest.len();
        let message = format!("`%{name}` is not supported yet");
        return Err(PatternError::new(specifier.offset, length, message));
    }
    let unit = unit(word, &specifier.options, defaults, notes)?;
    if unit.is_none() {
        // The option at fault was noted.
        return Ok(None);
    }
    check_surplus(word, name, &specifier.options, notes)?;
    Ok(unit.map(|unit| (unit, rest)))
}

/// The word that a specifier begins with; when strict, the whole identifier must be it.
fn find_word(
    specifier: &Specifier<'_>,
    notes: &mut Notes,
) -> Result<Option<(&'static str, Word)>, PatternError> {
    let identifier = specifier.identifier;
    let found = longest_prefix(identifier);
    if let Some((name, _)) = found
        && name.len() == identifier.len()
    {
        return Ok(found);
    }
    notes.mistake_with(|| unknown_word(specifier, found))?;
    Ok(found)
}

/// Says what the word may have been meant as, and what Log4j makes of it.
fn unknown_word(specifier: &Specifier<'_>, found: Option<(&'static str, Word)>) -> PatternError {
    let identifier = specifier.identifier;
    let mut hint = String::new();
    if let Some(whose) = foreign(identifier) {
        hint = format!("{whose}, ");
    } else if let Some(meant) = closest(identifier)
        && found.is_none_or(|(name, _)| name != meant)
    {
        hint = format!("did you mean `%{meant}`? ");
    }
    if let Some((name, _)) = found {
        let rest = shown(identifier.get(name.len()..).unwrap_or_default());
        hint.push_str("Log4j reads it as `%");
        hint.extend([name, "` and the text `", &rest, "`"]);
    }
    let message = format!("unknown conversion word `%{}`", shown(identifier));
    specifier
        .error(message)
        .hint(hint.trim_end_matches([',', ' ']))
}

fn unit(
    word: Word,
    options: &[OptionText<'_>],
    defaults: &Defaults,
    notes: &mut Notes,
) -> Result<Option<Unit>, PatternError> {
    let first = options.first().copied();
    let variable = match word {
        Word::Date => {
            let date = DateFormat::parse(options, defaults, notes)?;
            return Ok(Some(Unit::Date(date)));
        }
        Word::Level => {
            let option = first.map(|option| (option.text, option.offset));
            return Ok(texts(option, notes)?.map(Unit::Level));
        }
        Word::Newline => return Ok(Some(Unit::Fixed("\n".to_owned()))),
        Word::ProcessId => return Ok(Some(Unit::Fixed(std::process::id().to_string()))),
        Word::Logger | Word::Class => {
            let Some(precision) = precision(first, notes)? else {
                return Ok(None);
            };
            if word == Word::Logger {
                Converter::Target(precision)
            } else {
                Converter::Class(precision)
            }
        }
        Word::EventFields => match first {
            Some(name) => Converter::EventField(name.text.to_owned()),
            None => Converter::EventFields,
        },
        Word::SpanFields => span_fields(first),
        Word::SpanNames => Converter::SpanNames,
        Word::File => Converter::File,
        Word::Line => Converter::Line,
        Word::Location => Converter::Location,
        Word::Message => Converter::Message,
        Word::Method => Converter::Method,
        Word::Relative => Converter::Relative(start()),
        Word::Sequence => Converter::Sequence,
        Word::Thread => Converter::ThreadName,
        Word::ThreadId => Converter::ThreadId,
        Word::NotYet => return Ok(None),
    };
    Ok(Some(Unit::Variable(variable)))
}

fn precision(
    option: Option<OptionText<'_>>,
    notes: &mut Notes,
) -> Result<Option<Precision>, PatternError> {
    let Some(option) = option else {
        return Ok(Some(Precision::Whole));
    };
    let precision = Precision::parse(option.text);
    if precision.is_none() {
        notes.mistake(option.error("expected a smaller number of words, found"))?;
    }
    Ok(precision)
}

fn span_fields(option: Option<OptionText<'_>>) -> Converter {
    let Some(option) = option else {
        return Converter::SpanFields;
    };
    if option.text.find(',').is_none_or(|at| at == 0) {
        return Converter::SpanField(option.text.to_owned());
    }
    let names = option.text.split(',').map(|name| name.trim().to_owned());
    Converter::SomeSpanFields(names.filter(|name| !name.is_empty()).collect())
}

/// Options that have no effect are a mistake: their author expected one.
fn check_surplus(
    word: Word,
    name: &str,
    options: &[OptionText<'_>],
    notes: &mut Notes,
) -> Result<(), PatternError> {
    let taken = match word {
        Word::Date => 3,
        Word::Class | Word::EventFields | Word::Level | Word::Logger | Word::SpanFields => 1,
        _ => 0,
    };
    for option in options.iter().skip(taken) {
        // Log4j ignores them as well; they are found wherever its message look-ups were feared.
        let is_safeguard = matches!(option.text, "" | "lookups" | "nolookups");
        if word == Word::Date || (word == Word::Message && is_safeguard) || option.text.is_empty() {
            continue;
        }
        notes.mistake(option.error(&format!("`%{name}` has no use for the option")))?;
    }
    Ok(())
}

/// When the process made its first pattern, which stands for its start.
fn start() -> Timestamp {
    static START: OnceLock<Timestamp> = OnceLock::new();
    *START.get_or_init(Timestamp::now)
}

/// Remembers the start, should this be the first pattern.
pub(super) fn remember_start() {
    start();
}
