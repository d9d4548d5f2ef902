//! Plans that found account groups and change who belongs to them (PE-01 to PE-11).

use std::collections::BTreeSet;

use super::names::{Fields, stored, unknown};
use super::scene::{Scene, active_user, denied, operators_only};
use super::{Context, member};
use crate::account::{Account, AccountState};
use crate::change::Change;
use crate::command::{Actor, Command};
use crate::decide::Reason;
use crate::group::Group;
use crate::id::{AccountId, GroupId, UserId};
use crate::membership::{MemberState, Membership};
use crate::operation::Operation;
use crate::policy::model::{GroupControl, GroupRole, GroupRule, Policy};
use crate::policy::set::RoleId;
use crate::records::Stop;
use crate::refusal::{FieldError, Refusal};
use crate::user::{GroupSeat, User, UserState};

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    if let Actor::Service { .. } = context.actor {
        return Err(operators_only(command.name()).into());
    }
    match command {
        Command::CreateGroup { id, display_name, accounts, founder } => {
            found(context, *id, display_name, accounts, *founder)
        }
        Command::AddGroupUser { group, user, role } => add_user(context, command.name(), *group, *user, role),
        Command::RemoveGroupUser { group, user } => remove_user(context, command.name(), *group, *user),
        _ => Ok(Vec::new()),
    }
}

/// PE-01: the founder directly holds the founder role in every account put in the group.
fn found(
    context: Context<'_>,
    id: GroupId,
    display_name: &str,
    accounts: &[AccountId],
    founder: UserId,
) -> Result<Vec<Change>, Stop> {
    let mut fields = Fields::default();
    if context.actor.user().is_some_and(|actor| actor != founder) {
        fields.reject("founder", "you can found a group for yourself only; leave this field out");
    }
    let mut policy: Option<(&Policy, &GroupRule)> = None;
    let mut members: Vec<&Account> = Vec::new();
    for (index, account) in (0..).zip(accounts) {
        if accounts.iter().take(index).any(|earlier| earlier == account) {
            fields.reject(format!("accounts[{index}]"), "is named twice; name each account once");
            continue;
        }
        match eligible(context, *account, founder)? {
            Ok(found) if policy.is_none_or(|(policy, _)| policy.name == found.0.policy) => {
                policy = Some((found.1, found.2));
                members.push(found.0);
            }
            Ok(_) => {
                fields.reject(format!("accounts[{index}]"), "is governed by another policy than the first")
            }
            Err(message) => fields.reject(format!("accounts[{index}]"), message),
        }
    }
    fields.finish()?;
    let Some((policy, rule)) = policy else {
        return Err(Refusal::Invalid(vec![FieldError::new("accounts", "name at least one account")]).into());
    };
    let user = active_user(context, founder)?;
    let born =
        (0_u8..).zip(&rule.roles).filter(|(_, role)| role.role.at_birth).map(|(index, _)| index).collect();
    let mut seats = user.seats.clone();
    let role = stored(born, |i| rule.roles.get(i).map(|role| role.role.name.as_str()));
    seats.extend(role.into_iter().take(1).map(|role| GroupSeat { group: id, role }));
    seats.sort_by_key(|seat| seat.group);
    let group = Group {
        id,
        policy: policy.name.clone(),
        display_name: display_name.to_owned(),
        created_at: context.now,
    };
    let mut changes = vec![Change::Group(group), Change::User(User { seats, ..user.clone() })];
    for account in members {
        let groups =
            account.groups.iter().copied().chain([id]).collect::<BTreeSet<_>>().into_iter().collect();
        changes.push(Change::Account(Account { groups, updated_at: context.now, ..account.clone() }));
    }
    Ok(changes)
}

type Eligible<'a> = (&'a Account, &'a Policy, &'a GroupRule);

/// Whether the founder may put the account in a group. A stranger gets the same words for every account.
fn eligible<'a>(
    context: Context<'a>,
    id: AccountId,
    founder: UserId,
) -> Result<Result<Eligible<'a>, String>, Stop> {
    let stranger =
        "the founder must be an active owner of this account; leave it out or ask the provider's support";
    let membership = context.records.membership(id, founder)?;
    let Some(account) = context.records.account(id)? else { return Ok(Err(stranger.to_owned())) };
    let Some(policy) = context.policies.get(&account.policy) else { return Ok(Err(stranger.to_owned())) };
    let Some(membership) = membership else { return Ok(Err(stranger.to_owned())) };
    let Some(rule) = &policy.groups else {
        return Ok(Err(format!("accounts of the policy {} cannot be grouped", policy.name)));
    };
    let wanted = policy.role(rule.founder).map_or("", |role| role.name.as_str());
    if !holds(membership, wanted) {
        return Ok(Err(format!("the founder must directly hold the role {wanted} in this account")));
    }
    if account.state != AccountState::Active {
        return Ok(Err("the account is not active".to_owned()));
    }
    if let Actor::Person { .. } = context.actor {
        let scene = Scene::of(context, Operation::GroupJoin.name(), id)?;
        match scene.authorize(Operation::GroupJoin) {
            Err(Stop::Refused(refusal)) => return Ok(Err(refusal.to_string())),
            outcome => outcome.map(drop)?,
        }
    }
    Ok(Ok((account, policy, rule)))
}

pub(super) fn holds(membership: &Membership, role: &str) -> bool {
    membership.state == MemberState::Active && membership.roles.iter().any(|held| held == role)
}

/// PE-04, PE-07: managers are added by an administrator, administrators by an operator alone, and only
/// somebody who holds the required role in every account of the group.
fn add_user(
    context: Context<'_>,
    operation: &str,
    group: GroupId,
    user: UserId,
    role: &str,
) -> Result<Vec<Change>, Stop> {
    let Grouped { policy, rule, .. } = group_rule(context, operation, group)?;
    // Before the role is looked at: its error would tell a stranger that there is such a group.
    let powers = match context.actor.user() {
        Some(actor) => Some(actors_role(context, operation, rule, actor, group)?),
        None => None,
    };
    let wanted = named_role(rule, role)?;
    let current = context.records.user(user)?.and_then(|user| seat(rule, user, group));
    if let Some(powers) = powers {
        let gives = powers.gives.contains(wanted.0.0) && !wanted.1.made_by_operator;
        let takes = current.is_none_or(|(id, _)| powers.takes.contains(id.0) || id == wanted.0);
        if !gives || !takes {
            return Err(Refusal::DelegationDenied(vec![format!("give the group role {role}")]).into());
        }
    }
    let user = active_user(context, user)?;
    if let Some(needed) = wanted.1.must_hold.and_then(|id| policy.role(id)) {
        let missing = context.records.accounts_not_held(group, user.id, &needed.name)?;
        if !missing.is_empty() {
            let accounts: Vec<String> = missing.iter().map(ToString::to_string).collect();
            let message = format!(
                "the group role {role} needs the role {} in every account of the group; missing in {}",
                needed.name,
                accounts.join(", ")
            );
            return Err(Refusal::WrongState(message).into());
        }
    }
    let mut seats: Vec<GroupSeat> = user.seats.iter().filter(|seat| seat.group != group).cloned().collect();
    seats.push(GroupSeat { group, role: role.to_owned() });
    seats.sort_by_key(|seat| seat.group);
    Ok(if seats == user.seats { Vec::new() } else { vec![Change::User(User { seats, ..user.clone() })] })
}

/// PE-05: the user loses the accounts of the group that no other group of theirs contains; where access is
/// lost, a direct membership ends too, unless it has a role that the policy keeps.
fn remove_user(
    context: Context<'_>,
    operation: &str,
    group: GroupId,
    id: UserId,
) -> Result<Vec<Change>, Stop> {
    let grouped = group_rule(context, operation, group)?;
    let rule = grouped.rule;
    let user = context.records.user(id)?;
    let held = user.and_then(|user| Some((user, seat(rule, user, group)?)));
    if let Actor::Person { user: actor, .. } = context.actor {
        let powers = actors_role(context, operation, rule, *actor, group)?;
        // PE-11: an administrator steps down while another remains; the limit sees to the latter.
        let oneself = *actor == id;
        if let Some((_, (_, name))) = held.filter(|(_, (role, _))| !oneself && !powers.takes.contains(role.0))
        {
            return Err(
                Refusal::DelegationDenied(vec![format!("remove a user who is {name} of the group")]).into()
            );
        }
    }
    let Some((user, _)) = held else {
        return Err(Refusal::NotFound { what: "user of the group", id: id.to_string() }.into());
    };
    let seats: Vec<GroupSeat> = user.seats.iter().filter(|seat| seat.group != group).cloned().collect();
    let mut changes = Vec::new();
    // PE-09: what stays is not even read, or an administrator's removal would cost as much as they own.
    let fleeting = (0_u8..).zip(&grouped.policy.roles).filter(|(index, _)| !rule.kept.contains(*index));
    let fleeting = fleeting.map(|(_, role)| role.name.clone()).collect();
    for membership in context.records.memberships_in_group(group, id, fleeting)? {
        let Some(account) = context.records.account(membership.account)? else { continue };
        if loses_access(&grouped, membership, account, &seats) {
            changes.extend(member::end(context, membership.account, id)?);
        }
    }
    changes.push(Change::User(User { seats, ..user.clone() }));
    Ok(changes)
}

/// Whether a user with these group seats is left with a direct membership in the account that PE-05 ends: no
/// group reaches the account, and none of the member's roles is one that the policy keeps.
pub(super) fn loses_access(
    grouped: &Grouped<'_>,
    membership: &Membership,
    account: &Account,
    seats: &[GroupSeat],
) -> bool {
    let mut kept = grouped.rule.kept.iter().filter_map(|i| grouped.policy.roles.get(usize::from(i)));
    let keeps = kept.any(|role| membership.roles.contains(&role.name));
    !keeps && !seats.iter().any(|seat| account.groups.contains(&seat.group))
}

/// A group with the rules of its policy.
pub(super) struct Grouped<'a> {
    pub(super) group: &'a Group,
    pub(super) policy: &'a Policy,
    pub(super) rule: &'a GroupRule,
}

/// The group, for an actor whose role in it (or whom the platform) lets do this with it.
pub(super) fn controlled<'a>(
    context: Context<'a>,
    operation: &str,
    id: GroupId,
    control: GroupControl,
) -> Result<Grouped<'a>, Stop> {
    let grouped = group_rule(context, operation, id)?;
    if let Actor::Person { user, .. } = context.actor {
        let role = actors_role(context, operation, grouped.rule, *user, id)?;
        if !role.controls.contains(&control) {
            let denied = format!(
                "{} as {} of the group",
                operation.replace("group.", "").replace('_', " "),
                role.role.name
            );
            return Err(Refusal::DelegationDenied(vec![denied]).into());
        }
    }
    Ok(grouped)
}

/// The group and its rules; a stranger gets the same answer for a group that is not there.
fn group_rule<'a>(context: Context<'a>, operation: &str, id: GroupId) -> Result<Grouped<'a>, Stop> {
    let group = context.records.group(id)?;
    let found = group.and_then(|group| {
        let policy = context.policies.get(&group.policy)?;
        Some(Grouped { group, policy, rule: policy.groups.as_ref()? })
    });
    Ok(found.ok_or_else(|| match context.actor {
        Actor::Person { .. } => denied(operation, Reason::NotAMember),
        Actor::Operator { .. } | Actor::Service { .. } | Actor::Link { .. } => {
            Refusal::NotFound { what: "account group", id: id.to_string() }
        }
    })?)
}

fn actors_role<'a>(
    context: Context<'a>,
    operation: &str,
    rule: &'a GroupRule,
    actor: UserId,
    group: GroupId,
) -> Result<&'a GroupRole, Stop> {
    let user = context.records.user(actor)?.filter(|user| user.state == UserState::Active);
    let held = user.and_then(|user| seat(rule, user, group)).and_then(|(id, _)| rule.role(id));
    Ok(held.ok_or_else(|| denied(operation, Reason::NotAMember))?)
}

fn seat<'u>(rule: &GroupRule, user: &'u User, group: GroupId) -> Option<(RoleId, &'u str)> {
    let seat = user.seats.iter().find(|seat| seat.group == group)?;
    Some((rule.role_id(&seat.role)?, &seat.role))
}

fn named_role<'a>(rule: &'a GroupRule, name: &str) -> Result<(RoleId, &'a GroupRole), Refusal> {
    let found = rule.role_id(name).and_then(|id| Some((id, rule.role(id)?)));
    found.ok_or_else(|| {
        let known = rule.roles.iter().map(|role| role.role.name.as_str());
        Refusal::Invalid(vec![FieldError::new("role", unknown("group role", name, known))])
    })
}
