//! `%ex` and `%rEx`: an error and what caused it, a line each.

use std::error::Error;

use super::escape::escape_from;
use super::notes::Notes;
use super::parser::OptionText;
use super::text::MAX_RENDERED;
use super::text::trim;
use crate::error::PatternError;
use crate::event::FIELD_LIMIT;
use crate::event::LogEvent;
use crate::event::Value;

/// The most errors of a chain that are shown; one may go round in a ring.
const MAX_CHAIN: usize = 32;
const CAUSED_BY: &[u8] = b"Caused by: ";
const WRAPPED_BY: &[u8] = b"Wrapped by: ";

/// The selectors of a text, and those of a stack frame.
const MESSAGE_PROPERTIES: [&str; 2] = ["short.message", "short.localizedMessage"];
const FRAME_PROPERTIES: [&str; 4] = [
    "short.className",
    "short.methodName",
    "short.fileName",
    "short.lineNumber",
];

/// What is shown of an event's error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ErrorText {
    form: Form,
    /// Ends each line, the last one too.
    separator: String,
    /// The innermost cause comes first.
    is_reversed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// The error and its causes, so many lines at most.
    Lines(usize),
    /// The text of the error itself, without a line end.
    Message,
    /// What Java has and Rust has not.
    Nothing,
}

/// An error's text as compiled, and the pattern that ends each of its lines.
pub(super) type Compiled<'p> = (ErrorText, Option<OptionText<'p>>);

impl ErrorText {
    /// Reads the options. None where Log4j could not make the converter.
    pub(super) fn parse<'p>(
        options: &[OptionText<'p>],
        is_reversed: bool,
        notes: &mut Notes,
    ) -> Result<Option<Compiled<'p>>, PatternError> {
        let mut text = Self {
            form: Form::Lines(usize::MAX),
            separator: "\n".to_owned(),
            is_reversed,
        };
        if let Some(form) = options.first().and_then(|option| property(option.text)) {
            text.form = form;
        }
        let mut suffix = None;
        for option in split_legacy(options) {
            let option = trimmed(option);
            if let Some(inner) = inside(option, "separator(") {
                inner.text.clone_into(&mut text.separator);
            } else if let Some(inner) = inside(option, "suffix(").or_else(|| inside(option, "S(")) {
                suffix = Some(inner);
            } else if !text.read_word(option, notes)? {
                return Ok(None);
            }
        }
        Ok(Some((text, suffix)))
    }

    /// Reads an option without parentheses of use. Returns whether it is one.
    fn read_word(
        &mut self,
        option: OptionText<'_>,
        notes: &mut Notes,
    ) -> Result<bool, PatternError> {
        let word = option.text;
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        // There are no stack frames that a filter could hide.
        if word.is_empty() || is("full") || inside(option, "filters(").is_some() {
            return Ok(true);
        }
        if word == "ansi" || inside(option, "ansi(").is_some() {
            let error = option.error("no colours in errors:");
            notes.mistake(error.hint("put the whole into `%style{%ex}{red}`"))?;
            return Ok(true);
        }
        if FRAME_PROPERTIES.iter().any(|known| is(known)) {
            let error = option.error("an error here has no stack frame to show");
            notes.mistake(error.hint("`short.message` is its text, `%l` where it was logged"))?;
            if self.form == Form::Lines(usize::MAX) {
                self.form = Form::Lines(2);
            }
            return Ok(true);
        }
        let lines = if is("none") {
            0
        } else if is("short") || MESSAGE_PROPERTIES.iter().any(|known| is(known)) {
            2
        } else if let Ok(lines) = word.parse::<i32>() {
            usize::try_from(lines).unwrap_or(0)
        } else {
            let error = option.error("unknown option of an error");
            notes.mistake(error.hint(
                "expected `full`, `short`, `none`, a number of lines, `separator(…)`, `suffix(…)` \
                 or `short.message`",
            ))?;
            return Ok(false);
        };
        if matches!(self.form, Form::Lines(_)) {
            self.form = Form::Lines(lines);
        }
        Ok(true)
    }

    /// Whether the text is one line that has no end of its own.
    pub(super) fn is_inline(&self) -> bool {
        !matches!(self.form, Form::Lines(1..))
    }

    /// Appends the text for `event`; each line is followed by what `suffix` writes, and a separator.
    pub(super) fn write(
        &self,
        event: &LogEvent<'_>,
        is_escaped: bool,
        out: &mut Vec<u8>,
        suffix: &mut dyn FnMut(&mut Vec<u8>),
    ) {
        event.with_error(&mut |value| match self.form {
            Form::Nothing => {}
            Form::Message => write_value(value, is_escaped, out),
            Form::Lines(most) => match value {
                Value::Error(error) => self.write_chain(error, most, is_escaped, out, suffix),
                text if most > 0 => {
                    write_value(text, is_escaped, out);
                    suffix(out);
                    out.extend_from_slice(self.separator.as_bytes());
                }
                _ => {}
            },
        });
    }

    fn write_chain(
        &self,
        error: &(dyn Error + 'static),
        most: usize,
        is_escaped: bool,
        out: &mut Vec<u8>,
        suffix: &mut dyn FnMut(&mut Vec<u8>),
    ) {
        let mut chain = [error; MAX_CHAIN];
        let mut count = 1;
        let mut next = error.source();
        for place in chain.iter_mut().skip(1) {
            let Some(source) = next else { break };
            *place = source;
            next = source.source();
            count += 1;
        }
        let chain = chain.get_mut(..count).unwrap_or_default();
        if self.is_reversed {
            chain.reverse();
        }
        let between = if self.is_reversed {
            WRAPPED_BY
        } else {
            CAUSED_BY
        };
        let end = out.len() + MAX_RENDERED;
        for (index, error) in chain.iter().take(most).enumerate() {
            // A separator may be as long as the pattern.
            if out.len() > end {
                break;
            }
            if index > 0 {
                out.extend_from_slice(between);
            }
            write_value(Value::Error(*error), is_escaped, out);
            suffix(out);
            out.extend_from_slice(self.separator.as_bytes());
        }
    }
}

/// What the first option selects, which must be spelt to the letter.
fn property(option: &str) -> Option<Form> {
    if MESSAGE_PROPERTIES.contains(&option) {
        return Some(Form::Message);
    }
    FRAME_PROPERTIES.contains(&option).then_some(Form::Nothing)
}

/// A single option may be two: a number of lines, and after a comma another one.
fn split_legacy<'p>(options: &[OptionText<'p>]) -> Vec<OptionText<'p>> {
    if let [option] = options
        && let Some(at) = option.text.find(',')
        && let (Some(first), Some(rest)) = (option.text.get(..at), option.text.get(at + 1..))
    {
        let first = OptionText {
            text: first,
            offset: option.offset,
        };
        let rest = OptionText {
            text: rest,
            offset: option.offset + at + 1,
        };
        let word = trim(first.text);
        let is_word = ["full", "short", "none"]
            .iter()
            .any(|known| known.eq_ignore_ascii_case(word));
        let number = word.split_ascii_whitespace().next().unwrap_or_default();
        if is_word || number.parse::<i32>().is_ok() {
            return vec![first, rest];
        }
    }
    options.to_vec()
}

fn trimmed(option: OptionText<'_>) -> OptionText<'_> {
    let text = option.text.trim_start_matches(|c| c <= ' ');
    OptionText {
        text: trim(text),
        offset: option.offset + option.text.len() - text.len(),
    }
}

/// What stands between `prefix`, which ends in a parenthesis, and the closing one.
fn inside<'p>(option: OptionText<'p>, prefix: &str) -> Option<OptionText<'p>> {
    let text = option.text.strip_prefix(prefix)?.strip_suffix(')')?;
    Some(OptionText {
        text,
        offset: option.offset + prefix.len(),
    })
}

fn write_value(value: Value<'_>, is_escaped: bool, out: &mut Vec<u8>) {
    let start = out.len();
    value.write_to(out, FIELD_LIMIT);
    if is_escaped {
        escape_from(out, start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt;

    #[derive(Debug)]
    struct Failure(&'static str, Option<Box<Self>>);

    impl fmt::Display for Failure {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl Error for Failure {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            self.1
                .as_deref()
                .map(|source| source as &(dyn Error + 'static))
        }
    }

    fn chain() -> Failure {
        let disk = Failure("disk\nfull", None);
        let write = Failure("write failed", Some(Box::new(disk)));
        Failure("save failed", Some(Box::new(write)))
    }

    #[track_caller]
    fn check(options: &[&str], is_reversed: bool, expected: &str) {
        let options: Vec<_> = options
            .iter()
            .map(|text| OptionText { text, offset: 0 })
            .collect();
        let compiled = ErrorText::parse(&options, is_reversed, &mut Notes::new(false));
        let (text, suffix) = compiled.unwrap().unwrap();
        let error = chain();
        let event = LogEvent::builder()
            .field("error", Value::Error(&error))
            .build();
        let mut out = Vec::new();
        text.write(&event, true, &mut out, &mut |out| {
            out.extend_from_slice(suffix.map_or("", |suffix| suffix.text).as_bytes());
        });
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn an_error_is_shown_with_what_caused_it() {
        let full = "save failed\nCaused by: write failed\nCaused by: disk\\nfull\n";
        check(&[], false, full);
        check(&["full"], false, full);
        check(&["filters(org.lib)"], false, full);
        check(&["none"], false, "");
        check(&["-2"], false, "");
        check(&["short"], false, "save failed\nCaused by: write failed\n");
        check(&["1"], false, "save failed\n");
        check(&["short.message"], false, "save failed");
        check(
            &[],
            true,
            "disk\\nfull\nWrapped by: write failed\nWrapped by: save failed\n",
        );
        check(&["short.message"], true, "save failed");
        check(
            &[" 2 , separator( | )"],
            false,
            "save failed | Caused by: write failed | ",
        );
        check(&["1", "suffix(#)", "separator(;)"], false, "save failed#;");
    }

    #[test]
    fn what_has_no_meaning_is_refused_when_strict_and_read_as_log4j_does_when_lenient() {
        for (text, is_converter) in [
            ("nope", false),
            ("1.5", false),
            ("ansi", true),
            ("short.className", true),
        ] {
            let options = [OptionText { text, offset: 4 }];
            let error = ErrorText::parse(&options, false, &mut Notes::new(false)).unwrap_err();
            assert_eq!((error.offset(), error.length()), (4, text.len()));
            let lenient = ErrorText::parse(&options, false, &mut Notes::new(true)).unwrap();
            assert_eq!(lenient.is_some(), is_converter, "{text}");
        }
    }

    #[test]
    fn a_chain_without_an_end_is_cut() {
        #[derive(Debug)]
        struct Ring;
        impl fmt::Display for Ring {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("ring")
            }
        }
        impl Error for Ring {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&Self)
            }
        }
        let event = LogEvent::builder().field("e", Value::Error(&Ring)).build();
        let compiled = ErrorText::parse(&[], true, &mut Notes::new(false));
        let (text, _) = compiled.unwrap().unwrap();
        let mut out = Vec::new();
        text.write(&event, true, &mut out, &mut |_| {});
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text.lines().count(), MAX_CHAIN);
    }
}
