//! Cases of `AccountService` about account groups.

use mandate_proto::v1::{
    AddAccountGroupAccountRequest, AddAccountGroupUserRequest, CreateAccountGroupRequest,
    DeleteAccountGroupRequest, GetAccountGroupRequest, ListAccountGroupAccountsRequest,
    ListAccountGroupCandidatesRequest, ListAccountGroupUsersRequest, ListAccountGroupsRequest,
    RemoveAccountGroupAccountRequest, RemoveAccountGroupUserRequest,
};
use prost::Message as _;

use super::case::{Case, Needs};

const READ: &[&str] = &["accounts.read"];
const VIEW: Needs = Needs::GroupControl("view");
const ACCOUNTS: Needs = Needs::GroupControl("accounts");

pub(super) const CASES: &[Case] = &[
    Case::new("/mandate.v1.AccountService/CreateAccountGroup", Needs::Known, &[], |scene| {
        CreateAccountGroupRequest {
            display_name: "Group".into(),
            accounts: vec![scene.account.clone()],
            founder: scene.caller.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/AddAccountGroupUser", Needs::GroupRole, &[], |scene| {
        AddAccountGroupUserRequest {
            group: scene.group.clone(),
            user: scene.newcomer.clone(),
            role: scene.group_role.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/RemoveAccountGroupUser", Needs::GroupRole, &[], |scene| {
        RemoveAccountGroupUserRequest {
            group: scene.group.clone(),
            user: scene.target.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/GetAccountGroup", VIEW, READ, |scene| {
        GetAccountGroupRequest { group: scene.group.clone() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/ListAccountGroups", Needs::NotOneself, READ, |scene| {
        ListAccountGroupsRequest { user: scene.target.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/ListAccountGroups", Needs::Known, READ, |_| {
        ListAccountGroupsRequest::default().encode_to_vec()
    })
    .variant("oneself"),
    Case::new("/mandate.v1.AccountService/ListAccountGroupUsers", VIEW, READ, |scene| {
        ListAccountGroupUsersRequest { group: scene.group.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/ListAccountGroupAccounts", VIEW, READ, |scene| {
        ListAccountGroupAccountsRequest { group: scene.group.clone(), ..Default::default() }.encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/ListAccountGroupCandidates", ACCOUNTS, &[], |scene| {
        ListAccountGroupCandidatesRequest {
            group: scene.group.clone(),
            user: scene.creator.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/AddAccountGroupAccount", ACCOUNTS, &[], |scene| {
        AddAccountGroupAccountRequest {
            group: scene.group.clone(),
            account: scene.spare.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/RemoveAccountGroupAccount", ACCOUNTS, &[], |scene| {
        RemoveAccountGroupAccountRequest {
            group: scene.group.clone(),
            account: scene.account.clone(),
            ..Default::default()
        }
        .encode_to_vec()
    }),
    Case::new("/mandate.v1.AccountService/DeleteAccountGroup", Needs::GroupControl("delete"), &[], |scene| {
        DeleteAccountGroupRequest { group: scene.group.clone(), ..Default::default() }.encode_to_vec()
    }),
];
