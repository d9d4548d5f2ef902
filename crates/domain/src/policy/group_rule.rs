//! How accounts are bundled.

use super::role::Role;
use super::set::{Mask, RoleId};

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
