//! The arrows between the modules point down, and every file keeps to its size and its head.
//!
//! The ranks are those of `DESIGN.md` §4. The check reads the tokens of `src/`, not its lines: comments
//! and strings cannot trigger it, and a path inside an expression, a type or a macro body cannot hide
//! from it. It is a pure function, tried on planted sources below.
#![cfg(test)]

use std::fs;
use std::path::Path;

use check::MAX_LINES;
use check::findings;

#[path = "architecture/check.rs"]
mod check;

#[test]
fn the_sources_keep_the_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    collect(root, &root.join("src"), &mut sources);
    sources.sort();
    let sources: Vec<_> = sources
        .iter()
        .map(|(path, text)| (path.as_str(), text.as_str()))
        .collect();
    assert!(
        sources.iter().any(|(path, _)| *path == "src/lib.rs"),
        "no src/lib.rs was read"
    );
    let found = findings(&sources);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

/// Reads every `.rs` file below a folder; paths are relative to the root and use `/`.
fn collect(root: &Path, folder: &Path, into: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).expect("src/ is readable") {
        let path = entry.expect("src/ is readable").path();
        if path.is_dir() {
            collect(root, &path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source is UTF-8");
            let relative = path.strip_prefix(root).expect("below the root");
            let parts: Vec<_> = relative
                .iter()
                .map(|part| part.to_string_lossy().into_owned())
                .collect();
            into.push((parts.join("/"), text));
        }
    }
}

/// The findings in a crate of three layers where one file has this body.
#[track_caller]
fn planted(path: &str, body: &str) -> Vec<String> {
    let text = format!("//! Planted.\n{body}\n");
    let mut sources = vec![
        ("src/lib.rs", "//! Root.\npub mod kafka;\n"),
        ("src/kafka.rs", "//! Rank 4.\n"),
        ("src/kafka/retry.rs", "//! Rank 4.\n"),
        ("src/kafka/wire.rs", "//! Rank 4.\n"),
        ("src/file.rs", "//! Rank 4.\n"),
        ("src/layout.rs", "//! Rank 2.\n"),
        ("src/layout/date.rs", "//! Rank 2.\n"),
        (
            "src/layout/parser.rs",
            "//! Rank 2.\nuse super::date::Date;\n",
        ),
        ("src/error.rs", "//! Rank 0.\n"),
    ];
    sources.retain(|(other, _)| *other != path);
    sources.push((path, &text));
    findings(&sources)
}

#[track_caller]
fn finds(path: &str, body: &str, expected: &[&str]) {
    let found = planted(path, body);
    assert_eq!(found.len(), expected.len(), "{body}\n{found:#?}");
    for (line, part) in found.iter().zip(expected) {
        assert!(line.contains(part), "`{part}` is not in\n{line}");
    }
}

#[test]
fn imports_downwards_and_into_the_own_module_are_fine() {
    finds(
        "src/lib.rs",
        "use crate::kafka::{A, B}; use self::layout::C;",
        &["src/lib.rs:2: braces"],
    );
    for body in [
        "use crate::layout::Layout;\nuse crate::error::Error;",
        "use self::wire::Connection;\npub(crate) use crate::kafka::retry::Retry;",
        "fn f(self) { self.x; crate::error::f::<u8>(); } pub(super) struct S; pub(in crate::kafka) struct T;",
        "use std::fmt;\nuse ::kafka::X;\nfn f() -> impl Fn() + use<'static> {}",
        "mod inner { use super::Thing; use crate::error::E; }",
    ] {
        finds("src/kafka.rs", body, &[]);
    }
}

#[test]
fn an_upward_import_is_found() {
    finds(
        "src/layout/date.rs",
        "\nuse crate::kafka::Topic;",
        &[
            "src/layout/date.rs:3: `crate::kafka::Topic` climbs from `layout` (rank 2) to `kafka` (rank 4)",
        ],
    );
}

#[test]
fn an_upward_path_in_an_expression_a_type_or_an_attribute_is_found() {
    for body in [
        "fn f() { if true { let _ = [1, crate::kafka::N]; } }",
        "struct S<T: crate::kafka::Seal>(T);",
        "#[derive(crate::kafka::Thing)] struct S;",
        "pub(in crate::kafka) fn f() {}",
        "use crate::kafka as k;",
        "use super::kafka::*;",
    ] {
        finds("src/layout.rs", body, &["climbs from `layout`"]);
    }
}

#[test]
fn an_import_via_super_super_is_found() {
    finds(
        "src/layout/parser.rs",
        "use super::super::kafka::X;",
        &[
            "`super::super::kafka::X` goes up twice",
            "`super::super::kafka::X` climbs",
        ],
    );
    finds(
        "src/layout.rs",
        "mod inner { fn f() { super::super::kafka::f() } }",
        &[
            "`super::super::kafka::f` goes up twice",
            "`super::super::kafka::f` climbs",
        ],
    );
    finds(
        "src/layout/date/fields.rs",
        "use super::super::zone::X;",
        &["`super::super::zone::X` goes up twice"],
    );
    finds(
        "src/layout.rs",
        "use self::super::kafka::X;",
        &["`self::super::kafka::X` climbs"],
    );
}

#[test]
fn an_upward_path_in_a_macro_body_is_found() {
    finds(
        "src/error.rs",
        "macro_rules! m { ($e:expr) => { $crate::kafka::send($e) }; }",
        &["`crate::kafka::send` climbs"],
    );
    finds(
        "src/error.rs",
        "macro_rules! m { () => { use $crate::layout::Layout; }; }",
        &["`crate::layout::Layout` climbs"],
    );
    finds(
        "src/error.rs",
        "fn f() { format!(\"{}\", crate::layout::f()); }",
        &["`crate::layout::f` climbs"],
    );
}

#[test]
fn a_sideways_path_is_found() {
    finds(
        "src/file.rs",
        "use crate::kafka::retry::Retry;",
        &["`crate::kafka::retry::Retry` goes sideways from `file` to `kafka` (both rank 4)"],
    );
}

#[test]
fn an_item_of_the_root_is_found() {
    for body in [
        "use crate::KafkaLayer;",
        "use super::*;",
        "use crate as root;",
        "crate::log!();",
    ] {
        finds("src/kafka.rs", body, &["to an item of lib.rs"]);
    }
}

#[test]
fn a_braced_import_is_found_and_opened() {
    finds(
        "src/layout.rs",
        "use crate::{error::E, kafka::{self, retry::R as Q}};",
        &[
            "src/layout.rs:2: braces in a `use`",
            "`crate::kafka::self` climbs",
            "`crate::kafka::retry::R` climbs",
        ],
    );
    finds("src/kafka.rs", "use super::layout::{A, B};", &["braces"]);
    finds("src/kafka.rs", "use std::{fmt, io};", &[]);
}

#[test]
fn a_ring_inside_a_folder_is_found_with_its_places() {
    finds(
        "src/layout/date.rs",
        "fn f() { super::parser::f() }",
        &[
            "modules of `layout` name each other in a ring: date -> parser -> date\n    date -> parser: src/layout/date.rs:2: `super::parser::f`\n    parser -> date: src/layout/parser.rs:2: `super::date::Date`",
        ],
    );
    finds("src/layout/date.rs", "use super::Layout;", &[]);
}

#[test]
fn comments_strings_and_docs_do_not_trigger() {
    finds(
        "src/error.rs",
        "// use crate::kafka::X; rskafka\n/* crate::kafka /* nested */ rskafka */\n/// See [`crate::kafka::X`].\n/** crate::kafka::X */\nfn f<'a>() { let _ = (\"crate::kafka::X\", r#\"use crate::kafka::{a}; rskafka\"#, b\"crate::kafka\", '\"', ':'); }\n//! x".trim_end_matches("//! x"),
        &[],
    );
}

#[test]
fn tests_may_name_anything_but_only_tests() {
    let body = "use crate::layout::{Layout};";
    finds(
        "src/error.rs",
        &format!(
            "#[cfg(test)]\nmod tests {{ {body} mod deep {{ fn f() {{ crate::kafka::f() }} }} }}"
        ),
        &["braces"],
    );
    finds(
        "src/error.rs",
        "#[cfg(test)]\nfn helper() {}\nmod plain { use crate::layout::Layout; }",
        &["climbs"],
    );
    finds(
        "src/error.rs",
        "#[cfg(not(test))]\nmod plain { use crate::layout::Layout; }",
        &["climbs"],
    );
    // A test module in a file of its own, known by its declaration.
    let sources = [
        ("src/error.rs", "//! Rank 0.\n#[cfg(test)]\nmod tests;\n"),
        (
            "src/error/tests.rs",
            "//! Tests.\nuse crate::layout::Layout;\n",
        ),
        ("src/layout.rs", "//! Rank 2.\n"),
    ];
    assert_eq!(findings(&sources), Vec::<String>::new());
}

#[test]
fn a_module_without_a_rank_is_found() {
    finds(
        "src/spool.rs",
        "use crate::error::E;",
        &["`spool` has no rank"],
    );
    finds("src/lib.rs", "mod inline {}", &["`inline` has no rank"]);
    finds("src/lib.rs", "#[cfg(test)] mod support {}", &[]);
}

#[test]
fn rskafka_outside_its_folder_is_found() {
    finds(
        "src/kafka.rs",
        "use rskafka::record::Record;",
        &["src/kafka.rs:2: `rskafka` is named"],
    );
    finds(
        "src/kafka/wired.rs",
        "fn f() { rskafka::f() }",
        &["`rskafka` is named"],
    );
    finds(
        "src/kafka/retry.rs",
        "#[cfg(test)] mod tests { use std::{x, rskafka as y}; }",
        &["`rskafka`"],
    );
    finds("src/kafka/wire.rs", "use rskafka::record::Record;", &[]);
    finds("src/kafka/wire/batch.rs", "fn f() { rskafka::f() }", &[]);
}

#[test]
fn a_thread_started_elsewhere_is_found() {
    for body in [
        "fn f() { std::thread::spawn(g); }",
        "fn f() { thread::Builder::new(); }",
        "fn f() { if x { thread::scope(g) } }",
        "use std::thread::Builder;",
        "use std::thread::{JoinHandle, spawn as go};",
        "use std::thread::*;",
    ] {
        finds("src/file.rs", body, &["a thread is started outside"]);
    }
    for body in [
        "fn f() { thread::sleep(time); start_thread(name, g); runtime.spawn(g); }",
        "use std::thread;\nuse std::thread::JoinHandle;",
        "#[cfg(test)]\nmod tests { fn f() { std::thread::spawn(g); } }",
    ] {
        finds("src/file.rs", body, &[]);
    }
    finds("src/sys.rs", "fn f() { std::thread::spawn(g); }", &[]);
}

#[test]
fn a_long_file_a_missing_module_doc_and_a_broken_file_are_found() {
    finds("src/error.rs", &"\n".repeat(MAX_LINES - 1), &["601 lines"]);
    finds("src/error.rs", &"\n".repeat(MAX_LINES - 2), &[]);
    let found = findings(&[
        ("src/error.rs", "\n//! Late.\n"),
        ("src/lib.rs", "//! Root.\nfn f( {\n"),
    ]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].contains("src/error.rs:1: the first line is no"),
        "{found:#?}"
    );
    assert!(
        found[1].contains("src/lib.rs: does not tokenise"),
        "{found:#?}"
    );
}
