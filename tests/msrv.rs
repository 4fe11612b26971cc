//! The `rust-version` that `Cargo.toml` promises is enough for everything the crate builds on.
//!
//! A dependency may ask for a newer Rust in any of its patch releases, and then the promise is broken
//! without a change here. What counts is what a user compiles: normal and build dependencies, all
//! features, the platform this runs on. Dev-dependencies count only where they are also one of those.
#![cfg(test)]

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

const PACKAGE: &str = "tracing-kafka";

#[test]
fn the_promised_rust_version_is_enough_for_every_dependency() {
    let found = too_new(&metadata());
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn versions_compare_by_number_and_may_be_short() {
    assert!(version("1.88") < version("1.100"));
    assert!(version("1.9.9") < version("1.10"));
    assert_eq!(version("1.88"), version("1.88.0"));
    assert!(version("1.88") < version("1.88.1"));
}

#[test]
fn a_dependency_that_asks_for_more_is_named_with_the_way_to_it() {
    let mut metadata = planted("1.89");
    assert_eq!(
        too_new(&metadata),
        ["`deep 2.0.0` needs Rust 1.89, the promise is 1.88 (tracing-kafka -> near -> deep)"]
    );
    metadata["packages"][2]["rust_version"] = "1.88.0".into();
    assert_eq!(too_new(&metadata), Vec::<String>::new());
    // A dependency that says nothing promises nothing.
    metadata["packages"][2]["rust_version"] = Value::Null;
    assert_eq!(too_new(&metadata), Vec::<String>::new());
}

#[test]
fn a_package_without_a_promise_is_found() {
    let mut metadata = planted("1.56");
    metadata["packages"][0]["rust_version"] = Value::Null;
    assert_eq!(too_new(&metadata), ["`tracing-kafka` has no rust-version"]);
}

/// tracing-kafka 1.88 → near → deep, and a dev-dependency of the distant future.
fn planted(deep: &str) -> Value {
    let package = |id: &str, name: &str, rust: &str| -> Value {
        serde_json::json!({"id": id, "name": name, "version": "2.0.0", "rust_version": rust})
    };
    let link = |to: &str, kind: Value| -> Value {
        serde_json::json!({"pkg": to, "dep_kinds": [{"kind": kind, "target": null}]})
    };
    serde_json::json!({
        "packages": [
            package("0", PACKAGE, "1.88"),
            package("1", "near", "1.60"),
            package("2", "deep", deep),
            package("3", "only-for-tests", "1.999"),
        ],
        "resolve": {"nodes": [
            {"id": "0", "deps": [link("1", Value::Null), link("3", "dev".into())]},
            {"id": "1", "deps": [link("2", "build".into())]},
            {"id": "2", "deps": []},
            {"id": "3", "deps": []},
        ]},
    })
}

/// One line for each dependency whose `rust-version` is above the package's.
fn too_new(metadata: &Value) -> Vec<String> {
    let packages: BTreeMap<&str, &Value> = list(&metadata["packages"])
        .map(|package| (text(&package["id"]), package))
        .collect();
    let links: BTreeMap<&str, &Value> = list(&metadata["resolve"]["nodes"])
        .map(|node| (text(&node["id"]), &node["deps"]))
        .collect();
    let root = packages
        .iter()
        .find(|(_, package)| package["name"] == PACKAGE)
        .map(|(id, _)| *id)
        .expect("the package is in its own metadata");
    let Some(promise) = packages[root]["rust_version"].as_str() else {
        return vec![format!("`{PACKAGE}` has no rust-version")];
    };

    let mut found = Vec::new();
    let mut seen = BTreeSet::from([root]);
    let mut open = vec![(root, PACKAGE.to_owned())];
    while let Some((id, way)) = open.pop() {
        let package = packages[id];
        if let Some(needed) = package["rust_version"].as_str()
            && version(needed) > version(promise)
        {
            found.push(format!(
                "`{} {}` needs Rust {needed}, the promise is {promise} ({way})",
                text(&package["name"]),
                text(&package["version"]),
            ));
        }
        for link in list(links[id]).filter(|link| is_compiled(link)) {
            let next = text(&link["pkg"]);
            if seen.insert(next) {
                open.push((next, format!("{way} -> {}", text(&packages[next]["name"]))));
            }
        }
    }
    found.sort();
    found
}

/// Whether a user of the package compiles what this link leads to.
fn is_compiled(link: &Value) -> bool {
    list(&link["dep_kinds"]).any(|kind| kind["kind"] != "dev")
}

/// `1.88` and `1.88.0` as numbers.
fn version(text: &str) -> [u64; 3] {
    let mut numbers = [0; 3];
    for (number, part) in numbers.iter_mut().zip(text.split('.')) {
        *number = part.parse().expect("a rust-version is made of numbers");
    }
    numbers
}

/// What cargo resolves for this platform, from what is already here if that is enough.
fn metadata() -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let platform = host();
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let mut refusals = String::new();
    for more in [&["--offline"] as &[&str], &[]] {
        let output = Command::new(&cargo)
            .args(["metadata", "--format-version", "1", "--all-features"])
            .args(["--filter-platform", &platform, "--manifest-path"])
            .arg(&manifest)
            .args(more)
            .output()
            .expect("cargo starts");
        if output.status.success() {
            return serde_json::from_slice(&output.stdout).expect("cargo prints JSON");
        }
        refusals.push_str(&String::from_utf8_lossy(&output.stderr));
    }
    panic!("cargo metadata: {refusals}");
}

/// The platform that rustc builds for by default.
fn host() -> String {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("-vV")
        .output()
        .expect("rustc starts");
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .find_map(|line| line.strip_prefix("host: "))
        .expect("rustc -vV names the host")
        .to_owned()
}

#[track_caller]
fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().expect("a list").iter()
}

#[track_caller]
fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}
