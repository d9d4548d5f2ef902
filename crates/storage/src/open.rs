//! Opening a store.

use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::sync::Notify;

use crate::error::StoreError;
use crate::exclusive::{Guard, create_private, take_turn};
use crate::follow::Follower;
use crate::hosts::{Found, Hosts};
use crate::incarnation;
use crate::line::{Line, PgPools};
use crate::migrations::{self, Migrated};
use crate::search;
use crate::tx::{Pools, on_readers};

/// The newest table format that this version reads.
const FORMAT: i64 = 2;

/// How to open a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// The most connections: of PostgreSQL for calls (a server has four more besides), of SQLite for reading.
    pub connections: u32,
    /// How many connections to PostgreSQL are kept, even if nobody uses them.
    pub least_connections: u32,
    /// How long a call waits for a connection before the database counts as unavailable.
    pub acquire: Duration,
    /// PostgreSQL: how long each server of the URL has to let a session begin.
    pub connect: Duration,
    /// PostgreSQL: how long a statement may take (`statement_timeout`).
    pub statement: Duration,
    /// PostgreSQL: how long a write waits for another one (`lock_timeout`).
    pub lock: Duration,
    /// After how long without use a connection is closed.
    pub idle: Duration,
    /// After how long a connection is closed, so that a server behind a load balancer does not keep all of them.
    pub lifetime: Duration,
}

impl Default for OpenOptions {
    /// At most 16 connections and 1 at the least; 10 seconds for a connection, 3 for a session, 30 for a statement,
    /// 5 for a lock; 10 minutes without use, half an hour altogether.
    fn default() -> Self {
        Self {
            connections: 16,
            least_connections: 1,
            acquire: Duration::from_secs(10),
            connect: Duration::from_secs(3),
            statement: Duration::from_secs(30),
            lock: Duration::from_secs(5),
            idle: Duration::from_secs(600),
            lifetime: Duration::from_secs(1800),
        }
    }
}

/// Mandate's state. Clones share connections.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    pools: Pools,
    guard: std::sync::Mutex<Option<Guard>>,
    number: i64,
    incarnation: String,
    migrated: Migrated,
    mail: Arc<Notify>,
}

/// What opening a database comes to.
struct Opened {
    pools: Pools,
    guard: Guard,
    migrated: Migrated,
}

impl Store {
    /// Opens the database and brings its tables to the form this version needs.
    ///
    /// `url`: `sqlite:PATH` (made if it is not there), `sqlite::memory:` (one connection, gone with the
    /// store), or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`, where several hosts (`HOST:PORT,HOST:PORT`) are asked
    /// which of them takes writes.
    ///
    /// # Errors
    /// [`StoreError::Config`] for a URL that cannot be used, [`StoreError::Locked`] when another process has
    /// the database, [`StoreError::TooNew`] when a newer version wrote it, and what reading it may bring.
    pub async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        let Opened { pools, guard, migrated } = match url.split_once(':') {
            Some(("sqlite", ":memory:")) => open_memory(options).await?,
            Some(("sqlite", path)) => open_file(path, options).await?,
            Some(("postgres" | "postgresql", _)) => open_postgres(url, options).await?,
            _ => return Err(no_url()),
        };
        let incarnation = read_meta(&pools).await?;
        let (number, guard) = (guard.number(), std::sync::Mutex::new(Some(guard)));
        let mail = Arc::default();
        Ok(Self(Arc::new(Inner { pools, guard, number, incarnation, migrated, mail })))
    }

    /// Whether a URL has a form that [`Store::open`] takes. Nothing is opened or asked.
    ///
    /// # Errors
    /// [`StoreError::Config`], which repeats no part of the URL, since any may be a password's.
    pub fn check_url(url: &str, options: OpenOptions) -> Result<(), StoreError> {
        match url.split_once(':') {
            Some(("sqlite", ":memory:")) => Ok(()),
            Some(("sqlite", path)) => sqlite_path(path).map(drop),
            Some(("postgres" | "postgresql", _)) => Hosts::parse(url, options.connect).map(drop),
            _ => Err(no_url()),
        }
    }

    /// What opening the database changed about the form of its tables.
    #[must_use]
    pub fn migrated(&self) -> &Migrated {
        &self.0.migrated
    }

    /// What tells this database from any other, a copy of it aside: 32 hexadecimal digits made at its first
    /// migration.
    #[must_use]
    pub fn incarnation(&self) -> &str {
        &self.0.incarnation
    }

    /// Follows what everybody writes to a PostgreSQL database. `None`: on SQLite there is nobody else.
    #[must_use]
    pub fn follow(&self) -> Option<Follower> {
        match &self.0.pools {
            Pools::Sqlite { .. } => None,
            Pools::Postgres(pools) => Some(Follower::new(pools.clone())),
        }
    }

    /// Closes every connection and gives the database back. Clones cannot be used afterwards.
    pub async fn close(&self) {
        match &self.0.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(PgPools { pool, line }) => {
                line.close();
                pool.close().await;
            }
        }
        let guard = self.guard().take();
        if let Some(guard) = guard {
            guard.release().await;
        }
    }

    /// The connections, unless the database is known to be away: nobody is helped by
    /// waiting for it until a time limit ends.
    pub(crate) fn pools(&self) -> Result<&Pools, StoreError> {
        match &self.0.pools {
            Pools::Postgres(pools) if pools.line.is_away() => Err(StoreError::away()),
            pools => Ok(pools),
        }
    }

    /// The connections, whatever is known of the database.
    pub(crate) fn all_pools(&self) -> &Pools {
        &self.0.pools
    }

    /// The number that tells this server from others on the same database.
    pub(crate) fn number(&self) -> i64 {
        self.0.number
    }

    pub(crate) fn mail_bell(&self) -> Arc<Notify> {
        Arc::clone(&self.0.mail)
    }

    fn guard(&self) -> std::sync::MutexGuard<'_, Option<Guard>> {
        // Nothing that holds it can panic, and a guard is whole at any time.
        self.0.guard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

fn no_url() -> StoreError {
    StoreError::Config(
        "the database URL must be sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST/DATABASE"
            .to_owned(),
    )
}

/// The same with what every connection to SQLite has.
fn dressed(options: SqliteConnectOptions) -> SqliteConnectOptions {
    options
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        // What is erased is overwritten, not left in the file until its place is needed.
        .pragma("secure_delete", "ON")
        .statement_cache_capacity(200)
}

/// Connections that wait as long as the options say. One is a thread of this process, and is asked whether it is there when
/// it is given back, but not again before it is used.
fn pool(options: OpenOptions) -> SqlitePoolOptions {
    SqlitePoolOptions::new().acquire_timeout(options.acquire).test_before_acquire(false)
}

/// One connection for everything: a second one to a shared cache would fail where this one waits. Another one says
/// nothing, and keeps the database while there is none: sqlx may close a connection that somebody has left in the middle.
async fn open_memory(options: OpenOptions) -> Result<Opened, StoreError> {
    // A database of its own, shared by the connections that are made of these options.
    let connect = dressed(SqliteConnectOptions::from_str("sqlite::memory:")?);
    let guard = Guard::Memory { _connection: connect.connect().await? };
    let pool = pool(options)
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(connect)
        .await?;
    let migrated = migrations::sqlite(&pool).await?;
    let pools = Pools::Sqlite { writer: pool.clone(), readers: pool };
    search::complete(&pools).await?;
    Ok(Opened { pools, guard, migrated })
}

async fn open_file(path: &str, options: OpenOptions) -> Result<Opened, StoreError> {
    let path = sqlite_path(path)?;
    let guard = Guard::lock_file(&path)?;
    create_private(&path).map_err(|error| {
        StoreError::Config(format!(
            "cannot open {}: {error}; give a file this user may write",
            path.display()
        ))
    })?;
    let connect = dressed(SqliteConnectOptions::new())
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode anything less may lose the last commits when the power fails.
        .synchronous(SqliteSynchronous::Full);
    let writer = pool(options)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(connect.clone())
        .await?;
    let migrated = migrations::sqlite(&writer).await?;
    let readers = pool(options)
        .max_connections(options.connections.max(1))
        .connect_lazy_with(connect.pragma("query_only", "ON"));
    let pools = Pools::Sqlite { writer, readers };
    search::complete(&pools).await?;
    Ok(Opened { pools, guard, migrated })
}

/// The file a URL names, the same however it is spelled, since the lock lies beside it.
fn sqlite_path(path: &str) -> Result<PathBuf, StoreError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() || path.contains(['?', '#']) {
        return Err(StoreError::Config(
            "write the SQLite URL as sqlite:PATH, without ? or #; this service sets every option itself"
                .to_owned(),
        ));
    }
    let path = Path::new(path);
    Ok(path.canonicalize().unwrap_or_else(|_| path.to_owned()))
}

async fn open_postgres(url: &str, options: OpenOptions) -> Result<Opened, StoreError> {
    let line = Arc::new(Line::new(Hosts::parse(url, options.connect)?, options));
    // In a session without the limits of calls: a migration takes as long as it takes.
    let Found { mut session, options: found, writable } = line.connect(|session| session).await?;
    line.warn(&mut session).await?;
    take_turn(&mut session).await?;
    let mut migrated = Migrated::default();
    if writable {
        migrated = migrations::postgres(&mut session).await?;
        incarnation::settle(&mut session).await?;
    }
    let pools = Pools::Postgres(PgPools::open(Arc::clone(&line), &found).await?);
    if writable {
        search::complete(&pools).await?;
    }
    // The next server has its turn.
    session.close().await?;
    let guard = Guard::take_number(line).await?;
    Ok(Opened { pools, guard, migrated })
}

/// Refuses a database that is too new, and gives the incarnation of any other.
async fn read_meta(pools: &Pools) -> Result<String, StoreError> {
    let sql = "SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'least_reader'";
    let found: i64 = on_readers!(pools, c => sqlx::query_scalar(sql).fetch_one(c).await)?;
    if found > FORMAT {
        return Err(StoreError::TooNew { found, known: FORMAT });
    }
    let sql = "SELECT value FROM meta WHERE name = 'incarnation'";
    Ok(on_readers!(pools, c => sqlx::query_scalar(sql).fetch_one(c).await)?)
}
