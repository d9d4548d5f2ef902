//! Pages: what every list has in common.
//!
//! A page starts behind a key, never at an offset, so that rows which come or go between two pages neither hide
//! a row that was there all along nor show one twice.

use crate::error::StoreError;

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, ascending by the list's key.
    pub items: Vec<T>,
    /// Whether there are rows behind the last one.
    pub more: bool,
}

/// How many rows to ask for: one beyond the page tells whether there are more.
pub(crate) fn rows_for(limit: u32) -> i64 {
    i64::from(limit) + 1
}

impl<T> Page<T> {
    /// Cuts what [`rows_for`] asked for to a page.
    pub(crate) fn of<R>(
        rows: Vec<R>,
        limit: u32,
        read: impl FnMut(R) -> Result<T, StoreError>,
    ) -> Result<Self, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        Ok(Self { items: rows.into_iter().take(limit).map(read).collect::<Result<_, _>>()?, more })
    }
}
