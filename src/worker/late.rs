//! The first event after the end of its layer: told on a thread made for it, as none of ours is left.

use std::cell::RefCell;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::mpsc;
use std::sync::mpsc::Receiver;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use super::report::Desk;
use super::report::Reporter;
use super::words;
use crate::event::drop_payload;
use crate::queue::Alarm;
use crate::stats::DeliveryError;
use crate::stats::DropReason;
use crate::stats::Loss;
use crate::sys::set_thread_role;
use crate::sys::start_thread;

/// So long the end of a thread, of the main thread above all, waits for the line that it has caused.
const PATIENCE: Duration = Duration::from_millis(100);

/// Each hangs up when its line is out.
struct AtEnd(RefCell<Vec<Receiver<()>>>);

impl Drop for AtEnd {
    fn drop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        for line in self.0.take() {
            let left = deadline.saturating_duration_since(Instant::now());
            let _told_or_not = line.recv_timeout(left);
        }
    }
}

thread_local! {
    static AT_END: AtEnd = const { AtEnd(RefCell::new(Vec::new())) };
}

impl Alarm for Reporter {
    fn raise(&self) {
        self.desk.raise();
    }

    fn came_late(&self) {
        if self.desk.is_first_late() {
            tell(Arc::clone(&self.desk));
        }
    }
}

/// Tells of it without holding up the caller, who is an application's thread that logs. A process that
/// ends right after it, with this thread, gives the line a moment.
#[cold]
fn tell(desk: Arc<Desk>) {
    let started = catch_unwind(AssertUnwindSafe(|| {
        let (telling, line) = mpsc::channel::<()>();
        let started = start_thread("tracing-kafka-print", move || {
            set_thread_role(desk.role);
            let now = SystemTime::now();
            let loss = Loss {
                reason: DropReason::Shutdown,
                count: 1,
                since: now,
                until: None,
                waits_for: None,
            };
            desk.tell(&DeliveryError::of_loss(loss, words::LATE.to_owned()), "");
            drop(telling);
        });
        if started.is_ok() {
            let _too_late = AT_END.try_with(|at_end| at_end.0.borrow_mut().push(line));
        }
    }));
    if let Err(payload) = started {
        drop_payload(payload);
    }
}
