//! Account groups. Who and what belongs to one stands on the users and the accounts.

use mandate_domain::group::Group;
use mandate_domain::id::{AccountId, GroupId, UserId};

use crate::error::{StoreError, WriteError};
use crate::json::{decode, decode_column, encode};
use crate::keys::to_pair;
use crate::locks::{Lock, locking};
use crate::tx::{Tx, on_tx};

/// The groups with these two ids, which may be the same.
pub(crate) async fn load(
    tx: &mut Tx,
    first: GroupId,
    second: GroupId,
    lock: Lock,
) -> Result<[Option<Group>; 2], StoreError> {
    let sql = locking!(tx, lock, "SELECT id, body FROM groups WHERE id IN ($1, $2) ORDER BY id");
    let (first, second) = (first.to_string(), second.to_string());
    let rows: Vec<(String, String)> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(&first).bind(&second).fetch_all(c).await)?;
    let mut groups = Vec::with_capacity(rows.len());
    for (id, body) in rows {
        let group = decode("groups", || id.clone(), &body)?;
        groups.push((id, group));
    }
    Ok(to_pair(groups, &first, &second))
}

/// Makes the group this.
pub(crate) async fn put(tx: &mut Tx, group: &Group, version: i64) -> Result<(), WriteError> {
    let sql = "INSERT INTO groups (id, policy, body, version) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (id) DO UPDATE SET policy = excluded.policy, body = excluded.body, \
               version = excluded.version";
    let body = encode(group)?;
    on_tx!(tx, c => {
        sqlx::query(sql).bind(group.id.to_string()).bind(&group.policy).bind(body).bind(version)
            .execute(c).await.map(drop)
    })?;
    Ok(())
}

/// Deletes the group. Its users and accounts are changes of their own.
pub(crate) async fn delete(tx: &mut Tx, group: GroupId) -> Result<(), WriteError> {
    let sql = "DELETE FROM groups WHERE id = $1";
    on_tx!(tx, c => sqlx::query(sql).bind(group.to_string()).execute(c).await.map(drop))?;
    Ok(())
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
