//! LZ4 frames, as the Java client writes them.

use lz4_flex::block::CompressTable;
use lz4_flex::block::compress_into_with_table;
use lz4_flex::block::get_maximum_output_size;
use lz4_flex::frame::FrameDecoder;

use super::bounded;
use crate::kafka::wire::bytes::Malformed;

/// The beginning of every frame: the magic number, then that there are independent blocks of 64 KiB
/// without checksums and without the length of the whole, then a byte of checksum over the two before.
/// The batch has its own checksum, and Java's reader knows nothing else.
const HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
/// The end: a block of no bytes.
const END: [u8; 4] = [0; 4];
/// The most that goes into a block, before compression.
const BLOCK_BYTES: usize = 64 * 1024;
/// The most that a block takes compressed.
const MAX_BLOCK: usize = get_maximum_output_size(BLOCK_BYTES);
/// In the length of a block: it is not compressed.
const AS_IS: u32 = 1 << 31;

/// Makes one frame of each batch.
///
/// The blocks are `lz4_flex`'s, the frame is not: its `FrameEncoder` copies all of it once more, and
/// takes two thirds longer for the same blocks.
pub(super) struct Encoder {
    /// Made at the first batch.
    table: Option<CompressTable>,
    out: Vec<u8>,
}

impl Encoder {
    /// An encoder that has allocated nothing yet.
    pub(super) const fn new() -> Self {
        Self {
            table: None,
            out: Vec::new(),
        }
    }

    /// Compresses `records` behind `room` bytes of any content; nothing if that fails.
    pub(super) fn compress(&mut self, room: usize, records: &[u8]) -> Option<&mut [u8]> {
        let table = self.table.get_or_insert_with(CompressTable::large);
        // As much as it may ever take, and never less again: what is there is written over.
        let blocks = records.len().div_ceil(BLOCK_BYTES);
        let most = room + HEADER.len() + blocks * (4 + MAX_BLOCK) + END.len();
        if self.out.len() < most {
            self.out.resize(most, 0);
        }
        let mut end = room + HEADER.len();
        self.out.get_mut(room..end)?.copy_from_slice(&HEADER);
        for block in records.chunks(BLOCK_BYTES) {
            end += put_block(table, self.out.get_mut(end..)?, block)?;
        }
        let frame = self.out.get_mut(..end + END.len())?;
        frame.get_mut(end..)?.copy_from_slice(&END);
        Some(frame)
    }
}

/// Writes a block behind its length; answers how long both are.
fn put_block(table: &mut CompressTable, out: &mut [u8], block: &[u8]) -> Option<usize> {
    let (length, space) = out.split_first_chunk_mut::<4>()?;
    let packed = compress_into_with_table(block, space, table).ok()?;
    if packed < block.len() {
        *length = u32::try_from(packed).ok()?.to_le_bytes();
        return Some(4 + packed);
    }
    *length = (u32::try_from(block.len()).ok()? | AS_IS).to_le_bytes();
    space.get_mut(..block.len())?.copy_from_slice(block);
    Some(4 + block.len())
}

/// Undoes [`Encoder::compress`].
pub(super) fn decompress(packed: &[u8], limit: usize) -> Result<Vec<u8>, Malformed> {
    let bad = Malformed("batch: bad LZ4 frame");
    bounded::read(FrameDecoder::new(packed), packed.len(), limit, bad)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use lz4_flex::frame::BlockMode;
    use lz4_flex::frame::BlockSize;
    use lz4_flex::frame::FrameEncoder;
    use lz4_flex::frame::FrameInfo;

    use super::*;

    const LIMIT: usize = 1 << 30;

    /// What the crate's own encoder makes of it, with what [`HEADER`] says.
    fn reference(records: &[u8]) -> Vec<u8> {
        let info = FrameInfo::new()
            .block_mode(BlockMode::Independent)
            .block_size(BlockSize::Max64KB);
        let mut encoder = FrameEncoder::with_frame_info(info, Vec::new());
        encoder.write_all(records).unwrap();
        encoder.finish().unwrap()
    }

    fn lines(bytes: usize) -> Vec<u8> {
        let line =
            |number: usize| format!("request {number} was answered, trace {}\n", number * 7919);
        let mut text: Vec<u8> = (0..bytes / 20).flat_map(|n| line(n).into_bytes()).collect();
        text.truncate(bytes);
        text
    }

    /// Bytes without any order.
    fn noise(bytes: usize) -> Vec<u8> {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut byte = || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            state.to_be_bytes()[0]
        };
        (0..bytes).map(|_| byte()).collect()
    }

    #[test]
    fn a_frame_begins_and_ends_like_that_of_the_library() {
        let mut encoder = Encoder::new();
        for records in [Vec::new(), lines(1000)] {
            let frame = encoder.compress(0, &records).unwrap().to_vec();
            let reference = reference(&records);
            assert_eq!(frame[..HEADER.len()], reference[..HEADER.len()]);
            assert_eq!(frame[frame.len() - 4..], reference[reference.len() - 4..]);
        }
    }

    #[test]
    fn all_lengths_around_a_block_come_back() {
        let mut encoder = Encoder::new();
        let around = [
            0, 1, 12, 13, 65_534, 65_535, 65_536, 65_537, 131_072, 200_000, 5,
        ];
        for records in around
            .into_iter()
            .flat_map(|bytes| [lines(bytes), noise(bytes)])
        {
            let out = encoder.compress(9, &records).unwrap();
            assert_eq!(out[..9], [0; 9]);
            assert_eq!(decompress(&out[9..], LIMIT).unwrap(), records);
        }
    }

    #[test]
    fn a_frame_is_no_longer_than_that_of_the_library() {
        let mut encoder = Encoder::new();
        let records = lines(300_000);
        let own = encoder.compress(0, &records).unwrap().len();
        let reference = reference(&records).len();
        assert!(own <= reference + reference / 50, "{own} and {reference}");
    }

    #[test]
    fn what_has_no_order_is_kept_as_it_is() {
        let records = noise(70_000);
        let mut encoder = Encoder::new();
        let length = encoder.compress(0, &records).unwrap().len();
        assert_eq!(length, HEADER.len() + 4 + 65_536 + 4 + 4_464 + END.len());
    }
}
