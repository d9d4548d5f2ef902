//! The access tokens of sessions, and the public keys by which others verify them.

use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, Jwk};
use mandate_domain::session::{Purpose, Session};

use super::signing_key::{MintError, Minted, SigningKey};
use super::unverified::MICROS;

/// How long an access token is good: a revocation that somebody who only verifies tokens does not hear of takes
/// effect after that.
pub const ACCESS_TOKEN_LIFETIME: Duration = Duration::from_secs(600);

/// The claim `purpose` of a token that allows setting a password and nothing else.
pub(super) const PURPOSE_SET_PASSWORD: &str = "set_password";

/// A public key as RFC 7517 §4 and RFC 8037 §2 have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    /// The public key, in base64url.
    pub x: String,
    /// Its thumbprint (RFC 7638).
    pub kid: String,
}

impl SigningKey {
    /// An access token of this session and how long it is good, counted from `now_micros` (microseconds since the
    /// Unix epoch): never longer than the session.
    ///
    /// # Errors
    /// See [`MintError`]; [`MintError::Lifetime`] when less than a second of the session is left.
    pub fn mint_session(&self, session: &Session, now_micros: i64) -> Result<(String, Duration), MintError> {
        let left = u64::try_from((session.ends_at - now_micros) / MICROS).unwrap_or_default();
        let ttl = ACCESS_TOKEN_LIFETIME.min(Duration::from_secs(left));
        let subject = session.user.to_string();
        let purpose = match session.purpose {
            Purpose::Anything => None,
            Purpose::SetPassword => Some(PURPOSE_SET_PASSWORD),
        };
        let claims = Minted::new(&subject, ttl, now_micros)?.of_session(session.id, purpose);
        Ok((self.sign(&claims)?, ttl))
    }

    /// The public half.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey { x: x(self.jwk()).to_owned(), kid: self.kid().to_owned() }
    }
}

/// INVARIANT: the service's own key is Ed25519, an octet key pair.
fn x(jwk: &Jwk) -> &str {
    match &jwk.algorithm {
        AlgorithmParameters::OctetKeyPair(parameters) => &parameters.x,
        _ => "",
    }
}
