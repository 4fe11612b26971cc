//! A layer of the example's own, beside those of the crate: it counts what the program logs.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use tracing::Event;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

/// Counts the events of one crate; those of libraries are not the program's.
pub(crate) struct Tally {
    target: &'static str,
    offered: Offered,
}

/// The count so far.
#[derive(Clone, Default)]
pub(crate) struct Offered(Arc<AtomicU64>);

impl Tally {
    pub(crate) fn new(target: &'static str) -> (Self, Offered) {
        let offered = Offered::default();
        let tally = Self {
            target,
            offered: offered.clone(),
        };
        (tally, offered)
    }
}

impl<S: Subscriber> Layer<S> for Tally {
    fn on_event(&self, event: &Event<'_>, _ctx: Context<'_, S>) {
        if event.metadata().target().starts_with(self.target) {
            self.offered.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Offered {
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
