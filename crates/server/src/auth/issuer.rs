//! The parties whose tokens are believed, and how far.

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::Algorithm;
use reqwest::Url;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout};

use super::caller::CallerKind;
use super::keys::{Keys, VerificationKey};
use super::signing_key::SigningKey;
use super::signing_keys::SigningKeys;

/// The claim `iss` of tokens that this service mints itself; no configured issuer may have this name.
pub const EMBEDDED_ISSUER: &str = "mandate";

/// The claim `aud` of tokens that this service mints itself.
pub const EMBEDDED_AUDIENCE: &str = "mandate";

/// Where an issuer's keys are fetched from, and the bell that asks for it out of turn.
#[derive(Debug)]
pub(super) struct Remote {
    pub(super) url: Url,
    pub(super) wanted: Notify,
    fetches: watch::Sender<Fetches>,
    waiting: Arc<Semaphore>,
}

/// How far the fetching of keys is.
#[derive(Debug, Clone, Copy)]
struct Fetches {
    /// How many have ended.
    ended: u64,
    /// When the next one may begin; `None`: one is under way.
    next: Option<Instant>,
}

/// The most calls of an issuer that wait for its keys: whoever makes tokens up must not fill the server with them.
const WAITING: usize = 256;

/// For how long they do; longer than a fetch takes.
const PATIENCE: Duration = Duration::from_secs(6);

impl Remote {
    pub(super) fn new(url: Url) -> Self {
        let (fetches, _) = watch::channel(Fetches { ended: 0, next: None });
        Self { url, wanted: Notify::new(), fetches, waiting: Arc::new(Semaphore::new(WAITING)) }
    }

    /// A fetch begins.
    pub(super) fn fetching(&self) {
        self.fetches.send_modify(|fetches| fetches.next = None);
    }

    /// A fetch has ended, well or not; the next one begins then at the earliest.
    pub(super) fn fetched(&self, next: Instant) {
        self.fetches.send_modify(|fetches| *fetches = Fetches { ended: fetches.ended + 1, next: Some(next) });
    }

    /// Waits for the fetch that is under way or may begin now; for nothing, if there is none.
    pub(super) fn next_fetch(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        let mut fetches = self.fetches.subscribe();
        let Fetches { ended, next } = *fetches.borrow();
        let soon = next.is_none_or(|next| next <= Instant::now());
        let place = soon.then(|| Arc::clone(&self.waiting).try_acquire_owned().ok()).flatten();
        async move {
            if place.is_some() {
                // It took too long, or nothing is fetched any more.
                let _ = timeout(PATIENCE, fetches.wait_for(|now| now.ended > ended)).await;
            }
        }
    }
}

/// One issuer: what its tokens must look like and which callers they may make.
#[derive(Debug)]
pub struct Issuer {
    pub(super) name: Arc<str>,
    // INVARIANT: neither of the three is empty.
    pub(super) audiences: Vec<String>,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) callers: Vec<CallerKind>,
    /// How far the issuer's clock may be from ours, in microseconds.
    pub(super) leeway_micros: i64,
    pub(super) keys: Keys,
    pub(super) remote: Option<Remote>,
}

impl Issuer {
    /// The claim `iss` of its tokens.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn embedded(keys: Vec<VerificationKey>) -> Self {
        Self {
            name: EMBEDDED_ISSUER.into(),
            audiences: vec![EMBEDDED_AUDIENCE.to_owned()],
            algorithms: vec![Algorithm::EdDSA],
            callers: CallerKind::ALL.to_vec(),
            leeway_micros: 0,
            keys: Keys::new(keys),
            remote: None,
        }
    }

    /// Asks for the keys to be fetched again soon; nothing where they are read from a file.
    pub(super) fn want_keys(&self) {
        if let Some(remote) = &self.remote {
            remote.wanted.notify_one();
        }
    }
}

/// The issuers of one server, each name once.
#[derive(Debug, Default)]
pub struct Issuers(pub(super) Vec<Issuer>);

impl Issuers {
    /// These issuers and the service's own, whose key is `key`; a second call replaces the first one's key.
    #[must_use]
    pub fn with_embedded(self, key: &SigningKey) -> Self {
        self.with_own(vec![key.verification_key().clone()])
    }

    /// The same with all keys that the service has.
    #[must_use]
    pub fn with_own_keys(self, keys: &SigningKeys) -> Self {
        self.with_own(keys.verification_keys())
    }

    fn with_own(mut self, keys: Vec<VerificationKey>) -> Self {
        self.0.retain(|issuer| issuer.name() != EMBEDDED_ISSUER);
        self.0.push(Issuer::embedded(keys));
        self
    }

    /// The same, with tokens of the service's own good for a while before they begin and after they have expired.
    #[must_use]
    pub fn with_own_leeway(mut self, leeway: Duration) -> Self {
        for issuer in self.0.iter_mut().filter(|issuer| issuer.name() == EMBEDDED_ISSUER) {
            issuer.leeway_micros = i64::try_from(leeway.as_micros()).unwrap_or(i64::MAX);
        }
        self
    }

    /// The issuers, in the order of the file, the service's own last.
    pub fn iter(&self) -> impl Iterator<Item = &Issuer> {
        self.0.iter()
    }
}
