//! Plans that create and change accounts.

use std::collections::BTreeMap;

use super::Context;
use super::names::{Fields, stored, unknown};
use super::scene::{Scene, active_user, operators_only};
use crate::account::{Account, AccountState, AttributeValue, Origin};
use crate::change::Change;
use crate::command::{Actor, Command};
use crate::id::{AccountId, UserId};
use crate::membership::{MemberState, Membership};
use crate::operation::Operation;
use crate::policy::model::{Attribute, AttributeKind, Policy};
use crate::policy::set::PermissionSet;
use crate::records::Stop;
use crate::refusal::Refusal;

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    match command {
        Command::CreateAccount { id, policy, display_name, first_user, origin, attributes } => {
            let birth = Birth { id: *id, policy, display_name, first_user: *first_user, origin, attributes };
            create(context, &birth)
        }
        Command::UpdateAccount { account, display_name, attributes } => {
            update(context, *account, display_name.as_ref(), attributes)
        }
        Command::SuspendAccount { account } => {
            set_state(context, *account, command.name(), AccountState::Suspended)
        }
        Command::ReinstateAccount { account } => {
            set_state(context, *account, command.name(), AccountState::Active)
        }
        Command::DeleteAccount { account } => delete(context, *account),
        Command::UndeleteAccount { account } => undelete(context, *account),
        _ => Ok(Vec::new()),
    }
}

struct Birth<'a> {
    id: AccountId,
    policy: &'a str,
    display_name: &'a str,
    first_user: UserId,
    origin: &'a Origin,
    attributes: &'a [(String, AttributeValue)],
}

/// IX-13, RE-01, SH-06, GW-03: the first user gets the policy's roles at birth.
fn create(context: Context<'_>, birth: &Birth<'_>) -> Result<Vec<Change>, Stop> {
    let mut fields = Fields::default();
    let Some(policy) = context.policies.get(birth.policy) else {
        fields.reject("policy", unknown_policy(birth.policy, context.policies.names()));
        fields.finish()?;
        return Ok(Vec::new());
    };
    if context.actor.user().is_some_and(|actor| actor != birth.first_user) {
        fields.reject("first_user", "you can create an account for yourself only; leave this field out");
    }
    let mut attributes = BTreeMap::new();
    for (name, value) in birth.attributes {
        let path = format!("attributes[{name}]");
        if let Some((attribute, value)) = checked(&mut fields, policy, &path, name, value) {
            if let Err(message) = settable_at_birth(context.actor, policy, attribute) {
                fields.reject(path, message);
            }
            attributes.insert(name.clone(), value);
        }
    }
    fields.finish()?;
    active_user(context, birth.first_user)?;
    let account = Account {
        id: birth.id,
        policy: policy.name.clone(),
        display_name: birth.display_name.to_owned(),
        state: AccountState::Active,
        origin: birth.origin.clone(),
        attributes,
        groups: Vec::new(),
        created_at: context.now,
        updated_at: context.now,
        deleted_at: None,
        deleted_in: None,
    };
    let first = Membership {
        account: birth.id,
        user: birth.first_user,
        state: MemberState::Active,
        roles: stored(policy.roles_at_birth(), |i| policy.roles.get(i).map(|role| role.name.as_str())),
        grants: Vec::new(),
        restrictions: Vec::new(),
        created_at: context.now,
        updated_at: context.now,
    };
    Ok(vec![Change::Account(account), Change::Membership(first)])
}

/// A person sets only what the roles they are about to get could change afterwards.
fn settable_at_birth(actor: &Actor, policy: &Policy, attribute: &Attribute) -> Result<(), String> {
    if actor.user().is_none() {
        return Ok(());
    }
    let born = policy.roles_at_birth();
    let may = born.iter().filter_map(|i| policy.roles.get(usize::from(i))).map(|role| role.may);
    let may = may.fold(PermissionSet::EMPTY, |all, one| all.union(&one));
    match attribute.changed_by {
        Some(permission) if may.contains(permission) => Ok(()),
        _ => Err("only the provider sets this attribute; leave it out".to_owned()),
    }
}

fn update(
    context: Context<'_>,
    id: AccountId,
    display_name: Option<&String>,
    attributes: &[(String, Option<AttributeValue>)],
) -> Result<Vec<Change>, Stop> {
    let scene = Scene::of(context, Operation::AccountUpdate.name(), id)?;
    scene.authorize(Operation::AccountUpdate)?;
    let mut fields = Fields::default();
    let mut after = scene.account.clone();
    for (name, value) in attributes {
        let path = format!("attributes[{name}]");
        match value {
            None if scene.policy.attribute(name).is_some() => {
                after.attributes.remove(name);
            }
            None => fields.reject(path, unknown_attribute(scene.policy, name)),
            Some(value) => {
                if let Some((_, value)) = checked(&mut fields, scene.policy, &path, name, value) {
                    after.attributes.insert(name.clone(), value);
                }
            }
        }
    }
    fields.finish()?;
    for (name, _) in attributes {
        may_change(&scene, &after, name)?;
    }
    after.display_name = display_name.unwrap_or(&after.display_name).clone();
    Ok(changed(context, scene.account, after))
}

/// Each attribute names the permission that changes it; a one-way choice only moves up for members.
fn may_change(scene: &Scene<'_>, after: &Account, name: &str) -> Result<(), Refusal> {
    let Some(attribute) = scene.policy.attribute(name) else { return Ok(()) };
    if after.attribute(name) == scene.account.attribute(name) || scene.context.actor.user().is_none() {
        return Ok(());
    }
    let what = format!("attributes.{name}");
    let permission = attribute.changed_by.ok_or_else(|| operators_only(&what))?;
    scene.authorize_permission(&what, permission)?;
    let rank =
        |account: &Account| match (&attribute.kind, account.attribute(name).or(attribute.default.clone())) {
            (AttributeKind::Choice(words), Some(AttributeValue::Text(word))) => {
                words.iter().position(|w| *w == word)
            }
            _ => None,
        };
    if attribute.only_upwards && rank(after) < rank(scene.account) {
        return Err(Refusal::WrongState(format!(
            "{name} only moves upwards; ask the provider's support to take it back"
        )));
    }
    Ok(())
}

fn set_state(
    context: Context<'_>,
    id: AccountId,
    operation: &str,
    state: AccountState,
) -> Result<Vec<Change>, Stop> {
    let Actor::Operator { .. } = context.actor else { return Err(operators_only(operation).into()) };
    let scene = Scene::of(context, operation, id)?;
    if scene.account.state == AccountState::Deleted {
        return Err(Refusal::WrongState(format!("account {id} was deleted")).into());
    }
    Ok(changed(context, scene.account, Account { state, ..scene.account.clone() }))
}

fn delete(context: Context<'_>, id: AccountId) -> Result<Vec<Change>, Stop> {
    let scene = Scene::of(context, Operation::AccountDelete.name(), id)?;
    scene.authorize(Operation::AccountDelete)?;
    if let Some(group) = scene.account.groups.first() {
        // PE-11: a group has an account at every instant, so an account leaves its groups first.
        let message =
            format!("account {id} is in the account group {group}; take it out of its groups first");
        return Err(Refusal::WrongState(message).into());
    }
    let after = Account {
        state: AccountState::Deleted,
        deleted_at: Some(context.now),
        deleted_in: Some(scene.account.state),
        ..scene.account.clone()
    };
    Ok(changed(context, scene.account, after))
}

/// How long a deletion can be taken back: 30 days, in microseconds.
const UNDELETE_FOR: i64 = 30 * 24 * 60 * 60 * 1_000_000;

fn undelete(context: Context<'_>, id: AccountId) -> Result<Vec<Change>, Stop> {
    let mut scene = Scene::of(context, Operation::AccountUndelete.name(), id)?;
    let deleted_at = scene.account.deleted_at;
    let before = scene.account.deleted_in.unwrap_or(AccountState::Active);
    // The deletion itself denies everybody everything, so the actor is judged as if it had not happened.
    if scene.fact.state == AccountState::Deleted {
        scene.fact.state = before;
    }
    scene.authorize(Operation::AccountUndelete)?;
    let Some(deleted_at) = deleted_at else {
        return Err(Refusal::WrongState(format!("account {id} was not deleted")).into());
    };
    if context.now.saturating_sub(deleted_at) > UNDELETE_FOR {
        return Err(Refusal::WrongState(format!("account {id} was deleted more than 30 days ago")).into());
    }
    let after = Account { state: before, deleted_at: None, deleted_in: None, ..scene.account.clone() };
    Ok(changed(context, scene.account, after))
}

fn changed(context: Context<'_>, before: &Account, after: Account) -> Vec<Change> {
    if after == *before {
        return Vec::new();
    }
    vec![Change::Account(Account { updated_at: context.now, ..after })]
}

/// The attribute and its value in the form it is kept, if both are in order.
fn checked<'p>(
    fields: &mut Fields,
    policy: &'p Policy,
    path: &str,
    name: &str,
    value: &AttributeValue,
) -> Option<(&'p Attribute, AttributeValue)> {
    let Some(attribute) = policy.attribute(name) else {
        fields.reject(path, unknown_attribute(policy, name));
        return None;
    };
    match kept(&attribute.kind, value) {
        Ok(value) => Some((attribute, value)),
        Err(message) => {
            fields.reject(path, message);
            None
        }
    }
}

fn kept(kind: &AttributeKind, value: &AttributeValue) -> Result<AttributeValue, String> {
    match (kind, value) {
        (AttributeKind::Choice(words), AttributeValue::Text(word)) if words.contains(word) => {
            Ok(value.clone())
        }
        (AttributeKind::Choice(words), _) => Err(format!("must be one of the texts {}", words.join(", "))),
        (AttributeKind::Flag, AttributeValue::Flag(_)) => Ok(value.clone()),
        (AttributeKind::Flag, _) => Err("must be a flag".to_owned()),
        (AttributeKind::Number, AttributeValue::Number(_)) => Ok(value.clone()),
        (AttributeKind::Number, _) => Err("must be a number".to_owned()),
        (AttributeKind::Text, AttributeValue::Text(text)) if (1..=255).contains(&text.len()) => {
            Ok(value.clone())
        }
        (AttributeKind::Text, _) => Err("must be a text of 1 to 255 bytes".to_owned()),
        (AttributeKind::Domain, AttributeValue::Text(text)) => domain(text).map(AttributeValue::Text),
        (AttributeKind::Domain, _) => Err("must be a domain name as a text".to_owned()),
    }
}

/// A registrable-looking DNS name as lower-case A-labels (UTS 46, strict; RFC 5890).
fn domain(text: &str) -> Result<String, String> {
    let message = || format!("must be a domain name such as example.com; \"{text}\" is not one");
    let ascii = idna::domain_to_ascii_strict(text).map_err(|_| message())?;
    let labels: Vec<&str> = ascii.split('.').collect();
    let numeric_end = labels.last().is_none_or(|label| label.bytes().all(|byte| byte.is_ascii_digit()));
    if labels.len() < 2 || numeric_end { Err(message()) } else { Ok(ascii) }
}

fn unknown_attribute(policy: &Policy, name: &str) -> String {
    unknown("attribute", name, policy.attributes.iter().map(|attribute| attribute.name.as_str()))
}

fn unknown_policy<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let known: Vec<&str> = known.collect();
    format!("no policy \"{name}\"; this service has {}", known.join(", "))
}
