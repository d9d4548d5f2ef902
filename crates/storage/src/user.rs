//! Users, their logins and their seats in account groups.

use mandate_domain::id::UserId;
use mandate_domain::records::Records;
use mandate_domain::user::{Identity, User, UserState};

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::list::{Page, rows_for};
use crate::locks::{Lock, locking};
use crate::open::Store;
use crate::request;
use crate::search::{self, Found as _};
use crate::statement::Statement;
use crate::tx::{Tx, json_rows, on_readers, on_tx};
use crate::writes::{Write, Writes};

/// The user of that id.
pub(crate) async fn load(tx: &mut Tx, id: UserId, lock: Lock) -> Result<Option<User>, StoreError> {
    let sql = locking!(tx, lock, "SELECT id, body FROM users WHERE id = $1");
    let row = on_tx!(tx, c => sqlx::query_as(sql).bind(id.to_string()).fetch_optional(c).await)?;
    row.map(read).transpose()
}

/// Goes on with `id` and `body` of the user of that id.
pub(crate) fn find(query: &mut Statement, id: UserId) {
    query.then("id, body FROM users WHERE id = ").text(id);
}

/// The same for the user with the e-mail address.
pub(crate) fn find_by_email(query: &mut Statement, email: &str) {
    query.then("id, body FROM users WHERE email = ").text(email);
}

/// The user with the login.
pub(crate) async fn by_identity(tx: &mut Tx, identity: &Identity) -> Result<Option<User>, StoreError> {
    let sql = "SELECT u.id, u.body FROM user_identities i JOIN users u ON u.id = i.user_id \
               WHERE i.issuer = $1 AND i.subject = $2";
    let row = on_tx!(tx, c => {
        sqlx::query_as(sql).bind(&identity.issuer).bind(&identity.subject).fetch_optional(c).await
    })?;
    row.map(read).transpose()
}

/// Reads a row of `id` and `body`.
pub(crate) fn read((id, body): (String, String)) -> Result<User, StoreError> {
    decode("users", || id, &body)
}

/// Makes the user this.
pub(crate) fn put(
    writes: &mut Writes,
    user: &User,
    version: i64,
    records: &Records,
) -> Result<(), StoreError> {
    let sql = "INSERT INTO users (id, email, display_name, state, search, body, version) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) \
               ON CONFLICT (id) DO UPDATE SET email = excluded.email, display_name = excluded.display_name, \
               state = excluded.state, search = excluded.search, body = excluded.body, version = excluded.version";
    let id = user.id.to_string();
    let body = encode(user)?;
    let write = Write::to("users", sql).text(&id).text(&user.email).text(&user.display_name);
    let write = write.text(state_name(user.state)).text(user.text()).text(body).number(version);
    writes.push(write.unique("a user with the e-mail address", &user.email).of_its_own());
    let before = records.user(user.id).ok().flatten();
    if before.is_some_and(|before| before.text() != user.text()) {
        search::rename_member(writes, user);
    }
    if before.map_or(!user.identities.is_empty(), |before| before.identities != user.identities) {
        put_identities(writes, &id, user)?;
    }
    if before.map_or(!user.seats.is_empty(), |before| before.seats != user.seats) {
        put_seats(writes, &id, user)?;
    }
    Ok(())
}

fn put_identities(writes: &mut Writes, id: &str, user: &User) -> Result<(), StoreError> {
    let sql = "DELETE FROM user_identities WHERE user_id = $1";
    writes.push(Write::to("user_identities", sql).text(id));
    let sql = json_rows!(
        writes.engine(),
        "INSERT INTO user_identities (issuer, subject, user_id) \
         SELECT value ->> 'issuer', value ->> 'subject', $1 FROM",
        "$2",
        ""
    );
    let write = Write::to("user_identities", sql).text(id).text(encode(&user.identities)?);
    writes.push(write.unique("a user with the login", spell(&user.identities)));
    Ok(())
}

fn put_seats(writes: &mut Writes, id: &str, user: &User) -> Result<(), StoreError> {
    let sql = "DELETE FROM group_users WHERE user_id = $1";
    writes.push(Write::to("group_users", sql).text(id));
    let sql = json_rows!(
        writes.engine(),
        "INSERT INTO group_users (group_id, user_id, role) SELECT value ->> 'group', $1, value ->> 'role' FROM",
        "$2",
        ""
    );
    writes.push(Write::to("group_users", sql).text(id).text(encode(&user.seats)?));
    Ok(())
}

/// Deletes the user; logins, seats, password and sessions go with the row.
pub(crate) fn erase(writes: &mut Writes, user: UserId, records: &Records) -> Result<(), StoreError> {
    // Requests, mail and invitations go by the address, too, which is about to be forgotten.
    let Ok(Some(User { email, .. })) = records.user(user) else {
        return Err(StoreError::Plan(format!("the end of {user}, whom it has not read")));
    };
    request::forget(writes, user, email);
    writes.push(Write::to("outbox", "DELETE FROM outbox WHERE recipient = $1").text(email));
    writes.push(Write::to("invitations", "DELETE FROM invitations WHERE email = $1").text(email));
    writes.push(Write::to("users", "DELETE FROM users WHERE id = $1").text(user));
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
        Page::of(rows, limit, read)
    }
}
