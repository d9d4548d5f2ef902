//! The one way a call writes: plan, commit, change the facts in memory, and only then answer.

use std::sync::Arc;

use mandate_domain::command::{Actor, Command};
use mandate_storage::{Committed, StoreError, WriteError};

use crate::clock::now_micros;
use crate::error::Error;
use crate::facts::Facts;

/// Carries out a command. When it returns, every question asked of this process sees what it did.
///
/// It runs as a task of its own: a caller who hangs up in the middle must not leave a commit behind that the
/// facts in memory do not know of.
///
/// # Errors
/// The refusal of the rules, or what kept the store from writing.
pub async fn write(facts: &Arc<Facts>, actor: Actor, command: Command) -> Result<Committed, Error> {
    let account = match &command {
        Command::CreateAccount { id, .. } => Some(*id),
        command => command.account(),
    };
    let active = account.zip(actor.user());
    let task = tokio::spawn({
        let facts = Arc::clone(facts);
        async move { carry_out(&facts, &actor, &command).await }
    });
    let result = task.await.map_err(|error| Error::Defect(format!("a write broke off: {error}")))?;
    if let Some((account, user)) = active {
        facts.note_change(account, user);
    }
    result
}

async fn carry_out(facts: &Facts, actor: &Actor, command: &Command) -> Result<Committed, Error> {
    let prepared = facts.store().prepare(&facts.policies(), actor, command, now_micros()).await?;
    let gate = facts.gate().await;
    match prepared.commit().await {
        Ok(committed) => {
            gate.committed(&committed.plan.changes);
            Ok(committed)
        }
        // INVARIANT: here alone it is not known whether anything was written; dropping the gate without a
        // word empties the caches.
        Err(error @ WriteError::Store(StoreError::CommitUnknown { .. })) => {
            drop(gate);
            Err(error.into())
        }
        Err(error) => {
            gate.undone();
            Err(error.into())
        }
    }
}
