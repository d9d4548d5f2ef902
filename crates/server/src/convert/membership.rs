//! Members of accounts.

use mandate_domain::command::Command;
use mandate_domain::etag::Etag as _;
use mandate_domain::id::{AccountId, InvitationId, UserId};
use mandate_domain::membership::{MemberState, Membership};
use mandate_domain::search::Infix;
use mandate_proto::v1;
use mandate_storage::Member;
use prost_types::FieldMask;
use serde::{Deserialize, Serialize};

use super::page::{Paging, Query};
use super::{Fields, Path, resource, timestamp};
use crate::error::Error;

/// Most roles, and most restrictions, of one member.
pub(super) const MAX_ROLES: usize = 64;
/// Most single permissions of one member.
pub(super) const MAX_GRANTS: usize = 512;

/// An account and a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberOf {
    /// The account.
    pub account: AccountId,
    /// The user.
    pub user: UserId,
}

fn member(account: &str, user: &str) -> Result<MemberOf, Error> {
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), account);
    let user = fields.id(Path::of("user"), user);
    fields.finish(account.zip(user).map(|(account, user)| MemberOf { account, user }))
}

/// Reads a `AddMemberRequest`.
///
/// # Errors
/// Every bad field.
pub fn add(message: v1::AddMemberRequest) -> Result<Command, Error> {
    let v1::AddMemberRequest {
        account,
        user,
        roles,
        grants,
        restrictions,
        assignments,
        request_id: _,
        validate_only: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let user = fields.id(Path::of("user"), &user);
    let roles = fields.some_names(Path::of("roles"), roles, MAX_ROLES);
    let grants = fields.names(Path::of("grants"), grants, MAX_GRANTS);
    let restrictions = fields.names(Path::of("restrictions"), restrictions, MAX_ROLES);
    let assignments = resource::new_assignments(&mut fields, Path::of("assignments"), assignments);
    let command = (|| {
        Some(Command::AddMember {
            account: account?,
            user: user?,
            roles: roles?,
            grants: grants?,
            restrictions: restrictions?,
            assignments: assignments?,
        })
    })();
    fields.finish(command)
}

/// Reads a `GetMemberRequest`.
///
/// # Errors
/// Every bad field.
pub fn get(message: v1::GetMemberRequest) -> Result<MemberOf, Error> {
    let v1::GetMemberRequest { account, user } = message;
    member(&account, &user)
}

/// Reads a `UpdateMemberRequest`.
///
/// # Errors
/// Every bad field.
pub fn update(message: v1::UpdateMemberRequest) -> Result<Command, Error> {
    let v1::UpdateMemberRequest {
        account,
        user,
        roles,
        grants,
        restrictions,
        update_mask,
        request_id: _,
        validate_only: _,
        etag: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let user = fields.id(Path::of("user"), &user);
    let (mut new_roles, mut new_grants, mut new_restrictions) = (None, None, None);
    for (index, path) in mask(&mut fields, update_mask).into_iter().enumerate() {
        match path.as_str() {
            "roles" => new_roles = fields.some_names(Path::of("roles"), roles.clone(), MAX_ROLES),
            "grants" => new_grants = fields.names(Path::of("grants"), grants.clone(), MAX_GRANTS),
            "restrictions" => {
                new_restrictions = fields.names(Path::of("restrictions"), restrictions.clone(), MAX_ROLES);
            }
            _ => {
                let at = Path::of("update_mask");
                let message = format!("\"{path}\" cannot be replaced; name roles, grants or restrictions");
                fields.reject(at.field("paths").index(index), message);
            }
        }
    }
    let command = account.zip(user).map(|(account, user)| Command::UpdateMember {
        account,
        user,
        roles: new_roles,
        grants: new_grants,
        restrictions: new_restrictions,
    });
    fields.finish(command)
}

/// The paths of an update mask (AIP-134): at least one, each once.
pub(super) fn mask(fields: &mut Fields, mask: Option<FieldMask>) -> Vec<String> {
    let FieldMask { paths } = mask.unwrap_or_default();
    if paths.is_empty() {
        fields.reject(Path::of("update_mask"), "is required: name at least one field to change");
    }
    // Each path costs a look at its field: far more than there are fields means a broken client.
    if fields.at_most(Path::of("update_mask"), paths.len(), 128).is_none() {
        return Vec::new();
    }
    paths
}

/// Reads a `SuspendMemberRequest`.
///
/// # Errors
/// Every bad field.
pub fn suspend(message: v1::SuspendMemberRequest) -> Result<Command, Error> {
    let v1::SuspendMemberRequest {
        account,
        user,
        request_id: _,
        validate_only: _,
        etag: _,
        override_reason: _,
    } = message;
    let MemberOf { account, user } = member(&account, &user)?;
    Ok(Command::SuspendMember { account, user })
}

/// Reads a `ReinstateMemberRequest`.
///
/// # Errors
/// Every bad field.
pub fn reinstate(message: v1::ReinstateMemberRequest) -> Result<Command, Error> {
    let v1::ReinstateMemberRequest {
        account,
        user,
        request_id: _,
        validate_only: _,
        etag: _,
        override_reason: _,
    } = message;
    let MemberOf { account, user } = member(&account, &user)?;
    Ok(Command::ReinstateMember { account, user })
}

/// Reads a `RemoveMemberRequest`.
///
/// # Errors
/// Every bad field.
pub fn remove(message: v1::RemoveMemberRequest) -> Result<Command, Error> {
    let v1::RemoveMemberRequest {
        account,
        user,
        request_id: _,
        validate_only: _,
        etag: _,
        override_reason: _,
    } = message;
    let MemberOf { account, user } = member(&account, &user)?;
    Ok(Command::RemoveMember { account, user })
}

/// A row of a list of members: those who are, by user, and then those who are invited, by invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberKey {
    /// A member.
    Member(UserId),
    /// A pending invitation; `None`: none yet.
    Invited(Option<InvitationId>),
}

/// A page of an account's members.
#[derive(Debug, Clone)]
pub struct ListMembers {
    /// The account.
    pub account: AccountId,
    /// Only holders of this role.
    pub role: Option<String>,
    /// Only those in this state.
    pub state: Option<MemberState>,
    /// Only those whose name or address holds this.
    pub search: Option<Infix>,
    /// Only those who were not active at this time or later.
    pub last_active_before: Option<i64>,
    /// Which page; its key is the last row of the page before.
    pub paging: Paging<MemberKey>,
}

/// Reads a `ListMembersRequest`.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListMembersRequest) -> Result<ListMembers, Error> {
    let v1::ListMembersRequest { account, role, state, page_size, page_token, search, last_active_before } =
        message;
    let mut fields = Fields::default();
    let last_active_before = fields.optional_time(Path::of("last_active_before"), last_active_before);
    let bound = format!("{state} {last_active_before:?}");
    let query = Query::new("ListMembers", &[&account, &role, &bound, &search]);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let account = fields.id(Path::of("account"), &account);
    let role = if role.is_empty() { Some(None) } else { fields.name(Path::of("role"), role).map(Some) };
    let state = fields.choice(Path::of("state"), state, |state: v1::MemberState| Some(from_state(state)));
    let search = fields.search(Path::of("search"), &search);
    let list = (|| {
        let (account, role, state, paging) = (account?, role?, state?, paging?);
        let (search, last_active_before) = (search?, last_active_before?);
        Some(ListMembers { account, role, state, search, last_active_before, paging })
    })();
    fields.finish(list)
}

fn from_state(state: v1::MemberState) -> Option<MemberState> {
    match state {
        v1::MemberState::Unspecified => None,
        v1::MemberState::Active => Some(MemberState::Active),
        v1::MemberState::Pending => Some(MemberState::Pending),
        v1::MemberState::Suspended => Some(MemberState::Suspended),
    }
}

pub(super) fn to_state(state: MemberState) -> v1::MemberState {
    match state {
        MemberState::Active => v1::MemberState::Active,
        MemberState::Pending => v1::MemberState::Pending,
        MemberState::Suspended => v1::MemberState::Suspended,
    }
}

/// A member as messages have it.
#[must_use]
pub fn to_message(member: Member) -> v1::Member {
    let Member { membership, email, display_name, avatar_url, last_active } = member;
    let etag = membership.etag();
    let Membership { account, user, state, roles, grants, restrictions, created_at, updated_at } = membership;
    v1::Member {
        account: account.to_string(),
        user: user.to_string(),
        email,
        display_name,
        state: to_state(state).into(),
        roles,
        grants,
        restrictions,
        create_time: Some(timestamp(created_at)),
        update_time: Some(timestamp(updated_at)),
        invitation: String::new(),
        avatar_url,
        last_active_time: last_active.map(timestamp),
        etag,
    }
}
