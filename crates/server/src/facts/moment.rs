//! Where in the database's history facts stand, and the token that says so to callers.

use std::sync::Arc;

use mandate_storage::{Position, Snapshot};

use crate::convert::consistency::Token;

/// A place in the history of one database, with its token made beforehand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moment {
    /// What callers are told.
    pub token: Arc<str>,
    /// Where facts stand, to hold others' places against.
    pub place: Token,
    /// The place that the token tells: the same, as far as a crash of the database leaves it true.
    pub kept: Token,
}

impl Moment {
    /// A place in the database of this incarnation.
    pub(super) fn new(incarnation: u64, position: Position) -> Self {
        let place = Token { incarnation, position };
        Self { token: place.encode().into(), kept: place.clone(), place }
    }

    /// Where a database was followed to; callers are told what a crash of it leaves true.
    pub(super) fn followed(incarnation: u64, position: Snapshot, kept: Snapshot) -> Self {
        let place = Token { incarnation, position: Position::Snapshot(position) };
        Self { place, ..Self::new(incarnation, Position::Snapshot(kept)) }
    }

    /// Another place in the same history.
    pub(super) fn with(&self, position: Position) -> Self {
        Self::new(self.place.incarnation, position)
    }
}

/// What tokens carry of an incarnation's name: enough that no two databases are taken for each other.
#[must_use]
pub fn shortened(incarnation: &str) -> u64 {
    let digits = incarnation.get(..16).unwrap_or(incarnation);
    u64::from_str_radix(digits, 16).unwrap_or_default()
}
