//! Format modifiers: the widths between `%` and the conversion word.

use super::text::char_count;

/// The largest width; Log4j has no bound and would fill the memory.
pub(super) const MAX_WIDTH: usize = 10_000;

/// What is done to a text once it is rendered. Widths count characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Modifier {
    /// A shorter text is filled up to this.
    pub(super) min: usize,
    /// A longer text is cut to this.
    pub(super) max: usize,
    /// Filled up on the right.
    pub(super) left_align: bool,
    /// Filled up with zeros, on the left only.
    pub(super) zero_fill: bool,
    /// Cut at the end instead of at the front.
    pub(super) cut_end: bool,
}

impl Modifier {
    /// Leaves every text as it is.
    pub(super) const NONE: Self = Self {
        min: 0,
        max: usize::MAX,
        left_align: false,
        zero_fill: false,
        cut_end: false,
    };

    /// Whether texts stay as they are.
    pub(super) fn is_none(self) -> bool {
        self.min == 0 && self.max == usize::MAX
    }

    /// The same where most texts stay as they are.
    #[inline]
    pub(super) fn apply_if_any(self, out: &mut Vec<u8>, start: usize) {
        if !self.is_none() {
            self.apply(out, start);
        }
    }

    /// Applies it to what follows `start` in `out`. Too long is cut, or else too short is filled:
    /// what was cut is not filled up again.
    pub(super) fn apply(self, out: &mut Vec<u8>, start: usize) {
        let count = char_count(out.get(start..).unwrap_or_default());
        if count > self.max {
            self.cut(out, start, count);
        } else if count < self.min {
            self.fill(out, start, self.min - count);
        }
    }

    fn cut(self, out: &mut Vec<u8>, start: usize, count: usize) {
        let kept_from_front = if self.cut_end {
            self.max
        } else {
            count - self.max
        };
        let text = out.get(start..).unwrap_or_default();
        let at = start + byte_of_char(text, kept_from_front);
        if self.cut_end {
            out.truncate(at);
        } else {
            out.copy_within(at.., start);
            out.truncate(out.len() - (at - start));
        }
    }

    fn fill(self, out: &mut Vec<u8>, start: usize, missing: usize) {
        let end = out.len();
        if self.left_align {
            out.resize(end + missing, b' ');
            return;
        }
        out.resize(end + missing, if self.zero_fill { b'0' } else { b' ' });
        if let Some(text) = out.get_mut(start..) {
            text.rotate_right(missing);
        }
    }
}

/// Where in `text` the character number `index` begins; its end, where there are not so many.
fn byte_of_char(text: &[u8], index: usize) -> usize {
    text.iter()
        .enumerate()
        .filter(|(_, byte)| super::text::starts_char(**byte))
        .nth(index)
        .map_or(text.len(), |(at, _)| at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(modifier: Modifier, text: &str) -> String {
        let mut out = b"<".to_vec();
        out.extend_from_slice(text.as_bytes());
        modifier.apply(&mut out, 1);
        String::from_utf8(out.split_off(1)).unwrap()
    }

    #[test]
    fn a_short_text_is_filled_on_the_chosen_side() {
        let wide = Modifier {
            min: 6,
            ..Modifier::NONE
        };
        let zeros = Modifier {
            zero_fill: true,
            ..wide
        };
        let left = Modifier {
            left_align: true,
            ..zeros
        };
        assert_eq!(applied(wide, "INFO"), "  INFO");
        assert_eq!(applied(zeros, "-1"), "0000-1");
        assert_eq!(applied(left, "INFO"), "INFO  ");
        assert_eq!(applied(wide, "grüße!"), "grüße!");
    }

    #[test]
    fn a_long_text_is_cut_by_characters_and_not_filled_again() {
        let front = Modifier {
            min: 5,
            max: 3,
            ..Modifier::NONE
        };
        let end = Modifier {
            cut_end: true,
            ..front
        };
        assert_eq!(applied(front, "ab😀cd"), "😀cd");
        assert_eq!(applied(end, "ab😀cd"), "ab😀");
        assert_eq!(applied(Modifier { max: 0, ..end }, "abc"), "");
        assert_eq!(applied(Modifier { max: 0, ..front }, "abc"), "");
    }
}
