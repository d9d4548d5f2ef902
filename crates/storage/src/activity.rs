//! The activity log: who did what, one row for each command that changed something.

use std::collections::BTreeMap;

use mandate_domain::change::Change;
use mandate_domain::command::Actor;
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::plan::Plan;
use serde::Serialize;
use serde_json::Value;

use crate::error::StoreError;
use crate::json::{decode_column, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::tx::{Pools, json_rows, on_readers};
use crate::writes::{Write, Writes};

/// One entry of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Activity {
    /// Its place in the log.
    pub seq: i64,
    /// When it happened: microseconds since the Unix epoch.
    pub at: i64,
    /// The account it happened in, if in one.
    pub account: Option<String>,
    /// What asked for it: `person`, `service`, `operator`, or `link`.
    pub actor_kind: String,
    /// The user's id, the token's issuer and subject as `issuer#subject`, or the id of the invitation whose link was
    /// followed.
    pub actor: String,
    /// The service that acted for the person, as `issuer#subject`.
    pub through: Option<String>,
    /// The operation (`member.remove`).
    pub operation: String,
    /// Whom or what it concerned: a user's id, a group's, a resource as `type/id`, or a policy as `name/version`.
    pub subject: Option<String>,
    /// The changes as a list of `{"kind": …, "fact": …}`. People appear by id only, so that the log can stay
    /// when a person's data is erased.
    pub changes: Value,
    /// Why a platform operator passed over a limit, if one did.
    pub override_reason: Option<String>,
}

/// Appends what a plan does: one entry for each account it changes something in.
///
/// INVARIANT: an entry of an account holds what changed in that account alone, so that no account learns from its
/// log of another one (GW-06). What belongs to no account (users, groups) has an entry of its own.
pub(crate) fn append(writes: &mut Writes, actor: &Actor, plan: &Plan, now: i64) -> Result<(), StoreError> {
    let mut entries: BTreeMap<Option<AccountId>, Vec<Value>> = BTreeMap::new();
    for change in &plan.changes {
        entries.entry(change.account()).or_default().push(impersonal(change)?);
    }
    if entries.is_empty() {
        entries.insert(plan.account, Vec::new());
    }
    let sql = json_rows!(
        writes.engine(),
        "INSERT INTO activity (at, account, actor_kind, actor, through, operation, subject, changes, \
         override_reason) SELECT $1, value ->> 'account', $2, $3, $4, $5, $6, value ->> 'changes', $7 FROM",
        "$8",
        "ORDER BY CAST(value ->> 'n' AS BIGINT)"
    );
    let (kind, name, through) = told(actor);
    let mut rows = Vec::with_capacity(entries.len());
    for (n, (account, changes)) in entries.iter().enumerate() {
        let account = account.map(|id| id.to_string());
        rows.push(EntryRow { n, account, changes: encode(changes)? });
    }
    let write = Write::to("activity", sql).number(now).text(kind).text(name).bind(through.map(str::to_owned));
    let write = write.text(plan.operation).bind(plan.subject.clone()).bind(plan.override_reason.clone());
    writes.push(write.text(encode(&rows)?).of_its_own());
    Ok(())
}

/// The kind of an actor, their name, and the service through which they acted.
fn told(actor: &Actor) -> (&'static str, String, Option<&str>) {
    match actor {
        Actor::Operator { name } => ("operator", name.clone(), None),
        Actor::Person { user, through } => ("person", user.to_string(), through.as_deref()),
        Actor::Service { name } => ("service", name.clone(), None),
        Actor::Link { invitation } => ("link", invitation.to_string(), None),
    }
}

/// An actor in one word: `operator mandate#ann`.
pub(crate) fn name(actor: &Actor) -> String {
    let (kind, name, _) = told(actor);
    format!("{kind} {name}")
}

/// One row of `activity` beside what all rows of a plan share.
#[derive(Serialize)]
struct EntryRow {
    n: usize,
    account: Option<String>,
    changes: String,
}

/// The change without what identifies a person to anybody who does not know their id.
fn impersonal(change: &Change) -> Result<Value, StoreError> {
    let mut value = serde_json::to_value(change)
        .map_err(|error| StoreError::Other { source: Box::new(sqlx::Error::Encode(error.into())) })?;
    if let Change::User(_) | Change::Contact(_) | Change::Invitation(_) = change
        && let Some(fact) = value.get_mut("fact").and_then(Value::as_object_mut)
    {
        // `proof` goes, too: who activates a login is not told whether the address was somebody's before (IX-10).
        let hidden = ["email", "display_name", "locale", "avatar_url", "identities", "details", "proof"];
        fact.retain(|name, _| !hidden.contains(&name.as_str()));
    }
    Ok(value)
}

/// What concerned one of several subjects. Left to themselves, both engines expect so few entries of an account that they
/// read all of them, in the order of the page, and look for the subjects.
const OF_SUBJECTS_ON_SQLITE: &str = "\
    SELECT seq, at, actor_kind, actor, through, operation, subject, changes, override_reason \
    FROM activity INDEXED BY activity_of \
    WHERE account = $1 AND subject IN (SELECT value FROM json_each($2)) AND seq < $3 ORDER BY seq DESC LIMIT $4";
const OF_SUBJECTS_ON_POSTGRES: &str = "\
    SELECT a.seq, a.at, a.actor_kind, a.actor, a.through, a.operation, a.subject, a.changes, a.override_reason \
    FROM (SELECT DISTINCT value FROM json_array_elements_text($2::json) AS rows (value)) AS wanted CROSS JOIN LATERAL (\
      SELECT * FROM activity WHERE account = $1 AND subject = wanted.value AND seq < $3 ORDER BY seq DESC LIMIT $4\
    ) AS a ORDER BY a.seq DESC LIMIT $4";

/// The columns of one row.
type Row = (i64, i64, String, String, Option<String>, String, Option<String>, String, Option<String>);

impl Store {
    /// A page of what happened in an account, latest first.
    ///
    /// `subjects` leaves only what concerned one of them, `before` is the last place of the page before, `limit` the
    /// most entries of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or an entry is corrupt.
    pub async fn list_activity(
        &self,
        account: AccountId,
        subjects: Option<&[String]>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<Activity>, StoreError> {
        let account = account.to_string();
        let (before, limit_rows) = (before.unwrap_or(i64::MAX), rows_for(limit));
        let rows: Vec<Row> = match subjects {
            None => {
                let sql = "SELECT seq, at, actor_kind, actor, through, operation, subject, changes, override_reason FROM activity \
                           WHERE account = $1 AND seq < $2 ORDER BY seq DESC LIMIT $3";
                on_readers!(self.pools()?, c => {
                    sqlx::query_as(sql).bind(&account).bind(before).bind(limit_rows).fetch_all(c).await
                })?
            }
            Some(subjects) => {
                let pools = self.pools()?;
                let sql = match pools {
                    Pools::Sqlite { .. } => OF_SUBJECTS_ON_SQLITE,
                    Pools::Postgres(_) => OF_SUBJECTS_ON_POSTGRES,
                };
                let subjects = encode(&subjects)?;
                on_readers!(pools, c => {
                    sqlx::query_as(sql).bind(&account).bind(&subjects).bind(before).bind(limit_rows).fetch_all(c).await
                })?
            }
        };
        Page::of(
            rows,
            limit,
            |(seq, at, actor_kind, actor, through, operation, subject, changes, override_reason)| {
                let changes = decode_column("activity", "changes", || seq.to_string(), &changes)?;
                let account = Some(account.clone());
                Ok(Activity {
                    seq,
                    at,
                    account,
                    actor_kind,
                    actor,
                    through,
                    operation,
                    subject,
                    changes,
                    override_reason,
                })
            },
        )
    }

    /// A page of what a person did, wherever, latest first.
    ///
    /// `before` is the last place of the page before, `limit` the most entries of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or an entry is corrupt.
    pub async fn list_activity_by(
        &self,
        user: UserId,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Page<Activity>, StoreError> {
        let sql = "SELECT seq, at, account, through, operation, subject, changes, override_reason FROM activity \
                   WHERE actor = $1 AND actor_kind = 'person' AND seq < $2 ORDER BY seq DESC LIMIT $3";
        let actor = user.to_string();
        let rows: Vec<RowBy> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(&actor).bind(before.unwrap_or(i64::MAX)).bind(rows_for(limit)).fetch_all(c).await
        })?;
        Page::of(rows, limit, |(seq, at, account, through, operation, subject, changes, override_reason)| {
            let changes = decode_column("activity", "changes", || seq.to_string(), &changes)?;
            let (actor_kind, actor) = ("person".to_owned(), actor.clone());
            Ok(Activity {
                seq,
                at,
                account,
                actor_kind,
                actor,
                through,
                operation,
                subject,
                changes,
                override_reason,
            })
        })
    }
}

/// The columns of one row of a person's.
type RowBy = (i64, i64, Option<String>, Option<String>, String, Option<String>, String, Option<String>);
