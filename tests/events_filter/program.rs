//! Random programs of spans and events, from callsites of all levels and several targets.

use tracing::Level;
use tracing::Span;

/// A generator of numbers that needs no other state.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

const LEVELS: [Level; 5] = [
    Level::ERROR,
    Level::WARN,
    Level::INFO,
    Level::DEBUG,
    Level::TRACE,
];

#[derive(Debug, Clone)]
enum Step {
    /// Opens and enters one.
    Enter {
        level: Level,
        target: usize,
        name: usize,
        id: u64,
    },
    /// Leaves the innermost and closes it.
    Leave,
    /// Records `id` on the innermost.
    Record {
        id: u64,
    },
    Event {
        level: Level,
        target: usize,
    },
    /// The filters that can be reloaded are.
    Switch,
}

#[derive(Debug, Clone)]
pub(crate) struct Program(Vec<Step>);

/// A span of a callsite that is chosen by constants.
macro_rules! open {
    ($level:expr, $target:expr, $name:expr, $id:expr, $number:expr) => {
        open!(@level $level, $target, $name, $id, $number, [ERROR WARN INFO DEBUG TRACE])
    };
    (@level $level:expr, $target:expr, $name:expr, $id:expr, $number:expr, [$($known:ident)*]) => {
        match $level {
            $(Level::$known => match ($target, $name) {
                (0, 0) => open!(@span $known, "shop", "request", $id, $number),
                (0, 1) => open!(@span $known, "shop", "pay", $id, $number),
                (0, _) => tracing::span!(target: "shop", Level::$known, "plain", number = $number),
                (1, 0) => open!(@span $known, "shop::orders", "request", $id, $number),
                (1, 1) => open!(@span $known, "shop::orders", "pay", $id, $number),
                (1, _) => tracing::span!(target: "shop::orders", Level::$known, "plain", number = $number),
                (_, 0) => open!(@span $known, "other", "request", $id, $number),
                (_, 1) => open!(@span $known, "other", "pay", $id, $number),
                (_, _) => tracing::span!(target: "other", Level::$known, "plain", number = $number),
            },)*
        }
    };
    (@span $known:ident, $target:literal, $name:literal, $id:expr, $number:expr) => {
        if $id == 0 {
            tracing::span!(target: $target, Level::$known, $name, number = $number, id = tracing::field::Empty)
        } else {
            tracing::span!(target: $target, Level::$known, $name, number = $number, id = $id)
        }
    };
}

macro_rules! log {
    ($level:expr, $target:expr, $number:expr, [$($known:ident)*]) => {
        match $level {
            $(Level::$known => match $target {
                0 => tracing::event!(target: "shop", Level::$known, number = $number),
                1 => tracing::event!(target: "shop::orders", Level::$known, number = $number),
                _ => tracing::event!(target: "other", Level::$known, number = $number),
            },)*
        }
    };
}

impl Program {
    pub(crate) fn random(random: &mut Random) -> Self {
        let mut steps = Vec::new();
        let mut has_switched = false;
        for _ in 0..5 + random.below(25) {
            let (level, target) = (random.one_of(&LEVELS), random.below(3));
            steps.push(match random.below(12) {
                0..=3 => {
                    let (name, id) = (random.below(3), random.one_of(&[0, 7, 8]));
                    Step::Enter {
                        level,
                        target,
                        name,
                        id,
                    }
                }
                4..=5 => Step::Leave,
                6 => Step::Record {
                    id: random.one_of(&[7, 8]),
                },
                7 if !has_switched && random.below(3) == 0 => {
                    has_switched = true;
                    Step::Switch
                }
                _ => Step::Event { level, target },
            });
        }
        Self(steps)
    }

    /// Runs it as it is, with the running default subscriber.
    pub(crate) fn run(&self, switch: &mut dyn FnMut()) {
        let mut open: Vec<tracing::span::EnteredSpan> = Vec::new();
        for (number, step) in self.0.iter().enumerate() {
            let number = number as u64;
            match *step {
                Step::Enter {
                    level,
                    target,
                    name,
                    id,
                } => {
                    let span: Span = open!(level, target, name, id, number);
                    open.push(span.entered());
                }
                Step::Leave => drop(open.pop()),
                Step::Record { id } => {
                    if let Some(span) = open.last() {
                        span.record("id", id);
                    }
                }
                Step::Event { level, target } => {
                    log!(level, target, number, [ERROR WARN INFO DEBUG TRACE]);
                }
                Step::Switch => switch(),
            }
        }
        while open.pop().is_some() {}
    }

    pub(crate) fn has_switched(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::Switch))
    }

    /// The numbers and levels of all spans.
    pub(crate) fn spans(&self) -> impl Iterator<Item = (u64, Level)> {
        self.0
            .iter()
            .enumerate()
            .filter_map(|(number, step)| match step {
                Step::Enter { level, .. } => Some((number as u64, *level)),
                _ => None,
            })
    }

    pub(crate) fn number_of_events(&self) -> usize {
        self.0
            .iter()
            .filter(|step| matches!(step, Step::Event { .. }))
            .count()
    }

    /// The numbers of those of `visible` that are around an event, root first.
    pub(crate) fn scope_of(&self, event: u64, visible: &[u64]) -> Vec<u64> {
        let mut open = Vec::new();
        for (number, step) in self
            .0
            .iter()
            .enumerate()
            .take(usize::try_from(event).unwrap())
        {
            match step {
                Step::Enter { .. } => open.push(number as u64),
                Step::Leave => drop(open.pop()),
                _ => {}
            }
        }
        open.retain(|number| visible.contains(number));
        open
    }
}
