use std::collections::BTreeMap;

use mandate_domain::account::{AttributeValue, Origin};
use mandate_domain::command::Command;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::refusal::Refusal;
use mandate_proto::v1;
use prost_types::FieldMask;

use super::*;
use crate::error::Error;

fn account() -> String {
    AccountId::from_bits(1).to_string()
}

fn user() -> String {
    UserId::from_bits(2).to_string()
}

/// The paths of the fields that were refused.
fn paths<T: std::fmt::Debug>(result: Result<T, Error>) -> Vec<String> {
    match result.unwrap_err() {
        Error::Refused(Refusal::Invalid(fields)) => fields.into_iter().map(|field| field.path).collect(),
        other => panic!("{other:?}"),
    }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

fn text(value: &str) -> v1::AttributeValue {
    v1::AttributeValue { value: Some(v1::attribute_value::Value::Text(value.into())) }
}

#[test]
fn every_bad_field_is_told_at_once_with_its_path() {
    let message = v1::AddMemberRequest {
        account: user(),
        user: String::new(),
        roles: vec!["owner".into(), String::new()],
        grants: vec!["a".repeat(129)],
        restrictions: vec!["r".into(); 65],
        assignments: vec![
            v1::NewAssignment { resource: None, ..Default::default() },
            v1::NewAssignment {
                resource: Some(v1::ResourceRef { r#type: String::new(), id: "x".repeat(256) }),
                roles: vec!["\u{7}".into()],
                permissions: Vec::new(),
            },
        ],
        ..Default::default()
    };
    let expected = [
        "account",
        "user",
        "roles[1]",
        "grants[0]",
        "restrictions",
        "assignments[0].resource",
        "assignments[1].resource.type",
        "assignments[1].resource.id",
        "assignments[1].roles[0]",
    ];
    assert_eq!(paths(membership::add(message)), expected);
}

#[test]
fn lengths_of_names_count_characters_and_of_ids_bytes() {
    let named = |display_name: &str| {
        let message = v1::CreateAccountRequest {
            policy: "p".into(),
            display_name: display_name.into(),
            ..Default::default()
        };
        account::create(message)
    };
    assert!(named(&"ü".repeat(200)).is_ok());
    assert_eq!(paths(named(&"ü".repeat(201))), ["display_name"]);
    assert_eq!(paths(named("  ")), ["display_name"]);
    assert_eq!(paths(named("a\0b")), ["display_name"]);
    let referring = |id: &str| {
        let resource = Some(v1::ResourceRef { r#type: "cloud".into(), id: id.into() });
        resource::get(v1::GetResourceRequest { account: account(), resource })
    };
    assert!(referring(&"x".repeat(255)).is_ok());
    assert_eq!(paths(referring(&"ü".repeat(128))), ["resource.id"]);
}

#[test]
fn an_origin_left_out_is_a_registration_and_an_order_needs_its_reference() {
    let from = |origin| {
        let message = v1::CreateAccountRequest {
            policy: "p".into(),
            display_name: "n".into(),
            origin,
            ..Default::default()
        };
        account::create(message)
    };
    assert_eq!(from(None).unwrap().origin, Origin::Registration);
    assert_eq!(from(Some(v1::AccountOrigin { origin: None })).unwrap().origin, Origin::Registration);
    let order = v1::account_origin::Order { reference: String::new() };
    let order = v1::AccountOrigin { origin: Some(v1::account_origin::Origin::Order(order)) };
    assert_eq!(paths(from(Some(order))), ["origin.order.reference"]);
}

#[test]
fn an_update_changes_what_its_mask_names_and_nothing_else() {
    let update = |paths: &[&str]| {
        account::update(v1::UpdateAccountRequest {
            account: account(),
            display_name: "new".into(),
            attributes: BTreeMap::from([("tier".into(), text("business")), ("flag".into(), text("x"))]),
            update_mask: mask(paths),
            ..Default::default()
        })
    };
    let Command::UpdateAccount { display_name, attributes, .. } =
        update(&["attributes.tier", "attributes.gone"]).unwrap()
    else {
        panic!("another command");
    };
    assert_eq!(display_name, None);
    let business = Some(AttributeValue::Text("business".into()));
    assert_eq!(attributes, [("gone".to_owned(), None), ("tier".to_owned(), business)]);
    assert_eq!(
        paths(update(&["policy", "display_name", "attributesx"])),
        ["update_mask.paths[0]", "update_mask.paths[2]"]
    );
    assert_eq!(paths(update(&[])), ["update_mask"]);
    let Command::UpdateAccount { attributes, .. } = update(&["attributes", "attributes.tier"]).unwrap()
    else {
        panic!("another command");
    };
    assert_eq!(attributes.len(), 2, "what is named twice changes once");
}

#[test]
fn a_member_update_reads_the_fields_that_its_mask_names() {
    let update = |paths: &[&str]| {
        let message = v1::UpdateMemberRequest {
            account: account(),
            user: user(),
            grants: vec!["a.b".into()],
            update_mask: mask(paths),
            ..Default::default()
        };
        membership::update(message)
    };
    let Command::UpdateMember { roles, grants, restrictions, .. } = update(&["grants"]).unwrap() else {
        panic!("another command");
    };
    assert_eq!((roles, grants, restrictions), (None, Some(vec!["a.b".to_owned()]), None));
    assert_eq!(paths(update(&["roles"])), ["roles"], "a member has at least one role");
    assert_eq!(paths(update(&["*"])), ["update_mask.paths[0]"]);
}

#[test]
fn an_email_address_is_kept_lower_case_and_nonsense_is_refused() {
    let email = |email: &str| {
        let message =
            v1::CreateUserRequest { email: email.into(), display_name: "n".into(), ..Default::default() };
        identity::create(message)
    };
    assert_eq!(email("Ann.Lee+x@Example.COM").unwrap().email, "ann.lee+x@example.com");
    let long = format!("{}@example.com", "a".repeat(250));
    for bad in [
        "",
        "ann",
        "ann@",
        "@example.com",
        "ann@localhost",
        "Ann <ann@example.com>",
        "a b@example.com",
        &long,
    ] {
        assert_eq!(paths(email(bad)), ["email"], "{bad}");
    }
}

#[test]
fn logins_are_told_apart_byte_by_byte_and_named_once() {
    let create = |subjects: &[&str]| {
        let login = |subject: &&str| v1::Identity { issuer: "https://i".into(), subject: (*subject).into() };
        identity::create(v1::CreateUserRequest {
            email: "a@example.com".into(),
            display_name: "n".into(),
            identities: subjects.iter().map(login).collect(),
            ..Default::default()
        })
    };
    assert!(create(&["a", "A"]).is_ok());
    assert_eq!(paths(create(&["a", "", "a"])), ["identities[1].subject", "identities[2]"]);
    assert_eq!(paths(create(&["x"; 17])), ["identities"]);
}

#[test]
fn a_question_needs_account_subject_and_permission() {
    assert_eq!(paths(authz::check(v1::CheckRequest::default())), ["account", "subject", "permission"]);
    let check = |subject| v1::CheckRequest {
        account: account(),
        subject: Some(v1::Subject { subject }),
        permission: "a.b".into(),
        resource: Some(v1::ResourceRef::default()),
        consistency: None,
    };
    let expected = ["subject", "resource.type", "resource.id"];
    assert_eq!(paths(authz::check(check(None))), expected);
    let login = v1::subject::Subject::Identity(v1::Identity { issuer: "i".into(), subject: String::new() });
    assert_eq!(paths(authz::check(check(Some(login))))[0], "subject.identity.subject");
    let wrong = v1::subject::Subject::User(account());
    assert_eq!(paths(authz::check(check(Some(wrong))))[0], "subject.user");
}

#[test]
fn values_of_enums_that_nobody_declared_are_refused() {
    let list = |state| {
        let message = v1::ListMembersRequest { account: account(), state, ..Default::default() };
        membership::list(message)
    };
    assert!(list(0).unwrap().state.is_none());
    assert!(list(1).unwrap().state.is_some());
    assert_eq!(paths(list(9)), ["state"]);
    assert_eq!(paths(list(-1)), ["state"]);
}

#[test]
fn a_batch_holds_one_to_a_thousand_questions() {
    let batch = |length| {
        let checks = vec![v1::CheckRequest::default(); length];
        authz::batch(v1::BatchCheckRequest { checks, ..Default::default() })
    };
    assert!(batch(1).is_ok() && batch(1_000).is_ok());
    assert_eq!(paths(batch(0)), ["checks"]);
    assert_eq!(paths(batch(1_001)), ["checks"]);
}

#[test]
fn times_before_the_epoch_have_nanoseconds_that_count_forwards() {
    assert_eq!(timestamp(-1), Timestamp { seconds: -1, nanos: 999_999_000 });
    assert_eq!(timestamp(1_500_000), Timestamp { seconds: 1, nanos: 500_000_000 });
}
