//! What need not be kept for ever goes, some rows at a time: the change feed, the activity log, answered requests, mail
//! that was sent or given up, and sessions that have ended.
//!
//! INVARIANT: a transaction here deletes so little that no write behind it, nor anybody who follows the feed, waits for
//! it noticeably, and it waits for nobody: several servers on one database take turns by a lock that is tried, and rows
//! that somebody holds are left for the next time.

use sqlx::PgConnection;

use crate::error::StoreError;
use crate::open::Store;
use crate::tx::{PgTx, Tx, on_tx};

/// The most rows that one transaction deletes from one table, but for requests and sessions behind the last rows
/// that belonged to them.
pub const FORGOTTEN_AT_ONCE: i64 = 500;

/// The most requests, or sessions, among them.
const PARENTS_AT_ONCE: i64 = 100;

/// The advisory lock of whoever deletes: "MANDKEEP" in ASCII. Advisory locks are kept per database.
const ADVISORY_KEY: i64 = 0x4d41_4e44_4b45_4550;

/// What grows with every write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The change feed, by when a change was made. Its last row stays whatever its age.
    Feed,
    /// The activity log, by when something happened.
    Activity,
    /// Answered requests, by when they were.
    Requests,
    /// Mail, by when it was sent or given up. What waits to be sent stays.
    Mail,
    /// Sessions, by when they ended by themselves, with every refresh token that they have had. Those that somebody
    /// ended are gone already.
    Sessions,
}

impl Kept {
    /// All of it.
    pub const ALL: [Self; 5] = [Self::Feed, Self::Activity, Self::Requests, Self::Mail, Self::Sessions];

    /// What people call it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Feed => "change feed",
            Self::Activity => "activity log",
            Self::Requests => "answered requests",
            Self::Mail => "mail",
            Self::Sessions => "ended sessions",
        }
    }
}

/// What one transaction deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Forgotten {
    /// How many rows.
    pub rows: u64,
    /// Whether there may be more that is old enough.
    pub more: bool,
}

impl Forgotten {
    /// A few rows that are too young may have been among those looked at.
    fn of(rows: u64) -> Self {
        Self { rows, more: i64::try_from(rows).is_ok_and(|rows| rows >= FORGOTTEN_AT_ONCE / 2) }
    }
}

impl Store {
    /// Deletes some of the oldest rows of what is older than `before` (microseconds since the Unix epoch). Nothing is
    /// done while another server on the database is at it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written; nothing was deleted then.
    pub async fn forget(&self, what: Kept, before: i64) -> Result<Forgotten, StoreError> {
        let mut tx = self.pools()?.begin_write().await?;
        if !my_turn(&mut tx).await? {
            return Ok(Forgotten::default());
        }
        let forgotten = match what {
            Kept::Feed => feed(&mut tx, before).await?,
            Kept::Activity => delete(&mut tx, ACTIVITY, before).await?,
            Kept::Requests => parents(&mut tx, &REQUESTS, before).await?,
            Kept::Mail => delete(&mut tx, MAIL, before).await?,
            Kept::Sessions => parents(&mut tx, &SESSIONS, before).await?,
        };
        match forgotten.rows {
            0 => tx.rollback().await?,
            _ => tx.commit().await.map_err(StoreError::of_commit)?,
        }
        Ok(forgotten)
    }
}

/// Whether nobody else is at it. On SQLite there is nobody else.
async fn my_turn(tx: &mut Tx) -> Result<bool, StoreError> {
    let Tx::Postgres(PgTx { transaction, line, .. }) = tx else { return Ok(true) };
    let query = sqlx::query_scalar("SELECT pg_try_advisory_xact_lock($1)").bind(ADVISORY_KEY);
    Ok(line.within(async { query.fetch_one(transaction.session()?).await }).await?)
}

/// One statement on either engine: it deletes at most $2 rows that are older than $1.
struct Delete {
    sqlite: &'static str,
    postgres: &'static str,
}

/// Rows are looked at in the order of their places, the index that is there. One that is younger than those behind it,
/// because its transaction took long or a server's clock is ahead, holds nothing up: it is one of those looked at.
const ACTIVITY: Delete = Delete {
    sqlite: "DELETE FROM activity WHERE seq IN (\
             SELECT seq FROM (SELECT seq, at FROM activity ORDER BY seq LIMIT $2) oldest WHERE at < $1)",
    postgres: "DELETE FROM activity WHERE seq = ANY (ARRAY(\
               SELECT seq FROM (SELECT seq, at FROM activity ORDER BY seq LIMIT $2) oldest WHERE at < $1))",
};

const MAIL: Delete = Delete {
    sqlite: "DELETE FROM outbox WHERE seq IN (\
             SELECT seq FROM outbox WHERE done_at IS NOT NULL AND done_at < $1 ORDER BY done_at LIMIT $2)",
    postgres: "DELETE FROM outbox WHERE ctid = ANY (ARRAY(\
               SELECT ctid FROM outbox WHERE done_at IS NOT NULL AND done_at < $1 ORDER BY done_at LIMIT $2 \
               FOR UPDATE SKIP LOCKED))",
};

async fn delete(tx: &mut Tx, delete: Delete, before: i64) -> Result<Forgotten, StoreError> {
    let sql = match tx {
        Tx::Sqlite(_) => delete.sqlite,
        Tx::Postgres(_) => delete.postgres,
    };
    let rows = on_tx!(tx, c => {
        let query = sqlx::query(sql).bind(before).bind(FORGOTTEN_AT_ONCE);
        query.execute(c).await.map(|done| done.rows_affected())
    })?;
    Ok(Forgotten::of(rows))
}

/// How far the feed was forgotten: the last place, and on PostgreSQL the last transaction of this era. Whoever has read
/// less than that has missed something.
const FORGOTTEN: &str = "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE \
                         SET value = excluded.value WHERE CAST(meta.value AS BIGINT) < CAST(excluded.value AS BIGINT)";

async fn feed(tx: &mut Tx, before: i64) -> Result<Forgotten, StoreError> {
    // SQLite computes places from the last row, and a token of that place must stay good.
    let (places, transaction) = match tx {
        Tx::Sqlite(transaction) => {
            let sql = "DELETE FROM feed WHERE seq IN (\
                       SELECT seq FROM (SELECT seq, at FROM feed ORDER BY seq LIMIT $2) oldest \
                       WHERE at < $1 AND seq < (SELECT MAX(seq) FROM feed)) RETURNING seq";
            let query = sqlx::query_scalar(sql).bind(before).bind(FORGOTTEN_AT_ONCE);
            let places: Vec<i64> = query.fetch_all(&mut **transaction).await?;
            (places, None)
        }
        Tx::Postgres(PgTx { transaction, line, .. }) => {
            line.within(async { feed_of_eras(transaction.session()?, before).await }).await?
        }
    };
    let last = places.iter().max().map(i64::to_string);
    let transaction = transaction.map(|number| number.to_string());
    for (name, value) in [("feed_forgotten_seq", last), ("feed_forgotten_xid", transaction)] {
        if let Some(value) = value {
            on_tx!(tx, c => sqlx::query(FORGOTTEN).bind(name).bind(value).execute(c).await.map(drop))?;
        }
    }
    Ok(Forgotten::of(u64::try_from(places.len()).unwrap_or(u64::MAX)))
}

/// The places that were deleted, and the last transaction of the present era that wrote one of them.
async fn feed_of_eras(
    transaction: &mut PgConnection,
    before: i64,
) -> Result<(Vec<i64>, Option<u64>), sqlx::Error> {
    // What is read from here on is what whoever begins an era has left, or will find.
    sqlx::query("LOCK TABLE feed IN ROW EXCLUSIVE MODE").execute(&mut *transaction).await?;
    let sql = "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'era'";
    let era: i64 = sqlx::query_scalar(sql).fetch_one(&mut *transaction).await?;
    let sql = "DELETE FROM feed WHERE seq = ANY (ARRAY(\
               SELECT seq FROM (SELECT seq, at FROM feed ORDER BY seq LIMIT $2) oldest \
               WHERE at < $1 AND seq < (SELECT MAX(seq) FROM feed))) RETURNING seq, era, xid::text";
    let query = sqlx::query_as(sql).bind(before).bind(FORGOTTEN_AT_ONCE);
    let rows: Vec<(i64, i64, String)> = query.fetch_all(&mut *transaction).await?;
    let of_this_era = |(_, of, xid): &(i64, i64, String)| xid.parse().ok().filter(|_| *of == era);
    let last = rows.iter().filter_map(of_this_era).max();
    Ok((rows.into_iter().map(|(place, ..)| place).collect(), last))
}

/// Rows with others that belong to them, which may be thousands: these go first, and themselves once few are left.
struct Parents {
    /// At most $2 that are older than $1, as JSON arrays of one key each.
    find: [&'static str; 2],
    /// At most $2 rows that belong to those of the JSON array $1.
    children: [&'static str; 2],
    /// Those of the JSON array $1.
    themselves: [&'static str; 2],
}

const SESSIONS: Parents = Parents {
    find: [
        "SELECT json_array(id) FROM sessions WHERE CAST(body ->> 'ends_at' AS INTEGER) < $1 \
         ORDER BY CAST(body ->> 'ends_at' AS INTEGER) LIMIT $2",
        "SELECT json_build_array(id)::text FROM sessions WHERE CAST(body::json ->> 'ends_at' AS BIGINT) < $1 \
         ORDER BY CAST(body::json ->> 'ends_at' AS BIGINT) LIMIT $2 FOR UPDATE SKIP LOCKED",
    ],
    children: [
        "DELETE FROM spent_refresh WHERE refresh IN (SELECT refresh FROM spent_refresh \
         WHERE session_id IN (SELECT value ->> 0 FROM json_each($1)) LIMIT $2)",
        "DELETE FROM spent_refresh WHERE ctid = ANY (ARRAY(SELECT s.ctid FROM spent_refresh s WHERE session_id = ANY (\
         ARRAY(SELECT value ->> 0 FROM json_array_elements($1::json) AS rows (value))) LIMIT $2))",
    ],
    themselves: [
        "DELETE FROM sessions WHERE id IN (SELECT value ->> 0 FROM json_each($1))",
        "DELETE FROM sessions WHERE id = ANY (\
         ARRAY(SELECT value ->> 0 FROM json_array_elements($1::json) AS rows (value)))",
    ],
};

const REQUESTS: Parents = Parents {
    find: [
        "SELECT json_array(caller, rpc, id) FROM requests WHERE at < $1 ORDER BY at LIMIT $2",
        "SELECT json_build_array(caller, rpc, id)::text FROM requests WHERE at < $1 ORDER BY at LIMIT $2 \
         FOR UPDATE SKIP LOCKED",
    ],
    children: [
        "DELETE FROM request_people WHERE (caller, rpc, id, person) IN (SELECT p.caller, p.rpc, p.id, p.person \
         FROM json_each($1) old CROSS JOIN request_people p \
         ON p.caller = old.value ->> 0 AND p.rpc = old.value ->> 1 AND p.id = old.value ->> 2 LIMIT $2)",
        "DELETE FROM request_people WHERE ctid = ANY (ARRAY(SELECT p.ctid \
         FROM json_array_elements($1::json) AS old (value) CROSS JOIN LATERAL (SELECT ctid FROM request_people \
         WHERE caller = value ->> 0 AND rpc = value ->> 1 AND id = value ->> 2 LIMIT $2) p LIMIT $2))",
    ],
    themselves: [
        "DELETE FROM requests WHERE (caller, rpc, id) IN (\
         SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1))",
        "DELETE FROM requests WHERE ctid = ANY (ARRAY(SELECT r.ctid \
         FROM json_array_elements($1::json) AS old (value) CROSS JOIN LATERAL (SELECT ctid FROM requests \
         WHERE caller = value ->> 0 AND rpc = value ->> 1 AND id = value ->> 2 OFFSET 0) r))",
    ],
};

async fn parents(tx: &mut Tx, parents: &Parents, before: i64) -> Result<Forgotten, StoreError> {
    let of = |[sqlite, postgres]: [&'static str; 2]| match tx {
        Tx::Sqlite(_) => sqlite,
        Tx::Postgres(_) => postgres,
    };
    let (find, children, themselves) = (of(parents.find), of(parents.children), of(parents.themselves));
    let found: Vec<String> =
        on_tx!(tx, c => sqlx::query_scalar(find).bind(before).bind(PARENTS_AT_ONCE).fetch_all(c).await)?;
    if found.is_empty() {
        return Ok(Forgotten::default());
    }
    let more = i64::try_from(found.len()).is_ok_and(|found| found >= PARENTS_AT_ONCE);
    let found = format!("[{}]", found.join(","));
    let belonging = on_tx!(tx, c => {
        let query = sqlx::query(children).bind(&found).bind(FORGOTTEN_AT_ONCE);
        query.execute(c).await.map(|done| done.rows_affected())
    })?;
    if i64::try_from(belonging).is_ok_and(|rows| rows >= FORGOTTEN_AT_ONCE) {
        return Ok(Forgotten { rows: belonging, more: true });
    }
    let gone = on_tx!(tx, c => {
        sqlx::query(themselves).bind(&found).execute(c).await.map(|done| done.rows_affected())
    })?;
    Ok(Forgotten { rows: belonging + gone, more })
}
