//! A new version of a policy, in one transaction with its feed entry and its entry in the activity log.
//!
//! INVARIANT: nothing is written, nor refused, by other policies than those in force when it is. On PostgreSQL whoever
//! writes a version first waits for all writes that have begun (`Pools::begin_judged`), and holds up those that are about
//! to, until it has ended; these find another number of versions than the one they know (`Places::are_under`) and are
//! judged by the new one. On SQLite one writes at a time.

use mandate_domain::command::Actor;
use mandate_domain::plan::Plan;

use crate::activity;
use crate::error::{StoreError, WriteError};
use crate::feed;
use crate::open::Store;
use crate::places::Places;
use crate::policy::{NameKind, PolicySource, StoredPolicy, holders, newest_of};
use crate::position::Transaction;
use crate::request;
use crate::tx::{Tx, on_tx};
use crate::write::{Committed, Mode, Place};
use crate::writes::{Refusals, Writes};

/// What the activity log and the list of answered requests call it.
pub const APPLY: &str = "policy.apply";

/// A version that is to be written.
#[derive(Debug, Clone, Copy)]
pub struct NewVersion<'a> {
    /// Its name, text and digest.
    pub policy: PolicySource<'a>,
    /// The newest version when it was judged; 0: there was none.
    pub judged: i64,
    /// The names of that version which this one does not have.
    pub leaves_out: &'a [(NameKind<'a>, String)],
    /// Who applies it; `None`: a server brings it as a file.
    pub actor: Option<&'a Actor>,
}

/// What became of it.
pub enum Applied {
    /// It is done but for its commit.
    Prepared(PreparedVersion),
    /// The same request was carried out before: its subject is the version that it wrote or, without changes, found.
    Replayed(Committed),
    /// Nothing stands in its way, and nothing was written: it was only asked.
    Previewed(StoredPolicy),
    /// Another version has been written since it was judged.
    Overtaken,
    /// It leaves out names that are held: their positions in the list, and how often each is.
    InUse(Vec<(usize, u64)>),
}

/// A version that is written but for its commit. Dropping it leaves nothing behind.
#[must_use = "what is prepared and not committed never happened"]
pub struct PreparedVersion {
    /// The version.
    pub stored: StoredPolicy,
    /// Its place in the feed; `None`: it was in force before.
    pub position: Option<i64>,
    /// PostgreSQL: the transaction, if it writes a version.
    pub transaction: Option<Transaction>,
    tx: Tx,
}

impl PreparedVersion {
    /// Makes it happen, durably and for everybody at once.
    ///
    /// # Errors
    /// [`StoreError::CommitUnknown`] when the database did not answer; any other says that nothing happened.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.tx.commit().await.map_err(StoreError::of_commit)
    }
}

impl Store {
    /// Writes a version of a policy, unless its text is that of the newest one already.
    ///
    /// # Errors
    /// [`WriteError::RequestIdReused`], [`WriteError::Store`]; nothing was written then.
    pub async fn apply_policy(
        &self,
        new: NewVersion<'_>,
        mode: Mode<'_>,
        now: i64,
    ) -> Result<Applied, WriteError> {
        let pools = self.pools()?;
        let mut tx = match mode {
            Mode::Preview => pools.begin_read().await?,
            Mode::Once | Mode::Retriable(_) => pools.begin_write().await?,
        };
        if let Mode::Retriable(key) = mode
            && let Some(done) = request::find(&mut tx, key, APPLY, now).await?
        {
            return Ok(Applied::Replayed(done));
        }
        if let (Tx::Postgres(_), Mode::Once | Mode::Retriable(_)) = (&tx, mode) {
            let sql = "LOCK TABLE policies IN EXCLUSIVE MODE";
            on_tx!(&mut tx, c => sqlx::query(sql).execute(c).await.map(drop))?;
        }
        let newest = newest_of(&mut tx, new.policy.name).await?;
        if newest.as_ref().map_or(0, |newest| newest.version) != new.judged {
            return Ok(Applied::Overtaken);
        }
        let stands = newest.filter(|newest| newest.digest == new.policy.digest);
        if stands.is_none() {
            let held = held(&mut tx, new).await?;
            if !held.is_empty() {
                return Ok(Applied::InUse(held));
            }
        }
        let is_new = stands.is_none();
        let stored = stands.unwrap_or_else(|| new.stored(now));
        if let Mode::Preview = mode {
            return Ok(Applied::Previewed(stored));
        }
        let (mut versions, mut places) = (Vec::new(), Places::new(tx.engine()));
        let plan = stored.plan();
        if is_new {
            insert(&mut tx, &stored).await?;
            versions = places.take(&mut tx, 1).await?;
            let mut writes = Writes::new(tx.engine());
            if let Some(actor) = new.actor {
                activity::append(&mut writes, actor, &plan, now)?;
            }
            feed::append_policies(&mut writes, &versions, now);
            writes.send(&mut tx, Refusals::Alike).await?;
        }
        let (position, transaction) = (versions.last().copied(), places.transaction());
        if let Mode::Retriable(key) = mode {
            let place = Place { versions, position: position.unwrap_or_default(), transaction };
            request::remember(&mut tx, key, &plan, &place, now).await?;
        }
        Ok(Applied::Prepared(PreparedVersion { stored, position, transaction, tx }))
    }
}

/// Which of the names that it leaves out are held, and how often.
async fn held(tx: &mut Tx, new: NewVersion<'_>) -> Result<Vec<(usize, u64)>, StoreError> {
    let mut held = Vec::new();
    for (index, (kind, name)) in new.leaves_out.iter().enumerate() {
        let holders = holders(tx, new.policy.name, *kind, name).await?;
        if holders > 0 {
            held.push((index, holders));
        }
    }
    Ok(held)
}

impl NewVersion<'_> {
    fn stored(&self, now: i64) -> StoredPolicy {
        let PolicySource { name, source, digest } = self.policy;
        StoredPolicy {
            name: name.to_owned(),
            version: self.judged + 1,
            digest: digest.to_owned(),
            source: source.to_owned(),
            at: now,
            applied_by: self.actor.map(activity::name),
        }
    }
}

impl StoredPolicy {
    /// What the activity log says of it.
    fn plan(&self) -> Plan {
        Plan {
            operation: APPLY,
            account: None,
            subject: Some(format!("{}/{}", self.name, self.version)),
            changes: Vec::new(),
            mail: Vec::new(),
            override_reason: None,
        }
    }
}

async fn insert(tx: &mut Tx, policy: &StoredPolicy) -> Result<(), StoreError> {
    let sql = "INSERT INTO policies (name, version, digest, source, at, applied_by) VALUES ($1, $2, $3, $4, $5, $6)";
    on_tx!(tx, c => {
        sqlx::query(sql).bind(&policy.name).bind(policy.version).bind(&policy.digest).bind(&policy.source)
            .bind(policy.at).bind(&policy.applied_by).execute(c).await.map(drop)
    })?;
    Ok(())
}
