//! Plans that put accounts into groups, take them out, and delete groups (PE-05, PE-06, PE-10, PE-11).

use std::collections::BTreeSet;

use super::group::{Grouped, controlled, loses_access};
use super::ownership::{holding, with};
use super::scene::{Scene, operators_only};
use super::{Context, member};
use crate::account::{Account, AccountState};
use crate::authorize::require;
use crate::change::Change;
use crate::command::{Actor, Command, MissingHolders};
use crate::facts::MemberFact;
use crate::id::{AccountId, GroupId, UserId};
use crate::membership::{MemberState, Membership};
use crate::operation::Operation;
use crate::policy::model::{GroupControl, Role};
use crate::policy::set::{Mask, RoleId};
use crate::records::Stop;
use crate::refusal::Refusal;
use crate::user::{GroupSeat, User};

pub(super) fn draft(context: Context<'_>, command: &Command) -> Result<Vec<Change>, Stop> {
    if let Actor::Service { .. } = context.actor {
        return Err(operators_only(command.name()).into());
    }
    match command {
        Command::AddGroupAccount { group, account, missing } => add(context, *group, *account, *missing),
        Command::RemoveGroupAccount { group, account } => remove(context, *group, *account),
        Command::DeleteGroup { group } => delete(context, *group),
        _ => Ok(Vec::new()),
    }
}

/// PE-06: every user of the group whose place rests on an account role holds that role in the account; PE-10:
/// or is given it in the same step, by an operator.
fn add(
    context: Context<'_>,
    id: GroupId,
    account: AccountId,
    missing: MissingHolders,
) -> Result<Vec<Change>, Stop> {
    let grouped = controlled(context, "group.add_account", id, GroupControl::Accounts)?;
    let scene = Scene::of(context, Operation::GroupJoin.name(), account)?;
    scene.authorize(Operation::GroupJoin)?;
    if missing == MissingHolders::Give && context.actor.user().is_some() {
        return Err(operators_only("group.add_account with missing holders given the role").into());
    }
    joinable(&scene, &grouped)?;
    let mut changes = Vec::new();
    for seat in &grouped.rule.roles {
        let Some((needed, role)) =
            seat.must_hold.and_then(|needed| Some((needed, scene.policy.role(needed)?)))
        else {
            continue;
        };
        let without = context.records.users_not_holding(id, &seat.role.name, account, &role.name)?;
        match missing {
            MissingHolders::Refuse if without.is_empty() => {}
            MissingHolders::Refuse => return Err(ineligible(account, &seat.role, role, without).into()),
            MissingHolders::Give => {
                require(scene.policy, &format!("the role {}", role.name), role.requires, scene.fact.unmet)?;
                for user in without {
                    changes.push(Change::Membership(given(&scene, *user, needed)?));
                }
            }
        }
    }
    let groups =
        scene.account.groups.iter().copied().chain([id]).collect::<BTreeSet<_>>().into_iter().collect();
    changes.push(Change::Account(Account { groups, updated_at: context.now, ..scene.account.clone() }));
    Ok(changes)
}

fn joinable(scene: &Scene<'_>, grouped: &Grouped<'_>) -> Result<(), Refusal> {
    let (account, group) = (scene.account, grouped.group);
    if account.policy != group.policy {
        let message = format!(
            "account {} is governed by the policy {}, the accounts of group {} by {}",
            account.id, account.policy, group.id, group.policy
        );
        return Err(Refusal::WrongState(message));
    }
    if account.state != AccountState::Active {
        return Err(Refusal::WrongState(format!("account {} is not active", account.id)));
    }
    if account.groups.contains(&group.id) {
        return Err(Refusal::AlreadyExists { what: "account of the group", id: account.id.to_string() });
    }
    Ok(())
}

fn ineligible(account: AccountId, seat: &Role, needed: &Role, without: &[UserId]) -> Refusal {
    let users: Vec<String> = without.iter().take(20).map(ToString::to_string).collect();
    Refusal::WrongState(format!(
        "every {} of the group must be {} of account {account}; missing: {}. Give them that role first, or ask \
         the provider's support",
        seat.name,
        needed.name,
        users.join(", ")
    ))
}

/// The user's membership with the role; a membership that does not count is not made to count in passing.
fn given(scene: &Scene<'_>, user: UserId, needed: RoleId) -> Result<Membership, Stop> {
    let (context, policy) = (scene.context, scene.policy);
    let Some(before) = context.records.membership(scene.account.id, user)? else {
        let newcomer = Membership {
            account: scene.account.id,
            user,
            state: MemberState::Active,
            roles: Vec::new(),
            grants: Vec::new(),
            restrictions: Vec::new(),
            created_at: context.now,
            updated_at: context.now,
        };
        return Ok(holding(context, policy, &newcomer, Mask::of(needed.0), &Default::default()));
    };
    if before.state != MemberState::Active {
        let message = format!(
            "the membership of user {user} in account {} is {}; reinstate or remove it first",
            scene.account.id,
            before.state.name()
        );
        return Err(Refusal::WrongState(message).into());
    }
    let fact = MemberFact::new(policy, before);
    Ok(holding(context, policy, before, with(policy, fact.roles, needed), &fact.grants))
}

/// PE-05: the group's users lose the account as if they had been removed, unless another group reaches it.
fn remove(context: Context<'_>, id: GroupId, account: AccountId) -> Result<Vec<Change>, Stop> {
    let grouped = controlled(context, "group.remove_account", id, GroupControl::Accounts)?;
    let found = context.records.account(account)?.filter(|found| found.groups.contains(&id));
    let Some(found) = found else {
        return Err(Refusal::NotFound { what: "account of the group", id: account.to_string() }.into());
    };
    if context.records.group_size(id)? < 2 {
        // PE-11
        let message = format!(
            "account {account} is the last one of group {id}; add another one first, or delete the group"
        );
        return Err(Refusal::WrongState(message).into());
    }
    let after = without(context, found, id);
    let mut changes = Vec::new();
    for membership in context.records.memberships_of_group(id, account)? {
        let seats = context.records.user(membership.user)?.map_or(&[][..], |user| &user.seats);
        if loses_access(&grouped, membership, &after, seats) {
            changes.extend(member::end(context, account, membership.user)?);
        }
    }
    changes.push(Change::Account(after));
    Ok(changes)
}

/// PE-02, PE-05: every account leaves the group, and every user with it.
fn delete(context: Context<'_>, id: GroupId) -> Result<Vec<Change>, Stop> {
    let grouped = controlled(context, "group.delete", id, GroupControl::Delete)?;
    let mut changes = Vec::new();
    for membership in context.records.memberships_through_group(id)? {
        let Some(account) = context.records.account(membership.account)? else { continue };
        let seats = context.records.user(membership.user)?.map_or(&[][..], |user| &user.seats);
        if loses_access(&grouped, membership, &without(context, account, id), seats) {
            changes.extend(member::end(context, membership.account, membership.user)?);
        }
    }
    for user in context.records.group_users(id)? {
        if let Some(user) = context.records.user(*user)? {
            let seats: Vec<GroupSeat> = user.seats.iter().filter(|seat| seat.group != id).cloned().collect();
            changes.push(Change::User(User { seats, ..user.clone() }));
        }
    }
    for account in context.records.group_accounts(id)? {
        if let Some(account) = context.records.account(*account)? {
            changes.push(Change::Account(without(context, account, id)));
        }
    }
    changes.push(Change::GroupDeleted { group: id });
    Ok(changes)
}

fn without(context: Context<'_>, account: &Account, id: GroupId) -> Account {
    let groups = account.groups.iter().copied().filter(|group| *group != id).collect();
    Account { groups, updated_at: context.now, ..account.clone() }
}
