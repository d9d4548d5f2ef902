//! `ImportMembers`: rows in, results out, nothing kept in between (GW-08).
//!
//! Rows that have arrived are carried out together, in one transaction, since a commit costs as much as a hundred rows;
//! one that arrives alone is carried out alone. Nothing more is read before the results have been taken, so that HTTP/2
//! holds back whoever sends faster than this writes or reads.

use std::collections::BTreeSet;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, Stream};
use mandate_domain::command::Actor;
use mandate_domain::id::UserId;
use mandate_proto::v1;
use mandate_storage::{BatchItem, StoreError, Then};
use prost::Message as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status, Streaming};

use crate::batch::{self, write_batch};
use crate::caller::Call;
use crate::clock::new_id_bits;
use crate::convert;
use crate::error::Error;
use crate::facts::Facts;
use crate::guard::{Standing, explain};
use crate::telemetry::carried;

/// Most rows of one transaction.
const MOST_ROWS: usize = 256;

/// How many bytes of rows go to the store together, the last row's aside.
const BATCH_BYTES: usize = 4 << 20;

/// How long a transaction takes in further rows: other writers wait for it.
const PATIENCE: Duration = Duration::from_millis(50);

/// The results of a stream of rows.
pub type Results = Pin<Box<dyn Stream<Item = Result<v1::ImportMembersResponse, Status>> + Send>>;

/// Begins an import. The rows are read and carried out by a task of their own, which ends with either side.
///
/// # Errors
/// The caller may not import anything.
pub async fn import(
    facts: &Arc<Facts>,
    stopping: CancellationToken,
    request: Request<Streaming<v1::ImportMembersRequest>>,
) -> Result<Response<Results>, Error> {
    let standing = Standing::of(request.extensions())?;
    let import = Import { facts: Arc::clone(facts), standing, stopping };
    import.actor().await?;
    let (results, receiver) = mpsc::channel(MOST_ROWS);
    tokio::spawn(carried(import.run(Rows { stream: request.into_inner(), end: None }, results)));
    Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
}

/// An import under way.
struct Import {
    facts: Arc<Facts>,
    standing: Standing,
    /// Ends the stream between two transactions.
    stopping: CancellationToken,
}

/// A row that has been read.
struct Row {
    id: String,
    item: Result<BatchItem, Error>,
}

type Sender = mpsc::Sender<Result<v1::ImportMembersResponse, Status>>;

impl Import {
    /// Who imports, as long as they still may call at all: tokens expire, sessions end and people are suspended while a
    /// stream goes on.
    async fn actor(&self) -> Result<Actor, Error> {
        let call = Call::by(self.standing.again()?, &self.facts).await?;
        call.in_use(&self.facts).await?;
        Ok(call.actor())
    }

    async fn run(self, mut rows: Rows, results: Sender) {
        loop {
            let next = tokio::select! {
                () = self.stopping.cancelled() => Err(Error::Stopping.into()),
                next = rows.next() => next,
            };
            let read = match next {
                Ok(read) if read.is_empty() => return,
                Ok(read) => read,
                // INVARIANT: a stream that breaks off ends with an error, never like one that is complete.
                Err(status) => return tell(&results, Err(status)).await.unwrap_or_default(),
            };
            let mut left = read.into_iter().map(row).collect::<Vec<_>>();
            while !left.is_empty() {
                let done = match self.carry_out(&mut left).await {
                    Ok(done) => done,
                    Err(error) => return tell(&results, Err(error.into())).await.unwrap_or_default(),
                };
                for result in done {
                    let told = tokio::select! {
                        biased;
                        told = tell(&results, Ok(result)) => told,
                        () = self.stopping.cancelled() => Err(()),
                    };
                    // Nobody reads any more: what was written stays, and is recognised when it is sent again.
                    let Ok(()) = told else { return };
                }
                if self.stopping.is_cancelled() {
                    return tell(&results, Err(Error::Stopping.into())).await.unwrap_or_default();
                }
            }
        }
    }

    /// Carries out as many of the rows as there is time for, and takes them off.
    ///
    /// Errors: no row can be carried out any more.
    async fn carry_out(&self, rows: &mut Vec<Row>) -> Result<Vec<v1::ImportMembersResponse>, Error> {
        let actor = self.actor().await?;
        let items: Vec<BatchItem> = rows.iter().filter_map(|row| row.item.as_ref().ok()).cloned().collect();
        if let Some(user) = actor.user() {
            let accounts: BTreeSet<_> = items.iter().filter_map(|item| item.command.account()).collect();
            accounts.into_iter().for_each(|account| self.facts.note_change(account, user));
        }
        let mut judged = match items.len() {
            0 => Vec::new(),
            _ => self.write(&actor, items).await?,
        }
        .into_iter();
        let mut done = Vec::with_capacity(rows.len());
        let mut left = std::mem::take(rows).into_iter();
        for Row { id, item } in left.by_ref() {
            match item {
                Err(error) => done.push(convert::import::result(id, Then::Leave, Err(error), "")),
                Ok(item) => match judged.next() {
                    Some(row) => {
                        done.push(convert::import::result(id, item.then, row.judged, &row.token));
                    }
                    None => {
                        rows.push(Row { id, item: Ok(item) });
                        break;
                    }
                },
            }
        }
        rows.extend(left);
        Ok(done)
    }

    /// Writes rows together or, where something other than the rules keeps them from it, each by itself.
    async fn write(&self, actor: &Actor, items: Vec<BatchItem>) -> Result<Vec<batch::Row>, Error> {
        match write_batch(&self.facts, actor, items.clone(), PATIENCE).await {
            Ok(judged) => return Ok(judged),
            Err(error) if ends_all(&error) => return Err(error),
            Err(error) => tracing::debug!(%error, rows = items.len(), "rows are written one by one"),
        }
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            match write_batch(&self.facts, actor, vec![item], PATIENCE).await {
                Ok(judged) => all.extend(judged),
                Err(error) if ends_all(&error) && all.is_empty() => return Err(error),
                // What was written before it has to be told first.
                Err(error) if ends_all(&error) => return Ok(all),
                Err(error) => all.push(batch::Row { judged: Err(error), token: "".into() }),
            }
        }
        Ok(all)
    }
}

/// Whether no other row would fare better.
fn ends_all(error: &Error) -> bool {
    match error {
        Error::Store(
            StoreError::Unavailable { .. }
            | StoreError::CommitUnknown { .. }
            | StoreError::Overloaded
            | StoreError::Locked(_),
        )
        | Error::Overload(_) => true,
        Error::Store(_)
        | Error::Auth(_)
        | Error::Access(_)
        | Error::SignIn(_)
        | Error::Watch(_)
        | Error::Refused(_)
        | Error::RequestIdReused
        | Error::ConsistencyToken
        | Error::Stopping
        | Error::MessageTooLarge { .. }
        | Error::TooOften(_)
        | Error::Policy(_)
        | Error::Defect(_) => false,
    }
}

fn row(message: v1::ImportMembersRequest) -> Row {
    let id = message.row_id.clone();
    let newcomer = new_id_bits().map(UserId::from_bits).map_err(Error::from);
    Row { id, item: newcomer.and_then(|newcomer| convert::import::row(message, newcomer)) }
}

/// Errors: nobody listens.
async fn tell(results: &Sender, result: Result<v1::ImportMembersResponse, Status>) -> Result<(), ()> {
    results.send(result).await.map_err(drop)
}

/// The rows of a stream.
struct Rows {
    stream: Streaming<v1::ImportMembersRequest>,
    /// How the stream ended, if that was found while there were rows to carry out yet.
    end: Option<Result<(), Status>>,
}

impl Rows {
    /// The next rows, as many as have arrived and fit; none at the end.
    ///
    /// Errors: the stream broke off, or what came is no row.
    async fn next(&mut self) -> Result<Vec<v1::ImportMembersRequest>, Status> {
        if let Some(end) = self.end.take() {
            return end.map(|()| Vec::new());
        }
        let Some(first) = self.stream.message().await.map_err(explain)? else { return Ok(Vec::new()) };
        let mut bytes = first.encoded_len();
        let mut rows = vec![first];
        // INVARIANT: no more is held than one message may be large, and one row.
        while rows.len() < MOST_ROWS && bytes < BATCH_BYTES {
            match self.stream.message().now_or_never() {
                Some(Ok(Some(row))) => {
                    bytes = bytes.saturating_add(row.encoded_len());
                    rows.push(row);
                }
                Some(Ok(None)) => {
                    self.end = Some(Ok(()));
                    break;
                }
                Some(Err(status)) => {
                    self.end = Some(Err(explain(status)));
                    break;
                }
                None => break,
            }
        }
        Ok(rows)
    }
}
