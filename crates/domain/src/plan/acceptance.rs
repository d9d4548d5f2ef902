//! The plans that make a member of whoever follows the link of an invitation (RE-05, RE-10) or sets a password in the
//! place of an initial one (IX-02), by the rights that the inviter has at that moment.

use super::Context;
use super::invitation::{ended, offered, operation};
use super::member::{self, Offer};
use super::names::Fields;
use super::scene::{Scene, active_user};
use crate::change::Change;
use crate::credential::Activation;
use crate::id::UserId;
use crate::invitation::{Invitation, InvitationState, Proof, Replaced, Then};
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::user::{User, UserState};

/// Makes a member of whoever followed the link of an open invitation.
pub(super) fn accept(
    context: Context<'_>,
    invitation: &Invitation,
    newcomer: UserId,
    display_name: Option<&String>,
) -> Result<Vec<Change>, Stop> {
    let account = invitation.account;
    let (user, mut changes) = accepting(context, invitation, newcomer, display_name)?;
    if context.records.membership(account, user)?.is_some() {
        return Err(Refusal::AlreadyExists { what: "member", id: user.to_string() }.into());
    }
    changes.extend(join(context, invitation, user)?);
    Ok(changes)
}

/// Makes a member of whoever signed in with the initial password of an activation and sets one of their own (IX-10).
/// Nothing of it, if that is not pending any more.
///
/// Whoever has another account sets their password even where this one cannot let them in (any more): what becomes
/// of one account must not shut them out of another.
pub(super) fn accept_by_password(
    context: Context<'_>,
    user: UserId,
    Activation { account, invitation }: Activation,
) -> Result<Vec<Change>, Stop> {
    let found = context.records.invitation(account, invitation)?;
    let is_theirs = |found: &&Invitation| {
        found.is_open(context.now)
            && matches!(found.proof, Proof::InitialPassword { user: of, .. } if of == user)
    };
    let Some(invitation) = found.filter(is_theirs) else { return Ok(Vec::new()) };
    if context.records.membership(account, user)?.is_some() {
        return Ok(vec![ended(context, invitation, InvitationState::Revoked)]);
    }
    match join(context, invitation, user) {
        Err(Stop::Refused(_)) if !context.records.memberships_of(user)?.is_empty() => Ok(Vec::new()),
        outcome => outcome,
    }
}

/// The membership that was offered, as far as the inviter may still offer it.
fn join(context: Context<'_>, invitation: &Invitation, user: UserId) -> Result<Vec<Change>, Stop> {
    let inviter = invitation.invited_by.actor();
    let as_inviter = Context { actor: &inviter, ..context };
    let (offer, leaves) = by_inviter(as_inviter, invitation, user).map_err(|stop| match stop {
        Stop::Refused(Refusal::Denied { .. } | Refusal::DelegationDenied(_) | Refusal::SelfRemoval) => {
            Refusal::InviterMayNot.into()
        }
        stop => stop,
    })?;
    let mut changes = vec![ended(context, invitation, InvitationState::Accepted)];
    changes.push(Change::Membership(offer.membership));
    changes.extend(offer.assignments);
    if let Some(user) = leaves {
        changes.extend(member::end(context, invitation.account, user)?);
    }
    Ok(changes)
}

/// Who accepts, and the change that makes them known if they are not: the link proves the address.
fn accepting(
    context: Context<'_>,
    invitation: &Invitation,
    newcomer: UserId,
    display_name: Option<&String>,
) -> Result<(UserId, Vec<Change>), Stop> {
    if let Some(known) = context.records.user_by_email(&invitation.email)? {
        return Ok((active_user(context, known.id)?.id, Vec::new()));
    }
    let contact = match invitation.contact {
        Some(contact) => context.records.contact(invitation.account, contact)?,
        None => None,
    };
    let display_name = display_name.or(contact.map(|contact| &contact.display_name));
    let mut fields = Fields::default();
    if display_name.is_none() {
        fields.reject(
            "display_name",
            "is required: 1 to 200 characters by which the account's members will know you",
        );
    }
    fields.finish()?;
    let user = User {
        id: newcomer,
        email: invitation.email.clone(),
        display_name: display_name.cloned().unwrap_or_default(),
        locale: invitation.locale.tag().to_owned(),
        avatar_url: String::new(),
        state: UserState::Active,
        identities: Vec::new(),
        seats: Vec::new(),
        created_at: context.now,
    };
    Ok((newcomer, vec![Change::User(user)]))
}

/// What the inviter may still offer, and who leaves for it.
fn by_inviter(
    context: Context<'_>,
    invitation: &Invitation,
    user: UserId,
) -> Result<(Offer, Option<UserId>), Stop> {
    let operation = operation(invitation);
    let scene = Scene::of(context, operation.name(), invitation.account)?;
    scene.authorize(operation)?;
    let offer = offered(&scene, invitation, user)?;
    let leaves = match invitation.replaces {
        Some(Replaced { user: old, then: Then::Remove })
            if old != user && context.records.membership(invitation.account, old)?.is_some() =>
        {
            Some(member::may_end(&scene, old)?.user)
        }
        Some(_) | None => None,
    };
    Ok((offer, leaves))
}
