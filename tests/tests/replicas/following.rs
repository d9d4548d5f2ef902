//! What is written on one server is known to the others.

use std::time::Instant;

use mandate_proto::v1::{DecisionReason as Reason, GetUserRequest, SignOutScope};
use mandate_tests::expect::assert_refused;
use mandate_tests::{Engine, Replica, Server, World, poll, shop};
use tonic::Code;

use crate::{Pair, SOON, soon};

/// With the token of a removal the other server denies at once, without it soon after; in both directions.
#[tokio::test]
async fn a_removal_is_denied_everywhere() {
    let pair = Pair::start(&[]).await;
    let (acme, bob) = pair.members().await;
    let mut lags = Vec::new();
    for round in 0..40 {
        let (here, there) = (pair.world.operator(), pair.other_operator());
        let by = if round % 2 == 0 { here } else { there };
        let token = by.remove_for_token(&acme, &bob).await.expect("removed");
        let question = || match round % 2 {
            0 => pair.other_may(&bob, &acme, "users.view"),
            _ => pair.world.may(&bob, &acme, "users.view"),
        };
        if round % 4 < 2 {
            question().not_before(&token).await.denied_for(Reason::NotAMember);
        } else {
            let start = Instant::now();
            let denied = poll::until(SOON, async || (!question().await.allowed()).then_some(()));
            denied.await.unwrap_or_else(|| panic!("still allowed after {SOON:?}"));
            lags.push(start.elapsed());
        }
        pair.world.operator().add(&acme, &bob, &["admin"]).await.expect("added again");
        soon(&pair, &bob, &acme, true).await;
        assert!(pair.world.may(&bob, &acme, "users.view").await.allowed(), "one reads one's own writes");
    }
    lags.sort();
    println!("denied on the other server at the latest after {lags:?}");
}

/// Whoever writes sees it on the same server without a token, whichever server it is.
#[tokio::test]
async fn one_reads_ones_own_writes() {
    let pair = Pair::start(&[]).await;
    let (acme, bob) = pair.members().await;
    for _ in 0..30 {
        pair.other_operator().remove(&acme, &bob).await.expect("removed");
        pair.other_may(&bob, &acme, "users.view").await.denied_for(Reason::NotAMember);
        pair.other_operator().add(&acme, &bob, &["admin"]).await.expect("added");
        pair.other_may(&bob, &acme, "users.view").await.allowed_by(Reason::Role);
    }
}

/// A question may ask for everything that was committed before it.
#[tokio::test]
async fn a_fully_consistent_answer_leaves_nothing_out() {
    let pair = Pair::start(&[]).await;
    let (acme, bob) = pair.members().await;
    for _ in 0..20 {
        pair.world.operator().remove(&acme, &bob).await.expect("removed");
        pair.other_may(&bob, &acme, "users.view").fully_consistent().await.denied_for(Reason::NotAMember);
        pair.world.operator().add(&acme, &bob, &["admin"]).await.expect("added");
        pair.other_may(&bob, &acme, "users.view").fully_consistent().await.allowed_by(Reason::Role);
    }
}

/// "New enemy" (Zanzibar, 2.2): while a server is cut off, it allows what was revoked elsewhere to whoever asks without
/// a token, and never to whoever asks with the one that came with the revocation, or with something written later.
#[tokio::test]
async fn the_new_enemy_needs_a_token_to_be_kept_out() {
    let pair = Pair::start(&[]).await;
    let (acme, bob) = pair.members().await;
    pair.door.stick();
    let revoked = pair.world.operator().remove_for_token(&acme, &bob).await.expect("removed");
    let eve = pair.world.person("Eve").await;
    pair.world.operator().add(&acme, &eve, &["admin"]).await.expect("added");
    let later = pair.world.operator().remove_for_token(&acme, &eve).await.expect("removed");

    assert!(pair.other_may(&bob, &acme, "users.view").await.allowed(), "without a token: as it was");
    for token in [&revoked, &later] {
        let refused = pair.other_may(&bob, &acme, "users.view").not_before(token).ask().await;
        assert_refused(refused, Code::Unavailable, "STORAGE_UNAVAILABLE");
    }
    pair.door.open();
    let denied = poll::until(SOON, async || {
        pair.other_may(&bob, &acme, "users.view").not_before(&revoked).ask().await.ok()
    });
    assert!(!denied.await.expect("answers again").allowed);
    soon(&pair, &bob, &acme, false).await;
}

/// A session that was ended on one server opens nothing on the other.
#[tokio::test]
async fn a_session_ends_everywhere() {
    let pair = Pair::start(&[]).await;
    let ada = pair.world.person("Ada").await;
    pair.world.has_password(&ada, "a pass phrase of her own").await;
    let tokens = pair.world.sign_in(&ada.email, "a pass phrase of her own").await.expect("signed in");
    let there = pair.other.party(&tokens.access_token);
    let request = || GetUserRequest { user: ada.id.clone() };
    there.identity().get_user(request()).await.expect("her session goes on");
    pair.world.with_tokens(&tokens).sign_out(SignOutScope::ThisSession).await.expect("signed out");
    let refused = poll::until(SOON, async || there.identity().get_user(request()).await.err());
    let refused = refused.await.unwrap_or_else(|| panic!("still signed in after {SOON:?}"));
    assert_refused(Err::<(), _>(refused), Code::Unauthenticated, "SESSION_ENDED");
}

/// A server that brings a policy along makes it known to the others.
#[tokio::test]
async fn a_new_policy_is_in_force_everywhere() {
    let pair = Pair::start(&[]).await;
    let ada = pair.world.person("Ada").await;
    let folder = shop::folder();
    let policies = folder.path().to_str().expect("UTF-8");
    let _third = Replica::start(pair.world.server(), None, &["--policies", policies]).await;
    let request = mandate_proto::v1::CreateAccountRequest {
        policy: "shop".to_owned(),
        display_name: "Ada's shop".to_owned(),
        ..Default::default()
    };
    let created = poll::until(SOON, async || pair.world.by(&ada).create_account(request.clone()).await.ok());
    let shop = created.await.expect("an account under the new policy");
    pair.other_may(&ada, &shop, "stock.view").fully_consistent().await.allowed_by(Reason::Role);
}

/// One server that dies takes nothing with it that was acknowledged.
#[tokio::test]
async fn what_a_dead_server_wrote_is_there() {
    let world = World::on(Server::start(Engine::Postgres).await);
    let other = Replica::start(world.server(), None, &[]).await;
    let ada = world.person("Ada").await;
    let acme = world.account("organization", &ada).await;
    let operator = other.party(&world.server().token("backend", &["platform.operator"]));
    let mut people = Vec::new();
    for n in 0..10 {
        let person = world.person(&format!("Person {n}")).await;
        operator.add(&acme, &person, &["member"]).await.expect("added");
        people.push(person);
    }
    other.kill9();
    for person in &people {
        let found = world.may(person, &acme, "users.view").fully_consistent().await;
        assert_ne!(found.answer.reason(), Reason::NotAMember, "{}", person.display_name);
    }
}
