//! Requests that were answered: what a write with a `request_id` did is kept by its own transaction, so that a retry is
//! answered as the first one was (AIP-155).

use std::collections::BTreeSet;

use mandate_domain::change::Change;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::mail::Mail;
use mandate_domain::plan::Plan;
use serde::{Deserialize, Serialize};

use crate::error::{StoreError, WriteError};
use crate::json::{decode, encode};
use crate::open::Store;
use crate::position::Transaction;
use crate::tx::{Tx, json_rows, on_readers, on_tx};
use crate::write::{Committed, Place};
use crate::writes::{Write, Writes};

/// For how long a request is kept, in microseconds: a day.
pub const KEPT: i64 = 24 * 60 * 60 * 1_000_000;

/// How long the id of a user is: `usr_` and a ULID.
const ID_LENGTH: usize = 30;

/// Names one request of one caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestKey {
    /// Who asks.
    pub caller: String,
    /// What they call.
    pub rpc: &'static str,
    /// The `request_id`.
    pub id: String,
    /// A hash of all that was asked but for secrets: the same for every retry.
    pub fingerprint: String,
}

/// What was done. Secrets have no serialized form.
#[derive(Serialize, Deserialize)]
struct Done {
    account: Option<AccountId>,
    subject: Option<String>,
    changes: Vec<Change>,
    mail: Vec<Mail>,
    versions: Vec<i64>,
    position: i64,
    #[serde(default)]
    transaction: Option<u64>,
    /// The oldest transaction that may have been running beside it.
    #[serde(default)]
    oldest: u64,
}

const FIND: &str =
    "SELECT fingerprint, body FROM requests WHERE caller = $1 AND rpc = $2 AND id = $3 AND at > $4";

/// What the request did, if it was carried out before.
pub(crate) async fn find(
    tx: &mut Tx,
    key: &RequestKey,
    operation: &'static str,
    now: i64,
) -> Result<Option<Committed>, WriteError> {
    let row: Option<(String, String)> = on_tx!(tx, c => {
        sqlx::query_as(FIND).bind(&key.caller).bind(key.rpc).bind(&key.id).bind(now - KEPT).fetch_optional(c).await
    })?;
    row.map(|row| replayed(key, operation, row)).transpose()
}

fn replayed(
    key: &RequestKey,
    operation: &'static str,
    (fingerprint, body): (String, String),
) -> Result<Committed, WriteError> {
    if fingerprint != key.fingerprint {
        return Err(WriteError::RequestIdReused);
    }
    let name = || format!("{}/{}/{}", key.caller, key.rpc, key.id);
    let done: Done = decode("requests", name, &body)?;
    let Done { account, subject, changes, mail, versions, position, transaction, oldest } = done;
    let transaction = transaction.map(|number| Transaction { number, oldest });
    let plan = Plan { operation, account, subject, changes, mail, override_reason: None };
    Ok(Committed { plan, versions, position, transaction })
}

/// Keeps what the request did.
pub(crate) async fn remember(
    tx: &mut Tx,
    key: &RequestKey,
    plan: &Plan,
    Place { versions, position, transaction }: &Place,
    now: i64,
) -> Result<(), WriteError> {
    let done = Done {
        account: plan.account,
        subject: plan.subject.clone(),
        changes: plan.changes.clone(),
        mail: plan.mail.clone(),
        versions: versions.clone(),
        position: *position,
        transaction: transaction.map(|transaction| transaction.number),
        oldest: transaction.map(|transaction| transaction.oldest).unwrap_or_default(),
    };
    let body = encode(&done)?;
    let people = people(&body);
    // One that is too old to be answered makes room.
    let sql = "INSERT INTO requests (caller, rpc, id, fingerprint, at, body) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (caller, rpc, id) DO UPDATE \
               SET fingerprint = excluded.fingerprint, at = excluded.at, body = excluded.body \
               WHERE requests.at <= $7";
    let kept = on_tx!(tx, c => {
        sqlx::query(sql).bind(&key.caller).bind(key.rpc).bind(&key.id).bind(&key.fingerprint).bind(now).bind(body)
            .bind(now - KEPT).execute(c).await.map(|done| done.rows_affected())
    })?;
    match kept {
        // The same request was carried out beside this one, which has to start again to find its answer.
        0 => Err(StoreError::Contention { attempts: 1, source: None }.into()),
        _ if people.is_empty() => Ok(()),
        _ => remember_people(tx, key, &people).await,
    }
}

/// Keeps whom the request is about, by which it is forgotten with them.
async fn remember_people(tx: &mut Tx, key: &RequestKey, people: &BTreeSet<String>) -> Result<(), WriteError> {
    let sql = json_rows!(
        tx.engine(),
        "INSERT INTO request_people (caller, rpc, id, person) SELECT $1, $2, $3, value ->> 0 FROM",
        "$4",
        // SQLite takes what follows a join for its condition otherwise.
        "WHERE true ON CONFLICT (caller, rpc, id, person) DO NOTHING"
    );
    let people = encode(&people.iter().map(|person| [person]).collect::<Vec<_>>())?;
    on_tx!(tx, c => {
        sqlx::query(sql).bind(&key.caller).bind(key.rpc).bind(&key.id).bind(people).execute(c).await.map(drop)
    })?;
    Ok(())
}

/// Everybody whom a text names: ids of users, and addresses in lower case.
fn people(text: &str) -> BTreeSet<String> {
    let ids =
        text.match_indices("usr_").filter_map(|(at, _)| text.get(at..at + ID_LENGTH)).map(str::to_owned);
    // RFC 5322 §3.2.3, and whatever is beyond ASCII.
    let of_address =
        |c: char| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.@".contains(c);
    let words = text.split(|c| !of_address(c)).filter(|word| word.contains('@'));
    ids.chain(words.map(|word| word.trim_matches('.').to_ascii_lowercase())).collect()
}

/// Forgets all requests that a person who is erased appears in, by id or by address.
pub(crate) fn forget(writes: &mut Writes, user: UserId, email: &str) {
    let sql = "DELETE FROM requests WHERE (caller, rpc, id) IN (\
               SELECT caller, rpc, id FROM request_people WHERE person IN ($1, $2))";
    writes.push(Write::to("requests", sql).text(user).text(email.to_ascii_lowercase()));
}

impl Store {
    /// What the request did, if it was carried out before: for whoever must know before asking the rules.
    ///
    /// # Errors
    /// [`WriteError::RequestIdReused`]; [`StoreError`] when the database cannot be read.
    pub async fn answered(
        &self,
        key: &RequestKey,
        operation: &'static str,
        now: i64,
    ) -> Result<Option<Committed>, WriteError> {
        let row: Option<(String, String)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(FIND).bind(&key.caller).bind(key.rpc).bind(&key.id).bind(now - KEPT).fetch_optional(c).await
        })?;
        row.map(|row| replayed(key, operation, row)).transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::people;

    #[test]
    fn finds_whom_a_request_is_about() {
        let text = r#"{"user":"usr_01ARZ3NDEKTSV4RRFFQ69G5FAV","mail":["To Ann.O'Neil+x@Example.org, or","<jo@bücher.example>."],
            "subject":"acc_1/usr_01ARZ3NDEKTSV4RRFFQ69G5FAW","short":"usr_"}"#;
        let expected = [
            "ann.o'neil+x@example.org",
            "jo@bücher.example",
            "usr_01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "usr_01ARZ3NDEKTSV4RRFFQ69G5FAW",
        ];
        assert_eq!(people(text).into_iter().collect::<Vec<_>>(), expected);
        assert!(people("{}").is_empty());
    }
}
