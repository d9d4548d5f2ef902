//! What can go wrong with the database, sorted by what the caller can do about it.

use mandate_domain::refusal::Refusal;
use sqlx::error::DatabaseError;

/// Why the store could not do what it was asked. No message carries a database URL or a password.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database cannot be reached or has no connection free. Nothing was written; the same call may
    /// succeed later.
    #[error("the database is unavailable; nothing was written, try again later")]
    Unavailable {
        /// What the driver said.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// The reply to COMMIT was lost, or what is to be told of the write: it may or may not have happened.
    #[error(
        "the database did not confirm the write; read whether it happened before repeating it, or repeat it with the \
         same request_id"
    )]
    CommitUnknown {
        /// What the driver said.
        #[source]
        source: Box<sqlx::Error>,
    },
    /// A row holds what this version cannot read. It is never skipped: what it says might deny something.
    #[error(
        "{table}.{column} of {key} cannot be read; restore that row from a backup, or upgrade if a newer version wrote it"
    )]
    Corrupt {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The row's key, its parts joined by `/`.
        key: String,
        /// What is wrong with the text.
        #[source]
        source: serde_json::Error,
    },
    /// Other writers were faster each time, or one of them held a row for too long. Nothing was written.
    #[error(
        "gave up after {attempts} attempt(s) because other writes were in the way; nothing was written, try again"
    )]
    Contention {
        /// How often the write was started.
        attempts: u32,
        /// What the driver said last, if it was the database that gave up.
        #[source]
        source: Option<Box<sqlx::Error>>,
    },
    /// Other policies came into force while it was judged by those before. Nothing was written.
    #[error("another version of a policy came into force meanwhile; nothing was written, try again")]
    PoliciesChanged,
    /// So many wait for the database already that one more would only wait, too. Nothing was written.
    #[error("too many calls wait for the database; nothing was written, try again later")]
    Overloaded,
    /// Another process has the database open for itself.
    #[error("{0}")]
    Locked(String),
    /// The database URL cannot be used as it is.
    #[error("{0}")]
    Config(String),
    /// The tables could not be brought to the form this version needs.
    #[error("the database could not be migrated; it is unchanged unless the cause says otherwise")]
    Migration {
        /// What failed.
        #[source]
        source: Box<sqlx::migrate::MigrateError>,
    },
    /// The database was written by a version whose tables this one cannot read.
    #[error(
        "the database has format {found}, and this version reads up to format {known}; upgrade this binary"
    )]
    TooNew {
        /// The least format a reader must know.
        found: i64,
        /// The newest format this version knows.
        known: i64,
    },
    /// A plan asked for what it had been given, or for one fact to be changed twice: a defect of the plan, not
    /// of the data.
    #[error("the plan asked for {0}; report this as a defect")]
    Plan(String),
    /// Anything else the database refused, such as to read a damaged page.
    #[error("the database refused the operation; its log says more")]
    Other {
        /// What the driver said.
        #[source]
        source: Box<sqlx::Error>,
    },
}

/// Why a write was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The command is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Another request of the caller's had the same id.
    #[error(
        "this request_id was used for another request; use a new one for each request, and the same only to retry it"
    )]
    RequestIdReused,
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for WriteError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migration { source: Box::new(error) }
    }
}

/// What a driver's error means here.
enum Class {
    Away,
    Busy,
    Other,
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        let class = match &error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            // A server that is ending answers with whatever is left of it.
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => Class::Away,
            sqlx::Error::Database(error) => class_of(error.as_ref()),
            _ => Class::Other,
        };
        let source = Box::new(error);
        match class {
            Class::Away => Self::Unavailable { source },
            Class::Busy => Self::Contention { attempts: 1, source: Some(source) },
            Class::Other => Self::Other { source },
        }
    }
}

/// Sorts by SQLSTATE (PostgreSQL, appendix A) or by SQLite's result code, whose low byte is the primary one.
fn class_of(error: &dyn DatabaseError) -> Class {
    let code = error.code().unwrap_or_default();
    if is_sqlite(error) {
        return match code.parse::<i64>().map(|code| code & 0xff) {
            // SQLITE_BUSY, SQLITE_LOCKED
            Ok(5 | 6) => Class::Busy,
            // SQLITE_NOMEM, SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN: the disk is full, failing or gone.
            Ok(7 | 8 | 10 | 13 | 14) => Class::Away,
            _ => Class::Other,
        };
    }
    match code.as_ref() {
        // serialization_failure, deadlock_detected, lock_not_available
        "40001" | "40P01" | "55P03" => Class::Busy,
        // read_only_sql_transaction, idle_in_transaction_session_timeout
        "25006" | "25P03" => Class::Away,
        // Connection exceptions; insufficient resources (connections, memory, disk); operator intervention (cancelled,
        // shutting down, not up yet); errors of the system beneath, as when files go away under a server that is ending.
        code if ["08", "53", "57", "58"].iter().any(|class| code.starts_with(class)) => Class::Away,
        _ => Class::Other,
    }
}

fn is_sqlite(error: &dyn DatabaseError) -> bool {
    error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some()
}

impl StoreError {
    /// The database is known to be away.
    #[must_use]
    pub fn away() -> Self {
        sqlx::Error::Io(std::io::ErrorKind::NotConnected.into()).into()
    }

    /// Whether the transaction was undone for the sake of another one, so that starting again at once is right
    /// (PostgreSQL: serialization failure or deadlock; either engine: the same request beside it).
    pub(crate) fn wants_restart(&self) -> bool {
        let Self::Contention { source, .. } = self else { return false };
        let Some(source) = source else { return true };
        let code = source.as_database_error().and_then(DatabaseError::code);
        matches!(code.as_deref(), Some("40001" | "40P01"))
    }

    /// What a failed read means for a write that is done and would be answered with what was read: that the database is
    /// away does not say that nothing was written.
    #[must_use]
    pub fn after_commit(self) -> Self {
        match self {
            Self::Unavailable { source } => Self::CommitUnknown { source },
            other => other,
        }
    }

    /// What a failed COMMIT means: an answer of the database undid it, silence leaves it open, and so does the end of
    /// the session, which may be told after the commit and before its confirmation.
    pub(crate) fn of_commit(error: sqlx::Error) -> Self {
        match &error {
            sqlx::Error::Database(told) if !matches!(class_of(told.as_ref()), Class::Away) => error.into(),
            _ => Self::CommitUnknown { source: Box::new(error) },
        }
    }
}

/// Nobody answered in time.
pub(crate) fn timed_out() -> sqlx::Error {
    sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())
}

/// Turns "that key is taken", which the plan could not know, into the refusal it is.
pub(crate) fn taken(error: sqlx::Error, what: &'static str, id: impl FnOnce() -> String) -> WriteError {
    match error.as_database_error() {
        Some(database) if database.is_unique_violation() => Refusal::AlreadyExists { what, id: id() }.into(),
        _ => error.into(),
    }
}

/// A mistake in the URL, or in what it names, that only connecting could show.
pub(crate) fn refused_at_the_door(error: sqlx::Error) -> StoreError {
    if let Some(mistake) = tls_mistake(&error) {
        return StoreError::Config(mistake);
    }
    let told = error.as_database_error();
    let code = told.and_then(DatabaseError::code);
    match code.as_deref() {
        Some("28P01") => StoreError::Config(
            "the database server refused the sign-in: correct the user and password of the URL".to_owned(),
        ),
        // The server names user, database and address, and nothing that is secret.
        Some(code) if code.starts_with("28") => StoreError::Config(format!(
            "the database server lets nobody in like this ({}): correct the user of the URL, or its sslmode, sslcert \
             and sslkey, or the server's pg_hba.conf",
            told.map(DatabaseError::message).unwrap_or_default()
        )),
        Some("3D000") => StoreError::Config(
            "the database server has no database of that name: create it, or correct the URL's path"
                .to_owned(),
        ),
        _ => error.into(),
    }
}

/// What has to be corrected for a connection to be encrypted and its other end to be believed.
fn tls_mistake(error: &sqlx::Error) -> Option<String> {
    use rustls::{CertificateError as Bad, Error as Tls};
    let io = match error {
        sqlx::Error::Io(error) => error,
        sqlx::Error::Tls(error) => {
            return Some(format!(
                "the connection to the database cannot be encrypted ({error}): check sslmode, sslrootcert, sslcert and \
                 sslkey of the URL, and whether the server has ssl = on"
            ));
        }
        sqlx::Error::Configuration(error) => {
            return Some(format!(
                "a certificate or key that the database URL names cannot be read ({error})"
            ));
        }
        _ => return None,
    };
    let tls = io.get_ref()?.downcast_ref::<Tls>()?;
    Some(match tls {
        Tls::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "the database server's certificate is of an authority that is not trusted: name the file of its root \
             certificate in the URL, as sslrootcert=FILE"
                .to_owned()
        }
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "the database server's certificate is for another host: write the host into the URL as the certificate has \
             it, or give the server a certificate for this one"
                .to_owned()
        }
        Tls::InvalidCertificate(bad) => format!("the database server's certificate is not good: {bad}"),
        other => format!(
            "the database server and this one do not agree on TLS ({other}): check sslcert and sslkey of the URL"
        ),
    })
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;
    use std::fmt;

    use sqlx::error::ErrorKind;
    use sqlx::{ConnectOptions as _, Executor as _};

    use super::*;

    /// What PostgreSQL says, by its SQLSTATE.
    #[derive(Debug)]
    struct Says(&'static str);

    impl fmt::Display for Says {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
    }

    impl std::error::Error for Says {}

    impl DatabaseError for Says {
        fn message(&self) -> &str {
            self.0
        }

        fn code(&self) -> Option<Cow<'_, str>> {
            Some(self.0.into())
        }

        fn as_error(&self) -> &(dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn as_error_mut(&mut self) -> &mut (dyn std::error::Error + Send + Sync + 'static) {
            self
        }

        fn into_error(self: Box<Self>) -> Box<dyn std::error::Error + Send + Sync + 'static> {
            self
        }

        fn kind(&self) -> ErrorKind {
            ErrorKind::Other
        }
    }

    #[tokio::test]
    async fn a_database_that_finds_no_room_is_away_until_it_does() {
        let options = sqlx::sqlite::SqliteConnectOptions::new().in_memory(true);
        let mut connection = options.connect().await.unwrap();
        let fill = "CREATE TABLE IF NOT EXISTS filled AS SELECT randomblob(100000) AS some";
        connection.execute("PRAGMA max_page_count = 2").await.unwrap();
        let error = connection.execute(fill).await.unwrap_err();
        assert!(matches!(StoreError::from(error), StoreError::Unavailable { .. }));
        connection.execute("PRAGMA max_page_count = 1000").await.unwrap();
        connection.execute(fill).await.unwrap();
    }

    #[test]
    fn a_session_that_ends_while_it_commits_leaves_open_whether_it_has() {
        let of_commit = |code| StoreError::of_commit(sqlx::Error::Database(Box::new(Says(code))));
        for code in ["57P01", "57P02", "57P03", "57014", "08006", "53100", "58030"] {
            assert!(matches!(of_commit(code), StoreError::CommitUnknown { .. }), "{code}");
        }
        assert!(matches!(of_commit("40001"), StoreError::Contention { .. }));
        assert!(matches!(of_commit("23505"), StoreError::Other { .. }));
        let silence = sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert!(matches!(StoreError::of_commit(silence), StoreError::CommitUnknown { .. }));
    }
}
