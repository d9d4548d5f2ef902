//! Outgoing mail, as a plan asks for it. It commits with the changes that cause it and holds no secret:
//! the link of an invitation and an initial password are derived when the mail is sent.

use serde::{Deserialize, Serialize};

use crate::account::{Account, AttributeValue};
use crate::id::{AccountId, InvitationId, PasswordId};
use crate::policy::model::Policy;

/// The languages that mail is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// English.
    #[default]
    En,
    /// German.
    De,
}

/// The account's attribute that says the language of its mail, where its policy has one of that name.
pub const LANGUAGE: &str = "language";

impl Locale {
    /// The language with that tag (BCP 47): `en` or `de`, whatever region follows.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next().unwrap_or_default();
        match primary.to_ascii_lowercase().as_str() {
            "en" => Some(Self::En),
            "de" => Some(Self::De),
            _ => None,
        }
    }

    /// Its tag (BCP 47).
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::De => "de",
        }
    }

    /// The language of an account's mail: its attribute [`LANGUAGE`], or the policy's default of it, or English.
    #[must_use]
    pub fn of(policy: &Policy, account: &Account) -> Self {
        let default = || policy.attribute(LANGUAGE).and_then(|attribute| attribute.default.clone());
        match account.attribute(LANGUAGE).or_else(default) {
            Some(AttributeValue::Text(tag)) => Self::from_tag(&tag).unwrap_or_default(),
            Some(AttributeValue::Flag(_) | AttributeValue::Number(_)) | None => Self::default(),
        }
    }
}

/// One mail to one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The account it is about.
    pub account: AccountId,
    /// What people call that account.
    pub account_name: String,
    /// The address it goes to.
    pub recipient: String,
    /// What people call its recipient; `None`: nobody knows yet.
    pub recipient_name: Option<String>,
    /// Its language.
    pub locale: Locale,
    /// What it says.
    pub content: MailContent,
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum MailContent {
    /// An invitation with a link to accept it (RE-05).
    Invitation {
        /// The invitation.
        invitation: InvitationId,
        /// Which of its links: an earlier one is dead.
        generation: u32,
        /// Who invites, as people call them; `None`: the platform's operator.
        inviter: Option<String>,
        /// When the link expires: microseconds since the Unix epoch.
        expires_at: i64,
    },
    /// An initial password to sign in with for the first time (IX-10).
    InitialPassword {
        /// Which password: an earlier one is dead.
        password: PasswordId,
        /// Why it is sent.
        occasion: Occasion,
        /// When it stops to be good: microseconds since the Unix epoch.
        expires_at: i64,
    },
    /// The recipient is no member any more.
    MemberRemoved,
    /// The recipient's roles are others than before.
    RolesChanged {
        /// What a person calls the roles held from now on.
        roles: Vec<String>,
    },
    /// A message of the billing backend (SH-04).
    Billing {
        /// Its subject line.
        subject: String,
        /// Its plain text.
        text: String,
    },
}

/// Why an initial password is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// The recipient's login was activated.
    Activated {
        /// By whom, as people call them; `None`: the platform's operator.
        by: Option<String>,
    },
    /// Somebody set off a new one.
    Renewed,
}

impl MailContent {
    /// The word by which the outbox names this kind of mail.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Invitation { .. } => "invitation",
            Self::InitialPassword { .. } => "initial_password",
            Self::MemberRemoved => "member_removed",
            Self::RolesChanged { .. } => "roles_changed",
            Self::Billing { .. } => "billing",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_with_a_region_is_its_language() {
        for (tag, locale) in [("de", Locale::De), ("de-AT", Locale::De), ("EN_us", Locale::En)] {
            assert_eq!(Locale::from_tag(tag), Some(locale), "{tag}");
        }
        for tag in ["", "fr", "deutsch"] {
            assert_eq!(Locale::from_tag(tag), None, "{tag}");
        }
    }
}
