//! Bad tokens: each is refused as UNAUTHENTICATED, with its reason, whatever it asks for.

use mandate_proto::v1::GetUserRequest;
use mandate_proto::v1::identity_service_client::IdentityServiceClient;
use mandate_tests::expect::assert_refused;
use mandate_tests::jwt::{TokenKey, claims, forged, minutes_from_now, with};
use mandate_tests::world::Party;
use mandate_tests::{Bearer, World, on_both_engines};
use serde_json::Value;
use tonic::{Code, Request, Response, Status};

/// Asks who one is, with this token.
async fn who_am_i(world: &World, token: &str) -> Result<String, Status> {
    let party = Party::new(Bearer::new(token).on(world.server().channel()));
    let answer = party.identity().get_user(GetUserRequest::default()).await.map(Response::into_inner)?;
    Ok(answer.user.expect("the user").id)
}

/// Asserts that a token is refused, and that nothing of it is repeated.
async fn assert_token_refused(world: &World, token: &str, reason: &str) {
    let status = assert_refused(who_am_i(world, token).await, Code::Unauthenticated, reason);
    assert!(token.len() < 12 || !format!("{status:?}").contains(token), "{status:?}");
}

on_both_engines! {
    /// A good token with one claim changed, signed by the server's own key.
    async fn claims_that_do_not_hold(world: World) {
        let ada = world.person("Ada").await;
        let key = TokenKey::of(world.server());
        let good = claims("mandate", "mandate", &ada.id);
        assert_eq!(who_am_i(&world, &key.sign(&good)).await.expect("a good token"), ada.id);

        for (name, value, reason) in [
            ("exp", Value::from(minutes_from_now(-1)), "TOKEN_EXPIRED"),
            ("exp", Value::Null, "TOKEN_MALFORMED"),
            ("exp", Value::from("tomorrow"), "TOKEN_MALFORMED"),
            ("exp", Value::from(-1), "TOKEN_MALFORMED"),
            ("nbf", Value::from(minutes_from_now(5)), "TOKEN_NOT_YET_VALID"),
            ("aud", Value::from("another-service"), "TOKEN_AUDIENCE"),
            ("aud", Value::from(vec!["a", "b"]), "TOKEN_AUDIENCE"),
            ("aud", Value::Null, "TOKEN_MALFORMED"),
            ("iss", Value::from("https://evil.example/"), "TOKEN_ISSUER_UNKNOWN"),
            ("iss", Value::Null, "TOKEN_MALFORMED"),
            ("sub", Value::Null, "TOKEN_MALFORMED"),
            ("sub", Value::from("nobody"), "CALLER_UNKNOWN"),
            ("sub", Value::from("usr_01ARZ3NDEKTSV4RRFFQ69G5FAV"), "CALLER_UNKNOWN"),
        ] {
            assert_token_refused(&world, &key.sign(&with(good.clone(), name, value)), reason).await;
        }
    }

    /// Not signed, signed with what is not a signature, or by somebody else.
    async fn signatures_that_do_not_hold(world: World) {
        let ada = world.person("Ada").await;
        let key = TokenKey::of(world.server());
        let good = with(claims("mandate", "mandate", &ada.id), "scope", "platform.operator");

        for algorithm in ["none", "None", "NONE", "nOnE"] {
            assert_token_refused(&world, &forged(algorithm, &good, None), "TOKEN_ALGORITHM").await;
        }
        // The public key, which everybody may have, as the secret of an HMAC (RFC 8725 §2.1).
        for secret in [key.public_pem().as_bytes(), b"", b"secret"] {
            assert_token_refused(&world, &forged("HS256", &good, Some(secret)), "TOKEN_ALGORITHM").await;
        }
        assert_token_refused(&world, &TokenKey::ed25519().sign(&good), "TOKEN_SIGNATURE").await;
        assert_token_refused(&world, &TokenKey::p256().sign(&good), "TOKEN_ALGORITHM").await;
        assert_token_refused(&world, &forged("EdDSA", &good, None), "TOKEN_SIGNATURE").await;

        // The signature of one token under the claims of another.
        let (one, two) = (key.sign(&claims("mandate", "mandate", &ada.id)), key.sign(&good));
        let signature = one.rsplit_once('.').expect("three parts").1;
        let swapped = format!("{}.{signature}", two.rsplit_once('.').expect("three parts").0);
        assert_token_refused(&world, &swapped, "TOKEN_SIGNATURE").await;
    }

    /// What is no token at all.
    async fn garbage_instead_of_a_token(world: World) {
        let good = TokenKey::of(world.server()).sign(&claims("mandate", "mandate", "x"));
        for garbage in
            ["x", "a.b.c", "..", "eyJ.eyJ.", &good[1..], &format!("{good}.{good}"), &"A".repeat(9_000)]
        {
            assert_token_refused(&world, garbage, "TOKEN_MALFORMED").await;
        }
    }

    /// No header, another scheme, or two of them: which one counts nobody can say.
    async fn headers_that_are_no_bearer_token(world: World) {
        let ada = world.person("Ada").await;
        let token = format!("Bearer {}", world.server().token(&ada.id, &[]));
        let call = async |headers: &[&str]| {
            let mut request = Request::new(GetUserRequest::default());
            for header in headers {
                request.metadata_mut().append("authorization", header.parse().expect("a header"));
            }
            IdentityServiceClient::new(world.server().channel()).get_user(request).await
        };
        call(&[&token]).await.expect("one good header");
        call(&[&token.replace("Bearer", "bearer")]).await.expect("whatever the case of the scheme");
        for headers in [
            &[][..],
            &[""],
            &["Bearer"],
            &["Bearer "],
            &["Basic YWRhOmFkYQ=="],
            &[token.trim_start_matches("Bearer ")],
        ] {
            assert_refused(call(headers).await, Code::Unauthenticated, "TOKEN_MISSING");
        }
        for headers in [[&*token, &*token], [&token, "Bearer x"], ["Bearer x", &token]] {
            assert_refused(call(&headers).await, Code::Unauthenticated, "TOKEN_MALFORMED");
        }
        let joined = format!("{token}, {token}");
        assert_refused(call(&[&joined]).await, Code::Unauthenticated, "TOKEN_MISSING");
    }

    /// A remembered token ends with its time: the server does not remember longer than it may.
    async fn a_remembered_token_expires(world: World) {
        let ada = world.person("Ada").await;
        let token = world.server().short_token(&ada.id, std::time::Duration::from_secs(2));
        assert_eq!(who_am_i(&world, &token).await.expect("valid for two seconds"), ada.id);
        let refused = mandate_tests::poll::until(std::time::Duration::from_secs(10), async || {
            who_am_i(&world, &token).await.err()
        });
        let status = refused.await.expect("refused once its time has come");
        assert_refused(Err::<(), _>(status), Code::Unauthenticated, "TOKEN_EXPIRED");
    }

    /// Neither tokens nor keys are in the server's log, good or bad.
    async fn nothing_secret_is_logged(world: World) {
        let ada = world.person("Ada").await;
        let token = world.server().token(&ada.id, &[]);
        who_am_i(&world, &token).await.expect("a good token");
        let bad = forged("HS256", &claims("mandate", "mandate", &ada.id), Some(b"secret"));
        who_am_i(&world, &bad).await.expect_err("a bad token");
        let log = world.server().log();
        for secret in [&token, &bad, "PRIVATE KEY"] {
            assert!(!log.contains(secret), "the log holds a secret");
        }
        assert!(!log.contains(token.rsplit_once('.').expect("three parts").1), "the log holds a signature");
    }
}
