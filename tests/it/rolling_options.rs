//! Options of files that cannot be, or that contradict each other: refused by name, before anything is opened.

use std::time::Duration;

use tracing_kafka::FileIndex;
use tracing_kafka::FileLayer;
use tracing_kafka::FileLayerBuilder;
use tracing_kafka::Fsync;
use tracing_kafka::Period;

use crate::support::Folder;

/// The error of a layer names all of these.
#[track_caller]
fn refused(builder: FileLayerBuilder, expected: &[&str]) {
    let shown = format!("{builder:?}");
    let error = builder.build().expect_err(&shown).to_string();
    for part in expected {
        assert!(error.contains(part), "{error}: {part}");
    }
}

#[test]
fn values_that_cannot_be_are_refused_by_name() {
    let folder = Folder::new();
    let file = || FileLayer::builder(folder.file("app.log"));
    let by_size = || file().max_file_size(1);
    refused(
        file().max_file_size(0),
        &["`max_file_size` is `0`", "1 or more"],
    );
    refused(by_size().max_files(0), &["`max_files` is `0`"]);
    refused(by_size().max_age(Duration::ZERO), &["`max_age` is `0`"]);
    refused(by_size().max_total_size(0), &["`max_total_size` is `0`"]);
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is refused")]
    let empty = FileIndex::Min(3..=1);
    refused(
        by_size().file_index(empty),
        &["`file_index` is `3..=1`", "1..=7"],
    );
    refused(
        file().roll_every(Period::hours(0)),
        &["0 hours", "1 or more"],
    );
    refused(file().file_pattern("app-%q.log"), &["`file_pattern`", "%q"]);
    refused(
        by_size().zone("Europe/Berlln"),
        &["`zone` is `Europe/Berlln`", "Europe/Berlin"],
    );
    refused(
        by_size().file_pattern("app-%i.zip"),
        &["`.gz` or `.zst`", "`.zip`"],
    );
    refused(
        file().flush_interval(Duration::ZERO),
        &["`flush_interval` is `0ns`", "1 ms"],
    );
    refused(file().fsync(Fsync::Every(Duration::ZERO)), &["`fsync`"]);
    #[cfg(feature = "cron")]
    refused(file().roll_cron("every day"), &["`cron` is `every day`"]);
    #[cfg(feature = "gzip")]
    refused(
        by_size().file_pattern("app-%i.gz").compression_level(10),
        &["`compression_level` is `10`", "0 to 9"],
    );
    #[cfg(not(feature = "gzip"))]
    refused(
        by_size().file_pattern("app-%i.gz"),
        &["the feature `gzip` is off"],
    );
    #[cfg(not(feature = "zstd"))]
    refused(
        by_size().file_pattern("app-%i.zst"),
        &["the feature `zstd` is off"],
    );
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing was opened"
    );
}

#[test]
#[cfg(unix)]
fn archives_that_cannot_be_made_are_an_error_before_there_is_a_file() {
    let folder = Folder::new();
    std::fs::write(folder.file("taken"), "").unwrap();
    let path = folder.file("app.log");
    let pattern = folder.file("taken/app-%i.log");
    let pattern = pattern.to_str().unwrap();
    let builder = FileLayer::builder(&path)
        .file_pattern(pattern)
        .max_file_size(10);
    refused(
        builder,
        &["`file_pattern`", pattern, "cannot make its folder"],
    );
    assert!(!path.exists());
}

#[test]
fn options_that_contradict_each_other_are_refused_by_name() {
    let folder = Folder::new();
    let file = || FileLayer::builder(folder.file("app.log"));
    let named = |pattern: &str| file().file_pattern(pattern);
    let rolling = |pattern: &str| FileLayer::rolling(folder.file(pattern).to_str().unwrap());
    let no_reason = "nothing says when to roll";
    refused(file().max_files(3), &[no_reason, "`max_file_size`"]);
    refused(named("app.old"), &["`file_pattern` is", no_reason]);
    refused(rolling("app.log"), &[no_reason]);
    for (path, own) in [("app-1.log", "app-%i.log"), ("app-1.log", "./app-%i.log")] {
        let own = own.replace("./", &format!("{}/", folder.path().display()));
        let file = FileLayer::builder(folder.file(path))
            .file_pattern(own)
            .max_file_size(9);
        refused(file, &["the log file is", "none of the archives"]);
    }
    let by_year = "app-%d{yyyy}.log";
    refused(
        named(by_year).max_file_size(9),
        &["`max_file_size` is set", "`%i`"],
    );
    refused(
        named(by_year).file_index(FileIndex::Max(1..=2)),
        &["`file_index` is set", "`%i`"],
    );
    refused(
        named("app-%d{yyyy-MM-dd}.log").roll_every(Period::HOURLY),
        &["every 1 hour", "a date that tells these apart"],
    );
    refused(rolling(by_year).file_pattern("x-%i"), &["one pattern"]);
    refused(
        rolling(by_year).roll_on_startup(1),
        &["`roll_on_startup` is set", "`%i`"],
    );
    refused(FileLayer::stdout().max_file_size(1), &["standard stream"]);
    refused(FileLayer::stderr().max_files(1), &["standard stream"]);
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "nothing was opened"
    );
}
