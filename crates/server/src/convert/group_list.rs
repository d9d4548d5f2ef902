//! Lists about account groups.

use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_proto::v1;
use mandate_storage::{Candidate, GroupUser, MissingHolder};

use super::page::{Paging, Query};
use super::{Fields, Path};
use crate::error::Error;

/// Which page of groups; its key is the last group of the page before.
#[derive(Debug, Clone)]
pub struct ListGroups {
    /// Of whom; `None`: nobody was named.
    pub user: Option<UserId>,
    /// Which page.
    pub paging: Paging<GroupId>,
}

/// Reads a `ListAccountGroupsRequest`; `caller` is the calling person.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListAccountGroupsRequest, caller: Option<UserId>) -> Result<ListGroups, Error> {
    let v1::ListAccountGroupsRequest { user, page_size, page_token } = message;
    let mut fields = Fields::default();
    let named = fields.optional_id(Path::of("user"), &user).map(|named: Option<UserId>| named.or(caller));
    let of = named.flatten().map(|user| user.to_string()).unwrap_or_default();
    let paging = Query::new("ListAccountGroups", &[&of]).paging(&mut fields, page_size, &page_token);
    fields.finish(named.zip(paging).map(|(user, paging)| ListGroups { user, paging }))
}

/// Reads a `ListAccountGroupUsersRequest`: the group, and the page, whose key is its last user.
///
/// # Errors
/// Every bad field.
pub fn list_users(message: v1::ListAccountGroupUsersRequest) -> Result<(GroupId, Paging<UserId>), Error> {
    let v1::ListAccountGroupUsersRequest { group, page_size, page_token } = message;
    let mut fields = Fields::default();
    let paging = Query::new("ListAccountGroupUsers", &[&group]).paging(&mut fields, page_size, &page_token);
    let group = fields.id(Path::of("group"), &group);
    fields.finish(group.zip(paging))
}

/// Reads a `ListAccountGroupAccountsRequest`: the group, and the page, whose key is its last account.
///
/// # Errors
/// Every bad field.
pub fn list_accounts(
    message: v1::ListAccountGroupAccountsRequest,
) -> Result<(GroupId, Paging<AccountId>), Error> {
    let v1::ListAccountGroupAccountsRequest { group, page_size, page_token } = message;
    let mut fields = Fields::default();
    let paging =
        Query::new("ListAccountGroupAccounts", &[&group]).paging(&mut fields, page_size, &page_token);
    let group = fields.id(Path::of("group"), &group);
    fields.finish(group.zip(paging))
}

/// Which page of candidates.
#[derive(Debug, Clone)]
pub struct ListCandidates {
    /// The group.
    pub group: GroupId,
    /// Whose accounts; `None`: the calling person's.
    pub user: Option<UserId>,
    /// Which page; its key is the last account of the page before.
    pub paging: Paging<AccountId>,
}

/// Reads a `ListAccountGroupCandidatesRequest`.
///
/// # Errors
/// Every bad field.
pub fn list_candidates(message: v1::ListAccountGroupCandidatesRequest) -> Result<ListCandidates, Error> {
    let v1::ListAccountGroupCandidatesRequest { group, user, page_size, page_token } = message;
    let mut fields = Fields::default();
    let query = Query::new("ListAccountGroupCandidates", &[&group, &user]);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let group = fields.id(Path::of("group"), &group);
    let user = fields.optional_id(Path::of("user"), &user);
    let list = (|| Some(ListCandidates { group: group?, user: user?, paging: paging? }))();
    fields.finish(list)
}

/// A user of a group as messages have it.
#[must_use]
pub fn to_user(user: GroupUser) -> v1::AccountGroupUser {
    let GroupUser { user, role } = user;
    v1::AccountGroupUser {
        user: user.id.to_string(),
        email: user.email,
        display_name: user.display_name,
        role,
    }
}

/// A candidate as messages have it.
#[must_use]
pub fn to_candidate(candidate: Candidate) -> v1::AccountGroupCandidate {
    let Candidate { account, missing } = candidate;
    v1::AccountGroupCandidate {
        account: account.id.to_string(),
        display_name: account.display_name,
        eligible: missing.is_empty(),
        missing: missing.into_iter().map(to_missing).collect(),
    }
}

fn to_missing(missing: MissingHolder) -> v1::MissingHolder {
    let MissingHolder { user, role } = missing;
    v1::MissingHolder { user: user.id.to_string(), display_name: user.display_name, role }
}
