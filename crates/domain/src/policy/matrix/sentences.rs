//! What a policy says beyond its tables, in sentences.

use super::{Section, type_names};
use crate::account::AttributeValue;
use crate::operation::{Operation, ResourceOperation};
use crate::policy::model::{
    AssignRule, AttributeKind, BoardingWay, Delegation, Expected, GroupControl, Needs, OperationRule, Policy,
    ResourceIds, Role,
};
use crate::policy::set::{Mask, PermissionSet, RoleId};

pub(super) fn sections(policy: &Policy) -> Vec<Section> {
    let all = [
        Section { heading: "Roles", lines: roles(policy) },
        Section { heading: "Who gives, takes and removes, and over whom", lines: delegation(policy) },
        Section { heading: "Restrictions", lines: restrictions(policy) },
        Section { heading: "Account attributes", lines: attributes(policy) },
        Section { heading: "Permissions that an account must qualify for", lines: required_permissions(policy) },
        Section { heading: "Resource types", lines: resource_types(policy) },
        Section { heading: "Operations, what they need, and who has it", lines: operations(policy) },
        Section { heading: "Groups", lines: groups(policy) },
        Section { heading: "Coming aboard", lines: boarding(policy) },
    ];
    all.into_iter().filter(|section| !section.lines.is_empty()).collect()
}

/// Every role with the prefix that tells whose it is.
fn every_role(policy: &Policy) -> impl Iterator<Item = (String, &Role)> {
    let groups = policy.groups.iter().flat_map(|groups| &groups.roles);
    let groups = groups.map(|role| (format!("group {}", role.role.name), &role.role));
    let resources = policy
        .resource_types
        .iter()
        .flat_map(|kind| kind.roles.iter().map(move |role| (format!("{}:{}", kind.name, role.name), role)));
    policy.roles.iter().map(|role| (role.name.clone(), role)).chain(groups).chain(resources)
}

fn roles(policy: &Policy) -> Vec<String> {
    every_role(policy).map(|(name, role)| format!("{name}: {}", role_facts(policy, role).join("; "))).collect()
}

fn role_facts(policy: &Policy, role: &Role) -> Vec<String> {
    let mut facts = vec![match role.slot {
        Some(slot) => format!("exclusive ({slot})"),
        None => "combines with others".to_owned(),
    }];
    if !role.stands_alone {
        facts.push("never stands alone".to_owned());
    }
    facts.push(match (role.holders.least, role.holders.most) {
        (0, None) => "any number of holders".to_owned(),
        (least, Some(most)) if least == most => format!("exactly {least} holder(s)"),
        (0, Some(most)) => format!("at most {most} holder(s)"),
        (least, None) => format!("at least {least} holder(s)"),
        (least, Some(most)) => format!("{least} to {most} holders"),
    });
    if role.at_birth {
        facts.push("at birth".to_owned());
    }
    if role.given_by_operator {
        facts.push("made by platform operators".to_owned());
    }
    facts.extend(requires(policy, role.requires));
    if !role.grantable.is_empty() {
        facts.push(format!("may be granted {}", permissions(policy, &role.grantable)));
    }
    if !role.restrictable.is_empty() {
        facts.push(format!("may be restricted by {}", restriction_names(policy, role.restrictable)));
    }
    facts
}

fn delegation(policy: &Policy) -> Vec<String> {
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

/// One phrase where what is given and what is taken is the same, else two.
fn pair<T: PartialEq + Clone>(
    acts: &mut Vec<String>,
    (giving, taking): (&str, &str),
    given: T,
    taken: T,
    is_empty: impl Fn(T) -> bool,
    names: impl Fn(T) -> String,
) {
    match (is_empty(given.clone()), is_empty(taken.clone())) {
        (false, false) if given == taken => acts.push(format!("{giving} and {taking} {}", names(given))),
        (false, false) => acts.extend([format!("{giving} {}", names(given)), format!("{taking} {}", names(taken))]),
        (false, true) => acts.push(format!("{giving} {}", names(given))),
        (true, false) => acts.push(format!("{taking} {}", names(taken))),
        (true, true) => {}
    }
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

fn role_names(roles: &[Role], mask: Mask) -> String {
    let named: Vec<&str> =
        (0_u8..).zip(roles).filter(|(index, _)| mask.contains(*index)).map(|(_, role)| role.name.as_str()).collect();
    if roles.len() > 1 && named.len() == roles.len() { "any role".to_owned() } else { named.join(", ") }
}

fn restriction_names(policy: &Policy, mask: Mask) -> String {
    let named = (0_u8..).zip(&policy.restrictions).filter(|(index, _)| mask.contains(*index));
    named.map(|(_, restriction)| restriction.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Permissions by name, whole modules as `module.*`.
fn permissions(policy: &Policy, set: &PermissionSet) -> String {
    let mut names = Vec::new();
    for module in &policy.modules {
        let own = module.permissions.intersection(set);
        if own == module.permissions && own.len() > 1 {
            names.push(format!("{}.*", module.name));
        } else {
            names.extend(policy.permission_names(&own).map(str::to_owned));
        }
    }
    names.join(", ")
}

fn requires(policy: &Policy, mask: Mask) -> Option<String> {
    let requirements = (0_u8..).zip(&policy.requirements).filter(|(index, _)| mask.contains(*index));
    let phrases: Vec<String> = requirements
        .filter_map(|(_, requirement)| {
            let attribute = policy.attributes.get(requirement.attribute)?;
            let expected = match &requirement.expected {
                Expected::OneOf(words) => words.join(" or "),
                Expected::Flag(true) => "on".to_owned(),
                Expected::Flag(false) => "off".to_owned(),
                Expected::Set => "set".to_owned(),
                Expected::AtLeast(number) => format!("at least {number}"),
            };
            Some(format!("{} {expected}", attribute.name))
        })
        .collect();
    (!phrases.is_empty()).then(|| format!("requires {}", phrases.join(", ")))
}

fn restrictions(policy: &Policy) -> Vec<String> {
    let restrictions = policy.restrictions.iter();
    restrictions.map(|own| format!("{}: takes away {}", own.name, permissions(policy, &own.removes))).collect()
}

fn attributes(policy: &Policy) -> Vec<String> {
    let line = |attribute: &crate::policy::model::Attribute| {
        let kind = match &attribute.kind {
            AttributeKind::Choice(words) => words.join(" < "),
            AttributeKind::Flag => "on or off".to_owned(),
            AttributeKind::Number => "a number".to_owned(),
            AttributeKind::Text => "a text".to_owned(),
            AttributeKind::Domain => "a DNS name".to_owned(),
        };
        let default = match &attribute.default {
            Some(AttributeValue::Flag(true)) => "on".to_owned(),
            Some(AttributeValue::Flag(false)) => "off".to_owned(),
            Some(AttributeValue::Number(number)) => number.to_string(),
            Some(AttributeValue::Text(text)) => text.clone(),
            None => "unset".to_owned(),
        };
        let changed_by = match attribute.changed_by {
            Some(id) => format!("holders of {}", policy.permission_name(id)),
            None => "platform operators alone".to_owned(),
        };
        let upwards = if attribute.only_upwards { "; only upwards" } else { "" };
        format!("{}: {kind}; {default} at first; changed by {changed_by}{upwards}", attribute.name)
    };
    policy.attributes.iter().map(line).collect()
}

fn required_permissions(policy: &Policy) -> Vec<String> {
    let permissions = policy.permissions.iter();
    permissions
        .filter_map(|permission| Some(format!("{} {}", permission.name, requires(policy, permission.requires)?)))
        .collect()
}

fn resource_types(policy: &Policy) -> Vec<String> {
    let line = |kind: &crate::policy::model::ResourceType| {
        let ids = match kind.ids {
            ResourceIds::Registered => "registered",
            ResourceIds::Free => "ids of the caller's own",
        };
        let parent = kind.parent.map(|parent| type_names(policy, Mask::of(parent.0)).join(""));
        let parent = parent.map(|parent| format!("; in a {parent}")).unwrap_or_default();
        let holder = if kind.holder_contacts { "; a contact can be recorded as its holder" } else { "" };
        format!("{}: {ids}{parent}{holder}", kind.name)
    };
    policy.resource_types.iter().map(line).collect()
}

fn operations(policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    for operation in Operation::ALL {
        if let Some(rule) = policy.operations.get(operation) {
            lines.push(operation_line(policy, operation.name(), rule));
        }
    }
    for kind in &policy.resource_types {
        for operation in ResourceOperation::ALL {
            if let Some(rule) = kind.operations.get(operation) {
                lines.push(operation_line(policy, &format!("{} {}", kind.name, operation.name()), rule));
            }
        }
    }
    let absent: Vec<&str> =
        Operation::ALL.iter().filter(|own| !policy.operations.contains_key(own)).map(|own| own.name()).collect();
    if !absent.is_empty() {
        lines.push(format!("by platform operators alone: {}", absent.join(", ")));
    }
    lines
}

fn operation_line(policy: &Policy, name: &str, rule: &OperationRule) -> String {
    let mut line = match rule.needs {
        Needs::AnyMember => format!("{name}: every active member"),
        Needs::Permission(id) => {
            let who: Vec<String> = every_role(policy).filter_map(|(name, role)| holder(name, role, id)).collect();
            format!("{name}: {} ({})", policy.permission_name(id), who.join(", "))
        }
    };
    if let Some(requires) = requires(policy, rule.requires) {
        line.push_str(&format!("; {requires}"));
    }
    for (kind, most) in &rule.at_most {
        line.push_str(&format!("; at most {most} {} at once", type_names(policy, Mask::of(kind.0)).join("")));
    }
    line
}

fn holder(name: String, role: &Role, id: crate::policy::set::PermissionId) -> Option<String> {
    match super::held(role, id) {
        super::Cell::No if role.grantable.contains(id) => Some(format!("{name} if granted")),
        super::Cell::No => None,
        super::Cell::Yes => Some(name),
        cell => Some(format!("{name} on {cell}")),
    }
}

fn groups(policy: &Policy) -> Vec<String> {
    let Some(groups) = &policy.groups else { return Vec::new() };
    let role = |id: RoleId| policy.role(id).map_or("", |role| role.name.as_str());
    let mut lines = vec![
        format!("{}: founded by whoever is {} of every account in it", groups.title, role(groups.founder)),
        format!("outlasting the loss of group access: {}", role_names(&policy.roles, groups.kept)),
    ];
    let roles: Vec<Role> = groups.roles.iter().map(|own| own.role.clone()).collect();
    for own in &groups.roles {
        let mut facts = Vec::new();
        facts.extend(own.must_hold.map(|id| format!("must be {} of every account in the group", role(id))));
        if own.made_by_operator {
            facts.push("further ones made by platform operators alone".to_owned());
        }
        let controls: Vec<&str> = own.controls.iter().map(|control| control_name(*control)).collect();
        if !controls.is_empty() {
            facts.push(controls.join(", "));
        }
        pair(&mut facts, ("gives", "takes"), own.gives, own.takes, Mask::is_empty, |mask| role_names(&roles, mask));
        lines.push(format!("{}: {}", own.role.name, facts.join("; ")));
    }
    lines
}

fn control_name(control: GroupControl) -> &'static str {
    match control {
        GroupControl::View => "sees the group",
        GroupControl::Accounts => "adds and removes accounts",
        GroupControl::Users => "adds and removes users",
        GroupControl::Delete => "deletes the group",
    }
}

fn boarding(policy: &Policy) -> Vec<String> {
    let ways = policy.boarding.ways.iter().map(|way| match way {
        BoardingWay::Direct => "added at once, if already known".to_owned(),
        BoardingWay::Link => format!("by a link in a mail, good for {} days", policy.boarding.link_days),
        BoardingWay::InitialPassword => {
            format!("by an initial password in a mail, good for {} days", policy.boarding.password_days)
        }
    });
    let mut lines: Vec<String> = ways.collect();
    if let Some(transfer) = policy.transfer {
        let name = |id: RoleId| policy.role(id).map_or("", |role| role.name.as_str());
        let left = transfer.leaves.map(|id| format!("; the former holder is left as {}", name(id))).unwrap_or_default();
        lines.push(format!("{} is handed over in one step to an active member{left}", name(transfer.role)));
    }
    lines
}
