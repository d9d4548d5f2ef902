//! Memberships: one user in one account.

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, UserId};

/// A membership as it is stored and as the change feed carries it. Roles, grants and restrictions are
/// names of the account's policy, sorted and without repetition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The account.
    pub account: AccountId,
    /// The user.
    pub user: UserId,
    /// Whether it counts.
    pub state: MemberState,
    /// The account roles held; never empty.
    pub roles: Vec<String>,
    /// Single permissions granted one by one.
    pub grants: Vec<String>,
    /// Restrictions put on the member.
    pub restrictions: Vec<String>,
    /// When it began: microseconds since the Unix epoch.
    pub created_at: i64,
    /// When it was last changed: microseconds since the Unix epoch.
    pub updated_at: i64,
}

/// Whether a membership counts. Only active ones are ever allowed anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MemberState {
    /// It counts.
    Active,
    /// The invitation has not been accepted.
    Pending,
    /// Switched off until it is reinstated.
    Suspended,
}

impl MemberState {
    /// The word the database and the feed use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Pending => "pending",
            Self::Suspended => "suspended",
        }
    }
}
