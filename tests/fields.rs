//! The fields behind a message and the spans before it, as `tracing_subscriber::fmt` writes them: the same
//! events through both, compared text by text; and which fields a pattern leaves out.
#![cfg(test)]

#[path = "fields/elsewhere.rs"]
mod elsewhere;
#[path = "fields/oracle.rs"]
mod oracle;
#[path = "fields/sites.rs"]
mod sites;
