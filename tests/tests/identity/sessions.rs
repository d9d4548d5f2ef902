//! Sessions and their tokens.

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use mandate_proto::v1::{
    GetPublicKeysRequest, GetUserRequest, RefreshTokenRequest, SignOutScope, Tokens, User,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::world::Party;
use mandate_tests::{Engine, Fixture, World, dump, on_both_engines};
use serde_json::Value;
use tonic::{Code, Status};

const PASSWORD: &str = "her own password";

/// Ada, who has a password.
struct Signing {
    world: World,
    ada: User,
}

impl Fixture for Signing {
    async fn prepare(engine: Engine) -> Self {
        let world = World::prepare(engine).await;
        let ada = world.person("Ada").await;
        world.has_password(&ada, PASSWORD).await;
        Self { world, ada }
    }
}

impl Signing {
    async fn sign_in(&self) -> Tokens {
        self.world.sign_in(&self.ada.email, PASSWORD).await.expect("signed in")
    }
}

async fn who_am_i(party: &Party) -> Result<String, Status> {
    let answer = party.identity().get_user(GetUserRequest::default()).await?.into_inner();
    Ok(answer.user.expect("the user").id)
}

async fn assert_ended(world: &World, tokens: &Tokens) {
    assert_refused(who_am_i(&world.with_tokens(tokens)).await, Code::Unauthenticated, "SESSION_ENDED");
    let set = world.with_tokens(tokens).set_password(PASSWORD, "another password").await;
    assert_refused(set, Code::Unauthenticated, "SESSION_ENDED");
    assert_refused(world.refresh(tokens).await, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
}

on_both_engines! {
    async fn an_access_token_is_a_persons_and_others_verify_it_with_the_public_keys(signing: Signing) {
        let Signing { world, ada } = &signing;
        let acme = world.account("organization", ada).await;
        let tokens = signing.sign_in().await;
        assert_eq!(who_am_i(&world.with_tokens(&tokens)).await.expect("oneself"), ada.id);
        world.with_tokens(&tokens).rename(&acme, "Renamed").await.expect("her permissions");
        let lifetime = tokens.access_token_lifetime.expect("a lifetime").seconds;
        assert!((1..=600).contains(&lifetime), "{lifetime}");

        let published = world.anybody().get_public_keys(GetPublicKeysRequest {}).await.expect("keys").into_inner();
        let header = jsonwebtoken::decode_header(&tokens.access_token).expect("a header");
        let key = published.keys.iter().find(|key| Some(&key.kid) == header.kid.as_ref()).expect("its key");
        let form = (key.kty.as_str(), key.crv.as_str(), key.alg.as_str(), key.r#use.as_str());
        assert_eq!(form, ("OKP", "Ed25519", "EdDSA", "sig"));
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[&published.audience]);
        validation.set_issuer(&[&published.issuer]);
        let decoding = DecodingKey::from_ed_components(&key.x).expect("a key");
        let claims = jsonwebtoken::decode::<Value>(&tokens.access_token, &decoding, &validation).expect("verified").claims;
        assert_eq!(claims["sub"], ada.id);
        assert!(claims["sid"].as_str().expect("a session").starts_with("ses_"));
        assert_eq!(claims["exp"].as_i64().expect("an end") - claims["iat"].as_i64().expect("a beginning"), lifetime);
    }

    async fn a_refresh_token_is_good_once_and_its_second_use_ends_the_session(signing: Signing) {
        let world = &signing.world;
        let (first, other) = (signing.sign_in().await, signing.sign_in().await);
        let second = world.refresh(&first).await.expect("refreshed");
        let third = world.refresh(&second).await.expect("refreshed");
        assert_ne!(second.refresh_token, first.refresh_token);
        for tokens in [&first, &second, &third] {
            who_am_i(&world.with_tokens(tokens)).await.expect("one session");
        }
        // The very first one comes again: somebody has a copy of it.
        assert_refused(world.refresh(&first).await, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
        for tokens in [&first, &second, &third] {
            assert_ended(world, tokens).await;
        }
        who_am_i(&world.with_tokens(&other)).await.expect("another session goes on");
        for made_up in ["made up", &"A".repeat(43)] {
            let request = RefreshTokenRequest { refresh_token: made_up.to_owned() };
            let refused = world.anybody().refresh_token(request).await;
            assert_refused(refused, Code::Unauthenticated, "REFRESH_TOKEN_INVALID");
        }
        assert_invalid(world.anybody().refresh_token(RefreshTokenRequest::default()).await, &["refresh_token"]);
    }

    async fn signing_out_ends_this_session_or_all(signing: Signing) {
        let Signing { world, ada } = &signing;
        let (one, two, three) = (signing.sign_in().await, signing.sign_in().await, signing.sign_in().await);
        let ended = world.with_tokens(&one).sign_out(SignOutScope::Unspecified).await;
        assert_eq!(ended.expect("signed out"), 1);
        assert_ended(world, &one).await;
        who_am_i(&world.with_tokens(&two)).await.expect("goes on");
        let ended = world.with_tokens(&two).sign_out(SignOutScope::AllSessions).await;
        assert_eq!(ended.expect("signed out"), 2);
        for tokens in [&two, &three] {
            assert_ended(world, tokens).await;
        }
        // A token of no session has none to end, but may end all.
        signing.sign_in().await;
        assert_invalid(world.by(ada).sign_out(SignOutScope::ThisSession).await, &["scope"]);
        assert_eq!(world.by(ada).sign_out(SignOutScope::AllSessions).await.expect("signed out"), 1);
        let operator = world.operator().sign_out(SignOutScope::AllSessions).await;
        assert_invalid(operator, &["metadata[mandate-acting-for]"]);
    }

    async fn a_new_password_ends_the_other_sessions(signing: Signing) {
        let Signing { world, ada } = &signing;
        let (this, other) = (signing.sign_in().await, signing.sign_in().await);
        let changed = world.with_tokens(&this).set_password(PASSWORD, "a new password").await.expect("changed");
        assert_ended(world, &other).await;
        for token in [&this.access_token, &changed.access_token] {
            who_am_i(&world.with_token(token)).await.expect("this session goes on");
        }
        let this = world.refresh(&this).await.expect("refreshed");
        let old = world.with_tokens(&this).set_password(PASSWORD, "yet another one").await;
        assert_refused(old, Code::Unauthenticated, "SIGN_IN_FAILED");
        world.by(ada).set_password("a new password", "yet another one").await.expect("by a token of no session");
        assert_ended(world, &this).await;
    }

    /// A restart forgets nothing that matters.
    async fn sessions_outlive_a_restart_and_so_does_their_end(mut signing: Signing) {
        let (goes_on, ended) = (signing.sign_in().await, signing.sign_in().await);
        signing.world.with_tokens(&ended).sign_out(SignOutScope::ThisSession).await.expect("signed out");
        signing.world.server_mut().restart().await;
        let world = &signing.world;
        who_am_i(&world.with_tokens(&goes_on)).await.expect("goes on");
        assert_ended(world, &ended).await;
    }

    /// Neither the database nor the log holds what lets anybody sign in.
    async fn no_secret_is_stored_or_logged(signing: Signing) {
        let Signing { world, ada } = &signing;
        let bob = world.person("Bob").await;
        let made_up = world.operator().set_initial_password(&bob, "").await.expect("set");
        let tokens = signing.sign_in().await;
        let next = world.refresh(&tokens).await.expect("refreshed");
        world.with_tokens(&next).set_password(PASSWORD, "a new secret one").await.expect("changed");
        world.sign_in(&ada.email, "a wrong secret one").await.expect_err("wrong");
        world.refresh(&tokens).await.expect_err("used before");
        let (rows, log) = (dump::rows(world.server()), world.server().log());
        assert!(rows.contains("$argon2id$v=19$m=19456,t=2,p=1$"), "OWASP's parameters");
        for secret in [
            PASSWORD, "a new secret one", "a wrong secret one", "an initial password", &made_up,
            &tokens.access_token, &tokens.refresh_token, &next.access_token, &next.refresh_token,
        ] {
            assert!(!rows.contains(secret), "stored: {secret}");
            assert!(!log.contains(secret), "logged: {secret}");
        }
        assert!(!log.contains("argon2id"));
        let fed: Vec<_> = rows.lines().filter(|row| row.starts_with("feed") || row.starts_with("activity")).collect();
        assert!(!fed.is_empty() && fed.iter().all(|row| !row.contains("argon2") && !row.contains("@")), "{fed:#?}");
    }
}
