//! What Java itself replaces, row by row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::Replacement;
use super::fault::ReplacementError;

/// The rows of a file, without those of other tests.
fn rows(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    let text = fs::read_to_string(path).unwrap();
    text.split('\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn text<'a>(row: &'a Value, field: &str) -> &'a str {
    row[field].as_str().unwrap_or_default()
}

fn replaced(replacement: &Replacement, input: &str) -> String {
    let mut out = b"\xff".to_vec();
    out.extend_from_slice(input.as_bytes());
    replacement.apply(&mut out, 1);
    String::from_utf8(out.split_off(1)).unwrap()
}

/// What is wrong with a row, if anything.
fn difference(row: &Value) -> Option<String> {
    let (regex, substitution) = (text(row, "regex"), text(row, "substitution"));
    let parsed = Replacement::parse(regex, substitution);
    let is_refused = !row["throws"].is_null();
    match parsed {
        Ok(_) if is_refused => Some(format!("accepted, Java says {}", row["throws"])),
        Ok(replacement) => {
            let output = replaced(&replacement, text(row, "input"));
            (output != text(row, "output")).then(|| format!("{output:?}"))
        }
        // What Java throws while it replaces depends on the input; here it is refused for all.
        Err(_) if is_refused => None,
        Err(error) => Some(format!("{error:?}")),
    }
}

#[test]
fn matches_are_replaced_as_java_replaces_them() {
    let mut found = Vec::new();
    let mut known = BTreeSet::new();
    let mut agreed = 0;
    for row in rows("regex.jsonl") {
        let Some(difference) = difference(&row) else {
            agreed += 1;
            continue;
        };
        let regex = text(&row, "regex");
        let is_known = DIFFERENT
            .iter()
            .any(|(different, shown, _)| *different == regex && difference.contains(shown));
        if is_known {
            known.insert(regex.to_owned());
        } else {
            found.push(format!("{row} but {difference}"));
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
    for (regex, ..) in DIFFERENT {
        assert!(known.contains(*regex), "`{regex}` no longer differs");
    }
    assert!(agreed > 1500, "only {agreed} rows agree");
}

#[test]
fn what_log4j_replaced_in_a_message_is_replaced_so() {
    let mut seen = 0;
    for row in rows("golden-composite.jsonl") {
        let Some(parts) = text(&row, "pattern")
            .strip_prefix("%replace{%m}{")
            .and_then(|rest| rest.strip_suffix('}'))
            .and_then(|rest| rest.rsplit_once("}{"))
            .filter(|(regex, _)| !regex.contains("}{"))
        else {
            continue;
        };
        let parsed = Replacement::parse(parts.0, parts.1);
        let message = text(&row["event"], "message");
        match row["output"].as_str() {
            // An expression that Java refuses: Log4j prints the pattern.
            Some("%replace") => assert!(parsed.is_err(), "{row}"),
            // Java does not look at a substitution that it does not come to.
            Some(output) if output == message && parsed.is_err() => {}
            Some(output) => assert_eq!(replaced(&parsed.unwrap(), message), output, "{row}"),
            None => assert!(
                matches!(parsed, Err(ReplacementError::Substitution(_))),
                "{row}"
            ),
        }
        seen += 1;
    }
    assert!(seen >= 25, "only {seen} rows");
}

/// Expressions whose rows differ, a part of what is different, and why.
const DIFFERENT: &[(&str, &str, &str)] = &[
    ("(?<![a-z])q", "backtracking engine", NO_BACKTRACKING),
    ("q(?=u)", "backtracking engine", NO_BACKTRACKING),
    ("q(?!u)", "backtracking engine", NO_BACKTRACKING),
    ("(?<=q)u", "backtracking engine", NO_BACKTRACKING),
    ("(?>a+)b", "backtracking engine", NO_BACKTRACKING),
    ("a++", "backtracking engine", NO_BACKTRACKING),
    ("a*+", "backtracking engine", NO_BACKTRACKING),
    ("a?+", "backtracking engine", NO_BACKTRACKING),
    ("a{1,2}+", "backtracking engine", NO_BACKTRACKING),
    (r"(\w)\1", "backtracking engine", NO_BACKTRACKING),
    (r"(?<n>\w)\k<n>", "backtracking engine", NO_BACKTRACKING),
    (r"\Gx", "not known to this engine", NO_BACKTRACKING),
    (r"\X", "not known to this engine", UNKNOWN),
    (r"\b{g}", "not known to this engine", UNKNOWN),
    ("(?c)a", "not known to this engine", UNKNOWN),
    (r"\N{DIGIT ONE}", "known here", UNKNOWN),
    (r"\p{InGreek}", "known here", UNKNOWN),
    (r"\p{blk=Greek}", "known here", UNKNOWN),
    (r"\p{javaMirrored}", "known here", UNKNOWN),
    (r"$\n?", "part of an expression", PLACES),
    (r"(?m)\s*^", "part of an expression", PLACES),
    ("(?:a|$)*", "part of an expression", PLACES),
    ("$*", "part of an expression", PLACES),
    (r"\b", "", ASCII_BOUNDARY),
    (r"\B", "", ASCII_BOUNDARY),
    (r"\b{2}", "", ASCII_BOUNDARY),
    ("(?m)^", "", LINES),
    ("(?iu)ß", "##", FOLDING),
    ("(a*)*", "<a", EMPTY_TURN),
    ("(a*)+", "<a", EMPTY_TURN),
    ("(a|)+", "<a", EMPTY_TURN),
];

const NO_BACKTRACKING: &str = "the engine never goes back, so that no text takes it long";
const UNKNOWN: &str = "tables of characters that this crate does without";
const ASCII_BOUNDARY: &str =
    "\\b knows the letters of ASCII, as \\w does; Java's from version 19 on";
const LINES: &str = "in (?m) the engine knows of line terminators \\n, \\r and \\r\\n only";
const FOLDING: &str =
    "the engine takes letters for equal as Unicode does, Java by way of capital letters";
const EMPTY_TURN: &str = "Java takes a last, empty turn of a loop into the group";
const PLACES: &str = "`$` is the last part of an expression, `^` of (?m) the first";
