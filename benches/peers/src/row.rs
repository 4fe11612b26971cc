//! What there is to run: who ships the events, and how they come.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Who ships the events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// `KafkaLayer`.
    Ours,
    /// A layer as people write it, in front of rdkafka's `ThreadedProducer`.
    GlueThreaded,
    /// The same in front of rdkafka's `FutureProducer`.
    GlueFuture,
    /// rdkafka's `ThreadedProducer`, fed with lines that were made before.
    Librdkafka,
    /// Nobody: what the loop costs that keeps the pace.
    Pacer,
}

/// How the events come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// As fast as one thread can.
    One,
    /// As fast as four threads can.
    Four,
    /// [`PER_TICK`] events each [`TICK`], from one thread.
    Paced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) who: Who,
    pub(crate) shape: Shape,
}

/// How much of everything a row runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Events before anything is measured.
    pub(crate) warm_up: usize,
    /// Bursts of [`BURST`] events, with a pause before each.
    pub(crate) bursts: usize,
    /// Events in the window.
    pub(crate) events: usize,
}

impl Who {
    pub(crate) const SHIPPERS: [Self; 4] = [
        Self::Ours,
        Self::GlueThreaded,
        Self::GlueFuture,
        Self::Librdkafka,
    ];

    /// What it is called in the table.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Ours => "**ours**",
            Self::GlueThreaded => "glue + rdkafka `ThreadedProducer`",
            Self::GlueFuture => "glue + rdkafka `FutureProducer`",
            Self::Librdkafka => "*librdkafka, prepared bytes*",
            Self::Pacer => "pacer alone",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::GlueThreaded => "glue-threaded",
            Self::GlueFuture => "glue-future",
            Self::Librdkafka => "librdkafka",
            Self::Pacer => "pacer",
        }
    }

    /// Events flat out, so that it takes two seconds at least.
    const fn flat_out(self) -> usize {
        match self {
            Self::Ours => 12_000_000,
            Self::GlueThreaded => 3_000_000,
            Self::GlueFuture => 2_000_000,
            Self::Librdkafka => 5_000_000,
            Self::Pacer => 0,
        }
    }
}

impl Shape {
    pub(crate) const fn threads(self) -> usize {
        match self {
            Self::One | Self::Paced => 1,
            Self::Four => 4,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::One => "1",
            Self::Four => "4",
            Self::Paced => "paced",
        }
    }
}

impl Row {
    /// All of them, in the order in which each round runs them.
    pub(crate) fn all() -> Vec<Self> {
        let mut rows = Vec::new();
        for shape in [Shape::One, Shape::Four, Shape::Paced] {
            rows.extend(Who::SHIPPERS.map(|who| Self { who, shape }));
        }
        rows.push(Self {
            who: Who::Pacer,
            shape: Shape::Paced,
        });
        rows
    }

    pub(crate) fn size(self, quick: bool) -> Size {
        let paced = self.shape == Shape::Paced;
        let events = match (paced, quick) {
            (true, true) => 200 * PER_TICK,
            (true, false) => 5_000 * PER_TICK,
            (false, true) => 20_000,
            (false, false) => self.who.flat_out(),
        };
        let bursts = match (paced, quick) {
            (true, _) => 0,
            (false, true) => 10,
            (false, false) => 500,
        };
        Size {
            warm_up: if quick { 2_000 } else { 100_000 },
            bursts,
            events,
        }
    }
}

impl Size {
    /// What a row that runs all of it leaves at the broker.
    pub(crate) const fn total(self) -> usize {
        self.warm_up + self.bursts * BURST + self.events
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.who.name(), self.shape.name())
    }
}

impl FromStr for Row {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = Self::all();
        let found = all.iter().find(|row| row.to_string() == text);
        found.copied().ok_or_else(|| {
            let names: Vec<String> = all.iter().map(ToString::to_string).collect();
            format!("there is no row `{text}`, only {}", names.join(", "))
        })
    }
}

/// The bursts of a row fit into every queue together: 500 × 200 × 196 bytes of 32 MiB.
pub(crate) const BURST: usize = 200;
pub(crate) const PER_TICK: usize = 20;
pub(crate) const TICK: Duration = Duration::from_millis(1);
/// Longer than anything takes that is going to happen at all.
pub(crate) const LONG: Duration = Duration::from_secs(60);
