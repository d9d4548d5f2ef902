//! Cases of `MembershipService`.

use mandate_proto::v1::{
    AddMemberRequest, AssignResourceRequest, CreateContactRequest, DeleteContactRequest, GetContactRequest,
    GetMemberRequest, ImportMembersRequest, ImportMembersResponse, ListAssignmentsRequest,
    ListContactsRequest, ListMembersRequest, ListPeopleRequest, ReinstateMemberRequest, RemoveMemberRequest,
    SuspendMemberRequest, UnassignResourceRequest, UpdateContactRequest, UpdateMemberRequest,
    list_assignments_request,
};
use prost::Message as _;
use prost_types::FieldMask;

use super::call::Outcome;
use super::case::{Case, Needs};
use super::stage::Scene;
use crate::world::as_call;

const READ: &[&str] = &["accounts.read"];

pub(super) const CASES: &[Case] = &[
    Case::new("/mandate.v1.MembershipService/AddMember", Needs::Operation("member.add"), &[], |scene| {
        AddMemberRequest {
            account: scene.account.clone(),
            user: scene.newcomer.clone(),
            roles: vec![scene.low_role.clone()],
            ..Default::default()
        }
        .encode_to_vec()
    }),
    // No policy that comes with the program gives it to a person; tests/import.rs has one that does.
    Case::new(
        "/mandate.v1.MembershipService/ImportMembers",
        Needs::Operation("member.import"),
        &[],
        |scene| {
            ImportMembersRequest {
                account: scene.account.clone(),
                email: "imported@example.com".into(),
                roles: vec![scene.low_role.clone()],
                ..Default::default()
            }
            .encode_to_vec()
        },
    )
    .inside(refused_row)
    .elsewhere(),
    Case::new("/mandate.v1.MembershipService/GetMember", Needs::Operation("member.get"), READ, |scene| {
        get(scene, &scene.target)
    }),
    Case::new("/mandate.v1.MembershipService/GetMember", Needs::Membership, READ, |scene| {
        get(scene, &scene.caller)
    })
    .variant("oneself"),
    Case::new("/mandate.v1.MembershipService/ListMembers", Needs::Operation("member.list"), READ, |scene| {
        ListMembersRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new(
        "/mandate.v1.MembershipService/ListPeople",
        Needs::OperationAndOfContacts("member.list", "contact.get"),
        READ,
        |scene| ListPeopleRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec(),
    ),
    Case::new(
        "/mandate.v1.MembershipService/UpdateMember",
        Needs::Operation("member.update"),
        &[],
        |scene| {
            UpdateMemberRequest {
                account: scene.account.clone(),
                user: scene.target.clone(),
                roles: vec![scene.other_role.clone()],
                update_mask: Some(FieldMask { paths: vec!["roles".into()] }),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
    Case::new(
        "/mandate.v1.MembershipService/SuspendMember",
        Needs::Operation("member.suspend"),
        &[],
        |scene| {
            SuspendMemberRequest {
                account: scene.account.clone(),
                user: scene.target.clone(),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
    Case::new(
        "/mandate.v1.MembershipService/ReinstateMember",
        Needs::Operation("member.suspend"),
        &[],
        |scene| {
            ReinstateMemberRequest {
                account: scene.account.clone(),
                user: scene.target.clone(),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
    Case::new(
        "/mandate.v1.MembershipService/RemoveMember",
        Needs::Operation("member.remove"),
        &[],
        |scene| {
            RemoveMemberRequest {
                account: scene.account.clone(),
                user: scene.target.clone(),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
    Case::new("/mandate.v1.MembershipService/RemoveMember", Needs::Operation("member.leave"), &[], |scene| {
        RemoveMemberRequest {
            account: scene.account.clone(),
            user: scene.caller.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    })
    .variant("oneself"),
    Case::new("/mandate.v1.MembershipService/AssignResource", Needs::OnResource("assign"), &[], |scene| {
        AssignResourceRequest {
            account: scene.account.clone(),
            user: scene.target.clone(),
            assignment: Some(scene.assignment()),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new(
        "/mandate.v1.MembershipService/UnassignResource",
        Needs::OnResource("unassign"),
        &[],
        |scene| {
            UnassignResourceRequest {
                account: scene.account.clone(),
                user: scene.target.clone(),
                resource: Some(scene.resource()),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
    Case::new(
        "/mandate.v1.MembershipService/ListAssignments",
        Needs::Operation("member.get"),
        READ,
        |scene| of(scene, list_assignments_request::Of::User(scene.target.clone())),
    ),
    Case::new("/mandate.v1.MembershipService/ListAssignments", Needs::Membership, READ, |scene| {
        of(scene, list_assignments_request::Of::User(scene.caller.clone()))
    })
    .variant("oneself"),
    Case::new("/mandate.v1.MembershipService/ListAssignments", Needs::OnResource("view"), READ, |scene| {
        of(scene, list_assignments_request::Of::Resource(scene.resource()))
    })
    .variant("of a resource"),
    Case::new(
        "/mandate.v1.MembershipService/CreateContact",
        Needs::Operation("contact.create"),
        &[],
        |scene| {
            CreateContactRequest {
                account: scene.account.clone(),
                email: "another@example.com".into(),
                display_name: "Another".into(),
                details: String::new(),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
    Case::new("/mandate.v1.MembershipService/GetContact", Needs::Operation("contact.get"), READ, |scene| {
        GetContactRequest { account: scene.account.clone(), contact: scene.contact.clone() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.MembershipService/ListContacts", Needs::Operation("contact.get"), READ, |scene| {
        ListContactsRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new(
        "/mandate.v1.MembershipService/UpdateContact",
        Needs::Operation("contact.update"),
        &[],
        |scene| {
            UpdateContactRequest {
                account: scene.account.clone(),
                contact: scene.contact.clone(),
                display_name: "Renamed".into(),
                update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
    Case::new(
        "/mandate.v1.MembershipService/DeleteContact",
        Needs::Operation("contact.update"),
        &[],
        |scene| {
            DeleteContactRequest {
                account: scene.account.clone(),
                contact: scene.contact.clone(),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
];

/// The refusal of the one row that was sent.
fn refused_row(outcome: Outcome) -> Outcome {
    let Outcome::Answered(bytes) = &outcome else { return outcome };
    let result = ImportMembersResponse::decode(bytes.as_slice()).expect("a result");
    match as_call(&result) {
        Ok(_) => outcome,
        Err(status) => Outcome::Refused(Box::new(status)),
    }
}

fn get(scene: &Scene, user: &str) -> Vec<u8> {
    GetMemberRequest { account: scene.account.clone(), user: user.into() }.encode_to_vec()
}

fn of(scene: &Scene, of: list_assignments_request::Of) -> Vec<u8> {
    ListAssignmentsRequest { account: scene.account.clone(), of: Some(of), ..Default::default() }
        .encode_to_vec()
}
