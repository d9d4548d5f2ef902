//! Passwords, as far as rules know them: whose, of whose choosing, until when. What a password is nobody here
//! knows; its hash goes through as a [`Secret`].

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AccountId, InvitationId, PasswordId, UserId};

/// A text that is stored in one column of one table and nowhere else: it has no serialized form, so that
/// neither the change feed nor the activity log can carry it, and none that a log could show.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps the text.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that stores or compares it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// A user's password as it is stored; the change feed carries it without its hash.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// Whose it is.
    pub user: UserId,
    /// Who chose it.
    pub kind: CredentialKind,
    /// The hash in the PHC string format (Argon2id).
    #[serde(skip)]
    pub hash: Secret,
    /// When it was set: microseconds since the Unix epoch.
    pub set_at: i64,
}

/// Who chose a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// Somebody else did: it allows nothing but setting another one (IX-10), and that only until this time, in
    /// microseconds since the Unix epoch.
    Initial {
        /// When it stops to be good for anything.
        expires_at: i64,
        /// The activation of a contact's login that it was made up for, which setting another password accepts.
        #[serde(default)]
        activation: Option<Activation>,
    },
    /// The user did.
    Own,
}

/// The activation of a contact's login that an initial password belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activation {
    /// The account.
    pub account: AccountId,
    /// Its invitation.
    pub invitation: InvitationId,
}

/// An initial password that was made up ahead of a plan, which says whether anybody gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitialPassword {
    /// Which one it is. The password itself is derived from it when the mail is sent.
    pub id: PasswordId,
    /// Its hash in the PHC string format (Argon2id).
    pub hash: Secret,
    /// The id of whoever gets it if the address is nobody's yet.
    pub newcomer: UserId,
}

/// How long an initial password is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InitialLifetime {
    /// That many days.
    Days(u32),
    /// As many days as the policy of this account says (`boarding.password_days`).
    OfAccount(crate::id::AccountId),
}

impl Credential {
    /// Whether it opens anything at this time (microseconds since the Unix epoch).
    #[must_use]
    pub fn is_good_at(&self, now: i64) -> bool {
        match self.kind {
            CredentialKind::Initial { expires_at, .. } => now < expires_at,
            CredentialKind::Own => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_neither_serialized_nor_shown() {
        let credential = Credential {
            user: UserId::from_bits(1),
            kind: CredentialKind::Own,
            hash: Secret::new("$argon2id$secret"),
            set_at: 5,
        };
        assert!(!serde_json::to_string(&credential).unwrap().contains("argon2id"));
        assert!(!format!("{credential:?}").contains("argon2id"));
    }
}
