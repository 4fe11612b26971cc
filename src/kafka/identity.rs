//! The producer id: whether one is wanted, when it is asked for, and what holds if it is refused.

use std::time::Duration;
use std::time::Instant;

use super::retry::Backoff;
use super::wire::ProducerIdentity;
use crate::config::Idempotence;

/// The first wait after a failure. A broker that has given out no id since its start answers with
/// an error first, and is ready some milliseconds later.
const MIN_BACKOFF: Duration = Duration::from_millis(20);
const MAX_BACKOFF: Duration = Duration::from_secs(5);

/// What the producer knows of its id.
#[derive(Debug)]
pub(super) struct Identity {
    mode: Idempotence,
    current: Option<ProducerIdentity>,
    pub(super) is_asking: bool,
    ask_after: Instant,
    backoff: Backoff,
    /// The cluster gives none, and the user allowed to go on without.
    is_given_up: bool,
}

/// What the answer to a question for an id means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It passes by itself.
    Passing,
    /// A person has to mend it; nothing is sent until then.
    Final,
    /// The layer goes on without.
    GoesOn,
}

impl Identity {
    pub(super) fn new(mode: Idempotence, now: Instant) -> Self {
        Self {
            mode,
            current: None,
            is_asking: false,
            ask_after: now,
            backoff: Backoff::new(MIN_BACKOFF, MAX_BACKOFF),
            is_given_up: false,
        }
    }

    /// Whether batches carry sequences.
    pub(super) fn is_wanted(&self) -> bool {
        self.mode != Idempotence::Off && !self.is_given_up
    }

    /// Whether the cluster refused an id and the layer goes on without.
    pub(super) fn is_degraded(&self) -> bool {
        self.is_given_up
    }

    pub(super) fn current(&self) -> Option<ProducerIdentity> {
        self.current
    }

    /// Whether an id should be asked for now.
    pub(super) fn wants_asking(&self, now: Instant) -> bool {
        self.is_wanted() && self.current.is_none() && !self.is_asking && self.ask_after <= now
    }

    /// When an id may be asked for again, if one is missing.
    pub(super) fn next_change(&self) -> Option<Instant> {
        let is_waiting = self.is_wanted() && self.current.is_none() && !self.is_asking;
        is_waiting.then_some(self.ask_after)
    }

    pub(super) fn given(&mut self, identity: ProducerIdentity) {
        self.current = Some(identity);
        self.backoff.reset();
    }

    /// There was no answer.
    pub(super) fn failed(&mut self, now: Instant) {
        self.ask_after = now + self.backoff.next();
    }

    /// The broker refused with `code`, or knows no ids (none). If a person has to mend that, it is
    /// asked again at `slow`.
    pub(super) fn refused(&mut self, code: Option<i16>, now: Instant, slow: Instant) -> Refusal {
        // Loading, not available, not the coordinator, timed out, network: 14, 15, 16, 7, 13.
        if matches!(code, Some(7 | 8 | 13..=16 | 51 | -1)) {
            self.failed(now);
            return Refusal::Passing;
        }
        if self.mode == Idempotence::Preferred {
            self.is_given_up = true;
            return Refusal::GoesOn;
        }
        self.ask_after = slow;
        Refusal::Final
    }

    /// The id is of no use any longer: another one is asked for.
    pub(super) fn forget(&mut self, identity: ProducerIdentity) {
        if self
            .current
            .is_some_and(|current| current.id == identity.id)
        {
            self.current = None;
        }
    }

    /// Nothing waits for a back-off any longer.
    pub(super) fn hurry(&mut self, now: Instant) {
        self.ask_after = self.ask_after.min(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ProducerIdentity = ProducerIdentity { id: 7, epoch: 0 };

    #[test]
    fn an_error_that_passes_is_waited_out() {
        let now = Instant::now();
        let mut identity = Identity::new(Idempotence::Required, now);
        assert!(identity.wants_asking(now));
        assert_eq!(
            identity.refused(Some(14), now, now + MAX_BACKOFF),
            Refusal::Passing
        );
        assert!(!identity.wants_asking(now));
        assert!(identity.wants_asking(now + MIN_BACKOFF));
        identity.given(ID);
        assert!(!identity.wants_asking(now + MAX_BACKOFF));
        identity.forget(ProducerIdentity { id: 6, epoch: 0 });
        assert_eq!(identity.current(), Some(ID));
        identity.forget(ID);
        assert!(identity.wants_asking(now + MAX_BACKOFF));
    }

    #[test]
    fn a_refusal_is_final_unless_the_user_allowed_to_go_on() {
        let now = Instant::now();
        let slow = now + 2 * MAX_BACKOFF;
        for code in [Some(31), Some(35), None] {
            let mut identity = Identity::new(Idempotence::Required, now);
            assert_eq!(identity.refused(code, now, slow), Refusal::Final);
            assert!(identity.is_wanted());
            assert!(!identity.wants_asking(now + MAX_BACKOFF));
            assert!(identity.wants_asking(slow));
            let mut identity = Identity::new(Idempotence::Preferred, now);
            assert_eq!(identity.refused(code, now, slow), Refusal::GoesOn);
            assert!(identity.is_degraded() && !identity.is_wanted());
        }
        assert!(!Identity::new(Idempotence::Off, now).is_wanted());
    }
}
