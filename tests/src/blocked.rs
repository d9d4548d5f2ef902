//! A database that takes no writes for a while, because somebody else is writing.

use std::time::Duration;

use sqlx::{Connection, Executor, PgConnection, SqliteConnection};
use tokio::sync::oneshot;

use crate::{Engine, Server, background};

/// Long enough for a loaded machine.
const LIMIT: Duration = Duration::from_secs(60);

/// Keeps every write that reads an account waiting until it is dropped; reads go on.
#[derive(Debug)]
pub struct Blocked(#[expect(dead_code, reason = "dropping it is what it is for")] oneshot::Sender<()>);

impl Blocked {
    /// Begins. Panics where the database does not let it.
    pub fn begin(server: &Server) -> Self {
        let (engine, url) = (server.engine(), server.database_url().to_owned());
        let (held, until) = oneshot::channel();
        let begun = background::run(LIMIT, async move {
            match engine {
                Engine::Sqlite => {
                    let mut connection = SqliteConnection::connect(&url).await?;
                    connection.execute("BEGIN IMMEDIATE").await?;
                    background::spawn(hold(connection, until));
                }
                Engine::Postgres => {
                    let mut connection = PgConnection::connect(&url).await?;
                    connection.execute("BEGIN").await?;
                    // Locks of rows wait for it, and what only reads does not.
                    connection.execute("LOCK TABLE accounts IN EXCLUSIVE MODE").await?;
                    background::spawn(hold(connection, until));
                }
            }
            Ok::<_, sqlx::Error>(())
        });
        begun.expect("the database in time").expect("a lock");
        Self(held)
    }
}

/// The transaction ends with the connection.
async fn hold<C: Connection>(connection: C, until: oneshot::Receiver<()>) {
    // Whether it was told or dropped: it is over.
    let _ = until.await;
    let _ = connection.close().await;
}
