//! Facts compiled against a policy: what [`decide`](crate::decide::decide) reads. They are made from the
//! stored entities once, when they are read or change, and then only compared bit by bit.

use crate::account::{Account, AccountState};
use crate::contact::Contact;
use crate::id::GroupId;
use crate::membership::{MemberState, Membership};
use crate::policy::model::{Policy, Role};
use crate::policy::set::{Mask, PermissionSet, ResourceTypeId};
use crate::resource::Assignment;
use crate::user::{GroupSeat, User, UserState};

/// An account, as decisions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountFact {
    /// Whether it is in use.
    pub state: AccountState,
    /// The groups that contain it, ascending.
    pub groups: Vec<GroupId>,
    /// Requirements of the policy that it does not meet.
    pub unmet: Mask,
    /// Account roles that count for nothing while their requirements are unmet.
    pub idle_roles: Mask,
    /// The same for group roles.
    pub idle_group_roles: Mask,
    /// The same for the roles of each resource type.
    pub idle_resource_roles: Vec<Mask>,
}

/// A user (or any other subject), as decisions see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserFact {
    /// Whether they may do anything.
    pub state: UserState,
    /// The account groups they belong to.
    pub seats: Vec<GroupSeat>,
}

/// A membership, as decisions see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemberFact {
    /// Whether it counts.
    pub state: MemberState,
    /// Account roles held.
    pub roles: Mask,
    /// Single permissions granted.
    pub grants: PermissionSet,
    /// Restrictions put on the member.
    pub restrictions: Mask,
    /// Whether every restriction stored is known to the policy: one that is not might have taken anything
    /// away, so nothing is allowed. Roles and grants that are not known give nothing and need no flag.
    pub fits_policy: bool,
}

/// An assignment, as decisions see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssignmentFact {
    /// The type of the assigned resource.
    pub resource_type: ResourceTypeId,
    /// Roles of that type that come with it.
    pub roles: Mask,
    /// Single permissions that come with it.
    pub permissions: PermissionSet,
}

impl AccountFact {
    /// Judges the account's attributes by the policy's requirements.
    #[must_use]
    pub fn new(policy: &Policy, account: &Account) -> Self {
        let unmet = policy.unmet(|name| account.attribute(name));
        let group_roles = policy.groups.iter().flat_map(|groups| &groups.roles).map(|role| &role.role);
        Self {
            state: account.state,
            groups: account.groups.clone(),
            unmet,
            idle_roles: idle(&policy.roles, unmet),
            idle_group_roles: idle(group_roles, unmet),
            idle_resource_roles: Self::idle_resource_roles(policy, unmet),
        }
    }

    /// For each resource type, which of its roles count for nothing while these requirements are unmet.
    #[must_use]
    pub fn idle_resource_roles(policy: &Policy, unmet: Mask) -> Vec<Mask> {
        policy.resource_types.iter().map(|kind| idle(&kind.roles, unmet)).collect()
    }
}

fn idle<'a>(roles: impl IntoIterator<Item = &'a Role>, unmet: Mask) -> Mask {
    (0_u8..)
        .zip(roles)
        .filter(|(_, role)| !role.requires.intersection(unmet).is_empty())
        .map(|(index, _)| index)
        .collect()
}

impl From<&User> for UserFact {
    fn from(user: &User) -> Self {
        Self { state: user.state, seats: user.seats.clone() }
    }
}

impl UserFact {
    /// A contact as the subject of a question: nobody suspends them, and no group has a place for them.
    pub const CONTACT: Self = Self { state: UserState::Active, seats: Vec::new() };
}

impl MemberFact {
    /// What a contact holds: no role, and of its permissions those that the policy lets contacts hold (IX-07).
    #[must_use]
    pub fn of_contact(policy: &Policy, contact: &Contact) -> Self {
        let may =
            policy.contacts.as_ref().map(|rule| rule.at_birth.union(&rule.grantable)).unwrap_or_default();
        let held: PermissionSet =
            contact.permissions.iter().filter_map(|name| policy.permission_id(name)).collect();
        Self {
            state: MemberState::Active,
            roles: Mask::EMPTY,
            grants: held.intersection(&may),
            restrictions: Mask::EMPTY,
            fits_policy: true,
        }
    }

    /// Resolves the names a membership stores.
    #[must_use]
    pub fn new(policy: &Policy, membership: &Membership) -> Self {
        let restrictions: Vec<_> =
            membership.restrictions.iter().map(|name| policy.restriction_id(name)).collect();
        Self {
            state: membership.state,
            roles: membership.roles.iter().filter_map(|name| policy.role_id(name)).map(|id| id.0).collect(),
            grants: membership.grants.iter().filter_map(|name| policy.permission_id(name)).collect(),
            fits_policy: restrictions.iter().all(Option::is_some),
            restrictions: restrictions.into_iter().flatten().collect(),
        }
    }
}

impl AssignmentFact {
    /// Resolves the names an assignment stores; `None`: the policy has no such resource type.
    #[must_use]
    pub fn new(policy: &Policy, assignment: &Assignment) -> Option<Self> {
        Self::named(policy, &assignment.resource.kind, &assignment.roles, &assignment.permissions)
    }

    /// The same for names of whatever origin.
    #[must_use]
    pub fn named(policy: &Policy, kind: &str, roles: &[String], permissions: &[String]) -> Option<Self> {
        let resource_type = policy.resource_type_id(kind)?;
        let kind = policy.resource_type(resource_type)?;
        Some(Self {
            resource_type,
            roles: roles.iter().filter_map(|name| kind.role_id(name)).map(|id| id.0).collect(),
            permissions: permissions.iter().filter_map(|name| policy.permission_id(name)).collect(),
        })
    }
}
