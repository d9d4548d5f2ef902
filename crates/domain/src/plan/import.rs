//! The plan of one row of an import (GW-08): whoever has the address becomes a member, and known if they are not.
//!
//! What is given is judged as by [`member::offer`] and [`member::rewritten`], so that an import gives nothing that its
//! actor could not give otherwise. The same row again changes nothing.

use super::member::{self, Names, Offer};
use super::names::{Fields, unknown};
use super::scene::{Scene, active_user};
use super::{Context, Draft};
use crate::change::Change;
use crate::command::{Command, ExistingMember};
use crate::id::UserId;
use crate::membership::Membership;
use crate::operation::Operation;
use crate::policy::model::Policy;
use crate::policy::set::{Mask, PermissionSet};
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::user::{User, UserState};

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Draft, Stop> {
    let Command::ImportMember {
        newcomer,
        account,
        email,
        display_name,
        roles,
        grants,
        restrictions,
        existing,
    } = command
    else {
        return Ok((None, Vec::new()));
    };
    let scene = Scene::of(context, Operation::MemberImport.name(), *account)?;
    scene.authorize(Operation::MemberImport)?;
    member::at_once(&scene)?;
    let names = Names { roles, grants, restrictions };
    let Some(known) = context.records.user_by_email(email)? else {
        let user = User {
            id: *newcomer,
            email: email.clone(),
            display_name: display_name.clone(),
            locale: String::new(),
            avatar_url: String::new(),
            state: UserState::Active,
            identities: Vec::new(),
            seats: Vec::new(),
            created_at: context.now,
        };
        let joined = join(&scene, *newcomer, &names)?;
        return Ok((Some(newcomer.to_string()), vec![Change::User(user), joined]));
    };
    let user = active_user(context, known.id)?.id;
    let changes = match context.records.membership(*account, user)? {
        None => vec![join(&scene, user, &names)?],
        Some(before) => stay(&scene, before, &names, *existing)?,
    };
    Ok((Some(user.to_string()), changes))
}

/// A newcomer to the account.
fn join(scene: &Scene<'_>, user: UserId, names: &Names<'_>) -> Result<Change, Stop> {
    let by_default = scene.policy.boarding.role.and_then(|id| scene.policy.role(id));
    let by_default: Vec<String> = by_default.map(|role| role.name.clone()).into_iter().collect();
    let roles = if names.roles.is_empty() { &by_default } else { names.roles };
    let grants = expand(scene.policy, &Names { roles, ..*names })?;
    let names = Names { roles, grants: &grants, ..*names };
    let Offer { membership, .. } = member::offer(scene, user, &names, &[])?;
    Ok(Change::Membership(membership))
}

/// A member of before: the same again is nothing, something else is the choice of whoever imports.
fn stay(
    scene: &Scene<'_>,
    before: &Membership,
    names: &Names<'_>,
    existing: ExistingMember,
) -> Result<Vec<Change>, Stop> {
    let roles = if names.roles.is_empty() { &before.roles } else { names.roles };
    let grants = expand(scene.policy, &Names { roles, ..*names })?;
    let names = Names { roles, grants: &grants, ..*names };
    let pairs = [
        (&before.roles, names.roles, "role"),
        (&before.grants, names.grants, "permission"),
        (&before.restrictions, names.restrictions, "restriction"),
    ];
    let beyond = |these: &[String], those: &[String], kind: &str| -> Vec<String> {
        these.iter().filter(|name| !those.contains(name)).map(|name| format!("{kind} {name}")).collect()
    };
    let holds: Vec<String> = pairs.iter().flat_map(|(held, row, kind)| beyond(held, row, kind)).collect();
    let lacks: Vec<String> = pairs.iter().flat_map(|(held, row, kind)| beyond(row, held, kind)).collect();
    if holds.is_empty() && lacks.is_empty() {
        return Ok(Vec::new());
    }
    match existing {
        ExistingMember::Replace => {
            scene.authorize(Operation::MemberUpdate)?;
            member::rewritten(scene, before, &names)
        }
        ExistingMember::Refuse => {
            let user = before.user;
            Err(match scene.authorize(Operation::MemberGet) {
                Ok(_) => Refusal::MemberDiffers { user, holds, lacks }.into(),
                Err(Stop::Refused(_)) => {
                    Refusal::MemberDiffers { user, holds: Vec::new(), lacks: Vec::new() }.into()
                }
                Err(stop) => stop,
            })
        }
    }
}

/// The single permissions that the row means: a module stands for all of its own that can be granted with the roles.
fn expand(policy: &Policy, names: &Names<'_>) -> Result<Vec<String>, Refusal> {
    let mut fields = Fields::default();
    if names.roles.is_empty() {
        fields.reject("roles", "is required: this account's policy names none for those whose row has none");
    }
    let roles = fields.roles(policy, "roles", names.roles);
    fields.restrictions(policy, "restrictions", names.restrictions);
    let grantable = grantable(policy, roles);
    let mut granted = PermissionSet::EMPTY;
    for (index, name) in (0_usize..).zip(names.grants) {
        if let Some(id) = policy.permission_id(name) {
            granted.insert(id);
            continue;
        }
        let path = format!("grants[{index}]");
        let module = name.strip_suffix(".*").unwrap_or(name);
        let Some(module) = policy.modules.iter().find(|found| found.name == module) else {
            let permissions = policy.permissions.iter().map(|permission| permission.name.as_str());
            let modules = policy.modules.iter().map(|module| module.name.as_str());
            fields.reject(path, unknown("permission or module", name, permissions.chain(modules)));
            continue;
        };
        let meant = module.permissions.intersection(&grantable);
        if meant.is_empty() && !roles.is_empty() {
            let message = "nothing of this module can be granted one by one to a member with these roles";
            fields.reject(path, message);
        }
        granted = granted.union(&meant);
    }
    fields.finish()?;
    Ok(super::names::stored_permissions(policy, &granted))
}

fn grantable(policy: &Policy, roles: Mask) -> PermissionSet {
    let roles = roles.iter().filter_map(|index| policy.roles.get(usize::from(index)));
    roles.fold(PermissionSet::EMPTY, |all, role| all.union(&role.grantable))
}
