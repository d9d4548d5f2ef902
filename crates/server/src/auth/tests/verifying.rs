use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{NOW, TestClock, TestKey, claims, claims_with, issuer_with, load, message, write};
use crate::auth::{AuthError, CallerKind, Malformation, Scope, ScopeSet, Verifier};

/// One issuer that may mint every kind of caller, without leeway, and its key.
pub(super) fn setup() -> (TestKey, Verifier) {
    let key = TestKey::ed25519();
    let issuers = issuer_with(&key, "callers = [\"person\", \"service\", \"operator\"]\nleeway_seconds = 0");
    (key, TestClock::new().verifier(issuers))
}

pub(super) fn refusal(key: &TestKey, verifier: &Verifier, changes: Value) -> AuthError {
    let token = key.token(&claims_with(changes.clone()));
    match verifier.verify(&token) {
        Err(error) => error,
        Ok(caller) => panic!("{changes} was accepted as {caller:?}"),
    }
}

#[test]
fn a_good_token_gives_its_facts() {
    let (key, verifier) = setup();
    let caller = verifier.verify(&key.token(&claims())).unwrap();
    assert_eq!(caller.kind, CallerKind::Person);
    assert_eq!(&*caller.issuer, super::ISSUER);
    assert_eq!(&*caller.subject, "ada");
    assert_eq!(caller.scopes, ScopeSet::EMPTY);
    assert_eq!(caller.expires_at_micros, (NOW + 600) * 1_000_000);
}

#[test]
fn every_algorithm_verifies_its_own_signatures() {
    for (key, algorithm) in
        [(TestKey::ed25519(), "EdDSA"), (TestKey::p256(), "ES256"), (TestKey::rsa(), "RS256")]
    {
        let issuers = issuer_with(&key, &format!("algorithms = [\"{algorithm}\"]"));
        let verifier = TestClock::new().verifier(issuers);
        let token = key.token(&claims());
        assert!(verifier.verify(&token).is_ok(), "{algorithm}");
        let forged = format!("{token}AA");
        assert_eq!(verifier.verify(&forged), Err(AuthError::BadSignature), "{algorithm}");
    }
}

#[test]
fn scopes_decide_the_kind() {
    let (key, verifier) = setup();
    for (changes, kind, scopes) in [
        (json!({"scope": null}), CallerKind::Person, vec![]),
        (json!({"scope": "AUTHZ.CHECK authz"}), CallerKind::Person, vec![]),
        (json!({"scope": "authz.check openid"}), CallerKind::Service, vec![Scope::AuthzCheck]),
        (
            json!({"scope": ["authz.check", "people.act"]}),
            CallerKind::Service,
            vec![Scope::AuthzCheck, Scope::PeopleAct],
        ),
        (json!({"scope": null, "scp": ["users.read"]}), CallerKind::Service, vec![Scope::UsersRead]),
        (
            json!({"scp": "users.write platform.operator"}),
            CallerKind::Operator,
            vec![Scope::UsersWrite, Scope::PlatformOperator],
        ),
    ] {
        let caller = verifier.verify(&key.token(&claims_with(changes.clone()))).unwrap();
        assert_eq!(caller.kind, kind, "{changes}");
        assert_eq!(caller.scopes, scopes.into_iter().collect(), "{changes}");
    }
}

#[test]
fn an_issuer_mints_only_the_kinds_it_may() {
    let key = TestKey::ed25519();
    for (callers, allowed) in [
        ("", vec![CallerKind::Person]),
        ("callers = [\"service\"]", vec![CallerKind::Service]),
        ("callers = [\"person\", \"service\"]", vec![CallerKind::Person, CallerKind::Service]),
    ] {
        let verifier = TestClock::new().verifier(issuer_with(&key, callers));
        for (scope, kind) in [
            ("openid", CallerKind::Person),
            ("authz.read", CallerKind::Service),
            ("authz.read platform.operator", CallerKind::Operator),
        ] {
            let result = verifier.verify(&key.token(&claims_with(json!({"scope": scope}))));
            if allowed.contains(&kind) {
                assert_eq!(result.unwrap().kind, kind);
            } else {
                assert_eq!(result, Err(AuthError::KindNotAllowed { kind }));
            }
        }
    }
}

#[test]
fn the_header_does_not_choose_the_algorithm() {
    let (key, verifier) = setup();
    let good = key.token(&claims());
    let signature = good.rsplit('.').next().unwrap();
    for algorithm in ["none", "None", "", "HS256", "ES256", "RS256", "EdDSA "] {
        let header = json!({"alg": algorithm, "typ": "JWT"});
        for signature in ["", signature] {
            let token = format!("{}.{signature}", message(&header, &claims()));
            assert_eq!(verifier.verify(&token), Err(AuthError::AlgorithmNotAllowed), "{algorithm}");
        }
    }
}

#[test]
fn a_public_key_is_no_shared_secret() {
    let key = TestKey::rsa();
    let issuers = issuer_with(&key, "algorithms = [\"RS256\"]");
    let verifier = TestClock::new().verifier(issuers);
    let message = message(&json!({"alg": "HS256"}), &claims());
    let secret = hmac::Key::new(hmac::HMAC_SHA256, key.public_pem().as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(hmac::sign(&secret, message.as_bytes()));
    let token = format!("{message}.{signature}");
    assert_eq!(verifier.verify(&token), Err(AuthError::AlgorithmNotAllowed));
}

#[test]
fn an_allowed_algorithm_must_also_fit_the_key() {
    let key = TestKey::ed25519();
    let verifier = TestClock::new().verifier(issuer_with(&key, "algorithms = [\"EdDSA\", \"ES256\"]"));
    let token = TestKey::p256().token(&claims());
    assert_eq!(verifier.verify(&token), Err(AuthError::AlgorithmNotAllowed));
}

#[test]
fn an_algorithm_that_fits_the_key_must_also_be_allowed() {
    let key = TestKey::rsa();
    let verifier = TestClock::new().verifier(issuer_with(&key, "algorithms = [\"PS256\"]"));
    assert_eq!(verifier.verify(&key.token(&claims())), Err(AuthError::AlgorithmNotAllowed));
}

#[test]
fn each_issuer_is_verified_with_its_own_keys_only() {
    let folder = tempfile::tempdir().unwrap();
    let (ours, theirs) = (TestKey::ed25519(), TestKey::ed25519());
    write(folder.path(), "ours.json", &json!({"keys": [ours.jwk("ours")]}).to_string());
    write(folder.path(), "theirs.json", &json!({"keys": [theirs.jwk("theirs")]}).to_string());
    let issuers = load(
        folder.path(),
        "[[issuer]]\nissuer = \"ours\"\naudience = \"mandate\"\nkeys = { jwks = \"ours.json\" }\n\
         [[issuer]]\nissuer = \"theirs\"\naudience = [\"x\", \"mandate\"]\nkeys = { jwks = \"theirs.json\" }\n",
    )
    .unwrap();
    let verifier = TestClock::new().verifier(issuers);
    let claims = claims_with(json!({"iss": "ours"}));
    assert!(verifier.verify(&ours.token_with_kid("ours", &claims)).is_ok());
    assert!(verifier.verify(&ours.token(&claims)).is_ok(), "one key needs no kid");
    assert_eq!(verifier.verify(&theirs.token_with_kid("theirs", &claims)), Err(AuthError::UnknownKey));
    assert_eq!(verifier.verify(&theirs.token_with_kid("ours", &claims)), Err(AuthError::BadSignature));
    let theirs_claims = claims_with(json!({"iss": "theirs"}));
    assert!(verifier.verify(&theirs.token_with_kid("theirs", &theirs_claims)).is_ok());
}

#[test]
fn several_keys_need_a_kid() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (TestKey::ed25519(), TestKey::ed25519());
    let jwks = json!({"keys": [
        {"kty": "oct", "kid": "secret", "k": "c2VjcmV0"},
        {"kty": "AKP", "kid": "of another time"},
        first.jwk("1"), second.jwk("2"),
    ]});
    write(folder.path(), "jwks.json", &jwks.to_string());
    let issuers = load(
        folder.path(),
        &format!(
            "[[issuer]]\nissuer = \"{}\"\naudience = \"mandate\"\nkeys = {{ jwks = \"jwks.json\" }}",
            super::ISSUER
        ),
    )
    .unwrap();
    let verifier = TestClock::new().verifier(issuers);
    assert!(verifier.verify(&second.token_with_kid("2", &claims())).is_ok());
    for token in [second.token(&claims()), second.token_with_kid("secret", &claims())] {
        assert_eq!(verifier.verify(&token), Err(AuthError::UnknownKey));
    }
}

#[test]
fn audience_and_issuer_must_match() {
    let (key, verifier) = setup();
    let wrong = AuthError::WrongAudience { expected: "mandate".to_owned() };
    for aud in [json!("other"), json!(["other"]), json!([]), json!("Mandate"), json!("mandate ")] {
        assert_eq!(refusal(&key, &verifier, json!({"aud": aud})), wrong, "{aud}");
    }
    let several = claims_with(json!({"aud": ["other", "mandate"]}));
    assert!(verifier.verify(&key.token(&several)).is_ok());
    for iss in ["https://login.example.com", "mandate", ""] {
        assert_eq!(refusal(&key, &verifier, json!({"iss": iss})), AuthError::UnknownIssuer);
    }
}

#[test]
fn times_are_honoured() {
    let (key, verifier) = setup();
    for (changes, error) in [
        (json!({"exp": NOW}), AuthError::Expired),
        (json!({"exp": NOW - 1}), AuthError::Expired),
        (json!({"exp": 0}), AuthError::Expired),
        (json!({"nbf": NOW + 1}), AuthError::NotYetValid),
        (json!({"iat": NOW + 1}), AuthError::NotYetValid),
        (json!({"exp": -1}), AuthError::Malformed(Malformation::Time)),
        (json!({"exp": u64::MAX}), AuthError::Malformed(Malformation::Time)),
        (json!({"nbf": 1e300}), AuthError::Malformed(Malformation::Time)),
    ] {
        assert_eq!(refusal(&key, &verifier, changes.clone()), error, "{changes}");
    }
    let fraction = claims_with(json!({"exp": NOW as f64 + 0.5, "nbf": null, "iat": null}));
    let caller = verifier.verify(&key.token(&fraction)).unwrap();
    assert_eq!(caller.expires_at_micros, NOW * 1_000_000 + 500_000);
}

#[test]
fn the_leeway_widens_both_ends() {
    let key = TestKey::ed25519();
    let verifier = TestClock::new().verifier(issuer_with(&key, ""));
    assert!(verifier.verify(&key.token(&claims_with(json!({"exp": NOW - 29})))).is_ok());
    assert!(verifier.verify(&key.token(&claims_with(json!({"nbf": NOW + 30})))).is_ok());
    assert_eq!(refusal(&key, &verifier, json!({"exp": NOW - 30})), AuthError::Expired);
    assert_eq!(refusal(&key, &verifier, json!({"nbf": NOW + 31})), AuthError::NotYetValid);
}
