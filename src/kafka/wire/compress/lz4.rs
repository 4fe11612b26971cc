//! LZ4 frames, as the Java client writes them.

use std::io::Write as _;

use lz4_flex::frame::BlockMode;
use lz4_flex::frame::BlockSize;
use lz4_flex::frame::FrameDecoder;
use lz4_flex::frame::FrameEncoder;
use lz4_flex::frame::FrameInfo;

use super::bounded;
use crate::kafka::wire::bytes::Malformed;

/// Makes one frame of each batch.
pub(super) struct Encoder {
    /// Made at the first batch; its writer is the output buffer.
    frames: Option<Box<FrameEncoder<Vec<u8>>>>,
}

impl Encoder {
    pub(super) const fn new() -> Self {
        Self { frames: None }
    }

    /// Compresses `records` behind `room` zero bytes; nothing if that fails.
    pub(super) fn compress(&mut self, room: usize, records: &[u8]) -> Option<&mut [u8]> {
        // Taken out, so that an encoder that failed halfway is not used again.
        let mut encoder = self.frames.take().unwrap_or_else(|| Box::new(frames()));
        let out = encoder.get_mut();
        out.clear();
        out.resize(room, 0);
        encoder.write_all(records).ok()?;
        encoder.try_finish().ok()?;
        Some(self.frames.insert(encoder).get_mut())
    }
}

/// What the Java client writes: independent blocks of 64 KiB, no checksum but that of the header.
/// The batch has its own checksum, and Java's reader knows nothing else.
fn frames() -> FrameEncoder<Vec<u8>> {
    let info = FrameInfo::new()
        .block_mode(BlockMode::Independent)
        .block_size(BlockSize::Max64KB)
        .block_checksums(false)
        .content_checksum(false);
    FrameEncoder::with_frame_info(info, Vec::new())
}

/// Undoes [`Encoder::compress`].
pub(super) fn decompress(packed: &[u8], limit: usize) -> Result<Vec<u8>, Malformed> {
    let bad = Malformed("batch: bad LZ4 frame");
    bounded::read(FrameDecoder::new(packed), packed.len(), limit, bad)
}
