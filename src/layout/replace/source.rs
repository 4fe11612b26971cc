//! The text of a regular expression, read as Java reads it: a cursor, flags, and `\Q…\E` resolved.

use super::fault::Fault;

/// A set of Java's flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(u8);

impl Flags {
    pub(super) const NONE: Self = Self(0);
    /// `d`
    pub(super) const UNIX_LINES: Self = Self(1);
    /// `i`
    pub(super) const IGNORE_CASE: Self = Self(2);
    /// `m`
    pub(super) const MULTILINE: Self = Self(4);
    /// `s`
    pub(super) const DOT_ALL: Self = Self(8);
    /// `u`
    pub(super) const UNICODE_CASE: Self = Self(16);
    /// `x`
    pub(super) const COMMENTS: Self = Self(32);
    /// `U`, without the `u` that comes with it
    pub(super) const UNICODE_CLASSES: Self = Self(64);

    pub(super) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    pub(super) const fn with(self, flag: Self) -> Self {
        Self(self.0 | flag.0)
    }

    pub(super) const fn without(self, flag: Self) -> Self {
        Self(self.0 & !flag.0)
    }

    /// Whether the case of all letters is ignored, and not of those of ASCII only.
    pub(super) const fn folds_all(self) -> bool {
        self.has(Self::IGNORE_CASE) && self.has(Self::UNICODE_CASE)
    }
}

/// The text and how far it has been read. At its end there is no character, as often as it is read.
#[derive(Debug)]
pub(super) struct Source<'a> {
    text: &'a str,
    /// Each with its byte offset.
    chars: Vec<(char, usize)>,
    /// The character that is read next.
    pub(super) at: usize,
    pub(super) flags: Flags,
    depth: usize,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let chars: Vec<_> = text.char_indices().map(|(at, c)| (c, at)).collect();
        Self {
            text,
            chars: unquote(&chars),
            at: 0,
            flags: Flags::NONE,
            depth: 0,
        }
    }

    pub(super) fn raw(&self, index: usize) -> Option<char> {
        self.chars.get(index).map(|(c, _)| *c)
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.at >= self.chars.len()
    }

    /// The next character; in `(?x)` the cursor moves to it.
    pub(super) fn peek(&mut self) -> Option<char> {
        if self.flags.has(Flags::COMMENTS) {
            self.skip_blanks();
        }
        self.raw(self.at)
    }

    /// Goes on by one character and looks at the next.
    pub(super) fn next(&mut self) -> Option<char> {
        self.at += 1;
        self.peek()
    }

    /// Looks at the next character and goes on.
    pub(super) fn read(&mut self) -> Option<char> {
        let c = self.peek();
        self.at += 1;
        c
    }

    /// As `read`, but blanks count in `(?x)` as well.
    pub(super) fn read_raw(&mut self) -> Option<char> {
        let c = self.raw(self.at);
        self.at += 1;
        c
    }

    fn skip_blanks(&mut self) {
        while let Some(c) = self.raw(self.at) {
            match c {
                ' ' | '\t'..='\r' => self.at += 1,
                '#' => {
                    let unix = self.flags.has(Flags::UNIX_LINES);
                    while self.raw(self.at).is_some_and(|c| !ends_line(c, unix)) {
                        self.at += 1;
                    }
                    // Java goes on with the terminator itself, which need not be a blank.
                    if !matches!(self.raw(self.at), Some(' ' | '\t'..='\r' | '#')) {
                        return;
                    }
                }
                _ => return,
            }
        }
    }

    /// One level further down.
    pub(super) fn enter(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("groups and classes nest deeper than {MAX_DEPTH} levels");
            return Err(self.fault(self.at, self.at + 1, message));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// A fault of the characters between two places.
    pub(super) fn fault(&self, from: usize, to: usize, message: impl Into<String>) -> Fault {
        let (start, end) = self.bytes(from, to);
        Fault::new(start, end - start, message)
    }

    /// The same about something that is right, but cannot be done here.
    pub(super) fn unsupported(&self, from: usize, to: usize, what: &str) -> Fault {
        let (start, end) = self.bytes(from, to);
        let shown = self.text.get(start..end).unwrap_or_default();
        Fault::new(start, end - start, format!("`{shown}`: {what}"))
    }

    /// The text between two places, as it was written.
    pub(super) fn slice(&self, from: usize, to: usize) -> &'a str {
        let (start, end) = self.bytes(from, to);
        self.text.get(start..end).unwrap_or_default()
    }

    fn bytes(&self, from: usize, to: usize) -> (usize, usize) {
        let start = self.byte(from);
        (start, self.byte(to).max(start))
    }

    /// Where a character begins in the text.
    pub(super) fn byte(&self, index: usize) -> usize {
        let found = self.chars.get(index).map(|(_, at)| *at);
        found.unwrap_or(self.text.len())
    }
}

/// Resolves `\Q…\E` as Java does: what stands between them is escaped unless it is a letter.
fn unquote(chars: &[(char, usize)]) -> Vec<(char, usize)> {
    let mut out = Vec::with_capacity(chars.len());
    let mut rest = chars.iter().copied().peekable();
    let mut is_quoted = false;
    let mut is_first = false;
    while let Some((c, at)) = rest.next() {
        if c == '\\' {
            let after = rest.peek().map(|(c, _)| *c);
            match (is_quoted, after) {
                (false, Some('Q')) => {
                    rest.next();
                    is_quoted = true;
                    is_first = true;
                    continue;
                }
                (true, Some('E')) => {
                    rest.next();
                    is_quoted = false;
                }
                (true, _) => out.extend([('\\', at), ('\\', at)]),
                (false, _) => {
                    out.push((c, at));
                    out.extend(rest.next());
                }
            }
        } else if is_quoted && c.is_ascii() && !c.is_ascii_alphabetic() {
            if !c.is_ascii_digit() {
                out.push(('\\', at));
            } else if is_first {
                // A digit must not go on with an escape before the quotation.
                out.extend([('\\', at), ('x', at), ('3', at)]);
            }
            out.push((c, at));
        } else {
            out.push((c, at));
        }
        is_first = false;
    }
    out
}

/// Whether `c` is one of Java's line terminators.
fn ends_line(c: char, unix: bool) -> bool {
    match c {
        '\n' => true,
        '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => !unix,
        _ => false,
    }
}

/// How deep groups and classes may nest; each level takes room on the stack.
const MAX_DEPTH: usize = 64;
