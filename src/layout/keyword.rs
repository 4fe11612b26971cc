//! The conversion words of Log4j: which there are, which one a text begins with, which one was meant.

/// What a conversion word prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Word {
    Class,
    /// A nested pattern in the colour that the word names.
    Colour,
    Date,
    Encode,
    EndOfBatch,
    Equals,
    EqualsIgnoreCase,
    Error,
    EventFields,
    EventName,
    File,
    Highlight,
    Level,
    Line,
    Location,
    Logger,
    Marker,
    MarkerName,
    MaxLength,
    Message,
    Method,
    Nano,
    Newline,
    NotEmpty,
    ProcessId,
    Relative,
    Repeat,
    Replace,
    /// An error with its innermost cause first.
    RootError,
    Sequence,
    SpanFields,
    SpanId,
    SpanNames,
    /// The spans with their fields, as `tracing_subscriber::fmt` writes them.
    Spans,
    Style,
    Thread,
    ThreadId,
    TraceFlags,
    TraceId,
    Uuid,
    /// Nothing here corresponds to it; the text says why, and what comes nearest.
    Unavailable(&'static str),
}

/// All words that Log4j registers for layouts, and two of our own at the end.
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
    ("black", Word::Colour),
    ("blue", Word::Colour),
    ("cyan", Word::Colour),
    ("enc", Word::Encode),
    ("encode", Word::Encode),
    ("endOfBatch", Word::EndOfBatch),
    ("equals", Word::Equals),
    ("equalsIgnoreCase", Word::EqualsIgnoreCase),
    ("ex", Word::Error),
    ("exception", Word::Error),
    ("fqcn", Word::Unavailable(NO_FQCN)),
    ("green", Word::Colour),
    ("highlight", Word::Highlight),
    ("magenta", Word::Colour),
    ("marker", Word::Marker),
    ("markerSimpleName", Word::MarkerName),
    ("maxLen", Word::MaxLength),
    ("maxLength", Word::MaxLength),
    ("N", Word::Nano),
    ("nano", Word::Nano),
    ("notEmpty", Word::NotEmpty),
    ("rEx", Word::RootError),
    ("rException", Word::RootError),
    ("rThrowable", Word::RootError),
    ("red", Word::Colour),
    ("repeat", Word::Repeat),
    ("replace", Word::Replace),
    ("style", Word::Style),
    ("throwable", Word::Error),
    ("tp", Word::Unavailable(NO_PRIORITY)),
    ("threadPriority", Word::Unavailable(NO_PRIORITY)),
    ("u", Word::Uuid),
    ("uuid", Word::Uuid),
    ("variablesNotEmpty", Word::NotEmpty),
    ("varsNotEmpty", Word::NotEmpty),
    ("white", Word::Colour),
    ("xEx", Word::Error),
    ("xException", Word::Error),
    ("xThrowable", Word::Error),
    ("yellow", Word::Colour),
    ("spanId", Word::SpanId),
    ("traceFlags", Word::TraceFlags),
    ("traceId", Word::TraceId),
    ("eventName", Word::EventName),
    ("spans", Word::Spans),
];

const NO_FQCN: &str = "an event does not know the logging function that was called; `%C` is the \
                       module that called it";
const NO_PRIORITY: &str = "threads have no priority here; `%t` and `%tid` tell them apart";

/// Words that are found in patterns and that Log4j 2 does not know, with whose they are.
static FOREIGN: &[(&str, &str)] = &[
    ("R", "Log4j 3 knows `%R`, Log4j 2 calls it `%repeat`"),
    ("boldRed", "it is logback's, write `%style{%m}{bold red}`"),
    ("caller", "it is logback's, see `%location`"),
    ("clr", "it is Spring Boot's, write `%highlight` or `%style`"),
    ("contextName", "it is logback's"),
    ("correlationId", "it is Spring Boot's, write `%traceId`"),
    ("esb", "it is Spring Boot's, write `[%notEmpty{…}]`"),
    ("gray", "it is logback's, write `%style{%m}{bright_black}`"),
    ("cn", "it is logback's"),
    ("kvp", "it is logback's, write `%K`"),
    ("lo", "it is logback's, write `%logger`"),
    ("le", "it is logback's, write `%level`"),
    ("lsn", "it is logback's, write `%sn`"),
    ("micros", "it is logback's, write `%d{SSSSSS}`"),
    ("nopex", "it is logback's, leave it out"),
    ("nopexception", "it is logback's, leave it out"),
    ("property", "it is logback's, write `${env:NAME}`"),
    ("rootException", "it is logback's, write `%rEx`"),
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

/// Whether a conversion word may begin with `c`: Java's `isUnicodeIdentifierStart`.
pub(super) fn starts_identifier(c: char) -> bool {
    c <= '\u{ffff}' && unicode_ident::is_xid_start(c)
}

/// Whether an identifier goes on with `c`: Java's `isUnicodeIdentifierPart`.
pub(super) fn continues_identifier(c: char) -> bool {
    // Log4j looks at UTF-16 units, so nothing above U+FFFF is a letter to it. The two middle dots
    // are younger than the Unicode of Java 17.
    c <= '\u{ffff}'
        && !matches!(c, '\u{30fb}' | '\u{ff65}')
        && (unicode_ident::is_xid_continue(c) || is_ignorable(c))
}

/// Java's `isIdentifierIgnorable`: controls that are no space, and characters that only format.
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(
        c,
        '\0'..='\u{8}'
            | '\u{e}'..='\u{1b}'
            | '\u{7f}'..='\u{9f}'
            | '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
    )
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
            Some(("markerSimpleName", Word::MarkerName))
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

    #[test]
    fn identifiers_are_those_of_java() {
        for c in [
            'a', '_', '9', '\u{b7}', '\u{300}', '\0', '\u{ad}', '\u{200b}', '\u{94d}', '\u{2118}',
        ] {
            assert!(continues_identifier(c), "{c:?}");
        }
        for c in ['²', '½', 'Ⓐ', '-', '{', ' ', '\u{30fb}', '\u{10400}'] {
            assert!(!continues_identifier(c), "{c:?}");
        }
        assert!(starts_identifier('é') && !starts_identifier('_') && !starts_identifier('Ⓐ'));
    }
}
