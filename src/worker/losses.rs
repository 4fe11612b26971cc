//! When losses are told: the first of a kind, one a minute while it goes on, and when it is over.

use std::time::Duration;
use std::time::Instant;
use std::time::SystemTime;

use crate::stats::DropReason;
use crate::stats::Dropped;
use crate::stats::REASONS;

/// What goes on is told again after this.
const AGAIN_EVERY: Duration = Duration::from_secs(60);
/// It is over when nothing more was lost for so long.
const QUIET: Duration = Duration::from_secs(5);

/// Something to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) reason: DropReason,
    pub(super) count: u64,
    pub(super) since: SystemTime,
    /// None while it goes on.
    pub(super) until: Option<SystemTime>,
}

/// The losses of one layer. Pure: times and counters are arguments.
#[derive(Debug, Default)]
pub(super) struct Losses {
    kinds: [Kind; REASONS],
}

/// The losses for one reason.
#[derive(Debug, Default)]
struct Kind {
    /// The counter at the last look.
    seen: u64,
    /// The part of it that belongs to what is over.
    told: u64,
    now: Option<Series>,
    /// How long nothing may be lost until it is over. Longer where the last one was over a moment ago,
    /// so that what comes and goes is told no more often than what stays.
    quiet: Duration,
    over: Option<Instant>,
}

/// Losses one after the other.
#[derive(Debug)]
struct Series {
    since: SystemTime,
    last: SystemTime,
    last_look: Instant,
    told: Instant,
}

impl Losses {
    /// Looks at the counters. What was lost since the last look was lost after `since`.
    pub(super) fn look(
        &mut self,
        now: Instant,
        since: SystemTime,
        wall: SystemTime,
        dropped: &Dropped,
    ) -> Vec<Told> {
        let mut told = Vec::new();
        for ((reason, count), kind) in dropped.iter().zip(&mut self.kinds) {
            // What the end of the layer costs is told at its end.
            if reason != DropReason::Shutdown {
                told.extend(kind.look(now, since, wall, count, reason));
            }
        }
        told
    }

    /// Whether nothing goes on, as far as is known.
    pub(super) fn is_quiet(&self) -> bool {
        self.kinds.iter().all(|kind| kind.now.is_none())
    }

    /// Whether the counters are those of the last look.
    pub(super) fn knows(&self, dropped: &Dropped) -> bool {
        dropped
            .iter()
            .zip(&self.kinds)
            .all(|((reason, count), kind)| reason == DropReason::Shutdown || kind.seen == count)
    }

    /// The end: all that was not told as over.
    pub(super) fn finish(
        &mut self,
        since: SystemTime,
        wall: SystemTime,
        dropped: &Dropped,
    ) -> Vec<Told> {
        let mut told = Vec::new();
        for ((reason, count), kind) in dropped.iter().zip(&mut self.kinds) {
            let series = kind.now.take();
            let has_grown = count > kind.seen;
            kind.seen = count;
            let new = count - std::mem::replace(&mut kind.told, count);
            if new > 0 {
                let last = series.as_ref().map_or(wall, |series| series.last);
                told.push(Told {
                    reason,
                    count: new,
                    since: series.as_ref().map_or(since, |series| series.since),
                    until: Some(if has_grown { wall } else { last }),
                });
            }
        }
        told
    }
}

impl Kind {
    fn look(
        &mut self,
        now: Instant,
        since: SystemTime,
        wall: SystemTime,
        count: u64,
        reason: DropReason,
    ) -> Option<Told> {
        let has_grown = count > self.seen;
        self.seen = count;
        let Some(series) = &mut self.now else {
            return has_grown.then(|| self.begin(now, since, wall, reason));
        };
        let mut told = Told {
            reason,
            count: count - self.told,
            since: series.since,
            until: None,
        };
        if has_grown {
            series.last = wall;
            series.last_look = now;
            let is_due = now.duration_since(series.told) >= AGAIN_EVERY;
            return is_due.then(|| {
                series.told = now;
                told
            });
        }
        if now.duration_since(series.last_look) < self.quiet {
            return None;
        }
        told.until = Some(series.last);
        self.now = None;
        self.told = count;
        self.over = Some(now);
        Some(told)
    }

    fn begin(
        &mut self,
        now: Instant,
        since: SystemTime,
        wall: SystemTime,
        reason: DropReason,
    ) -> Told {
        let is_back = self
            .over
            .is_some_and(|over| now.duration_since(over) < AGAIN_EVERY);
        self.quiet = if is_back {
            (self.quiet * 2).min(AGAIN_EVERY)
        } else {
            QUIET
        };
        self.now = Some(Series {
            since,
            last: wall,
            last_look: now,
            told: now,
        });
        Told {
            reason,
            count: self.seen - self.told,
            since,
            until: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A layer in simulated time, looked at four times a second.
    struct Simulation {
        start: Instant,
        millis: u64,
        losses: Losses,
        dropped: Dropped,
        told: Vec<(u64, Told)>,
    }

    fn wall(millis: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(millis)
    }

    impl Simulation {
        fn new() -> Self {
            Self {
                start: Instant::now(),
                millis: 0,
                losses: Losses::default(),
                dropped: Dropped::default(),
                told: Vec::new(),
            }
        }

        /// For `seconds`, `each` more events are lost before each look.
        fn go_on(&mut self, seconds: u64, reason: DropReason, each: u64) {
            for _look in 0..seconds * 4 {
                let since = wall(self.millis);
                self.millis += 250;
                self.dropped.add(reason, each);
                let now = self.start + Duration::from_millis(self.millis);
                let told = self
                    .losses
                    .look(now, since, wall(self.millis), &self.dropped);
                let at = self.millis;
                self.told.extend(told.into_iter().map(|told| (at, told)));
            }
        }

        fn finish(&mut self) -> Vec<Told> {
            let wall = wall(self.millis);
            self.losses.finish(wall, wall, &self.dropped)
        }

        /// When something was told, how many, and whether it was over.
        fn rows(&self) -> Vec<(u64, u64, bool)> {
            let row = |(at, told): &(u64, Told)| (*at, told.count, told.until.is_some());
            self.told.iter().map(row).collect()
        }
    }

    #[test]
    fn ten_million_drops_give_three_lines() {
        let mut simulation = Simulation::new();
        simulation.go_on(100, DropReason::QueueFull, 25_000);
        simulation.go_on(100, DropReason::QueueFull, 0);
        assert_eq!(
            simulation.rows(),
            [
                (250, 25_000, false),
                (60_250, 6_025_000, false),
                (105_000, 10_000_000, true),
            ]
        );
        let (_, over) = simulation.told.last().unwrap();
        assert_eq!((over.since, over.until), (wall(0), Some(wall(100_000))));
        assert!(simulation.losses.is_quiet());
        assert_eq!(simulation.finish(), []);
    }

    #[test]
    fn what_goes_on_is_told_once_a_minute() {
        let mut simulation = Simulation::new();
        simulation.go_on(3600, DropReason::Deadline, 1);
        assert_eq!(simulation.told.len(), 60);
        let gaps = simulation.told.windows(2).map(|two| two[1].0 - two[0].0);
        assert!(gaps.min().unwrap() >= 60_000);
    }

    #[test]
    fn each_reason_has_its_own_lines() {
        let mut simulation = Simulation::new();
        for reason in DropReason::ALL {
            simulation.go_on(1, *reason, 1);
        }
        let first: Vec<_> = simulation.told.iter().map(|(_, told)| told).collect();
        let open = first.iter().filter(|told| told.until.is_none());
        let reasons: Vec<_> = open.map(|told| told.reason).collect();
        let mut expected = DropReason::ALL.to_vec();
        expected.retain(|reason| *reason != DropReason::Shutdown);
        assert_eq!(reasons, expected, "the shutdown is told at the end");
        assert!(!simulation.losses.is_quiet());
        let ended = simulation.finish();
        assert!(ended.iter().any(|told| told.reason == DropReason::Shutdown));
    }

    #[test]
    fn what_comes_and_goes_is_told_no_more_often_than_twice_a_minute() {
        let mut simulation = Simulation::new();
        for _times in 0..600 {
            simulation.go_on(1, DropReason::QueueFull, 3);
            simulation.go_on(6, DropReason::QueueFull, 0);
        }
        let minutes = usize::try_from(simulation.millis / 60_000).unwrap();
        let lines = simulation.told.len();
        assert!(lines <= 2 * minutes + 4, "{lines} in {minutes} minutes");
        // Still so when it has paused: the first one is told at once.
        simulation.go_on(600, DropReason::QueueFull, 0);
        let before = simulation.told.len();
        simulation.go_on(1, DropReason::QueueFull, 1);
        assert_eq!(simulation.told.len(), before + 1);
    }

    #[test]
    fn what_is_over_adds_up_to_the_counters() {
        let mut simulation = Simulation::new();
        for round in 0..50 {
            simulation.go_on(round % 7 + 1, DropReason::QueueFull, round);
            simulation.go_on(round % 13, DropReason::TooLarge, 1);
        }
        simulation.dropped.add(DropReason::Shutdown, 9);
        simulation.dropped.add(DropReason::QueueFull, 1);
        let ended = simulation.finish();
        let told = simulation.told.iter().map(|(_, told)| told).chain(&ended);
        let mut sum = Dropped::default();
        for told in told.filter(|told| told.until.is_some()) {
            sum.add(told.reason, told.count);
        }
        assert_eq!(sum, simulation.dropped);
    }
}
