//! Open loop beyond what a server can do: how many answers come in time, and what becomes of the other requests.
//!
//! A connection carries as many requests as the server allows it (HTTP/2), and a request for which there is no room when
//! it falls due is dropped, as a client does that fails fast or has a short queue. An answer is good if it is the one
//! expected and comes within the deadline, counted from when the request was due.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, Shape};
use super::histogram::Histogram;
use super::open::Arrivals;
use super::requests::Requests;
use crate::process::{Server, own_cpu};

/// What one run showed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Flood {
    /// From falling due to being answered, of good answers.
    pub(crate) good: Histogram,
    /// Good answers a second.
    pub(crate) good_per_second: f64,
    /// Answers that were not those expected: refusals. A second.
    pub(crate) refused_per_second: f64,
    /// Answers that were those expected, and came too late. A second.
    pub(crate) late_per_second: f64,
    /// Requests for which there was no room. A second.
    pub(crate) dropped_per_second: f64,
    /// Which part of a core the server had.
    pub(crate) server_busy: f64,
    /// Which part of a core this program had.
    pub(crate) generator_busy: f64,
}

/// How a flood comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Requests that fall due in a second.
    pub(crate) per_second: f64,
    /// How long an answer may take to be a good one.
    pub(crate) deadline: Duration,
    /// For how long; as long again at the beginning as a fifth of it is not counted.
    pub(crate) time: Duration,
}

/// Counts of a run.
#[derive(Default)]
struct Counts {
    good: Histogram,
    refused: u64,
    late: u64,
    dropped: u64,
}

/// Floods the server. `expected`: the bytes of each answer's message.
///
/// # Errors
/// A connection's, or the server ended.
pub(crate) fn run(
    server: &Server,
    requests: &Requests,
    shape: Shape,
    expected: usize,
    rate: Rate,
) -> anyhow::Result<Flood> {
    let mut fleet = Fleet::open(server.address, requests, shape, 0)?;
    fleet.greet()?;
    let beginning = Instant::now();
    let (counted_from, end) = (beginning + rate.time / 5, beginning + rate.time / 5 + rate.time);
    let arrivals = Arrivals::starting(beginning, rate.per_second);
    let (mut counts, mut number, mut times) = (Counts::default(), 0, None);
    loop {
        let now = Instant::now();
        if now >= end {
            break;
        }
        if now >= counted_from && times.is_none() {
            times = Some((now, server.cpu()?, own_cpu()?));
        }
        let mut due = arrivals.due(number);
        let mut room = true;
        while due <= now {
            // Where one found no room, the next one of the same moment finds none either.
            room = room && fleet.send(due);
            counts.dropped += u64::from(!room && due >= counted_from);
            number += 1;
            due = arrivals.due(number);
        }
        fleet.turn(due.min(end), |answer| {
            if answer.due < counted_from {
                return;
            }
            let took = answer.due.elapsed();
            match answer.bytes == expected {
                true if took <= rate.deadline => counts.good.add(took),
                true => counts.late += 1,
                false => counts.refused += 1,
            }
        })?;
    }
    let (since, server_cpu, own) = times.unwrap_or((counted_from, Duration::ZERO, Duration::ZERO));
    let seconds = since.elapsed().as_secs_f64();
    let per_second = |count: u64| f64::from(u32::try_from(count).unwrap_or(u32::MAX)) / seconds;
    let flood = Flood {
        good_per_second: per_second(counts.good.total()),
        refused_per_second: per_second(counts.refused),
        late_per_second: per_second(counts.late),
        dropped_per_second: per_second(counts.dropped),
        server_busy: (server.cpu()? - server_cpu).as_secs_f64() / seconds,
        generator_busy: (own_cpu()? - own).as_secs_f64() / seconds,
        good: counts.good,
    };
    fleet.drain(|_| {})?;
    Ok(flood)
}
