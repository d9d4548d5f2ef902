//! What all RPCs of one question and one answer have in common, for whoever calls them: where they are, and whether they
//! may be sent again. Implemented for each request by the build script, from the protos.

use prost::Message;

use crate::v1;

/// Whether a call may be sent again when it is not known what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Repeatable {
    /// It changes nothing.
    Always,
    /// With the same `request_id` it happens once (AIP-155).
    WithRequestId,
    /// It may happen twice.
    Never,
}

/// A request of one message that is answered by one.
pub trait Unary: Message + Clone + 'static {
    /// What answers it.
    type Response: Message + Default + 'static;
    /// Where it goes: `/mandate.v1.AuthzService/Check`.
    const PATH: &'static str;
    /// Whether it may be sent again.
    const REPEATABLE: Repeatable;

    /// The field that names it among its retries, if it has one.
    fn request_id(&mut self) -> Option<&mut String> {
        None
    }

    /// The field that says how fresh the answer must be, if it has one.
    fn consistency(&mut self) -> Option<&mut Option<v1::Consistency>> {
        None
    }

    /// The consistency token of an answer; empty: it has none.
    fn token_of(_response: &Self::Response) -> &str {
        ""
    }
}

include!(concat!(env!("OUT_DIR"), "/unary.rs"));
