//! `CheckStream`: questions in, answers out, each as a Check of that moment would be answered.
//!
//! A question that has to wait holds no other one up. A bounded number of them is under way; beyond it, and while answers
//! are not taken, nothing more is read, so that HTTP/2 holds back whoever asks faster than this answers or they read.
//! A service's plain questions do not come here at all (`quick/stream.rs`).

use std::pin::{Pin, pin};
use std::time::Duration;

use futures::stream::FuturesUnordered;
use futures::{Stream, StreamExt as _};
use mandate_proto::v1;
use mandate_proto::v1::check_stream_response::Result as Outcome;
use tokio::sync::mpsc;
use tokio::time::{Instant, Interval, interval_at};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::authz::Authz;
use crate::caller::{Call, Party};
use crate::convert::authz::{self as convert, Check};
use crate::error::Error;
use crate::guard::{Standing, explain};
use crate::telemetry::carried;

/// Most questions of a stream that are under way at a time.
const UNDER_WAY: usize = 64;

/// How often it is looked whether a caller who asks nothing may still ask.
const LOOK: Duration = Duration::from_secs(1);

/// The answers to a stream of questions.
pub(crate) type Answers = Pin<Box<dyn Stream<Item = Result<v1::CheckStreamResponse, Status>> + Send>>;

/// Begins to answer. The questions are read by a task of its own, which ends with either side.
///
/// # Errors
/// The caller may not ask anything.
pub(crate) async fn check_stream(
    authz: &Authz,
    stopping: CancellationToken,
    request: Request<Streaming<v1::CheckStreamRequest>>,
) -> Result<Response<Answers>, Error> {
    let standing = Standing::of(request.extensions())?;
    let look = interval_at(Instant::now() + LOOK, LOOK);
    let asking = Asking { authz: authz.clone(), standing, stopping, look };
    asking.party().await?;
    let (answers, receiver) = mpsc::channel(UNDER_WAY);
    tokio::spawn(carried(asking.run(request.into_inner(), answers)));
    Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
}

type Sender = mpsc::Sender<Result<v1::CheckStreamResponse, Status>>;

/// A stream under way.
struct Asking {
    authz: Authz,
    standing: Standing,
    /// Ends the stream.
    stopping: CancellationToken,
    look: Interval,
}

/// What happens next to a stream.
enum Next {
    Answer(v1::CheckStreamResponse),
    /// `None`: there are no more.
    Question(Option<v1::CheckStreamRequest>),
}

impl Asking {
    async fn run(mut self, mut questions: Streaming<v1::CheckStreamRequest>, answers: Sender) {
        if let Err(status) = self.go_on(&mut questions, &answers).await {
            // INVARIANT: a stream that breaks off ends with an error, never like one that is complete.
            // A caller who is gone need not be told.
            let _ = answers.send(Err(status)).await;
        }
    }

    async fn go_on(
        &mut self,
        questions: &mut Streaming<v1::CheckStreamRequest>,
        answers: &Sender,
    ) -> Result<(), Status> {
        let (mut under_way, mut more) = (FuturesUnordered::new(), true);
        while more || !under_way.is_empty() {
            let room = more && under_way.len() < UNDER_WAY;
            let next = async {
                tokio::select! {
                    biased;
                    Some(answer) = under_way.next() => Ok(Next::Answer(answer)),
                    question = questions.message(), if room => question.map(Next::Question),
                }
            };
            match self.meanwhile(next).await?.map_err(explain)? {
                Next::Question(None) => more = false,
                Next::Question(Some(question)) => {
                    let (correlation_id, check) = convert::question(question);
                    // Each question is one of this moment, and so is whoever asks it.
                    let party = self.party().await?;
                    under_way.push(answer(self.authz.clone(), party, correlation_id, check));
                }
                Next::Answer(answer) => match self.meanwhile(answers.reserve()).await? {
                    Ok(room) => room.send(Ok(answer)),
                    // Nobody listens.
                    Err(_) => return Ok(()),
                },
            }
        }
        Ok(())
    }

    /// Waits for something, for as long as the caller may ask and the server goes on.
    async fn meanwhile<T>(&mut self, what: impl Future<Output = T>) -> Result<T, Error> {
        let mut what = pin!(what);
        loop {
            tokio::select! {
                biased;
                () = self.stopping.cancelled() => return Err(Error::Stopping),
                done = &mut what => return Ok(done),
                _ = self.look.tick() => drop(self.party().await?),
            }
        }
    }

    /// Who asks, as long as they still may: tokens expire, sessions end and people are suspended while a stream goes on.
    async fn party(&self) -> Result<Party, Error> {
        let facts = self.authz.facts();
        let call = Call::by(self.standing.again()?, facts).await?;
        call.in_use(facts).await?;
        Ok(call.party)
    }
}

async fn answer(
    authz: Authz,
    party: Party,
    correlation_id: u64,
    check: Result<Check, Error>,
) -> v1::CheckStreamResponse {
    let answer = match check {
        Ok(check) => authz.decide(party, check).await,
        Err(error) => Err(error),
    };
    let result = match answer {
        Ok(answer) => Outcome::Response(answer),
        Err(error) => Outcome::Error(error.into()),
    };
    v1::CheckStreamResponse { correlation_id, result: Some(result) }
}
