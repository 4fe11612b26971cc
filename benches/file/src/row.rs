//! What there is to run: who writes the lines, from how many threads they come, and how many they are.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Who writes the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// `FileLayer`, one file.
    Ours,
    /// The same, rolled by the day and by size.
    OursRolling,
    /// The same, written by the threads that log.
    OursSynchronous,
    /// A loop over lines that were made before, through a `BufWriter` of the usual size.
    Plain,
    /// `fmt` into tracing-appender's `non_blocking`, into its `rolling::daily`.
    FmtNonBlocking,
    /// `fmt` into tracing-appender's `rolling::daily`.
    Fmt,
    /// logforth's `Async` before its rolling file.
    LogforthAsync,
    /// logforth's rolling file.
    Logforth,
    /// spdlog-rs's `AsyncPoolSink` before its `RotatingFileSink`.
    SpdlogAsync,
    /// spdlog-rs's `RotatingFileSink`.
    Spdlog,
    /// The loop through a `BufWriter` that holds as much as our writer gathers.
    PlainLarge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) who: Who,
    pub(crate) threads: u64,
}

/// How much of everything a run does. Everything counts for all its threads together.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size {
    /// Lines before anything is measured, after the very first.
    pub(crate) warm_up: u64,
    pub(crate) bursts: u64,
    /// Lines of a burst.
    pub(crate) burst: u64,
    /// Lines flat out.
    pub(crate) lines: u64,
    /// When those begin a new file who do so by size.
    pub(crate) file: u64,
}

impl Who {
    /// In the order of the table. Those whose ratios are looked at run one after the other.
    pub(crate) const ALL: [Self; 11] = [
        Self::Ours,
        Self::OursRolling,
        Self::Plain,
        Self::FmtNonBlocking,
        Self::Fmt,
        Self::OursSynchronous,
        Self::LogforthAsync,
        Self::Logforth,
        Self::SpdlogAsync,
        Self::Spdlog,
        Self::PlainLarge,
    ];

    /// What it is called in the table.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Ours => "**ours**",
            Self::OursRolling => "**ours**, rolling",
            Self::OursSynchronous => "**ours**, `synchronous`",
            Self::Plain => "*plain loop, `BufWriter`*",
            Self::FmtNonBlocking => "`fmt` + tracing-appender `non_blocking`",
            Self::Fmt => "`fmt` + tracing-appender",
            Self::LogforthAsync => "logforth, async",
            Self::Logforth => "logforth",
            Self::SpdlogAsync => "spdlog-rs, async pool",
            Self::Spdlog => "spdlog-rs",
            Self::PlainLarge => "*plain loop, `BufWriter` of 256 KiB*",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::OursRolling => "ours-rolling",
            Self::OursSynchronous => "ours-synchronous",
            Self::Plain => "plain",
            Self::FmtNonBlocking => "fmt-non-blocking",
            Self::Fmt => "fmt",
            Self::LogforthAsync => "logforth-async",
            Self::Logforth => "logforth",
            Self::SpdlogAsync => "spdlog-async",
            Self::Spdlog => "spdlog",
            Self::PlainLarge => "plain-256k",
        }
    }

    /// Whether it is a loop over prepared lines: nobody logs, so there are neither callers nor bursts.
    pub(crate) const fn is_plain(self) -> bool {
        matches!(self, Self::Plain | Self::PlainLarge)
    }
}

impl Row {
    /// All of them, in the order of the first round.
    pub(crate) fn all() -> Vec<Self> {
        let one = Who::ALL.map(|who| Self { who, threads: 1 });
        let loggers = Who::ALL.into_iter().filter(|who| !who.is_plain());
        let four = loggers.map(|who| Self { who, threads: 4 });
        one.into_iter().chain(four).collect()
    }

    /// How much it runs, with about so many lines flat out.
    pub(crate) fn size(self, quick: bool, lines: u64) -> Size {
        let bursts = match (self.who.is_plain(), quick) {
            (true, _) => 0,
            (false, true) => 5,
            (false, false) => 300,
        };
        Size {
            warm_up: if quick { 2_000 } else { 20_000 },
            bursts,
            burst: if self.threads == 1 { 200 } else { 1000 },
            lines: lines.next_multiple_of(self.threads),
            file: if quick { 1 << 20 } else { 64 << 20 },
        }
    }
}

impl Size {
    /// How many lines it leaves, the very first with them.
    pub(crate) const fn total(self) -> u64 {
        1 + self.warm_up + self.bursts * self.burst + self.lines
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.who.name(), self.threads)
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

/// Between bursts, so that a writer that sleeps has to be woken as it would in a service.
pub(crate) const PAUSE: Duration = Duration::from_millis(1);
/// The next burst waits until no more than this many lines are on their way: half of what the smallest
/// queue holds, that of spdlog-rs.
pub(crate) const BACKLOG: u64 = 4096;
/// Longer than anything takes that is going to happen at all.
pub(crate) const LONG: Duration = Duration::from_secs(60);
