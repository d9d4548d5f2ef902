//! A database of its own for each test.

use std::future::Future;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use mandate_storage::{OpenOptions, Store};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, SqliteConnection};
use tempfile::TempDir;

/// Names an administrator of a PostgreSQL server: the URL of a role that may create databases.
const ADMIN_URL: &str = "MANDATE_TEST_POSTGRES";

/// Where a test runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Engine {
    File,
    Memory,
    Postgres,
}

/// A database that ends with this value.
pub(crate) struct Database {
    pub(crate) engine: Engine,
    pub(crate) url: String,
    created: Option<(String, String)>,
    folder: TempDir,
}

impl Database {
    pub(crate) fn create(engine: Engine) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (url, created) = match engine {
            Engine::File => (format!("sqlite:{}", folder.path().join("state.db").display()), None),
            Engine::Memory => ("sqlite::memory:".to_owned(), None),
            Engine::Postgres => {
                let admin = std::env::var(ADMIN_URL).unwrap_or_else(|_| {
                    panic!("{ADMIN_URL} is not set: run tests/run, which starts a PostgreSQL server")
                });
                let name = unique_name();
                administer(&admin, format!("CREATE DATABASE {name} TEMPLATE template0"))
                    .expect("a new database");
                let url = admin.rsplit_once('/').map(|(server, _)| format!("{server}/{name}"));
                (url.expect("the URL ends in a database"), Some((admin, name)))
            }
        };
        Self { engine, url, created, folder }
    }

    /// A store, on PostgreSQL perhaps one of several.
    pub(crate) async fn open(&self) -> Store {
        Store::open(&self.url, OpenOptions { connections: 4, ..OpenOptions::default() }).await.expect("opens")
    }

    /// A second way to write the same database: other connections where the engine allows for them.
    pub(crate) async fn open_beside(&self, first: &Store) -> Store {
        match self.engine {
            Engine::File | Engine::Memory => first.clone(),
            Engine::Postgres => self.open().await,
        }
    }

    /// Whether what was written is still there after closing.
    pub(crate) fn is_kept(&self) -> bool {
        self.engine != Engine::Memory
    }

    /// The folder of a file.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Runs a statement behind the store's back.
    pub(crate) async fn execute(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match self.engine {
            Engine::Memory => panic!("nobody else reaches a database in memory"),
            Engine::File => {
                let mut connection = SqliteConnection::connect(&self.url).await.expect("connects");
                connection.execute(sql).await.expect("runs");
                connection.close().await.expect("closes");
            }
            Engine::Postgres => {
                let mut connection = PgConnection::connect(&self.url).await.expect("connects");
                connection.execute(sql).await.expect("runs");
                connection.close().await.expect("closes");
            }
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((admin, name)) = &self.created
            && let Err(error) = administer(admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        {
            eprintln!("could not drop database {name}: {error}");
        }
    }
}

/// A name that no other database has: of this process, of one beside it, of one that was killed.
fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_micros();
    format!("mandate_storage_{}_{time}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn administer(admin: &str, statement: String) -> Result<(), sqlx::Error> {
    block_on(async {
        let mut connection = PgConnection::connect(admin).await?;
        connection.execute(AssertSqlSafe(statement)).await?;
        connection.close().await
    })
}

/// Runs a test on a runtime of its own, with two threads so that what races does so in earnest.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(future)
}
