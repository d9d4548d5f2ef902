//! Following what other servers write to a PostgreSQL database.
//!
//! Places in the feed are given out before commit: whoever asks for "what came behind the last place" misses the rows of
//! transactions that took a lower place and committed later, and whoever waits until no lower place can come waits for
//! every transaction that is open anywhere in the cluster. So a follower keeps its last snapshot, and asks for the rows
//! that it could not see: those of transactions that began later, and of those that were running. Each poll is one
//! statement, and so one snapshot itself.
//!
//! Numbers of transactions that only failed may be given out again after a crash of the database: nothing makes them durable. So
//! what is kept of a snapshot ends with the last transaction whose rows were read, which is ([`Snapshot::up_to`]).

use std::time::{Duration, Instant};

use mandate_domain::change::Change;
use mandate_domain::taken::Taken;
use sqlx::PgConnection;
use sqlx::postgres::PgConnectOptions;

use crate::error::{StoreError, timed_out};
use crate::feed::{self, FeedRow, Row};
use crate::hosts::Found;
use crate::incarnation::{self, Incarnation};
use crate::line::PgPools;
use crate::policy::{self, StoredPolicy};
use crate::position::Snapshot;
use crate::sabotage::{Fault, is_planted};

/// How long the database has to answer before it counts as away.
const LIMIT: Duration = Duration::from_secs(3);

/// How often another server is looked for while the one that is followed takes no writes.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The most rows that are followed one by one. Whoever was away for longer starts anew.
const MOST: usize = 100_000;

/// Follows a database, on a connection of its own.
pub struct Follower {
    /// Told which server takes writes, and whether any does, so that nobody waits for it elsewhere either.
    pools: PgPools,
    session: Option<PgConnection>,
    /// When the session began.
    since: Instant,
    last: Option<(Incarnation, Read)>,
}

/// How far the feed was read.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Read {
    /// What the last statement saw.
    snapshot: Snapshot,
    /// The last transaction whose rows were read, or that had written some before; 0: none.
    last: u64,
}

/// What a poll found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// Which history the database is in: 32 hexadecimal digits.
    pub incarnation: String,
    /// Everything that has been read up to now.
    pub position: Snapshot,
    /// The same as far as a crash of the database leaves it true: what to give out, and to hold others' places against the
    /// position.
    pub kept: Snapshot,
    /// What became known with it.
    pub news: News,
}

/// What became known with a poll.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// What was committed since the last one, in an order in which the last change of each fact comes last.
    Changes(Vec<Followed>),
    /// Nothing known before counts: this is the first poll, the database is in another history, there is too much to
    /// follow, or some of it has been deleted already, a newer server wrote something that this version cannot read, or other policies are in force.
    Anew {
        /// The policies in force now.
        policies: Vec<StoredPolicy>,
    },
}

/// One change that somebody committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Its place in the feed.
    pub seq: i64,
    /// PostgreSQL: the transaction that made it.
    pub transaction: u64,
    /// When it was made: microseconds since the Unix epoch.
    pub at: i64,
    /// What changed.
    pub change: Change,
    /// What it takes from somebody; `None`: nothing that the feed knows of.
    pub taken: Option<Taken>,
}

/// The snapshot of the statement, and the rows that the last one did not see: of transactions from $2 on, or in $3.
/// With the snapshot stand, in the place of a time, the last transaction whose rows have been deleted, and, in the
/// place of a kind, whether writes are refused (`on`). In no order: asked for one, the database may read the whole feed in it.
/// Each of $3 is looked up by itself: asked for all of them at once (`= ANY`), a plan that was made while there was little reads
/// everything of the era.
const POLL: &str = "\
    SELECT 0::bigint AS seq, '' AS xid, \
    COALESCE((SELECT value::bigint FROM meta WHERE name = 'feed_forgotten_xid'), 0) AS at, \
    current_setting('transaction_read_only') AS kind, \
    pg_current_snapshot()::text AS body, NULL AS taken \
    UNION ALL (SELECT seq, xid::text, at, kind, body, taken FROM feed \
    WHERE era = $1 AND xid >= $2::text::xid8 LIMIT $4) \
    UNION ALL (SELECT f.seq, f.xid::text, f.at, f.kind, f.body, f.taken FROM unnest($3::text[]) AS running (xid) \
    CROSS JOIN LATERAL (SELECT * FROM feed WHERE era = $1 AND feed.xid = running.xid::xid8 OFFSET 0) f LIMIT $4)";

/// The snapshot of the statement, and the last transaction of the feed that it sees, whether or not its rows have been
/// deleted since.
const BEGIN: &str = "\
    SELECT pg_current_snapshot()::text, \
    GREATEST((SELECT xid FROM feed WHERE era = $1 ORDER BY xid DESC LIMIT 1), \
    (SELECT value::xid8 FROM meta WHERE name = 'feed_forgotten_xid'))::text";

impl Follower {
    pub(crate) fn new(pools: PgPools) -> Self {
        Self { pools, session: None, since: Instant::now(), last: None }
    }

    /// Reads what was committed since the last poll. One that fails is as if it had not been made.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be asked; until one succeeds, the store's other calls fail at once.
    pub async fn poll(&mut self) -> Result<Polled, StoreError> {
        let was_connected = self.session.is_some();
        let mut result = self.attempt().await;
        if was_connected && result.is_err() {
            // The connection may have been cut, and nothing else.
            result = self.attempt().await;
        }
        self.pools.line.set_away(result.is_err());
        result
    }

    async fn attempt(&mut self) -> Result<Polled, StoreError> {
        // A session whose poll did not end well is not used again.
        let session = self.session.take();
        let known = self.last.as_ref().map(|(incarnation, _)| incarnation.clone());
        let (mut session, known, found) = match (session, known) {
            (Some(session), Some(known)) => (session, Some(known), None),
            _ => {
                let Found { session, options, .. } = self.connect().await?;
                (session, None, Some(options))
            }
        };
        let last = self.last.as_ref();
        let poll = async {
            let incarnation = match known {
                Some(known) => known,
                None => incarnation::settle(&mut session).await?,
            };
            let since = last.filter(|(of, _)| *of == incarnation).map(|(_, read)| read);
            let polled = poll(&mut session, incarnation.era, since).await?;
            Ok::<_, StoreError>((incarnation, polled))
        };
        let late = |_| {
            self.pools.line.fell_silent();
            StoreError::from(timed_out())
        };
        let (incarnation, (read, writable, news)) =
            tokio::time::timeout(LIMIT, poll).await.map_err(late)??;
        if last.is_some_and(|(of, _)| *of != incarnation) {
            self.pools.line.begin_history();
        }
        if let Some(found) = found {
            self.since = Instant::now();
            self.pools.lead_to(&found);
        }
        // Another one may take writes by now.
        let stays = writable || !self.pools.line.has_several_hosts() || self.since.elapsed() < LOOK_AGAIN;
        self.session = stays.then_some(session);
        let name = incarnation.name.clone();
        let (position, kept) = (read.snapshot.clone(), read.snapshot.up_to(read.last));
        self.last = Some((incarnation, read));
        Ok(Polled { incarnation: name, position, kept, news })
    }

    /// A session on the server that takes writes.
    async fn connect(&self) -> Result<Found, StoreError> {
        let dress = |session: PgConnectOptions| {
            session.application_name("mandate follower").options([
                // The database says so itself before it counts as silent.
                ("statement_timeout", "2500ms"),
                // A poll finds its rows by the index, however many there might be behind $2, and is planned once.
                ("plan_cache_mode", "force_generic_plan"),
                ("enable_seqscan", "off"),
                ("enable_bitmapscan", "off"),
            ])
        };
        self.pools.line.connect(dress).await
    }
}

/// The position, whether the server takes writes, and what became known.
async fn poll(
    session: &mut PgConnection,
    era: i64,
    since: Option<&Read>,
) -> Result<(Read, bool, News), StoreError> {
    let Some(Read { snapshot, last }) = since else {
        return Ok((begin(session, era).await?, true, anew(session).await?));
    };
    let since = snapshot.up_to(*last);
    let running = if is_planted(Fault::SkipFeed) { &[] } else { since.running() };
    let running: Vec<String> = running.iter().map(u64::to_string).collect();
    let most = i64::try_from(MOST).unwrap_or(i64::MAX);
    let query = sqlx::query_as(POLL).bind(era).bind(since.xmax().to_string()).bind(running).bind(most);
    let mut rows: Vec<Row> = query.fetch_all(&mut *session).await?;
    rows.sort_unstable_by_key(|(seq, ..)| *seq);
    let now = rows.iter().position(|(seq, ..)| *seq == 0).map(|first| rows.remove(first));
    let (_, _, forgotten, refuses, now, _) = now.ok_or(sqlx::Error::RowNotFound)?;
    let now: Snapshot = now.parse()?;
    let writable = refuses != "on";
    if u64::try_from(forgotten).is_ok_and(|forgotten| snapshot.missed(forgotten, &now)) {
        tracing::warn!("what the feed had meanwhile has been deleted already; all facts are read anew");
        return Ok((begin(session, era).await?, writable, anew(session).await?));
    }
    if rows.len() >= MOST {
        tracing::warn!("too much was written while the database was not followed; all facts are read anew");
        return Ok((begin(session, era).await?, writable, anew(session).await?));
    }
    let mut numbers = rows.iter().map(|(_, xid, ..)| number(xid));
    let last = numbers.try_fold(*last, |last, xid| xid.map(|xid| last.max(xid)))?;
    let now = Read { snapshot: now, last };
    let changes: Option<Vec<Followed>> = rows.into_iter().map(followed).collect();
    match changes {
        Some(changes) => Ok((now, writable, News::Changes(changes))),
        None => Ok((now, writable, anew(session).await?)),
    }
}

/// The change that a row is; `None` for one that changes more than can be told by it.
fn followed(row: Row) -> Option<Followed> {
    let seq = row.0;
    match feed::entry(row) {
        Ok(FeedRow::Fact(followed)) => Some(*followed),
        Ok(FeedRow::Policies { .. }) => {
            tracing::info!("other policies are in force; all facts are read anew");
            None
        }
        Err(error) => {
            tracing::warn!(%error, seq, "this version cannot read what was changed; all facts are read anew");
            None
        }
    }
}

/// From where the feed is followed from now on.
async fn begin(session: &mut PgConnection, era: i64) -> Result<Read, StoreError> {
    let (snapshot, last): (String, Option<String>) =
        sqlx::query_as(BEGIN).bind(era).fetch_one(&mut *session).await?;
    Ok(Read { snapshot: snapshot.parse()?, last: last.as_deref().map_or(Ok(0), number)? })
}

fn number(xid: &str) -> Result<u64, StoreError> {
    xid.parse().map_err(|error: std::num::ParseIntError| sqlx::Error::Decode(error.into()).into())
}

async fn anew(session: &mut PgConnection) -> Result<News, StoreError> {
    Ok(News::Anew { policies: policy::newest(session).await? })
}
