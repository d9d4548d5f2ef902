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
        // A permission that is not about resources is asked about the account, whatever the operation is on.
        let about = policy.permission(id).is_some_and(|permission| !permission.on.is_empty());
        let resource = question.resource.filter(|_| about);
        let decision = decide(&Question { permission: Some(id), resource, ..*question });
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
    let Some(attribute) = policy.attributes.get(requirement.attribute) else { return "an attribute".to_owned() };
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::AccountState;
    use crate::decide::Target;
    use crate::facts::{AccountFact, MemberFact, UserFact};
    use crate::membership::MemberState;
    use crate::operation::ResourceOperation;
    use crate::policy::compile;
    use crate::policy::set::PermissionSet;
    use crate::user::UserState;

    const BAKERY: &str = "
policy: bakery
title: Bakery
modules:
  crew: { title: Crew, actions: { swap: Swap shifts } }
  ovens: { title: Ovens, on: oven, actions: { heat: Heat it } }
resources:
  oven: { title: Oven, ids: free, operations: { assign: crew.swap, view: ovens.heat } }
roles:
  chief: { title: Chief, at_birth: true, holders: { least: 1 }, may: \"*\", delegation: { over: anyone, give: \"*\", assign: oven } }
";

    #[test]
    fn an_operation_on_a_resource_may_need_a_permission_of_the_account() {
        let policy = compile("bakery.yaml", BAKERY).unwrap();
        let account = AccountFact {
            state: AccountState::Active,
            groups: Vec::new(),
            unmet: Mask::EMPTY,
            idle_roles: Mask::EMPTY,
            idle_group_roles: Mask::EMPTY,
            idle_resource_roles: vec![Mask::EMPTY],
        };
        let user = UserFact { state: UserState::Active, seats: Vec::new() };
        let chief = MemberFact {
            state: MemberState::Active,
            roles: policy.roles_at_birth(),
            grants: PermissionSet::EMPTY,
            restrictions: Mask::EMPTY,
            fits_policy: true,
        };
        let oven = policy.resource_type_id("oven");
        let target = Target { resource_type: oven, registered: false, created_by_subject: false, assignments: &[] };
        let mut question = Question {
            policy: Some(&policy),
            account: Some(&account),
            subject: Some(&user),
            member: Some(&chief),
            permission: None,
            resource: Some(target),
        };
        let rule = policy.resource_types[0].operations.get(&ResourceOperation::Assign);
        assert_eq!(authorize(&policy, "oven.assign", rule, &question), Ok(()));
        let nobody = MemberFact { roles: Mask::EMPTY, ..chief };
        question.member = Some(&nobody);
        assert!(authorize(&policy, "oven.assign", rule, &question).is_err());
    }
}
