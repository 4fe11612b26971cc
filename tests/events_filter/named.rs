//! What it is for, case by case.

use tracing_kafka::MemoryLayer;
use tracing_kafka::PatternLayout;
use tracing_kafka::events;
use tracing_subscriber::Registry;
use tracing_subscriber::filter::EnvFilter;
use tracing_subscriber::filter::FilterExt as _;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::Filter;
use tracing_subscriber::prelude::*;
use tracing_subscriber::reload;

#[track_caller]
fn check(filter: impl Filter<Registry> + Send + Sync + 'static, expected: &[&str]) {
    let layout = PatternLayout::new("%p (%X{request_id}) %spans%m").unwrap();
    let (layer, records) = MemoryLayer::new(layout);
    let layer = layer.with_filter(filter);
    tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
        let _http = tracing::info_span!("http", request_id = "r-1").entered();
        let _query = tracing::debug_span!("query").entered();
        let _fine = tracing::trace_span!("fine").entered();
        tracing::error!("one");
        tracing::info!("two");
        tracing::debug!("three");
    });
    assert_eq!(records.take(), expected);
}

const BARE: [&str; 1] = ["ERROR () one"];

#[test]
fn an_error_has_the_fields_of_its_request() {
    check(LevelFilter::ERROR, &BARE);
    let http = ["ERROR (r-1) http{request_id=\"r-1\"}: one"];
    check(events(LevelFilter::ERROR), &http);
    check(events(EnvFilter::new("error")), &http);
    check(
        events(Box::new(LevelFilter::ERROR) as Box<dyn Filter<Registry> + Send + Sync>),
        &http,
    );
    check(events(reload::Layer::new(LevelFilter::ERROR).0), &http);
    check(events(LevelFilter::WARN.and(LevelFilter::ERROR)), &http);
    check(events(LevelFilter::ERROR).and(LevelFilter::TRACE), &http);
    let filter = events(LevelFilter::ERROR);
    check(filter.clone(), &http);
    check(filter, &http);
}

#[test]
fn spans_have_a_level_of_their_own() {
    check(
        events(LevelFilter::ERROR).spans(LevelFilter::DEBUG),
        &["ERROR (r-1) http{request_id=\"r-1\"}:query: one"],
    );
    check(
        events(LevelFilter::ERROR).spans(LevelFilter::TRACE),
        &["ERROR (r-1) http{request_id=\"r-1\"}:query:fine: one"],
    );
    check(events(LevelFilter::ERROR).spans(LevelFilter::OFF), &BARE);
    check(events(LevelFilter::OFF), &[]);
}

#[test]
fn spans_that_the_filter_wants_pass_whatever_their_level() {
    check(
        events(EnvFilter::new("error,[query]=debug")),
        &[
            "ERROR (r-1) http{request_id=\"r-1\"}:query: one",
            "INFO (r-1) http{request_id=\"r-1\"}:query: two",
            "DEBUG (r-1) http{request_id=\"r-1\"}:query: three",
        ],
    );
}

#[test]
fn a_filter_is_wrapped_whatever_it_is_and_says_what_it_is() {
    let filter = events(LevelFilter::ERROR);
    assert_eq!(
        format!("{filter:?}"),
        "EventsFilter { inner: LevelFilter::ERROR, spans: LevelFilter::INFO, .. }"
    );
    assert_eq!(*filter.inner(), LevelFilter::ERROR);
}
