//! The layer that every call passes: who calls is known before anything else happens, and whatever happens,
//! the caller gets an answer with a reason.

use std::convert::Infallible;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::FutureExt as _;
use http::{HeaderMap, HeaderName, Request, Response};
use mandate_domain::id::UserId;
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::access::{self, AsPerson, GUARDED, Rule};
use crate::auth::{AuthError, Caller, CallerKind, Verifier};
use crate::error::Error;
use crate::facts::Facts;
use crate::quick::{Quick, Rpc};
use crate::size::ByteSize;
use crate::telemetry::Recorded;
use crate::writer::remembering;

/// Metadata by which a service or an operator names the person it acts for: a user's id (`usr_…`).
pub const ACTING_FOR: &str = "mandate-acting-for";
static ACTING_FOR_NAME: HeaderName = HeaderName::from_static(ACTING_FOR);

/// A caller who may make this call as far as can be told without reading its message.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// What the token says.
    pub caller: Arc<Caller>,
    /// The person a service or an operator acts for.
    pub acting_for: Option<UserId>,
}

impl Admitted {
    /// Whether a service or an operator calls, and not for a person.
    pub(crate) fn is_in_its_own_name(&self) -> bool {
        self.caller.kind != CallerKind::Person && self.acting_for.is_none()
    }
}

/// What a caller was admitted by, for calls that last longer than a token does.
#[derive(Clone)]
pub struct Standing {
    verifier: Arc<Verifier>,
    path: String,
    headers: HeaderMap,
}

impl Standing {
    /// That of a call in [`access::STREAMS`].
    ///
    /// # Errors
    /// [`Error::Defect`] for any other call.
    pub fn of(extensions: &tonic::Extensions) -> Result<Self, Error> {
        let unlisted = || Error::Defect("a stream is not among those of the access list".to_owned());
        extensions.get::<Self>().cloned().ok_or_else(unlisted)
    }

    /// Admits the caller again, as if the call began now.
    ///
    /// # Errors
    /// What is wrong with the token by now.
    pub fn again(&self) -> Result<Admitted, Error> {
        admit(&self.verifier, &self.path, &self.headers)
    }
}

/// Wraps every service in a [`Guard`].
#[derive(Clone)]
pub struct GuardLayer {
    verifier: Arc<Verifier>,
    quick: Option<Quick>,
}

impl GuardLayer {
    /// A guard that tells callers by this verifier.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier, quick: None }
    }

    /// The same with the short way of questions about these facts.
    #[must_use]
    pub fn with_short_way(self, facts: Arc<Facts>) -> Self {
        Self { quick: Some(Quick::new(facts)), ..self }
    }
}

impl<S> Layer<S> for GuardLayer {
    type Service = Guard<S>;

    fn layer(&self, inner: S) -> Guard<S> {
        Guard { verifier: Arc::clone(&self.verifier), quick: self.quick.clone(), inner }
    }
}

/// A service that only admitted callers reach.
#[derive(Clone)]
pub struct Guard<S> {
    verifier: Arc<Verifier>,
    quick: Option<Quick>,
    inner: S,
}

impl<S> Service<Request<Body>> for Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let (Some(quick), Some(rpc)) = (&self.quick, Rpc::at(request.uri().path()))
            && request.extensions().get::<Recorded>().is_none()
        {
            return match admit_by(&self.verifier, Some(rpc.rule()), request.headers()) {
                Ok(admitted) => {
                    // The one that was found ready; its copy has to be asked again (tower, `Service`).
                    let next = self.inner.clone();
                    let ready = std::mem::replace(&mut self.inner, next);
                    guarded(quick.clone().call(rpc, admitted, request, ready))
                }
                Err(error) => self.refused_or_later(error, request),
            };
        }
        if !request.uri().path().starts_with(GUARDED) {
            return Box::pin(self.inner.call(request));
        }
        if access::rule(request.uri().path()).is_some_and(access::Rule::is_public) {
            return guarded(self.inner.call(request));
        }
        let recorded = request.extensions().get::<Recorded>();
        if let Some((recorded, Ok(caller))) = recorded.zip(Some(self.verifier.caller(request.headers()))) {
            // Whoever is refused is somebody, too.
            recorded.called_by(caller);
        }
        let logs = recorded.is_some_and(Recorded::logs);
        let admitted = match admit(&self.verifier, request.uri().path(), request.headers()) {
            Ok(admitted) => admitted,
            Err(error) => return self.refused_or_later(error, request),
        };
        let short =
            !logs && admitted.is_in_its_own_name() && request.uri().path() == access::CHECK_STREAM.path;
        request.extensions_mut().insert(admitted);
        if access::STREAMS.iter().any(|rule| rule.path == request.uri().path()) {
            let standing = Standing {
                verifier: Arc::clone(&self.verifier),
                path: request.uri().path().to_owned(),
                headers: request.headers().clone(),
            };
            request.extensions_mut().insert(standing.clone());
            if let Some(quick) = self.quick.clone().filter(|_| short) {
                let next = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, next);
                return guarded(quick.stream(standing, request, ready));
            }
        }
        guarded(self.inner.call(request))
    }
}

/// A call that has waited for keys once.
#[derive(Clone)]
struct Waited;

impl<S> Guard<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    /// A token may be signed with a key that its issuer has just published: the call waits for it, once, and begins anew.
    fn refused_or_later(&self, error: Error, mut request: Request<Body>) -> Answer {
        let unknown = matches!(error, Error::Auth(AuthError::UnknownKey | AuthError::KeysUnavailable));
        if !unknown || request.extensions_mut().insert(Waited).is_some() {
            return refused(error);
        }
        let Some(keys) = self.verifier.keys_on_their_way(request.headers()) else { return refused(error) };
        let mut guard = self.clone();
        Box::pin(async move {
            keys.await;
            std::future::poll_fn(|context| guard.poll_ready(context)).await?;
            guard.call(request).await
        })
    }
}

type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

fn refused(error: Error) -> Answer {
    Box::pin(std::future::ready(Ok(Status::from(error).into_http())))
}

/// A handler that panics is a defect of that call alone: the others on its connection go on.
fn guarded(call: impl Future<Output = Result<Response<Body>, Infallible>> + Send + 'static) -> Answer {
    let answer = AssertUnwindSafe(remembering(call)).catch_unwind();
    Box::pin(async move {
        match answer.await {
            Ok(Ok(response)) => Ok(explained(response)),
            Err(_) => Ok(Status::from(Error::Defect("a handler panicked".to_owned())).into_http()),
        }
    })
}

/// Tells the caller, and whether the list in [`access`] lets them make this call. An RPC that does not exist
/// is nobody's business without a token, and UNIMPLEMENTED with one.
fn admit(verifier: &Verifier, path: &str, headers: &HeaderMap) -> Result<Admitted, Error> {
    admit_by(verifier, access::rule(path), headers)
}

fn admit_by(verifier: &Verifier, rule: Option<&Rule>, headers: &HeaderMap) -> Result<Admitted, Error> {
    let caller = verifier.caller(headers)?;
    let named = headers.contains_key(&ACTING_FOR_NAME);
    if let Some(rule) = rule {
        rule.admit(&caller, if named { AsPerson::Yes } else { AsPerson::No })?;
    }
    let acting_for = if named { Some(person_named(headers)?) } else { None };
    Ok(Admitted { caller, acting_for })
}

fn person_named(headers: &HeaderMap) -> Result<UserId, Error> {
    let path = format!("metadata[{ACTING_FOR}]");
    let mut values = headers.get_all(ACTING_FOR).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => match value.to_str().unwrap_or_default().parse() {
            Ok(user) => Ok(user),
            Err(error) => Err(Error::field(path, error.to_string())),
        },
        _ => Err(Error::field(path, "was sent more than once; name one person")),
    }
}

/// Gives the errors that the transport answers by itself, without details, a reason like all others.
fn explained(response: Response<Body>) -> Response<Body> {
    let headers = response.headers();
    if !headers.contains_key(Status::GRPC_STATUS) || headers.contains_key(Status::GRPC_STATUS_DETAILS) {
        return response;
    }
    let Some(status) = Status::from_header_map(headers) else { return response };
    match reason_of(&status) {
        Some(error) => Status::from(error).into_http(),
        None => response,
    }
}

/// The same for what the transport says of a message in the middle of a stream.
pub(crate) fn explain(status: Status) -> Status {
    reason_of(&status).map_or(status, Status::from)
}

fn reason_of(status: &Status) -> Option<Error> {
    match status.code() {
        Code::OutOfRange | Code::ResourceExhausted => {
            // tonic ends its sentence with "the limit is: N bytes".
            let digits =
                status.message().rsplit_once("limit is: ").map(|(_, rest)| rest.trim_end_matches(" bytes"));
            Some(Error::MessageTooLarge { most: digits.and_then(|digits| digits.parse().ok()).map(ByteSize) })
        }
        Code::Internal => {
            let message = format!("the bytes sent are not the message of this call: {}", status.message());
            Some(Error::field("", message))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;
    use tower::service_fn;

    use super::*;
    use crate::auth::{Issuers, SigningKey};
    use crate::auth::{Scope, ScopeSet};
    use crate::clock::now_micros;

    /// What a service behind the guard answers to a call of this path with this token.
    async fn answer<F>(
        path: &str,
        token: Option<&str>,
        verifier: Verifier,
        inner: fn(Request<Body>) -> F,
    ) -> Status
    where
        F: Future<Output = Result<Response<Body>, Infallible>> + Send + 'static,
    {
        let mut request = Request::builder().uri(path);
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let mut guarded = GuardLayer::new(Arc::new(verifier)).layer(service_fn(inner));
        let response = guarded.call(request.body(Body::empty()).unwrap()).await.unwrap();
        Status::from_header_map(response.headers()).unwrap_or_else(|| Status::ok(""))
    }

    fn key() -> (Verifier, String) {
        let key = SigningKey::in_memory().unwrap();
        let scopes = ScopeSet::EMPTY.with(Scope::AuthzCheck);
        let token = key.mint("tester", scopes, std::time::Duration::from_secs(60), now_micros()).unwrap();
        (Verifier::new(Issuers::default().with_embedded(&key), now_micros), token)
    }

    fn reason(status: &Status) -> String {
        status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
    }

    async fn fine(_: Request<Body>) -> Result<Response<Body>, Infallible> {
        Ok(Response::new(Body::empty()))
    }

    async fn panics(_: Request<Body>) -> Result<Response<Body>, Infallible> {
        panic!("a defect")
    }

    async fn bare(_: Request<Body>) -> Result<Response<Body>, Infallible> {
        Ok(Status::out_of_range("too large").into_http())
    }

    const CHECK: &str = "/mandate.v1.AuthzService/Check";

    #[tokio::test]
    async fn nobody_reaches_a_service_of_ours_without_a_token() {
        for path in [CHECK, "/mandate.v1.AuthzService/NoSuchCall", "/mandate.v1.NoSuchService/Call"] {
            let status = answer(path, None, key().0, fine).await;
            assert_eq!((status.code(), reason(&status).as_str()), (Code::Unauthenticated, "TOKEN_MISSING"));
        }
        assert_eq!(answer("/grpc.health.v1.Health/Check", None, key().0, fine).await.code(), Code::Ok);
    }

    #[tokio::test]
    async fn whoever_signs_in_needs_no_token_and_a_bad_one_does_not_matter() {
        for path in ["SignIn", "RefreshToken", "GetPublicKeys"] {
            let path = format!("/mandate.v1.IdentityService/{path}");
            for token in [None, Some("not a token")] {
                assert_eq!(answer(&path, token, key().0, fine).await.code(), Code::Ok, "{path}");
            }
        }
    }

    #[tokio::test]
    async fn a_scope_opens_what_the_list_says() {
        let (verifier, token) = key();
        assert_eq!(answer(CHECK, Some(&token), verifier, fine).await.code(), Code::Ok);
        let (verifier, token) = key();
        let status = answer("/mandate.v1.IdentityService/CreateUser", Some(&token), verifier, fine).await;
        assert_eq!(reason(&status), "SCOPE_MISSING");
        assert_eq!(status.get_details_error_info().unwrap().metadata["scope"], "users.write");
    }

    #[tokio::test]
    async fn a_handler_that_panics_answers_an_internal_error() {
        let (verifier, token) = key();
        let status = answer(CHECK, Some(&token), verifier, panics).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::Internal, "INTERNAL"));
    }

    #[tokio::test]
    async fn what_the_transport_answers_gets_a_reason() {
        let (verifier, token) = key();
        let status = answer(CHECK, Some(&token), verifier, bare).await;
        assert_eq!((status.code(), reason(&status).as_str()), (Code::ResourceExhausted, "MESSAGE_TOO_LARGE"));
    }
}
