//! Values of properties, read as Kafka reads them.

use std::time::Duration;

use crate::config::Acks;
use crate::config::Idempotence;
use crate::config::KafkaOptions;
use crate::config::MAX_TIME;
use crate::config::OverflowPolicy;
use crate::config::security;
use crate::error::BuildError;

const MILLISECONDS: &str = "a whole number of milliseconds";

pub(super) fn set_security(
    options: &mut KafkaOptions,
    name: &str,
    value: &str,
) -> Result<(), BuildError> {
    security::apply(&mut options.security, name, value)
}

/// Kafka's own meaning: how long a full buffer may block the caller; 0 does not block at all.
pub(super) fn set_max_block(
    options: &mut KafkaOptions,
    name: &str,
    value: &str,
) -> Result<(), BuildError> {
    let max_wait = long_millis(name, value)?;
    options.overflow = if max_wait.is_zero() {
        OverflowPolicy::DropNewest
    } else {
        OverflowPolicy::Block { max_wait }
    };
    Ok(())
}

pub(super) fn acks(name: &str, value: &str) -> Result<Acks, BuildError> {
    Acks::parse(name, value)
}

pub(super) fn idempotence(name: &str, value: &str) -> Result<Idempotence, BuildError> {
    Ok(if boolean(name, value)? {
        Idempotence::Required
    } else {
        Idempotence::Off
    })
}

pub(super) fn boolean(name: &str, value: &str) -> Result<bool, BuildError> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(BuildError::setting(name, value, "`true` or `false`")),
    }
}

pub(super) fn count(name: &str, value: &str) -> Result<usize, BuildError> {
    whole(name, value, "a whole number")
}

pub(super) fn bytes(name: &str, value: &str) -> Result<usize, BuildError> {
    whole(name, value, "a whole number of bytes")
}

#[cfg(any(feature = "gzip", feature = "zstd"))]
pub(super) fn level(name: &str, value: &str) -> Result<i32, BuildError> {
    whole(name, value, "a whole number")
}

pub(super) fn millis(name: &str, value: &str) -> Result<Duration, BuildError> {
    whole(name, value, MILLISECONDS).map(Duration::from_millis)
}

/// The same where Kafka counts in 64 bits: more than 24 days is the longest time that there is here.
pub(super) fn long_millis(name: &str, value: &str) -> Result<Duration, BuildError> {
    let number: i64 = whole(name, value, MILLISECONDS)?;
    let number =
        u64::try_from(number).map_err(|_| BuildError::setting(name, value, MILLISECONDS))?;
    Ok(Duration::from_millis(number).min(MAX_TIME))
}

fn whole<T: std::str::FromStr>(name: &str, value: &str, expected: &str) -> Result<T, BuildError> {
    value
        .parse()
        .map_err(|_| BuildError::setting(name, value, expected))
}
