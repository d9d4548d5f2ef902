//! Keeps a second server off the same database while this one answers from memory.
//!
//! On SQLite a locked file lies beside the database; on PostgreSQL a session of its own holds an advisory lock
//! (PostgreSQL, "Explicit Locking", 13.3.5). The system releases either when the process ends, however it ends.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::error::StoreError;
use crate::open::refused_at_the_door;

/// The advisory lock's key: "MANDATE" in ASCII. Advisory locks are kept per database.
const ADVISORY_KEY: i64 = 0x004d_414e_4441_5445;

/// How often the session that holds the advisory lock is looked after.
const LOOK_AFTER: Duration = Duration::from_secs(2);

/// Holds the database for this process.
pub(crate) enum Guard {
    /// Nothing is held: the database is in memory, or sharing it was asked for.
    None,
    /// The file is locked as long as it is open.
    File(File),
    /// A task looks after the session.
    Session { lost: Arc<AtomicBool>, stop: oneshot::Sender<()>, task: JoinHandle<()> },
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

    /// Takes the advisory lock in a session of its own.
    pub(crate) async fn lock_session(options: PgConnectOptions) -> Result<Self, StoreError> {
        let Some(session) = take_soon(&options).await? else {
            return Err(StoreError::Locked(format!(
                "another server uses the database {} on {}: stop that one first, or give this one its own database",
                options.get_database().unwrap_or("of that user's name"),
                options.get_host()
            )));
        };
        let lost = Arc::new(AtomicBool::new(false));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(look_after(session, options, Arc::clone(&lost), stopped));
        Ok(Self::Session { lost, stop, task })
    }

    /// Refuses to go on where another process took the database after the session was lost.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self {
            Self::Session { lost, .. } if lost.load(Ordering::Acquire) => Err(StoreError::Locked(
                "another server took over the database while this one was cut off from it: restart this one \
                 after stopping the other"
                    .to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// Gives the database back, and waits until that is done.
    pub(crate) async fn release(self) {
        match self {
            Self::None => {}
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

/// The same, with patience for the session of a process that ended a moment ago.
async fn take_soon(options: &PgConnectOptions) -> Result<Option<PgConnection>, StoreError> {
    for _ in 0..10 {
        if let Some(session) = take(options).await? {
            return Ok(Some(session));
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    take(options).await
}

/// A session that holds the lock; `None`: another does.
async fn take(options: &PgConnectOptions) -> Result<Option<PgConnection>, StoreError> {
    let mut session = options.connect().await.map_err(refused_at_the_door)?;
    let sql = "SELECT pg_try_advisory_lock($1)";
    let held: bool = sqlx::query_scalar(sql).bind(ADVISORY_KEY).fetch_one(&mut session).await?;
    Ok(held.then_some(session))
}

/// Takes the lock again when the session was cut, until told to stop or another process has it.
async fn look_after(
    mut session: PgConnection,
    options: PgConnectOptions,
    lost: Arc<AtomicBool>,
    mut stopped: oneshot::Receiver<()>,
) {
    loop {
        tokio::select! {
            // Told to stop, or the store was dropped without a word.
            _ = &mut stopped => break,
            () = tokio::time::sleep(LOOK_AFTER) => {}
        }
        if session.ping().await.is_ok() {
            continue;
        }
        match take(&options).await {
            Ok(Some(again)) => session = again,
            Ok(None) => {
                tracing::error!(
                    "another server took over the database; this one stops reading and writing it"
                );
                lost.store(true, Ordering::Release);
                return;
            }
            Err(error) => tracing::warn!(%error, "cannot hold the database while it is away"),
        }
    }
    // The server would release the lock with the session, but not before this returns.
    let sql = "SELECT pg_advisory_unlock($1)";
    let _ = sqlx::query(sql).bind(ADVISORY_KEY).execute(&mut session).await;
    let _ = session.close().await;
}
