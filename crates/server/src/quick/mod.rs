//! The short way of Check, BatchCheck and, in `stream.rs`, CheckStream: what most calls are goes from the bytes of the
//! request to those of the answer without anything in between.
//!
//! It is taken by a service or an operator that asks plain questions (account, user, permission) about facts that are
//! all in memory. Whatever else a call may be, it goes the ordinary way as if nobody had looked at it: so nothing is
//! decided, refused or explained here that is not decided by the same [`decide`] on the same facts there, and a test
//! asks every question both ways.

mod answer;
mod body;
mod messages;
mod question;
mod stream;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue, Request, Response, header};
use mandate_domain::decide::{Reason, decide};
use prost::bytes::Bytes;
use tonic::body::Body;
use tower::Service;

use self::answer::Grounds;
use self::body::{Message, Rejoined, Whole};
use self::question::Question;
use crate::access::{self, Rule};
use crate::auth::CallerKind;
use crate::facts::{Facts, Reader, Short};
use crate::guard::Admitted;

/// The prefix of every message of gRPC: whether it is compressed, and its length in four bytes.
const PREFIX: usize = 5;

/// The calls that have a short way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rpc {
    Check,
    BatchCheck,
}

impl Rpc {
    /// The call of this path.
    pub(crate) fn at(path: &str) -> Option<Self> {
        match path {
            _ if path == access::CHECK.path => Some(Self::Check),
            _ if path == access::BATCH_CHECK.path => Some(Self::BatchCheck),
            _ => None,
        }
    }

    /// What its callers need.
    pub(crate) fn rule(self) -> &'static Rule {
        match self {
            Self::Check => &access::CHECK,
            Self::BatchCheck => &access::BATCH_CHECK,
        }
    }
}

/// The short way, on these facts.
#[derive(Clone)]
pub(crate) struct Quick {
    facts: Arc<Facts>,
}

impl Quick {
    pub(crate) fn new(facts: Arc<Facts>) -> Self {
        Self { facts }
    }

    /// Answers a call of an admitted caller, by itself or by the service of the ordinary way.
    pub(crate) async fn call<S>(
        self,
        rpc: Rpc,
        admitted: Admitted,
        request: Request<Body>,
        mut ordinary: S,
    ) -> Result<Response<Body>, Infallible>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let in_its_own_name = admitted.caller.kind != CallerKind::Person && admitted.acting_for.is_none();
        let (mut head, body) = request.into_parts();
        let body = match in_its_own_name {
            true => match body::read(body).await {
                Message::Whole(bytes) => match self.answer(rpc, &bytes) {
                    Some(answer) => return Ok(respond(answer)),
                    None => Rejoined::whole(bytes).into(),
                },
                Message::Begun(rejoined) => rejoined.into(),
            },
            false => body,
        };
        head.extensions.insert(admitted);
        ordinary.call(Request::from_parts(head, body)).await
    }

    /// The message that answers this one, with its prefix.
    fn answer(&self, rpc: Rpc, bytes: &[u8]) -> Option<Vec<u8>> {
        let message = bytes.get(PREFIX..)?;
        let mut answer = Vec::with_capacity(match rpc {
            Rpc::Check => 128,
            // About as many answers as there are questions, and each is shorter.
            Rpc::BatchCheck => message.len(),
        });
        answer.extend_from_slice(&[0; PREFIX]);
        match rpc {
            Rpc::Check => self.decide_one(message, &mut answer)?,
            Rpc::BatchCheck => self.decide_all(message, &mut answer)?,
        }
        put_prefix(&mut answer, 0)?;
        Some(answer)
    }

    fn decide_one(&self, message: &[u8], answer: &mut Vec<u8>) -> Option<()> {
        let reason = self.decide(question::read(message)?, answer)?;
        self.facts.counts().decision(reason);
        Some(())
    }

    /// Appends the `CheckResponse`. `None`: something is not in memory, or too old to be told without its age.
    fn decide(&self, question: Question<'_>, answer: &mut Vec<u8>) -> Option<Reason> {
        let start = answer.len();
        self.at_once(|reader| {
            answer.truncate(start);
            let facts = reader.get(question.account, question.user)?;
            Some(decide_on(reader, &facts, question, answer))
        })
    }

    /// Reads facts of one moment that are not too old to be told without their age.
    fn at_once<T>(&self, read: impl FnMut(&Reader<'_>) -> Option<T>) -> Option<T> {
        // Looked at first: facts that a poll renews after they were read were old when they were.
        match self.facts.stale_for() {
            Some(_) => None,
            None => self.facts.at_once(read),
        }
    }

    /// All of a batch is decided on the facts of one moment.
    fn decide_all(&self, message: &[u8], answer: &mut Vec<u8>) -> Option<()> {
        let questions: Vec<_> = question::batch(message)?.collect::<Option<_>>()?;
        let (mut one, mut reasons) = (Vec::with_capacity(128), Vec::with_capacity(questions.len()));
        self.at_once(|reader| {
            answer.truncate(PREFIX);
            reasons.clear();
            for some in questions.chunks(TOGETHER) {
                // Looked for together, so that the processor waits for all of them at once.
                let facts: [_; TOGETHER] = std::array::from_fn(|at| {
                    some.get(at).and_then(|question| reader.get(question.account, question.user))
                });
                for (question, facts) in some.iter().zip(&facts) {
                    one.clear();
                    reasons.push(decide_on(reader, facts.as_ref()?, *question, &mut one));
                    answer::put_result(answer, &one);
                }
            }
            Some(())
        })?;
        // Not before all of them are decided here: otherwise the ordinary way counts them.
        self.facts.counts().decisions(reasons);
        Some(())
    }
}

/// How many questions' facts are looked for before the first of them is decided.
const TOGETHER: usize = 8;

/// Appends the `CheckResponse`.
fn decide_on(reader: &Reader<'_>, facts: &Short, question: Question<'_>, answer: &mut Vec<u8>) -> Reason {
    let permission = question.permission;
    let policy = reader.policy(facts);
    let decision = decide(&facts.question(policy, permission));
    answer::put(
        answer,
        decision,
        Grounds { policy, subject: facts.user(), permission, token: reader.token() },
    );
    decision.reason
}

/// Writes the length of the message behind the prefix that begins here into that prefix.
fn put_prefix(out: &mut [u8], start: usize) -> Option<()> {
    let length = u32::try_from(out.len().checked_sub(start + PREFIX)?).ok()?;
    out.get_mut(start + 1..start + PREFIX)?.copy_from_slice(&length.to_be_bytes());
    Some(())
}

fn respond(answer: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Body::new(Whole::new(Bytes::from(answer))));
    response.headers_mut().insert(header::CONTENT_TYPE, GRPC);
    response
}

const GRPC: HeaderValue = HeaderValue::from_static("application/grpc");

/// That the call went well.
fn well() -> HeaderMap {
    let mut trailers = HeaderMap::with_capacity(1);
    trailers.insert(tonic::Status::GRPC_STATUS, HeaderValue::from_static("0"));
    trailers
}
