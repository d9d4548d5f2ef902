//! The change feed: every fact as it became, in order.

use mandate_domain::change::Change;
use mandate_domain::invitation::Invitation;
use serde::Serialize;

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::tx::{Tx, on_readers, on_tx};

/// One change, as the feed keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEntry {
    /// Its place: greater than that of every change the same transaction made before it. Places have gaps.
    pub seq: i64,
    /// When it was made: microseconds since the Unix epoch.
    pub at: i64,
    /// What changed.
    pub change: Change,
}

/// The kind of the row that says that other policies are in force. It is no change of a fact.
pub(crate) const POLICIES: &str = "policies";

macro_rules! stride {
    () => {
        64
    };
}

/// On SQLite the places of each transaction begin at a multiple of this, so that a place rounded down to one tells
/// which transaction it is of, and not how much that one changed: from that could be told whether an address was
/// somebody's (IX-10). One that changes more goes on into the next.
const STRIDE: i64 = stride!();

/// The place that a token tells in the place of this one of SQLite's.
#[must_use]
pub fn rounded(seq: i64) -> i64 {
    seq - seq.rem_euclid(STRIDE)
}

/// What was appended.
#[derive(Default)]
pub(crate) struct Appended {
    /// The place of each change.
    pub(crate) places: Vec<i64>,
    /// PostgreSQL: the transaction that wrote them.
    pub(crate) transaction: Option<u64>,
}

/// One row of `feed` beside its time.
#[derive(Serialize)]
struct Row {
    n: usize,
    account: Option<String>,
    kind: &'static str,
    body: String,
}

/// Appends the changes in their order.
pub(crate) async fn append(tx: &mut Tx, changes: &[Change], now: i64) -> Result<Appended, StoreError> {
    let mut rows = Vec::with_capacity(changes.len());
    for (n, change) in changes.iter().enumerate() {
        let account = change.account().map(|id| id.to_string());
        rows.push(Row { n, account, kind: change.kind(), body: body(change)? });
    }
    let rows = encode(&rows)?;
    let sql = match tx {
        // Of all rows, since retention leaves the newest.
        Tx::Sqlite(_) => concat!(
            "INSERT INTO feed (seq, at, account, kind, body) SELECT (SELECT (COALESCE(MAX(seq), 0) / ",
            stride!(),
            " + 1) * ",
            stride!(),
            " FROM feed) + (value ->> 'n'), $1, value ->> 'account', value ->> 'kind', value ->> 'body' \
             FROM json_each($2) RETURNING seq, ''"
        ),
        Tx::Postgres(_) => {
            "INSERT INTO feed (at, account, kind, body) \
             SELECT $1, value ->> 'account', value ->> 'kind', value ->> 'body' \
             FROM json_array_elements($2::json) AS rows (value) \
             ORDER BY CAST(value ->> 'n' AS BIGINT) RETURNING seq, xid::text"
        }
    };
    let rows: Vec<(i64, String)> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(now).bind(rows).fetch_all(c).await)?;
    let transaction = rows.first().and_then(|(_, transaction)| transaction.parse().ok());
    let mut places: Vec<i64> = rows.into_iter().map(|(place, _)| place).collect();
    // Places are given out in the order of the rows, but the rows may be returned in any.
    places.sort_unstable();
    Ok(Appended { places, transaction })
}

/// Says that other policies are in force from now on.
pub(crate) async fn append_policies(tx: &mut Tx, now: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO feed (at, account, kind, body) VALUES ($1, NULL, $2, '{}')";
    on_tx!(tx, c => sqlx::query(sql).bind(now).bind(POLICIES).execute(c).await.map(drop))?;
    Ok(())
}

/// The change that a row says.
pub(crate) fn read(seq: i64, kind: &str, body: &str) -> Result<Change, StoreError> {
    let kind = encode(&kind)?;
    decode("feed", || seq.to_string(), &format!(r#"{{"kind":{kind},"fact":{body}}}"#))
}

/// The fact of a change as its table keeps it, but for what identifies a person or lets anybody sign in: the feed
/// outlives both. Whoever follows it looks people up by id.
fn body(change: &Change) -> Result<String, StoreError> {
    match change {
        Change::Account(fact) => encode(fact),
        Change::User(fact) => encode(&fact.without_personal_data()),
        Change::UserErased { user, identities: _ } => encode(&serde_json::json!({ "user": user })),
        Change::Credential(fact) => encode(fact),
        Change::Session(fact) => encode(fact),
        Change::SessionEnded { user, session } => {
            encode(&serde_json::json!({ "user": user, "session": session }))
        }
        Change::Membership(fact) => encode(fact),
        Change::MembershipEnded { account, user } => {
            encode(&serde_json::json!({ "account": account, "user": user }))
        }
        Change::Resource(fact) => encode(fact),
        Change::ResourceDeleted { account, resource } => {
            encode(&serde_json::json!({ "account": account, "resource": resource }))
        }
        Change::Assignment(fact) => encode(fact),
        Change::AssignmentEnded { account, user, resource } => {
            encode(&serde_json::json!({ "account": account, "user": user, "resource": resource }))
        }
        Change::Contact(fact) => encode(&fact.without_personal_data()),
        Change::ContactRemoved { account, contact } => {
            encode(&serde_json::json!({ "account": account, "contact": contact }))
        }
        Change::Group(fact) => encode(fact),
        Change::Invitation(fact) => encode(&Invitation { email: String::new(), ..fact.clone() }),
        Change::GroupDeleted { group } => encode(&serde_json::json!({ "group": group })),
    }
}

/// The last place given out in what the transaction sees; 0: none was.
pub(crate) async fn position(tx: &mut Tx) -> Result<i64, StoreError> {
    let sql = "SELECT COALESCE(MAX(seq), 0) FROM feed";
    Ok(on_tx!(tx, c => sqlx::query_scalar(sql).fetch_one(c).await)?)
}

impl Store {
    /// The last place that was given out and is visible; 0: none was.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn position(&self) -> Result<i64, StoreError> {
        let sql = "SELECT COALESCE(MAX(seq), 0) FROM feed";
        Ok(on_readers!(self.pools()?, c => sqlx::query_scalar(sql).fetch_one(c).await)?)
    }

    /// A page of the feed behind a place, ascending.
    ///
    /// On PostgreSQL a slow transaction may still add places below those that are visible already, so this
    /// alone is not enough to follow the feed of a database that several processes write: [`Store::follow`] is.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or an entry is corrupt.
    pub async fn list_feed(&self, after: i64, limit: u32) -> Result<Page<FeedEntry>, StoreError> {
        let sql = "SELECT seq, at, kind, body FROM feed WHERE seq > $1 AND kind <> $3 ORDER BY seq LIMIT $2";
        let rows: Vec<(i64, i64, String, String)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(after).bind(rows_for(limit)).bind(POLICIES).fetch_all(c).await
        })?;
        Page::of(rows, limit, |(seq, at, kind, body)| {
            Ok(FeedEntry { seq, at, change: read(seq, &kind, &body)? })
        })
    }
}
