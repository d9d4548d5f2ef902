//! May the caller carry out this operation in this account at all? The same engine that answers Check
//! decides: the policy maps each operation to a permission, and [`decide`] judges the caller by it.

use crate::decide::{Question, Reason, belongs, decide};
use crate::policy::model::{Expected, Needs, OperationRule, Policy, Requirement};
use crate::policy::set::Mask;
use crate::refusal::Refusal;

/// Judges an operation for the subject of the question; the question's permission is ignored.
///
/// # Errors
/// [`Refusal::Denied`] when the policy leaves the operation to operators or the subject lacks its permission,
/// [`Refusal::RequirementUnmet`] when the account does not meet what it requires.
pub fn authorize(
    policy: &Policy,
    operation: &str,
    rule: Option<&OperationRule>,
    question: &Question<'_>,
) -> Result<(), Refusal> {
    let denied = |permission: Option<&str>, reason| Refusal::Denied {
        operation: operation.to_owned(),
        permission: permission.map(str::to_owned),
        reason,
    };
    belongs(question).map_err(|reason| denied(None, reason))?;
    let Some(rule) = rule else { return Err(denied(None, Reason::NotGranted)) };
    let unmet = question.account.map_or(Mask::ALL, |account| account.unmet);
    if let Needs::Permission(id) = rule.needs {
        let decision = decide(&Question { permission: Some(id), ..*question });
        match decision.reason {
            reason if reason.allows() => {}
            Reason::RequirementUnmet => {
                let requires = policy.permission(id).map_or(Mask::ALL, |permission| permission.requires);
                require(policy, policy.permission_name(id), requires, unmet)?;
            }
            reason => return Err(denied(Some(policy.permission_name(id)), reason)),
        }
    }
    // Judged last, so that nobody learns about the account what they have no permission for.
    require(policy, operation, rule.requires, unmet)
}

/// Refuses when the account does not meet what something requires, saying what is missing (IX-03, IX-04).
///
/// # Errors
/// [`Refusal::RequirementUnmet`] with one sentence for each requirement in both masks.
pub fn require(policy: &Policy, what: &str, requires: Mask, unmet: Mask) -> Result<(), Refusal> {
    let missing = requires.intersection(unmet);
    if missing.is_empty() {
        return Ok(());
    }
    let sentences = missing
        .iter()
        .filter_map(|index| policy.requirements.get(usize::from(index)))
        .map(|requirement| sentence(policy, requirement))
        .collect();
    Err(Refusal::RequirementUnmet { what: what.to_owned(), requirements: sentences })
}

fn sentence(policy: &Policy, requirement: &Requirement) -> String {
    let Some(attribute) = policy.attributes.get(requirement.attribute) else {
        return "an attribute".to_owned();
    };
    let name = &attribute.name;
    let fact = match &requirement.expected {
        Expected::OneOf(words) => format!("{name} to be {}", words.join(" or ")),
        Expected::Flag(true) => format!("{name} to be on"),
        Expected::Flag(false) => format!("{name} to be off"),
        Expected::Set => format!("{name} to be set"),
        Expected::AtLeast(least) => format!("{name} to be at least {least}"),
    };
    match attribute.changed_by {
        Some(_) => format!("{fact} (a member may change it on the account)"),
        None => format!("{fact} (ask the provider's support)"),
    }
}
