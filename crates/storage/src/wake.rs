//! Servers on one PostgreSQL database wake each other when there is something to follow. Nothing rests on it: whoever is
//! not woken polls a moment later.
//!
//! INVARIANT: never in the transaction of a write. PostgreSQL lets transactions that notify commit one at a time.

use sqlx::postgres::PgListener;

use crate::error::StoreError;
use crate::open::Store;
use crate::tx::Pools;

/// The channel. Channels are kept per database.
const CHANNEL: &str = "mandate_feed";

/// Hears when another server has written something.
pub struct Listener(PgListener);

impl Store {
    /// Tells the others that there is something to follow. On SQLite there are none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn wake_others(&self) -> Result<(), StoreError> {
        match self.pools()? {
            Pools::Sqlite { .. } => Ok(()),
            Pools::Postgres(pool) => {
                sqlx::query("SELECT pg_notify($1, '')").bind(CHANNEL).execute(pool).await?;
                Ok(())
            }
        }
    }

    /// Listens for others; `None`: on SQLite there are none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        let Pools::Postgres(pool) = self.pools()? else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(Listener(listener)))
    }
}

impl Listener {
    /// Waits until another server has written something, or may have.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked any more.
    pub async fn woken(&mut self) -> Result<(), StoreError> {
        // `None`: the connection was lost, and what was told meanwhile with it.
        self.0.try_recv().await?;
        Ok(())
    }
}
