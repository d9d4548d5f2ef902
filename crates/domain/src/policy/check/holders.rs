//! Permissions that nobody can hold, grants that nobody can make, restrictions that take nothing.

use super::Checker;
use crate::policy::model::{Over, Role};
use crate::policy::set::{Mask, PermissionId, PermissionSet, RoleId};

impl Checker<'_, '_> {
    pub(super) fn holders(&mut self, permission_paths: &[String]) {
        let contacts = self.policy.contacts.as_ref().map(|contacts| contacts.grantable).unwrap_or_default();
        let held = self.reach.account_wide.union(&self.reach.on_resources).union(&contacts);
        for ((id, permission), path) in (0_u16..).zip(&self.policy.permissions).zip(permission_paths) {
            if !held.contains(PermissionId(id)) {
                let message = format!("nobody can ever hold `{}`", permission.name);
                self.reader.error_at(path, message, "give it to a role, or leave the action out");
            }
        }
        self.grantable();
        self.assignable();
        self.restrictions();
        if let Some(contacts) = &self.policy.contacts {
            let beyond = contacts.at_birth.difference(&contacts.grantable);
            if !beyond.is_empty() {
                let message = format!("contacts get {} at birth and may not hold it", self.some(&beyond));
                self.reader.error_at("contacts.at_birth", message, "list it as `grantable` too");
            }
        }
    }

    fn grantable(&mut self) {
        for (id, role, path) in self.account_roles() {
            let never = role.grantable.difference(&self.reach.grantable_to(self.policy, id));
            // What a role takes over from another is reported there.
            let path = format!("{path}.grantable");
            if !never.is_empty() && self.reader.says(&path) {
                let message = format!("nobody can grant {} to holders of `{}`", self.some(&never), role.name);
                self.reader.error_at(
                    &path,
                    message,
                    "let a delegation over this role `grant` it, or leave it out",
                );
            }
        }
    }

    fn assignable(&mut self) {
        for (kind, carried) in self.policy.resource_types.iter().zip(self.reach.assigned.clone()) {
            let never = kind.assignable.difference(&carried);
            if !never.is_empty() {
                let message = format!("nobody can assign {}", self.some(&never));
                let hint = "let a delegation `assign` it, or leave it out";
                self.reader.error_at(&format!("resources.{}.assignable", kind.name), message, hint);
            }
        }
    }

    fn restrictions(&mut self) {
        for (index, restriction) in (0_u8..).zip(&self.policy.restrictions) {
            let path = format!("restrictions.{}", restriction.name);
            if restriction.removes.is_empty() {
                self.reader.error_at(&path, "the restriction removes nothing", "list what it `removes`");
                continue;
            }
            if !self.policy.roles.iter().any(|role| role.restrictable.contains(index)) {
                let hint = "list it as `restrictable` in a role";
                self.reader.error_at(&path, "no member can be restricted this way", hint);
            } else if !self.reach.rules(self.policy).iter().any(|rule| rule.restrict.contains(index)) {
                self.reader.error_at(
                    &path,
                    "nobody can restrict a member this way",
                    "let a delegation `restrict` it",
                );
            }
            for (id, role, path) in self.account_roles() {
                let takes = restriction.removes.intersection(&self.ever_held(id, role));
                if role.restrictable.contains(index) && takes.is_empty() {
                    let message =
                        format!("`{}` takes nothing from holders of `{}`", restriction.name, role.name);
                    self.reader.error_at(&format!("{path}.restrictable"), message, "leave it out");
                }
            }
        }
    }

    /// What a holder of that account role can hold by it, on resources included.
    fn ever_held(&self, id: RoleId, role: &Role) -> PermissionSet {
        let on_resources = self.policy.resource_types.iter().flat_map(|kind| &kind.roles);
        let carried = self.reach.assigned.iter().copied();
        on_resources
            .map(|role| role.may)
            .chain(carried)
            .chain([
                role.may,
                role.may_on_assigned,
                role.may_on_own,
                self.reach.grantable_to(self.policy, id),
            ])
            .fold(PermissionSet::EMPTY, |set, other| set.union(&other))
    }

    /// What may be granted to some member that the rule covers.
    pub(super) fn grantable_over(&self, over: Over, holder: Option<RoleId>) -> PermissionSet {
        let own = holder.filter(|_| over.oneself).map_or(Mask::EMPTY, |id| Mask::of(id.0));
        let covered = over.roles.union(own);
        (0_u8..)
            .zip(&self.policy.roles)
            .filter(|(index, _)| covered.contains(*index))
            .fold(PermissionSet::EMPTY, |set, (_, role)| set.union(&role.grantable))
    }
}
