//! BatchCheck: each question by itself, and the batch as a whole.

use mandate_proto::v1::batch_check_result::Result as Outcome;
use mandate_proto::v1::{
    Account, BatchCheckRequest, CheckRequest, CheckResponse, DecisionReason as Reason, ResourceRef, User,
};
use mandate_tests::expect::assert_invalid;
use mandate_tests::world::{resource, user_subject};
use mandate_tests::{World, on_both_engines};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

fn question(account: &Account, user: &User, permission: &str) -> CheckRequest {
    CheckRequest {
        account: account.id.clone(),
        subject: Some(user_subject(&user.id)),
        permission: permission.to_owned(),
        resource: None,
        consistency: None,
    }
}

async fn ask(world: &World, checks: Vec<CheckRequest>) -> Result<Vec<Outcome>, Status> {
    let answer = world
        .service(&["authz.check"])
        .authz()
        .batch_check(BatchCheckRequest { checks, consistency: None })
        .await?;
    Ok(answer.into_inner().results.into_iter().map(|result| result.result.expect("always set")).collect())
}

/// The answer to a question that could be asked.
#[track_caller]
fn answer(outcome: &Outcome) -> &CheckResponse {
    match outcome {
        Outcome::Response(response) => response,
        Outcome::Error(error) => panic!("{error:?}"),
    }
}

/// The error of a question that could not, as the same question alone would have failed.
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

on_both_engines! {
    /// Good and bad questions side by side: answers and errors in their order, none spoils another.
    async fn a_bad_question_spoils_no_other(world: World) {
        let [ada, mia] = world.people(["Ada", "Mia"]).await;
        let acme = world.account("organization", &ada).await;
        world.member(&acme, &mia, &["member"]).await;
        let nowhere = Account { id: "acc_01ARZ3NDEKTSV4RRFFQ69G5FAV".to_owned(), ..Account::default() };

        let outcomes = ask(
            &world,
            vec![
                question(&acme, &ada, "users.view"),
                CheckRequest { account: ada.id.clone(), ..question(&acme, &ada, "users.view") },
                question(&acme, &mia, "users.view"),
                CheckRequest::default(),
                question(&nowhere, &ada, "users.view"),
                CheckRequest {
                    resource: Some(ResourceRef::default()),
                    ..question(&acme, &ada, "workspaces.view")
                },
                CheckRequest {
                    resource: Some(resource("workspace", "w")),
                    ..question(&acme, &ada, "workspaces.view")
                },
                question(&acme, &ada, "users.view"),
            ],
        )
        .await
        .expect("answered as a whole");

        assert_eq!(outcomes.len(), 8);
        for (index, reason) in [
            (0, Reason::Role),
            (2, Reason::NotGranted),
            (4, Reason::UnknownAccount),
            (6, Reason::UnknownResource),
            (7, Reason::Role),
        ] {
            assert_eq!(answer(&outcomes[index]).reason(), reason, "question {index}");
            assert_eq!(answer(&outcomes[index]).allowed, reason == Reason::Role, "question {index}");
        }
        for (index, fields) in [
            (1, &["account"][..]),
            (3, &["account", "permission", "subject"]),
            (5, &["resource.id", "resource.type"]),
        ] {
            let status = assert_invalid(Err::<(), _>(error(&outcomes[index])), fields);
            let alone = status.get_details_error_info().expect("a reason");
            assert_eq!((alone.reason.as_str(), alone.domain.as_str()), ("INVALID_FIELDS", "mandate"));
        }
    }

    /// 1 to 1,000 questions in one call.
    async fn a_batch_has_one_to_a_thousand_questions(world: World) {
        let ada = world.person("Ada").await;
        let acme = world.account("organization", &ada).await;
        assert_invalid(ask(&world, Vec::new()).await, &["checks"]);
        let status =
            assert_invalid(ask(&world, vec![question(&acme, &ada, "users.view"); 1_001]).await, &["checks"]);
        assert!(status.message().contains("at most 1000"), "{status:?}");
        let outcomes =
            ask(&world, vec![question(&acme, &ada, "users.view"); 1_000]).await.expect("a thousand");
        assert!(outcomes.len() == 1_000 && outcomes.iter().all(|outcome| answer(outcome).allowed));
    }
}
