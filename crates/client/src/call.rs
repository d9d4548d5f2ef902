//! A call of one message and one answer: with a token, a deadline, what was written before, and again where that is safe.

use std::sync::Arc;
use std::time::Duration;

use http::uri::PathAndQuery;
use mandate_proto::unary::{Repeatable, Unary};
use tokio::time::Instant;
use tonic::{Code, Request, Status};
use tonic_prost::ProstCodec;
use tonic_types::StatusExt as _;

use crate::builder::Builder;
use crate::channel::Channel;
use crate::freshness::Freshness;
use crate::retry::{Pauses, explained};
use crate::token::TokenSource;

/// The largest answer that is read, in bytes: what a server sends at most.
const MAX_ANSWER_BYTES: usize = 64 << 20;

/// A client of one installation. Clones share connections and what they wrote.
#[derive(Debug, Clone)]
pub struct Client {
    channel: Channel,
    shared: Arc<Shared>,
}

#[derive(Debug, Clone)]
pub(crate) struct Shared {
    pub(crate) deadlines: Deadlines,
    pub(crate) freshness: Freshness,
}

/// For how long calls may take, their retries included.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadlines {
    pub(crate) read: Duration,
    pub(crate) write: Duration,
}

impl Client {
    /// A client of the server at this address: `http://HOST:PORT`, or `https://HOST:PORT`, which is encrypted.
    #[must_use]
    pub fn builder(address: impl Into<String>) -> Builder {
        Builder::new(address.into())
    }

    pub(crate) fn new(channel: Channel, shared: Shared) -> Self {
        Self { channel, shared: Arc::new(shared) }
    }

    /// Makes a call: any request of [`v1`](crate::v1) that is answered by one message.
    ///
    /// A write without a `request_id` gets one, so that it can be sent again. A question without a `consistency` shows
    /// what this client wrote before.
    ///
    /// # Errors
    /// What the server says; DEADLINE_EXCEEDED, and UNAVAILABLE when it could not be reached. A write that ended with one
    /// of these may have happened.
    pub async fn send<M: Unary>(&self, mut message: M) -> Result<M::Response, Status> {
        let allowed = match M::REPEATABLE {
            Repeatable::Always => self.shared.deadlines.read,
            Repeatable::WithRequestId | Repeatable::Never => self.shared.deadlines.write,
        };
        let deadline = Instant::now() + allowed;
        if let Some(id) = message.request_id()
            && id.is_empty()
        {
            *id = request_id()?;
        }
        let own = message.consistency().is_some_and(|consistency| consistency.is_none());
        let mut pauses = Pauses::new();
        let mut dropped_token = false;
        loop {
            let mut attempt = message.clone();
            let begun = self.fill(&mut attempt, own);
            let status = match self.attempt(attempt, deadline).await {
                Ok(answer) => {
                    self.learn::<M>(begun, own, &answer);
                    return Ok(answer);
                }
                Err(status) => explained(status),
            };
            if own && !dropped_token && is_of_a_lost_token(&status) {
                dropped_token = true;
                self.shared.freshness.lost();
                continue;
            }
            match pauses.after(&status, M::REPEATABLE) {
                Some(pause) if Instant::now() + pause < deadline => tokio::time::sleep(pause).await,
                _ => return Err(status),
            }
        }
    }

    /// The connections, for streams and whatever else the generated clients do. The token is added.
    #[must_use]
    pub fn channel(&self) -> Channel {
        self.channel.clone()
    }

    /// What later questions of this client and its clones must show.
    #[must_use]
    pub fn freshness(&self) -> &Freshness {
        &self.shared.freshness
    }

    /// The same connections with another token: what another caller wrote and asks is its own.
    #[must_use]
    pub fn with_token(&self, token: TokenSource) -> Self {
        let shared = Shared { deadlines: self.shared.deadlines, freshness: Freshness::default() };
        Self::new(self.channel.with_token(Arc::new(token)), shared)
    }

    fn fill<M: Unary>(&self, message: &mut M, own: bool) -> crate::freshness::Begun {
        match message.consistency() {
            Some(consistency) if own => {
                let (begun, demand) = self.shared.freshness.demand();
                *consistency = demand;
                begun
            }
            _ => self.shared.freshness.begin(),
        }
    }

    fn learn<M: Unary>(&self, begun: crate::freshness::Begun, own: bool, answer: &M::Response) {
        let token = M::token_of(answer);
        match M::REPEATABLE {
            Repeatable::WithRequestId | Repeatable::Never => self.shared.freshness.written(begun, token),
            Repeatable::Always if own => self.shared.freshness.shown(begun, token),
            Repeatable::Always => {}
        }
    }

    async fn attempt<M: Unary>(&self, message: M, deadline: Instant) -> Result<M::Response, Status> {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut request = Request::new(message);
        request.set_timeout(left);
        let mut grpc =
            tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
        let call = async {
            grpc.ready().await.map_err(|error| Status::from_error(Box::new(error)))?;
            let codec = ProstCodec::<M, M::Response>::default();
            grpc.unary(request, PathAndQuery::from_static(M::PATH), codec).await
        };
        match tokio::time::timeout_at(deadline, call).await {
            Ok(answer) => answer.map(tonic::Response::into_inner),
            Err(_) => Err(Status::deadline_exceeded("there was no answer in time")),
        }
    }
}

/// Whether the server says that the token of an earlier answer means nothing to it any more.
fn is_of_a_lost_token(status: &Status) -> bool {
    let reason = status.get_details_error_info().map(|info| info.reason);
    status.code() == Code::InvalidArgument && reason.as_deref() == Some("CONSISTENCY_TOKEN_INVALID")
}

/// A name for a request that nobody else gives (AIP-155).
fn request_id() -> Result<String, Status> {
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random)
        .map_err(|_| Status::internal("the system gave no random numbers to name a request by"))?;
    Ok(format!("{:032x}", u128::from_be_bytes(random)))
}
