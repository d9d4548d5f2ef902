use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::verifying::{refusal, setup};
use super::{claims, claims_with};
use crate::auth::{AuthError, MAX_TOKEN_BYTES, Malformation};

#[test]
fn claims_of_a_wrong_form_are_refused() {
    let (key, verifier) = setup();
    for (changes, what) in [
        (json!({"iss": null}), Malformation::NoIssuer),
        (json!({"exp": null}), Malformation::NoExpiry),
        (json!({"aud": null}), Malformation::NoAudience),
        (json!({"sub": null}), Malformation::Subject),
        (json!({"sub": ""}), Malformation::Subject),
        (json!({"sub": "a".repeat(256)}), Malformation::Subject),
        (json!({"sub": "a\u{0}b"}), Malformation::Subject),
        (json!({"sub": 7}), Malformation::Claims),
        (json!({"iss": [super::ISSUER]}), Malformation::Claims),
        (json!({"exp": "soon"}), Malformation::Claims),
        (json!({"scope": {"a": 1}}), Malformation::Claims),
    ] {
        assert_eq!(refusal(&key, &verifier, changes.clone()), AuthError::Malformed(what), "{changes}");
    }
    let longest = claims_with(json!({"sub": "a".repeat(255)}));
    assert!(verifier.verify(&key.token(&longest)).is_ok());
}

#[test]
fn headers_of_a_wrong_form_are_refused() {
    let (key, verifier) = setup();
    for (header, what) in [
        (json!({"alg": "EdDSA", "crit": ["b64"], "b64": false}), Malformation::Critical),
        (json!({"alg": "EdDSA", "typ": "logout+jwt"}), Malformation::Type),
        (json!({"typ": "JWT"}), Malformation::Header),
        (json!({"alg": 1}), Malformation::Header),
        (json!(["EdDSA"]), Malformation::Header),
    ] {
        let token = key.sign(&header, &claims());
        assert_eq!(verifier.verify(&token), Err(AuthError::Malformed(what)), "{header}");
    }
    for typ in ["at+jwt", "application/at+jwt", "jwt"] {
        let token = key.sign(&json!({"alg": "EdDSA", "typ": typ}), &claims());
        assert!(verifier.verify(&token).is_ok(), "{typ}");
    }
}

#[test]
fn what_is_no_token_is_refused() {
    let (key, verifier) = setup();
    let good = key.token(&claims());
    for token in [
        "",
        ".",
        "..",
        "...",
        "a.b.c",
        "é.é.é",
        &format!("{good}.a"),
        &format!(".{good}"),
        &good.replace('.', ""),
    ] {
        let error = verifier.verify(token).unwrap_err();
        assert_eq!(error.reason(), "TOKEN_MALFORMED", "{token}");
    }
    let long = format!("{good}{}", "A".repeat(MAX_TOKEN_BYTES));
    assert_eq!(verifier.verify(&long), Err(AuthError::TooLong));
}

#[test]
fn a_claim_stated_twice_is_refused() {
    let (key, verifier) = setup();
    let good = claims().to_string();
    let twice = good.replacen('{', "{\"sub\":\"eve\",", 1);
    let header = URL_SAFE_NO_PAD.encode(json!({"alg": "EdDSA"}).to_string());
    let unsigned = format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode(twice), "AA");
    assert_eq!(verifier.verify(&unsigned), Err(AuthError::Malformed(Malformation::Claims)));
    assert!(verifier.verify(&key.token(&claims())).is_ok());
}
