//! Account groups: accounts of one policy, bundled (PE-01). Which accounts a group contains stands on the
//! accounts, who belongs to it on the users, so that ending one person's access changes one fact (PE-09).

use serde::{Deserialize, Serialize};

use crate::id::GroupId;

/// An account group as it is stored and as the change feed carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// The id.
    pub id: GroupId,
    /// The policy of all its accounts.
    pub policy: String,
    /// What people call it: 1 to 200 characters.
    pub display_name: String,
    /// When it was founded: microseconds since the Unix epoch.
    pub created_at: i64,
}
