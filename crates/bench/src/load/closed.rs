//! Closed loop: each answer makes room for the next request. It finds out what a server can do, and says nothing about
//! how long anybody waits.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::fleet::{Fleet, Shape};
use super::requests::Requests;
use crate::process::{Server, own_cpu};

/// What one run showed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Throughput {
    /// Requests answered a second.
    pub(crate) per_second: f64,
    /// Processor time of the server for one request, in microseconds.
    pub(crate) server_micros: f64,
    /// Which part of a core the server had, 0 to 1.
    pub(crate) server_busy: f64,
    /// Which part of a core this program had.
    pub(crate) generator_busy: f64,
    /// Requests answered with something else than expected.
    pub(crate) wrong: u64,
}

/// Runs for a while; the first fifth is not counted.
///
/// `expected`: the bytes of each answer's message. Returns the number of the next request, too, for the next run to
/// begin with.
///
/// # Errors
/// A connection's, or the server ended.
pub(crate) fn run(
    server: &Server,
    requests: &Requests,
    shape: Shape,
    expected: usize,
    first: usize,
    time: Duration,
) -> anyhow::Result<(Throughput, usize)> {
    let mut fleet = Fleet::open(server.address, requests, shape, first)?;
    let throughput = measure(server, time, |until| keep_busy(&mut fleet, expected, until))?;
    fleet.drain(|_| {})?;
    Ok((throughput, fleet.next()))
}

/// Measures what keeps the server busy until an instant, and tells how many requests were answered by then, and how many of
/// them wrongly. The first fifth is not counted.
///
/// # Errors
/// Its own, or the server ended.
pub(super) fn measure(
    server: &Server,
    time: Duration,
    mut keep_busy: impl FnMut(Instant) -> anyhow::Result<(u64, u64)>,
) -> anyhow::Result<Throughput> {
    keep_busy(Instant::now() + time / 5)?;
    let (started, server_cpu, own) = (Instant::now(), server.cpu()?, own_cpu()?);
    let (answered, wrong) = keep_busy(started + time)?;
    let seconds = started.elapsed().as_secs_f64();
    let server_seconds = (server.cpu()? - server_cpu).as_secs_f64();
    let own_seconds = (own_cpu()? - own).as_secs_f64();
    let count = count(answered);
    Ok(Throughput {
        per_second: count / seconds,
        server_micros: server_seconds * 1e6 / count,
        server_busy: server_seconds / seconds,
        generator_busy: own_seconds / seconds,
        wrong,
    })
}

/// How many requests were answered until then, and how many of them wrongly.
fn keep_busy(fleet: &mut Fleet<'_>, expected: usize, until: Instant) -> anyhow::Result<(u64, u64)> {
    let (mut answered, mut wrong) = (0, 0);
    loop {
        let now = Instant::now();
        if now >= until {
            return Ok((answered, wrong));
        }
        fleet.fill(now);
        fleet.turn(until, |answer| {
            answered += 1;
            wrong += u64::from(answer.bytes != expected);
        })?;
    }
}

/// Sends each request once and waits for all answers; how many were answered otherwise than expected.
///
/// # Errors
/// A connection's.
pub(crate) fn once_each(
    address: SocketAddr,
    requests: &Requests,
    shape: Shape,
    expected: usize,
) -> anyhow::Result<u64> {
    let mut fleet = Fleet::open(address, requests, shape, 0)?;
    let mut wrong = 0;
    let mut see = |bytes: usize| wrong += u64::from(bytes != expected);
    while fleet.next() < requests.len() {
        let now = Instant::now();
        while fleet.next() < requests.len() && fleet.send(now) {}
        fleet.turn(now + Duration::from_secs(1), |answer| see(answer.bytes))?;
    }
    fleet.drain(|answer| see(answer.bytes))?;
    Ok(wrong)
}

fn count(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap_or(u32::MAX))
}
