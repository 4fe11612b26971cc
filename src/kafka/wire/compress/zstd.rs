//! Zstandard frames, at a level.

use zstd::bulk::Compressor;
use zstd::stream::read::Decoder;

use super::bounded;
use crate::kafka::wire::bytes::Malformed;

/// Makes one frame of each batch.
pub(super) struct Encoder {
    level: i32,
    /// Made at the first batch; memory of the C library, and more of it for higher levels.
    context: Option<Compressor<'static>>,
    out: Vec<u8>,
}

impl Encoder {
    /// `level` is -131072 to 22.
    pub(super) const fn new(level: i32) -> Self {
        Self {
            level,
            context: None,
            out: Vec::new(),
        }
    }

    /// Compresses `records` behind `room` bytes; nothing if that fails or makes them no smaller.
    pub(super) fn compress(&mut self, room: usize, records: &[u8]) -> Option<&mut [u8]> {
        // What needs more room than this has not become smaller.
        let most = room.saturating_add(records.len());
        if self.out.len() < most {
            self.out.resize(most, 0);
        }
        let target = self.out.get_mut(room..most)?;
        // Taken out, so that a context that failed halfway is not used again.
        let mut context = match self.context.take() {
            Some(used) => used,
            None => Compressor::new(self.level).ok()?,
        };
        let length = context.compress_to_buffer(records, target).ok()?;
        self.context = Some(context);
        self.out.get_mut(..room.saturating_add(length))
    }
}

/// Undoes [`Encoder::compress`].
pub(super) fn decompress(packed: &[u8], limit: usize) -> Result<Vec<u8>, Malformed> {
    let bad = Malformed("batch: bad Zstandard frame");
    let decoder = Decoder::with_buffer(packed).map_err(|_| bad)?;
    bounded::read(decoder, packed.len(), limit, bad)
}
