//! A database of a measurement's own, on either engine.

use std::path::Path;

use anyhow::{Context as _, anyhow};
use sqlx::postgres::PgArguments;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, Postgres, Sqlite, SqliteConnection};

/// A storage engine of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Engine {
    /// A file, the server's default.
    Sqlite,
    /// A database on the server that the environment names.
    Postgres,
}

/// The URL of a role that may create databases.
const ADMIN_URL: &str = "MANDATE_TEST_POSTGRES";

/// An empty database, and how to be rid of it.
#[derive(Debug)]
pub(crate) struct Database {
    engine: Engine,
    /// As the server's `--database` takes it. It may hold a password, so it is never printed.
    url: String,
}

/// A connection past the server.
pub(crate) enum Connection {
    /// To the file.
    Sqlite(SqliteConnection),
    /// To the database server.
    Postgres(PgConnection),
}

impl Database {
    /// Makes an empty database; a file lies in `folder`.
    ///
    /// # Errors
    /// There is no PostgreSQL, or none that lets this program make a database.
    pub(crate) async fn create(engine: Engine, folder: &Path) -> anyhow::Result<Self> {
        let url = match engine {
            Engine::Sqlite => format!("sqlite:{}", folder.join("mandate.db").display()),
            Engine::Postgres => {
                let name = format!("mandate_bench_{}", std::process::id());
                administer(format!("CREATE DATABASE {name} TEMPLATE template0")).await?;
                with_database(&admin_url()?, &name)
            }
        };
        Ok(Self { engine, url })
    }

    /// A database that is there already, and stays.
    pub(crate) fn at(engine: Engine, url: &str) -> Self {
        Self { engine, url: url.to_owned() }
    }

    /// The URL as the server takes it.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Connects past the server.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn connect(&self) -> anyhow::Result<Connection> {
        Ok(match self.engine {
            Engine::Sqlite => {
                let path = self.url.trim_start_matches("sqlite:");
                Connection::Sqlite(
                    SqliteConnection::connect_with(&SqliteConnectOptions::new().filename(path)).await?,
                )
            }
            Engine::Postgres => Connection::Postgres(PgConnection::connect(&self.url).await?),
        })
    }

    /// Drops it; a file goes with its folder.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn drop(self) -> anyhow::Result<()> {
        match self.engine {
            Engine::Sqlite => Ok(()),
            Engine::Postgres => {
                administer(format!(
                    "DROP DATABASE IF EXISTS mandate_bench_{} WITH (FORCE)",
                    std::process::id()
                ))
                .await
            }
        }
    }
}

impl Connection {
    /// Runs a statement whose rows come from `{rows}`, a JSON array bound as text and spread over a column `value`.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn insert(&mut self, sql: &str, rows: &str) -> anyhow::Result<()> {
        let spread = match self {
            Self::Sqlite(_) => "json_each($1)",
            Self::Postgres(_) => "json_array_elements($1::json) AS rows (value)",
        };
        let sql = AssertSqlSafe(sql.replace("{rows}", spread));
        match self {
            Self::Sqlite(c) => sqlx::query(sql).bind(rows).execute(c).await.map(drop)?,
            Self::Postgres(c) => sqlx::query(sql).bind(rows).execute(c).await.map(drop)?,
        }
        Ok(())
    }

    /// Runs a statement.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn execute(&mut self, sql: &'static str) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(c) => c.execute(sql).await.map(drop)?,
            Self::Postgres(c) => c.execute(sql).await.map(drop)?,
        }
        Ok(())
    }

    /// Runs a statement that was put together from this program's own words, with values bound to `$1` and on.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn run(&mut self, sql: String, values: &[&str]) -> anyhow::Result<()> {
        let sql = AssertSqlSafe(sql);
        match self {
            Self::Sqlite(c) => {
                let bind = |query: SqliteQuery, value: &&str| query.bind((*value).to_owned());
                values.iter().fold(sqlx::query(sql), bind).execute(c).await.map(drop)?;
            }
            Self::Postgres(c) => {
                let bind = |query: PgQuery, value: &&str| query.bind((*value).to_owned());
                values.iter().fold(sqlx::query(sql), bind).execute(c).await.map(drop)?;
            }
        }
        Ok(())
    }

    /// The rows of a statement that gives pairs of texts.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn pairs(&mut self, sql: &'static str) -> anyhow::Result<Vec<(String, String)>> {
        Ok(match self {
            Self::Sqlite(c) => sqlx::query_as(sql).fetch_all(c).await?,
            Self::Postgres(c) => sqlx::query_as(sql).fetch_all(c).await?,
        })
    }

    /// What a statement with one parameter counts.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn count(&mut self, sql: &'static str, parameter: i64) -> anyhow::Result<i64> {
        Ok(match self {
            Self::Sqlite(c) => sqlx::query_scalar(sql).bind(parameter).fetch_one(c).await?,
            Self::Postgres(c) => sqlx::query_scalar(sql).bind(parameter).fetch_one(c).await?,
        })
    }

    /// Lets the planner know what is there now, as PostgreSQL does by itself after a while; SQLite is not told by the
    /// server, and so not here.
    ///
    /// # Errors
    /// The database's.
    pub(crate) async fn analyze(&mut self) -> anyhow::Result<()> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(c) => Ok(c.execute("VACUUM ANALYZE").await.map(drop)?),
        }
    }
}

type SqliteQuery = Query<'static, Sqlite, SqliteArguments>;
type PgQuery = Query<'static, Postgres, PgArguments>;

fn admin_url() -> anyhow::Result<String> {
    std::env::var(ADMIN_URL).map_err(|_| {
        anyhow!(
            "{ADMIN_URL} is not set: set it to the URL of a role that may create databases, \
             postgres://USER:PASSWORD@127.0.0.1:5432/postgres, or measure with --engine sqlite"
        )
    })
}

async fn administer(statement: String) -> anyhow::Result<()> {
    let mut connection =
        PgConnection::connect(&admin_url()?).await.context("the PostgreSQL server cannot be reached")?;
    connection.execute(AssertSqlSafe(statement)).await?;
    Ok(connection.close().await?)
}

/// The URL with another database in its path; user, password, host and options stay.
fn with_database(admin: &str, name: &str) -> String {
    let (base, options) = match admin.split_once('?') {
        Some((base, options)) => (base, format!("?{options}")),
        None => (admin, String::new()),
    };
    let (scheme, rest) = base.split_once("://").unwrap_or(("postgres", base));
    let authority = rest.split('/').next().unwrap_or(rest);
    format!("{scheme}://{authority}/{name}{options}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_keeps_everything_but_the_database() {
        assert_eq!(with_database("postgres://u:p@h:1/postgres", "x"), "postgres://u:p@h:1/x");
        assert_eq!(with_database("postgres://u:p@h:1", "x"), "postgres://u:p@h:1/x");
        assert_eq!(with_database("postgres://h/a?sslmode=disable", "x"), "postgres://h/x?sslmode=disable");
    }

    #[tokio::test]
    async fn rows_are_spread_from_json() {
        let mut connection = Connection::Sqlite(SqliteConnection::connect("sqlite::memory:").await.unwrap());
        connection.execute("CREATE TABLE t (a TEXT)").await.unwrap();
        let sql = "INSERT INTO t (a) SELECT value ->> 'a' FROM {rows}";
        connection.insert(sql, r#"[{"a":"x"},{"a":"y"}]"#).await.unwrap();
        assert_eq!(connection.count("SELECT COUNT(*) FROM t WHERE 0 = $1", 0).await.unwrap(), 2);
    }
}
