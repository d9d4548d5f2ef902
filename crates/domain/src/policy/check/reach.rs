//! What anybody can ever come to hold under a policy.

use crate::policy::model::{Delegation, Policy, ResourceIds};
use crate::policy::set::{Mask, PermissionSet, RoleId};

/// What can come to be held, by whatever chain of giving.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// Account roles that somebody can get.
    pub(super) roles: Mask,
    /// Group roles that somebody can get.
    pub(super) group_roles: Mask,
    /// For each resource type, the roles that somebody can get.
    pub(super) resource_roles: Vec<Mask>,
    /// For each resource type, the permissions that an assignment can carry.
    pub(super) assigned: Vec<PermissionSet>,
    /// Permissions that a member can hold for the whole account.
    pub(super) account_wide: PermissionSet,
    /// Permissions that a member can hold on some resource, if not for the whole account.
    pub(super) on_resources: PermissionSet,
}

impl Reach {
    pub(super) fn of(policy: &Policy) -> Self {
        let mut reach = Self {
            resource_roles: vec![Mask::EMPTY; policy.resource_types.len()],
            assigned: vec![PermissionSet::EMPTY; policy.resource_types.len()],
            ..Self::default()
        };
        reach.begin(policy);
        // INVARIANT: every round adds a role or is the last, so that this ends.
        while reach.spread(policy) {}
        reach.collect(policy);
        reach
    }

    /// What is held at birth or made by platform operators.
    fn begin(&mut self, policy: &Policy) {
        for (index, role) in (0_u8..).zip(&policy.roles) {
            if role.at_birth || role.given_by_operator {
                self.roles.insert(index);
            }
        }
        for (index, role) in (0_u8..).zip(policy.groups.iter().flat_map(|groups| &groups.roles)) {
            if role.made_by_operator || role.role.at_birth || role.role.given_by_operator {
                self.group_roles.insert(index);
            }
        }
        for (kind, reached) in policy.resource_types.iter().zip(&mut self.resource_roles) {
            for (index, role) in (0_u8..).zip(&kind.roles) {
                if role.given_by_operator || (role.at_birth && kind.ids == ResourceIds::Registered) {
                    reached.insert(index);
                }
            }
        }
    }

    /// What those who have something can hand out; whether that added a role.
    fn spread(&mut self, policy: &Policy) -> bool {
        let before = (self.roles, self.group_roles, self.resource_roles.clone());
        for rule in self.rules(policy) {
            self.roles = self.roles.union(rule.give);
            for assign in &rule.assign {
                let index = usize::from(assign.resource_type.0);
                if let Some(reached) = self.resource_roles.get_mut(index) {
                    *reached = reached.union(assign.roles);
                }
                if let Some(carried) = self.assigned.get_mut(index) {
                    *carried = carried.union(&assign.permissions);
                }
            }
        }
        let groups = policy.groups.iter().flat_map(|groups| &groups.roles);
        for (_, role) in (0_u8..).zip(groups).filter(|(index, _)| before.1.contains(*index)) {
            self.group_roles = self.group_roles.union(role.gives);
        }
        if let Some(transfer) = policy.transfer
            && self.roles.contains(transfer.role.0)
            && let Some(leaves) = transfer.leaves
        {
            self.roles.insert(leaves.0);
        }
        before != (self.roles, self.group_roles, self.resource_roles.clone())
    }

    /// The rules of delegation of every role that somebody can get.
    pub(super) fn rules<'p>(&self, policy: &'p Policy) -> Vec<&'p Delegation> {
        let account = (0_u8..).zip(&policy.roles).filter(|(index, _)| self.roles.contains(*index));
        let groups = policy.groups.iter().flat_map(|groups| &groups.roles);
        let group = (0_u8..).zip(groups).filter(|(index, _)| self.group_roles.contains(*index));
        let resource = policy.resource_types.iter().zip(&self.resource_roles).flat_map(|(kind, reached)| {
            (0_u8..).zip(&kind.roles).filter(|(index, _)| reached.contains(*index)).map(|(_, role)| role)
        });
        let roles = account.map(|(_, role)| role).chain(group.map(|(_, role)| &role.role)).chain(resource);
        roles.flat_map(|role| &role.delegation).collect()
    }

    /// Permissions that can be granted to a holder of that role.
    pub(super) fn grantable_to(&self, policy: &Policy, id: RoleId) -> PermissionSet {
        let rules =
            self.rules(policy).into_iter().filter(|rule| rule.over.oneself || rule.over.roles.contains(id.0));
        let granted = rules.fold(PermissionSet::EMPTY, |set, rule| set.union(&rule.grant));
        policy.role(id).map(|role| role.grantable.intersection(&granted)).unwrap_or_default()
    }

    fn collect(&mut self, policy: &Policy) {
        for (id, role) in (0_u8..).map(RoleId).zip(&policy.roles).filter(|(id, _)| self.roles.contains(id.0))
        {
            self.account_wide = self.account_wide.union(&role.may).union(&self.grantable_to(policy, id));
            self.on_resources = self.on_resources.union(&role.may_on_assigned).union(&role.may_on_own);
        }
        let groups = policy.groups.iter().flat_map(|groups| &groups.roles);
        for (_, role) in (0_u8..).zip(groups).filter(|(index, _)| self.group_roles.contains(*index)) {
            self.account_wide = self.account_wide.union(&role.role.may);
        }
        for ((kind, reached), carried) in
            policy.resource_types.iter().zip(&self.resource_roles).zip(&self.assigned)
        {
            let roles = (0_u8..).zip(&kind.roles).filter(|(index, _)| reached.contains(*index));
            self.on_resources =
                roles.fold(self.on_resources.union(carried), |set, (_, role)| set.union(&role.may));
        }
    }
}
