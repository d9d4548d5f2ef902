//! Bodies of requests and answers that are one message.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::poll_fn;
use http_body::{Body as _, Frame, SizeHint};
use prost::bytes::Bytes;
use tonic::Status;
use tonic::body::Body;

use super::{PREFIX, well};

/// What a request brought.
pub(super) enum Message {
    /// One message with its prefix, and nothing else.
    Whole(Bytes),
    /// Anything else, of which nothing is lost.
    Begun(Rejoined),
}

/// Reads one frame, which is the whole of nearly all questions.
pub(super) async fn read(mut body: Body) -> Message {
    let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
    let bytes = match frame.map(|frame| frame.map(Frame::into_data)) {
        Some(Ok(Ok(bytes))) => bytes,
        None => return Message::Begun(Rejoined { front: None, rest: body }),
        Some(Ok(Err(trailers))) => return Message::Begun(Rejoined { front: Some(Ok(trailers)), rest: body }),
        Some(Err(status)) => return Message::Begun(Rejoined { front: Some(Err(status)), rest: body }),
    };
    if is_whole(&bytes) && body.is_end_stream() {
        return Message::Whole(bytes);
    }
    Message::Begun(Rejoined { front: Some(Ok(Frame::data(bytes))), rest: body })
}

/// Whether these are the bytes of one message that is not compressed.
fn is_whole(bytes: &[u8]) -> bool {
    let Some(([0, length @ ..], message)) = bytes.split_first_chunk::<PREFIX>() else { return false };
    usize::try_from(u32::from_be_bytes(*length)).is_ok_and(|length| length == message.len())
}

/// A body with the frame that was taken from it.
pub(super) struct Rejoined {
    front: Option<Result<Frame<Bytes>, Status>>,
    rest: Body,
}

impl Rejoined {
    /// Of a message that was read to its end.
    pub(super) fn whole(bytes: Bytes) -> Self {
        Self { front: Some(Ok(Frame::data(bytes))), rest: Body::empty() }
    }
}

impl From<Rejoined> for Body {
    fn from(rejoined: Rejoined) -> Self {
        Self::new(rejoined)
    }
}

impl http_body::Body for Rejoined {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        match self.front.take() {
            Some(front) => Poll::Ready(Some(front)),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.front.is_none() && self.rest.is_end_stream()
    }
}

/// The body of an answer: one message, and that it went well.
pub(super) struct Whole {
    left: Left,
}

enum Left {
    All(Bytes),
    Trailers,
    Nothing,
}

impl Whole {
    pub(super) fn new(message: Bytes) -> Self {
        Self { left: Left::All(message) }
    }
}

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let (frame, left) = match std::mem::replace(&mut self.left, Left::Nothing) {
            Left::All(message) => (Frame::data(message), Left::Trailers),
            Left::Trailers => (Frame::trailers(well()), Left::Nothing),
            Left::Nothing => return Poll::Ready(None),
        };
        self.left = left;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.left, Left::Nothing)
    }

    fn size_hint(&self) -> SizeHint {
        // Of the data: what comes after it is not counted.
        match &self.left {
            Left::All(message) => SizeHint::with_exact(message.len().try_into().unwrap_or(u64::MAX)),
            Left::Trailers | Left::Nothing => SizeHint::with_exact(0),
        }
    }
}
