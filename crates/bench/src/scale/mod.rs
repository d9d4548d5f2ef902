//! How long each kind of call takes on a large platform, one at a time.

mod calls;
mod timed;
mod world;

use std::fmt::Write as _;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::ensure;

use crate::client::Client;
use crate::database::Engine;
use crate::fill::Fill;
use crate::report::{line, tell};
use crate::section::Section;
use crate::service::Service;
use crate::stats::digits;
use crate::written;

use self::timed::Timed;
use self::world::World;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many memberships the platform has, owners aside: a multiple of 50. Beside them there are always an account of
    /// 100000 members, a user in 10000 accounts and a group of 100000 accounts. Ten million take about 25 GB.
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000_000)]
    memberships: u64,
    /// What the server keeps its data in. PostgreSQL is the server that MANDATE_TEST_POSTGRES names.
    #[arg(long, value_enum, default_value = "sqlite")]
    engine: Engine,
    /// How often each call is made after its first time.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    repeats: u32,
    /// A database to use instead of one that is made and dropped. It stays. An empty one is filled; another one must have
    /// been filled by this program with as many memberships.
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// A Markdown file to write the figures to, with plots beside it.
    #[arg(long, value_name = "FILE")]
    write: Option<std::path::PathBuf>,
    /// Where the files lie meanwhile (an SQLite database, keys). Default: where temporary files lie.
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,
}

/// Whether there is anything.
const ACCOUNTS: &str = "SELECT COUNT(*) FROM (SELECT id FROM accounts LIMIT 1) AS any_of_them WHERE 0 = $1";

/// Measures and prints, for each call, `NAME_first_ms`, `NAME_ms` (the median of the repetitions) and `NAME_max_ms`.
///
/// # Errors
/// Something does not start, or a call is not answered as it should be.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    ensure!(options.repeats > 0, "repeat at least once");
    let folder = options.folder.as_deref();
    let service = match &options.database {
        Some(url) => Service::on(options.engine, url, folder)?,
        None => Service::new_in(options.engine, folder).await?,
    };
    let world = World::of(options.memberships)?;
    if service.connect().await?.count(ACCOUNTS, 0).await? == 0 {
        fill(&service, &world).await?;
    }
    let measured = measure(options, &service, &world).await;
    if options.database.is_none() {
        service.end().await?;
    }
    let (server_starts, all) = measured?;
    line("scale_memberships", options.memberships as f64);
    line("server_starts_ms", server_starts);
    for one in &all {
        let name = one.name;
        line(&format!("{name}_first_ms"), one.first);
        line(&format!("{name}_ms"), one.repeated.median());
        line(&format!("{name}_max_ms"), one.repeated.max());
    }
    let slowest = all.iter().map(|one| one.repeated.median()).fold(0.0, f64::max);
    line("scale_slowest_ms", slowest);
    let section = section(options, &all);
    if let Some(file) = &options.write {
        written::write(&section, file)?;
    }
    Ok(section)
}

async fn fill(service: &Service, world: &World) -> anyhow::Result<()> {
    let started = Instant::now();
    let mut fill = Fill::begin(service).await?;
    world.make(&mut fill).await?;
    tell(&format!("rows after {:.0} s", started.elapsed().as_secs_f64()));
    fill.finish().await?;
    tell(&format!("filled the database in {:.0} s", started.elapsed().as_secs_f64()));
    Ok(())
}

async fn measure(options: &Options, service: &Service, world: &World) -> anyhow::Result<(f64, Vec<Timed>)> {
    let started = Instant::now();
    let server = service.start(None)?;
    let server_starts = started.elapsed().as_secs_f64() * 1e3;
    let connect = async |subject: &str, scope| {
        anyhow::Ok(Client::connect(server.address, &service.token_of(subject, scope)?).await?)
    };
    let clients = calls::Clients {
        operator: connect("bench", "platform.operator").await?,
        service: connect("bench", "authz.check authz.read accounts.read users.read").await?,
        wide: connect(&world.wide, "").await?,
        administrator: connect(&world.administrator, "").await?,
    };
    let all = calls::all(&clients, world, options.repeats).await?;
    server.stop();
    Ok((server_starts, all))
}

fn section(options: &Options, all: &[Timed]) -> Section {
    let engine = match options.engine {
        Engine::Sqlite => "SQLite",
        Engine::Postgres => "PostgreSQL",
    };
    let mut text = format!(
        "{} memberships on {engine}, an account of 100,000 members, a user in 10,000 accounts and a group of 100,000 \
         accounts. Each call is made by gRPC, one at a time: once, and {} times more.\n\n\
         | call | first, ms | median, ms | max, ms |\n| --- | ---: | ---: | ---: |\n",
        options.memberships, options.repeats
    );
    for Timed { name, first, repeated } in all {
        let [first, median, max] = [*first, repeated.median(), repeated.max()].map(digits);
        // Writing to a string does not fail.
        let _ = writeln!(text, "| {name} | {first} | {median} | {max} |");
    }
    Section { title: format!("Calls at scale, on {engine}"), text, plots: Vec::new() }
}
