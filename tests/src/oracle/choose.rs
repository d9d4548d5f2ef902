//! What the numbers of a history mean in an account of a policy.

use std::collections::BTreeSet;

use super::history::{Carrying, NOBODY, RESOURCES};
use super::policy::{Attribute, Policy, Value};
use super::world::{Assignment, Member, Ref};

/// The names that numbers mean, each once.
pub(super) fn names<'a>(known: impl Iterator<Item = &'a String>, picks: &[u8]) -> Vec<String> {
    let known: Vec<&String> = known.collect();
    let unknown = if known.iter().any(|name| name.contains('.')) { "nobody.at_all" } else { "nobody" };
    let pick = |pick: &u8| match usize::from(*pick).checked_rem(known.len()) {
        Some(index) if *pick != NOBODY => known[index].clone(),
        _ => unknown.to_owned(),
    };
    let names: BTreeSet<String> = picks.iter().map(pick).collect();
    names.into_iter().collect()
}

/// The member without what does not go together: one role that stands alone, and those that need no slot of it.
pub(super) fn fitting(policy: &Policy, member: Member) -> Member {
    let alone =
        policy.roles.iter().filter(|(_, role)| role.stands_alone && !role.at_birth).map(|(name, _)| name);
    let known = member.roles.iter().filter(|name| policy.roles.contains_key(*name));
    let first = known.clone().find(|name| policy.roles[*name].stands_alone);
    let role = first.or(alone.min()).cloned().unwrap_or_default();
    let fits = &policy.roles[&role];
    let additive = |name: &&String| {
        let role = &policy.roles[*name];
        !role.stands_alone && (role.exclusive.is_none() || role.exclusive != fits.exclusive)
    };
    Member {
        grants: member.grants.into_iter().filter(|name| fits.grantable.contains(name)).collect(),
        restrictions: member
            .restrictions
            .into_iter()
            .filter(|name| fits.restrictable.contains(name))
            .collect(),
        roles: known.filter(additive).take(1).cloned().chain([role.clone()]).collect(),
        ..member
    }
}

/// Mostly permissions that can be granted beside one of the roles.
pub(super) fn grants(policy: &Policy, roles: &[String], picks: &[u8]) -> Vec<String> {
    let beside: Vec<String> = roles
        .iter()
        .filter_map(|role| policy.roles.get(role))
        .flat_map(|role| role.grantable.clone())
        .collect();
    picks
        .iter()
        .flat_map(|pick| {
            if pick % 8 != 0 {
                if beside.is_empty() { Vec::new() } else { names(beside.iter(), &[*pick]) }
            } else {
                names(policy.permissions.iter(), &[*pick])
            }
        })
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Mostly restrictions that can be put on holders of one of the roles.
pub(super) fn restrictions(policy: &Policy, roles: &[String], picks: &[u8]) -> Vec<String> {
    let fit: Vec<String> = roles
        .iter()
        .filter_map(|role| policy.roles.get(role))
        .flat_map(|role| role.restrictable.clone())
        .collect();
    let fit = if fit.is_empty() { policy.restrictions.keys().cloned().collect() } else { fit };
    let picks: Vec<u8> = picks.iter().copied().filter(|_| !policy.restrictions.is_empty()).collect();
    names(fit.iter(), &picks)
}

pub(super) fn resource(policy: &Policy, kind: u8, id: u8) -> Option<Ref> {
    let kind = policy.types.keys().nth(usize::from(kind).checked_rem(policy.types.len())?)?;
    Some((kind.clone(), format!("r{}", usize::from(id) % RESOURCES)))
}

pub(super) fn parent_of(policy: &Policy, kind: &str, pick: u8) -> Option<Ref> {
    let wanted = policy.types[kind].parent.clone();
    let wanted = if pick % 16 == 15 { policy.types.keys().next().cloned() } else { wanted };
    wanted.map(|kind| (kind, format!("r{}", usize::from(pick) % RESOURCES)))
}

pub(super) fn assignment(policy: &Policy, user: &str, carrying: &Carrying) -> Option<Assignment> {
    let resource = resource(policy, carrying.kind, carrying.id)?;
    let kind = &policy.types[&resource.0];
    // Where there is nothing to choose from, mostly nothing is chosen.
    let some = |picks: &[u8], known: Vec<String>| match known.is_empty() && !carrying.id.is_multiple_of(16) {
        true => Vec::new(),
        false => names(known.iter(), picks),
    };
    let roles = some(&carrying.roles, kind.roles.keys().cloned().collect());
    let permissions = some(&carrying.permissions, kind.assignable.clone());
    Some(Assignment { user: user.into(), resource, roles, permissions })
}

/// A value that meets what policies usually require.
pub(super) fn best(attribute: &Attribute) -> Option<Value> {
    Some(match attribute.kind.as_str() {
        "choice" => Value::Text(attribute.choices.last()?.clone()),
        "flag" => Value::Flag(true),
        "number" => Value::Number(20),
        _ => Value::Text("example.org".into()),
    })
}

/// An attribute and a new value, sometimes of the wrong kind; `None`: it is unset.
pub(super) fn attribute(policy: &Policy, (name, value): (u8, u8)) -> (String, Option<Value>) {
    let name = names(policy.attributes.keys(), &[name]).pop().unwrap_or_default();
    let kind = policy.attributes.get(&name).map_or("", |attribute| attribute.kind.as_str());
    let choices = policy.attributes.get(&name).map(|attribute| attribute.choices.clone()).unwrap_or_default();
    let found = match (kind, value) {
        (_, 240..) => Value::Text("?".into()),
        (_, 200..240) => return (name, None),
        ("choice", pick) => Value::Text(choices[usize::from(pick) % choices.len()].clone()),
        ("flag", pick) => Value::Flag(pick % 2 == 0),
        ("number", pick) => Value::Number(i64::from(pick % 12)),
        ("domain", _) => Value::Text("example.net".into()),
        _ => Value::Text("a remark".into()),
    };
    (name, Some(found))
}
