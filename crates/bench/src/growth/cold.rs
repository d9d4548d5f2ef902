//! A Check whose facts are not in memory, beside an RPC of the same stack whose handler makes one point query.
//!
//! Requests go one at a time, so that a request takes as long as its answer. The same questions are asked of both; each is
//! about an account, a user and a membership that the server has never been asked about.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use prost::Message as _;

use super::world::{Asked, FIRST_TIME};
use super::{Load, Options};
use crate::check::series::Series;
use crate::load::{Requests, Shape};
use crate::machine::{Cores, pin};
use crate::process::Server;
use crate::reference;
use crate::service::Service;
use crate::stats::Runs;

const ONE: Shape = Shape { connections: 1, room: 1 };

/// Questions that are asked again and again.
const WARM: u64 = 1_000;

/// The longest run and the most runs: no question may be asked twice.
const LONGEST: f64 = 1.0;
const MOST: u32 = 10;

/// What was seen of one kind of request, one at a time.
pub(super) struct OneByOne {
    /// What the figures are named by.
    pub(super) name: &'static str,
    /// From request to answer, in microseconds, on average of each run.
    pub(super) micros: Runs,
    /// Processor time of the server for a request, in microseconds.
    pub(super) server_micros: Runs,
}

/// All four kinds.
pub(super) struct Cold {
    /// A Check that reads its facts.
    pub(super) cold: OneByOne,
    /// A Check from memory.
    pub(super) warm: OneByOne,
    /// An RPC that makes one point query.
    pub(super) point: OneByOne,
    /// An RPC that does nothing.
    pub(super) empty: OneByOne,
}

impl Cold {
    /// How long a Check takes that reads its facts, beside an RPC with one point query.
    pub(super) fn ratio(&self) -> f64 {
        self.cold.micros.median() / self.point.micros.median()
    }

    /// How much longer a Check takes when it reads its facts, beside how much longer an RPC takes that makes a point query.
    pub(super) fn ratio_of_reading(&self) -> f64 {
        (self.cold.micros.median() - self.warm.micros.median())
            / (self.point.micros.median() - self.empty.micros.median())
    }
}

/// Measures a server that has nothing in memory yet.
///
/// # Errors
/// Something does not start, or answers are not those expected.
pub(super) async fn measure(
    options: &Options,
    service: &Service,
    token: &str,
    asked: &Asked,
    cores: Cores,
) -> anyhow::Result<Cold> {
    let mandate = service.start(Some(cores.server))?;
    let reference = |name, query: Option<&str>| start(service, name, query, cores.server);
    let (point, empty) = (reference("point-query", Some(service.url()))?, reference("empty", None)?);
    let again = || (FIRST_TIME - WARM..FIRST_TIME).map(|number| asked.question(number));
    let first = || asked.question(FIRST_TIME - 1);
    let warm = Load::encode(&mandate, token, first(), again()).await?;
    let new = (0..FIRST_TIME - WARM).map(|number| asked.question(number));
    let cold =
        Load { requests: Requests::encode(warm.requests.headers.clone(), 1, new)?, answer: warm.answer };
    pin(cores.generator)?;
    warm.once(&mandate)?;

    let allowed = reference::allowed().encoded_len() + 5;
    let mut series = [
        Series::new("cold", &mandate, &cold.requests, cold.answer, ONE),
        Series::new("point_query", &point, &cold.requests, allowed, ONE),
        Series::new("warm", &mandate, &warm.requests, warm.answer, ONE),
        Series::new("empty", &empty, &cold.requests, allowed, ONE),
    ];
    for _ in 0..options.runs.min(MOST) {
        for one in &mut series {
            one.run(Duration::from_secs_f64(options.seconds.min(LONGEST)))?;
        }
        let [cold, ..] = &series;
        ensure!(cold.asked() < FIRST_TIME - WARM, "all questions were asked; give fewer seconds or runs");
    }
    let seen = |series: &Series<'_>| OneByOne {
        name: series.name,
        micros: series.per_second.iter().map(|rate| 1e6 / rate).collect(),
        server_micros: series.server_micros.clone(),
    };
    let [cold, point, warm, empty] = &series;
    Ok(Cold { cold: seen(cold), point: seen(point), warm: seen(warm), empty: seen(empty) })
}

fn start(service: &Service, name: &str, query: Option<&str>, core: usize) -> anyhow::Result<Server> {
    let this = std::env::current_exe().context("the path of this program")?;
    let mut command = Command::new(this);
    command.args(["reference", "--runtime", reference::Kind::CurrentThread.name(), "--batch", "1"]);
    if let Some(url) = query {
        // Not as an argument, which everybody on the machine can read.
        command.env(reference::QUERY, url);
    }
    Server::start(name, command, service.folder(), Some(core))
}
