//! Modules and their actions.

use super::{Compiler, label};
use crate::policy::model::{Module, Permission};
use crate::policy::reader::is_name;
use crate::policy::set::{MAX_PERMISSIONS, Mask, PermissionId, PermissionSet};
use crate::policy::yaml::{Content, Node};

/// One action as the file gives it.
struct Action<'n> {
    name: &'n str,
    path: String,
    title: Option<String>,
    body: Option<&'n Node>,
}

const ACTION_FIELDS: &[&str] = &["title", "on", "requires"];

impl Compiler<'_, '_> {
    pub(super) fn declare_modules(&mut self, node: &Node) {
        for (name, node) in self.reader.named(node, "a module") {
            let fields = self.reader.fields(node, &["title", "on", "requires", "actions"]);
            let title = self.reader.text(fields.get("title")).unwrap_or_else(|| label(name));
            let index = self.policy.modules.len();
            let mut permissions = PermissionSet::EMPTY;
            let Some(actions) = fields.get("actions") else {
                self.reader.error(node, "the module has no `actions`");
                continue;
            };
            for action in self.actions(actions, Repeated::Report) {
                permissions
                    .insert(PermissionId(u16::try_from(self.policy.permissions.len()).unwrap_or(u16::MAX)));
                self.declare_permission(index, (name, &title), action);
            }
            self.policy.modules.push(Module { name: name.to_owned(), title, permissions });
        }
        let count = self.policy.permissions.len();
        if count > MAX_PERMISSIONS {
            let message = format!("{count} permissions are too many: there may be {MAX_PERMISSIONS}");
            self.reader.error(node, message);
        }
        if count == 0 {
            self.reader.error(node, "the policy has no permission at all");
        }
    }

    fn declare_permission(
        &mut self,
        module: usize,
        (prefix, module_title): (&str, &str),
        action: Action<'_>,
    ) {
        let name = format!("{prefix}.{}", action.name);
        let title =
            action.title.unwrap_or_else(|| format!("{module_title}: {}", action.name.replace('_', " ")));
        // INVARIANT: a number beyond what sets can hold never comes to exist; the file is refused anyway.
        if let Some(id) = u16::try_from(self.policy.permissions.len()).ok().map(PermissionId) {
            self.policy.permission_index.insert(name.clone(), id);
        }
        self.permission_paths.push(action.path);
        self.policy.permissions.push(Permission {
            name,
            title,
            module,
            on: Mask::EMPTY,
            requires: Mask::EMPTY,
            by_role: Mask::EMPTY,
            by_role_assigned: Mask::EMPTY,
            by_role_own: Mask::EMPTY,
            by_group_role: Mask::EMPTY,
            by_resource_role: Vec::new(),
            by_restriction: Mask::EMPTY,
        });
    }

    /// Reads what refers to types and attributes: what permissions are about, and what they require.
    pub(super) fn define_modules(&mut self, node: &Node) {
        for (module_name, node) in self.quiet(node) {
            let Content::Map(entries) = &node.content else { continue };
            let field = |key: &str| entries.iter().find(|(own, _)| own.text == key).map(|(_, value)| value);
            let on = field("on").map(|list| self.resource_types(list)).unwrap_or_default();
            let requires = field("requires").map(|map| self.requirements(map)).unwrap_or_default();
            let Some(actions) = field("actions") else { continue };
            for action in self.actions(actions, Repeated::Ignore) {
                let own = action.body.map(|body| self.fields_of(body));
                let own_on = own.and_then(|fields| fields.get("on")).map(|list| self.resource_types(list));
                let own_requires =
                    own.and_then(|fields| fields.get("requires")).map(|map| self.requirements(map));
                let id = self.policy.permission_id(&format!("{module_name}.{}", action.name));
                let permission = id.and_then(|id| self.policy.permissions.get_mut(usize::from(id.0)));
                if let Some(permission) = permission {
                    permission.on = own_on.unwrap_or(on);
                    permission.requires = requires.union(own_requires.unwrap_or_default());
                }
            }
        }
    }

    fn fields_of<'n>(&mut self, body: &'n Node) -> crate::policy::reader::Fields<'n> {
        // Unknown keys were reported when the action was declared; equal diagnostics are told once.
        self.reader.fields(body, ACTION_FIELDS)
    }

    /// The actions of a module: a list of names and maps, or a map from names to titles or maps.
    fn actions<'n>(&mut self, node: &'n Node, repeated: Repeated) -> Vec<Action<'n>> {
        let mut actions: Vec<Action<'n>> = Vec::new();
        match &node.content {
            Content::Map(_) => {
                for (name, value) in self.reader.named(node, "an action") {
                    actions.push(self.action(name, value));
                }
            }
            _ => {
                for item in self.reader.items(node) {
                    if let Content::Map(_) = item.content {
                        for (name, value) in self.reader.named(item, "an action") {
                            actions.push(self.action(name, value));
                        }
                    } else if let Some(name) = self.reader.word(item) {
                        if is_name(name) {
                            actions.push(Action { name, path: item.path.clone(), title: None, body: None });
                        } else {
                            let hint =
                                "write a lower-case letter, then lower-case letters, digits and underscores";
                            let message = format!("`{name}` cannot be the name of an action");
                            self.reader.error_hint(item, message, Some(hint.to_owned()));
                        }
                    }
                }
            }
        }
        self.without_repeated(actions, repeated)
    }

    fn action<'n>(&mut self, name: &'n str, value: &'n Node) -> Action<'n> {
        let path = value.path.clone();
        match &value.content {
            Content::Scalar(title) => Action { name, path, title: Some(title.clone()), body: None },
            Content::Nothing => Action { name, path, title: None, body: None },
            Content::List(_) | Content::Map(_) => {
                let fields = self.reader.fields(value, ACTION_FIELDS);
                let title = self.reader.text(fields.get("title"));
                Action { name, path, title, body: Some(value) }
            }
        }
    }

    fn without_repeated<'n>(&mut self, actions: Vec<Action<'n>>, repeated: Repeated) -> Vec<Action<'n>> {
        let mut kept: Vec<Action<'n>> = Vec::new();
        for action in actions {
            if kept.iter().all(|other| other.name != action.name) {
                kept.push(action);
            } else if repeated == Repeated::Report {
                self.reader.error_at(
                    &action.path,
                    format!("the action `{}` is given twice", action.name),
                    "",
                );
            }
        }
        kept
    }
}

/// What to do about an action that is given twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Repeated {
    Report,
    Ignore,
}
