//! How the writer's thread sleeps and is woken.

use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

use crate::queue::Wake;

/// Rung by callers, by flushes and by the shutdown.
#[derive(Debug, Default)]
pub(super) struct Doorbell {
    rung: Mutex<bool>,
    rings: Condvar,
}

impl Wake for Doorbell {
    fn wake(&self) {
        *self.rung.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.rings.notify_one();
    }
}

impl Doorbell {
    /// Sleeps until somebody rings, or for `limit`. Returns whether somebody has rung.
    pub(super) fn wait(&self, limit: Option<Duration>) -> bool {
        let mut rung = self.rung.lock().unwrap_or_else(PoisonError::into_inner);
        let deadline = limit.and_then(|limit| Instant::now().checked_add(limit));
        while !*rung {
            let Some(deadline) = deadline else {
                rung = self
                    .rings
                    .wait(rung)
                    .unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            (rung, _) = self
                .rings
                .wait_timeout(rung, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *rung = false;
        true
    }
}
