//! The messages of a stream between the task that makes them and HTTP/2, which takes them as the caller reads.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt as _};
use mandate_proto::v1;
use tokio::sync::{mpsc, oneshot};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::{End, WatchError};
use crate::error::Error;

/// Messages that wait for HTTP/2 to take them: each is at most a megabyte and one change.
const WAITING: usize = 2;

/// What a caller receives.
pub type Messages = Pin<Box<dyn Stream<Item = Result<v1::WatchResponse, Status>> + Send>>;

/// Where messages are put.
pub(super) struct Sender {
    messages: mpsc::Sender<v1::WatchResponse>,
    end: Option<oneshot::Sender<Error>>,
    patience: Duration,
    stopping: CancellationToken,
}

/// Both ends. The stream is over after the messages that were put and the error by which it was ended.
pub(super) fn channel(patience: Duration, stopping: CancellationToken) -> (Sender, Messages) {
    let (messages, receiver) = mpsc::channel(WAITING);
    let (end, ended) = oneshot::channel();
    let broken = || Error::Defect("a stream broke off".to_owned());
    let last = futures::stream::once(async move { Err(ended.await.unwrap_or_else(|_| broken()).into()) });
    let stream = ReceiverStream::new(receiver).map(Ok).chain(last);
    (Sender { messages, end: Some(end), patience, stopping }, Box::pin(stream))
}

impl Sender {
    /// Puts a message, as soon as there is room.
    ///
    /// # Errors
    /// There was none for too long, the caller is gone, or the server stops.
    pub(super) async fn send(&self, message: v1::WatchResponse) -> Result<(), End> {
        let room = tokio::select! {
            biased;
            room = tokio::time::timeout(self.patience, self.messages.reserve()) => room,
            () = self.stopping.cancelled() => return Err(Error::Stopping.into()),
        };
        match room {
            Ok(Ok(room)) => {
                room.send(message);
                Ok(())
            }
            Ok(Err(_)) => Err(End::HungUp),
            Err(_) => Err(WatchError::TooSlow.into()),
        }
    }

    /// Waits until nothing can be put any more.
    pub(super) async fn over(&self) -> End {
        tokio::select! {
            () = self.stopping.cancelled() => Error::Stopping.into(),
            () = self.messages.closed() => End::HungUp,
        }
    }

    /// Ends the stream with an error.
    pub(super) fn end(&mut self, error: Error) {
        if let Some(end) = self.end.take() {
            // A caller who is gone need not be told.
            let _ = end.send(error);
        }
    }
}
