//! Other policies come into force while the server runs.
//!
//! INVARIANT: no answer is decided on facts of one moment and policies of another. Entries in memory are compiled against
//! the policies in memory, and are dropped together with them while the epoch is odd. What is read from the database says
//! how many versions of policies there were in its snapshot, and is judged by no others.

use std::sync::Arc;

use mandate_domain::plan::Policies;
use mandate_domain::policy::Policy;
use mandate_storage::{Position, StoreError};

use super::Facts;
use crate::error::Error;
use crate::policies;

impl Facts {
    /// Lets a version of a policy come into force, which takes this place in the feed. When it returns, every question
    /// asked of this process is decided by it; where the database is shared, other servers follow the feed.
    ///
    /// # Errors
    /// Those of the commit.
    pub async fn exchange(
        &self,
        policy: Policy,
        position: Option<i64>,
        commit: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), Error> {
        if let Some(following) = &self.following {
            commit.await?;
            following.written.notify_one();
            if following.fresh().await.is_err() {
                // The feed cannot be read now: whatever was compiled may be by policies that are in force no more.
                let _alone = self.gate.write().await;
                self.while_odd(|epoch| self.drop_all(epoch));
            }
            return Ok(());
        }
        let gate = self.gate().await;
        match commit.await {
            Ok(()) => {
                let next = self.policies().with(policy);
                gate.exchanged(|epoch| {
                    self.install(next, epoch);
                    if let Some(seq) = position {
                        self.moment.store(Arc::new(self.moment().with(Position::Seq(seq))));
                    }
                });
                Ok(())
            }
            Err(error @ StoreError::CommitUnknown { .. }) => Err(error.into()),
            Err(error) => {
                gate.undone();
                Err(error.into())
            }
        }
    }

    /// Brings the policies in memory to where the database is: something was found there that others judge.
    ///
    /// # Errors
    /// Those of the store.
    pub(crate) async fn renew(&self) -> Result<(), StoreError> {
        if let Some(following) = &self.following {
            return following.fresh().await;
        }
        // Nobody waits for the database while holding the gate: whoever commits holds it with a connection.
        let stored = policies::in_force(&self.store.load_policies().await?);
        // An exchange under way ends with its policies in memory. Only one whose commit was not confirmed has left older ones.
        let _alone = self.gate.write().await;
        if self.policies().revision() < stored.revision() {
            self.while_odd(|epoch| self.install(stored, epoch));
        }
        Ok(())
    }

    /// Puts these policies in the place of those in memory, with nothing that was compiled by them.
    pub(super) fn install(&self, policies: Policies, epoch: u64) {
        self.caches.context.policies.store(Arc::new(policies));
        self.drop_all(epoch);
    }
}
