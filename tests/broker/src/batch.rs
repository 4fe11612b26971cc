//! The checks a broker makes on a record batch, and the two fields it patches.

use bytes::Bytes;
use bytes::BytesMut;

use crate::api::error;
use crate::record::Codec;

/// What the broker needs from the 61 bytes in front of the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) codec: Codec,
    pub(crate) base_timestamp: i64,
    pub(crate) max_timestamp: i64,
    pub(crate) producer_id: i64,
    pub(crate) producer_epoch: i16,
    pub(crate) base_sequence: i32,
    /// Always the last offset delta plus one.
    pub(crate) count: i32,
}

/// Limits of one partition.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) max_message_bytes: usize,
    /// The highest timestamp accepted, in milliseconds since the epoch.
    pub(crate) latest: i64,
    /// Zstandard may be used from Produce 7 on.
    pub(crate) zstd: bool,
}

/// Why a batch is refused: the error code and the text of Produce 8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) code: i16,
    pub(crate) text: &'static str,
}

const fn refuse<T>(code: i16, text: &'static str) -> Result<T, Refusal> {
    Err(Refusal { code, text })
}

/// Checks that `bytes` is exactly one batch, in the order in which Apache Kafka does.
pub(crate) fn check(bytes: &[u8], limits: Limits) -> Result<Header, Refusal> {
    let Some(length) = field(bytes, 8).map(i32::from_be_bytes) else {
        return refuse(
            error::INVALID_RECORD,
            "at least one record batch is required",
        );
    };
    let Some(size) = usize::try_from(length)
        .ok()
        .map(|length| length + LENGTH_END)
    else {
        return refuse(error::CORRUPT_MESSAGE, "the batch length is negative");
    };
    if size < HEADER_BYTES || bytes.len() < size {
        return refuse(
            error::CORRUPT_MESSAGE,
            "the batch is shorter than its length says",
        );
    }
    if bytes.get(16) != Some(&2) {
        return refuse(error::INVALID_RECORD, "only magic 2 is accepted");
    }
    if bytes.len() > size {
        return refuse(
            error::INVALID_RECORD,
            "exactly one record batch is accepted",
        );
    }
    if size > limits.max_message_bytes {
        return refuse(
            error::MESSAGE_TOO_LARGE,
            "the batch exceeds max.message.bytes",
        );
    }
    let crc = field(bytes, 17).map(u32::from_be_bytes);
    if crc != bytes.get(CRC_START..).map(crc32c::crc32c) {
        return refuse(error::CORRUPT_MESSAGE, "the record batch fails its CRC");
    }
    let header = parse(bytes)?;
    check_header(&header, bytes, limits)?;
    Ok(header)
}

fn parse(bytes: &[u8]) -> Result<Header, Refusal> {
    const SHORT: Refusal = Refusal {
        code: error::CORRUPT_MESSAGE,
        text: "the batch header is incomplete",
    };
    let attributes = i16::from_be_bytes(field(bytes, 21).ok_or(SHORT)?);
    let Some(codec) = Codec::from_attributes(attributes) else {
        return refuse(error::INVALID_RECORD, "unknown compression");
    };
    if attributes & CONTROL != 0 {
        return refuse(
            error::INVALID_RECORD,
            "clients cannot write control batches",
        );
    }
    let count = i32::from_be_bytes(field(bytes, 57).ok_or(SHORT)?);
    let last_delta = i32::from_be_bytes(field(bytes, 23).ok_or(SHORT)?);
    if count < 1 || last_delta != count - 1 {
        return refuse(
            error::INVALID_RECORD,
            "the record count is not the last offset delta plus one",
        );
    }
    Ok(Header {
        codec,
        base_timestamp: i64::from_be_bytes(field(bytes, 27).ok_or(SHORT)?),
        max_timestamp: i64::from_be_bytes(field(bytes, 35).ok_or(SHORT)?),
        producer_id: i64::from_be_bytes(field(bytes, 43).ok_or(SHORT)?),
        producer_epoch: i16::from_be_bytes(field(bytes, 51).ok_or(SHORT)?),
        base_sequence: i32::from_be_bytes(field(bytes, 53).ok_or(SHORT)?),
        count,
    })
}

fn check_header(header: &Header, bytes: &[u8], limits: Limits) -> Result<(), Refusal> {
    // Looking into compressed records is left to whoever reads them back.
    let payload = bytes.len().saturating_sub(HEADER_BYTES);
    let records = usize::try_from(header.count).unwrap_or(usize::MAX);
    if header.codec == Codec::None && payload / MIN_RECORD_BYTES < records {
        return refuse(
            error::INVALID_RECORD,
            "the batch holds fewer records than it says",
        );
    }
    if header.codec == Codec::Zstd && !limits.zstd {
        return refuse(
            error::UNSUPPORTED_COMPRESSION,
            "zstd needs version 7 of the produce request",
        );
    }
    if header.producer_id >= 0 && (header.producer_epoch < 0 || header.base_sequence < 0) {
        return refuse(
            error::INVALID_RECORD,
            "a producer id needs an epoch and a sequence",
        );
    }
    if header.max_timestamp > limits.latest {
        return refuse(
            error::INVALID_TIMESTAMP,
            "the timestamp is too far ahead of the broker's clock",
        );
    }
    Ok(())
}

/// Copies the batch and sets base offset and leader epoch, which lie outside the CRC.
pub(crate) fn stamp(bytes: &[u8], base_offset: i64, leader_epoch: i32) -> Bytes {
    let mut out = BytesMut::from(bytes);
    if let Some(to) = out.get_mut(0..8) {
        to.copy_from_slice(&base_offset.to_be_bytes());
    }
    if let Some(to) = out.get_mut(12..16) {
        to.copy_from_slice(&leader_epoch.to_be_bytes());
    }
    out.freeze()
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

const LENGTH_END: usize = 12;
const CRC_START: usize = 21;
const HEADER_BYTES: usize = 61;
/// Length, attributes, two deltas, two lengths of −1 and no headers: one byte each.
const MIN_RECORD_BYTES: usize = 7;
const CONTROL: i16 = 1 << 5;
