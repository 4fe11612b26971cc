//! Events reach the topic, in order, with exact counters.

use std::time::Duration;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

use crate::support::LONG;
use crate::support::TOPIC;
use crate::support::assert_conserved;
use crate::support::broker;
use crate::support::kafka;
use crate::support::pattern;
use crate::support::values;

#[test]
fn an_event_becomes_a_record_with_its_text_and_time() {
    let broker = broker();
    let (layer, guard) = kafka(&broker)
        .layout(pattern("[%-4level] %msg%n"))
        .build()
        .unwrap();
    let before = std::time::SystemTime::now();
    tracing::subscriber::with_default(
        tracing_subscriber::registry().with(layer.with_filter(LevelFilter::ERROR)),
        || {
            tracing::info!("not this one");
            tracing::error!(left = 2, "out of {}", "stock");
        },
    );
    guard.flush(LONG).unwrap();
    let records = broker.all_records(TOPIC);
    assert_eq!(values(&broker), ["[ERROR] out of stock"]);
    let millis = before
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap()
        .as_millis();
    let stamp = u128::try_from(records[0].timestamp).unwrap();
    assert!((millis..millis + 60_000).contains(&stamp), "{stamp}");
    assert_eq!(records[0].key, None);
    let report = guard.shutdown(Duration::from_secs(5));
    assert_eq!(
        report.to_string(),
        "1 events offered, 1 delivered, 0 dropped"
    );
    assert!(!report.timed_out);
    assert_conserved(&report.stats);
}
