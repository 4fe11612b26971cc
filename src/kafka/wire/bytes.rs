//! A cursor over received bytes: every read is checked, lengths never allocate more than is there.

use std::error::Error;
use std::fmt;
use std::io::Cursor;

use rskafka::protocol::api_version::ApiVersion;
use rskafka::protocol::messages::ReadVersionedError;
use rskafka::protocol::primitives::Int16;
use rskafka::protocol::traits::ReadError;

use super::varint;

/// From this version on the messenger reads the tagged fields in the header of an answer: never. It
/// takes memory by their word, so [`read_with`] passes over them.
pub(super) const NEVER: ApiVersion = ApiVersion(Int16(i16::MAX));
/// Kafka's limit.
const MAX_TOPIC_BYTES: usize = 249;

/// Received bytes that are not what the protocol says; holds what was being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) &'static str);

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "malformed {}", self.0)
    }
}

impl Error for Malformed {}

/// Reads big-endian values off the front of a slice.
#[derive(Debug, Clone)]
pub(super) struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// How many bytes are left.
    pub(super) const fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `count` bytes.
    pub(super) fn take(&mut self, count: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self
            .rest
            .split_at_checked(count)
            .ok_or(Malformed("answer: it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self
            .rest
            .split_first_chunk::<N>()
            .ok_or(Malformed("answer: it ends too early"))?;
        self.rest = rest;
        Ok(*taken)
    }

    pub(super) fn i8(&mut self) -> Result<i8, Malformed> {
        self.array().map(i8::from_be_bytes)
    }

    pub(super) fn i16(&mut self) -> Result<i16, Malformed> {
        self.array().map(i16::from_be_bytes)
    }

    pub(super) fn i32(&mut self) -> Result<i32, Malformed> {
        self.array().map(i32::from_be_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Malformed> {
        self.array().map(i64::from_be_bytes)
    }

    /// An unsigned variable-length integer of at most ten bytes.
    pub(super) fn uvarint(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..u64::BITS).step_by(7) {
            let [byte] = self.array()?;
            let bits = u64::from(byte & 0x7f);
            if (bits << shift) >> shift != bits {
                break;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed("variable-length integer"))
    }

    /// A signed (zigzag) variable-length integer.
    pub(super) fn varint(&mut self) -> Result<i64, Malformed> {
        self.uvarint().map(varint::unzigzag)
    }

    /// A length in front of compact strings and arrays: `None` is null.
    fn compact_len(&mut self) -> Result<Option<usize>, Malformed> {
        match self.uvarint()?.checked_sub(1) {
            None => Ok(None),
            Some(len) => usize::try_from(len)
                .map(Some)
                .map_err(|_| Malformed("length")),
        }
    }

    /// A length in the old form of four bytes, where −1 is null.
    fn long_len(&mut self) -> Result<Option<usize>, Malformed> {
        match self.i32()? {
            -1 => Ok(None),
            len => usize::try_from(len)
                .map(Some)
                .map_err(|_| Malformed("length below zero")),
        }
    }

    /// The length of an array, null counting as empty, in the old or in the compact form.
    ///
    /// It is checked against the bytes left, of which each element takes at least `least`, so that a
    /// made-up length is an error before anything is allocated for it.
    pub(super) fn array_len(&mut self, compact: bool, least: usize) -> Result<usize, Malformed> {
        let len = if compact {
            self.compact_len()?
        } else {
            self.long_len()?
        };
        let len = len.unwrap_or(0);
        if len > self.remaining() / least.max(1) {
            return Err(Malformed("length of an array: more than the answer holds"));
        }
        Ok(len)
    }

    /// A nullable string, in the old or in the compact form; its bytes may be no UTF-8.
    pub(super) fn string(&mut self, compact: bool) -> Result<Option<&'a [u8]>, Malformed> {
        let len = if compact {
            self.compact_len()?
        } else {
            match self.i16()? {
                -1 => None,
                len => Some(usize::try_from(len).map_err(|_| Malformed("length of a string"))?),
            }
        };
        len.map(|len| self.take(len)).transpose()
    }

    /// Nullable bytes in the old form.
    pub(super) fn blob(&mut self) -> Result<Option<&'a [u8]>, Malformed> {
        self.long_len()?.map(|len| self.take(len)).transpose()
    }

    /// The name of a topic.
    pub(super) fn topic(&mut self, compact: bool) -> Result<String, Malformed> {
        self.string(compact)?
            .filter(|name| name.len() <= MAX_TOPIC_BYTES)
            .and_then(|name| str::from_utf8(name).ok())
            .map(str::to_owned)
            .ok_or(Malformed("answer: a topic without a name that can be one"))
    }

    /// The section of tagged fields: hands each tag and its bytes to `visit`.
    pub(super) fn tags(
        &mut self,
        mut visit: impl FnMut(u64, &mut Self) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        let count = self.uvarint()?;
        for _ in 0..count {
            let tag = self.uvarint()?;
            let len = usize::try_from(self.uvarint()?).map_err(|_| Malformed("tagged field"))?;
            visit(tag, &mut Bytes::new(self.take(len)?))?;
        }
        Ok(())
    }

    /// Passes over the section of tagged fields.
    pub(super) fn skip_tags(&mut self) -> Result<(), Malformed> {
        self.tags(|_, _| Ok(()))
    }
}

/// Reads the rest of an answer by `parse`, and leaves `reader` where that ended. A flexible one has
/// tagged fields in its header, which are passed over.
pub(super) fn read_with<T>(
    reader: &mut Cursor<Vec<u8>>,
    is_flexible: bool,
    parse: impl FnOnce(&mut Bytes<'_>) -> Result<T, Malformed>,
) -> Result<T, ReadVersionedError> {
    let start = usize::try_from(reader.position()).unwrap_or(usize::MAX);
    let mut bytes = Bytes::new(reader.get_ref().get(start..).unwrap_or_default());
    let skipped = if is_flexible {
        bytes.skip_tags()
    } else {
        Ok(())
    };
    let answer = skipped
        .and_then(|()| parse(&mut bytes))
        .map_err(|malformed| ReadError::Malformed(Box::new(malformed)))?;
    let end = reader.get_ref().len().saturating_sub(bytes.remaining());
    reader.set_position(end as u64);
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_beyond_the_input_are_errors() {
        let old = i32::MAX.to_be_bytes();
        assert!(Bytes::new(&old).array_len(false, 1).is_err());
        assert!(Bytes::new(&old).blob().is_err());
        assert!(
            Bytes::new(&[0xff, 0xff, 0xff, 0xff, 0x0f])
                .array_len(true, 1)
                .is_err()
        );
        assert!(Bytes::new(&[0x7f, 0xff]).string(false).is_err());
        assert!(Bytes::new(&[0xff, 0xff, 0xff, 0x7f]).string(true).is_err());
        let negative = (-2_i32).to_be_bytes();
        assert!(Bytes::new(&negative).array_len(false, 1).is_err());
        assert!(Bytes::new(&negative).blob().is_err());
        assert!(Bytes::new(&[0xff, 0xfe]).string(false).is_err());
    }

    #[test]
    fn an_array_has_room_for_its_elements() {
        let bytes = [4, 0, 0, 0, 0, 0, 0];
        assert_eq!(Bytes::new(&bytes).array_len(true, 2), Ok(3));
        assert!(Bytes::new(&bytes).array_len(true, 3).is_err());
    }

    #[test]
    fn a_topic_has_a_name() {
        let topic = |bytes: &[u8]| Bytes::new(bytes).topic(true);
        assert_eq!(topic(b"\x05logs").unwrap(), "logs");
        assert!(topic(b"\0").is_err() && topic(b"\x02\xff").is_err());
        let long = [&[0xfb, 1][..], &[b'x'; 250]].concat();
        assert!(topic(&long).is_err());
    }

    #[test]
    fn variable_length_integers_stop_at_sixty_four_bits() {
        let mut max = [0xff; 10];
        max[9] = 1;
        assert_eq!(Bytes::new(&max).uvarint(), Ok(u64::MAX));
        max[9] = 2;
        assert!(Bytes::new(&max).uvarint().is_err());
        assert!(Bytes::new(&[0x80; 20]).uvarint().is_err());
        assert!(Bytes::new(&[0x80]).uvarint().is_err());
    }

    #[test]
    fn an_endless_tag_count_ends_with_the_input() {
        let mut bytes = vec![0xff; 9];
        bytes.push(1);
        assert!(Bytes::new(&bytes).skip_tags().is_err());
    }
}
