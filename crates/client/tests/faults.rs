//! What a client does when a server does not simply answer: a server whose answers the test has written down.

#![allow(clippy::unwrap_used)]

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt as _, Full};
use mandate_client::v1::consistency::Requirement;
use mandate_client::v1::{AddMemberRequest, AddMemberResponse, CheckRequest, CheckResponse};
use mandate_client::{Client, Decision, On, Subject, TokenSource};
use prost::Message;
use prost::bytes::Bytes;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::body::Body;
use tonic::server::NamedService;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};
use tower::Service;

/// What the server does with a call.
enum Answer {
    Message(Vec<u8>),
    Refuse(Status),
    /// Nothing, ever.
    Silence,
}

/// A server that answers as it is told, in order, and remembers what it was asked.
#[derive(Clone, Default)]
struct Script {
    answers: Arc<Mutex<VecDeque<Answer>>>,
    asked: Arc<Mutex<Vec<(HeaderMap, Bytes)>>>,
}

impl Script {
    fn new(answers: impl IntoIterator<Item = Answer>) -> Self {
        Self { answers: Arc::new(Mutex::new(answers.into_iter().collect())), asked: Arc::default() }
    }

    async fn answer(self, request: Request<Body>) -> Response<Body> {
        let (parts, body) = request.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        self.asked.lock().unwrap().push((parts.headers, bytes.slice(5..)));
        let answer = self.answers.lock().unwrap().pop_front();
        match answer {
            Some(Answer::Message(message)) => {
                let mut framed = vec![0];
                framed.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
                framed.extend(message);
                let status = (HeaderName::from_static("grpc-status"), HeaderValue::from_static("0"));
                let trailers = HeaderMap::from_iter([status]);
                let body = Full::new(Bytes::from(framed)).with_trailers(async { Some(Ok(trailers)) });
                Response::builder().header("content-type", "application/grpc").body(Body::new(body)).unwrap()
            }
            Some(Answer::Refuse(status)) => status.into_http(),
            Some(Answer::Silence) | None => std::future::pending().await,
        }
    }

    /// The messages that were sent.
    fn asked<M: Message + Default>(&self) -> Vec<M> {
        self.asked.lock().unwrap().iter().map(|(_, bytes)| M::decode(bytes.clone()).unwrap()).collect()
    }

    async fn serve(&self) -> Client {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tonic::transport::Server::builder()
            .add_service(Authz(self.clone()))
            .add_service(Memberships(self.clone()));
        tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
        let client =
            Client::builder(format!("http://{address}")).connections(2).token(TokenSource::fixed("t"));
        client.read_deadline(Duration::from_secs(5)).build().unwrap()
    }
}

#[derive(Clone)]
struct Authz(Script);

#[derive(Clone)]
struct Memberships(Script);

impl NamedService for Authz {
    const NAME: &'static str = "mandate.v1.AuthzService";
}

impl NamedService for Memberships {
    const NAME: &'static str = "mandate.v1.MembershipService";
}

macro_rules! scripted {
    ($($service:ident)+) => {$(
        impl Service<Request<Body>> for $service {
            type Response = Response<Body>;
            type Error = Infallible;
            type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
                Poll::Ready(Ok(()))
            }

            fn call(&mut self, request: Request<Body>) -> Self::Future {
                let script = self.0.clone();
                Box::pin(async move { Ok(script.answer(request).await) })
            }
        }
    )+};
}

scripted! { Authz Memberships }

fn allowed() -> Answer {
    let answer = CheckResponse { allowed: true, consistency_token: "shown".to_owned(), ..Default::default() };
    Answer::Message(answer.encode_to_vec())
}

fn added(token: &str) -> Answer {
    let answer = AddMemberResponse { consistency_token: token.to_owned(), ..Default::default() };
    Answer::Message(answer.encode_to_vec())
}

fn refuse(code: Code) -> Answer {
    Answer::Refuse(Status::new(code, "as the test says"))
}

async fn check(client: &Client) -> Decision {
    client.check(Subject::user("usr_1"), "shipments.book", On::account("acc_1")).await
}

#[tokio::test]
async fn a_check_is_asked_again_until_somebody_answers() {
    let script = Script::new([refuse(Code::Unavailable), refuse(Code::Unavailable), allowed()]);
    assert!(check(&script.serve().await).await.is_allowed());
    assert_eq!(script.asked::<CheckRequest>().len(), 3);
    let asked = script.asked.lock().unwrap();
    let (headers, _) = asked.first().unwrap();
    assert_eq!(headers["authorization"], "Bearer t");
    assert!(headers.contains_key("grpc-timeout"), "a call has a deadline");
}

#[tokio::test]
async fn an_error_is_no_allow() {
    for code in [Code::PermissionDenied, Code::Internal, Code::Unauthenticated, Code::DeadlineExceeded] {
        let script = Script::new([refuse(code), allowed()]);
        assert!(!check(&script.serve().await).await.is_allowed(), "{code:?}");
        assert_eq!(script.asked::<CheckRequest>().len(), 1, "{code:?} is asked once");
    }
}

#[tokio::test]
async fn silence_ends_with_the_deadline_and_is_no_allow() {
    let script = Script::new([Answer::Silence]);
    let client = script.serve().await;
    let begun = Instant::now();
    let decision = check(&client).await;
    assert!(!decision.is_allowed() && begun.elapsed() < Duration::from_secs(30), "{decision:?}");
    assert_eq!(decision.into_result().unwrap_err().code(), Code::Unavailable);
}

#[tokio::test]
async fn a_write_sent_again_is_the_same_request() {
    let script = Script::new([refuse(Code::Unavailable), added("w")]);
    script.serve().await.send(AddMemberRequest::default()).await.unwrap();
    let asked = script.asked::<AddMemberRequest>();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|request| !request.request_id.is_empty()) && asked.first() == asked.last());
    let own = Script::new([added("w")]);
    let request = AddMemberRequest { request_id: "mine".to_owned(), ..Default::default() };
    own.serve().await.send(request.clone()).await.unwrap();
    assert_eq!(own.asked::<AddMemberRequest>(), [request]);
}

#[tokio::test]
async fn it_comes_back_when_the_server_says() {
    let wait = Duration::from_millis(300);
    let mut details = ErrorDetails::new();
    details.set_retry_info(Some(wait));
    let full = Status::with_error_details(Code::ResourceExhausted, "full", details);
    let script = Script::new([Answer::Refuse(full), allowed()]);
    let client = script.serve().await;
    let begun = Instant::now();
    assert!(check(&client).await.is_allowed());
    assert!(begun.elapsed() >= wait);
}

#[tokio::test]
async fn what_was_written_goes_with_later_questions() {
    let script = Script::new([allowed(), added("first"), allowed(), added("second"), allowed()]);
    let client = script.serve().await;
    assert!(check(&client).await.is_allowed());
    for token in ["first", "second"] {
        client.send(AddMemberRequest::default()).await.unwrap();
        assert_eq!(client.freshness().token().as_deref(), Some(token));
        // Its clones are the same client.
        assert!(check(&client.clone()).await.is_allowed());
    }
    let asked: Vec<Bytes> =
        script.asked.lock().unwrap().iter().step_by(2).map(|(_, asked)| asked.clone()).collect();
    let demand = |bytes: Bytes| CheckRequest::decode(bytes).unwrap().consistency?.requirement;
    let demands: Vec<_> = asked.into_iter().map(demand).collect();
    let fresh = |token: &str| Some(Requirement::AtLeastAsFresh(token.to_owned()));
    assert_eq!(demands, [None, fresh("first"), fresh("second")]);
}

#[tokio::test]
async fn a_token_that_means_nothing_any_more_is_dropped() {
    let mut details = ErrorDetails::new();
    details.set_error_info("CONSISTENCY_TOKEN_INVALID", "mandate", HashMap::new());
    let invalid = Status::with_error_details(Code::InvalidArgument, "restored", details);
    let script = Script::new([Answer::Refuse(invalid), allowed()]);
    let client = script.serve().await;
    client.freshness().include("of before the restore");
    assert!(check(&client).await.is_allowed());
    let asked = script.asked::<CheckRequest>();
    let last = asked.last().and_then(|asked| asked.consistency.clone()?.requirement);
    assert!(matches!(last, Some(Requirement::FullyConsistent(_))), "{last:?}");
    assert_eq!(client.freshness().token().as_deref(), Some("shown"));
}

#[tokio::test]
async fn nobody_there_is_no_allow() {
    let client = Client::builder("http://127.0.0.1:9").read_deadline(Duration::from_secs(1)).build().unwrap();
    assert_eq!(check(&client).await.into_result().unwrap_err().code(), Code::Unavailable);
    assert!(Client::builder("127.0.0.1:9").build().is_err(), "an address says how it is spoken to");
}
