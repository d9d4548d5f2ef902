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
            " WHERE id = value ->> 'id' AND ", $account, " = value ->> 'account' AND search IS NULL"
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
