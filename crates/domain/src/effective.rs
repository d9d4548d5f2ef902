//! All that a subject may do: one decision for each permission of the policy.

use crate::decide::{Question, Reason, decide};
use crate::facts::AssignmentFact;
use crate::policy::model::Permission;
use crate::policy::set::{PermissionId, PermissionSet};

/// What a subject may do in an account, or on the resource of the question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Effective {
    /// Permissions that the question is allowed with.
    pub held: PermissionSet,
    /// Permissions held on assigned or own resources only, where the question names no resource.
    pub limited: PermissionSet,
}

/// Asks the question with every permission of its policy. `assigned` is all that is assigned to the subject in the
/// account.
#[must_use]
pub fn effective(question: &Question<'_>, assigned: &[AssignmentFact]) -> Effective {
    let mut effective = Effective::default();
    let Some(policy) = question.policy else { return effective };
    for (id, permission) in (0_u16..).map(PermissionId).zip(&policy.permissions) {
        let decision = decide(&Question { permission: Some(id), ..*question });
        if decision.allowed() {
            effective.held.insert(id);
        } else if decision.reason == Reason::ResourceRequired
            && is_held_on_some(question, id, permission, assigned)
        {
            effective.limited.insert(id);
        }
    }
    effective
}

/// Whether a role of the member holds it on assigned resources or on their own, or an assignment carries it.
fn is_held_on_some(
    question: &Question<'_>,
    id: PermissionId,
    permission: &Permission,
    assigned: &[AssignmentFact],
) -> bool {
    let (Some(account), Some(member)) = (question.account, question.member) else { return false };
    let taken = !permission.requires.intersection(account.unmet).is_empty()
        || !member.restrictions.intersection(permission.by_restriction).is_empty();
    let by_role = permission.by_role_assigned.union(permission.by_role_own);
    let roles = member.roles.difference(account.idle_roles);
    let carries = |assignment: &AssignmentFact| {
        let kind = usize::from(assignment.resource_type.0);
        let idle = account.idle_resource_roles.get(kind).copied().unwrap_or_default();
        let by_role = permission.by_resource_role.get(kind).copied().unwrap_or_default();
        assignment.permissions.contains(id)
            || !by_role.intersection(assignment.roles.difference(idle)).is_empty()
    };
    !taken && (!roles.intersection(by_role).is_empty() || assigned.iter().any(carries))
}
