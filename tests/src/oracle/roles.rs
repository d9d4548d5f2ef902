//! The roles of a policy file: of members, of resources, of groups.

use std::collections::BTreeMap;

use serde_json::Value as Yaml;

use super::policy::{Groups, Policy, Requirement, all_or, requirements};
use super::yaml::{entries, expand, is_on, word, words};

/// A role of any kind; what a kind does not have is empty.
#[derive(Debug, Clone, Default)]
pub struct Role {
    /// Permissions held on everything.
    pub may: Vec<String>,
    /// Permissions held on assigned resources.
    pub on_assigned: Vec<String>,
    /// Permissions held on resources that the member created.
    pub on_own: Vec<String>,
    /// Permissions that may be granted beside it.
    pub grantable: Vec<String>,
    /// Restrictions that may be put on its holder.
    pub restrictable: Vec<String>,
    /// Of roles with the same word, only one is held.
    pub exclusive: Option<String>,
    /// Whether it can be held alone.
    pub stands_alone: bool,
    /// Whether it comes with creating.
    pub at_birth: bool,
    /// Fewest active holders.
    pub least: usize,
    /// Most holders.
    pub most: usize,
    /// What it requires of the account.
    pub requires: Vec<Requirement>,
    /// What its holders hand out.
    pub delegation: Vec<Rule>,
    /// Group roles: the account role it rests on.
    pub must_hold: Option<String>,
    /// Group roles: whether only operators give it.
    pub made_by_operator: bool,
    /// Group roles: group roles its holders give.
    pub gives: Vec<String>,
    /// Group roles: group roles its holders take.
    pub takes: Vec<String>,
}

/// A rule of delegation.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    /// Roles, `anyone`, `self`.
    pub over: Vec<String>,
    /// Roles given.
    pub give: Vec<String>,
    /// Roles taken.
    pub take: Vec<String>,
    /// Permissions granted.
    pub grant: Vec<String>,
    /// Permissions withdrawn.
    pub withdraw: Vec<String>,
    /// Restrictions put.
    pub restrict: Vec<String>,
    /// Restrictions lifted.
    pub lift: Vec<String>,
    /// Members removed, suspended and reinstated.
    pub remove: bool,
    /// What is assigned.
    pub assign: Vec<Carried>,
    /// What is unassigned.
    pub unassign: Vec<Carried>,
}

/// What an assignment of a type carries.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Carried {
    /// The type.
    pub kind: String,
    /// Roles of the type.
    pub roles: Vec<String>,
    /// Permissions.
    pub permissions: Vec<String>,
}

/// Reads everything that stands under `roles`, wherever that is.
pub(super) fn fill(policy: &mut Policy, file: &Yaml) {
    for (kind, said) in entries(&file["resources"]) {
        let room: Vec<String> =
            policy.permissions.iter().filter(|name| about_within(policy, name, &kind)).cloned().collect();
        let assignable = expand(&said["assignable"], &room);
        policy.types.get_mut(&kind).expect("was read").assignable = assignable;
    }
    let account_roles: Vec<String> = entries(&file["roles"]).into_iter().map(|(name, _)| name).collect();
    for (kind, said) in entries(&file["resources"]) {
        let room: Vec<String> =
            policy.permissions.iter().filter(|name| about_within(policy, name, &kind)).cloned().collect();
        let roles = table(policy, file, &said["roles"], &room, &account_roles);
        policy.types.get_mut(&kind).expect("was read").roles = roles;
    }
    let all = policy.permissions.clone();
    policy.roles = table(policy, file, &file["roles"], &all, &account_roles);
    let groups = &file["groups"];
    if !groups.is_null() {
        policy.groups = Some(Groups {
            founder: word(&groups["founder"]),
            kept: all_or(words(&groups["kept"]), &account_roles),
            roles: table(policy, file, &groups["roles"], &all, &account_roles),
        });
    }
}

fn about_within(policy: &Policy, permission: &str, kind: &str) -> bool {
    policy.about[permission].iter().any(|about| policy.is_within(kind, about))
}

/// The roles of a map. `room`: the permissions that their `may` can mean.
fn table(
    policy: &Policy,
    file: &Yaml,
    said: &Yaml,
    room: &[String],
    account_roles: &[String],
) -> BTreeMap<String, Role> {
    let names: Vec<String> = entries(said).into_iter().map(|(name, _)| name).collect();
    let one = |name: &String| {
        (name.clone(), with_includes(policy, file, said, name, room, (account_roles, &names)))
    };
    names.iter().map(one).collect()
}

type Names<'a> = (&'a [String], &'a [String]);

/// A role together with what the roles that it includes hold and hand out.
fn with_includes(
    policy: &Policy,
    file: &Yaml,
    said: &Yaml,
    name: &str,
    room: &[String],
    names: Names<'_>,
) -> Role {
    let mut role = own(policy, file, &said[name], room, names);
    for included in words(&said[name]["includes"]) {
        let other = with_includes(policy, file, said, &included, room, names);
        role.may.extend(other.may);
        role.on_assigned.extend(other.on_assigned);
        role.on_own.extend(other.on_own);
        role.grantable.extend(other.grantable);
        role.restrictable.extend(other.restrictable);
        role.delegation.extend(other.delegation);
    }
    role
}

fn own(
    policy: &Policy,
    file: &Yaml,
    said: &Yaml,
    room: &[String],
    (account_roles, siblings): Names<'_>,
) -> Role {
    let about = |wanted: &dyn Fn(&str) -> bool| -> Vec<String> {
        let fits = |name: &&String| policy.about[*name].iter().any(|kind| wanted(kind));
        policy.permissions.iter().filter(fits).cloned().collect()
    };
    let exclusive = word(&said["exclusive"]);
    let gives = all_or(words(&said["gives"]), siblings);
    Role {
        may: expand(&said["may"], room),
        on_assigned: expand(&said["may_on_assigned"], &about(&|_| true)),
        on_own: expand(&said["may_on_own"], &about(&|kind| !policy.types[kind].free)),
        grantable: expand(&said["grantable"], &policy.permissions),
        restrictable: all_or(
            words(&said["restrictable"]),
            &policy.restrictions.keys().cloned().collect::<Vec<_>>(),
        ),
        exclusive: Some(exclusive).filter(|word| !word.is_empty() && word != "off"),
        stands_alone: said["stands_alone"].is_null() || is_on(&said["stands_alone"]),
        at_birth: is_on(&said["at_birth"]),
        least: number(&said["holders"]["least"]).unwrap_or(0),
        most: number(&said["holders"]["most"]).unwrap_or(usize::MAX),
        requires: requirements(&said["requires"]),
        delegation: rules(policy, file, &said["delegation"], account_roles),
        must_hold: Some(word(&said["must_hold"])).filter(|name| !name.is_empty()),
        made_by_operator: is_on(&said["made_by_operator"]),
        takes: if said["takes"].is_null() { gives.clone() } else { all_or(words(&said["takes"]), siblings) },
        gives,
    }
}

fn number(said: &Yaml) -> Option<usize> {
    said.as_u64().map(|number| usize::try_from(number).expect("a small number"))
}

fn rules(policy: &Policy, file: &Yaml, said: &Yaml, account_roles: &[String]) -> Vec<Rule> {
    match said {
        Yaml::Null => Vec::new(),
        Yaml::Array(rules) => rules.iter().map(|said| rule(policy, file, said, account_roles)).collect(),
        one => vec![rule(policy, file, one, account_roles)],
    }
}

fn rule(policy: &Policy, file: &Yaml, said: &Yaml, account_roles: &[String]) -> Rule {
    let restrictions: Vec<String> = policy.restrictions.keys().cloned().collect();
    // Left out, the taking half of a pair is as the giving half.
    let or =
        |own: &str, other: &str| if said[own].is_null() { said[other].clone() } else { said[own].clone() };
    Rule {
        over: if said["over"].is_null() { vec!["anyone".into()] } else { words(&said["over"]) },
        give: all_or(words(&said["give"]), account_roles),
        take: all_or(words(&or("take", "give")), account_roles),
        grant: expand(&said["grant"], &policy.permissions),
        withdraw: expand(&or("withdraw", "grant"), &policy.permissions),
        restrict: all_or(words(&said["restrict"]), &restrictions),
        lift: all_or(words(&or("lift", "restrict")), &restrictions),
        remove: is_on(&said["remove"]),
        assign: carried(policy, file, &said["assign"]),
        unassign: carried(policy, file, &or("unassign", "assign")),
    }
}

fn carried(policy: &Policy, file: &Yaml, said: &Yaml) -> Vec<Carried> {
    if !said.is_object() {
        let all: Vec<String> = policy.types.keys().cloned().collect();
        let plain = |kind| Carried { kind, ..Carried::default() };
        return all_or(words(said), &all).into_iter().map(plain).collect();
    }
    let one = |(kind, said): (String, Yaml)| {
        let roles: Vec<String> =
            entries(&file["resources"][&kind]["roles"]).into_iter().map(|(name, _)| name).collect();
        let permissions = expand(&said["permissions"], &policy.types[&kind].assignable);
        Carried { roles: all_or(words(&said["roles"]), &roles), permissions, kind }
    };
    entries(said).into_iter().map(one).collect()
}
