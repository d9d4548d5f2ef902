//! The verified facts of a token.

use std::fmt;
use std::sync::Arc;

use mandate_domain::id::SessionId;
use mandate_domain::session::Purpose;

use super::scope::{Scope, ScopeSet};

/// The longest subject (claim `sub`) that is accepted, in bytes of UTF-8.
pub const MAX_SUBJECT_BYTES: usize = 255;

/// What kind of party is calling, which decides where its rights come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CallerKind {
    /// Somebody with memberships: acts with the permissions these give.
    Person,
    /// A program: acts with the scopes of its token, and for a person only with `people.act`.
    Service,
    /// Somebody who runs the platform: acts with `platform.operator`.
    Operator,
}

impl CallerKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 3] = [Self::Person, Self::Service, Self::Operator];

    /// The name in the issuers' file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
            Self::Operator => "operator",
        }
    }

    /// The kind of caller that a token of these scopes is for.
    #[must_use]
    pub const fn of(scopes: ScopeSet) -> Self {
        if scopes.contains(Scope::PlatformOperator) {
            Self::Operator
        } else if scopes.is_empty() {
            Self::Person
        } else {
            Self::Service
        }
    }
}

impl fmt::Display for CallerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Who is calling, as a verified token states it. Shared between calls as `Arc<Caller>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Which kind of party it is.
    pub kind: CallerKind,
    /// The issuer (claim `iss`): one of those configured.
    pub issuer: Arc<str>,
    /// The subject (claim `sub`): unique within its issuer, compared byte for byte, 1 to [`MAX_SUBJECT_BYTES`] bytes.
    pub subject: Arc<str>,
    /// The scopes of this service that the token carries; none for a person.
    pub scopes: ScopeSet,
    /// When the token expires (claim `exp`), in microseconds since the Unix epoch, without the issuer's leeway.
    pub expires_at_micros: i64,
    /// The session that the token is of; `None`: it is of none, as those of `mandate token` and of other issuers.
    pub session: Option<CallerSession>,
}

/// The session of this service that a token is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallerSession {
    /// The session (claim `sid`). Whether it goes on is not known from the token.
    pub id: SessionId,
    /// What the token is good for (claim `purpose`; without it, for anything).
    pub purpose: Purpose,
}

impl Caller {
    /// Whether the token carries `scope`. An operator has no other scope for being one.
    #[must_use]
    pub const fn has_scope(&self, scope: Scope) -> bool {
        self.scopes.contains(scope)
    }
}
