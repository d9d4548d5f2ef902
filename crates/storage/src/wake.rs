//! Servers on one PostgreSQL database wake each other when there is something to follow. Nothing rests on it: whoever is
//! not woken polls a moment later.
//!
//! INVARIANT: never in the transaction of a write. PostgreSQL lets transactions that notify commit one at a time.

use std::sync::Arc;
use std::time::Instant;

use sqlx::postgres::{PgListener, PgPoolOptions};

use crate::error::StoreError;
use crate::line::{Line, PgPools};
use crate::open::Store;
use crate::tx::Pools;

/// The channel. Channels are kept per database.
const CHANNEL: &str = "mandate_feed";

/// Hears when another server has written something.
pub struct Listener {
    listener: PgListener,
    /// What this server says when it calls: it polls for its own writes anyway.
    own: String,
    line: Arc<Line>,
    since: Instant,
}

impl Store {
    /// Tells the others that there is something to follow. On SQLite there are none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn wake_others(&self) -> Result<(), StoreError> {
        match self.pools()? {
            Pools::Sqlite { .. } => Ok(()),
            Pools::Postgres(PgPools { pool, line }) => {
                let call =
                    sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(self.number().to_string());
                line.within(call.execute(pool)).await?;
                Ok(())
            }
        }
    }

    /// Listens for others; `None`: on SQLite there are none.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked.
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        let Pools::Postgres(PgPools { pool, line }) = self.pools()? else { return Ok(None) };
        let since = line.chosen_at();
        // A pool of its own: a session that fell silent is left where it is, and keeps no place from anybody.
        let options = pool.connect_options().as_ref().clone().application_name("mandate listener");
        let own = PgPoolOptions::new().max_connections(1).idle_timeout(None).max_lifetime(None);
        let own = own.acquire_timeout(pool.options().get_acquire_timeout()).connect_lazy_with(options);
        let mut listener = line.within(PgListener::connect_with(&own)).await?;
        line.within(listener.listen(CHANNEL)).await?;
        Ok(Some(Listener { listener, own: self.number().to_string(), line: Arc::clone(line), since }))
    }
}

impl Listener {
    /// Waits until another server has written something, or may have.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked any more, or is on another server now.
    pub async fn woken(&mut self) -> Result<(), StoreError> {
        let Self { listener, own, line, since } = self;
        let others = async {
            // `None`: the connection was lost, and what was told meanwhile with it.
            while listener.try_recv().await?.is_some_and(|told| told.payload() == own) {}
            Ok::<(), StoreError>(())
        };
        tokio::select! {
            told = others => told,
            // Nothing is ever said to a session that waits, so that nothing tells when it is silent for good.
            () = line.changed(*since) => Err(StoreError::away()),
        }
    }
}
