//! Passwords: a hash in a column of its own, and everything else in the body.

use mandate_domain::credential::{Credential, Secret};
use mandate_domain::id::UserId;

use crate::error::StoreError;
use crate::json::{decode, encode};
use crate::open::Store;
use crate::tx::{Tx, on_readers, on_tx};
use crate::writes::{Write, Writes};

const OF: &str = "SELECT body, hash FROM credentials WHERE user_id = $1";

/// The user's password.
pub(crate) async fn load(tx: &mut Tx, user: UserId) -> Result<Option<Credential>, StoreError> {
    let row: Option<(String, String)> =
        on_tx!(tx, c => sqlx::query_as(OF).bind(user.to_string()).fetch_optional(c).await)?;
    row.map(|row| read(user, row)).transpose()
}

fn read(user: UserId, (body, hash): (String, String)) -> Result<Credential, StoreError> {
    let credential: Credential = decode("credentials", || user.to_string(), &body)?;
    Ok(Credential { hash: Secret::new(hash), ..credential })
}

/// Makes the user's password this.
pub(crate) fn put(writes: &mut Writes, credential: &Credential, version: i64) -> Result<(), StoreError> {
    let sql = "INSERT INTO credentials (user_id, hash, body, version) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, body = excluded.body, \
               version = excluded.version";
    let body = encode(credential)?;
    let write = Write::to("credentials", sql).text(credential.user).text(credential.hash.reveal());
    writes.push(write.text(body).number(version));
    Ok(())
}

impl Store {
    /// The user's password, with its hash.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or the row is corrupt.
    pub async fn credential(&self, user: UserId) -> Result<Option<Credential>, StoreError> {
        let row: Option<(String, String)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(OF).bind(user.to_string()).fetch_optional(c).await
        })?;
        row.map(|row| read(user, row)).transpose()
    }
}
