//! Users, their logins and their seats in account groups.

use mandate_domain::id::UserId;
use mandate_domain::records::Records;
use mandate_domain::user::{Identity, User, UserState};

use crate::error::{StoreError, WriteError, taken};
use crate::json::{decode, encode};
use crate::keys::to_pair;
use crate::list::{Page, rows_for};
use crate::locks::{Lock, locking};
use crate::open::Store;
use crate::request;
use crate::search::{self, Found as _};
use crate::tx::{Tx, json_rows, on_readers, on_tx};

/// The users with these two ids, which may be the same.
pub(crate) async fn load(
    tx: &mut Tx,
    first: UserId,
    second: UserId,
    lock: Lock,
) -> Result<[Option<User>; 2], StoreError> {
    let sql = locking!(tx, lock, "SELECT id, body FROM users WHERE id IN ($1, $2) ORDER BY id");
    let (first, second) = (first.to_string(), second.to_string());
    let rows: Vec<(String, String)> =
        on_tx!(tx, c => sqlx::query_as(sql).bind(&first).bind(&second).fetch_all(c).await)?;
    let users = rows.into_iter().map(named).collect::<Result<_, _>>()?;
    Ok(to_pair(users, &first, &second))
}

/// The user with the e-mail address.
pub(crate) async fn by_email(tx: &mut Tx, email: &str) -> Result<Option<User>, StoreError> {
    let sql = "SELECT id, body FROM users WHERE email = $1";
    let row = on_tx!(tx, c => sqlx::query_as(sql).bind(email).fetch_optional(c).await)?;
    row.map(|row| named(row).map(|(_, user)| user)).transpose()
}

/// The user with the login.
pub(crate) async fn by_identity(tx: &mut Tx, identity: &Identity) -> Result<Option<User>, StoreError> {
    let sql = "SELECT u.id, u.body FROM user_identities i JOIN users u ON u.id = i.user_id \
               WHERE i.issuer = $1 AND i.subject = $2";
    let row = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(&identity.issuer).bind(&identity.subject).fetch_optional(c).await
    })?;
    row.map(|row| named(row).map(|(_, user)| user)).transpose()
}

fn named((id, body): (String, String)) -> Result<(String, User), StoreError> {
    let user = decode("users", || id.clone(), &body)?;
    Ok((id, user))
}

/// Makes the user this.
pub(crate) async fn put(tx: &mut Tx, user: &User, version: i64, records: &Records) -> Result<(), WriteError> {
    let sql = "INSERT INTO users (id, email, display_name, state, search, body, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (id) DO UPDATE SET email = excluded.email, display_name = excluded.display_name, \
               state = excluded.state, search = excluded.search, body = excluded.body, version = excluded.version";
    let id = user.id.to_string();
    let body = encode(user)?;
    on_tx!(tx, c => {
        sqlx::query(sql).bind(&id).bind(&user.email).bind(&user.display_name).bind(state_name(user.state))
            .bind(user.text()).bind(body).bind(version).execute(c).await.map(drop)
    })
    .map_err(|error| taken(error, "a user with the e-mail address", || user.email.clone()))?;
    let before = records.user(user.id).ok().flatten();
    if before.is_some_and(|before| before.text() != user.text()) {
        search::rename_member(tx, user).await?;
    }
    if before.map_or(!user.identities.is_empty(), |before| before.identities != user.identities) {
        put_identities(tx, &id, user).await?;
    }
    if before.map_or(!user.seats.is_empty(), |before| before.seats != user.seats) {
        put_seats(tx, &id, user).await?;
    }
    Ok(())
}

async fn put_identities(tx: &mut Tx, id: &str, user: &User) -> Result<(), WriteError> {
    let sql = "DELETE FROM user_identities WHERE user_id = $1";
    on_tx!(tx, c => sqlx::query(sql).bind(id).execute(c).await.map(drop))?;
    let sql = json_rows!(
        tx,
        "INSERT INTO user_identities (issuer, subject, user_id) \
         SELECT value ->> 'issuer', value ->> 'subject', $1 FROM",
        "$2",
        ""
    );
    let rows = encode(&user.identities)?;
    on_tx!(tx, c => sqlx::query(sql).bind(id).bind(rows).execute(c).await.map(drop))
        .map_err(|error| taken(error, "a user with the login", || spell(&user.identities)))
}

async fn put_seats(tx: &mut Tx, id: &str, user: &User) -> Result<(), WriteError> {
    let sql = "DELETE FROM group_users WHERE user_id = $1";
    on_tx!(tx, c => sqlx::query(sql).bind(id).execute(c).await.map(drop))?;
    let sql = json_rows!(
        tx,
        "INSERT INTO group_users (group_id, user_id, role) SELECT value ->> 'group', $1, value ->> 'role' FROM",
        "$2",
        ""
    );
    let rows = encode(&user.seats)?;
    on_tx!(tx, c => sqlx::query(sql).bind(id).bind(rows).execute(c).await.map(drop))?;
    Ok(())
}

/// Deletes the user; logins, seats, password and sessions go with the row.
pub(crate) async fn erase(tx: &mut Tx, user: UserId) -> Result<(), WriteError> {
    // Requests, mail and invitations go by the address, too, which is about to be forgotten.
    request::forget(tx, user).await?;
    for sql in [
        "DELETE FROM outbox WHERE recipient = (SELECT email FROM users WHERE id = $1)",
        "DELETE FROM invitations WHERE email = (SELECT email FROM users WHERE id = $1)",
    ] {
        on_tx!(tx, c => sqlx::query(sql).bind(user.to_string()).execute(c).await.map(drop))?;
    }
    let sql = "DELETE FROM users WHERE id = $1";
    on_tx!(tx, c => sqlx::query(sql).bind(user.to_string()).execute(c).await.map(drop))?;
    Ok(())
}

fn spell(identities: &[Identity]) -> String {
    let all: Vec<_> =
        identities.iter().map(|identity| format!("{} of {}", identity.subject, identity.issuer)).collect();
    all.join(", ")
}

fn state_name(state: UserState) -> &'static str {
    match state {
        UserState::Active => "active",
        UserState::Suspended => "suspended",
    }
}

impl Store {
    /// A page of the users, ascending by id; with an e-mail address, the one user who has it.
    ///
    /// `after` is the last user of the page before, `limit` the most users of this one.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn list_users(
        &self,
        email: Option<&str>,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Page<User>, StoreError> {
        let after = after.map(|id| id.to_string()).unwrap_or_default();
        let sql = match email {
            None => "SELECT id, body FROM users WHERE id > $1 ORDER BY id LIMIT $2",
            Some(_) => "SELECT id, body FROM users WHERE id > $1 AND email = $3 ORDER BY id LIMIT $2",
        };
        let rows: Vec<(String, String)> = on_readers!(self.pools()?, c => {
            let query = sqlx::query_as(sql).bind(&after).bind(rows_for(limit));
            email.into_iter().fold(query, |query, email| query.bind(email)).fetch_all(c).await
        })?;
        Page::of(rows, limit, |row| named(row).map(|(_, user)| user))
    }
}
