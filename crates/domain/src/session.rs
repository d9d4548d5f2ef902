//! Sessions: what a sign-in begins, and a sign-out or a change of password ends.

use serde::{Deserialize, Serialize};

use crate::credential::Secret;
use crate::id::{SessionId, UserId};

/// How long a session lasts at most, in microseconds: 30 days, after which the password is asked for again
/// (NIST SP 800-63B §4.1.3).
pub const LONGEST: i64 = 30 * 24 * 60 * 60 * 1_000_000;

/// A session as it is stored; the change feed carries it without the hash of its refresh token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// The id, which the session's access tokens name (claim `sid`).
    pub id: SessionId,
    /// Who signed in.
    pub user: UserId,
    /// What its tokens are good for.
    pub purpose: Purpose,
    /// When it began: microseconds since the Unix epoch.
    pub created_at: i64,
    /// When it ends by itself: microseconds since the Unix epoch.
    pub ends_at: i64,
    /// The hash of the first refresh token. Later ones are known to storage alone.
    #[serde(skip)]
    pub refresh: Secret,
}

/// What a session's tokens are good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Whatever the person may do.
    Anything,
    /// Setting a password of one's own, and nothing else (IX-10).
    SetPassword,
}

/// Which sessions of a user to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sessions {
    /// This one.
    One(SessionId),
    /// All of them.
    All,
}
