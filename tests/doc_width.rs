//! No line of code or of a diagram is wider than its column in the docs.
#![cfg(test)]

use std::fs;
use std::path::Path;

/// The docs of a method in a window of 1,300 px: a column of 960 px, of which 24 px and 0.7 em are indented
/// and 28 px padded; a character of code takes 0.6 em of 16 px. That is 93, and one for a rounded edge.
const MAX_CHARS: usize = 92;

fn read(folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).unwrap();
            into.push((path.display().to_string(), text));
        }
    }
}

/// The text of a line of documentation; none for another line.
fn doc(line: &str) -> Option<&str> {
    let line = line.trim_start();
    let text = line
        .strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"))?;
    Some(text.strip_prefix(' ').unwrap_or(text))
}

/// The lines that are too wide, by their numbers, and how many lines of code there are.
fn wide(lines: &[Option<&str>]) -> (Vec<usize>, usize) {
    let (mut found, mut count, mut is_code) = (Vec::new(), 0, false);
    for (index, line) in lines.iter().enumerate() {
        let Some(line) = line else {
            is_code = false;
            continue;
        };
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if is_code && !line.trim_start().starts_with("# ") {
            count += 1;
            if line.chars().count() > MAX_CHARS {
                found.push(index + 1);
            }
        }
    }
    (found, count)
}

#[test]
fn no_line_of_code_is_wider_than_its_column() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    read(&root.join("src"), &mut sources);
    let mut faults = Vec::new();
    let mut all = 0;
    for (path, text) in &sources {
        let (found, count) = wide(&text.lines().map(doc).collect::<Vec<_>>());
        faults.extend(found.iter().map(|line| format!("{path}:{line}")));
        all += count;
    }
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    let (found, count) = wide(&readme.lines().map(Some).collect::<Vec<_>>());
    faults.extend(found.iter().map(|line| format!("README.md:{line}")));
    assert!(all > 200 && count > 50, "{all} and {count} lines were read");
    assert!(
        faults.is_empty(),
        "more than {MAX_CHARS}:\n{}",
        faults.join("\n")
    );
}

#[test]
fn a_wide_line_is_found_where_it_is_shown() {
    let long = "x".repeat(MAX_CHARS + 1);
    let text = format!(
        "{long}\n/// {long}\n/// ```\n/// {long}\n/// # {long}\n/// y\n/// ```\n/// {long}\n"
    );
    assert_eq!(
        wide(&text.lines().map(doc).collect::<Vec<_>>()),
        (vec![4], 2)
    );
}
