//! What a server does that is asked for three times as much as it can answer.
//!
//! First a closed loop finds out what it can do. Then requests fall due at a multiple of that rate, whatever becomes of
//! those before, and count if they are answered within a deadline. Health is asked for meanwhile, by other connections.

mod health;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::ensure;
use mandate_proto::v1::CheckRequest;
use prost::Message as _;

use crate::client::{Client, question};
use crate::database::Engine;
use crate::facts::{HELD_BY_ALL, MEMBER, OWNER, account, membership, user};
use crate::load::capture::{Calls, header_blocks};
use crate::load::flood::{self, Flood, Rate};
use crate::load::{Requests, Shape, closed};
use crate::machine::{Cores, pin, while_on};
use crate::reference;
use crate::report;
use crate::section::Section;
use crate::service::Service;
use crate::stats::{Runs, digits};

use self::health::{Health, Watcher};

/// Accounts, and members of each.
const ACCOUNTS: u64 = 1_000;
const MEMBERS: u64 = 10;

/// How the limit of the server is found.
const CLOSED: Shape = Shape { connections: 8, room: 16 };

/// Requests under way on a connection that the server does not limit.
const ROOM: usize = 4_096;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// For how many seconds each load runs each time.
    #[arg(long, value_name = "SECONDS", default_value_t = 3.0)]
    pub(crate) seconds: f64,
    /// How often each load runs, in turns.
    #[arg(long, value_name = "NUMBER", default_value_t = 5)]
    pub(crate) runs: u32,
    /// How many times as much as the server can answer falls due.
    #[arg(long, value_name = "NUMBER", default_value_t = 3.0)]
    pub(crate) times: f64,
    /// On how many connections.
    #[arg(long, value_name = "NUMBER", default_value_t = 32)]
    pub(crate) connections: usize,
    /// How many milliseconds an answer may take to count.
    #[arg(long, value_name = "MILLISECONDS", default_value_t = 100)]
    pub(crate) deadline: u64,
    /// Calls at a time that the server allows on a connection. Left out: as it is shipped.
    #[arg(long, value_name = "NUMBER")]
    pub(crate) max_streams: Option<u32>,
}

/// Measures and prints.
///
/// # Errors
/// Something does not start, or answers are not those expected.
pub(crate) async fn run(options: &Options) -> anyhow::Result<Section> {
    ensure!(options.runs > 0 && options.seconds >= 0.1, "give at least one run of at least 0.1 seconds");
    ensure!(options.times > 0.0 && options.connections > 0, "give a rate and connections");
    let cores = Cores::choose()?;
    let service = Service::new(Engine::Sqlite).await?;
    seed(&service).await?;
    let token = service.token("authz.check")?;
    let (server, metrics) = while_on(cores.server, || {
        let most = options.max_streams.map(|most| format!("--max-streams={most}"));
        service.start_replica_with(0, most.as_slice())
    })?;
    let calls = One { token: &token, question: ask(0) };
    let headers = header_blocks(server.address, calls).await?;
    let requests = Requests::encode(headers, 1, (0..ACCOUNTS * MEMBERS).map(ask))?;
    // With the prefix of gRPC.
    let expected = reference::allowed().encoded_len() + 5;
    pin(cores.generator)?;
    let wrong = closed::once_each(server.address, &requests, CLOSED, expected)?;
    ensure!(wrong == 0, "{wrong} questions were not allowed by the role of a member");

    let shape = Shape { connections: options.connections, room: ROOM };
    let time = Duration::from_secs_f64(options.seconds);
    let mut seen = Seen::default();
    for _ in 0..options.runs {
        let (capacity, _) = closed::run(&server, &requests, CLOSED, expected, 0, time)?;
        ensure!(capacity.wrong == 0, "{} answers were not those expected", capacity.wrong);
        let per_second = capacity.per_second * options.times;
        let watcher = Watcher::start(server.address, metrics);
        let rate = Rate { per_second, deadline: Duration::from_millis(options.deadline), time };
        let flood = flood::run(&server, &requests, shape, expected, rate);
        let health = watcher.end()?;
        seen.add(capacity.per_second, per_second, &flood?, health);
    }
    server.stop();
    service.end().await?;
    seen.print();
    Ok(seen.section(options))
}

/// A question about the member of this number.
fn ask(number: u64) -> CheckRequest {
    question(number % ACCOUNTS, 1 + number % MEMBERS, HELD_BY_ALL)
}

/// Calls of `Check` with a token.
struct One<'a> {
    token: &'a str,
    question: CheckRequest,
}

impl Calls for One<'_> {
    async fn make(&self, address: SocketAddr, calls: usize) -> anyhow::Result<()> {
        let client = Client::connect(address, self.token).await?;
        for _ in 0..calls {
            client.ask(self.question.clone()).await?;
        }
        Ok(())
    }
}

/// Accounts with the same members each, and an owner.
async fn seed(service: &Service) -> anyhow::Result<()> {
    let mut seeder = service.seed().await?;
    for number in 0..=MEMBERS {
        seeder.user(&user(number, Vec::new())).await?;
    }
    for number in 0..ACCOUNTS {
        seeder.account(&account(number, None)).await?;
    }
    seeder.flush_all().await?;
    for number in 0..ACCOUNTS {
        seeder.membership(&membership(number, 0, OWNER)).await?;
        for member in 1..=MEMBERS {
            seeder.membership(&membership(number, member, MEMBER)).await?;
        }
    }
    seeder.finish().await
}

/// What all runs showed.
#[derive(Default)]
struct Seen {
    capacity: Runs,
    offered: Runs,
    goodput: Runs,
    ratio: Runs,
    shed: Runs,
    late: Runs,
    dropped: Runs,
    median_millis: Runs,
    tail_millis: Runs,
    server_busy: Runs,
    generator_busy: Runs,
    health_failed: Runs,
    health_millis: Runs,
}

impl Seen {
    fn add(&mut self, capacity: f64, offered: f64, flood: &Flood, health: Health) {
        let millis = |time: Duration| time.as_secs_f64() * 1e3;
        self.capacity.add(capacity);
        self.offered.add(offered);
        self.goodput.add(flood.good_per_second);
        self.ratio.add(flood.good_per_second / capacity);
        self.shed.add(flood.refused_per_second);
        self.late.add(flood.late_per_second);
        self.dropped.add(flood.dropped_per_second);
        self.median_millis.add(millis(flood.good.per_mille(500)));
        self.tail_millis.add(millis(flood.good.per_mille(990)));
        self.server_busy.add(flood.server_busy);
        self.generator_busy.add(flood.generator_busy);
        self.health_failed.add(f64::from(health.failed));
        self.health_millis.add(millis(health.longest));
    }

    fn figures(&self) -> [(&'static str, &'static str, &Runs); 13] {
        [
            ("overload_capacity_per_s", "what a closed loop reaches, answers/s", &self.capacity),
            ("overload_offered_per_s", "requests that fall due, /s", &self.offered),
            ("overload_goodput_per_s", "right answers in time, /s", &self.goodput),
            ("overload_goodput_ratio", "the same as a part of what a closed loop reaches", &self.ratio),
            ("overload_shed_per_s", "refused by the server, /s", &self.shed),
            ("overload_late_per_s", "right answers that came too late, /s", &self.late),
            (
                "overload_dropped_per_s",
                "dropped by the client, for which there was no room, /s",
                &self.dropped,
            ),
            ("overload_p50_ms", "median of the answers in time, from falling due, ms", &self.median_millis),
            ("overload_p99_ms", "99th percentile of these, ms", &self.tail_millis),
            ("overload_server_busy", "part of its core that the server had", &self.server_busy),
            ("overload_generator_busy", "part of the other that the load took", &self.generator_busy),
            ("overload_health_failed", "questions for health that failed", &self.health_failed),
            ("overload_health_max_ms", "the longest of the others, ms", &self.health_millis),
        ]
    }

    fn print(&self) {
        for (name, _, runs) in self.figures() {
            report::line(name, runs.median());
        }
    }

    fn section(&self, options: &Options) -> Section {
        let mut text = format!(
            "A closed loop finds out what the server can do on one core. Then Checks fall due at {} times that rate on {} \
             connections, whatever becomes of those before, from a client that keeps to HTTP/2: it has as many requests \
             under way on a connection as the server allows, and drops what falls due beyond that. An answer counts if it \
             comes within {} ms of falling due. Health is asked for meanwhile, by gRPC and at /healthz, on connections of \
             its own. Medians of {} runs of {} s, least and most.\n\n| figure | median | least | most |\n| --- | --- | --- | --- |\n",
            options.times, options.connections, options.deadline, options.runs, options.seconds,
        );
        for (name, meaning, runs) in self.figures() {
            let [median, min, max] = [runs.median(), runs.min(), runs.max()].map(digits);
            text.push_str(&format!("| `{name}`: {meaning} | {median} | {min} | {max} |\n"));
        }
        Section { title: "Overload".to_owned(), text, plots: Vec::new() }
    }
}
