//! Facts in memory: what questions are decided on, without asking the database again.
//!
//! - An entry is one account, user, membership, resource, assignment or login, its absence included, compiled
//!   against the account's policy.
//! - A question that misses an entry reads all of its facts in one snapshot of the database, is decided on that
//!   snapshot, and leaves it here unless one of these facts changed since before the snapshot was taken.
//! - A hit takes no gate. It looks at the epoch before and after reading its entries, and reads again if a
//!   change was applied in between: all facts of one answer are of one moment.
//!
//! Alone on its database (SQLite), a write holds the gate alone from before its commit until its changes are applied
//! here, and a miss passes the gate after its snapshot: whoever was answered with what a write did, finds it here the
//! next time, too. Nobody waits for the database while holding the gate, but the write whose commit it is.
//! INVARIANT: every entry equals what the database holds, but for the instants in which somebody holds the
//! gate alone. Where that cannot be known (a lost reply to COMMIT), all entries are dropped.
//!
//! Where several servers write one database (PostgreSQL), facts follow its feed: `follow.rs`.

mod apply;
mod ask;
mod cache;
mod changed;
mod consistency;
mod contact;
mod entry;
mod exchange;
mod fill;
mod follow;
mod grants;
mod kept;
mod key;
mod live;
mod look_up;
mod moment;
mod noted;
mod offer;
mod pack;
mod short;
mod state;
mod table;
#[cfg(test)]
mod tests;
mod wake;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::time::Duration;

use arc_swap::ArcSwap;
use mandate_domain::facts::UserFact;
use mandate_domain::id::{SessionId, UserId};
use mandate_domain::plan::Policies;
use mandate_domain::user::Identity;
use mandate_storage::sabotage::{Fault, dawdle, is_planted};
use mandate_storage::{News, Position, Store, StoreError};
use tokio::runtime::Handle;
use tokio::sync::RwLock;
use tracing::{Instrument as _, Span};

use crate::metrics::Counts;
use crate::overload::{Bounds, Place};
use crate::policies;
use crate::size::ByteSize;
use crate::telemetry::FACTS;

pub use self::apply::Told;
pub use self::ask::{Ask, Known};
pub use self::cache::{MEMORY, Size};
pub use self::contact::{AskContact, NOBODY};
pub use self::entry::{AccountEntry, MemberEntry, ResourceEntry, SessionEntry};
pub use self::live::{Batch, Live};
pub use self::look_up::{Candidates, ResourceCandidates, Sought, Who};
pub use self::moment::{Moment, shortened};
pub use self::noted::Note;
pub use self::offer::Offered;
pub(crate) use self::short::{Reader, Short};
pub use self::state::FeedState;

use self::cache::Caches;
use self::changed::Changed;
use self::entry::Logins;
use self::fill::{Entry, Fill};
use self::follow::Following;
use self::noted::Noted;

/// How often a question that was overtaken by a change reads the entries again before it asks the database.
const REREADS: usize = 3;

/// How often something is judged again because other policies came into force than those in memory.
pub(crate) const RENEWALS: usize = 3;

/// The facts in memory and the store behind them.
pub struct Facts {
    store: Store,
    caches: Caches,
    /// What changed lately, by which a miss knows whether a change overtook it.
    changed: Changed,
    /// Held alone from before a commit until its changes are applied, and together by misses that publish.
    gate: RwLock<()>,
    /// Odd while changes are being applied; different after they have been.
    epoch: AtomicU64,
    /// Where the entries stand in the database's history.
    moment: ArcSwap<Moment>,
    /// `None`: nobody else writes the database, and each write changes the entries itself.
    following: Option<Arc<Following>>,
    /// Who was active; no question is decided on it.
    noted: Noted,
    /// What changes, for those who watch it.
    live: Arc<Live>,
    counts: &'static Counts,
    bounds: &'static Bounds,
    /// Where the feed is followed.
    runtime: Handle,
}

/// The span in which facts are read that are not in memory.
fn missed(what: &'static str) -> Span {
    tracing::info_span!(target: FACTS, "read facts", mandate.facts = what)
}

/// What the entries had to say to a question.
enum Cached<T> {
    /// All that was asked for, of one moment.
    Whole(T),
    /// Something is not there, or too old.
    Missing,
    /// A change was applied while the entries were read.
    Overtaken,
}

impl Facts {
    /// No facts yet, over this store: it is followed if others may write it, too. Facts that are followed are good for
    /// `limit` after the start of the last poll. So many questions read the database at a time as `bounds` says.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(
        store: Store,
        policies: Policies,
        limit: Duration,
        bounds: &'static Bounds,
    ) -> Result<Arc<Self>, StoreError> {
        Self::open_within(store, policies, limit, bounds, MEMORY).await
    }

    /// Where to write: beside whoever follows the feed, and on connections that wake nobody elsewhere. A write waits for the
    /// database some six times, and whoever is woken on another runtime than its connection's is woken by the kernel. On
    /// SQLite writers take turns, and the next one of the same runtime is begun without that.
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// The same with another bound on the memory that facts take.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_within(
        store: Store,
        policies: Policies,
        limit: Duration,
        bounds: &'static Bounds,
        memory: ByteSize,
    ) -> Result<Arc<Self>, StoreError> {
        let Some(mut follower) = store.follow() else {
            let position = Position::Seq(store.position().await?);
            let moment = Moment::new(shortened(store.incarnation()), position);
            let facts = Arc::new(Self::new(store, policies, moment, None, bounds, memory));
            tokio::spawn(live::read(Arc::downgrade(&facts)));
            return Ok(facts);
        };
        let following = Arc::new(Following::new(limit));
        let polled = follower.poll().await?;
        let moment = Moment::followed(shortened(&polled.incarnation), polled.position, polled.kept);
        let policies = match polled.news {
            News::Anew { policies } => policies::in_force(&policies),
            News::Changes(_) => policies,
        };
        let facts =
            Arc::new(Self::new(store, policies, moment, Some(Arc::clone(&following)), bounds, memory));
        let weak = || Arc::downgrade(&facts);
        tokio::spawn(follow::run(weak(), Arc::clone(&following), follower));
        tokio::spawn(wake::call(weak(), Arc::clone(&following)));
        tokio::spawn(wake::listen(weak(), following));
        Ok(facts)
    }

    fn new(
        store: Store,
        policies: Policies,
        moment: Moment,
        following: Option<Arc<Following>>,
        bounds: &'static Bounds,
        memory: ByteSize,
    ) -> Self {
        let live = Arc::new(Live::new(moment.kept.clone()));
        let counts = Counts::new();
        Self {
            store,
            caches: Caches::new(policies, memory, counts),
            changed: Changed::default(),
            gate: RwLock::new(()),
            epoch: AtomicU64::new(0),
            moment: ArcSwap::from_pointee(moment),
            following,
            noted: Noted::default(),
            live,
            counts,
            bounds,
            runtime: Handle::current(),
        }
    }

    /// The store behind the facts.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// How much the server takes on at a time.
    #[must_use]
    pub fn bounds(&self) -> &'static Bounds {
        self.bounds
    }

    /// A place among those who read the database because something was not in memory.
    fn miss(&self) -> Result<Place, StoreError> {
        self.bounds.miss().map_err(|_| StoreError::Overloaded)
    }

    /// The policies in force.
    #[must_use]
    pub fn policies(&self) -> Arc<Policies> {
        self.caches.context.policies.load_full()
    }

    /// Everything that a question about this subject, account and resource is decided on.
    ///
    /// # Errors
    /// Those of the store, when it has to be read.
    pub async fn of(&self, ask: Ask<'_>) -> Result<Known, StoreError> {
        match self.hit(ask) {
            Some(known) => Ok(known),
            None => self.read(ask).instrument(missed("question")).await,
        }
    }

    /// The same, if all of it is in memory.
    #[must_use]
    pub fn hit(&self, ask: Ask<'_>) -> Option<Known> {
        self.reread(|| self.caches.known(ask).map(|known| known.at(self.moment())))
    }

    /// Reads facts of plain questions, all of one moment: `read` is repeated when a change was applied meanwhile.
    pub(crate) fn at_once<T>(&self, mut read: impl FnMut(&Reader<'_>) -> Option<T>) -> Option<T> {
        self.reread(|| read(&Reader::new(self)))
    }

    async fn read(&self, ask: Ask<'_>) -> Result<Known, StoreError> {
        let _place = self.miss()?;
        let Ask { account, user, resource } = ask;
        for _ in 0..RENEWALS {
            let since = self.epoch.load(Ordering::Acquire);
            let policies = self.policies();
            let records = self.store.read_question(account, user, resource).await?;
            if policies.differ_from(records.policies) {
                self.renew().await?;
                continue;
            }
            let known = Known::new(&policies, ask, &records);
            dawdle(Fault::StaleFill, Duration::from_millis(40)).await;
            self.keep_later(Fill { since, entries: known.entries(ask) }).await;
            return Ok(known.at(Arc::new(self.moment().with(records.position))));
        }
        Err(StoreError::PoliciesChanged)
    }

    /// The user of that id, if there is one.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn user(&self, id: UserId) -> Result<Option<Arc<UserFact>>, StoreError> {
        if let Some(user) = self.reread(|| self.caches.users.get(id, &self.caches.context)) {
            return Ok(user);
        }
        let _place = self.miss()?;
        let since = self.epoch.load(Ordering::Acquire);
        let user =
            self.store.user(id).instrument(missed("user")).await?.map(|user| Arc::new(UserFact::from(&user)));
        self.keep_later(Fill { since, entries: vec![Entry::User(id, user.clone())] }).await;
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
        let _place = self.miss()?;
        let since = self.epoch.load(Ordering::Acquire);
        let user = self.store.user_by_identity(identity).instrument(missed("login")).await?;
        let id = user.as_ref().map(|user| user.id);
        // The feed does not say whose a login becomes, so that nobody's is not kept where it is followed.
        if id.is_none() && self.following.is_some() {
            return Ok(None);
        }
        let mut entries = vec![Entry::Identity(identity.clone(), id)];
        if let Some(user) = user {
            entries.push(Entry::User(user.id, Some(Arc::new(UserFact::from(&user)))));
            entries.push(Entry::Logins(user.id, Some(Logins::from(&user))));
        }
        self.keep_later(Fill { since, entries }).await;
        Ok(id)
    }

    /// The session of that id, if nobody ended it.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn session(&self, id: SessionId) -> Result<Option<SessionEntry>, StoreError> {
        if let Some(session) = self.reread(|| self.caches.sessions.get(&id)) {
            return Ok(session);
        }
        let _place = self.miss()?;
        let since = self.epoch.load(Ordering::Acquire);
        let session = self
            .store
            .session(id)
            .instrument(missed("session"))
            .await?
            .map(|session| SessionEntry::from(&session));
        self.keep_later(Fill { since, entries: vec![Entry::Session(id, session)] }).await;
        Ok(session)
    }

    /// Leaves what was read, unless one of its facts changed meanwhile. What else changed does not matter: each fact
    /// that did not is as it was read.
    async fn keep_later(&self, fill: Fill) {
        match &self.following {
            Some(following) => following.later(fill),
            None => {
                let _no_commit_under_way = self.gate.read().await;
                self.keep(fill);
            }
        }
    }

    /// INVARIANT: the gate is held, so that no change can be applied between this look and the last entry.
    fn keep(&self, fill: Fill) {
        if is_planted(Fault::StaleFill) || !self.changed.overtook(&fill) {
            fill.entries.into_iter().for_each(|entry| entry.put(&self.caches));
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
            _ if (before != after || before % 2 == 1) && !is_planted(Fault::TornRead) => Cached::Overtaken,
            _ if self.following.as_ref().is_some_and(|following| following.is_too_old()) => Cached::Missing,
            Some(value) => Cached::Whole(value),
            None => Cached::Missing,
        }
    }
}
