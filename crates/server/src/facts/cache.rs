//! The caches themselves: one for each kind of fact, each with a limit on its bytes.

use std::hash::Hash;
use std::ops::{Add, Deref};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use mandate_domain::facts::{AssignmentFact, UserFact};
use mandate_domain::id::{AccountId, ContactId, SessionId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::user::Identity;
use mandate_storage::sabotage::{Fault, block};
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{DefaultHashBuilder, Equivalent, Lifecycle, Weighter};

use super::ask::{Ask, Known};
use super::entry::{AccountEntry, Bytes, Logins, MemberEntry, ResourceEntry, SessionEntry};
use super::fill::FactAt;
use super::grants::GrantSets;
use super::kept::Kept;
use super::key::{AssignmentAt, AssignmentKey, ResourceAt, ResourceKey};
use super::noted::Noticed;
use super::pack::{Context, NOTICED};
use crate::metrics::{Counts, Kind, Lookup};
use crate::size::ByteSize;

/// Most bytes that all facts together may take, unless told otherwise: a gibibyte, of which two million members may have a
/// quarter.
pub const MEMORY: ByteSize = ByteSize(1 << 30);

/// What an entry takes on average, in bytes; only used to size tables.
const AVERAGE: u64 = 256;

type Inner<K, V> = Cache<K, Option<V>, Bytes, DefaultHashBuilder, Evictions>;

/// The facts of one kind. What is looked for is counted.
pub(super) struct Of<K, V> {
    inner: Inner<K, V>,
    evictions: Evictions,
    kind: Kind,
    counts: &'static Counts,
}

/// How many entries had to go for others, since the server started.
#[derive(Clone, Default)]
pub(super) struct Evictions(Arc<AtomicU64>);

impl<K, V> Lifecycle<K, V> for Evictions {
    /// Drops what went once nobody is kept waiting by it.
    type RequestState = <DefaultLifecycle<K, V> as Lifecycle<K, V>>::RequestState;

    /// That an entry was replaced by a newer one of the same fact is not told here.
    fn before_evict(&self, _: &mut Self::RequestState, _: &K, _: &mut V) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn on_evict(&self, state: &mut Self::RequestState, key: K, value: V) {
        DefaultLifecycle::default().on_evict(state, key, value);
    }
}

/// How much room the facts of one kind take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Of what kind they are.
    pub kind: Kind,
    /// How many there are.
    pub entries: usize,
    /// The bytes that they take, roughly.
    pub bytes: u64,
    /// The most bytes that they may take.
    pub capacity: u64,
    /// How many had to go for others.
    pub evictions: u64,
}

impl Add for Size {
    type Output = Self;

    /// Both together, of one kind.
    fn add(self, other: Self) -> Self {
        Self {
            kind: self.kind,
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
            capacity: self.capacity + other.capacity,
            evictions: self.evictions + other.evictions,
        }
    }
}

/// Every fact in memory. `None` as an entry: it is known that there is no such thing.
pub(super) struct Caches {
    pub(super) context: Context,
    pub(super) accounts: Kept<AccountEntry, 2, 5>,
    pub(super) users: Kept<UserFact, 2, 5>,
    pub(super) members: Kept<MemberEntry, 4, 3>,
    /// What a contact holds.
    pub(super) contacts: Of<(AccountId, ContactId), Arc<MemberEntry>>,
    pub(super) resources: Of<ResourceKey, Arc<ResourceEntry>>,
    pub(super) assignments: Of<AssignmentKey, AssignmentFact>,
    /// Which user a login is of. The user's logins say whether it still is.
    pub(super) identities: Of<Identity, UserId>,
    pub(super) logins: Of<UserId, Logins>,
    pub(super) sessions: Of<SessionId, SessionEntry>,
}

impl Caches {
    /// Nothing in memory yet, under these policies, and never more than `memory`; what is looked for is counted here.
    pub(super) fn new(policies: Policies, memory: ByteSize, counts: &'static Counts) -> Self {
        let part = |part: u64| memory.0 / part;
        Self {
            context: Context { policies: ArcSwap::from_pointee(policies), grants: GrantSets::default() },
            accounts: Kept::sized(part(8), Kind::Account, counts),
            users: Kept::sized(part(8), Kind::User, counts),
            members: Kept::sized(part(4), Kind::Member, counts),
            contacts: Of::sized(part(16), Kind::Contact, counts),
            resources: Of::sized(part(8), Kind::Resource, counts),
            assignments: Of::sized(part(8), Kind::Assignment, counts),
            identities: Of::sized(part(16), Kind::Identity, counts),
            logins: Of::sized(part(16), Kind::User, counts),
            sessions: Of::sized(part(16), Kind::Session, counts),
        }
    }

    /// How much room each kind takes.
    pub(super) fn sizes(&self) -> [Size; 8] {
        [
            self.accounts.size(),
            self.users.size() + self.logins.size(),
            self.members.size(),
            self.contacts.size(),
            self.resources.size(),
            self.assignments.size(),
            self.identities.size(),
            self.sessions.size(),
        ]
    }
}

impl<K, V> Of<K, V>
where
    K: Eq + Hash,
    V: Clone,
    Bytes: Weighter<K, Option<V>>,
{
    /// A cache of at most this many bytes.
    pub(super) fn sized(capacity: u64, kind: Kind, counts: &'static Counts) -> Self {
        let entries = usize::try_from(capacity / AVERAGE).unwrap_or(usize::MAX);
        let evictions = Evictions::default();
        let inner = Cache::with(entries, capacity, Bytes, DefaultHashBuilder::default(), evictions.clone());
        Self { inner, evictions, kind, counts }
    }

    /// The entry, if there is one. `None` in it: there is no such thing.
    pub(super) fn get<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Option<V>> {
        let found = self.look(key);
        self.counts.lookup(self.kind, if found.is_some() { Lookup::Hit } else { Lookup::Miss });
        found
    }

    /// The same, without counting.
    pub(super) fn look<Q: Hash + Equivalent<K> + ?Sized>(&self, key: &Q) -> Option<Option<V>> {
        self.inner.get(key)
    }

    pub(super) fn size(&self) -> Size {
        Size {
            kind: self.kind,
            entries: self.inner.len(),
            bytes: self.inner.weight(),
            capacity: self.inner.capacity(),
            evictions: self.evictions.0.load(Ordering::Relaxed),
        }
    }
}

impl<K, V> Deref for Of<K, V> {
    type Target = Inner<K, V>;

    fn deref(&self) -> &Inner<K, V> {
        &self.inner
    }
}

impl Caches {
    /// Everything a question is decided on; `None`: an entry is missing.
    pub(super) fn known(&self, ask: Ask<'_>) -> Option<Known> {
        let Ask { account, user, resource } = ask;
        let mut known = Known::default();
        known.account = self.accounts.get(account, &self.context)?;
        known.user = self.users.get(user, &self.context)?;
        known.member = self.members.get((account, user), &self.context)?;
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
        let logins = self.logins.get(&id)?;
        let still_is = logins.is_some_and(|logins| logins.0.contains(identity));
        still_is.then_some(Some(id))
    }

    /// Keeps that a note was left of a member, who was noticed like this before.
    pub(super) fn mark(&self, account: AccountId, user: UserId, noticed: Noticed, minute: i64) {
        let after = Noticed { minute, ..noticed };
        self.members.exchange((account, user), NOTICED, noticed.word(), after.word());
        if let Some(Some(member)) = self.members.rest((account, user)) {
            member.noted.store(minute, Ordering::Relaxed);
        }
    }

    /// Drops one fact.
    pub(super) fn remove(&self, fact: FactAt<'_>) {
        match fact {
            FactAt::Account(account) => self.accounts.remove(account),
            FactAt::User(user) => {
                self.users.remove(user);
                drop(self.logins.remove(&user));
            }
            FactAt::Member(account, user) => self.members.remove((account, user)),
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
        self.logins.clear();
        self.sessions.clear();
    }
}
