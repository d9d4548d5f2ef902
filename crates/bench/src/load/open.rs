//! Open loop: requests fall due at a fixed rate, whether or not earlier ones were answered, as the requests of many
//! strangers do.
//!
//! A request's latency counts from when it was due, not from when it could be sent: a server that stands still for a
//! second is charged with everything that fell due in that second (coordinated omission). A request for which there is
//! no room when it falls due is dropped, and counted as such.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, Shape};
use super::histogram::Histogram;
use super::requests::Requests;
use crate::process::{Server, own_cpu};

/// What one run showed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Latencies {
    /// From falling due to being answered.
    pub(crate) seen: Histogram,
    /// How many fell due.
    pub(crate) due: u64,
    /// How many of them there was no room for.
    pub(crate) dropped: u64,
    /// Requests answered with something else than expected.
    pub(crate) wrong: u64,
    /// Which part of a core the server had, 0 to 1.
    pub(crate) server_busy: f64,
    /// Which part of a core this program had.
    pub(crate) generator_busy: f64,
}

/// When requests fall due: evenly, from a beginning on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrivals {
    beginning: Instant,
    per_second: f64,
}

impl Arrivals {
    /// So many a second from now on.
    pub(crate) fn starting(beginning: Instant, per_second: f64) -> Self {
        Self { beginning, per_second }
    }

    /// When the request of this number falls due.
    pub(crate) fn due(&self, number: u64) -> Instant {
        let number = f64::from(u32::try_from(number).unwrap_or(u32::MAX));
        self.beginning + Duration::from_secs_f64(number / self.per_second)
    }
}

/// Sends at a fixed rate for a while. Latencies of the first fifth are not counted.
///
/// # Errors
/// A connection's, or the server ended.
pub(crate) fn run(
    server: &Server,
    requests: &Requests,
    shape: Shape,
    expected: usize,
    per_second: f64,
    time: Duration,
) -> anyhow::Result<Latencies> {
    anyhow::ensure!(per_second > 0.0, "a rate is greater than 0");
    let mut fleet = Fleet::open(server.address, requests, shape, 0)?;
    let beginning = Instant::now();
    let (counted_from, end) = (beginning + time / 5, beginning + time / 5 + time);
    let arrivals = Arrivals::starting(beginning, per_second);
    let (mut latencies, mut number) = (Latencies::default(), 0);
    let mut times = None;
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= counted_from && times.is_none() {
            times = Some((now, server.cpu()?, own_cpu()?));
        }
        let mut due = arrivals.due(number);
        while due <= now {
            let sent = fleet.send(due);
            if due >= counted_from {
                latencies.due += 1;
                latencies.dropped += u64::from(!sent);
            }
            number += 1;
            due = arrivals.due(number);
        }
        fleet
            .turn(due.min(end), |answer| latencies.see(answer.due, answer.bytes == expected, counted_from))?;
    }
    if let Some((since, server_cpu, own)) = times {
        let seconds = since.elapsed().as_secs_f64();
        latencies.server_busy = (server.cpu()? - server_cpu).as_secs_f64() / seconds;
        latencies.generator_busy = (own_cpu()? - own).as_secs_f64() / seconds;
    }
    fleet.drain(|answer| latencies.see(answer.due, answer.bytes == expected, counted_from))?;
    Ok(latencies)
}

impl Latencies {
    fn see(&mut self, due: Instant, right: bool, counted_from: Instant) {
        if due >= counted_from {
            self.seen.add(due.elapsed());
            self.wrong += u64::from(!right);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_fall_due_evenly() {
        let beginning = Instant::now();
        let arrivals = Arrivals::starting(beginning, 1_000.0);
        assert_eq!(arrivals.due(0), beginning);
        assert_eq!(arrivals.due(1_500) - beginning, Duration::from_millis(1_500));
    }

    #[test]
    fn latency_counts_from_when_a_request_was_due() {
        let mut latencies = Latencies::default();
        let due = Instant::now().checked_sub(Duration::from_millis(50)).unwrap();
        latencies.see(due, true, due);
        assert!(latencies.seen.longest() >= Duration::from_millis(50), "however late it was sent");
        latencies.see(due, false, due + Duration::from_millis(1));
        assert_eq!((latencies.seen.total(), latencies.wrong), (1, 0), "what fell due before counting began");
    }
}
