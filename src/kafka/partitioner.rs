//! Which partition a record goes to: by its key, by a partitioner of the application's, or wherever there is room.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;

use crate::event::drop_payload;
use crate::queue::Frame;

/// Chooses the partition of each record.
///
/// It runs on the producer's thread, after the event was rendered, and must not block. A panic in
/// it, or a partition that does not exist, is told to the `on_error` hook, and the record goes
/// wherever there is room.
///
/// # Examples
///
/// Errors of tenants stay together, by the first byte of the key:
///
/// ```
/// use tracing_kafka::Partitioner;
///
/// struct ByFirstByte;
///
/// impl Partitioner for ByFirstByte {
///     fn partition(&self, _: &str, key: Option<&[u8]>, _: &[u8], count: i32) -> Option<i32> {
///         key?.first().map(|byte| i32::from(*byte) % count)
///     }
/// }
/// # assert_eq!(ByFirstByte.partition("t", Some(b"\x05"), b"", 3), Some(2));
/// ```
pub trait Partitioner: Send + Sync + 'static {
    /// The partition, from 0 to `partitions` − 1, of a record of `topic`; none to leave it to the
    /// producer, which takes the one that has the least to do when the batch leaves.
    fn partition(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: &[u8],
        partitions: i32,
    ) -> Option<i32>;
}

/// Where a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    /// To any partition; decided when its batch leaves.
    Any,
    /// To this one, whatever its state.
    To(i32),
    /// Nobody knows yet how many partitions there are.
    Later,
}

/// Decides for each record.
pub(super) struct Router {
    topic: String,
    custom: Option<Arc<dyn Partitioner>>,
    /// Keys do not matter for where a record goes.
    ignores_keys: bool,
    /// 0 as long as it is not known.
    partitions: i32,
    /// What was wrong with an answer of the custom partitioner.
    fault: Option<String>,
}

impl fmt::Debug for Router {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Router")
            .field("custom", &self.custom.is_some())
            .field("ignores_keys", &self.ignores_keys)
            .field("partitions", &self.partitions)
            .finish_non_exhaustive()
    }
}

impl Router {
    pub(super) fn new(
        topic: String,
        custom: Option<Arc<dyn Partitioner>>,
        ignores_keys: bool,
    ) -> Self {
        Self {
            topic,
            custom,
            ignores_keys,
            partitions: 0,
            fault: None,
        }
    }

    /// The topic has so many partitions.
    pub(super) fn set_partitions(&mut self, partitions: i32) {
        self.partitions = partitions;
    }

    /// What was wrong with an answer of the custom partitioner since the last call.
    pub(super) fn take_fault(&mut self) -> Option<String> {
        self.fault.take()
    }

    #[inline]
    pub(super) fn route(&mut self, frame: &Frame<'_>) -> Route {
        if self.custom.is_none() && (frame.key.is_none() || self.ignores_keys) {
            return Route::Any;
        }
        self.choose(frame.key, frame.value)
    }

    /// The same for a record with a key, or one that a custom partitioner is asked about.
    pub(super) fn choose(&mut self, key: Option<&[u8]>, value: &[u8]) -> Route {
        if self.partitions <= 0 {
            return Route::Later;
        }
        let Some(custom) = &self.custom else {
            return key.map_or(Route::Any, |key| Route::To(for_key(key, self.partitions)));
        };
        let asked = catch_unwind(AssertUnwindSafe(|| {
            custom.partition(&self.topic, key, value, self.partitions)
        }));
        match asked {
            Ok(None) => Route::Any,
            Ok(Some(index)) if (0..self.partitions).contains(&index) => Route::To(index),
            Ok(Some(index)) => {
                self.fault = Some(format!(
                    "the partitioner chose partition {index} of {}",
                    self.partitions
                ));
                Route::Any
            }
            Err(payload) => {
                drop_payload(payload);
                self.fault = Some("the partitioner panicked".to_owned());
                Route::Any
            }
        }
    }
}

/// Where the Java client sends records of this key.
fn for_key(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & i32::MAX) % partitions
}

/// Kafka's variant of the hash: the seed is fixed, the words are little-endian.
fn murmur2(data: &[u8]) -> i32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    // The length of a key is far below 4 GiB.
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        let mut rest = [0; 4];
        for (place, byte) in rest.iter_mut().zip(tail) {
            *place = *byte;
        }
        hash = (hash ^ u32::from_le_bytes(rest)).wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^= hash >> 15;
    hash.cast_signed()
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    fn frame<'a>(key: Option<&'a [u8]>, value: &'a [u8]) -> Frame<'a> {
        Frame {
            nanos: 0,
            level: Level::INFO,
            sequence: 0,
            key,
            headers: &[],
            value,
        }
    }

    #[test]
    fn hashes_are_those_of_the_java_client() {
        for (key, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            (
                "lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8",
                -58_897_971,
            ),
            ("abc", 479_470_107),
            ("", 275_646_681),
        ] {
            assert_eq!(murmur2(key.as_bytes()), hash, "{key}");
        }
        assert_eq!(for_key(b"21", 7), 0x45f2_f8ec % 7);
    }

    #[test]
    fn a_key_is_bound_once_the_partitions_are_known_and_others_never() {
        let mut router = Router::new("logs".to_owned(), None, false);
        assert_eq!(router.route(&frame(None, b"v")), Route::Any);
        assert_eq!(router.route(&frame(Some(b"abc"), b"v")), Route::Later);
        router.set_partitions(10);
        assert_eq!(router.route(&frame(Some(b"abc"), b"v")), Route::To(7));
        let mut router = Router::new("logs".to_owned(), None, true);
        assert_eq!(router.route(&frame(Some(b"abc"), b"v")), Route::Any);
    }

    struct Odd;

    impl Partitioner for Odd {
        fn partition(&self, topic: &str, _: Option<&[u8]>, value: &[u8], _: i32) -> Option<i32> {
            assert_eq!(topic, "logs");
            match value {
                b"panic" => panic!("on purpose"),
                b"none" => None,
                _ => i32::try_from(value.len()).ok(),
            }
        }
    }

    #[test]
    fn a_partitioner_that_panics_or_errs_costs_no_record() {
        let mut router = Router::new("logs".to_owned(), Some(Arc::new(Odd)), false);
        assert_eq!(router.route(&frame(None, b"x")), Route::Later);
        router.set_partitions(3);
        assert_eq!(router.route(&frame(None, b"xx")), Route::To(2));
        assert_eq!(router.route(&frame(None, b"none")), Route::Any);
        assert_eq!(router.take_fault(), None);
        assert_eq!(router.route(&frame(None, b"xxx")), Route::Any);
        let fault = router.take_fault().unwrap();
        assert_eq!(fault, "the partitioner chose partition 3 of 3");
        assert_eq!(router.route(&frame(None, b"panic")), Route::Any);
        assert!(router.take_fault().unwrap().contains("panicked"));
    }
}
