//! Who hands out what, in sentences.

use super::phrases::{pair, permissions, restriction_names, role_names};
use super::sentences::every_role;
use crate::policy::model::{AssignRule, Delegation, Policy};
use crate::policy::set::{Mask, PermissionSet};

/// Every rule of delegation as a sentence.
pub(super) fn delegation(policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    for (name, role) in every_role(policy) {
        for rule in &role.delegation {
            lines.push(format!("{name}, over {}: {}", over(policy, rule), acts(policy, rule).join("; ")));
        }
    }
    lines
}

fn over(policy: &Policy, rule: &Delegation) -> String {
    let mut whom = Vec::new();
    if rule.over.roles == Mask::ALL {
        whom.push("anyone else".to_owned());
    } else if !rule.over.roles.is_empty() {
        whom.push(role_names(&policy.roles, rule.over.roles));
    }
    if rule.over.oneself {
        whom.push("oneself".to_owned());
    }
    whom.join(" and ")
}

fn acts(policy: &Policy, rule: &Delegation) -> Vec<String> {
    let mut acts = Vec::new();
    let roles = |mask| role_names(&policy.roles, mask);
    pair(&mut acts, ("gives", "takes"), rule.give, rule.take, Mask::is_empty, roles);
    let names = |set: PermissionSet| permissions(policy, &set);
    pair(&mut acts, ("grants", "withdraws"), rule.grant, rule.withdraw, |set| set.is_empty(), names);
    let names = |mask| restriction_names(policy, mask);
    pair(&mut acts, ("restricts by", "lifts"), rule.restrict, rule.lift, Mask::is_empty, names);
    let (assign, unassign) = (assignments(policy, &rule.assign), assignments(policy, &rule.unassign));
    pair(&mut acts, ("assigns", "unassigns"), assign, unassign, |text| text.is_empty(), |text| text);
    if rule.remove {
        acts.push("removes and suspends".to_owned());
    }
    if rule.beyond_own {
        acts.push("beyond what they hold themselves".to_owned());
    }
    acts
}

fn assignments(policy: &Policy, rules: &[AssignRule]) -> String {
    let phrase = |rule: &AssignRule| {
        let kind = policy.resource_type(rule.resource_type)?;
        let mut text = kind.name.clone();
        if !rule.roles.is_empty() {
            text.push_str(&format!(" as {}", role_names(&kind.roles, rule.roles)));
        }
        if !rule.permissions.is_empty() {
            text.push_str(&format!(" with {}", permissions(policy, &rule.permissions)));
        }
        Some(text)
    };
    rules.iter().filter_map(phrase).collect::<Vec<_>>().join(", ")
}
