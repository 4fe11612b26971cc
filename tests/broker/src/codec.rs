//! Decodes stored batches with `kafka-protocol`, and LZ4 frames with `lz4_flex`.

use std::error::Error;
use std::io;
use std::io::Read as _;

use bytes::Buf as _;
use bytes::Bytes;
use kafka_protocol::compression::Decompressor as _;
use kafka_protocol::compression::Gzip;
use kafka_protocol::compression::Snappy;
use kafka_protocol::records::Compression;
use kafka_protocol::records::Record as WireRecord;
use kafka_protocol::records::RecordBatchDecoder;

use crate::record::Record;
use crate::shape;

/// Decodes record batches as a consumer would: with `kafka-protocol`, checksums included. The records
/// are of partition 0.
///
/// # Errors
///
/// If a batch cannot be decoded.
pub fn decode_batches(bytes: &[u8]) -> io::Result<Vec<Record>> {
    decode(0, Bytes::copy_from_slice(bytes))
}

/// Decodes all whole batches at the front of `bytes`; a cut one at the end is left out.
pub(crate) fn decode(partition: i32, mut bytes: Bytes) -> io::Result<Vec<Record>> {
    let mut records = Vec::new();
    while let Some(batch) = next_batch(&mut bytes) {
        records.extend(decode_one(partition, batch)?);
    }
    Ok(records)
}

/// Splits one whole batch off.
fn next_batch(bytes: &mut Bytes) -> Option<Bytes> {
    let length = i32::from_be_bytes(bytes.get(8..12)?.try_into().ok()?);
    let size = usize::try_from(length).ok()?.checked_add(12)?;
    (size <= bytes.len()).then(|| bytes.split_to(size))
}

/// Returns the offset after the last whole batch in `bytes`.
pub(crate) fn end_offset(mut bytes: Bytes) -> Option<i64> {
    let mut end = None;
    while let Some(batch) = next_batch(&mut bytes) {
        let base = i64::from_be_bytes(batch.get(0..8)?.try_into().ok()?);
        let last_delta = i32::from_be_bytes(batch.get(23..27)?.try_into().ok()?);
        end = Some(base + i64::from(last_delta) + 1);
    }
    end
}

fn decode_one(partition: i32, mut batch: Bytes) -> io::Result<Vec<Record>> {
    let count = RecordBatchDecoder::decode_batch_info(&mut batch.clone())
        .map_err(invalid)?
        .first()
        .map_or(0, |info| info.record_count);
    let count = usize::try_from(count).map_err(invalid)?;
    let unpack = |payload: &mut Bytes, compression| {
        let plain = decompress(payload, compression)?;
        // The decoder reserves memory for what the lengths say.
        if !shape::holds_records(&plain, count) {
            return Err(invalid("the records are not as long as they say").into());
        }
        Ok(plain)
    };
    let set = RecordBatchDecoder::decode_with_custom_compression(&mut batch, Some(unpack))
        .map_err(invalid)?;
    Ok(set
        .records
        .into_iter()
        .filter(|record| !record.control)
        .map(|record| from_wire(partition, record))
        .collect())
}

fn decompress(payload: &mut Bytes, compression: Compression) -> io::Result<Bytes> {
    let whole = |plain: &mut Bytes| Ok(plain.split_off(0));
    match compression {
        Compression::None => Ok(payload.clone()),
        Compression::Gzip => Gzip::decompress(payload, whole).map_err(invalid),
        Compression::Snappy => Snappy::decompress(payload, whole).map_err(invalid),
        Compression::Lz4 => {
            let mut plain = Vec::new();
            lz4_flex::frame::FrameDecoder::new(payload.reader()).read_to_end(&mut plain)?;
            Ok(plain.into())
        }
        #[cfg(feature = "all-codecs")]
        Compression::Zstd => {
            kafka_protocol::compression::Zstd::decompress(payload, whole).map_err(invalid)
        }
        #[cfg(not(feature = "all-codecs"))]
        Compression::Zstd => Err(invalid("zstd needs the feature `all-codecs`")),
    }
}

fn from_wire(partition: i32, record: WireRecord) -> Record {
    Record {
        partition,
        offset: record.offset,
        timestamp: record.timestamp,
        key: record.key,
        value: record.value,
        headers: record
            .headers
            .into_iter()
            .map(|(name, value)| (name.to_string(), value))
            .collect(),
        producer_id: record.producer_id,
        producer_epoch: record.producer_epoch,
        sequence: record.sequence,
    }
}

/// Makes an `io::Error` of whatever the codec says.
pub(crate) fn invalid(cause: impl Into<Box<dyn Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}
