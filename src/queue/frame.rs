//! One record inside a chunk of bytes: a fixed header, then the value.

use tracing::Level;

/// Value length (4), level (1), unused (3), time (8), sequence (8).
pub(crate) const HEADER: usize = 24;

/// One rendered event, as it lies in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// When it was logged, in nanoseconds since the Unix epoch.
    pub(crate) nanos: i64,
    pub(crate) level: Level,
    /// Rises by one with every event offered to the shard, so a gap is exactly a drop.
    pub(crate) sequence: u64,
    pub(crate) value: &'a [u8],
}

/// Appends a frame. The caller has made sure that it fits without growing.
#[inline]
pub(super) fn append(chunk: &mut Vec<u8>, nanos: i64, level: Level, sequence: u64, value: &[u8]) {
    // The record limit is far below 4 GiB.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the record limit is far below 4 GiB"
    )]
    let length = value.len() as u32;
    let mut header = [0_u8; HEADER];
    let (start, rest) = header.split_at_mut(8);
    let (time, number) = rest.split_at_mut(8);
    start.copy_from_slice(&(u64::from(length) | u64::from(level_code(level)) << 32).to_le_bytes());
    time.copy_from_slice(&nanos.to_le_bytes());
    number.copy_from_slice(&sequence.to_le_bytes());
    chunk.extend_from_slice(&header);
    chunk.extend_from_slice(value);
}

/// The frames of one chunk, in the order in which they were appended.
#[derive(Debug, Clone)]
pub(crate) struct Frames<'a> {
    rest: &'a [u8],
}

impl<'a> Frames<'a> {
    pub(crate) fn new(chunk: &'a [u8]) -> Self {
        Self { rest: chunk }
    }
}

impl Frame<'_> {
    /// When it was logged, in whole milliseconds since the Unix epoch: what a Kafka record carries.
    pub(crate) fn millis(&self) -> i64 {
        self.nanos.div_euclid(1_000_000)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    #[inline]
    fn next(&mut self) -> Option<Frame<'a>> {
        let (start, rest) = self.rest.split_first_chunk::<8>()?;
        let (time, rest) = rest.split_first_chunk::<8>()?;
        let (number, rest) = rest.split_first_chunk::<8>()?;
        let start = u64::from_le_bytes(*start);
        let (value, rest) = rest.split_at_checked(usize::try_from(start & 0xffff_ffff).ok()?)?;
        self.rest = rest;
        Some(Frame {
            nanos: i64::from_le_bytes(*time),
            level: code_level(start >> 32),
            sequence: u64::from_le_bytes(*number),
            value,
        })
    }
}

/// 0 for ERROR to 4 for TRACE.
#[inline]
pub(super) fn level_code(level: Level) -> u8 {
    match level {
        Level::ERROR => 0,
        Level::WARN => 1,
        Level::INFO => 2,
        Level::DEBUG => 3,
        Level::TRACE => 4,
    }
}

fn code_level(code: u64) -> Level {
    match code {
        0 => Level::ERROR,
        1 => Level::WARN,
        2 => Level::INFO,
        3 => Level::DEBUG,
        _ => Level::TRACE,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_come_back_as_they_went_in() {
        let long = vec![b'x'; 70_000];
        let frames = [
            (i64::MIN, Level::ERROR, 0, &b""[..]),
            (1_700_000_000_123, Level::TRACE, u64::MAX, &b"one"[..]),
            (-1, Level::INFO, 7, &long[..]),
        ];
        let mut chunk = Vec::new();
        for (timestamp, level, sequence, value) in frames {
            append(&mut chunk, timestamp, level, sequence, value);
        }
        let read: Vec<_> = Frames::new(&chunk)
            .map(|f| (f.nanos, f.level, f.sequence, f.value))
            .collect();
        assert_eq!(read, frames);
    }

    #[test]
    fn half_a_frame_ends_the_chunk() {
        let mut chunk = Vec::new();
        append(&mut chunk, 1, Level::WARN, 2, b"value");
        for end in 0..chunk.len() {
            assert_eq!(Frames::new(&chunk[..end]).count(), 0, "{end}");
        }
    }
}
