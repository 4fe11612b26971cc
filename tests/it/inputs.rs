//! Bad values are errors of `build()` that name the value and what was expected; nothing panics.

use std::time::Duration;

use tracing_kafka::FileLayer;
use tracing_kafka::KafkaLayer;
use tracing_kafka::OverflowPolicy;
use tracing_kafka::PROPERTIES;

use crate::support::Folder;

#[track_caller]
fn refused(builder: tracing_kafka::KafkaLayerBuilder, parts: &[&str]) {
    let error = builder.build().map(|_| ()).unwrap_err().to_string();
    for part in parts {
        assert!(error.contains(part), "`{error}` lacks `{part}`");
    }
    assert!(!error.ends_with('.'), "{error}");
}

fn good() -> tracing_kafka::KafkaLayerBuilder {
    KafkaLayer::builder(["localhost:9092"], "logs")
}

#[test]
fn addresses_and_topics() {
    let none: [&str; 0] = [];
    refused(
        KafkaLayer::builder(none, "logs"),
        &["bootstrap.servers", "at least one address"],
    );
    refused(
        KafkaLayer::builder([""], "logs"),
        &["bootstrap.servers", "empty address"],
    );
    refused(
        KafkaLayer::builder(["kafka"], "logs"),
        &["`kafka`", "the port is missing"],
    );
    refused(
        KafkaLayer::builder(["{butterflyserver:port}"], "logs"),
        &["`{butterflyserver:port}`", "expected `host:port`"],
    );
    refused(
        KafkaLayer::builder(["a:1"], "größe"),
        &["`topic`", "`größe`", "ASCII"],
    );
    refused(KafkaLayer::builder(["a:1"], ""), &["`topic`", "1 to 249"]);
    refused(KafkaLayer::builder(["a:1"], ".."), &["`..`"]);
}

#[test]
fn sizes_times_and_properties() {
    refused(good().batch_size(0), &["`batch.size` is `0`"]);
    refused(good().buffer_memory(0), &["`buffer.memory` is `0`"]);
    refused(
        good().buffer_memory(100_000).batch_size(200_000),
        &["`buffer.memory` is `100000`", "`batch.size` is `200000`"],
    );
    refused(good().linger(Duration::MAX), &["`linger.ms`"]);
    refused(
        good().delivery_timeout(Duration::ZERO),
        &["`delivery.timeout.ms`"],
    );
    refused(
        good()
            .delivery_timeout(Duration::from_secs(120))
            .request_timeout(Duration::from_secs(200)),
        &["`request.timeout.ms`"],
    );
    refused(
        good().overflow(OverflowPolicy::Block {
            max_wait: Duration::ZERO,
        }),
        &["`max.block.ms`"],
    );
    refused(
        good().property("linger.ms", "soon"),
        &["`linger.ms` is `soon`", "milliseconds"],
    );
    refused(
        good().property("lingr", "1"),
        &["property `lingr` is unknown", "`linger.ms`"],
    );
    refused(
        good().property("bootstrap.servers", "b"),
        &["`bootstrap.servers` is `b`", "port is missing"],
    );
    refused(good().property("acks", "2"), &["`acks` is `2`", "`all`"]);
}

#[test]
fn every_property_that_is_listed_is_taken() {
    for property in PROPERTIES {
        let builder = if property.name == "bootstrap.servers" {
            let none: [&str; 0] = [];
            KafkaLayer::builder(none, "logs").property(property.name, "localhost:9092")
        } else {
            // A level belongs to its codec: `compression.gzip.level`.
            let mut words = property.name.split('.');
            let builder = match (words.next(), words.next(), words.next()) {
                (Some("compression"), Some(codec), Some("level")) => {
                    good().property("compression.type", codec)
                }
                _ => good(),
            };
            builder.property(property.name, property.default)
        };
        // Credentials and certificates belong to others: `security.rs` sets them together.
        let is_alone = !property.default.is_empty() || property.name == "bootstrap.servers";
        if !is_alone || (property.default == "lz4" && !cfg!(feature = "lz4")) {
            continue;
        }
        let (_layer, guard) = builder.build().unwrap();
        guard.shutdown(Duration::from_secs(1));
    }
}

#[test]
fn paths_that_are_no_log_file() {
    let folder = Folder::new();
    let refuse = |path: &std::path::Path, part: &str| {
        let error = FileLayer::builder(path).build().map(|_| ()).unwrap_err();
        let cause = error.to_string();
        assert!(
            error.to_string().contains(&path.display().to_string()),
            "{error}"
        );
        assert!(cause.contains(part), "{cause}");
    };
    refuse(folder.path(), "directory");
    let file = folder.file("plain");
    std::fs::write(&file, "x").unwrap();
    refuse(&file.join("below"), "");
    #[cfg(unix)]
    {
        let pipe = folder.file("pipe");
        let made = std::process::Command::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap();
        assert!(made.success());
        refuse(&pipe, "pipe");
    }
    let error = FileLayer::builder(folder.file("a"))
        .buffer_memory(1)
        .build()
        .map(|_| ())
        .unwrap_err();
    assert!(
        error.to_string().contains("`buffer.memory` is `1`"),
        "{error}"
    );
}

#[test]
fn building_and_dropping_leaves_no_thread_behind() {
    for _ in 0..50 {
        let (layer, guard) = good().build().unwrap();
        drop(layer);
        let report = guard.shutdown(Duration::from_secs(5));
        assert_eq!(report.stats.offered, 0);
        assert!(!report.timed_out);
    }
}

#[test]
fn a_password_in_an_address_shows_nowhere() {
    let address = "user:hun,ter2@host:9092";
    let none: [&str; 0] = [];
    let builders = [
        KafkaLayer::builder([address], "logs"),
        KafkaLayer::builder(none, "logs").property("bootstrap.servers", address),
        good().property("bootstrap.servers", address),
    ];
    for builder in builders {
        let debug = format!("{builder:?}");
        let error = builder.build().map(|_| ()).unwrap_err();
        for text in [debug, error.to_string(), format!("{error:?}")] {
            assert!(!text.contains("hun") && !text.contains("ter2"), "{text}");
        }
    }
}

#[test]
fn every_error_says_in_one_line_what_was_wrong() {
    let error = KafkaLayer::builder(["a:1"], "t\nforged: all is well").build();
    let text = error.map(|_| ()).unwrap_err().to_string();
    assert_eq!(text.lines().count(), 1, "{text}");
    let pattern = tracing_kafka::PatternLayout::new("%d %mesage").unwrap_err();
    let text = tracing_kafka::BuildError::from(pattern).to_string();
    assert!(
        text.contains("`%mesage`") && text.contains("byte 3"),
        "{text}"
    );
}
