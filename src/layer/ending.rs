//! The end of a record: its newlines, and where it is cut.

use crate::event::write_cut;

/// How the end of a record is brought into shape, so that one pattern serves every sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// As the layout left it.
    AsIs,
    /// One newline at the end is taken off: a record needs no separator.
    StripNewline,
    /// Exactly one newline at the end: a line of a file.
    OneNewline,
}

impl Ending {
    /// Brings the end of `out` into shape. What is returned is the record.
    #[inline]
    pub(super) fn shape(self, out: &mut Vec<u8>) -> &[u8] {
        match self {
            Self::AsIs => out,
            Self::StripNewline => match out.split_last() {
                Some((b'\n', text)) => text,
                _ => out,
            },
            Self::OneNewline => {
                if !matches!(out.as_slice(), [.., before, b'\n'] if *before != b'\n') {
                    end_line(out);
                }
                out
            }
        }
    }
}

/// Makes the newlines at the end one.
#[cold]
fn end_line(out: &mut Vec<u8>) {
    while out.last() == Some(&b'\n') {
        out.pop();
    }
    out.push(b'\n');
}

/// Cuts what stands behind `from` at a character boundary if it is longer than `limit`, and says by
/// how much.
#[cold]
pub(super) fn cut(out: &mut Vec<u8>, from: usize, limit: usize) {
    if out.len().saturating_sub(from) <= limit {
        return;
    }
    let is_inside = |at: &usize| {
        out.get(*at)
            .is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000)
    };
    // A character has at most three bytes after its first; what has more of them is no text.
    let most = from + limit;
    let mut boundaries = (most - 3..=most).rev();
    let end = boundaries.find(|at| !is_inside(at)).unwrap_or(most);
    let missing = out.len() - end;
    out.truncate(end);
    write_cut(out, missing);
}
