//! Log4j's state machine: splits a pattern into literal text and conversion specifiers.

use super::keyword::continues_identifier;
use super::keyword::is_ignorable;
use super::keyword::starts_identifier;
use super::lookup::extent;
use super::lookup::fault;
use super::lookup::is_known;
use super::modifier::MAX_WIDTH;
use super::modifier::Modifier;
use super::notes::Notes;
use super::notes::shown;
use crate::error::PatternError;

/// How deep braces, and patterns inside patterns, may be nested.
pub(super) const MAX_NESTING: usize = 64;
/// What to do about a `%` that was meant as one.
const PERCENT: &str = "a percent sign is written `%%`";

/// A part of a pattern.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'p> {
    /// Text with its backslashes resolved.
    Literal(String),
    Specifier(Specifier<'p>),
}

/// `%`, modifiers, an identifier, options. What the identifier means is not decided yet.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Specifier<'p> {
    pub(super) modifier: Modifier,
    /// Everything from the `%` to the end of the identifier.
    pub(super) text: &'p str,
    /// Where `text` begins.
    pub(super) offset: usize,
    pub(super) identifier: &'p str,
    pub(super) options: Vec<OptionText<'p>>,
}

impl Specifier<'_> {
    /// An error about the specifier without its options.
    pub(super) fn error(&self, message: impl Into<String>) -> PatternError {
        PatternError::new(self.offset, self.text.len(), message)
    }
}

/// The text between two braces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OptionText<'p> {
    pub(super) text: &'p str,
    pub(super) offset: usize,
}

impl<'p> OptionText<'p> {
    /// What of this option `text` is, which was cut out of it.
    pub(super) fn part(&self, text: &'p str) -> Self {
        let start = self.text.as_ptr().addr();
        let at = text.as_ptr().addr().saturating_sub(start);
        Self {
            text,
            offset: self.offset + at.min(self.text.len()),
        }
    }

    /// An error about this option; `message` ends where the option is shown.
    pub(super) fn error(&self, message: &str) -> PatternError {
        let message = if self.text.is_empty() && message.ends_with("found") {
            format!("{message} nothing")
        } else {
            format!("{message} `{}`", shown(self.text))
        };
        PatternError::new(self.offset, self.text.len(), message)
    }
}

/// How many options there are, in words.
pub(super) fn number_of(options: &[OptionText<'_>]) -> String {
    match options.len() {
        0 => "no option".to_owned(),
        1 => "1 option".to_owned(),
        more => format!("{more} options"),
    }
}

/// Splits a pattern, the whole or one inside of it. Each byte is looked at a bounded number of times,
/// whatever the pattern.
pub(super) fn parse<'p>(
    pattern: OptionText<'p>,
    notes: &mut Notes,
) -> Result<Vec<Piece<'p>>, PatternError> {
    let OptionText {
        text: pattern,
        offset: base,
    } = pattern;
    let mut parser = Parser {
        pattern,
        base,
        at: 0,
        last_brace: pattern.rfind('}'),
        literal: Literal::default(),
        pieces: Vec::new(),
        notes,
    };
    while parser.at < pattern.len() {
        parser.literal_state()?;
    }
    parser.flush()?;
    Ok(parser.pieces)
}

struct Parser<'p, 'n> {
    pattern: &'p str,
    /// Where in the whole pattern this one begins.
    base: usize,
    at: usize,
    /// The last `}` of the whole pattern.
    last_brace: Option<usize>,
    literal: Literal,
    pieces: Vec<Piece<'p>>,
    notes: &'n mut Notes,
}

/// A literal being gathered.
#[derive(Default)]
struct Literal {
    text: String,
    /// Where a backslash stands that waits for its character.
    backslash: Option<usize>,
}

impl Literal {
    /// Adds a character of the pattern. Returns whether it ended an escape that means nothing.
    fn push(&mut self, c: char, at: usize) -> bool {
        let is_escaped = self.backslash.take().is_some();
        if !is_escaped && c == '\\' {
            self.backslash = Some(at);
            return false;
        }
        let meant = match c {
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'f' => '\u{c}',
            'b' => '\u{8}',
            other => other,
        };
        self.text.push(if is_escaped { meant } else { c });
        is_escaped && meant == c && c.is_alphanumeric()
    }
}

impl<'p> Parser<'p, '_> {
    /// Notes a mistake whose place is counted from the beginning of this pattern.
    fn mistake(&mut self, error: PatternError) -> Result<(), PatternError> {
        self.notes.mistake(error.moved(self.base))
    }

    fn peek(&self) -> Option<char> {
        self.pattern.get(self.at..)?.chars().next()
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn slice(&self, from: usize) -> &'p str {
        self.pattern.get(from..self.at).unwrap_or_default()
    }

    fn push(&mut self, c: char, at: usize) -> Result<(), PatternError> {
        if self.literal.push(c, at) {
            let length = c.len_utf8() + 1;
            let error = PatternError::new(at - 1, length, format!("unknown escape `\\{c}`"));
            self.mistake(error.hint("expected one of `\\n`, `\\r`, `\\t`, `\\f`, `\\b`, `\\\\`"))?;
        }
        Ok(())
    }

    /// Ends the literal. A backslash without its character is an error even to Log4j.
    fn flush(&mut self) -> Result<(), PatternError> {
        if let Some(at) = self.literal.backslash {
            let error = PatternError::new(self.base + at, 1, "a `\\` with nothing to escape");
            return Err(error.hint("a backslash is written `\\\\`"));
        }
        if !self.literal.text.is_empty() {
            let text = std::mem::take(&mut self.literal.text);
            self.pieces.push(Piece::Literal(text));
        }
        Ok(())
    }

    fn literal_state(&mut self) -> Result<(), PatternError> {
        let start = self.at;
        let Some(c) = self.next() else {
            return Ok(());
        };
        if c != '%' {
            if c == '$' && self.peek() == Some('{') {
                self.lookup(start)?;
            }
            return self.push(c, start);
        }
        match self.peek() {
            None => {
                let error = PatternError::new(start, 1, "a `%` without a conversion word");
                self.mistake(error.hint(PERCENT))?;
                self.push(c, start)
            }
            Some('%') => {
                self.next();
                self.push(c, start)
            }
            Some(_) => {
                self.flush()?;
                self.specifier(start)
            }
        }
    }

    /// `${…}`, which must be one that is known, or have its dollar sign doubled.
    fn lookup(&mut self, start: usize) -> Result<(), PatternError> {
        let before = self.pattern.get(..start).unwrap_or_default();
        if before.ends_with('$') {
            return Ok(());
        }
        let whole = extent(self.pattern.get(start..).unwrap_or_default());
        if is_known(whole) {
            return Ok(());
        }
        let (message, hint) = fault(whole);
        self.mistake(PatternError::new(start, whole.len(), message).hint(hint))
    }

    /// The states after a `%`.
    fn specifier(&mut self, start: usize) -> Result<(), PatternError> {
        let mut modifier = Modifier::NONE;
        loop {
            match self.peek() {
                Some('0') => modifier.zero_fill = true,
                Some('-') => modifier.left_align = true,
                _ => break,
            }
            self.next();
        }
        modifier.min = self.width()?.unwrap_or(0);
        if self.peek() == Some('.') {
            self.next();
            while self.peek() == Some('-') {
                modifier.cut_end = true;
                self.next();
            }
            match self.width()? {
                Some(max) => modifier.max = max,
                None if self.peek().is_some() => return self.no_digit(start),
                None => {}
            }
        }
        if self.peek().is_none() {
            let text = self.slice(start);
            let message = format!("`{}` without a conversion word", shown(text));
            let error = PatternError::new(start, text.len(), message);
            self.mistake(error.hint(PERCENT))?;
            return self.push_all(start);
        }
        self.conversion(start, modifier)
    }

    /// Digits, if there are any.
    fn width(&mut self) -> Result<Option<usize>, PatternError> {
        let start = self.at;
        let mut width: Option<usize> = None;
        while let Some(digit) = self.peek().and_then(|c| c.to_digit(10)) {
            let number = width.unwrap_or(0) * 10 + digit as usize;
            width = Some(number.min(MAX_WIDTH + 1));
            self.next();
        }
        if width > Some(MAX_WIDTH) {
            let text = self.slice(start);
            let message = format!("width `{}` is over {MAX_WIDTH}", shown(text));
            self.mistake(PatternError::new(start, text.len(), message))?;
        }
        Ok(width.map(|width| width.min(MAX_WIDTH)))
    }

    /// A point must be followed by a number; otherwise all of it is the beginning of a literal.
    fn no_digit(&mut self, start: usize) -> Result<(), PatternError> {
        let at = self.at;
        self.next();
        let found = shown(self.slice(at));
        let message = format!("expected a digit, found `{found}`");
        self.mistake(PatternError::new(at, self.at - at, message))?;
        self.push_all(start)
    }

    /// Makes everything since `start` literal.
    fn push_all(&mut self, start: usize) -> Result<(), PatternError> {
        for (at, c) in self.slice(start).char_indices() {
            self.push(c, start + at)?;
        }
        Ok(())
    }

    /// The identifier and its options.
    fn conversion(&mut self, start: usize, modifier: Modifier) -> Result<(), PatternError> {
        let word = self.at;
        let first = self.next();
        if first.is_some_and(starts_identifier) {
            self.rest_of_identifier();
        } else {
            let message = format!(
                "expected a conversion word, found `{}`",
                shown(self.slice(word))
            );
            let error = PatternError::new(word, self.at - word, message);
            self.mistake(error.hint(PERCENT))?;
        }
        let identifier = match first {
            Some(c) if starts_identifier(c) => self.slice(word),
            _ => "",
        };
        let text = self.slice(start);
        let options = self.options()?;
        if identifier.is_empty() {
            // The character that is no word belongs to the text; a literal ends here.
            for (at, c) in text.char_indices() {
                self.push(c, start + at)?;
            }
            return self.flush();
        }
        self.pieces.push(Piece::Specifier(Specifier {
            modifier,
            text,
            offset: self.base + start,
            identifier,
            options,
        }));
        Ok(())
    }

    /// Goes behind the identifier, of which the first character is behind us.
    fn rest_of_identifier(&mut self) {
        let mut ignorable = None;
        while let Some(c) = self.peek().filter(|c| continues_identifier(*c)) {
            if is_ignorable(c) {
                ignorable.get_or_insert(self.at);
            }
            self.next();
        }
        // No word goes on behind such a character, so that all from there on is text to Log4j, too:
        // an escape sequence for a colour must not make `%m` unknown. Only options would be lost.
        if let Some(at) = ignorable.filter(|_| self.peek() != Some('{')) {
            self.at = at;
        }
    }

    /// Groups in braces, directly one after the other.
    fn options(&mut self) -> Result<Vec<OptionText<'p>>, PatternError> {
        let start = self.at;
        let mut options = Vec::new();
        while self.peek() == Some('{') {
            let begin = self.at + 1;
            let Some(end) = self.closing(begin)? else {
                let error = PatternError::new(self.at, 1, "a `{` without its `}`");
                self.mistake(error)?;
                // What lies between is lost, as in Log4j.
                self.at = match self.last_brace {
                    Some(last) if last >= start => last + 1,
                    _ => begin,
                };
                break;
            };
            options.push(OptionText {
                text: self.pattern.get(begin..end).unwrap_or_default(),
                offset: self.base + begin,
            });
            self.at = end + 1;
        }
        Ok(options)
    }

    /// The `}` that belongs to the `{` before `begin`.
    fn closing(&mut self, begin: usize) -> Result<Option<usize>, PatternError> {
        // Without this look ahead, a row of `%m{` would be searched to its end again and again.
        let Some(last) = self.last_brace.filter(|last| *last >= begin) else {
            return Ok(None);
        };
        let mut depth = 1;
        let mut is_told = false;
        let text = self.pattern.as_bytes().get(begin..=last);
        for (at, byte) in text.unwrap_or_default().iter().enumerate() {
            match byte {
                b'{' => depth += 1,
                b'}' => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return Ok(Some(begin + at));
            }
            if depth > MAX_NESTING && !is_told {
                is_told = true;
                let message = format!("braces are nested more than {MAX_NESTING} deep");
                self.mistake(PatternError::new(begin + at, 1, message))?;
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> OptionText<'_> {
        OptionText { text, offset: 0 }
    }

    /// Literals in quotes, specifiers as their identifier and options.
    fn lenient(pattern: &str) -> Vec<String> {
        let pieces = parse(whole(pattern), &mut Notes::new(true)).unwrap();
        pieces
            .into_iter()
            .map(|piece| match piece {
                Piece::Literal(text) => format!("'{text}'"),
                Piece::Specifier(specifier) => {
                    let mut text = specifier.identifier.to_owned();
                    for option in specifier.options {
                        assert!(pattern[option.offset..].starts_with(option.text));
                        text.extend(["{", option.text, "}"]);
                    }
                    text
                }
            })
            .collect()
    }

    fn strict(pattern: &str) -> PatternError {
        parse(whole(pattern), &mut Notes::new(false)).unwrap_err()
    }

    #[test]
    fn literals_and_specifiers_take_turns() {
        assert_eq!(
            lenient("[%d{HH{}}{UTC}] %-5p%%"),
            ["'['", "d{HH{}}{UTC}", "'] '", "p", "'%'"]
        );
        assert_eq!(lenient("a\\tb\\\\\\%%"), ["'a\tb\\%'"]);
    }

    #[test]
    fn unclosed_braces_swallow_what_log4j_swallows() {
        assert_eq!(lenient("%m{x}{y"), ["m{x}", "'{y'"]);
        assert_eq!(lenient("%m{x"), ["m", "'x'"]);
        assert_eq!(
            lenient("[%d{yyyy] %-5p [%c{10}] - %m"),
            ["'['", "d", "'] - '", "m"]
        );
        assert_eq!(strict("%m{x").offset(), 2);
    }

    #[test]
    fn what_is_no_specifier_stays_text_when_lenient_and_is_placed_when_strict() {
        for (pattern, offset) in [
            ("a %", 2),
            ("%5.x", 3),
            ("%-5", 0),
            ("% m", 1),
            ("%m \\q", 3),
        ] {
            assert_eq!(strict(pattern).offset(), offset, "{pattern}");
        }
        assert_eq!(lenient("%5.x%m"), ["'%5.x'", "m"]);
        assert_eq!(lenient("%{m}%"), ["'%{'", "'m}%'"]);
    }

    #[test]
    fn a_lone_backslash_is_always_an_error() {
        for pattern in ["\\", "a\\%m", "%\\", "%m\\"] {
            let parsed = parse(whole(pattern), &mut Notes::new(true));
            assert!(parsed.is_err(), "{pattern}");
        }
    }

    #[test]
    fn widths_are_bounded() {
        assert_eq!(strict("%99999999999999999999p").offset(), 1);
        let pattern = whole("%99999999999999999999.10001p");
        let pieces = parse(pattern, &mut Notes::new(true)).unwrap();
        let [Piece::Specifier(specifier)] = &pieces[..] else {
            panic!("{pieces:?}");
        };
        assert_eq!(specifier.modifier.min, MAX_WIDTH);
        assert_eq!(specifier.modifier.max, MAX_WIDTH);
    }

    #[test]
    fn nesting_is_bounded_when_strict() {
        let deep = format!("%m{}{}", "{".repeat(100), "}".repeat(100));
        assert_eq!(strict(&deep).offset(), 2 + MAX_NESTING);
        assert_eq!(lenient(&deep).len(), 1);
    }
}
