//! What becomes of calls that are more than the server can answer.
//!
//! The queue of a server that is too slow has three places, and each has a bound of its own:
//!
//! - With the client: a connection carries so many calls at a time and no more (`SETTINGS_MAX_CONCURRENT_STREAMS`, RFC
//!   9113 §5.1.2). This costs the server nothing, and the client sees it: it can wait, or ask another server. To refuse a
//!   Check costs a good part of what it costs to answer it, so that nothing but this keeps a server from drowning in Checks.
//! - With the thread that answers: calls that were read wait for their turn there. More than so many are sent away before
//!   their token is looked at, and so are those whose turn comes too late.
//! - With the database: writes and reads of it wait for a connection. More than so many are sent away, while Checks from
//!   memory go on; a flood of Checks in turn takes nobody's place here.
//!
//! A caller who is gone, or whose deadline has passed, is not worked for: a write waits for its turn before it begins.

mod bound;
mod class;
mod deadline;
mod layer;
mod refusal;
#[cfg(test)]
mod tests;

use std::num::NonZero;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mandate_storage::Store;
use tokio::sync::{Semaphore, SemaphorePermit};

pub use self::bound::{Bound, Place};
pub use self::layer::OverloadLayer;
pub use self::refusal::{Limit, OverloadError, Progress};

use self::bound::Lane;
use self::refusal::Refusals;

/// How long the turn of a call may take to come, on the thread that answers it from memory.
const LATEST: Duration = Duration::from_millis(100);

/// With fewer calls than this in hand no thread is late, and no clock is read.
const A_QUEUE: usize = 64;

/// One of so many calls that are answered from memory may have to read the database first.
const MISSES: u32 = 4;

/// How much the server takes on at a time.
#[derive(Debug, Clone, PartialEq, Eq, clap::Args)]
#[command(next_help_heading = "Overload")]
pub struct OverloadSettings {
    /// The most calls at a time that are answered from memory (Check, BatchCheck, LookupPermissions). More are refused at
    /// once with RESOURCE_EXHAUSTED, before their token is looked at; google.rpc.RetryInfo says when to come back. A quarter
    /// of them may wait for facts that have to be read from the database first.
    #[arg(long, value_name = "NUMBER", default_value = "16384", env = "MANDATE_MAX_IN_FLIGHT")]
    pub max_in_flight: NonZero<u32>,
    /// The most calls at a time that write or read the database. More are refused in the same way. Passwords are hashed
    /// within a bound of their own.
    #[arg(long, value_name = "NUMBER", default_value = "1000", env = "MANDATE_MAX_IN_FLIGHT_DATABASE")]
    pub max_in_flight_database: NonZero<u32>,
    /// The most calls at a time on one connection; clients keep to it by themselves (HTTP/2).
    #[arg(long, value_name = "NUMBER", default_value = "100", env = "MANDATE_MAX_STREAMS")]
    pub max_streams: NonZero<u32>,
}

impl Default for OverloadSettings {
    fn default() -> Self {
        let number = |number| NonZero::new(number).unwrap_or(NonZero::<u32>::MIN);
        Self {
            max_in_flight: number(16_384),
            max_in_flight_database: number(1_000),
            max_streams: number(100),
        }
    }
}

/// The bounds of a server, and how full they are. They live as long as the process, as what is counted does.
#[derive(Debug)]
pub struct Bounds {
    /// Calls that write or read the database.
    database: Bound,
    /// Calls that hash a password, or wait for it.
    passwords: Bound,
    /// Questions whose facts are read from the database.
    misses: Bound,
    lanes: Mutex<Vec<&'static Lane>>,
    /// Writes that may have begun.
    turns: Semaphore,
    /// How long a write waits for its turn.
    patience: Duration,
    refusals: Refusals,
}

/// How full a bound is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fullness {
    /// The bound.
    pub limit: Limit,
    /// How many calls are within it.
    pub taken: u64,
    /// How many may be.
    pub most: u64,
    /// How many were refused because of it.
    pub refused: u64,
    /// How many were refused because their deadline had passed or would have.
    pub deadlines: u64,
}

/// A write's permission to be under way, given back when it is dropped.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "dropping it is what it is for")] SemaphorePermit<'static>);

impl Turn {
    /// Is over when a commit is: what is waited for afterwards keeps no other write from beginning.
    pub async fn until<T>(self, commit: impl Future<Output = T>) -> T {
        let done = commit.await;
        drop(self);
        done
    }
}

/// A part of a number, but not nothing.
fn part(whole: NonZero<u32>, parts: u32) -> NonZero<u32> {
    NonZero::new(whole.get() / parts).unwrap_or(NonZero::<u32>::MIN)
}

impl Bounds {
    /// Those of a server with these settings on this store.
    #[must_use]
    pub fn new(settings: &OverloadSettings, store: &Store) -> &'static Self {
        let (turns, patience) = (store.writes_at_once(), store.patience());
        let bound = || Bound::new(settings.max_in_flight_database);
        Box::leak(Box::new(Self {
            database: bound(),
            passwords: bound(),
            misses: Bound::new(part(settings.max_in_flight, MISSES)),
            lanes: Mutex::default(),
            turns: Semaphore::new(turns.max(1)),
            patience,
            refusals: Refusals::new(),
        }))
    }

    #[cfg(test)]
    pub(crate) fn for_tests(store: &Store) -> &'static Self {
        Self::new(&OverloadSettings::default(), store)
    }

    /// A place among the questions that read the database.
    ///
    /// # Errors
    /// [`OverloadError::Full`].
    pub fn miss(&'static self) -> Result<Place, OverloadError> {
        self.misses.enter().ok_or(OverloadError::Full(Limit::Database))
    }

    /// Waits until a write may begin. Whoever goes away meanwhile has written nothing.
    ///
    /// # Errors
    /// [`OverloadError::Full`] when that takes longer than anybody waits for the database.
    pub async fn turn(&'static self) -> Result<Turn, OverloadError> {
        let full = || OverloadError::Full(Limit::Database);
        match tokio::time::timeout(self.patience, self.turns.acquire()).await {
            // Nobody closes it.
            Ok(turn) => turn.map(Turn).map_err(|_| full()),
            Err(_) => {
                self.database.refuse();
                Err(full())
            }
        }
    }

    /// The part of `in_flight` that one of so many threads takes.
    fn lane(&self, in_flight: NonZero<u32>, threads: usize) -> &'static Lane {
        let all = usize::try_from(in_flight.get()).unwrap_or(usize::MAX);
        let lane: &'static Lane = Box::leak(Box::new(Lane::new(all.div_ceil(threads.max(1)))));
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).push(lane);
        lane
    }

    /// How full all bounds are.
    #[must_use]
    pub fn fullness(&self) -> Vec<Fullness> {
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let mut memory = Fullness { limit: Limit::Memory, taken: 0, most: 0, refused: 0, deadlines: 0 };
        for lane in lanes.iter().map(|lane| lane.fullness()) {
            memory.taken += lane.taken;
            memory.most += lane.most;
            memory.refused += lane.refused;
            memory.deadlines += lane.deadlines;
        }
        let database = self.database.fullness(Limit::Database);
        let misses = self.misses.fullness(Limit::Misses);
        vec![memory, database, misses, self.passwords.fullness(Limit::Passwords)]
    }
}
