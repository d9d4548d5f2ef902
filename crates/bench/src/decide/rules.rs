//! What the policy's roles hold, for engines that are told in their own language.

use mandate_domain::policy::model::Policy;

/// A role and the names of all permissions that it holds.
pub(super) struct RoleRules<'a> {
    /// Its name.
    pub(super) role: &'a str,
    /// `module.action`, in the order of the policy.
    pub(super) permissions: Vec<&'a str>,
}

/// Every account role of a policy.
pub(super) fn rules(policy: &Policy) -> impl Iterator<Item = RoleRules<'_>> {
    policy.roles.iter().map(|role| {
        let id = policy.role_id(&role.name);
        let holds = |by: mandate_domain::policy::set::Mask| id.is_some_and(|id| by.contains(id.0));
        let held = policy.permissions.iter().filter(|permission| holds(permission.by_role));
        RoleRules { role: &role.name, permissions: held.map(|permission| permission.name.as_str()).collect() }
    })
}
