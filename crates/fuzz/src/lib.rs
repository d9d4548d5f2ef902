//! What others hand to Mandate as text, and what must hold of it, whatever it is.
//!
//! Each target is a function of bytes that panics when something does not hold. `tests/fuzz NAME` lets libFuzzer look for
//! such bytes; `tests/corpus.rs` runs what it and people have found so far, which is kept in `corpus/NAME/`, with every test run.

pub mod assertions;
pub mod consistency_token;
pub mod fixtures;
pub mod id;
pub mod page_token;
pub mod policy;
pub mod token;

mod policies;

/// A target: bytes in, a panic if something does not hold.
pub type Target = fn(&[u8]);

/// Every target by its name, which is also its folder's in `corpus/`.
pub const TARGETS: &[(&str, Target)] = &[
    ("assertions", assertions::run),
    ("consistency_token", consistency_token::run),
    ("fixtures", fixtures::run),
    ("id", id::run),
    ("page_token", page_token::run),
    ("policy", policy::run),
    ("token", token::run),
];
