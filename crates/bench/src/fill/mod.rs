//! Large worlds, made by the database itself from numbers: ten million memberships go over no wire.
//!
//! Bodies are the domain's own types, as the server writes them, with ids put in by the database. Rows go in without
//! secondary indexes, which are then made from all rows at once, as they are on a server that has grown to that size.

mod crowd;
mod ids;
mod rows;

use anyhow::Context as _;

use crate::database::Connection;
use crate::service::Service;

pub(crate) use self::crowd::Crowd;
pub(crate) use self::ids::{ACCOUNTS, GROUPS, Ids, USERS};
pub(crate) use self::rows::{Kept, Members, Seat};

/// Puts rows into an empty database.
pub(crate) struct Fill {
    connection: Connection,
    /// How the indexes are made that were dropped.
    indexes: Vec<String>,
}

/// How the indexes are made that are no part of a table's definition.
const INDEXES_OF_SQLITE: &str =
    "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY name";
const INDEXES_OF_POSTGRES: &str = "SELECT CAST(i.indexname AS TEXT), i.indexdef FROM pg_indexes i WHERE i.schemaname = current_schema() \
     AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = CAST(i.indexname AS regclass)) ORDER BY 1";

/// Nothing here has to survive a crash, and nothing is checked that the numbers make so.
const HASTE_OF_SQLITE: [&str; 7] = [
    "PRAGMA foreign_keys = OFF",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA journal_mode = OFF",
    "PRAGMA synchronous = OFF",
    "PRAGMA cache_size = -262144",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA secure_delete = OFF",
];
const HASTE_OF_POSTGRES: [&str; 5] = [
    "SET session_replication_role = replica",
    "SET synchronous_commit = off",
    "SET work_mem = '256MB'",
    "SET maintenance_work_mem = '1GB'",
    "SET jit = off",
];

impl Fill {
    /// Begins; no server may be running.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn begin(service: &Service) -> anyhow::Result<Self> {
        let mut connection = service.connect().await?;
        let (haste, list): (&[&str], _) = match connection {
            Connection::Sqlite(_) => (&HASTE_OF_SQLITE, INDEXES_OF_SQLITE),
            Connection::Postgres(_) => (&HASTE_OF_POSTGRES, INDEXES_OF_POSTGRES),
        };
        for sql in haste {
            connection.run((*sql).to_owned(), &[]).await?;
        }
        let mut indexes = Vec::new();
        for (name, definition) in connection.pairs(list).await? {
            connection.run(format!("DROP INDEX {name}"), &[]).await?;
            indexes.push(definition);
        }
        Ok(Self { connection, indexes })
    }

    /// Makes the indexes, and lets the planner know what is there. What people are searched by is complete.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn finish(mut self) -> anyhow::Result<()> {
        for definition in std::mem::take(&mut self.indexes) {
            self.connection
                .run(definition.clone(), &[])
                .await
                .with_context(|| format!("an index cannot be made: {definition}"))?;
        }
        self.connection.analyze().await
    }

    /// Runs a statement, in which `{numbers}` stands for the rows `n` from 0 to below `count`.
    async fn put(&mut self, sql: &str, count: u64, values: &[&str]) -> anyhow::Result<()> {
        let numbers = match self.connection {
            Connection::Postgres(_) => format!(
                "(SELECT CAST(i AS BIGINT) AS n FROM generate_series(0, CAST({count} AS BIGINT) - 1) AS s (i)) AS numbers"
            ),
            Connection::Sqlite(_) => format!(
                "(WITH RECURSIVE t (n) AS (SELECT 0 WHERE {count} > 0 UNION ALL SELECT n + 1 FROM t WHERE n + 1 < {count}) \
                 SELECT n FROM t) AS numbers"
            ),
        };
        let sql = sql.replace("{numbers}", &numbers);
        self.connection.run(sql.clone(), values).await.with_context(|| format!("cannot fill by: {sql}"))
    }

    /// The SQL of the id whose number is an SQL expression.
    pub(crate) fn sql(&self, ids: Ids, number: &str) -> String {
        match self.connection {
            Connection::Postgres(_) => ids.sql(&format!("lpad(CAST({number} AS TEXT), 24, '0')")),
            Connection::Sqlite(_) => ids.sql(&format!("printf('%024d', {number})")),
        }
    }
}
