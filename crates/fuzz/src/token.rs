//! Bearer tokens (RFC 7519), as every call carries one.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, header};
use jsonwebtoken::{Algorithm, EncodingKey};
use mandate_server::auth::{
    AuthError, Caller, CallerKind, EMBEDDED_ISSUER, Issuers, MAX_SUBJECT_BYTES, SIGNING_KEY_FILE, SigningKey,
    Verifier,
};

/// The present here: a second in 2027, in microseconds since the Unix epoch.
const NOW: i64 = 1_800_000_000 * 1_000_000;
const ISSUER: &str = "https://login.example.com/";
/// What the clocks of that issuer may differ by.
const LEEWAY: i64 = 30 * 1_000_000;

static CLOCK: AtomicI64 = AtomicI64::new(NOW);

/// A verifier and the key that it believes. The key is made of a number, so that a good token can be kept as a file.
struct Bench {
    verifier: Verifier,
    private: EncodingKey,
    /// The one token that is good of all those that this target did not sign itself.
    good: String,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| match bench() {
    Ok(bench) => bench,
    Err(error) => panic!("nothing to verify tokens with: {error}"),
});

fn bench() -> Result<Bench, Box<dyn std::error::Error>> {
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32])?.to_pkcs8v1()?;
    let folder = tempfile::tempdir()?;
    let pem = pem::encode(&pem::Pem::new("PRIVATE KEY", pair.as_ref()));
    secret(&folder.path().join(SIGNING_KEY_FILE), &pem)?;
    let own = SigningKey::load(folder.path())?;
    std::fs::write(folder.path().join("keys.json"), own.public_jwks().to_string())?;
    let issuers = folder.path().join("issuers.toml");
    std::fs::write(
        &issuers,
        format!(
            "[[issuer]]\nissuer = \"{ISSUER}\"\naudience = [\"mandate\", \"shop\"]\nkeys = {{ jwks = \"keys.json\" }}\n"
        ),
    )?;
    let issuers = Issuers::load(&issuers)?.with_embedded(&own);
    let private = EncodingKey::from_ed_der(pair.as_ref());
    let mut bench = Bench {
        verifier: Verifier::new(issuers, || CLOCK.load(Ordering::Relaxed)),
        private,
        good: String::new(),
    };
    let claims = format!("{{\"iss\":\"{ISSUER}\",\"aud\":\"mandate\",\"sub\":\"ada\",\"exp\":1800000600}}");
    bench.good = bench.sign(b"{\"alg\":\"EdDSA\"}", claims.as_bytes()).ok_or("no signature was made")?;
    Ok(bench)
}

/// Writes what its owner alone may read.
fn secret(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())
}

impl Bench {
    /// A token of exactly these bytes, signed.
    fn sign(&self, header: &[u8], claims: &[u8]) -> Option<String> {
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
        let signature =
            jsonwebtoken::crypto::sign(signed.as_bytes(), &self.private, Algorithm::EdDSA).ok()?;
        Some(format!("{signed}.{signature}"))
    }
}

/// Bytes without a line feed are a header `authorization`: of all that there are, one is good. With one they are a
/// header and claims, and are signed: what is then believed is what the claims may say, and for no longer than they say.
pub fn run(data: &[u8]) {
    let bench = &*BENCH;
    CLOCK.store(NOW, Ordering::Relaxed);
    match data.iter().position(|byte| *byte == b'\n').and_then(|end| data.split_at_checked(end)) {
        None => unsigned(bench, data),
        Some((header, rest)) => signed(bench, header, rest.strip_prefix(b"\n").unwrap_or_default()),
    }
}

fn unsigned(bench: &Bench, data: &[u8]) {
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let headers = HeaderMap::from_iter([(header::AUTHORIZATION, value)]);
        if bench.verifier.caller(&headers).is_ok() {
            let token = data.rsplit(|byte| *byte == b' ').find(|part| !part.is_empty());
            assert_eq!(token, Some(bench.good.as_bytes()), "a token that nobody signed is good");
        }
    }
    if let Ok(token) = std::str::from_utf8(data) {
        assert_eq!(bench.verifier.verify(token).is_ok(), token == bench.good);
    }
}

fn signed(bench: &Bench, header: &[u8], claims: &[u8]) {
    let Some(token) = bench.sign(header, claims) else { return };
    let first = bench.verifier.verify(&token);
    let Ok(caller) = &first else { return };
    let Caller { kind, issuer, subject, scopes, expires_at_micros, session } = &**caller;
    assert!((1..=MAX_SUBJECT_BYTES).contains(&subject.len()) && !subject.contains(char::is_control));
    assert_eq!(*kind, CallerKind::of(*scopes));
    let own = &**issuer == EMBEDDED_ISSUER;
    assert!(own || &**issuer == ISSUER, "nobody speaks for {issuer}");
    assert!(own || *kind == CallerKind::Person, "that issuer speaks for people alone");
    assert!(own || session.is_none(), "a session of another issuer");
    let end = expires_at_micros + if own { 0 } else { LEEWAY };
    assert!(end > NOW, "it has expired");
    // It is remembered by now, and is forgotten when it expires.
    assert_eq!(bench.verifier.verify(&token), first);
    CLOCK.store(end, Ordering::Relaxed);
    assert_eq!(bench.verifier.verify(&token), Err(AuthError::Expired));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_good_token_is_the_one_that_is_kept() {
        let kept = include_str!("../corpus/token/good");
        assert_eq!(kept, format!("Bearer {}", BENCH.good));
        run(kept.as_bytes());
    }
}
