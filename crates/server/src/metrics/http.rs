//! The port for operators, in plain HTTP/1.1.
//!
//! It is kept from being in anybody's way: few connections at a time, one request on each, none for long, and no body
//! of a request is ever read.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::page::Watched;
use crate::listen;

/// Most connections at a time; whoever comes then waits until one has ended.
const CONNECTIONS: usize = 32;

/// How long a connection may take, from its beginning to its end.
const LIMIT: Duration = Duration::from_secs(10);

/// How long the head of a request may take.
const HEAD_LIMIT: Duration = Duration::from_secs(3);

/// Most bytes of a request's head, and most of its header fields.
const HEAD_BYTES: usize = 16 << 10;
const HEAD_FIELDS: usize = 64;

/// How long to wait when the system has no socket to give.
const PAUSE: Duration = Duration::from_millis(100);

/// The port, for as long as it lives.
pub struct Port {
    /// Where it listens, with the port that was taken.
    pub address: SocketAddr,
    watched: Arc<Watched>,
    task: JoinHandle<()>,
}

impl Port {
    /// Listens there. `/readyz` says no once `stopping` was cancelled.
    ///
    /// # Errors
    /// The address cannot be had.
    pub async fn open(
        listen: SocketAddr,
        watched: Watched,
        stopping: CancellationToken,
    ) -> anyhow::Result<Self> {
        let listener = listen::bind(listen, "--metrics-listen").await?;
        let address = listener.local_addr()?;
        let watched = Arc::new(watched);
        let task = tokio::spawn(accept(listener, Arc::clone(&watched), stopping));
        tracing::info!("metrics are at http://{address}/metrics");
        Ok(Self { address, watched, task })
    }

    /// Answers no more.
    pub fn close(&self) {
        self.task.abort();
        self.watched.stop();
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        self.close();
    }
}

async fn accept(listener: TcpListener, watched: Arc<Watched>, stopping: CancellationToken) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    // Nobody closes the semaphore.
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((socket, _)) => {
                let (watched, stopping) = (Arc::clone(&watched), stopping.clone());
                connections.spawn(connection(socket, place, watched, stopping));
            }
            Err(error) => {
                tracing::debug!(%error, "a connection for metrics could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(
    socket: TcpStream,
    _place: OwnedSemaphorePermit,
    watched: Arc<Watched>,
    stopping: CancellationToken,
) {
    let service = service_fn(|request: Request<Incoming>| {
        let (watched, stopping) = (Arc::clone(&watched), stopping.clone());
        async move {
            Ok::<_, Infallible>(answer(request.method(), request.uri().path(), &watched, &stopping).await)
        }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_BYTES)
        .max_headers(HEAD_FIELDS)
        .keep_alive(false)
        .serve_connection(TokioIo::new(socket), service);
    // Whoever hangs up, or sends something else than HTTP, is told so by hyper or not at all.
    let _ = tokio::time::timeout(LIMIT, serving).await;
}

async fn answer(
    method: &Method,
    path: &str,
    watched: &Watched,
    stopping: &CancellationToken,
) -> Response<Full<Bytes>> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here\n");
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/metrics" => match watched.page() {
            Ok(page) => response(StatusCode::OK, prometheus::TEXT_FORMAT, page.into()),
            Err(error) => {
                tracing::error!(%error, "the metrics cannot be written");
                text(StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written; the log says why\n")
            }
        },
        // That this is answered says that the process does its work.
        "/healthz" => text(StatusCode::OK, "ok\n"),
        "/readyz" if stopping.is_cancelled() => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "stopping: calls in flight are finished, no others should come\n",
        ),
        "/readyz" if !watched.facts().are_of_use().await => text(
            StatusCode::SERVICE_UNAVAILABLE,
            "the database is away, and what is in memory is too old to answer from\n",
        ),
        "/readyz" => text(StatusCode::OK, "ok\n"),
        _ => text(StatusCode::NOT_FOUND, "here are /metrics, /healthz and /readyz\n"),
    }
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    response(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use mandate_domain::plan::Policies;
    use mandate_storage::{OpenOptions, Store};

    use super::*;
    use crate::facts::Facts;
    use crate::overload::Bounds;
    use crate::passwords::Passwords;
    use crate::telemetry::Calls;

    /// A server on a database of its own.
    async fn watched() -> (Store, Watched) {
        let store = Store::open("sqlite::memory:", OpenOptions::default()).await.unwrap();
        let facts = Facts::open(
            store.clone(),
            Policies::default(),
            Duration::from_secs(1),
            Bounds::for_tests(&store),
        )
        .await
        .unwrap();
        (store, Watched::new(facts, Arc::new(Passwords::new().unwrap()), Calls::unrecorded()))
    }

    #[tokio::test]
    async fn who_stops_or_cannot_read_the_database_is_not_ready() {
        let (store, watched) = watched().await;
        let stopping = CancellationToken::new();
        let status = async |path| answer(&Method::GET, path, &watched, &stopping).await.status().as_u16();
        assert_eq!((status("/readyz").await, status("/healthz").await), (200, 200));
        store.close().await;
        assert_eq!((status("/readyz").await, status("/healthz").await), (503, 200));
        assert_eq!(status("/metrics").await, 200);
        stopping.cancel();
        assert_eq!((status("/readyz").await, status("/healthz").await), (503, 200));
    }

    #[tokio::test]
    async fn who_stops_is_not_ready_although_the_database_is_there() {
        let (_store, watched) = watched().await;
        let stopping = CancellationToken::new();
        stopping.cancel();
        assert_eq!(answer(&Method::GET, "/readyz", &watched, &stopping).await.status().as_u16(), 503);
    }
}
