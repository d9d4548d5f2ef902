//! The short way of CheckStream: plain questions are answered from where they lie, many in one frame where many have
//! arrived.
//!
//! The ordinary way is always there beside it. It gets everything else of the stream, byte for byte, and the stream ends as
//! that way ends: so limits, the caller's standing and the server's stopping are looked after there, and nothing about them
//! is decided here but not to answer a caller who could not begin such a call now.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use http_body::{Body as _, Frame};
use prost::bytes::Bytes;
use prost::encoding::{decode_varint, encode_varint};
use tokio::sync::mpsc;
use tokio_util::sync::PollSender;
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::messages::{Messages, Piece, Run};
use super::question::{self, Question};
use super::{PREFIX, Quick, TOGETHER, decide_on, put_prefix};
use crate::guard::Standing;

/// Fields of `CheckStreamRequest` and `CheckStreamResponse`: number and wire type (0 a number, 2 a length and bytes).
const CORRELATION_ID: u8 = 1 << 3;
const CHECK: u8 = 2 << 3 | 2;
const RESPONSE: u8 = 2 << 3 | 2;

/// Questions that are looked at before other streams of the thread get their turn: a tenth of a millisecond.
const TURN: usize = 128;

/// Answers go out when they have so many bytes, however many questions are left.
const FULL: usize = 16 << 10;

/// Pieces that wait for the ordinary way to take them. Each is a part of one frame at most.
const WAITING: usize = 16;

/// Something for the ordinary way.
type Left = Result<Bytes, Status>;

impl Quick {
    /// Answers a stream of a caller who was admitted in their own name, together with the service of the ordinary way.
    pub(crate) async fn stream<S>(
        self,
        standing: Standing,
        request: Request<Body>,
        mut ordinary: S,
    ) -> Result<Response<Body>, Infallible>
    where
        S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    {
        let (left, rest) = mpsc::channel(WAITING);
        let (head, questions) = request.into_parts();
        let response = ordinary.call(Request::from_parts(head, Body::new(Rest { rest }))).await?;
        if response.headers().contains_key(Status::GRPC_STATUS) {
            return Ok(response);
        }
        Ok(response.map(|answers| {
            let (messages, turn) = (Messages::default(), Turn::Goes);
            let asked = Asked { questions: Some(questions), messages, left: PollSender::new(left) };
            Body::new(Both { quick: self, standing, asked, turn, answers })
        }))
    }

    /// Appends a `CheckStreamResponse` to each of these messages, at most [`TOGETHER`], that is a plain question and is
    /// answered from memory. Returns the others, one behind another.
    fn answer_run(&self, mut run: Run<'_>, out: &mut Vec<u8>) -> Vec<u8> {
        let messages: [&[u8]; TOGETHER] = std::array::from_fn(|_| run.next().unwrap_or_default());
        let questions = messages.map(plain);
        let (start, mut reasons) = (out.len(), [None; TOGETHER]);
        let read = self.at_once(|reader| {
            out.truncate(start);
            // Looked for together, so that the processor waits for all of them at once.
            let facts = questions
                .each_ref()
                .map(|plain| plain.as_ref().and_then(|(_, asked)| reader.get(asked.account, asked.user)));
            for ((reason, plain), facts) in reasons.iter_mut().zip(&questions).zip(&facts) {
                *reason = plain.as_ref().zip(facts.as_ref()).and_then(|((number, question), facts)| {
                    put_answer(*number, out, |out| decide_on(reader, facts, *question, out))
                });
            }
            Some(())
        });
        if read.is_none() {
            out.truncate(start);
            reasons = [None; TOGETHER];
        }
        self.facts.counts().decisions(reasons.iter().copied().flatten());
        let left = messages.iter().zip(&reasons).filter(|(_, reason)| reason.is_none());
        joined(left.map(|(message, _)| *message))
    }
}

/// Messages, one behind another. Nothing is allocated where there is none.
fn joined<'m>(messages: impl Iterator<Item = &'m [u8]>) -> Vec<u8> {
    let mut all = Vec::new();
    messages.for_each(|message| all.extend_from_slice(message));
    all
}

/// The plain question of a message with its prefix, and its number.
fn plain(message: &[u8]) -> Option<(u64, Question<'_>)> {
    let (number, check) = asked(message.get(PREFIX..)?)?;
    Some((number, question::read(check)?))
}

/// Appends a `CheckStreamResponse` with its prefix, in which this `CheckResponse` is written. `None`: it would be too long,
/// and nothing is appended.
fn put_answer<T>(number: u64, out: &mut Vec<u8>, check: impl FnOnce(&mut Vec<u8>) -> T) -> Option<T> {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX]);
    if number != 0 {
        out.push(CORRELATION_ID);
        encode_varint(number, out);
    }
    out.extend_from_slice(&[RESPONSE, 0]);
    let response = out.len();
    let told = check(out);
    match put_length(out, response).and_then(|()| put_prefix(out, start)) {
        Some(()) => Some(told),
        None => {
            out.truncate(start);
            None
        }
    }
}

/// Number and `CheckRequest` of a `CheckStreamRequest` in which they come in this order, as everybody writes them.
fn asked(message: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = match message.split_first()? {
        (&CORRELATION_ID, mut rest) => (decode_varint(&mut rest).ok()?, rest),
        _ => (0, message),
    };
    let (&CHECK, mut rest) = rest.split_first()? else { return None };
    let length = decode_varint(&mut rest).ok()?;
    (u64::try_from(rest.len()) == Ok(length)).then_some((number, rest))
}

/// Writes the length of everything from here on into the byte before it. Only where that is too small does all of it move.
fn put_length(out: &mut Vec<u8>, from: usize) -> Option<()> {
    let (length, at) = (out.len().checked_sub(from)?, from.checked_sub(1)?);
    match u8::try_from(length) {
        Ok(length @ 0..0x80) => *out.get_mut(at)? = length,
        _ => {
            let mut digits = Vec::with_capacity(3);
            encode_varint(u64::try_from(length).ok()?, &mut digits);
            out.splice(at..from, digits);
        }
    }
    Some(())
}

/// The body of what is left for the ordinary way.
struct Rest {
    rest: mpsc::Receiver<Left>,
}

impl http_body::Body for Rest {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        self.rest.poll_recv(context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}

/// What comes from the caller.
struct Asked {
    /// `None`: nothing more does.
    questions: Option<Body>,
    messages: Messages,
    left: PollSender<Left>,
}

impl Asked {
    /// Waits until there is something to look at, and room to leave it to the ordinary way; `None`: there never will be.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<()>> {
        if ready!(self.left.poll_reserve(context)).is_err() {
            return Poll::Ready(None);
        }
        while self.messages.left() == 0 {
            let Some(questions) = &mut self.questions else { return Poll::Ready(None) };
            match ready!(Pin::new(questions).poll_frame(context)) {
                // What is no data means nothing in a request.
                Some(Ok(frame)) => self.messages.arrive(frame.into_data().unwrap_or_default()),
                Some(Err(status)) => return Poll::Ready(self.end(Some(Err(status)))),
                None => {
                    let torn = self.messages.torn();
                    return Poll::Ready(self.end((!torn.is_empty()).then_some(Ok(torn))));
                }
            }
        }
        Poll::Ready(Some(()))
    }

    /// Tells the ordinary way that nothing more comes, or why.
    fn end(&mut self, last: Option<Left>) -> Option<()> {
        if let Some(last) = last {
            leave(&mut self.left, last);
        }
        self.questions = None;
        self.left.close();
        self.left.abort_send();
        None
    }
}

/// Leaves something to the ordinary way, which has room for it.
fn leave(left: &mut PollSender<Left>, piece: Left) {
    // Whoever does not listen any more has said why on the other side.
    let _ = left.send_item(piece);
}

/// Whose turn it is on the thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    Goes,
    /// That of others.
    Ends,
}

/// The answers of both ways.
struct Both {
    quick: Quick,
    standing: Standing,
    asked: Asked,
    turn: Turn,
    /// Of the ordinary way.
    answers: Body,
}

impl Both {
    /// Answers what has arrived, as much of it as there is a turn for. Empty: nothing has, or all of it is for the ordinary
    /// way.
    fn answer(&mut self, context: &mut Context<'_>) -> Vec<u8> {
        let (mut out, mut looked) = (Vec::new(), 0);
        let mut may_ask = None;
        while looked < TURN && out.len() < FULL {
            let Poll::Ready(Some(())) = self.asked.poll(context) else { return out };
            let Asked { messages, left, .. } = &mut self.asked;
            if out.capacity() == 0 {
                // Answers are shorter than questions.
                out.reserve_exact(messages.left().clamp(128, FULL));
            }
            let mut run = messages.run(TOGETHER.min(TURN - looked));
            if run.is_empty() {
                run = match messages.next() {
                    Some(Piece::Message(message)) => Run::one(message),
                    Some(Piece::Part(part)) => {
                        looked += 1;
                        leave(left, Ok(part));
                        continue;
                    }
                    None => continue,
                };
            }
            looked += run.clone().count();
            let others = match *may_ask.get_or_insert_with(|| self.standing.again().is_ok()) {
                true => self.quick.answer_run(run, &mut out),
                false => joined(run),
            };
            if !others.is_empty() {
                leave(left, Ok(others.into()));
            }
        }
        self.turn = Turn::Ends;
        out
    }
}

impl http_body::Body for Both {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.turn == Turn::Goes {
            let answers = self.answer(context);
            if !answers.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(answers.into()))));
            }
        }
        let answers = Pin::new(&mut self.answers).poll_frame(context);
        if std::mem::replace(&mut self.turn, Turn::Goes) == Turn::Ends && answers.is_pending() {
            context.waker().wake_by_ref();
        }
        answers
    }
}

#[cfg(test)]
mod tests {
    use mandate_proto::v1;
    use prost::Message as _;

    use super::*;

    fn asking(correlation_id: u64, permission: &str) -> v1::CheckStreamRequest {
        let check = v1::CheckRequest { permission: permission.to_owned(), ..Default::default() };
        v1::CheckStreamRequest { correlation_id, check: Some(check) }
    }

    #[test]
    fn a_question_is_found_with_its_number() {
        for number in [0, 1, 127, 128, u64::MAX] {
            for permission in ["a.b", &"x".repeat(128)] {
                let question = asking(number, permission);
                let check = question.check.as_ref().unwrap().encode_to_vec();
                assert_eq!(asked(&question.encode_to_vec()), Some((number, &check[..])));
            }
        }
    }

    #[test]
    fn what_is_written_otherwise_goes_the_ordinary_way() {
        let bytes = asking(300, "a.b").encode_to_vec();
        for end in 0..bytes.len() {
            assert_eq!(asked(&bytes[..end]), None, "{end}");
        }
        // A second question, a second number, a field that nobody knows, and the number behind the question.
        let question = asking(0, "a.b").encode_to_vec();
        for more in [&question[..], b"\x08\x01", b"\x1a\x00"] {
            assert_eq!(asked(&[&bytes, more].concat()), None, "{more:?}");
        }
        assert_eq!(asked(b"\x08\x01"), None, "no question at all");
        assert_eq!(asked(b"\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), None, "no number");
    }

    #[test]
    fn lengths_are_written_before_what_they_are_of() {
        for length in [0, 1, 127, 128, 16_383, 16_384] {
            let mut out = b"before\0".to_vec();
            out.resize(7 + length, b'x');
            put_length(&mut out, 7).unwrap();
            let mut rest = out.strip_prefix(b"before").unwrap();
            assert_eq!(decode_varint(&mut rest), Ok(length as u64));
            assert_eq!(rest, vec![b'x'; length]);
        }
    }
}
