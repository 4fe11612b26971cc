//! Compressing a rolled file, block by block, on the thread that cares for archives.

use std::fs::File;
use std::io;
use std::io::Read as _;
use std::io::Write;
use std::ops::RangeInclusive;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use super::name::Codec;

/// How much is compressed between two looks at whether to stop.
const BLOCK: usize = 256 * 1024;
/// What Log4j and gzip take.
#[cfg(feature = "gzip")]
const GZIP_LEVELS: RangeInclusive<i32> = 0..=9;
#[cfg(feature = "gzip")]
const DEFAULT_GZIP_LEVEL: u32 = 6;
#[cfg(feature = "zstd")]
const DEFAULT_ZSTD_LEVEL: i32 = 3;

/// Refuses a level that `codec` does not have. The error says which it has.
pub(super) fn check_level(codec: Codec, level: i32) -> Result<(), String> {
    let Some(levels) = levels(codec).filter(|levels| !levels.contains(&level)) else {
        return Ok(());
    };
    let (low, high) = (levels.start(), levels.end());
    Err(format!("{low} to {high} for `{}`", codec.suffix()))
}

/// None where the codec is not compiled in, and its suffix refused before.
#[cfg_attr(
    all(feature = "gzip", feature = "zstd"),
    expect(clippy::unnecessary_wraps, reason = "either may be missing")
)]
fn levels(codec: Codec) -> Option<RangeInclusive<i32>> {
    match codec {
        #[cfg(feature = "gzip")]
        Codec::Gzip => Some(GZIP_LEVELS),
        #[cfg(feature = "zstd")]
        Codec::Zstd => Some(zstd::compression_level_range()),
        #[cfg(not(all(feature = "gzip", feature = "zstd")))]
        _ => None,
    }
}

/// Writes what is in `from` to `to`, compressed. Ends with an error when `stop` is set.
pub(super) fn compress(
    codec: Codec,
    level: Option<i32>,
    from: &File,
    to: &File,
    stop: &AtomicBool,
) -> io::Result<()> {
    match codec {
        #[cfg(feature = "gzip")]
        Codec::Gzip => {
            let level = level.and_then(|level| u32::try_from(level).ok());
            let level = flate2::Compression::new(level.unwrap_or(DEFAULT_GZIP_LEVEL));
            let mut encoder = flate2::write::GzEncoder::new(to, level);
            copy(from, &mut encoder, stop)?;
            encoder.finish()?;
            Ok(())
        }
        #[cfg(feature = "zstd")]
        Codec::Zstd => {
            let level = level.unwrap_or(DEFAULT_ZSTD_LEVEL);
            let mut encoder = zstd::stream::write::Encoder::new(to, level)?;
            encoder.include_checksum(true)?;
            copy(from, &mut encoder, stop)?;
            encoder.finish()?;
            Ok(())
        }
        #[cfg(not(all(feature = "gzip", feature = "zstd")))]
        _ => {
            let _ = (level, from, to, stop);
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

/// Writes what is in `from` to `to`, as it is. Ends with an error when `stop` is set.
pub(super) fn copy(mut from: &File, to: &mut impl Write, stop: &AtomicBool) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    loop {
        if stop.load(Ordering::Acquire) {
            return Err(io::Error::other("the time for the shutdown is over"));
        }
        match from.read(&mut block) {
            Ok(0) => return Ok(()),
            Ok(count) => to.write_all(block.get(..count).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
