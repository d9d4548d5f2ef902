//! Account groups: their roles, who may found one, and what outlasts them.

use super::Compiler;
use super::roles::{RoleTable, Whose, role_names};
use crate::policy::model::{GroupControl, GroupRole, GroupRule};
use crate::policy::reader::Fields;
use crate::policy::set::{MAX_NAMES, Mask, RoleId};
use crate::policy::yaml::Node;

const FIELDS: &[&str] = &["title", "founder", "kept", "roles"];
const CONTROLS: [(&str, GroupControl); 4] = [
    ("view", GroupControl::View),
    ("accounts", GroupControl::Accounts),
    ("users", GroupControl::Users),
    ("delete", GroupControl::Delete),
];

impl Compiler<'_, '_> {
    pub(super) fn declare_group_roles(&mut self, node: &Node) {
        let fields = self.reader.fields(node, FIELDS);
        let title = self.reader.text(fields.get("title")).unwrap_or_else(|| "Account group".to_owned());
        let Some(map) = fields.get("roles") else {
            self.reader.error(node, "groups have no `roles`");
            return;
        };
        let roles = self.declare_roles(map, "group role");
        let plain = |role| GroupRole {
            role,
            must_hold: None,
            made_by_operator: false,
            controls: Vec::new(),
            gives: Mask::EMPTY,
            takes: Mask::EMPTY,
        };
        let roles = roles.into_iter().map(plain).collect();
        self.policy.groups = Some(GroupRule { title, roles, founder: RoleId(0), kept: Mask::EMPTY });
    }

    pub(super) fn define_groups(&mut self, node: &Node) {
        let fields = self.reader.fields(node, FIELDS);
        let founder = match fields.get("founder") {
            Some(word) => self.account_role(word),
            None => {
                self.reader.error(node, "groups name no `founder`: the role whose holders may found one");
                None
            }
        };
        let account_roles = role_names(&self.policy.roles);
        let kept = fields.get("kept").map(|list| self.mask(list, "role", &account_roles)).unwrap_or_default();
        let Some(map) = fields.get("roles") else { return };
        let declared = self.policy.groups.as_ref().map(|groups| groups.roles.as_slice()).unwrap_or_default();
        let names: Vec<String> = declared.iter().map(|role| role.role.name.clone()).collect();
        let mut table = RoleTable::default();
        let mut extras = Vec::new();
        for (name, node) in self.quiet(map).into_iter().take(MAX_NAMES) {
            let fields = self.role_fields(node, Whose::Group);
            self.role(name, fields, Whose::Group, &names, &mut table);
            extras.push(self.group_extras(fields, &names));
        }
        let roles = self.merge_includes(table).into_iter().zip(extras);
        let roles = roles.map(|(role, extras)| GroupRole { role, ..extras }).collect();
        if let Some(groups) = &mut self.policy.groups {
            groups.roles = roles;
            groups.kept = kept;
            groups.founder = founder.unwrap_or(groups.founder);
        }
    }

    /// What a group role has beyond any other role; its `role` is a placeholder.
    fn group_extras(&mut self, fields: Fields<'_>, names: &[String]) -> GroupRole {
        let gives = fields.get("gives").map(|list| self.mask(list, "group role", names)).unwrap_or_default();
        let mut controls = Vec::new();
        if let Some(list) = fields.get("controls") {
            for item in self.reader.items(list) {
                let index =
                    self.reader.one_of(item, "control of a group", CONTROLS.iter().map(|(name, _)| *name));
                controls.extend(index.and_then(|index| CONTROLS.get(index)).map(|(_, control)| *control));
            }
        }
        GroupRole {
            role: super::roles::blank(""),
            must_hold: fields.get("must_hold").and_then(|word| self.account_role(word)),
            made_by_operator: self.reader.switch(fields.get("made_by_operator")).unwrap_or_default(),
            controls,
            gives,
            takes: fields.get("takes").map(|list| self.mask(list, "group role", names)).unwrap_or(gives),
        }
    }
}
