//! The layer that refuses: between the one that counts and the one that looks at tokens.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::{Request, Response};
use tokio::time::Sleep;
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::bound::{Lane, Place};
use super::class::Class;
use super::refusal::{Limit, OverloadError, Progress};
use super::{A_QUEUE, Bounds, LATEST, OverloadSettings, deadline};
use crate::error::Error;

/// Refuses what is too much for a server. Each thread that answers calls has one of its own.
#[derive(Debug, Clone, Copy)]
pub struct OverloadLayer {
    gate: Gate,
}

/// Where calls are let in on one thread.
#[derive(Debug, Clone, Copy)]
struct Gate {
    bounds: &'static Bounds,
    lane: &'static Lane,
}

impl OverloadLayer {
    /// For one of so many threads.
    #[must_use]
    pub fn new(bounds: &'static Bounds, settings: &OverloadSettings, threads: usize) -> Self {
        Self { gate: Gate { bounds, lane: bounds.lane(settings.max_in_flight, threads) } }
    }
}

impl<S> Layer<S> for OverloadLayer {
    type Service = Bounded<S>;

    fn layer(&self, inner: S) -> Bounded<S> {
        Bounded { gate: self.gate, inner }
    }
}

/// A service that gets no more calls than it can answer.
#[derive(Debug, Clone)]
pub struct Bounded<S> {
    gate: Gate,
    inner: S,
}

impl<S> Service<Request<Body>> for Bounded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Unpin,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let class = Class::of(request.uri().path());
        let deadline = deadline::of(request.headers());
        match self.gate.admit(class, deadline) {
            Ok(place) => {
                let times = self.gate.times(class, deadline);
                Answer { gate: self.gate, class, place, times, call: Call::Begun(self.inner.call(request)) }
            }
            Err(refusal) => {
                let call = Call::Refused(Some(refusal));
                Answer { gate: self.gate, class, place: None, times: None, call }
            }
        }
    }
}

/// Why a call is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// There are as many like it as may be.
    Full(Limit),
    /// Nobody waited for it any more when it could have begun.
    Late,
    /// Nobody waits for it any more, and it had begun.
    Ended,
}

impl Gate {
    /// A place among its like.
    fn admit(self, class: Class, deadline: Option<Duration>) -> Result<Option<Place>, Refused> {
        if deadline == Some(Duration::ZERO) && class != Class::Open {
            return Err(self.too_late(class));
        }
        let bounds = self.bounds;
        let (place, limit) = match class {
            Class::Memory => (self.lane.enter(), Limit::Memory),
            Class::Database => (bounds.database.enter(), Limit::Database),
            Class::Passwords => (bounds.passwords.enter(), Limit::Passwords),
            // It gives the place back at once: it lasts, but does not keep the database busy.
            Class::Stream => match bounds.database.enter() {
                Some(_) => return Ok(None),
                None => (None, Limit::Database),
            },
            Class::Open => return Ok(None),
        };
        place.map(Some).ok_or(Refused::Full(limit))
    }

    /// What has to be looked at when the turn of a call comes; `None`: nothing.
    fn times(self, class: Class, deadline: Option<Duration>) -> Option<Box<Times>> {
        let queues = class == Class::Memory && self.lane.taken() > A_QUEUE;
        let bounded = deadline.filter(|_| !matches!(class, Class::Open));
        if !queues && bounded.is_none() {
            return None;
        }
        // Made before the transport makes its own for the same time, so that this one ends first and says why.
        let deadline = bounded.map(|deadline| (deadline, Box::pin(tokio::time::sleep(deadline))));
        Some(Box::new(Times { read: Some(Instant::now()), deadline }))
    }

    /// Whether the turn of a call came too late.
    fn judge(self, class: Class, waited: Duration, deadline: Option<Duration>) -> Result<(), Refused> {
        if deadline.is_some_and(|deadline| deadline <= waited) {
            return Err(self.too_late(class));
        }
        if class == Class::Memory && waited > LATEST {
            self.lane.refuse();
            return Err(Refused::Full(Limit::Memory));
        }
        Ok(())
    }

    fn too_late(self, class: Class) -> Refused {
        self.count_late(class);
        Refused::Late
    }

    /// The answer to somebody who is refused.
    fn answer(self, refused: Refused) -> Response<Body> {
        match refused {
            Refused::Full(limit) => self.bounds.refusals.full(limit),
            Refused::Late => self.bounds.refusals.deadline(),
            Refused::Ended => {
                let error = OverloadError::DeadlinePassed(Progress::Unknown);
                Status::from(Error::from(error)).into_http()
            }
        }
    }

    fn count_late(self, class: Class) {
        match class {
            Class::Memory | Class::Open => self.lane.was_late(),
            Class::Database | Class::Stream => self.bounds.database.was_late(),
            Class::Passwords => self.bounds.passwords.was_late(),
        }
    }
}

/// When a call was read, and when its caller stops waiting.
#[derive(Debug)]
struct Times {
    /// `None`: its turn has come.
    read: Option<Instant>,
    deadline: Option<(Duration, Pin<Box<Sleep>>)>,
}

/// The answer to a call.
#[derive(Debug)]
pub struct Answer<F> {
    gate: Gate,
    class: Class,
    /// Its place among its like, for as long as it lasts.
    place: Option<Place>,
    times: Option<Box<Times>>,
    call: Call<F>,
}

#[derive(Debug)]
enum Call<F> {
    /// It is refused; `None`: that was told.
    Refused(Option<Refused>),
    /// Somebody carries it out.
    Begun(F),
}

impl<F> Answer<F> {
    /// Ends a call whose turn came too late, or whose caller does not wait any more.
    fn look_at_the_time(&mut self, context: &mut Context<'_>) -> Option<Refused> {
        let Times { read, deadline } = self.times.as_deref_mut()?;
        if let Some(read) = read.take() {
            let refused = self.gate.judge(self.class, read.elapsed(), deadline.as_ref().map(|(of, _)| *of));
            if let Err(refusal) = refused {
                return Some(refusal);
            }
        }
        let (_, sleep) = deadline.as_mut()?;
        match sleep.as_mut().poll(context) {
            Poll::Pending => None,
            Poll::Ready(()) => {
                self.gate.count_late(self.class);
                Some(Refused::Ended)
            }
        }
    }
}

impl<F> Answer<F> {
    /// Drops what was begun, and gives its place back.
    fn refuse(&mut self, refusal: Refused) -> Response<Body> {
        (self.call, self.place) = (Call::Refused(None), None);
        self.gate.answer(refusal)
    }
}

impl<F> Future for Answer<F>
where
    F: Future<Output = Result<Response<Body>, Infallible>> + Unpin,
{
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let first = self.times.as_ref().is_some_and(|times| times.read.is_some());
        if first && let Some(refusal) = self.look_at_the_time(context) {
            return Poll::Ready(Ok(self.refuse(refusal)));
        }
        match &mut self.call {
            Call::Begun(call) => match Pin::new(call).poll(context) {
                Poll::Ready(answer) => Poll::Ready(answer),
                Poll::Pending => match self.look_at_the_time(context) {
                    Some(refusal) => Poll::Ready(Ok(self.refuse(refusal))),
                    None => Poll::Pending,
                },
            },
            Call::Refused(refusal) => match refusal.take() {
                Some(refusal) => Poll::Ready(Ok(self.gate.answer(refusal))),
                None => Poll::Pending,
            },
        }
    }
}
