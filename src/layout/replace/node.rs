//! A regular expression of Java as a tree, and that tree in the syntax of the engine.

use super::fault::Fault;

/// A part of a regular expression.
#[derive(Debug)]
pub(super) enum Node {
    Empty,
    /// Text of the engine that matches at least one character.
    Text(String),
    /// Text of the engine that matches a place and no character.
    Look(&'static str),
    /// `^` in `(?m)`, and where it stands: at the end of the text it never matches.
    LineStart {
        unix: bool,
        at: usize,
    },
    /// `$` outside `(?m)`, or `\Z`: the end of the text, or before a line terminator there.
    TextEnd {
        unix: bool,
        at: usize,
        length: usize,
    },
    /// A group with a number.
    Capture(Box<Self>),
    Concat(Vec<Self>),
    Choice(Vec<Self>),
    Repeat {
        node: Box<Self>,
        min: u32,
        max: Option<u32>,
        is_lazy: bool,
    },
}

/// For which texts the engine's expression is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Texts that do not end with a line terminator.
    Plain,
    /// Texts that end with one: `$` takes it into a group, and the match ends before that group.
    Terminated,
    /// The empty rest at the end of a text.
    AtEnd,
}

/// An expression in the engine's syntax.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) text: String,
    /// The engine's number of each group of Java; the first is the whole match.
    pub(super) groups: Vec<usize>,
    /// The groups that hold the line terminator behind a `$`.
    pub(super) terminators: Vec<usize>,
    /// Whether a `^` of `(?m)` may match at the end of a text, where Java's does not.
    pub(super) may_start_at_end: bool,
    purpose: Purpose,
    count: usize,
}

/// What stands around a part.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Nothing before it takes a character.
    is_first: bool,
    /// Nothing follows it.
    is_last: bool,
    /// Something behind it takes a character.
    has_more: bool,
}

impl Node {
    pub(super) fn write(&self, purpose: Purpose) -> Result<Written, Fault> {
        let mut written = Written {
            text: String::new(),
            groups: vec![0],
            terminators: Vec::new(),
            may_start_at_end: false,
            purpose,
            count: 0,
        };
        let place = Place {
            is_first: true,
            is_last: true,
            has_more: false,
        };
        written.node(self, place)?;
        Ok(written)
    }

    /// Whether all that it matches has characters.
    fn takes(&self) -> bool {
        match self {
            Self::Empty | Self::Look(_) | Self::LineStart { .. } | Self::TextEnd { .. } => false,
            Self::Text(_) => true,
            Self::Capture(node) => node.takes(),
            Self::Concat(nodes) => nodes.iter().any(Self::takes),
            Self::Choice(nodes) => nodes.iter().all(Self::takes),
            Self::Repeat { node, min, .. } => *min > 0 && node.takes(),
        }
    }

    /// Whether nothing that it matches has characters.
    fn is_place(&self) -> bool {
        match self {
            Self::Empty | Self::Look(_) | Self::LineStart { .. } | Self::TextEnd { .. } => true,
            Self::Text(_) => false,
            Self::Capture(node) => node.is_place(),
            Self::Concat(nodes) | Self::Choice(nodes) => nodes.iter().all(Self::is_place),
            Self::Repeat { node, max, .. } => *max == Some(0) || node.is_place(),
        }
    }
}

impl Written {
    fn node(&mut self, node: &Node, place: Place) -> Result<(), Fault> {
        match node {
            Node::Empty => {}
            Node::Text(text) => self.text.push_str(text),
            Node::Look(look) => self.text.push_str(look),
            Node::LineStart { unix, at } => self.line_start(*unix, *at, place)?,
            Node::TextEnd { unix, at, length } => {
                if !place.is_last {
                    let message = "only the last part of an expression can be `$` or `\\Z`";
                    return Err(Fault::new(*at, *length, message)
                        .hint("write `\\z` for the very end of the text"));
                }
                self.text_end(*unix);
            }
            Node::Capture(node) => {
                self.open();
                self.groups.push(self.count);
                self.node(node, place)?;
                self.text.push(')');
            }
            Node::Concat(nodes) => self.concat(nodes, place)?,
            Node::Choice(nodes) => {
                self.text.push_str("(?:");
                for (index, node) in nodes.iter().enumerate() {
                    if index > 0 {
                        self.text.push('|');
                    }
                    self.node(node, place)?;
                }
                self.text.push(')');
            }
            Node::Repeat {
                node,
                min,
                max,
                is_lazy,
            } => {
                let inner = if matches!(max, Some(0 | 1)) {
                    place
                } else {
                    Place {
                        is_first: place.is_first && node.is_place(),
                        is_last: false,
                        ..place
                    }
                };
                self.text.push_str("(?:");
                self.node(node, inner)?;
                self.text.push(')');
                self.bounds(*min, *max, *is_lazy);
            }
        }
        Ok(())
    }

    fn concat(&mut self, nodes: &[Node], place: Place) -> Result<(), Fault> {
        // How many parts from here on take a character whatever happens.
        let mut takers = nodes.iter().filter(|node| node.takes()).count();
        let last = nodes
            .iter()
            .rposition(|node| !matches!(node, Node::Empty))
            .unwrap_or_default();
        let mut is_first = place.is_first;
        for (index, node) in nodes.iter().enumerate() {
            takers -= usize::from(node.takes());
            let inner = Place {
                is_first,
                is_last: place.is_last && index >= last,
                has_more: place.has_more || takers > 0,
            };
            self.node(node, inner)?;
            is_first = is_first && node.is_place();
        }
        Ok(())
    }

    fn line_start(&mut self, unix: bool, at: usize, place: Place) -> Result<(), Fault> {
        if !place.has_more {
            // It might match at the end; whether it did is only seen if a match begins with it.
            if !place.is_first {
                let message = "only the first part of an expression can be `^` in `(?m)`";
                return Err(
                    Fault::new(at, 1, message).hint("let something follow that is never empty")
                );
            }
            self.may_start_at_end = true;
        }
        self.text.push_str(match self.purpose {
            Purpose::AtEnd => NEVER,
            _ if unix => "(?m:^)",
            _ => "(?mR:^)",
        });
        Ok(())
    }

    fn text_end(&mut self, unix: bool) {
        if self.purpose != Purpose::Terminated {
            self.text.push_str("\\z");
            return;
        }
        self.text.push_str("(?:\\z|");
        self.open();
        self.terminators.push(self.count);
        self.text.push_str(if unix { "\\n" } else { TERMINATOR });
        self.text.push_str("\\z))");
    }

    /// Opens a group with the next number.
    fn open(&mut self) {
        self.count += 1;
        self.text.push('(');
    }

    fn bounds(&mut self, min: u32, max: Option<u32>, is_lazy: bool) {
        let bounds = match (min, max) {
            (0, None) => "*".to_owned(),
            (1, None) => "+".to_owned(),
            (0, Some(1)) => "?".to_owned(),
            (min, None) => format!("{{{min},}}"),
            (min, Some(max)) => format!("{{{min},{max}}}"),
        };
        self.text.push_str(&bounds);
        if is_lazy {
            self.text.push('?');
        }
    }
}

/// What matches nothing.
pub(super) const NEVER: &str = "[^\\x{0}-\\x{10FFFF}]";
/// A line terminator, from its first character on: `(?R)$` does not match between `\r` and `\n`.
const TERMINATOR: &str = "(?:(?mR:$)(?:\\r\\n|\\r|\\n)|[\\x{85}\\x{2028}\\x{2029}])";
