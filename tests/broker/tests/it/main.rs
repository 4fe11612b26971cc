//! Tests of the broker through its sockets.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    reason = "helpers of tests fail where the test fails, and say when one is skipped"
)]

mod client;
mod controls;
mod faults;
mod idempotence;
mod nodes;
mod readers;
mod rules;
mod versions;
