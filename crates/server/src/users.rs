//! The users of `IdentityService`: who they are, and that they can be suspended, exported and erased.

use std::sync::Arc;

use mandate_domain::change::Change;
use mandate_domain::command::Command;
use mandate_domain::id::UserId;
use mandate_domain::user::User;
use mandate_proto::v1;

use crate::access::AccessError;
use crate::caller::Call;
use crate::clock::new_id_bits;
use crate::convert;
use crate::error::Error;
use crate::facts::Facts;
use crate::writer::write;

pub(crate) async fn create(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::CreateUserRequest,
) -> Result<User, Error> {
    let convert::identity::CreateUser { email, display_name, avatar_url, identities } =
        convert::identity::create(message)?;
    let id = UserId::from_bits(new_id_bits()?);
    change(facts, call, Command::CreateUser { id, email, display_name, avatar_url, identities }, id).await
}

pub(crate) async fn get(facts: &Facts, call: &Call, message: v1::GetUserRequest) -> Result<User, Error> {
    let id = asked_or_oneself(call, convert::identity::get(message)?)?;
    facts.store().user(id).await?.ok_or_else(|| Error::not_found("user", id))
}

pub(crate) async fn list(
    facts: &Facts,
    message: v1::ListUsersRequest,
) -> Result<v1::ListUsersResponse, Error> {
    let convert::identity::ListUsers { email, paging } = convert::identity::list(message)?;
    let page = facts.store().list_users(email.as_deref(), paging.after, paging.limit).await?;
    let last = page.items.last().map(|user| user.id);
    let next_page_token = paging.next(last, page.more.into())?;
    let users = page.items.into_iter().map(convert::identity::to_message).collect();
    Ok(v1::ListUsersResponse { users, next_page_token })
}

pub(crate) async fn update(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::UpdateUserRequest,
) -> Result<User, Error> {
    let convert::identity::UpdateUser { user, display_name, locale, avatar_url } =
        convert::identity::update(message)?;
    let user = asked_or_oneself(call, user)?;
    change(facts, call, Command::UpdateUser { user, display_name, locale, avatar_url }, user).await
}

/// Carries out a command that leaves the user there, and returns them as they are then.
pub(crate) async fn change(
    facts: &Arc<Facts>,
    call: &Call,
    command: Command,
    id: UserId,
) -> Result<User, Error> {
    let committed = write(facts, &call.write, command).await?;
    let changed = committed.plan.changes.into_iter().find_map(|change| match change {
        Change::User(user) => Some(user),
        _ => None,
    });
    match changed {
        Some(user) => Ok(user),
        // Nothing changed: it was like that before.
        None => facts.store().user(id).await?.ok_or_else(|| Error::not_found("user", id)),
    }
}

pub(crate) async fn set_state(facts: &Arc<Facts>, call: &Call, command: Command) -> Result<User, Error> {
    let id = command.user().ok_or_else(|| Error::Defect(format!("{} names no user", command.name())))?;
    change(facts, call, command, id).await
}

pub(crate) async fn export(
    facts: &Facts,
    call: &Call,
    message: v1::ExportUserRequest,
) -> Result<v1::ExportUserResponse, Error> {
    let convert::identity::ExportUser { user, paging } = convert::identity::export(message)?;
    let id = asked_or_oneself(call, user)?;
    let known = facts.store().export_user(id).await?.ok_or_else(|| Error::not_found("user", id))?;
    let page = facts.store().list_activity_by(id, paging.after, paging.limit).await?;
    let last = page.items.last().map(|activity| activity.seq);
    let next_page_token = paging.next(last, page.more.into())?;
    let known = if paging.after.is_none() { Some(known) } else { None };
    Ok(v1::ExportUserResponse {
        data: Some(convert::identity::to_export(known, page.items)),
        next_page_token,
    })
}

pub(crate) async fn erase(
    facts: &Arc<Facts>,
    call: &Call,
    message: v1::EraseUserRequest,
) -> Result<v1::EraseUserResponse, Error> {
    let command = convert::identity::erase(message)?;
    let committed = write(facts, &call.write, command).await?;
    let ended = committed.plan.changes.into_iter().filter_map(|change| match change {
        Change::MembershipEnded { account, .. } => Some(account.to_string()),
        _ => None,
    });
    Ok(v1::EraseUserResponse { ended_memberships: ended.collect(), ..Default::default() })
}

/// The user asked about: of a person, nobody but themselves.
fn asked_or_oneself(call: &Call, asked: Option<UserId>) -> Result<UserId, Error> {
    match (asked, call.party.person()) {
        (Some(asked), Some(person)) if asked != person => Err(AccessError::NotOneself.into()),
        (Some(asked), _) => Ok(asked),
        (None, Some(person)) => Ok(person),
        (None, None) => Err(Error::field("user", "is required of whoever is not a person")),
    }
}
