//! CheckStream: each question as Check would answer it, and how a stream ends.

use std::time::Duration;

use mandate_proto::v1::check_stream_response::Result as Outcome;
use mandate_proto::v1::consistency::Requirement;
use mandate_proto::v1::{
    Account, BatchCheckRequest, CheckRequest, CheckResponse, Consistency, DecisionReason as Reason,
    FullyConsistent, ResourceRef, SignOutScope, User, batch_check_result,
};
use mandate_tests::expect::{assert_invalid, assert_refused};
use mandate_tests::walk::{Outcome as Called, call};
use mandate_tests::world::{Asking, Party, resource, user_subject};
use mandate_tests::{Bearer, World, on_both_engines};
use tonic::{Code, Status};

fn question(account: &Account, user: &User, permission: &str) -> CheckRequest {
    CheckRequest {
        account: account.id.clone(),
        subject: Some(user_subject(&user.id)),
        permission: permission.to_owned(),
        ..CheckRequest::default()
    }
}

/// The same, which is no plain question any more.
fn fresh(check: CheckRequest) -> CheckRequest {
    let requirement = Some(Requirement::FullyConsistent(FullyConsistent {}));
    CheckRequest { consistency: Some(Consistency { requirement }), ..check }
}

/// An answer without its token, which tells the moment and not the decision.
fn undated(outcome: &Outcome) -> Outcome {
    match outcome.clone() {
        Outcome::Response(answer) => {
            Outcome::Response(CheckResponse { consistency_token: String::new(), ..answer })
        }
        error @ Outcome::Error(_) => error,
    }
}

#[track_caller]
fn reason(outcome: &Outcome) -> Reason {
    match outcome {
        Outcome::Response(answer) => answer.reason(),
        Outcome::Error(error) => panic!("{error:?}"),
    }
}

/// The error of a question, as the same question alone would have failed.
#[track_caller]
fn error(outcome: &Outcome) -> Status {
    match outcome {
        Outcome::Response(response) => panic!("answered: {response:?}"),
        Outcome::Error(error) => {
            let details = prost::Message::encode_to_vec(error);
            Status::with_details(Code::from(error.code), error.message.clone(), details.into())
        }
    }
}

/// How a stream ends that is left alone.
async fn ended(asking: &mut Asking, code: Code, reason: &str) {
    let status = asking.end().await.expect("not as if all was answered");
    assert_refused(Err::<(), _>(status), code, reason);
}

/// How a stream has ended that takes no more questions, whatever it was asked before.
async fn how(asking: &mut Asking) -> Option<Status> {
    loop {
        match asking.next().await {
            Ok(Some(_)) => {}
            Ok(None) => return None,
            Err(status) => return Some(status),
        }
    }
}

on_both_engines! {
    /// Given questions of every kind, good and bad, when they are asked on a stream, in a batch and one by one, then the
    /// answers are the same, and no question spoils another.
    async fn a_stream_answers_as_check_and_batch_check_do(world: World) {
        let [ada, mia] = world.people(["Ada", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &mia, &["member"]).await;
        let nowhere = Account { id: "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..Account::default() };
        let on = |resource| CheckRequest { resource: Some(resource), ..question(&acme, &ada, "workspaces.view") };
        let checks = vec![
            question(&acme, &ada, "users.view"),
            CheckRequest { account: ada.id.clone(), ..question(&acme, &ada, "users.view") },
            question(&acme, &mia, "users.view"),
            CheckRequest::default(),
            question(&nowhere, &ada, "users.view"),
            on(ResourceRef::default()),
            on(resource("workspace", "w")),
            question(&acme, &ada, &"x".repeat(129)),
            question(&acme, &ada, &"x".repeat(1_000_000)),
            question(&acme, &ada, "no.such"),
            question(&acme, &ada, "users.view"),
        ];
        let service = world.service(&["authz.check"]);
        let batch = BatchCheckRequest { checks: checks.clone(), consistency: None };
        let batched = service.authz().batch_check(batch).await.expect("answers").into_inner().results;
        // What is in memory is answered in another way than what is not, or what has to be fresh.
        for _ in 0..2 {
            let streamed = service.ask_on_a_stream(checks.clone()).await.expect("answers");
            let fresh = service.ask_on_a_stream(checks.iter().cloned().map(fresh).collect()).await.expect("answers");
            for (index, outcome) in streamed.iter().enumerate() {
                let of_batch = match batched[index].result.clone().expect("always set") {
                    batch_check_result::Result::Response(answer) => Outcome::Response(answer),
                    batch_check_result::Result::Error(error) => Outcome::Error(error),
                };
                assert_eq!(undated(outcome), undated(&of_batch), "question {index}");
                assert_eq!(undated(outcome), undated(&fresh[index]), "question {index}, fresh");
                match (outcome, service.authz().check(checks[index].clone()).await) {
                    (Outcome::Response(answer), Ok(alone)) => {
                        assert!(!answer.consistency_token.is_empty());
                        assert_eq!(undated(outcome), undated(&Outcome::Response(alone.into_inner())));
                    }
                    (Outcome::Error(_), Err(alone)) => assert_eq!(error(outcome).message(), alone.message()),
                    other => panic!("question {index}: {other:?}"),
                }
            }
            let reasons = [(0, Reason::Role), (2, Reason::NotGranted), (4, Reason::UnknownAccount), (6, Reason::UnknownResource)];
            for (index, expected) in reasons.into_iter().chain([(9, Reason::UnknownPermission), (10, Reason::Role)]) {
                assert_eq!(reason(&streamed[index]), expected, "question {index}");
            }
            for (index, fields) in [
                (1, &["account"][..]),
                (3, &["account", "permission", "subject"]),
                (5, &["resource.id", "resource.type"]),
                (7, &["permission"]),
                (8, &["permission"]),
            ] {
                assert_invalid(Err::<(), _>(error(&streamed[index])), fields);
            }
        }
    }

    /// Given a stream, when a question comes alone, then it is answered at once, with its own number, whatever that is; and
    /// a change that was answered is in the next answer.
    async fn a_question_waits_for_no_other(world: World) {
        let [ada, mia] = world.people(["Ada", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &mia, &["admin"]).await;
        let check = question(&acme, &mia, "users.view");
        let mut asking = world.service(&["authz.check"]).asking().await.expect("begins");
        for number in [0, 1, 1, 127, 128, u64::MAX] {
            for check in [check.clone(), fresh(check.clone())] {
                assert!(asking.send(number, Some(check)).await);
                let answer = asking.next().await.expect("goes on").expect("an answer");
                assert_eq!(answer.correlation_id, number);
                assert_eq!(reason(&answer.result.expect("always set")), Reason::Role);
            }
        }
        assert!(asking.send(5, None).await);
        let answer = asking.next().await.expect("goes on").expect("an answer");
        assert_eq!(answer.correlation_id, 5);
        assert_invalid(Err::<(), _>(error(&answer.result.expect("always set"))), &["check"]);

        world.operator().remove(&acme, &mia).await.expect("removed");
        assert_eq!(reason(&asking.ask(check).await.expect("an answer")), Reason::NotAMember);
        asking.no_more();
        assert_eq!(asking.end().await.map(|status| status.code()), None, "ends well");
    }

    /// Given more questions than are looked at at a time, in memory and not, when the caller has sent the last one, then all
    /// are answered and the stream ends well.
    async fn all_is_answered_before_a_stream_ends(world: World) {
        let [ada, mia] = world.people(["Ada", "Mia"]).await;
        let mut checks = Vec::new();
        for number in 0..3_000 {
            // Three of four are about accounts that nobody has asked about before.
            let account = format!("acc_{number:026}");
            let check = CheckRequest { account, ..question(&Account::default(), &ada, "users.view") };
            checks.push(if number % 4 == 0 { question(&Account { id: mia.id.clone(), ..Account::default() }, &mia, "x") } else { check });
        }
        let answers = world.service(&["authz.check"]).ask_on_a_stream(checks).await.expect("answers");
        for (number, answer) in answers.iter().enumerate() {
            match number % 4 {
                0 => assert_eq!(error(answer).code(), Code::InvalidArgument),
                _ => assert_eq!(reason(answer), Reason::UnknownAccount),
            }
        }
        let none = world.service(&["authz.check"]).ask_on_a_stream(Vec::new()).await.expect("no answers");
        assert_eq!(none, []);
    }

    /// Given a caller who takes no answers, when they go on asking, then they are held back; and nothing was lost.
    async fn whoever_takes_no_answers_is_held_back(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        for party in [world.service(&["authz.check"]), world.by(&ada)] {
            let mut asking = party.asking().await.expect("begins");
            let mut sent = 0;
            // What the windows of both sides hold; the server would take all of them if it kept answers.
            let most = 400_000;
            while sent < most {
                let sending = asking.send(sent, Some(question(&acme, &ada, "users.view")));
                match tokio::time::timeout(Duration::from_secs(3), sending).await {
                    Ok(true) => sent += 1,
                    Ok(false) => panic!("after {sent} questions the stream has ended: {:?}", how(&mut asking).await),
                    Err(_) => break,
                }
            }
            assert!(0 < sent && sent < most, "{sent} questions were taken");
            asking.no_more();
            let mut answered = 0;
            while let Some(answer) = asking.next().await.expect("goes on") {
                assert_eq!(reason(&answer.result.expect("always set")), Reason::Role);
                answered += 1;
            }
            // One may have been on its way when it was given up.
            assert!((sent..=sent + 1).contains(&answered), "{answered} of {sent}");
        }
    }

    /// Given a person, then they ask about themself on a stream, and about nobody else, as with Check.
    async fn a_person_asks_about_themself(world: World) {
        let [ada, mia] = world.people(["Ada", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        let checks = vec![question(&acme, &ada, "users.view"), question(&acme, &mia, "users.view")];
        let answers = world.by(&ada).ask_on_a_stream(checks).await.expect("answers");
        assert_eq!(reason(&answers[0]), Reason::Role);
        assert_refused(Err::<(), _>(error(&answers[1])), Code::PermissionDenied, "NOT_ONESELF");
        let refused = world.service(&["authz.read"]).asking().await.map(drop);
        assert_refused(refused, Code::PermissionDenied, "SCOPE_MISSING");
    }

    /// Given a stream, when the token of its call expires, then it ends, whether anything is asked or not.
    async fn a_stream_ends_with_the_token_of_its_call(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let check = question(&acme, &ada, "users.view");
        let lifetime = Duration::from_secs(4);
        let tokens = [
            world.server().short_token(&ada.id, lifetime),
            world.server().short_service_token("authz.check", lifetime),
            world.server().short_service_token("authz.check", lifetime),
        ];
        let by = |token: &String| Party::new(Bearer::new(token).on(world.server().channel()));
        let [mut of_person, mut idle, mut busy] = [
            by(&tokens[0]).asking().await.expect("begins"),
            by(&tokens[1]).asking().await.expect("begins"),
            by(&tokens[2]).asking().await.expect("begins"),
        ];
        for asking in [&mut of_person, &mut idle] {
            assert_eq!(reason(&asking.ask(check.clone()).await.expect("an answer")), Reason::Role);
        }
        // Plain questions alone, as many as there is time for.
        let status = loop {
            match busy.ask(check.clone()).await {
                Ok(answer) => assert_eq!(reason(&answer), Reason::Role),
                Err(status) => break status,
            }
        };
        assert_refused(Err::<(), _>(status), Code::Unauthenticated, "TOKEN_EXPIRED");
        ended(&mut of_person, Code::Unauthenticated, "TOKEN_EXPIRED").await;
        ended(&mut idle, Code::Unauthenticated, "TOKEN_EXPIRED").await;
    }

    /// Given a person's stream, when they sign out, are suspended or erased, then it ends.
    async fn a_stream_ends_with_the_callers_standing(world: World) {
        let [ada, bob, eve] = world.people(["Ada", "Bob", "Eve"]).await;
        let acme = world.account("organization", &ada).await;
        world.has_password(&ada, "a pass phrase of her own").await;
        let tokens = world.sign_in(&ada.email, "a pass phrase of her own").await.expect("signed in");
        let mut of_ada = world.with_tokens(&tokens).asking().await.expect("begins");
        let mut of_bob = world.by(&bob).asking().await.expect("begins");
        let mut of_eve = world.by(&eve).asking().await.expect("begins");
        let answer = of_bob.ask(question(&acme, &bob, "users.view")).await.expect("an answer");
        assert_eq!(reason(&answer), Reason::NotAMember);

        world.with_tokens(&tokens).sign_out(SignOutScope::ThisSession).await.expect("signed out");
        ended(&mut of_ada, Code::Unauthenticated, "SESSION_ENDED").await;
        world.operator().suspend_user(&bob).await.expect("suspended");
        ended(&mut of_bob, Code::PermissionDenied, "CALLER_SUSPENDED").await;
        world.operator().erase_user(&eve).await.expect("erased");
        let status = of_eve.end().await.expect("not as if all was answered");
        assert!(matches!(status.code(), Code::Unauthenticated | Code::PermissionDenied), "{status:?}");
    }

    /// Given streams, when the server stops, then they end and say why, and the server does not wait for them.
    async fn a_stream_ends_when_the_server_stops(world: World) {
        let mut world = world;
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        let mut streams = [
            world.service(&["authz.check"]).asking().await.expect("begins"),
            world.by(&ada).asking().await.expect("begins"),
        ];
        for asking in &mut streams {
            let answer = asking.ask(question(&acme, &ada, "users.view")).await.expect("an answer");
            assert_eq!(reason(&answer), Reason::Role);
        }
        let exit = world.server_mut().stop().await;
        assert!(exit.success(), "{exit}");
        for asking in &mut streams {
            ended(asking, Code::Unavailable, "SERVER_STOPPING").await;
        }
    }

    /// Given bytes that are no message, or too many of them, then the stream ends with an error that says so.
    async fn what_is_no_question_ends_a_stream(world: World) {
        const PATH: &str = "/mandate.v1.AuthzService/CheckStream";
        for scope in ["authz.check", "platform.operator"] {
            let header = format!("Bearer {}", world.server().token("backend", &[scope]));
            let answer = async |message| match call(&world.server().channel(), PATH, message, Some(&header)).await {
                Called::Answered(bytes) => panic!("answered: {bytes:?}"),
                Called::Refused(status) => Err::<(), _>(*status),
            };
            assert_invalid(answer(vec![0xff]).await, &[""]);
            assert_invalid(answer(vec![0x12, 0x7f]).await, &[""]);
            assert_refused(answer(vec![0; (4 << 20) + 1]).await, Code::ResourceExhausted, "MESSAGE_TOO_LARGE");
        }
    }
}
