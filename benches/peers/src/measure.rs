//! What one run found, and the line by which a child process tells it.

use std::fmt;
use std::str::FromStr;

/// Nanoseconds of the whole window, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Measure {
    /// Events in the window.
    pub(crate) events: u64,
    /// Processor time of the process, user and system.
    pub(crate) client: u64,
    /// The part of it that the logging threads used.
    pub(crate) callers: u64,
    /// Time that passed until the last acknowledgement.
    pub(crate) wall: u64,
    /// Picoseconds a call took in the middlemost burst; 0 without bursts.
    pub(crate) call: u64,
    /// Events that a producer said were lost.
    pub(crate) lost: u64,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            events,
            client,
            callers,
            wall,
            call,
            lost,
        } = self;
        write!(f, "{events} {client} {callers} {wall} {call} {lost}")
    }
}

impl FromStr for Measure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
        let numbers = numbers.map_err(|error| format!("`{text}` is no measure: {error}"))?;
        let [events, client, callers, wall, call, lost] = numbers[..] else {
            return Err(format!("`{text}` is no measure: seven numbers expected"));
        };
        Ok(Self {
            events,
            client,
            callers,
            wall,
            call,
            lost,
        })
    }
}
