//! What whoever runs a server wants to know of its database.

use std::time::Duration;

use sqlx::{Database, Pool};

use crate::error::StoreError;
use crate::open::Store;
use crate::outbox::MailState;
use crate::tx::{Pools, on_readers};

/// A pool of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// What they are for: `all`, or on SQLite `read` or `write`.
    pub pool: &'static str,
    /// How many are at work.
    pub used: u32,
    /// How many wait for work.
    pub idle: u32,
    /// The most there may be.
    pub most: u32,
}

/// How much mail is in the outbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutboxDepth {
    /// How many mails wait to be sent; not counted further than asked for.
    pub queued: u64,
    /// How many failed and wait for an operator; not counted further than asked for.
    pub failed: u64,
    /// When the oldest of those that wait to be sent was decided on: microseconds since the Unix epoch.
    pub oldest: Option<i64>,
}

/// $1 and $2 are the states that wait, $3 the most of each.
const OUTBOX_DEPTH: &str = "\
    SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE state = $1 LIMIT $3) queued), \
    (SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE state = $2 LIMIT $3) failed), \
    (SELECT at FROM outbox WHERE state = $1 ORDER BY seq LIMIT 1)";

impl Store {
    /// The connections. The one that follows the feed and the one that listens are not among them.
    #[must_use]
    pub fn connections(&self) -> Vec<Connections> {
        match self.all_pools() {
            // In memory they are one.
            Pools::Sqlite { writer, readers } => vec![of("write", writer), of("read", readers)],
            Pools::Postgres(pools) => vec![of("all", &pools.pool)],
        }
    }

    /// How many writes may be under way at a time, so that reads find a connection, too.
    #[must_use]
    pub fn writes_at_once(&self) -> usize {
        match self.all_pools() {
            // One is in its transaction, and the next one is ready.
            Pools::Sqlite { .. } => 2,
            Pools::Postgres(pools) => pools.most_for_writes(),
        }
    }

    /// How long a call waits for a connection.
    #[must_use]
    pub fn patience(&self) -> Duration {
        match self.all_pools() {
            Pools::Sqlite { writer, .. } => writer.options().get_acquire_timeout(),
            Pools::Postgres(pools) => pools.pool.options().get_acquire_timeout(),
        }
    }

    /// How much mail waits, counted up to `most` of each state. Every number comes from a range of one index.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn outbox_depth(&self, most: u32) -> Result<OutboxDepth, StoreError> {
        let (queued, failed) = (MailState::Queued.name(), MailState::Failed.name());
        let (queued, failed, oldest): (i64, i64, Option<i64>) = on_readers!(self.pools()?, c => {
            sqlx::query_as(OUTBOX_DEPTH).bind(queued).bind(failed).bind(i64::from(most)).fetch_one(c).await
        })?;
        let count = |count: i64| u64::try_from(count).unwrap_or_default();
        Ok(OutboxDepth { queued: count(queued), failed: count(failed), oldest })
    }
}

fn of<D: Database>(pool: &'static str, connections: &Pool<D>) -> Connections {
    let idle = u32::try_from(connections.num_idle()).unwrap_or(u32::MAX);
    // The two are not read at once.
    let used = connections.size().saturating_sub(idle);
    Connections { pool, used, idle, most: connections.options().get_max_connections() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::open::OpenOptions;

    #[tokio::test]
    async fn the_depth_of_the_outbox_comes_from_an_index() {
        let store = Store::open("sqlite::memory:", OpenOptions::default()).await.unwrap();
        let Pools::Sqlite { readers, .. } = store.all_pools() else { panic!("SQLite") };
        let sql = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {OUTBOX_DEPTH}"));
        let plan: Vec<(i64, i64, i64, String)> = sqlx::query_as(sql).fetch_all(readers).await.unwrap();
        let reads: Vec<&str> =
            plan.iter().map(|step| step.3.as_str()).filter(|step| step.contains("outbox")).collect();
        assert_eq!(reads.len(), 3, "{plan:?}");
        assert!(
            reads
                .iter()
                .all(|read| read.starts_with("SEARCH outbox USING") && read.contains("outbox_by_state")),
            "{reads:?}"
        );
    }
}
