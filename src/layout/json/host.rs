//! The name of this machine, as far as files and the environment tell it.

use std::fs;

/// The most bytes of a name, as DNS has it.
pub(super) const MAX_BYTES: usize = 255;

/// Where a system tells the name; the first one that is not empty counts.
const FILES: [&str; 2] = ["/proc/sys/kernel/hostname", "/etc/hostname"];
const VARIABLES: [&str; 2] = ["HOSTNAME", "COMPUTERNAME"];

/// The name; `unknown` if nobody tells.
pub(super) fn name() -> String {
    let variables = VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
    let files = FILES
        .iter()
        .filter_map(|path| fs::read_to_string(path).ok());
    first_of(variables.chain(files))
}

fn first_of(mut candidates: impl Iterator<Item = String>) -> String {
    candidates
        .find_map(|text| {
            let line = text.lines().next()?.trim();
            (!line.is_empty() && line.len() <= MAX_BYTES).then(|| line.to_owned())
        })
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(candidates: &[&str]) -> String {
        first_of(candidates.iter().map(|text| (*text).to_owned()))
    }

    #[test]
    fn the_first_name_that_is_one_counts() {
        assert_eq!(first(&["", " \n", "web-1\n", "web-2"]), "web-1");
        assert_eq!(first(&["x".repeat(300).as_str(), "y"]), "y");
        assert_eq!(first(&[]), "unknown");
    }
}
