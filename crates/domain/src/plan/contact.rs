//! Plans that make contacts known and change them (GW-07, IX-01, IX-03 to IX-07). What an account must fulfil
//! first stands at the operation in the policy.

use super::Context;
use super::invitation::ended;
use super::names::{Fields, stored_permissions};
use super::scene::Scene;
use crate::change::Change;
use crate::command::Command;
use crate::contact::Contact;
use crate::id::{AccountId, ContactId, UserId};
use crate::invitation::InvitationState;
use crate::operation::Operation;
use crate::policy::model::{ContactRule, Policy};
use crate::records::Stop;
use crate::refusal::Refusal;

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    match command {
        Command::CreateContact { account, id, email, display_name, details } => {
            let born = Born { id: *id, email, display_name, details };
            create(context, *account, &born)
        }
        Command::UpdateContact { account, contact, display_name, details, permissions } => {
            let new = New {
                display_name: display_name.as_ref(),
                details: details.as_ref(),
                permissions: permissions.as_deref(),
            };
            update(context, *account, *contact, &new)
        }
        Command::DeleteContact { account, contact } => delete(context, *account, *contact),
        _ => Ok(Vec::new()),
    }
}

struct Born<'a> {
    id: ContactId,
    email: &'a str,
    display_name: &'a str,
    details: &'a str,
}

struct New<'a> {
    display_name: Option<&'a String>,
    details: Option<&'a String>,
    permissions: Option<&'a [String]>,
}

fn create(context: Context<'_>, account: AccountId, born: &Born<'_>) -> Result<Vec<Change>, Stop> {
    let (scene, rule) = contacts_of(context, account, Operation::ContactCreate)?;
    if context.records.contact_by_email(account, born.email)?.is_some() {
        let what = "a contact of this account with the e-mail address";
        return Err(Refusal::AlreadyExists { what, id: born.email.to_owned() }.into());
    }
    // Whoever is a member already is that user from the start. INVARIANT: of an address that is nobody's as much is read
    // as of somebody's, so that time does not tell which it is.
    let user = match scene.policy.contacts_become_users() {
        true => {
            let known = context.records.user_by_email(born.email)?.map(|user| user.id);
            let nobody = UserId::from_bits(born.id.bits());
            let membership = context.records.membership(account, known.unwrap_or(nobody))?;
            known.filter(|_| membership.is_some())
        }
        false => None,
    };
    Ok(vec![Change::Contact(Contact {
        account,
        id: born.id,
        email: born.email.to_owned(),
        display_name: born.display_name.to_owned(),
        details: born.details.to_owned(),
        permissions: stored_permissions(scene.policy, &rule.at_birth),
        user,
        activation: None,
        created_at: context.now,
        updated_at: context.now,
    })])
}

fn update(
    context: Context<'_>,
    account: AccountId,
    id: ContactId,
    new: &New<'_>,
) -> Result<Vec<Change>, Stop> {
    let (scene, rule) = contacts_of(context, account, Operation::ContactUpdate)?;
    let before = stored(context, account, id)?;
    let permissions = match new.permissions {
        Some(names) => held(scene.policy, rule, names)?,
        None => before.permissions.clone(),
    };
    let after = Contact {
        display_name: new.display_name.unwrap_or(&before.display_name).clone(),
        details: new.details.unwrap_or(&before.details).clone(),
        permissions,
        ..before.clone()
    };
    if after == *before {
        return Ok(Vec::new());
    }
    Ok(vec![Change::Contact(Contact { updated_at: context.now, ..after })])
}

/// A contact that is recorded somewhere as a holder stays, so that no resource names nobody; so does one that is a
/// user, or about to be.
fn delete(context: Context<'_>, account: AccountId, id: ContactId) -> Result<Vec<Change>, Stop> {
    contacts_of(context, account, Operation::ContactUpdate)?;
    let contact = stored(context, account, id)?;
    if let Some(user) = contact.user {
        let message = format!("contact {id} is the user {user}; remove that member first");
        return Err(Refusal::WrongState(message).into());
    }
    let mut changes = Vec::new();
    if let Some(pending) = contact.activation {
        let found = context.records.invitation(account, pending)?;
        if found.is_some_and(|found| found.is_open(context.now)) {
            let message = format!(
                "the login of contact {id} is being activated; revoke the invitation {pending} first"
            );
            return Err(Refusal::WrongState(message).into());
        }
        changes.extend(found.map(|found| ended(context, found, InvitationState::Revoked)));
    }
    if let Some(held) = context.records.held_by(account, id)? {
        let message =
            format!("contact {id} is the holder of {}; record another holder there first", held.resource);
        return Err(Refusal::WrongState(message).into());
    }
    changes.push(Change::ContactRemoved { account, contact: id });
    Ok(changes)
}

/// The account and what its policy says of contacts, for an actor who may carry out the operation.
fn contacts_of(
    context: Context<'_>,
    account: AccountId,
    operation: Operation,
) -> Result<(Scene<'_>, &ContactRule), Stop> {
    let scene = Scene::of(context, operation.name(), account)?;
    scene.authorize(operation)?;
    let Some(rule) = &scene.policy.contacts else {
        let message = format!("accounts of the policy {} have no contacts", scene.policy.name);
        return Err(Refusal::WrongState(message).into());
    };
    Ok((scene, rule))
}

pub(super) fn stored(context: Context<'_>, account: AccountId, id: ContactId) -> Result<&Contact, Stop> {
    let found = context.records.contact(account, id)?;
    Ok(found.ok_or_else(|| Refusal::NotFound { what: "contact", id: id.to_string() })?)
}

/// The names as they are stored, if a contact may hold each of them.
fn held(policy: &Policy, rule: &ContactRule, names: &[String]) -> Result<Vec<String>, Refusal> {
    let mut fields = Fields::default();
    let wanted = fields.permissions(policy, "permissions", names);
    fields.finish()?;
    let mut fields = Fields::default();
    let beyond = wanted.difference(&rule.at_birth.union(&rule.grantable));
    for name in policy.permission_names(&beyond) {
        fields.reject(
            "permissions",
            format!("{name} cannot be granted to a contact under this account's policy"),
        );
    }
    fields.finish()?;
    Ok(stored_permissions(policy, &wanted))
}
