//! Classes of characters, `[…]`, and single characters, with the case ignored as the flags say.

use super::escape::Escape;
use super::escape::escape;
use super::fault::Fault;
use super::node::NEVER;
use super::source::Flags;
use super::source::Source;

/// Reads a class as text of the engine; the source is at its `[`.
pub(super) fn class(source: &mut Source<'_>) -> Result<String, Fault> {
    let mut reader = Reader {
        start: source.at,
        source,
        folds: false,
    };
    let items = reader.class(true)?;
    Ok(bracket(&items, reader.folds))
}

/// The parts of a class as text of the engine.
pub(super) fn bracket(items: &str, folds: bool) -> String {
    if folds {
        format!("(?i:[{items}])")
    } else {
        format!("[{items}]")
    }
}

/// One character as text of the engine.
pub(super) fn single(code: u32, flags: Flags) -> String {
    if char::from_u32(code).is_none() {
        return NEVER.to_owned();
    }
    if flags.folds_all() {
        return bracket(&char_items(code, flags), true);
    }
    let cased = flags.has(Flags::IGNORE_CASE) && is_ascii_letter(code);
    if cased {
        bracket(&char_items(code, flags), false)
    } else {
        format!("\\x{{{code:X}}}")
    }
}

/// What is read of one class, with all that is nested in it.
struct Reader<'s, 'a> {
    /// Where the outermost class begins.
    start: usize,
    source: &'s mut Source<'a>,
    /// Whether the engine is to ignore the case.
    folds: bool,
}

/// The parts that were read of one level, as Java collects them.
#[derive(Default)]
struct Level {
    /// What has been united and intersected so far.
    all: Option<String>,
    /// The last part, which stands in for a right side that is missing.
    last: Option<String>,
    /// Single characters below 256, which Java collects apart and unites late.
    bits: String,
    has_bits: bool,
}

impl Level {
    fn unite(&mut self, items: &str) {
        self.all.get_or_insert_default().push_str(items);
    }

    fn intersect(&mut self, right: Option<String>) -> Result<(), &'static str> {
        if self.has_bits {
            if self.all.is_none() {
                self.last = Some(self.bits.clone());
            }
            let bits = std::mem::take(&mut self.bits);
            self.unite(&bits);
            self.bits = bits;
            self.has_bits = false;
        }
        let is_missing = right.is_none();
        if !is_missing {
            self.last = right;
        }
        self.all = match (self.all.take(), &self.last) {
            (None, Some(right)) if !is_missing => Some(right.clone()),
            (Some(left), Some(right)) => Some(format!("[[{left}]&&[{right}]]")),
            _ => return Err("`&&` with nothing to intersect"),
        };
        Ok(())
    }
}

impl Reader<'_, '_> {
    /// One level. Without `is_bracketed` it is the right side of `&&` and the `]` is left unread.
    fn class(&mut self, is_bracketed: bool) -> Result<String, Fault> {
        self.source.enter()?;
        let mut level = Level::default();
        let mut next = self.source.next();
        let before = self.source.at.checked_sub(1);
        let is_negated =
            next == Some('^') && before.and_then(|at| self.source.raw(at)) == Some('[');
        if is_negated {
            next = self.source.next();
        }
        loop {
            match next {
                Some('[') => {
                    let items = self.class(true)?;
                    level.unite(&items);
                    level.last = Some(items);
                    next = self.source.peek();
                    continue;
                }
                Some('&') => {
                    let at = self.source.at;
                    if self.source.next() == Some('&') {
                        self.source.next();
                        let right = self.right_side()?;
                        level
                            .intersect(right)
                            .map_err(|message| self.source.fault(at, at + 2, message))?;
                        next = self.source.peek();
                        continue;
                    }
                    self.source.at -= 1;
                }
                None => {
                    let message = "`[` without its `]`";
                    return Err(self.source.fault(self.start, self.start + 1, message));
                }
                Some(']') if level.all.is_some() || level.has_bits => break,
                _ => {}
            }
            self.item(&mut level)?;
            next = self.source.peek();
        }
        if is_bracketed {
            self.source.next();
        }
        self.source.leave();
        if level.has_bits {
            let bits = std::mem::take(&mut level.bits);
            level.unite(&bits);
        }
        let items = level.all.unwrap_or_default();
        Ok(format!("[{}{items}]", if is_negated { "^" } else { "" }))
    }

    /// What stands behind `&&`, if anything.
    fn right_side(&mut self) -> Result<Option<String>, Fault> {
        let mut right: Option<String> = None;
        loop {
            let items = match self.source.peek() {
                Some(']' | '&') => return Ok(right),
                Some('[') => self.class(true)?,
                _ => {
                    self.source.at -= 1;
                    self.class(false)?
                }
            };
            right.get_or_insert_default().push_str(&items);
        }
    }

    /// A character, a range or a set.
    fn item(&mut self, level: &mut Level) -> Result<(), Fault> {
        let start = self.source.at;
        let first = match self.source.peek() {
            Some('\\') => {
                let before_dash = self.source.raw(self.source.at + 2) == Some('-');
                match escape(self.source, true, before_dash)? {
                    Escape::Char(code) => code,
                    Escape::Set(items) => {
                        level.unite(&items);
                        level.last = Some(items);
                        return Ok(());
                    }
                    Escape::Other(_) => return Ok(()),
                }
            }
            other => {
                self.source.next();
                other.unwrap_or_default().into()
            }
        };
        if self.source.peek() == Some('-')
            && !matches!(self.source.raw(self.source.at + 1), Some('[' | ']'))
        {
            let items = self.range(start, first)?;
            level.unite(&items);
            level.last = Some(items);
            return Ok(());
        }
        let flags = self.source.flags;
        self.folds |= flags.folds_all();
        let items = char_items(first, flags);
        if first < 0x100 && !(flags.folds_all() && FOLDED_APART.contains(&first)) {
            level.bits.push_str(&items);
            level.has_bits = true;
            level.last = None;
        } else {
            level.unite(&items);
            level.last = Some(items);
        }
        Ok(())
    }

    /// A range that begins with `first`; the source is at its `-`.
    fn range(&mut self, start: usize, first: u32) -> Result<String, Fault> {
        let last = match self.source.next() {
            Some('\\') => match escape(self.source, true, true)? {
                Escape::Char(code) => Some(code),
                _ => None,
            },
            None => None,
            Some(c) => {
                self.source.next();
                Some(c.into())
            }
        };
        let Some(last) = last.filter(|last| *last >= first) else {
            let message = "this range ends before it begins";
            return Err(self
                .source
                .fault(start, self.source.at, message)
                .hint("write `\\-` for a hyphen"));
        };
        let flags = self.source.flags;
        let mut items = String::new();
        push_range(&mut items, first, last);
        if flags.folds_all() {
            self.folds = true;
        } else if flags.has(Flags::IGNORE_CASE) {
            for (from, to) in [('A', 'Z'), ('a', 'z')] {
                let from = first.max(from.into());
                let to = last.min(to.into());
                if from <= to {
                    push_range(&mut items, from ^ 0x20, to ^ 0x20);
                }
            }
        }
        Ok(items)
    }
}

/// One character as parts of a class.
fn char_items(code: u32, flags: Flags) -> String {
    let mut items = String::new();
    push_range(&mut items, code, code);
    if flags.folds_all() && DOTTED.contains(&code) {
        // Java's mapping to upper case and back makes all four the same.
        items.push_str("\\x{49}\\x{69}\\x{130}\\x{131}");
    } else if flags.has(Flags::IGNORE_CASE) && is_ascii_letter(code) {
        push_range(&mut items, code ^ 0x20, code ^ 0x20);
    }
    items
}

fn is_ascii_letter(code: u32) -> bool {
    u8::try_from(code).is_ok_and(|byte| byte.is_ascii_alphabetic())
}

/// Appends a range without the surrogates, which are in no text.
fn push_range(items: &mut String, first: u32, last: u32) {
    let before = (first, last.min(0xd7ff));
    let after = (first.max(0xe000), last);
    let mut is_empty = true;
    for (first, last) in [before, after] {
        if first <= last {
            let range = format!("\\x{{{first:X}}}-\\x{{{last:X}}}");
            items.push_str(&range);
            is_empty = false;
        }
    }
    if is_empty {
        items.push_str(NEVER);
    }
}

/// The letters i of Latin and Turkish.
const DOTTED: [u32; 4] = [0x49, 0x69, 0x130, 0x131];
/// Characters below 256 that Java does not collect with the others where all cases are ignored.
const FOLDED_APART: [u32; 10] = [0x49, 0x69, 0x53, 0x73, 0x4b, 0x6b, 0xc5, 0xe5, 0xff, 0xb5];
