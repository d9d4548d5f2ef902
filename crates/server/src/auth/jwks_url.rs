//! Keys that an issuer publishes at a URL: fetched at start, again every few minutes, and when a token names a new one.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{StatusCode, Url, redirect};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::issuer::{Issuer, Remote};
use super::keys::{KeyError, VerificationKey, parse_jwks};

/// The largest JWKS that is read, in bytes.
const MAX_JWKS_BYTES: usize = 256 * 1024;

/// When keys are fetched.
#[derive(Clone, Copy, Debug)]
pub struct RefreshTimes {
    /// From one fetch to the next while nothing asks for one earlier.
    pub interval: Duration,
    /// The least time between two fetches of one issuer, whatever tokens ask for; also the wait after a failed first
    /// fetch.
    pub least_gap: Duration,
    /// How long one fetch may take, from connecting to the last byte.
    pub timeout: Duration,
}

impl Default for RefreshTimes {
    /// Every 5 minutes, at most every 10 seconds, within 5 seconds.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(300),
            least_gap: Duration::from_secs(10),
            timeout: Duration::from_secs(5),
        }
    }
}

/// The background refresh of the issuers' keys; dropping it ends the refresh.
#[derive(Debug)]
#[must_use = "dropping it ends the refresh of the issuers' keys"]
pub struct KeyRefresh {
    /// A `JoinSet` aborts its tasks when it is dropped.
    _tasks: JoinSet<()>,
}

impl KeyRefresh {
    /// Starts a task per issuer with a URL, and returns when each has tried once.
    pub(super) async fn start(issuers: &[Arc<Issuer>], times: RefreshTimes) -> Self {
        let mut tasks = JoinSet::new();
        let mut first_attempts = Vec::new();
        for issuer in issuers.iter().filter(|issuer| issuer.remote.is_some()) {
            let (tried, first_attempt) = oneshot::channel();
            tasks.spawn(keep_fresh(Arc::clone(issuer), times, tried));
            first_attempts.push(first_attempt);
        }
        for first_attempt in first_attempts {
            // A task that ended without trying has nothing to wait for either.
            let _ = first_attempt.await;
        }
        Self { _tasks: tasks }
    }
}

async fn keep_fresh(issuer: Arc<Issuer>, times: RefreshTimes, tried: oneshot::Sender<()>) {
    let Some(remote) = &issuer.remote else {
        return;
    };
    refresh(&issuer, remote, times).await;
    // The starter may have been dropped; the refresh is dropped with it then.
    let _ = tried.send(());
    loop {
        let attempted_at = Instant::now();
        let wait = if issuer.keys.is_empty() { times.least_gap } else { times.interval };
        if timeout(wait, remote.wanted.notified()).await.is_ok() {
            sleep_until(attempted_at + times.least_gap).await;
        }
        refresh(&issuer, remote, times).await;
    }
}

/// One attempt. A failure leaves the keys as they are: an issuer that is down for an hour must not lock everybody out.
async fn refresh(issuer: &Issuer, remote: &Remote, times: RefreshTimes) {
    let begun = Instant::now();
    remote.fetching();
    match fetch(&remote.url, times.timeout).await {
        Ok(keys) => {
            let before = issuer.keys.generation();
            issuer.keys.replace(keys);
            if issuer.keys.generation() != before {
                tracing::info!(issuer = issuer.name(), "the issuer's keys were changed");
            }
        }
        Err(error) => {
            tracing::warn!(
                issuer = issuer.name(),
                url = %remote.url,
                error = &error as &dyn std::error::Error,
                "the issuer's keys could not be fetched; the ones known so far stay in use"
            );
        }
    }
    remote.fetched(begun + times.least_gap);
}

/// Why a fetch failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum FetchError {
    #[error("the request failed")]
    Request(#[source] reqwest::Error),
    #[error("the answer was {0} instead of 200")]
    Status(StatusCode),
    #[error("the answer is larger than {MAX_JWKS_BYTES} bytes")]
    TooLarge,
    #[error("the answer {0}")]
    Keys(KeyError),
}

impl From<reqwest::Error> for FetchError {
    fn from(error: reqwest::Error) -> Self {
        Self::Request(error.without_url())
    }
}

/// Fetches a JWKS once, following no redirect: the keys come from the configured place or not at all.
async fn fetch(url: &Url, limit: Duration) -> Result<Vec<VerificationKey>, FetchError> {
    let mut client = reqwest::Client::builder().redirect(redirect::Policy::none()).timeout(limit);
    if is_loopback(url) {
        // A proxy would turn a loopback address into one of another machine.
        client = client.no_proxy();
    } else {
        client = client.https_only(true);
    }
    let mut answer = client.build()?.get(url.clone()).send().await?;
    if answer.status() != StatusCode::OK {
        return Err(FetchError::Status(answer.status()));
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if body.len() + chunk.len() > MAX_JWKS_BYTES {
            return Err(FetchError::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    parse_jwks(&body).map_err(FetchError::Keys)
}

/// Whether the URL's host is this machine, where plain `http` shows nothing to anybody else.
pub(super) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
