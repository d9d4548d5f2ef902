//! May somebody do this, here, and why: looked up in full each time.

use super::policy::Policy;
use super::roles::Role;
use super::world::{Account, AccountState, Ref, World};

/// An answer: the reason, as `DecisionReason` spells it without its prefix.
pub type Reason = &'static str;

/// Whether an answer of that reason allows.
pub fn allows(reason: Reason) -> bool {
    ["ROLE", "GRANT", "GROUP", "ASSIGNMENT", "OWN"].contains(&reason)
}

impl World {
    /// Why nothing at all is allowed; `None`: the user belongs to the account.
    pub fn shut(&self, account: &str, user: &str) -> Option<Reason> {
        let Some(account) = self.account(account) else { return Some("UNKNOWN_ACCOUNT") };
        match account.state {
            AccountState::Active => {}
            AccountState::Suspended => return Some("ACCOUNT_SUSPENDED"),
            AccountState::Deleted => return Some("ACCOUNT_DELETED"),
        }
        if self.user(user).is_none() {
            return Some("UNKNOWN_SUBJECT");
        }
        match account.member(user) {
            Some(member) if member.active() => None,
            Some(_) => Some("MEMBERSHIP_SUSPENDED"),
            None if self.seats_in(account, user).next().is_some() => None,
            None => Some("NOT_A_MEMBER"),
        }
    }

    /// May the user do this in the account, to this resource?
    pub fn may(&self, account: &str, user: &str, permission: &str, resource: Option<&Ref>) -> Reason {
        if let Some(reason) = self.shut(account, user) {
            return reason;
        }
        let account = self.account(account).expect("it is not shut");
        let policy = self.policy(account);
        if !policy.permissions.iter().any(|name| name == permission) {
            return "UNKNOWN_PERMISSION";
        }
        if let Some((kind, id)) = resource {
            let Some(found) = policy.types.get(kind) else { return "UNKNOWN_RESOURCE_TYPE" };
            if !policy.about[permission].contains(kind) {
                return "PERMISSION_NOT_ON_RESOURCE";
            }
            if !found.free && account.resource(&(kind.clone(), id.clone())).is_none() {
                return "UNKNOWN_RESOURCE";
            }
        }
        let held = self.held(account, user, permission, resource);
        if !allows(held) {
            return held;
        }
        if !policy.met(&policy.requires[permission], &account.attributes) {
            return "REQUIREMENT_UNMET";
        }
        let restrictions = account.member(user).map(|member| member.restrictions.clone()).unwrap_or_default();
        if restrictions.iter().any(|name| has(&policy.restrictions[name], permission)) {
            return "RESTRICTED";
        }
        held
    }

    fn held(&self, account: &Account, user: &str, permission: &str, resource: Option<&Ref>) -> Reason {
        let policy = self.policy(account);
        let member = account.member(user);
        let roles = self.counting_roles(account, user);
        if roles.iter().any(|role| has(&role.may, permission)) {
            return "ROLE";
        }
        if member.is_some_and(|member| has(&member.grants, permission)) {
            return "GRANT";
        }
        if self.counting_group_roles(account, user).iter().any(|role| has(&role.may, permission)) {
            return "GROUP";
        }
        let on_assigned = roles.iter().any(|role| has(&role.on_assigned, permission));
        let on_own = roles.iter().any(|role| has(&role.on_own, permission));
        if let (Some(name), Some(_)) = (resource, member) {
            let assigned = account.assigned(user, name);
            let carries = assigned.iter().any(|assignment| {
                has(&assignment.permissions, permission)
                    || self
                        .counting(account, &policy.types[&assignment.resource.0].roles, &assignment.roles)
                        .iter()
                        .any(|role| has(&role.may, permission))
            });
            if carries || (on_assigned && !assigned.is_empty()) {
                return "ASSIGNMENT";
            }
            let creator = account.resource(name).and_then(|found| found.created_by.clone());
            if on_own && creator.as_deref() == Some(user) {
                return "OWN";
            }
        }
        let by_assignment = on_assigned || (!on_own && assignments_can_carry(policy, permission));
        match resource {
            None if by_assignment || on_own => "RESOURCE_REQUIRED",
            Some(_) if by_assignment => "NOT_ASSIGNED",
            Some(_) if on_own => "NOT_OWN",
            _ => "NOT_GRANTED",
        }
    }

    /// The roles of a member whose requirements the account meets.
    pub(super) fn counting_roles<'a>(&'a self, account: &'a Account, user: &str) -> Vec<&'a Role> {
        let roles =
            account.member(user).filter(|member| member.active()).map(|member| member.roles.as_slice());
        self.counting(account, &self.policy(account).roles, roles.unwrap_or_default())
    }

    /// The same for the group roles by which a user reaches the account.
    pub(super) fn counting_group_roles<'a>(&'a self, account: &'a Account, user: &str) -> Vec<&'a Role> {
        let Some(groups) = &self.policy(account).groups else { return Vec::new() };
        let held: Vec<String> = self.seats_in(account, user).map(str::to_owned).collect();
        self.counting(account, &groups.roles, &held)
    }

    /// The same for any table of roles.
    pub(super) fn counting<'a>(
        &self,
        account: &Account,
        table: &'a std::collections::BTreeMap<String, Role>,
        held: &[String],
    ) -> Vec<&'a Role> {
        let roles = held.iter().filter_map(|name| table.get(name));
        roles.filter(|role| self.policy(account).met(&role.requires, &account.attributes)).collect()
    }
}

fn assignments_can_carry(policy: &Policy, permission: &str) -> bool {
    policy.types.values().any(|kind| {
        has(&kind.assignable, permission) || kind.roles.values().any(|role| has(&role.may, permission))
    })
}

pub(super) fn has(names: &[String], name: &str) -> bool {
    names.iter().any(|held| held == name)
}
