//! How sure a delivery is: acknowledgements, idempotence, batches in flight, and how they combine.

use std::str::FromStr;

use crate::error::BuildError;

/// Above this a broker would not recognise every batch that comes again.
const MAX_IDEMPOTENT_IN_FLIGHT: usize = 5;

/// Which acknowledgement counts as delivered. Kafka property `acks`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Acks {
    /// All replicas in sync have the record. The default.
    #[default]
    All,
    /// The partition's leader has it; if the leader is lost before others have it, the record is
    /// too. Turns idempotence off, unless that was asked for, which is an error then.
    Leader,
    /// Nobody confirms anything: what was written to the socket counts as delivered. Turns
    /// idempotence off, as [`Leader`](Self::Leader) does.
    None,
}

/// By its value in Kafka: `all`, `-1`, `1` or `0`.
impl FromStr for Acks {
    type Err = BuildError;

    fn from_str(value: &str) -> Result<Self, BuildError> {
        Self::parse("acks", value)
    }
}

impl Acks {
    pub(super) fn parse(name: &str, value: &str) -> Result<Self, BuildError> {
        match value {
            "all" | "-1" => Ok(Self::All),
            "1" => Ok(Self::Leader),
            "0" => Ok(Self::None),
            _ => Err(BuildError::setting(name, value, "`all`, `-1`, `1` or `0`")),
        }
    }
}

/// Whether the broker recognises batches that come again, so that retries neither double nor
/// reorder. Kafka property `enable.idempotence`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Idempotence {
    /// Nothing is sent without. If the cluster gives no producer id, for want of a permission say,
    /// health is [`Misconfigured`](crate::Health::Misconfigured) and records wait for the delivery
    /// timeout. Property value `true`. The default.
    #[default]
    Required,
    /// As [`Required`](Self::Required), but if the cluster refuses a producer id, the layer goes on
    /// without, and health is [`Degraded`](crate::Health::Degraded).
    Preferred,
    /// Retries may double records, and reorder them with more than one batch in flight. Property
    /// value `false`.
    Off,
}

/// What was set of it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct DeliveryOptions {
    pub(crate) acks: Acks,
    pub(crate) idempotence: Option<Idempotence>,
    pub(crate) max_in_flight: Option<usize>,
}

/// What holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DeliverySettings {
    pub(crate) acks: Acks,
    pub(crate) idempotence: Idempotence,
    /// Batches of one partition that may be on their way.
    pub(crate) max_in_flight: usize,
}

impl DeliveryOptions {
    /// Kafka's own rules on what combines.
    pub(crate) fn check(self) -> Result<DeliverySettings, BuildError> {
        let idempotence = match (self.idempotence, self.acks) {
            (None, Acks::All) => Idempotence::Required,
            (None, Acks::Leader | Acks::None) => Idempotence::Off,
            (Some(Idempotence::Required | Idempotence::Preferred), Acks::Leader | Acks::None) => {
                return Err(BuildError::conflict(
                    format!(
                        "`enable.idempotence` is `true` and `acks` is `{}`",
                        self.acks.as_property()
                    ),
                    "`acks` of `all` with idempotence",
                ));
            }
            (Some(idempotence), _) => idempotence,
        };
        let max_in_flight = self.max_in_flight.unwrap_or(1);
        if max_in_flight == 0 {
            return Err(BuildError::setting(
                "max.in.flight.requests.per.connection",
                "0",
                "at least 1",
            ));
        }
        if idempotence != Idempotence::Off && max_in_flight > MAX_IDEMPOTENT_IN_FLIGHT {
            return Err(BuildError::conflict(
                format!(
                    "`max.in.flight.requests.per.connection` is `{max_in_flight}` and \
                     `enable.idempotence` is `true`"
                ),
                format!("at most {MAX_IDEMPOTENT_IN_FLIGHT} in flight with idempotence"),
            ));
        }
        Ok(DeliverySettings {
            acks: self.acks,
            idempotence,
            max_in_flight,
        })
    }
}

impl Acks {
    /// The value on the wire.
    pub(crate) const fn code(self) -> i16 {
        match self {
            Self::All => -1,
            Self::Leader => 1,
            Self::None => 0,
        }
    }

    const fn as_property(self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Leader => "1",
            Self::None => "0",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(
        acks: Acks,
        idempotence: Option<Idempotence>,
        max_in_flight: Option<usize>,
    ) -> Result<DeliverySettings, String> {
        let options = DeliveryOptions {
            acks,
            idempotence,
            max_in_flight,
        };
        options.check().map_err(|error| error.to_string())
    }

    #[test]
    fn idempotence_is_on_unless_acks_rule_it_out() {
        let settings = with(Acks::All, None, None).unwrap();
        assert_eq!(settings.idempotence, Idempotence::Required);
        assert_eq!(settings.max_in_flight, 1);
        for acks in [Acks::Leader, Acks::None] {
            let settings = with(acks, None, None).unwrap();
            assert_eq!(settings.idempotence, Idempotence::Off);
        }
        let settings = with(Acks::All, Some(Idempotence::Off), Some(100)).unwrap();
        assert_eq!(settings.max_in_flight, 100);
    }

    #[test]
    fn what_does_not_combine_is_named() {
        for idempotence in [Idempotence::Required, Idempotence::Preferred] {
            assert_eq!(
                with(Acks::Leader, Some(idempotence), None).unwrap_err(),
                "`enable.idempotence` is `true` and `acks` is `1`, expected `acks` of `all` with \
                 idempotence"
            );
        }
        assert!(with(Acks::None, Some(Idempotence::Required), None).is_err());
        assert!(with(Acks::All, None, Some(0)).unwrap_err().contains("`0`"));
        with(Acks::All, None, Some(5)).unwrap();
        let error = with(Acks::All, None, Some(6)).unwrap_err();
        assert!(error.contains("`6`"), "{error}");
    }
}
