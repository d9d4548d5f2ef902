//! Least and most holders of a role: in an account, on one resource, in a group. One judge for every
//! plan: it compares holders before and after all changes together, and refuses only what gets worse.
//! Active holders alone count towards a least: their membership is active, and so are they themselves. Pending
//! and suspended ones count towards a most, and those who are invited while their link is good.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::AccountState;
use crate::change::Change;
use crate::id::{AccountId, GroupId, UserId};
use crate::invitation::Invitation;
use crate::membership::{MemberState, Membership};
use crate::plan::Policies;
use crate::policy::model::{Policy, Role};
use crate::records::{HolderCount, Key, Records, Stop};
use crate::refusal::{LimitScope, Refusal};
use crate::resource::{Assignment, ResourceRef};
use crate::user::{User, UserState};

/// Where holders are counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Scope {
    Account(AccountId),
    Resource(AccountId, ResourceRef),
    Group(GroupId),
}

/// How many holders more (or fewer) there are after the plan.
#[derive(Debug, Clone, Copy, Default)]
struct Delta {
    active: i64,
    total: i64,
}

type Deltas<'a> = BTreeMap<(Scope, &'a str), Delta>;

/// Judges all changes of a plan together.
///
/// # Errors
/// [`Refusal::LimitLeast`] or [`Refusal::LimitMost`] naming role, limit and current holders; [`Stop::Read`]
/// for what must be read first.
pub(crate) fn judge(
    policies: &Policies,
    records: &Records,
    changes: &[Change],
    now: i64,
) -> Result<(), Stop> {
    let judge = Judge { policies, records, changes, now };
    let mut deltas = Deltas::new();
    judge.born(&mut deltas)?;
    judge.members(&mut deltas)?;
    judge.invitations(&mut deltas)?;
    judge.users(&mut deltas)?;
    judge.assignments(&mut deltas)?;
    judge.seats(&mut deltas)?;
    for ((scope, role), delta) in deltas {
        judge.limit(&scope, role, delta)?;
    }
    Ok(())
}

/// Before the plan or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Before,
    After,
}

struct Judge<'a> {
    policies: &'a Policies,
    records: &'a Records,
    changes: &'a [Change],
    now: i64,
}

impl<'a> Judge<'a> {
    /// New accounts, resources and groups start from no holders and must meet every least at birth; accounts that
    /// come back must meet it again.
    fn born(&self, deltas: &mut Deltas<'a>) -> Result<(), Stop> {
        for change in self.changes {
            let scope = match change {
                Change::Account(account) => Scope::Account(account.id),
                Change::Resource(resource) => Scope::Resource(resource.account, resource.resource.clone()),
                Change::Group(group) => Scope::Group(group.id),
                _ => continue,
            };
            if self.is_new(&scope)? || self.is_back(&scope)? {
                for role in limited(self.roles(&scope)?).filter(|role| role.holders.least > 0) {
                    deltas.entry((scope.clone(), &role.name)).or_default();
                }
            }
        }
        Ok(())
    }

    fn members(&self, deltas: &mut Deltas<'a>) -> Result<(), Stop> {
        for change in self.changes {
            let (account, user, after) = match change {
                Change::Membership(after) => (after.account, after.user, Some(after)),
                Change::MembershipEnded { account, user } => (*account, *user, None),
                _ => continue,
            };
            let scope = Scope::Account(account);
            let before = self.membership_before(account, user)?;
            for role in limited(self.roles(&scope)?) {
                let before = self.holds(before, &role.name, When::Before)?;
                let after = self.holds(after, &role.name, When::After)?;
                add(deltas, (scope.clone(), &role.name), before, after);
            }
        }
        Ok(())
    }

    /// Whoever was invited counts towards a most, so that all who are invited can accept.
    fn invitations(&self, deltas: &mut Deltas<'a>) -> Result<(), Stop> {
        for change in self.changes {
            let Change::Invitation(after) = change else { continue };
            let key = Key::Invitation(after.account, after.id);
            // INVARIANT: a plan that changes an invitation has read it by its id; a new one has no record.
            let before =
                if self.records.has(&key) { self.records.invitation(after.account, after.id)? } else { None };
            let scope = Scope::Account(after.account);
            for role in limited(self.roles(&scope)?) {
                let offers = |i: &Invitation| i.counts(self.now) && i.roles.contains(&role.name);
                let step = (before.is_some_and(offers), offers(after));
                add(deltas, (scope.clone(), &role.name), (step.0, false), (step.1, false));
            }
        }
        Ok(())
    }

    /// Holders who stay members and are suspended or reinstated everywhere.
    fn users(&self, deltas: &mut Deltas<'a>) -> Result<(), Stop> {
        for membership in self.memberships_of_switched()? {
            if self.membership_after(membership.account, membership.user).is_some() {
                continue;
            }
            let scope = Scope::Account(membership.account);
            for role in limited(self.roles(&scope)?) {
                let before = self.holds(Some(membership), &role.name, When::Before)?;
                let after = self.holds(Some(membership), &role.name, When::After)?;
                add(deltas, (scope.clone(), &role.name), before, after);
            }
        }
        Ok(())
    }

    /// The memberships of users who are suspended or reinstated, in accounts that are not deleted: those are
    /// judged when they come back.
    fn memberships_of_switched(&self) -> Result<Vec<&'a Membership>, Stop> {
        let mut found = Vec::new();
        for change in self.changes {
            let Change::User(after) = change else { continue };
            if self.user_is_active(after.id, When::Before)? == (after.state == UserState::Active)
                || self.user_before(after.id)?.is_none()
            {
                continue;
            }
            for membership in self.records.memberships_of(after.id)? {
                let account = self.records.account(membership.account)?;
                if account.is_some_and(|account| account.state != AccountState::Deleted) {
                    found.push(membership);
                }
            }
        }
        Ok(found)
    }

    /// Whether the membership holds the role at all, and whether it does so actively.
    fn holds(&self, membership: Option<&Membership>, role: &str, when: When) -> Result<(bool, bool), Stop> {
        let Some(found) = membership.filter(|m| m.roles.iter().any(|held| held == role)) else {
            return Ok((false, false));
        };
        Ok((true, self.is_active(Some(found), when)?))
    }

    fn is_active(&self, membership: Option<&Membership>, when: When) -> Result<bool, Stop> {
        match membership {
            Some(found) if found.state == MemberState::Active => self.user_is_active(found.user, when),
            _ => Ok(false),
        }
    }

    fn user_is_active(&self, id: UserId, when: When) -> Result<bool, Stop> {
        let planned = self.changes.iter().rev().find_map(|change| match change {
            Change::User(user) if user.id == id => Some(user.state == UserState::Active),
            Change::UserErased { user, .. } if *user == id => Some(false),
            _ => None,
        });
        match (when, planned) {
            (When::After, Some(active)) => Ok(active),
            _ => Ok(self.user_before(id)?.is_some_and(|user| user.state == UserState::Active)),
        }
    }

    /// A user who is new has no record, or one that says so.
    fn user_before(&self, id: UserId) -> Result<Option<&'a User>, Stop> {
        let planned = self.changes.iter().any(|change| matches!(change, Change::User(user) if user.id == id));
        if planned && !self.records.has(&Key::User(id)) { Ok(None) } else { self.records.user(id) }
    }

    fn assignments(&self, deltas: &mut Deltas<'a>) -> Result<(), Stop> {
        for (account, user, resource) in self.touched_assignments()? {
            let scope = Scope::Resource(account, resource.clone());
            if self.deleted(account, &resource) {
                continue;
            }
            let before = self.assignment_before(account, user, &resource)?;
            let after = self.assignment_after(account, user, &resource).unwrap_or(before);
            let roles: Vec<_> = limited(self.roles(&scope)?).collect();
            if roles.is_empty() {
                continue;
            }
            let membership = self.membership_before(account, user)?;
            let active_before = self.is_active(membership, When::Before)?;
            let membership = self.membership_after(account, user).unwrap_or(membership);
            let active_after = self.is_active(membership, When::After)?;
            for role in roles {
                let held = |a: Option<&Assignment>| a.is_some_and(|a| a.roles.contains(&role.name));
                let (before, after) = (held(before), held(after));
                add(
                    deltas,
                    (scope.clone(), &role.name),
                    (before, before && active_before),
                    (after, after && active_after),
                );
            }
        }
        Ok(())
    }

    fn seats(&self, deltas: &mut Deltas<'a>) -> Result<(), Stop> {
        for change in self.changes {
            let (before, after) = match change {
                Change::User(after) => (self.user_before(after.id)?, Some(after)),
                Change::UserErased { user, .. } => (self.user_before(*user)?, None),
                _ => continue,
            };
            let groups = before.into_iter().chain(after).flat_map(|user| &user.seats).map(|seat| seat.group);
            for group in groups.collect::<BTreeSet<_>>() {
                // A group that is no more needs nobody.
                if self.changes.iter().any(|c| matches!(c, Change::GroupDeleted { group: g } if *g == group))
                {
                    continue;
                }
                let scope = Scope::Group(group);
                for role in limited(self.roles(&scope)?) {
                    let held =
                        |user: &User| user.seats.iter().any(|s| s.group == group && s.role == role.name);
                    let counted = |user: &User| (held(user), held(user) && user.state == UserState::Active);
                    let (before, after) = (before.map(counted), after.map(counted));
                    add(
                        deltas,
                        (scope.clone(), &role.name),
                        before.unwrap_or_default(),
                        after.unwrap_or_default(),
                    );
                }
            }
        }
        Ok(())
    }

    fn limit(&self, scope: &Scope, name: &str, delta: Delta) -> Result<(), Stop> {
        let is_new = self.is_new(scope)?;
        let Some(role) = self.roles(scope)?.into_iter().find(|role| role.name == name) else { return Ok(()) };
        let before = if is_new { HolderCount::default() } else { self.count(scope, name)? };
        let left = apply(before.active, delta.active);
        let total = apply(before.total, delta.total);
        let (role_name, least) = (name.to_owned(), role.holders.least);
        if left < least && (delta.active < 0 || is_new || self.is_back(scope)?) {
            let holders = before.active;
            let refusal = Refusal::LimitLeast { role: role_name, scope: scope.shown(), least, holders, left };
            return Err(refusal.into());
        }
        match role.holders.most {
            Some(most) if total > most && delta.total > 0 => {
                let holders = before.total;
                Err(Refusal::LimitMost { role: role_name, scope: scope.shown(), most, holders }.into())
            }
            _ => Ok(()),
        }
    }

    fn count(&self, scope: &Scope, role: &str) -> Result<HolderCount, Stop> {
        match scope {
            Scope::Account(account) => self.records.holders(*account, role, self.now),
            Scope::Resource(account, resource) => self.records.resource_holders(*account, resource, role),
            Scope::Group(group) => self.records.group_holders(*group, role),
        }
    }

    /// Whether the plan takes back the account's deletion: who was suspended meanwhile holds nothing actively.
    fn is_back(&self, scope: &Scope) -> Result<bool, Stop> {
        let Scope::Account(id) = scope else { return Ok(false) };
        let after = self.changes.iter().find_map(|change| match change {
            Change::Account(account) if account.id == *id => Some(account.state),
            _ => None,
        });
        match after {
            None | Some(AccountState::Deleted) => Ok(false),
            Some(_) if !self.records.has(&Key::Account(*id)) => Ok(false),
            Some(_) => {
                Ok(self.records.account(*id)?.is_some_and(|before| before.state == AccountState::Deleted))
            }
        }
    }

    fn is_new(&self, scope: &Scope) -> Result<bool, Stop> {
        let created = self.changes.iter().any(|change| match (scope, change) {
            (Scope::Account(id), Change::Account(account)) => account.id == *id,
            (Scope::Resource(id, name), Change::Resource(r)) => r.account == *id && r.resource == *name,
            (Scope::Group(id), Change::Group(group)) => group.id == *id,
            _ => false,
        });
        Ok(created
            && match scope {
                // INVARIANT: a plan that changes an existing account or group has read it; a new one has no record.
                Scope::Account(id) => {
                    !self.records.has(&Key::Account(*id)) || self.records.account(*id)?.is_none()
                }
                Scope::Group(id) => !self.records.has(&Key::Group(*id)) || self.records.group(*id)?.is_none(),
                Scope::Resource(account, resource) => self.records.resource(*account, resource)?.is_none(),
            })
    }

    fn policy(&self, scope: &Scope) -> Result<Option<&'a Policy>, Stop> {
        let created = self.changes.iter().find_map(|change| match (scope, change) {
            (Scope::Account(id) | Scope::Resource(id, _), Change::Account(a)) if a.id == *id => {
                Some(&a.policy)
            }
            (Scope::Group(id), Change::Group(group)) if group.id == *id => Some(&group.policy),
            _ => None,
        });
        let name = match (created, scope) {
            (Some(name), _) => Some(name),
            (None, Scope::Account(id) | Scope::Resource(id, _)) => {
                self.records.account(*id)?.map(|a| &a.policy)
            }
            (None, Scope::Group(id)) => self.records.group(*id)?.map(|group| &group.policy),
        };
        Ok(name.and_then(|name| self.policies.get(name)).map(|policy| &**policy))
    }

    fn roles(&self, scope: &Scope) -> Result<Vec<&'a Role>, Stop> {
        let Some(policy) = self.policy(scope)? else { return Ok(Vec::new()) };
        Ok(match scope {
            Scope::Account(_) => policy.roles.iter().collect(),
            Scope::Group(_) => {
                policy.groups.iter().flat_map(|groups| &groups.roles).map(|r| &r.role).collect()
            }
            Scope::Resource(_, resource) => {
                let kind = policy.resource_type_id(&resource.kind).and_then(|id| policy.resource_type(id));
                kind.iter().flat_map(|kind| &kind.roles).collect()
            }
        })
    }

    fn membership_before(&self, account: AccountId, user: UserId) -> Result<Option<&'a Membership>, Stop> {
        if self.is_new(&Scope::Account(account))? {
            return Ok(None);
        }
        if self.records.has(&Key::MembershipsOf(user)) {
            return Ok(self.records.memberships_of(user)?.iter().find(|m| m.account == account));
        }
        self.records.membership(account, user)
    }

    /// The membership after the plan; outer `None`: the plan does not touch it.
    fn membership_after(&self, account: AccountId, user: UserId) -> Option<Option<&'a Membership>> {
        self.changes.iter().rev().find_map(|change| match change {
            Change::Membership(m) if m.account == account && m.user == user => Some(Some(m)),
            Change::MembershipEnded { account: a, user: u } if *a == account && *u == user => Some(None),
            _ => None,
        })
    }

    fn assignment_before(
        &self,
        account: AccountId,
        user: UserId,
        resource: &ResourceRef,
    ) -> Result<Option<&'a Assignment>, Stop> {
        if self.is_new(&Scope::Resource(account, resource.clone()))? {
            return Ok(None);
        }
        if self.records.has(&Key::AssignmentsOf(account, user)) {
            return Ok(self.records.assignments_of(account, user)?.iter().find(|a| a.resource == *resource));
        }
        self.records.assignment(account, user, resource)
    }

    /// The assignment after the plan; outer `None`: the plan does not touch it.
    fn assignment_after(
        &self,
        account: AccountId,
        user: UserId,
        resource: &ResourceRef,
    ) -> Option<Option<&'a Assignment>> {
        self.changes.iter().rev().find_map(|change| match change {
            Change::Assignment(a) if a.account == account && a.user == user && a.resource == *resource => {
                Some(Some(a))
            }
            Change::AssignmentEnded { account: a, user: u, resource: r }
                if *a == account && *u == user && r == resource =>
            {
                Some(None)
            }
            _ => None,
        })
    }

    /// Assignments that begin, end or change, and those of members who become active or cease to be.
    fn touched_assignments(&self) -> Result<BTreeSet<(AccountId, UserId, ResourceRef)>, Stop> {
        let mut touched = BTreeSet::new();
        for change in self.changes {
            match change {
                Change::Assignment(a) => {
                    touched.insert((a.account, a.user, a.resource.clone()));
                }
                Change::AssignmentEnded { account, user, resource } => {
                    touched.insert((*account, *user, resource.clone()));
                }
                Change::Membership(after) => {
                    let before = self.membership_before(after.account, after.user)?;
                    if before.is_some_and(|before| before.state != after.state) {
                        let all = self.records.assignments_of(after.account, after.user)?;
                        touched.extend(all.iter().map(|a| (a.account, a.user, a.resource.clone())));
                    }
                }
                _ => {}
            }
        }
        for membership in self.memberships_of_switched()? {
            let all = self.records.assignments_of(membership.account, membership.user)?;
            touched.extend(all.iter().map(|a| (a.account, a.user, a.resource.clone())));
        }
        Ok(touched)
    }

    fn deleted(&self, account: AccountId, resource: &ResourceRef) -> bool {
        self.changes.iter().any(|change| {
            matches!(change, Change::ResourceDeleted { account: a, resource: r } if *a == account && r == resource)
        })
    }
}

impl Scope {
    fn shown(&self) -> LimitScope {
        match self {
            Self::Account(id) => LimitScope::Account(*id),
            Self::Resource(_, resource) => LimitScope::Resource(resource.to_string()),
            Self::Group(id) => LimitScope::Group(id.to_string()),
        }
    }
}

fn limited(roles: Vec<&Role>) -> impl Iterator<Item = &Role> {
    roles.into_iter().filter(|role| role.holders.least > 0 || role.holders.most.is_some())
}

/// Adds one holder's step from (held, active) before to (held, active) after.
fn add<'a>(deltas: &mut Deltas<'a>, key: (Scope, &'a str), before: (bool, bool), after: (bool, bool)) {
    if before == after {
        return;
    }
    let delta = deltas.entry(key).or_default();
    delta.total += i64::from(after.0) - i64::from(before.0);
    delta.active += i64::from(after.1) - i64::from(before.1);
}

fn apply(count: u32, delta: i64) -> u32 {
    u32::try_from(i64::from(count).saturating_add(delta).max(0)).unwrap_or(u32::MAX)
}
