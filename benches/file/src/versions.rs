//! Which versions of the others stand beside ours.

/// A name and a version each.
pub(crate) fn of_peers() -> String {
    let peers: Vec<String> = PEERS.map(|name| format!("{name} {}", version(name))).into();
    peers.join(", ")
}

/// Which version of a crate the lockfile has.
fn version(name: &str) -> &'static str {
    let line = format!("name = \"{name}\"");
    let mut lines = LOCKFILE.lines().skip_while(|other| **other != line);
    let version = lines
        .nth(1)
        .and_then(|line| line.strip_prefix("version = "));
    version.map_or("unknown", |version| version.trim_matches('"'))
}

const LOCKFILE: &str = include_str!("../Cargo.lock");
const PEERS: [&str; 5] = [
    "tracing",
    "tracing-subscriber",
    "tracing-appender",
    "logforth",
    "spdlog-rs",
];
