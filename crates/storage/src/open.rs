//! Opening a store.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Notify;

use crate::error::StoreError;
use crate::exclusive::{Guard, create_private, take_turn};
use crate::follow::Follower;
use crate::incarnation;
use crate::search;
use crate::tx::{Pools, on_readers};

static SQLITE: Migrator = sqlx::migrate!("migrations/sqlite");
static POSTGRES: Migrator = sqlx::migrate!("migrations/postgres");

/// The newest table format that this version reads.
const FORMAT: i64 = 2;

/// How long a call waits for a connection before the database counts as unavailable.
const ACQUIRE: Duration = Duration::from_secs(10);

/// How to open a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenOptions {
    /// The most connections: of PostgreSQL altogether, of SQLite for reading.
    pub connections: u32,
}

impl Default for OpenOptions {
    /// 16 connections.
    fn default() -> Self {
        Self { connections: 16 }
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
    mail: Arc<Notify>,
    /// How others connect to the same PostgreSQL database.
    connect: Option<PgConnectOptions>,
    /// Whether whoever follows the database finds it away.
    away: Arc<AtomicBool>,
}

impl Store {
    /// Opens the database and brings its tables to the form this version needs.
    ///
    /// `url`: `sqlite:PATH` (made if it is not there), `sqlite::memory:` (one connection, gone with the
    /// store), or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    ///
    /// # Errors
    /// [`StoreError::Config`] for a URL that cannot be used, [`StoreError::Locked`] when another process has
    /// the database, [`StoreError::TooNew`] when a newer version wrote it, and what reading it may bring.
    pub async fn open(url: &str, options: OpenOptions) -> Result<Self, StoreError> {
        let (pools, guard, connect) = match url.split_once(':') {
            Some(("sqlite", ":memory:")) => (open_memory().await?, Guard::None, None),
            Some(("sqlite", path)) => open_file(path, options).await?,
            Some(("postgres" | "postgresql", _)) => open_postgres(url, options).await?,
            _ => {
                return Err(StoreError::Config(
                    "the database URL must be sqlite:PATH, sqlite::memory: or postgres://USER:PASSWORD@HOST/DATABASE"
                        .to_owned(),
                ));
            }
        };
        let incarnation = read_meta(&pools).await?;
        let (number, guard) = (guard.number(), std::sync::Mutex::new(Some(guard)));
        let (mail, away) = (Arc::default(), Arc::default());
        Ok(Self(Arc::new(Inner { pools, guard, number, incarnation, mail, connect, away })))
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
        let connect = self.0.connect.as_ref()?;
        Some(Follower::new(connect, Arc::clone(&self.0.away)))
    }

    /// Closes every connection and gives the database back. Clones cannot be used afterwards.
    pub async fn close(&self) {
        match &self.0.pools {
            Pools::Sqlite { writer, readers } => {
                readers.close().await;
                writer.close().await;
            }
            Pools::Postgres(pool) => pool.close().await,
        }
        let guard = self.guard().take();
        if let Some(guard) = guard {
            guard.release().await;
        }
    }

    /// The connections, unless the database is known to be away: nobody is helped by
    /// waiting for it until a time limit ends.
    pub(crate) fn pools(&self) -> Result<&Pools, StoreError> {
        if self.0.away.load(Ordering::Acquire) {
            return Err(StoreError::away());
        }
        Ok(&self.0.pools)
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

fn sqlite_options() -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .foreign_keys(true)
        .busy_timeout(Duration::from_secs(5))
        // What is erased is overwritten, not left in the file until its place is needed.
        .pragma("secure_delete", "ON")
        .statement_cache_capacity(200)
}

/// One connection for everything: a second one to a shared cache would fail where this one waits.
async fn open_memory() -> Result<Pools, StoreError> {
    let options = sqlite_options().in_memory(true);
    let pool = SqlitePoolOptions::new()
        .min_connections(1)
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE)
        .connect_with(options)
        .await?;
    migrator(&SQLITE).run(&pool).await?;
    let pools = Pools::Sqlite { writer: pool.clone(), readers: pool };
    search::complete(&pools).await?;
    Ok(pools)
}

type Opened = (Pools, Guard, Option<PgConnectOptions>);

async fn open_file(path: &str, options: OpenOptions) -> Result<Opened, StoreError> {
    let path = sqlite_path(path)?;
    let guard = Guard::lock_file(&path)?;
    create_private(&path).map_err(|error| {
        StoreError::Config(format!(
            "cannot open {}: {error}; give a file this user may write",
            path.display()
        ))
    })?;
    let connect = sqlite_options()
        .filename(&path)
        .journal_mode(SqliteJournalMode::Wal)
        // In WAL mode anything less may lose the last commits when the power fails.
        .synchronous(SqliteSynchronous::Full);
    let writer = SqlitePoolOptions::new()
        .max_connections(1)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(ACQUIRE)
        .connect_with(connect.clone())
        .await?;
    migrator(&SQLITE).run(&writer).await?;
    let readers = SqlitePoolOptions::new()
        .max_connections(options.connections.max(1))
        .acquire_timeout(ACQUIRE)
        .connect_lazy_with(connect.pragma("query_only", "ON"));
    let pools = Pools::Sqlite { writer, readers };
    search::complete(&pools).await?;
    Ok((pools, guard, None))
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
    // The parser's own message may repeat parts of the URL, a password among them.
    let connect = PgConnectOptions::from_str(url).map_err(|_| {
        StoreError::Config(
            "the database URL is not well formed: write postgres://USER:PASSWORD@HOST:PORT/DATABASE, with special \
             characters of the password percent-encoded"
                .to_owned(),
        )
    })?;
    let connect = connect.application_name("mandate").statement_cache_capacity(200);
    // In a session without the limits below: a migration takes as long as it takes.
    let mut session = connect.connect().await.map_err(refused_at_the_door)?;
    take_turn(&mut session).await?;
    migrator(&POSTGRES).run(&mut session).await?;
    incarnation::settle(&mut session).await?;
    // A write that waits this long for a lock is not going to be answered in time, and keeps a connection.
    // Compiling a statement takes longer than any of ours runs.
    let limits = [("lock_timeout", "5s"), ("statement_timeout", "30s"), ("jit", "off")];
    let limited = connect.clone().options(limits);
    let pool = PgPoolOptions::new()
        .max_connections(options.connections.max(2))
        .acquire_timeout(ACQUIRE)
        .connect_with(limited)
        .await?;
    let pools = Pools::Postgres(pool);
    search::complete(&pools).await?;
    // The next server has its turn.
    session.close().await?;
    let guard = Guard::take_number(connect.clone()).await?;
    Ok((pools, guard, Some(connect)))
}

/// A mistake in the URL that only the server could notice.
pub(crate) fn refused_at_the_door(error: sqlx::Error) -> StoreError {
    let code = error.as_database_error().and_then(|error| error.code());
    match code.as_deref() {
        Some(code) if code.starts_with("28") => StoreError::Config(
            "the database server refused the sign-in: correct the user and password of the URL".to_owned(),
        ),
        Some("3D000") => StoreError::Config(
            "the database server has no database of that name: create it, or correct the URL's path"
                .to_owned(),
        ),
        _ => error.into(),
    }
}

/// The migrations of this version. A newer version's are not missed: whether this one can read their tables
/// `meta` says.
fn migrator(migrator: &Migrator) -> Migrator {
    Migrator { migrations: migrator.migrations.clone(), ignore_missing: true, ..Migrator::DEFAULT }
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
