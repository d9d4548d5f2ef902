//! Support for the tests of tokens and issuers: keys of every type, tokens of any shape, a clock to set.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};
use serde_json::{Value, json};

use super::{Issuers, Verifier};

mod bearer;
mod config;
mod malformed;
mod refresh;
mod remembering;
mod signing_key;
mod verifying;

/// The tests' present: a second in 2027.
pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const ISSUER: &str = "https://login.example.com/";
pub(super) const AUDIENCE: &str = "mandate";

/// A clock that the test sets.
#[derive(Clone)]
pub(super) struct TestClock(Arc<AtomicI64>);

impl TestClock {
    pub(super) fn new() -> Self {
        Self(Arc::new(AtomicI64::new(NOW * 1_000_000)))
    }

    pub(super) fn set_seconds(&self, seconds: i64) {
        self.0.store(seconds * 1_000_000, Ordering::SeqCst);
    }

    pub(super) fn verifier(&self, issuers: Issuers) -> Verifier {
        let clock = self.clone();
        Verifier::new(issuers, move || clock.0.load(Ordering::SeqCst))
    }
}

enum Private {
    Encoded(EncodingKey),
    Rsa(RsaKeyPair),
}

/// A key pair of an issuer elsewhere.
pub(super) struct TestKey {
    algorithm: Algorithm,
    private: Private,
    public: Vec<u8>,
}

impl TestKey {
    pub(super) fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self {
            algorithm: Algorithm::EdDSA,
            private: Private::Encoded(EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref())),
            public: public.as_ref().to_vec(),
        }
    }

    pub(super) fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self {
            algorithm: Algorithm::ES256,
            public: public.as_ref().to_vec(),
            private: Private::Encoded(EncodingKey::from_ec_der(pair.to_pkcs8v1().unwrap().as_ref())),
        }
    }

    pub(super) fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public: PublicKeyX509Der<'_> = pair.public_key().as_der().unwrap();
        Self { algorithm: Algorithm::RS256, public: public.as_ref().to_vec(), private: Private::Rsa(pair) }
    }

    pub(super) fn public_pem(&self) -> String {
        pem::encode(&pem::Pem::new("PUBLIC KEY", self.public.clone()))
    }

    pub(super) fn jwk(&self, kid: &str) -> Value {
        let pem = self.public_pem();
        let key = match self.algorithm {
            Algorithm::EdDSA => DecodingKey::from_ed_pem(pem.as_bytes()),
            Algorithm::ES256 => DecodingKey::from_ec_pem(pem.as_bytes()),
            _ => DecodingKey::from_rsa_pem(pem.as_bytes()),
        };
        let mut jwk = Jwk::from_decoding_key(&key.unwrap(), Some(self.algorithm)).unwrap();
        jwk.common.key_id = Some(kid.to_owned());
        serde_json::to_value(jwk).unwrap()
    }

    /// A token of exactly this header and these claims.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let signature = match &self.private {
            Private::Encoded(key) => {
                jsonwebtoken::crypto::sign(message.as_bytes(), key, self.algorithm).unwrap()
            }
            Private::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
                    .unwrap();
                URL_SAFE_NO_PAD.encode(signature)
            }
        };
        format!("{message}.{signature}")
    }

    /// A token of the usual header without `kid`.
    pub(super) fn token(&self, claims: &Value) -> String {
        self.sign(&json!({"alg": self.algorithm, "typ": "JWT"}), claims)
    }

    pub(super) fn token_with_kid(&self, kid: &str, claims: &Value) -> String {
        self.sign(&json!({"alg": self.algorithm, "kid": kid}), claims)
    }
}

pub(super) fn message(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

/// Good claims of a person, valid for ten minutes.
pub(super) fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": NOW, "nbf": NOW, "exp": NOW + 600,
        "scope": "openid email",
    })
}

/// Good claims with some replaced, or taken away where the value is null.
pub(super) fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    let map = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            map.remove(name);
        } else {
            map.insert(name.clone(), value.clone());
        }
    }
    claims
}

pub(super) fn write(folder: &Path, name: &str, text: &str) {
    std::fs::write(folder.join(name), text).unwrap();
}

/// Loads an issuers' file of this text in `folder`.
pub(super) fn load(folder: &Path, text: &str) -> Result<Issuers, super::ConfigErrors> {
    write(folder, "issuers.toml", text);
    Issuers::load(&folder.join("issuers.toml"))
}

/// One issuer with that key in a PEM file and more keys of its table.
pub(super) fn issuer_with(key: &TestKey, more: &str) -> Issuers {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "key.pem", &key.public_pem());
    let text = format!(
        "[[issuer]]\nissuer = \"{ISSUER}\"\naudience = \"{AUDIENCE}\"\nkeys = {{ pem = \"key.pem\" }}\n{more}"
    );
    load(folder.path(), &text).unwrap_or_else(|errors| panic!("{errors}"))
}
