//! Java's syntax of regular expressions, as `Pattern.compile` reads it without flags.

use super::class::bracket;
use super::class::class;
use super::class::single;
use super::escape::Escape;
use super::escape::VERTICAL;
use super::escape::escape;
use super::fault::Fault;
use super::node::Node;
use super::source::Flags;
use super::source::Source;

/// A regular expression as it was read.
#[derive(Debug)]
pub(super) struct Expression {
    pub(super) node: Node,
    /// How many groups have a number.
    pub(super) groups: usize,
    /// Those of them that have a name.
    pub(super) names: Vec<(String, usize)>,
}

/// Reads a regular expression.
pub(super) fn parse(text: &str) -> Result<Expression, Fault> {
    if text.len() > MAX_LENGTH {
        let message = format!("a regular expression of more than {MAX_LENGTH} bytes");
        return Err(Fault::new(0, text.len(), message));
    }
    let mut parser = Parser {
        source: Source::new(text),
        groups: 0,
        names: Vec::new(),
    };
    let node = parser.expression()?;
    let at = parser.source.at;
    if parser.source.peek().is_some() {
        let message = "`)` without its `(`";
        return Err(parser
            .source
            .fault(at, at + 1, message)
            .hint("write `\\)` for a parenthesis"));
    }
    Ok(Expression {
        node,
        groups: parser.groups,
        names: parser.names,
    })
}

struct Parser<'a> {
    source: Source<'a>,
    groups: usize,
    names: Vec<(String, usize)>,
}

impl Parser<'_> {
    /// Alternatives.
    fn expression(&mut self) -> Result<Node, Fault> {
        let first = self.sequence()?;
        if self.source.peek() != Some('|') {
            return Ok(first);
        }
        let mut choices = vec![first];
        while self.source.peek() == Some('|') {
            self.source.next();
            choices.push(self.sequence()?);
        }
        Ok(Node::Choice(choices))
    }

    fn sequence(&mut self) -> Result<Node, Fault> {
        let mut nodes = Vec::new();
        loop {
            let start = self.source.at;
            let node = match self.source.peek() {
                None | Some('|' | ')') => break,
                Some('(') => match self.group()? {
                    Some(node) => node,
                    None => continue,
                },
                Some(sign @ ('?' | '*' | '+')) => {
                    let at = self.source.at;
                    let message = format!("`{sign}` with nothing to repeat");
                    return Err(self
                        .source
                        .fault(at, at + 1, message)
                        .hint(format!("write `\\{sign}` for the character")));
                }
                Some(c) => self.atom(c)?,
            };
            nodes.push(self.quantified(node, start)?);
        }
        Ok(Node::Concat(nodes))
    }

    /// Anything but a group.
    fn atom(&mut self, c: char) -> Result<Node, Fault> {
        let flags = self.source.flags;
        let unix = flags.has(Flags::UNIX_LINES);
        let at = self.source.byte(self.source.at);
        let node = match c {
            '[' => return class(&mut self.source).map(Node::Text),
            '\\' => return self.escaped(),
            // Java repeats nothing here: `{2}` means nothing at all, and `{` is a fault.
            '{' => return Ok(Node::Empty),
            '^' if flags.has(Flags::MULTILINE) => Node::LineStart { unix, at },
            '^' => Node::Look("\\A"),
            '$' if !flags.has(Flags::MULTILINE) => Node::TextEnd {
                unix,
                at,
                length: 1,
            },
            '$' if unix => Node::Look("(?m:$)"),
            '$' => Node::Look("(?mR:$)"),
            '.' => Node::Text(dot(flags).to_owned()),
            _ => Node::Text(single(c.into(), flags)),
        };
        self.source.next();
        Ok(node)
    }

    fn escaped(&mut self) -> Result<Node, Fault> {
        let start = self.source.at;
        let flags = self.source.flags;
        let other = match escape(&mut self.source, false, false)? {
            Escape::Char(code) => return Ok(Node::Text(single(code, flags))),
            Escape::Set(items) => return Ok(Node::Text(bracket(&items, false))),
            Escape::Other(letter) => letter,
        };
        let wide = flags.has(Flags::UNICODE_CLASSES);
        Ok(match other {
            'A' => Node::Look("\\A"),
            'z' => Node::Look("\\z"),
            'Z' => Node::TextEnd {
                unix: flags.has(Flags::UNIX_LINES),
                at: self.source.byte(start),
                length: 2,
            },
            'R' => self.line_end(),
            'b' => {
                let at = self.source.at;
                if self.source.peek() == Some('{') && self.source.raw(at + 1) == Some('g') {
                    let what = "grapheme clusters are not known to this engine";
                    return Err(self.source.unsupported(start, at + 3, what));
                }
                Node::Look(if wide { "\\b" } else { "(?-u:\\b)" })
            }
            _ => Node::Look(if wide { "\\B" } else { "(?-u:\\B)" }),
        })
    }

    /// `\R`. Where it is repeated Java does not go back into it, and `\r\n` stays one.
    fn line_end(&mut self) -> Node {
        let is_repeated = matches!(self.source.peek(), Some('?' | '*' | '+' | '{'));
        Node::Text(if is_repeated {
            format!("(?:\\r\\n|\\r(?mR:^)|[{VERTICAL}--\\r])")
        } else {
            format!("(?:\\r\\n|[{VERTICAL}])")
        })
    }

    /// A group with what repeats it; nothing for `(?i)` and the like.
    fn group(&mut self) -> Result<Option<Node>, Fault> {
        let start = self.source.at;
        let flags = self.source.flags;
        self.source.enter()?;
        let mut is_capture = true;
        if self.source.next() == Some('?') {
            self.source.at += 1;
            match self.source.read_raw() {
                Some(':') => is_capture = false,
                Some('<') => self.name(start)?,
                Some('=' | '!') => return Err(self.looks_around(start)),
                Some('>') => {
                    let what = "atomic groups need a backtracking engine";
                    return Err(self.source.unsupported(start, self.source.at, what));
                }
                _ => {
                    self.source.at -= 1;
                    if self.set_flags(start)? {
                        self.source.leave();
                        return Ok(None);
                    }
                    is_capture = false;
                }
            }
        }
        // Java counts a group where it opens.
        self.groups += usize::from(is_capture);
        let node = self.expression()?;
        if self.source.peek() != Some(')') {
            let message = "`(` without its `)`";
            return Err(self
                .source
                .fault(start, start + 1, message)
                .hint("write `\\(` for a parenthesis"));
        }
        self.source.at += 1;
        self.source.flags = flags;
        self.source.leave();
        Ok(Some(if is_capture {
            Node::Capture(Box::new(node))
        } else {
            node
        }))
    }

    fn looks_around(&self, start: usize) -> Fault {
        let what = "look-ahead and look-behind need a backtracking engine";
        self.source.unsupported(start, self.source.at, what)
    }

    /// The name of a group, up to its `>`.
    fn name(&mut self, start: usize) -> Result<(), Fault> {
        let mut name = String::new();
        let end = loop {
            match self.source.read() {
                Some('=' | '!') if name.is_empty() => return Err(self.looks_around(start)),
                Some(c) if c.is_ascii_alphabetic() => name.push(c),
                Some(c) if c.is_ascii_digit() && !name.is_empty() => name.push(c),
                end => break end,
            }
        };
        let message = if end != Some('>') || name.is_empty() {
            "`(?<` without the name of a group and `>`".to_owned()
        } else if self.names.iter().any(|(known, _)| *known == name) {
            format!("a second group named `{name}`")
        } else {
            self.names.push((name, self.groups + 1));
            return Ok(());
        };
        Err(self
            .source
            .fault(start, self.source.at, message)
            .hint("names are made of the letters a to z, A to Z and digits"))
    }

    /// Reads the flags of `(?i)` or `(?i:`; whether that was all.
    fn set_flags(&mut self, start: usize) -> Result<bool, Fault> {
        let mut is_on = true;
        let mut next = self.source.peek();
        loop {
            let flag = match next {
                Some('i') => Flags::IGNORE_CASE,
                Some('m') => Flags::MULTILINE,
                Some('s') => Flags::DOT_ALL,
                Some('d') => Flags::UNIX_LINES,
                Some('u') => Flags::UNICODE_CASE,
                Some('x') => Flags::COMMENTS,
                Some('U') => Flags::UNICODE_CLASSES.with(Flags::UNICODE_CASE),
                Some('c') => {
                    let what = "canonical equivalence is not known to this engine";
                    return Err(self.source.unsupported(start, self.source.at + 1, what));
                }
                Some('-') if is_on => {
                    is_on = false;
                    next = self.source.next();
                    continue;
                }
                _ => break,
            };
            let flags = self.source.flags;
            self.source.flags = if is_on {
                flags.with(flag)
            } else {
                flags.without(flag)
            };
            next = self.source.next();
        }
        match self.source.read() {
            Some(')') => Ok(true),
            Some(':') => Ok(false),
            _ => {
                let message = "`(?` with an unknown flag or kind of group";
                Err(self
                    .source
                    .fault(start, self.source.at, message)
                    .hint("flags are `i`, `m`, `s`, `d`, `u`, `x` and `U`"))
            }
        }
    }

    /// What was read from `start` on, with what repeats it.
    fn quantified(&mut self, node: Node, start: usize) -> Result<Node, Fault> {
        let (min, max) = match self.source.peek() {
            Some('?') => (0, Some(1)),
            Some('*') => (0, None),
            Some('+') => (1, None),
            Some('{') => self.bounds()?,
            _ => return Ok(node),
        };
        let is_lazy = match self.source.next() {
            Some('?') => true,
            Some('+') => {
                let what = "possessive quantifiers need a backtracking engine";
                let end = self.source.at + 1;
                return Err(self.source.unsupported(start, end, what));
            }
            _ => false,
        };
        if is_lazy {
            self.source.next();
        }
        Ok(match node {
            Node::Empty => Node::Empty,
            node => Node::Repeat {
                node: Box::new(node),
                min,
                max,
                is_lazy,
            },
        })
    }

    /// `{n}`, `{n,}` and `{n,m}`; the source is left at the `}`.
    fn bounds(&mut self) -> Result<(u32, Option<u32>), Fault> {
        let start = self.source.at;
        self.source.at += 1;
        let is_number = self.source.raw(self.source.at);
        if !is_number.is_some_and(|c| c.is_ascii_digit()) {
            let message = "`{` without a number of repetitions";
            return Err(self
                .source
                .fault(start, start + 1, message)
                .hint("write `\\{` for a brace"));
        }
        let min = self.number();
        let max = match self.source.peek() {
            Some(',') => match self.source.next() {
                Some('}') => None,
                _ => Some(self.number()),
            },
            _ => Some(min),
        };
        let is_closed = self.source.peek() == Some('}');
        let end = self.source.at + usize::from(is_closed);
        if !is_closed {
            let message = "`{` without its `}`";
            return Err(self
                .source
                .fault(start, end, message)
                .hint("write `{n}`, `{n,}` or `{n,m}`"));
        }
        let largest = max.unwrap_or(min);
        if largest < min || largest > MAX_REPEAT {
            let message = "these bounds are in the wrong order, or too large";
            return Err(self.source.fault(start, end, message));
        }
        Ok((min, max))
    }

    /// Decimal digits, if any; too many of them are the largest number.
    fn number(&mut self) -> u32 {
        let mut number = 0_u32;
        while let Some(digit) = self.source.peek().and_then(|c| c.to_digit(10)) {
            number = number.saturating_mul(10).saturating_add(digit);
            self.source.at += 1;
        }
        number
    }
}

/// `.` as text of the engine.
fn dot(flags: Flags) -> &'static str {
    if flags.has(Flags::DOT_ALL) {
        "(?s:.)"
    } else if flags.has(Flags::UNIX_LINES) {
        "[^\\n]"
    } else {
        "[^\\n\\r\\x{85}\\x{2028}\\x{2029}]"
    }
}

/// The longest expression in bytes; whoever needs more does not write it into a pattern.
const MAX_LENGTH: usize = 4096;
/// Java's largest number of repetitions.
const MAX_REPEAT: u32 = i32::MAX as u32;
