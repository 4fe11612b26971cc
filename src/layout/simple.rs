//! Words whose options are no patterns.

use std::sync::OnceLock;
use std::time::Instant;

use super::converter::Converter;
use super::date::DateFormat;
use super::date::Defaults;
use super::error_text::ErrorText;
use super::keyword::Word;
use super::level::texts;
use super::modifier::MAX_WIDTH;
use super::name::Precision;
use super::notes::Notes;
use super::parser::OptionText;
use super::parser::Specifier;
use super::parser::number_of;
use super::text::trim;
use super::unit::Unit;
use crate::error::PatternError;
use crate::sys::Timestamp;

/// Compiles such a word. None where Log4j prints its text instead.
pub(super) fn compile<'p>(
    specifier: &Specifier<'p>,
    word: Word,
    defaults: &Defaults,
    notes: &mut Notes,
) -> Result<Option<Unit<'p>>, PatternError> {
    let options = specifier.options.as_slice();
    let first = options.first().copied();
    let unit = match word {
        Word::Date => Unit::Date(DateFormat::parse(options, defaults, notes)?),
        Word::Level => {
            return Ok(texts(first, notes)?.map(Unit::Level));
        }
        Word::Error | Word::RootError => {
            let error = ErrorText::parse(options, word == Word::RootError, notes)?;
            return Ok(error.map(|(text, suffix)| Unit::Error(text, suffix)));
        }
        // Log4j has begun to write HTML here, and writes nothing.
        Word::Message if is_html(options) => Unit::Constant(String::new()),
        Word::Newline => Unit::Literal("\n".to_owned()),
        Word::ProcessId => Unit::Constant(std::process::id().to_string()),
        // An event is rendered before it is in a batch.
        Word::EndOfBatch => Unit::Constant("false".to_owned()),
        Word::Repeat => return Ok(repeated(specifier, notes)?.map(Unit::Constant)),
        Word::Logger | Word::Class => {
            let Some(precision) = precision(first, notes)? else {
                return Ok(None);
            };
            Unit::Variable(if word == Word::Logger {
                Converter::Target(precision)
            } else {
                Converter::Class(precision)
            })
        }
        Word::SpanFields => Unit::Variable(span_fields(first, notes)?),
        Word::Uuid => Unit::Variable(Converter::Uuid(is_random_uuid(options, notes)?)),
        _ => return Ok(variable(word, first).map(Unit::Variable)),
    };
    Ok(Some(unit))
}

/// A word that needs nothing but its first option.
fn variable(word: Word, option: Option<OptionText<'_>>) -> Option<Converter> {
    Some(match word {
        Word::EventFields => match option {
            Some(name) => Converter::EventField(name.text.to_owned()),
            None => Converter::EventFields,
        },
        Word::SpanNames => Converter::SpanNames,
        Word::Spans => Converter::Spans,
        Word::EventName => Converter::EventName,
        Word::File => Converter::File,
        Word::Line => Converter::Line,
        Word::Location => Converter::Location,
        Word::Marker => Converter::Marker,
        Word::MarkerName => Converter::MarkerName,
        Word::Message => Converter::Message(None),
        Word::Method => Converter::Method,
        Word::Nano => Converter::Nano(start().1),
        Word::Relative => Converter::Relative(start().0),
        Word::Sequence => Converter::Sequence,
        Word::SpanId => Converter::Correlation("span_id"),
        Word::TraceFlags => Converter::Correlation("trace_flags"),
        Word::TraceId => Converter::Correlation("trace_id"),
        Word::Thread => Converter::ThreadName,
        Word::ThreadId => Converter::ThreadId,
        _ => return None,
    })
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

/// Whether the first option of `%m` that says how it is written is `HTML`.
fn is_html(options: &[OptionText<'_>]) -> bool {
    let is = |option: &OptionText<'_>, known: &str| option.text.eq_ignore_ascii_case(known);
    let mut known = options.iter().filter(|o| is(o, "HTML") || is(o, "ANSI"));
    known.next().is_some_and(|option| is(option, "HTML"))
}

/// `%repeat{text}{count}`: the text, so many times.
fn repeated(specifier: &Specifier<'_>, notes: &mut Notes) -> Result<Option<String>, PatternError> {
    let [text, count] = specifier.options.as_slice() else {
        let found = number_of(&specifier.options);
        let message = format!("expected `%repeat{{text}}{{number}}`, found {found}");
        notes.mistake(specifier.error(message))?;
        return Ok(None);
    };
    let number = match count.text {
        "" => Ok(0),
        number => trim(number).parse::<i32>(),
    };
    let Some(number) = number.ok().and_then(|n| usize::try_from(n).ok()) else {
        notes.mistake(count.error("expected how often to repeat, found"))?;
        return Ok(Some(text.text.to_owned()));
    };
    let most = MAX_WIDTH / text.text.len().max(1);
    if number > most {
        let error = count.error("too often:");
        let hint = format!("what is repeated has {MAX_WIDTH} bytes at most");
        notes.mistake(error.hint(hint))?;
    }
    Ok(Some(text.text.repeat(number.min(most))))
}

/// Whether `%uuid` is of the random kind, or of the kind that begins with the time.
fn is_random_uuid(options: &[OptionText<'_>], notes: &mut Notes) -> Result<bool, PatternError> {
    let Some(first) = options.first() else {
        return Ok(false);
    };
    let is_random = first.text.eq_ignore_ascii_case("RANDOM");
    if !is_random && !first.text.eq_ignore_ascii_case("TIME") {
        notes.mistake(first.error("expected `RANDOM` or `TIME`, found"))?;
    }
    if let Some(surplus) = options.get(1) {
        notes.mistake(surplus.error("`%uuid` has no use for the option"))?;
    }
    Ok(is_random)
}

fn span_fields(
    option: Option<OptionText<'_>>,
    notes: &mut Notes,
) -> Result<Converter, PatternError> {
    let Some(option) = option else {
        return Ok(Converter::SpanFields);
    };
    if option.text.contains(":-") {
        let error = option.error("a field has no default here:");
        notes.mistake(error.hint("it is logback's, write `${ctx:name:-default}`"))?;
    }
    if option.text.find(',').is_none_or(|at| at == 0) {
        return Ok(Converter::SpanField(option.text.to_owned()));
    }
    let names = option.text.split(',').map(|name| name.trim().to_owned());
    let names = names.filter(|name| !name.is_empty()).collect();
    Ok(Converter::SomeSpanFields(names))
}

/// When the process made its first pattern, which stands for its start; by the wall clock, and by
/// one that never goes back.
fn start() -> (Timestamp, Instant) {
    static START: OnceLock<(Timestamp, Instant)> = OnceLock::new();
    *START.get_or_init(|| (Timestamp::now(), Instant::now()))
}

/// Remembers the start, should this be the first pattern.
pub(super) fn remember_start() {
    start();
}
