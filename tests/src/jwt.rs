//! Tokens of a test's own making: of other issuers, and bad ones.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};

use crate::Server;

/// A private key that signs tokens, with its public half for whoever is to believe them.
pub struct TokenKey {
    algorithm: Algorithm,
    private: EncodingKey,
    public_pem: String,
}

impl TokenKey {
    /// A new Ed25519 key; its tokens are EdDSA.
    pub fn ed25519() -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let private = EncodingKey::from_ed_der(pair.to_pkcs8v1().expect("the key").as_ref());
        Self::new(Algorithm::EdDSA, private, pair.public_key().as_der().expect("its public half").as_ref())
    }

    /// A new P-256 key; its tokens are ES256.
    pub fn p256() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let private = EncodingKey::from_ec_der(pair.to_pkcs8v1().expect("the key").as_ref());
        Self::new(Algorithm::ES256, private, pair.public_key().as_der().expect("its public half").as_ref())
    }

    /// The key that the server made for its own issuer, out of its data folder.
    pub fn of(server: &Server) -> Self {
        let text = std::fs::read(server.data_dir().join("signing-key.pem")).expect("the server's key");
        let document = pem::parse(text).expect("a key in PEM");
        let pair = Ed25519KeyPair::from_pkcs8(document.contents()).expect("an Ed25519 key");
        let private = EncodingKey::from_ed_der(document.contents());
        Self::new(Algorithm::EdDSA, private, pair.public_key().as_der().expect("its public half").as_ref())
    }

    fn new(algorithm: Algorithm, private: EncodingKey, public: &[u8]) -> Self {
        Self { algorithm, private, public_pem: pem::encode(&pem::Pem::new("PUBLIC KEY", public)) }
    }

    /// The public half, as an issuers' file takes it (SubjectPublicKeyInfo in PEM, RFC 7468 §13).
    pub fn public_pem(&self) -> &str {
        &self.public_pem
    }

    /// The public half as an issuer publishes it under this id (RFC 8037). Of an Ed25519 key.
    pub fn jwk(&self, kid: &str) -> Value {
        let document = pem::parse(&self.public_pem).expect("PEM");
        let (_, raw) = document.contents().split_last_chunk::<32>().expect("a key");
        json!({ "kty": "OKP", "crv": "Ed25519", "x": URL_SAFE_NO_PAD.encode(raw), "kid": kid })
    }

    /// A signed token that names the key.
    pub fn sign_as(&self, kid: &str, claims: &Value) -> String {
        let header = Header { kid: Some(kid.to_owned()), ..Header::new(self.algorithm) };
        jsonwebtoken::encode(&header, claims, &self.private).expect("a token")
    }

    /// A signed token.
    pub fn sign(&self, claims: &Value) -> String {
        jsonwebtoken::encode(&Header::new(self.algorithm), claims, &self.private).expect("a token")
    }
}

/// The claims of a token that is valid from now for five minutes.
pub fn claims(issuer: &str, audience: &str, subject: &str) -> Value {
    let now = now().as_secs();
    json!({ "iss": issuer, "aud": audience, "sub": subject, "iat": now, "exp": now + 300 })
}

/// The claims with one of them replaced or added.
pub fn with(mut claims: Value, name: &str, value: impl Into<Value>) -> Value {
    claims[name] = value.into();
    claims
}

/// Seconds since 1970, some minutes from now; negative: ago.
pub fn minutes_from_now(minutes: i64) -> i64 {
    i64::try_from(now().as_secs()).expect("a year before 292 billion") + minutes * 60
}

/// A token of that algorithm whose signature is the HMAC-SHA-256 with `secret`, or none at all without one.
pub fn forged(algorithm: &str, claims: &Value, secret: Option<&[u8]>) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", part(&json!({ "alg": algorithm, "typ": "JWT" })), part(claims));
    let tag = secret.map(|secret| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        URL_SAFE_NO_PAD.encode(aws_lc_rs::hmac::sign(&key, signed.as_bytes()))
    });
    format!("{signed}.{}", tag.unwrap_or_default())
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970")
}
