//! Places in the feed, drawn before anything is written there: so whatever is written can name them, and all of it be
//! sent together.

use std::collections::VecDeque;

use mandate_domain::plan::Policies;

use crate::error::StoreError;
use crate::feed::after;
use crate::position::Transaction;
use crate::statement::Statement;
use crate::tx::{Engine, Tx};

/// How many places a write draws: as many as most have changes. Those left over are gaps.
const USUAL: i64 = 2;

/// Where the changes of a transaction will stand.
///
/// INVARIANT: what is drawn after a lock is behind everything that was drawn under that lock before, so that the changes
/// of one fact stand in the order of its locks.
#[derive(Debug)]
pub(crate) struct Places {
    engine: Engine,
    drawn: Drawn,
    /// How many versions of policies had been written when the last were drawn.
    policies: Option<i64>,
}

#[derive(Debug)]
enum Drawn {
    Nothing,
    /// SQLite: the last place of the feed. Nobody else writes meanwhile.
    After(i64),
    /// PostgreSQL: places of the transaction's own, ascending.
    These(VecDeque<i64>, Option<Transaction>),
}

impl Places {
    /// None yet.
    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine, drawn: Drawn::Nothing, policies: None }
    }

    /// More was locked: places that were drawn before may be behind those of others who held it.
    pub(crate) fn locked_more(&mut self) {
        self.drawn = Drawn::Nothing;
    }

    /// Whether they have to be drawn.
    pub(crate) fn are_wanted(&self) -> bool {
        matches!(self.drawn, Drawn::Nothing)
    }

    /// Goes on with two texts for each place drawn. Its rows go to [`Places::put`].
    pub(crate) fn draw(&self, query: &mut Statement, number: i64) {
        match self.engine {
            // Of all rows, since retention leaves the newest.
            Engine::Sqlite => query.then(
                "CAST(COALESCE(MAX(seq), 0) AS TEXT), CAST((SELECT COUNT(*) FROM policies) AS TEXT) FROM feed",
            ),
            Engine::Postgres => query
                .then(
                    "nextval('feed_seq_seq')::text, \
                     concat_ws(' ', (SELECT COUNT(*) FROM policies), pg_current_xact_id(), \
                     pg_snapshot_xmin(pg_current_snapshot())) \
                     FROM generate_series(1, CAST(",
                )
                .number(number)
                .then(" AS BIGINT))"),
        };
    }

    /// How many to draw beside other things.
    pub(crate) fn usual() -> i64 {
        USUAL
    }

    /// Keeps what was drawn.
    pub(crate) fn put(&mut self, rows: Vec<(String, String)>) -> Result<(), StoreError> {
        for (place, beside) in rows {
            let place = number(&place)?;
            let (policies, transaction) = beside.split_once(' ').unwrap_or((&beside, ""));
            self.policies = Some(number(policies)?);
            match (self.engine, &mut self.drawn) {
                (Engine::Sqlite, drawn) => *drawn = Drawn::After(place),
                (Engine::Postgres, Drawn::These(places, _)) => places.push_back(place),
                (Engine::Postgres, drawn) => {
                    let (number, oldest) = transaction.split_once(' ').unwrap_or_default();
                    *drawn = Drawn::These(VecDeque::from([place]), Transaction::told(number, oldest));
                }
            }
        }
        Ok(())
    }

    /// Places for so many changes of one plan, ascending.
    pub(crate) async fn take(&mut self, tx: &mut Tx, number: usize) -> Result<Vec<i64>, StoreError> {
        if self.left().is_none_or(|left| left < number) {
            self.draw_more(tx, number).await?;
        }
        Ok(match &mut self.drawn {
            Drawn::Nothing => Vec::new(),
            Drawn::After(last) => {
                let places: Vec<i64> = after(*last).take(number).collect();
                *last = places.last().copied().unwrap_or(*last);
                places
            }
            Drawn::These(places, _) => places.drain(..number.min(places.len())).collect(),
        })
    }

    /// Draws so many and more.
    pub(crate) async fn draw_more(&mut self, tx: &mut Tx, number: usize) -> Result<(), StoreError> {
        let mut query = Statement::new("SELECT ");
        self.draw(&mut query, i64::try_from(number).unwrap_or(i64::MAX));
        self.put(query.rows_in(tx).await?)
    }

    /// Refuses what is judged by other policies than those in force, once places were drawn.
    ///
    /// # Errors
    /// [`StoreError::PoliciesChanged`].
    pub(crate) fn are_under(&self, policies: &Policies) -> Result<(), StoreError> {
        match self.policies {
            Some(revision) if policies.differ_from(revision) => Err(StoreError::PoliciesChanged),
            Some(_) | None => Ok(()),
        }
    }

    /// PostgreSQL: the transaction, once places were drawn.
    pub(crate) fn transaction(&self) -> Option<Transaction> {
        match &self.drawn {
            Drawn::These(_, transaction) => *transaction,
            Drawn::Nothing | Drawn::After(_) => None,
        }
    }

    /// How many are there; `None`: nothing was drawn.
    fn left(&self) -> Option<usize> {
        match &self.drawn {
            Drawn::Nothing => None,
            Drawn::After(_) => Some(usize::MAX),
            Drawn::These(places, _) => Some(places.len()),
        }
    }
}

/// A number that the database told as a text.
fn number(text: &str) -> Result<i64, StoreError> {
    text.parse().map_err(|_| sqlx::Error::Decode(format!("{text:?} is no number").into()).into())
}
