//! Watching changes, in few words.

use std::time::Duration;

use mandate_proto::v1::watched_change::Change;
use mandate_proto::v1::{Account, WatchRequest, WatchResponse, WatchedChange};
use tonic::{Status, Streaming};

use super::Party;

/// How long to wait for the next message of a stream, on a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(30);

/// A stream of changes.
pub struct Watch {
    stream: Streaming<WatchResponse>,
    /// The token of the last message.
    pub token: String,
}

/// The request to watch an account from a token on, with a checkpoint each second.
pub fn watching(account: &Account, after: &str) -> WatchRequest {
    WatchRequest { account: account.id.clone(), ..watching_all(after) }
}

/// The request to watch everything from a token on, with a checkpoint each second.
pub fn watching_all(after: &str) -> WatchRequest {
    let second = prost_types::Duration { seconds: 1, nanos: 0 };
    WatchRequest { account: String::new(), after: after.to_owned(), checkpoint_interval: Some(second) }
}

impl Party {
    /// Watches, if the server begins to; what it says afterwards comes with the first message.
    pub async fn watch(&self, request: WatchRequest) -> Result<Watch, Status> {
        let stream = self.authz().watch(request).await?.into_inner();
        Ok(Watch { stream, token: String::new() })
    }
}

impl Watch {
    /// The next message, or how the stream ended. Panics where nothing comes in time, and where it ends without an error.
    pub async fn next(&mut self) -> Result<WatchResponse, Status> {
        let next = tokio::time::timeout(LIMIT, self.stream.message()).await;
        let message = next.unwrap_or_else(|_| panic!("nothing came for {LIMIT:?}"))?;
        let message = message.expect("a stream that breaks off says why");
        assert!(!message.consistency_token.is_empty(), "{message:?}");
        self.token.clone_from(&message.consistency_token);
        Ok(message)
    }

    /// All changes up to the first that is looked for, and those that came with it.
    pub async fn until(&mut self, mut wanted: impl FnMut(&Change) -> bool) -> Vec<WatchedChange> {
        let mut all = Vec::new();
        loop {
            let changes = self.next().await.expect("goes on").changes;
            let found = changes.iter().any(|change| wanted(change.change.as_ref().expect("a change")));
            all.extend(changes);
            if found {
                return all;
            }
        }
    }

    /// How the stream ends, whatever comes before; and the changes that did.
    pub async fn end(&mut self) -> (Vec<WatchedChange>, Status) {
        let mut all = Vec::new();
        loop {
            match self.next().await {
                Ok(message) => all.extend(message.changes),
                Err(status) => return (all, status),
            }
        }
    }
}
