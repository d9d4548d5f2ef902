//! Several commands in one transaction: each is judged by itself and done whole or not at all, and what one of them did
//! the next one sees. For imports (GW-08), whose rows would otherwise wait for a disk each.

use std::sync::Arc;
use std::time::Duration;

use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};
use mandate_domain::plan::{Plan, Policies, plan};
use mandate_domain::records::{Key, Records, Stop};
use mandate_domain::refusal::Refusal;
use mandate_domain::terms::Terms;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::error::{StoreError, WriteError};
use crate::keys;
use crate::known::Known;
use crate::locks::{Lock, Needs, held_for, held_for_record};
use crate::open::Store;
use crate::places::Places;
use crate::position::Transaction;
use crate::preview::{self, Effects};
use crate::tx::{Tx, on_tx};
use crate::write::{ATTEMPTS, Place, READS, put};
use crate::writes::{Refusals, Writes};

/// So many statements are sent at the latest: a text that is much longer costs more than it saves.
const MANY: usize = 32;

/// One command of a batch.
#[derive(Debug, Clone)]
pub struct BatchItem {
    /// The command.
    pub command: Command,
    /// What is done with its plan.
    pub then: Then,
}

/// What is done with a plan that the rules allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// It is written.
    Write,
    /// Nothing but to tell what it would do (`validate_only`).
    Leave,
}

/// A command of a batch that the rules allow.
#[derive(Debug)]
pub struct Judged {
    /// What it does.
    pub plan: Plan,
    /// What the plan was made from.
    pub records: Records,
    /// What it would do to people, where it was only asked for.
    pub effects: Effects,
}

/// Several writes that are done but for their commit. Dropping it leaves nothing behind.
#[must_use = "what is prepared and not committed never happened"]
pub struct PreparedBatch {
    /// What became of the first commands, in their order; those beyond were not reached in the time given.
    pub rows: Vec<Result<Judged, Refusal>>,
    /// Every change that the commit makes visible, in order.
    pub changes: Vec<Change>,
    /// The feed's last place that it knows of; `None`: nothing changes.
    pub position: Option<i64>,
    /// PostgreSQL: the transaction, if anything changes.
    pub transaction: Option<Transaction>,
    tx: Tx,
    /// Rung by the commit if there is mail.
    bell: Option<Arc<Notify>>,
}

/// In whose name, by which rules and when a batch is carried out.
#[derive(Clone, Copy)]
struct Setting<'a> {
    policies: &'a Policies,
    actor: &'a Actor,
    now: i64,
}

/// What became of one command in an attempt at all of them.
enum Row {
    Judged(Box<Result<Judged, Refusal>>),
    /// It needs locks that only a new transaction can take in order.
    Lacks(Needs),
}

impl Store {
    /// Plans commands one after the other in one transaction and writes those that the rules allow, with their feed
    /// and activity. A command that is refused has written nothing. After `patience` no further one is begun: others
    /// wait for what this holds.
    ///
    /// `now`: microseconds since the Unix epoch.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot do it, for whichever command: nothing of any of them was written.
    pub async fn prepare_batch(
        &self,
        policies: &Policies,
        actor: &Actor,
        items: &[BatchItem],
        now: i64,
        patience: Duration,
    ) -> Result<PreparedBatch, StoreError> {
        let setting = Setting { policies, actor, now };
        let mut needs = Needs::default();
        for item in items {
            needs.extend(Needs::of(item.command.reads(actor), &item.command));
        }
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.attempt_batch(setting, items, &mut needs, patience).await {
                Ok(Some(prepared)) => return Ok(prepared),
                // More has to be locked. Or somebody wrote what a plan took for free: now it is there to be read.
                Ok(None) | Err(WriteError::Refused(_) | WriteError::RequestIdReused) => {}
                Err(WriteError::Store(error)) if error.wants_restart() => last = Some(error),
                Err(WriteError::Store(error)) => return Err(error),
            }
        }
        let source = match last {
            Some(StoreError::Contention { source, .. }) => source,
            _ => None,
        };
        Err(StoreError::Contention { attempts: ATTEMPTS, source })
    }

    async fn attempt_batch(
        &self,
        setting: Setting<'_>,
        items: &[BatchItem],
        needs: &mut Needs,
        patience: Duration,
    ) -> Result<Option<PreparedBatch>, WriteError> {
        let pools = self.pools()?;
        let mut tx = pools.begin_write().await?;
        // INVARIANT: all locks of all commands are taken here, in their order, before any of them is judged.
        let held = if pools.writes_alone() { Held::All } else { Held::These(needs) };
        held.take(&mut tx).await?;
        let mut batch = Batch::begin(&mut tx, needs, items.len()).await?;
        let (mut rows, mut changes, mut bell) = (Vec::with_capacity(items.len()), Vec::new(), None);
        let (mut position, mut transaction) = (None, None);
        let mut lacking = Needs::default();
        let began = Instant::now();
        for item in items {
            if !rows.is_empty() && began.elapsed() > patience {
                break;
            }
            let mut judged = match batch.judge(&mut tx, setting, item, &held).await? {
                Row::Judged(judged) => *judged,
                Row::Lacks(more) => {
                    lacking.extend(more);
                    continue;
                }
            };
            // From the first that lacks a lock on, the others are judged only to learn what they lack.
            if let (Ok(judged), true) = (&mut judged, lacking.keys.is_empty()) {
                match item.then {
                    Then::Write => {
                        let place = batch.put(&mut tx, setting, judged).await?;
                        position = place.versions.last().copied().or(position);
                        transaction = place.transaction.or(transaction);
                        changes.extend(judged.plan.changes.iter().cloned());
                        if !judged.plan.mail.is_empty() {
                            bell = Some(self.mail_bell());
                        }
                    }
                    Then::Leave => judged.effects = batch.preview(&mut tx, setting, judged).await?,
                }
            }
            rows.push(judged);
        }
        if lacking.keys.is_empty() {
            batch.send(&mut tx).await?;
            return Ok(Some(PreparedBatch { rows, changes, position, transaction, tx, bell }));
        }
        tx.rollback().await?;
        needs.extend(lacking);
        Ok(None)
    }
}

/// What a batch knows and has yet to write.
struct Batch {
    known: Known,
    writes: Writes,
    places: Places,
}

impl Batch {
    /// Reads what the commands are certain to need, all of them at once.
    async fn begin(tx: &mut Tx, needs: &Needs, items: usize) -> Result<Self, StoreError> {
        let keys: Vec<&Key> = needs.keys.iter().collect();
        let mut places = Places::new(tx.engine());
        // A newcomer is a user and a membership.
        places.draw_more(tx, 2 * items.max(1)).await?;
        let known = Known::of(keys::load(tx, &keys, &|_| Lock::None).await?);
        Ok(Self { known, writes: Writes::new(tx.engine()), places })
    }

    /// Reads the keys as the commands before have left them.
    async fn read(&mut self, tx: &mut Tx, keys: &[Key], records: &mut Records) -> Result<Needs, WriteError> {
        let mut must = Needs::default();
        let unknown: Vec<&Key> = keys.iter().filter(|key| !self.known.has(key)).collect();
        let found = if unknown.is_empty() {
            Vec::new()
        } else {
            self.send(tx).await?;
            keys::load(tx, &unknown, &|_| Lock::None).await?
        };
        let known = keys.iter().filter_map(|key| Some((key.clone(), self.known.get(key)?)));
        for (key, record) in known.chain(found) {
            must.extend(held_for_record(&key, &record));
            records.put(key, record);
        }
        Ok(must)
    }

    /// Writes a plan, soon.
    async fn put(&mut self, tx: &mut Tx, setting: Setting<'_>, judged: &Judged) -> Result<Place, WriteError> {
        let Setting { actor, now, .. } = setting;
        let Judged { plan, records, .. } = judged;
        let place = put(tx, &mut self.writes, &mut self.places, (actor, plan, records, now)).await?;
        self.known.outdate(&plan.changes);
        if self.writes.len() >= MANY {
            self.send(tx).await?;
        }
        Ok(place)
    }

    /// Writes what has not been written yet.
    async fn send(&mut self, tx: &mut Tx) -> Result<(), WriteError> {
        self.writes.send(tx, Refusals::Alike).await
    }

    /// What the plan would do to people: it is written and taken back, while the rest of the transaction stays.
    async fn preview(
        &mut self,
        tx: &mut Tx,
        setting: Setting<'_>,
        judged: &Judged,
    ) -> Result<Effects, WriteError> {
        let Setting { policies, actor, now } = setting;
        let Judged { plan, records, .. } = judged;
        self.send(tx).await?;
        let before = preview::before(tx, policies, &plan.changes).await?;
        on_tx!(tx, c => sqlx::query("SAVEPOINT preview").execute(c).await.map(drop))?;
        put(tx, &mut self.writes, &mut self.places, (actor, plan, records, now)).await?;
        self.send(tx).await?;
        let effects = preview::after(tx, policies, before).await?;
        on_tx!(tx, c => sqlx::query("ROLLBACK TO SAVEPOINT preview").execute(c).await.map(drop))?;
        on_tx!(tx, c => sqlx::query("RELEASE SAVEPOINT preview").execute(c).await.map(drop))?;
        Ok(effects)
    }

    /// Plans one command on what the transaction sees, as far as it holds what the plan rests on.
    async fn judge(
        &mut self,
        tx: &mut Tx,
        setting: Setting<'_>,
        item: &BatchItem,
        held: &Held<'_>,
    ) -> Result<Row, WriteError> {
        let Setting { policies, actor, now } = setting;
        let mut records = Records::default();
        let mut needs = Needs::of(item.command.reads(actor), &item.command);
        let mut unread: Vec<Key> = needs.keys.iter().cloned().collect();
        for _ in 0..READS {
            let mut more = self.read(tx, &unread, &mut records).await?;
            let mut planned = None;
            if needs.covers(&more) {
                match plan(policies, &records, actor, &item.command, &Terms::default(), now) {
                    Ok(plan) => {
                        more = held_for(&plan.changes, &records);
                        planned = Some(plan);
                    }
                    Err(Stop::Refused(refusal)) => return Ok(Row::Judged(Box::new(Err(refusal)))),
                    Err(Stop::Read(key)) if records.has(&key) => {
                        return Err(StoreError::Plan(format!("{key:?}, which it had been given")).into());
                    }
                    Err(Stop::Read(key)) => more.read(key),
                }
            }
            if !held.covers(&more) {
                return Ok(Row::Lacks(more));
            }
            if let Some(plan) = planned {
                let effects = Effects::default();
                return Ok(Row::Judged(Box::new(Ok(Judged { plan, records, effects }))));
            }
            unread = more.keys.difference(&needs.keys).cloned().collect();
            needs.extend(more);
        }
        Err(StoreError::Plan(format!("something new {READS} times")).into())
    }
}

/// What a transaction holds.
enum Held<'a> {
    /// The database: there is one writer at a time.
    All,
    /// These rows.
    These(&'a Needs),
}

impl Held<'_> {
    fn covers(&self, other: &Needs) -> bool {
        match self {
            Self::All => true,
            Self::These(needs) => needs.holds(other),
        }
    }

    /// Locks the rows in their order: one statement for each run of one table and one firmness.
    async fn take(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let Self::These(needs) = self else { return Ok(()) };
        let rows: Vec<_> = needs.in_order().filter_map(|(key, lock)| row(key, lock)).collect();
        for run in rows.chunk_by(|(sql, _), (other, _)| sql == other) {
            let Some((sql, _)) = run.first() else { continue };
            let ids: Vec<&str> = run.iter().map(|(_, id)| id.as_str()).collect();
            let ids = crate::json::encode(&ids)?;
            on_tx!(tx, c => sqlx::query(*sql).bind(ids).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}

/// SQL that locks the rows of one table with ids out of a JSON array, in the order of their ids.
macro_rules! locking_all {
    ($table:literal, $lock:literal) => {
        concat!(
            "SELECT id FROM ",
            $table,
            " WHERE id IN (SELECT json_array_elements_text($1::json)) ORDER BY id FOR ",
            $lock
        )
    };
}

fn row(key: &Key, lock: Lock) -> Option<(&'static str, String)> {
    match (key, lock) {
        (Key::User(id), Lock::Exclusive) => Some((locking_all!("users", "UPDATE"), id.to_string())),
        (Key::User(id), _) => Some((locking_all!("users", "SHARE"), id.to_string())),
        (Key::Group(id), Lock::Exclusive) => Some((locking_all!("groups", "UPDATE"), id.to_string())),
        (Key::Group(id), _) => Some((locking_all!("groups", "SHARE"), id.to_string())),
        (Key::Account(id), _) => Some((locking_all!("accounts", "UPDATE"), id.to_string())),
        _ => None,
    }
}

impl PreparedBatch {
    /// Makes all of it happen, durably and for everybody at once. Where nothing was written it only ends.
    ///
    /// # Errors
    /// [`StoreError::CommitUnknown`] when the database did not answer; any other says that nothing happened.
    pub async fn commit(self) -> Result<Vec<Result<Judged, Refusal>>, StoreError> {
        self.tx.commit().await.map_err(StoreError::of_commit)?;
        if let Some(bell) = self.bell {
            bell.notify_one();
        }
        Ok(self.rows)
    }
}
