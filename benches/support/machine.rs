//! What the table was made on, and with what.

use std::path::Path;
use std::process::Command;

/// The machine, the tools, `beside` what else was there, and the commit.
pub(crate) fn describe(beside: &str) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field("/proc/cpuinfo", "model name").unwrap_or_else(unknown);
    let kernel = read("/proc/sys/kernel/osrelease").unwrap_or_else(unknown);
    let load = read("/proc/loadavg").unwrap_or_else(unknown);
    let rustc = first_line("rustc", &["--version"]).unwrap_or_else(unknown);
    let commit = commit().unwrap_or_else(unknown);
    format!(
        "{cores} × {processor}, Linux {kernel}, load at the end {load}; {rustc}; {beside}; commit {commit}"
    )
}

fn commit() -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).to_str()?;
    let commit = first_line("git", &["-C", folder, "rev-parse", "--short", "HEAD"])?;
    let changed = first_line(
        "git",
        &[
            "-C",
            folder,
            "status",
            "--porcelain",
            "--untracked-files=no",
        ],
    );
    Some(match changed {
        Some(_) => format!("{commit}, with changes"),
        None => commit,
    })
}

/// The first line that a command prints, if it prints one.
fn first_line(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next().map(ToOwned::to_owned)
}

fn field(path: &str, name: &str) -> Option<String> {
    let text = read(path)?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn read(path: &str) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
