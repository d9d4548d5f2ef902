//! Roles: of an account's members, of one resource's members, of a group's users.

use super::patterns::Room;
use super::{Compiler, label};
use crate::policy::model::{Holders, MailTopic, Role};
use crate::policy::reader::Fields;
use crate::policy::set::{MAX_NAMES, Mask, PermissionSet, ResourceTypeId};
use crate::policy::yaml::Node;

/// Whose roles are being read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    /// An account's members.
    Account,
    /// The members of a resource of this type.
    Resource(ResourceTypeId),
    /// A group's users.
    Group,
}

/// The roles of one table while their includes are still open.
#[derive(Debug, Default)]
pub(super) struct RoleTable {
    roles: Vec<Role>,
    includes: Vec<Vec<(usize, String)>>,
    slots: Vec<String>,
}

const COMMON: &[&str] = &[
    "title",
    "description",
    "may",
    "includes",
    "exclusive",
    "stands_alone",
    "at_birth",
    "given_by_operator",
    "holders",
    "requires",
    "delegation",
];
const ACCOUNT: &[&str] = &["may_on_assigned", "may_on_own", "grantable", "restrictable", "receives"];
pub(super) const GROUP: &[&str] = &["must_hold", "made_by_operator", "controls", "gives", "takes"];
/// The slot of roles that are `exclusive: true`.
const COMMON_SLOT: &str = "role";

impl Compiler<'_, '_> {
    /// The roles of a map, by name alone.
    pub(super) fn declare_roles(&mut self, node: &Node, what: &str) -> Vec<Role> {
        let entries = self.limited(node, what, MAX_NAMES);
        entries.into_iter().map(|(name, _)| blank(name)).collect()
    }

    pub(super) fn define_account_roles(&mut self, node: &Node) {
        let names = role_names(&self.policy.roles);
        let mut table = RoleTable::default();
        for (name, node) in self.quiet(node).into_iter().take(MAX_NAMES) {
            let fields = self.reader.fields(node, &[COMMON, ACCOUNT].concat());
            self.role(name, fields, Whose::Account, &names, &mut table);
        }
        self.policy.roles = self.merge_includes(table);
    }

    /// The fields of a role that is not of an account's members.
    pub(super) fn role_fields<'n>(&mut self, node: &'n Node, whose: Whose) -> Fields<'n> {
        let more = if whose == Whose::Group { GROUP } else { &[] };
        self.reader.fields(node, &[COMMON, more].concat())
    }

    /// Reads one role into the table; its includes are merged once all are read.
    pub(super) fn role(
        &mut self,
        name: &str,
        fields: Fields<'_>,
        whose: Whose,
        names: &[String],
        table: &mut RoleTable,
    ) {
        let mut role = blank(name);
        role.title = self.reader.text(fields.get("title")).unwrap_or(role.title);
        role.description = self.reader.text(fields.get("description")).unwrap_or_default();
        self.holdings(&mut role, fields, whose);
        role.slot = fields.get("exclusive").and_then(|node| self.slot(node, &mut table.slots));
        role.stands_alone = self.reader.switch(fields.get("stands_alone")).unwrap_or(true);
        role.at_birth = self.reader.switch(fields.get("at_birth")).unwrap_or_default();
        role.given_by_operator = self.reader.switch(fields.get("given_by_operator")).unwrap_or_default();
        role.holders = fields.get("holders").map(|node| self.holders(node)).unwrap_or_default();
        role.requires = fields.get("requires").map(|node| self.requirements(node)).unwrap_or_default();
        role.delegation =
            fields.get("delegation").map(|node| self.delegation(node, whose)).unwrap_or_default();
        let mut includes = Vec::new();
        if let Some(list) = fields.get("includes") {
            for item in self.reader.items(list) {
                if let Some(index) = self.reader.one_of(item, "role", names.iter().map(String::as_str)) {
                    includes.push((index, item.path.clone()));
                }
            }
        }
        table.includes.push(includes);
        table.roles.push(role);
    }

    fn holdings(&mut self, role: &mut Role, fields: Fields<'_>, whose: Whose) {
        if let Some(list) = fields.get("may") {
            role.may = match whose {
                Whose::Account | Whose::Group => self.any_permissions(list),
                Whose::Resource(kind) => self.permissions_within(list, kind),
            };
        }
        if whose != Whose::Account {
            return;
        }
        if let Some(list) = fields.get("may_on_assigned") {
            let set = self.permissions_about(Mask::ALL);
            role.may_on_assigned = self.permissions(list, Room { set, otherwise: "is not about a resource" });
        }
        if let Some(list) = fields.get("may_on_own") {
            let set = self.permissions_about(self.registered_types());
            let otherwise = "is not about a type with registered ids, and of others nobody knows the creator";
            role.may_on_own = self.permissions(list, Room { set, otherwise });
        }
        if let Some(list) = fields.get("grantable") {
            role.grantable = self.any_permissions(list);
        }
        if let Some(list) = fields.get("restrictable") {
            role.restrictable = self.restrictions(list);
        }
        if let Some(list) = fields.get("receives") {
            role.receives = self.topics(list);
        }
    }

    /// The kinds of mail that a list names.
    fn topics(&mut self, list: &Node) -> Vec<MailTopic> {
        const TOPICS: [(&str, MailTopic); 1] = [("billing", MailTopic::Billing)];
        let mut topics = Vec::new();
        for item in self.reader.items(list) {
            let index = self.reader.one_of(item, "kind of mail", TOPICS.iter().map(|(name, _)| *name));
            match index.and_then(|index| TOPICS.get(index)) {
                Some((name, topic)) if topics.contains(topic) => {
                    self.reader.error(item, format!("`{name}` is given twice"));
                }
                Some((_, topic)) => topics.push(*topic),
                None => {}
            }
        }
        topics
    }

    /// Permissions held on a resource of that type and on what is in it.
    pub(super) fn permissions_within(&mut self, list: &Node, kind: ResourceTypeId) -> PermissionSet {
        let name = self.policy.resource_type(kind).map(|kind| kind.name.clone()).unwrap_or_default();
        let set = self.permissions_about(self.descendants(kind));
        let otherwise = format!("is not about a {name} or anything in it");
        self.permissions(list, Room { set, otherwise: &otherwise })
    }

    /// The restrictions that a list names.
    pub(super) fn restrictions(&mut self, list: &Node) -> Mask {
        let names: Vec<String> =
            self.policy.restrictions.iter().map(|restriction| restriction.name.clone()).collect();
        self.mask(list, "restriction", &names)
    }

    fn slot(&mut self, node: &Node, slots: &mut Vec<String>) -> Option<u8> {
        let name = match self.reader.word(node)? {
            "true" => COMMON_SLOT,
            "false" => return None,
            name if crate::policy::reader::is_name(name) => name,
            name => {
                let message =
                    format!("`{name}` cannot be the name of a slot: write `true` or a lower-case name");
                self.reader.error(node, message);
                return None;
            }
        };
        let index = slots.iter().position(|slot| slot == name).unwrap_or_else(|| {
            slots.push(name.to_owned());
            slots.len() - 1
        });
        u8::try_from(index).ok()
    }

    fn holders(&mut self, node: &Node) -> Holders {
        let fields = self.reader.fields(node, &["least", "most"]);
        let least = self.reader.number(fields.get("least"), 0, i64::from(u32::MAX)).unwrap_or_default();
        let most = self.reader.number(fields.get("most"), 1, i64::from(u32::MAX));
        if let Some(most) = most
            && least > most
        {
            self.reader.error(node, format!("at least {least} and at most {most} holders cannot be"));
        }
        Holders {
            least: u32::try_from(least).unwrap_or_default(),
            most: most.and_then(|most| u32::try_from(most).ok()),
        }
    }

    /// Gives every role what the roles it includes hold and hand out.
    pub(super) fn merge_includes(&mut self, table: RoleTable) -> Vec<Role> {
        let RoleTable { mut roles, includes, .. } = table;
        let mut open: Vec<usize> = (0..roles.len()).collect();
        // Each round merges the roles whose includes are complete; a round that merges none has met a cycle.
        while !open.is_empty() {
            let complete = |index: &usize| {
                includes
                    .get(*index)
                    .is_none_or(|included| included.iter().all(|(other, _)| !open.contains(other)))
            };
            let (ready, waiting): (Vec<usize>, Vec<usize>) = open.iter().partition(|index| complete(index));
            if ready.is_empty() {
                self.report_cycle(&waiting, &roles, &includes);
                break;
            }
            for index in ready {
                for (other, _) in includes.get(index).into_iter().flatten() {
                    let Some(other) = roles.get(*other).cloned() else { continue };
                    if let Some(role) = roles.get_mut(index) {
                        include(role, &other);
                    }
                }
            }
            open = waiting;
        }
        roles
    }

    fn report_cycle(&mut self, waiting: &[usize], roles: &[Role], includes: &[Vec<(usize, String)>]) {
        for index in waiting {
            for (other, path) in includes.get(*index).into_iter().flatten() {
                if reaches(*other, *index, includes) {
                    let name = |index: usize| roles.get(index).map_or("", |role| role.name.as_str());
                    let message = format!("`{}` and `{}` include each other", name(*index), name(*other));
                    self.reader.error_at(path, message, "leave one of the two out");
                }
            }
        }
    }
}

/// Whether following includes from one role leads to the other.
fn reaches(from: usize, to: usize, includes: &[Vec<(usize, String)>]) -> bool {
    let (mut seen, mut next) = (vec![from], vec![from]);
    while let Some(index) = next.pop() {
        if index == to {
            return true;
        }
        for (other, _) in includes.get(index).into_iter().flatten() {
            if !seen.contains(other) {
                seen.push(*other);
                next.push(*other);
            }
        }
    }
    false
}

fn include(role: &mut Role, other: &Role) {
    role.may = role.may.union(&other.may);
    role.may_on_assigned = role.may_on_assigned.union(&other.may_on_assigned);
    role.may_on_own = role.may_on_own.union(&other.may_on_own);
    role.grantable = role.grantable.union(&other.grantable);
    role.restrictable = role.restrictable.union(other.restrictable);
    // INVARIANT: a role's own rules come before included ones; the checker places its findings by index.
    role.delegation.extend(other.delegation.iter().cloned());
}

pub(super) fn blank(name: &str) -> Role {
    Role {
        name: name.to_owned(),
        title: label(name),
        description: String::new(),
        may: PermissionSet::EMPTY,
        may_on_assigned: PermissionSet::EMPTY,
        may_on_own: PermissionSet::EMPTY,
        grantable: PermissionSet::EMPTY,
        restrictable: Mask::EMPTY,
        slot: None,
        stands_alone: true,
        at_birth: false,
        given_by_operator: false,
        holders: Holders::default(),
        requires: Mask::EMPTY,
        receives: Vec::new(),
        delegation: Vec::new(),
    }
}

pub(super) fn role_names(roles: &[Role]) -> Vec<String> {
    roles.iter().map(|role| role.name.clone()).collect()
}
