//! How long a broker believes an authentication, and when it is time for another one.

use std::hash::BuildHasher as _;
use std::hash::RandomState;
use std::time::Duration;
use std::time::Instant;

/// A shorter one is taken for as long: nobody logs in more often than once a second at a broker's word.
const MIN_LIFETIME: Duration = Duration::from_millis(1250);

/// The session that an authentication began; one without an end by default.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Session {
    replace_at: Option<Instant>,
    ends_at: Option<Instant>,
}

impl Session {
    /// A session that began at `now`. It is to be replaced after 80 to 90 percent of its lifetime; not
    /// always the same, so that clients do not come back together.
    pub(super) fn new(lifetime: Option<Duration>, now: Instant) -> Self {
        let Some(lifetime) = lifetime else {
            return Self::default();
        };
        let lifetime = lifetime.max(MIN_LIFETIME);
        let random = u32::try_from(RandomState::new().hash_one(now) % 100).unwrap_or(0);
        let due = lifetime / 1000 * (800 + random);
        Self {
            replace_at: now.checked_add(due),
            ends_at: now.checked_add(lifetime),
        }
    }

    pub(super) fn replace_at(&self) -> Option<Instant> {
        self.replace_at
    }

    /// Whether the broker will close the connection at the next request.
    pub(super) fn is_over(&self, now: Instant) -> bool {
        self.ends_at.is_some_and(|end| end <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_replaced_before_its_end_and_not_always_at_the_same_time() {
        let now = Instant::now();
        let lifetime = Duration::from_secs(4);
        let waits: Vec<Duration> = (0..50)
            .map(|_| Session::new(Some(lifetime), now).replace_at().unwrap() - now)
            .collect();
        let (least, most) = (Duration::from_millis(3200), Duration::from_millis(3600));
        assert!(
            waits.iter().all(|wait| (least..=most).contains(wait)),
            "{waits:?}"
        );
        assert!(waits.iter().any(|wait| *wait != waits[0]), "{waits:?}");
        let session = Session::new(Some(lifetime), now);
        assert!(!session.is_over(now + Duration::from_millis(3999)));
        assert!(session.is_over(now + lifetime));
    }

    #[test]
    fn a_session_is_replaced_once_a_second_at_most() {
        let now = Instant::now();
        for lifetime in [Duration::from_millis(1), Duration::from_millis(1249)] {
            let session = Session::new(Some(lifetime), now);
            let second = now + Duration::from_secs(1);
            assert!(session.replace_at().unwrap() >= second, "{session:?}");
            assert!(!session.is_over(second));
        }
    }

    #[test]
    fn a_session_without_an_end_is_never_replaced() {
        let now = Instant::now();
        for lifetime in [None, Some(Duration::MAX)] {
            let session = Session::new(lifetime, now);
            assert!(!session.is_over(now + Duration::from_secs(1_000_000_000)));
            assert_eq!(session.replace_at(), None);
        }
    }
}
