//! What all messages of writes have in common: `request_id`, `validate_only`, `etag` and `override_reason` in what is
//! asked, effects in what is answered. Implemented for each message by the build script, from the protos.

use prost::Message;

use crate::v1;

/// On what terms a write was asked for; texts that were left out are empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WriteTerms<'a> {
    /// Names the request among its retries (AIP-155).
    pub request_id: &'a str,
    /// Whether it is only to be told what would happen (AIP-163).
    pub validate_only: bool,
    /// What the caller believes that they change (AIP-154).
    pub etag: &'a str,
    /// Why limits may be passed over.
    pub override_reason: &'a str,
}

/// A message that asks for a write.
pub trait WriteRequest: Message {
    /// The RPC, without its service: `RemoveMember`.
    const RPC: &'static str;

    /// On what terms.
    fn terms(&self) -> WriteTerms<'_>;

    /// The message as bytes that are the same for equal messages, without its secrets.
    fn comparable(&self) -> Vec<u8>;
}

/// A message that answers a write.
pub trait WriteResponse: Message {
    /// Adds what the write would do.
    fn tell(&mut self, effects: Vec<v1::Effect>, more: bool);

    /// Adds the consistency token of the write.
    fn mark(&mut self, token: String);
}

include!(concat!(env!("OUT_DIR"), "/write.rs"));
