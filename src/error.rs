//! Every public error type: one per set of outcomes.

mod build;
mod delivery;
mod pattern;

pub use build::BuildError;
pub use delivery::FlushError;
pub use pattern::PatternError;
