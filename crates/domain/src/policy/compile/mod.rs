//! From the tree to a [`Policy`]: first every name is declared, then everything that refers to names is
//! read, so that the order of a file's sections does not matter.

mod attributes;
mod delegation;
mod groups;
mod modules;
mod operations;
mod patterns;
mod resources;
mod roles;
mod sections;
mod tables;

use std::collections::HashMap;

use super::model::{Boarding, BoardingWay, Policy, Restriction};
use super::reader::{Fields, Reader};
use super::set::{MAX_NAMES, Mask, PermissionId, RoleId};
use super::yaml::Node;

/// A policy with what the checker needs to know beside it.
pub(super) struct Draft {
    pub(super) policy: Policy,
    /// Where each permission stands, by number.
    pub(super) permission_paths: Vec<String>,
}

/// What is being put together.
struct Compiler<'r, 'a> {
    reader: &'r mut Reader<'a>,
    policy: Policy,
    permission_paths: Vec<String>,
}

const SECTIONS: &[&str] = &[
    "policy",
    "title",
    "source",
    "attributes",
    "modules",
    "resources",
    "roles",
    "restrictions",
    "operations",
    "contacts",
    "boarding",
    "transfer",
    "groups",
];

/// Days that a link or an initial password is good for unless the policy says otherwise.
const DEFAULT_DAYS: u32 = 7;

/// Reads the whole document, reporting every mistake.
pub(super) fn run(reader: &mut Reader<'_>, root: &Node) -> Draft {
    let sections = reader.fields(root, SECTIONS);
    let mut compiler = Compiler { reader, policy: blank(), permission_paths: Vec::new() };
    compiler.header(root, sections);
    compiler.declare(sections);
    compiler.define(sections);
    compiler.tables();
    Draft { policy: compiler.policy, permission_paths: compiler.permission_paths }
}

fn blank() -> Policy {
    Policy {
        name: String::new(),
        title: String::new(),
        source: None,
        attributes: Vec::new(),
        modules: Vec::new(),
        permissions: Vec::new(),
        resource_types: Vec::new(),
        roles: Vec::new(),
        restrictions: Vec::new(),
        requirements: Vec::new(),
        operations: HashMap::new(),
        contacts: None,
        boarding: Boarding {
            ways: vec![BoardingWay::Direct, BoardingWay::Link],
            link_days: DEFAULT_DAYS,
            password_days: DEFAULT_DAYS,
            role: None,
        },
        groups: None,
        transfer: None,
        permission_index: HashMap::default(),
    }
}

impl Compiler<'_, '_> {
    fn header(&mut self, root: &Node, sections: Fields<'_>) {
        for required in ["policy", "modules", "roles"] {
            if sections.get(required).is_none() {
                self.reader.error(root, format!("the policy has no `{required}`"));
            }
        }
        if let Some(node) = sections.get("policy") {
            let name = self.reader.word(node).unwrap_or_default();
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            let fine = name.starts_with(|first: char| first.is_ascii_lowercase())
                && name.len() <= super::reader::MAX_NAME
                && name.bytes().all(plain);
            if !fine {
                let hint = "write a lower-case letter, then up to 62 lower-case letters, digits and hyphens";
                self.reader.error_hint(
                    node,
                    format!("`{name}` cannot be the name of a policy"),
                    Some(hint.to_owned()),
                );
            }
            self.policy.name = name.to_owned();
        }
        let title = self.reader.text(sections.get("title"));
        self.policy.title = title.unwrap_or_else(|| self.policy.name.clone());
        self.policy.source = self.reader.text(sections.get("source"));
    }

    /// Makes every name known.
    fn declare(&mut self, sections: Fields<'_>) {
        if let Some(node) = sections.get("modules") {
            self.declare_modules(node);
        }
        if let Some(node) = sections.get("attributes") {
            self.declare_attributes(node);
        }
        if let Some(node) = sections.get("resources") {
            self.declare_resource_types(node);
        }
        if let Some(node) = sections.get("roles") {
            self.policy.roles = self.declare_roles(node, "role");
        }
        if let Some(node) = sections.get("restrictions") {
            for (name, _) in self.limited(node, "restriction", MAX_NAMES) {
                let restriction =
                    Restriction { name: name.to_owned(), title: label(name), removes: Default::default() };
                self.policy.restrictions.push(restriction);
            }
        }
        if let Some(node) = sections.get("groups") {
            self.declare_group_roles(node);
        }
    }

    /// Reads everything that refers to names.
    fn define(&mut self, sections: Fields<'_>) {
        if let Some(node) = sections.get("attributes") {
            self.define_attributes(node);
        }
        if let Some(node) = sections.get("modules") {
            self.define_modules(node);
        }
        if let Some(node) = sections.get("restrictions") {
            self.define_restrictions(node);
        }
        if let Some(node) = sections.get("resources") {
            self.define_resource_types(node);
        }
        if let Some(node) = sections.get("roles") {
            self.define_account_roles(node);
        }
        if let Some(node) = sections.get("groups") {
            self.define_groups(node);
        }
        if let Some(node) = sections.get("operations") {
            self.define_operations(node);
        }
        if let Some(node) = sections.get("contacts") {
            self.define_contacts(node);
        }
        if let Some(node) = sections.get("boarding") {
            self.define_boarding(node);
        }
        if let Some(node) = sections.get("transfer") {
            self.define_transfer(node);
        }
    }

    /// The entries of a map of names, at most so many of them.
    fn limited<'n>(&mut self, node: &'n Node, what: &str, most: usize) -> Vec<(&'n str, &'n Node)> {
        let mut entries = self.reader.named(node, &format!("a {what}"));
        if entries.len() > most {
            self.reader.error(node, format!("{} {what}s are too many: there may be {most}", entries.len()));
            entries.truncate(most);
        }
        entries
    }

    /// The well-spelt entries of a map whose spelling was reported when they were declared.
    fn quiet<'n>(&mut self, node: &'n Node) -> Vec<(&'n str, &'n Node)> {
        match &node.content {
            super::yaml::Content::Map(entries) => entries
                .iter()
                .filter(|(key, _)| super::reader::is_name(&key.text))
                .map(|(key, value)| (key.text.as_str(), value))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// The account role that a node names.
    fn account_role(&mut self, node: &Node) -> Option<RoleId> {
        let names = self.policy.roles.iter().map(|role| role.name.as_str());
        let index = self.reader.one_of(node, "role", names)?;
        u8::try_from(index).ok().map(RoleId)
    }

    /// The permission that a node names.
    fn one_permission(&mut self, node: &Node) -> Option<PermissionId> {
        let names = self.policy.permissions.iter().map(|permission| permission.name.as_str());
        let index = self.reader.one_of(node, "permission", names)?;
        u16::try_from(index).ok().map(PermissionId)
    }

    /// The names of a list, as numbers of the table they are in; `*` is all of them.
    fn mask(&mut self, node: &Node, what: &str, names: &[String]) -> Mask {
        let mut mask = Mask::EMPTY;
        for item in self.reader.items(node) {
            if self.reader.word(item) == Some("*") {
                mask = (0_u8..).zip(names).map(|(index, _)| index).collect();
            } else if let Some(index) = self.reader.one_of(item, what, names.iter().map(String::as_str)) {
                mask.insert(u8::try_from(index).unwrap_or(u8::MAX));
            }
        }
        mask
    }
}

/// What a person calls something whose title the file leaves out.
fn label(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
