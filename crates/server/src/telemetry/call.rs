//! What is recorded of one call, from its first moment to its last.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use futures::future::{BoxFuture, Either};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use mandate_domain::id::AccountId;
use opentelemetry::trace::{SpanContext, TraceContextExt as _, TraceId};
use tonic::Code;
use tonic::body::Body;
use tower::{Layer, Service};
use tracing::{Instrument as _, Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::decisions::Decisions;
use super::sampling::{self, Sampled, Sampling};
use super::tally::{Outcome, Signal, Tallies};
use super::{denied, log, statements};
use crate::access;
use crate::auth::Caller;
use crate::caller::Party;
use crate::clock;

/// Metadata by which a caller names its call, and learns how the log names it.
static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest name that a caller may give to its call, in bytes. Tokens are longer, and so do not get into the log by it.
const MAX_REQUEST_ID: usize = 64;

/// How many decisions of a call have spans of their own: a batch has a thousand, and a stream any number.
const SPANS: u32 = 128;

/// What a server records of calls.
pub struct Calls {
    /// `None`: nothing is traced.
    pub(super) sampling: Option<Sampling>,
    /// `None`: decisions are not recorded.
    pub(super) decisions: Option<Decisions>,
    pub(super) tallies: Arc<Tallies>,
}

/// How an RPC is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It may be answered the short way, if nothing is recorded.
    Short,
    /// It may last long: what happens during it is no part of its trace, which would have no end.
    Stream,
    /// All others.
    Ordinary,
}

impl Calls {
    /// Nothing but request ids in log lines.
    #[must_use]
    pub fn unrecorded() -> &'static Self {
        static NONE: OnceLock<Calls> = OnceLock::new();
        NONE.get_or_init(|| Self { sampling: None, decisions: None, tallies: Arc::default() })
    }

    /// How much was exported, or was not, since the server started.
    #[must_use]
    pub fn exported(&self, signal: Signal, outcome: Outcome) -> u64 {
        self.tallies.get(signal, outcome)
    }

    /// Begins to record a call, before anything else happens to it. `None`: it may be answered the short way, and nothing
    /// is to be recorded of it. `names`: of service and method.
    pub(crate) fn begin(
        &'static self,
        kind: Kind,
        names: (&'static str, &'static str),
        request: &mut Request<Body>,
    ) -> Option<Recorded> {
        let sampled = self.sampling.as_ref().and_then(|sampling| sampling.choose(request.headers()));
        let logs = match (&self.decisions, kind) {
            (None, _) => false,
            (Some(decisions), Kind::Short) => decisions.draw(),
            // Of a stream it is drawn for each question.
            (Some(_), _) => true,
        };
        if kind == Kind::Short && sampled.is_none() && !logs {
            return None;
        }
        let recorded = Recorded::new(self, kind, names, request.headers(), sampled, logs);
        request.extensions_mut().insert(recorded.clone());
        Some(recorded)
    }
}

/// What is recorded of a call. Its copies are the same.
#[derive(Clone)]
pub(crate) struct Recorded(Arc<Record>);

struct Record {
    calls: &'static Calls,
    kind: Kind,
    names: (&'static str, &'static str),
    request_id: String,
    /// The trace that it is part of, here or elsewhere.
    trace: Option<TraceId>,
    /// What log lines carry.
    line: Span,
    /// The span of the RPC; disabled: it is not traced.
    span: Span,
    /// Whether its decisions go to the decision log.
    logs: bool,
    spans_left: AtomicU32,
    caller: OnceLock<Arc<Caller>>,
    party: OnceLock<Party>,
    account: OnceLock<AccountId>,
}

tokio::task_local! {
    /// The call that is being answered.
    static CURRENT: Recorded;
}

impl Recorded {
    fn new(
        calls: &'static Calls,
        kind: Kind,
        names: (&'static str, &'static str),
        headers: &HeaderMap,
        sampled: Option<Sampled>,
        logs: bool,
    ) -> Self {
        let request_id = request_id(headers);
        let (service, method) = names;
        let span = sampled.map_or_else(Span::none, |sampled| begin_span(names, &request_id, sampled));
        let trace = match span_context(&span) {
            Some(context) => Some(context.trace_id()),
            None => sampling::parent(headers).map(|parent| parent.trace),
        };
        let line = tracing::error_span!(
            target: log::LINE,
            parent: None,
            "call",
            request_id,
            rpc = format_args!("{service}/{method}"),
            trace_id = field::Empty,
        );
        if let Some(trace) = trace {
            line.record("trace_id", field::display(trace));
        }
        let spans_left = AtomicU32::new(if span.is_disabled() { 0 } else { SPANS });
        let (caller, party, account) = (OnceLock::new(), OnceLock::new(), OnceLock::new());
        Self(Arc::new(Record {
            calls,
            kind,
            names,
            request_id,
            trace,
            line,
            span,
            logs,
            spans_left,
            caller,
            party,
            account,
        }))
    }

    /// The call that is being answered, if anything is recorded of it.
    pub(crate) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Whether a stream of questions must not be answered the short way.
    pub(crate) fn logs(&self) -> bool {
        self.0.logs
    }

    pub(super) fn decisions(&self) -> Option<&'static Decisions> {
        self.0.calls.decisions.as_ref()
    }

    /// Whether the decision on its next question is to be recorded.
    pub(super) fn logs_next(&self) -> bool {
        self.0.logs && (self.0.kind == Kind::Short || self.decisions().is_some_and(Decisions::draw))
    }

    /// The span of the next decision; disabled: it has none.
    pub(super) fn decision_span(&self) -> Span {
        let left = |left: u32| left.checked_sub(1);
        if self.0.spans_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, left).is_err() {
            return Span::none();
        }
        tracing::info_span!(
            target: statements::DECISION,
            parent: &self.0.span,
            "decide",
            mandate.policy = field::Empty,
            mandate.permission = field::Empty,
            mandate.outcome = field::Empty,
            mandate.reason = field::Empty,
        )
    }

    pub(super) fn rpc(&self) -> String {
        format!("{}/{}", self.0.names.0, self.0.names.1)
    }

    pub(super) fn request_id(&self) -> &str {
        &self.0.request_id
    }

    pub(super) fn trace(&self) -> Option<TraceId> {
        self.0.trace
    }

    /// The span of the RPC as the collector knows it, if it is traced.
    pub(super) fn span_context(&self) -> Option<SpanContext> {
        span_context(&self.0.span)
    }

    /// Notes whose token it was. The first one counts.
    pub(crate) fn called_by(&self, caller: Arc<Caller>) {
        let _ = self.0.caller.set(caller);
    }

    /// Notes in whose right it is made. The first one counts.
    pub(crate) fn made_by(&self, party: Party) {
        let _ = self.0.party.set(party);
    }

    /// Notes which account it is about. The first one counts.
    pub(crate) fn is_about(&self, account: AccountId) {
        let _ = self.0.account.set(account);
    }

    pub(super) fn caller(&self) -> Option<&Caller> {
        self.0.caller.get().map(Arc::as_ref)
    }

    pub(super) fn party(&self) -> Option<Party> {
        self.0.party.get().copied()
    }

    pub(super) fn account(&self) -> Option<AccountId> {
        self.0.account.get().copied()
    }

    /// Does a part of the call.
    pub(crate) fn within<T>(&self, work: impl FnOnce() -> T) -> T {
        let Record { line, .. } = self.0.as_ref();
        CURRENT.sync_scope(self.clone(), || line.in_scope(|| self.inner().in_scope(work)))
    }

    /// What happens during the call is part of this span.
    fn inner(&self) -> Span {
        if self.0.kind == Kind::Stream { Span::none() } else { self.0.span.clone() }
    }

    /// Tells the caller how the log names the call.
    pub(crate) fn name(&self, response: &mut Response<Body>) {
        if let Ok(id) = HeaderValue::from_str(&self.0.request_id) {
            response.headers_mut().insert(&REQUEST_ID, id);
        }
    }

    /// It ended with this code, which was told in these headers or trailers.
    pub(crate) fn end(&self, code: Code, told: Option<&HeaderMap>) {
        let Record { span, kind, .. } = self.0.as_ref();
        span.record("rpc.grpc.status_code", i64::from(i32::from(code)));
        if is_of_the_server(code) {
            span.record("otel.status_code", "ERROR");
        }
        if code == Code::PermissionDenied && *kind != Kind::Short && !self.is_of_questions() {
            self.0.line.in_scope(|| denied::tell(self, told));
        }
    }

    fn is_of_questions(&self) -> bool {
        self.0.names.1 == "CheckStream"
    }
}

/// Which codes are faults of the server (OpenTelemetry's conventions for gRPC).
fn is_of_the_server(code: Code) -> bool {
    matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    )
}

/// The span of an RPC, under that of the caller where there is one.
fn begin_span((service, method): (&str, &str), request_id: &str, sampled: Sampled) -> Span {
    let span = tracing::info_span!(
        target: statements::RPC,
        parent: None,
        "rpc",
        otel.name = format!("{service}/{method}"),
        otel.kind = "server",
        otel.status_code = field::Empty,
        rpc.system = "grpc",
        rpc.service = service,
        rpc.method = method,
        rpc.grpc.status_code = field::Empty,
        mandate.request_id = request_id,
    );
    if let Sampled::Under(parent) = sampled {
        // It fails where nothing is exported; then there is no span, either.
        let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(parent));
    }
    span
}

fn span_context(span: &Span) -> Option<SpanContext> {
    if span.is_disabled() {
        return None;
    }
    Some(span.context().span().span_context().clone()).filter(SpanContext::is_valid)
}

/// The caller's name for the call, if it is a good one, or else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let good = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:".contains(byte);
    let given = headers.get(&REQUEST_ID).and_then(|value| value.to_str().ok());
    match given.filter(|id| (1..=MAX_REQUEST_ID).contains(&id.len()) && id.as_bytes().iter().all(good)) {
        Some(id) => id.to_owned(),
        None => clock::new_id_bits().map_or_else(|_| "unknown".to_owned(), |bits| format!("{bits:032x}")),
    }
}

/// Does work of the call that is being answered in a task of its own.
pub(crate) fn carried<F: Future>(work: F) -> impl Future<Output = F::Output> {
    let recorded = Recorded::current();
    async move {
        let Some(recorded) = recorded else { return work.await };
        let (line, inner) = (recorded.0.line.clone(), recorded.inner());
        CURRENT.scope(recorded, work.instrument(inner)).instrument(line).await
    }
}

/// Begins to record calls that were left by the short way, behind the guard.
#[derive(Clone, Copy)]
pub struct CarriedLayer {
    calls: &'static Calls,
}

impl CarriedLayer {
    /// Records here.
    #[must_use]
    pub fn new(calls: &'static Calls) -> Self {
        Self { calls }
    }
}

impl<S> Layer<S> for CarriedLayer {
    type Service = Carried<S>;

    fn layer(&self, inner: S) -> Carried<S> {
        Carried { calls: self.calls, inner }
    }
}

/// A service whose calls are all recorded.
#[derive(Clone)]
pub struct Carried<S> {
    calls: &'static Calls,
    inner: S,
}

impl<S> Service<Request<Body>> for Carried<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture<'static, Result<Response<Body>, Infallible>>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if request.extensions().get::<Recorded>().is_some() {
            return Either::Left(self.inner.call(request));
        }
        // Only those of the short way come without: neither sampled nor drawn.
        let method = if request.uri().path() == access::CHECK.path { "Check" } else { "BatchCheck" };
        let names = ("mandate.v1.AuthzService", method);
        let recorded = Recorded::new(self.calls, Kind::Short, names, request.headers(), None, false);
        request.extensions_mut().insert(recorded.clone());
        let call = recorded.within(|| self.inner.call(request));
        let line = recorded.0.line.clone();
        let answer = async move {
            let mut answer = CURRENT.scope(recorded.clone(), call).await;
            if let Ok(response) = &mut answer {
                recorded.name(response);
            }
            answer
        };
        Either::Right(Box::pin(answer.instrument(line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(id: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(&REQUEST_ID, HeaderValue::from_str(id).unwrap());
        request_id(&headers)
    }

    #[test]
    fn a_caller_may_name_its_call_within_reason() {
        let longest = "x".repeat(MAX_REQUEST_ID);
        for good in ["1", "a-b_c.d:e", "01J0000000000000000000000", &longest] {
            assert_eq!(named(good), good);
        }
        let longer = "x".repeat(MAX_REQUEST_ID + 1);
        for bad in ["", "two words", "ada@example.com", "\"quoted\"", &longer] {
            let made = named(bad);
            assert!(made.len() == 32 && made != named(bad), "{bad}");
        }
    }

    #[test]
    fn a_check_of_which_nothing_is_recorded_is_left_alone() {
        let calls = Calls::unrecorded();
        let names = ("mandate.v1.AuthzService", "Check");
        let mut request = Request::new(Body::empty());
        assert!(calls.begin(Kind::Short, names, &mut request).is_none());
        assert!(request.extensions().is_empty());
        assert!(calls.begin(Kind::Ordinary, names, &mut request).is_some());
        assert!(request.extensions().get::<Recorded>().is_some());
    }

    #[tokio::test]
    async fn work_in_a_task_of_its_own_is_work_of_its_call() {
        let mut request = Request::new(Body::empty());
        let begun = Calls::unrecorded().begin(Kind::Ordinary, ("service", "Method"), &mut request).unwrap();
        let id = || Recorded::current().map(|recorded| recorded.request_id().to_owned());
        let task = begun.within(|| tokio::spawn(carried(async move { id() })));
        assert_eq!(task.await.unwrap().as_deref(), Some(begun.request_id()));
        assert_eq!(tokio::spawn(carried(async move { id() })).await.unwrap(), None);
    }
}
