//! Kafka's rule for topic names.

use crate::error::BuildError;

/// The longest name that Kafka accepts.
const MAX_LENGTH: usize = 249;

/// Refuses what no broker would accept as a topic's name.
pub(super) fn check(topic: &str) -> Result<(), BuildError> {
    let expected = if topic.is_empty() {
        "a topic name of 1 to 249 characters"
    } else if topic.len() > MAX_LENGTH {
        "a topic name of at most 249 characters"
    } else if topic == "." || topic == ".." {
        "a topic name other than `.` and `..`"
    } else if !topic
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'))
    {
        "only ASCII letters, digits, `.`, `_` and `-` in a topic name"
    } else {
        return Ok(());
    };
    Err(BuildError::setting("topic", topic, expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_kafkas_rule() {
        let longest = "a".repeat(249);
        for good in ["log-message", "a", "A.b_c-9", "...", &longest] {
            assert!(check(good).is_ok(), "{good}");
        }
        let too_long = "a".repeat(250);
        for bad in [
            "", ".", "..", "../../x", "a b", "größe", "a\0", "a/b", &too_long,
        ] {
            let error = check(bad).unwrap_err().to_string();
            assert!(
                error.contains(&format!("`{}`", bad.replace('\0', "\\0"))),
                "{error}"
            );
        }
    }
}
