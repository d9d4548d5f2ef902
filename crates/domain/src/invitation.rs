//! Invitations: access offered to an e-mail address, which begins when the link that was mailed is followed (RE-05).

use serde::{Deserialize, Serialize};

use crate::command::{Actor, NewAssignment};
use crate::id::{AccountId, ContactId, InvitationId, PasswordId, UserId};
use crate::mail::Locale;

/// An invitation as it is stored and as the change feed carries it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// The account it offers access to.
    pub account: AccountId,
    /// The address it was sent to, lower-case. One pending invitation per account and address.
    pub email: String,
    /// The account roles offered, by name, sorted; never empty.
    pub roles: Vec<String>,
    /// Single permissions offered, by name, sorted.
    pub grants: Vec<String>,
    /// Restrictions that come with it, by name, sorted.
    pub restrictions: Vec<String>,
    /// Resources to be assigned.
    pub assignments: Vec<NewAssignment>,
    /// Whose rights it rests on, now and when it is accepted.
    pub invited_by: Inviter,
    /// What became of it.
    pub state: InvitationState,
    /// Which link is good: each time one is sent it is the next.
    pub generation: u32,
    /// When the link expires: microseconds since the Unix epoch.
    pub expires_at: i64,
    /// The language of its mail.
    pub locale: Locale,
    /// The member whose address this one is to replace (RE-10).
    pub replaces: Option<Replaced>,
    /// The contact whose login it activates (IX-02).
    #[serde(default)]
    pub contact: Option<ContactId>,
    /// How whoever was invited proves that the address is theirs. Who invites is not told which (IX-10).
    #[serde(default)]
    pub proof: Proof,
    /// When it was made: microseconds since the Unix epoch.
    pub created_at: i64,
    /// When it was last changed: microseconds since the Unix epoch.
    pub updated_at: i64,
}

/// How long after its link the place that an invitation keeps is free: a minute, in microseconds. Writes are ordered
/// by locks and not by their clocks, so one that gives the place away may come before an acceptance that was in time.
const PLACE_OUTLASTS_LINK: i64 = 60 * 1_000_000;

/// Who invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Inviter {
    /// A person, by that person's rights.
    Person(UserId),
    /// A platform operator, by the name the activity log keeps.
    Operator(String),
}

/// How whoever was invited proves that the address is theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// They follow the link that was mailed.
    #[default]
    Link,
    /// They sign in with the initial password that was mailed, and set one of their own.
    InitialPassword {
        /// Who they are, made known for it.
        user: UserId,
        /// Which password it is.
        password: PasswordId,
    },
}

/// What became of an invitation. All but the first are final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvitationState {
    /// Nobody has answered it. After its time the link is dead, and a new invitation takes its place.
    Pending,
    /// It was accepted.
    Accepted,
    /// It was declined.
    Declined,
    /// It was taken back.
    Revoked,
}

/// The member whose address an invitation is to replace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replaced {
    /// The member.
    pub user: UserId,
    /// What becomes of them once the new address has accepted.
    pub then: Then,
}

/// What becomes of a replaced member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// They stay a member.
    Keep,
    /// They are removed in the same step.
    Remove,
}

impl Invitation {
    /// Whether its link can still be followed.
    #[must_use]
    pub fn is_open(&self, now: i64) -> bool {
        self.state == InvitationState::Pending && now < self.expires_at
    }

    /// Until when it counts towards the most holders of its roles: microseconds since the Unix epoch. One that
    /// replaces a holder adds none, and counts at no time; neither does one that was answered.
    #[must_use]
    pub fn counts_until(&self) -> i64 {
        let replaces = self.replaces.is_some_and(|replaced| replaced.then == Then::Remove);
        if self.state != InvitationState::Pending || replaces {
            return 0;
        }
        self.expires_at.saturating_add(PLACE_OUTLASTS_LINK)
    }

    /// Whether it counts towards the most holders of its roles at that time.
    #[must_use]
    pub fn counts(&self, now: i64) -> bool {
        now < self.counts_until()
    }
}

impl Inviter {
    /// Who invites, if the actor can.
    #[must_use]
    pub fn of(actor: &Actor) -> Option<Self> {
        match actor {
            Actor::Person { user, .. } => Some(Self::Person(*user)),
            Actor::Operator { name } => Some(Self::Operator(name.clone())),
            Actor::Service { .. } | Actor::Link { .. } => None,
        }
    }

    /// The actor whose rights the invitation rests on.
    #[must_use]
    pub fn actor(&self) -> Actor {
        match self {
            Self::Person(user) => Actor::Person { user: *user, through: None },
            Self::Operator(name) => Actor::Operator { name: name.clone() },
        }
    }
}

impl InvitationState {
    /// The word the database and the feed use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Accepted => "accepted",
            Self::Declined => "declined",
            Self::Revoked => "revoked",
        }
    }
}
