//! A guard for a tonic service: nothing of it runs before Mandate has allowed it.
//!
//! ```no_run
//! # use mandate_client::Client;
//! # use tonic::server::NamedService;
//! # fn example<S: NamedService + Clone>(mandate: Client, shipping: S) {
//! # use tower::Layer as _;
//! let guarded = mandate.require("shipments.book").for_method("GetQuote", "shipments.view").layer(shipping);
//! # }
//! ```

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http::request::Parts;
use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tonic::server::NamedService;
use tower::{Layer, Service};

use crate::call::Client;
use crate::check::{On, Subject};

/// Who wants to do something, and where: what a request has to tell before it is let in.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Who.
    pub subject: Subject,
    /// Where.
    pub on: On,
}

/// Learns the question from a request. Any function of this shape does.
pub trait Extract: Send + Sync + 'static {
    /// The question.
    ///
    /// # Errors
    /// What the caller is told who does not say who they are, or where they want to do it.
    fn extract(&self, request: &Parts) -> Result<Question, Status>;
}

impl<F> Extract for F
where
    F: Fn(&Parts) -> Result<Question, Status> + Send + Sync + 'static,
{
    fn extract(&self, request: &Parts) -> Result<Question, Status> {
        self(request)
    }
}

/// How the question is learned unless told otherwise.
///
/// - Who: the [`Subject`] among the request's extensions. Whatever authenticates callers puts it there (an interceptor,
///   a layer outside of this one), and nothing that a caller sends can. Without one the call is UNAUTHENTICATED.
/// - Where: the [`On`] among the extensions, or else the account that the metadata `mandate-account` names, and the
///   resource that `mandate-resource` names as `TYPE/ID`, if it is there.
///
/// Metadata is the caller's word, so the handler must act where it was asked about: on [`Permitted::on`], not on
/// another account that the message names.
#[derive(Debug, Clone, Copy, Default)]
pub struct FromMetadata;

impl Extract for FromMetadata {
    fn extract(&self, request: &Parts) -> Result<Question, Status> {
        let subject = request.extensions.get::<Subject>().cloned();
        let subject = subject.ok_or_else(|| Status::unauthenticated("nobody has told who calls"))?;
        if let Some(on) = request.extensions.get::<On>() {
            return Ok(Question { subject, on: on.clone() });
        }
        let account = one(request, "mandate-account")?
            .ok_or_else(|| Status::invalid_argument("the metadata mandate-account names no account"))?;
        let on = match one(request, "mandate-resource")? {
            None => On::account(account),
            Some(resource) => match resource.split_once('/') {
                Some((kind, id)) => On::resource(account, kind, id),
                None => {
                    return Err(Status::invalid_argument("the metadata mandate-resource is not TYPE/ID"));
                }
            },
        };
        Ok(Question { subject, on })
    }
}

/// The value of a header that may be there once.
fn one<'a>(request: &'a Parts, name: &str) -> Result<Option<&'a str>, Status> {
    let mut values = request.headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(Status::invalid_argument(format!("the metadata {name} was sent more than once")));
    }
    let text = value.map(http::HeaderValue::to_str).transpose();
    text.map_err(|_| Status::invalid_argument(format!("the metadata {name} is not ASCII")))
}

/// What was allowed, among the extensions of the request that the handler gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Permitted {
    /// Who may.
    pub subject: Subject,
    /// Where.
    pub on: On,
    /// What.
    pub permission: String,
}

/// A layer that lets in whoever holds a permission. See [`Client::require`].
#[derive(Debug, Clone)]
pub struct Require<E = FromMetadata> {
    mandate: Client,
    rules: Arc<Rules>,
    extract: Arc<E>,
}

#[derive(Debug, Clone)]
struct Rules {
    permission: String,
    methods: BTreeMap<String, String>,
}

impl Client {
    /// Guards a tonic service: each call needs this permission, else it is PERMISSION_DENIED, or UNAVAILABLE where nobody
    /// could tell. Use it as a layer, of one service or of a whole server. [`FromMetadata`] tells how it learns who
    /// wants to do it where; [`Require::asking`] takes a way of your own.
    #[must_use]
    pub fn require(&self, permission: impl Into<String>) -> Require {
        let rules = Rules { permission: permission.into(), methods: BTreeMap::new() };
        Require { mandate: self.clone(), rules: Arc::new(rules), extract: Arc::new(FromMetadata) }
    }
}

impl<E> Require<E> {
    /// Another permission for one method (`GetQuote`).
    #[must_use]
    pub fn for_method(mut self, method: impl Into<String>, permission: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.rules).methods.insert(method.into(), permission.into());
        self
    }

    /// Learns in another way who wants to do it where.
    #[must_use]
    pub fn asking<F: Extract>(self, extract: F) -> Require<F> {
        Require { mandate: self.mandate, rules: self.rules, extract: Arc::new(extract) }
    }
}

impl<S, E> Layer<S> for Require<E> {
    type Service = Required<S, E>;

    fn layer(&self, inner: S) -> Required<S, E> {
        let Self { mandate, rules, extract } = self;
        Required { mandate: mandate.clone(), rules: Arc::clone(rules), extract: Arc::clone(extract), inner }
    }
}

/// A service behind [`Require`].
#[derive(Debug)]
pub struct Required<S, E = FromMetadata> {
    mandate: Client,
    rules: Arc<Rules>,
    extract: Arc<E>,
    inner: S,
}

impl<S: Clone, E> Clone for Required<S, E> {
    fn clone(&self) -> Self {
        Self {
            mandate: self.mandate.clone(),
            rules: Arc::clone(&self.rules),
            extract: Arc::clone(&self.extract),
            inner: self.inner.clone(),
        }
    }
}

impl<S: NamedService, E> NamedService for Required<S, E> {
    const NAME: &'static str = S::NAME;
}

impl<S, E> Service<Request<Body>> for Required<S, E>
where
    S: Service<Request<Body>, Response = Response<Body>> + Clone + Send + 'static,
    S::Future: Send,
    E: Extract,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The one that was found ready; its copy has to be asked again (tower, `Service`).
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let (mandate, rules, extract) =
            (self.mandate.clone(), Arc::clone(&self.rules), Arc::clone(&self.extract));
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match permitted(&mandate, &rules, extract.as_ref(), &parts).await {
                Ok(permitted) => {
                    parts.extensions.insert(permitted);
                    inner.call(Request::from_parts(parts, body)).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}

async fn permitted(
    mandate: &Client,
    rules: &Rules,
    extract: &impl Extract,
    parts: &Parts,
) -> Result<Permitted, Status> {
    let method = parts.uri.path().rsplit('/').next().unwrap_or_default();
    let permission = rules.methods.get(method).unwrap_or(&rules.permission);
    let Question { subject, on } = extract.extract(parts)?;
    mandate.check(subject.clone(), permission, on.clone()).await.into_result()?;
    Ok(Permitted { subject, on, permission: permission.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(headers: &[(&str, &str)], subject: Option<Subject>) -> Parts {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        if let Some(subject) = subject {
            parts.extensions.insert(subject);
        }
        parts
    }

    #[test]
    fn who_calls_is_not_the_callers_word() {
        let forged = parts(&[("mandate-account", "acc_1"), ("mandate-subject", "usr_1")], None);
        assert_eq!(FromMetadata.extract(&forged).unwrap_err().code(), tonic::Code::Unauthenticated);
        let ada = Subject::user("usr_ada");
        let asked = FromMetadata.extract(&parts(&[("mandate-account", "acc_1")], Some(ada.clone()))).unwrap();
        assert_eq!(asked, Question { subject: ada.clone(), on: On::account("acc_1") });
        let resource = [("mandate-account", "acc_1"), ("mandate-resource", "shipment/S/1")];
        let asked = FromMetadata.extract(&parts(&resource, Some(ada))).unwrap();
        assert_eq!(asked.on, On::resource("acc_1", "shipment", "S/1"));
    }

    #[test]
    fn an_account_that_is_not_clear_is_none() {
        let ada = Subject::user("usr_ada");
        for headers in [
            &[][..],
            &[("mandate-account", "acc_1"), ("mandate-account", "acc_2")],
            &[("mandate-account", "acc_1"), ("mandate-resource", "S-1")],
        ] {
            let refused = FromMetadata.extract(&parts(headers, Some(ada.clone()))).unwrap_err();
            assert_eq!(refused.code(), tonic::Code::InvalidArgument, "{headers:?}");
        }
    }
}
