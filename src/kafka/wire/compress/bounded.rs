//! Reads what a decoder unpacks, up to a limit: a few bytes can stand for gigabytes.

#[cfg(any(feature = "gzip", feature = "lz4", feature = "zstd"))]
use std::io::Read;

use crate::kafka::wire::bytes::Malformed;

#[cfg(any(feature = "gzip", feature = "lz4", feature = "zstd"))]
/// All that `from` gives, if that is no more than `limit` bytes; `bad` if it fails.
pub(super) fn read(
    from: impl Read,
    packed_len: usize,
    limit: usize,
    bad: Malformed,
) -> Result<Vec<u8>, Malformed> {
    let mut records = Vec::with_capacity(packed_len.saturating_mul(4).min(limit));
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    from.take(most.saturating_add(1))
        .read_to_end(&mut records)
        .map_err(|_| bad)?;
    if records.len() > limit {
        return Err(TOO_MUCH);
    }
    Ok(records)
}

/// More than any batch holds.
pub(super) const TOO_MUCH: Malformed = Malformed("batch: unpacks to more than a batch may hold");
