//! What a server tells of its calls one by one, to a real collector's services, to a real file, and on stderr.

mod away;
mod collector;
mod decisions;
mod logs;
mod secrets;
mod traces;

use mandate_proto::v1::{Account, CheckRequest, User};
use mandate_tests::world::user_subject;
use tonic::Request;

/// A trace that a caller is in, and its part of it.
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";

/// A question.
fn question(who: &User, account: &Account, permission: &str) -> CheckRequest {
    CheckRequest {
        account: account.id.clone(),
        subject: Some(user_subject(&who.id)),
        permission: permission.to_owned(),
        ..CheckRequest::default()
    }
}

/// A call with metadata.
fn with<M>(message: M, metadata: &[(&'static str, &str)]) -> Request<M> {
    let mut request = Request::new(message);
    for (name, value) in metadata {
        request.metadata_mut().insert(*name, value.parse().expect("metadata"));
    }
    request
}

/// What a caller says whose trace is sampled.
fn sampled() -> String {
    format!("00-{TRACE}-{SPAN}-01")
}
