//! Keeps a second server off a database that cannot be shared, and tells others that this one is there.
//!
//! On SQLite a locked file lies beside the database. On PostgreSQL servers share a database; a session of each holds an
//! advisory lock on a number of its own (PostgreSQL, "Explicit Locking", 13.3.5). The system releases either when the
//! process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sqlx::{Connection, PgConnection, SqliteConnection};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::StoreError;
use crate::line::Line;

/// The advisory lock of whoever brings the tables into form: "MANDATE" in ASCII. Advisory locks are kept per
/// database. Servers of format 1 keep it for life, since they do not see what others write.
const ADVISORY_KEY: i64 = 0x004d_414e_4441_5445;

/// How long to wait for another server that is bringing the tables into form.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often to look whether it is done.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How often the session that holds the server's number is looked after, and how long it has to answer.
const LOOK_AFTER: Duration = Duration::from_secs(2);
const ANSWER: Duration = Duration::from_secs(5);

/// The number of whoever writes an SQLite database: there is one.
pub(crate) const ALONE: i64 = 1;

/// Says that this process uses the database.
pub(crate) enum Guard {
    /// The database is in memory, for as long as there is a connection to it.
    Memory { _connection: SqliteConnection },
    /// The file is locked as long as it is open.
    File(File),
    /// A task looks after the session that holds the number.
    Session { number: i64, stop: oneshot::Sender<()>, task: JoinHandle<()> },
}

impl Guard {
    /// Locks the file beside the database file.
    pub(crate) fn lock_file(database: &Path) -> Result<Self, StoreError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let file = create_private(&path).map_err(|error| {
            StoreError::Config(format!(
                "cannot open {}: {error}; the database needs an existing folder that this user may write",
                path.display()
            ))
        })?;
        match file.try_lock() {
            Ok(()) => Ok(Self::File(file)),
            Err(TryLockError::WouldBlock) => Err(StoreError::Locked(format!(
                "another process has {} open (it holds {}): stop that server first, or talk to it over gRPC",
                database.display(),
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(StoreError::Config(format!(
                "cannot lock {}: {error}; put the database on a local file system",
                path.display()
            ))),
        }
    }

    /// Takes a number that no other server has.
    pub(crate) async fn take_number(line: Arc<Line>) -> Result<Self, StoreError> {
        let mut session = line.connect(|session| line.limited(session)).await?.session;
        let sql = "SELECT ('x' || left(replace(gen_random_uuid()::text, '-', ''), 15))::bit(60)::bigint";
        let number: i64 = sqlx::query_scalar(sql).fetch_one(&mut session).await?;
        hold(&mut session, number).await?;
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(look_after(session, line, number, stopped));
        Ok(Self::Session { number, stop, task })
    }

    /// This server's number.
    pub(crate) fn number(&self) -> i64 {
        match self {
            Self::Memory { .. } | Self::File(_) => ALONE,
            Self::Session { number, .. } => *number,
        }
    }

    /// Gives the database back, and waits until that is done.
    pub(crate) async fn release(self) {
        match self {
            Self::Memory { .. } => {}
            // Closing the file unlocks it.
            Self::File(file) => drop(file),
            Self::Session { stop, task, .. } => {
                // Either the task is there and hears it, or it is gone already.
                let _ = stop.send(());
                let _ = task.await;
            }
        }
    }
}

/// Opens a file that only its owner may read, since what lies in it, or beside it, is about people.
pub(crate) fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Keeps other servers from bringing the tables into form until the session ends.
pub(crate) async fn take_turn(session: &mut PgConnection) -> Result<(), StoreError> {
    let sql = "SELECT pg_try_advisory_lock($1)";
    let turn = async {
        while !sqlx::query_scalar(sql).bind(ADVISORY_KEY).fetch_one(&mut *session).await? {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
        Ok(())
    };
    let late = |_| {
        Err(StoreError::Locked(
            "a server of an older version uses the database for itself: stop that one first, or give this one its own \
             database"
                .to_owned(),
        ))
    };
    tokio::time::timeout(PATIENCE, turn).await.unwrap_or_else(late)
}

async fn hold(session: &mut PgConnection, number: i64) -> Result<(), StoreError> {
    // Whoever looks whether the number is held holds it for an instant.
    sqlx::query("SELECT pg_advisory_lock($1)").bind(number).execute(session).await?;
    Ok(())
}

/// Holds the number again when the session was cut, until told to stop.
async fn look_after(
    mut session: PgConnection,
    line: Arc<Line>,
    number: i64,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            // Told to stop, or the store was dropped without a word.
            _ = &mut stopped => break,
            () = tokio::time::sleep(LOOK_AFTER) => {}
        }
        // Who has become a standby knows of no locks but its own.
        let standby = sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&mut session);
        if let Ok(Ok(false)) = tokio::time::timeout(ANSWER, standby).await {
            continue;
        }
        // While the database is away, nobody can see that the number is not held.
        if let Ok(again) = line.connect(|session| line.limited(session)).await {
            let mut again = again.session;
            if tokio::time::timeout(ANSWER, hold(&mut again, number)).await.is_ok_and(|held| held.is_ok()) {
                session = again;
            }
        }
    }
    // The server would release the lock with the session, but not before this returns.
    let release = async {
        let _ = sqlx::query("SELECT pg_advisory_unlock($1)").bind(number).execute(&mut session).await;
        let _ = session.close().await;
    };
    let _ = tokio::time::timeout(ANSWER, release).await;
}
