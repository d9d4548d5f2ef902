//! How long a removed permission is still allowed on other servers of the same database.
//!
//! A client removes a member through one server. From the moment it is answered, probes ask every other server without
//! any consistency token, again and again, until each has denied. What the servers publish of the same thing (the metric
//! `mandate_revocation_lag_seconds`) is printed beside it: the metric counts from the time of the change, before its
//! commit, and ends before anybody asks.

mod published;

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval};

use crate::client::Client;
use crate::database::Engine;
use crate::facts::{HELD_BY_ALL, MEMBER, OWNER, account, membership, user};
use crate::process::Server;
use crate::report;
use crate::section::Section;
use crate::service::Service;
use crate::stats::digits;

use self::published::Published;

/// The account that people are removed from.
const ACCOUNT: u64 = 0;

/// Its owner; everybody else comes and goes.
const FOUNDER: u64 = 0;

/// How many come and go in turns.
const PEOPLE: u64 = 1_000;

/// How long a change may take at all before something is wrong.
const LIMIT: Duration = Duration::from_secs(10);

/// How many removals are made before those that count.
const WARM_UP: u64 = 20;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How many servers share the database: one that removes, the others are asked.
    #[arg(long, value_name = "NUMBER", default_value_t = 3)]
    replicas: usize,
    /// For how long.
    #[arg(long, value_name = "NUMBER", default_value_t = 10)]
    seconds: u64,
    /// How many removals to make per second, at the most.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    rate: u32,
    /// How long a probe waits between two questions, in microseconds. Without a pause the probes take processors from
    /// the servers.
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    pause: u64,
}

/// One server of several.
struct Replica {
    /// It ends with this.
    _process: Server,
    client: Client,
    published: Published,
}

/// Measures and prints.
///
/// # Errors
/// Something does not start, or a removal does not reach a server.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    ensure!(options.replicas > 1, "give at least two servers: one removes, the others are asked");
    ensure!(options.rate > 0 && options.seconds > 0, "give a rate and a time");
    let service = Service::new(Engine::Postgres).await?;
    let mut seeder = service.seed().await?;
    for number in 0..=PEOPLE {
        seeder.user(&user(number, Vec::new())).await?;
    }
    seeder.account(&account(ACCOUNT, None)).await?;
    seeder.flush_all().await?;
    seeder.membership(&membership(ACCOUNT, FOUNDER, OWNER)).await?;
    seeder.let_be_searched().await?;
    seeder.finish().await?;
    let token = service.token("platform.operator")?;
    let mut replicas = Vec::with_capacity(options.replicas);
    for number in 0..options.replicas {
        let (process, metrics) = service.start_replica(number)?;
        let client = Client::connect(process.address, &token).await?;
        replicas.push(Replica { _process: process, client, published: Published::at(metrics) });
    }
    let measured = measure(options, &replicas).await;
    drop(replicas);
    service.end().await?;
    let measured = measured?;
    print(options, &measured);
    Ok(section(options, &measured))
}

/// What was seen.
#[derive(Default)]
struct Measured {
    /// For each removal: milliseconds until every other server had denied.
    denied: Vec<f64>,
    /// For each removal: milliseconds until the last answer of any server that still allowed; 0: none did.
    allowed: Vec<f64>,
    /// What the other servers published, together.
    published: Published,
}

async fn measure(options: &Options, replicas: &[Replica]) -> anyhow::Result<Measured> {
    let (removing, others) = replicas.split_first().context("no server")?;
    for number in 0..WARM_UP {
        remove(options, removing, others, 1 + number % PEOPLE).await?;
    }
    let mut before = Published::default();
    for other in others {
        before.add(&other.published.scrape().await?);
    }
    let mut measured = Measured::default();
    let mut ticks = interval(Duration::from_secs(1) / options.rate);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let mut number = WARM_UP;
    while Instant::now() < end {
        ticks.tick().await;
        let (denied, allowed) = remove(options, removing, others, 1 + number % PEOPLE).await?;
        measured.denied.push(millis(denied));
        measured.allowed.push(millis(allowed));
        number += 1;
    }
    for other in others {
        measured.published.add(&other.published.scrape().await?);
    }
    measured.published.subtract(&before);
    Ok(measured)
}

/// Lets somebody in, sees that all servers know it, and removes them: how long until all others have denied, and until
/// the last of them has allowed.
async fn remove(
    options: &Options,
    removing: &Replica,
    others: &[Replica],
    user: u64,
) -> anyhow::Result<(Duration, Duration)> {
    removing.client.add_member(ACCOUNT, user, MEMBER).await?;
    for other in others {
        let began = Instant::now();
        // What the first answer read is in memory after a poll, and only then a removal has something to change there.
        let mut allowed = 0;
        while allowed < 3 {
            ensure!(began.elapsed() < LIMIT, "a new member was not known for {LIMIT:?}");
            allowed += u32::from(other.client.check(ACCOUNT, user, HELD_BY_ALL).await?);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    removing.client.remove_member(ACCOUNT, user).await?;
    let acknowledged = Instant::now();
    let mut probes = JoinSet::new();
    let pause = Duration::from_micros(options.pause);
    for other in others {
        probes.spawn(probe(other.client.clone(), user, acknowledged, pause));
    }
    let (mut denied, mut allowed) = (Duration::ZERO, Duration::ZERO);
    while let Some(seen) = probes.join_next().await {
        let (first_deny, last_allow) = seen??;
        denied = denied.max(first_deny);
        allowed = allowed.max(last_allow);
    }
    Ok((denied, allowed))
}

/// Asks until it is denied: the times of the first deny and of the last answer that allowed, since the removal was
/// acknowledged.
async fn probe(
    client: Client,
    user: u64,
    acknowledged: Instant,
    pause: Duration,
) -> anyhow::Result<(Duration, Duration)> {
    let mut last_allow = Duration::ZERO;
    loop {
        let allowed = client.check(ACCOUNT, user, HELD_BY_ALL).await?;
        let now = acknowledged.elapsed();
        if !allowed {
            return Ok((now, last_allow));
        }
        last_allow = now;
        ensure!(now < LIMIT, "a removed member was allowed for {LIMIT:?}");
        if pause > Duration::ZERO {
            tokio::time::sleep(pause).await;
        }
    }
}

fn print(options: &Options, measured: &Measured) {
    report::line("replicas", f64::from(u32::try_from(options.replicas).unwrap_or(u32::MAX)));
    report::line("lag_count", f64::from(u32::try_from(measured.denied.len()).unwrap_or(u32::MAX)));
    for (name, samples) in [("lag", &measured.denied), ("still_allowed", &measured.allowed)] {
        report::line(&format!("{name}_p50_ms"), percentile(samples, 0.5));
        report::line(&format!("{name}_p99_ms"), percentile(samples, 0.99));
        report::line(&format!("{name}_max_ms"), percentile(samples, 1.0));
    }
    report::line("metric_count", measured.published.count());
    report::line("metric_p50_ms", measured.published.quantile(0.5) * 1e3);
    report::line("metric_p99_ms", measured.published.quantile(0.99) * 1e3);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    if let Some(load) = load.split(' ').next().and_then(|load| load.parse().ok()) {
        report::line("load_average", load);
    }
}

/// The same for a reader.
fn section(options: &Options, measured: &Measured) -> Section {
    let mut text = format!(
        "**What is measured.** {} servers share one PostgreSQL database. A member is removed through one of them; from the \
         moment that it was acknowledged, every other one is asked without any consistency token, again and again, until it \
         denies. `denied` is the time until the last of them has denied, `still allowed` the time of the last answer that \
         allowed (0: there was none). Servers, database and probes share this machine's cores. Removals: {}, at most {} a \
         second.\n\n| in ms | p50 | p99 | longest |\n| --- | ---: | ---: | ---: |\n",
        options.replicas,
        measured.denied.len(),
        options.rate,
    );
    for (name, samples) in [("denied", &measured.denied), ("still allowed", &measured.allowed)] {
        let at = |part| digits(percentile(samples, part));
        text.push_str(&format!("| {name} | {} | {} | {} |\n", at(0.5), at(0.99), at(1.0)));
    }
    let published = |part| digits(measured.published.quantile(part) * 1e3);
    text.push_str(&format!(
        "| published by the servers (`mandate_revocation_lag_seconds`) | {} | {} | |\n",
        published(0.5),
        published(0.99)
    ));
    let title = "How long a removed permission is still allowed on other servers".to_owned();
    Section { title, text, plots: Vec::new() }
}

/// The smallest sample that is not exceeded by more than the rest; NaN without any.
fn percentile(samples: &[f64], part: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let enough = |rank: usize| rank as f64 >= part * sorted.len() as f64;
    (1..=sorted.len())
        .find(|rank| enough(*rank))
        .and_then(|rank| sorted.get(rank - 1))
        .copied()
        .unwrap_or(f64::NAN)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_one_of_the_samples() {
        let samples: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        let percentiles = [0.5, 0.99, 1.0].map(|part| percentile(&samples, part));
        assert_eq!(percentiles, [100.0, 198.0, 200.0]);
        assert_eq!(percentile(&[7.0], 0.5), 7.0);
        assert!(percentile(&[], 0.5).is_nan());
    }
}
