//! The texts of the five levels, as the option of `%p` makes them.

use tracing::Level;

use super::notes::Notes;
use super::parser::OptionText;
use crate::error::PatternError;

/// How many levels there are.
pub(super) const LEVELS: usize = 5;

/// The names in the order of [`index`].
const NAMES: [&str; LEVELS] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR"];
/// Levels of Log4j that no event here has; a label for them is in order, but has no effect.
const UNUSED: [&str; 3] = ["FATAL", "OFF", "ALL"];

/// The place of `level` in an array of all levels.
#[inline]
pub(super) fn index(level: Level) -> usize {
    match level {
        Level::TRACE => 0,
        Level::DEBUG => 1,
        Level::INFO => 2,
        Level::WARN => 3,
        Level::ERROR => 4,
    }
}

/// The place of the level with this name, in letters of either case.
pub(super) fn index_of_name(name: &str) -> Option<usize> {
    NAMES
        .iter()
        .position(|known| known.eq_ignore_ascii_case(name))
}

/// Whether Log4j has a level of this name that no event here has.
pub(super) fn is_unused(name: &str) -> bool {
    UNUSED.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// The text of each level. None where Log4j could not make the converter.
pub(super) fn texts(
    option: Option<OptionText<'_>>,
    notes: &mut Notes,
) -> Result<Option<[String; LEVELS]>, PatternError> {
    let Some(option) = option else {
        return Ok(Some(NAMES.map(str::to_owned)));
    };
    let mut labels: [Option<&str>; LEVELS] = [None; LEVELS];
    let mut length = usize::MAX;
    let mut is_lower_case = false;
    for item in items(option.text) {
        let Some((name, value)) = pair(item) else {
            let error = option
                .part(item)
                .error("expected `LEVEL=label`, `length=number` or `lowerCase=true`, found");
            notes.mistake(error)?;
            continue;
        };
        if name.eq_ignore_ascii_case("length") {
            let Some(number) = value.parse().ok().and_then(|n: i32| n.try_into().ok()) else {
                let value = option.part(value);
                notes.mistake(value.error("expected a number of letters, found"))?;
                return Ok(None);
            };
            length = number;
        } else if name.eq_ignore_ascii_case("lowerCase") {
            is_lower_case = value.eq_ignore_ascii_case("true");
        } else if let Some(label) = label_of(name, &mut labels) {
            *label = Some(value);
        } else if !UNUSED
            .iter()
            .any(|unused| unused.eq_ignore_ascii_case(name))
        {
            notes.mistake(option.part(name).error("unknown level"))?;
        }
    }
    let mut texts = NAMES.map(str::to_owned);
    for (text, label) in texts.iter_mut().zip(labels) {
        if let Some(label) = label {
            label.clone_into(text);
        } else {
            text.truncate(length);
            if is_lower_case {
                text.make_ascii_lowercase();
            }
        }
    }
    Ok(Some(texts))
}

fn label_of<'l, 'p>(
    name: &str,
    labels: &'l mut [Option<&'p str>; LEVELS],
) -> Option<&'l mut Option<&'p str>> {
    NAMES
        .iter()
        .zip(labels)
        .find(|(level, _)| level.eq_ignore_ascii_case(name))
        .map(|(_, label)| label)
}

/// Splits at commas as Java does: what is empty at the end is no item.
fn items(option: &str) -> impl Iterator<Item = &str> {
    let kept = if option.is_empty() {
        // Save that a text without a comma is one item, even if it is empty.
        Some(option)
    } else {
        let kept = option.trim_end_matches(|c: char| c == ',' || c.is_whitespace());
        (!kept.is_empty() || !option.contains(',')).then_some(kept)
    };
    kept.into_iter()
        .flat_map(|kept| kept.split(','))
        .map(str::trim)
}

/// Name and value, if there are exactly two parts.
fn pair(item: &str) -> Option<(&str, &str)> {
    let (name, value) = item.split_once('=')?;
    let value = value.trim_end_matches('=');
    if value.is_empty() || value.contains('=') {
        return None;
    }
    Some((name.trim(), value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> OptionText<'_> {
        OptionText { text, offset: 0 }
    }

    fn lenient(option: &str) -> Option<[String; LEVELS]> {
        texts(Some(whole(option)), &mut Notes::new(true)).unwrap()
    }

    #[track_caller]
    fn check(option: &str, expected: [&str; LEVELS]) {
        assert_eq!(lenient(option).unwrap(), expected);
        let strict = texts(Some(whole(option)), &mut Notes::new(false));
        assert_eq!(strict.unwrap().unwrap(), expected);
    }

    #[test]
    fn labels_are_used_as_they_are_and_the_rest_is_shortened() {
        check(
            "WARN=Warning, error = E,length=2,lowerCase=TRUE",
            ["tr", "de", "in", "Warning", "E"],
        );
        check("FATAL=F, info=i", ["TRACE", "DEBUG", "i", "WARN", "ERROR"]);
        check("length=+0", ["", "", "", "", ""]);
        check(",", NAMES);
    }

    #[test]
    fn mistakes_are_errors_or_ignored_or_spoil_the_converter() {
        for option in ["", "WARN", "WARN=", "=x", "NOPE=x", "WARN=a=b", "a,,b"] {
            assert!(
                texts(Some(whole(option)), &mut Notes::new(false)).is_err(),
                "{option}"
            );
            assert_eq!(lenient(option).unwrap(), NAMES, "{option}");
        }
        for option in ["length=-1", "length=x", "length=1.5"] {
            assert!(
                texts(Some(whole(option)), &mut Notes::new(false)).is_err(),
                "{option}"
            );
            assert_eq!(lenient(option), None, "{option}");
        }
    }
}
