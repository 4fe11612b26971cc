//! Words with a pattern in their options.

use super::budget::Budget;
use super::encode::Encoding;
use super::keyword::Word;
use super::notes::Notes;
use super::parser::OptionText;
use super::parser::Specifier;
use super::parser::number_of;
use super::replace::Fault;
use super::replace::Replacement;
use super::replace::ReplacementError;
use super::style;
use super::text::trim;
use super::unit::Comparison;
use super::unit::Effect;
use super::unit::Unit;
use crate::error::PatternError;

/// What `%maxLen` cuts at if it is told no number.
const DEFAULT_LENGTH: usize = 100;

/// Whether the first option of `word` is a pattern.
pub(super) fn is_composite(word: Word) -> bool {
    matches!(
        word,
        Word::Colour
            | Word::Encode
            | Word::Equals
            | Word::EqualsIgnoreCase
            | Word::Highlight
            | Word::MaxLength
            | Word::NotEmpty
            | Word::Replace
            | Word::Style
    )
}

/// Compiles such a word, known as `name`. None where Log4j prints its text instead.
pub(super) fn compile<'p>(
    specifier: &Specifier<'p>,
    name: &str,
    word: Word,
    budget: &Budget,
    notes: &mut Notes,
) -> Result<Option<Unit<'p>>, PatternError> {
    let options = specifier.options.as_slice();
    let (least, most) = number_of_options(word);
    if options.len() < least {
        notes.mistake(too_few(specifier, name, word))?;
        if !is_tolerant(word) {
            return Ok(None);
        }
    } else if let Some(surplus) = options.get(most) {
        notes.mistake(surplus.error(&format!("`%{name}` has no use for the option")))?;
        if !is_tolerant(word) && word != Word::Colour {
            return Ok(None);
        }
    }
    let Some(pattern) = options.first().copied() else {
        return bare(word, notes);
    };
    let second = options.get(1).copied();
    let effect = match word {
        Word::Colour => Effect::Style(style::for_all(&style::colour(name))),
        Word::Style if style::is_disabled(options) => Effect::Nothing,
        Word::Style => Effect::Style(style::for_all(&style::style(second, notes)?)),
        Word::Highlight => {
            let styles = style::highlight(second, notes)?;
            if style::is_disabled(options) {
                Effect::Nothing
            } else {
                Effect::Style(styles)
            }
        }
        Word::Encode => match encoding(second, notes)? {
            Some(encoding) => Effect::Encode(encoding),
            None => return Ok(None),
        },
        Word::MaxLength => Effect::Cut(length(second, notes)?),
        Word::NotEmpty => Effect::NotEmpty,
        Word::Replace if !budget.take_expression(specifier, notes)? => return Ok(None),
        Word::Replace => match (second, options.get(2)) {
            (Some(regex), Some(text)) => match replacement(regex, *text, notes)? {
                Some(replacement) => Effect::Replace(Box::new(replacement), text.text),
                None => return Ok(None),
            },
            _ => return Ok(None),
        },
        _ => {
            let (Some(test), Some(substitution)) = (second, options.get(2)) else {
                return Ok(None);
            };
            return Ok(Some(Unit::Compared(Comparison {
                pattern,
                test,
                substitution: *substitution,
                ignores_case: word == Word::EqualsIgnoreCase,
            })));
        }
    };
    Ok(Some(Unit::Nested(pattern, effect)))
}

/// How many options there must be, and may be.
fn number_of_options(word: Word) -> (usize, usize) {
    match word {
        Word::Equals | Word::EqualsIgnoreCase | Word::Replace => (3, 3),
        Word::MaxLength => (2, 2),
        Word::Encode => (1, 2),
        // The third may be the switch that takes the colours away.
        Word::Style => (2, 3),
        Word::Highlight => (1, 3),
        _ => (1, 1),
    }
}

/// Log4j gives these two options of its own, so that they never lack one, and takes any number.
fn is_tolerant(word: Word) -> bool {
    matches!(word, Word::Highlight | Word::Style)
}

/// `%style` and `%highlight` without an option: Log4j then takes an option of its own for the
/// pattern.
fn bare<'p>(word: Word, notes: &mut Notes) -> Result<Option<Unit<'p>>, PatternError> {
    if !is_tolerant(word) {
        return Ok(None);
    }
    let pattern = OptionText {
        text: "disableAnsi=false",
        offset: 0,
    };
    let styles = match word {
        Word::Highlight => style::highlight(None, notes)?,
        _ => style::for_all(style::RESET),
    };
    Ok(Some(Unit::Nested(pattern, Effect::Style(styles))))
}

fn too_few(specifier: &Specifier<'_>, name: &str, word: Word) -> PatternError {
    let form = match word {
        Word::Colour | Word::NotEmpty => "{pattern}",
        Word::Encode => "{pattern}{HTML, XML, JSON or CRLF}",
        Word::Highlight => "{pattern}{LEVEL=words, …}",
        Word::MaxLength => "{pattern}{number of characters}",
        Word::Replace => "{pattern}{regular expression}{substitution}",
        Word::Style => "{pattern}{style words}",
        _ => "{pattern}{text}{substitution}",
    };
    let found = number_of(&specifier.options);
    let is_logback = specifier.options.is_empty()
        && matches!(word, Word::Colour | Word::Highlight | Word::Replace);
    let hint = if is_logback {
        "logback writes its patterns in parentheses, Log4j in braces"
    } else {
        ""
    };
    let message = format!("expected `%{name}{form}`, found {found}");
    specifier.error(message).hint(hint)
}

fn encoding(
    option: Option<OptionText<'_>>,
    notes: &mut Notes,
) -> Result<Option<Encoding>, PatternError> {
    let Some(option) = option else {
        return Ok(Some(Encoding::Html));
    };
    let encoding = Encoding::find(option.text);
    if encoding.is_none() {
        notes.mistake(option.error("expected `HTML`, `XML`, `JSON` or `CRLF`, found"))?;
    }
    Ok(encoding)
}

/// How many characters `%maxLen` leaves. A negative number is an error of Log4j's at each event.
fn length(option: Option<OptionText<'_>>, notes: &mut Notes) -> Result<usize, PatternError> {
    let Some(option) = option.filter(|option| !option.text.is_empty()) else {
        return Ok(DEFAULT_LENGTH);
    };
    let error = || option.error("expected a number of characters, found");
    let Ok(number) = trim(option.text).parse::<i32>() else {
        notes.mistake(error())?;
        return Ok(DEFAULT_LENGTH);
    };
    usize::try_from(number).map_err(|_| error())
}

/// What Java cannot compile breaks the converter; what throws at the first match is refused, and so is
/// what a search in linear time cannot do.
fn replacement(
    regex: OptionText<'_>,
    substitution: OptionText<'_>,
    notes: &mut Notes,
) -> Result<Option<Replacement>, PatternError> {
    match Replacement::parse(regex.text, substitution.text) {
        Ok(replacement) => Ok(Some(replacement)),
        Err(ReplacementError::Regex(fault)) => {
            notes.mistake(fault_in(regex, &fault))?;
            Ok(None)
        }
        Err(ReplacementError::Substitution(fault)) => Err(fault_in(substitution, &fault)),
    }
}

fn fault_in(option: OptionText<'_>, fault: &Fault) -> PatternError {
    PatternError::new(option.offset + fault.at, fault.length, &*fault.message).hint(&*fault.hint)
}
