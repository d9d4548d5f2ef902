//! A fresh database for each server, on either engine.

use std::fmt;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::background;

/// A storage engine. What holds on one must hold on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The embedded default: a file in the server's data folder.
    Sqlite,
    /// A database of its own on the server that `MANDATE_TEST_POSTGRES` names.
    Postgres,
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        })
    }
}

/// The environment variable that names the PostgreSQL server: the URL of a role that may create databases.
const ADMIN_URL: &str = "MANDATE_TEST_POSTGRES";

/// Long enough for a loaded machine to copy a template database, and for PostgreSQL to give up a session that fell silent
/// while it was signing in (`authentication_timeout`, a minute by default), which databases are not made nor dropped beside.
const LIMIT: Duration = Duration::from_secs(120);

/// A database that ends with this value.
pub(crate) struct Database {
    url: String,
    /// The name to drop and the URL to drop it through; a file goes with its folder instead.
    created: Option<(String, String)>,
}

impl Database {
    /// Makes an empty database; a file lies in `folder`.
    ///
    /// Panics when there is no PostgreSQL to make one on: a test never passes without having run.
    pub(crate) fn create(engine: Engine, folder: &Path) -> Self {
        match engine {
            Engine::Sqlite => {
                Self { url: format!("sqlite:{}", folder.join("mandate.db").display()), created: None }
            }
            Engine::Postgres => Self::create_postgres(),
        }
    }

    /// One that somebody else made and removes.
    pub(crate) fn given(url: String) -> Self {
        Self { url, created: None }
    }

    fn create_postgres() -> Self {
        let admin = std::env::var(ADMIN_URL).unwrap_or_else(|_| {
            panic!(
                "{ADMIN_URL} is not set: run the tests with tests/run, which starts a PostgreSQL server, or set it to \
                 the URL of an administrator: postgres://USER:PASSWORD@127.0.0.1:5432/postgres"
            )
        });
        let name = unique_name();
        // From template0, to which nobody connects: copying a template that is in use fails.
        administer(&admin, format!("CREATE DATABASE {name} TEMPLATE template0"))
            .unwrap_or_else(|error| panic!("cannot create a database through {ADMIN_URL}: {error}"));
        Self { url: with_database(&admin, &name), created: Some((name, admin)) }
    }

    /// Whether it was made for one server and goes with it.
    pub(crate) fn is_own(&self) -> bool {
        self.created.is_some() || self.url.starts_with("sqlite:")
    }

    /// The URL as the server's `--database` takes it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((name, admin)) = &self.created
            && let Err(error) = administer(admin, format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        {
            eprintln!("could not drop database {name}: {error}");
        }
    }
}

/// A name that no other database has: of this process, of one that runs beside it, of one that was killed.
fn unique_name() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock after 1970").as_micros();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("mandate_test_{}_{time}_{count}", std::process::id())
}

/// Runs one statement on a connection of its own.
fn administer(admin: &str, statement: String) -> Result<(), String> {
    let admin = admin.to_owned();
    let result = background::run(LIMIT, async move {
        let mut connection = PgConnection::connect(&admin).await?;
        connection.execute(AssertSqlSafe(statement)).await?;
        connection.close().await
    });
    result.and_then(|done| done.map_err(|error| error.to_string()))
}

/// The URL `admin` with another database in its path; user, password, host and options stay.
fn with_database(admin: &str, name: &str) -> String {
    let (base, options) = match admin.split_once('?') {
        Some((base, options)) => (base, format!("?{options}")),
        None => (admin, String::new()),
    };
    let authority = base.find("://").map_or(0, |scheme| scheme + "://".len());
    let end = base[authority..].find('/').map_or(base.len(), |slash| authority + slash);
    format!("{}/{name}{options}", &base[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn puts_a_database_into_an_administrators_url() {
        for (admin, url) in [
            ("postgres://a:b@127.0.0.1:5432/postgres", "postgres://a:b@127.0.0.1:5432/x"),
            ("postgres://a@localhost", "postgres://a@localhost/x"),
            ("postgres://a@localhost/postgres?sslmode=disable", "postgres://a@localhost/x?sslmode=disable"),
        ] {
            assert_eq!(with_database(admin, "x"), url);
        }
    }

    #[test]
    fn names_differ() {
        assert_ne!(unique_name(), unique_name());
    }

    #[test]
    fn a_database_of_postgresql_comes_and_goes() {
        let database = Database::create(Engine::Postgres, Path::new("unused"));
        let url = database.url().to_owned();
        assert_eq!(administer(&url, "CREATE TABLE t (id TEXT)".to_owned()), Ok(()));
        drop(database);
        let error = administer(&url, "SELECT 1".to_owned()).expect_err("is gone");
        assert!(error.contains("does not exist"), "{error}");
    }
}
