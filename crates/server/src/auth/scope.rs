//! What a service's token may be used for.

use std::fmt;
use std::str::FromStr;

use super::nearest::did_you_mean;

/// One thing that a token lets its bearer do, beyond what a person may do by membership.
///
/// The names are the values of the `scope` claim (RFC 9068 §2.2.3). The list is closed: a scope that is not here
/// (`openid`, `email`, those of other services) means nothing to this service and is ignored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Scope {
    /// `authz.check`: ask whether somebody may do something.
    AuthzCheck,
    /// `authz.read`: list who may do what (lookups, policies).
    AuthzRead,
    /// `authz.watch`: follow the feed of changes.
    AuthzWatch,
    /// `accounts.create`: create accounts on behalf of an order or a registration.
    AccountsCreate,
    /// `accounts.read`: read any account and its members.
    AccountsRead,
    /// `users.read`: read any user.
    UsersRead,
    /// `users.write`: create and change any user.
    UsersWrite,
    /// `mail.send`: send mail to those in any account who receive that kind.
    MailSend,
    /// `people.act`: act for the person that the call names, with that person's permissions and no more.
    PeopleAct,
    /// `platform.operator`: the caller runs this installation.
    PlatformOperator,
}

impl Scope {
    /// Every scope, in the order of declaration.
    pub const ALL: [Self; 10] = [
        Self::AuthzCheck,
        Self::AuthzRead,
        Self::AuthzWatch,
        Self::AccountsCreate,
        Self::AccountsRead,
        Self::UsersRead,
        Self::UsersWrite,
        Self::MailSend,
        Self::PeopleAct,
        Self::PlatformOperator,
    ];

    /// The name in a `scope` claim and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AuthzCheck => "authz.check",
            Self::AuthzRead => "authz.read",
            Self::AuthzWatch => "authz.watch",
            Self::AccountsCreate => "accounts.create",
            Self::AccountsRead => "accounts.read",
            Self::UsersRead => "users.read",
            Self::UsersWrite => "users.write",
            Self::MailSend => "mail.send",
            Self::PeopleAct => "people.act",
            Self::PlatformOperator => "platform.operator",
        }
    }

    /// The scope of exactly this name; scope values are case-sensitive (RFC 6749 §3.3).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }

    const fn bit(self) -> u16 {
        1 << self as u8
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A name that is no scope of this service.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not a scope of this service{hint}; use one of: {}", ScopeSet::ALL)]
pub struct UnknownScope {
    name: String,
    hint: String,
}

impl FromStr for Scope {
    type Err = UnknownScope;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::from_name(name).ok_or_else(|| UnknownScope {
            name: name.to_owned(),
            hint: did_you_mean(name, Self::ALL.map(Self::name)),
        })
    }
}

/// A set of [`Scope`]s, one bit each.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct ScopeSet(u16);

impl ScopeSet {
    /// No scope: a person's token.
    pub const EMPTY: Self = Self(0);

    const ALL: Self = Self((1 << Scope::ALL.len()) - 1);

    /// This set and `scope`.
    #[must_use]
    pub const fn with(self, scope: Scope) -> Self {
        Self(self.0 | scope.bit())
    }

    /// Whether `scope` is in the set.
    #[must_use]
    pub const fn contains(self, scope: Scope) -> bool {
        self.0 & scope.bit() != 0
    }

    /// Whether no scope is in the set.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The scopes of the set in the order of declaration.
    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.contains(*scope))
    }
}

impl FromIterator<Scope> for ScopeSet {
    fn from_iter<I: IntoIterator<Item = Scope>>(scopes: I) -> Self {
        scopes.into_iter().fold(Self::EMPTY, Self::with)
    }
}

/// The value of a `scope` claim: names separated by single spaces.
impl fmt::Display for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, scope) in self.iter().enumerate() {
            if position > 0 {
                f.write_str(" ")?;
            }
            f.write_str(scope.name())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ScopeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Scope::name)).finish()
    }
}
