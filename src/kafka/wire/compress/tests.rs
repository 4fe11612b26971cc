//! Every codec and level, read back by our own decoder and by `kafka-protocol`'s.

use proptest::collection::vec;
use proptest::prelude::*;
use tracing_kafka_broker::decode_batches;

use super::*;
use crate::kafka::wire::batch_reader::BatchContents;
use crate::kafka::wire::record_batch::BatchRecord;
use crate::kafka::wire::record_batch::HEADER_BYTES;
use crate::kafka::wire::record_batch::ProducerStamp;
use crate::kafka::wire::record_batch::RecordBatch;
use crate::kafka::wire::record_batch::RecordHeaders;

/// The most that a batch holds.
const BATCH_LIMIT: usize = 1_000_000;
const KIB: usize = 1024;

type Row = (i64, Option<Vec<u8>>, Vec<u8>);

/// One batch of these rows, as it goes on the wire.
fn seal(rows: &[Row], compressor: &mut Compressor) -> Vec<u8> {
    let mut batch = RecordBatch::new();
    for (time, key, value) in rows {
        batch.push(&BatchRecord {
            timestamp_ms: *time,
            key: key.as_deref(),
            value,
            headers: RecordHeaders::default(),
        });
    }
    let mut sealed = batch.seal(compressor);
    sealed.stamp(ProducerStamp::NONE);
    sealed.bytes.to_vec()
}

/// What our own reader finds in a batch.
fn read(batch: &[u8]) -> Vec<Row> {
    let contents = BatchContents::read(batch).unwrap();
    contents
        .records()
        .map(|record| {
            let key = record.key.map(<[u8]>::to_vec);
            (record.timestamp_ms, key, record.value.to_vec())
        })
        .collect()
}

/// What `kafka-protocol` finds in it.
fn read_by_others(batch: &[u8]) -> Vec<Row> {
    let records = decode_batches(batch).unwrap();
    records
        .into_iter()
        .map(|record| {
            let key = record.key.map(|key| key.to_vec());
            (record.timestamp, key, record.value.unwrap().to_vec())
        })
        .collect()
}

fn codec_of(batch: &[u8]) -> i16 {
    i16::from_be_bytes([batch[21], batch[22]]) & CODEC_MASK
}

/// Every codec that is compiled in, with the lowest levels, the highest and some between, and its
/// number in a batch.
fn codecs() -> Vec<(i16, CompressionSettings)> {
    #[cfg(feature = "zstd")]
    let zstd = [-131_072, -7, 0, 1, 3, 9, 19, 22];
    let all: [Vec<(i16, CompressionSettings)>; 4] = [
        #[cfg(feature = "gzip")]
        (1..=9)
            .map(|level| (1, at(Compression::Gzip, level)))
            .collect(),
        #[cfg(not(feature = "gzip"))]
        Vec::new(),
        #[cfg(feature = "snappy")]
        vec![(2, Compression::Snappy.into())],
        #[cfg(not(feature = "snappy"))]
        Vec::new(),
        #[cfg(feature = "lz4")]
        vec![(3, Compression::Lz4.into())],
        #[cfg(not(feature = "lz4"))]
        Vec::new(),
        #[cfg(feature = "zstd")]
        zstd.map(|level| (4, at(Compression::Zstd, level))).into(),
        #[cfg(not(feature = "zstd"))]
        Vec::new(),
    ];
    all.concat()
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
fn at(kind: Compression, level: i32) -> CompressionSettings {
    CompressionSettings { kind, level }
}

/// Each codec once, at its usual level.
fn usual() -> Vec<(i16, CompressionSettings)> {
    let all = codecs();
    let usual = all.into_iter();
    usual
        .filter(|(_, settings)| *settings == settings.kind.into())
        .collect()
}

/// Bytes that no codec makes smaller, the same ones every time.
fn noise(seed: usize, length: usize) -> Vec<u8> {
    let mut state = (seed as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[3]
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Lines of a log: alike, and each different.
fn lines(count: usize) -> Vec<Row> {
    let line = |number: usize| {
        let trace = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let text = format!(
            "[12:00:{:02}.{:03}] [INFO] request {number} of user {} was answered, trace {trace:016x}",
            number / 1000 % 60,
            number % 1000,
            number % 97,
        );
        let time = 1_700_000_000_000 + i64::try_from(number).unwrap();
        (time, None, text.into_bytes())
    };
    (0..count).map(line).collect()
}

#[test]
fn every_codec_and_level_is_read_back_by_us_and_by_others() {
    for (codec, settings) in codecs() {
        let mut compressor = Compressor::new(settings);
        // The compressor is used again, for smaller and for larger batches.
        for count in [10, 300, 4000, 7, 1000] {
            let rows = lines(count);
            let packed = seal(&rows, &mut compressor);
            let plain = seal(&rows, &mut Compressor::new(Compression::None));
            // The fastest level of Zstandard hardly looks for anything.
            if settings.level > -1000 {
                assert_eq!(codec_of(&packed), codec, "{settings:?}, {count}");
                assert!(packed.len() < plain.len(), "{settings:?}, {count}");
            }
            assert_eq!(read(&packed), rows, "{settings:?}, {count}");
            assert_eq!(read_by_others(&packed), rows, "{settings:?}, {count}");
        }
    }
}

#[test]
fn levels_differ_in_what_they_make_of_a_batch() {
    let rows = lines(5000);
    let size = |settings: &CompressionSettings| seal(&rows, &mut Compressor::new(*settings)).len();
    for codec in [1, 4] {
        let of_codec = codecs().into_iter().filter(|(number, _)| *number == codec);
        let sizes: Vec<usize> = of_codec.map(|(_, settings)| size(&settings)).collect();
        if let (Some(fast), Some(small)) = (sizes.first(), sizes.last()) {
            assert!(small < fast, "codec {codec}: {sizes:?}");
        }
    }
}

#[test]
fn what_does_not_shrink_stays_as_it_is_and_does_no_harm_to_the_next() {
    for (codec, settings) in usual() {
        let mut compressor = Compressor::new(settings);
        for size in [600, 32 * KIB, 64 * KIB, BATCH_LIMIT - 100] {
            let rows = [(3, None, noise(size, size))];
            let packed = seal(&rows, &mut compressor);
            let plain = seal(&rows, &mut Compressor::new(Compression::None));
            assert!(packed == plain, "{settings:?}, {size}");
            let rows = lines(500);
            let packed = seal(&rows, &mut compressor);
            assert_eq!(codec_of(&packed), codec, "{settings:?}, {size}");
            let fresh = seal(&rows, &mut Compressor::new(settings));
            assert!(packed == fresh, "{settings:?}, {size}");
        }
    }
}

#[test]
fn batches_of_few_bytes_are_not_compressed() {
    for (codec, settings) in usual() {
        let mut compressor = Compressor::new(settings);
        let records = |length| vec![b'a'; length];
        assert!(compressor.compress(0, &records(MIN_BYTES - 1)).is_none());
        let packed = compressor.compress(0, &records(MIN_BYTES)).unwrap();
        assert_eq!(packed.0, codec, "{settings:?}");
        assert!(packed.1.len() < MIN_BYTES, "{settings:?}");
    }
}

#[test]
fn the_output_buffer_is_kept() {
    for (_, settings) in usual() {
        let mut compressor = Compressor::new(settings);
        let mut place = |length: usize| {
            let records = [noise(length, length / 2), vec![0; length / 2]].concat();
            let packed = compressor.compress(HEADER_BYTES, &records).unwrap().1;
            packed.as_ptr()
        };
        let first = place(BATCH_LIMIT);
        for length in [1000, 100_000, 700, BATCH_LIMIT] {
            assert_eq!(place(length), first, "{settings:?}, {length}");
        }
    }
}

#[test]
fn a_bomb_is_an_error_at_the_limit() {
    for (codec, settings) in usual() {
        for length in [600, 100 * KIB, 8 * KIB * KIB] {
            let mut compressor = Compressor::new(settings);
            let packed = compressor.compress(0, &vec![7; length]).unwrap().1;
            let unpacked = decompress_within(codec, packed, length).unwrap();
            assert!(unpacked == vec![7; length], "{settings:?}, {length}");
            let error = decompress_within(codec, packed, length - 1).unwrap_err();
            assert!(
                error.0.contains("more than a batch"),
                "{settings:?}, {length}"
            );
            assert!(decompress_within(codec, packed, 0).is_err());
        }
    }
}

#[test]
fn a_batch_cut_or_damaged_anywhere_is_no_panic() {
    for (_, settings) in usual() {
        let rows = lines(30);
        let batch = seal(&rows, &mut Compressor::new(settings));
        for end in 0..batch.len() {
            // Only the end mark of a frame can be missed.
            if let Ok(contents) = BatchContents::read(&batch[..end]) {
                assert_eq!(contents.records().count(), 30);
                assert!(end + 4 >= batch.len(), "{settings:?}, {end}");
            }
        }
        for at in 0..batch.len() {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = batch.clone();
                damaged[at] ^= flip;
                if let Ok(contents) = BatchContents::read(&damaged) {
                    assert_eq!(contents.records().count(), contents.count());
                }
            }
        }
    }
}

#[test]
fn an_unknown_codec_is_an_error() {
    for codec in [5, 6, 7, -1] {
        decompress(codec, b"anything").unwrap_err();
    }
}

#[cfg(feature = "gzip")]
#[test]
fn gzip_is_one_member_without_name_and_time() {
    let mut compressor = Compressor::new(Compression::Gzip);
    for _ in 0..2 {
        let (_, packed) = compressor.compress(0, &[b'a'; 1000]).unwrap();
        assert_eq!(packed[..9], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0]);
        assert_eq!(packed[packed.len() - 4..], 1000_u32.to_le_bytes());
    }
}

#[cfg(feature = "zstd")]
#[test]
fn zstandard_is_one_frame_that_says_its_size() {
    let mut compressor = Compressor::new(Compression::Zstd);
    for _ in 0..2 {
        let (_, packed) = compressor.compress(0, &[b'a'; 1000]).unwrap();
        // Magic; one segment with a size of two bytes, no checksum; the size less 256.
        assert_eq!(packed[..7], [0x28, 0xb5, 0x2f, 0xfd, 0x60, 0xe8, 0x02]);
    }
}

#[cfg(feature = "snappy")]
mod snappy_framing {
    use super::*;

    const SNAPPY: i16 = 2;

    #[test]
    fn blocks_are_those_of_the_java_client() {
        let mut compressor = Compressor::new(Compression::Snappy);
        let records = noise(1, 80 * KIB);
        let packed = compressor.compress(0, &records).unwrap().1;
        let (magic, mut rest) = packed.split_at(16);
        assert_eq!(magic, b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01");
        let mut unpacked = Vec::new();
        let mut sizes = Vec::new();
        while let Some((length, behind)) = rest.split_first_chunk::<4>() {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
            let block = snap::raw::Decoder::new().decompress_vec(&behind[..length]);
            let block = block.unwrap();
            sizes.push(block.len());
            unpacked.extend(block);
            rest = &behind[length..];
        }
        assert_eq!(sizes, [32 * KIB, 32 * KIB, 16 * KIB]);
        assert!(unpacked == records);
    }

    #[test]
    fn a_raw_block_is_read_too() {
        let records = vec![b'r'; 100_000];
        let raw = snap::raw::Encoder::new().compress_vec(&records).unwrap();
        assert!(decompress(SNAPPY, &raw).unwrap() == records);
        assert!(decompress(SNAPPY, &[0]).unwrap().is_empty());
    }

    #[test]
    fn a_length_that_is_not_true_takes_no_memory() {
        // Says 100 MB, and holds three bytes.
        let mut lie = vec![0x80, 0xc2, 0xd7, 0x2f, 0, b'x', b'y'];
        decompress(SNAPPY, &lie).unwrap_err();
        let mut framed = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01\0\0\0\x07".to_vec();
        framed.append(&mut lie);
        decompress(SNAPPY, &framed).unwrap_err();
        framed.truncate(30);
        decompress(SNAPPY, &framed[..19]).unwrap_err();
    }
}

/// A value of any bytes, or one that does or does not shrink, its length around one at which
/// something happens in a codec or a batch.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let border = prop_oneof![Just(32 * KIB), Just(64 * KIB), Just(128 * KIB)];
    let near = |border: usize| border - 70..border + 70;
    prop_oneof![
        4 => vec(any::<u8>(), 0..300),
        2 => Just(Vec::new()),
        2 => (0..5000_usize).prop_map(|length| vec![b'a'; length]),
        1 => border.prop_flat_map(near).prop_map(|length| noise(length, length)),
        1 => (32 * KIB - 70..64 * KIB + 70).prop_map(|length| b"abc ".repeat(length / 4)),
    ]
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let key = proptest::option::of(vec(any::<u8>(), 0..20));
    // `kafka-protocol` adds the difference to the first time without care.
    let time = 0..1_i64 << 60;
    vec((time, key, value()), 1..40)
}

/// Records that fill a batch to its limit, give or take some bytes, of which a part may shrink.
fn full() -> impl Strategy<Value = Vec<Row>> {
    (0..200_usize, 0..11_usize, 1..6_usize).prop_map(|(less, text, count)| {
        let each = (BATCH_LIMIT - HEADER_BYTES - less) / count - 20;
        let value = |number| {
            let noise = noise(number, each / 10 * (10 - text));
            [vec![b' '; each - noise.len()], noise].concat()
        };
        (0..count).map(|number| (7, None, value(number))).collect()
    })
}

/// Fails unless all codecs give these rows back, and to others too, in a batch that is not larger
/// than without.
fn assert_all_read_back(rows: &[Row], codecs: &[(i16, CompressionSettings)]) {
    let plain = seal(rows, &mut Compressor::new(Compression::None));
    for (codec, settings) in codecs {
        let packed = seal(rows, &mut Compressor::new(*settings));
        assert!([CODEC_NONE, *codec].contains(&codec_of(&packed)));
        assert!(packed.len() <= plain.len(), "{settings:?}");
        assert!(read(&packed) == rows, "{settings:?}");
        assert!(read_by_others(&packed) == rows, "{settings:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_records_come_back_from_every_codec(rows in rows()) {
        assert_all_read_back(&rows, &usual());
    }

    #[test]
    fn batches_of_random_records_leave_no_trace_in_the_next(
        batches in vec(rows(), 2..4),
        codec in any::<prop::sample::Index>(),
    ) {
        let usual = usual();
        if !usual.is_empty() {
            let (_, settings) = usual[codec.index(usual.len())];
            let mut compressor = Compressor::new(settings);
            for rows in batches {
                let fresh = seal(&rows, &mut Compressor::new(settings));
                prop_assert!(seal(&rows, &mut compressor) == fresh);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn full_batches_come_back_from_every_codec(rows in full()) {
        assert_all_read_back(&rows, &usual());
    }
}
