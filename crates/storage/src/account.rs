//! Accounts, and which groups contain them.

use mandate_domain::account::{Account, AccountState};
use mandate_domain::id::{AccountId, UserId};
use mandate_domain::records::Records;

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::list::{Page, rows_for};
use crate::open::Store;
use crate::statement::Statement;
use crate::tx::{json_rows, on_readers};
use crate::writes::{Write, Writes};

/// Goes on with `id` and `body` of the account.
pub(crate) fn find(query: &mut Statement, id: AccountId) {
    query.then("id, body FROM accounts WHERE id = ").text(id);
}

/// Reads a row of `id` and `body`.
pub(crate) fn read((id, body): (String, String)) -> Result<Account, StoreError> {
    decode("accounts", || id, &body)
}

/// Makes the account this.
pub(crate) fn put(
    writes: &mut Writes,
    account: &Account,
    version: i64,
    records: &Records,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO accounts (id, policy, state, body, version) VALUES ($1, $2, $3, $4, $5) \
               ON CONFLICT (id) DO UPDATE SET policy = excluded.policy, state = excluded.state, \
               body = excluded.body, version = excluded.version";
    let id = account.id.to_string();
    let body = encode(account)?;
    let write = Write::to("accounts", sql).text(&id).text(&account.policy).text(state_name(account.state));
    writes.push(write.text(body).number(version));
    let before = records.account(account.id).ok().flatten();
    if before.map_or(!account.groups.is_empty(), |before| before.groups != account.groups) {
        put_groups(writes, &id, account)?;
    }
    Ok(())
}

fn put_groups(writes: &mut Writes, id: &str, account: &Account) -> Result<(), StoreError> {
    let sql = "DELETE FROM account_groups WHERE account = $1";
    writes.push(Write::to("account_groups", sql).text(id));
    let sql = json_rows!(
        writes.engine(),
        "INSERT INTO account_groups (group_id, account) SELECT value ->> 'group', $1 FROM",
        "$2",
        ""
    );
    let rows: Vec<_> = account.groups.iter().map(|group| serde_json::json!({ "group": group })).collect();
    writes.push(Write::to("account_groups", sql).text(id).text(encode(&rows)?));
    Ok(())
}

fn state_name(state: AccountState) -> &'static str {
    match state {
        AccountState::Active => "active",
        AccountState::Suspended => "suspended",
        AccountState::Deleted => "deleted",
    }
}

/// Which accounts to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccountsOf {
    /// Those the user has a membership in, whatever its state, or belongs to through a group.
    User(UserId),
    /// All.
    Everybody,
}

const OF_EVERYBODY: &str = "SELECT id, body FROM accounts WHERE id > $1 ORDER BY id LIMIT $2";

/// Each half is cut to a page before they are merged, and each group to the accounts up to the last one that may be on
/// the page, so that no page reads more than one of memberships and one of each group, however many accounts that has.
const OF_USER: &str = "SELECT a.id, a.body FROM (\
     SELECT account FROM (\
       SELECT account FROM memberships WHERE user_id = $3 AND account > $1 ORDER BY account LIMIT $2) AS direct \
     UNION SELECT account FROM (\
       SELECT DISTINCT g.account FROM group_users u JOIN account_groups g ON g.group_id = u.group_id \
       WHERE u.user_id = $3 AND g.account > $1 AND g.account <= COALESCE((\
         SELECT h.account FROM account_groups h WHERE h.group_id = u.group_id AND h.account > $1 \
         ORDER BY h.account LIMIT 1 OFFSET $2 - 1), '~') ORDER BY g.account LIMIT $2) AS through_groups) AS mine \
     JOIN accounts a ON a.id = mine.account ORDER BY a.id LIMIT $2";

impl Store {
    /// A page of accounts, suspended and deleted ones included, ascending by id.
    ///
    /// `after` is the last id of the page before, `limit` the most accounts of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read.
    pub async fn list_accounts(
        &self,
        of: AccountsOf,
        after: Option<AccountId>,
        limit: u32,
    ) -> Result<Page<Account>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let rows: Vec<(String, String)> = match of {
            AccountsOf::Everybody => on_readers!(self.pools()?, c => {
                sqlx::query_as(OF_EVERYBODY).bind(&after).bind(rows_for(limit)).fetch_all(c).await
            }),
            AccountsOf::User(user) => on_readers!(self.pools()?, c => {
                sqlx::query_as(OF_USER).bind(&after).bind(rows_for(limit)).bind(user.to_string()).fetch_all(c).await
            }),
        }?;
        Page::of(rows, limit, read)
    }
}
