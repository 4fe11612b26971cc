//! The conversion words of Log4j: which there are, which one a text begins with, which one was meant.

/// What a conversion word prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Class,
    Date,
    EventFields,
    File,
    Level,
    Line,
    Location,
    Logger,
    Message,
    Method,
    Newline,
    ProcessId,
    Relative,
    Sequence,
    SpanFields,
    SpanNames,
    Thread,
    ThreadId,
    /// Registered in Log4j, so it takes part in the look-up, but not built here.
    NotYet,
}

/// All words that Log4j registers for layouts.
static WORDS: &[(&str, Word)] = &[
    ("C", Word::Class),
    ("class", Word::Class),
    ("d", Word::Date),
    ("date", Word::Date),
    ("K", Word::EventFields),
    ("map", Word::EventFields),
    ("MAP", Word::EventFields),
    ("F", Word::File),
    ("file", Word::File),
    ("p", Word::Level),
    ("level", Word::Level),
    ("L", Word::Line),
    ("line", Word::Line),
    ("l", Word::Location),
    ("location", Word::Location),
    ("c", Word::Logger),
    ("logger", Word::Logger),
    ("m", Word::Message),
    ("msg", Word::Message),
    ("message", Word::Message),
    ("M", Word::Method),
    ("method", Word::Method),
    ("n", Word::Newline),
    ("pid", Word::ProcessId),
    ("processId", Word::ProcessId),
    ("r", Word::Relative),
    ("relative", Word::Relative),
    ("sn", Word::Sequence),
    ("sequenceNumber", Word::Sequence),
    ("X", Word::SpanFields),
    ("mdc", Word::SpanFields),
    ("MDC", Word::SpanFields),
    ("x", Word::SpanNames),
    ("NDC", Word::SpanNames),
    ("t", Word::Thread),
    ("tn", Word::Thread),
    ("thread", Word::Thread),
    ("threadName", Word::Thread),
    ("T", Word::ThreadId),
    ("tid", Word::ThreadId),
    ("threadId", Word::ThreadId),
    ("black", Word::NotYet),
    ("blue", Word::NotYet),
    ("cyan", Word::NotYet),
    ("enc", Word::NotYet),
    ("encode", Word::NotYet),
    ("endOfBatch", Word::NotYet),
    ("equals", Word::NotYet),
    ("equalsIgnoreCase", Word::NotYet),
    ("ex", Word::NotYet),
    ("exception", Word::NotYet),
    ("fqcn", Word::NotYet),
    ("green", Word::NotYet),
    ("highlight", Word::NotYet),
    ("magenta", Word::NotYet),
    ("marker", Word::NotYet),
    ("markerSimpleName", Word::NotYet),
    ("maxLen", Word::NotYet),
    ("maxLength", Word::NotYet),
    ("N", Word::NotYet),
    ("nano", Word::NotYet),
    ("notEmpty", Word::NotYet),
    ("rEx", Word::NotYet),
    ("rException", Word::NotYet),
    ("rThrowable", Word::NotYet),
    ("red", Word::NotYet),
    ("repeat", Word::NotYet),
    ("replace", Word::NotYet),
    ("style", Word::NotYet),
    ("throwable", Word::NotYet),
    ("tp", Word::NotYet),
    ("threadPriority", Word::NotYet),
    ("u", Word::NotYet),
    ("uuid", Word::NotYet),
    ("variablesNotEmpty", Word::NotYet),
    ("varsNotEmpty", Word::NotYet),
    ("white", Word::NotYet),
    ("xEx", Word::NotYet),
    ("xException", Word::NotYet),
    ("xThrowable", Word::NotYet),
    ("yellow", Word::NotYet),
];

/// Words that are found in patterns and that Log4j 2 does not know, with whose they are.
static FOREIGN: &[(&str, &str)] = &[
    ("R", "Log4j 3 knows `%R`, Log4j 2 calls it `%repeat`"),
    ("caller", "it is logback's, see `%location`"),
    ("clr", "it is Spring Boot's, write `%highlight` or `%style`"),
    ("contextName", "it is logback's"),
    ("cn", "it is logback's"),
    ("kvp", "it is logback's, write `%K`"),
    ("lo", "it is logback's, write `%logger`"),
    ("le", "it is logback's, write `%level`"),
    ("property", "it is logback's"),
    ("wEx", "it is Spring Boot's, write `%ex`"),
    ("wex", "it is Spring Boot's, write `%ex`"),
    ("xwEx", "it is Spring Boot's, write `%xEx`"),
];

/// The longest word, in bytes; a longer identifier need not be looked at.
const MAX_LENGTH: usize = 17;

/// The longest word that `identifier` begins with.
pub(super) fn longest_prefix(identifier: &str) -> Option<(&'static str, Word)> {
    (1..=identifier.len().min(MAX_LENGTH))
        .rev()
        .find_map(|end| {
            let prefix = identifier.get(..end)?;
            WORDS.iter().find(|(word, _)| *word == prefix).copied()
        })
}

/// What to say about a word that is known from elsewhere.
pub(super) fn foreign(identifier: &str) -> Option<&'static str> {
    let (_, whose) = FOREIGN.iter().find(|(word, _)| *word == identifier)?;
    Some(whose)
}

/// The word that `identifier` is probably a misspelling of.
pub(super) fn closest(identifier: &str) -> Option<&'static str> {
    if identifier.len() > MAX_LENGTH + 2 {
        return None;
    }
    let same = |word: &str| word.eq_ignore_ascii_case(identifier);
    if let Some((word, _)) = WORDS.iter().find(|(word, _)| same(word)) {
        return Some(word);
    }
    // Two letters that changed places are two edits.
    let most = (identifier.len() + 1) / 3;
    WORDS
        .iter()
        .filter(|(word, _)| word.len() > 2)
        .map(|(word, _)| (distance(identifier, word), *word))
        .filter(|(distance, _)| *distance <= most)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, word)| word)
}

/// How many letters must be put in, taken out or replaced to make `one` the `other`.
fn distance(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (b, above) in other.bytes().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(a != b);
            diagonal = *above;
            left = replaced.min(diagonal + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or_default()
}

/// Whether a conversion word may begin with `c`.
pub(super) fn starts_identifier(c: char) -> bool {
    c <= '\u{ffff}' && c.is_alphabetic()
}

/// Whether an identifier goes on with `c`.
pub(super) fn continues_identifier(c: char) -> bool {
    // Log4j looks at UTF-16 units, so nothing above U+FFFF is a letter to it. What Java ignores in
    // identifiers ends one here: it is text in both readings.
    c <= '\u{ffff}'
        && (c.is_alphanumeric()
            || matches!(c, '_' | '\u{b7}' | '\u{203f}' | '\u{2040}' | '\u{2054}')
            || matches!(c, '\u{300}'..='\u{36f}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_word_wins() {
        assert_eq!(longest_prefix("msgfoo"), Some(("msg", Word::Message)));
        assert_eq!(longest_prefix("process"), Some(("p", Word::Level)));
        assert_eq!(longest_prefix("node_name"), Some(("n", Word::Newline)));
        assert_eq!(
            longest_prefix("markerSimpleNames"),
            Some(("markerSimpleName", Word::NotYet))
        );
        assert_eq!(longest_prefix("q"), None);
        assert_eq!(longest_prefix("é"), None);
    }

    #[test]
    fn no_word_is_longer_than_assumed_or_listed_twice() {
        assert_eq!(WORDS.iter().map(|(w, _)| w.len()).max(), Some(MAX_LENGTH));
        for (index, (word, _)) in WORDS.iter().enumerate() {
            assert!(
                WORDS.iter().skip(index + 1).all(|(w, _)| w != word),
                "{word}"
            );
        }
    }

    #[test]
    fn a_misspelt_word_is_recognised() {
        assert_eq!(closest("mesage"), Some("message"));
        assert_eq!(closest("LEVEL"), Some("level"));
        assert_eq!(closest("looger"), Some("logger"));
        assert_eq!(closest("D"), Some("d"));
        assert_eq!(closest("q"), None);
        assert_eq!(closest("zzzzzz"), None);
    }

    #[test]
    fn distance_counts_edits() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", "abc"), 0);
    }
}
