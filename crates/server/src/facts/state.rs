//! How the facts in memory are, for whoever watches the server.

use std::time::Duration;

use super::{Facts, Size};
use crate::metrics::Counts;

/// How long a database has to show that it is there.
const LIMIT: Duration = Duration::from_secs(1);

/// How the following of a shared database goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeedState {
    /// How long ago the last poll started that was applied.
    pub age: Duration,
    /// Whether the last poll failed.
    pub away: bool,
}

impl Facts {
    /// What is counted on the way of questions.
    #[must_use]
    pub fn counts(&self) -> &'static Counts {
        self.counts
    }

    /// How much room each kind of fact takes in memory.
    #[must_use]
    pub fn sizes(&self) -> [Size; 8] {
        self.caches.sizes()
    }

    /// `None`: nobody else writes the database, and nothing is followed.
    #[must_use]
    pub fn feed(&self) -> Option<FeedState> {
        let following = self.following.as_ref()?;
        Some(FeedState { age: following.age(), away: following.is_away() })
    }

    /// Whether questions are answered: from memory that is not too old, or else by the database.
    pub async fn are_of_use(&self) -> bool {
        match &self.following {
            Some(following) => !following.is_too_old(),
            None => matches!(tokio::time::timeout(LIMIT, self.store.position()).await, Ok(Ok(_))),
        }
    }
}
