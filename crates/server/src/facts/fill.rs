//! What a miss read from the database, on its way into memory.

use std::sync::Arc;

use mandate_domain::change::Change;
use mandate_domain::facts::{AssignmentFact, UserFact};
use mandate_domain::id::{AccountId, ContactId, SessionId, UserId};
use mandate_domain::user::Identity;

use super::cache::Caches;
use super::entry::{AccountEntry, Logins, MemberEntry, ResourceEntry, SessionEntry};
use super::key::{AssignmentAt, AssignmentKey, ResourceAt, ResourceKey};

/// Names one fact, whatever became of it.
#[derive(Debug, Clone, Copy, Hash)]
pub(super) enum FactAt<'a> {
    Account(AccountId),
    User(UserId),
    Member(AccountId, UserId),
    Contact(AccountId, ContactId),
    Resource(ResourceAt<'a>),
    Assignment(AssignmentAt<'a>),
    Identity(&'a Identity),
    Session(SessionId),
}

/// One fact as it was read. `None`: there is no such thing.
#[derive(Debug, Clone)]
pub(super) enum Entry {
    Account(AccountId, Option<Arc<AccountEntry>>),
    User(UserId, Option<Arc<UserFact>>),
    Logins(UserId, Option<Logins>),
    Member(AccountId, UserId, Option<Arc<MemberEntry>>),
    Contact(AccountId, ContactId, Option<Arc<MemberEntry>>),
    Resource(ResourceKey, Option<Arc<ResourceEntry>>),
    Assignment(AssignmentKey, Option<AssignmentFact>),
    Identity(Identity, Option<UserId>),
    Session(SessionId, Option<SessionEntry>),
}

/// All that one miss read, in one snapshot.
#[derive(Debug, Clone)]
pub(super) struct Fill {
    /// The epoch before the snapshot was taken.
    pub(super) since: u64,
    pub(super) entries: Vec<Entry>,
}

impl Entry {
    /// Which fact it is.
    pub(super) fn at(&self) -> FactAt<'_> {
        match self {
            Self::Account(account, _) => FactAt::Account(*account),
            Self::User(user, _) | Self::Logins(user, _) => FactAt::User(*user),
            Self::Member(account, user, _) => FactAt::Member(*account, *user),
            Self::Contact(account, contact, _) => FactAt::Contact(*account, *contact),
            Self::Resource(key, _) => FactAt::Resource(key.at()),
            Self::Assignment(key, _) => FactAt::Assignment(key.at()),
            Self::Identity(identity, _) => FactAt::Identity(identity),
            Self::Session(session, _) => FactAt::Session(*session),
        }
    }

    /// Puts it into memory.
    pub(super) fn put(self, caches: &Caches) {
        match self {
            Self::Account(account, entry) => caches.accounts.insert(account, entry, &caches.context),
            Self::User(user, fact) => caches.users.insert(user, fact, &caches.context),
            Self::Logins(user, logins) => caches.logins.insert(user, logins),
            Self::Member(account, user, fact) => {
                caches.members.insert((account, user), fact, &caches.context);
            }
            Self::Contact(account, contact, fact) => caches.contacts.insert((account, contact), fact),
            Self::Resource(key, entry) => caches.resources.insert(key, entry),
            Self::Assignment(key, fact) => caches.assignments.insert(key, fact),
            Self::Identity(identity, user) => caches.identities.insert(identity, user),
            Self::Session(session, entry) => caches.sessions.insert(session, entry),
        }
    }
}

/// Names every fact that the change is of.
pub(super) fn changed(change: &Change, mut name: impl FnMut(FactAt<'_>)) {
    match change {
        Change::Account(account) => name(FactAt::Account(account.id)),
        Change::User(user) => {
            name(FactAt::User(user.id));
            user.identities.iter().for_each(|identity| name(FactAt::Identity(identity)));
        }
        Change::UserErased { user, identities } => {
            name(FactAt::User(*user));
            identities.iter().for_each(|identity| name(FactAt::Identity(identity)));
        }
        Change::Session(session) => name(FactAt::Session(session.id)),
        Change::SessionEnded { session, .. } => name(FactAt::Session(*session)),
        Change::Membership(membership) => name(FactAt::Member(membership.account, membership.user)),
        Change::MembershipEnded { account, user } => name(FactAt::Member(*account, *user)),
        Change::Resource(resource) => {
            name(FactAt::Resource(ResourceAt::new(resource.account, &resource.resource)));
        }
        Change::ResourceDeleted { account, resource } => {
            name(FactAt::Resource(ResourceAt::new(*account, resource)));
        }
        Change::Assignment(made) => {
            name(FactAt::Assignment(AssignmentAt::new(made.account, made.user, &made.resource)));
        }
        Change::AssignmentEnded { account, user, resource } => {
            name(FactAt::Assignment(AssignmentAt::new(*account, *user, resource)));
        }
        Change::Contact(contact) => name(FactAt::Contact(contact.account, contact.id)),
        Change::ContactRemoved { account, contact } => name(FactAt::Contact(*account, *contact)),
        // No question is decided on these.
        Change::Credential(_) | Change::Group(_) | Change::GroupDeleted { .. } | Change::Invitation(_) => {}
    }
}
