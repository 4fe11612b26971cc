//! Compression of whole batches. The state and the output buffer live as long as the producer.

#[cfg(feature = "lz4")]
mod lz4;

use std::fmt;

use crate::config::Compression;

use super::bytes::Malformed;

/// The codec bits of a batch's attributes.
pub(super) const CODEC_MASK: i16 = 0b111;
/// Not compressed.
pub(super) const CODEC_NONE: i16 = 0;
/// LZ4 frames.
#[cfg(feature = "lz4")]
pub(super) const CODEC_LZ4: i16 = 3;

/// Compresses one batch after the other.
pub(crate) struct Compressor {
    compression: Compression,
    #[cfg(feature = "lz4")]
    lz4: lz4::Encoder,
}

impl Compressor {
    /// A compressor of the given kind; allocates nothing yet.
    pub(crate) const fn new(compression: Compression) -> Self {
        Self {
            compression,
            #[cfg(feature = "lz4")]
            lz4: lz4::Encoder::new(),
        }
    }

    /// Compresses `records` behind `room` zero bytes. Answers the codec and the buffer; nothing if
    /// compression is off or failed.
    #[cfg_attr(
        not(feature = "lz4"),
        expect(unused_variables, reason = "no codec is compiled in")
    )]
    pub(super) fn compress(&mut self, room: usize, records: &[u8]) -> Option<(i16, &mut Vec<u8>)> {
        match self.compression {
            Compression::None => None,
            #[cfg(feature = "lz4")]
            Compression::Lz4 => self.lz4.compress(room, records).map(|out| (CODEC_LZ4, out)),
        }
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

/// Undoes [`Compressor::compress`] for codecs other than none.
#[cfg_attr(
    not(feature = "lz4"),
    expect(unused_variables, reason = "no codec is compiled in")
)]
pub(super) fn decompress(codec: i16, packed: &[u8]) -> Result<Vec<u8>, Malformed> {
    match codec {
        #[cfg(feature = "lz4")]
        CODEC_LZ4 => lz4::decompress(packed, MAX_UNPACKED_BYTES),
        _ => Err(Malformed("batch: unknown codec")),
    }
}

/// Far above any batch that a broker takes.
#[cfg(feature = "lz4")]
const MAX_UNPACKED_BYTES: u64 = 256 << 20;
