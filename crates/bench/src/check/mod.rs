//! `Check` beside an empty RPC: what Mandate adds to what the same stack costs with handlers that do nothing.
//!
//! Each server has one core to itself and the load has another; they take turns, run after run, and what counts is the
//! processor time of the server for a request.

mod markdown;
mod paced;
mod print;
pub(crate) mod series;
mod streamed;
pub(crate) mod world;

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use mandate_proto::v1::{
    BatchCheckRequest, BatchCheckResponse, BatchCheckResult, CheckRequest, batch_check_result,
};
use prost::Message as _;

use crate::client::Client;
use crate::database::Engine;
use crate::facts::OWNERS_ONLY;
use crate::load::capture::{Calls, header_blocks};
use crate::load::{HeaderBlocks, Requests, Shape, closed};
use crate::machine::{Cores, pin};
use crate::process::Server;
use crate::reference::{self, Kind};
use crate::report::{line, tell};
use crate::section::Section;
use crate::service::Service;
use crate::sink::Sink;
use crate::{peers, peers::Peer};

use self::paced::Paced;
use self::print::Figures;
use self::series::Series;
use self::streamed::Streamed;
use self::world::World;

/// Questions in a batch.
const BATCH: u32 = 100;
/// Different batches; they repeat.
const BATCHES: u64 = 2_000;
/// Denied questions that are asked to see that not everything is allowed.
const DENIED: u64 = 20;
/// The part of what a server can do at which latencies are looked at.
const LOAD: f64 = 0.7;

const UNARY: Shape = Shape { connections: 8, room: 16 };
const BATCHED: Shape = Shape { connections: 4, room: 4 };
/// Streams, and questions under way on each.
const STREAMED: Shape = Shape { connections: 4, room: 512 };
/// At a fixed rate there is room for bursts, so that they are measured and not dropped.
const BURSTS: Shape = Shape { connections: 8, room: 256 };

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// For how many seconds each load runs each time.
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0)]
    seconds: f64,
    /// How often each load runs, in turns.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    runs: u32,
    /// Over how many memberships the questions are spread: a multiple of 50.
    #[arg(long, value_name = "NUMBER", default_value_t = 100_000)]
    memberships: u64,
    /// Lets the server serve metrics and export traces at the default sampling, to a collector that throws them away.
    #[arg(long)]
    telemetry: bool,
}

/// Measures and prints.
///
/// # Errors
/// Something does not start, or answers are not those expected.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    ensure!(options.runs > 0 && options.seconds >= 0.1, "give at least one run of at least 0.1 seconds");
    let (cores, time) = (Cores::choose()?, Duration::from_secs_f64(options.seconds));
    let service = Service::new(Engine::Sqlite).await?;
    let started = Instant::now();
    let world = World::seed(&service, options.memberships).await?;
    tell(&format!("seeded {} memberships in {:.1} s", options.memberships, started.elapsed().as_secs_f64()));
    let token = service.token("authz.check")?;
    let folder = tempfile::tempdir()?;
    let empty = start_reference(Kind::CurrentThread, folder.path(), cores.server)?;
    let empty_multi = start_reference(Kind::MultiThread, folder.path(), cores.server)?;
    let sink = options.telemetry.then(Sink::start).transpose()?;
    let mandate = match &sink {
        None => service.start(Some(cores.server))?,
        Some(sink) => service.start_observed(Some(cores.server), sink.address)?,
    };
    let loads = Loads::encode(&mandate, &token, world).await?;
    let others = peers::start(world, folder.path(), cores.server).await;
    pin(cores.generator)?;
    let started = Instant::now();
    warm(&mandate, &token, &loads, world).await?;
    tell(&format!("asked each question once in {:.1} s", started.elapsed().as_secs_f64()));
    let streamed = Streamed::encode(&mandate, &token, world).await?;

    let Loads { check, batch, check_answer, batch_answer } = &loads;
    let mut peers: Vec<_> = others.peers.iter().flat_map(Peer::series).collect();
    let mut series = [
        Series::new("check", &mandate, check, *check_answer, UNARY),
        Series::new("empty", &empty, check, *check_answer, UNARY),
        Series::new("empty_multi_thread", &empty_multi, check, *check_answer, UNARY),
        Series::new("batch100", &mandate, batch, *batch_answer, BATCHED),
        Series::new("empty_batch100", &empty, batch, *batch_answer, BATCHED),
        streamed.series("stream", &mandate, STREAMED),
        streamed.series("empty_stream", &empty, STREAMED),
    ];
    for _ in 0..options.runs {
        for one in series.iter_mut().chain(&mut peers) {
            one.run(time)?;
        }
    }
    let [check, empty, empty_multi, batch, empty_batch, stream, empty_stream] = &series;
    let mut latencies: Vec<_> =
        [check, empty, empty_multi].into_iter().map(|one| Paced::at(one, LOAD)).collect();
    for _ in 0..options.runs {
        for one in &mut latencies {
            one.run(BURSTS, time)?;
        }
    }
    let figures = Figures {
        memberships: options.memberships,
        seconds: options.seconds,
        runs: options.runs,
        request_bytes: crate::load::bytes_on_the_wire(&loads.check),
        unary: [check, empty, empty_multi],
        batched: [batch, empty_batch],
        streamed: [stream, empty_stream],
        peers: peers.iter().collect(),
        absent: others.absent.clone(),
        latencies,
    };
    figures.print();
    if let Some(sink) = sink {
        line("telemetry_spans", f64::from(sink.spans()));
    }
    let section = figures.section();
    drop(figures);
    drop((series, peers));
    others.stop();
    mandate.stop();
    service.end().await?;
    Ok(section)
}

/// The requests of the measurement, and how many bytes each is answered with.
struct Loads {
    check: Requests,
    batch: Requests,
    check_answer: usize,
    batch_answer: usize,
}

impl Loads {
    async fn encode(mandate: &Server, token: &str, world: World) -> anyhow::Result<Self> {
        let question = world.question(0);
        let headers = header_blocks(mandate.address, Single { token, question: question.clone() }).await?;
        let check = Requests::encode(headers, 1, world.questions())?;
        let headers = header_blocks(mandate.address, Batched { token, question }).await?;
        let batch = Self::batches(headers, world)?;
        let one =
            || BatchCheckResult { result: Some(batch_check_result::Result::Response(reference::allowed())) };
        let results = BatchCheckResponse { results: (0..BATCH).map(|_| one()).collect() };
        Ok(Self {
            check,
            batch,
            check_answer: framed(reference::allowed().encoded_len()),
            batch_answer: framed(results.encoded_len()),
        })
    }

    fn batches(headers: HeaderBlocks, world: World) -> anyhow::Result<Requests> {
        let all = BATCHES.min(world.memberships / u64::from(BATCH)).max(1);
        let size = u64::from(BATCH);
        let batch = |number: u64| BatchCheckRequest {
            checks: (number * size..(number + 1) * size).map(|one| world.question(one)).collect(),
            consistency: None,
        };
        Requests::encode(headers, BATCH, (0..all).map(batch))
    }
}

/// Calls of `Check` with a token.
struct Single<'a> {
    token: &'a str,
    question: CheckRequest,
}

impl Calls for Single<'_> {
    async fn make(&self, address: SocketAddr, calls: usize) -> anyhow::Result<()> {
        let client = Client::connect(address, self.token).await?;
        for _ in 0..calls {
            client.ask(self.question.clone()).await?;
        }
        Ok(())
    }
}

/// Calls of `BatchCheck` with a token.
struct Batched<'a> {
    token: &'a str,
    question: CheckRequest,
}

impl Calls for Batched<'_> {
    async fn make(&self, address: SocketAddr, calls: usize) -> anyhow::Result<()> {
        let client = Client::connect(address, self.token).await?;
        for _ in 0..calls {
            client.ask_all(vec![self.question.clone()]).await?;
        }
        Ok(())
    }
}

/// With the prefix of gRPC.
fn framed(message: usize) -> usize {
    message + 5
}

/// Asks everything once, so that it is in memory, and sees that the answers are those of the policy.
async fn warm(mandate: &Server, token: &str, loads: &Loads, world: World) -> anyhow::Result<()> {
    let wrong = closed::once_each(mandate.address, &loads.check, UNARY, loads.check_answer)?;
    ensure!(wrong == 0, "{wrong} questions were not allowed by the role of a member");
    let client = Client::connect(mandate.address, token).await?;
    let reference = reference::allowed();
    let mut answer = client.ask(world.question(1)).await?;
    // Its length is that of the reference's, as the number of bytes has shown.
    answer.consistency_token.clone_from(&reference.consistency_token);
    ensure!(answer == reference, "the reference answers otherwise");
    for number in 0..DENIED {
        let (account, user) = world.membership(number);
        ensure!(!client.check(account, user, OWNERS_ONLY).await?, "a member was allowed what owners may");
    }
    Ok(())
}

/// Starts the server to compare with.
///
/// # Errors
/// It does not start.
pub(crate) fn start_reference(kind: Kind, folder: &Path, core: usize) -> anyhow::Result<Server> {
    let this = std::env::current_exe().context("the path of this program")?;
    let mut command = Command::new(this);
    command.args(["reference", "--runtime", kind.name(), "--batch", &BATCH.to_string()]);
    Server::start(kind.name(), command, folder, Some(core))
}
