//! Assignments: resources given to members, and the roles and permissions that come with them.

use std::collections::BTreeMap;

use mandate_domain::id::{AccountId, UserId};
use mandate_domain::records::Records;
use mandate_domain::resource::{Assignment, ResourceRef};
use serde::Serialize;

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::statement::Statement;
use crate::tx::{Tx, json_rows, on_readers, on_tx};
use crate::writes::{Write, Writes};

/// One assignment.
pub(crate) async fn load(
    tx: &mut Tx,
    account: AccountId,
    user: UserId,
    resource: &ResourceRef,
) -> Result<Option<Assignment>, StoreError> {
    let sql = "SELECT user_id, kind, id, body FROM assignments \
               WHERE account = $1 AND user_id = $2 AND kind = $3 AND id = $4";
    let row = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(user.to_string()).bind(&resource.kind).bind(&resource.id)
            .fetch_optional(c).await
    })?;
    row.map(|row| read(account, row)).transpose()
}

/// Every assignment of one member, ascending by resource.
pub(crate) async fn of(tx: &mut Tx, account: AccountId, user: UserId) -> Result<Vec<Assignment>, StoreError> {
    let mut query = Statement::new("SELECT ");
    find_of(&mut query, account, user);
    read_of(account, user, query.rows_in(tx).await?)
}

/// Goes on with `id` and `body` of every assignment of one member.
pub(crate) fn find_of(query: &mut Statement, account: AccountId, user: UserId) {
    query.then("id, body FROM assignments WHERE account = ").text(account).then(" AND user_id = ").text(user);
}

/// Reads rows of `id` and `body`, ascending by resource.
pub(crate) fn read_of(
    account: AccountId,
    user: UserId,
    rows: Vec<(String, String)>,
) -> Result<Vec<Assignment>, StoreError> {
    let read = |(id, body): (String, String)| {
        decode::<Assignment>("assignments", || format!("{account}/{user}/{id}"), &body)
    };
    let mut assignments = rows.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    assignments.sort_by(|a, b| a.resource.cmp(&b.resource));
    Ok(assignments)
}

/// Accounts whose assignments are read together.
const TOGETHER: usize = 500;

/// Every assignment of one user in these accounts, ascending by account and resource, which `accounts` must be.
pub(crate) async fn within(
    tx: &mut Tx,
    accounts: &[AccountId],
    user: UserId,
) -> Result<Vec<Assignment>, StoreError> {
    let mut all = Vec::new();
    for some in accounts.chunks(TOGETHER) {
        // Not by a join with the memberships: a planner that expects many of them would read all assignments there are.
        let sql = json_rows!(
            tx.engine(),
            "SELECT a.account, a.kind, a.id, a.body FROM",
            "$1",
            "JOIN assignments a ON a.account = CAST(value ->> 'account' AS TEXT) AND a.user_id = $2 ORDER BY 1, 2, 3"
        );
        let rows: Vec<_> = some.iter().map(|account| Within { account: *account }).collect();
        let (rows, user) = (encode(&rows)?, user.to_string());
        let found: Vec<Row> = on_tx!(tx, c => sqlx::query_as(sql).bind(rows).bind(&user).fetch_all(c).await)?;
        for (account, kind, id, body) in found {
            all.push(decode("assignments", || format!("{account}/{user}/{kind}/{id}"), &body)?);
        }
    }
    Ok(all)
}

/// An account to look in.
#[derive(Serialize)]
struct Within {
    account: AccountId,
}

/// Every assignment of one resource, ascending by member.
pub(crate) async fn on(
    tx: &mut Tx,
    account: AccountId,
    resource: &ResourceRef,
) -> Result<Vec<Assignment>, StoreError> {
    let sql = "SELECT user_id, kind, id, body FROM assignments \
               WHERE account = $1 AND kind = $2 AND id = $3 ORDER BY user_id";
    let rows: Vec<Row> = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(&resource.kind).bind(&resource.id).fetch_all(c).await
    })?;
    rows.into_iter().map(|row| read(account, row)).collect()
}

/// User, type, id, body.
type Row = (String, String, String, String);

fn read(account: AccountId, (user, kind, id, body): Row) -> Result<Assignment, StoreError> {
    decode("assignments", || format!("{account}/{user}/{kind}/{id}"), &body)
}

/// One row of `assignment_names` beside the assignment.
#[derive(Serialize)]
struct Name<'a> {
    what: &'static str,
    name: &'a str,
}

/// Makes the assignment this.
pub(crate) fn put(
    writes: &mut Writes,
    assignment: &Assignment,
    version: i64,
    records: &Records,
) -> Result<(), StoreError> {
    let Assignment { account, user, resource, roles, permissions, .. } = assignment;
    let is_new = matches!(records.assignment(*account, *user, resource), Ok(None));
    let (account, user) = (account.to_string(), user.to_string());
    let sql = "INSERT INTO assignments (account, user_id, kind, id, body, version) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (account, user_id, kind, id) DO UPDATE SET body = excluded.body, \
               version = excluded.version";
    let body = encode(assignment)?;
    let this =
        |table, sql| Write::to(table, sql).text(&account).text(&user).text(&resource.kind).text(&resource.id);
    writes.push(this("assignments", sql).text(body).number(version));
    // INVARIANT: `assignment_names` says what `assignments` says; holders are counted from it.
    if !is_new {
        let sql =
            "DELETE FROM assignment_names WHERE account = $1 AND user_id = $2 AND kind = $3 AND id = $4";
        writes.push(this("assignment_names", sql));
    }
    let names: Vec<_> = [("role", roles), ("permission", permissions)]
        .into_iter()
        .flat_map(|(what, names)| names.iter().map(move |name| Name { what, name }))
        .collect();
    if names.is_empty() {
        return Ok(());
    }
    let sql = json_rows!(
        writes.engine(),
        "INSERT INTO assignment_names (account, user_id, kind, id, what, name) \
         SELECT $1, $2, $3, $4, value ->> 'what', value ->> 'name' FROM",
        "$5",
        ""
    );
    writes.push(this("assignment_names", sql).text(encode(&names)?));
    Ok(())
}

/// Ends the assignment; its names go with it.
pub(crate) fn end(writes: &mut Writes, account: AccountId, user: UserId, resource: &ResourceRef) {
    let sql = "DELETE FROM assignments WHERE account = $1 AND user_id = $2 AND kind = $3 AND id = $4";
    let write = Write::to("assignments", sql).text(account).text(user);
    writes.push(write.text(&resource.kind).text(&resource.id));
}

/// What a member's assignments of one resource type carry, all of them together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// Names of resource roles.
    pub roles: Vec<String>,
    /// Names of permissions.
    pub permissions: Vec<String>,
}

const OF_USER: &str = "SELECT user_id, kind, id, body FROM assignments \
     WHERE account = $1 AND user_id = $2 AND (kind, id) > ($3, $4) ORDER BY kind, id LIMIT $5";
const ON_RESOURCE: &str = "SELECT user_id, kind, id, body FROM assignments \
     WHERE account = $1 AND kind = $2 AND id = $3 AND user_id > $4 ORDER BY user_id LIMIT $5";

impl Store {
    /// A page of what is assigned to one member, ascending by type and id.
    ///
    /// `after` is the last resource of the page before, `limit` the most assignments of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_assignments_of(
        &self,
        account: AccountId,
        user: UserId,
        after: Option<&ResourceRef>,
        limit: u32,
    ) -> Result<Page<Assignment>, StoreError> {
        let (kind, id) = after.map(|after| (after.kind.as_str(), after.id.as_str())).unwrap_or_default();
        let keys = [account.to_string(), user.to_string(), kind.to_owned(), id.to_owned()];
        self.list_assignments(OF_USER, account, keys, limit).await
    }

    /// A page of the members whom one resource is assigned to, ascending by user.
    ///
    /// `after` is the last user of the page before, `limit` the most assignments of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_assignments_on(
        &self,
        account: AccountId,
        resource: &ResourceRef,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<Assignment>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let keys = [account.to_string(), resource.kind.clone(), resource.id.clone(), after];
        self.list_assignments(ON_RESOURCE, account, keys, limit).await
    }

    /// What a member's assignments carry, by resource type. It looks at all of them, so it is nothing for a Check.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn carried_by(
        &self,
        account: AccountId,
        user: UserId,
    ) -> Result<BTreeMap<String, Carried>, StoreError> {
        let sql =
            "SELECT DISTINCT kind, what, name FROM assignment_names WHERE account = $1 AND user_id = $2";
        let rows: Vec<(String, String, String)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(account.to_string()).bind(user.to_string()).fetch_all(c).await
        })?;
        let mut all = BTreeMap::<String, Carried>::new();
        for (kind, what, name) in rows {
            let carried = all.entry(kind).or_default();
            if what == "role" { carried.roles.push(name) } else { carried.permissions.push(name) }
        }
        Ok(all)
    }

    async fn list_assignments(
        &self,
        sql: &'static str,
        account: AccountId,
        keys: [String; 4],
        limit: u32,
    ) -> Result<Page<Assignment>, StoreError> {
        let rows: Vec<Row> = on_readers!(self.pools()?, c => {
            let query = keys.into_iter().fold(sqlx::query_as(sql), |query, key| query.bind(key));
            query.bind(rows_for(limit)).fetch_all(c).await
        })?;
        Page::of(rows, limit, |row| read(account, row))
    }
}
