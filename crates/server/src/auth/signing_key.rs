//! The embedded issuer: a key that this service makes for itself, and the tokens it mints with it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use mandate_domain::id::SessionId;
use serde::Serialize;

use super::caller::MAX_SUBJECT_BYTES;
use super::issuer::{EMBEDDED_AUDIENCE, EMBEDDED_ISSUER};
use super::keys::VerificationKey;
use super::scope::ScopeSet;
use super::unverified::MICROS;
use super::verifier::is_subject;
use crate::secret_file::{self, SecretFileError};

/// The file of private keys in the data folder: Ed25519, PKCS#8 (RFC 8410) in PEM, the one that signs first.
pub const SIGNING_KEY_FILE: &str = "signing-key.pem";

/// The PEM label of a PKCS#8 private key (RFC 7468 §10).
const PEM_LABEL: &str = "PRIVATE KEY";

/// Why the signing key can be neither read nor made.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeyError {
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] SecretFileError),
    /// There is none, and a new one would be nobody's.
    #[error(
        "{path}: there is no such file; name the data folder of the server that is to accept the token, or start the \
         server first: it makes the key"
    )]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file has gone while the server ran.
    #[error("{path}: is gone; put it back, or the next start makes another key")]
    Gone {
        /// The file.
        path: PathBuf,
    },
    /// The file holds something else than Ed25519 keys.
    #[error(
        "{path}: is not an Ed25519 private key in PKCS#8 PEM, or several of them; restore it from a backup, or delete it to have a new one \
         made (tokens of the old one end with it)"
    )]
    NotAKey {
        /// The file.
        path: PathBuf,
    },
    /// No key could be generated.
    #[error("the system's random numbers are not available; no signing key could be made")]
    NoRandomness,
}

/// Why a token was not minted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MintError {
    /// The subject could not be verified again.
    #[error("the subject must be 1 to {MAX_SUBJECT_BYTES} bytes without control characters; shorten it")]
    Subject,
    /// The lifetime is no whole second, or ends after the year 9999.
    #[error("the lifetime must be at least one second and end before the year 9999")]
    Lifetime,
    /// The system gave no random numbers, or the key could not sign.
    #[error("the token could not be signed; try again")]
    Signing,
}

/// The service's own Ed25519 key. It may mint every kind of caller, so whoever holds it owns the installation.
pub struct SigningKey {
    private: EncodingKey,
    public: VerificationKey,
    jwk: Jwk,
    kid: String,
}

/// Never shows the key, only which one it is.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("kid", &self.kid).finish_non_exhaustive()
    }
}

impl SigningKey {
    /// The keys in `data_dir`, at least one: it is made there if there is none yet, the folder too.
    ///
    /// Processes that start at once end up with the same key: the file appears whole, and only once.
    pub(super) fn load_or_create_all(data_dir: &Path) -> Result<Vec<Self>, SigningKeyError> {
        let path = data_dir.join(SIGNING_KEY_FILE);
        if let Some(keys) = Self::read_all(&path)? {
            return Ok(keys);
        }
        secret_file::create(&path, pem::encode(&generated()?).as_bytes())?;
        Self::read_all(&path)?.ok_or(SigningKeyError::NotAKey { path })
    }

    /// A key that nobody else has, and that ends with this value.
    ///
    /// # Errors
    /// [`SigningKeyError::NoRandomness`].
    pub fn in_memory() -> Result<Self, SigningKeyError> {
        Self::from_block(&generated()?).ok_or(SigningKeyError::NoRandomness)
    }

    /// The key in `data_dir` that signs, where a server has made one.
    ///
    /// # Errors
    /// See [`SigningKeyError`].
    pub fn load(data_dir: &Path) -> Result<Self, SigningKeyError> {
        let path = data_dir.join(SIGNING_KEY_FILE);
        let keys = Self::read_all(&path)?.unwrap_or_default();
        keys.into_iter().next().ok_or(SigningKeyError::Missing { path })
    }

    /// The keys in that file, at least one, or `None` when there is no such file.
    pub(super) fn read_all(path: &Path) -> Result<Option<Vec<Self>>, SigningKeyError> {
        let keys = Self::read_blocks(path)?;
        Ok(keys.map(|keys| keys.into_iter().map(|(key, _)| key).collect()))
    }

    /// The same, each with its PEM.
    pub(super) fn read_blocks(path: &Path) -> Result<Option<Vec<(Self, pem::Pem)>>, SigningKeyError> {
        let Some(text) = secret_file::load(path)? else { return Ok(None) };
        let with_key = |block: pem::Pem| Self::from_block(&block).map(|key| (key, block));
        let keys = blocks(&text).and_then(|blocks| blocks.into_iter().map(with_key).collect());
        keys.map(Some).ok_or_else(|| SigningKeyError::NotAKey { path: path.to_owned() })
    }

    pub(super) fn from_block(block: &pem::Pem) -> Option<Self> {
        // `jsonwebtoken` wants the 48 bytes of PKCS#8 version 1; other tools write version 2.
        let pair = Ed25519KeyPair::from_pkcs8(block.contents()).ok()?;
        let private = EncodingKey::from_ed_der(pair.to_pkcs8v1().ok()?.as_ref());
        let mut jwk = Jwk::from_encoding_key(&private, Algorithm::EdDSA).ok()?;
        let kid = jwk.thumbprint(ThumbprintHash::SHA256).ok()?;
        jwk.common.key_id = Some(kid.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        let public = VerificationKey::from_jwk(jwk.clone()).ok()?;
        Some(Self { private, public, jwk, kid })
    }

    pub(super) fn verification_key(&self) -> &VerificationKey {
        &self.public
    }

    /// The key's id: its thumbprint with SHA-256 (RFC 7638).
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public half as a JWKS (RFC 7517 §5), for whoever wants to verify this service's tokens.
    #[must_use]
    pub fn public_jwks(&self) -> serde_json::Value {
        serde_json::json!({ "keys": [self.jwk] })
    }

    /// A token for `subject` that is valid from `now_micros` (microseconds since the Unix epoch) for `ttl`, in whole
    /// seconds. Without scopes it speaks for a person, with `platform.operator` for an operator, else for a service.
    ///
    /// # Errors
    /// See [`MintError`].
    pub fn mint(
        &self,
        subject: &str,
        scopes: ScopeSet,
        ttl: Duration,
        now_micros: i64,
    ) -> Result<String, MintError> {
        if !is_subject(subject) {
            return Err(MintError::Subject);
        }
        self.sign(&Minted {
            scope: (!scopes.is_empty()).then(|| scopes.to_string()),
            ..Minted::new(subject, ttl, now_micros)?
        })
    }

    pub(super) fn jwk(&self) -> &Jwk {
        &self.jwk
    }

    pub(super) fn sign(&self, claims: &Minted<'_>) -> Result<String, MintError> {
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        jsonwebtoken::encode(&header, claims, &self.private).map_err(|_| MintError::Signing)
    }
}

/// The claims of a token in the making.
#[derive(Serialize)]
pub(super) struct Minted<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: &'a str,
    iat: i64,
    nbf: i64,
    exp: i64,
    jti: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sid: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<&'static str>,
}

impl<'a> Minted<'a> {
    /// A person's token.
    pub(super) fn new(subject: &'a str, ttl: Duration, now_micros: i64) -> Result<Self, MintError> {
        let now = now_micros / MICROS;
        Ok(Self {
            iss: EMBEDDED_ISSUER,
            aud: EMBEDDED_AUDIENCE,
            sub: subject,
            iat: now,
            nbf: now,
            exp: expiry(now, ttl).ok_or(MintError::Lifetime)?,
            jti: token_id()?,
            scope: None,
            sid: None,
            purpose: None,
        })
    }

    /// The same token, of this session; with a purpose, for that alone.
    pub(super) fn of_session(self, session: SessionId, purpose: Option<&'static str>) -> Self {
        Self { sid: Some(session.to_string()), purpose, ..self }
    }
}

/// The last second of the year 9998: a later one could not be read back with any leeway.
const LAST_EXPIRY: i64 = 253_370_764_799;

fn expiry(now: i64, ttl: Duration) -> Option<i64> {
    let seconds = i64::try_from(ttl.as_secs()).ok().filter(|seconds| *seconds > 0)?;
    now.checked_add(seconds).filter(|expiry| *expiry <= LAST_EXPIRY)
}

/// 128 random bits (claim `jti`).
fn token_id() -> Result<String, MintError> {
    let mut bytes = [0_u8; 16];
    getrandom::fill(&mut bytes).map_err(|_| MintError::Signing)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// The private keys in a file, at least one; `None`: something else is there.
fn blocks(text: &[u8]) -> Option<Vec<pem::Pem>> {
    let blocks = pem::parse_many(text).ok().filter(|blocks| !blocks.is_empty())?;
    blocks.iter().all(|block| block.tag() == PEM_LABEL).then_some(blocks)
}

/// A new key.
pub(super) fn generated() -> Result<pem::Pem, SigningKeyError> {
    // The system's randomness, since that of aws-lc first measures for some 25 ms how much chance there is in this machine.
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|_| SigningKeyError::NoRandomness)?;
    let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| SigningKeyError::NoRandomness)?;
    let document = pair.to_pkcs8v1().map_err(|_| SigningKeyError::NoRandomness)?;
    Ok(pem::Pem::new(PEM_LABEL, document.as_ref()))
}
