//! Whether a Check costs the same however much there is, what one costs that finds nothing in memory, and what memory a
//! membership takes.

mod cold;
mod memory;
mod print;
mod world;

use std::time::{Duration, Instant};

use anyhow::ensure;
use mandate_proto::v1::CheckRequest;
use prost::Message as _;

use crate::check::series::Series;
use crate::client::Client;
use crate::database::Engine;
use crate::fill::Fill;
use crate::load::capture::{Calls, header_blocks};
use crate::load::{HeaderBlocks, Requests, Shape, closed};
use crate::machine::{Cores, pin};
use crate::process::Server;
use crate::report::tell;
use crate::section::Section;
use crate::service::Service;
use crate::written;

use self::print::Figures;
use self::world::Asked;

const UNARY: Shape = Shape { connections: 8, room: 16 };

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Numbers of memberships to compare, each in a world of its own: multiples of 50. Beside them there are always
    /// accounts of 3 and of 100000 members, users of 1 and of 10000 accounts, and groups of 3 and of 100000 accounts. Of
    /// each, at most 100000 different questions are asked, drawn evenly from all.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_values_t = [1_000, 100_000])]
    memberships: Vec<u64>,
    /// What the server keeps its data in. PostgreSQL is the server that MANDATE_TEST_POSTGRES names.
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// For how many seconds each load runs each time.
    #[arg(long, value_name = "SECONDS", default_value_t = 2.0)]
    seconds: f64,
    /// How often each load runs, in turns.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    runs: u32,
    /// Also ask about so many memberships (a multiple of 50), and see what memory each of them takes.
    #[arg(long, value_name = "NUMBER")]
    cached: Option<u64>,
    /// A Markdown file to write the figures to, with plots beside it.
    #[arg(long, value_name = "FILE")]
    write: Option<std::path::PathBuf>,
    /// Where the large database lies meanwhile. Default: where temporary files lie.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<std::path::PathBuf>,
}

/// Measures and prints.
///
/// # Errors
/// Something does not start, or answers are not those expected.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    ensure!(options.runs > 0 && options.seconds >= 0.1, "give at least one run of at least 0.1 seconds");
    let cores = Cores::choose()?;
    let service = Service::new_in(options.engine, options.folder.as_deref()).await?;
    let started = Instant::now();
    let mut fill = Fill::begin(&service).await?;
    let asked = world::make(&mut fill, &options.memberships).await?;
    let first_time = world::cold(&mut fill).await?;
    let cached = match options.cached {
        Some(memberships) => Some(memory::make(&mut fill, memberships).await?),
        None => None,
    };
    fill.finish().await?;
    tell(&format!("filled the database in {:.1} s", started.elapsed().as_secs_f64()));
    let token = service.token("authz.check")?;

    let warm = warm(options, &service, &token, &asked, cores).await?;
    let cold = cold::measure(options, &service, &token, &first_time, cores).await?;
    let memory = match cached {
        Some(crowd) => Some(memory::measure(&service, &token, crowd).await?),
        None => None,
    };
    service.end().await?;
    let figures = Figures { options, warm, cold, memory };
    figures.print();
    let section = figures.section();
    if let Some(file) = &options.write {
        written::write(&section, file)?;
    }
    Ok(section)
}

/// Runs of one shape.
struct Warm {
    name: String,
    dimension: &'static str,
    questions: u64,
    server_micros: crate::stats::Runs,
    per_second: f64,
}

/// Asks everything once, then runs the shapes in turns.
async fn warm(
    options: &Options,
    service: &Service,
    token: &str,
    asked: &[Asked],
    cores: Cores,
) -> anyhow::Result<Vec<Warm>> {
    let server = service.start(Some(cores.server))?;
    let mut loads = Vec::new();
    for one in asked {
        loads.push(Load::encode(&server, token, one.question(0), one.all()).await?);
    }
    pin(cores.generator)?;
    for load in &loads {
        load.once(&server)?;
    }
    let mut series: Vec<_> = (asked.iter().zip(&loads))
        .map(|(one, load)| Series::new(one.dimension, &server, &load.requests, load.answer, UNARY))
        .collect();
    for _ in 0..options.runs {
        for one in &mut series {
            one.run(Duration::from_secs_f64(options.seconds))?;
        }
    }
    let seen = |(asked, series): (&Asked, &Series<'_>)| {
        series.warn();
        Warm {
            name: asked.name(),
            dimension: asked.dimension,
            questions: asked.questions,
            server_micros: series.server_micros.clone(),
            per_second: series.per_second.median(),
        }
    };
    let all = asked.iter().zip(&series).map(seen).collect();
    drop(series);
    server.stop();
    Ok(all)
}

/// Questions, and how many bytes each is answered with.
struct Load {
    requests: Requests,
    answer: usize,
}

impl Load {
    /// Encodes questions that are all allowed as `first` is.
    async fn encode(
        server: &Server,
        token: &str,
        first: CheckRequest,
        questions: impl Iterator<Item = CheckRequest>,
    ) -> anyhow::Result<Self> {
        let answer = Client::connect(server.address, token).await?.ask(first.clone()).await?;
        ensure!(answer.allowed, "a question was denied that a role answers: {first:?}");
        let headers = headers(server, token, first).await?;
        Ok(Self { requests: Requests::encode(headers, 1, questions)?, answer: answer.encoded_len() + 5 })
    }

    fn once(&self, server: &Server) -> anyhow::Result<()> {
        let wrong = closed::once_each(server.address, &self.requests, UNARY, self.answer)?;
        ensure!(wrong == 0, "{wrong} questions were not answered as the first one was");
        Ok(())
    }
}

async fn headers(server: &Server, token: &str, question: CheckRequest) -> anyhow::Result<HeaderBlocks> {
    header_blocks(server.address, Single { token, question }).await
}

/// Calls of `Check` with a token.
struct Single<'a> {
    token: &'a str,
    question: CheckRequest,
}

impl Calls for Single<'_> {
    async fn make(&self, address: std::net::SocketAddr, calls: usize) -> anyhow::Result<()> {
        let client = Client::connect(address, self.token).await?;
        for _ in 0..calls {
            client.ask(self.question.clone()).await?;
        }
        Ok(())
    }
}
