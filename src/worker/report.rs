//! Where troubles and losses are handed in, to be told by a thread that may be held up.

use std::collections::VecDeque;
use std::fmt;
use std::io::Write as _;
use std::panic::AssertUnwindSafe;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::sync::Condvar;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::OnceLock;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::thread::Thread;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

use super::mailbox::Signal;
use crate::event::drop_payload;
use crate::stats::DeliveryError;
use crate::stats::utc;
use crate::sys::ThreadRole;

/// So many reports wait at most while a hook takes its time; then the oldest is left out.
const MAX_WAITING: usize = 256;
/// A call that takes longer is something that events wait for.
const LONG_CALL: Duration = Duration::from_millis(100);

/// A user's own handling of trouble.
pub(crate) type ErrorHook = Arc<dyn Fn(&DeliveryError) + Send + Sync>;

/// Where the troubles of one layer are handed in. Nobody who does that is held up by how they are told.
#[derive(Debug, Clone)]
pub(crate) struct Reporter {
    pub(super) desk: Arc<Desk>,
}

/// What the layer's threads, those that log, the guard and the teller share.
pub(super) struct Desk {
    /// What lines begin with.
    name: String,
    /// What the layer writes to, as errors call it.
    place: String,
    pub(super) delivery_timeout: Duration,
    outlet: Outlet,
    pub(super) role: ThreadRole,
    /// Losses may be going on: the teller looks at the counters now and then.
    pub(super) is_raised: AtomicBool,
    /// The layer has ended, and who logs now should know.
    is_over: AtomicBool,
    is_late_told: AtomicBool,
    teller: OnceLock<Thread>,
    /// Since when a call of the system has not returned, in milliseconds since 1970; 0 for none.
    busy_since: AtomicU64,
    is_unwell: AtomicBool,
    post: Mutex<Post>,
    was_told: Condvar,
    pub(super) ended: Signal<()>,
}

/// How troubles are told.
pub(super) enum Outlet {
    Hook(ErrorHook),
    /// Lines.
    Print(Box<dyn Fn(&str) + Send + Sync>),
}

#[derive(Debug, Default)]
struct Post {
    reports: VecDeque<DeliveryError>,
    /// How many reports were handed in, and how many of them are told or left out.
    handed_in: u64,
    done: u64,
    refusal: Option<String>,
    waits_for: Option<String>,
    /// What keeps the layer from writing, and since when.
    obstacle: Option<(String, SystemTime)>,
    end: Option<End>,
}

/// What the guard asks of the teller.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    /// The guard was dropped: nobody has a report of what that cost.
    pub(super) is_dropped: bool,
    pub(super) timeout: Duration,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("name", &self.name)
            .field("hook", &self.has_hook())
            .finish_non_exhaustive()
    }
}

impl Reporter {
    /// Lines begin with `name`; `place` is what the layer writes to.
    pub(crate) fn new(
        name: String,
        place: String,
        delivery_timeout: Duration,
        role: ThreadRole,
        hook: Option<ErrorHook>,
    ) -> Self {
        let outlet = match hook {
            Some(hook) => Outlet::Hook(hook),
            None => Outlet::Print(Box::new(|line| {
                // Not `eprintln!`, which panics when standard error is closed.
                let _closed = std::io::stderr().write_all(line.as_bytes());
            })),
        };
        Self::with_outlet(name, place, delivery_timeout, role, outlet)
    }

    pub(super) fn with_outlet(
        name: String,
        place: String,
        delivery_timeout: Duration,
        role: ThreadRole,
        outlet: Outlet,
    ) -> Self {
        Self {
            desk: Arc::new(Desk {
                name,
                place,
                delivery_timeout,
                outlet,
                role,
                is_raised: AtomicBool::new(false),
                is_over: AtomicBool::new(false),
                is_late_told: AtomicBool::new(false),
                teller: OnceLock::new(),
                busy_since: AtomicU64::new(0),
                is_unwell: AtomicBool::new(false),
                post: Mutex::default(),
                was_told: Condvar::new(),
                ended: Signal::default(),
            }),
        }
    }

    /// Whose threads those of the layer are.
    pub(super) fn role(&self) -> ThreadRole {
        self.desk.role
    }

    /// Hands in a trouble.
    pub(crate) fn report(&self, error: DeliveryError) {
        let mut post = self.desk.post();
        if post.reports.len() >= MAX_WAITING {
            post.reports.pop_front();
            post.done += 1;
        }
        post.handed_in += 1;
        post.reports.push_back(error);
        drop(post);
        self.desk.wake();
    }

    /// Whether somebody wants to know what events wait for.
    pub(crate) fn is_asked(&self) -> bool {
        self.desk.is_raised.load(Ordering::Relaxed)
    }

    /// Says what the oldest event waits for.
    pub(crate) fn waits_for(&self, text: Option<String>) {
        self.desk.post().waits_for = text;
    }

    /// Says why the broker refuses records for good.
    pub(crate) fn refused(&self, why: String) {
        self.desk.post().refusal = Some(why);
    }

    /// Nothing can be written, for this reason.
    pub(crate) fn unwell(&self, why: String) {
        self.desk.is_unwell.store(true, Ordering::Relaxed);
        let mut post = self.desk.post();
        let since = post.obstacle.take().map(|(_, since)| since);
        post.obstacle = Some((why, since.unwrap_or_else(SystemTime::now)));
    }

    /// It was written.
    pub(crate) fn well(&self) {
        if self.desk.is_unwell.swap(false, Ordering::Relaxed) {
            self.desk.post().obstacle = None;
        }
    }

    /// Runs what may hang in the system.
    pub(crate) fn busy<R>(&self, run: impl FnOnce() -> R) -> R {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = now.map_or(0, |now| u64::try_from(now.as_millis()).unwrap_or(0));
        self.desk.busy_since.store(millis, Ordering::Relaxed);
        let result = run();
        self.desk.busy_since.store(0, Ordering::Relaxed);
        result
    }
}

impl Desk {
    fn post(&self) -> MutexGuard<'_, Post> {
        self.post.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn has_hook(&self) -> bool {
        matches!(self.outlet, Outlet::Hook(_))
    }

    /// Who is woken when there is something to tell.
    pub(super) fn set_teller(&self, thread: Thread) {
        let _once = self.teller.set(thread);
    }

    fn wake(&self) {
        if let Some(teller) = self.teller.get() {
            teller.unpark();
        }
    }

    /// What is to be told, and whether the layer ends.
    pub(super) fn take(&self) -> (VecDeque<DeliveryError>, Option<End>) {
        let mut post = self.post();
        (std::mem::take(&mut post.reports), post.end)
    }

    /// A report was told.
    pub(super) fn one_is_told(&self) {
        self.post().done += 1;
        self.was_told.notify_all();
    }

    /// Waits until what was handed in before is told, or until `deadline`.
    pub(super) fn wait_until_told(&self, deadline: Instant) {
        let mut post = self.post();
        let mark = post.handed_in;
        while post.done < mark && post.end.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            (post, _) = self
                .was_told
                .wait_timeout(post, left)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    pub(super) fn refusal(&self) -> Option<String> {
        self.post().refusal.clone()
    }

    /// What the oldest event waits for, as far as the layer's thread has said or is known to hang.
    pub(super) fn what_is_waited_for(&self) -> Option<String> {
        let busy = self.busy_since.load(Ordering::Relaxed);
        let since = UNIX_EPOCH + Duration::from_millis(busy);
        let is_long = since.elapsed().is_ok_and(|time| time >= LONG_CALL);
        if busy > 0 && is_long {
            let place = &self.place;
            return Some(format!(
                "{place}, which has not taken what is written to it since {}",
                utc(since)
            ));
        }
        let post = self.post();
        match &post.obstacle {
            Some((why, since)) => Some(format!("{}: {why}, since {}", self.place, utc(*since))),
            None => post.waits_for.clone(),
        }
    }

    /// Tells `error`, without a limit.
    pub(super) fn tell(&self, error: &DeliveryError, note: &str) {
        let telling = || match &self.outlet {
            Outlet::Hook(hook) => hook(error),
            Outlet::Print(print) => print(&format!("{}: {error}{note}\n", self.name)),
        };
        if let Err(payload) = catch_unwind(AssertUnwindSafe(telling)) {
            drop_payload(payload);
        }
    }

    /// Has the teller look at the counters, unless it does so anyway.
    pub(super) fn raise(&self) {
        if !self.is_raised.swap(true, Ordering::SeqCst) {
            self.wake();
        }
    }

    /// Whether this is the first event after the end.
    pub(super) fn is_first_late(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
            && !self.is_late_told.load(Ordering::Relaxed)
            && !self.is_late_told.swap(true, Ordering::SeqCst)
    }

    /// Asks for the last words, and waits for them until `deadline` at most.
    pub(super) fn end(&self, end: End, deadline: Option<Instant>) {
        self.post().end.get_or_insert(end);
        self.wake();
        if let Some(deadline) = deadline {
            self.ended.wait_until(deadline);
        }
        self.is_over.store(true, Ordering::Release);
    }
}
