//! Plans that make users of contacts (IX-02, IX-05, IX-08), and that set off new initial passwords (IX-10).
//!
//! An activation is an invitation of the contact's address: what is offered is judged by the same rules, and again when
//! whoever has the address comes in. Whoever activates is not told whether the address was somebody's before.

use super::invitation::{self, Letter};
use super::member::{self, Names, Offer};
use super::scene::{Scene, active_user};
use super::{Context, contact, credential, identity};
use crate::change::Change;
use crate::command::{Access, Command, ResetOf};
use crate::contact::Contact;
use crate::credential::{Activation, Credential, CredentialKind, InitialPassword};
use crate::id::{AccountId, ContactId, UserId};
use crate::invitation::{Invitation, Proof};
use crate::operation::Operation;
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::user::{User, UserState};

/// Microseconds of a day.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    match command {
        Command::ActivateContact { id, account, contact, access, display_name, details, locale, initial } => {
            let scene = Scene::of(context, command.name(), *account)?;
            let details = (display_name.as_ref(), details.as_ref());
            let letter = Letter { id: *id, email: "", locale: *locale, replaces: None };
            activate(&scene, *contact, access, details, &letter, initial)
        }
        Command::ResetInitialPassword { account, of, initial } => {
            let scene = Scene::of(context, command.name(), *account)?;
            reset(&scene, *of, initial)
        }
        _ => Ok(Vec::new()),
    }
}

fn activate(
    scene: &Scene<'_>,
    id: ContactId,
    access: &Access,
    (display_name, details): (Option<&String>, Option<&String>),
    letter: &Letter<'_>,
    initial: &InitialPassword,
) -> Result<Vec<Change>, Stop> {
    let (context, account) = (scene.context, scene.account.id);
    let rule = scene.authorize(Operation::ContactActivate)?;
    if display_name.is_some() || details.is_some() {
        scene.authorize(Operation::ContactUpdate)?;
    }
    if !scene.policy.contacts_become_users() {
        let message = "under this account's policy a contact does not become a user; invite them instead";
        return Err(Refusal::WrongState(message.to_owned()).into());
    }
    member::cap_assignments(scene.policy, rule, &access.assignments)?;
    let before = contact::stored(context, account, id)?;
    if let Some(user) = before.user {
        return Err(Refusal::AlreadyExists { what: "member", id: user.to_string() }.into());
    }
    let names = Names { roles: &access.roles, grants: &access.grants, restrictions: &access.restrictions };
    let Offer { membership, .. } =
        member::offer(scene, invitation::nobody(letter.id), &names, &access.assignments)?;
    let letter = Letter { email: &before.email, ..*letter };
    let mut changes = invitation::make_room(scene, &letter)?;
    let after = Contact {
        display_name: display_name.unwrap_or(&before.display_name).clone(),
        details: details.unwrap_or(&before.details).clone(),
        activation: Some(letter.id),
        updated_at: context.now,
        ..before.clone()
    };
    let mut offered = invitation::pending_from(scene, &letter, membership, &access.assignments)?;
    offered.contact = Some(id);
    offered.expires_at = expiry(scene);
    changes.extend(prove(context, &mut offered, &after.display_name, initial)?);
    changes.push(Change::Invitation(offered));
    changes.push(Change::Contact(after));
    Ok(changes)
}

/// The same for a link and for a password, so that the answer does not tell which it is.
fn expiry(scene: &Scene<'_>) -> i64 {
    let days = i64::from(scene.policy.boarding.password_days);
    scene.context.now.saturating_add(days.saturating_mul(DAY))
}

/// Whoever has never come in anywhere gets an initial password; everybody else a link to accept.
fn prove(
    context: Context<'_>,
    offered: &mut Invitation,
    display_name: &str,
    initial: &InitialPassword,
) -> Result<Vec<Change>, Stop> {
    let by = Activation { account: offered.account, invitation: offered.id };
    let known = context.records.user_by_email(&offered.email)?.map(|user| user.id);
    // INVARIANT: of an address that is nobody's as much is read as of somebody's, so that time does not tell which it is.
    let user = known.unwrap_or(invitation::nobody(offered.id));
    let is_unclaimed = identity::is_unclaimed(context, user, by)?;
    let mut changes = Vec::new();
    let user = match known {
        None => {
            changes.push(Change::User(User {
                id: initial.newcomer,
                email: offered.email.clone(),
                display_name: display_name.to_owned(),
                locale: offered.locale.tag().to_owned(),
                avatar_url: String::new(),
                state: UserState::Active,
                identities: Vec::new(),
                seats: Vec::new(),
                created_at: context.now,
            }));
            initial.newcomer
        }
        Some(user) if is_unclaimed => {
            changes.extend(credential::end_all(context, user)?);
            user
        }
        Some(_) => {
            offered.proof = Proof::Link;
            return Ok(changes);
        }
    };
    offered.proof = Proof::InitialPassword { user, password: initial.id };
    changes.push(made(context, user, initial, offered.expires_at, Some(by)));
    Ok(changes)
}

fn made(
    context: Context<'_>,
    user: UserId,
    initial: &InitialPassword,
    expires_at: i64,
    activation: Option<Activation>,
) -> Change {
    let kind = CredentialKind::Initial { expires_at, activation };
    Change::Credential(Credential { user, kind, hash: initial.hash.clone(), set_at: context.now })
}

/// The invitation of an activation as it is sent anew, with another link or another initial password in the place of
/// the one before.
pub(super) fn renew(
    scene: &Scene<'_>,
    mut offered: Invitation,
    contact: ContactId,
    initial: Option<&InitialPassword>,
) -> Result<Vec<Change>, Stop> {
    let Some(initial) = initial else {
        let message = format!("this activates the login of contact {contact}; send it anew as such");
        return Err(Refusal::WrongState(message).into());
    };
    let known = contact::stored(scene.context, scene.account.id, contact)?;
    offered.expires_at = expiry(scene);
    let mut changes = prove(scene.context, &mut offered, &known.display_name, initial)?;
    changes.push(Change::Invitation(offered));
    Ok(changes)
}

fn reset(scene: &Scene<'_>, of: ResetOf, initial: &InitialPassword) -> Result<Vec<Change>, Stop> {
    let (context, account) = (scene.context, scene.account.id);
    scene.authorize(Operation::PasswordReset)?;
    let user = match of {
        ResetOf::Member(user) => user,
        ResetOf::Contact(id) => match contact::stored(context, account, id)? {
            Contact { user: Some(user), .. } => *user,
            Contact { activation: Some(pending), .. } => {
                return invitation::resend(context, account, *pending, Some(initial));
            }
            Contact { .. } => {
                let message = format!("the login of contact {id} was not activated; activate it instead");
                return Err(Refusal::WrongState(message).into());
            }
        },
    };
    reset_member(context, scene, user, account, initial)
}

/// IX-10, within IX-13: whoever may remove and suspend the member, and nobody over a password that is theirs.
fn reset_member(
    context: Context<'_>,
    scene: &Scene<'_>,
    user: UserId,
    account: AccountId,
    initial: &InitialPassword,
) -> Result<Vec<Change>, Stop> {
    let member = scene.member(user)?;
    member::may_remove(scene, member, "set off a new password of")?;
    let user = active_user(context, user)?;
    if !identity::is_resettable(context, account, user)? {
        return Err(Refusal::PasswordNotResettable(user.id).into());
    }
    let mut changes = credential::end_all(context, user.id)?;
    changes.push(made(context, user.id, initial, expiry(scene), None));
    Ok(changes)
}
