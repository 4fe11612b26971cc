//! What the crate asks of the operating system and of the running thread: the clock, ids, the mark of its own threads.

use std::cell::Cell;
use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::thread;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

mod os;

pub(crate) use os::own;
pub(crate) use os::prefetch_behind;

/// A point on the wall clock: whole seconds since the Unix epoch and the nanoseconds after them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z, negative before it.
    pub(crate) seconds: i64,
    /// Nanoseconds after `seconds`, 0 to 999 999 999.
    pub(crate) nanos: u32,
}

impl Timestamp {
    /// The wall clock now.
    #[inline]
    pub(crate) fn now() -> Self {
        match os::wall_clock() {
            Some(now) => now,
            None => Self::now_by_difference(),
        }
    }

    #[cold]
    fn now_by_difference() -> Self {
        Self::from(SystemTime::now())
    }

    /// The time that [`unix_nanos`](Self::unix_nanos) makes `nanos`.
    pub(crate) fn from_unix_nanos(nanos: i64) -> Self {
        let after = nanos.rem_euclid(1_000_000_000);
        Self {
            seconds: nanos.div_euclid(1_000_000_000),
            nanos: u32::try_from(after).unwrap_or(0),
        }
    }

    /// Whole milliseconds since the epoch, rounded down.
    #[inline]
    pub(crate) fn millis(self) -> i64 {
        self.seconds
            .saturating_mul(1000)
            .saturating_add(i64::from(self.nanos / 1_000_000))
    }

    /// Nanoseconds since the epoch, from the year 1677 to 2262.
    #[inline]
    pub(crate) fn unix_nanos(self) -> i64 {
        /// To the year 2255: far enough for plain arithmetic.
        const NEAR: i64 = 9_000_000_000;
        if (0..NEAR).contains(&self.seconds) {
            self.seconds * 1_000_000_000 + i64::from(self.nanos)
        } else {
            self.far_nanos()
        }
    }

    #[cold]
    fn far_nanos(self) -> i64 {
        self.seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(i64::from(self.nanos))
    }
}

impl From<SystemTime> for Timestamp {
    #[inline]
    fn from(time: SystemTime) -> Self {
        match time.duration_since(UNIX_EPOCH) {
            Ok(after) => Self {
                seconds: i64::try_from(after.as_secs()).unwrap_or(i64::MAX),
                nanos: after.subsec_nanos(),
            },
            Err(before) => before_epoch(before.duration()),
        }
    }
}

/// A time `before` the epoch, with nanoseconds that count upwards as everywhere else.
#[cold]
fn before_epoch(before: Duration) -> Timestamp {
    let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
    match before.subsec_nanos() {
        0 => Timestamp {
            seconds: -seconds,
            nanos: 0,
        },
        nanos => Timestamp {
            seconds: -seconds - 1,
            nanos: 1_000_000_000 - nanos,
        },
    }
}

/// The moment `after` from now; a year from now for what the clock cannot hold.
pub(crate) fn deadline_after(after: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    Instant::now() + after.min(YEAR)
}

/// Whose thread this is. A layer ignores events from threads that its own sink needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ThreadRole {
    /// A thread of the application.
    Application,
    /// A producer's thread, or one that its runtime spawned: what the Kafka client logs there is
    /// not shipped to Kafka, but files still get it.
    Kafka,
    /// A file writer's thread: nothing of it reaches any layer of this crate.
    File,
    /// A thread of the application while it holds a lock that taking an event needs, too: what it
    /// logs meanwhile, as an allocator may, is refused and counted.
    Busy,
}

thread_local! {
    static ROLE: Cell<ThreadRole> = const { Cell::new(ThreadRole::Application) };
}

/// Marks the running thread; called first thing on each thread that this crate starts.
pub(crate) fn set_thread_role(role: ThreadRole) {
    ROLE.with(|cell| cell.set(role));
}

/// The mark of the running thread. Never fails: the cell has no destructor.
#[inline]
pub(crate) fn thread_role() -> ThreadRole {
    ROLE.with(Cell::get)
}

/// The running thread as one of `role` that writes, until it is dropped: the signals that a write may
/// raise do not reach it.
pub(crate) struct WriterTurn {
    muted: os::MutedWrites,
    role_before: ThreadRole,
}

impl WriterTurn {
    pub(crate) fn begin(role: ThreadRole) -> Self {
        Self {
            muted: os::MutedWrites::begin(),
            role_before: ROLE.with(|cell| cell.replace(role)),
        }
    }

    /// Ends it after writes that have all succeeded: such writes raise nothing.
    pub(crate) fn end_well(mut self) {
        self.muted.nothing_was_raised();
    }
}

impl Drop for WriterTurn {
    fn drop(&mut self) {
        set_thread_role(self.role_before);
    }
}

/// A thread of the application as a busy one, until this is dropped. Others stay what they are.
pub(crate) struct BusyTurn {
    role_before: ThreadRole,
}

impl BusyTurn {
    #[inline]
    pub(crate) fn begin() -> Self {
        let role_before = thread_role();
        if role_before == ThreadRole::Application {
            set_thread_role(ThreadRole::Busy);
        }
        Self { role_before }
    }
}

impl Drop for BusyTurn {
    #[inline]
    fn drop(&mut self) {
        set_thread_role(self.role_before);
    }
}

/// The number of the running thread among those that have logged: which shard is its own.
#[inline]
pub(crate) fn thread_index() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static INDEX: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    INDEX.with(|cell| {
        let index = cell.get();
        if index != usize::MAX {
            return index;
        }
        let index = NEXT.fetch_add(1, Ordering::Relaxed) & (usize::MAX >> 1);
        cell.set(index);
        index
    })
}

/// Starts the thread `name`: the one way in which this crate starts any.
///
/// Signals are the application's: all but those of faults are blocked before the thread runs anything,
/// and on threads that it starts in turn. The caller's own mask is afterwards what it was.
pub(crate) fn start_thread<R: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> R + Send + 'static,
) -> io::Result<JoinHandle<R>> {
    let _blocked = os::BlockedSignals::begin();
    thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// The number inside the running thread's `ThreadId`, as `%tid` prints it.
pub(crate) fn thread_number() -> u64 {
    // `ThreadId::as_u64` is unstable; its `Debug` form is `ThreadId(7)`.
    let text = format!("{:?}", thread::current().id());
    text.bytes()
        .filter(u8::is_ascii_digit)
        .fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_the_epoch_count_nanoseconds_upwards() {
        let half_before = Timestamp::from(UNIX_EPOCH - Duration::from_millis(1_500));
        assert_eq!(
            half_before,
            Timestamp {
                seconds: -2,
                nanos: 500_000_000
            }
        );
        assert_eq!(half_before.millis(), -1_500);
        assert_eq!(half_before.unix_nanos(), -1_500_000_000);
        let whole = Timestamp::from(UNIX_EPOCH - Duration::from_secs(3));
        assert_eq!((whole.seconds, whole.nanos), (-3, 0));
    }

    #[test]
    fn nanoseconds_end_where_their_number_does() {
        let nanos = |seconds, nanos| Timestamp { seconds, nanos }.unix_nanos();
        assert_eq!(nanos(0, 7), 7);
        assert_eq!(nanos(8_999_999_999, 1), 8_999_999_999_000_000_001);
        assert_eq!(nanos(9_000_000_000, 1), 9_000_000_000_000_000_001);
        assert_eq!(nanos(-1, 999_999_999), -1);
        assert_eq!(nanos(i64::MAX, 0), i64::MAX);
        assert_eq!(nanos(i64::MIN, 0), i64::MIN);
    }

    #[test]
    fn the_clock_agrees_with_the_one_of_the_standard_library() {
        let before = Timestamp::from(SystemTime::now());
        let now = Timestamp::now();
        let after = Timestamp::from(SystemTime::now());
        assert!(
            before <= now && now <= after,
            "{before:?} {now:?} {after:?}"
        );
    }

    #[test]
    fn the_number_of_a_thread_is_the_one_in_its_id() {
        let (number, text) =
            thread::spawn(|| (thread_number(), format!("{:?}", thread::current().id())))
                .join()
                .unwrap();
        assert_eq!(format!("ThreadId({number})"), text);
    }

    #[test]
    fn a_thread_that_cannot_be_started_leaves_the_mask_of_its_starter() {
        let outcome = std::panic::catch_unwind(|| start_thread("a\0b", || ()).is_ok());
        assert!(!outcome.unwrap_or_default());
        #[cfg(target_os = "linux")]
        {
            let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
            let blocked = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
            assert_eq!(u64::from_str_radix(blocked.unwrap().trim(), 16), Ok(0));
        }
    }

    #[test]
    fn a_role_marks_its_own_thread_only() {
        thread::spawn(|| {
            set_thread_role(ThreadRole::Kafka);
            assert_eq!(thread_role(), ThreadRole::Kafka);
        })
        .join()
        .unwrap();
        assert_eq!(thread_role(), ThreadRole::Application);
    }

    #[test]
    fn a_thread_of_the_application_is_busy_and_others_stay_what_they_are() {
        {
            let _turn = BusyTurn::begin();
            let _again = BusyTurn::begin();
            assert_eq!(thread_role(), ThreadRole::Busy);
        }
        assert_eq!(thread_role(), ThreadRole::Application);
        set_thread_role(ThreadRole::Kafka);
        let _turn = BusyTurn::begin();
        assert_eq!(thread_role(), ThreadRole::Kafka);
        set_thread_role(ThreadRole::Application);
    }
}
