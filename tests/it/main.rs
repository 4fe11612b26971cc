//! The crate as its users see it, on the in-process broker and on files.
#![cfg(test)]

mod composition;
mod delivery;
mod errors;
mod faults;
mod files;
mod harness;
mod idempotence;
mod injection;
mod inputs;
mod kept;
mod keys;
mod matrix;
mod outage;
mod overflow;
mod proxy;
mod rendering;
mod support;
