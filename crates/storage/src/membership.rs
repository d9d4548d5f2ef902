//! Memberships, and the names (roles, grants, restrictions) that members hold.

use std::collections::BTreeMap;

use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::membership::Membership;
use mandate_domain::records::Records;
use mandate_domain::user::User;
use serde::Serialize;

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::search;
use crate::statement::Statement;
use crate::tx::{Tx, json_rows, on_tx};
use crate::writes::{Write, Writes};

/// Goes on with `user_id` and `body` of the membership.
pub(crate) fn find(query: &mut Statement, account: AccountId, user: UserId) {
    query.then("user_id, body FROM memberships WHERE account = ").text(account);
    query.then(" AND user_id = ").text(user);
}

/// Reads a row of `user_id` and `body`.
pub(crate) fn read_in(account: AccountId, (user, body): (String, String)) -> Result<Membership, StoreError> {
    decode("memberships", || format!("{account}/{user}"), &body)
}

/// The user's memberships in accounts of the group that hold one of these account roles, ascending by account.
///
/// It begins with the user's roles, whose index skips all others: neither the group's accounts nor what the user
/// holds besides is walked. SQLite joins in the order written where it says CROSS JOIN; PostgreSQL sees that few rows
/// are to be expected only where it compares with one name at a time.
pub(crate) async fn in_group(
    tx: &mut Tx,
    group: GroupId,
    user: UserId,
    roles: &[String],
) -> Result<Vec<Membership>, StoreError> {
    let sql = "SELECT m.account, m.body FROM member_names n CROSS JOIN account_groups g CROSS JOIN memberships m \
               WHERE n.user_id = $2 AND n.kind = 'role' AND n.name = $3 AND g.group_id = $1 \
               AND g.account = n.account AND m.account = n.account AND m.user_id = n.user_id";
    let mut found = BTreeMap::new();
    for role in roles {
        let rows: Vec<(String, String)> = on_tx!(tx, c => {
            sqlx::query_as(sql).bind(group.to_string()).bind(user.to_string()).bind(role).fetch_all(c).await
        })?;
        found.extend(rows);
    }
    let read =
        |(account, body): (&String, &String)| decode("memberships", || format!("{account}/{user}"), body);
    found.iter().map(read).collect()
}

/// The memberships of the group's users in one account, ascending by user.
pub(crate) async fn of_group(
    tx: &mut Tx,
    group: GroupId,
    account: AccountId,
) -> Result<Vec<Membership>, StoreError> {
    let sql = "SELECT m.account, m.user_id, m.body FROM memberships m WHERE m.account = $2 \
               AND EXISTS (SELECT 1 FROM group_users u WHERE u.group_id = $1 AND u.user_id = m.user_id) \
               ORDER BY m.user_id";
    let rows: Vec<(String, String, String)> = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(group.to_string()).bind(account.to_string()).fetch_all(c).await
    })?;
    rows.iter().map(read).collect()
}

/// The memberships of the group's users in accounts of the group, ascending by account and user.
pub(crate) async fn through_group(tx: &mut Tx, group: GroupId) -> Result<Vec<Membership>, StoreError> {
    let sql = "SELECT m.account, m.user_id, m.body FROM memberships m \
               JOIN account_groups g ON g.account = m.account AND g.group_id = $1 \
               WHERE EXISTS (SELECT 1 FROM group_users u WHERE u.group_id = $1 AND u.user_id = m.user_id) \
               ORDER BY m.account, m.user_id";
    let rows: Vec<(String, String, String)> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(group.to_string()).fetch_all(c).await)?;
    rows.iter().map(read).collect()
}

fn read((account, user, body): &(String, String, String)) -> Result<Membership, StoreError> {
    decode("memberships", || format!("{account}/{user}"), body)
}

/// Every membership of the user, ascending by account.
pub(crate) async fn of(tx: &mut Tx, user: UserId) -> Result<Vec<Membership>, StoreError> {
    let sql = "SELECT account, body FROM memberships WHERE user_id = $1 ORDER BY account";
    let rows: Vec<(String, String)> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(user.to_string()).fetch_all(c).await)?;
    rows.iter().map(|(account, body)| decode("memberships", || format!("{account}/{user}"), body)).collect()
}

/// One row of `member_names` beside its account, user and state.
#[derive(Serialize)]
struct Name<'a> {
    kind: &'static str,
    name: &'a str,
}

fn names(membership: &Membership) -> Vec<Name<'_>> {
    [("role", &membership.roles), ("grant", &membership.grants), ("restriction", &membership.restrictions)]
        .into_iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| Name { kind, name }))
        .collect()
}

/// Makes the membership this. `called` is the user, if it is known what they are called.
pub(crate) fn put(
    writes: &mut Writes,
    membership: &Membership,
    version: i64,
    (records, called): (&Records, Option<&User>),
) -> Result<(), StoreError> {
    let sql = "INSERT INTO memberships (account, user_id, state, body, version) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (account, user_id) DO UPDATE SET state = excluded.state, body = excluded.body, \
               version = excluded.version";
    let (account, user) = (membership.account.to_string(), membership.user.to_string());
    let state = membership.state.name();
    let body = encode(membership)?;
    let write = Write::to("memberships", sql).text(&account).text(&user).text(state);
    writes.push(write.text(body).number(version).of_its_own());
    if !matches!(records.membership(membership.account, membership.user), Ok(Some(_))) {
        search::add_member(writes, &account, &user, called);
    }
    // INVARIANT: `member_names` says what `memberships` says; holders are counted from it.
    if !matches!(records.membership(membership.account, membership.user), Ok(None)) {
        let sql = "DELETE FROM member_names WHERE account = $1 AND user_id = $2";
        writes.push(Write::to("member_names", sql).text(&account).text(&user));
    }
    let sql = json_rows!(
        writes.engine(),
        "INSERT INTO member_names (account, user_id, kind, name, state) \
         SELECT $1, $2, value ->> 'kind', value ->> 'name', $3 FROM",
        "$4",
        ""
    );
    let rows = encode(&names(membership))?;
    let write = Write::to("member_names", sql).text(account).text(user).text(state).text(rows);
    writes.push(write.of_its_own());
    Ok(())
}

/// Ends the membership; its names go with it. Assignments are changes of their own.
pub(crate) fn end(writes: &mut Writes, account: AccountId, user: UserId) {
    let sql = "DELETE FROM memberships WHERE account = $1 AND user_id = $2";
    writes.push(Write::to("memberships", sql).text(account).text(user));
}
