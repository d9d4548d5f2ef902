//! Names of a command resolved against the policy: every unknown one becomes a field error with the nearest
//! name that would do, all of them at once.

use crate::policy::model::{Policy, ResourceType};
use crate::policy::set::{Mask, PermissionSet, ResourceTypeId};
use crate::refusal::{FieldError, Refusal};

/// Collects field errors, so that a caller hears of all of them together.
#[derive(Debug, Default)]
pub(super) struct Fields(Vec<FieldError>);

impl Fields {
    pub(super) fn reject(&mut self, path: impl Into<String>, message: impl Into<String>) {
        self.0.push(FieldError::new(path, message));
    }

    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.0.is_empty() { Ok(()) } else { Err(Refusal::Invalid(self.0)) }
    }

    pub(super) fn roles(&mut self, policy: &Policy, path: &str, names: &[String]) -> Mask {
        let known = policy.roles.iter().map(|role| role.name.as_str());
        self.mask(path, "role", names, known, |name| policy.role_id(name).map(|id| id.0))
    }

    pub(super) fn restrictions(&mut self, policy: &Policy, path: &str, names: &[String]) -> Mask {
        let known = policy.restrictions.iter().map(|restriction| restriction.name.as_str());
        self.mask(path, "restriction", names, known, |name| policy.restriction_id(name))
    }

    pub(super) fn resource_roles(&mut self, kind: &ResourceType, path: &str, names: &[String]) -> Mask {
        let known = kind.roles.iter().map(|role| role.name.as_str());
        self.mask(path, "role of this resource type", names, known, |name| kind.role_id(name).map(|id| id.0))
    }

    pub(super) fn permissions(&mut self, policy: &Policy, path: &str, names: &[String]) -> PermissionSet {
        let known = || policy.permissions.iter().map(|permission| permission.name.as_str());
        (0..)
            .zip(names)
            .filter_map(|(index, name): (usize, _)| {
                let id = policy.permission_id(name);
                if id.is_none() {
                    self.reject(format!("{path}[{index}]"), unknown("permission", name, known()));
                }
                id
            })
            .collect()
    }

    pub(super) fn resource_type<'p>(
        &mut self,
        policy: &'p Policy,
        path: &str,
        name: &str,
    ) -> Option<(ResourceTypeId, &'p ResourceType)> {
        let found = policy.resource_type_id(name).and_then(|id| Some((id, policy.resource_type(id)?)));
        if found.is_none() {
            let known = policy.resource_types.iter().map(|kind| kind.name.as_str());
            self.reject(path, unknown("resource type", name, known));
        }
        found
    }

    fn mask<'n>(
        &mut self,
        path: &str,
        what: &str,
        names: &[String],
        known: impl Iterator<Item = &'n str> + Clone,
        find: impl Fn(&str) -> Option<u8>,
    ) -> Mask {
        (0..)
            .zip(names)
            .filter_map(|(index, name): (usize, _)| {
                let id = find(name);
                if id.is_none() {
                    self.reject(format!("{path}[{index}]"), unknown(what, name, known.clone()));
                }
                id
            })
            .collect()
    }
}

/// `no role "admn" in this account's policy; did you mean "admin"?`
pub(super) fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str>) -> String {
    let nearest = known
        .map(|candidate| (strsim::damerau_levenshtein(candidate, name), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(name.len()) / 2)
        .min();
    match nearest {
        Some((_, candidate)) => format!("no {what} \"{name}\" in this account's policy; did you mean \"{candidate}\"?"),
        None => format!("no {what} \"{name}\" in this account's policy"),
    }
}

/// The names of a mask's roles, sorted, as memberships store them.
pub(super) fn stored<'n>(mask: Mask, name_of: impl Fn(usize) -> Option<&'n str>) -> Vec<String> {
    let mut names: Vec<String> =
        mask.iter().filter_map(|index| name_of(usize::from(index))).map(str::to_owned).collect();
    names.sort();
    names
}

/// The names of a set's permissions, sorted, as memberships store them.
pub(super) fn stored_permissions(policy: &Policy, set: &PermissionSet) -> Vec<String> {
    let mut names: Vec<String> = policy.permission_names(set).map(str::to_owned).collect();
    names.sort();
    names
}
