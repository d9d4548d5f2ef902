//! Roles: what they hold, how many hold them, and what their holders hand out.

use super::set::{Mask, PermissionSet, ResourceTypeId, RoleId};

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

pub(super) fn role_id(roles: &[Role], name: &str) -> Option<RoleId> {
    let index = roles.iter().position(|role| role.name == name)?;
    u8::try_from(index).ok().map(RoleId)
}

pub(super) fn roles_at_birth(roles: &[Role]) -> Mask {
    (0_u8..).zip(roles).filter(|(_, role)| role.at_birth).map(|(index, _)| index).collect()
}
