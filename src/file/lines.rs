//! Lines on their way into a file: gathered, written in pieces, and begun again where the file changes.

/// Lines that are gathered for a write. What a write leaves can be gone on with.
#[derive(Debug)]
pub(super) struct Lines {
    bytes: Vec<u8>,
    /// Where each record ends.
    ends: Vec<usize>,
    /// How much the file has.
    written: usize,
    /// How many records that is, whole ones.
    whole: usize,
    /// How much stands before the first record: a header say.
    front: usize,
}

impl Lines {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            ends: Vec::new(),
            written: 0,
            whole: 0,
            front: 0,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// How many bytes were gathered since all was written.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Records that are not wholly written.
    pub(super) fn left(&self) -> u64 {
        (self.ends.len() - self.whole) as u64
    }

    #[inline]
    pub(super) fn push(&mut self, record: &[u8]) {
        self.bytes.extend_from_slice(record);
        self.ends.push(self.bytes.len());
    }

    /// Text that is no record, behind all that was gathered.
    pub(super) fn push_text(&mut self, text: &[u8]) {
        if self.ends.is_empty() {
            self.front += text.len();
        }
        self.bytes.extend_from_slice(text);
    }

    /// What is still to be written.
    pub(super) fn rest(&self) -> &[u8] {
        self.bytes.get(self.written..).unwrap_or_default()
    }

    /// The file has `count` bytes more. Returns how many records are whole with them.
    pub(super) fn wrote(&mut self, count: usize) -> u64 {
        self.written += count;
        let open = self.ends.get(self.whole..).unwrap_or_default();
        let more = open.partition_point(|end| *end <= self.written);
        self.whole += more;
        if self.written >= self.bytes.len() {
            self.clear();
        }
        more as u64
    }

    /// Begins again at the start of a line, behind `text`: the rest goes to another file, which shall
    /// have each line of it whole.
    pub(super) fn begin_again(&mut self, text: &[u8]) {
        let start = match self.whole.checked_sub(1) {
            None => self.front,
            Some(last) => self.ends.get(last).copied().unwrap_or(self.front),
        };
        self.bytes.splice(..start, text.iter().copied());
        self.ends.drain(..self.whole);
        for end in &mut self.ends {
            *end = *end - start + text.len();
        }
        self.front = text.len();
        self.written = 0;
        self.whole = 0;
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
        self.written = 0;
        self.whole = 0;
        self.front = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(header: &str, records: &[&str]) -> Lines {
        let mut lines = Lines::with_capacity(0);
        lines.push_text(header.as_bytes());
        for record in records {
            lines.push(record.as_bytes());
        }
        lines
    }

    #[test]
    fn records_count_once_and_only_when_they_are_whole() {
        let all = lines("# head\n", &["one\n", "two\n", "three\n"]);
        let length = all.len();
        for first in 0..length {
            for second in 0..length - first {
                let mut lines = lines("# head\n", &["one\n", "two\n", "three\n"]);
                let mut whole = lines.wrote(first) + lines.wrote(second);
                assert_eq!(lines.left(), 3 - whole);
                assert_eq!(lines.rest(), &all.rest()[first + second..]);
                whole += lines.wrote(length - first - second);
                assert_eq!((whole, lines.left()), (3, 0));
                assert!(lines.is_empty() && lines.rest().is_empty());
            }
        }
    }

    #[test]
    fn another_file_gets_each_line_that_the_first_has_not_whole() {
        for header in ["", "# head\n"] {
            let length = lines(header, &["one\n", "two\n"]).len();
            for written in 0..length {
                let mut lines = lines(header, &["one\n", "two\n"]);
                let whole = lines.wrote(written);
                lines.begin_again(b"# again\n");
                let expected =
                    ["# again\none\ntwo\n", "# again\ntwo\n"][usize::try_from(whole).unwrap()];
                assert_eq!(lines.rest(), expected.as_bytes(), "{header:?} {written}");
                lines.begin_again(b"");
                assert_eq!(lines.rest(), &expected.as_bytes()[8..]);
                assert_eq!(lines.wrote(lines.rest().len()), 2 - whole);
            }
        }
    }
}
