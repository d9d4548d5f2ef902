//! The caches themselves: one for each kind of fact, each with a limit on its bytes.

use std::sync::Arc;
use std::time::Duration;

use mandate_domain::facts::AssignmentFact;
use mandate_domain::id::{AccountId, ContactId, SessionId, UserId};
use mandate_domain::user::Identity;
use mandate_storage::sabotage::{Fault, block};
use quick_cache::sync::Cache;

use super::ask::{Ask, Known};
use super::entry::{AccountEntry, Bytes, MemberEntry, ResourceEntry, SessionEntry, UserEntry};
use super::fill::FactAt;
use super::key::{AssignmentAt, AssignmentKey, ResourceAt, ResourceKey};

/// Most bytes that all facts together may take.
const CAPACITY: u64 = 512 << 20;

/// What an entry takes on average, in bytes; only used to size tables.
const AVERAGE: u64 = 256;

type Of<K, V> = Cache<K, Option<V>, Bytes>;

/// Every fact in memory. `None` as an entry: it is known that there is no such thing.
pub(super) struct Caches {
    pub(super) accounts: Of<AccountId, Arc<AccountEntry>>,
    pub(super) users: Of<UserId, Arc<UserEntry>>,
    pub(super) members: Of<(AccountId, UserId), Arc<MemberEntry>>,
    /// What a contact holds.
    pub(super) contacts: Of<(AccountId, ContactId), Arc<MemberEntry>>,
    pub(super) resources: Of<ResourceKey, Arc<ResourceEntry>>,
    pub(super) assignments: Of<AssignmentKey, AssignmentFact>,
    /// Which user a login is of. The user's entry says whether it still is.
    pub(super) identities: Of<Identity, UserId>,
    pub(super) sessions: Of<SessionId, SessionEntry>,
}

impl Default for Caches {
    fn default() -> Self {
        Self {
            accounts: sized(8),
            users: sized(8),
            members: sized(4),
            contacts: sized(16),
            resources: sized(8),
            assignments: sized(4),
            identities: sized(16),
            sessions: sized(16),
        }
    }
}

/// A cache with this part of the capacity.
fn sized<K, V>(part: u64) -> Of<K, V>
where
    K: Eq + std::hash::Hash,
    V: Clone,
    Bytes: quick_cache::Weighter<K, Option<V>>,
{
    let capacity = CAPACITY / part;
    Cache::with_weighter(usize::try_from(capacity / AVERAGE).unwrap_or(usize::MAX), capacity, Bytes)
}

impl Caches {
    /// Everything a question is decided on; `None`: an entry is missing.
    pub(super) fn known(&self, ask: Ask<'_>) -> Option<Known> {
        let Ask { account, user, resource } = ask;
        let mut known = Known::default();
        known.account = self.accounts.get(&account)?;
        known.user = self.users.get(&user)?;
        known.member = self.members.get(&(account, user))?;
        let Some(asked) = resource else { return Some(known) };
        known.resource = self.resources.get(&ResourceAt::new(account, asked))?;
        block(Fault::TornRead, Duration::from_millis(60));
        let ancestors = known.resource.clone();
        let chain = std::iter::once(asked).chain(ancestors.iter().flat_map(|entry| &entry.ancestors));
        for (position, resource) in chain.enumerate() {
            if let Some(fact) = self.assignments.get(&AssignmentAt::new(account, user, resource))? {
                known.assign(position, fact);
            }
        }
        Some(known)
    }

    /// The user of a login; `None`: an entry is missing.
    pub(super) fn user_of(&self, identity: &Identity) -> Option<Option<UserId>> {
        let Some(id) = self.identities.get(identity)? else { return Some(None) };
        let user = self.users.get(&id)?;
        let still_is = user.is_some_and(|user| user.identities.contains(identity));
        still_is.then_some(Some(id))
    }

    /// Drops one fact.
    pub(super) fn remove(&self, fact: FactAt<'_>) {
        match fact {
            FactAt::Account(account) => drop(self.accounts.remove(&account)),
            FactAt::User(user) => drop(self.users.remove(&user)),
            FactAt::Member(account, user) => drop(self.members.remove(&(account, user))),
            FactAt::Contact(account, contact) => drop(self.contacts.remove(&(account, contact))),
            FactAt::Resource(at) => drop(self.resources.remove(&at)),
            FactAt::Assignment(at) => drop(self.assignments.remove(&at)),
            FactAt::Identity(identity) => drop(self.identities.remove(identity)),
            FactAt::Session(session) => drop(self.sessions.remove(&session)),
        }
    }

    /// Drops everything.
    pub(super) fn clear(&self) {
        self.accounts.clear();
        self.users.clear();
        self.members.clear();
        self.contacts.clear();
        self.resources.clear();
        self.assignments.clear();
        self.identities.clear();
        self.sessions.clear();
    }
}
