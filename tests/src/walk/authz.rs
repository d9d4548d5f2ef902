//! Cases of `AuthzService`.

use mandate_proto::v1::{
    ApplyPolicyRequest, BatchCheckRequest, BatchCheckResponse, CheckRequest, CheckStreamRequest,
    CheckStreamResponse, GetPolicyRequest, ListPoliciesRequest, ListPolicyVersionsRequest,
    LookupAccountsRequest, LookupMembersRequest, LookupPermissionsRequest, LookupResourcesRequest,
    RollbackPolicyRequest, Subject, WatchRequest, batch_check_result, check_stream_response, subject,
};
use prost::Message as _;
use tonic::{Code, Status};

use super::call::Outcome;
use super::case::{Case, Needs};
use super::stage::Scene;
use crate::shop;

const CHECK: &[&str] = &["authz.check"];
const READ: &[&str] = &["authz.read"];
const WATCH: &[&str] = &["authz.watch"];

pub(super) const CASES: &[Case] = &[
    Case::new("/mandate.v1.AuthzService/Check", Needs::NotOneself, CHECK, |scene| {
        check(scene, &scene.target).encode_to_vec()
    }),
    Case::new("/mandate.v1.AuthzService/Check", Needs::Known, CHECK, |scene| {
        check(scene, &scene.caller).encode_to_vec()
    })
    .variant("oneself"),
    batch(Case::new("/mandate.v1.AuthzService/BatchCheck", Needs::NotOneself, CHECK, |scene| {
        BatchCheckRequest { checks: vec![check(scene, &scene.target)], consistency: None }.encode_to_vec()
    })),
    batch(
        Case::new("/mandate.v1.AuthzService/BatchCheck", Needs::Known, CHECK, |scene| {
            BatchCheckRequest { checks: vec![check(scene, &scene.caller)], consistency: None }.encode_to_vec()
        })
        .variant("oneself"),
    ),
    stream(Case::new("/mandate.v1.AuthzService/CheckStream", Needs::NotOneself, CHECK, |scene| {
        CheckStreamRequest { correlation_id: 1, check: Some(check(scene, &scene.target)) }.encode_to_vec()
    })),
    stream(
        Case::new("/mandate.v1.AuthzService/CheckStream", Needs::Known, CHECK, |scene| {
            CheckStreamRequest { correlation_id: 1, check: Some(check(scene, &scene.caller)) }.encode_to_vec()
        })
        .variant("oneself"),
    ),
    Case::new("/mandate.v1.AuthzService/LookupPermissions", Needs::Operation("member.get"), READ, |scene| {
        lookup(scene, &scene.target)
    }),
    Case::new("/mandate.v1.AuthzService/LookupPermissions", Needs::Known, READ, |scene| {
        lookup(scene, &scene.caller)
    })
    .variant("oneself"),
    Case::new("/mandate.v1.AuthzService/Check", Needs::NotOneself, CHECK, |scene| {
        CheckRequest { subject: Some(contact(scene)), ..check(scene, "") }.encode_to_vec()
    })
    .variant("a contact"),
    Case::new("/mandate.v1.AuthzService/LookupPermissions", Needs::Operation("contact.get"), READ, |scene| {
        let subject = Some(contact(scene));
        LookupPermissionsRequest {
            account: scene.account.clone(),
            subject,
            resource: None,
            consistency: None,
        }
        .encode_to_vec()
    })
    .variant("a contact"),
    Case::new("/mandate.v1.AuthzService/LookupMembers", Needs::Operation("member.list"), READ, |scene| {
        LookupMembersRequest {
            account: scene.account.clone(),
            permission: scene.permission.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AuthzService/LookupResources", Needs::Operation("member.get"), READ, |scene| {
        resources(scene, about(&scene.target))
    }),
    Case::new("/mandate.v1.AuthzService/LookupResources", Needs::Known, READ, |scene| {
        resources(scene, about(&scene.caller))
    })
    .variant("oneself"),
    Case::new("/mandate.v1.AuthzService/LookupResources", Needs::Operation("contact.get"), READ, |scene| {
        resources(scene, contact(scene))
    })
    .variant("a contact"),
    Case::new("/mandate.v1.AuthzService/LookupAccounts", Needs::NotOneself, READ, |scene| {
        accounts(scene, &scene.target)
    }),
    Case::new("/mandate.v1.AuthzService/LookupAccounts", Needs::Known, READ, |scene| {
        accounts(scene, &scene.caller)
    })
    .variant("oneself"),
    Case::new("/mandate.v1.AuthzService/Watch", Needs::Operation("activity.list"), WATCH, |scene| {
        WatchRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AuthzService/ApplyPolicy", Needs::Nobody, &[], |_| {
        ApplyPolicyRequest { source: shop::SHOP.to_owned(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AuthzService/RollbackPolicy", Needs::Nobody, &[], |_| {
        RollbackPolicyRequest { policy: "organization".into(), version: 1, ..Default::default() }
            .encode_to_vec()
    }),
    Case::new("/mandate.v1.AuthzService/GetPolicy", Needs::Nobody, &[], |_| {
        GetPolicyRequest { policy: "organization".into(), version: 0 }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AuthzService/ListPolicies", Needs::Nobody, &[], |_| {
        ListPoliciesRequest { page_size: 1, ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AuthzService/ListPolicyVersions", Needs::Nobody, &[], |_| {
        ListPolicyVersionsRequest { policy: "organization".into(), ..Default::default() }.encode_to_vec()
    }),
];

fn check(scene: &Scene, user: &str) -> CheckRequest {
    CheckRequest {
        account: scene.account.clone(),
        subject: Some(about(user)),
        permission: scene.permission.clone(),
        resource: None,
        consistency: None,
    }
}

fn lookup(scene: &Scene, user: &str) -> Vec<u8> {
    LookupPermissionsRequest {
        account: scene.account.clone(),
        subject: Some(about(user)),
        resource: None,
        consistency: None,
    }
    .encode_to_vec()
}

fn resources(scene: &Scene, subject: Subject) -> Vec<u8> {
    LookupResourcesRequest {
        account: scene.account.clone(),
        subject: Some(subject),
        permission: scene.permission.clone(),
        ..Default::default()
    }
    .encode_to_vec()
}

fn accounts(scene: &Scene, user: &str) -> Vec<u8> {
    LookupAccountsRequest {
        subject: Some(about(user)),
        permission: scene.permission.clone(),
        ..Default::default()
    }
    .encode_to_vec()
}

fn contact(scene: &Scene) -> Subject {
    Subject { subject: Some(subject::Subject::Contact(scene.contact.clone())) }
}

fn about(user: &str) -> Subject {
    Subject { subject: Some(subject::Subject::User(user.into())) }
}

/// A refusal of the batch's only question is the outcome.
const fn batch(mut case: Case) -> Case {
    case.inside = |outcome| {
        let Outcome::Answered(bytes) = &outcome else { return outcome };
        let answer = BatchCheckResponse::decode(bytes.as_slice()).expect("the answer");
        match answer.results.first().and_then(|result| result.result.clone()) {
            Some(batch_check_result::Result::Error(error)) => refused(error),
            _ => outcome,
        }
    };
    case
}

/// A refusal of the stream's only question is the outcome.
const fn stream(mut case: Case) -> Case {
    case.inside = |outcome| {
        let Outcome::Answered(bytes) = &outcome else { return outcome };
        let answer = CheckStreamResponse::decode(bytes.as_slice()).expect("the answer");
        match answer.result {
            Some(check_stream_response::Result::Error(error)) => refused(error),
            _ => outcome,
        }
    };
    case
}

fn refused(error: tonic_types::Status) -> Outcome {
    let details = error.encode_to_vec().into();
    Outcome::Refused(Box::new(Status::with_details(Code::from(error.code), error.message, details)))
}
