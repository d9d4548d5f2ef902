//! Account groups. Who and what belongs to one stands on the users and the accounts.

use mandate_domain::group::Group;
use mandate_domain::id::{AccountId, GroupId, UserId};

use crate::error::StoreError;
use crate::json::{decode, decode_column, encode};
use crate::statement::Statement;
use crate::tx::{Tx, on_tx};
use crate::writes::{Write, Writes};

/// Goes on with `id` and `body` of the group.
pub(crate) fn find(query: &mut Statement, id: GroupId) {
    query.then("id, body FROM groups WHERE id = ").text(id);
}

/// Reads a row of `id` and `body`.
pub(crate) fn read((id, body): (String, String)) -> Result<Group, StoreError> {
    decode("groups", || id, &body)
}

/// Makes the group this.
pub(crate) fn put(writes: &mut Writes, group: &Group, version: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO groups (id, policy, body, version) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (id) DO UPDATE SET policy = excluded.policy, body = excluded.body, \
               version = excluded.version";
    let body = encode(group)?;
    writes.push(Write::to("groups", sql).text(group.id).text(&group.policy).text(body).number(version));
    Ok(())
}

/// Deletes the group. Its users and accounts are changes of their own.
pub(crate) fn delete(writes: &mut Writes, group: GroupId) {
    writes.push(Write::to("groups", "DELETE FROM groups WHERE id = $1").text(group));
}

/// How many accounts the group contains.
pub(crate) async fn size(tx: &mut Tx, group: GroupId) -> Result<u32, StoreError> {
    let sql = "SELECT COUNT(*) FROM account_groups WHERE group_id = $1";
    let count: i64 = on_tx!(tx, c => sqlx::query_scalar(sql).bind(group.to_string()).fetch_one(c).await)?;
    Ok(u32::try_from(count).unwrap_or(u32::MAX))
}

/// The accounts that the group contains, ascending.
pub(crate) async fn accounts(tx: &mut Tx, group: GroupId) -> Result<Vec<AccountId>, StoreError> {
    let sql = "SELECT account FROM account_groups WHERE group_id = $1 ORDER BY account";
    let rows: Vec<String> =
        on_tx!(tx, c => sqlx::query_scalar(sql).bind(group.to_string()).fetch_all(c).await)?;
    let read =
        |id: &String| decode_column("account_groups", "account", || format!("{group}/{id}"), &encode(id)?);
    rows.iter().map(read).collect()
}

/// The users who belong to the group, ascending.
pub(crate) async fn users(tx: &mut Tx, group: GroupId) -> Result<Vec<UserId>, StoreError> {
    let sql = "SELECT DISTINCT user_id FROM group_users WHERE group_id = $1 ORDER BY user_id";
    let rows: Vec<String> =
        on_tx!(tx, c => sqlx::query_scalar(sql).bind(group.to_string()).fetch_all(c).await)?;
    let read =
        |id: &String| decode_column("group_users", "user_id", || format!("{group}/{id}"), &encode(id)?);
    rows.iter().map(read).collect()
}
