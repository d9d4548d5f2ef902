//! All that a subject may do: one decision for each permission of the policy.

use crate::decide::{Question, Reason, decide};
use crate::facts::AssignmentFact;
use crate::policy::set::{PermissionId, PermissionSet};
use crate::somewhere::held_somewhere;

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
    for (id, _) in (0_u16..).map(PermissionId).zip(&policy.permissions) {
        let question = Question { permission: Some(id), ..*question };
        let decision = decide(&question);
        if decision.allowed() {
            effective.held.insert(id);
        } else if decision.reason == Reason::ResourceRequired && held_somewhere(&question, assigned) {
            effective.limited.insert(id);
        }
    }
    effective
}
