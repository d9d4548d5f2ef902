//! Facts as text and back. Every body that comes out of a table goes through [`decode`].

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;

/// The fact as the tables and the feed keep it.
pub(crate) fn encode<T: Serialize>(fact: &T) -> Result<String, StoreError> {
    // Facts are structs of texts, numbers and lists, which always have a JSON form.
    serde_json::to_string(fact)
        .map_err(|error| StoreError::Other { source: Box::new(sqlx::Error::Encode(error.into())) })
}

/// Reads a fact; `key` names the row if it cannot be read.
pub(crate) fn decode<T: DeserializeOwned>(
    table: &'static str,
    key: impl FnOnce() -> String,
    body: &str,
) -> Result<T, StoreError> {
    decode_column(table, "body", key, body)
}

/// The same for a column of another name.
pub(crate) fn decode_column<T: DeserializeOwned>(
    table: &'static str,
    column: &'static str,
    key: impl FnOnce() -> String,
    text: &str,
) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Corrupt { table, column, key: key(), source })
}
