//! Producer properties by their Kafka names: what each of them does here, or why it is refused.

mod fixed;
mod refused;
mod settable;
mod value;

use super::KafkaOptions;
use crate::error::BuildError;

use fixed::FIXED;
use fixed::Fixed;
use refused::REFUSED;
pub use settable::PROPERTIES;

/// A producer property that `KafkaLayerBuilder::property` sets.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Property {
    /// Kafka's name.
    pub name: &'static str,
    /// The setter of the same meaning.
    pub setter: &'static str,
    /// The default, as a property's value.
    pub default: &'static str,
    /// What values it takes, in Markdown; anything else is an error.
    pub accepts: &'static str,
    apply: fn(&mut KafkaOptions, &str, &str) -> Result<(), BuildError>,
}

/// Sets the property `name` on `options`.
pub(super) fn apply(options: &mut KafkaOptions, name: &str, value: &str) -> Result<(), BuildError> {
    if let Some(property) = PROPERTIES.iter().find(|property| property.name == name) {
        return (property.apply)(options, name, value.trim());
    }
    if let Some(fixed) = FIXED.iter().find(|fixed| fixed.name == name) {
        return check_fixed(fixed, value.trim());
    }
    if let Some((_, reason)) = REFUSED.iter().find(|(refused, _)| *refused == name) {
        return Err(BuildError::property(name, *reason));
    }
    let reason = match nearest(name) {
        Some(known) => format!("is unknown; did you mean `{known}`?"),
        None => format!("is unknown; expected one of {}", known_names()),
    };
    Err(BuildError::property(name, reason))
}

/// Takes the value that holds anyway.
fn check_fixed(fixed: &Fixed, value: &str) -> Result<(), BuildError> {
    if fixed
        .values
        .iter()
        .any(|held| held.eq_ignore_ascii_case(value))
    {
        return Ok(());
    }
    let held = fixed.values.first().copied().unwrap_or_default();
    Err(BuildError::setting(
        fixed.name,
        value,
        format!("`{held}`: {}", fixed.reason),
    ))
}

fn known_names() -> String {
    let names: Vec<_> = PROPERTIES
        .iter()
        .map(|property| format!("`{}`", property.name))
        .collect();
    names.join(", ")
}

/// The known name that differs only in case and separators.
fn nearest(name: &str) -> Option<&'static str> {
    let plain = |text: &str| -> String {
        text.chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect()
    };
    let wanted = plain(name);
    let settable = PROPERTIES.iter().map(|property| property.name);
    let fixed = FIXED.iter().map(|fixed| fixed.name);
    let refused = REFUSED.iter().map(|(name, _)| *name);
    settable.chain(fixed).chain(refused).find(|known| {
        let known = plain(known);
        known == wanted || known.strip_suffix("ms") == Some(&wanted)
    })
}

#[cfg(test)]
mod tests;
