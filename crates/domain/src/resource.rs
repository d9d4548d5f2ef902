//! Resources inside an account, and their assignment to members.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ContactId, UserId};

/// Names one resource within an account. Ids come from outside and are compared byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ResourceRef {
    /// The name of its type in the account's policy.
    pub kind: String,
    /// Its id: 1 to 255 bytes.
    pub id: String,
}

/// A registered resource as it is stored and as the change feed carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// The account.
    pub account: AccountId,
    /// Its type and id.
    pub resource: ResourceRef,
    /// What people call it: at most 200 characters.
    pub display_name: String,
    /// What it lives in, nearest first; never changes.
    pub ancestors: Vec<ResourceRef>,
    /// The member who created it; `None`: a service or an operator did.
    pub created_by: Option<UserId>,
    /// The contact recorded as its holder, which grants nothing (GW-07).
    pub holder: Option<ContactId>,
    /// When it was registered: microseconds since the Unix epoch.
    pub created_at: i64,
}

/// A resource assigned to a member.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// The account.
    pub account: AccountId,
    /// The member.
    pub user: UserId,
    /// The resource.
    pub resource: ResourceRef,
    /// Roles of the resource's type that come with it.
    pub roles: Vec<String>,
    /// Single permissions that come with it.
    pub permissions: Vec<String>,
    /// When it was made: microseconds since the Unix epoch.
    pub created_at: i64,
}

impl std::fmt::Display for ResourceRef {
    /// `type/id`, as the activity log and messages name it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.kind, self.id)
    }
}
