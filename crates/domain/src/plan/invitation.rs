//! Plans that offer access to an e-mail address (RE-05, RE-10). `acceptance.rs` makes a member of whoever follows the link.
//!
//! What is offered is judged twice by the same rules: when the invitation is made, and when it is accepted,
//! by the inviter's rights of that moment.

use super::member::{self, Names, Offer};
use super::scene::Scene;
use super::{Context, acceptance, activation};
use crate::change::Change;
use crate::command::{Command, NewAssignment};
use crate::credential::InitialPassword;
use crate::id::{AccountId, InvitationId, UserId};
use crate::invitation::{Invitation, InvitationState, Inviter, Proof, Replaced, Then};
use crate::mail::Locale;
use crate::membership::Membership;
use crate::operation::Operation;
use crate::policy::model::{BoardingWay, ResourceIds};
use crate::records::Stop;
use crate::refusal::Refusal;

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    match command {
        Command::InviteMember { id, account, email, roles, grants, restrictions, assignments, locale } => {
            let names = Names { roles, grants, restrictions };
            let scene = Scene::of(context, Operation::MemberInvite.name(), *account)?;
            let letter = Letter { id: *id, email, locale: *locale, replaces: None };
            invite(&scene, &letter, &names, assignments)
        }
        Command::ReplaceMemberEmail { id, account, user, email, then, locale } => {
            let scene = Scene::of(context, Operation::MemberReplaceEmail.name(), *account)?;
            let replaces = Some(Replaced { user: *user, then: *then });
            replace(&scene, &Letter { id: *id, email, locale: *locale, replaces })
        }
        Command::ResendInvitation { account, invitation, initial } => {
            resend(context, *account, *invitation, initial.as_ref())
        }
        Command::RevokeInvitation { account, invitation } => revoke(context, *account, *invitation),
        Command::AcceptInvitation { account, invitation, generation, newcomer, display_name } => {
            let invitation = open(context, *account, *invitation, *generation)?;
            acceptance::accept(context, invitation, *newcomer, display_name.as_ref())
        }
        Command::DeclineInvitation { account, invitation, generation } => {
            let invitation = open(context, *account, *invitation, *generation)?;
            Ok(vec![ended(context, invitation, InvitationState::Declined)])
        }
        _ => Ok(Vec::new()),
    }
}

/// What is new about an invitation beside the access it offers.
pub(super) struct Letter<'a> {
    pub(super) id: InvitationId,
    pub(super) email: &'a str,
    pub(super) locale: Option<Locale>,
    pub(super) replaces: Option<Replaced>,
}

impl Letter<'_> {
    /// The operation that makes it.
    fn operation(&self) -> Operation {
        if self.replaces.is_some() { Operation::MemberReplaceEmail } else { Operation::MemberInvite }
    }
}

/// The operation that made the invitation, and that its inviter must still be allowed when it is accepted.
pub(super) fn operation(made: &Invitation) -> Operation {
    match (made.contact, made.replaces) {
        (Some(_), _) => Operation::ContactActivate,
        (None, Some(_)) => Operation::MemberReplaceEmail,
        (None, None) => Operation::MemberInvite,
    }
}

/// Nobody is behind the address yet: rules see them as a newcomer.
pub(super) fn nobody(id: InvitationId) -> UserId {
    UserId::from_bits(id.bits())
}

fn invite(
    scene: &Scene<'_>,
    letter: &Letter<'_>,
    names: &Names<'_>,
    assignments: &[NewAssignment],
) -> Result<Vec<Change>, Stop> {
    let context = scene.context;
    let rule = scene.authorize(letter.operation())?;
    member::cap_assignments(scene.policy, rule, assignments)?;
    if context.actor.user().is_some() && !scene.policy.boarding.ways.contains(&BoardingWay::Link) {
        let message =
            "under this account's policy nobody comes aboard by a link; add them as a member instead";
        return Err(Refusal::WrongState(message.to_owned()).into());
    }
    let Offer { membership, .. } = member::offer(scene, nobody(letter.id), names, assignments)?;
    if let Some(replaced) = letter.replaces {
        may_replace(scene, replaced)?;
    }
    let mut changes = make_room(scene, letter)?;
    changes.push(Change::Invitation(pending_from(scene, letter, membership, assignments)?));
    Ok(changes)
}

/// Nothing of the address that a new invitation would be beside: one that has expired makes room for it.
pub(super) fn make_room(scene: &Scene<'_>, letter: &Letter<'_>) -> Result<Vec<Change>, Stop> {
    let (context, account) = (scene.context, scene.account.id);
    not_there_yet(scene, letter)?;
    let Some(pending) = context.records.pending_invitation(account, letter.email)? else {
        return Ok(Vec::new());
    };
    if pending.is_open(context.now) {
        let id = pending.id.to_string();
        return Err(Refusal::AlreadyExists { what: "a pending invitation, ", id }.into());
    }
    // Read by its id, too, so that the limits know it as one that counted until now.
    let pending = context.records.invitation(account, pending.id)?.unwrap_or(pending);
    Ok(vec![ended(context, pending, InvitationState::Revoked)])
}

/// A new invitation that offers what was judged.
pub(super) fn pending_from(
    scene: &Scene<'_>,
    letter: &Letter<'_>,
    offered: Membership,
    assignments: &[NewAssignment],
) -> Result<Invitation, Refusal> {
    let context = scene.context;
    let inviter =
        Inviter::of(context.actor).ok_or_else(|| super::scene::operators_only(letter.operation().name()))?;
    Ok(Invitation {
        id: letter.id,
        account: scene.account.id,
        email: letter.email.to_owned(),
        roles: offered.roles,
        grants: offered.grants,
        restrictions: offered.restrictions,
        assignments: assignments.to_vec(),
        invited_by: inviter,
        state: InvitationState::Pending,
        generation: 1,
        expires_at: expiry(scene),
        locale: letter.locale.unwrap_or_else(|| Locale::of(scene.policy, scene.account)),
        replaces: letter.replaces,
        contact: None,
        proof: Proof::Link,
        created_at: context.now,
        updated_at: context.now,
    })
}

/// Those who may see the members learn that somebody is one; the others invite in vain.
///
/// INVARIANT: of an address that is nobody's as much is read as of somebody's, so that time does not tell which it is.
fn not_there_yet(scene: &Scene<'_>, letter: &Letter<'_>) -> Result<(), Stop> {
    let records = scene.context.records;
    let known = records.user_by_email(letter.email)?.map(|user| user.id);
    let membership = records.membership(scene.account.id, known.unwrap_or(nobody(letter.id)))?;
    let (Some(user), Some(_)) = (known, membership) else { return Ok(()) };
    match scene.authorize(Operation::MemberList) {
        Ok(_) => Err(Refusal::AlreadyExists { what: "member", id: user.to_string() }.into()),
        Err(Stop::Refused(_)) => Ok(()),
        Err(stop) => Err(stop),
    }
}

fn expiry(scene: &Scene<'_>) -> i64 {
    scene.context.now.saturating_add(i64::from(scene.policy.boarding.link_days).saturating_mul(DAY))
}

/// RE-10: the same access for another address of a member.
fn replace(scene: &Scene<'_>, letter: &Letter<'_>) -> Result<Vec<Change>, Stop> {
    scene.authorize(Operation::MemberReplaceEmail)?;
    let Some(Replaced { user, .. }) = letter.replaces else { return Ok(Vec::new()) };
    let before = scene.member(user)?;
    let names = Names { roles: &before.roles, grants: &before.grants, restrictions: &before.restrictions };
    let assigned = scene.context.records.assignments_of(scene.account.id, user)?.iter();
    let assignments: Vec<NewAssignment> = assigned
        .map(|a| NewAssignment {
            resource: a.resource.clone(),
            roles: a.roles.clone(),
            permissions: a.permissions.clone(),
        })
        .collect();
    invite(scene, letter, &names, &assignments)
}

/// RE-08: whoever has a member replaced must be able to remove them.
fn may_replace(scene: &Scene<'_>, replaced: Replaced) -> Result<(), Stop> {
    match replaced.then {
        Then::Keep => Ok(()),
        Then::Remove => member::may_end(scene, replaced.user).map(drop),
    }
}

/// The pending invitation, for an actor who might have made it.
fn pending<'a>(scene: &Scene<'a>, id: InvitationId) -> Result<&'a Invitation, Stop> {
    let found = scene.context.records.invitation(scene.account.id, id)?;
    let found = found.ok_or_else(|| Refusal::NotFound { what: "invitation", id: id.to_string() })?;
    if found.state != InvitationState::Pending {
        let message = format!("the invitation was {} already; invite the address anew", found.state.name());
        return Err(Refusal::WrongState(message).into());
    }
    Ok(found)
}

/// The account, for an actor who may make invitations of some kind in it; the others learn of none.
fn among_invitations(context: Context<'_>, account: AccountId) -> Result<Scene<'_>, Stop> {
    let scene = Scene::of(context, Operation::MemberInvite.name(), account)?;
    let refused = match scene.authorize(Operation::MemberInvite) {
        Err(Stop::Refused(refused)) => refused,
        outcome => return outcome.map(|_| scene),
    };
    match scene.authorize(Operation::ContactActivate) {
        Err(Stop::Refused(_)) => Err(refused.into()),
        outcome => outcome.map(|_| scene),
    }
}

/// A new link, or a new initial password, for what the actor could offer themself; from now on it rests on their
/// rights.
pub(super) fn resend(
    context: Context<'_>,
    account: AccountId,
    id: InvitationId,
    initial: Option<&InitialPassword>,
) -> Result<Vec<Change>, Stop> {
    let scene = among_invitations(context, account)?;
    let before = pending(&scene, id)?;
    scene.authorize(operation(before))?;
    offered(&scene, before, nobody(id))?;
    if let Some(replaced) = before.replaces {
        may_replace(&scene, replaced)?;
    }
    let inviter =
        Inviter::of(context.actor).ok_or_else(|| super::scene::operators_only("invitation.resend"))?;
    let after = Invitation {
        invited_by: inviter,
        generation: before.generation.saturating_add(1),
        expires_at: expiry(&scene),
        updated_at: context.now,
        ..before.clone()
    };
    match before.contact {
        Some(contact) => activation::renew(&scene, after, contact, initial),
        None => Ok(vec![Change::Invitation(after)]),
    }
}

/// Who could offer it may take it back.
fn revoke(context: Context<'_>, account: AccountId, id: InvitationId) -> Result<Vec<Change>, Stop> {
    let scene = among_invitations(context, account)?;
    let before = pending(&scene, id)?;
    scene.authorize(match before.contact {
        Some(_) => Operation::ContactActivate,
        None => Operation::MemberInvite,
    })?;
    member::may_give_roles(&scene, &before.roles)?;
    Ok(vec![ended(context, before, InvitationState::Revoked)])
}

/// The invitation a link is of. INVARIANT: whatever is wrong with the link, the answer is one and the same.
fn open(
    context: Context<'_>,
    account: AccountId,
    id: InvitationId,
    generation: u32,
) -> Result<&Invitation, Stop> {
    let found = context.records.invitation(account, id)?;
    let found = found.filter(|invitation| {
        // No link was ever mailed where an initial password is the proof.
        invitation.is_open(context.now)
            && invitation.generation == generation
            && invitation.proof == Proof::Link
    });
    Ok(found.ok_or(Refusal::InvitationInvalid)?)
}

/// What an invitation offers, judged anew. A resource that was deleted meanwhile is left out.
pub(super) fn offered(scene: &Scene<'_>, invitation: &Invitation, user: UserId) -> Result<Offer, Stop> {
    let names = Names {
        roles: &invitation.roles,
        grants: &invitation.grants,
        restrictions: &invitation.restrictions,
    };
    let mut assignments = Vec::new();
    for assignment in &invitation.assignments {
        let kind = scene.policy.resource_type_id(&assignment.resource.kind);
        let registered = kind
            .and_then(|id| scene.policy.resource_type(id))
            .is_some_and(|k| k.ids == ResourceIds::Registered);
        if !registered || scene.context.records.resource(scene.account.id, &assignment.resource)?.is_some() {
            assignments.push(assignment.clone());
        }
    }
    member::offer(scene, user, &names, &assignments)
}

/// The invitation in its last state.
pub(super) fn ended(context: Context<'_>, before: &Invitation, state: InvitationState) -> Change {
    Change::Invitation(Invitation { state, updated_at: context.now, ..before.clone() })
}
