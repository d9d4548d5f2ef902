//! Reading the feed from a place on, page by page, for whoever watches it.
//!
//! A walk goes from a place to the present of its first page. On SQLite places are in order. On PostgreSQL the present is a
//! snapshot, and the walk brings what that one sees and the place does not, in the order of `seq`: for one fact, whose
//! changes are made one after the other under its lock, that is the order of commit. What a transaction that is still
//! running commits later, the next walk brings: its first place is the snapshot that could not see it.

use std::collections::BTreeSet;

use mandate_domain::id::{AccountId, GroupId, UserId};
use sqlx::{PgConnection, SqliteConnection};

use crate::error::StoreError;
use crate::feed::{FeedRow, Row, entry, rounded};
use crate::incarnation;
use crate::json::encode;
use crate::list::rows_for;
use crate::open::Store;
use crate::position::{Position, Snapshot};
use crate::tx::{PgTx, Pools, Tx, on_readers};

/// A walk through the feed.
#[derive(Debug, Clone)]
pub struct Walk {
    since: Position,
    /// Where it ends, and how the database spells that; `None`: it has not begun.
    until: Option<(Position, String)>,
    /// The last row that was read.
    after: i64,
}

/// A page of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedPage {
    /// Which history the database is in: 32 hexadecimal digits.
    pub incarnation: String,
    /// The rows.
    pub rows: Vec<FeedRow>,
    /// The place up to which everything was read with it; `None`: the walk goes on. There is none before its end: it may
    /// stand in the middle of a transaction, of which no token tells.
    pub reached: Option<Position>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// The database cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Rows behind the place have been deleted.
    #[error("what came behind the place was deleted from the feed")]
    Forgotten,
}

impl From<sqlx::Error> for FeedError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(error.into())
    }
}

impl Position {
    /// What has surely been seen by whoever knows this place. Of a write that is what had ended before it began to write.
    #[must_use]
    pub fn seen(&self) -> Self {
        match self {
            Self::Write(write) => {
                let before = Snapshot::new(write.oldest.min(write.number), Vec::new());
                before.map_or(Self::default(), Self::Snapshot)
            }
            Self::Seq(_) | Self::Snapshot(_) => self.clone(),
        }
    }

    /// Whether it includes what this row says.
    #[must_use]
    pub fn shows(&self, seq: i64, transaction: u64) -> bool {
        match self {
            Self::Seq(place) => seq <= *place,
            Self::Snapshot(snapshot) => snapshot.sees(transaction),
            Self::Write(_) => false,
        }
    }
}

impl Walk {
    /// A walk that begins behind this place.
    #[must_use]
    pub fn from(place: &Position) -> Self {
        Self { since: place.seen(), until: None, after: 0 }
    }
}

impl Store {
    /// The next page of a walk; whether anything was deleted meanwhile is looked up in the same snapshot.
    ///
    /// # Errors
    /// [`FeedError`]. A row that this version cannot read is [`StoreError::Corrupt`].
    pub async fn feed_page(&self, walk: &mut Walk, limit: u32) -> Result<FeedPage, FeedError> {
        let mut tx = self.pools()?.begin_read().await?;
        let (incarnation, rows) = match &mut tx {
            Tx::Sqlite(tx) => sqlite(tx, walk, limit).await?,
            Tx::Postgres(PgTx { transaction, line, .. }) => {
                line.within(async { postgres(transaction.session()?, walk, limit).await }).await??
            }
        };
        tx.rollback().await?;
        let more = rows.len() > limit as usize;
        let rows: Vec<Row> = rows.into_iter().take(limit as usize).collect();
        if let Some((seq, ..)) = rows.last() {
            walk.after = *seq;
        }
        let reached = walk.until.as_ref().filter(|_| !more).map(|(until, _)| until.clone());
        let rows = rows.into_iter().map(entry).collect::<Result<_, _>>()?;
        Ok(FeedPage { incarnation, rows, reached })
    }

    /// Which of these users are members of the account, and which groups contain it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn relations(
        &self,
        account: AccountId,
        users: &BTreeSet<UserId>,
    ) -> Result<(BTreeSet<UserId>, BTreeSet<GroupId>), StoreError> {
        macro_rules! relations {
            ($users:literal) => {
                concat!(
                    "SELECT 'user', user_id FROM memberships WHERE account = $1 AND user_id IN (SELECT ",
                    $users,
                    ") UNION ALL SELECT 'group', group_id FROM account_groups WHERE account = $1"
                )
            };
        }
        let (account, asked) = (account.to_string(), encode(users)?);
        let pools = self.pools()?;
        let sql = match pools {
            Pools::Sqlite { .. } => relations!("value FROM json_each($2)"),
            Pools::Postgres(_) => relations!("json_array_elements_text($2::json)"),
        };
        let rows: Vec<(String, String)> =
            on_readers!(pools, c => sqlx::query_as(sql).bind(account).bind(asked).fetch_all(c).await)?;
        let (mut members, mut groups) = (BTreeSet::new(), BTreeSet::new());
        for (what, id) in rows {
            match what.as_str() {
                "user" => members.extend(id.parse::<UserId>()),
                _ => groups.extend(id.parse::<GroupId>()),
            }
        }
        Ok((members, groups))
    }
}

/// What was deleted of an SQLite database's feed, and its last place.
const STANDS: &str = "\
    SELECT (SELECT value FROM meta WHERE name = 'incarnation'), \
    (SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'feed_forgotten_seq'), \
    (SELECT COALESCE(MAX(seq), 0) FROM feed)";

async fn sqlite(
    session: &mut SqliteConnection,
    walk: &mut Walk,
    limit: u32,
) -> Result<(String, Vec<Row>), FeedError> {
    let (incarnation, deleted, last): (String, Option<i64>, i64) =
        sqlx::query_as(STANDS).fetch_one(&mut *session).await?;
    let Position::Seq(since) = walk.since else { return Err(foreign().into()) };
    walk.after = walk.after.max(since);
    if let Some(deleted) = deleted {
        // INVARIANT: a place is the end of a transaction, and a token tells it rounded down: of a transaction that was
        // deleted in part, everything has been seen.
        let missed = match walk.until {
            None => rounded(since) < rounded(deleted),
            Some(_) => walk.after < deleted,
        };
        if missed {
            return Err(FeedError::Forgotten);
        }
    }
    let (until, _) = walk.until.get_or_insert_with(|| (Position::Seq(last.max(since)), String::new()));
    let Position::Seq(until) = *until else { return Err(foreign().into()) };
    let sql =
        "SELECT seq, '', at, kind, body, taken FROM feed WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3";
    let query = sqlx::query_as(sql).bind(walk.after).bind(until).bind(rows_for(limit));
    Ok((incarnation, query.fetch_all(session).await?))
}

/// The snapshot of the transaction, and what was deleted of the feed.
const SNAPSHOT: &str = "\
    SELECT pg_current_snapshot()::text, \
    (SELECT CAST(value AS BIGINT) FROM meta WHERE name = 'feed_forgotten_seq'), \
    (SELECT value FROM meta WHERE name = 'feed_forgotten_xid')";

/// The last transaction of the feed that the walk sees. Numbers beyond it may be given out again after a crash of the
/// database, so that no token tells of them.
/// By `last.xid`, since `xid` alone would be the text.
const LAST: &str = "SELECT last.xid::text FROM feed last WHERE last.era = $1 ORDER BY last.xid DESC LIMIT 1";

/// Where the walk begins. Not `min(seq)`, which may be planned as a search from the beginning of the feed.
const FIRST: &str = "\
    SELECT min(seq + 0) FROM (SELECT seq FROM feed WHERE era = $1 AND xid >= $2::text::xid8 \
    UNION ALL SELECT seq FROM feed WHERE era = $1 AND xid = ANY ($3::text[]::xid8[])) unseen";

/// What $5 sees and the place (transactions below $3 but $4) does not.
const PAGE: &str = "\
    SELECT seq, xid::text, at, kind, body, taken FROM feed WHERE seq > $1 AND era = $2 \
    AND (xid >= $3::text::xid8 OR xid = ANY ($4::text[]::xid8[])) \
    AND pg_visible_in_snapshot(xid, $5::text::pg_snapshot) ORDER BY seq LIMIT $6";

async fn postgres(
    session: &mut PgConnection,
    walk: &mut Walk,
    limit: u32,
) -> Result<Result<(String, Vec<Row>), FeedError>, sqlx::Error> {
    let (text, seq, deleted): (String, Option<i64>, Option<String>) =
        sqlx::query_as(SNAPSHOT).fetch_one(&mut *session).await?;
    let now: Snapshot = match text.parse() {
        Ok(now) => now,
        Err(error) => return Ok(Err(FeedError::Store(error))),
    };
    // Until a server has begun the era of a cluster that is new, nothing can be said of its rows.
    let Some(history) = incarnation::known(session).await? else { return Ok(Err(StoreError::away().into())) };
    let Position::Snapshot(since) = walk.since.clone() else { return Ok(Err(foreign().into())) };
    let deleted = deleted.and_then(|deleted| deleted.parse::<u64>().ok());
    if let Some(deleted) = deleted {
        // INVARIANT: what was deleted has places up to `seq`; a walk that is past it has brought it before.
        let passed = walk.until.is_some() && seq.is_some_and(|seq| seq <= walk.after);
        if since.missed(deleted, &now) && !passed {
            return Ok(Err(FeedError::Forgotten));
        }
    }
    let running: Vec<String> = since.running().iter().map(u64::to_string).collect();
    let xmax = since.xmax().to_string();
    let until = match &walk.until {
        Some((_, until)) => until.clone(),
        None => {
            let query = sqlx::query_scalar(FIRST).bind(history.era).bind(&xmax).bind(&running);
            let first: Option<i64> = query.fetch_one(&mut *session).await?;
            let last: Option<String> =
                sqlx::query_scalar(LAST).bind(history.era).fetch_optional(&mut *session).await?;
            let last = last.and_then(|last| last.parse().ok()).max(deleted).unwrap_or_default();
            walk.until = Some((Position::Snapshot(now.up_to(last)), text.clone()));
            let Some(first) = first else { return Ok(Ok((history.name, Vec::new()))) };
            walk.after = first.saturating_sub(1);
            text
        }
    };
    let query = sqlx::query_as(PAGE).bind(walk.after).bind(history.era).bind(xmax).bind(running);
    let rows = query.bind(until).bind(rows_for(limit)).fetch_all(session).await?;
    Ok(Ok((history.name, rows)))
}

/// A place of the other engine, which no token of this database is.
fn foreign() -> StoreError {
    StoreError::Other { source: Box::new(sqlx::Error::Protocol("a place of another engine".to_owned())) }
}
