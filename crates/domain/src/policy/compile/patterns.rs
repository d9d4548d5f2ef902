//! Lists of permissions: `users.view`, `users.*`, `*.view`, `*`, and `except PATTERN`.

use super::Compiler;
use crate::policy::diagnostic::suggestion;
use crate::policy::model::Permission;
use crate::policy::set::{Mask, PermissionId, PermissionSet};
use crate::policy::yaml::Node;

/// Which permissions a place has room for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Room<'w> {
    /// The permissions it has room for. A pattern with a `*` means those of them that it matches.
    pub(super) set: PermissionSet,
    /// What is wrong with any other that is named outright: `is not about a resource`.
    pub(super) otherwise: &'w str,
}

/// What a list says before its exceptions are taken from it.
#[derive(Default)]
struct Said {
    included: PermissionSet,
    excepted: PermissionSet,
    nothing_but_exceptions: bool,
}

impl Compiler<'_, '_> {
    /// The permissions of a list, wherever any would do.
    pub(super) fn any_permissions(&mut self, node: &Node) -> PermissionSet {
        let set = self.all_permissions();
        self.permissions(node, Room { set, otherwise: "" })
    }

    pub(super) fn all_permissions(&self) -> PermissionSet {
        (0_u16..).zip(&self.policy.permissions).map(|(id, _)| PermissionId(id)).collect()
    }

    /// The permissions that can be asked about one of these types.
    pub(super) fn permissions_about(&self, types: Mask) -> PermissionSet {
        let about = |permission: &Permission| !permission.on.intersection(types).is_empty();
        (0_u16..)
            .zip(&self.policy.permissions)
            .filter(|(_, permission)| about(permission))
            .map(|(id, _)| PermissionId(id))
            .collect()
    }

    /// The permissions of a list that has room for some only.
    pub(super) fn permissions(&mut self, node: &Node, room: Room<'_>) -> PermissionSet {
        let mut said = Said { nothing_but_exceptions: true, ..Said::default() };
        let mut exceptions = Vec::new();
        for item in self.reader.items(node) {
            let Some(word) = self.reader.word(item) else { continue };
            match word.strip_prefix("except ") {
                Some(pattern) => {
                    let set = self.matching(item, pattern.trim(), room);
                    said.excepted = said.excepted.union(&set);
                    exceptions.push((item, set));
                }
                None => {
                    said.nothing_but_exceptions = false;
                    said.included = said.included.union(&self.matching(item, word, room));
                }
            }
        }
        if said.nothing_but_exceptions && !exceptions.is_empty() {
            let hint = Some("write what they are exceptions from before them, such as `\"*\"`".to_owned());
            self.reader.error_hint(node, "the list holds exceptions and nothing they are taken from", hint);
        } else {
            for (item, set) in exceptions {
                if !set.is_empty() && set.intersection(&said.included).is_empty() {
                    self.reader.warn(item, "this takes away nothing that the list holds");
                }
            }
        }
        said.included.difference(&said.excepted)
    }

    fn matching(&mut self, node: &Node, pattern: &str, room: Room<'_>) -> PermissionSet {
        let found: PermissionSet = (0_u16..)
            .zip(&self.policy.permissions)
            .filter(|(_, permission)| matches(pattern, &permission.name))
            .map(|(id, _)| PermissionId(id))
            .collect();
        let fitting = found.intersection(&room.set);
        if found.is_empty() {
            self.report_unmatched(node, pattern);
        } else if fitting.is_empty() {
            let what = if pattern.contains('*') { "everything it matches" } else { "it" };
            self.reader.error(node, format!("`{pattern}` has no place here: {what} {}", room.otherwise));
        }
        fitting
    }

    fn report_unmatched(&mut self, node: &Node, pattern: &str) {
        let permissions = self.policy.permissions.iter().map(|permission| permission.name.as_str());
        let modules: Vec<String> =
            self.policy.modules.iter().map(|module| format!("{}.*", module.name)).collect();
        let (message, candidates): (_, Vec<&str>) = if pattern.contains('*') {
            (format!("no permission matches `{pattern}`"), modules.iter().map(String::as_str).collect())
        } else {
            (format!("no permission `{pattern}`"), permissions.collect())
        };
        let hint = suggestion(pattern, candidates);
        self.reader.error_hint(node, message, hint);
    }
}

/// Whether a permission's name has the form of the pattern.
fn matches(pattern: &str, name: &str) -> bool {
    let (Some((module, action)), Some((own_module, own_action))) =
        (pattern.split_once('.'), name.split_once('.'))
    else {
        return pattern == "*";
    };
    (module == "*" || module == own_module) && (action == "*" || action == own_action)
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn a_star_stands_for_a_whole_module_or_a_whole_action_and_for_no_part_of_one() {
        assert!(
            matches("*", "users.view") && matches("users.*", "users.view") && matches("*.view", "users.view")
        );
        assert!(
            !matches("us*.view", "users.view")
                && !matches("users", "users.view")
                && !matches("*.edit", "users.view")
        );
    }
}
