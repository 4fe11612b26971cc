//! Gzip, at a level.

use flate2::Compress;
use flate2::Compression as Level;
use flate2::FlushCompress;
use flate2::Status;
use flate2::read::MultiGzDecoder;

use super::bounded;
use crate::kafka::wire::bytes::Malformed;

/// Makes one gzip member of each batch.
pub(super) struct Encoder {
    level: Level,
    /// Made at the first batch; some hundred kilobytes.
    state: Option<Compress>,
    out: Vec<u8>,
}

impl Encoder {
    /// `level` is 1 to 9.
    pub(super) fn new(level: i32) -> Self {
        Self {
            level: u32::try_from(level).map_or_else(|_| Level::default(), Level::new),
            state: None,
            out: Vec::new(),
        }
    }

    /// Compresses `records` behind `room` bytes; nothing if that fails or makes them no smaller.
    pub(super) fn compress(&mut self, room: usize, records: &[u8]) -> Option<&mut [u8]> {
        let level = self.level;
        let state = self
            .state
            .get_or_insert_with(|| Compress::new_gzip(level, WINDOW_BITS));
        // Whatever became of the batch before.
        state.reset();
        // What needs more room than this has not become smaller.
        let most = room.saturating_add(records.len());
        if self.out.len() < most {
            self.out.resize(most, 0);
        }
        let target = self.out.get_mut(room..most)?;
        let status = state.compress(records, target, FlushCompress::Finish);
        let length = usize::try_from(state.total_out()).ok()?;
        match status {
            Ok(Status::StreamEnd) => self.out.get_mut(..room.saturating_add(length)),
            _ => None,
        }
    }
}

/// 32 KiB, as everybody.
const WINDOW_BITS: u8 = 15;

/// Undoes [`Encoder::compress`].
pub(super) fn decompress(packed: &[u8], limit: usize) -> Result<Vec<u8>, Malformed> {
    let bad = Malformed("batch: bad gzip member");
    bounded::read(MultiGzDecoder::new(packed), packed.len(), limit, bad)
}
