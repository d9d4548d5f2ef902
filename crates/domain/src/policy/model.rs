//! What a compiled policy says. Built by [`compile`](super::compile), read by
//! [`decide`](crate::decide) and [`plan`](crate::plan); never changed afterwards.

use std::collections::HashMap;

use foldhash::fast::RandomState;

pub use super::attribute::{Attribute, AttributeKind, Expected, Requirement};
pub use super::group_rule::{GroupControl, GroupRole, GroupRule};
pub use super::resource_type::{ResourceIds, ResourceType};
pub use super::role::{AssignRule, Delegation, Holders, MailTopic, Over, Role};
use super::role::{role_id, roles_at_birth};
use super::set::{Mask, PermissionId, PermissionSet, ResourceTypeId, RoleId};
use crate::account::AttributeValue;
use crate::operation::Operation;

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
    /// Looked into for every question. Nobody can choose what is in it but the policy's author, so that its hash may be
    /// a fast one.
    pub(super) permission_index: HashMap<String, PermissionId, RandomState>,
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
    /// The role of whoever comes aboard by an import that names none (GW-08); `None`: it must name one.
    pub role: Option<RoleId>,
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

/// How ownership moves from one member to another in one step (GW-09).
#[derive(Debug, Clone, Copy)]
pub struct Transfer {
    /// The role that moves.
    pub role: RoleId,
    /// The role the former holder is left with; `None`: they keep their other roles only.
    pub leaves: Option<RoleId>,
}

impl Policy {
    /// Whether contacts of its accounts can become users (IX-02).
    #[must_use]
    pub fn contacts_become_users(&self) -> bool {
        self.contacts.is_some() && self.boarding.ways.contains(&BoardingWay::InitialPassword)
    }

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
