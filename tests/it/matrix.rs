//! The fault matrix, rows F1 to F22: what can go wrong around a producer, and what has to hold then.
//!
//! Mode A is `DropNewest`, mode B is `Block`. In each test the counters are compared with each other
//! all the time, and records in the topic are counted: with idempotence none is there twice.
//!
//! What other places show: F11 and F13 with leaders and quotas of a real cluster, and brokers that
//! are killed and frozen for real (F2, F3), in `tests/real_kafka_faults.rs`; F16 and the passwords of
//! F15 in `security.rs` and `tests/real_kafka_security.rs`; the memory of F8 and F22 in a process of
//! its own, `tests/strangers.rs`.

mod absence;
mod brokers;
mod links;
mod refusals;
mod topics;
