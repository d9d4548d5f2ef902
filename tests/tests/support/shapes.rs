//! What requests, and the people who make them, look like under each built-in policy: read from the policy files.

use mandate_domain::policy::model::{AttributeKind, Policy, ResourceIds, Role};
use mandate_domain::policy::{builtin, compile};
use mandate_proto::v1::{AttributeValue, attribute_value};

use mandate_tests::walk::stage::{Cast, Contacts, Ids, Kind, Place, Shape};

/// The built-in policies.
pub fn policies() -> Vec<Policy> {
    builtin().iter().map(|(name, text)| compile(name, text).expect("a built-in policy")).collect()
}

/// What requests need to know of a policy.
pub fn shape(policy: &Policy) -> Shape {
    let alone = || policy.roles.iter().filter(|role| role.stands_alone);
    let low = alone().filter(|role| !role.at_birth).min_by_key(|role| role.may.len()).expect("a low role");
    let others = || alone().filter(|role| role.name != low.name);
    let other = others().find(|role| !role.at_birth).or_else(|| others().next()).expect("another role");
    let kind = policy.resource_types.iter().find(|kind| kind.parent.is_none()).map(|kind| Kind {
        name: kind.name.clone(),
        ids: if kind.ids == ResourceIds::Free { Ids::Free } else { Ids::Registered },
        role: kind.roles.iter().find(|role| !role.at_birth).map(|role| role.name.clone()),
    });
    let groups = policy.groups.as_ref();
    let given = groups
        .and_then(|groups| groups.roles.iter().find(|role| !role.made_by_operator && !role.role.at_birth));
    Shape {
        policy: policy.name.clone(),
        attributes: policy.attributes.iter().map(|found| (found.name.clone(), best(&found.kind))).collect(),
        low_role: low.name.clone(),
        other_role: other.name.clone(),
        kind,
        contacts: if policy.contacts.is_some() { Contacts::Some } else { Contacts::None },
        group_role: given.map(|role| role.role.name.clone()),
        permission: policy.permissions[0].name.clone(),
    }
}

/// A value that meets what the built-in policies require.
fn best(kind: &AttributeKind) -> AttributeValue {
    let value = match kind {
        AttributeKind::Choice(words) => attribute_value::Value::Text(words.last().expect("a word").clone()),
        AttributeKind::Flag => attribute_value::Value::Flag(true),
        AttributeKind::Number => attribute_value::Value::Number(100),
        AttributeKind::Text | AttributeKind::Domain => attribute_value::Value::Text("example.org".into()),
    };
    AttributeValue { value: Some(value) }
}

/// Somebody in every role of the policy: of members, of the resource, of the group.
pub fn casts(policy: &Policy, shape: &Shape) -> Vec<Cast> {
    let of_member = |role: &Role| Cast {
        label: role.name.clone(),
        roles: if role.stands_alone {
            vec![role.name.clone()]
        } else {
            vec![shape.low_role.clone(), role.name.clone()]
        },
        // Of a role that only one can hold, the first user is the one.
        place: if role.at_birth && role.holders.most == Some(1) { Place::First } else { Place::Later },
        ..Cast::default()
    };
    let of_resource = |name: &str, role: &Role| Cast {
        label: format!("{name}:{}", role.name),
        roles: vec![shape.low_role.clone()],
        resource_role: Some(role.name.clone()),
        ..Cast::default()
    };
    let first: Vec<String> =
        policy.roles.iter().filter(|role| role.at_birth).map(|role| role.name.clone()).collect();
    let of_group = |role: &Role| Cast {
        label: format!("group:{}", role.name),
        roles: if role.at_birth { first.clone() } else { Vec::new() },
        group_role: Some(role.name.clone()),
        place: if role.at_birth { Place::First } else { Place::Later },
        ..Cast::default()
    };
    let kind = shape
        .kind
        .as_ref()
        .and_then(|kind| policy.resource_types.iter().find(|found| found.name == kind.name));
    let resource_roles =
        kind.into_iter().flat_map(|kind| kind.roles.iter().map(|role| of_resource(&kind.name, role)));
    let group_roles = policy.groups.iter().flat_map(|groups| &groups.roles).map(|role| of_group(&role.role));
    policy.roles.iter().map(of_member).chain(resource_roles).chain(group_roles).collect()
}
