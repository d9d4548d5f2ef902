//! Contacts: somebody known to one account by name and e-mail address, without a login (GW-07, IX-01), and what
//! becomes of those whose login is activated (IX-02).

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, ContactId, InvitationId, UserId};

/// A contact as it is stored and as the change feed carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// The account that knows them.
    pub account: AccountId,
    /// The id.
    pub id: ContactId,
    /// The e-mail address, lower-case; unique among the account's contacts. Never changes (IX-11).
    pub email: String,
    /// What people call them: 1 to 200 characters.
    pub display_name: String,
    /// Whatever else is to be remembered (a postal address, a telephone number): at most 2,000 bytes.
    pub details: String,
    /// Single permissions held, names of the account's policy, sorted and without repetition (IX-07).
    pub permissions: Vec<String>,
    /// The member who has this address, so that the contact is a user, too (IX-02); `None`: there is none.
    #[serde(default)]
    pub user: Option<UserId>,
    /// The pending invitation by which its login is being activated; `None`: there is none.
    #[serde(default)]
    pub activation: Option<InvitationId>,
    /// When it was created: microseconds since the Unix epoch.
    pub created_at: i64,
    /// When it was last changed: microseconds since the Unix epoch.
    pub updated_at: i64,
}

/// Whether a contact is a user as well (IX-02).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// It is a contact and nothing else.
    None,
    /// Its login was activated, and nobody has signed in with it or accepted it yet.
    Pending,
    /// The member of this account who has the address is the contact.
    Active,
}

impl Contact {
    /// Whether the contact is a user as well.
    #[must_use]
    pub fn login(&self) -> Login {
        match (self.user, self.activation) {
            (Some(_), _) => Login::Active,
            (None, Some(_)) => Login::Pending,
            (None, None) => Login::None,
        }
    }

    /// The contact as the feed keeps it: by id, so that history stays whole when personal data goes.
    #[must_use]
    pub fn without_personal_data(&self) -> Self {
        Self { email: String::new(), display_name: String::new(), details: String::new(), ..self.clone() }
    }
}
