//! Consistency tokens: every answer carries one, and a question may ask for facts that are not older.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mandate_proto::v1::consistency::Requirement;
use mandate_proto::v1::{
    BatchCheckRequest, CheckRequest, Consistency, DecisionReason as Reason, FullyConsistent,
    LookupPermissionsRequest, RemoveMemberRequest, batch_check_result::Result as Outcome,
};
use mandate_tests::expect::{assert_invalid, assert_refused, fields};
use mandate_tests::world::user_subject;
use mandate_tests::{Engine, Server, World, on_both_engines};
use tonic::{Code, Status};

fn not_before(token: &str) -> Option<Consistency> {
    Some(Consistency { requirement: Some(Requirement::AtLeastAsFresh(token.to_owned())) })
}

/// A token of the same database for a place that nothing has reached.
fn of_the_future(token: &str) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(token).expect("base64url");
    // Form, kind and database stay; then comes the place.
    bytes.truncate(10);
    bytes.extend((i64::MAX / 2).to_be_bytes());
    if bytes[1] == 3 {
        // A write of PostgreSQL's: nothing was running beside it.
        bytes.push(0);
    }
    URL_SAFE_NO_PAD.encode(bytes)
}

#[track_caller]
fn assert_no_token<T: std::fmt::Debug>(result: Result<T, Status>) {
    let status = assert_refused(result, Code::InvalidArgument, "CONSISTENCY_TOKEN_INVALID");
    assert_eq!(fields(&status), ["consistency.at_least_as_fresh"]);
}

on_both_engines! {
    /// Writes and answers carry tokens, and each of them can be asked for again.
    async fn every_answer_has_a_token(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["admin"]).await;
        let before = world.may(&bob, &acme, "users.view").await.answer.consistency_token;
        let preview = RemoveMemberRequest {
            account: acme.id.clone(),
            user: bob.id.clone(),
            validate_only: true,
            ..Default::default()
        };
        let previewed = world.operator().memberships().remove_member(preview).await.expect("previewed");
        let removed = world.operator().remove_for_token(&acme, &bob).await.expect("removed");
        let request = LookupPermissionsRequest {
            account: acme.id.clone(),
            subject: Some(user_subject(&bob.id)),
            resource: None,
            consistency: not_before(&removed),
        };
        let found = world.service(&["authz.read"]).authz().lookup_permissions(request).await.expect("found");
        let found = found.into_inner();
        assert_eq!(found.reason(), Reason::NotAMember);
        for token in [&before, &previewed.into_inner().consistency_token, &removed, &found.consistency_token] {
            assert!(!token.is_empty());
            let answer = world.may(&bob, &acme, "users.view").not_before(token).await;
            answer.denied_for(Reason::NotAMember);
            assert_eq!(answer.answer.stale_for, None);
        }
        world.may(&ada, &acme, "users.view").fully_consistent().await.allowed_by(Reason::Role);
    }

    /// A retry of a write is answered with a token that includes it.
    async fn a_retry_has_a_token_too(world: World) {
        let [ada, bob] = world.people(["Ada", "Bob"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &bob, &["admin"]).await;
        for _ in 0..2 {
            let request = RemoveMemberRequest {
                account: acme.id.clone(),
                user: bob.id.clone(),
                request_id: "1".to_owned(),
                ..Default::default()
            };
            let answer = world.operator().memberships().remove_member(request).await.expect("removed");
            let token = answer.into_inner().consistency_token;
            world.may(&bob, &acme, "users.view").not_before(&token).await.denied_for(Reason::NotAMember);
        }
    }

    /// What is no token of this database's past is an error, not a wait.
    async fn tokens_of_elsewhere_and_of_the_future_are_refused(engine: Engine) {
        let (world, other) = (World::on(Server::start(engine).await), World::on(Server::start(engine).await));
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let eve = other.person("Eve").await;
        let there = other.account("organization", &eve).await;
        let foreign = other.may(&eve, &there, "users.view").await.answer.consistency_token;
        world.operator().rename(&acme, "Acme").await.expect("renamed");
        let bob = world.person("Bob").await;
        world.member(&acme, &bob, &["member"]).await;
        let own = world.operator().remove_for_token(&acme, &bob).await.expect("removed");
        let cut = own.split_at(own.len() - 2).0.to_owned();
        for token in [String::new(), "token".to_owned(), "x".repeat(10_000), cut, foreign, of_the_future(&own)] {
            assert_no_token(world.may(&ada, &acme, "users.view").not_before(&token).ask().await);
        }
        world.may(&ada, &acme, "users.view").not_before(&own).await.allowed_by(Reason::Role);
    }

    /// Tokens outlive the server that gave them out.
    async fn tokens_are_good_after_a_restart(mut world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let bob = world.person("Bob").await;
        world.member(&acme, &bob, &["admin"]).await;
        let token = world.operator().remove_for_token(&acme, &bob).await.expect("removed");
        world.server_mut().restart().await;
        world.may(&bob, &acme, "users.view").not_before(&token).await.denied_for(Reason::NotAMember);
    }

    /// A batch says for all of its questions how fresh they must be.
    async fn a_batch_has_one_consistency(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let question = CheckRequest {
            account: acme.id.clone(),
            subject: Some(user_subject(&ada.id)),
            permission: "users.view".to_owned(),
            resource: None,
            consistency: None,
        };
        let consistency = Some(Consistency { requirement: Some(Requirement::FullyConsistent(FullyConsistent {})) });
        let ask = |checks, consistency| {
            let mut authz = world.service(&["authz.check"]).authz();
            async move { authz.batch_check(BatchCheckRequest { checks, consistency }).await }
        };
        let own = CheckRequest { consistency: consistency.clone(), ..question.clone() };
        let results = ask(vec![question.clone(), own], consistency).await.expect("answered").into_inner().results;
        let [Some(Outcome::Response(answer)), Some(Outcome::Error(error))] =
            [&results[0].result, &results[1].result]
        else {
            panic!("{results:?}")
        };
        assert!(answer.allowed && !answer.consistency_token.is_empty(), "{answer:?}");
        assert_eq!(error.code, Code::InvalidArgument as i32, "{error:?}");
        assert_no_token(ask(vec![question.clone()], not_before("nothing")).await);
        let empty = Some(Consistency { requirement: None });
        assert_invalid(ask(Vec::new(), empty.clone()).await, &["checks", "consistency"]);
        let request = CheckRequest { consistency: empty, ..question };
        assert_invalid(world.service(&["authz.check"]).authz().check(request).await, &["consistency"]);
    }
}
