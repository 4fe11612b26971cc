//! `MemoryLayer`: rendered events in memory, for users' own tests.

use std::fmt;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use tracing::Level;

use crate::layer::Appender;
use crate::layer::Ending;
use crate::layer::Sink;
use crate::layer::forward_layer;
use crate::layout::Layout;
use crate::queue::Stamp;
use crate::stats::DropReason;
use crate::sys::ThreadRole;

/// A layer that keeps rendered events in memory, without bound: for tests of what is logged.
///
/// It renders as the [`KafkaLayer`](crate::KafkaLayer) does, on the calling thread; one newline at the
/// end of a record is taken off. There are no counters: an event that is logged while another one is
/// being rendered is not kept, and not counted either.
///
/// # Examples
///
/// ```
/// use tracing_kafka::{MemoryLayer, PatternLayout};
/// use tracing_subscriber::prelude::*;
///
/// let (layer, records) = MemoryLayer::new(PatternLayout::new("%p %m")?);
/// let _default = tracing_subscriber::registry().with(layer).set_default();
/// tracing::warn!("stock is low");
/// assert_eq!(records.take(), ["WARN stock is low"]);
/// # Ok::<(), tracing_kafka::PatternError>(())
/// ```
#[derive(Debug)]
pub struct MemoryLayer {
    appender: Appender<MemoryRecords>,
}

impl MemoryLayer {
    /// A layer that renders with `layout`, and the records that it keeps.
    pub fn new(layout: impl Layout) -> (Self, MemoryRecords) {
        let records = MemoryRecords::default();
        let appender = Appender::new(
            Box::new(layout),
            Ending::StripNewline,
            ThreadRole::Kafka,
            records.clone(),
        );
        (Self { appender }, records)
    }
}

forward_layer!(MemoryLayer);

/// What a [`MemoryLayer`] has kept; can be cloned, all clones show the same records.
#[derive(Clone, Default)]
pub struct MemoryRecords {
    records: Arc<Mutex<Vec<String>>>,
}

/// Not the records themselves: they cannot be shown under their lock, as whoever shows them may log.
impl fmt::Debug for MemoryRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.lock().len();
        f.debug_struct("MemoryRecords")
            .field("number", &number)
            .finish_non_exhaustive()
    }
}

impl MemoryRecords {
    /// Takes the records kept so far, in the order in which they came.
    ///
    /// Bytes of a layout of your own that are not UTF-8 are replaced by U+FFFD.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink for MemoryRecords {
    type Admission = ();

    fn admit(&self, _level: Level) -> Option<()> {
        Some(())
    }

    fn push(&self, (): (), _stamp: Stamp, record: &[u8]) {
        self.lock()
            .push(String::from_utf8_lossy(record).into_owned());
    }

    fn count_lost(&self, _reason: DropReason) {}

    fn count_format_failures(&self, _count: u64) {}
}
