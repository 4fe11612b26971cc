//! What one run found, and the line by which a child process tells it.

use std::fmt;
use std::str::FromStr;

/// Nanoseconds of all threads that have the same part, unless it says otherwise.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Measure {
    /// Lines in bursts.
    pub(crate) burst_lines: u64,
    /// Processor time of the threads that logged them.
    pub(crate) burst_callers: u64,
    /// Processor time of the other threads meanwhile.
    pub(crate) burst_writers: u64,
    /// Lines flat out.
    pub(crate) lines: u64,
    pub(crate) callers: u64,
    pub(crate) writers: u64,
    /// Time that passed until the last of them was in its file.
    pub(crate) wall: u64,
    /// The most memory that the process ever had, in KiB.
    pub(crate) peak: u64,
    /// Lines that were said to be dropped.
    pub(crate) lost: u64,
}

impl fmt::Display for Measure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            burst_lines,
            burst_callers,
            burst_writers,
            lines,
            callers,
            writers,
            wall,
            peak,
            lost,
        } = self;
        write!(
            f,
            "{burst_lines} {burst_callers} {burst_writers} {lines} {callers} {writers} {wall} {peak} {lost}"
        )
    }
}

impl FromStr for Measure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Result<Vec<u64>, _> = text.split_whitespace().map(str::parse).collect();
        let numbers = numbers.map_err(|error| format!("`{text}` is no measure: {error}"))?;
        let [
            burst_lines,
            burst_callers,
            burst_writers,
            lines,
            callers,
            writers,
            wall,
            peak,
            lost,
        ] = numbers[..]
        else {
            return Err(format!("`{text}` is no measure: nine numbers expected"));
        };
        Ok(Self {
            burst_lines,
            burst_callers,
            burst_writers,
            lines,
            callers,
            writers,
            wall,
            peak,
            lost,
        })
    }
}
