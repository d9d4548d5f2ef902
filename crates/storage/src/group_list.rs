//! Lists about account groups: of a user, their users and accounts, and the accounts that could join.

use mandate_domain::account::Account;
use mandate_domain::group::Group;
use mandate_domain::id::{AccountId, GroupId, UserId};
use mandate_domain::user::User;

use crate::error::StoreError;
use crate::json::{decode, decode_column, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::tx::{on_readers, on_tx};

/// Which groups to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupsOf {
    /// Those the user belongs to.
    User(UserId),
    /// All.
    Everybody,
}

/// A user of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupUser {
    /// The user.
    pub user: User,
    /// The group role held.
    pub role: String,
}

/// An account that a user could put into a group, if nobody were missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The account.
    pub account: Account,
    /// Users of the group who do not hold the role that their place there rests on (PE-06).
    pub missing: Vec<MissingHolder>,
}

/// A user of a group who does not hold in an account what their place in the group rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingHolder {
    /// The user.
    pub user: User,
    /// The account role that is missing.
    pub role: String,
}

/// Accounts that could join, as far as a page got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidates {
    /// The accounts, ascending by id.
    pub items: Vec<Candidate>,
    /// The account behind which the next page begins; `None`: there is none.
    pub next: Option<AccountId>,
}

/// How many of the user's memberships one page looks at. Somebody may own a hundred thousand accounts, all of them in the
/// group already.
const LOOK: i64 = 2_000;

/// Up to which account a page looks.
const BOUND: &str = "SELECT account FROM memberships WHERE user_id = $1 AND account > $2 ORDER BY account LIMIT 1 OFFSET $3 - 1";

/// Accounts of the group's policy, in use and not in the group, that the user is an active direct member of.
const CANDIDATES: &str = "SELECT a.id, a.body FROM memberships m JOIN accounts a ON a.id = m.account \
     WHERE m.user_id = $1 AND m.state = 'active' AND m.account > $2 AND m.account <= $6 \
     AND a.policy = $3 AND a.state = 'active' \
     AND NOT EXISTS (SELECT 1 FROM account_groups g WHERE g.group_id = $4 AND g.account = a.id) \
     ORDER BY m.account LIMIT $5";

/// Users who hold a role in the group and lack an account role in one account.
const MISSING: &str = "SELECT u.id, u.body FROM group_users g JOIN users u ON u.id = g.user_id \
     WHERE g.group_id = $1 AND g.role = $2 AND NOT EXISTS (\
       SELECT 1 FROM member_names n WHERE n.account = $3 AND n.user_id = g.user_id \
       AND n.kind = 'role' AND n.name = $4 AND n.state = 'active') ORDER BY g.user_id";

impl Store {
    /// A page of groups, ascending by id.
    ///
    /// `after` is the last id of the page before, `limit` the most groups of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_groups(
        &self,
        of: GroupsOf,
        after: Option<GroupId>,
        limit: u32,
    ) -> Result<Page<Group>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows: Vec<(String, String)> = match of {
            GroupsOf::Everybody => {
                let sql = "SELECT id, body FROM groups WHERE id > $1 ORDER BY id LIMIT $2";
                on_readers!(self.pools()?, c => {
                    sqlx::query_as(sql).bind(&after).bind(rows_for(limit)).fetch_all(c).await
                })
            }
            GroupsOf::User(user) => {
                let sql = "SELECT id, body FROM groups WHERE id > $1 AND id IN (\
                           SELECT group_id FROM group_users WHERE user_id = $3) ORDER BY id LIMIT $2";
                on_readers!(self.pools()?, c => {
                    sqlx::query_as(sql).bind(&after).bind(rows_for(limit)).bind(user.to_string()).fetch_all(c).await
                })
            }
        }?;
        Page::of(rows, limit, |(id, body)| decode("groups", || id, &body))
    }

    /// A page of a group's users, ascending by id.
    ///
    /// `after` is the last id of the page before, `limit` the most users of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_group_users(
        &self,
        group: GroupId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<GroupUser>, StoreError> {
        let sql = "SELECT u.id, u.body, g.role FROM group_users g JOIN users u ON u.id = g.user_id \
                   WHERE g.group_id = $1 AND g.user_id > $2 ORDER BY g.user_id LIMIT $3";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows: Vec<(String, String, String)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(group.to_string()).bind(&after).bind(rows_for(limit)).fetch_all(c).await
        })?;
        Page::of(rows, limit, |(id, body, role)| Ok(GroupUser { user: decode("users", || id, &body)?, role }))
    }

    /// A page of a group's accounts, ascending by id.
    ///
    /// `after` is the last id of the page before, `limit` the most accounts of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_group_accounts(
        &self,
        group: GroupId,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Page<Account>, StoreError> {
        let sql = "SELECT a.id, a.body FROM account_groups g JOIN accounts a ON a.id = g.account \
                   WHERE g.group_id = $1 AND g.account > $2 ORDER BY g.account LIMIT $3";
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows: Vec<(String, String)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(group.to_string()).bind(&after).bind(rows_for(limit)).fetch_all(c).await
        })?;
        Page::of(rows, limit, |(id, body)| decode("accounts", || id, &body))
    }

    /// A page of the accounts that the user could put into the group, ascending by id, each with those who are
    /// missing (PE-06), all from one snapshot.
    ///
    /// `needed`: pairs of a group role and the account role it rests on. `limit`: the most accounts; there may be fewer, or
    /// none, although another page follows.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_group_candidates(
        &self,
        group: &Group,
        user: UserId,
        needed: &[(String, String)],
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Candidates, StoreError> {
        let (id, after) = (group.id.to_string(), after.map(|id| id.to_string()).unwrap_or_default());
        let user = user.to_string();
        let mut tx = self.pools()?.begin_read().await?;
        let bound: Option<String> = on_tx!(&mut tx, c => {
            sqlx::query_scalar(BOUND).bind(&user).bind(&after).bind(LOOK).fetch_optional(c).await
        })?;
        // No id is greater than a tilde.
        let upto = bound.as_deref().unwrap_or("~");
        let rows: Vec<(String, String)> = on_tx!(&mut tx, c => {
            sqlx::query_as(CANDIDATES).bind(&user).bind(&after).bind(&group.policy).bind(&id)
                .bind(rows_for(limit)).bind(upto).fetch_all(c).await
        })?;
        let accounts = Page::of(rows, limit, |(id, body)| decode::<Account>("accounts", || id, &body))?;
        let mut items = Vec::with_capacity(accounts.items.len());
        for account in accounts.items {
            let mut missing = Vec::new();
            for (seat, role) in needed {
                let rows: Vec<(String, String)> = on_tx!(&mut tx, c => {
                    sqlx::query_as(MISSING).bind(&id).bind(seat).bind(account.id.to_string()).bind(role)
                        .fetch_all(c).await
                })?;
                for (user, body) in rows {
                    missing
                        .push(MissingHolder { user: decode("users", || user, &body)?, role: role.clone() });
                }
            }
            items.push(Candidate { account, missing });
        }
        tx.commit().await?;
        let next = match accounts.more {
            true => items.last().map(|last| last.account.id),
            false => bound
                .map(|id| decode_column("memberships", "account", || id.clone(), &encode(&id)?))
                .transpose()?,
        };
        Ok(Candidates { items, next })
    }
}
