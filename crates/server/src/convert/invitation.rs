//! Invitations.

use mandate_domain::command::{Command, NewAssignment};
use mandate_domain::id::{AccountId, InvitationId, UserId};
use mandate_domain::invitation::{Invitation, InvitationState, Inviter, Replaced, Then};
use mandate_domain::mail::Locale;
use mandate_domain::membership::MemberState;
use mandate_proto::v1;

use super::membership::{MAX_GRANTS, MAX_ROLES, to_state as to_member_state};
use super::page::{Paging, Query};
use super::{Fields, Path, identity, resource, timestamp};
use crate::error::Error;

/// Longest token, in bytes; those given out here are shorter.
const MAX_TOKEN: usize = 255;

/// Reads an `InviteMemberRequest`; `id` is the new invitation's.
///
/// # Errors
/// Every bad field.
pub fn invite(message: v1::InviteMemberRequest, id: InvitationId) -> Result<Command, Error> {
    let v1::InviteMemberRequest {
        account,
        email,
        roles,
        grants,
        restrictions,
        assignments,
        language,
        request_id: _,
        validate_only: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let email = identity::email(&mut fields, Path::of("email"), &email);
    let roles = fields.some_names(Path::of("roles"), roles, MAX_ROLES);
    let grants = fields.names(Path::of("grants"), grants, MAX_GRANTS);
    let restrictions = fields.names(Path::of("restrictions"), restrictions, MAX_ROLES);
    let assignments = resource::new_assignments(&mut fields, Path::of("assignments"), assignments);
    let locale = locale(&mut fields, &language);
    let command = (|| {
        Some(Command::InviteMember {
            id,
            account: account?,
            email: email?,
            roles: roles?,
            grants: grants?,
            restrictions: restrictions?,
            assignments: assignments?,
            locale: locale?,
        })
    })();
    fields.finish(command)
}

/// Reads a `ReplaceMemberEmailRequest`; `id` is the new invitation's.
///
/// # Errors
/// Every bad field.
pub fn replace(message: v1::ReplaceMemberEmailRequest, id: InvitationId) -> Result<Command, Error> {
    let v1::ReplaceMemberEmailRequest {
        account,
        user,
        email,
        remove_replaced,
        language,
        request_id: _,
        validate_only: _,
        override_reason: _,
    } = message;
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), &account);
    let user = fields.id(Path::of("user"), &user);
    let email = identity::email(&mut fields, Path::of("email"), &email);
    let locale = locale(&mut fields, &language);
    let then = if remove_replaced { Then::Remove } else { Then::Keep };
    let command = (|| {
        Some(Command::ReplaceMemberEmail {
            id,
            account: account?,
            user: user?,
            email: email?,
            then,
            locale: locale?,
        })
    })();
    fields.finish(command)
}

pub(super) fn locale(fields: &mut Fields, tag: &str) -> Option<Option<Locale>> {
    match (tag, Locale::from_tag(tag)) {
        ("", _) => Some(None),
        (_, Some(locale)) => Some(Some(locale)),
        (_, None) => {
            fields.none(Path::of("language"), "is no language of this service's mail; it writes en and de")
        }
    }
}

/// An account and an invitation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvitationOf {
    /// The account.
    pub account: AccountId,
    /// The invitation.
    pub invitation: InvitationId,
}

fn one(account: &str, invitation: &str) -> Result<InvitationOf, Error> {
    let mut fields = Fields::default();
    let account = fields.id(Path::of("account"), account);
    let invitation = fields.id(Path::of("invitation"), invitation);
    fields.finish(account.zip(invitation).map(|(account, invitation)| InvitationOf { account, invitation }))
}

/// Reads a `GetInvitationRequest`.
///
/// # Errors
/// Every bad field.
pub fn get(message: v1::GetInvitationRequest) -> Result<InvitationOf, Error> {
    let v1::GetInvitationRequest { account, invitation } = message;
    one(&account, &invitation)
}

/// Reads a `ResendInvitationRequest`.
///
/// # Errors
/// Every bad field.
pub fn resend(message: v1::ResendInvitationRequest) -> Result<InvitationOf, Error> {
    let v1::ResendInvitationRequest { account, invitation, request_id: _, validate_only: _ } = message;
    one(&account, &invitation)
}

/// Reads a `RevokeInvitationRequest`.
///
/// # Errors
/// Every bad field.
pub fn revoke(message: v1::RevokeInvitationRequest) -> Result<Command, Error> {
    let v1::RevokeInvitationRequest { account, invitation, request_id: _, validate_only: _ } = message;
    let InvitationOf { account, invitation } = one(&account, &invitation)?;
    Ok(Command::RevokeInvitation { account, invitation })
}

/// A link that somebody follows.
#[derive(Clone, PartialEq, Eq)]
pub struct Accept {
    /// Its token. A secret until it has been used.
    pub token: String,
    /// What people call whoever follows it, if they say.
    pub display_name: Option<String>,
}

/// Reads an `AcceptInvitationRequest`.
///
/// # Errors
/// Every bad field.
pub fn accept(message: v1::AcceptInvitationRequest) -> Result<Accept, Error> {
    let v1::AcceptInvitationRequest { token, display_name, request_id: _, validate_only: _ } = message;
    let mut fields = Fields::default();
    let token = fields.opaque(Path::of("token"), token, MAX_TOKEN);
    let display_name = match display_name.as_str() {
        "" => Some(None),
        _ => fields.title(Path::of("display_name"), display_name).map(Some),
    };
    let accept = (|| Some(Accept { token: token?, display_name: display_name? }))();
    fields.finish(accept)
}

/// Reads a `DeclineInvitationRequest`: the token.
///
/// # Errors
/// Every bad field.
pub fn decline(message: v1::DeclineInvitationRequest) -> Result<String, Error> {
    let v1::DeclineInvitationRequest { token, request_id: _, validate_only: _ } = message;
    let mut fields = Fields::default();
    let token = fields.opaque(Path::of("token"), token, MAX_TOKEN);
    fields.finish(token)
}

/// A page of an account's invitations.
#[derive(Debug, Clone)]
pub struct ListInvitations {
    /// The account.
    pub account: AccountId,
    /// Only those in this state.
    pub state: Option<InvitationState>,
    /// Which page; its key is the last invitation of the page before.
    pub paging: Paging<InvitationId>,
}

/// Reads a `ListInvitationsRequest`.
///
/// # Errors
/// Every bad field.
pub fn list(message: v1::ListInvitationsRequest) -> Result<ListInvitations, Error> {
    let v1::ListInvitationsRequest { account, state, page_size, page_token } = message;
    let mut fields = Fields::default();
    let query = Query::new("ListInvitations", &[&account, &state.to_string()]);
    let paging = query.paging(&mut fields, page_size, &page_token);
    let account = fields.id(Path::of("account"), &account);
    let state = fields.choice(Path::of("state"), state, |state: v1::InvitationState| Some(from_state(state)));
    let list = (|| Some(ListInvitations { account: account?, state: state?, paging: paging? }))();
    fields.finish(list)
}

fn from_state(state: v1::InvitationState) -> Option<InvitationState> {
    match state {
        v1::InvitationState::Unspecified => None,
        v1::InvitationState::Pending => Some(InvitationState::Pending),
        v1::InvitationState::Accepted => Some(InvitationState::Accepted),
        v1::InvitationState::Declined => Some(InvitationState::Declined),
        v1::InvitationState::Revoked => Some(InvitationState::Revoked),
    }
}

fn to_state(state: InvitationState) -> v1::InvitationState {
    match state {
        InvitationState::Pending => v1::InvitationState::Pending,
        InvitationState::Accepted => v1::InvitationState::Accepted,
        InvitationState::Declined => v1::InvitationState::Declined,
        InvitationState::Revoked => v1::InvitationState::Revoked,
    }
}

/// An invitation as messages have it. Which of its links is good, whether there is a link at all or an initial password,
/// and who the operator was, they do not tell.
#[must_use]
pub fn to_message(invitation: Invitation) -> v1::Invitation {
    let Invitation {
        id,
        account,
        email,
        roles,
        grants,
        restrictions,
        assignments,
        invited_by,
        state,
        generation: _,
        expires_at,
        locale,
        replaces,
        contact,
        proof: _,
        created_at,
        updated_at,
    } = invitation;
    v1::Invitation {
        id: id.to_string(),
        account: account.to_string(),
        email,
        roles,
        grants,
        restrictions,
        assignments: assignments.into_iter().map(to_new_assignment).collect(),
        invited_by: inviter(invited_by).map(|user| user.to_string()).unwrap_or_default(),
        state: to_state(state).into(),
        expire_time: Some(timestamp(expires_at)),
        language: locale.tag().to_owned(),
        replaces: replaces.map(|replaced| replaced.user.to_string()).unwrap_or_default(),
        remove_replaced: matches!(replaces, Some(Replaced { then: Then::Remove, .. })),
        create_time: Some(timestamp(created_at)),
        update_time: Some(timestamp(updated_at)),
        contact: contact.map(|contact| contact.to_string()).unwrap_or_default(),
    }
}

fn inviter(inviter: Inviter) -> Option<UserId> {
    match inviter {
        Inviter::Person(user) => Some(user),
        Inviter::Operator(_) => None,
    }
}

fn to_new_assignment(assignment: NewAssignment) -> v1::NewAssignment {
    let NewAssignment { resource, roles, permissions } = assignment;
    v1::NewAssignment { resource: Some(resource::to_reference(resource)), roles, permissions }
}

/// A pending invitation as a list of members has it (RE-04).
#[must_use]
pub fn to_member(invitation: Invitation) -> v1::Member {
    let v1::Invitation { id, account, email, roles, grants, restrictions, create_time, update_time, .. } =
        to_message(invitation);
    v1::Member {
        account,
        user: String::new(),
        email,
        display_name: String::new(),
        state: to_member_state(MemberState::Pending).into(),
        roles,
        grants,
        restrictions,
        create_time,
        update_time,
        invitation: id,
        avatar_url: String::new(),
        last_active_time: None,
        etag: String::new(),
    }
}
