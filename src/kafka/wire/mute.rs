//! How long a broker reads nothing from a connection, by its own word: the time of a throttle.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Duration;
use std::time::Instant;

/// The most of it that is believed, of one answer and for one request.
pub(super) const MOST: Duration = Duration::from_secs(600);

/// The pauses that were announced on one connection.
#[derive(Debug, Default)]
pub(super) struct Mute {
    said: Mutex<Said>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Said {
    /// Nothing is read before this.
    until: Option<Instant>,
    /// All that there was of it, and will be; what was said twice of the same time counts once.
    total: Duration,
}

impl Mute {
    /// An answer announces that nothing is read for `pause`.
    pub(super) fn announce(&self, pause: Duration, now: Instant) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        let known = said.left(now);
        let pause = pause.min(MOST);
        if pause > known {
            said.until = Some(now + pause);
            said.total = said.total.saturating_add(pause.saturating_sub(known));
        }
    }

    /// What of all pauses is over at `now`.
    pub(super) fn over(&self, now: Instant) -> Duration {
        let said = self.said();
        said.total.saturating_sub(said.left(now))
    }

    /// What came, or is still to come, after `over` was over.
    pub(super) fn since(&self, over: Duration) -> Duration {
        self.said().total.saturating_sub(over).min(MOST)
    }

    fn said(&self) -> Said {
        *self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Said {
    fn left(&self, now: Instant) -> Duration {
        let until = self.until.unwrap_or(now);
        until.saturating_duration_since(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_granted_the_pauses_that_lie_in_its_time() {
        let second = Duration::from_secs(1);
        let start = Instant::now();
        let mute = Mute::default();
        let early = mute.over(start);
        assert_eq!(mute.since(early), Duration::ZERO);
        mute.announce(10 * second, start);
        assert_eq!(mute.since(early), 10 * second);
        let during = mute.over(start + 4 * second);
        assert_eq!(mute.since(during), 6 * second, "the rest");
        mute.announce(second, start + 5 * second);
        assert_eq!(mute.since(during), 6 * second, "it was known");
        mute.announce(8 * second, start + 5 * second);
        assert_eq!(mute.since(during), 9 * second, "some of it was");
        let late = mute.over(start + 20 * second);
        assert_eq!(mute.since(late), Duration::ZERO);
        assert_eq!(mute.since(early), 13 * second);
    }

    #[test]
    fn nobody_is_believed_for_ever() {
        let start = Instant::now();
        let mute = Mute::default();
        let early = mute.over(start);
        for minutes in 0..100 {
            let now = start + Duration::from_secs(60 * minutes);
            mute.announce(Duration::MAX, now);
        }
        assert_eq!(mute.since(early), MOST);
    }
}
