//! From a token to its caller.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderMap;
use jsonwebtoken::Algorithm;

use super::bearer::{bearer, probable};
use super::caller::{Caller, CallerKind, MAX_SUBJECT_BYTES};
use super::error::{AuthError, Malformation};
use super::issuer::{EMBEDDED_ISSUER, Issuer, Issuers, Remote};
use super::jwks_url::{KeyRefresh, RefreshTimes};
use super::keys::VerificationKey;
use super::remembered::{Remembered, Verified};
use super::unverified::{Claims, Unverified};

/// The longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;

/// The current time in microseconds since the Unix epoch.
type Clock = Box<dyn Fn() -> i64 + Send + Sync>;

/// Verifies tokens of the configured issuers and remembers those that passed.
///
/// Shared by all calls; verifying never waits for the network. Whoever can wait for keys that an issuer has just published
/// does so by [`Verifier::keys_on_their_way`].
pub struct Verifier {
    issuers: Vec<Arc<Issuer>>,
    positions: HashMap<Arc<str>, usize>,
    remembered: Remembered,
    now_micros: Clock,
}

impl Verifier {
    /// A verifier of these issuers' tokens; `now_micros` is the clock, in microseconds since the Unix epoch.
    ///
    /// Keys that come from a URL are there only after [`Verifier::keep_keys_fresh`].
    #[must_use]
    pub fn new(issuers: Issuers, now_micros: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        let issuers: Vec<Arc<Issuer>> = issuers.0.into_iter().map(Arc::new).collect();
        let positions = issuers
            .iter()
            .enumerate()
            .map(|(position, issuer)| (Arc::clone(&issuer.name), position))
            .collect();
        Self { issuers, positions, remembered: Remembered::new(), now_micros: Box::new(now_micros) }
    }

    /// Fetches the keys of every issuer with a `jwks_url` and goes on doing so in the background.
    ///
    /// Returns after the first attempt of each, whether or not it succeeded: a server must start while a login service
    /// is down, refusing that issuer's tokens until its keys are there. The refresh ends when the result is dropped.
    /// Call it once, within a Tokio runtime.
    pub async fn keep_keys_fresh(&self, times: RefreshTimes) -> KeyRefresh {
        KeyRefresh::start(&self.issuers, times).await
    }

    /// The caller that `token` speaks for.
    ///
    /// # Errors
    /// The first check that the token fails. Failures are not remembered.
    pub fn verify(&self, token: &str) -> Result<Arc<Caller>, AuthError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(AuthError::TooLong);
        }
        let now = (self.now_micros)();
        self.recall(token.as_bytes(), now).unwrap_or_else(|| self.verify_afresh(token, now))
    }

    /// The caller of a call with these headers.
    ///
    /// # Errors
    /// As [`bearer`] and [`verify`](Self::verify).
    pub fn caller(&self, headers: &HeaderMap) -> Result<Arc<Caller>, AuthError> {
        // To find it is to know that it is written as it should be: what is remembered was read with more care.
        let recalled = probable(headers).and_then(|token| self.recall(token, (self.now_micros)()));
        recalled.unwrap_or_else(|| self.verify(bearer(headers)?))
    }

    /// Believes the service's own tokens by these keys from now on, and no others.
    pub(super) fn believe_own(&self, keys: Vec<VerificationKey>) {
        let own = self.positions.get(EMBEDDED_ISSUER).and_then(|position| self.issuers.get(*position));
        if let Some(issuer) = own {
            issuer.keys.replace(keys);
        }
    }

    /// What to wait for before a call is refused whose token names a key that is not known: the fetch of its issuer's keys
    /// that it has asked for. It takes a few seconds at the most, and nothing where none is due. `None`: the keys of
    /// that issuer do not change.
    pub(crate) fn keys_on_their_way(
        &self,
        headers: &HeaderMap,
    ) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
        let token = bearer(headers).ok().filter(|token| token.len() <= MAX_TOKEN_BYTES)?;
        let unverified = Unverified::parse(token).ok()?;
        let (_, issuer) = self.issuer_of(&unverified.claims).ok()?;
        issuer.remote.as_ref().map(Remote::next_fetch)
    }

    fn recall(&self, token: &[u8], now: i64) -> Option<Result<Arc<Caller>, AuthError>> {
        let verified = self.remembered.get(token).filter(|verified| self.is_of_current_keys(verified))?;
        if now < verified.refused_from_micros {
            return Some(Ok(verified.caller));
        }
        self.remembered.forget(token);
        Some(Err(AuthError::Expired))
    }

    fn is_of_current_keys(&self, verified: &Verified) -> bool {
        self.issuers
            .get(verified.issuer)
            .is_some_and(|issuer| issuer.keys.generation() == verified.generation)
    }

    fn verify_afresh(&self, token: &str, now: i64) -> Result<Arc<Caller>, AuthError> {
        let unverified = Unverified::parse(token)?;
        let (position, issuer) = self.issuer_of(&unverified.claims)?;
        let generation = verify_signature(issuer, &unverified)?;
        // From here on the claims are what the issuer signed.
        let claims = &unverified.claims;
        let expires_at_micros = claims.expires_at_micros()?;
        let refused_from_micros = expires_at_micros.saturating_add(issuer.leeway_micros);
        if now >= refused_from_micros {
            return Err(AuthError::Expired);
        }
        if claims.valid_from_micros()? > now.saturating_add(issuer.leeway_micros) {
            return Err(AuthError::NotYetValid);
        }
        check_audience(issuer, claims)?;
        let caller = Arc::new(caller(issuer, claims, expires_at_micros)?);
        let verified =
            Verified { caller: Arc::clone(&caller), refused_from_micros, issuer: position, generation };
        self.remembered.insert(token, verified);
        Ok(caller)
    }

    /// The issuer that the token claims to be of: a choice of keys, not yet a fact.
    fn issuer_of(&self, claims: &Claims) -> Result<(usize, &Issuer), AuthError> {
        let name = claims.iss.as_deref().ok_or(AuthError::Malformed(Malformation::NoIssuer))?;
        let position = *self.positions.get(name).ok_or(AuthError::UnknownIssuer)?;
        let issuer = self.issuers.get(position).ok_or(AuthError::UnknownIssuer)?;
        Ok((position, issuer))
    }

    #[cfg(test)]
    pub(super) fn remembered_tokens(&self) -> usize {
        self.remembered.len()
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier").field("issuers", &self.issuers).finish_non_exhaustive()
    }
}

/// Checks the signature and returns the generation of the keys that it was checked with.
///
/// The algorithm must be one of the issuer's *and* one of the key's: a list alone would take an RSA key's bytes for an
/// HMAC secret, a key alone would leave the choice to the token (RFC 8725 §3.1).
fn verify_signature(issuer: &Issuer, token: &Unverified<'_>) -> Result<u64, AuthError> {
    let algorithm = Algorithm::from_str(&token.header.alg).map_err(|_| AuthError::AlgorithmNotAllowed)?;
    if !issuer.algorithms.contains(&algorithm) {
        return Err(AuthError::AlgorithmNotAllowed);
    }
    let keys = issuer.keys.current();
    let key = keys.select(token.header.kid.as_deref(), algorithm).inspect_err(|error| {
        if matches!(error, AuthError::UnknownKey | AuthError::KeysUnavailable) {
            issuer.want_keys();
        }
    })?;
    if !key.verifies(token.signed, token.signature, algorithm) {
        return Err(AuthError::BadSignature);
    }
    Ok(keys.generation)
}

fn check_audience(issuer: &Issuer, claims: &Claims) -> Result<(), AuthError> {
    let stated = claims.aud.as_ref().ok_or(AuthError::Malformed(Malformation::NoAudience))?;
    if stated.iter().any(|stated| issuer.audiences.iter().any(|audience| audience.as_str() == stated)) {
        return Ok(());
    }
    Err(AuthError::WrongAudience { expected: issuer.audiences.first().cloned().unwrap_or_default() })
}

fn caller(issuer: &Issuer, claims: &Claims, expires_at_micros: i64) -> Result<Caller, AuthError> {
    let subject = claims.sub.as_deref().unwrap_or_default();
    if !is_subject(subject) {
        return Err(AuthError::Malformed(Malformation::Subject));
    }
    let scopes = claims.scopes();
    let kind = CallerKind::of(scopes);
    if !issuer.callers.contains(&kind) {
        return Err(AuthError::KindNotAllowed { kind });
    }
    // Elsewhere these claims have other meanings.
    let session = if issuer.name() == EMBEDDED_ISSUER { claims.session()? } else { None };
    let issuer = Arc::clone(&issuer.name);
    Ok(Caller { kind, issuer, subject: subject.into(), scopes, expires_at_micros, session })
}

/// Whether a claim `sub` can be a subject here. Control characters cannot be stored everywhere, nor shown to anybody.
pub(super) fn is_subject(subject: &str) -> bool {
    !subject.is_empty()
        && subject.len() <= MAX_SUBJECT_BYTES
        && !subject.contains(|character: char| character.is_control())
}
