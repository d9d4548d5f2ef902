//! The only place where messages and domain types meet.
//!
//! From a message: every field is destructured, so that a new one breaks the build until somebody has read it
//! here, and every bad field is reported, all in one answer, each with its path. What needs the account's
//! policy or state to be judged (whether a role exists) is left to the domain.
//!
//! To a message: every domain type is destructured for the same reason.

pub mod account;
pub mod activation;
pub mod activity;
pub mod authz;
mod avatar;
pub mod consistency;
pub mod contact;
pub mod credential;
mod fields;
pub mod group;
pub mod group_list;
pub mod identity;
pub mod import;
pub mod invitation;
pub mod look_up;
pub mod mail;
pub mod membership;
pub mod ownership;
pub mod page;
pub mod people;
pub mod policy;
pub mod resource;
pub mod terms;
#[cfg(test)]
mod tests;
pub mod watch;

pub use fields::{Fields, Path};

use prost_types::Timestamp;

/// A time span as messages have it.
#[must_use]
pub fn duration(span: std::time::Duration) -> prost_types::Duration {
    let nanos = i32::try_from(span.subsec_nanos()).unwrap_or_default();
    prost_types::Duration { seconds: span.as_secs().try_into().unwrap_or(i64::MAX), nanos }
}

/// A time of the domain (microseconds since the Unix epoch) as a message has it.
#[must_use]
pub fn timestamp(micros: i64) -> Timestamp {
    let nanos = i32::try_from(micros.rem_euclid(1_000_000)).unwrap_or_default() * 1_000;
    Timestamp { seconds: micros.div_euclid(1_000_000), nanos }
}
