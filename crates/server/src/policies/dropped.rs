//! What a new version of a policy leaves out although somebody holds it: it would silently take something from
//! them, or lift a restriction.

use mandate_domain::policy::model::{Policy, Role};
use mandate_storage::NameKind;

/// What the new version does not have: what sort of thing each is to people, and its name.
pub(super) struct LeftOut<'a> {
    whats: Vec<String>,
    /// What each is to the store, and its name.
    pub(super) names: Vec<(NameKind<'a>, String)>,
}

impl<'a> LeftOut<'a> {
    /// Of an old version, if there is one and it can be read: what cannot be read any more was denied anyhow.
    pub(super) fn between(old: Option<&'a Policy>, new: &Policy) -> Self {
        let mut left = Self { whats: Vec::new(), names: Vec::new() };
        for (what, kind, names) in old.map(|old| left_out(old, new)).unwrap_or_default() {
            for name in names {
                left.whats.push(what.clone());
                left.names.push((kind, name));
            }
        }
        left
    }

    /// Says of those of the list that are held how often they are.
    pub(super) fn sentences(&self, held: &[(usize, u64)]) -> Vec<String> {
        let told = held.iter().filter_map(|(index, holders)| {
            let (what, (_, name)) = (self.whats.get(*index)?, self.names.get(*index)?);
            Some(format!(
                "leaves out the {what} {name}, which is held {holders} time(s); keep it, or take it from its holders \
                 first"
            ))
        });
        told.collect()
    }
}

type Names<'a> = (String, NameKind<'a>, Vec<String>);

/// Names of the old version that the new one does not have.
fn left_out<'a>(old: &'a Policy, new: &Policy) -> Vec<Names<'a>> {
    let permissions: Vec<String> = old
        .permissions
        .iter()
        .map(|permission| permission.name.clone())
        .filter(|name| new.permission_id(name).is_none())
        .collect();
    let restrictions = old.restrictions.iter().map(|restriction| restriction.name.clone());
    let restrictions = restrictions.filter(|name| new.restriction_id(name).is_none()).collect();
    let mut names = vec![
        ("role".to_owned(), NameKind::Role, roles(&old.roles, |name| new.role_id(name).is_some())),
        ("permission".to_owned(), NameKind::Grant, permissions.clone()),
        ("permission (on assignments)".to_owned(), NameKind::AssignedPermission, permissions),
        ("restriction".to_owned(), NameKind::Restriction, restrictions),
    ];
    for kind in &old.resource_types {
        let now = new.resource_type_id(&kind.name).and_then(|id| new.resource_type(id));
        let known = |name: &str| now.is_some_and(|now| now.role_id(name).is_some());
        names.push((
            format!("role of {}", kind.name),
            NameKind::ResourceRole(&kind.name),
            roles(&kind.roles, known),
        ));
    }
    if let Some(groups) = &old.groups {
        let known = |name: &str| new.groups.as_ref().is_some_and(|groups| groups.role_id(name).is_some());
        let old_roles = groups.roles.iter().map(|role| &role.role);
        names.push(("group role".to_owned(), NameKind::GroupRole, roles(old_roles, known)));
    }
    names
}

fn roles<'a>(old: impl IntoIterator<Item = &'a Role>, known: impl Fn(&str) -> bool) -> Vec<String> {
    old.into_iter().map(|role| role.name.clone()).filter(|name| !known(name)).collect()
}
