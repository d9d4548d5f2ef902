//! The layer around all others: each RPC is counted once, with the code that its caller got, and recorded if it is one of
//! those of which something is.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use super::counts::Counts;
use super::method::Method;
use crate::telemetry::{Calls, Recorded};

/// Counts the RPCs of a service.
#[derive(Clone, Copy)]
pub struct CountLayer {
    counts: &'static Counts,
    calls: &'static Calls,
}

impl CountLayer {
    /// Counts and records here.
    #[must_use]
    pub fn new(counts: &'static Counts, calls: &'static Calls) -> Self {
        Self { counts, calls }
    }
}

impl<S> Layer<S> for CountLayer {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted { counts: self.counts, calls: self.calls, inner }
    }
}

/// A service whose RPCs are counted.
#[derive(Clone)]
pub struct Counted<S> {
    counts: &'static Counts,
    calls: &'static Calls,
    inner: S,
}

impl<S> Service<Request<Body>> for Counted<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let method = Method::of(request.uri().path());
        let recorded = self.calls.begin(method.kind(), method.names(), &mut request);
        let call = within(recorded.as_ref(), || self.inner.call(request));
        Answer { underway: Some(Underway::new(self.counts, method, recorded)), call }
    }
}

/// An RPC that has begun. It is counted when this value ends, whatever ended it.
struct Underway {
    counts: &'static Counts,
    method: Method,
    /// `None`: nothing but its number is.
    recorded: Option<Recorded>,
    begun: Instant,
    code: Code,
}

impl Underway {
    fn new(counts: &'static Counts, method: Method, recorded: Option<Recorded>) -> Self {
        // Unless its end is seen: a caller who goes away takes the call along.
        Self { counts, method, recorded, begun: Instant::now(), code: Code::Cancelled }
    }

    /// It ended with this code, which was told in these headers or trailers.
    fn end(mut self, code: Code, told: Option<&HeaderMap>) {
        self.code = code;
        if let Some(recorded) = self.recorded.take() {
            recorded.end(code, told);
        }
    }
}

/// Does a part of a call.
fn within<T>(recorded: Option<&Recorded>, work: impl FnOnce() -> T) -> T {
    match recorded {
        None => work(),
        Some(recorded) => recorded.within(work),
    }
}

/// The code in headers or trailers. Without one callers take it for UNKNOWN.
fn code(headers: &HeaderMap) -> Code {
    headers.get(Status::GRPC_STATUS).map_or(Code::Unknown, |code| Code::from_bytes(code.as_bytes()))
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.counts.rpc(self.method, self.code, self.begun.elapsed());
        if let Some(recorded) = &self.recorded {
            recorded.end(self.code, None);
        }
    }
}

/// The answer to an RPC.
pub struct Answer<F> {
    underway: Option<Underway>,
    call: F,
}

impl<F: Future<Output = Result<Response<Body>, Infallible>> + Unpin> Future for Answer<F> {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { underway, call } = &mut *self;
        let recorded = underway.as_ref().and_then(|underway| underway.recorded.as_ref());
        let Ok(mut response) = ready!(within(recorded, || Pin::new(call).poll(context)));
        if let Some(recorded) = recorded {
            recorded.name(&mut response);
        }
        let Some(underway) = self.underway.take() else { return Poll::Ready(Ok(response)) };
        if response.headers().contains_key(Status::GRPC_STATUS) || !response.status().is_success() {
            underway.end(code(response.headers()), Some(response.headers()));
            return Poll::Ready(Ok(response));
        }
        // The status comes behind the messages. One message is a Check's, and it is never too large to be sent, so
        // that looking at it as it leaves would tell nothing more.
        if underway.method == Method::CHECK {
            underway.end(Code::Ok, None);
            return Poll::Ready(Ok(response));
        }
        Poll::Ready(Ok(response.map(|body| Body::new(Messages { underway: Some(underway), body }))))
    }
}

/// The messages of an answer, and the status behind them.
struct Messages {
    underway: Option<Underway>,
    body: Body,
}

impl http_body::Body for Messages {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Self { underway, body } = &mut *self;
        let recorded = underway.as_ref().and_then(|underway| underway.recorded.as_ref());
        let frame = ready!(within(recorded, || Pin::new(body).poll_frame(context)));
        let ended = match &frame {
            Some(Ok(frame)) => frame.trailers_ref().map(|trailers| (code(trailers), Some(trailers))),
            Some(Err(status)) => Some((status.code(), None)),
            None => Some((Code::Unknown, None)),
        };
        if let Some((code, told)) = ended
            && let Some(underway) = self.underway.take()
        {
            underway.end(code, told);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use tower::service_fn;

    use super::*;

    const ADD_MEMBER: &str = "/mandate.v1.MembershipService/AddMember";

    /// How often each code was counted for a method, its zeros left out.
    fn codes(counts: &Counts, path: &str) -> Vec<(Code, u64)> {
        let (codes, took) = counts.of_rpc(Method::of(path));
        assert_eq!(codes.iter().sum::<u64>(), took.count(), "each RPC has a code and a time");
        let codes = codes.into_iter().enumerate().filter(|(_, count)| *count > 0);
        codes.map(|(code, count)| (Code::from(i32::try_from(code).unwrap()), count)).collect()
    }

    async fn call(counts: &'static Counts, path: &str, body: Body) -> Response<Body> {
        let body = std::sync::Mutex::new(Some(body));
        let inner = service_fn(move |_: Request<Body>| {
            std::future::ready(Ok(Response::new(body.lock().unwrap().take().unwrap())))
        });
        let request = Request::builder().uri(path).body(Body::empty()).unwrap();
        CountLayer::new(counts, Calls::unrecorded()).layer(inner).call(request).await.unwrap()
    }

    fn with_trailers(code: Code) -> Body {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", (code as i32).into());
        let frames = [Ok::<_, Status>(Frame::data(Bytes::from_static(b"x"))), Ok(Frame::trailers(trailers))];
        Body::new(http_body_util::StreamBody::new(tokio_stream::iter(frames)))
    }

    #[tokio::test]
    async fn the_status_behind_the_messages_counts() {
        let counts = Counts::new();
        for code in [Code::Ok, Code::ResourceExhausted] {
            let answer = call(counts, ADD_MEMBER, with_trailers(code)).await;
            let before = codes(counts, ADD_MEMBER);
            answer.into_body().collect().await.unwrap();
            assert_eq!(codes(counts, ADD_MEMBER).len(), before.len() + 1, "counted at its end");
        }
        assert_eq!(codes(counts, ADD_MEMBER), [(Code::Ok, 1), (Code::ResourceExhausted, 1)]);
    }

    #[tokio::test]
    async fn a_refusal_without_messages_counts_at_once() {
        let counts = Counts::new();
        for path in [crate::access::CHECK.path, ADD_MEMBER, "/nobody/knows"] {
            let inner = service_fn(|_: Request<Body>| {
                std::future::ready(Ok(Status::permission_denied("no").into_http::<Body>()))
            });
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            let _answer =
                CountLayer::new(counts, Calls::unrecorded()).layer(inner).call(request).await.unwrap();
            assert_eq!(codes(counts, path), [(Code::PermissionDenied, 1)], "{path}");
        }
    }

    #[tokio::test]
    async fn a_check_counts_when_it_is_answered_and_a_caller_who_goes_away_cancels() {
        let counts = Counts::new();
        let check = crate::access::CHECK.path;
        drop(call(counts, check, with_trailers(Code::Ok)).await);
        assert_eq!(codes(counts, check), [(Code::Ok, 1)]);
        drop(call(counts, ADD_MEMBER, with_trailers(Code::Ok)).await);
        assert_eq!(codes(counts, ADD_MEMBER), [(Code::Cancelled, 1)]);
        let never = service_fn(|_: Request<Body>| std::future::pending());
        let request = Request::builder().uri(ADD_MEMBER).body(Body::empty()).unwrap();
        drop(CountLayer::new(counts, Calls::unrecorded()).layer(never).call(request));
        assert_eq!(codes(counts, ADD_MEMBER), [(Code::Cancelled, 2)]);
    }
}
