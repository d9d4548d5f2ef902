//! The one vocabulary of change: a plan is a list of these, storage applies each to its table, the feed
//! and the activity log carry them, and the facts in memory are updated by them.

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::contact::Contact;
use crate::group::Group;
use crate::id::{AccountId, ContactId, GroupId, UserId};
use crate::invitation::Invitation;
use crate::membership::Membership;
use crate::resource::{Assignment, Resource, ResourceRef};
use crate::user::User;

/// One fact as it is from now on. A change carries the whole fact, so that applying it needs nothing else
/// and applying it twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "fact")]
pub enum Change {
    /// The account is this.
    Account(Account),
    /// The user is this.
    User(User),
    /// The membership is this.
    Membership(Membership),
    /// The membership is no more.
    MembershipEnded {
        /// The account.
        account: AccountId,
        /// The former member.
        user: UserId,
    },
    /// The resource is this.
    Resource(Resource),
    /// The resource is no more.
    ResourceDeleted {
        /// The account.
        account: AccountId,
        /// Its type and id.
        resource: ResourceRef,
    },
    /// The assignment is this.
    Assignment(Assignment),
    /// The assignment is no more.
    AssignmentEnded {
        /// The account.
        account: AccountId,
        /// The member it was made to.
        user: UserId,
        /// What had been assigned.
        resource: ResourceRef,
    },
    /// The contact is this.
    Contact(Contact),
    /// The contact is no more.
    ContactRemoved {
        /// The account.
        account: AccountId,
        /// The former contact.
        contact: ContactId,
    },
    /// The account group is this.
    Group(Group),
    /// The account group is no more.
    GroupDeleted {
        /// The group.
        group: GroupId,
    },
    /// The invitation is this.
    Invitation(Invitation),
}

impl Change {
    /// The word by which the feed and the activity log name this change.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Account(_) => "account",
            Self::User(_) => "user",
            Self::Membership(_) => "membership",
            Self::MembershipEnded { .. } => "membership_ended",
            Self::Resource(_) => "resource",
            Self::ResourceDeleted { .. } => "resource_deleted",
            Self::Assignment(_) => "assignment",
            Self::AssignmentEnded { .. } => "assignment_ended",
            Self::Contact(_) => "contact",
            Self::ContactRemoved { .. } => "contact_removed",
            Self::Group(_) => "group",
            Self::GroupDeleted { .. } => "group_deleted",
            Self::Invitation(_) => "invitation",
        }
    }

    /// The account it happened in; `None`: it concerns a user or a group as such.
    #[must_use]
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Account(account) => Some(account.id),
            Self::Membership(membership) => Some(membership.account),
            Self::Resource(resource) => Some(resource.account),
            Self::Assignment(assignment) => Some(assignment.account),
            Self::Invitation(invitation) => Some(invitation.account),
            Self::Contact(contact) => Some(contact.account),
            Self::MembershipEnded { account, .. }
            | Self::ResourceDeleted { account, .. }
            | Self::AssignmentEnded { account, .. }
            | Self::ContactRemoved { account, .. } => Some(*account),
            Self::User(_) | Self::Group(_) | Self::GroupDeleted { .. } => None,
        }
    }
}
