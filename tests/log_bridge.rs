//! Records of the crate `log`, which `tracing-log` hands on: they come from where they were logged.
#![cfg(test)]

use tracing_kafka::JsonLayout;
use tracing_kafka::MemoryLayer;
use tracing_kafka::PatternLayout;
use tracing_subscriber::prelude::*;

/// A process has one global logger, so there is one test.
#[test]
fn a_record_of_log_shows_its_own_target_and_place() {
    tracing_log::LogTracer::init().unwrap();
    let text = PatternLayout::new("%p %c %C{1} %F %m %K").unwrap();
    let (pattern, texts) = MemoryLayer::new(text);
    let (json, objects) = MemoryLayer::new(
        JsonLayout::builder(tracing_kafka::JsonSchema::Own)
            .location(true)
            .build()
            .unwrap(),
    );
    let subscriber = tracing_subscriber::registry().with(pattern).with(json);
    let line = tracing::subscriber::with_default(subscriber, || {
        log::warn!(target: "shop::orders", "stock is {}", "low\nINFO forged");
        log::info!(target: "odd\u{1b}[31m", "again");
        tracing::info!(target: "log", own = 1, "an event whose target is just that");
        log::info!("with the module as its target");
        line!()
    });
    assert_eq!(
        texts.take(),
        [
            "WARN shop::orders log_bridge tests/log_bridge.rs stock is low\\nINFO forged ",
            "INFO odd\\x1b[31m log_bridge tests/log_bridge.rs again ",
            "INFO log log_bridge tests/log_bridge.rs an event whose target is just that {own=1}",
            "INFO log_bridge log_bridge tests/log_bridge.rs with the module as its target ",
        ]
    );
    let objects: Vec<serde_json::Value> = objects
        .take()
        .iter()
        .map(|object| serde_json::from_str(object).unwrap())
        .collect();
    assert_eq!(objects[0]["target"], "shop::orders");
    assert_eq!(objects[0]["message"], "stock is low\nINFO forged");
    assert_eq!(objects[0]["file"], "tests/log_bridge.rs");
    assert_eq!(objects[3]["line"], line - 1);
    assert!(
        objects
            .iter()
            .all(|object| !object.to_string().contains("log.")),
        "{objects:?}"
    );
    assert_eq!(objects[2]["fields"]["own"], 1);
}
