//! Who calls: the person whose token the call carries.
//!
//! Mandate itself is asked whose it is, as it gave it out. A backend with sessions of its own looks them up here, and puts
//! the same [`Subject`] into the request.

use std::pin::Pin;
use std::task::{Context, Poll};

use http::{Request, Response};
use mandate_client::v1::GetUserRequest;
use mandate_client::{Client, Subject, TokenSource};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

/// Wraps a service in [`Session`].
#[derive(Debug, Clone)]
pub struct SessionLayer {
    mandate: Client,
}

impl SessionLayer {
    /// Sessions that this Mandate knows.
    #[must_use]
    pub fn new(mandate: Client) -> Self {
        Self { mandate }
    }
}

impl<S> Layer<S> for SessionLayer {
    type Service = Session<S>;

    fn layer(&self, inner: S) -> Session<S> {
        Session { mandate: self.mandate.clone(), inner }
    }
}

/// A service whose requests carry a [`Subject`].
#[derive(Debug, Clone)]
pub struct Session<S> {
    mandate: Client,
    inner: S,
}

impl<S> Service<Request<Body>> for Session<S>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let mandate = self.mandate.clone();
        Box::pin(async move {
            match caller(&mandate, request.headers()).await {
                Ok(subject) => {
                    request.extensions_mut().insert(subject);
                    inner.call(request).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

async fn caller(mandate: &Client, headers: &http::HeaderMap) -> Result<Subject, Status> {
    let header = headers.get(http::header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = header.and_then(|text| text.strip_prefix("Bearer "));
    let token = token.ok_or_else(|| Status::unauthenticated("sign in first"))?;
    let own = mandate.with_token(TokenSource::fixed(token));
    match own.send(GetUserRequest::default()).await {
        Ok(answer) => match answer.user {
            Some(user) => Ok(Subject::user(user.id)),
            None => Err(Status::unauthenticated("sign in first")),
        },
        Err(status) if matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded) => {
            Err(Status::unavailable("it could not be found out who you are; try again"))
        }
        Err(_) => Err(Status::unauthenticated("sign in first")),
    }
}
