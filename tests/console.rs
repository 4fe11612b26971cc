//! The console while the application holds its lock; each case has a process of its own, as there is one console.
#![cfg(test)]
#![cfg(unix)]

use std::io::Write as _;
use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use tracing_kafka::FileLayer;
use tracing_kafka::FileLayerBuilder;
use tracing_kafka::PatternLayout;
use tracing_subscriber::prelude::*;

const CASE: &str = "TRACING_KAFKA_TEST_CONSOLE";
const LINES: usize = 1000;
const LONG: Duration = Duration::from_secs(20);

/// Not a test of its own: what a child plays.
#[test]
fn child_process() {
    match std::env::var(CASE).as_deref() {
        Ok("shutdown") => play_shutdown(),
        Ok("patience") => play_patience(),
        _ => {}
    }
}

fn output(case: &str) -> String {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_process", "--nocapture"])
        .env(CASE, case)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}\n{errors}");
    text
}

fn builder(tell: mpsc::Sender<String>) -> FileLayerBuilder {
    FileLayer::stdout()
        .layout(PatternLayout::new("line %m").unwrap())
        .on_error(move |error| {
            let _unheard = tell.send(error.to_string());
        })
}

fn log() {
    for number in 0..LINES {
        tracing::info!("{number}");
    }
}

fn check_lines(text: &str) {
    let lines: Vec<_> = text
        .lines()
        .filter(|line| line.starts_with("line "))
        .collect();
    let expected: Vec<_> = (0..LINES).map(|number| format!("line {number}")).collect();
    assert_eq!(lines, expected);
}

const HELD: &str =
    "cannot write to standard output: the application holds its lock, and 1000 lines wait";

fn play_shutdown() {
    let (tell, told) = mpsc::channel();
    let (layer, guard) = builder(tell).build().unwrap();
    let _default = tracing_subscriber::registry().with(layer).set_default();
    let mut held = std::io::stdout().lock();
    writeln!(held, "before").unwrap();
    log();
    let report = guard.shutdown(Duration::from_secs(4));
    assert_eq!(report.stats.delivered, LINES as u64, "{report}");
    assert!(!report.timed_out, "{report}");
    assert_eq!(told.recv_timeout(LONG).unwrap(), HELD);
    writeln!(held, "after").unwrap();
}

#[test]
fn lines_of_a_shutdown_by_the_thread_that_holds_the_lock_are_written() {
    let text = output("shutdown");
    check_lines(&text);
    let at = |part: &str| text.find(part).unwrap();
    assert!(at("before\n") < at("line 0\n") && at("line 999\n") < at("after\n"));
}

fn play_patience() {
    let (tell, told) = mpsc::channel();
    let (layer, guard) = builder(tell).build().unwrap();
    let _default = tracing_subscriber::registry().with(layer).set_default();
    let held = std::io::stdout().lock();
    log();
    assert_eq!(told.recv_timeout(LONG).unwrap(), HELD);
    guard.flush(Duration::from_millis(200)).unwrap_err();
    assert_eq!(guard.stats().delivered, 0);
    drop(held);
    guard.flush(LONG).unwrap();
    assert_eq!(guard.stats().delivered, LINES as u64);
}

#[test]
fn a_lock_that_is_held_for_long_is_told_of_and_costs_no_line() {
    check_lines(&output("patience"));
}
