//! What a compiled policy says. Built by [`compile`](super::compile), read by
//! [`decide`](crate::decide) and [`plan`](crate::plan); never changed afterwards.

use std::collections::HashMap;

use super::set::{Mask, PermissionId, PermissionSet, ResourceTypeId, RoleId};
use crate::account::AttributeValue;
use crate::operation::{Operation, ResourceOperation};

/// One compiled policy: every name resolved, every pattern expanded, every permission a dense number.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The name accounts are created with: lower-case letters, digits and hyphens, at most 63.
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// The published article (or other document) the policy encodes, if it says.
    pub source: Option<String>,
    /// What an account may be asked for; indexes are what [`Requirement::attribute`] refers to.
    pub attributes: Vec<Attribute>,
    /// The modules, in the order of the file.
    pub modules: Vec<Module>,
    /// The permissions, indexed by [`PermissionId`].
    pub permissions: Vec<Permission>,
    /// The resource types, indexed by [`ResourceTypeId`].
    pub resource_types: Vec<ResourceType>,
    /// The roles of an account's members, indexed by [`RoleId`].
    pub roles: Vec<Role>,
    /// Named sets of permissions that may be taken from one member.
    pub restrictions: Vec<Restriction>,
    /// What accounts must fulfil; [`Permission::requires`] and others are masks over this list.
    pub requirements: Vec<Requirement>,
    /// Which permission each operation of the service needs. An operation that is absent is for
    /// platform operators alone.
    pub operations: HashMap<Operation, OperationRule>,
    /// What a contact (a person without a login) may hold; absent: the policy knows no contacts.
    pub contacts: Option<ContactRule>,
    /// How people come aboard.
    pub boarding: Boarding,
    /// How accounts are bundled; absent: accounts of this policy cannot be grouped.
    pub groups: Option<GroupRule>,
    /// How ownership moves; absent: it does not.
    pub transfer: Option<Transfer>,
    pub(super) permission_index: HashMap<String, PermissionId>,
}

/// A module of the product: a name for a bundle of permissions (`invoices`).
#[derive(Debug, Clone)]
pub struct Module {
    /// The first half of its permissions' names.
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// Every permission of the module.
    pub permissions: PermissionSet,
}

/// One permission (`invoices.view`), with the tables `decide` reads: who holds it, by bit.
#[derive(Debug, Clone)]
pub struct Permission {
    /// `module.action`.
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// Index of its module.
    pub module: usize,
    /// The resource types it can be asked about; empty: it is not about a resource.
    pub on: Mask,
    /// Requirements the account must meet, else nobody holds it.
    pub requires: Mask,
    /// Account roles that hold it for the whole account.
    pub by_role: Mask,
    /// Account roles that hold it on assigned resources.
    pub by_role_assigned: Mask,
    /// Account roles that hold it on resources the member created.
    pub by_role_own: Mask,
    /// Group roles that hold it in every account of the group.
    pub by_group_role: Mask,
    /// For each resource type, the resource roles that hold it on that resource and what is in it.
    pub by_resource_role: Vec<Mask>,
    /// Restrictions that take it away.
    pub by_restriction: Mask,
}

/// What is declared about an account beside its name.
#[derive(Debug, Clone)]
pub struct Attribute {
    /// Its name (`tier`).
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// Which values it takes.
    pub kind: AttributeKind,
    /// The value at birth; `None`: unset.
    pub default: Option<AttributeValue>,
    /// The permission a member needs to change it; `None`: platform operators alone change it.
    pub changed_by: Option<PermissionId>,
    /// Whether a choice may only move towards the end of its list (personal → business).
    pub only_upwards: bool,
}

/// The values an attribute takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeKind {
    /// One of these words, in rising order.
    Choice(Vec<String>),
    /// On or off.
    Flag,
    /// A whole number.
    Number,
    /// Any text of up to 255 bytes.
    Text,
    /// A DNS name, kept as lower-case A-labels (RFC 5890).
    Domain,
}

/// One thing an account must fulfil.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requirement {
    /// Index into [`Policy::attributes`].
    pub attribute: usize,
    /// What its value must be.
    pub expected: Expected,
}

/// What the value of a required attribute must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// A choice is one of these words.
    OneOf(Vec<String>),
    /// A flag is on (`true`) or off.
    Flag(bool),
    /// A text, domain or number has been set.
    Set,
    /// A number is at least this.
    AtLeast(i64),
}

/// A role: of an account's members, of one resource's members, or of a group's users.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name (`billing_admin`).
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// One sentence of what it is for.
    pub description: String,
    /// Permissions held on everything: the account, the one resource, every account of the group.
    pub may: PermissionSet,
    /// Permissions held on assigned resources only (account roles).
    pub may_on_assigned: PermissionSet,
    /// Permissions held on resources the member created (account roles).
    pub may_on_own: PermissionSet,
    /// Single permissions that may be granted to a member who holds this role.
    pub grantable: PermissionSet,
    /// Restrictions that may be put on a member who holds this role.
    pub restrictable: Mask,
    /// A member holds at most one role of the same slot; `None`: the role is additive.
    pub slot: Option<u8>,
    /// Whether a member may hold this role and no other.
    pub stands_alone: bool,
    /// Whether the account's first user, the resource's creator or the group's founder gets it.
    pub at_birth: bool,
    /// Whether the file says that platform operators make such holders (they may give any role; this tells
    /// the checker and the reader that nobody else needs to).
    pub given_by_operator: bool,
    /// Fewest and most active holders in one account, resource or group.
    pub holders: Holders,
    /// Requirements the account must meet for the role to be given or to count.
    pub requires: Mask,
    /// Mail that its holders receive beside what concerns themselves (SH-04).
    pub receives: Vec<MailTopic>,
    /// What its holders may hand out and take back. The union of the rules of all roles counts.
    pub delegation: Vec<Delegation>,
}

/// A kind of mail that a backend sends to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTopic {
    /// Invoices and the like.
    Billing,
}

/// How many active holders a role has at every instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Holders {
    /// Fewest active holders.
    pub least: u32,
    /// Most holders, pending and suspended ones included; `None`: no limit.
    pub most: Option<u32>,
}

/// One rule of delegation: to (or from) whom its holder may give and take what. X-04.
#[derive(Debug, Clone, Default)]
pub struct Delegation {
    /// Whom the rule covers.
    pub over: Over,
    /// Roles that may be given.
    pub give: Mask,
    /// Roles that may be taken.
    pub take: Mask,
    /// Single permissions that may be granted.
    pub grant: PermissionSet,
    /// Single permissions that may be withdrawn.
    pub withdraw: PermissionSet,
    /// Restrictions that may be put on a member.
    pub restrict: Mask,
    /// Restrictions that may be lifted.
    pub lift: Mask,
    /// Whether the member may be removed from the account, suspended or reinstated.
    pub remove: bool,
    /// What may be assigned, per resource type.
    pub assign: Vec<AssignRule>,
    /// What may be unassigned, per resource type.
    pub unassign: Vec<AssignRule>,
    /// Whether the file says that its holders hand out more than they hold themselves.
    pub beyond_own: bool,
}

/// Whom a rule of delegation covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Members every one of whose roles is in this mask. Newcomers have no role yet and are covered,
    /// unless the mask is empty: then nobody but oneself is.
    pub roles: Mask,
    /// Whether it covers the holder of the rule themself.
    pub oneself: bool,
}

impl Default for Over {
    /// Everybody but oneself.
    fn default() -> Self {
        Self { roles: Mask::ALL, oneself: false }
    }
}

/// What may be assigned of one resource type.
#[derive(Debug, Clone)]
pub struct AssignRule {
    /// The type.
    pub resource_type: ResourceTypeId,
    /// Roles of that type that the assignment may carry.
    pub roles: Mask,
    /// Single permissions that the assignment may carry.
    pub permissions: PermissionSet,
}

/// A named set of permissions that may be taken from one member, whatever else they hold.
#[derive(Debug, Clone)]
pub struct Restriction {
    /// Its name (`read_only`).
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// The permissions it takes away.
    pub removes: PermissionSet,
}

/// A kind of thing inside an account: a workspace, a cloud, a shipment.
#[derive(Debug, Clone)]
pub struct ResourceType {
    /// Its name (`workspace`).
    pub name: String,
    /// What a person calls it.
    pub title: String,
    /// The type its instances live in; `None`: directly in the account.
    pub parent: Option<ResourceTypeId>,
    /// Whether ids must have been registered before they mean anything.
    pub ids: ResourceIds,
    /// The roles an assignment to such a resource may carry.
    pub roles: Vec<Role>,
    /// Single permissions an assignment may carry.
    pub assignable: PermissionSet,
    /// Whether a contact may be recorded as its holder (GW-07).
    pub holder_contacts: bool,
    /// Which permission each operation on such resources needs.
    pub operations: HashMap<ResourceOperation, OperationRule>,
}

/// Where the ids of a resource type come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceIds {
    /// Created through the service: an unknown id is denied to everyone.
    Registered,
    /// The caller's own: any id exists.
    Free,
}

/// What a member needs to carry out an operation of the service.
#[derive(Debug, Clone)]
pub struct OperationRule {
    /// Who may.
    pub needs: Needs,
    /// Requirements the account must meet first.
    pub requires: Mask,
    /// Most assignments of a type that one call may make, by type.
    pub at_most: Vec<(ResourceTypeId, u32)>,
}

/// Who may carry out an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Every active member.
    AnyMember,
    /// Holders of this permission.
    Permission(PermissionId),
}

/// What contacts are given and may be given.
#[derive(Debug, Clone)]
pub struct ContactRule {
    /// Permissions a new contact starts with; each can be taken away (IX-07).
    pub at_birth: PermissionSet,
    /// Permissions a contact may hold.
    pub grantable: PermissionSet,
}

/// How people come aboard.
#[derive(Debug, Clone)]
pub struct Boarding {
    /// The ways this policy allows, in order of preference.
    pub ways: Vec<BoardingWay>,
    /// Days an invitation link is good for.
    pub link_days: u32,
    /// Days an initial password is good for.
    pub password_days: u32,
}

/// One way to come aboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BoardingWay {
    /// A known user is added and is a member at once.
    Direct,
    /// A link in a mail must be followed first (RE-05).
    Link,
    /// A mail brings an initial password (IX-10).
    InitialPassword,
}

/// How accounts are bundled and who reaches them that way (PE-01 to PE-11).
#[derive(Debug, Clone)]
pub struct GroupRule {
    /// What a person calls such a group.
    pub title: String,
    /// The roles of a group's users, indexed by [`RoleId`].
    pub roles: Vec<GroupRole>,
    /// The account role whose direct holders may found a group of their accounts.
    pub founder: RoleId,
    /// Account roles that outlast the loss of group access; other direct memberships end with it (PE-05).
    pub kept: Mask,
}

/// A role of a group's users.
#[derive(Debug, Clone)]
pub struct GroupRole {
    /// What it holds inside every account of the group, its limits and its delegation there.
    pub role: Role,
    /// The account role its holders must hold directly in every account of the group (PE-06, PE-07).
    pub must_hold: Option<RoleId>,
    /// Whether platform operators alone give it after the group's founding (PE-07).
    pub made_by_operator: bool,
    /// What its holders may do with the group itself.
    pub controls: Vec<GroupControl>,
    /// Group roles its holders may give.
    pub gives: Mask,
    /// Group roles its holders may take.
    pub takes: Mask,
}

/// What a group's users may do with the group itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupControl {
    /// See the group, its accounts and its users.
    View,
    /// Add and remove accounts.
    Accounts,
    /// Add and remove users.
    Users,
    /// Delete the group.
    Delete,
}

/// How ownership moves from one member to another in one step (GW-09).
#[derive(Debug, Clone, Copy)]
pub struct Transfer {
    /// The role that moves.
    pub role: RoleId,
    /// The role the former holder is left with; `None`: they keep their other roles only.
    pub leaves: Option<RoleId>,
}

impl Policy {
    /// The permission of that name.
    #[must_use]
    pub fn permission_id(&self, name: &str) -> Option<PermissionId> {
        self.permission_index.get(name).copied()
    }

    /// The permission of that number.
    #[must_use]
    pub fn permission(&self, id: PermissionId) -> Option<&Permission> {
        self.permissions.get(usize::from(id.0))
    }

    /// The name of that permission; empty for a number of another policy.
    #[must_use]
    pub fn permission_name(&self, id: PermissionId) -> &str {
        self.permission(id).map_or("", |permission| &permission.name)
    }

    /// The names in a set, in the order of the file.
    pub fn permission_names<'a>(&'a self, set: &'a PermissionSet) -> impl Iterator<Item = &'a str> {
        set.iter().map(|id| self.permission_name(id))
    }

    /// The account role of that name.
    #[must_use]
    pub fn role_id(&self, name: &str) -> Option<RoleId> {
        role_id(&self.roles, name)
    }

    /// The account role of that number.
    #[must_use]
    pub fn role(&self, id: RoleId) -> Option<&Role> {
        self.roles.get(usize::from(id.0))
    }

    /// The resource type of that name.
    #[must_use]
    pub fn resource_type_id(&self, name: &str) -> Option<ResourceTypeId> {
        let index = self.resource_types.iter().position(|kind| kind.name == name)?;
        u8::try_from(index).ok().map(ResourceTypeId)
    }

    /// The resource type of that number.
    #[must_use]
    pub fn resource_type(&self, id: ResourceTypeId) -> Option<&ResourceType> {
        self.resource_types.get(usize::from(id.0))
    }

    /// That type and every type whose resources can be inside of one of it.
    #[must_use]
    pub fn descendants(&self, id: ResourceTypeId) -> Mask {
        let mut mask = Mask::of(id.0);
        // A chain of parents is no longer than there are types.
        for _ in &self.resource_types {
            for (index, kind) in (0_u8..).zip(&self.resource_types) {
                if kind.parent.is_some_and(|parent| mask.contains(parent.0)) {
                    mask.insert(index);
                }
            }
        }
        mask
    }

    /// The number of the restriction of that name.
    #[must_use]
    pub fn restriction_id(&self, name: &str) -> Option<u8> {
        let index = self.restrictions.iter().position(|restriction| restriction.name == name)?;
        u8::try_from(index).ok()
    }

    /// The attribute of that name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The roles an account's first user gets.
    #[must_use]
    pub fn roles_at_birth(&self) -> Mask {
        roles_at_birth(&self.roles)
    }

    /// The requirements that an account with these attributes does not meet.
    #[must_use]
    pub fn unmet(&self, value_of: impl Fn(&str) -> Option<AttributeValue>) -> Mask {
        (0_u8..)
            .zip(&self.requirements)
            .filter(|(_, requirement)| !self.is_met(requirement, &value_of))
            .map(|(index, _)| index)
            .collect()
    }

    fn is_met(&self, requirement: &Requirement, value_of: impl Fn(&str) -> Option<AttributeValue>) -> bool {
        let Some(attribute) = self.attributes.get(requirement.attribute) else { return false };
        let value = value_of(&attribute.name).or_else(|| attribute.default.clone());
        match (&requirement.expected, value) {
            (Expected::OneOf(words), Some(AttributeValue::Text(word))) => words.contains(&word),
            (Expected::Flag(on), value) => {
                value.unwrap_or(AttributeValue::Flag(false)) == AttributeValue::Flag(*on)
            }
            (Expected::Set, Some(AttributeValue::Text(text))) => !text.is_empty(),
            (Expected::Set, value) => value.is_some(),
            (Expected::AtLeast(least), Some(AttributeValue::Number(number))) => number >= *least,
            (Expected::OneOf(_) | Expected::AtLeast(_), _) => false,
        }
    }
}

impl ResourceType {
    /// The resource role of that name.
    #[must_use]
    pub fn role_id(&self, name: &str) -> Option<RoleId> {
        role_id(&self.roles, name)
    }

    /// The roles a resource's creator gets.
    #[must_use]
    pub fn roles_at_birth(&self) -> Mask {
        roles_at_birth(&self.roles)
    }
}

impl GroupRule {
    /// The group role of that name.
    #[must_use]
    pub fn role_id(&self, name: &str) -> Option<RoleId> {
        let index = self.roles.iter().position(|role| role.role.name == name)?;
        u8::try_from(index).ok().map(RoleId)
    }

    /// The group role of that number.
    #[must_use]
    pub fn role(&self, id: RoleId) -> Option<&GroupRole> {
        self.roles.get(usize::from(id.0))
    }
}

fn role_id(roles: &[Role], name: &str) -> Option<RoleId> {
    let index = roles.iter().position(|role| role.name == name)?;
    u8::try_from(index).ok().map(RoleId)
}

fn roles_at_birth(roles: &[Role]) -> Mask {
    (0_u8..).zip(roles).filter(|(_, role)| role.at_birth).map(|(index, _)| index).collect()
}
