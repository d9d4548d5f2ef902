//! Connections whose calls carry the client's token.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tonic::body::Body;
use tonic::transport::Error as TransportError;
use tower::Service;

use crate::token::TokenSource;

/// The connections of a [`Client`](crate::Client); every generated client's `new` takes it.
///
/// It adds the token and nothing else: a stream has no deadline, and is nobody's to send again but its user's.
#[derive(Debug, Clone)]
pub struct Channel {
    inner: tonic::transport::Channel,
    token: Arc<TokenSource>,
}

impl Channel {
    pub(crate) fn new(inner: tonic::transport::Channel, token: Arc<TokenSource>) -> Self {
        Self { inner, token }
    }

    /// The same connections with another token.
    pub(crate) fn with_token(&self, token: Arc<TokenSource>) -> Self {
        Self { inner: self.inner.clone(), token }
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<http::Response<Body>, TransportError>> + Send>>;

impl Service<http::Request<Body>> for Channel {
    type Response = http::Response<Body>;
    type Error = TransportError;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Answer {
        match self.token.header() {
            Ok(Some(header)) => {
                request.headers_mut().insert(http::header::AUTHORIZATION, header);
            }
            Ok(None) => {}
            Err(error) => {
                let refused = tonic::Status::unauthenticated(error.to_string()).into_http();
                return Box::pin(std::future::ready(Ok(refused)));
            }
        }
        Box::pin(self.inner.call(request))
    }
}
