//! Cases of `AccountService`.

use mandate_proto::v1::{
    CreateAccountRequest, CreateResourceRequest, DeleteAccountRequest, DeleteResourceRequest,
    GetAccountRequest, GetResourceRequest, ListAccountsRequest, ListActivityRequest, ListResourcesRequest,
    ReinstateAccountRequest, SuspendAccountRequest, TransferOwnershipRequest, UndeleteAccountRequest,
    UpdateAccountRequest, UpdateResourceRequest,
};
use prost::Message as _;
use prost_types::FieldMask;

use super::case::{Case, Needs};

const READ: &[&str] = &["accounts.read"];

pub(super) const CASES: &[Case] = &[
    Case::new("/mandate.v1.AccountService/CreateAccount", Needs::Known, &["accounts.create"], |scene| {
        CreateAccountRequest {
            policy: scene.policy.clone(),
            display_name: "Another".into(),
            first_user: scene.caller.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/GetAccount", Needs::Operation("account.get"), READ, |scene| {
        GetAccountRequest { account: scene.account.clone() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/ListAccounts", Needs::Known, READ, |_| {
        ListAccountsRequest::default().encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/UpdateAccount", Needs::Operation("account.update"), &[], |scene| {
        UpdateAccountRequest {
            account: scene.account.clone(),
            display_name: "Renamed".into(),
            update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/SuspendAccount", Needs::Nobody, &[], |scene| {
        SuspendAccountRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/ReinstateAccount", Needs::Nobody, &[], |scene| {
        ReinstateAccountRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/DeleteAccount", Needs::Operation("account.delete"), &[], |scene| {
        DeleteAccountRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/ListActivity", Needs::Operation("activity.list"), READ, |scene| {
        ListActivityRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/CreateResource", Needs::OnResource("create"), &[], |scene| {
        CreateResourceRequest {
            account: scene.account.clone(),
            resource: Some(scene.new_resource()),
            creator: scene.creator.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/GetResource", Needs::OnResource("view"), READ, |scene| {
        GetResourceRequest { account: scene.account.clone(), resource: Some(scene.resource()) }
            .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/ListResources", Needs::OnType("view"), READ, |scene| {
        ListResourcesRequest {
            account: scene.account.clone(),
            r#type: scene.kind.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/DeleteResource", Needs::OnResource("delete"), &[], |scene| {
        DeleteResourceRequest {
            account: scene.account.clone(),
            resource: Some(scene.resource()),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/UpdateResource", Needs::OnResource("update"), &[], |scene| {
        UpdateResourceRequest {
            account: scene.account.clone(),
            resource: Some(scene.resource()),
            display_name: "Renamed".into(),
            update_mask: Some(FieldMask { paths: vec!["display_name".into()] }),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new(
        "/mandate.v1.AccountService/UndeleteAccount",
        Needs::Operation("account.undelete"),
        &[],
        |scene| {
            UndeleteAccountRequest { account: scene.account.clone(), ..Default::default() }.encode_to_vec()
        },
    )
    .elsewhere(),
    Case::new(
        "/mandate.v1.AccountService/TransferOwnership",
        Needs::Operation("account.transfer"),
        &[],
        |scene| {
            TransferOwnershipRequest {
                account: scene.account.clone(),
                from: scene.creator.clone(),
                to: scene.target.clone(),
                ..Default::default()
            }
            .encode_to_vec()
        },
    ),
];
