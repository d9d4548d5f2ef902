use std::collections::BTreeSet;

use mandate_domain::decide::Reason;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::refusal::LimitScope;
use mandate_proto::v1::ErrorReason;
use mandate_storage::{OpenOptions, Store};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::*;
use crate::auth::{CallerKind, Malformation, Scope};
use crate::overload::{Limit, Progress};
use crate::policies::PolicyRefusal;
use crate::rate::Rated;

fn auth_errors() -> Vec<Error> {
    let expected = "mandate".to_owned();
    let all = [
        AuthError::Missing,
        AuthError::NotBearer,
        AuthError::Repeated,
        AuthError::TooLong,
        AuthError::Malformed(Malformation::Parts),
        AuthError::UnknownIssuer,
        AuthError::AlgorithmNotAllowed,
        AuthError::UnknownKey,
        AuthError::KeysUnavailable,
        AuthError::BadSignature,
        AuthError::Expired,
        AuthError::NotYetValid,
        AuthError::WrongAudience { expected },
        AuthError::KindNotAllowed { kind: CallerKind::Service },
    ];
    all.map(Error::Auth).into()
}

fn denied(permission: Option<&str>, reason: Reason) -> Refusal {
    Refusal::Denied { operation: "member.add".into(), permission: permission.map(str::to_owned), reason }
}

fn refusals() -> Vec<Error> {
    let (role, scope) = ("owner".to_owned(), LimitScope::Account(AccountId::from_bits(1)));
    let all = [
        Refusal::Invalid(vec![FieldError::new("roles[1]", "no such role")]),
        Refusal::NotFound { what: "member", id: "usr_1".into() },
        Refusal::AlreadyExists { what: "member", id: "usr_1".into() },
        denied(None, Reason::NotAMember),
        denied(Some("users.add"), Reason::NotGranted),
        denied(None, Reason::NotGranted),
        Refusal::DelegationDenied(vec!["give the role owner".into()]),
        Refusal::SelfRemoval,
        Refusal::RequirementUnmet {
            what: "member.add".into(),
            requirements: vec!["tier to be business".into()],
        },
        Refusal::LimitLeast { role: role.clone(), scope: scope.clone(), least: 1, holders: 1, left: 0 },
        Refusal::LimitMost { role, scope, most: 1, holders: 1 },
        Refusal::WrongState("the account is deleted".into()),
        Refusal::InvitationInvalid,
        Refusal::InviterMayNot,
        Refusal::EtagMismatch,
        Refusal::OverrideDenied,
        Refusal::PasswordNotResettable(UserId::from_bits(1)),
    ];
    all.map(Error::Refused).into()
}

async fn others() -> Vec<Error> {
    let unreachable = Store::open("postgres://nobody@127.0.0.1:1/none", OpenOptions::default()).await;
    let Err(unavailable) = unreachable else { panic!("nothing listens on port 1") };
    vec![
        AccessError::ScopeMissing { needed: Scope::AuthzCheck, for_persons: true }.into(),
        AccessError::NotOneself.into(),
        AccessError::CallerUnknown.into(),
        AccessError::PasswordChangeRequired.into(),
        AccessError::CallerSuspended.into(),
        AccessError::SessionEnded.into(),
        PolicyRefusal::NamesInUse(vec!["leaves out the role owner, which is held 1 time(s)".into()]).into(),
        SignInError::Failed.into(),
        SignInError::BackOff { wait: std::time::Duration::from_secs(1) }.into(),
        SignInError::RefreshTokenInvalid.into(),
        Error::Store(unavailable),
        Error::Store(StoreError::Contention { attempts: 3, source: None }),
        Error::Store(StoreError::Locked("another server".into())),
        Error::Defect("an oversight".into()),
        Error::MessageTooLarge { most: Some(ByteSize(4 << 20)) },
        TooOften { rated: Rated::SignIn, wait: std::time::Duration::from_secs(1) }.into(),
        Error::RequestIdReused,
        Error::ConsistencyToken,
        Error::Stopping,
        Error::Overload(OverloadError::Full(Limit::Database)),
        Error::Overload(OverloadError::DeadlinePassed(Progress::Unknown)),
        Error::Store(StoreError::Overloaded),
        WatchError::TokenTooOld.into(),
        WatchError::TooSlow.into(),
        WatchError::NewerChange.into(),
    ]
}

#[tokio::test]
async fn every_reason_of_the_protos_is_the_reason_of_some_error_and_every_error_has_one() {
    let mut seen = BTreeSet::new();
    for error in auth_errors().into_iter().chain(refusals()).chain(others().await) {
        let text = format!("{error:?}");
        let status = Status::from(error);
        let info = status.get_details_error_info().unwrap_or_else(|| panic!("{text} has no ErrorInfo"));
        assert_eq!(info.domain, "mandate");
        assert!(!status.message().is_empty());
        seen.insert(info.reason);
    }
    let declared: BTreeSet<String> = (1..1_000)
        .filter_map(|number| ErrorReason::try_from(number).ok())
        .map(|reason| reason.as_str_name().trim_start_matches("ERROR_REASON_").to_owned())
        .collect();
    assert_eq!(seen, declared);
}

#[test]
fn the_verifier_and_this_mapper_agree_on_the_reasons_of_tokens() {
    for error in auth_errors() {
        let Error::Auth(inner) = &error else { continue };
        let told = inner.reason();
        assert_eq!(Status::from(error).get_details_error_info().unwrap().reason, told);
    }
}

#[test]
fn an_account_that_does_not_exist_and_one_that_is_not_yours_are_the_same_answer() {
    let strangers = [
        denied(None, Reason::UnknownAccount),
        denied(Some("users.add"), Reason::NotAMember),
        denied(None, Reason::AccountSuspended),
        denied(None, Reason::SubjectSuspended),
    ];
    let answers = strangers.map(|refusal| {
        let status = Status::from(Error::Refused(refusal));
        (status.code(), status.message().to_owned(), status.details().to_vec())
    });
    assert!(answers.iter().all(|answer| *answer == answers[0]));
}

#[test]
fn all_bad_fields_are_told_and_an_answer_fits_into_the_headers_of_any_client() {
    let field = |index| FieldError::new(format!("assignments[{index}].resource.type"), "no such type");
    let told = |count| {
        let status = Status::from(Error::Refused(Refusal::Invalid((0..count).map(field).collect())));
        let violations = status.get_details_bad_request().unwrap().field_violations;
        (status, violations)
    };
    assert_eq!(told(12).1.len(), 12);
    let (status, violations) = told(5_000);
    let last = &violations.last().unwrap().description;
    assert_eq!(last, &format!("{} more field(s) need correction", 5_000 - (violations.len() - 1)));
    let headers = status.details().len() * 4 / 3 + status.message().len() * 3;
    assert!(headers < 8 * 1024, "{headers}");
    let long = FieldError::new("x".repeat(100_000), "\u{1F600}".repeat(100_000));
    let status = Status::from(Error::Refused(Refusal::Invalid(vec![long])));
    assert!(status.details().len() < 4 * 1024);
}

#[test]
fn a_defect_tells_the_caller_a_number_and_nothing_else() {
    let status = Status::from(Error::Defect("password=hunter2".into()));
    assert_eq!(status.code(), Code::Internal);
    assert!(!status.message().contains("hunter2"));
    let id = status.get_details_error_info().unwrap().metadata["error_id"].clone();
    assert!(status.message().contains(&id));
}

#[test]
fn an_item_of_a_batch_carries_the_same_details() {
    let error = || Error::field("account", "is required");
    let item = tonic_types::Status::from(error());
    let status = Status::from(error());
    assert_eq!((item.code, item.message.as_str()), (i32::from(status.code()), status.message()));
    assert_eq!(item.details.len(), 2);
}

#[test]
fn limits_say_what_they_count_and_where() {
    let scope = LimitScope::Resource("cloud/c1".into());
    let refusal = Refusal::LimitLeast { role: "admin".into(), scope, least: 1, holders: 1, left: 0 };
    let status = Status::from(Error::Refused(refusal));
    let metadata = status.get_details_error_info().unwrap().metadata;
    assert_eq!(metadata["resource"], "cloud/c1");
    assert_eq!((metadata["role"].as_str(), metadata["least"].as_str()), ("admin", "1"));
    assert_eq!(status.get_details_precondition_failure().unwrap().violations[0].r#type, "LIMIT");
}
