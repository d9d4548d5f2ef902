//! What people are found by: the column `search` of users, contacts and invitations.

use mandate_domain::contact::Contact;
use mandate_domain::invitation::Invitation;
use mandate_domain::search::{Infix, fold, text_of};
use mandate_domain::user::User;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::tx::{Pools, on_readers, on_tx};
use crate::writes::{Write, Writes};

/// How many rows of an older version are completed in one transaction.
const BATCH: i64 = 500;

/// Whoever has a text to be found by.
pub(crate) trait Found {
    /// The text, folded.
    fn text(&self) -> String;
}

impl Found for User {
    fn text(&self) -> String {
        text_of(&self.display_name, &self.email)
    }
}

impl Found for Contact {
    fn text(&self) -> String {
        text_of(&self.display_name, &self.email)
    }
}

impl Found for Invitation {
    fn text(&self) -> String {
        fold(&self.email)
    }
}

/// The pattern of `LIKE $n ESCAPE '\'` that matches the texts which hold the infix.
pub(crate) fn pattern(infix: &Infix) -> String {
    let mut pattern = String::from("%");
    for character in infix.folded().chars() {
        if matches!(character, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern.push('%');
    pattern
}

/// Lets somebody who becomes a member be found.
///
/// INVARIANT: whoever becomes a member holds the user, so that nobody changes their name meanwhile.
pub(crate) fn add_member(writes: &mut Writes, account: &str, id: &str, user: Option<&User>) {
    let write = match user {
        Some(user) => {
            let sql = "INSERT INTO member_search (account, user_id, text) VALUES ($1, $2, $3) \
                       ON CONFLICT (account, user_id) DO NOTHING";
            Write::to("member_search", sql).text(account).text(id).text(user.text())
        }
        None => {
            let sql = "INSERT INTO member_search (account, user_id, text) \
                       SELECT $1, id, search FROM users WHERE id = $2 ON CONFLICT (account, user_id) DO NOTHING";
            Write::to("member_search", sql).text(account).text(id).reading(&["users"])
        }
    };
    writes.push(write.of_its_own());
}

/// Lets a user be found in every account by what they are called now.
pub(crate) fn rename_member(writes: &mut Writes, user: &User) {
    let sql = "UPDATE member_search SET text = $2 WHERE user_id = $1";
    writes.push(Write::to("member_search", sql).text(user.id).text(user.text()));
}

/// A row to complete.
#[derive(Serialize)]
struct Row {
    account: String,
    id: String,
    text: String,
}

/// Completes the rows of one table, whose `body` is a `$fact`. `$account` is the first column of its key, if that is
/// not the id alone; `$behind` holds for what comes behind the account $1 and the id $2.
macro_rules! complete {
    ($pools:expr, $table:literal, $fact:ty, $account:literal, $behind:literal) => {{
        let select = concat!(
            "SELECT ",
            $account,
            ", id, body FROM ",
            $table,
            " WHERE search IS NULL AND ",
            $behind,
            " ORDER BY 1, id LIMIT $3"
        );
        let mut after = (String::new(), String::new());
        loop {
            let rows = read::<$fact>($pools, $table, select, &after).await?;
            let Some(last) = rows.last() else { break };
            after = (last.account.clone(), last.id.clone());
            update!($pools, $table, $account, encode(&rows)?);
        }
    }};
}

macro_rules! update {
    ($pools:expr, $table:literal, $account:literal, $rows:expr) => {{
        let (sqlite, postgres) = (
            update!(@ $table, $account, "json_each($1)"),
            update!(@ $table, $account, "json_array_elements($1::json) AS rows (value)"),
        );
        let (mut tx, rows) = ($pools.begin_write().await?, $rows);
        let sql = if $pools.writes_alone() { sqlite } else { postgres };
        on_tx!(&mut tx, c => sqlx::query(sql).bind(rows).execute(c).await.map(drop))?;
        tx.commit().await?;
    }};
    (@ $table:literal, $account:literal, $rows:literal) => {
        concat!(
            "UPDATE ", $table, " SET search = value ->> 'text' FROM ", $rows,
            " WHERE ", $table, ".id = value ->> 'id' AND ", $account, " = value ->> 'account' AND search IS NULL"
        )
    };
}

async fn read<T: Found + DeserializeOwned>(
    pools: &Pools,
    table: &'static str,
    sql: &'static str,
    (account, id): &(String, String),
) -> Result<Vec<Row>, StoreError> {
    let rows: Vec<(String, String, String)> = on_readers!(pools, c => {
        sqlx::query_as(sql).bind(account).bind(id).bind(BATCH).fetch_all(c).await
    })?;
    let row = |(account, id, body): (String, String, String)| {
        let fact: T = decode(table, || id.clone(), &body)?;
        Ok(Row { text: fact.text(), account, id })
    };
    rows.into_iter().map(row).collect()
}

/// Completes what memberships are found by, from what users are found by.
async fn complete_members(pools: &Pools) -> Result<(), StoreError> {
    let next = "SELECT account, user_id FROM memberships WHERE (account, user_id) > ($1, $2) \
                ORDER BY account, user_id LIMIT $3";
    let copy = "INSERT INTO member_search (account, user_id, text) \
                SELECT m.account, m.user_id, u.search FROM memberships m JOIN users u ON u.id = m.user_id \
                WHERE (m.account, m.user_id) > ($1, $2) AND (m.account, m.user_id) <= ($3, $4) \
                ON CONFLICT (account, user_id) DO NOTHING";
    let mut after = (String::new(), String::new());
    loop {
        let batch: Vec<(String, String)> = on_readers!(pools, c => {
            sqlx::query_as(next).bind(&after.0).bind(&after.1).bind(BATCH).fetch_all(c).await
        })?;
        let Some(last) = batch.into_iter().next_back() else { return Ok(()) };
        let mut tx = pools.begin_write().await?;
        on_tx!(&mut tx, c => {
            sqlx::query(copy).bind(&after.0).bind(&after.1).bind(&last.0).bind(&last.1).execute(c).await.map(drop)
        })?;
        tx.commit().await?;
        after = last;
    }
}

/// Completes, once, what an older version wrote without this column.
pub(crate) async fn complete(pools: &Pools) -> Result<(), StoreError> {
    let sql = "SELECT value FROM meta WHERE name = 'search'";
    let state: Option<String> = on_readers!(pools, c => sqlx::query_scalar(sql).fetch_optional(c).await)?;
    if state.as_deref() != Some("incomplete") {
        return Ok(());
    }
    complete!(pools, "users", User, "''", "$1 = '' AND id > $2");
    complete!(pools, "contacts", Contact, "account", "(account, id) > ($1, $2)");
    complete!(pools, "invitations", Invitation, "''", "$1 = '' AND id > $2");
    complete_members(pools).await?;
    let sql = "UPDATE meta SET value = 'complete' WHERE name = 'search'";
    let mut tx = pools.begin_write().await?;
    on_tx!(&mut tx, c => sqlx::query(sql).execute(c).await.map(drop))?;
    tx.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_of_an_infix_is_ordinary() {
        let pattern = |text| pattern(&Infix::new(text).unwrap());
        assert_eq!(pattern("50%"), r"%50\%%");
        assert_eq!(pattern(r"A_b\"), r"%a\_b\\%");
    }
}
