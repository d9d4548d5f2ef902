//! The outbox: mail that was decided on in the transaction of its change, and what became of it.
//!
//! A dispatcher claims what is due for a while, sends it, and settles it. One that dies in between leaves claims that
//! end by themselves, so that mail is sent at least once; its Message-ID is always the same, by which a mailbox
//! tells the second copy from a second mail.

use std::sync::Arc;

use mandate_domain::mail::Mail;
use mandate_domain::plan::Plan;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::error::{StoreError, WriteError};
use crate::json::{decode, decode_column, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::request;
use crate::tx::{Tx, json_rows, on_readers, on_tx};
use crate::write::{Mode, Place};
use crate::writes::{Write, Writes};

/// What became of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailState {
    /// It waits to be sent, for the first time or again.
    Queued,
    /// The next mail server took it on.
    Sent,
    /// The last attempt failed: it waits for an operator.
    Failed,
}

impl MailState {
    /// The word the database uses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Failed => "failed",
        }
    }
}

/// A mail that a dispatcher may send now.
#[derive(Debug)]
pub struct ClaimedMail {
    /// Its place in the outbox.
    pub seq: i64,
    /// How often sending it was begun, this time included.
    pub attempts: i64,
    /// The same at every attempt, without the angle brackets (RFC 5322 §3.6.4).
    pub message_id: String,
    /// What to send; an error where the row cannot be read.
    pub mail: Result<Mail, StoreError>,
}

/// One row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxEntry {
    /// Its place.
    pub seq: i64,
    /// When it was decided on: microseconds since the Unix epoch.
    pub at: i64,
    /// The account it is about.
    pub account: String,
    /// The kind of mail.
    pub kind: String,
    /// The address it goes to.
    pub recipient: String,
    /// What became of it.
    pub state: MailState,
    /// How often sending it was begun.
    pub attempts: i64,
    /// When it is due, if it is queued: microseconds since the Unix epoch.
    pub next_at: i64,
    /// Why the last attempt failed.
    pub last_error: Option<String>,
    /// When it was sent or given up: microseconds since the Unix epoch.
    pub done_at: Option<i64>,
    /// Its Message-ID without the angle brackets.
    pub message_id: String,
}

/// How an attempt went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settled {
    /// It was taken on.
    Sent,
    /// It failed and is due again at this time: microseconds since the Unix epoch.
    Again {
        /// When.
        at: i64,
        /// Why it failed.
        error: String,
    },
    /// It failed for good.
    Failed {
        /// Why.
        error: String,
    },
}

/// How an attempt went, as a row.
#[derive(Serialize)]
struct Outcome<'a> {
    seq: i64,
    state: &'static str,
    next_at: i64,
    last_error: Option<&'a str>,
    done_at: Option<i64>,
}

impl<'a> Outcome<'a> {
    fn of(seq: i64, how: &'a Settled, now: i64) -> Self {
        let (state, next_at, last_error, done_at) = match how {
            Settled::Sent => (MailState::Sent, now, None, Some(now)),
            Settled::Again { at, error } => (MailState::Queued, *at, Some(error.as_str()), None),
            Settled::Failed { error } => (MailState::Failed, now, Some(error.as_str()), Some(now)),
        };
        Self { seq, state: state.name(), next_at, last_error, done_at }
    }
}

/// A mail to be added.
#[derive(Serialize)]
struct NewRow<'a> {
    n: usize,
    account: String,
    kind: &'static str,
    recipient: &'a str,
    body: String,
}

/// Adds mail in its order; it is visible with the rest of the transaction.
pub(crate) fn append(writes: &mut Writes, mails: &[Mail], now: i64) -> Result<(), StoreError> {
    if mails.is_empty() {
        return Ok(());
    }
    let sql = json_rows!(
        writes.engine(),
        "INSERT INTO outbox (at, account, kind, recipient, body, state, attempts, next_at, claimed) \
         SELECT $1, value ->> 'account', value ->> 'kind', value ->> 'recipient', value ->> 'body', \
         'queued', 0, $1, 0 FROM",
        "$2",
        "ORDER BY CAST(value ->> 'n' AS BIGINT)"
    );
    let mut rows = Vec::with_capacity(mails.len());
    for (n, mail) in mails.iter().enumerate() {
        let (account, kind, body) = (mail.account.to_string(), mail.content.kind(), encode(mail)?);
        rows.push(NewRow { n, account, kind, recipient: &mail.recipient, body });
    }
    writes.push(Write::to("outbox", sql).number(now).text(encode(&rows)?).of_its_own());
    Ok(())
}

/// The columns of one row.
type Row = (i64, i64, String, String, String, String, i64, i64, Option<String>, Option<i64>);

/// What the log would call giving a mail another chance, if it were about an account.
const RETRY: &str = "mail.retry";

/// A plan that changes no fact.
fn nothing() -> Plan {
    let (account, subject, override_reason) = (None, None, None);
    Plan { operation: RETRY, account, subject, changes: Vec::new(), mail: Vec::new(), override_reason }
}

impl Store {
    /// Rings whenever mail was added by this process.
    #[must_use]
    pub fn mail_added(&self) -> Arc<Notify> {
        self.mail_bell()
    }

    /// Claims up to `limit` mails that are due, the longest due first, until `until`. Another dispatcher gets others.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot do it; nothing is claimed then.
    pub async fn claim_mail(&self, now: i64, until: i64, limit: u32) -> Result<Vec<ClaimedMail>, StoreError> {
        let mut tx = self.pools()?.begin_write().await?;
        let sql = match &tx {
            Tx::Sqlite(_) => {
                "UPDATE outbox SET claimed = $4, attempts = attempts + 1, next_at = $2 WHERE seq IN (\
                 SELECT seq FROM outbox WHERE state = 'queued' AND next_at <= $1 ORDER BY next_at, seq LIMIT $3) \
                 RETURNING seq, attempts, body"
            }
            Tx::Postgres(_) => {
                "UPDATE outbox SET claimed = $4, attempts = attempts + 1, next_at = $2 WHERE seq IN (\
                 SELECT seq FROM outbox WHERE state = 'queued' AND next_at <= $1 ORDER BY next_at, seq LIMIT $3 \
                 FOR UPDATE SKIP LOCKED) RETURNING seq, attempts, body"
            }
        };
        let mut rows: Vec<(i64, i64, String)> = on_tx!(&mut tx, c => {
            sqlx::query_as(sql).bind(now).bind(until).bind(i64::from(limit)).bind(self.number()).fetch_all(c).await
        })?;
        tx.commit().await.map_err(StoreError::of_commit)?;
        rows.sort_unstable();
        let claimed = |(seq, attempts, body): (i64, i64, String)| {
            let mail = decode("outbox", || seq.to_string(), &body);
            ClaimedMail { seq, attempts, message_id: self.message_id(seq), mail }
        };
        Ok(rows.into_iter().map(claimed).collect())
    }

    /// Says how sending claimed mails went, each by its place: all of it or nothing.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written; the claims end by themselves, and the mails are sent again.
    pub async fn settle_mail(&self, settled: &[(i64, Settled)], now: i64) -> Result<(), StoreError> {
        let rows: Vec<Outcome<'_>> = settled.iter().map(|(seq, how)| Outcome::of(*seq, how, now)).collect();
        let mut tx = self.pools()?.begin_write().await?;
        let sql = json_rows!(
            tx.engine(),
            "UPDATE outbox SET claimed = 0, state = value ->> 'state', \
             next_at = CAST(value ->> 'next_at' AS BIGINT), last_error = value ->> 'last_error', \
             done_at = CAST(value ->> 'done_at' AS BIGINT) FROM",
            "$1",
            "WHERE seq = CAST(value ->> 'seq' AS BIGINT)"
        );
        let rows = encode(&rows)?;
        on_tx!(&mut tx, c => sqlx::query(sql).bind(rows).execute(c).await.map(drop))?;
        tx.commit().await.map_err(StoreError::of_commit)
    }

    /// Ends the claims that a process which is no more has left behind.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub async fn release_mail(&self, now: i64) -> Result<(), StoreError> {
        let mut tx = self.pools()?.begin_write().await?;
        let sql = match &tx {
            Tx::Sqlite(_) => {
                "UPDATE outbox SET claimed = 0, next_at = $1 WHERE state = 'queued' AND claimed <> 0"
            }
            // A server that is there holds its number.
            Tx::Postgres(_) => {
                "UPDATE outbox SET claimed = 0, next_at = $1 WHERE state = 'queued' AND claimed IN (\
                 SELECT number FROM (SELECT DISTINCT claimed AS number FROM outbox \
                 WHERE state = 'queued' AND claimed <> 0) claims WHERE pg_try_advisory_xact_lock(number))"
            }
        };
        on_tx!(&mut tx, c => sqlx::query(sql).bind(now).execute(c).await.map(drop))?;
        tx.commit().await.map_err(StoreError::of_commit)
    }

    /// When the next mail is due: microseconds since the Unix epoch; `None`: none waits.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn next_mail(&self) -> Result<Option<i64>, StoreError> {
        let sql = "SELECT MIN(next_at) FROM outbox WHERE state = 'queued'";
        Ok(on_readers!(self.pools()?, c => sqlx::query_scalar(sql).fetch_one(c).await)?)
    }

    /// Queues a mail that had been given up, as if it were new. `false`: there is none of that place that failed.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be written.
    pub async fn retry_mail(&self, seq: i64, mode: Mode<'_>, now: i64) -> Result<bool, WriteError> {
        let sql = "UPDATE outbox SET state = 'queued', attempts = 0, next_at = $2, done_at = NULL \
                   WHERE seq = $1 AND state = 'failed' RETURNING seq";
        let mut tx = self.pools()?.begin_write().await?;
        if let Mode::Retriable(key) = mode
            && request::find(&mut tx, key, RETRY, now).await?.is_some()
        {
            return Ok(true);
        }
        let found: Option<i64> =
            on_tx!(&mut tx, c => sqlx::query_scalar(sql).bind(seq).bind(now).fetch_optional(c).await)?;
        match mode {
            Mode::Preview => {
                tx.rollback().await?;
                return Ok(found.is_some());
            }
            Mode::Retriable(key) if found.is_some() => {
                request::remember(&mut tx, key, &nothing(), &Place::default(), now).await?;
            }
            Mode::Retriable(_) | Mode::Once => {}
        }
        tx.commit().await.map_err(StoreError::of_commit)?;
        self.mail_bell().notify_one();
        Ok(found.is_some())
    }

    /// A page of the outbox, ascending, of one state or of all.
    ///
    /// `after` is the last place of the page before, `limit` the most entries of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_outbox(
        &self,
        state: Option<MailState>,
        after: i64,
        limit: u32,
    ) -> Result<Page<OutboxEntry>, StoreError> {
        macro_rules! entries {
            ($condition:literal) => {
                concat!(
                    "SELECT seq, at, account, kind, recipient, state, attempts, next_at, last_error, done_at FROM outbox \
                     WHERE seq > $1",
                    $condition,
                    " ORDER BY seq LIMIT $2"
                )
            };
        }
        let (sql, condition) = match state {
            None => (entries!(""), None),
            Some(state) => (entries!(" AND state = $3"), Some(state.name())),
        };
        let rows: Vec<Row> = on_readers!(self.pools()?, c => {
            let query = sqlx::query_as(sql).bind(after).bind(rows_for(limit));
            condition.into_iter().fold(query, |query, value| query.bind(value)).fetch_all(c).await
        })?;
        Page::of(
            rows,
            limit,
            |(seq, at, account, kind, recipient, state, attempts, next_at, last_error, done_at)| {
                let state = decode_column("outbox", "state", || seq.to_string(), &encode(&state)?)?;
                let message_id = self.message_id(seq);
                Ok(OutboxEntry {
                    seq,
                    at,
                    account,
                    kind,
                    recipient,
                    state,
                    attempts,
                    next_at,
                    last_error,
                    done_at,
                    message_id,
                })
            },
        )
    }

    /// INVARIANT: a place in one database names one mail for ever, so its Message-ID never changes.
    fn message_id(&self, seq: i64) -> String {
        format!("{seq}.{}@mandate", self.incarnation())
    }
}
