//! Facts as fresh as a caller needs them.

use std::sync::Arc;
use std::time::Duration;

use mandate_storage::{Position, Transaction};

use super::{Facts, Moment};
use crate::convert::consistency::{Consistency, Token};
use crate::error::Error;

impl Facts {
    /// Waits until facts are as fresh as asked for, which one poll decides.
    ///
    /// # Errors
    /// [`Error::ConsistencyToken`] for one of another database, or that no write of this one has reached; those of
    /// the store when the database has to be asked and is away.
    pub async fn reach(&self, consistency: &Consistency) -> Result<(), Error> {
        match consistency {
            Consistency::MinimizeLatency => Ok(()),
            Consistency::FullyConsistent => self.fresh().await,
            Consistency::Unreachable => Err(Error::ConsistencyToken),
            Consistency::AtLeastAsFresh(token) if self.includes(token) => Ok(()),
            Consistency::AtLeastAsFresh(token) => {
                self.fresh().await?;
                if self.includes(token) { Ok(()) } else { Err(Error::ConsistencyToken) }
            }
        }
    }

    /// Waits until everything that was committed before is in memory.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn fresh(&self) -> Result<(), Error> {
        match &self.following {
            Some(following) => Ok(following.fresh().await?),
            None => {
                // A commit under way ends with its changes in memory.
                drop(self.gate.read().await);
                Ok(())
            }
        }
    }

    fn includes(&self, token: &Token) -> bool {
        let now = &self.moment.load().place;
        now.incarnation == token.incarnation && now.position.includes(&token.position)
    }

    /// Where a write stands that was committed: on PostgreSQL in this transaction, on SQLite at this place of the feed.
    /// One that says neither stands where facts do now.
    #[must_use]
    pub fn stands(&self, transaction: Option<Transaction>, place: Option<i64>) -> Arc<Moment> {
        let now = self.moment();
        let position = match (&self.following, transaction, place) {
            (Some(_), Some(transaction), _) => Position::Write(transaction),
            (None, _, Some(seq)) => Position::Seq(seq),
            _ => return now,
        };
        Arc::new(now.with(position))
    }

    /// The same of one that was committed before, perhaps in another history: then it stands where facts do now.
    #[must_use]
    pub fn stood(&self, transaction: Option<Transaction>, place: Option<i64>) -> Arc<Moment> {
        let then = self.stands(transaction, place);
        if self.includes(&then.place) { then } else { self.moment() }
    }

    /// Where facts in memory stand.
    #[must_use]
    pub fn moment(&self) -> Arc<Moment> {
        self.moment.load_full()
    }

    /// Whether nothing in memory is good any more: the database has been away for too long.
    #[must_use]
    pub fn is_too_old(&self) -> bool {
        self.following.as_ref().is_some_and(|following| following.is_too_old())
    }

    /// How old facts in memory are while the database is away; `None`: it is not, or they are too old to be answered
    /// from ([`Self::is_too_old`]).
    #[must_use]
    pub fn stale_for(&self) -> Option<Duration> {
        self.following.as_ref()?.stale_for()
    }
}
