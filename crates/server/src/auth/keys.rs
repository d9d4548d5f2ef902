//! The public keys of an issuer: read from PEM or a JWKS (RFC 7517), selected by `kid`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey, VerificationAlgorithm,
};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use serde::Deserialize;

use super::error::AuthError;

/// The shortest RSA modulus that is accepted, in bytes (2048 bits, RFC 7518 §3.3).
const LEAST_RSA_BYTES: usize = 256;

/// Why key material cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum KeyError {
    #[error(
        "is not a public key in PEM (`BEGIN PUBLIC KEY`); make one with \
         `openssl pkey -in PRIVATE.pem -pubout`, or `openssl x509 -in CERTIFICATE.pem -pubkey -noout`"
    )]
    NotPublicPem,
    #[error("is not a JWKS: a JSON object with an array `keys` (RFC 7517 §5)")]
    NotJwks,
    #[error(
        "has no key that can verify a signature here (Ed25519, P-256, P-384 or RSA of 2048 bits or more, \
         `use` absent or `sig`)"
    )]
    NoUsableKey,
    #[error("is of a type that is not supported here; use Ed25519, P-256, P-384 or RSA")]
    Unsupported,
    #[error("is an RSA key of less than 2048 bits; make a longer one")]
    ShortRsa,
    #[error("is not a valid key of the type it names; export it anew")]
    Invalid,
}

/// What a public key is, and so which algorithms it can verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyType {
    Ed25519,
    P256,
    P384,
    Rsa,
}

impl KeyType {
    const fn algorithms(self) -> &'static [Algorithm] {
        match self {
            Self::Ed25519 => &[Algorithm::EdDSA],
            Self::P256 => &[Algorithm::ES256],
            Self::P384 => &[Algorithm::ES384],
            Self::Rsa => &[
                Algorithm::RS256,
                Algorithm::RS384,
                Algorithm::RS512,
                Algorithm::PS256,
                Algorithm::PS384,
                Algorithm::PS512,
            ],
        }
    }
}

/// One public key, checked when it was read.
#[derive(Clone, Debug)]
pub(super) struct VerificationKey {
    jwk: Jwk,
    key_type: KeyType,
    decoding: DecodingKey,
}

/// Two keys are the same when all that is published of them is.
impl PartialEq for VerificationKey {
    fn eq(&self, other: &Self) -> bool {
        self.jwk == other.jwk
    }
}

impl VerificationKey {
    /// Reads a public key in PEM (SubjectPublicKeyInfo, RFC 7468 §13).
    pub(super) fn from_pem(text: &[u8]) -> Result<Self, KeyError> {
        let block = pem::parse(text).map_err(|_| KeyError::NotPublicPem)?;
        if block.tag() != "PUBLIC KEY" {
            return Err(KeyError::NotPublicPem);
        }
        let key = DecodingKey::from_ed_pem(text)
            .or_else(|_| DecodingKey::from_ec_pem(text))
            .or_else(|_| DecodingKey::from_rsa_pem(text))
            .map_err(|_| KeyError::Unsupported)?;
        let jwk = Jwk::from_decoding_key(&key, None).map_err(|_| KeyError::Unsupported)?;
        Self::from_jwk(jwk)
    }

    /// Checks one key of a JWKS. The key's own `alg` and `use` restrict what it may verify.
    pub(super) fn from_jwk(jwk: Jwk) -> Result<Self, KeyError> {
        let key_type = key_type(&jwk.algorithm)?;
        if !is_for_signatures(&jwk) {
            return Err(KeyError::Unsupported);
        }
        let decoding = DecodingKey::from_jwk(&jwk).map_err(|_| KeyError::Invalid)?;
        check_material(key_type, &decoding)?;
        Ok(Self { jwk, key_type, decoding })
    }

    fn kid(&self) -> Option<&str> {
        self.jwk.common.key_id.as_deref()
    }

    /// Whether signatures of `algorithm` are for this key: by its type, and by its `alg` where it has one.
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        let declared = self.jwk.common.key_algorithm;
        self.key_type.algorithms().contains(&algorithm)
            && declared.is_none_or(|declared| declared == KeyAlgorithm::from(algorithm))
    }

    /// The algorithms that this key could verify, for a message to the person who configures it.
    pub(super) fn possible_algorithms(&self) -> impl Iterator<Item = Algorithm> {
        let all = self.key_type.algorithms().iter().copied();
        all.filter(|algorithm| self.fits(*algorithm))
    }

    /// Whether `signature` (base64url) is this key's over `message`.
    pub(super) fn verifies(&self, message: &str, signature: &str, algorithm: Algorithm) -> bool {
        jsonwebtoken::crypto::verify(signature, message.as_bytes(), &self.decoding, algorithm)
            .unwrap_or(false)
    }
}

fn key_type(parameters: &AlgorithmParameters) -> Result<KeyType, KeyError> {
    match parameters {
        AlgorithmParameters::RSA(_) => Ok(KeyType::Rsa),
        AlgorithmParameters::EllipticCurve(ec) => match ec.curve {
            EllipticCurve::P256 => Ok(KeyType::P256),
            EllipticCurve::P384 => Ok(KeyType::P384),
            _ => Err(KeyError::Unsupported),
        },
        AlgorithmParameters::OctetKeyPair(okp) => match okp.curve {
            EllipticCurve::Ed25519 => Ok(KeyType::Ed25519),
            _ => Err(KeyError::Unsupported),
        },
        // Shared secrets (`oct`) among them: whoever can verify with one can sign with it.
        _ => Err(KeyError::Unsupported),
    }
}

fn is_for_signatures(jwk: &Jwk) -> bool {
    let common = &jwk.common;
    let by_use = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
    let operations = common.key_operations.as_ref();
    by_use && operations.is_none_or(|operations| operations.contains(&KeyOperations::Verify))
}

/// Refuses at start what would otherwise refuse every token later: points off the curve, short moduli.
fn check_material(key_type: KeyType, key: &DecodingKey) -> Result<(), KeyError> {
    let algorithm: &'static dyn VerificationAlgorithm = match key_type {
        KeyType::Ed25519 => &ED25519,
        KeyType::P256 => &ECDSA_P256_SHA256_FIXED,
        KeyType::P384 => &ECDSA_P384_SHA384_FIXED,
        KeyType::Rsa => return check_modulus(key),
    };
    let bytes = key.try_get_as_bytes().map_err(|_| KeyError::Invalid)?;
    ParsedPublicKey::new(algorithm, bytes).map(|_| ()).map_err(|_| KeyError::Invalid)
}

fn check_modulus(key: &DecodingKey) -> Result<(), KeyError> {
    let DecodingKeyKind::RsaModulusExponent { n, .. } = key.kind() else {
        return Err(KeyError::Invalid);
    };
    let length = n.iter().skip_while(|byte| **byte == 0).count();
    if length < LEAST_RSA_BYTES {
        return Err(KeyError::ShortRsa);
    }
    Ok(())
}

/// Reads a JWKS. Keys that are not for this service (encryption, other types) are passed over (RFC 7517 §5).
///
/// # Errors
/// When it is no JWKS, or none of its keys can be used.
pub(super) fn parse_jwks(bytes: &[u8]) -> Result<Vec<VerificationKey>, KeyError> {
    #[derive(Deserialize)]
    struct Jwks {
        keys: Vec<serde_json::Value>,
    }
    let jwks: Jwks = serde_json::from_slice(bytes).map_err(|_| KeyError::NotJwks)?;
    let keys: Vec<VerificationKey> = jwks
        .keys
        .into_iter()
        .filter_map(|value| serde_json::from_value::<Jwk>(value).ok())
        .filter_map(|jwk| VerificationKey::from_jwk(jwk).ok())
        .collect();
    if keys.is_empty() {
        return Err(KeyError::NoUsableKey);
    }
    Ok(keys)
}

/// The keys of one issuer at one time.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Arc<[VerificationKey]>,
    /// Grows by one with every change of the keys.
    pub(super) generation: u64,
}

impl KeySet {
    /// The key that a token with this header must be signed with.
    pub(super) fn select(
        &self,
        kid: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<&VerificationKey, AuthError> {
        if self.keys.is_empty() {
            return Err(AuthError::KeysUnavailable);
        }
        let named: Vec<&VerificationKey> = match kid {
            Some(kid) => self.named(kid),
            None => self.keys.iter().collect(),
        };
        if named.is_empty() {
            return Err(AuthError::UnknownKey);
        }
        let mut fitting = named.into_iter().filter(|key| key.fits(algorithm));
        let key = fitting.next().ok_or(AuthError::AlgorithmNotAllowed)?;
        match (kid, fitting.next()) {
            (None, Some(_)) => Err(AuthError::UnknownKey),
            _ => Ok(key),
        }
    }

    /// The keys of that id; a lone key without an id (a PEM file) is meant whatever id a token states.
    fn named(&self, kid: &str) -> Vec<&VerificationKey> {
        match self.keys.as_ref() {
            [only] if only.kid().is_none() => vec![only],
            keys => keys.iter().filter(|key| key.kid() == Some(kid)).collect(),
        }
    }
}

/// The keys of one issuer over time.
#[derive(Debug)]
pub(super) struct Keys {
    current: ArcSwap<KeySet>,
    /// The generation of `current`, readable without a guard: it is looked at on every call.
    // INVARIANT: never ahead of `current`, so that what was verified with older keys is never taken for newer.
    generation: AtomicU64,
}

impl Keys {
    /// Starts with these keys; with none, every token is refused with [`AuthError::KeysUnavailable`].
    pub(super) fn new(keys: Vec<VerificationKey>) -> Self {
        let set = KeySet { keys: keys.into(), generation: 0 };
        Self { current: ArcSwap::from_pointee(set), generation: AtomicU64::new(0) }
    }

    pub(super) fn current(&self) -> Guard<Arc<KeySet>> {
        self.current.load()
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.current().keys.is_empty()
    }

    /// Replaces the keys; the same keys again change nothing and forget nothing.
    pub(super) fn replace(&self, keys: Vec<VerificationKey>) {
        let keys: Arc<[VerificationKey]> = keys.into();
        self.current.rcu(|set| {
            if set.keys == keys {
                Arc::clone(set)
            } else {
                Arc::new(KeySet { keys: Arc::clone(&keys), generation: set.generation + 1 })
            }
        });
        let generation = self.current().generation;
        self.generation.fetch_max(generation, Ordering::AcqRel);
    }
}
