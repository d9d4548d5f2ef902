//! Everybody whom a policy governs, page by page, with what their permissions rest on: for telling what another version
//! of it would do to them. What is assigned to each, or was created by them, is read as for a look-up.
//!
//! INVARIANT: a page looks at no more people than it is told to, and at no more than 64 accounts, however many there are.

use std::collections::BTreeMap;

use mandate_domain::account::Account;
use mandate_domain::contact::Contact;
use mandate_domain::effects::Subject;
use mandate_domain::id::AccountId;
use mandate_domain::membership::Membership;
use mandate_domain::user::User;
use serde::{Deserialize, Serialize};

use crate::assignment::Carried;
use crate::error::StoreError;
use crate::json::decode;
use crate::look_up::Reading;
use crate::tx::{Tx, on_tx};

/// Most accounts of a page.
const ACCOUNTS: i64 = 64;

/// Behind whom a page begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceIn {
    /// The account.
    pub account: AccountId,
    /// The id of the last one of it that was looked at; empty: nobody was yet.
    pub after: String,
}

/// What somebody's permissions in an account rest on.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Who.
    pub subject: Subject,
    /// The user, unless it is a contact.
    pub user: Option<User>,
    /// The membership; a user without one is here through a group.
    pub membership: Option<Membership>,
    /// The contact, if it is one.
    pub contact: Option<Contact>,
    /// What the assignments carry, by resource type.
    pub carried: BTreeMap<String, Carried>,
}

/// One page: people of accounts, both ascending by id.
#[derive(Debug)]
pub struct PolicyMembers {
    /// The accounts, each with some of its people.
    pub accounts: Vec<(Account, Vec<Profile>)>,
    /// Behind whom the next page begins; `None`: there is none.
    pub next: Option<PlaceIn>,
}

/// Contacts and users of an account behind an id. Ids of contacts come before those of users.
const PEOPLE: &str = "\
    SELECT 'contact' AS what, id AS k, body, NULL AS own FROM (\
      SELECT id, body FROM contacts WHERE account = $1 AND id > $2 ORDER BY id LIMIT $3) c \
    UNION ALL SELECT 'user', p.k, u.body, m.body FROM (\
      SELECT k FROM (\
        SELECT user_id AS k FROM memberships WHERE account = $1 AND user_id > $2 ORDER BY user_id LIMIT $3) a \
      UNION SELECT k FROM (\
        SELECT DISTINCT g.user_id AS k FROM account_groups a JOIN group_users g ON g.group_id = a.group_id \
        WHERE a.account = $1 AND g.user_id > $2 ORDER BY g.user_id LIMIT $3) b) p \
    JOIN users u ON u.id = p.k LEFT JOIN memberships m ON m.account = $1 AND m.user_id = p.k \
    ORDER BY k LIMIT $3";

/// What assignments of these people carry.
const CARRIED: &str = "SELECT DISTINCT user_id, kind, what, name FROM assignment_names \
    WHERE account = $1 AND user_id >= $2 AND user_id <= $3";

impl Reading {
    /// The next people whom a policy governs, at most so many.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn policy_members(
        &mut self,
        policy: &str,
        from: Option<&PlaceIn>,
        limit: u32,
    ) -> Result<PolicyMembers, StoreError> {
        let tx = &mut self.0;
        let (first, mut after) = match from {
            Some(PlaceIn { account, after }) => (account.to_string(), after.clone()),
            None => (String::new(), String::new()),
        };
        let sql = "SELECT id, body FROM accounts WHERE policy = $1 AND id >= $2 ORDER BY id LIMIT $3";
        let rows: Vec<(String, String)> = on_tx!(&mut *tx, c => {
            sqlx::query_as(sql).bind(policy).bind(&first).bind(ACCOUNTS + 1).fetch_all(c).await
        })?;
        let most = usize::try_from(ACCOUNTS).unwrap_or(usize::MAX);
        let (mut accounts, mut left, mut next) = (Vec::new(), i64::from(limit), None);
        for (index, (id, body)) in rows.into_iter().enumerate() {
            let account: Account = decode("accounts", || id.clone(), &body)?;
            if left == 0 || index == most {
                next = Some(PlaceIn { account: account.id, after: String::new() });
                break;
            }
            // Another account than the one that the page before ended in has its first people before it.
            let behind = if id == first { std::mem::take(&mut after) } else { String::new() };
            let mut people = people(tx, &id, &behind, left + 1).await?;
            let full = people.len() > usize::try_from(left).unwrap_or(usize::MAX);
            if full {
                people.pop();
            }
            left -= i64::try_from(people.len()).unwrap_or(left);
            let last = people.last().map(|profile| profile.subject.to_string());
            if !people.is_empty() {
                accounts.push((account.clone(), people));
            }
            if full {
                next = Some(PlaceIn { account: account.id, after: last.unwrap_or(behind) });
                break;
            }
        }
        Ok(PolicyMembers { accounts, next })
    }
}

async fn people(tx: &mut Tx, account: &str, after: &str, limit: i64) -> Result<Vec<Profile>, StoreError> {
    let rows: Vec<(String, String, String, Option<String>)> = on_tx!(tx, c => {
        sqlx::query_as(PEOPLE).bind(account).bind(after).bind(limit).fetch_all(c).await
    })?;
    let users: Vec<&String> = rows.iter().filter(|row| row.0 == "user").map(|row| &row.1).collect();
    let mut carried = match (users.first(), users.last()) {
        (Some(first), Some(last)) => carried(tx, account, first, last).await?,
        _ => BTreeMap::new(),
    };
    let mut people = Vec::with_capacity(rows.len());
    for (what, id, body, own) in rows {
        let key = || format!("{account}/{id}");
        people.push(if what == "contact" {
            let contact: Contact = decode("contacts", key, &body)?;
            Profile {
                subject: Subject::Contact(contact.id),
                user: None,
                membership: None,
                contact: Some(contact),
                carried: BTreeMap::new(),
            }
        } else {
            let user: User = decode("users", || id.clone(), &body)?;
            Profile {
                subject: Subject::User(user.id),
                membership: own.map(|own| decode("memberships", key, &own)).transpose()?,
                user: Some(user),
                contact: None,
                carried: carried.remove(&id).unwrap_or_default(),
            }
        });
    }
    Ok(people)
}

async fn carried(
    tx: &mut Tx,
    account: &str,
    first: &str,
    last: &str,
) -> Result<BTreeMap<String, BTreeMap<String, Carried>>, StoreError> {
    let rows: Vec<(String, String, String, String)> = on_tx!(tx, c => {
        sqlx::query_as(CARRIED).bind(account).bind(first).bind(last).fetch_all(c).await
    })?;
    let mut all = BTreeMap::<String, BTreeMap<String, Carried>>::new();
    for (user, kind, what, name) in rows {
        let carried = all.entry(user).or_default().entry(kind).or_default();
        if what == "role" { carried.roles.push(name) } else { carried.permissions.push(name) }
    }
    Ok(all)
}
