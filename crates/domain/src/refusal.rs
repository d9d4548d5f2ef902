//! Why a command was not carried out. Each variant says what the caller can do next; the server maps each
//! to one status, one machine-readable reason and its details.

use crate::decide::Reason;
use crate::id::{AccountId, UserId};

/// One field of a command that cannot be as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Its path in the request (`roles[1]`, `assignments[0].resource.type`).
    pub path: String,
    /// What is wrong and what would be right.
    pub message: String,
}

impl FieldError {
    /// A field error.
    #[must_use]
    pub fn new(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.into(), message: message.into() }
    }
}

/// What a limit counts holders in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LimitScope {
    /// The account.
    Account(AccountId),
    /// One resource of it, as `type/id`.
    Resource(String),
    /// An account group.
    Group(String),
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Fields that cannot be as they are, all of them.
    #[error("{} field(s) need correction", .0.len())]
    Invalid(Vec<FieldError>),
    /// What the command is about does not exist (told only to those who may know).
    #[error("there is no {what} {id}")]
    NotFound {
        /// The kind of thing (`member`).
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// What the command would create is there already.
    #[error("{what} {id} exists already")]
    AlreadyExists {
        /// The kind of thing (`member`).
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// An import says something else of a member than they hold (GW-08).
    #[error(
        "member {user} is there already and holds something else{}; send the row so that it replaces what they hold, \
         if that is meant",
        differences(holds, lacks)
    )]
    MemberDiffers {
        /// The member.
        user: UserId,
        /// What they hold beyond the row, as phrases; empty for those who may not see members.
        holds: Vec<String>,
        /// What the row says beyond what they hold, as phrases; likewise.
        lacks: Vec<String>,
    },
    /// The actor may not do this here.
    #[error("{}", denied_text(operation, permission.as_deref(), *reason))]
    Denied {
        /// The operation (`member.remove`).
        operation: String,
        /// The permission that the account's policy asks for; `None`: it leaves it to platform operators.
        permission: Option<String>,
        /// What the decision said.
        reason: Reason,
    },
    /// The actor may do this, but not to this member or with these roles or permissions.
    #[error("the account's policy does not let you {}", .0.join(", nor "))]
    DelegationDenied(Vec<String>),
    /// The policy lets nobody end their own membership.
    #[error("nobody removes themself under this account's policy; ask another member who may remove members")]
    SelfRemoval,
    /// The account does not meet what the operation, role or permission requires.
    #[error("{what} requires {}", requirements.join(" and "))]
    RequirementUnmet {
        /// The operation, role or permission.
        what: String,
        /// What is missing, as sentences.
        requirements: Vec<String>,
    },
    /// Too few active holders of a role would be left.
    #[error(
        "role {role} needs at least {least} active holder(s) and would be left with {left} of {holders}; \
         give it to another active member first"
    )]
    LimitLeast {
        /// The role.
        role: String,
        /// Where holders are counted.
        scope: LimitScope,
        /// Fewest active holders.
        least: u32,
        /// Active holders now.
        holders: u32,
        /// Active holders that would be left.
        left: u32,
    },
    /// Too many holders of a role there would be.
    #[error("role {role} has {holders} of at most {most} holder(s); take it from another member first")]
    LimitMost {
        /// The role.
        role: String,
        /// Where holders are counted.
        scope: LimitScope,
        /// Most holders.
        most: u32,
        /// Holders now, pending and suspended ones included.
        holders: u32,
    },
    /// The link is of no invitation that can be answered: which of the possible causes it is, is not told.
    #[error("this link is not valid, not any more, or was followed already; ask for a new invitation")]
    InvitationInvalid,
    /// Whoever invited may not offer this any more.
    #[error(
        "whoever invited you may not offer this access any more; ask another member of the account for a new invitation"
    )]
    InviterMayNot,
    /// An initial password is nothing for whoever has a way to sign in, or an account, beside this one (IX-10).
    /// Which of these it is, is not told.
    #[error(
        "user {0} has a password of their own choosing, another way to sign in, or another account; \
         only they can change their password"
    )]
    PasswordNotResettable(crate::id::UserId),
    /// What the command changes is not what its caller read (AIP-154).
    #[error(
        "somebody else changed this since you read it; read it again, and repeat your change if it still makes sense"
    )]
    EtagMismatch,
    /// Limits are passed over by platform operators alone.
    #[error(
        "override_reason is for platform operators alone; without it, the limits of the account's policy hold"
    )]
    OverrideDenied,
    /// What the command is about is in a state in which it cannot be done.
    #[error("{0}")]
    WrongState(String),
}

fn differences(holds: &[String], lacks: &[String]) -> String {
    let told =
        |what: &str, names: &[String]| (!names.is_empty()).then(|| format!("{what} {}", names.join(", ")));
    let told: Vec<String> =
        [told("beyond the row: ", holds), told("not yet: ", lacks)].into_iter().flatten().collect();
    if told.is_empty() { String::new() } else { format!(" ({})", told.join("; ")) }
}

fn denied_text(operation: &str, permission: Option<&str>, reason: Reason) -> String {
    match (permission, reason) {
        (_, Reason::NotAMember | Reason::UnknownAccount | Reason::UnknownSubject) => {
            "there is no such account, or you are not an active member of it".to_owned()
        }
        (Some(permission), _) => {
            format!(
                "{operation} needs the permission {permission} in this account, which you do not hold ({reason:?})"
            )
        }
        (None, _) => {
            format!("{operation} is left to platform operators by this account's policy ({reason:?})")
        }
    }
}
