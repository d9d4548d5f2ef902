//! Several writes at once, by the same order as one: plan, commit, change the facts in memory, and only then answer.

use std::sync::Arc;
use std::time::Duration;

use mandate_domain::command::Actor;
use mandate_storage::{BatchItem, Judged};

use crate::clock::now_micros;
use crate::error::Error;
use crate::facts::{Facts, Told};
use crate::overload::Turn;
use crate::telemetry::carried;
use crate::writer::under_policies;

/// What became of one command of a batch.
pub struct Row {
    /// What it does.
    pub judged: Result<Judged, Error>,
    /// The consistency token of the batch's commit.
    pub token: Arc<str>,
}

/// Carries out commands in one transaction, each judged by itself, and returns what became of the first of them: all
/// but those for which `patience` was too short. When it returns, every question asked of this process sees what they
/// did.
///
/// It runs as a task of its own, as a single write does: a caller who hangs up in the middle must not leave a commit
/// behind that the facts in memory do not know of.
///
/// # Errors
/// What kept the store from writing: nothing of any command was done, unless the commit was not confirmed.
pub async fn write_batch(
    facts: &Arc<Facts>,
    actor: &Actor,
    items: Vec<BatchItem>,
    patience: Duration,
) -> Result<Vec<Row>, Error> {
    let turn = facts.bounds().turn().await?;
    let runtime = facts.runtime().clone();
    let (facts, actor) = (Arc::clone(facts), actor.clone());
    let work = carried(async move { carry_out(&facts, &actor, &items, patience, turn).await });
    match runtime.spawn(work).await {
        Ok(result) => result,
        Err(error) => Err(Error::Defect(format!("a batch of writes broke off: {error}"))),
    }
}

async fn carry_out(
    facts: &Facts,
    actor: &Actor,
    items: &[BatchItem],
    patience: Duration,
    turn: Turn,
) -> Result<Vec<Row>, Error> {
    let prepared = under_policies(facts, |policies| async move {
        facts.store().prepare_batch(&policies, actor, items, now_micros(), patience).await
    });
    let mut prepared = prepared.await?;
    let changes = std::mem::take(&mut prepared.changes);
    let (position, transaction) = (prepared.position, prepared.transaction);
    let rows = facts.commit(Told { changes: &changes, position }, turn.until(prepared.commit())).await?;
    let token = Arc::clone(&facts.stands(transaction, position).token);
    Ok(rows
        .into_iter()
        .map(|row| Row { judged: row.map_err(Error::from), token: Arc::clone(&token) })
        .collect())
}
