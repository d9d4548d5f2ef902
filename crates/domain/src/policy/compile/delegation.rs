//! Rules of delegation: who may hand out and take back what, and over whom.

use super::Compiler;
use super::patterns::Room;
use super::roles::{Whose, role_names};
use crate::policy::model::{AssignRule, Delegation, Over};
use crate::policy::set::{Mask, PermissionSet, ResourceTypeId};
use crate::policy::yaml::{Content, Node};

const RULE: &[&str] = &[
    "over",
    "give",
    "take",
    "grant",
    "withdraw",
    "restrict",
    "lift",
    "assign",
    "unassign",
    "remove",
    "beyond_own",
];
const RESOURCE_RULE: &[&str] = &["over", "assign", "unassign", "beyond_own"];

impl Compiler<'_, '_> {
    /// A rule or a list of rules.
    pub(super) fn delegation(&mut self, node: &Node, whose: Whose) -> Vec<Delegation> {
        match &node.content {
            Content::List(rules) => rules.iter().map(|rule| self.rule(rule, whose)).collect(),
            _ => vec![self.rule(node, whose)],
        }
    }

    fn rule(&mut self, node: &Node, whose: Whose) -> Delegation {
        let known = if matches!(whose, Whose::Resource(_)) { RESOURCE_RULE } else { RULE };
        let fields = self.reader.fields(node, known);
        let roles = role_names(&self.policy.roles);
        let give = fields.get("give").map(|list| self.mask(list, "role", &roles)).unwrap_or_default();
        let take = fields.get("take").map(|list| self.mask(list, "role", &roles)).unwrap_or(give);
        let grant = fields.get("grant").map(|list| self.any_permissions(list)).unwrap_or_default();
        let withdraw = fields.get("withdraw").map(|list| self.any_permissions(list)).unwrap_or(grant);
        let restrict = fields.get("restrict").map(|list| self.restrictions(list)).unwrap_or_default();
        let lift = fields.get("lift").map(|list| self.restrictions(list)).unwrap_or(restrict);
        let assign = fields.get("assign").map(|map| self.assign_rules(map, whose)).unwrap_or_default();
        let unassign = fields.get("unassign").map(|map| self.assign_rules(map, whose));
        Delegation {
            over: fields.get("over").map(|list| self.over(list, &roles)).unwrap_or_default(),
            give,
            take,
            grant,
            withdraw,
            restrict,
            lift,
            remove: self.reader.switch(fields.get("remove")).unwrap_or_default(),
            unassign: unassign.unwrap_or_else(|| assign.clone()),
            assign,
            beyond_own: self.reader.switch(fields.get("beyond_own")).unwrap_or_default(),
        }
    }

    fn over(&mut self, node: &Node, roles: &[String]) -> Over {
        let mut over = Over { roles: Mask::EMPTY, oneself: false };
        for item in self.reader.items(node) {
            match self.reader.word(item) {
                Some("self") => over.oneself = true,
                Some("anyone") => over.roles = Mask::ALL,
                Some(_) => {
                    let names = roles.iter().map(String::as_str).chain(["self", "anyone"]);
                    if let Some(index) = self.reader.one_of(item, "role", names) {
                        over.roles.insert(u8::try_from(index).unwrap_or(u8::MAX));
                    }
                }
                None => {}
            }
        }
        if over.roles.is_empty() && !over.oneself {
            self.reader.error(node, "the rule covers nobody");
        }
        over
    }

    /// A map from resource types to what an assignment may carry; a list of types is a map to nothing more.
    fn assign_rules(&mut self, node: &Node, whose: Whose) -> Vec<AssignRule> {
        let mut rules = Vec::new();
        let Content::Map(entries) = &node.content else {
            for kind in self.resource_types(node).iter().map(ResourceTypeId) {
                rules.push(AssignRule {
                    resource_type: kind,
                    roles: Mask::EMPTY,
                    permissions: PermissionSet::EMPTY,
                });
                self.require_within(node, kind, whose);
            }
            return rules;
        };
        for (key, value) in entries {
            let Some(kind) = self.resource_type_named(key, value) else { continue };
            self.require_within(value, kind, whose);
            rules.push(self.assign_rule(value, kind));
        }
        rules
    }

    fn assign_rule(&mut self, node: &Node, kind: ResourceTypeId) -> AssignRule {
        let fields = self.reader.fields(node, &["roles", "permissions"]);
        let (names, assignable) = self
            .policy
            .resource_type(kind)
            .map(|kind| (role_names(&kind.roles), kind.assignable))
            .unwrap_or_default();
        let roles = fields.get("roles").map(|list| self.mask(list, "role of that type", &names));
        let room = Room { set: assignable, otherwise: "is not `assignable` on that type" };
        let permissions = fields.get("permissions").map(|list| self.permissions(list, room));
        AssignRule {
            resource_type: kind,
            roles: roles.unwrap_or_default(),
            permissions: permissions.unwrap_or_default(),
        }
    }

    fn require_within(&mut self, node: &Node, kind: ResourceTypeId, whose: Whose) {
        if let Whose::Resource(own) = whose
            && !self.descendants(own).contains(kind.0)
        {
            self.reader.error(
                node,
                "the role of a resource hands out that resource and what is in it, nothing else",
            );
        }
    }
}
