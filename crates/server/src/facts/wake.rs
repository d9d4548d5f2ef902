//! Waking other servers after a write, and being woken by them, so that nobody waits for the next poll.

use std::sync::{Arc, Weak};
use std::time::Duration;

use super::Facts;
use super::follow::Following;

/// The least time between two calls: all writes of it are told at once.
const APART: Duration = Duration::from_millis(1);

/// How long to wait before listening again when the database is away, and how often to look whether it is still worth it.
const AGAIN: Duration = Duration::from_secs(1);

/// Tells the others that something was written, for as long as somebody has the facts.
pub(super) async fn call(facts: Weak<Facts>, following: Arc<Following>) {
    loop {
        let called = tokio::time::timeout(AGAIN, following.written.notified()).await.is_ok();
        let Some(facts) = facts.upgrade() else { return };
        if called {
            if let Err(error) = facts.store().wake_others().await {
                tracing::debug!(%error, "the others were not woken; they poll");
            }
            tokio::time::sleep(APART).await;
        }
    }
}

/// Polls when others have written, for as long as somebody has the facts.
pub(super) async fn listen(facts: Weak<Facts>, following: Arc<Following>) {
    loop {
        let Some(store) = facts.upgrade().map(|facts| facts.store().clone()) else { return };
        if let Ok(Some(mut listener)) = store.listen().await {
            // Ends with the connection, or when the store is closed.
            while listener.woken().await.is_ok() {
                following.poll_soon();
            }
        }
        tokio::time::sleep(AGAIN).await;
    }
}
