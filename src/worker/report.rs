//! Trouble on the worker's thread: handed to the user's hook, or printed now and then.

use std::fmt;
use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;
use std::time::Instant;

use crate::error::DeliveryError;
use crate::event::drop_payload;

/// How often the same kind of trouble is printed again, at most.
const SUMMARY_EVERY: Duration = Duration::from_secs(60);

/// A user's own handling of trouble.
pub(crate) type ErrorHook = Arc<dyn Fn(&DeliveryError) + Send + Sync>;

/// Tells of trouble. One per worker.
pub(crate) struct Reporter {
    /// What the lines of this worker begin with.
    name: String,
    hook: Option<ErrorHook>,
    printed: Vec<Printed>,
}

/// What was printed of one kind of trouble.
struct Printed {
    kind: &'static str,
    last: Instant,
    /// Occurrences since then.
    since: u64,
}

impl fmt::Debug for Reporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reporter")
            .field("name", &self.name)
            .field("hook", &self.hook.is_some())
            .finish_non_exhaustive()
    }
}

impl Reporter {
    pub(crate) fn new(name: String, hook: Option<ErrorHook>) -> Self {
        Self {
            name,
            hook,
            printed: Vec::new(),
        }
    }

    /// Hands `error` to the hook; without one, prints the first of each kind, then at most one
    /// line a minute.
    pub(crate) fn report(&mut self, error: &DeliveryError) {
        if let Some(hook) = &self.hook {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(|| hook(error))) {
                drop_payload(payload);
            }
        } else if let Some(line) = self.line(error, Instant::now()) {
            // Not `eprintln!`, which panics when standard error is closed.
            let _closed = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn line(&mut self, error: &DeliveryError, now: Instant) -> Option<String> {
        let name = &self.name;
        let known = self.printed.iter_mut().find(|p| p.kind == error.kind());
        let Some(printed) = known else {
            self.printed.push(Printed {
                kind: error.kind(),
                last: now,
                since: 0,
            });
            return Some(format!("{name}: {error}\n"));
        };
        if now.duration_since(printed.last) < SUMMARY_EVERY {
            printed.since += 1;
            return None;
        }
        let since = std::mem::take(&mut printed.since);
        printed.last = now;
        Some(format!("{name}: {error} ({since} more like it before)\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_each_kind_is_printed_then_one_a_minute() {
        let mut reporter = Reporter::new("tracing-kafka".to_owned(), None);
        let start = Instant::now();
        let refused = DeliveryError::new("connect", "refused");
        let other = DeliveryError::new("produce", "no leader");
        let mut line = |error, seconds| reporter.line(error, start + Duration::from_secs(seconds));
        assert_eq!(line(&refused, 0).unwrap(), "tracing-kafka: refused\n");
        assert_eq!(line(&refused, 1), None);
        assert_eq!(line(&other, 2).unwrap(), "tracing-kafka: no leader\n");
        assert_eq!(line(&refused, 59), None);
        assert_eq!(
            line(&refused, 61).unwrap(),
            "tracing-kafka: refused (2 more like it before)\n"
        );
    }

    #[test]
    fn a_hook_that_panics_does_no_harm() {
        let hook: ErrorHook = Arc::new(|_| panic!("on purpose"));
        let mut reporter = Reporter::new(String::new(), Some(hook));
        reporter.report(&DeliveryError::new("connect", "refused"));
    }
}
