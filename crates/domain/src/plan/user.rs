//! Plans that make people known, change them and let them be forgotten.

use super::scene::operators_only;
use super::{Context, credential, invitation, member};
use crate::change::Change;
use crate::command::{Actor, Command};
use crate::id::UserId;
use crate::invitation::InvitationState;
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::user::{Identity, User, UserState};

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    match command {
        Command::CreateUser { id, email, display_name, avatar_url, identities } => {
            not_by_a_person(context, command)?;
            may_be_created(context, email, identities)?;
            let mut identities = identities.clone();
            identities.sort();
            identities.dedup();
            Ok(vec![Change::User(User {
                id: *id,
                email: email.clone(),
                display_name: display_name.clone(),
                locale: String::new(),
                avatar_url: avatar_url.clone(),
                state: UserState::Active,
                identities,
                seats: Vec::new(),
                created_at: context.now,
            })])
        }
        Command::UpdateUser { user, display_name, locale, avatar_url } => {
            by_oneself_or_no_person(context, *user, command)?;
            let before = existing(context, *user)?;
            let mut after = before.clone();
            after.display_name = display_name.as_ref().unwrap_or(&before.display_name).clone();
            after.locale = locale.as_ref().unwrap_or(&before.locale).clone();
            after.avatar_url = avatar_url.as_ref().unwrap_or(&before.avatar_url).clone();
            Ok(changed(before, after))
        }
        Command::SuspendUser { user } => {
            not_by_a_person(context, command)?;
            suspend(context, *user)
        }
        Command::ReinstateUser { user } => {
            not_by_a_person(context, command)?;
            let before = existing(context, *user)?;
            Ok(changed(before, User { state: UserState::Active, ..before.clone() }))
        }
        Command::EraseUser { user } => {
            let Actor::Operator { .. } = context.actor else {
                return Err(operators_only(command.name()).into());
            };
            erase(context, *user)
        }
        _ => Ok(Vec::new()),
    }
}

/// Nobody else has the address or one of the logins.
fn may_be_created(context: Context<'_>, email: &str, identities: &[Identity]) -> Result<(), Stop> {
    if context.records.user_by_email(email)?.is_some() {
        return Err(
            Refusal::AlreadyExists { what: "a user with the e-mail address", id: email.to_owned() }.into()
        );
    }
    for identity in identities {
        if context.records.user_by_identity(identity)?.is_some() {
            let id = format!("{} of {}", identity.subject, identity.issuer);
            return Err(Refusal::AlreadyExists { what: "a user with the login", id }.into());
        }
    }
    Ok(())
}

/// A suspended user is no active holder of anything, which the limits judge in each account.
fn suspend(context: Context<'_>, id: UserId) -> Result<Vec<Change>, Stop> {
    let before = existing(context, id)?;
    let mut changes = credential::end_all(context, id)?;
    changes.extend(changed(before, User { state: UserState::Suspended, ..before.clone() }));
    Ok(changes)
}

fn erase(context: Context<'_>, id: UserId) -> Result<Vec<Change>, Stop> {
    let user = existing(context, id)?;
    let mut changes = Vec::new();
    for membership in context.records.memberships_of(id)? {
        changes.extend(member::end(context, membership.account, id)?);
    }
    // Contacts whose login was being activated for them are contacts and nothing else again.
    for pending in context.records.pending_invitations_to(&user.email)? {
        if pending.contact.is_some()
            && let Some(found) = context.records.invitation(pending.account, pending.id)?
        {
            changes.push(invitation::ended(context, found, InvitationState::Revoked));
        }
    }
    changes.extend(credential::end_all(context, id)?);
    changes.push(Change::UserErased { user: id, identities: user.identities.clone() });
    Ok(changes)
}

pub(super) fn existing<'a>(context: Context<'a>, id: UserId) -> Result<&'a User, Stop> {
    let user = context.records.user(id)?;
    Ok(user.ok_or_else(|| Refusal::NotFound { what: "user", id: id.to_string() })?)
}

/// Services have been asked for their scope, and operators may do it all.
pub(super) fn not_by_a_person(context: Context<'_>, command: &Command) -> Result<(), Refusal> {
    match context.actor {
        Actor::Person { .. } | Actor::Link { .. } => Err(operators_only(command.name())),
        Actor::Operator { .. } | Actor::Service { .. } => Ok(()),
    }
}

fn by_oneself_or_no_person(context: Context<'_>, id: UserId, command: &Command) -> Result<(), Stop> {
    match context.actor.user() {
        Some(actor) if actor != id => Err(operators_only(command.name()).into()),
        Some(_) => super::scene::active_user(context, id).map(drop),
        None => Ok(()),
    }
}

fn changed(before: &User, after: User) -> Vec<Change> {
    if after == *before { Vec::new() } else { vec![Change::User(after)] }
}
