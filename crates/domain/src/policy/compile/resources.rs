//! Resource types: where they live, what an assignment carries, their roles and operations.

use super::roles::{RoleTable, Whose, role_names};
use super::{Compiler, label};
use crate::operation::ResourceOperation;
use crate::policy::diagnostic::suggestion;
use crate::policy::model::{ResourceIds, ResourceType};
use crate::policy::set::{MAX_NAMES, Mask, PermissionSet, ResourceTypeId};
use crate::policy::yaml::{Key, Node};

const FIELDS: &[&str] = &["title", "ids", "parent", "holder_contacts", "assignable", "operations", "roles"];

impl Compiler<'_, '_> {
    pub(super) fn declare_resource_types(&mut self, node: &Node) {
        let entries = self.limited(node, "resource type", MAX_NAMES);
        for (name, _) in &entries {
            self.policy.resource_types.push(ResourceType {
                name: (*name).to_owned(),
                title: label(name),
                parent: None,
                ids: ResourceIds::Registered,
                roles: Vec::new(),
                assignable: PermissionSet::EMPTY,
                holder_contacts: false,
                operations: Default::default(),
            });
        }
        for (name, node) in &entries {
            self.declare_resource_type(name, node);
        }
        for (name, node) in &entries {
            self.refuse_parent_cycle(name, node);
        }
    }

    fn declare_resource_type(&mut self, name: &str, node: &Node) {
        let fields = self.reader.fields(node, FIELDS);
        let title = self.reader.text(fields.get("title"));
        let parent = fields.get("parent").and_then(|word| {
            let names = self.policy.resource_types.iter().map(|kind| kind.name.as_str());
            self.reader.one_of(word, "resource type", names)
        });
        let ids = fields
            .get("ids")
            .and_then(|word| self.reader.one_of(word, "source of ids", ["registered", "free"].into_iter()));
        let holder_contacts = self.reader.switch(fields.get("holder_contacts")).unwrap_or_default();
        let roles = fields.get("roles").map(|map| self.declare_roles(map, "role")).unwrap_or_default();
        let Some(kind) = self.resource_type_mut(name) else { return };
        kind.title = title.unwrap_or_else(|| label(name));
        kind.parent = parent.and_then(|index| u8::try_from(index).ok()).map(ResourceTypeId);
        kind.ids = if ids == Some(1) { ResourceIds::Free } else { ResourceIds::Registered };
        kind.holder_contacts = holder_contacts;
        kind.roles = roles;
    }

    fn refuse_parent_cycle(&mut self, name: &str, node: &Node) {
        let Some(own) = self.policy.resource_type_id(name) else { return };
        let parent = |kind: ResourceTypeId| self.policy.resource_type(kind).and_then(|kind| kind.parent);
        let mut above = parent(own);
        for _ in 0..MAX_NAMES {
            match above {
                Some(kind) if kind == own => {
                    let fields = self.reader.fields(node, FIELDS);
                    let at = fields.get("parent").unwrap_or(node);
                    self.reader.error(at, format!("a {name} would be inside itself"));
                    return;
                }
                Some(kind) => above = parent(kind),
                None => return,
            }
        }
    }

    pub(super) fn define_resource_types(&mut self, node: &Node) {
        let entries: Vec<_> = self.quiet(node).into_iter().take(MAX_NAMES).collect();
        // Delegation may speak of any type's assignable permissions: they come before all roles.
        for (name, node) in &entries {
            let fields = self.reader.fields(node, FIELDS);
            let Some(kind) = self.policy.resource_type_id(name) else { continue };
            if let Some(list) = fields.get("assignable") {
                let assignable = self.permissions_within(list, kind);
                if let Some(kind) = self.resource_type_mut(name) {
                    kind.assignable = assignable;
                }
            }
        }
        for (name, node) in &entries {
            self.define_resource_type(name, node);
        }
    }

    fn define_resource_type(&mut self, name: &str, node: &Node) {
        let fields = self.reader.fields(node, FIELDS);
        let Some(id) = self.policy.resource_type_id(name) else { return };
        if let Some(map) = fields.get("roles") {
            let names = self.policy.resource_type(id).map(|kind| role_names(&kind.roles)).unwrap_or_default();
            let mut table = RoleTable::default();
            for (name, node) in self.quiet(map).into_iter().take(MAX_NAMES) {
                let fields = self.role_fields(node, Whose::Resource(id));
                self.role(name, fields, Whose::Resource(id), &names, &mut table);
            }
            let roles = self.merge_includes(table);
            if let Some(kind) = self.resource_type_mut(name) {
                kind.roles = roles;
            }
        }
        let Some(map) = fields.get("operations") else { return };
        for (key, value) in self.reader.entries(map) {
            let Some(operation) = ResourceOperation::from_name(&key.text) else {
                let names = ResourceOperation::ALL.iter().map(|operation| operation.name());
                self.unknown_key(key, value, "operation on resources", suggestion(&key.text, names));
                continue;
            };
            if let Some(rule) = self.operation_rule(value)
                && let Some(kind) = self.resource_type_mut(name)
            {
                kind.operations.insert(operation, rule);
            }
        }
    }

    pub(super) fn unknown_key(&mut self, key: &Key, value: &Node, what: &str, hint: Option<String>) {
        let message = format!("no {what} `{}`", key.text);
        self.reader.report(key.at, &value.path, crate::policy::Severity::Error, message, hint);
    }

    fn resource_type_mut(&mut self, name: &str) -> Option<&mut ResourceType> {
        self.policy.resource_types.iter_mut().find(|kind| kind.name == name)
    }

    /// The resource types that a list names.
    pub(super) fn resource_types(&mut self, node: &Node) -> Mask {
        let names: Vec<String> = self.policy.resource_types.iter().map(|kind| kind.name.clone()).collect();
        self.mask(node, "resource type", &names)
    }

    /// The resource type that a key names.
    pub(super) fn resource_type_named(&mut self, key: &Key, value: &Node) -> Option<ResourceTypeId> {
        let found = self.policy.resource_type_id(&key.text);
        if found.is_none() {
            let names = self.policy.resource_types.iter().map(|kind| kind.name.as_str());
            let hint = suggestion(&key.text, names);
            self.unknown_key(key, value, "resource type", hint);
        }
        found
    }

    /// A type and everything that can be inside of it.
    pub(super) fn descendants(&self, kind: ResourceTypeId) -> Mask {
        self.policy.descendants(kind)
    }

    /// The types whose resources are registered with the service, so that their creator is known.
    pub(super) fn registered_types(&self) -> Mask {
        (0_u8..)
            .zip(&self.policy.resource_types)
            .filter(|(_, kind)| kind.ids == ResourceIds::Registered)
            .map(|(index, _)| index)
            .collect()
    }
}
