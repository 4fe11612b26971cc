//! Compression of whole batches. The state and the output buffer live as long as the producer.

use std::fmt;
#[cfg(feature = "lz4")]
use std::io::Read as _;
#[cfg(feature = "lz4")]
use std::io::Write as _;

#[cfg(feature = "lz4")]
use lz4_flex::frame::BlockMode;
#[cfg(feature = "lz4")]
use lz4_flex::frame::BlockSize;
#[cfg(feature = "lz4")]
use lz4_flex::frame::FrameDecoder;
#[cfg(feature = "lz4")]
use lz4_flex::frame::FrameEncoder;
#[cfg(feature = "lz4")]
use lz4_flex::frame::FrameInfo;

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
    /// Made at the first batch; its writer is the output buffer.
    #[cfg(feature = "lz4")]
    lz4: Option<Box<FrameEncoder<Vec<u8>>>>,
}

impl Compressor {
    /// A compressor of the given kind; allocates nothing yet.
    pub(crate) const fn new(compression: Compression) -> Self {
        Self {
            compression,
            #[cfg(feature = "lz4")]
            lz4: None,
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
            Compression::Lz4 => self.compress_lz4(room, records).map(|out| (CODEC_LZ4, out)),
        }
    }

    #[cfg(feature = "lz4")]
    fn compress_lz4(&mut self, room: usize, records: &[u8]) -> Option<&mut Vec<u8>> {
        // Taken out, so that an encoder that failed halfway is not used again.
        let mut encoder = self.lz4.take().unwrap_or_else(|| Box::new(new_encoder()));
        let out = encoder.get_mut();
        out.clear();
        out.resize(room, 0);
        encoder.write_all(records).ok()?;
        encoder.try_finish().ok()?;
        Some(self.lz4.insert(encoder).get_mut())
    }
}

impl fmt::Debug for Compressor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compressor")
            .field("compression", &self.compression)
            .finish_non_exhaustive()
    }
}

/// What the Java client writes: independent blocks of 64 KiB, no checksum but that of the header.
/// The batch has its own checksum, and Java's reader knows nothing else.
#[cfg(feature = "lz4")]
fn new_encoder() -> FrameEncoder<Vec<u8>> {
    let info = FrameInfo::new()
        .block_mode(BlockMode::Independent)
        .block_size(BlockSize::Max64KB)
        .block_checksums(false)
        .content_checksum(false);
    FrameEncoder::with_frame_info(info, Vec::new())
}

/// Undoes [`Compressor::compress`] for codecs other than none.
#[cfg_attr(
    not(feature = "lz4"),
    expect(unused_variables, reason = "no codec is compiled in")
)]
pub(super) fn decompress(codec: i16, packed: &[u8]) -> Result<Vec<u8>, Malformed> {
    match codec {
        #[cfg(feature = "lz4")]
        CODEC_LZ4 => {
            let mut records = Vec::with_capacity(packed.len().saturating_mul(4));
            FrameDecoder::new(packed)
                .take(MAX_UNPACKED_BYTES)
                .read_to_end(&mut records)
                .map_err(|_| Malformed("batch: bad LZ4 frame"))?;
            Ok(records)
        }
        _ => Err(Malformed("batch: unknown codec")),
    }
}

/// Far above any batch that a broker takes.
#[cfg(feature = "lz4")]
const MAX_UNPACKED_BYTES: u64 = 256 << 20;
