//! Which history a PostgreSQL database goes on with. The numbers of transactions mean nothing in another cluster (after
//! a restore), nor past the point at which a standby took over (another timeline).
//!
//! `meta` keeps what the database was last seen in. The first server that sees it in something else begins an era:
//! rows of the feed that were written before it belong to a history that is over, and nobody follows them.

use sqlx::{AssertSqlSafe, Connection, PgConnection};

use crate::error::StoreError;

/// The advisory lock of whoever begins an era: "MANDERA" in ASCII.
const ADVISORY_KEY: i64 = 0x004d_414e_4445_5241;

/// The history that the database is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incarnation {
    /// Tells it from any other: 32 hexadecimal digits.
    pub(crate) name: String,
    /// What its rows of the feed are marked with.
    pub(crate) era: i64,
}

/// The cluster, its timeline and the database. All of it may be asked by any user (PostgreSQL 15, "System
/// Administration Functions"); the control file's own timeline is that of the last checkpoint, which a standby
/// that has just taken over has not made yet.
const CLUSTER: &str = "\
    SELECT control.system_identifier::text || '/' || left(pg_walfile_name(pg_current_wal_lsn()), 8) || '/' || \
    base.oid::text FROM pg_control_system() control, pg_database base WHERE base.datname = current_database()";

/// What `meta` says: in which cluster it was last seen, its name and its era.
const SEEN: &str = "\
    SELECT (SELECT value FROM meta WHERE name = 'cluster'), \
    (SELECT value FROM meta WHERE name = 'incarnation'), \
    (SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'era')";

type Seen = (Option<String>, String, i64);

/// The history that the session's database is in, a new one where it was last seen in another cluster.
pub(crate) async fn settle(session: &mut PgConnection) -> Result<Incarnation, StoreError> {
    let cluster: String = sqlx::query_scalar(CLUSTER).fetch_one(&mut *session).await?;
    let (seen, name, era): Seen = sqlx::query_as(SEEN).fetch_one(&mut *session).await?;
    if seen.as_ref() == Some(&cluster) {
        return Ok(Incarnation { name, era });
    }
    begin(session, &cluster).await
}

async fn begin(session: &mut PgConnection, cluster: &str) -> Result<Incarnation, StoreError> {
    let mut tx = session.begin().await?;
    let sql = "SELECT pg_advisory_xact_lock($1)";
    sqlx::query(sql).bind(ADVISORY_KEY).execute(&mut *tx).await?;
    let (seen, name, era): Seen = sqlx::query_as(SEEN).fetch_one(&mut *tx).await?;
    if seen.as_deref() == Some(cluster) {
        return Ok(Incarnation { name, era });
    }
    let era = era.saturating_add(1);
    // Waits for every transaction that has written to the feed: what it wrote is of the era before, and whoever
    // follows this one begins with a snapshot that sees it.
    let sql = format!("ALTER TABLE feed ALTER COLUMN era SET DEFAULT {era}");
    sqlx::query(AssertSqlSafe(sql)).execute(&mut *tx).await?;
    let sql = "INSERT INTO meta (name, value) \
               VALUES ('cluster', $1), ('era', $2), ('incarnation', replace(gen_random_uuid()::text, '-', '')) \
               ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    sqlx::query(sql).bind(cluster).bind(era.to_string()).execute(&mut *tx).await?;
    // No row of this era has been deleted yet.
    sqlx::query("DELETE FROM meta WHERE name = 'feed_forgotten_xid'").execute(&mut *tx).await?;
    let (_, name, era): Seen = sqlx::query_as(SEEN).fetch_one(&mut *tx).await?;
    tx.commit().await.map_err(StoreError::of_commit)?;
    if seen.is_some() {
        tracing::warn!(
            era,
            "the database is in a cluster that it was not seen in before; its feed starts anew"
        );
    }
    Ok(Incarnation { name, era })
}
