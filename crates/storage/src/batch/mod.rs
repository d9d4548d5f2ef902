//! Several commands in one transaction: each is judged by itself and done whole or not at all, and what one of them did
//! the next one sees. For imports (GW-08), whose rows would otherwise wait for a disk each.

mod held;
mod known;
mod under_way;

use std::sync::Arc;
use std::time::Duration;

use mandate_domain::change::Change;
use mandate_domain::command::{Actor, Command};
use mandate_domain::plan::{Plan, Policies};
use mandate_domain::records::Records;
use mandate_domain::refusal::Refusal;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::held::Held;
use self::under_way::Batch;
use crate::error::{StoreError, WriteError};
use crate::locks::Needs;
use crate::open::Store;
use crate::position::Transaction;
use crate::preview::Effects;
use crate::tx::Tx;
use crate::write::ATTEMPTS;

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
        let mut tx = pools.begin_judged().await?;
        // INVARIANT: all locks of all commands are taken here, in their order, before any of them is judged.
        let held = if pools.writes_alone() { Held::All } else { Held::These(needs) };
        held.take(&mut tx).await?;
        let mut batch = Batch::begin(&mut tx, setting.policies, needs, items.len()).await?;
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
