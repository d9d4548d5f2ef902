//! Refusing: why, and answers that are ready before anybody asks.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::{HeaderMap, Response};
use tonic::Status;
use tonic::body::Body;

use crate::error::Error;

/// What there is a bound of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Calls that are answered from memory.
    Memory,
    /// Calls that write or read the database.
    Database,
    /// Questions whose facts are read from the database.
    Misses,
    /// Calls that hash a password.
    Passwords,
}

impl Limit {
    /// How errors and metrics name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Database => "database",
            Self::Misses => "misses",
            Self::Passwords => "passwords",
        }
    }

    /// The least that whoever was refused should wait.
    #[must_use]
    pub fn pause(self) -> Duration {
        match self {
            Self::Memory => Duration::from_millis(100),
            Self::Database | Self::Misses => Duration::from_millis(500),
            Self::Passwords => Duration::from_secs(1),
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How far a call got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing of it was done.
    None,
    /// It had begun, and may have been carried out or not.
    Unknown,
}

/// Why a call was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverloadError {
    /// There are as many like it as the server takes.
    #[error(
        "the server has as many calls in hand as it takes at a time; nothing was done, wait as long as \
         google.rpc.RetryInfo says before you try again"
    )]
    Full(Limit),
    /// The deadline had passed, or would have, before it could be answered.
    #[error("{}", match .0 {
        Progress::None => "the deadline of the call passed before the server could begin; nothing was done, try again with \
                           more time or when the server has less to do",
        Progress::Unknown => "the deadline of the call passed while it was under way; if it writes, read whether it did, or \
                              repeat it with the same request_id",
    })]
    DeadlinePassed(Progress),
}

/// Different pauses that are told, so that not all who were refused come back together.
const PAUSES: u32 = 8;

/// The answers, written before anybody asks: to refuse must cost less than to answer.
pub(super) struct Refusals {
    full: [Vec<HeaderMap>; 3],
    deadline: HeaderMap,
    next: AtomicUsize,
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refusals(…)")
    }
}

impl Refusals {
    pub(super) fn new() -> Self {
        let full = |limit: Limit| {
            let pause = |number| limit.pause() + limit.pause() * number / PAUSES;
            (0..PAUSES).map(|number| headers(crate::error::overloaded(limit, pause(number)))).collect()
        };
        Self {
            full: [Limit::Memory, Limit::Database, Limit::Passwords].map(full),
            deadline: headers(Error::from(OverloadError::DeadlinePassed(Progress::None)).into()),
            next: AtomicUsize::new(0),
        }
    }

    /// The answer to whoever found this bound full.
    pub(super) fn full(&self, limit: Limit) -> Response<Body> {
        let place = match limit {
            Limit::Memory => 0,
            Limit::Database | Limit::Misses => 1,
            Limit::Passwords => 2,
        };
        let ready = self.full.get(place).map(Vec::as_slice).unwrap_or_default();
        let next = self.next.load(Ordering::Relaxed).wrapping_add(1);
        // Whoever else refuses meanwhile may tell the same pause.
        self.next.store(next, Ordering::Relaxed);
        match ready.get(next % ready.len().max(1)) {
            Some(headers) => answer(headers.clone()),
            None => Status::from(Error::from(OverloadError::Full(limit))).into_http(),
        }
    }

    /// The answer to whoever does not wait any more.
    pub(super) fn deadline(&self) -> Response<Body> {
        answer(self.deadline.clone())
    }
}

fn headers(status: Status) -> HeaderMap {
    status.into_http::<Body>().into_parts().0.headers
}

fn answer(headers: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.headers_mut() = headers;
    response
}
