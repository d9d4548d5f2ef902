//! `AuthzService.Watch`: what changes, to whoever asks for it, from a place on.
//!
//! A watcher stands at a place: everything up to there has been sent. Batches that all watchers share bring it forward
//! (`facts/live.rs`); where it stands elsewhere than they begin, it reads the feed from its own place. Nothing is kept for
//! it but the messages of a small channel, so that one who does not read costs nobody memory, and is ended.

mod allowed;
mod relevant;
mod stream;

use std::sync::Arc;
use std::time::Duration;

use mandate_proto::v1;
use mandate_storage::{FeedError, FeedRow, StoreError, Walk};
use prost::Message as _;
use tokio::sync::broadcast::{self, error::RecvError};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response};

use self::allowed::Allowed;
use self::relevant::told;
pub use self::stream::Messages;
use self::stream::Sender;
use crate::convert::consistency::{Consistency, Token};
use crate::convert::watch as convert;
use crate::error::Error;
use crate::facts::{Batch, Facts, shortened};
use crate::guard::Standing;
use crate::telemetry::carried;

/// Rows that are read from the feed at once.
const PAGE: u32 = 500;

/// Most changes of a message, and about how many bytes of them.
const MOST_CHANGES: usize = 500;
const MOST_BYTES: usize = 1 << 20;

/// How often it is looked whether the caller may still watch.
const LOOK: Duration = Duration::from_secs(1);

/// For how long a caller need not take messages, in seconds, unless told otherwise.
pub const PATIENCE: u64 = 30;

/// What all watchers of a server have in common.
#[derive(Clone)]
pub struct Watching {
    /// For how long a caller need not take messages that are there.
    pub patience: Duration,
    /// Ends all streams.
    pub stopping: CancellationToken,
}

/// Why a stream cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// What came behind the token was deleted.
    #[error(
        "what came behind this token has been deleted from the feed; read the present state, and watch from the \
         consistency token of that answer on"
    )]
    TokenTooOld,
    /// Nobody took the messages.
    #[error("messages were not taken for too long; watch again from the last consistency token that came")]
    TooSlow,
    /// A newer server wrote something that this one cannot read.
    #[error(
        "a newer server wrote a change that this one cannot read; watch again from the last consistency token that \
         came, on a server of the newer version"
    )]
    NewerChange,
}

/// How a stream ends.
enum End {
    /// The caller is gone.
    HungUp,
    /// They are told why.
    Told(Error),
}

impl<E: Into<Error>> From<E> for End {
    fn from(error: E) -> Self {
        Self::Told(error.into())
    }
}

/// Begins to watch. The stream is fed by a task of its own, which ends with either side.
///
/// # Errors
/// The caller may not watch this, or the token says nothing about this database.
pub async fn watch(
    facts: &Arc<Facts>,
    watching: Watching,
    request: Request<v1::WatchRequest>,
) -> Result<Response<Messages>, Error> {
    let standing = Standing::of(request.extensions())?;
    let convert::Watch { account, after, interval } = convert::request(request.into_inner())?;
    // What is committed from here on comes with the batches.
    let (now, number, batches) = facts.live().subscribe();
    let mut place = now;
    let mut behind = false;
    let caller = Allowed { facts: Arc::clone(facts), standing, account };
    caller.look().await?;
    caller.exists().await?;
    if let Some(after) = after {
        facts.reach(&after).await?;
        if let Consistency::AtLeastAsFresh(after) = after {
            place = Token { incarnation: after.incarnation, position: after.position.seen() };
            behind = true;
        }
    }
    let (sender, messages) = stream::channel(watching.patience, watching.stopping);
    let watcher =
        Watcher { caller, place, number, behind, interval, looked: Instant::now(), sent: None, sender };
    tokio::spawn(carried(watcher.run(batches)));
    Ok(Response::new(messages))
}

/// A stream under way.
struct Watcher {
    caller: Allowed,
    /// Everything up to here has been sent.
    place: Token,
    /// The last batch that was received.
    number: u64,
    /// Whether there may be something between the place and the batches that come.
    behind: bool,
    interval: Duration,
    looked: Instant,
    /// When the last message was sent.
    sent: Option<Instant>,
    sender: Sender,
}

impl Watcher {
    async fn run(mut self, mut batches: broadcast::Receiver<Batch>) {
        // INVARIANT: a stream ends with an error, never as if there was nothing more to come.
        match self.go_on(&mut batches).await {
            End::HungUp => {}
            End::Told(error) => self.sender.end(error),
        }
    }

    async fn go_on(&mut self, batches: &mut broadcast::Receiver<Batch>) -> End {
        loop {
            if let Err(end) = self.turn(batches).await {
                return end;
            }
        }
    }

    async fn turn(&mut self, batches: &mut broadcast::Receiver<Batch>) -> Result<(), End> {
        self.look_again().await?;
        if self.behind {
            self.catch_up().await?;
            self.behind = false;
        }
        if self.sent.is_none() {
            self.send(Vec::new()).await?;
        }
        let next_look = self.looked + LOOK;
        tokio::select! {
            biased;
            end = self.sender.over() => Err(end),
            () = sleep_until(next_look) => self.checkpoint().await,
            batch = batches.recv() => match batch {
                Ok(batch) => self.take(batch).await,
                Err(RecvError::Lagged(_)) => {
                    self.behind = true;
                    Ok(())
                }
                Err(RecvError::Closed) => Err(Error::Stopping.into()),
            },
        }
    }

    /// Looks at the caller again, if it was not done just now.
    async fn look_again(&mut self) -> Result<(), End> {
        if self.looked.elapsed() >= LOOK {
            self.looked = Instant::now();
            self.caller.look().await?;
        }
        Ok(())
    }

    /// Says where the stream stands, if nothing was sent for long, and what happened elsewhere would be known.
    async fn checkpoint(&mut self) -> Result<(), End> {
        let facts = &self.caller.facts;
        // First this: facts that become too old in between are not taken for those of a database that is not away.
        let is_stale = facts.stale_for().is_some();
        if facts.is_too_old() {
            return Err(StoreError::away().into());
        }
        if is_stale || self.sent.is_some_and(|sent| sent.elapsed() < self.interval) {
            return Ok(());
        }
        if let Some(idle) = facts.live().idle(self.number) {
            self.same_history(&idle)?;
            if idle.position.includes(&self.place.position) {
                self.place = idle;
            }
        }
        self.send(Vec::new()).await
    }

    /// Sends what a batch brings beyond the place.
    async fn take(&mut self, Batch { number, since, until, rows }: Batch) -> Result<(), End> {
        self.number = number;
        self.same_history(&until)?;
        let place = &self.place.position;
        if place.includes(&until.position) {
            return Ok(());
        }
        let Some(rows) = rows.filter(|_| place.includes(&since) && until.position.includes(place)) else {
            self.behind = true;
            return Ok(());
        };
        let beyond = rows.iter().filter(|row| !place.shows(row.seq, row.transaction));
        let rows = beyond.cloned().map(Box::new).map(FeedRow::Fact).collect();
        self.deliver(rows, Some(until)).await
    }

    /// Sends what the feed has beyond the place.
    async fn catch_up(&mut self) -> Result<(), End> {
        let mut walk = Walk::from(&self.place.position);
        loop {
            self.look_again().await?;
            let page = match self.caller.facts.store().feed_page(&mut walk, PAGE).await {
                Ok(page) => page,
                Err(FeedError::Forgotten) => return Err(WatchError::TokenTooOld.into()),
                Err(FeedError::Store(StoreError::Corrupt { table, key, source, .. })) => {
                    tracing::warn!(table, key, %source, "a stream ended at a change that this version cannot read");
                    return Err(WatchError::NewerChange.into());
                }
                Err(FeedError::Store(error)) => return Err(error.into()),
            };
            let incarnation = shortened(&page.incarnation);
            if incarnation != self.place.incarnation {
                return Err(Error::ConsistencyToken.into());
            }
            let reached = page.reached.map(|position| Token { incarnation, position });
            let ends = reached.is_some();
            self.deliver(page.rows, reached).await?;
            if ends {
                return Ok(());
            }
        }
    }

    /// Places of another history have nothing to do with this one.
    fn same_history(&self, place: &Token) -> Result<(), End> {
        if place.incarnation == self.place.incarnation { Ok(()) } else { Err(Error::ConsistencyToken.into()) }
    }

    /// Sends rows; with them everything up to `reached` has been sent.
    async fn deliver(&mut self, rows: Vec<FeedRow>, reached: Option<Token>) -> Result<(), End> {
        let mut left =
            told(self.caller.facts.store(), self.caller.account, &rows).await?.into_iter().peekable();
        drop(rows);
        while left.peek().is_some() {
            let (mut changes, mut bytes) = (Vec::new(), 0_usize);
            while changes.len() < MOST_CHANGES
                && bytes < MOST_BYTES
                && let Some(change) = left.next()
            {
                bytes = bytes.saturating_add(change.encoded_len());
                changes.push(change);
            }
            // INVARIANT: a message says that it goes up to a place only if nothing up to there comes after it.
            if let (None, Some(reached)) = (left.peek(), &reached) {
                self.place = reached.clone();
            }
            self.send(changes).await?;
        }
        if let Some(reached) = reached {
            self.place = reached;
        }
        Ok(())
    }

    async fn send(&mut self, changes: Vec<v1::WatchedChange>) -> Result<(), End> {
        let message = v1::WatchResponse { changes, consistency_token: self.place.encode() };
        self.sender.send(message).await?;
        self.sent = Some(Instant::now());
        Ok(())
    }
}
