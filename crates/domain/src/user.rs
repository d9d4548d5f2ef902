//! Users: one identity across all accounts.

use serde::{Deserialize, Serialize};

use crate::id::{GroupId, UserId};

/// A user as it is stored and as the change feed carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id.
    pub id: UserId,
    /// The e-mail address, lower-case; unique among users.
    pub email: String,
    /// What people call them: 1 to 200 characters.
    pub display_name: String,
    /// The language and region they prefer, as a BCP 47 tag (`de-CH`); empty: not known.
    #[serde(default)]
    pub locale: String,
    /// Where a picture of them is: an `https` URL; empty: nowhere.
    #[serde(default)]
    pub avatar_url: String,
    /// Whether they may do anything.
    pub state: UserState,
    /// The logins that are this person, beside this service's own.
    pub identities: Vec<Identity>,
    /// The account groups they belong to, ascending by group.
    pub seats: Vec<GroupSeat>,
    /// When the user was created: microseconds since the Unix epoch.
    pub created_at: i64,
}

impl User {
    /// The user as the feed and the log keep them: by id, so that history stays whole when personal data goes.
    #[must_use]
    pub fn without_personal_data(&self) -> Self {
        Self {
            email: String::new(),
            display_name: String::new(),
            locale: String::new(),
            avatar_url: String::new(),
            identities: Vec::new(),
            ..self.clone()
        }
    }
}

/// Whether a user may do anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UserState {
    /// In use.
    Active,
    /// Denied everything, everywhere.
    Suspended,
}

/// A login at an issuer of tokens (OpenID Connect: `iss` and `sub`).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// The issuer, as its tokens spell it.
    pub issuer: String,
    /// The subject there: 1 to 255 bytes, compared byte for byte.
    pub subject: String,
}

/// A user's place in one account group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSeat {
    /// The group.
    pub group: GroupId,
    /// The group role held.
    pub role: String,
}
