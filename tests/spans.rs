//! The spans that an event shows are those that the registry has for it at that moment, whatever was
//! called before. In a binary of its own: filters and reloads touch every callsite of the process.
#![cfg(test)]

#[path = "spans/choices.rs"]
mod choices;
#[path = "spans/named.rs"]
mod named;
#[path = "spans/program.rs"]
mod program;
#[path = "spans/witness.rs"]
mod witness;
