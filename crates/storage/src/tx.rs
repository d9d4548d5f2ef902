//! The two engines: their pools, their transactions, and the macros that run one expression on either.

use std::sync::Arc;

use sqlx::{Sqlite, SqlitePool};

use crate::error::StoreError;
use crate::line::{Line, PgPools};
use crate::transaction::Transaction;

/// The connections of an open store.
pub(crate) enum Pools {
    /// One connection writes, so that writers queue here instead of failing; in memory it also reads.
    Sqlite {
        /// The one that writes.
        writer: SqlitePool,
        /// Those that only read.
        readers: SqlitePool,
    },
    /// Any connection does either.
    Postgres(PgPools),
}

/// An engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    /// SQLite: one process, one writer at a time.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

/// A transaction on either engine. Dropping it rolls back.
pub(crate) enum Tx {
    /// On SQLite.
    Sqlite(sqlx::Transaction<'static, Sqlite>),
    /// On PostgreSQL.
    Postgres(PgTx),
}

/// A transaction on PostgreSQL, and the way that it is on.
pub(crate) struct PgTx {
    pub(crate) transaction: Transaction,
    pub(crate) line: Arc<Line>,
    /// The history of the database that it was begun in.
    pub(crate) history: u64,
}

/// The beginning of a transaction on PostgreSQL that goes beside others of its kind, but not beside one that writes a
/// version of a policy.
const JUDGED: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; LOCK TABLE policies IN ROW SHARE MODE";

/// Runs the same expression on the transaction's connection, whichever engine it is of. On PostgreSQL it is not waited
/// for without bounds.
macro_rules! on_tx {
    ($tx:expr, $connection:ident => $body:expr) => {
        match $tx {
            $crate::tx::Tx::Sqlite(transaction) => {
                let $connection = &mut **transaction;
                $body
            }
            $crate::tx::Tx::Postgres($crate::tx::PgTx { transaction, line, .. }) => {
                let within = async {
                    let $connection = transaction.session()?;
                    $body
                };
                line.within(within).await
            }
        }
    };
}

/// Runs the same expression on a connection for reading, outside of any transaction: one statement, one snapshot. On
/// PostgreSQL neither connection nor answer is waited for without bounds.
macro_rules! on_readers {
    ($pools:expr, $connection:ident => $body:expr) => {
        match $pools {
            $crate::tx::Pools::Sqlite { readers: $connection, .. } => $body,
            $crate::tx::Pools::Postgres($crate::line::PgPools { pool: $connection, line }) => {
                line.within(async { $body }).await
            }
        }
    };
}

/// SQL that spreads a JSON array, bound as text, over rows with one column `value`.
macro_rules! json_rows {
    ($engine:expr, $before:literal, $array:literal, $after:literal) => {
        match $engine {
            $crate::tx::Engine::Sqlite => concat!($before, " json_each(", $array, ") ", $after),
            $crate::tx::Engine::Postgres => {
                concat!($before, " json_array_elements(", $array, "::json) AS rows (value) ", $after)
            }
        }
    };
}

pub(crate) use {json_rows, on_readers, on_tx};

impl Pools {
    /// Begins a transaction that writes.
    pub(crate) async fn begin_write(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            // A deferred one that reads first and writes later fails when another wrote in between.
            Self::Sqlite { writer, .. } => Tx::Sqlite(writer.begin_with("BEGIN IMMEDIATE").await?),
            // READ COMMITTED: what is read after a lock was waited for is what the lock's holder left.
            Self::Postgres(pools) => Tx::Postgres(pools.begin("BEGIN ISOLATION LEVEL READ COMMITTED").await?),
        })
    }

    /// Begins one that writes what the policies allow.
    ///
    /// INVARIANT: no version of a policy comes into force before it ends, so that those in force when it begins are those in
    /// force at its commit (`policy_change.rs`). The lock comes before all others: a writer that waited for it with rows
    /// locked, behind a version that waits for a writer of these rows, would wait for ever.
    pub(crate) async fn begin_judged(&self) -> Result<Tx, StoreError> {
        match self {
            Self::Sqlite { .. } => self.begin_write().await,
            Self::Postgres(pools) => Ok(Tx::Postgres(pools.begin(JUDGED).await?)),
        }
    }

    /// Begins a transaction whose reads all see the same instant.
    pub(crate) async fn begin_read(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Self::Sqlite { readers, .. } => Tx::Sqlite(readers.begin().await?),
            Self::Postgres(pools) => {
                Tx::Postgres(pools.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        })
    }

    /// Whether one writer at a time is all there ever is, so that nothing needs locking.
    pub(crate) fn writes_alone(&self) -> bool {
        matches!(self, Self::Sqlite { .. })
    }
}

impl Tx {
    /// Which engine it is on.
    pub(crate) fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    /// Ends it and keeps what it wrote.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await,
            Self::Postgres(transaction) => transaction.commit().await,
        }
    }

    /// Ends it and leaves nothing.
    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await,
            Self::Postgres(transaction) => transaction.rollback().await,
        }
    }
}
