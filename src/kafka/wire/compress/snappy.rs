//! Snappy in the framing of snappy-java, which Kafka's clients write and read; raw blocks are read as well.

use snap::raw::Decoder;
use snap::raw::Encoder as Blocks;
use snap::raw::decompress_len;
use snap::raw::max_compress_len;

use super::bounded::TOO_MUCH;
use crate::kafka::wire::bytes::Malformed;

/// Makes one stream of blocks of each batch.
pub(super) struct Encoder {
    /// Made at the first batch.
    blocks: Option<Box<Blocks>>,
    out: Vec<u8>,
}

impl Encoder {
    pub(super) const fn new() -> Self {
        Self {
            blocks: None,
            out: Vec::new(),
        }
    }

    /// Compresses `records` behind `room` bytes; nothing if that fails.
    pub(super) fn compress(&mut self, room: usize, records: &[u8]) -> Option<&mut [u8]> {
        let most =
            records
                .chunks(BLOCK_BYTES)
                .fold(room.saturating_add(MAGIC.len()), |sum, block| {
                    sum.saturating_add(LENGTH_BYTES)
                        .saturating_add(max_compress_len(block.len()))
                });
        if self.out.len() < most {
            self.out.resize(most, 0);
        }
        let blocks = self.blocks.get_or_insert_with(|| Box::new(Blocks::new()));
        let mut rest = self.out.get_mut(room..)?;
        let mut length = room;
        rest.split_off_mut(..MAGIC.len())?.copy_from_slice(MAGIC);
        length += MAGIC.len();
        for block in records.chunks(BLOCK_BYTES) {
            let prefix = rest.split_off_mut(..LENGTH_BYTES)?;
            let packed = blocks.compress(block, rest).ok()?;
            prefix.copy_from_slice(&u32::try_from(packed).ok()?.to_be_bytes());
            rest.split_off_mut(..packed)?;
            length += LENGTH_BYTES + packed;
        }
        self.out.get_mut(..length)
    }
}

/// snappy-java's magic bytes, then the version of the framing and the oldest that can read it.
const MAGIC: &[u8; 16] = b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01";
/// Before each block.
const LENGTH_BYTES: usize = 4;
/// Of records, as the Java client cuts them.
const BLOCK_BYTES: usize = 32 * 1024;
/// No element of a block stands for more bytes per byte of its own: three for a copy of 64.
const MAX_RATIO: usize = 22;

/// Undoes [`Encoder::compress`], and reads a raw block.
pub(super) fn decompress(packed: &[u8], limit: usize) -> Result<Vec<u8>, Malformed> {
    let mut records = Vec::new();
    let Some(mut rest) = packed.strip_prefix(MAGIC) else {
        append(packed, limit, &mut records)?;
        return Ok(records);
    };
    while !rest.is_empty() {
        let (length, behind) = rest.split_first_chunk::<LENGTH_BYTES>().ok_or(BAD)?;
        let length = usize::try_from(u32::from_be_bytes(*length)).map_err(|_| BAD)?;
        let (block, behind) = behind.split_at_checked(length).ok_or(BAD)?;
        append(block, limit, &mut records)?;
        rest = behind;
    }
    Ok(records)
}

/// Unpacks one block behind what there is. Its length is its own word, so it is not trusted.
fn append(block: &[u8], limit: usize, records: &mut Vec<u8>) -> Result<(), Malformed> {
    let length = decompress_len(block).map_err(|_| BAD)?;
    if length > block.len().saturating_mul(MAX_RATIO) {
        return Err(BAD);
    }
    let begin = records.len();
    let end = begin.saturating_add(length);
    if end > limit {
        return Err(TOO_MUCH);
    }
    records.resize(end, 0);
    let target = records.get_mut(begin..).ok_or(BAD)?;
    let unpacked = Decoder::new().decompress(block, target).map_err(|_| BAD)?;
    if unpacked == length { Ok(()) } else { Err(BAD) }
}

const BAD: Malformed = Malformed("batch: bad Snappy block");
