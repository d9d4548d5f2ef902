//! The changes as they come, for all who watch them: one source for however many there are, and bounded whatever they do.
//!
//! A batch says from which place to which it brings everything. Whoever stands elsewhere, or has fallen behind by more
//! batches than are kept, reads the feed from their own place (`Store::feed_page`).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use mandate_storage::{FeedError, FeedRow, Followed, Position, Walk};
use tokio::sync::{Notify, broadcast};

use super::Facts;
use super::moment::shortened;
use crate::convert::consistency::Token;

/// Batches that are kept for those who have not taken them yet.
const KEPT: usize = 128;

/// The most rows of a batch: more are read from the feed by each who wants them.
const MOST: usize = 1_000;

/// How often it is looked whether anybody has the facts still.
const LOOK: Duration = Duration::from_secs(1);

/// What was committed between two places.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Its number: one more than that of the batch before it.
    pub number: u64,
    /// From where on it brings everything.
    pub since: Position,
    /// Up to where.
    pub until: Token,
    /// The rows; `None`: they are to be read from the feed.
    pub rows: Option<Arc<[Followed]>>,
}

/// The source.
pub struct Live {
    head: Mutex<Head>,
    batches: broadcast::Sender<Batch>,
    /// Rung by commits where nobody else writes the database.
    pub(super) committed: Notify,
}

struct Head {
    /// The number of the last batch.
    number: u64,
    /// Up to where that one went.
    published: Position,
    /// Up to where everything is known: no row lies between `published` and this.
    place: Token,
}

impl Live {
    pub(super) fn new(place: Token) -> Self {
        let head = Head { number: 0, published: place.position.clone(), place };
        Self { head: Mutex::new(head), batches: broadcast::Sender::new(KEPT), committed: Notify::new() }
    }

    /// Where the changes stand now, the number of the last batch, and those that come.
    #[must_use]
    pub fn subscribe(&self) -> (Token, u64, broadcast::Receiver<Batch>) {
        let head = self.head();
        (head.place.clone(), head.number, self.batches.subscribe())
    }

    /// Where whoever has taken every batch up to this one stands; `None`: there are more.
    #[must_use]
    pub fn idle(&self, number: u64) -> Option<Token> {
        let head = self.head();
        (head.number == number).then(|| head.place.clone())
    }

    /// Everything is known up to this place, and these are all rows since the last one.
    pub(super) fn publish(&self, until: Token, rows: Vec<Followed>) {
        let mut head = self.head();
        let goes_on = head.place.incarnation == until.incarnation;
        if goes_on && (rows.is_empty() || self.batches.receiver_count() == 0) {
            if !rows.is_empty() {
                head.published = until.position.clone();
            }
            head.place = until;
            return;
        }
        let rows = (goes_on && rows.len() <= MOST).then(|| rows.into());
        self.send(&mut head, until, rows);
    }

    /// Everything is known up to this place, but not here: whoever wants to know has to read it.
    pub(super) fn publish_gap(&self, until: Token) {
        self.send(&mut self.head(), until, None);
    }

    fn send(&self, head: &mut Head, until: Token, rows: Option<Arc<[Followed]>>) {
        head.number += 1;
        let since = std::mem::replace(&mut head.published, until.position.clone());
        head.place = until.clone();
        // Nobody may be watching.
        let _ = self.batches.send(Batch { number: head.number, since, until, rows });
    }

    /// Nothing that holds it can panic, and a head is whole at any time.
    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Publishes what is committed where nobody else writes the database, for as long as somebody has the facts.
pub(super) async fn read(facts: Weak<Facts>) {
    loop {
        let Some(live) = facts.upgrade().map(|facts| Arc::clone(&facts.live)) else { return };
        let committed = tokio::time::timeout(LOOK, live.committed.notified()).await;
        let Some(facts) = facts.upgrade() else { return };
        if committed.is_ok() {
            facts.publish_commits().await;
        }
    }
}

impl Facts {
    /// The changes as they come.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    async fn publish_commits(&self) {
        let from = {
            let mut head = self.live.head();
            if self.live.batches.receiver_count() == 0 {
                let now = self.moment().place.clone();
                (head.published, head.place) = (now.position.clone(), now);
                return;
            }
            head.place.clone()
        };
        if let Err(error) = publish_since(&self.live, self, &from).await {
            tracing::warn!(%error, "what was committed could not be read for those who watch");
            // They read it themselves, or learn why it cannot be read.
            self.live.publish_gap(self.moment().place.clone());
        }
    }
}

async fn publish_since(live: &Live, facts: &Facts, from: &Token) -> Result<(), FeedError> {
    let limit = u32::try_from(MOST).unwrap_or(u32::MAX);
    let page = facts.store().feed_page(&mut Walk::from(&from.position), limit).await?;
    let Some(position) = page.reached else {
        live.publish_gap(facts.moment().place.clone());
        return Ok(());
    };
    let fact = |row| match row {
        FeedRow::Fact(followed) => Some(*followed),
        FeedRow::Policies { .. } => None,
    };
    let until = Token { incarnation: shortened(&page.incarnation), position };
    match page.rows.into_iter().map(fact).collect() {
        Some(rows) => live.publish(until, rows),
        None => live.publish_gap(until),
    }
    Ok(())
}
