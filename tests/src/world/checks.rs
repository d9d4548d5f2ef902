//! Streams of questions, in few words.

use std::time::Duration;

use mandate_proto::v1::check_stream_response::Result as Outcome;
use mandate_proto::v1::{CheckRequest, CheckStreamRequest, CheckStreamResponse};
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::Party;

/// How long to wait for the next answer of a stream, on a machine with other things to do.
const LIMIT: Duration = Duration::from_secs(30);

/// A stream of questions that goes on.
pub struct Asking {
    questions: Option<mpsc::Sender<CheckStreamRequest>>,
    answers: Streaming<CheckStreamResponse>,
}

impl Party {
    /// Begins to ask, if the server begins to answer.
    pub async fn asking(&self) -> Result<Asking, Status> {
        let (questions, stream) = mpsc::channel(1);
        let answers = self.authz().check_stream(ReceiverStream::new(stream)).await?.into_inner();
        Ok(Asking { questions: Some(questions), answers })
    }

    /// Asks all questions on one stream, and takes the answers in the order of the questions. The status by which the
    /// stream ended, if by one, comes instead. Panics where a question has not exactly one answer.
    pub async fn ask_on_a_stream(&self, checks: Vec<CheckRequest>) -> Result<Vec<Outcome>, Status> {
        let (sent, first) = (checks.len(), 100);
        let questions = (first..)
            .zip(checks)
            .map(|(correlation_id, check)| CheckStreamRequest { correlation_id, check: Some(check) });
        let questions: Vec<_> = questions.collect();
        let answers = self.authz().check_stream(tokio_stream::iter(questions)).await?.into_inner();
        let mut answers = answers.collect::<Result<Vec<_>, _>>().await?;
        answers.sort_by_key(|answer| answer.correlation_id);
        let numbers: Vec<u64> = answers.iter().map(|answer| answer.correlation_id).collect();
        let expected: Vec<u64> = (first..).take(sent).collect();
        assert_eq!(numbers, expected, "one answer for each question");
        Ok(answers.into_iter().map(|answer| answer.result.expect("always set")).collect())
    }
}

impl Asking {
    /// Sends a question; `false`: the stream has ended.
    pub async fn send(&self, correlation_id: u64, check: Option<CheckRequest>) -> bool {
        let questions = self.questions.as_ref().expect("not after the last question");
        questions.send(CheckStreamRequest { correlation_id, check }).await.is_ok()
    }

    /// The next answer, or how the stream ended; `None`: well. Panics where nothing comes in time.
    pub async fn next(&mut self) -> Result<Option<CheckStreamResponse>, Status> {
        let next = tokio::time::timeout(LIMIT, self.answers.message()).await;
        next.unwrap_or_else(|_| panic!("nothing came for {LIMIT:?}"))
    }

    /// Sends a question and takes its answer, which is the only one to come.
    pub async fn ask(&mut self, check: CheckRequest) -> Result<Outcome, Status> {
        let number = 7;
        assert!(self.send(number, Some(check)).await, "the stream has ended: {:?}", self.next().await);
        let answer = self.next().await?.expect("an answer");
        assert_eq!(answer.correlation_id, number);
        Ok(answer.result.expect("always set"))
    }

    /// There are no more questions.
    pub fn no_more(&mut self) {
        self.questions = None;
    }

    /// How the stream ends, if nothing is asked any more.
    pub async fn end(&mut self) -> Option<Status> {
        match self.next().await {
            Ok(None) => None,
            Ok(Some(answer)) => panic!("not asked: {answer:?}"),
            Err(status) => Some(status),
        }
    }
}
