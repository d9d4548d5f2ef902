//! What a policy says beyond its tables, in sentences.

use super::delegation::delegation;
use super::phrases::{pair, permissions, requires, restriction_names, role_names};
use super::{Section, type_names};
use crate::account::AttributeValue;
use crate::operation::{Operation, ResourceOperation};
use crate::policy::model::{
    AttributeKind, BoardingWay, GroupControl, MailTopic, Needs, OperationRule, Policy, ResourceIds, Role,
};
use crate::policy::set::{Mask, PermissionId, RoleId};

pub(super) fn sections(policy: &Policy) -> Vec<Section> {
    let all = [
        Section { heading: "Roles", lines: roles(policy) },
        Section { heading: "Who gives, takes and removes, and over whom", lines: delegation(policy) },
        Section { heading: "Restrictions", lines: restrictions(policy) },
        Section { heading: "Account attributes", lines: attributes(policy) },
        Section {
            heading: "Permissions that an account must qualify for",
            lines: required_permissions(policy),
        },
        Section { heading: "Resource types", lines: resource_types(policy) },
        Section { heading: "Operations, what they need, and who has it", lines: operations(policy) },
        Section { heading: "Groups", lines: groups(policy) },
        Section { heading: "Coming aboard", lines: boarding(policy) },
    ];
    all.into_iter().filter(|section| !section.lines.is_empty()).collect()
}

/// The roles of an account's members, of groups' users and of each resource type's members, each table with
/// the prefix that tells whose its roles are.
fn tables(policy: &Policy) -> Vec<(String, Vec<&Role>)> {
    let mut tables = vec![(String::new(), policy.roles.iter().collect())];
    let groups = policy.groups.iter().flat_map(|groups| &groups.roles);
    tables.push(("group ".to_owned(), groups.map(|role| &role.role).collect()));
    for kind in &policy.resource_types {
        tables.push((format!("{}:", kind.name), kind.roles.iter().collect()));
    }
    tables
}

/// Every role with a name that tells whose it is.
pub(super) fn every_role(policy: &Policy) -> Vec<(String, &Role)> {
    let mut named = Vec::new();
    for (prefix, roles) in tables(policy) {
        named.extend(roles.into_iter().map(|role| (format!("{prefix}{}", role.name), role)));
    }
    named
}

fn roles(policy: &Policy) -> Vec<String> {
    let mut lines = Vec::new();
    for (prefix, roles) in tables(policy) {
        for role in &roles {
            lines.push(format!("{prefix}{}: {}", role.name, role_facts(policy, role, &roles).join("; ")));
        }
    }
    lines
}

fn role_facts(policy: &Policy, role: &Role, table: &[&Role]) -> Vec<String> {
    let rivals = table
        .iter()
        .filter(|other| role.slot.is_some() && other.slot == role.slot && other.name != role.name);
    let rivals: Vec<&str> = rivals.map(|other| other.name.as_str()).collect();
    let mut facts = vec![match rivals.as_slice() {
        [] => "combines with any other".to_owned(),
        rivals => format!("never beside {}", rivals.join(", ")),
    }];
    if !role.stands_alone {
        facts.push("never stands alone".to_owned());
    }
    facts.push(match (role.holders.least, role.holders.most) {
        (0, None) => "any number of holders".to_owned(),
        (1, Some(1)) => "exactly one holder".to_owned(),
        (0, Some(1)) => "at most one holder".to_owned(),
        (0, Some(most)) => format!("at most {most} holders"),
        (1, None) => "at least one holder".to_owned(),
        (least, None) => format!("at least {least} holders"),
        (least, Some(most)) => format!("{least} to {most} holders"),
    });
    if role.at_birth {
        facts.push("at birth".to_owned());
    }
    if role.given_by_operator {
        facts.push("made by platform operators".to_owned());
    }
    facts.extend(role.receives.iter().map(|topic| match topic {
        MailTopic::Billing => "receives billing mail".to_owned(),
    }));
    facts.extend(requires(policy, role.requires));
    if !role.grantable.is_empty() {
        facts.push(format!("may be granted {}", permissions(policy, &role.grantable)));
    }
    if !role.restrictable.is_empty() {
        facts.push(format!("may be restricted by {}", restriction_names(policy, role.restrictable)));
    }
    facts
}

fn restrictions(policy: &Policy) -> Vec<String> {
    let restrictions = policy.restrictions.iter();
    restrictions
        .map(|own| format!("{}: takes away {}", own.name, permissions(policy, &own.removes)))
        .collect()
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
        .filter_map(|permission| {
            Some(format!("{} {}", permission.name, requires(policy, permission.requires)?))
        })
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
    let absent: Vec<&str> = Operation::ALL
        .iter()
        .filter(|own| !policy.operations.contains_key(own))
        .map(|own| own.name())
        .collect();
    if !absent.is_empty() {
        lines.push(format!("by platform operators alone: {}", absent.join(", ")));
    }
    lines
}

fn operation_line(policy: &Policy, name: &str, rule: &OperationRule) -> String {
    let mut line = match rule.needs {
        Needs::AnyMember => format!("{name}: every active member"),
        Needs::Permission(id) => {
            let who: Vec<String> =
                every_role(policy).into_iter().filter_map(|(name, role)| holder(name, role, id)).collect();
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

fn holder(name: String, role: &Role, id: PermissionId) -> Option<String> {
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
        pair(&mut facts, ("gives", "takes"), own.gives, own.takes, Mask::is_empty, |mask| {
            role_names(&roles, mask)
        });
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
    if let Some(role) = policy.boarding.role.and_then(|id| policy.role(id)) {
        lines.push(format!("as {}, where an import names no role", role.name));
    }
    if let Some(transfer) = policy.transfer {
        let name = |id: RoleId| policy.role(id).map_or("", |role| role.name.as_str());
        let left = transfer
            .leaves
            .map(|id| format!("; the former holder is left as {}", name(id)))
            .unwrap_or_default();
        lines.push(format!("{} is handed over in one step to an active member{left}", name(transfer.role)));
    }
    lines
}
