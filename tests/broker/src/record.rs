//! Records and batches as tests see them.

use bytes::Bytes;

/// One record, decoded by `kafka-protocol`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The partition it lies in.
    pub partition: i32,
    /// Its offset in that partition.
    pub offset: i64,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
    /// The key, if there is one.
    pub key: Option<Bytes>,
    /// The value; `None` is a tombstone.
    pub value: Option<Bytes>,
    /// Headers in their order. Of two with one name only the last is seen: the decoder keeps a map.
    pub headers: Vec<(String, Option<Bytes>)>,
    /// Producer id, −1 without idempotence.
    pub producer_id: i64,
    /// Producer epoch, −1 without idempotence.
    pub producer_epoch: i16,
    /// Sequence of this record, meaningless without idempotence.
    pub sequence: i32,
}

impl Record {
    /// Returns the value as text, with U+FFFD for what is not UTF-8, and "" for a tombstone.
    pub fn text(&self) -> String {
        lossy(self.value.as_ref())
    }

    /// Returns the key as text, with U+FFFD for what is not UTF-8, and "" without a key.
    pub fn key_text(&self) -> String {
        lossy(self.key.as_ref())
    }

    /// Returns the value of a header as text, if the header is there and not null.
    pub fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.iter().find(|(key, _)| key == name)?;
        value.as_ref().map(|value| lossy(Some(value)))
    }
}

fn lossy(bytes: Option<&Bytes>) -> String {
    bytes.map_or_else(String::new, |bytes| {
        String::from_utf8_lossy(bytes).into_owned()
    })
}

/// One stored batch, from its header.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Batch {
    /// Offset of the first record.
    pub base_offset: i64,
    /// Number of records.
    pub records: i32,
    /// Compression.
    pub codec: Codec,
    /// Producer id, −1 without idempotence.
    pub producer_id: i64,
    /// Producer epoch, −1 without idempotence.
    pub producer_epoch: i16,
    /// Sequence of the first record, −1 without idempotence.
    pub base_sequence: i32,
    /// Timestamp of the first record.
    pub base_timestamp: i64,
    /// Highest timestamp.
    pub max_timestamp: i64,
    /// The batch as it is stored, header included.
    pub bytes: Bytes,
}

/// Compression of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Not compressed.
    None,
    /// Gzip.
    Gzip,
    /// Snappy, in xerial's framing or raw.
    Snappy,
    /// The LZ4 frame format.
    Lz4,
    /// Zstandard.
    Zstd,
}

impl Codec {
    pub(crate) fn from_attributes(attributes: i16) -> Option<Self> {
        Some(match attributes & 7 {
            0 => Self::None,
            1 => Self::Gzip,
            2 => Self::Snappy,
            3 => Self::Lz4,
            4 => Self::Zstd,
            _ => return None,
        })
    }
}
