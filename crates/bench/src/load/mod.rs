//! The load: requests encoded beforehand, sent over plain sockets by one thread.
//!
//! tonic's own client takes more time for a request than the server that is measured. Here a request is a copy of bytes,
//! and an answer the headers of three frames.

pub(crate) mod capture;
pub(crate) mod closed;
mod connection;
mod fleet;
pub(crate) mod flood;
mod frames;
pub(crate) mod histogram;
pub(crate) mod open;
mod requests;
pub(crate) mod streams;

pub(crate) use self::connection::bytes_on_the_wire;
pub(crate) use self::fleet::Shape;
pub(crate) use self::requests::{HeaderBlocks, Requests};

#[cfg(test)]
mod tests;
