//! One record inside a chunk of bytes: a fixed header, the value, and a key and headers if it has them.

use tracing::Level;

/// Payload length (4), level and shape (1), unused (3), time (8), sequence (8).
pub(crate) const HEADER: usize = 24;
/// At the end of a payload with parts: the lengths of key and headers.
const TRAILER: usize = 8;
/// The bit beside the level that says that a payload has parts.
const WITH_PARTS: u8 = 0x80;
/// The length of a key that is not there.
const NO_KEY: u32 = u32::MAX;

/// What the payload of a frame is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// The value alone.
    Plain,
    /// Value, key and headers, then the trailer that [`end_parts`] writes.
    WithParts,
}

/// Appends the value of a header in the form that [`header_values`] reads.
pub(crate) fn put_header_value(payload: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = payload.len();
    payload.extend_from_slice(&[0; 4]);
    let from = payload.len();
    write(payload);
    let length = u32::try_from(payload.len().saturating_sub(from)).unwrap_or(0);
    if let Some(prefix) = payload.get_mut(start..from) {
        prefix.copy_from_slice(&length.to_le_bytes());
    }
}

/// The values in `headers`, in their order.
pub(crate) fn header_values(headers: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = headers;
    std::iter::from_fn(move || {
        let (length, after) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (value, after) = after.split_at_checked(length)?;
        rest = after;
        Some(value)
    })
}

/// Ends a payload of parts: a key of `key` bytes, if there is one, and the values of all headers, in
/// `headers` bytes, stand at the end of `payload` already.
pub(crate) fn end_parts(payload: &mut Vec<u8>, key: Option<usize>, headers: usize) {
    let key = key.map_or(NO_KEY, |len| u32::try_from(len).unwrap_or(0));
    payload.extend_from_slice(&key.to_le_bytes());
    payload.extend_from_slice(&u32::try_from(headers).unwrap_or(0).to_le_bytes());
}

/// One rendered event, as it lies in a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame<'a> {
    /// When it was logged, in nanoseconds since the Unix epoch.
    pub(crate) nanos: i64,
    pub(crate) level: Level,
    /// Rises by one with every event offered to the shard, so a gap is exactly a drop.
    pub(crate) sequence: u64,
    pub(crate) key: Option<&'a [u8]>,
    /// Values of headers, for [`header_values`].
    pub(crate) headers: &'a [u8],
    pub(crate) value: &'a [u8],
}

/// What an event is stored with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) level: Level,
    pub(crate) shape: Shape,
    /// When it was logged, in nanoseconds since the Unix epoch.
    pub(crate) nanos: i64,
}

/// Appends a frame. The caller has made sure that it fits without growing.
#[inline]
pub(super) fn append(chunk: &mut Vec<u8>, stamp: Stamp, sequence: u64, payload: &[u8]) {
    // The record limit is far below 4 GiB.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the record limit is far below 4 GiB"
    )]
    let length = payload.len() as u32;
    let shape = match stamp.shape {
        Shape::Plain => 0,
        Shape::WithParts => WITH_PARTS,
    };
    let tag = level_code(stamp.level) | shape;
    let mut header = [0_u8; HEADER];
    let (start, rest) = header.split_at_mut(8);
    let (time, number) = rest.split_at_mut(8);
    start.copy_from_slice(&(u64::from(length) | u64::from(tag) << 32).to_le_bytes());
    time.copy_from_slice(&stamp.nanos.to_le_bytes());
    number.copy_from_slice(&sequence.to_le_bytes());
    chunk.extend_from_slice(&header);
    chunk.extend_from_slice(payload);
}

/// Where a frame's value stands, and when it was logged: all that a file wants to know of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Head {
    pub(super) nanos: i64,
    payload: usize,
}

impl Head {
    /// The bytes that the frame takes.
    pub(super) fn whole(self) -> usize {
        HEADER + self.payload
    }

    /// Where its payload stands behind the beginning of the frame.
    pub(super) fn value(self) -> std::ops::Range<usize> {
        HEADER..self.whole()
    }
}

/// The head of the frame at `at` in `chunk`, if there is a whole one. Only for frames without parts.
#[inline]
pub(super) fn head(chunk: &[u8], at: usize) -> Option<Head> {
    let rest = chunk.get(at..)?;
    let (start, rest) = rest.split_first_chunk::<8>()?;
    let (time, _) = rest.split_first_chunk::<8>()?;
    let payload = usize::try_from(u64::from_le_bytes(*start) & 0xffff_ffff).ok()?;
    let head = Head {
        nanos: i64::from_le_bytes(*time),
        payload,
    };
    (chunk.len() - at >= head.whole()).then_some(head)
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
        let (payload, rest) = rest.split_at_checked(usize::try_from(start & 0xffff_ffff).ok()?)?;
        self.rest = rest;
        let tag = start >> 32;
        let plain = Frame {
            nanos: i64::from_le_bytes(*time),
            level: code_level(tag & !u64::from(WITH_PARTS)),
            sequence: u64::from_le_bytes(*number),
            key: None,
            headers: &[],
            value: payload,
        };
        if tag & u64::from(WITH_PARTS) == 0 {
            Some(plain)
        } else {
            plain.with_parts()
        }
    }
}

impl Frame<'_> {
    /// Takes key and headers off the end of the payload.
    fn with_parts(self) -> Option<Self> {
        let (rest, trailer) = self.value.split_last_chunk::<TRAILER>()?;
        let [k0, k1, k2, k3, h0, h1, h2, h3] = *trailer;
        let headers = usize::try_from(u32::from_le_bytes([h0, h1, h2, h3])).ok()?;
        let (rest, headers) = rest.split_at_checked(rest.len().checked_sub(headers)?)?;
        let (value, key) = match u32::from_le_bytes([k0, k1, k2, k3]) {
            NO_KEY => (rest, None),
            key => {
                let key = usize::try_from(key).ok()?;
                let (value, key) = rest.split_at_checked(rest.len().checked_sub(key)?)?;
                (value, Some(key))
            }
        };
        Some(Self {
            key,
            headers,
            value,
            ..self
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

    fn plain(nanos: i64, level: Level) -> Stamp {
        Stamp {
            level,
            shape: Shape::Plain,
            nanos,
        }
    }

    type Row<'a> = (&'a [u8], Option<&'a [u8]>, &'a [&'a [u8]]);

    #[test]
    fn keys_and_headers_come_back_beside_values() {
        let mut chunk = Vec::new();
        let rows: [Row<'_>; 4] = [
            (b"value", Some(b"key"), &[b"one", b"two"]),
            (b"", None, &[]),
            (b"v", Some(b""), &[b""]),
            (b"v", None, &[b"", b"x"]),
        ];
        for (value, key, headers) in rows {
            let mut payload = [value, key.unwrap_or_default()].concat();
            let from = payload.len();
            for header in headers {
                put_header_value(&mut payload, |out| out.extend_from_slice(header));
            }
            let length = payload.len() - from;
            end_parts(&mut payload, key.map(<[u8]>::len), length);
            let stamp = Stamp {
                shape: Shape::WithParts,
                ..plain(7, Level::DEBUG)
            };
            append(&mut chunk, stamp, 3, &payload);
            append(&mut chunk, plain(8, Level::ERROR), 4, b"plain");
        }
        let mut frames = Frames::new(&chunk);
        for (value, key, headers) in rows {
            let frame = frames.next().unwrap();
            assert_eq!((frame.value, frame.key), (value, key));
            let found: Vec<&[u8]> = header_values(frame.headers).collect();
            assert_eq!(found, headers);
            assert_eq!((frame.level, frame.nanos), (Level::DEBUG, 7));
            assert_eq!(frames.next().unwrap().value, b"plain");
        }
        assert_eq!(frames.next(), None);
    }

    #[test]
    fn frames_come_back_as_they_went_in() {
        let long = vec![b'x'; 70_000];
        let frames = [
            (i64::MIN, Level::ERROR, 0, &b""[..]),
            (1_700_000_000_123, Level::TRACE, u64::MAX, &b"one"[..]),
            (-1, Level::INFO, 7, &long[..]),
        ];
        let mut chunk = Vec::new();
        for (nanos, level, sequence, value) in frames {
            append(&mut chunk, plain(nanos, level), sequence, value);
        }
        let read: Vec<_> = Frames::new(&chunk)
            .map(|f| (f.nanos, f.level, f.sequence, f.value))
            .collect();
        assert_eq!(read, frames);
    }

    #[test]
    fn half_a_frame_ends_the_chunk() {
        let mut chunk = Vec::new();
        append(&mut chunk, plain(1, Level::WARN), 2, b"value");
        for end in 0..chunk.len() {
            assert_eq!(Frames::new(&chunk[..end]).count(), 0, "{end}");
        }
    }
}
