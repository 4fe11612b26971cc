//! Compression of whole batches. The state and the output buffer live as long as the producer.

#[cfg(any(
    feature = "gzip",
    feature = "snappy",
    feature = "lz4",
    feature = "zstd"
))]
mod bounded;
#[cfg(feature = "gzip")]
mod gzip;
#[cfg(feature = "lz4")]
mod lz4;
#[cfg(feature = "snappy")]
mod snappy;
#[cfg(feature = "zstd")]
mod zstd;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::config::Compression;
use crate::config::CompressionSettings;

use super::bytes::Malformed;

/// The codec bits of a batch's attributes.
pub(super) const CODEC_MASK: i16 = 0b111;
/// Not compressed.
pub(super) const CODEC_NONE: i16 = 0;
#[cfg(feature = "gzip")]
const CODEC_GZIP: i16 = 1;
#[cfg(feature = "snappy")]
const CODEC_SNAPPY: i16 = 2;
#[cfg(feature = "lz4")]
const CODEC_LZ4: i16 = 3;
#[cfg(feature = "zstd")]
const CODEC_ZSTD: i16 = 4;

/// Records of fewer bytes are not compressed: less than half of them would be saved, some hundred
/// bytes, beside what a request takes anyway. From here on it is more, for 0.3 µs (Snappy), 0.8 µs (LZ4),
/// 4 µs (Zstandard) or 12 µs (gzip); a request costs about 100 µs.
const MIN_BYTES: usize = 512;
/// Far above any batch that a broker takes.
const MAX_UNPACKED_BYTES: usize = 256 << 20;

/// Compresses one batch after the other.
pub(crate) struct Compressor {
    settings: CompressionSettings,
    encoder: Encoder,
}

/// The codec that was chosen.
enum Encoder {
    None,
    #[cfg(feature = "gzip")]
    Gzip(gzip::Encoder),
    #[cfg(feature = "snappy")]
    Snappy(snappy::Encoder),
    #[cfg(feature = "lz4")]
    Lz4(lz4::Encoder),
    #[cfg(feature = "zstd")]
    Zstd(zstd::Encoder),
}

impl Compressor {
    /// A compressor of the given kind and level. Its state and its buffer are made at the first
    /// batch, and kept.
    pub(crate) fn new(settings: impl Into<CompressionSettings>) -> Self {
        let settings = settings.into();
        let encoder = match settings.kind {
            Compression::None => Encoder::None,
            #[cfg(feature = "gzip")]
            Compression::Gzip => Encoder::Gzip(gzip::Encoder::new(settings.level)),
            #[cfg(feature = "snappy")]
            Compression::Snappy => Encoder::Snappy(snappy::Encoder::new()),
            #[cfg(feature = "lz4")]
            Compression::Lz4 => Encoder::Lz4(lz4::Encoder::new()),
            #[cfg(feature = "zstd")]
            Compression::Zstd => Encoder::Zstd(zstd::Encoder::new(settings.level)),
        };
        Self { settings, encoder }
    }

    /// Compresses `records` behind `room` bytes of any content. Answers the codec and the bytes;
    /// nothing if compression is off, failed or cannot pay.
    #[cfg_attr(
        not(any(
            feature = "gzip",
            feature = "snappy",
            feature = "lz4",
            feature = "zstd"
        )),
        expect(unused_variables, reason = "no codec is compiled in")
    )]
    pub(super) fn compress(&mut self, room: usize, records: &[u8]) -> Option<(i16, &mut [u8])> {
        if records.len() < MIN_BYTES {
            return None;
        }
        match &mut self.encoder {
            Encoder::None => None,
            #[cfg(feature = "gzip")]
            Encoder::Gzip(gzip) => Some((CODEC_GZIP, gzip.compress(room, records)?)),
            #[cfg(feature = "snappy")]
            Encoder::Snappy(snappy) => Some((CODEC_SNAPPY, snappy.compress(room, records)?)),
            #[cfg(feature = "lz4")]
            Encoder::Lz4(lz4) => Some((CODEC_LZ4, lz4.compress(room, records)?)),
            #[cfg(feature = "zstd")]
            Encoder::Zstd(zstd) => Some((CODEC_ZSTD, zstd.compress(room, records)?)),
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

/// Undoes [`Compressor::compress`] for codecs other than none.
pub(super) fn decompress(codec: i16, packed: &[u8]) -> Result<Vec<u8>, Malformed> {
    decompress_within(codec, packed, MAX_UNPACKED_BYTES)
}

/// The same; an error if there are more than `limit` bytes.
#[cfg_attr(
    not(any(
        feature = "gzip",
        feature = "snappy",
        feature = "lz4",
        feature = "zstd"
    )),
    expect(unused_variables, reason = "no codec is compiled in")
)]
fn decompress_within(codec: i16, packed: &[u8], limit: usize) -> Result<Vec<u8>, Malformed> {
    match codec {
        #[cfg(feature = "gzip")]
        CODEC_GZIP => gzip::decompress(packed, limit),
        #[cfg(feature = "snappy")]
        CODEC_SNAPPY => snappy::decompress(packed, limit),
        #[cfg(feature = "lz4")]
        CODEC_LZ4 => lz4::decompress(packed, limit),
        #[cfg(feature = "zstd")]
        CODEC_ZSTD => zstd::decompress(packed, limit),
        _ => Err(Malformed("batch: unknown codec")),
    }
}
