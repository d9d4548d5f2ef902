//! Writes through the API beside raw transactions that write the same rows.
//!
//! Clients add a member and remove them again, each in an account of its own. Through the API the server judges and locks
//! besides; the raw loop knows already what to write, and is the limit of what the database does with these rows.

mod raw;

use std::time::{Duration, Instant};

use anyhow::ensure;
use tokio::task::JoinSet;

use crate::client::Client;
use crate::database::Engine;
use crate::facts::{MEMBER, OWNER, account, membership, user};
use crate::report;
use crate::section::Section;
use crate::service::Service;
use crate::stats::{Runs, digits};

use self::raw::Raw;

/// Most clients at a time.
const MOST: u64 = 64;

/// How long the mail of one run may take to be sent.
const MAIL: Duration = Duration::from_secs(300);

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The storage engine.
    #[arg(long, value_enum, default_value = "sqlite")]
    pub(crate) engine: Engine,
    /// For how many seconds each load runs each time.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// How often each load runs, in turns.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    pub(crate) runs: u32,
    /// How many clients write at a time: up to 64 each.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',', default_value = "1,64",
          value_parser = clap::value_parser!(u64).range(1..=64))]
    pub(crate) clients: Vec<u64>,
}

/// What so many clients reached.
struct Pair {
    clients: u64,
    api: Runs,
    raw: Runs,
    ratio: Runs,
}

/// Measures and prints.
///
/// # Errors
/// Something does not start, or a write fails.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    ensure!(options.runs > 0 && options.seconds >= 0.1, "give at least one run of at least 0.1 seconds");
    ensure!(!options.clients.is_empty(), "give a number of clients");
    let service = Service::new(options.engine).await?;
    seed(&service).await?;
    let token = service.token("platform.operator")?;
    let server = service.start(None)?;
    let mut clients = Vec::new();
    for _ in 0..MOST {
        clients.push(Client::connect(server.address, &token).await?);
    }
    let time = Duration::from_secs_f64(options.seconds);
    let runs = Runs::default;
    let mut pairs: Vec<Pair> = options
        .clients
        .iter()
        .map(|clients| Pair { clients: *clients, api: runs(), raw: runs(), ratio: runs() })
        .collect();
    for _ in 0..options.runs {
        for pair in &mut pairs {
            let api = through_api(&clients, pair.clients, time).await?;
            // What the server still does for these writes is no burden of the others.
            all_sent(&service).await?;
            let raw = Raw::open(&service, options.engine, pair.clients).await?.run(time).await?;
            pair.api.add(api);
            pair.raw.add(raw);
            pair.ratio.add(api / raw);
        }
    }
    drop(clients);
    server.stop();
    service.end().await?;
    let engine = name(options.engine);
    for Pair { clients, api, raw, ratio } in &pairs {
        report::line(&format!("writes_per_s_{engine}_{clients}"), api.median());
        report::line(&format!("writes_raw_per_s_{engine}_{clients}"), raw.median());
        report::line(&format!("writes_vs_raw_ratio_{engine}_{clients}"), ratio.median());
    }
    Ok(section(options, &pairs))
}

fn name(engine: Engine) -> &'static str {
    match engine {
        Engine::Sqlite => "sqlite",
        Engine::Postgres => "postgres",
    }
}

/// Accounts for either kind of client, each with an owner, and somebody who comes and goes in each.
async fn seed(service: &Service) -> anyhow::Result<()> {
    let mut seeder = service.seed().await?;
    for number in 0..=MOST {
        seeder.user(&user(number, Vec::new())).await?;
    }
    for number in 0..2 * MOST {
        seeder.account(&account(number, None)).await?;
    }
    seeder.flush_all().await?;
    for number in 0..2 * MOST {
        seeder.membership(&membership(number, 0, OWNER)).await?;
    }
    seeder.let_be_searched().await?;
    seeder.finish().await
}

/// How many writes a second so many clients reach through the API.
async fn through_api(clients: &[Client], number: u64, time: Duration) -> anyhow::Result<f64> {
    let mut tasks = JoinSet::new();
    let began = Instant::now();
    for (client, at) in clients.iter().cloned().zip(0..number) {
        tasks.spawn(async move {
            let mut writes = 0_u32;
            while began.elapsed() < time {
                client.add_member(at, at + 1, MEMBER).await?;
                client.remove_member(at, at + 1).await?;
                writes += 2;
            }
            anyhow::Ok(writes)
        });
    }
    let writes = sum(tasks).await?;
    Ok(f64::from(writes) / began.elapsed().as_secs_f64())
}

/// Waits until no mail of a removal waits to be sent.
async fn all_sent(service: &Service) -> anyhow::Result<()> {
    let mut connection = service.connect().await?;
    let began = Instant::now();
    while connection.count("SELECT COUNT(*) FROM outbox WHERE state = 'queued' AND 0 = $1", 0).await? > 0 {
        ensure!(began.elapsed() < MAIL, "mail still waits after {} seconds", MAIL.as_secs());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

async fn sum(mut tasks: JoinSet<anyhow::Result<u32>>) -> anyhow::Result<u32> {
    let mut all = 0;
    while let Some(writes) = tasks.join_next().await {
        all += writes??;
    }
    Ok(all)
}

fn section(options: &Options, pairs: &[Pair]) -> Section {
    let engine = name(options.engine);
    let mut text = format!(
        "Each client adds a member and removes them again, in an account of its own: through the API, and by transactions that \
         write the same rows (membership, role, search, change feed, activity log, and the mail of a removal, which is not \
         sent) with the same settings of durability and neither read nor lock anything before. \
         Medians of {} runs of {} s, least and most, in turns on the same database \
         ({engine}).\n\n| clients | writes/s | raw transactions/s | ratio |\n| --- | --- | --- | --- |\n",
        options.runs, options.seconds,
    );
    for Pair { clients, api, raw, ratio } in pairs {
        let show = |runs: &Runs| {
            format!("{} ({} to {})", digits(runs.median()), digits(runs.min()), digits(runs.max()))
        };
        text.push_str(&format!("| {clients} | {} | {} | {} |\n", show(api), show(raw), show(ratio)));
    }
    Section { title: format!("Writes on {engine}"), text, plots: Vec::new() }
}
