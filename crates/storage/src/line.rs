//! The way to a PostgreSQL database: which server it leads to, whether it is open, and how long anybody waits on it.
//!
//! Whoever follows the feed asks the database many times a second, and so is the one who notices: that nobody answers,
//! that this server takes no writes any more, that another one does. What it finds here counts for all calls.
//!
//! INVARIANT: no call waits for ever. A connection may fall silent without being closed (a power cut, a network that
//! drops packets), and then neither the system nor sqlx ends what waits on it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use sqlx::pool::PoolConnectionMetadata;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgConnection, PgPool};
use tokio::sync::watch;

use crate::error::{StoreError, timed_out};
use crate::hosts::{Found, Hosts};
use crate::open::OpenOptions;
use crate::transaction::Transaction;
use crate::tx::PgTx;

/// A call that has waited this long waits no longer once the database is known to be away, or to have been silent.
const LEAST_PATIENCE: Duration = Duration::from_secs(3);

/// How long the database keeps a transaction, and its locks, whose server says nothing. Ours never pause for so long.
const LEFT_ALONE: Duration = Duration::from_secs(10);

/// How long a pooled connection has to show that it is there.
const SIGN_OF_LIFE: Duration = Duration::from_secs(2);

/// A connection that was used this lately is taken as it is: it was looked at when it was given back.
const LATELY: Duration = Duration::from_millis(100);

/// What is known of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Open,
    /// The database cannot be followed.
    Away,
    /// The store was closed.
    Closed,
}

/// The way to a database.
pub(crate) struct Line {
    hosts: Hosts,
    options: OpenOptions,
    state: watch::Sender<State>,
    /// When the server was last chosen. Connections that are older may lead to another one, or nowhere.
    chosen: watch::Sender<Instant>,
    /// When the database was last asked and said nothing: neither an answer nor an error.
    silent: watch::Sender<Instant>,
    /// Counts the histories that the database was seen in.
    history: AtomicU64,
}

/// Connections, and the way that they are on.
#[derive(Clone)]
pub(crate) struct PgPools {
    pub(crate) pool: PgPool,
    pub(crate) line: Arc<Line>,
}

impl Line {
    pub(crate) fn new(hosts: Hosts, options: OpenOptions) -> Self {
        let moment = || watch::Sender::new(Instant::now());
        let state = watch::Sender::new(State::Open);
        Self { hosts, options, state, chosen: moment(), silent: moment(), history: AtomicU64::new(0) }
    }

    /// A session on the server that takes writes, outside of the pool.
    ///
    /// # Errors
    /// As [`Hosts::connect`].
    pub(crate) async fn connect<F>(&self, dress: F) -> Result<Found, StoreError>
    where
        F: Fn(PgConnectOptions) -> PgConnectOptions,
    {
        self.hosts.connect(dress).await
    }

    /// Says what is likely to be regretted later.
    ///
    /// # Errors
    /// When the session ends.
    pub(crate) async fn warn(&self, session: &mut PgConnection) -> Result<(), StoreError> {
        if let Some(host) = self.hosts.unprotected() {
            tracing::warn!(
                host,
                "whoever stands between this server and the database may read and change what they say: add \
                 ?sslmode=verify-full&sslrootcert=FILE to the database URL"
            );
        }
        let sql =
            "SELECT current_setting('synchronous_commit'), current_setting('synchronous_standby_names')";
        let (commit, standbys): (String, String) = sqlx::query_as(sql).fetch_one(session).await?;
        let loses_at_failover = self.has_several_hosts() && (standbys.is_empty() || commit == "local");
        if commit == "off" || loses_at_failover {
            tracing::warn!(
                synchronous_commit = commit,
                synchronous_standby_names = standbys,
                "the database confirms writes that it may lose when it crashes or fails over, and a removed permission \
                 comes back with a lost removal: set synchronous_commit = on and synchronous_standby_names"
            );
        }
        Ok(())
    }

    /// Whether there is a choice of servers.
    pub(crate) fn has_several_hosts(&self) -> bool {
        self.hosts.are_several()
    }

    /// The same of `sessions`, with the limits of calls.
    pub(crate) fn limited(&self, sessions: PgConnectOptions) -> PgConnectOptions {
        let milliseconds = |limit: Duration| format!("{}ms", limit.as_millis());
        sessions.options([
            // A write that waits this long for a lock is not going to be answered in time, and keeps a connection.
            ("lock_timeout", milliseconds(self.options.lock)),
            ("statement_timeout", milliseconds(self.options.statement)),
            // A server that was stopped in the middle of a write must not keep its locks from the others.
            ("idle_in_transaction_session_timeout", milliseconds(LEFT_ALONE)),
            // Sessions of a server that is gone without a word end, too.
            ("tcp_keepalives_idle", "30".to_owned()),
            ("tcp_keepalives_interval", "10".to_owned()),
            ("tcp_keepalives_count", "3".to_owned()),
            // Compiling a statement takes longer than any of ours runs.
            ("jit", "off".to_owned()),
        ])
    }

    pub(crate) fn is_away(&self) -> bool {
        *self.state.borrow() != State::Open
    }

    /// Says whether the database could be followed.
    pub(crate) fn set_away(&self, away: bool) {
        let now = if away { State::Away } else { State::Open };
        self.state.send_if_modified(|state| {
            let changes = *state != State::Closed && *state != now;
            if changes {
                *state = now;
            }
            changes
        });
    }

    /// The database was asked and said nothing. What others asked on connections of the same time will not be answered
    /// either, even if a new connection brings answers.
    pub(crate) fn fell_silent(&self) {
        self.silent.send_replace(Instant::now());
    }

    /// Nothing is asked of the database any more.
    pub(crate) fn close(&self) {
        self.state.send_replace(State::Closed);
    }

    /// Waits until the way that sessions took is not the way any more.
    pub(crate) async fn changed(&self, since: Instant) {
        let (mut state, mut chosen) = (self.state.subscribe(), self.chosen.subscribe());
        // The senders are this value's own.
        tokio::select! {
            _ = state.wait_for(|state| *state != State::Open) => {}
            _ = chosen.wait_for(|chosen| *chosen > since) => {}
        }
    }

    /// When the server was last chosen.
    pub(crate) fn chosen_at(&self) -> Instant {
        *self.chosen.borrow()
    }

    /// The database goes on in another history: what was begun in the one before may not be part of it.
    pub(crate) fn begin_history(&self) {
        self.history.fetch_add(1, Ordering::AcqRel);
    }

    pub(crate) fn history(&self) -> u64 {
        self.history.load(Ordering::Acquire)
    }

    /// Waits for the database, within reason.
    ///
    /// # Errors
    /// Those of the call; [`sqlx::Error::Io`] when it took too long.
    pub(crate) async fn within<T>(
        &self,
        call: impl Future<Output = Result<T, sqlx::Error>>,
    ) -> Result<T, sqlx::Error> {
        tokio::select! {
            biased;
            done = call => done,
            () = self.patience() => Err(timed_out()),
        }
    }

    /// Lasts as long as it makes sense to wait for an answer: the database ends every statement itself before.
    async fn patience(&self) {
        let since = Instant::now();
        tokio::time::sleep(LEAST_PATIENCE).await;
        let OpenOptions { acquire, statement, .. } = self.options;
        let (mut state, mut silent) = (self.state.subscribe(), self.silent.subscribe());
        tokio::select! {
            _ = state.wait_for(|state| *state != State::Open) => {}
            _ = silent.wait_for(|silent| *silent > since) => {}
            () = tokio::time::sleep(acquire + statement) => {}
        }
    }

    /// Whether a pooled connection can be used again.
    ///
    /// # Errors
    /// When it does not answer: then it is dropped without a word.
    async fn is_fit(
        &self,
        session: &mut PgConnection,
        of: PoolConnectionMetadata,
    ) -> Result<bool, sqlx::Error> {
        if of.age > self.chosen_at().elapsed() {
            return Ok(false);
        }
        if of.idle_for > Duration::ZERO && of.idle_for < LATELY {
            return Ok(true);
        }
        tokio::time::timeout(SIGN_OF_LIFE, session.ping()).await.map_err(|_| timed_out())??;
        Ok(true)
    }
}

impl PgPools {
    /// Connections to the server that was found.
    ///
    /// # Errors
    /// When the first connection cannot be made.
    pub(crate) async fn open(line: Arc<Line>, found: &PgConnectOptions) -> Result<Self, StoreError> {
        let OpenOptions { connections, least_connections, acquire, idle, lifetime, .. } = line.options;
        let (before, after) = (Arc::clone(&line), Arc::clone(&line));
        let pool = PgPoolOptions::new()
            .max_connections(connections.max(2))
            .min_connections(least_connections.min(connections))
            .acquire_timeout(acquire)
            .idle_timeout(idle)
            .max_lifetime(lifetime)
            // The hooks do it, in bounded time.
            .test_before_acquire(false)
            .after_connect(|session, _| Box::pin(takes_writes(session)))
            .before_acquire(move |session, of| {
                let line = Arc::clone(&before);
                Box::pin(async move { line.is_fit(session, of).await })
            })
            .after_release(move |session, of| {
                let line = Arc::clone(&after);
                Box::pin(async move { line.is_fit(session, of).await })
            })
            .connect_with(line.limited(found.clone()))
            .await?;
        Ok(Self { pool, line })
    }

    /// How many connections writes may have together: a flood of them leaves a quarter to those who read.
    pub(crate) fn most_for_writes(&self) -> usize {
        let most = usize::try_from(self.line.options.connections.max(2)).unwrap_or(usize::MAX);
        most - most.div_ceil(4)
    }

    /// From now on connections are made to this server, and older ones are not used again.
    pub(crate) fn lead_to(&self, found: &PgConnectOptions) {
        self.pool.set_connect_options(self.line.limited(found.clone()));
        self.line.chosen.send_replace(Instant::now());
    }

    /// Begins a transaction.
    pub(crate) async fn begin(&self, how: &'static str) -> Result<PgTx, sqlx::Error> {
        let history = self.line.history();
        let transaction = self.line.within(Transaction::begin(&self.pool, how)).await?;
        Ok(PgTx { transaction, line: Arc::clone(&self.line), history })
    }
}

impl PgTx {
    /// Ends it and keeps what it wrote.
    ///
    /// INVARIANT: what was begun in one history of the database is not told to have happened in the next: whoever
    /// confirmed it may have been left behind with it.
    pub(crate) async fn commit(self) -> Result<(), sqlx::Error> {
        let Self { transaction, line, history } = self;
        line.within(transaction.commit()).await?;
        if line.history() == history { Ok(()) } else { Err(timed_out()) }
    }

    /// Ends it and leaves nothing.
    pub(crate) async fn rollback(self) -> Result<(), sqlx::Error> {
        let Self { transaction, line, .. } = self;
        line.within(transaction.rollback()).await
    }
}

/// A name may lead to a server that has become a standby.
async fn takes_writes(session: &mut PgConnection) -> Result<(), sqlx::Error> {
    let sql = "SELECT pg_is_in_recovery()";
    match sqlx::query_scalar(sql).fetch_one(session).await? {
        false => Ok(()),
        true => Err(sqlx::Error::Io(std::io::Error::new(
            std::io::ErrorKind::NotConnected,
            "the server is a standby",
        ))),
    }
}
