//! gRPC-Web (PROTOCOL-WEB.md of gRPC) for pages of named origins, which the browser lets call by CORS (Fetch §3.2).
//!
//! Off unless an origin is named. Native calls pass by it: one look at what they begin with, and nothing at all where
//! it is off.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::future::Either;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request, Response, Uri, Version};
use tonic::body::Body;
use tonic_web::{GrpcWebLayer, GrpcWebService};
use tower::{Layer, Service, ServiceExt as _};
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, Cors, CorsLayer, ExposeHeaders};

use crate::guard::ACTING_FOR;
use crate::tls::Protocols;

/// For how long a browser need not ask again whether it may call.
const PREFLIGHT: Duration = Duration::from_secs(2 * 60 * 60);

/// Who may call from a browser.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "gRPC-Web")]
pub struct WebSettings {
    /// The origins (https://app.example.com), separated by commas, whose pages may call over gRPC-Web, which is then
    /// answered on the same port, over HTTP/1.1 and HTTP/2. Default: none, and there is no gRPC-Web.
    #[arg(long, value_name = "ORIGINS", env = "MANDATE_GRPC_WEB_ORIGINS", value_delimiter = ',', value_parser = origin)]
    pub grpc_web_origins: Vec<HeaderValue>,
}

/// An origin as browsers send it: scheme, host and port, and nothing behind them (RFC 6454 §6.2).
fn origin(text: &str) -> Result<HeaderValue, String> {
    let wrong = || {
        "is no origin: write https://HOST or https://HOST:PORT, in lower case and without a path; each by its name"
            .to_owned()
    };
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let authority = uri.authority().ok_or_else(wrong)?;
    let spelled = format!("{}://{authority}", uri.scheme_str().ok_or_else(wrong)?).to_lowercase();
    if spelled != text
        || authority.as_str().contains('@')
        || !matches!(uri.scheme_str(), Some("http" | "https"))
    {
        return Err(wrong());
    }
    text.parse().map_err(|_| wrong())
}

/// Wraps every service in [`Web`].
#[derive(Clone)]
pub(crate) struct WebLayer {
    cors: Option<CorsLayer>,
}

impl WebLayer {
    /// For the pages of these origins.
    pub(crate) fn new(settings: &WebSettings) -> Self {
        let origins = &settings.grpc_web_origins;
        Self { cors: (!origins.is_empty()).then(|| cors(origins)) }
    }

    /// What an encrypted connection may be asked to speak.
    pub(crate) fn protocols(&self) -> Protocols {
        if self.is_on() { Protocols::Http2AndHttp1 } else { Protocols::Http2 }
    }

    /// Whether anybody may call from a browser.
    pub(crate) fn is_on(&self) -> bool {
        self.cors.is_some()
    }
}

/// What a browser may send, and may show the page of the answer. Tokens travel in a header that pages set, so that no
/// cookie is ever looked at and none is asked for.
fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let name = HeaderName::from_static;
    let sent = [
        AUTHORIZATION,
        CONTENT_TYPE,
        name("x-grpc-web"),
        name("x-user-agent"),
        name("grpc-timeout"),
        name("traceparent"),
        name("tracestate"),
        name(ACTING_FOR),
    ];
    let shown = ["grpc-status", "grpc-message", "grpc-status-details-bin"].map(name);
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_methods(AllowMethods::list([Method::POST]))
        .allow_headers(AllowHeaders::list(sent))
        .expose_headers(ExposeHeaders::list(shown))
        .max_age(PREFLIGHT)
}

impl<S: Clone> Layer<S> for WebLayer {
    type Service = Web<S>;

    fn layer(&self, inner: S) -> Web<S> {
        let web = self.cors.as_ref().map(|cors| cors.layer(GrpcWebLayer::new().layer(inner.clone())));
        Web { web, inner }
    }
}

/// A service that browsers reach, too, if they may.
#[derive(Clone)]
pub(crate) struct Web<S> {
    web: Option<Cors<GrpcWebService<S>>>,
    inner: S,
}

type Translated = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

impl<S> Service<Request<Body>> for Web<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Translated>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        match &self.web {
            Some(web) if is_web(&request) => Either::Right(Box::pin(web.clone().oneshot(request))),
            _ => Either::Left(self.inner.call(request)),
        }
    }
}

/// Whether no native client sends this. What comes over HTTP/1.1 is a browser's, or nothing that is known here.
fn is_web(request: &Request<Body>) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    request.version() != Version::HTTP_2
        || request.method() == Method::OPTIONS
        || kind.is_some_and(|kind| kind.starts_with(b"application/grpc-web"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_spelled_as_browsers_do() {
        for fine in ["https://app.example.com", "http://localhost:5173", "https://[::1]:8443"] {
            assert!(origin(fine).is_ok(), "{fine}");
        }
        for wrong in
            ["*", "app.example.com", "https://app.example.com/", "https://App.example.com", "ftp://a", ""]
        {
            assert!(origin(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn it_is_off_unless_somebody_is_named() {
        assert!(!WebLayer::new(&WebSettings::default()).is_on());
    }
}
