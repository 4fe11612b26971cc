//! What is said of a loss, in plain words.

use std::fmt;
use std::time::Duration;

use super::losses::Told;
use crate::config::OverflowPolicy;
use crate::stats::DeliveryError;
use crate::stats::DropReason;
use crate::stats::Loss;
use crate::stats::utc;

/// What words are made of, beside the loss.
#[derive(Debug)]
pub(super) struct Facts<'a> {
    pub(super) buffer_memory: usize,
    pub(super) overflow: OverflowPolicy,
    pub(super) delivery_timeout: Duration,
    /// What was refused for good, last, and why.
    pub(super) refusal: Option<&'a str>,
    /// What the oldest event waits for.
    pub(super) waits_for: Option<String>,
}

/// What a dropped guard leaves behind.
#[derive(Debug, Clone, Copy)]
pub(super) struct Undelivered {
    pub(super) timeout: Duration,
    pub(super) unknown: u64,
}

/// Says what the first event after the shutdown needs to have said.
pub(super) const LATE: &str = "an event was logged after the layer's guard was dropped or shut down: \
    it is not delivered, nor are those after it. If this is not the end of the application, bind the \
    guard to a name that lives as long: `let (layer, _guard) = builder.build()?;` (`_` drops it at once)";

/// What to say of a loss.
pub(super) fn loss(told: Told, facts: Facts<'_>) -> DeliveryError {
    let is_over = told.until.is_some();
    let mut text = format!(
        "{} dropped {}: {}",
        events(told.count),
        span(&told),
        Cause {
            reason: told.reason,
            is_over,
            facts: &facts
        }
    );
    let is_waiting = matches!(
        told.reason,
        DropReason::QueueFull | DropReason::BlockTimeout | DropReason::Deadline
    );
    let waits_for = facts.waits_for.filter(|_| is_waiting && !is_over);
    add_wait(&mut text, waits_for.as_deref());
    error(told, waits_for, text)
}

/// What to say of those that a dropped guard has given up.
pub(super) fn undelivered(told: Told, end: Undelivered, facts: Facts<'_>) -> DeliveryError {
    let mut text = format!(
        "{} not delivered when the guard was dropped: there was no more than the shutdown timeout of {:?}",
        events(told.count),
        end.timeout
    );
    if end.unknown > 0 {
        let unknown = end.unknown.to_string();
        text.push_str(", and ");
        text.push_str(&unknown);
        text.push_str(" of them may have arrived");
    }
    add_wait(&mut text, facts.waits_for.as_deref());
    error(told, facts.waits_for, text)
}

fn add_wait(text: &mut String, waits_for: Option<&str>) {
    if let Some(waits_for) = waits_for {
        text.push_str("; the oldest event waits for ");
        text.push_str(waits_for);
    }
}

fn error(told: Told, waits_for: Option<String>, text: String) -> DeliveryError {
    let loss = Loss {
        reason: told.reason,
        count: told.count,
        since: told.since,
        until: told.until,
        waits_for,
    };
    DeliveryError::of_loss(loss, text)
}

fn events(count: u64) -> String {
    match count {
        1 => "1 event was".to_owned(),
        _ => format!("{count} events were"),
    }
}

/// When it was, to the second.
fn span(told: &Told) -> String {
    let since = utc(told.since);
    match told.until.map(utc) {
        None => format!("since {since}"),
        Some(until) if until == since => format!("at {since}"),
        Some(until) => format!("between {since} and {until}"),
    }
}

/// Why events were given up.
struct Cause<'a> {
    reason: DropReason,
    is_over: bool,
    facts: &'a Facts<'a>,
}

impl fmt::Display for Cause<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let facts = self.facts;
        let buffer = Bytes(facts.buffer_memory);
        let is = if self.is_over { "was" } else { "is" };
        match self.reason {
            DropReason::QueueFull => write!(f, "the buffer of {buffer} {is} full"),
            DropReason::BlockTimeout => {
                write!(f, "the buffer of {buffer} {is} full, and no room came")?;
                match facts.overflow {
                    OverflowPolicy::Block { max_wait } => write!(f, " within {max_wait:?}"),
                    OverflowPolicy::DropNewest => Ok(()),
                }
            }
            DropReason::Reentrant => f.write_str(
                "they were logged by the `Debug`, `Display` or layout of an event that was being formatted",
            ),
            DropReason::TooLarge => write!(
                f,
                "they are too large for the buffer of {buffer}, or for what the broker accepts"
            ),
            DropReason::FormatError => f.write_str("the layout panicked"),
            DropReason::Deadline => write!(
                f,
                "they could not be delivered within the delivery timeout of {:?}",
                facts.delivery_timeout
            ),
            DropReason::Rejected => match facts.refusal {
                Some(refusal) => write!(f, "rejected by the broker: {refusal}"),
                None => f.write_str("rejected by the broker"),
            },
            DropReason::Shutdown => f.write_str("the layer was shut down"),
            DropReason::WorkerFailed => f.write_str("the layer's own thread has panicked"),
        }
    }
}

/// `32 MiB`
struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: usize = 1024;
        const MIB: usize = KIB * KIB;
        match self.0 {
            bytes if bytes % MIB == 0 => write!(f, "{} MiB", bytes / MIB),
            bytes if bytes % KIB == 0 => write!(f, "{} KiB", bytes / KIB),
            bytes => write!(f, "{bytes} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    fn told(reason: DropReason, count: u64, until: Option<u64>) -> Told {
        let second = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(36_000 + second);
        Told {
            reason,
            count,
            since: second(1),
            until: until.map(second),
        }
    }

    fn facts() -> Facts<'static> {
        Facts {
            buffer_memory: 32 << 20,
            overflow: OverflowPolicy::DropNewest,
            delivery_timeout: Duration::from_secs(120),
            refusal: Some("INVALID_RECORD"),
            waits_for: Some("broker `a:1`, which has not answered since noon".to_owned()),
        }
    }

    #[test]
    fn a_loss_is_told_in_a_sentence() {
        let text = |told| loss(told, facts()).to_string();
        assert_eq!(
            text(told(DropReason::QueueFull, 12, None)),
            "12 events were dropped since 1970-01-01T10:00:01Z: the buffer of 32 MiB is full; the \
             oldest event waits for broker `a:1`, which has not answered since noon"
        );
        assert_eq!(
            text(told(DropReason::QueueFull, 12, Some(14))),
            "12 events were dropped between 1970-01-01T10:00:01Z and 1970-01-01T10:00:14Z: the \
             buffer of 32 MiB was full"
        );
        assert_eq!(
            text(told(DropReason::Rejected, 1, Some(1))),
            "1 event was dropped at 1970-01-01T10:00:01Z: rejected by the broker: INVALID_RECORD"
        );
        assert!(text(told(DropReason::Deadline, 2, None)).contains("delivery timeout of 120s; "));
    }

    #[test]
    fn every_reason_has_words_of_its_own_and_the_hook_has_the_figures() {
        let mut texts = Vec::new();
        for reason in DropReason::ALL {
            let error = loss(told(*reason, 3, None), facts());
            assert_eq!(error.kind(), reason.as_str());
            let loss = error.loss().unwrap();
            assert_eq!((loss.reason(), loss.count()), (*reason, 3));
            assert_eq!(loss.until(), None);
            texts.push(error.to_string());
        }
        texts.sort();
        texts.dedup();
        assert_eq!(texts.len(), DropReason::ALL.len());
    }

    #[test]
    fn what_a_dropped_guard_leaves_is_told_with_what_may_have_arrived() {
        let end = Undelivered {
            timeout: Duration::from_secs(5),
            unknown: 2,
        };
        let error = undelivered(told(DropReason::Shutdown, 3, Some(1)), end, facts());
        assert_eq!(
            error.to_string(),
            "3 events were not delivered when the guard was dropped: there was no more than the \
             shutdown timeout of 5s, and 2 of them may have arrived; the oldest event waits for \
             broker `a:1`, which has not answered since noon"
        );
    }

    #[test]
    fn sizes_are_shown_in_the_largest_unit_that_is_whole() {
        assert_eq!(Bytes(64 * 1024).to_string(), "64 KiB");
        assert_eq!(Bytes(100_000).to_string(), "100000 bytes");
    }
}
