use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{NOW, TestClock, TestKey, claims_with, issuer_with};
use crate::auth::{
    AuthError, CallerKind, Issuers, MintError, SIGNING_KEY_FILE, Scope, ScopeSet, SigningKey,
    SigningKeyError, SigningKeys,
};
use crate::secret_file::SecretFileError;

const NOW_MICROS: i64 = NOW * 1_000_000;
const HOUR: Duration = Duration::from_secs(3600);

/// The id of the key that a server on this folder signs with.
fn started_on(data: &Path) -> Result<String, SigningKeyError> {
    SigningKeys::load_or_create(data).map(|keys| keys.public_keys()[0].kid.clone())
}

#[test]
fn the_key_is_made_once_and_only_for_its_owner() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("new/data");
    let made = started_on(&data).unwrap();
    let path = data.join(SIGNING_KEY_FILE);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(started_on(&data).unwrap(), made);
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "no temporary file is left");
}

#[test]
fn reading_the_key_makes_none() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("mistyped");
    let error = SigningKey::load(&data).unwrap_err();
    assert!(matches!(error, SigningKeyError::Missing { .. }), "{error}");
    assert!(error.to_string().starts_with(data.to_str().unwrap()), "{error}");
    assert!(!data.exists());
    let made = started_on(&data).unwrap();
    assert_eq!(SigningKey::load(&data).unwrap().kid(), made);
}

#[test]
fn starting_at_once_makes_one_key() {
    let folder = tempfile::tempdir().unwrap();
    let kids: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..8).map(|_| scope.spawn(|| started_on(folder.path()).unwrap())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(kids.iter().all(|kid| *kid == kids[0]), "{kids:?}");
}

#[test]
fn a_key_that_others_can_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    started_on(folder.path()).unwrap();
    let path = folder.path().join(SIGNING_KEY_FILE);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let error = started_on(folder.path()).unwrap_err();
    assert!(matches!(error, SigningKeyError::File(SecretFileError::Exposed { mode: 0o640, .. })));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
    assert!(started_on(folder.path()).is_ok());
}

#[test]
fn a_file_that_is_no_key_is_kept_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(SIGNING_KEY_FILE);
    for text in ["", "not a key", &TestKey::ed25519().public_pem()] {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let error = started_on(folder.path()).unwrap_err();
        assert!(matches!(error, SigningKeyError::NotAKey { .. }), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
}

#[test]
fn a_key_of_another_tool_is_read_in_either_version() {
    let pair = Ed25519KeyPair::generate().unwrap();
    let (first, second) = (pair.to_pkcs8v1().unwrap(), pair.to_pkcs8().unwrap());
    let kids = [first.as_ref(), second.as_ref()].map(|der| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(SIGNING_KEY_FILE);
        fs::write(&path, pem::encode(&pem::Pem::new("PRIVATE KEY", der))).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        started_on(folder.path()).unwrap()
    });
    assert_eq!(kids[0], kids[1]);
}

#[test]
fn neither_debug_nor_jwks_shows_the_key() {
    let folder = tempfile::tempdir().unwrap();
    started_on(folder.path()).unwrap();
    let key = SigningKey::load(folder.path()).unwrap();
    let text = fs::read_to_string(folder.path().join(SIGNING_KEY_FILE)).unwrap();
    let der = pem::parse(&text).unwrap().into_contents();
    let seed = &der[der.len() - 32..];
    let jwks = key.public_jwks();
    let issuers = Issuers::default().with_embedded(&key);
    for shown in [format!("{key:?}"), format!("{issuers:?}"), jwks.to_string()] {
        assert!(!shown.contains(&URL_SAFE_NO_PAD.encode(seed)), "{shown}");
        assert!(!shown.contains(&format!("{seed:?}")), "{shown}");
        assert!(shown.contains(key.kid()), "{shown}");
    }
    let jwk = &jwks["keys"][0];
    assert_eq!(jwk["kty"], "OKP");
    assert_eq!(jwk["use"], "sig");
    assert!(jwk.get("d").is_none());
    // RFC 7638 §3.2: the members in lexicographic order without white space.
    let canonical = format!("{{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":{}}}", jwk["x"]);
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, canonical.as_bytes());
    assert_eq!(key.kid(), URL_SAFE_NO_PAD.encode(digest));
}

#[test]
fn minted_tokens_verify_for_every_kind() {
    let key = SigningKey::in_memory().unwrap();
    let clock = TestClock::new();
    let verifier = clock.verifier(Issuers::default().with_embedded(&key));
    for (scopes, kind) in [
        (ScopeSet::EMPTY, CallerKind::Person),
        (ScopeSet::EMPTY.with(Scope::AuthzCheck), CallerKind::Service),
        (ScopeSet::EMPTY.with(Scope::PlatformOperator), CallerKind::Operator),
    ] {
        let token = key.mint("usr_ada", scopes, HOUR, NOW_MICROS + 999_999).unwrap();
        let caller = verifier.verify(&token).unwrap();
        assert_eq!((caller.kind, caller.scopes), (kind, scopes));
        assert_eq!(&*caller.issuer, "mandate");
        assert_eq!(caller.expires_at_micros, NOW_MICROS + 3_600_000_000);
        let again = key.mint("usr_ada", scopes, HOUR, NOW_MICROS).unwrap();
        assert_ne!(token, again, "the claim `jti` tells them apart");
        let payload = token.split('.').nth(1).unwrap();
        let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
        assert_eq!(claims["aud"], "mandate");
        assert_eq!(claims["nbf"], NOW);
        assert_eq!(claims["jti"].as_str().unwrap().len(), 22);
    }
    let token = key.mint("usr_ada", ScopeSet::EMPTY, HOUR, NOW_MICROS).unwrap();
    clock.set_seconds(NOW + 3600);
    assert_eq!(verifier.verify(&token), Err(AuthError::Expired));
}

#[test]
fn what_could_not_be_verified_is_not_minted() {
    let key = SigningKey::in_memory().unwrap();
    let mint = |subject: &str, ttl| key.mint(subject, ScopeSet::EMPTY, ttl, NOW_MICROS);
    for subject in ["", "a\nb", &"a".repeat(256)] {
        assert_eq!(mint(subject, HOUR), Err(MintError::Subject));
    }
    for ttl in [Duration::ZERO, Duration::from_millis(999), Duration::MAX] {
        assert_eq!(mint("ada", ttl), Err(MintError::Lifetime));
    }
}

#[test]
fn nobody_else_mints_in_the_embedded_issuers_name() {
    let key = SigningKey::in_memory().unwrap();
    let other = TestKey::ed25519();
    let verifier = TestClock::new().verifier(issuer_with(&other, "").with_embedded(&key));
    let claims = claims_with(json!({"iss": "mandate", "scope": "platform.operator"}));
    assert_eq!(verifier.verify(&other.token_with_kid(key.kid(), &claims)), Err(AuthError::BadSignature));
    assert_eq!(verifier.verify(&other.token_with_kid("other", &claims)), Err(AuthError::UnknownKey));
}
