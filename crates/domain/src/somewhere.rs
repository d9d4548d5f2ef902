//! Whether a subject holds a permission on some resource, though not on all: what an access matrix shows as limited.

use crate::decide::{Question, Target, decide};
use crate::facts::AssignmentFact;
use crate::policy::model::Policy;
use crate::policy::set::{Mask, PermissionSet, ResourceTypeId};

/// Whether [`decide`] would allow the question's permission on some resource, if there were one of each type that was
/// assigned to the subject, and one that they created.
///
/// `carried` is what the subject's assignments in the account carry, taken together by resource type. Whatever
/// resource the question names is left out of it.
#[must_use]
pub fn held_somewhere(question: &Question<'_>, carried: &[AssignmentFact]) -> bool {
    let Some(policy) = question.policy else { return false };
    let Some(permission) = question.permission.and_then(|id| policy.permission(id)) else { return false };
    permission.on.iter().map(ResourceTypeId).any(|kind| {
        let lives_in = lineage(policy, kind);
        let bare =
            AssignmentFact { resource_type: kind, roles: Mask::EMPTY, permissions: PermissionSet::EMPTY };
        let carried = carried.iter().filter(|fact| lives_in.contains(fact.resource_type.0));
        let assignments: Vec<AssignmentFact> = carried.copied().chain([bare]).collect();
        let target = Target {
            resource_type: Some(kind),
            registered: true,
            created_by_subject: true,
            assignments: &assignments,
        };
        decide(&Question { resource: Some(target), ..*question }).allowed()
    })
}

/// The type and those its instances live in.
fn lineage(policy: &Policy, kind: ResourceTypeId) -> Mask {
    let parent = |id: &ResourceTypeId| policy.resource_type(*id).and_then(|kind| kind.parent);
    // A policy whose types live in each other is refused; the bound is the number of types all the same.
    std::iter::successors(Some(kind), parent).take(policy.resource_types.len()).map(|id| id.0).collect()
}
