//! The change feed: every fact as it became, in order.

use mandate_domain::change::Change;
use mandate_domain::invitation::Invitation;
use mandate_domain::records::Records;
use mandate_domain::taken::taken;
use serde::Serialize;

use crate::error::StoreError;
use crate::follow::Followed;
use crate::json::{decode, decode_column, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::tx::{Engine, Tx, on_readers, on_tx};
use crate::writes::{Write, Writes};

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

/// On SQLite the places of each transaction begin at a multiple of this, so that a place rounded down to one tells
/// which transaction it is of, and not how much that one changed: from that could be told whether an address was
/// somebody's (IX-10). One that changes more goes on into the next.
const STRIDE: i64 = 64;

/// The place that a token tells in the place of this one of SQLite's.
#[must_use]
pub fn rounded(seq: i64) -> i64 {
    seq - seq.rem_euclid(STRIDE)
}

/// The places of a transaction on SQLite whose last place before is this one.
pub(crate) fn after(last: i64) -> std::ops::RangeFrom<i64> {
    rounded(last) + STRIDE..
}

/// One row of `feed` to be written, beside its time.
#[derive(Serialize)]
struct NewRow {
    seq: i64,
    account: Option<String>,
    kind: &'static str,
    body: String,
    taken: Option<String>,
}

/// Appends the changes at these places, each with what it takes from what was read before it.
pub(crate) fn append(
    writes: &mut Writes,
    changes: &[Change],
    places: &[i64],
    before: &Records,
    now: i64,
) -> Result<(), StoreError> {
    let mut rows = Vec::with_capacity(changes.len());
    for (seq, change) in places.iter().zip(changes) {
        let account = change.account().map(|id| id.to_string());
        let taken = taken(change, before).as_ref().map(encode).transpose()?;
        rows.push(NewRow { seq: *seq, account, kind: change.kind(), body: body(change)?, taken });
    }
    let sql = match writes.engine() {
        Engine::Sqlite => {
            "INSERT INTO feed (seq, at, account, kind, body, taken) SELECT value ->> 'seq', $1, value ->> 'account', \
             value ->> 'kind', value ->> 'body', value ->> 'taken' FROM json_each($2)"
        }
        Engine::Postgres => {
            "INSERT INTO feed (seq, at, account, kind, body, taken) OVERRIDING SYSTEM VALUE \
             SELECT CAST(value ->> 'seq' AS BIGINT), $1, value ->> 'account', value ->> 'kind', value ->> 'body', \
             value ->> 'taken' FROM json_array_elements($2::json) AS rows (value)"
        }
    };
    writes.push(Write::to("feed", sql).number(now).text(encode(&rows)?).of_its_own());
    Ok(())
}

/// Says at these places that other policies are in force from now on.
pub(crate) fn append_policies(writes: &mut Writes, places: &[i64], now: i64) {
    for place in places {
        let sql = match writes.engine() {
            Engine::Sqlite => "INSERT INTO feed (seq, at, kind, body) VALUES ($1, $2, $3, '{}')",
            Engine::Postgres => {
                "INSERT INTO feed (seq, at, kind, body) OVERRIDING SYSTEM VALUE VALUES ($1, $2, $3, '{}')"
            }
        };
        writes.push(Write::to("feed", sql).number(*place).number(now).text(POLICIES).of_its_own());
    }
}

/// The change that a row says.
pub(crate) fn read(seq: i64, kind: &str, body: &str) -> Result<Change, StoreError> {
    let kind = encode(&kind)?;
    decode("feed", || seq.to_string(), &format!(r#"{{"kind":{kind},"fact":{body}}}"#))
}

/// A row of the feed as it is read: place, transaction (PostgreSQL), time, kind, fact and what it takes.
pub(crate) type Row = (i64, String, i64, String, String, Option<String>);

/// What a row of the feed says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeedRow {
    /// A fact changed.
    Fact(Box<Followed>),
    /// Other policies are in force from now on.
    Policies {
        /// Since when: microseconds since the Unix epoch.
        at: i64,
    },
}

/// What a row says.
pub(crate) fn entry((seq, transaction, at, kind, body, taken): Row) -> Result<FeedRow, StoreError> {
    if kind == POLICIES {
        return Ok(FeedRow::Policies { at });
    }
    let change = read(seq, &kind, &body)?;
    let taken = taken.map(|taken| decode_column("feed", "taken", || seq.to_string(), &taken)).transpose()?;
    let transaction = transaction.parse().unwrap_or_default();
    Ok(FeedRow::Fact(Box::new(Followed { seq, transaction, at, change, taken })))
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
