//! Registered resources, and what each lives in.

use mandate_domain::id::{AccountId, ContactId};
use mandate_domain::resource::{Resource, ResourceRef};
use serde::Serialize;

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::tx::{Tx, json_rows, on_readers, on_tx};
use crate::writes::{Write, Writes};

/// The resource.
pub(crate) async fn load(
    tx: &mut Tx,
    account: AccountId,
    resource: &ResourceRef,
) -> Result<Option<Resource>, StoreError> {
    let sql = "SELECT kind, id, body FROM resources WHERE account = $1 AND kind = $2 AND id = $3";
    let row = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(&resource.kind).bind(&resource.id).fetch_optional(c).await
    })?;
    row.map(|row| read(account, row)).transpose()
}

/// One resource that lives directly in this one.
pub(crate) async fn child_of(
    tx: &mut Tx,
    account: AccountId,
    parent: &ResourceRef,
) -> Result<Option<Resource>, StoreError> {
    let sql = "SELECT r.kind, r.id, r.body FROM resource_ancestors a \
               JOIN resources r ON r.account = a.account AND r.kind = a.kind AND r.id = a.id \
               WHERE a.account = $1 AND a.ancestor_kind = $2 AND a.ancestor_id = $3 AND a.depth = 1 LIMIT 1";
    let row = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(&parent.kind).bind(&parent.id).fetch_optional(c).await
    })?;
    row.map(|row| read(account, row)).transpose()
}

/// One resource whose holder the contact is.
pub(crate) async fn held_by(
    tx: &mut Tx,
    account: AccountId,
    contact: ContactId,
) -> Result<Option<Resource>, StoreError> {
    let sql = "SELECT kind, id, body FROM resources WHERE account = $1 AND holder = $2 LIMIT 1";
    let row = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(contact.to_string()).fetch_optional(c).await
    })?;
    row.map(|row| read(account, row)).transpose()
}

fn read(account: AccountId, (kind, id, body): (String, String, String)) -> Result<Resource, StoreError> {
    decode("resources", || format!("{account}/{kind}/{id}"), &body)
}

/// One row of `resource_ancestors` beside the resource.
#[derive(Serialize)]
struct Ancestor<'a> {
    depth: usize,
    kind: &'a str,
    id: &'a str,
}

/// Makes the resource this.
pub(crate) fn put(writes: &mut Writes, resource: &Resource, version: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO resources (account, kind, id, holder, body, version) VALUES ($1, $2, $3, $4, $5, $6) \
               ON CONFLICT (account, kind, id) DO UPDATE SET holder = excluded.holder, body = excluded.body, \
               version = excluded.version";
    let account = resource.account.to_string();
    let (kind, id) = (&resource.resource.kind, &resource.resource.id);
    let body = encode(resource)?;
    let write = Write::to("resources", sql).text(&account).text(kind).text(id);
    writes.push(write.bind(resource.holder.map(|id| id.to_string())).text(body).number(version));
    if resource.ancestors.is_empty() {
        return Ok(());
    }
    // What a resource lives in never changes, so rows that are there already are right.
    let sql = json_rows!(
        writes.engine(),
        "INSERT INTO resource_ancestors (account, kind, id, depth, ancestor_kind, ancestor_id) \
         SELECT $1, $2, $3, CAST(value ->> 'depth' AS BIGINT), value ->> 'kind', value ->> 'id' FROM",
        "$4",
        "WHERE true ON CONFLICT DO NOTHING"
    );
    let rows: Vec<_> = (1..)
        .zip(&resource.ancestors)
        .map(|(depth, ancestor)| Ancestor { depth, kind: &ancestor.kind, id: &ancestor.id })
        .collect();
    let rows = encode(&rows)?;
    writes.push(Write::to("resource_ancestors", sql).text(account).text(kind).text(id).text(rows));
    Ok(())
}

/// Deletes the resource. Assignments of it are changes of their own.
pub(crate) fn delete(writes: &mut Writes, account: AccountId, resource: &ResourceRef) {
    let sql = "DELETE FROM resources WHERE account = $1 AND kind = $2 AND id = $3";
    writes.push(Write::to("resources", sql).text(account).text(&resource.kind).text(&resource.id));
}

const ALL: &str = "SELECT kind, id, body FROM resources \
     WHERE account = $1 AND (kind, id) > ($2, $3) ORDER BY kind, id LIMIT $4";
const OF_KIND: &str = "SELECT kind, id, body FROM resources \
     WHERE account = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4";

impl Store {
    /// A page of an account's registered resources, of one type or of all, ascending by type and id.
    ///
    /// `after` is the last resource of the page before, `limit` the most resources of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_resources(
        &self,
        account: AccountId,
        kind: Option<&str>,
        after: Option<&ResourceRef>,
        limit: u32,
    ) -> Result<Page<Resource>, StoreError> {
        let after_id = after.map(|after| after.id.as_str()).unwrap_or_default();
        let (sql, from) = match kind {
            Some(kind) => (OF_KIND, kind),
            None => (ALL, after.map(|after| after.kind.as_str()).unwrap_or_default()),
        };
        let rows: Vec<(String, String, String)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(account.to_string()).bind(from).bind(after_id).bind(rows_for(limit))
                .fetch_all(c).await
        })?;
        Page::of(rows, limit, |row| read(account, row))
    }
}
