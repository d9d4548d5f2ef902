//! Where the database is, and how much of it a server takes: the part of the command line that is about it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use mandate_storage::{OpenOptions, Store, StoreError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::config::mask::mask;

/// How the database is used.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Database")]
pub struct DatabaseSettings {
    /// sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/DATABASE. Default: the file mandate.db in the data folder.
    ///
    /// Several servers of PostgreSQL, of which one takes writes, are written as HOST:PORT,HOST:PORT; after a failover the
    /// new one is found. Behind the database's name may follow ?sslmode=verify-full&sslrootcert=FILE, and
    /// &sslcert=FILE&sslkey=FILE for a certificate of this server's own.
    #[arg(long, value_name = "URL", env = "MANDATE_DATABASE", hide_env_values = true)]
    pub database: Option<DatabaseUrl>,
    /// A file that holds the password of the URL's user, which keeps it out of the environment and the list of
    /// processes.
    #[arg(long, value_name = "FILE", env = "MANDATE_DATABASE_PASSWORD_FILE")]
    pub database_password_file: Option<PathBuf>,
    /// The most connections for calls. On PostgreSQL up to four more are used besides.
    #[arg(long, value_name = "COUNT", default_value_t = 16, env = "MANDATE_DATABASE_CONNECTIONS",
          value_parser = clap::value_parser!(u32).range(2..=1000))]
    pub database_connections: u32,
    /// PostgreSQL: how many connections are kept even if nobody uses them.
    #[arg(long, value_name = "COUNT", default_value_t = 1, env = "MANDATE_DATABASE_LEAST_CONNECTIONS")]
    pub database_least_connections: u32,
    /// For how many seconds a call waits for a connection before it is UNAVAILABLE.
    #[arg(long, value_name = "SECONDS", default_value = "10", env = "MANDATE_DATABASE_ACQUIRE_TIMEOUT", value_parser = limit)]
    pub database_acquire_timeout: Duration,
    /// PostgreSQL: how many seconds each server has to let a session begin.
    #[arg(long, value_name = "SECONDS", default_value = "3", env = "MANDATE_DATABASE_CONNECT_TIMEOUT", value_parser = limit)]
    pub database_connect_timeout: Duration,
    /// PostgreSQL: how many seconds a statement may take.
    #[arg(long, value_name = "SECONDS", default_value = "30", env = "MANDATE_DATABASE_STATEMENT_TIMEOUT", value_parser = limit)]
    pub database_statement_timeout: Duration,
    /// PostgreSQL: for how many seconds a write waits for another one before it is ABORTED.
    #[arg(long, value_name = "SECONDS", default_value = "5", env = "MANDATE_DATABASE_LOCK_TIMEOUT", value_parser = limit)]
    pub database_lock_timeout: Duration,
    /// After how many seconds without use a connection is closed.
    #[arg(long, value_name = "SECONDS", default_value = "600", env = "MANDATE_DATABASE_IDLE_TIMEOUT", value_parser = limit)]
    pub database_idle_timeout: Duration,
    /// After how many seconds a connection is closed in any case.
    #[arg(long, value_name = "SECONDS", default_value = "1800", env = "MANDATE_DATABASE_LIFETIME", value_parser = limit)]
    pub database_lifetime: Duration,
}

impl Default for DatabaseSettings {
    /// The file in the data folder, and what the command line has where nothing is said.
    fn default() -> Self {
        let OpenOptions { connections, least_connections, acquire, connect, statement, lock, idle, lifetime } =
            OpenOptions::default();
        Self {
            database: None,
            database_password_file: None,
            database_connections: connections,
            database_least_connections: least_connections,
            database_acquire_timeout: acquire,
            database_connect_timeout: connect,
            database_statement_timeout: statement,
            database_lock_timeout: lock,
            database_idle_timeout: idle,
            database_lifetime: lifetime,
        }
    }
}

impl DatabaseSettings {
    /// Where the database is: unless told otherwise, the file `mandate.db` in the data folder.
    ///
    /// # Errors
    /// A password file that cannot be read, or whose password has no place in the URL.
    pub fn url(&self, data_dir: &Path) -> anyhow::Result<String> {
        let Some(DatabaseUrl(url)) = &self.database else {
            let file = data_dir.join("mandate.db");
            let path = file
                .to_str()
                .ok_or_else(|| anyhow!("the path of --data-dir is not UTF-8; choose another"))?;
            return Ok(format!("sqlite:{path}"));
        };
        match &self.database_password_file {
            Some(file) => with_password(url, file),
            None => Ok(url.clone()),
        }
    }

    /// Opens the database of that URL.
    ///
    /// # Errors
    /// Why it cannot be, and what to do about it. The URL's password is not told.
    pub async fn open(&self, url: &str) -> anyhow::Result<Store> {
        Store::open(url, self.options()).await.map_err(|error| match error {
            // At a start nobody has asked for anything that could be tried again.
            StoreError::Unavailable { source } => anyhow!(
                "the database at {} cannot be reached: see that it runs and lets this machine in, or correct --database (in \
                 the file: url of [database]); {source}",
                mask(url)
            ),
            other => other.into(),
        })
    }

    /// Which database it is, as OpenTelemetry names it.
    #[must_use]
    pub fn system(&self) -> &'static str {
        match &self.database {
            Some(DatabaseUrl(url)) if url.starts_with("postgres") => "postgresql",
            _ => "sqlite",
        }
    }

    /// How to open the database.
    #[must_use]
    pub fn options(&self) -> OpenOptions {
        OpenOptions {
            connections: self.database_connections,
            least_connections: self.database_least_connections,
            acquire: self.database_acquire_timeout,
            connect: self.database_connect_timeout,
            statement: self.database_statement_timeout,
            lock: self.database_lock_timeout,
            idle: self.database_idle_timeout,
            lifetime: self.database_lifetime,
        }
    }
}

/// The longest limit: a day.
const LONGEST: Duration = Duration::from_secs(86_400);

/// A limit, as the command line has it. None is 0, which PostgreSQL takes for "for ever".
fn limit(text: &str) -> Result<Duration, String> {
    let parsed = text.parse::<f64>().ok().and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let valid = parsed.filter(|limit| (Duration::from_millis(1)..=LONGEST).contains(limit));
    valid.ok_or_else(|| "is no number of seconds from 0.001 to 86400".to_owned())
}

/// The URL with the password that a file holds, behind its user's name.
fn with_password(url: &str, file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("{}: cannot be read; check --database-password-file", file.display()))?;
    let password = utf8_percent_encode(text.trim_end_matches(['\r', '\n']), NON_ALPHANUMERIC);
    let parts = url.split_once("://").and_then(|(scheme, rest)| Some((scheme, rest.split_once('@')?)));
    match parts {
        Some((scheme, (user, rest))) if !user.is_empty() && !user.contains([':', '/', '?']) => {
            Ok(format!("{scheme}://{user}:{password}@{rest}"))
        }
        _ => Err(anyhow!(
            "--database-password-file goes with a URL that names a user and no password: postgres://USER@HOST/DATABASE"
        )),
    }
}

/// Where the database is. It may hold a password, so it is never shown.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl From<String> for DatabaseUrl {
    fn from(url: String) -> Self {
        Self(url)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        database: DatabaseSettings,
    }

    #[test]
    fn the_defaults_are_those_of_the_store() {
        let Ok(line) = <Line as clap::Parser>::try_parse_from(["x"]) else { panic!("no option is needed") };
        assert_eq!(line.database.options(), OpenOptions::default());
    }

    #[test]
    fn a_password_file_completes_the_url() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "a:b@c/d\n").unwrap();
        let whole = with_password("postgres://me@one:1,two:2/db?sslmode=require", &file).unwrap();
        assert_eq!(whole, "postgres://me:a%3Ab%40c%2Fd@one:1,two:2/db?sslmode=require");
        for url in ["postgres://me:other@one/db", "postgres://one/db", "sqlite:x.db"] {
            let error = with_password(url, &file).unwrap_err().to_string();
            assert!(error.contains("--database-password-file") && !error.contains("other"), "{error}");
        }
        assert!(with_password("postgres://me@one/db", &folder.path().join("none")).is_err());
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_told_with_its_place_and_without_its_password() {
        let url = "postgres://me:hunter2@127.0.0.1:1/db";
        let error = DatabaseSettings::default().open(url).await.err().unwrap();
        let told = format!("{error:#}");
        assert!(
            told.starts_with("the database at postgres://me:***@127.0.0.1:1/db cannot be reached: "),
            "{told}"
        );
        assert_eq!((told.matches("refused").count(), told.contains("hunter2")), (1, false), "{told}");
    }

    #[test]
    fn no_limit_is_for_ever() {
        assert!(
            limit("0").is_err() && limit("-1").is_err() && limit("soon").is_err() && limit("86401").is_err()
        );
        assert_eq!(limit("0.5"), Ok(Duration::from_millis(500)));
    }
}
