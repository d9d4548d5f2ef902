//! The tables that a decision reads: who holds a permission, by bit.

use super::Compiler;
use crate::policy::model::{Policy, Role};
use crate::policy::set::{Mask, PermissionId, PermissionSet};

impl Compiler<'_, '_> {
    /// Turns "which permissions has a role" into "which roles has a permission".
    pub(super) fn tables(&mut self) {
        let Policy { permissions, roles, resource_types, restrictions, groups, .. } = &mut self.policy;
        let group_roles: Vec<&Role> =
            groups.iter().flat_map(|groups| &groups.roles).map(|role| &role.role).collect();
        for (id, permission) in (0_u16..).map(PermissionId).zip(permissions) {
            permission.by_role = holders(id, roles.iter().map(|role| &role.may));
            permission.by_role_assigned = holders(id, roles.iter().map(|role| &role.may_on_assigned));
            permission.by_role_own = holders(id, roles.iter().map(|role| &role.may_on_own));
            permission.by_group_role = holders(id, group_roles.iter().map(|role| &role.may));
            permission.by_restriction =
                holders(id, restrictions.iter().map(|restriction| &restriction.removes));
            permission.by_resource_role = resource_types
                .iter()
                .map(|kind| holders(id, kind.roles.iter().map(|role| &role.may)))
                .collect();
        }
    }
}

fn holders<'s>(id: PermissionId, sets: impl Iterator<Item = &'s PermissionSet>) -> Mask {
    (0_u8..).zip(sets).filter(|(_, set)| set.contains(id)).map(|(index, _)| index).collect()
}
