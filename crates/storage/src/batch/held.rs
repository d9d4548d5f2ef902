//! The locks of a batch: all of them are taken at its beginning.

use mandate_domain::records::Key;

use crate::error::StoreError;
use crate::locks::{Lock, Needs};
use crate::tx::{Tx, on_tx};

/// What a transaction holds.
pub(super) enum Held<'a> {
    /// The database: there is one writer at a time.
    All,
    /// These rows.
    These(&'a Needs),
}

impl Held<'_> {
    /// Whether it holds these, too.
    pub(super) fn covers(&self, other: &Needs) -> bool {
        match self {
            Self::All => true,
            Self::These(needs) => needs.holds(other),
        }
    }

    /// Locks the rows in their order: one statement for each run of one table and one firmness.
    pub(super) async fn take(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let Self::These(needs) = self else { return Ok(()) };
        let rows: Vec<_> = needs.in_order().filter_map(|(key, lock)| row(key, lock)).collect();
        for run in rows.chunk_by(|(sql, _), (other, _)| sql == other) {
            let Some((sql, _)) = run.first() else { continue };
            let ids: Vec<&str> = run.iter().map(|(_, id)| id.as_str()).collect();
            let ids = crate::json::encode(&ids)?;
            on_tx!(tx, c => sqlx::query(*sql).bind(ids).execute(c).await.map(drop))?;
        }
        Ok(())
    }
}

/// SQL that locks the rows of one table with ids out of a JSON array, in the order of their ids.
macro_rules! locking_all {
    ($table:literal, $lock:literal) => {
        concat!(
            "SELECT id FROM ",
            $table,
            " WHERE id IN (SELECT json_array_elements_text($1::json)) ORDER BY id FOR ",
            $lock
        )
    };
}

fn row(key: &Key, lock: Lock) -> Option<(&'static str, String)> {
    match (key, lock) {
        (Key::User(id), Lock::Exclusive) => Some((locking_all!("users", "UPDATE"), id.to_string())),
        (Key::User(id), _) => Some((locking_all!("users", "SHARE"), id.to_string())),
        (Key::Group(id), Lock::Exclusive) => Some((locking_all!("groups", "UPDATE"), id.to_string())),
        (Key::Group(id), _) => Some((locking_all!("groups", "SHARE"), id.to_string())),
        (Key::Account(id), _) => Some((locking_all!("accounts", "UPDATE"), id.to_string())),
        _ => None,
    }
}
