//! The crate as its users see it, on the in-process broker and on files.
#![cfg(test)]

mod codecs;
mod composition;
mod delivery;
mod errors;
mod faults;
mod files;
#[path = "../support/gate.rs"]
mod gate;
mod harness;
mod idempotence;
mod injection;
mod inputs;
mod kept;
mod keys;
mod matrix;
mod metadata;
mod outage;
mod overflow;
mod proxy;
mod rendering;
mod rolled;
mod rolling;
mod rolling_options;
mod rolling_others;
mod rolling_starts;
mod security;
mod sharing;
mod support;
mod throttle;
