//! What a new version of a policy leaves out although somebody holds it: it would silently take something from
//! them, or lift a restriction.

use mandate_domain::policy::model::{Policy, Role};
use mandate_domain::policy::{self, Checked};
use mandate_storage::{NameInUse, NameKind, Store, StoreError, StoredPolicy};

use super::PolicyFile;

/// One sentence for each name in use that the new version does not know.
pub(super) async fn in_use(
    store: &Store,
    before: &StoredPolicy,
    after: &PolicyFile,
) -> Result<Vec<String>, StoreError> {
    let Checked { policy: Some(old), .. } = policy::check(&before.name, &before.source) else {
        // What cannot be read any more was denied anyhow.
        return Ok(Vec::new());
    };
    let mut sentences = Vec::new();
    for (what, kind, names) in left_out(&old, &after.policy) {
        // Each name by itself, so that all of them are told at once.
        for name in names {
            let held = store.name_in_use(&old.name, kind, std::slice::from_ref(&name)).await?;
            if let Some(NameInUse { name, holders }) = held {
                sentences.push(format!(
                    "{}: leaves out the {what} {name}, which is held {holders} time(s); keep it, or take it from its \
                     holders first",
                    after.file
                ));
            }
        }
    }
    Ok(sentences)
}

type LeftOut<'a> = (String, NameKind<'a>, Vec<String>);

/// Names of the old version that the new one does not have.
pub(super) fn left_out<'a>(old: &'a Policy, new: &Policy) -> Vec<LeftOut<'a>> {
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
