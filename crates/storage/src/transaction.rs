//! A transaction on PostgreSQL that is over before anybody else uses its session.

use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Executor as _, PgConnection, PgPool, Postgres};
use tokio::runtime::Handle;

/// How long the database has to say that an abandoned transaction is over. After that its session is closed.
const LIMIT: Duration = Duration::from_secs(2);

/// A session of the pool, in a transaction. Dropping it rolls back.
///
/// INVARIANT: the pool gets a session back only when the database has said that its transaction is over, whatever its
/// owner was waiting for when it was dropped, the beginning included. sqlx's own transaction gives a session back whose
/// `BEGIN` is on its way: whoever got it next would read a snapshot of long ago, or write what nobody commits.
pub(crate) struct Transaction {
    /// `None`: it is over.
    session: Option<PoolConnection<Postgres>>,
}

impl Transaction {
    /// Begins one; `how` is the whole statement.
    pub(crate) async fn begin(pool: &PgPool, how: &'static str) -> Result<Self, sqlx::Error> {
        let mut begun = Self { session: Some(pool.acquire().await?) };
        begun.session()?.execute(sqlx::raw_sql(how)).await?;
        Ok(begun)
    }

    /// The session, to say something in the transaction.
    pub(crate) fn session(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        self.session.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Ends it and keeps what it wrote.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        self.end("COMMIT").await
    }

    /// Ends it and leaves nothing.
    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        self.end("ROLLBACK").await
    }

    async fn end(mut self, how: &'static str) -> Result<(), sqlx::Error> {
        self.session()?.execute(sqlx::raw_sql(how)).await?;
        drop(self.session.take());
        Ok(())
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        let Some(mut session) = self.session.take() else { return };
        let Ok(runtime) = Handle::try_current() else { return session.close_on_drop() };
        runtime.spawn(async move {
            let over = tokio::time::timeout(LIMIT, session.execute(sqlx::raw_sql("ROLLBACK"))).await;
            if !matches!(over, Ok(Ok(_))) {
                session.close_on_drop();
            }
        });
    }
}
