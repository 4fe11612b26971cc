//! The crate as its users see it, on the in-process broker and on files.
#![cfg(test)]

mod delivery;
mod support;
