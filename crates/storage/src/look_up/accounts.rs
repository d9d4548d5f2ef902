//! In which accounts somebody may do something.

use mandate_domain::account::Account;
use mandate_domain::candidates::Sources;
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::membership::Membership;
use mandate_domain::user::User;
use serde::Serialize;

use super::{Range, Reading};
use crate::error::StoreError;
use crate::json::{decode, decode_column, encode};
use crate::statement::Statement;
use crate::tx::{json_rows, on_tx};

/// Where the accounts are to be found in which a user may do something.
#[derive(Debug, Clone, Copy)]
pub struct Held<'a> {
    /// The user.
    pub user: &'a User,
    /// The permission, which may have been granted.
    pub permission: &'a str,
    /// The roles that hold it, of whichever policy.
    pub sources: &'a Sources<'a>,
}

/// What the question about one account is decided on, beside the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountRecords {
    /// Which account.
    pub id: AccountId,
    /// The account.
    pub account: Option<Account>,
    /// The user's membership in it.
    pub membership: Option<Membership>,
}

/// One place where they are found.
enum Place<'a> {
    /// Accounts in which the user holds a role, or was granted a permission.
    Name(UserId, &'static str, &'a str),
    /// Accounts of a group.
    Group(GroupId),
}

impl Range for Place<'_> {
    fn query(&self, page: &mut Statement, after: &str, rows: i64) {
        match self {
            Self::Name(user, kind, name) => {
                page.then("SELECT n.account AS k FROM member_names n WHERE n.user_id = ").text(user);
                page.then(" AND n.kind = ").text(kind).then(" AND n.name = ").text(name);
                page.then(" AND n.account > ").text(after).then(" ORDER BY n.account LIMIT ").number(rows);
            }
            Self::Group(group) => {
                page.then("SELECT g.account AS k FROM account_groups g WHERE g.group_id = ").text(group);
                page.then(" AND g.account > ").text(after).then(" ORDER BY g.account LIMIT ").number(rows);
            }
        }
    }
}

impl<'a> Held<'a> {
    fn places(&self) -> Vec<Place<'a>> {
        let Self { user, permission, sources } = *self;
        let roles = sources.roles.iter().map(|role| Place::Name(user.id, "role", role));
        let grant = [Place::Name(user.id, "grant", permission)];
        let seats = user.seats.iter().filter(|seat| sources.group_roles.contains(seat.role.as_str()));
        roles.chain(grant).chain(seats.map(|seat| Place::Group(seat.group))).collect()
    }
}

#[derive(Serialize)]
struct Asked {
    id: String,
}

impl Reading {
    /// The first accounts behind this one in which the user may hold something, ascending: at most so many.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn held(
        &mut self,
        held: &Held<'_>,
        after: Option<AccountId>,
        rows: usize,
    ) -> Result<Vec<AccountId>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let found = self.first_of(&held.places(), &after, rows).await?;
        let read = |id: String| {
            decode_column("member_names", "account", || format!("{id}/{}", held.user.id), &encode(&id)?)
        };
        found.into_iter().map(read).collect()
    }

    /// What the question about each of these accounts is decided on, ascending by account.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn accounts(
        &mut self,
        user: UserId,
        accounts: &[AccountId],
    ) -> Result<Vec<AccountRecords>, StoreError> {
        let sql = json_rows!(
            self.0.engine(),
            "SELECT value ->> 'id', (SELECT a.body FROM accounts a WHERE a.id = (value ->> 'id')), \
             (SELECT m.body FROM memberships m WHERE m.account = (value ->> 'id') AND m.user_id = $1) FROM",
            "$2",
            ""
        );
        let asked: Vec<Asked> = accounts.iter().map(|id| Asked { id: id.to_string() }).collect();
        let asked = encode(&asked)?;
        let rows: Vec<(String, Option<String>, Option<String>)> = on_tx!(&mut self.0, c => {
            sqlx::query_as(sql).bind(user.to_string()).bind(asked).fetch_all(c).await
        })?;
        let mut found = Vec::with_capacity(rows.len());
        for (key, account, membership) in rows {
            let id = decode_column("accounts", "id", || key.clone(), &encode(&key)?)?;
            let account = account.map(|body| decode("accounts", || key.clone(), &body)).transpose()?;
            let membership = membership
                .map(|body| decode("memberships", || format!("{key}/{user}"), &body))
                .transpose()?;
            found.push(AccountRecords { id, account, membership });
        }
        found.sort_by_key(|records| records.id);
        Ok(found)
    }
}
