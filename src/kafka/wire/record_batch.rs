//! The encoder of record batches (magic 2): one pass, into one buffer that is used again.

use std::sync::Arc;

use super::compress::Compressor;
use super::varint;

/// Bytes in front of the records.
pub(crate) const HEADER_BYTES: usize = 61;
/// Where the part under the checksum begins: at the attributes.
pub(super) const CHECKED_FROM: usize = 21;
/// The most that a record takes beside its key and value: length (5), attributes (1), timestamp
/// delta (10), offset delta (5), lengths of key (5) and value (5), header count (5).
const RECORD_OVERHEAD: usize = 36;

/// The headers of one record, encoded by [`put_header`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct RecordHeaders<'a> {
    pub(crate) count: u32,
    pub(crate) bytes: &'a [u8],
}

/// Appends a header as it stands in a record.
pub(crate) fn put_header(out: &mut Vec<u8>, name: &[u8], value: &[u8]) {
    for part in [name, value] {
        varint::put(out, signed_len(part));
        out.extend_from_slice(part);
    }
}

/// One record, as it goes into a batch and comes out of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchRecord<'a> {
    /// Milliseconds since the Unix epoch.
    pub(crate) timestamp_ms: i64,
    pub(crate) key: Option<&'a [u8]>,
    pub(crate) value: &'a [u8],
    pub(crate) headers: RecordHeaders<'a>,
}

/// Who a batch comes from: what lets a broker recognise a batch that is sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProducerStamp {
    pub(crate) id: i64,
    pub(crate) epoch: i16,
    pub(crate) sequence: i32,
}

impl ProducerStamp {
    /// A producer without identity.
    pub(crate) const NONE: Self = Self {
        id: -1,
        epoch: -1,
        sequence: -1,
    };
}

/// A batch under construction. Its buffer begins with room for the header.
#[derive(Debug)]
pub(crate) struct RecordBatch {
    buffer: Vec<u8>,
    count: u32,
    first_timestamp_ms: i64,
    max_timestamp_ms: i64,
}

/// A finished batch, as it goes on the wire.
#[derive(Debug, Clone)]
pub(crate) struct SealedBatch {
    /// Header and records, the latter perhaps compressed.
    pub(crate) bytes: Arc<[u8]>,
    /// How many records.
    pub(crate) count: u32,
    /// The length before compression, header included.
    pub(crate) uncompressed_len: usize,
}

impl SealedBatch {
    /// Says who the batch comes from, and computes the checksum; the broker takes none without.
    ///
    /// If a request still holds the bytes, it keeps them as they are.
    pub(crate) fn stamp(&mut self, stamp: ProducerStamp) {
        let bytes = Arc::make_mut(&mut self.bytes);
        if let Some(header) = bytes.first_chunk_mut::<HEADER_BYTES>() {
            header[43..51].copy_from_slice(&stamp.id.to_be_bytes());
            header[51..53].copy_from_slice(&stamp.epoch.to_be_bytes());
            header[53..57].copy_from_slice(&stamp.sequence.to_be_bytes());
        }
        let checksum = crc32c::crc32c(bytes.get(CHECKED_FROM..).unwrap_or_default());
        if let Some(header) = bytes.first_chunk_mut::<CHECKED_FROM>() {
            header[17..21].copy_from_slice(&checksum.to_be_bytes());
        }
    }
}

impl RecordBatch {
    /// An empty batch.
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; HEADER_BYTES],
            count: 0,
            first_timestamp_ms: 0,
            max_timestamp_ms: 0,
        }
    }

    /// At most so many bytes does one record add to [`len`](Self::len).
    pub(crate) fn size_of(record: &BatchRecord<'_>) -> usize {
        RECORD_OVERHEAD
            .saturating_add(record.key.map_or(0, <[u8]>::len))
            .saturating_add(record.value.len())
            .saturating_add(record.headers.bytes.len())
    }

    /// Gives the buffer back if it is empty and takes more than `most` bytes.
    pub(crate) fn shrink(&mut self, most: usize) {
        if self.is_empty() && self.buffer.capacity() > most {
            self.buffer = vec![0; HEADER_BYTES];
        }
    }

    /// Bytes that the buffer takes.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.buffer.capacity()
    }

    /// Bytes so far, uncompressed, the header included.
    pub(crate) fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Records so far.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Whether there is nothing to seal.
    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Appends a record. Allocates only while the buffer is still growing.
    #[inline]
    pub(crate) fn push(&mut self, record: &BatchRecord<'_>) {
        let BatchRecord {
            timestamp_ms,
            key,
            value,
            headers,
        } = *record;
        if self.count == 0 {
            self.first_timestamp_ms = timestamp_ms;
            self.max_timestamp_ms = timestamp_ms;
        }
        self.max_timestamp_ms = self.max_timestamp_ms.max(timestamp_ms);
        let time = varint::zigzag(timestamp_ms.wrapping_sub(self.first_timestamp_ms));
        let offset = varint::zigzag(i64::from(self.count));
        let key_len = key.map_or(NULL, signed_len);
        let value_len = signed_len(value);
        let header_count = u64::from(headers.count) << 1;
        let key = key.unwrap_or_default();
        let length = 1 // attributes
            + varint::len(time)
            + varint::len(offset)
            + varint::len(key_len)
            + key.len()
            + varint::len(value_len)
            + value.len()
            + varint::len(header_count)
            + headers.bytes.len();
        let out = &mut self.buffer;
        out.reserve(length + MAX_LENGTH_BYTES);
        varint::put(out, (length as u64) << 1);
        out.push(0);
        varint::put(out, time);
        varint::put(out, offset);
        varint::put(out, key_len);
        out.extend_from_slice(key);
        varint::put(out, value_len);
        out.extend_from_slice(value);
        varint::put(out, header_count);
        out.extend_from_slice(headers.bytes);
        self.count = self.count.saturating_add(1);
    }

    /// Finishes the batch: compresses, writes the header but for what [`SealedBatch::stamp`] does;
    /// leaves `self` empty, with its buffer.
    ///
    /// If compression does not make it smaller it stays uncompressed. An empty batch yields a
    /// batch of no records, which no broker takes: the caller checks [`is_empty`](Self::is_empty).
    pub(crate) fn seal(&mut self, compressor: &mut Compressor) -> SealedBatch {
        let uncompressed_len = self.buffer.len();
        let records = self.buffer.get(HEADER_BYTES..).unwrap_or_default();
        let bytes = match compressor.compress(HEADER_BYTES, records) {
            Some((codec, packed)) if packed.len() < uncompressed_len => {
                finish(packed, codec, self.count, self.times())
            }
            _ => {
                let times = self.times();
                finish(&mut self.buffer, 0, self.count, times)
            }
        };
        let sealed = SealedBatch {
            bytes,
            count: self.count,
            uncompressed_len,
        };
        self.buffer.truncate(HEADER_BYTES);
        self.count = 0;
        sealed
    }

    fn times(&self) -> (i64, i64) {
        (self.first_timestamp_ms, self.max_timestamp_ms)
    }
}

/// The varint of a null length (−1).
const NULL: u64 = 1;
/// The most that the length of a record takes.
const MAX_LENGTH_BYTES: usize = 10;

/// The varint of a length.
#[inline]
const fn signed_len(bytes: &[u8]) -> u64 {
    (bytes.len() as u64) << 1
}

/// Writes the header into the front of `batch` and copies the whole out.
fn finish(batch: &mut [u8], codec: i16, count: u32, (first_ms, max_ms): (i64, i64)) -> Arc<[u8]> {
    // Counted from behind the length field.
    let length = i32::try_from(batch.len().saturating_sub(12)).unwrap_or(i32::MAX);
    let count = i32::try_from(count).unwrap_or(i32::MAX);
    if let Some(header) = batch.first_chunk_mut::<HEADER_BYTES>() {
        header[0..8].copy_from_slice(&0_i64.to_be_bytes()); // base offset: the broker's
        header[8..12].copy_from_slice(&length.to_be_bytes());
        header[12..16].copy_from_slice(&(-1_i32).to_be_bytes()); // leader epoch: the broker's
        header[16] = 2; // magic
        header[21..23].copy_from_slice(&codec.to_be_bytes()); // attributes: CreateTime
        header[23..27].copy_from_slice(&count.saturating_sub(1).to_be_bytes());
        header[27..35].copy_from_slice(&first_ms.to_be_bytes());
        header[35..43].copy_from_slice(&max_ms.to_be_bytes());
        header[57..61].copy_from_slice(&count.to_be_bytes());
    }
    Arc::from(&*batch)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use rskafka::protocol::record::ControlBatchOrRecords;
    use rskafka::protocol::record::Record;
    use rskafka::protocol::record::RecordBatch as Reference;
    use rskafka::protocol::record::RecordBatchCompression;
    use rskafka::protocol::record::RecordBatchTimestampType;
    use rskafka::protocol::traits::ReadType as _;

    use crate::config::Compression;

    use super::*;

    type Row = (i64, Option<Vec<u8>>, Vec<u8>);

    fn record<'a>(time: i64, key: Option<&'a [u8]>, value: &'a [u8]) -> BatchRecord<'a> {
        BatchRecord {
            timestamp_ms: time,
            key,
            value,
            headers: RecordHeaders::default(),
        }
    }

    fn seal(rows: &[Row], compression: Compression, stamp: ProducerStamp) -> SealedBatch {
        let mut batch = RecordBatch::new();
        for (time, key, value) in rows {
            let before = batch.len();
            let record = record(*time, key.as_deref(), value);
            batch.push(&record);
            assert!(batch.len() - before <= RecordBatch::size_of(&record));
        }
        assert_eq!(batch.count as usize, rows.len());
        let mut sealed = batch.seal(&mut Compressor::new(compression));
        sealed.stamp(stamp);
        assert!(batch.is_empty());
        assert_eq!(batch.len(), HEADER_BYTES);
        sealed
    }

    /// Reads an uncompressed batch with the client library's decoder, which checks length and
    /// checksum.
    fn reference(bytes: &[u8]) -> (Reference, Vec<Record>) {
        let mut cursor = Cursor::new(bytes);
        let mut batch = Reference::read(&mut cursor).unwrap();
        assert_eq!(usize::try_from(cursor.position()).unwrap(), bytes.len());
        let nothing = ControlBatchOrRecords::Records(Vec::new());
        match std::mem::replace(&mut batch.records, nothing) {
            ControlBatchOrRecords::Records(records) => (batch, records),
            ControlBatchOrRecords::ControlBatch(_) => panic!("a control batch"),
        }
    }

    fn assert_reads_back(rows: &[Row]) {
        let sealed = seal(rows, Compression::None, ProducerStamp::NONE);
        let (batch, records) = reference(&sealed.bytes);
        let first = rows[0].0;
        let max = rows.iter().map(|row| row.0).max().unwrap();
        assert_eq!((batch.first_timestamp, batch.max_timestamp), (first, max));
        assert_eq!(sealed.count as usize, rows.len());
        assert_eq!(records.len(), rows.len());
        assert_eq!(
            usize::try_from(batch.last_offset_delta).unwrap(),
            rows.len() - 1
        );
        for (index, (record, (time, key, value))) in records.iter().zip(rows).enumerate() {
            assert_eq!(first.wrapping_add(record.timestamp_delta), *time);
            assert_eq!(usize::try_from(record.offset_delta).unwrap(), index);
            assert_eq!(record.key, *key);
            assert_eq!(record.value.as_ref(), Some(value));
            assert!(record.headers.is_empty());
        }
    }

    #[test]
    fn the_header_is_that_of_a_producer() {
        let stamp = ProducerStamp {
            id: 0x0102_0304_0506,
            epoch: 7,
            sequence: 1000,
        };
        let rows = [(1_700_000_000_000, None, b"a".to_vec())];
        let sealed = seal(&rows, Compression::None, stamp);
        let (batch, _) = reference(&sealed.bytes);
        let expected = Reference {
            base_offset: 0,
            partition_leader_epoch: -1,
            last_offset_delta: 0,
            first_timestamp: 1_700_000_000_000,
            max_timestamp: 1_700_000_000_000,
            producer_id: stamp.id,
            producer_epoch: stamp.epoch,
            base_sequence: stamp.sequence,
            records: ControlBatchOrRecords::Records(Vec::new()),
            compression: RecordBatchCompression::NoCompression,
            is_transactional: false,
            timestamp_type: RecordBatchTimestampType::CreateTime,
        };
        assert_eq!(batch, expected);
        let sealed = seal(&rows, Compression::None, ProducerStamp::NONE);
        let (batch, _) = reference(&sealed.bytes);
        assert_eq!(batch.producer_id, -1);
        assert_eq!((batch.producer_epoch, batch.base_sequence), (-1, -1));
    }

    #[test]
    fn a_batch_can_be_stamped_again_while_a_request_holds_it() {
        let rows = [(1, None, b"a".to_vec())];
        let mut sealed = seal(&rows, Compression::None, ProducerStamp::NONE);
        let in_a_request = Arc::clone(&sealed.bytes);
        let stamp = ProducerStamp {
            id: 7,
            epoch: 1,
            sequence: 3,
        };
        sealed.stamp(stamp);
        assert_eq!(reference(&in_a_request).0.producer_id, -1);
        let (batch, _) = reference(&sealed.bytes);
        assert_eq!((batch.producer_id, batch.base_sequence), (7, 3));
    }

    #[test]
    fn headers_read_back() {
        let mut batch = RecordBatch::new();
        let mut bytes = Vec::new();
        put_header(&mut bytes, b"host", b"a");
        put_header(&mut bytes, b"long", &[b'x'; 300]);
        put_header(&mut bytes, b"host", b"");
        let headers = RecordHeaders {
            count: 3,
            bytes: &bytes,
        };
        let with_headers = BatchRecord {
            headers,
            ..record(5, Some(b"k"), b"v")
        };
        batch.push(&with_headers);
        let mut sealed = batch.seal(&mut Compressor::new(Compression::None));
        sealed.stamp(ProducerStamp::NONE);
        let (_, records) = reference(&sealed.bytes);
        let found: Vec<(&str, Vec<u8>)> = records[0]
            .headers
            .iter()
            .map(|header| (header.key.as_str(), header.value.clone()))
            .collect();
        assert_eq!(
            found,
            [
                ("host", b"a".to_vec()),
                ("long", vec![b'x'; 300]),
                ("host", Vec::new())
            ]
        );
        assert_eq!(records[0].value.as_deref(), Some(&b"v"[..]));
    }

    #[test]
    fn sizes_around_every_varint_border_read_back() {
        let borders = [0, 1, 50, 63, 64, 8191, 8192, 1_048_575, 1_048_576];
        for border in borders {
            for size in border - border.min(14)..=border + 2 {
                let value = vec![b'v'; size];
                assert_reads_back(&[(0, None, value.clone())]);
                assert_reads_back(&[(0, Some(value), Vec::new())]);
            }
        }
    }

    #[test]
    fn timestamps_may_go_backwards_and_be_extreme() {
        let mut rows = Vec::new();
        for delta in [0, 1, -1, 63, -64, 64, -65, 8191, -8192, 1 << 40, -(1 << 40)] {
            rows.push((1_700_000_000_000 + delta, None, b"v".to_vec()));
        }
        assert_reads_back(&rows);
        let extremes = [i64::MAX, i64::MIN, 0, -1].map(|time| (time, None, Vec::new()));
        assert_reads_back(&extremes);
    }

    #[test]
    fn many_records_of_changing_shape_read_back() {
        let mut state = 1_u32;
        let mut rows = Vec::new();
        for index in 0..20_000_u32 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = vec![b'a'; (state >> 24) as usize];
            let key = state
                .is_multiple_of(3)
                .then(|| index.to_be_bytes().to_vec());
            rows.push((i64::from(state >> 16), key, value));
        }
        assert_reads_back(&rows);
    }

    #[test]
    fn a_batch_and_its_compressor_are_used_again_without_traces() {
        let mut batch = RecordBatch::new();
        let mut compressor = Compressor::new(Compression::None);
        let mut seal_one = |time, value: &[u8]| {
            batch.push(&record(time, None, value));
            batch.seal(&mut compressor)
        };
        let first = seal_one(5, b"first");
        seal_one(1, &[b'x'; 100]);
        let again = seal_one(5, b"first");
        assert_eq!(first.bytes, again.bytes);
    }

    #[cfg(feature = "lz4")]
    mod lz4 {
        use std::io::Read as _;

        use lz4_flex::frame::FrameDecoder;

        use super::*;

        fn unpack(sealed: &SealedBatch) -> Vec<u8> {
            let mut records = Vec::new();
            FrameDecoder::new(&sealed.bytes[HEADER_BYTES..])
                .read_to_end(&mut records)
                .unwrap();
            records
        }

        #[test]
        fn compressed_batches_hold_the_same_records() {
            let mut batch = RecordBatch::new();
            let mut compressor = Compressor::new(Compression::Lz4);
            // One block, a full block, several blocks; the compressor is used again each time.
            for count in [20, 327, 3000, 3, 9000, 20] {
                let rows: Vec<Row> = (0..count)
                    .map(|n| {
                        (
                            n,
                            None,
                            format!("{n:05} {}", "some text ".repeat(19)).into_bytes(),
                        )
                    })
                    .collect();
                for (time, key, value) in &rows {
                    batch.push(&record(*time, key.as_deref(), value));
                }
                let mut sealed = batch.seal(&mut compressor);
                sealed.stamp(ProducerStamp::NONE);
                let plain = seal(&rows, Compression::None, ProducerStamp::NONE);
                assert_eq!(unpack(&sealed), plain.bytes[HEADER_BYTES..]);
                assert_eq!(sealed.uncompressed_len, plain.bytes.len());
                assert!(sealed.bytes.len() < plain.bytes.len());
                let checksum = crc32c::crc32c(&sealed.bytes[CHECKED_FROM..]);
                assert_eq!(sealed.bytes[17..21], checksum.to_be_bytes());
                assert_eq!(sealed.bytes[21..23], [0, 3]);
                // But for attributes, length and checksum the headers are equal.
                assert_eq!(
                    sealed.bytes[23..HEADER_BYTES],
                    plain.bytes[23..HEADER_BYTES]
                );
                let length = i32::try_from(sealed.bytes.len() - 12).unwrap();
                assert_eq!(sealed.bytes[8..12], length.to_be_bytes());
            }
        }

        #[test]
        fn frames_look_like_those_of_the_java_client() {
            let rows = [(0, None, vec![b'a'; 1000])];
            let sealed = seal(&rows, Compression::Lz4, ProducerStamp::NONE);
            let frame = &sealed.bytes[HEADER_BYTES..];
            // Magic; version 1 with independent blocks and no checksums; blocks of 64 KiB; the
            // checksum of these two bytes.
            assert_eq!(frame[..7], [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82]);
            assert_eq!(frame[frame.len() - 4..], [0; 4]);
        }

        #[test]
        fn what_does_not_shrink_stays_uncompressed() {
            let mut state = 7_u64;
            let noise: Vec<u8> = std::iter::repeat_with(|| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                (state >> 56) as u8
            })
            .take(70_000)
            .collect();
            for value in [b"a".to_vec(), noise] {
                let rows = [(3, None, value)];
                let sealed = seal(&rows, Compression::Lz4, ProducerStamp::NONE);
                let plain = seal(&rows, Compression::None, ProducerStamp::NONE);
                assert_eq!(sealed.bytes, plain.bytes);
            }
        }
    }
}
