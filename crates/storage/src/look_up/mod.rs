//! Look-ups: who may do something, to what, in which accounts. Here are those who come into question, page by page, with the
//! facts that each is decided on, all of one snapshot. Nothing here decides.
//!
//! INVARIANT: what a page reads is a range of an index for each place that a permission can come from, none longer than
//! the page: how long it takes depends neither on how many there are in the account nor on how many are passed over.

mod accounts;
mod members;
mod resources;

use std::collections::BTreeSet;

use mandate_domain::contact::Contact;
use mandate_domain::id::{AccountId, ContactId, UserId};
use mandate_domain::resource::{Assignment, ResourceRef};
use serde::Serialize;

use crate::contact;
use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::open::Store;
use crate::question::{QuestionRecords, question_in};
use crate::statement::Statement;
use crate::tx::{Tx, json_rows, on_tx};

pub use self::accounts::{AccountRecords, Held};
pub use self::members::{Holders, MemberRecords};
pub use self::resources::{Places, ResourceRecords, Walked, Way};

/// Several reads of one moment. Dropping it ends it.
pub struct Reading(pub(crate) Tx);

/// How many ranges one statement merges.
const MERGED: usize = 40;

/// A range of an index, by the column that pages go by.
trait Range {
    /// The query of it: a column `k`, ascending, behind this key, at most so many rows.
    fn query(&self, page: &mut Statement, after: &str, rows: i64);
}

/// One row of what is asked for beside many others.
#[derive(Serialize)]
struct At {
    user: String,
    kind: String,
    id: String,
}

impl Store {
    /// Begins to read: whatever is read is of the moment of the first of it.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn reading(&self) -> Result<Reading, StoreError> {
        Ok(Reading(self.pools()?.begin_read().await?))
    }
}

impl Reading {
    /// What a question is decided on, and where the moment stands. As [`Store::read_question`].
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn question(
        &mut self,
        account: AccountId,
        user: UserId,
        resource: Option<&ResourceRef>,
    ) -> Result<QuestionRecords, StoreError> {
        question_in(&mut self.0, account, user, resource).await
    }

    /// The contact of an account.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or the row is corrupt.
    pub async fn contact(
        &mut self,
        account: AccountId,
        id: ContactId,
    ) -> Result<Option<Contact>, StoreError> {
        contact::load(&mut self.0, account, id).await
    }

    /// Ends it.
    ///
    /// # Errors
    /// [`StoreError`] when the database went away meanwhile.
    pub async fn end(self) -> Result<(), StoreError> {
        Ok(self.0.commit().await?)
    }

    /// The first keys of these ranges behind this one, each once, ascending: at most so many.
    async fn first_of(
        &mut self,
        ranges: &[impl Range],
        after: &str,
        rows: usize,
    ) -> Result<Vec<String>, StoreError> {
        let limit = i64::try_from(rows).unwrap_or(i64::MAX);
        let mut keys = BTreeSet::new();
        for some in ranges.chunks(MERGED) {
            let mut page = Statement::default();
            for (index, range) in some.iter().enumerate() {
                // SQLite has no parentheses around a query that is part of a UNION.
                page.then(if index == 0 { "SELECT k FROM (" } else { ") r UNION SELECT k FROM (" });
                range.query(&mut page, after, limit);
            }
            page.then(") r ORDER BY k LIMIT ").number(limit);
            let found: Vec<(String,)> = page.rows_in(&mut self.0).await?;
            keys.extend(found.into_iter().map(|(key,)| key));
        }
        Ok(keys.into_iter().take(rows).collect())
    }

    /// The assignments of these resources to these users, as far as there are any.
    async fn assignments(
        &mut self,
        account: AccountId,
        of: &[(UserId, &ResourceRef)],
    ) -> Result<Vec<Assignment>, StoreError> {
        let row = |(user, resource): &(UserId, &ResourceRef)| At {
            user: user.to_string(),
            kind: resource.kind.clone(),
            id: resource.id.clone(),
        };
        let asked: Vec<At> = of.iter().map(row).collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let sql = json_rows!(
            self.0.engine(),
            "SELECT value ->> 'user', (SELECT a.body FROM assignments a WHERE a.account = $1 \
             AND a.user_id = (value ->> 'user') AND a.kind = (value ->> 'kind') AND a.id = (value ->> 'id')) FROM",
            "$2",
            ""
        );
        let asked = encode(&asked)?;
        let rows: Vec<(String, Option<String>)> = on_tx!(&mut self.0, c => {
            sqlx::query_as(sql).bind(account.to_string()).bind(asked).fetch_all(c).await
        })?;
        let read = |(user, body): (String, Option<String>)| {
            Some(decode("assignments", || format!("{account}/{user}"), &body?))
        };
        rows.into_iter().filter_map(read).collect()
    }
}
