//! Facts in memory: what questions are decided on, without asking the database again.
//!
//! - An entry is one account, user, membership, resource, assignment or login, its absence included, compiled
//!   against the account's policy.
//! - A question that misses an entry reads all of its facts in one snapshot of the database, is decided on that
//!   snapshot, and leaves it here unless a change was applied since before the snapshot was taken.
//! - A write holds the gate alone from before its commit until its changes are applied here. A miss passes the
//!   gate after its snapshot: so whoever was answered with what a write did, finds it here the next time, too.
//! - A hit takes no gate. It looks at the epoch before and after reading its entries, and reads again if a
//!   change was applied in between: all facts of one answer are of one moment.
//! - Nobody waits for the database while holding the gate, but the write whose commit it is.
//!
//! INVARIANT: every entry equals what the database holds, but for the instants in which somebody holds the
//! gate alone. Where that cannot be known (a lost reply to COMMIT), all entries are dropped.

mod apply;
mod ask;
mod cache;
mod contact;
mod entry;
mod key;
mod noted;
mod offer;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};

use arc_swap::ArcSwap;
use mandate_domain::id::{SessionId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::user::Identity;
use mandate_storage::{Store, StoreError};
use tokio::sync::RwLock;

pub use self::apply::Gate;
pub use self::ask::{Ask, Known};
pub use self::contact::{AskContact, NOBODY};
pub use self::entry::{AccountEntry, MemberEntry, ResourceEntry, SessionEntry, UserEntry};
pub use self::noted::Note;
pub use self::offer::Offered;

use self::cache::Caches;
use self::noted::Noted;

/// How often a question that was overtaken by a change reads the entries again before it asks the database.
const REREADS: usize = 3;

/// The facts in memory and the store behind them.
pub struct Facts {
    store: Store,
    policies: ArcSwap<Policies>,
    caches: Caches,
    /// Held alone from before a commit until its changes are applied, and together by misses that publish.
    gate: RwLock<()>,
    /// Odd while changes are being applied; different after they have been.
    epoch: AtomicU64,
    /// Who was active; no question is decided on it.
    noted: Noted,
}

/// What the entries had to say to a question.
enum Cached<T> {
    /// All that was asked for, of one moment.
    Whole(T),
    /// Something is not there.
    Missing,
    /// A change was applied while the entries were read.
    Overtaken,
}

impl Facts {
    /// No facts yet, over this store.
    #[must_use]
    pub fn new(store: Store, policies: Policies) -> Self {
        Self {
            store,
            policies: ArcSwap::from_pointee(policies),
            caches: Caches::default(),
            gate: RwLock::new(()),
            epoch: AtomicU64::new(0),
            noted: Noted::default(),
        }
    }

    /// The store behind the facts.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The policies in force.
    #[must_use]
    pub fn policies(&self) -> Arc<Policies> {
        self.policies.load_full()
    }

    /// Everything that a question about this subject, account and resource is decided on.
    ///
    /// # Errors
    /// Those of the store, when it has to be read.
    pub async fn of(&self, ask: Ask<'_>) -> Result<Known, StoreError> {
        match self.reread(|| self.caches.known(ask)) {
            Some(known) => Ok(known),
            None => self.read(ask).await,
        }
    }

    async fn read(&self, ask: Ask<'_>) -> Result<Known, StoreError> {
        let since = self.epoch.load(Ordering::Acquire);
        let Ask { account, user, resource } = ask;
        let records = self.store.read_question(account, user, resource).await?;
        let known = Known::new(&self.policies.load(), ask, &records);
        self.publish(since, |caches| caches.publish(ask, &known)).await;
        Ok(known)
    }

    /// The user of that id, if there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn user(&self, id: UserId) -> Result<Option<Arc<UserEntry>>, StoreError> {
        if let Some(user) = self.caches.users.get(&id) {
            return Ok(user);
        }
        let since = self.epoch.load(Ordering::Acquire);
        let user = self.store.user(id).await?.map(|user| Arc::new(UserEntry::from(&user)));
        self.publish(since, |caches| caches.users.insert(id, user.clone())).await;
        Ok(user)
    }

    /// The user whose login this is, if there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn user_of(&self, identity: &Identity) -> Result<Option<UserId>, StoreError> {
        if let Some(user) = self.reread(|| self.caches.user_of(identity)) {
            return Ok(user);
        }
        let since = self.epoch.load(Ordering::Acquire);
        let user = self.store.user_by_identity(identity).await?;
        let id = user.as_ref().map(|user| user.id);
        let entry = user.map(|user| Arc::new(UserEntry::from(&user)));
        self.publish(since, |caches| {
            if let Some(id) = id {
                caches.users.insert(id, entry);
            }
            caches.identities.insert(identity.clone(), id);
        })
        .await;
        Ok(id)
    }

    /// The session of that id, if nobody ended it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionEntry>, StoreError> {
        if let Some(session) = self.caches.sessions.get(&id) {
            return Ok(session);
        }
        let since = self.epoch.load(Ordering::Acquire);
        let session = self.store.session(id).await?.map(|session| SessionEntry::from(&session));
        self.publish(since, |caches| caches.sessions.insert(id, session)).await;
        Ok(session)
    }

    /// Leaves what was read after the epoch was `since`, unless a change was applied meanwhile.
    async fn publish(&self, since: u64, publish: impl FnOnce(&Caches)) {
        let _no_commit_under_way = self.gate.read().await;
        // INVARIANT: while the gate is held no change can be applied between this look and the publishing.
        if self.epoch.load(Ordering::Acquire) == since {
            publish(&self.caches);
        }
    }

    /// Reads entries until no change was applied meanwhile; `None`: one is missing, or changes keep coming.
    fn reread<T>(&self, mut read: impl FnMut() -> Option<T>) -> Option<T> {
        for _ in 0..REREADS {
            match self.read_once(&mut read) {
                Cached::Whole(value) => return Some(value),
                Cached::Missing => return None,
                Cached::Overtaken => std::hint::spin_loop(),
            }
        }
        None
    }

    fn read_once<T>(&self, read: impl FnOnce() -> Option<T>) -> Cached<T> {
        let before = self.epoch.load(Ordering::Acquire);
        let value = read();
        fence(Ordering::Acquire);
        let after = self.epoch.load(Ordering::Relaxed);
        match value {
            _ if before != after || before % 2 == 1 => Cached::Overtaken,
            Some(value) => Cached::Whole(value),
            None => Cached::Missing,
        }
    }
}
