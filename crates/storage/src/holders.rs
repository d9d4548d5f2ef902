//! How many hold a role, counted from the index tables.

use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::records::HolderCount;
use mandate_domain::resource::ResourceRef;
use mandate_domain::user::User;

use crate::error::StoreError;
use crate::json::{decode, decode_column, encode};
use crate::tx::{Tx, on_tx};

/// Members who hold an account role, and in the total those who are invited to it at that time. Suspended users hold
/// nothing actively.
pub(crate) async fn in_account(
    tx: &mut Tx,
    account: AccountId,
    role: &str,
    now: i64,
) -> Result<HolderCount, StoreError> {
    let sql = "SELECT COUNT(*) FILTER (WHERE n.state = 'active' AND u.state = 'active'), COUNT(*) + (\
               SELECT COUNT(*) FROM invitation_roles WHERE account = $1 AND name = $2 AND counts_until > $3) \
               FROM member_names n JOIN users u ON u.id = n.user_id \
               WHERE n.account = $1 AND n.kind = 'role' AND n.name = $2";
    let row = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(role).bind(now).fetch_one(c).await
    })?;
    Ok(count(row))
}

/// The active users among the active members who hold an account role, ascending.
pub(crate) async fn active(tx: &mut Tx, account: AccountId, role: &str) -> Result<Vec<User>, StoreError> {
    let sql = "SELECT u.id, u.body FROM member_names n JOIN users u ON u.id = n.user_id \
               WHERE n.account = $1 AND n.kind = 'role' AND n.name = $2 AND n.state = 'active' \
               AND u.state = 'active' ORDER BY u.id";
    let rows: Vec<(String, String)> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(account.to_string()).bind(role).fetch_all(c).await)?;
    rows.iter().map(|(id, body)| decode("users", || id.clone(), body)).collect()
}

/// Members who hold a role of one resource; whether they are active their membership and the user say.
pub(crate) async fn on_resource(
    tx: &mut Tx,
    account: AccountId,
    resource: &ResourceRef,
    role: &str,
) -> Result<HolderCount, StoreError> {
    let sql = "SELECT COUNT(*) FILTER (WHERE m.state = 'active' AND u.state = 'active'), COUNT(*) FROM assignment_names n \
               JOIN memberships m ON m.account = n.account AND m.user_id = n.user_id \
               JOIN users u ON u.id = n.user_id \
               WHERE n.account = $1 AND n.kind = $2 AND n.id = $3 AND n.what = 'role' AND n.name = $4";
    let row = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(account.to_string()).bind(&resource.kind).bind(&resource.id).bind(role)
            .fetch_one(c).await
    })?;
    Ok(count(row))
}

/// Users who hold a role of one group.
pub(crate) async fn in_group(tx: &mut Tx, group: GroupId, role: &str) -> Result<HolderCount, StoreError> {
    let sql = "SELECT COUNT(*) FILTER (WHERE u.state = 'active'), COUNT(*) FROM group_users g \
               JOIN users u ON u.id = g.user_id WHERE g.group_id = $1 AND g.role = $2";
    let row = on_tx!(tx, c => sqlx::query_as(sql).bind(group.to_string()).bind(role).fetch_one(c).await)?;
    Ok(count(row))
}

/// The first 20 accounts of the group, ascending, in which the user does not actively hold the account role.
pub(crate) async fn accounts_not_held(
    tx: &mut Tx,
    group: GroupId,
    user: UserId,
    role: &str,
) -> Result<Vec<AccountId>, StoreError> {
    let sql = "SELECT g.account FROM account_groups g WHERE g.group_id = $1 AND NOT EXISTS (\
               SELECT 1 FROM member_names n WHERE n.account = g.account AND n.user_id = $2 \
               AND n.kind = 'role' AND n.name = $3 AND n.state = 'active') ORDER BY g.account LIMIT 20";
    let rows: Vec<String> = on_tx!(tx, c => {
        sqlx::query_scalar(sql).bind(group.to_string()).bind(user.to_string()).bind(role).fetch_all(c).await
    })?;
    let read =
        |id: &String| decode_column("account_groups", "account", || format!("{group}/{id}"), &encode(id)?);
    rows.iter().map(read).collect()
}

/// Users who hold a role in the group and do not actively hold the account role in the account, ascending.
pub(crate) async fn users_not_holding(
    tx: &mut Tx,
    group: GroupId,
    seat: &str,
    account: AccountId,
    role: &str,
) -> Result<Vec<UserId>, StoreError> {
    let sql = "SELECT g.user_id FROM group_users g WHERE g.group_id = $1 AND g.role = $2 AND NOT EXISTS (\
               SELECT 1 FROM member_names n WHERE n.account = $3 AND n.user_id = g.user_id \
               AND n.kind = 'role' AND n.name = $4 AND n.state = 'active') ORDER BY g.user_id";
    let rows: Vec<String> = on_tx!(tx, c => {
        sqlx::query_scalar(sql).bind(group.to_string()).bind(seat).bind(account.to_string()).bind(role)
            .fetch_all(c).await
    })?;
    let read =
        |id: &String| decode_column("group_users", "user_id", || format!("{group}/{id}"), &encode(id)?);
    rows.iter().map(read).collect()
}

fn count((active, total): (i64, i64)) -> HolderCount {
    let clamp = |count| u32::try_from(count).unwrap_or(u32::MAX);
    HolderCount { active: clamp(active), total: clamp(total) }
}
