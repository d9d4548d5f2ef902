//! Rules that hand out more than their holder has, and rules that do nothing.

use super::Checker;
use crate::operation::ResourceOperation;
use crate::policy::model::{AssignRule, Delegation, Needs, Role};
use crate::policy::set::{Mask, PermissionId, PermissionSet, ResourceTypeId, RoleId};

const BEYOND: &str = "give the holder of the rule the same, or say `beyond_own: true` if this is meant";

/// What the holder of a rule holds.
#[derive(Debug, Clone, Copy)]
struct Giver {
    /// On everything that the rule reaches.
    may: PermissionSet,
    /// On assigned resources.
    assigned: PermissionSet,
    /// On resources they created.
    own: PermissionSet,
    /// The account role that has the rule, if it is one.
    role: Option<RoleId>,
}

impl Giver {
    fn account(id: RoleId, role: &Role) -> Self {
        Self { may: role.may, assigned: role.may_on_assigned, own: role.may_on_own, role: Some(id) }
    }

    fn everywhere(may: PermissionSet) -> Self {
        Self { may, assigned: may, own: may, role: None }
    }

    /// What a role has that the giver has not.
    fn lacks(&self, role: &Role) -> PermissionSet {
        let account = role.may.difference(&self.may);
        let assigned = role.may_on_assigned.difference(&self.may.union(&self.assigned));
        let own = role.may_on_own.difference(&self.may.union(&self.own));
        account.union(&assigned).union(&own)
    }
}

impl Checker<'_, '_> {
    pub(super) fn delegation(&mut self) {
        let policy = self.policy;
        for (id, role, path) in self.account_roles() {
            self.rules(role, &path, Giver::account(id, role));
        }
        for kind in &policy.resource_types {
            for role in &kind.roles {
                let path = format!("resources.{}.roles.{}", kind.name, role.name);
                self.rules(role, &path, Giver::everywhere(role.may));
            }
        }
        let Some(groups) = &policy.groups else { return };
        for group_role in &groups.roles {
            // Who must hold an account role in every account of the group has its permissions there.
            let held =
                group_role.must_hold.and_then(|id| policy.role(id)).map(|role| role.may).unwrap_or_default();
            let giver = Giver::everywhere(group_role.role.may.union(&held));
            let path = format!("groups.roles.{}", group_role.role.name);
            self.rules(&group_role.role, &path, giver);
            for (_, given) in
                (0_u8..).zip(&groups.roles).filter(|(index, _)| group_role.gives.contains(*index))
            {
                let beyond = giver.lacks(&given.role);
                if !beyond.is_empty() {
                    let message = format!(
                        "`{}` holds {}, which `{}` does not",
                        given.role.name,
                        self.some(&beyond),
                        group_role.role.name
                    );
                    let hint = "give the giver the same, or let platform operators give the role";
                    self.reader.error_at(&format!("{path}.gives"), message, hint);
                }
            }
        }
    }

    fn rules(&mut self, role: &Role, path: &str, giver: Giver) {
        for (index, rule) in role.delegation.iter().enumerate() {
            let Some(path) = self.rule_path(path, index) else { continue };
            if does_nothing(rule) {
                self.reader.error_at(
                    &path,
                    "the rule hands out nothing and takes nothing back",
                    "leave it out",
                );
            }
            let grantable = rule.grant.intersection(&self.grantable_over(rule.over, giver.role));
            if !rule.grant.is_empty() && grantable.is_empty() {
                let message = "nothing of this is `grantable` to a role that the rule covers";
                self.reader.error_at(&format!("{path}.grant"), message, "list it as `grantable` there");
            }
            self.warn_unassignable(rule, &path);
            if !rule.beyond_own {
                self.refuse_escalation(rule, &path, giver, &role.name, &grantable);
            }
        }
    }

    fn refuse_escalation(
        &mut self,
        rule: &Delegation,
        path: &str,
        giver: Giver,
        name: &str,
        grantable: &PermissionSet,
    ) {
        for (_, given) in (0_u8..).zip(&self.policy.roles).filter(|(index, _)| rule.give.contains(*index)) {
            let beyond = giver.lacks(given);
            if !beyond.is_empty() {
                let message =
                    format!("`{}` holds {}, which `{name}` does not", given.name, self.some(&beyond));
                self.reader.error_at(&format!("{path}.give"), message, BEYOND);
            }
        }
        let beyond = grantable.difference(&giver.may);
        if !beyond.is_empty() {
            let message = format!("`{name}` does not hold {}", self.some(&beyond));
            self.reader.error_at(&format!("{path}.grant"), message, BEYOND);
        }
        for assign in &rule.assign {
            let beyond =
                self.carried(assign).difference(&self.held_where_assigning(assign.resource_type, giver));
            if !beyond.is_empty() {
                let message = format!("`{name}` does not hold {}", self.some(&beyond));
                let kind = self.policy.resource_type(assign.resource_type).map_or("", |kind| &kind.name);
                self.reader.error_at(&format!("{path}.assign.{kind}"), message, BEYOND);
            }
        }
    }

    /// What an assignment under that rule can carry at the most.
    fn carried(&self, assign: &AssignRule) -> PermissionSet {
        let roles = self
            .policy
            .resource_type(assign.resource_type)
            .map(|kind| kind.roles.as_slice())
            .unwrap_or_default();
        let named = (0_u8..).zip(roles).filter(|(index, _)| assign.roles.contains(*index));
        named.fold(assign.permissions, |set, (_, role)| set.union(&role.may))
    }

    /// What a giver holds on every resource that the giver can assign.
    fn held_where_assigning(&self, kind: ResourceTypeId, giver: Giver) -> PermissionSet {
        let needs = |id: PermissionId| {
            let (assigned, own) = (giver.assigned.contains(id), giver.own.contains(id));
            match (giver.may.contains(id), assigned, own) {
                (false, true, false) => giver.may.union(&giver.assigned),
                (false, false, true) => giver.may.union(&giver.own),
                (false, true, true) => giver.may.union(&giver.assigned.intersection(&giver.own)),
                (true, _, _) | (false, false, false) => giver.may,
            }
        };
        match self.assigning(kind) {
            Some(Needs::Permission(id)) => needs(id),
            Some(Needs::AnyMember) | None => giver.may,
        }
    }

    fn assigning(&self, kind: ResourceTypeId) -> Option<Needs> {
        let rule = self.policy.resource_type(kind)?.operations.get(&ResourceOperation::Assign)?;
        Some(rule.needs)
    }

    fn warn_unassignable(&mut self, rule: &Delegation, path: &str) {
        for assign in &rule.assign {
            if self.assigning(assign.resource_type).is_none() {
                let kind = self.policy.resource_type(assign.resource_type).map_or("", |kind| &kind.name);
                let message = format!("no member can assign a {kind}");
                let hint = format!("say in `resources.{kind}.operations` what `assign` needs");
                self.reader.warn_at(&format!("{path}.assign"), message, &hint);
            }
        }
    }
}

fn does_nothing(rule: &Delegation) -> bool {
    let Delegation {
        over: _,
        give,
        take,
        grant,
        withdraw,
        restrict,
        lift,
        remove,
        assign,
        unassign,
        beyond_own: _,
    } = rule;
    let masks = [give, take, restrict, lift];
    masks.iter().all(|mask| **mask == Mask::EMPTY)
        && grant.is_empty()
        && withdraw.is_empty()
        && assign.is_empty()
        && unassign.is_empty()
        && !remove
}
