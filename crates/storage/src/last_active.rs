//! When members were last active. No fact: no question is decided on it, and neither feed nor log has it.

use mandate_domain::id::{AccountId, UserId};
use serde::Serialize;

use crate::error::StoreError;
use crate::json::encode;
use crate::open::Store;
use crate::tx::{Tx, on_tx};

/// How many members one transaction writes: few enough that no other writer waits for long.
const BATCH: usize = 500;

/// That a member was active.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Active {
    /// Where.
    pub account: AccountId,
    /// Who.
    pub user: UserId,
    /// When: microseconds since the Unix epoch.
    pub at: i64,
}

/// That a person signed in, which counts in every account they are a member of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SignedIn {
    /// Who.
    pub user: UserId,
    /// When: microseconds since the Unix epoch.
    pub at: i64,
}

/// The statement for the members that `$on` finds for each row.
///
/// What was noted of a membership that has ended since counts nothing in one that began later. Of two times, whoever
/// writes them, the later one stays. On PostgreSQL a membership that is just being ended is passed over, so that nobody
/// who ends it ever waits for this in a circle.
macro_rules! keep {
    ($tx:expr, $on:literal) => {
        match $tx {
            Tx::Sqlite(_) => keep!(@ "json_each($1)", "m.body", $on, ""),
            Tx::Postgres(_) => keep!(
                @ "json_array_elements($1::json) AS rows (value)", "m.body::json", $on, " FOR KEY SHARE OF m SKIP LOCKED"
            ),
        }
    };
    (@ $rows:literal, $body:literal, $on:literal, $lock:literal) => {
        concat!(
            "INSERT INTO member_activity (account, user_id, at) \
             SELECT m.account, m.user_id, CAST(value ->> 'at' AS BIGINT) FROM ", $rows,
            " JOIN memberships m ON ", $on,
            " WHERE CAST(", $body, " ->> 'created_at' AS BIGINT) <= CAST(value ->> 'at' AS BIGINT) \
             ORDER BY m.account, m.user_id", $lock,
            " ON CONFLICT (account, user_id) DO UPDATE SET at = excluded.at WHERE excluded.at > member_activity.at"
        )
    };
}

impl Store {
    /// Keeps when members were active. Of those who are no members nothing is kept.
    ///
    /// Each member at most once.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written. What was kept by then stays.
    pub async fn keep_active(&self, active: &[Active]) -> Result<(), StoreError> {
        for batch in active.chunks(BATCH) {
            let mut tx = self.pools()?.begin_write().await?;
            let sql = keep!(tx, "m.account = value ->> 'account' AND m.user_id = value ->> 'user'");
            keep(&mut tx, sql, encode(&batch)?).await?;
            tx.commit().await?;
        }
        Ok(())
    }

    /// Keeps when people signed in, with each of their memberships.
    ///
    /// Each person at most once.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written. What was kept by then stays.
    pub async fn keep_signed_in(&self, signed_in: &[SignedIn]) -> Result<(), StoreError> {
        for batch in signed_in.chunks(BATCH) {
            let mut tx = self.pools()?.begin_write().await?;
            let sql = keep!(tx, "m.user_id = value ->> 'user'");
            keep(&mut tx, sql, encode(&batch)?).await?;
            tx.commit().await?;
        }
        Ok(())
    }
}

async fn keep(tx: &mut Tx, sql: &'static str, rows: String) -> Result<(), StoreError> {
    Ok(on_tx!(tx, c => sqlx::query(sql).bind(rows).execute(c).await.map(drop))?)
}
