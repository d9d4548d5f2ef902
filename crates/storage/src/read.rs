//! Reading without locks.

use mandate_domain::id::UserId;
use mandate_domain::records::{Key, Record};
use mandate_domain::user::{Identity, User};

use crate::error::StoreError;
use crate::json::decode;
use crate::keys;
use crate::locks::Lock;
use crate::open::Store;
use crate::tx::on_readers;

impl Store {
    /// What the keys name, all from one snapshot, ascending by key; a key given twice is read once.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or a row is corrupt.
    pub async fn read(&self, keys: &[Key]) -> Result<Vec<(Key, Record)>, StoreError> {
        let mut keys: Vec<&Key> = keys.iter().collect();
        keys.sort();
        keys.dedup();
        let mut tx = self.pools()?.begin_read().await?;
        let mut records = keys::load(&mut tx, &keys, &|_| Lock::None).await?;
        tx.commit().await?;
        records.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(records)
    }

    /// The user of that id.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or the row is corrupt.
    pub async fn user(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let sql = "SELECT body FROM users WHERE id = $1";
        let id = id.to_string();
        let body: Option<String> =
            on_readers!(self.pools()?, c => sqlx::query_scalar(sql).bind(&id).fetch_optional(c).await)?;
        body.map(|body| decode("users", || id, &body)).transpose()
    }

    /// The user with that login.
    ///
    /// # Errors
    /// [`StoreError`] when the database cannot be read or the row is corrupt.
    pub async fn user_by_identity(&self, identity: &Identity) -> Result<Option<User>, StoreError> {
        let sql = "SELECT u.id, u.body FROM user_identities i JOIN users u ON u.id = i.user_id \
                   WHERE i.issuer = $1 AND i.subject = $2";
        let row: Option<(String, String)> = on_readers!(self.pools()?, c => {
            sqlx::query_as(sql).bind(&identity.issuer).bind(&identity.subject).fetch_optional(c).await
        })?;
        row.map(|(id, body)| decode("users", || id, &body)).transpose()
    }
}
