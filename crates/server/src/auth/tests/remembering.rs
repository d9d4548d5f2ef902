use std::sync::Arc;

use serde_json::json;

use super::{NOW, TestClock, TestKey, claims, claims_with, issuer_with};
use crate::auth::AuthError;
use crate::auth::remembered::{Remembered, Verified};

#[test]
fn a_token_is_verified_once_and_shared() {
    let key = TestKey::ed25519();
    let verifier = TestClock::new().verifier(issuer_with(&key, ""));
    let token = key.token(&claims());
    let first = verifier.verify(&token).unwrap();
    let second = verifier.verify(&token).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(verifier.remembered_tokens(), 1);
}

#[test]
fn a_remembered_token_expires() {
    let key = TestKey::ed25519();
    let clock = TestClock::new();
    let verifier = clock.verifier(issuer_with(&key, "leeway_seconds = 10"));
    let token = key.token(&claims_with(json!({"exp": NOW + 60})));
    assert!(verifier.verify(&token).is_ok());
    clock.set_seconds(NOW + 69);
    assert!(verifier.verify(&token).is_ok());
    clock.set_seconds(NOW + 70);
    assert_eq!(verifier.verify(&token), Err(AuthError::Expired));
    assert_eq!(verifier.remembered_tokens(), 0);
    assert_eq!(verifier.verify(&token), Err(AuthError::Expired));
}

#[test]
fn refused_tokens_are_not_remembered() {
    let key = TestKey::ed25519();
    let verifier = TestClock::new().verifier(issuer_with(&key, ""));
    let stranger = TestKey::ed25519();
    for _ in 0..3 {
        assert_eq!(verifier.verify(&stranger.token(&claims())), Err(AuthError::BadSignature));
    }
    assert_eq!(verifier.remembered_tokens(), 0);
}

#[test]
fn a_remembered_token_vouches_for_no_other() {
    let key = TestKey::ed25519();
    let verifier = TestClock::new().verifier(issuer_with(&key, ""));
    let token = key.token(&claims());
    let others = key.token(&claims_with(json!({"sub": "eve"})));
    assert!(verifier.verify(&token).is_ok());
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let (others_signed, _) = others.rsplit_once('.').unwrap();
    let mixed = format!("{others_signed}.{signature}");
    assert_eq!(verifier.verify(&mixed), Err(AuthError::BadSignature));
    let cut = format!("{signed}.");
    assert_eq!(verifier.verify(&cut), Err(AuthError::BadSignature));
}

#[test]
fn what_is_remembered_is_bounded() {
    let key = TestKey::ed25519();
    let verifier = TestClock::new().verifier(issuer_with(&key, ""));
    let caller = verifier.verify(&key.token(&claims())).unwrap();
    // 1 MiB holds fewer than 128 tokens of 8 KiB.
    let remembered = Remembered::bounded(100, 1 << 20);
    for number in 0..1_000 {
        let verified =
            Verified { caller: Arc::clone(&caller), refused_from_micros: i64::MAX, issuer: 0, generation: 0 };
        remembered.insert(&format!("{number:08192}"), verified);
    }
    assert!((1..128).contains(&remembered.len()), "{}", remembered.len());
}
