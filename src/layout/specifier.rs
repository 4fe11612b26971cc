//! One specifier, compiled: which word it begins with, and what that word and its options mean.

use super::budget::Budget;
use super::composite;
use super::date::Defaults;
use super::keyword::Word;
use super::keyword::closest;
use super::keyword::foreign;
use super::keyword::longest_prefix;
use super::notes::Notes;
use super::notes::shown;
use super::parser::OptionText;
use super::parser::Specifier;
use super::simple;
use super::unit::Unit;
use crate::error::PatternError;

/// A unit, and the part of the identifier that follows the word.
pub(super) type Compiled<'p> = (Unit<'p>, &'p str);

/// Compiles a specifier. None where Log4j prints its text instead, which the notes then say.
pub(super) fn compile<'p>(
    specifier: &Specifier<'p>,
    defaults: &Defaults,
    budget: &Budget,
    notes: &mut Notes,
) -> Result<Option<Compiled<'p>>, PatternError> {
    let Some((name, word)) = find_word(specifier, notes)? else {
        return Ok(None);
    };
    let rest = specifier.identifier.get(name.len()..).unwrap_or_default();
    if let Word::Unavailable(why) = word {
        let length = specifier.text.len() - rest.len();
        let message = format!("`%{name}` has no meaning here");
        return Err(PatternError::new(specifier.offset, length, message).hint(why));
    }
    let unit = if composite::is_composite(word) {
        composite::compile(specifier, name, word, budget, notes)?
    } else {
        let unit = simple::compile(specifier, word, defaults, notes)?;
        if unit.is_some() {
            check_surplus(word, name, &specifier.options, notes)?;
        }
        unit
    };
    // Where there is none, the option at fault was noted.
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
        hint = format!("{whose}; ");
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
        .hint(hint.trim_end_matches([';', ' ']))
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
        Word::Error | Word::RootError | Word::Repeat | Word::Uuid => usize::MAX,
        _ => 0,
    };
    for option in options.iter().skip(taken) {
        if word == Word::Date || option.text.is_empty() || is_safeguard(word, option.text) {
            continue;
        }
        let error = option.error(&format!("`%{name}` has no use for the option"));
        let is = |known: &str| word == Word::Message && option.text.eq_ignore_ascii_case(known);
        let hint = if is("HTML") {
            "write `%enc{%m}{HTML}`"
        } else if is("ANSI") {
            "text of events is never interpreted, write `%style{%m}{red}`"
        } else {
            ""
        };
        notes.mistake(error.hint(hint))?;
    }
    Ok(())
}

/// Log4j ignores these as well; they are found wherever its look-ups in messages were feared.
fn is_safeguard(word: Word, option: &str) -> bool {
    let known = ["lookups", "nolookups"];
    word == Word::Message && known.iter().any(|known| known.eq_ignore_ascii_case(option))
}
