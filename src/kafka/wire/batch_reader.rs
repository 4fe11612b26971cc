//! Reads back a sealed batch, so that it can be cut into smaller ones.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::bytes::Bytes;
use super::bytes::Malformed;
use super::compress::CODEC_MASK;
use super::compress::CODEC_NONE;
use super::compress::decompress;
use super::record_batch::BatchRecord;
use super::record_batch::HEADER_BYTES;
use super::record_batch::RecordHeaders;

/// Bytes that are no batch of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchError(Malformed);

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot read the batch back: {}", self.0)
    }
}

impl Error for BatchError {}

/// The records of a sealed batch, uncompressed.
#[derive(Debug)]
pub(crate) struct BatchContents<'a> {
    records: Cow<'a, [u8]>,
    count: usize,
    first_timestamp_ms: i64,
}

impl<'a> BatchContents<'a> {
    /// Opens a batch and checks that all its records can be read.
    pub(crate) fn read(batch: &'a [u8]) -> Result<Self, BatchError> {
        let contents = Self::open(batch).map_err(BatchError)?;
        let mut bytes = Bytes::new(&contents.records);
        for _ in 0..contents.count {
            record(&mut bytes, 0).map_err(BatchError)?;
        }
        if bytes.remaining() != 0 {
            return Err(BatchError(Malformed("batch: bytes behind the last record")));
        }
        Ok(contents)
    }

    fn open(batch: &'a [u8]) -> Result<Self, Malformed> {
        let (header, body) = batch
            .split_at_checked(HEADER_BYTES)
            .ok_or(Malformed("batch: no header"))?;
        let mut header = Bytes::new(header);
        header.take(21)?;
        let codec = header.i16()? & CODEC_MASK;
        header.i32()?;
        let first_timestamp_ms = header.i64()?;
        header.take(22)?;
        let count = usize::try_from(header.i32()?).map_err(|_| Malformed("batch: count"))?;
        let records = if codec == CODEC_NONE {
            Cow::Borrowed(body)
        } else {
            Cow::Owned(decompress(codec, body)?)
        };
        Ok(Self {
            records,
            count,
            first_timestamp_ms,
        })
    }

    /// How many records.
    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// The records, in order.
    pub(crate) fn records(&self) -> impl Iterator<Item = BatchRecord<'_>> {
        let mut bytes = Bytes::new(&self.records);
        (0..self.count).map_while(move |_| record(&mut bytes, self.first_timestamp_ms).ok())
    }
}

/// Reads one record.
fn record<'a>(
    bytes: &mut Bytes<'a>,
    first_timestamp_ms: i64,
) -> Result<BatchRecord<'a>, Malformed> {
    let length = usize::try_from(bytes.varint()?).map_err(|_| Malformed("record: length"))?;
    let mut bytes = Bytes::new(bytes.take(length)?);
    bytes.i8()?;
    let timestamp_ms = first_timestamp_ms.wrapping_add(bytes.varint()?);
    bytes.varint()?;
    let key = nullable(&mut bytes)?;
    let value = nullable(&mut bytes)?.unwrap_or_default();
    let count = u32::try_from(bytes.varint()?).map_err(|_| Malformed("record: headers"))?;
    let rest = bytes.remaining();
    let headers = bytes.take(rest)?;
    check_headers(headers, count)?;
    Ok(BatchRecord {
        timestamp_ms,
        key,
        value,
        headers: RecordHeaders {
            count,
            bytes: headers,
        },
    })
}

/// Whether `bytes` are `count` headers and nothing else.
fn check_headers(bytes: &[u8], count: u32) -> Result<(), Malformed> {
    let mut bytes = Bytes::new(bytes);
    for _ in 0..count {
        nullable(&mut bytes)?;
        nullable(&mut bytes)?;
    }
    match bytes.remaining() {
        0 => Ok(()),
        _ => Err(Malformed("record: bytes behind the headers")),
    }
}

/// A key or a value: −1 is null.
fn nullable<'a>(bytes: &mut Bytes<'a>) -> Result<Option<&'a [u8]>, Malformed> {
    match bytes.varint()? {
        -1 => Ok(None),
        len => {
            let len = usize::try_from(len).map_err(|_| Malformed("record: length"))?;
            bytes.take(len).map(Some)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Compression;
    use crate::kafka::wire::compress::Compressor;
    use crate::kafka::wire::record_batch::RecordBatch;
    use crate::kafka::wire::record_batch::put_header;

    fn kinds() -> Vec<Compression> {
        vec![
            Compression::None,
            #[cfg(feature = "lz4")]
            Compression::Lz4,
        ]
    }

    fn headers(number: i64, header: &[u8]) -> RecordHeaders<'_> {
        if number % 3 == 0 {
            RecordHeaders::default()
        } else {
            RecordHeaders {
                count: 1,
                bytes: header,
            }
        }
    }

    fn batch(count: usize, compressor: &mut Compressor) -> (Vec<Vec<u8>>, Vec<u8>) {
        let mut batch = RecordBatch::new();
        let values: Vec<_> = (0..count).map(|n| vec![b'a'; n % 300]).collect();
        for (n, value) in (0_i64..).zip(&values) {
            let key = n.to_be_bytes();
            let mut header = Vec::new();
            put_header(&mut header, b"number", &key);
            batch.push(&BatchRecord {
                timestamp_ms: 1000 - n,
                key: (n % 2 == 0).then_some(&key),
                value,
                headers: headers(n, &header),
            });
        }
        let sealed = batch.seal(compressor);
        (values, sealed.bytes.to_vec())
    }

    #[test]
    fn records_come_back_as_they_went_in() {
        for kind in kinds() {
            let mut compressor = Compressor::new(kind);
            for count in [1, 2, 500, 5000] {
                let (values, bytes) = batch(count, &mut compressor);
                let contents = BatchContents::read(&bytes).unwrap();
                assert_eq!(contents.count(), count);
                assert_eq!(contents.records().count(), count);
                for (n, (record, value)) in (0_i64..).zip(contents.records().zip(&values)) {
                    assert_eq!(record.timestamp_ms, 1000 - n);
                    assert_eq!(record.value, value);
                    let key = n.to_be_bytes();
                    assert_eq!(record.key, (n % 2 == 0).then_some(key.as_slice()));
                    let mut header = Vec::new();
                    put_header(&mut header, b"number", &key);
                    assert_eq!(record.headers, headers(n, &header));
                }
            }
        }
    }

    #[test]
    fn halves_of_a_batch_hold_all_of_it_in_order() {
        for kind in kinds() {
            let mut compressor = Compressor::new(kind);
            let (values, bytes) = batch(999, &mut compressor);
            let contents = BatchContents::read(&bytes).unwrap();
            let mut halves = [RecordBatch::new(), RecordBatch::new()];
            for (n, record) in contents.records().enumerate() {
                let half = &mut halves[usize::from(n >= 499)];
                half.push(&record);
            }
            let mut found = Vec::new();
            for mut half in halves {
                let sealed = half.seal(&mut compressor);
                let contents = BatchContents::read(&sealed.bytes).unwrap();
                found.extend(contents.records().map(|record| record.value.to_vec()));
            }
            assert_eq!(found, values);
        }
    }

    #[test]
    fn a_batch_cut_or_damaged_anywhere_is_no_panic() {
        for kind in kinds() {
            let (_, bytes) = batch(20, &mut Compressor::new(kind));
            for end in 0..bytes.len() {
                // Only the end mark of a compressed frame can be missed.
                if let Ok(contents) = BatchContents::read(&bytes[..end]) {
                    assert_eq!(contents.records().count(), 20);
                    assert!(end + 4 >= bytes.len(), "{end}");
                }
            }
            for at in 0..bytes.len() {
                for flip in [0x01, 0x80, 0xff] {
                    let mut damaged = bytes.clone();
                    damaged[at] ^= flip;
                    if let Ok(contents) = BatchContents::read(&damaged) {
                        assert_eq!(contents.records().count(), contents.count());
                    }
                }
            }
        }
    }
}
